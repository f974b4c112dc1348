//! `cutline lint`: scenario files, checked and not run.

use super::exit::{Ending, Why};
use super::output::{self, complain};
use super::{args, find};
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
    }
    let bad = wrong > 0 || args.deny_warnings && odd > 0;
    let ending = if bad { Ending::bad(Why::BadInput) } else { Ending::good() };
    let text = format!("{} scenarios: {good} good, {odd} with warnings, {wrong} with errors\n", read.len());
    super::printed(output::print(&text), ending)
}
