//! What a sweep has done so far, in a file that only grows: a line for each seed that was finished, with a checksum. A
//! sweep that was killed goes on from there.

use super::judge::Entry;
use super::outcome::Outcome;
use super::prepare::{Plan, scenario};
use crate::report::json::{Tool, tool};
use crate::report::quoted;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// The name of the format.
const SCHEMA: &str = "cutline.journal/1";

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    schema: String,
    cutline: Tool,
    /// What was asked for, as far as it changes results.
    pub arguments: Vec<String>,
    /// What else was asked for.
    pub beside: Vec<String>,
    plan_digest: String,
    /// Scenarios and their digests.
    scenarios: Vec<(String, String)>,
}

/// A line of a seed.
#[derive(Serialize, Deserialize)]
struct Line {
    scenario: usize,
    place: u64,
    outcome: Outcome,
}

/// Where a line is.
#[derive(Clone, Copy)]
struct Place {
    unit: (usize, u64),
    at: u64,
    len: usize,
}

/// The journal of a sweep.
pub struct Journal {
    dir: PathBuf,
    file: Mutex<File>,
    /// In the order of units.
    known: Vec<Place>,
}

fn header(plan: &Plan, beside: Vec<String>) -> Header {
    Header {
        schema: SCHEMA.to_string(),
        cutline: tool(),
        arguments: plan.head.arguments.clone(),
        beside,
        plan_digest: plan.head.plan.clone(),
        scenarios: plan.entries.iter().map(digest).collect(),
    }
}

fn digest(entry: &Entry) -> (String, String) {
    (entry.path.clone(), format!("{:016x}", scenario(&entry.loaded)))
}

/// A line with its checksum in front.
fn sealed<T: Serialize>(value: &T) -> Result<String, String> {
    let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
    Ok(format!("{:08x} {text}\n", crc32c::crc32c(text.as_bytes())))
}

/// The text of a line that is as it was written.
fn unsealed(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (sum, text) = line.split_once(' ')?;
    (sum.len() == 8 && u32::from_str_radix(sum, 16) == Ok(crc32c::crc32c(text.as_bytes()))).then_some(text)
}

/// The file in a directory.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("journal.jsonl")
}

