//! `cutline gate`: gate vectors against the gate that ships.

use super::exit::{Ending, Why};
use super::output::{self, complain};
use super::{args, find};
use crate::vectors::{self, Failure};
use std::fmt::Write;

/// Checks vectors.
pub fn gate(args: args::Gate) -> Ending {
    let files = match find::files(&args.paths, &find::is_vector) {
        Ok(files) => files,
        Err(problem) => {
            complain(&problem);
            return Ending::bad(Why::BadInput);
        }
    };
    if files.is_empty() {
        complain("nothing to run: no gate vector was found");
        return Ending::bad(Why::NothingToRun);
    }
    let mut ending = Ending::good();
    let (mut out, mut passed, mut failed, mut bad) = (String::new(), 0, 0, 0);
    for path in files {
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                complain(&format!("cannot read `{shown}`: {error}"));
                ending.add(Why::BadInput);
                bad += 1;
                continue;
            }
        };
        match vectors::check(&shown, &text) {
            Ok(vector) => {
                passed += 1;
                if !args.quiet {
                    let _ = writeln!(out, "PASS  {}  {} entries", vector.name, vector.entries);
                }
            }
            Err(Failure::Mismatch(mismatch)) => {
                failed += 1;
                ending.add(Why::Violated);
                let _ = write!(out, "FAIL  {mismatch}");
            }
            Err(Failure::BadFile(problem)) => {
                bad += 1;
                ending.add(Why::BadInput);
                complain(&problem.to_string());
            }
        }
    }
    let word = if ending.code() == 0 { "PASS" } else { "FAIL" };
    let _ = writeln!(out, "{word}  {passed} vectors passed, {failed} failed, {bad} could not be read");
    super::printed(output::print(&out), ending)
}
