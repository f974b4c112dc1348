//! `cutline lint`: scenario files, checked and not run.

use super::args::{Format, ReportTo};
use super::exit::{Ending, Why};
use super::output::{self, complain};
use super::{find, reports};
use crate::report::{Head, Remark, Sweep, Tail, json, many};
use crate::scenario::load;
use clap::Args;
use std::path::PathBuf;

/// `cutline lint`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  cutline lint
  cutline lint scenarios/diamond.json --deny-warnings
  cutline explain S0103")]
pub struct Lint {
    /// Scenario files, and directories that are searched for them
    #[arg(value_name = "PATHS", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// Warnings are errors
    #[arg(long)]
    pub deny_warnings: bool,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Write a report too: sarif=PATH, json=PATH, markdown=PATH (may be given several times)
    #[arg(long, value_name = "FORMAT=PATH", value_parser = super::args::report)]
    pub report: Vec<ReportTo>,
}

/// Checks.
pub fn lint(args: Lint) -> Ending {
    let read = match find::scenarios(&args.paths) {
        Ok(read) => read,
        Err(problem) => {
            complain(&problem);
            return Ending::bad(Why::BadInput);
        }
    };
    if read.is_empty() {
        complain("nothing to check: no scenario was found");
        return Ending::bad(Why::NothingToRun);
    }
    let (mut good, mut wrong, mut odd) = (0, 0, 0);
    let mut diagnostics = Vec::new();
    for (_, loaded) in &read {
        let found = match loaded {
            Ok(loaded) => &loaded.warnings,
            Err(found) => found,
        };
        match loaded {
            Err(_) => wrong += 1,
            Ok(loaded) if !loaded.warnings.is_empty() => odd += 1,
            Ok(_) => good += 1,
        }
        if !found.is_empty() {
            output::say(&format!("{}\n\n", load::render(found, true)));
        }
        diagnostics.extend(found.iter().map(Remark::from));
    }
    let bad = wrong > 0 || args.deny_warnings && odd > 0;
    let ending = if bad { Ending::bad(Why::BadInput) } else { Ending::good() };
    let paths = args.paths.iter().map(|path| path.display().to_string());
    let arguments = std::iter::once("lint".to_string()).chain(paths).collect();
    let head = Head { arguments, ..Head::default() };
    let tail = Tail { exit: ending.code(), ..Tail::default() };
    let done = Sweep { head, scenarios: Vec::new(), findings: Vec::new(), diagnostics, tail };
    let text = match args.format {
        Format::Json => json::document(&done),
        Format::Jsonl => json::lines(&done),
        _ => {
            let all = many(read.len() as u64, "scenario");
            format!("{all}: {good} good, {odd} with warnings, {wrong} with errors\n")
        }
    };
    let written = reports::write(&args.report, &done);
    let ending = super::printed(output::print(&text), ending);
    match written.and_then(|()| reports::github(args.format, &args.report, &done)) {
        Ok(()) => ending,
        Err(problem) => super::run::unwritten(&problem),
    }
}
