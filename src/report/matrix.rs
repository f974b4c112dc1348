//! The fault matrix as text: what was struck, in which phase of the protocol, by so many seeds.

use super::{Row, grouped};
use crate::sim::matrix::{Cell, FAULTS, PHASES, Phase, STRUCK, Struck, possible};
use std::fmt::Write;

fn seeds(rows: &[Row], cell: Cell) -> u64 {
    rows.iter().map(|row| row.struck.get(&cell.index()).copied().unwrap_or(0)).sum()
}

/// How much of it was met, in a line; nothing where no fault struck at all.
pub fn line(rows: &[Row], shown: bool) -> String {
    let met = possible().filter(|cell| seeds(rows, *cell) > 0).count();
    if met == 0 {
        return String::new();
    }
    let hint = if shown { "" } else { " (-v shows it)" };
    let all = possible().count();
    format!("\nfaults struck in {met} of {all} cells of fault x role x phase x other checkpoint in flight{hint}\n")
}

/// One line for each fault and role, one column for each phase: seeds / those with another checkpoint in flight.
/// `0`: could have been and was not; nothing: can't be.
pub fn table(rows: &[Row]) -> String {
    let mut out = format!("  {:<30}", "");
    for (_, word) in PHASES {
        let _ = write!(out, "{word:>12}");
    }
    out.push('\n');
    for (fault, word) in FAULTS.iter().enumerate() {
        for (struck, role) in STRUCK {
            let cells: Vec<String> = PHASES.iter().map(|(phase, _)| told(rows, fault, *struck, *phase)).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                let _ = write!(out, "  {word:<18}{role:<12}");
                for cell in cells {
                    let _ = write!(out, "{cell:>12}");
                }
                out.push('\n');
            }
        }
    }
    out
}

fn told(rows: &[Row], fault: usize, struck: Struck, phase: Phase) -> String {
    let [alone, beside] = [false, true].map(|other| Cell { fault, struck, phase, other });
    match (alone.possible(), beside.possible()) {
        (false, _) => String::new(),
        (true, false) => short(seeds(rows, alone)),
        (true, true) => format!("{}/{}", short(seeds(rows, alone) + seeds(rows, beside)), short(seeds(rows, beside))),
    }
}

fn short(number: u64) -> String {
    if number < 10_000 { grouped(number).replace(',', "") } else { format!("{}k", number / 1000) }
}
