//! What a sweep is made from: scenarios, their seeds, and what was asked for.

use super::args;
use super::find;
use super::fit;
use super::judge::{Entry, Terms, allowed, labels};
use super::output;
use super::parse::{Partition, Range};
use super::plan::{BASE, Seeds};
use super::run_args;
use crate::digest::Digest;
use crate::report::{self, Head};
use crate::scenario::{Diagnostic, load};
use std::time::Duration;

/// Shrunk scenarios that are kept here are run before everything else.
pub const REGRESSIONS: &str = "regressions";

/// Everything that a sweep is made from.
pub struct Plan {
    /// The scenarios, in order.
    pub entries: Vec<Entry>,
    /// What changes the meaning of all of them.
    pub terms: Terms,
    /// What was asked for.
    pub head: Head,
    /// What is odd about the files.
    pub warnings: Vec<Diagnostic>,
}

/// Why there is no plan.
pub enum Refused {
    /// Something is wrong with a path.
    Path(String),
    /// Something is wrong with scenario files.
    Scenarios(Vec<Diagnostic>),
}

/// Finds and reads everything.
pub fn prepare(args: &args::Run) -> Result<Plan, Refused> {
    let read = find::scenarios(&args.paths).map_err(|problem| match args.paths.as_slice() {
        [only] if only.as_os_str() == "scenarios" => {
            Refused::Path(format!("{problem}; name the scenarios to run, or run where `scenarios/` is"))
        }
        _ => Refused::Path(problem),
    })?;
    let mut read = read;
    let kept = std::path::Path::new(REGRESSIONS);
    if kept.is_dir()
        && !args.no_regressions
        && args.protocol.is_none()
        && !args.paths.iter().any(|p| p.starts_with(kept))
    {
        let first = find::scenarios(&[kept.to_path_buf()]).map_err(Refused::Path)?;
        read.splice(0..0, first);
    }
    let base = args.fresh.then(fresh).or(args.seed_base);
    if let Some(base) = base.filter(|_| args.fresh) {
        output::say(&format!("seed base {}\n", report::seed(base)));
    }
    let terms = terms(args, base);
    let (mut entries, mut warnings, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    let labels = labelled(&read);
    for ((path, loaded), label) in read.into_iter().zip(labels) {
        match loaded {
            Err(found) => errors.extend(found),
            Ok(mut loaded) => {
                warnings.append(&mut loaded.warnings);
                terms.apply(&mut loaded.scenario);
                let path = path.display().to_string();
                let seeds = seeds(args, base.unwrap_or(BASE), &path, &loaded);
                let allowed = allowed(&loaded.scenario);
                let entry = Entry { path, label: loaded.name.clone(), loaded, seeds, allowed };
                if args.kept.filter.as_ref().is_none_or(|filter| filter.takes(&entry.facts())) {
                    entries.push(Entry { label, ..entry });
                }
            }
        }
    }
    if !errors.is_empty() {
        return Err(Refused::Scenarios(errors));
    }
    if let Some(odd) = fit::warned(args.protocol.as_deref(), entries.iter().map(|entry| &entry.loaded.scenario)) {
        output::warn(&odd);
    }
    let head = head(args, &entries, &terms, base);
    Ok(Plan { entries, terms, head, warnings })
}

/// The labels of all that was read, whatever a filter leaves of it.
fn labelled(read: &[find::Read]) -> Vec<String> {
    let name = |loaded: &Result<load::Loaded, _>| loaded.as_ref().map_or(String::new(), |loaded| loaded.name.clone());
    let named: Vec<_> = read.iter().map(|(path, loaded)| (path.display().to_string(), name(loaded))).collect();
    labels(&named.iter().map(|(path, name)| (path.as_str(), name.as_str())).collect::<Vec<_>>())
}

fn seeds(args: &args::Run, base: u64, path: &str, loaded: &load::Loaded) -> Seeds {
    if let Some(seeds) = args.kept.only.get(path) {
        return Seeds::These { name: loaded.name.clone(), seeds: seeds.clone() };
    }
    if !args.seed.is_empty() {
        return Seeds::These { name: loaded.name.clone(), seeds: args.seed.clone() };
    }
    let usual = if args.budget.is_some() { None } else { Some(loaded.scenario.seeds) };
    let range = args.seeds.unwrap_or(Range { from: 0, to: usual });
    Seeds::Sequence { base, name: loaded.name.clone(), range }
}

/// A base that nobody could know: what the operating system gives to hash tables.
fn fresh() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

/// What changes the meaning of all scenarios.
pub fn terms(args: &args::Run, base: Option<u64>) -> Terms {
    let partition = args.partition.unwrap_or(Partition::WHOLE);
    let mut terms = Terms { partition, ..Terms::whole(args.protocol.clone(), args.enough.max_steps) };
    terms.flags = flags(&terms, base).iter().map(|word| format!(" {}", report::quoted(word))).collect();
    terms
}

fn flags(terms: &Terms, base: Option<u64>) -> Vec<String> {
    let base = base.map(|base| ["--seed-base".to_string(), report::seed(base)]);
    base.into_iter().flatten().chain(terms.words()).collect()
}

/// What was asked for, in the form that reports show.
pub fn head(args: &args::Run, entries: &[Entry], terms: &Terms, base: Option<u64>) -> Head {
    let mut arguments = run_args::arguments(args, base);
    if let Some(id) = &args.kept.rerun {
        arguments.extend(["--rerun".to_string(), id.clone()]);
    }
    let mut digest = Digest::new();
    digest.word(args::STREAM);
    for entry in entries {
        digest.bytes(entry.path.as_bytes());
        digest.word(scenario(&entry.loaded));
        digest.bytes(format!("{:?}", entry.seeds).as_bytes());
    }
    let plan = format!("{:032x}", digest.finish128());
    headed(arguments, plan, terms.partition, base, threads(args.jobs))
}

/// A digest of everything that a scenario's runs and verdicts depend on but the seed.
pub fn scenario(loaded: &load::Loaded) -> u64 {
    let mut digest = Digest::new();
    let scenario = crate::scenario::Scenario { about: String::new(), ..loaded.scenario.clone() };
    digest.bytes(serde_json::to_string(&scenario).unwrap_or_default().as_bytes());
    digest.bytes(format!("{:?}{:?}", loaded.texts, loaded.files).as_bytes());
    digest.finish64()
}

/// The same from its parts: the arguments of the whole plan, and what part of it is meant.
pub fn headed(mut arguments: Vec<String>, plan: String, part: Partition, base: Option<u64>, jobs: usize) -> Head {
    let partition = (!part.whole()).then(|| part.to_string());
    if let Some(partition) = &partition {
        arguments.extend(["--partition".to_string(), partition.clone()]);
    }
    let mut digest = Digest::new();
    arguments.iter().for_each(|word| digest.bytes(word.as_bytes()));
    digest.bytes(plan.as_bytes());
    let id = format!("{:08x}", digest.finish64() as u32);
    Head { id, arguments, plan, partition, seed_base: base, jobs }
}

/// A time as it is typed.
pub fn span(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

/// How many threads: those that are asked for, or as many as this process may use.
pub fn threads(jobs: Option<u16>) -> usize {
    match jobs {
        Some(jobs) => usize::from(jobs),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}
