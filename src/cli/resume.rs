//! Sweeps that go on, and sweeps over what failed: `run --resume`, `run --rerun`.

use super::args::{Cli, Command, Run};
use super::run_args::settling;
use super::{journal, output};
use crate::report::{self, json};
use clap::Parser;
use std::path::{Path, PathBuf};

/// Where runs are recorded.
const RUNS: &str = ".cutline/runs";
/// The file that names the newest of them.
const LATEST: &str = "latest";

fn parsed(words: &[String]) -> Result<Run, String> {
    let line = std::iter::once("cutline").chain(words.iter().map(String::as_str));
    match Cli::try_parse_from(line) {
        Ok(Cli { command: Command::Run(args), .. }) => Ok(*args),
        _ => Err(format!("what was asked for can't be read: {}", words.join(" "))),
    }
}

/// The arguments of a sweep that goes on: those in its journal, and what was typed now, where that changes no result.
pub fn taken_up(now: Run, dir: &Path) -> Result<Run, String> {
    let header = journal::asked(dir)?;
    let words: Vec<String> = header.arguments.iter().chain(&header.beside).cloned().collect();
    let mut all = parsed(&words)?;
    let (was, is) = (settling(&all), settling(&now));
    for ((name, was), (_, is)) in was.iter().zip(&is) {
        let fast = ["fail_fast", "no_fail_fast"];
        let says = |given: &String| given == name || *name == "max_fail" && fast.contains(&given.as_str());
        if now.kept.given.iter().any(says) && was != is {
            let said = |text: &str| if text.is_empty() { "nothing".to_string() } else { format!("`{text}`") };
            let option = match *name {
                "paths" => "the scenarios".to_string(),
                other => format!("--{}", other.replace('_', "-")),
            };
            let shown = journal::path(dir);
            let shown = shown.display();
            return Err(format!("{shown} is of another sweep: {option} was {}, and is {}", said(was), said(is)));
        }
    }
    let typed = |name: &str| now.kept.given.iter().any(|given| given == name);
    (all.jobs, all.format, all.progress, all.no_tests, all.quiet) =
        (now.jobs, now.format, now.progress, now.no_tests, now.quiet);
    if typed("budget") {
        all.budget = now.budget;
    }
    if typed("findings") {
        all.findings = now.findings;
    }
    if typed("report") {
        all.report = now.report;
    }
    all.no_shrink |= now.no_shrink;
    all.exit_zero |= now.exit_zero;
    all.verbose = all.verbose.max(now.verbose);
    all.kept.save_regressions |= now.kept.save_regressions;
    all.kept.min_seeds = now.kept.min_seeds.or(all.kept.min_seeds);
    all.kept.resume = now.kept.resume;
    all.kept.out = now.kept.out;
    Ok(all)
}

/// Writes down what a run gave, so that `--rerun` finds it.
pub fn record(done: &report::Sweep) {
    let dir = Path::new(RUNS);
    let report = dir.join(&done.head.id).join("report.json");
    let written = output::file(&report, json::document(done).as_bytes());
    let latest = || output::file(&dir.join(LATEST), format!("{}\n", done.head.id).as_bytes());
    // The verdict is said already: `--rerun` will say that there is nothing.
    if let Err(problem) = written.and_then(|()| latest()) {
        output::warn(&format!("this run isn't recorded: {problem}"));
    }
}

/// The reports of all runs that are recorded here, the newest first, then by id.
pub fn reports() -> Vec<PathBuf> {
    let dir = Path::new(RUNS);
    let latest = std::fs::read_to_string(dir.join(LATEST)).unwrap_or_default();
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut ids: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    ids.sort_by_key(|id| (id != latest.trim(), id.clone()));
    ids.iter().map(|id| dir.join(id).join("report.json")).filter(|report| report.is_file()).collect()
}

/// The report of an earlier run: `latest`, or the beginning of an id.
fn recorded(name: &str) -> Result<PathBuf, String> {
    let dir = Path::new(RUNS);
    let wanted = match name {
        LATEST => std::fs::read_to_string(dir.join(LATEST)).map_err(|_| format!("no run is recorded under {RUNS}"))?,
        other => other.to_string(),
    };
    let wanted = wanted.trim();
    let all = std::fs::read_dir(dir).map_err(|_| format!("no run is recorded under {RUNS}"))?;
    let mut found: Vec<String> = all
        .filter_map(|entry| entry.ok().map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .filter(|id| id.starts_with(wanted) && dir.join(id).is_dir())
        .collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(dir.join(one).join("report.json")),
        [] => Err(format!("no run under {RUNS} has an id that begins with `{wanted}`")),
        many => Err(format!("`{wanted}` may be any of {}", many.join(", "))),
    }
}

/// The arguments of a sweep over what failed in an earlier one.
pub fn only_failed(now: Run, name: &str) -> Result<Run, String> {
    let path = recorded(name)?;
    let shown = path.display();
    let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let document = json::read(&text).map_err(|problem| format!("{shown}:{problem}"))?;
    let before = parsed(&document.run.arguments)?;
    let mut again = Run { seeds: before.seeds, seed_base: before.seed_base, protocol: before.protocol, ..now };
    again.check_determinism |= before.check_determinism;
    again.no_regressions = true;
    again.kept.rerun = Some(document.run.id.to_string());
    again.paths.clear();
    for part in &document.scenarios {
        let kinds = document.findings.iter().filter(|finding| finding.path == part.path).map(|finding| &*finding.kind);
        let kinds: Vec<&str> = kinds.collect();
        if kinds.is_empty() {
            continue;
        }
        again.paths.push(PathBuf::from(&*part.path));
        // What no seed has shown takes all of them to be seen.
        if !kinds.iter().any(|kind| ["unreached", "not_violated"].contains(kind)) {
            let listed: Vec<u64> = part.failing.iter().map(|failing| failing.seed).collect();
            if (listed.len() as u64) < part.failing_seeds {
                let (some, all) = (listed.len(), part.failing_seeds);
                output::say(&format!("{}: the first {some} of {all} failing seeds are run again\n", part.path));
            }
            again.kept.only.insert(part.path.to_string(), listed);
        }
    }
    Ok(again)
}
