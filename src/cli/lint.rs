//! `cutline lint`: scenario files, checked and not run.

use super::exit::{Ending, Why};
use super::output::{self, complain};
use super::{args, find, reports};
use crate::report::{Head, Remark, Sweep, Tail, json};
use crate::scenario::load;

/// Checks.
pub fn lint(args: args::Lint) -> Ending {
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
        args::Format::Json => json::document(&done),
        args::Format::Jsonl => json::lines(&done),
        _ => format!("{} scenarios: {good} good, {odd} with warnings, {wrong} with errors\n", read.len()),
    };
    let written = reports::write(&args.report, &done);
    let ending = super::printed(output::print(&text), ending);
    match written.and_then(|()| reports::github(args.format, &args.report, &done)) {
        Ok(()) => ending,
        Err(problem) => super::run::internal(&problem),
    }
}
