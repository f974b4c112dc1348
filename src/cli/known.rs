//! `cutline mutants --known`: the defects of real engines, and what became of each here.

use super::args::ScoreFormat;
use super::exit::Ending;
use super::output;
use crate::protocols::PROTOCOLS;
use crate::protocols::known::{KNOWN, Known, Planted, counted};
use serde_json::{Value, json};
use std::fmt::Write;

/// Lists them.
pub fn known(format: ScoreFormat) -> Ending {
    let text = match format {
        ScoreFormat::Human => text(),
        ScoreFormat::Json => super::list::pretty(&document()),
    };
    super::printed(output::print(&text), Ending::good())
}

/// The invariant that catches the row, and what became of the defect in words.
fn fate(known: &Known) -> String {
    match known.planted {
        Planted::Row(name) => {
            let breaks = PROTOCOLS.iter().find(|row| row.name == name).and_then(|row| row.breaks);
            format!("{name}, caught by {}", breaks.unwrap_or("nothing"))
        }
        Planted::Gate => "a wrong gate, caught by the gate vectors".to_string(),
        Planted::No(why) => format!("not planted: {why}"),
    }
}

fn text() -> String {
    let mut out = String::new();
    for known in KNOWN {
        let _ = writeln!(out, "{}  {:<18} {}\n     {}", known.id, known.tracker, known.about, fate(known));
    }
    let (planted, all) = counted();
    let _ =
        writeln!(out, "\n{planted} of {all} are planted, as `cutline list --protocols` and the gate vectors have them");
    out
}

fn document() -> Value {
    let row = |known: &Known| {
        let (word, what) = match known.planted {
            Planted::Row(name) => ("protocol", name),
            Planted::Gate => ("gate", ""),
            Planted::No(why) => ("no", why),
        };
        json!({ "id": known.id, "tracker": known.tracker, "about": known.about, "planted": word, "what": what })
    };
    let (planted, all) = counted();
    json!({
        "schema": "cutline.known/1",
        "known": KNOWN.iter().map(row).collect::<Vec<_>>(),
        "planted": planted,
        "all": all,
    })
}