/// Reads the first line of the journal in a directory.
pub fn asked(dir: &Path) -> Result<Header, String> {
    let path = path(dir);
    let shown = path.display();
    let file = File::open(&path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let mut line = Vec::new();
    let problem = |error| format!("cannot read {shown}: {error}");
    BufReader::new(file).read_until(b'\n', &mut line).map_err(problem)?;
    let text = unsealed(&line).ok_or_else(|| format!("{shown}:1: this is no journal, or it was damaged"))?;
    let header: Header = serde_json::from_str(text).map_err(|error| format!("{shown}:1: {error}"))?;
    match header.schema.as_str() {
        SCHEMA => Ok(header),
        other => Err(format!("{shown}:1: it says that it is `{other}`, and `{SCHEMA}` is wanted")),
    }
}

impl Header {
    /// How the plan differs from the one that the journal is of; none: not at all.
    fn differs(&self, plan: &Plan) -> Option<String> {
        if self.cutline != tool() {
            let shown = |tool: &Tool| format!("cutline {} stream {}", tool.version, tool.stream);
            return Some(format!("it is of {}, and this is {}", shown(&self.cutline), shown(&tool())));
        }
        let now: Vec<(String, String)> = plan.entries.iter().map(digest).collect();
        for (path, was) in &self.scenarios {
            match now.iter().find(|(known, _)| known == path) {
                None => return Some(format!("{path} was part of it, and isn't any more")),
                Some((_, is)) if is != was => {
                    return Some(format!("{path} has changed: its digest was {was}, and is {is}"));
                }
                Some(_) => {}
            }
        }
        let new = now.iter().find(|(path, _)| self.scenarios.iter().all(|(known, _)| known != path));
        if let Some((path, _)) = new {
            return Some(format!("{path} wasn't part of it"));
        }
        (self.plan_digest != plan.head.plan)
            .then(|| format!("the plan's digest was {}, and is {}", self.plan_digest, plan.head.plan))
    }
}

impl Journal {
    /// Begins a journal, where there is none yet.
    pub fn begin(dir: &Path, plan: &Plan, beside: Vec<String>) -> Result<Self, String> {
        let path = path(dir);
        let shown = path.display();
        if path.exists() {
            let hint = format!("`cutline run --resume {}` goes on with it", quoted(&dir.display().to_string()));
            return Err(format!("there is {shown} already; {hint}"));
        }
        std::fs::create_dir_all(dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
        let problem = |error| format!("cannot write {shown}: {error}");
        let mut file = OpenOptions::new().read(true).append(true).create_new(true).open(&path).map_err(problem)?;
        locked(&file, &path)?;
        file.write_all(sealed(&header(plan, beside))?.as_bytes()).map_err(problem)?;
        Ok(Journal { dir: dir.to_path_buf(), file: Mutex::new(file), known: Vec::new() })
    }

    /// Goes on with a journal. A last line that was torn is cut off.
    pub fn resume(dir: &Path, plan: &Plan) -> Result<Self, String> {
        let path = path(dir);
        let shown = path.display();
        if let Some(difference) = asked(dir)?.differs(plan) {
            return Err(format!("{shown} is of another sweep: {difference}"));
        }
        let problem = |error| format!("cannot read {shown}: {error}");
        let file = OpenOptions::new().read(true).append(true).open(&path).map_err(problem)?;
        locked(&file, &path)?;
        let mut reader = BufReader::new(&file);
        let (mut known, mut at, mut number, mut line) = (Vec::new(), 0, 0, Vec::new());
        loop {
            line.clear();
            let len = reader.read_until(b'\n', &mut line).map_err(problem)?;
            if len == 0 {
                break;
            }
            number += 1;
            let Some(text) = unsealed(&line) else {
                if !reader.fill_buf().map_err(problem)?.is_empty() {
                    return Err(format!("{shown}:{number}: this line was damaged, and others follow it"));
                }
                file.set_len(at).map_err(|error| format!("cannot write {shown}: {error}"))?;
                break;
            };
            if number > 1 {
                let said: Line = serde_json::from_str(text).map_err(|error| format!("{shown}:{number}: {error}"))?;
                known.push(Place { unit: (said.scenario, said.place), at, len });
            }
            at += len as u64;
        }
        known.sort_by_key(|place: &Place| place.unit);
        Ok(Journal { dir: dir.to_path_buf(), file: Mutex::new(file), known })
    }

    /// Seeds that were done before.
    pub fn before(&self) -> usize {
        self.known.len()
    }

    /// The command that goes on with it.
    pub fn command(&self) -> String {
        format!("cutline run --resume {}", quoted(&self.dir.display().to_string()))
    }

    /// Where the report of the whole goes.
    pub fn report(&self) -> PathBuf {
        self.dir.join("report.json")
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What came of a seed that was done before.
    pub fn known(&self, scenario: usize, place: u64) -> Result<Option<Outcome>, String> {
        let Ok(found) = self.known.binary_search_by_key(&(scenario, place), |known| known.unit) else {
            return Ok(None);
        };
        let found = self.known[found];
        let problem = |error: std::io::Error| format!("cannot read {}: {error}", path(&self.dir).display());
        let mut line = vec![0; found.len];
        let mut file = self.file();
        file.seek(SeekFrom::Start(found.at)).and_then(|_| file.read_exact(&mut line)).map_err(problem)?;
        drop(file);
        let changed = || format!("{} was changed by somebody else", path(&self.dir).display());
        let said: Line = serde_json::from_str(unsealed(&line).ok_or_else(changed)?).map_err(|_| changed())?;
        Ok(Some(said.outcome))
    }

    /// Writes what came of a seed.
    pub fn write(&self, scenario: usize, place: u64, outcome: &Outcome) -> Result<(), String> {
        let line = sealed(&Line { scenario, place, outcome: outcome.clone() })?;
        // One write for the whole line: whoever is killed leaves it there, or leaves a last line that is torn.
        let written = self.file().write_all(line.as_bytes());
        written.map_err(|error| format!("cannot write {}: {error}", path(&self.dir).display()))
    }
}

fn locked(file: &File, path: &Path) -> Result<(), String> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(format!("another cutline is writing to {}", path.display())),
        // Some file systems have no locks; then nobody watches.
        Err(TryLockError::Error(_)) => Ok(()),
    }
}
