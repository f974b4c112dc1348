//! What was recorded of a finding when it was found: in its folder, and in the reports of runs. A seed is good for one
//! scenario and one stream version, and a replay says so if it has others.

use super::args::{STREAM, VERSION};
use super::{find, output, resume};
use crate::report::Finding;
use crate::report::json::{self, Tool};
use crate::scenario::Scenario;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The file in the folder of a finding.
const FILE: &str = "finding.json";

/// What a seed was found with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Who found it.
    pub tool: Tool,
    /// The scenario's file.
    pub path: String,
    /// The protocol that was run.
    pub protocol: String,
    /// The steps that the run might take, if they were bounded.
    pub max_steps: Option<u64>,
    /// The seed.
    pub seed: u64,
    /// The digest of the scenario, as text; empty: older reports don't say.
    pub digest: String,
}

/// The same as files say it, of which nothing else is read here.
#[derive(Deserialize)]
struct File {
    cutline: Tool,
    protocol: String,
    #[serde(default)]
    max_steps: Option<u64>,
    #[serde(default)]
    scenario_digest: String,
    finding: Found,
}

#[derive(Deserialize)]
struct Found {
    path: String,
    #[serde(default)]
    seed: Option<String>,
}

#[derive(Deserialize)]
struct Run {
    cutline: Tool,
    scenarios: Vec<Part>,
    findings: Vec<Found>,
}

#[derive(Deserialize)]
struct Part {
    path: String,
    protocol: String,
    #[serde(default)]
    scenario_digest: String,
}

/// Writes it into the folder of a finding.
pub fn write(folder: &Path, finding: &Finding, scenario: &Scenario, digest: u64) -> Result<(), String> {
    let text = json::finding_document(finding, &scenario.protocol, scenario.sim.max_steps, digest);
    output::file(&folder.join(FILE), text.as_bytes())
}

/// What the folder of a finding says.
///
/// # Errors
/// It says nothing, or nothing that can be replayed.
pub fn read(folder: &Path) -> Result<Recorded, String> {
    let path = folder.join(FILE);
    let shown = path.display();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("{} is no folder of a finding: cannot read {shown}: {error}", folder.display()))?;
    let file: File = serde_json::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
    file.recorded().ok_or_else(|| format!("{shown}: no seed shows this finding: there is nothing to replay"))
}

/// What is known of a seed: of the finding in one of the folders under `findings`, or in the report of a run. Where there
/// is more than one record, one of the scenario as it is now (`digest`) counts.
pub fn of(findings: &Path, path: &Path, protocol: &str, seed: u64, digest: &str) -> Option<Recorded> {
    let path = find::tidy(path).display().to_string();
    let is_it = |one: &Recorded| one.path == path && one.protocol == protocol && one.seed == seed;
    let kept = folders(findings).into_iter().filter_map(|folder| parsed::<File>(&folder.join(FILE))?.recorded());
    let runs = resume::reports().into_iter().filter_map(|report| parsed::<Run>(&report)).flat_map(Run::recorded);
    let all: Vec<Recorded> = kept.chain(runs).filter(is_it).filter(|one| !one.digest.is_empty()).collect();
    all.iter().find(|one| one.digest == digest).or(all.first()).cloned()
}

impl File {
    fn recorded(self) -> Option<Recorded> {
        let seed = json::seed_of(self.finding.seed.as_deref()?)?;
        let (tool, path, protocol) = (self.cutline, self.finding.path, self.protocol);
        Some(Recorded { tool, path, protocol, max_steps: self.max_steps, seed, digest: self.scenario_digest })
    }
}

impl Run {
    fn recorded(self) -> Vec<Recorded> {
        let one = |found: &Found| {
            let scenario = self.scenarios.iter().find(|scenario| scenario.path == found.path)?;
            Some(Recorded {
                tool: self.cutline.clone(),
                path: found.path.clone(),
                protocol: scenario.protocol.clone(),
                max_steps: None,
                seed: json::seed_of(found.seed.as_deref()?)?,
                digest: scenario.scenario_digest.clone(),
            })
        };
        self.findings.iter().filter_map(one).collect()
    }
}

impl Recorded {
    /// The version, as `--version` says it.
    pub fn version(&self) -> String {
        let commit = self.tool.commit.as_ref().map_or_else(String::new, |commit| format!(" ({commit})"));
        format!("{}{commit} stream {} trace {}", self.tool.version, self.tool.stream, self.tool.trace)
    }

    /// That the scenario is another one; none: it isn't.
    pub fn changed(&self, now: &str) -> Option<String> {
        let was = &self.digest;
        (was != now).then(|| format!("scenario changed since this seed was recorded (was {was}, is {now})"))
    }
}

/// That a seed is of another stream version; none: it isn't.
pub fn other_stream(stream: Option<u64>) -> Option<String> {
    let was = stream.filter(|was| *was != STREAM)?;
    Some(format!(
        "this seed was recorded under stream version {was}, and cutline {VERSION} has {STREAM}: here it means another \
         run; what stays is the shrunk scenario"
    ))
}

/// Folders under a folder, by name.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    all.sort();
    all
}

/// What nobody can read says nothing.
fn parsed<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}
