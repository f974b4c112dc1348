//! The tables of the HTML page: what was reached, what held, what struck, what took longest.

use super::html::Extras;
use super::{Cell, Row, Status, Sweep, grouped, many, seed};
use crate::sim::matrix::{FAULTS, PHASES, STRUCK};
use crate::verify::Invariant;
use maud::{Markup, html};

fn class(status: Status) -> &'static str {
    match status {
        Status::Pass => "good",
        Status::Fail | Status::Unreached => "bad",
        Status::Undecided | Status::Skip => "warn",
    }
}

/// What scenarios want to be reached, and by how many seeds it was.
pub fn goals(sweep: &Sweep) -> Markup {
    let rows: Vec<&Row> = sweep.scenarios.iter().filter(|row| !row.goals.is_empty()).collect();
    html! {
        section #goals {
            h2 { "Goals" }
            @if rows.is_empty() { p { "No scenario wants anything to be reached." } } @else {
                div.scroll tabindex="0" { table {
                    caption { "What each scenario wants to be reached, and by how many of its seeds it was." }
                    thead { tr { th scope="col" { "scenario" } th scope="col" { "reached" } th scope="col" { "reached by none" } } }
                    tbody { @for row in rows { tr {
                        th scope="row" { (row.name) }
                        td { (list(row.goals.iter().filter(|goal| goal.seeds.is_some_and(|n| n > 0)).map(told))) }
                        (unreached(row))
                    } } }
                } }
            }
            @for row in &sweep.scenarios { @if let Some(expected) = &row.expected { (self::expected(&row.name, expected)) } }
        }
    }
}

/// What nobody came to: red where there were seeds enough.
fn unreached(row: &Row) -> Markup {
    let never: Vec<_> = row.goals.iter().filter(|goal| goal.seeds.unwrap_or(0) == 0).collect();
    let few = row.seeds < row.basis.usual_seeds && !never.is_empty();
    html! {
        td.(if few { "warn" } else { "bad" }) {
            (list(never.into_iter().map(told)))
            @if few { " (too few seeds to say: " (grouped(row.seeds)) " of " (grouped(row.basis.usual_seeds)) ")" }
        }
    }
}

fn list(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn told(goal: &super::Goal) -> String {
    match goal.seeds {
        Some(0) => goal.word.clone(),
        Some(seeds) => format!("{} {}", goal.word, grouped(seeds)),
        None => format!("{} (not counted by this version)", goal.word),
    }
}

fn expected(scenario: &str, expected: &super::Expected) -> Markup {
    html! {
        p {
            b { (scenario) } ": " (expected.invariant) " is expected to be violated within " (many(expected.within, "seed")) ": "
            @match (expected.first, expected.met) {
                (Some((place, first)), Some(true)) => { span.good { "seen" } ", first by number " (place + 1) ", " code { (seed(first)) } },
                (_, None) => span.warn { "too few seeds to say" },
                _ => span.bad { "not seen" },
            }
        }
    }
}

/// Everything that can be reached, over all scenarios.
pub fn coverage(sweep: &Sweep) -> Markup {
    let met = sweep.scenarios.first().map_or(&[][..], |row| &row.met);
    let total = |at: usize| sweep.scenarios.iter().map(|row| row.met.get(at).map_or(0, |(_, n)| *n)).sum::<u64>();
    let by =
        |at: usize| sweep.scenarios.iter().filter(|row| row.met.get(at).is_some_and(|(_, n)| *n > 0)).count() as u64;
    html! {
        section #coverage {
            h2 { "Coverage" }
            div.scroll tabindex="0" { table {
                caption { "What runs have met. A sweep that holds has seen no more than this." }
                thead { tr { th scope="col" { "met" } th.n scope="col" { "seeds" } th.n scope="col" { "scenarios" } th scope="col" { "" } } }
                tbody { @for (at, (word, _)) in met.iter().enumerate() {
                    tr {
                        th scope="row" { (word) }
                        td.n { (grouped(total(at))) }
                        td.n { (by(at)) }
                        td { @if total(at) == 0 { span.warn { "never" } } }
                    }
                } }
            } }
        }
    }
}

/// Scenarios and invariants.
pub fn scenarios(sweep: &Sweep) -> Markup {
    html! {
        section #scenarios {
            h2 { "Scenarios" }
            div.scroll tabindex="0" { table {
                caption { "✓ holds in all runs; ✗ violated; ✗✓ violated, as expected; – not claimed; ? undecided" }
                thead { tr {
                    th scope="col" { "scenario" } th scope="col" { "" } th.n scope="col" { "seeds" } th.n scope="col" { "failing" }
                    th.n scope="col" { "records" } th.n scope="col" { "faults" }
                    @for invariant in Invariant::ALL { th.c scope="col" title=(invariant.statement()) { (invariant.name()) } }
                } }
                tbody { @for row in &sweep.scenarios {
                    tr {
                        th scope="row" title=(row.path) { (row.name) }
                        td { span.(class(row.status)) { (row.status.word()) } }
                        td.n { (grouped(row.seeds)) } td.n { (grouped(row.failed)) }
                        td.n { (grouped(row.delivered)) } td.n { (grouped(row.faults)) }
                        @for judged in &row.verdicts { (cell(judged)) }
                    }
                } }
            } }
            @for row in &sweep.scenarios { @for judged in &row.verdicts {
                @if let Some((why, reproduce)) = &judged.why {
                    p { b { (row.name) ": " (judged.invariant.name()) " undecided" } " by " (many(judged.undecided, "seed")) ": " (why) }
                    pre.command { code { (reproduce) } }
                }
            } }
        }
    }
}

fn cell(judged: &super::Judged) -> Markup {
    let (mark, class, said) = match judged.cell {
        Cell::Holds => ("✓", "good", "holds"),
        Cell::Violated => ("✗", "bad", "violated"),
        Cell::Expected => ("✗✓", "warn", "violated as expected"),
        Cell::NotClaimed => ("–", "dim", "not claimed"),
        Cell::Undecided => ("?", "warn", "undecided"),
        Cell::Unjudged => ("", "dim", "no run was judged"),
    };
    let name = judged.invariant.name();
    html! { td.c { span.(class) title={ (name) ": " (said) } { (mark) @if judged.cell == Cell::Violated { " " (grouped(judged.violated)) } } } }
}

/// By kind: which faults struck, and when.
pub fn faults(sweep: &Sweep) -> Markup {
    let mut counts = vec![vec![0u64; PHASES.len()]; FAULTS.len()];
    for (index, seeds) in sweep.scenarios.iter().flat_map(|row| &row.struck) {
        let cell = crate::sim::matrix::Cell::at(*index);
        if let Some(count) = counts.get_mut(cell.fault).and_then(|row| row.get_mut(cell.phase as usize)) {
            *count += seeds;
        }
    }
    let (struck, never): (Vec<_>, Vec<_>) =
        FAULTS.iter().zip(&counts).partition(|(_, row)| row.iter().any(|count| *count > 0));
    let planned = many(sweep.scenarios.iter().map(|row| row.faults).sum(), "fault");
    html! {
        section #faults {
            h2 { "Faults" }
            @if struck.is_empty() { p { (planned) " planned, and none struck." } }
            @else {
                (struck_when(&struck, &planned))
                @if !never.is_empty() { p.dim { "Struck in no run: " (list(never.iter().map(|(fault, _)| fault.to_string()))) "." } }
            }
        }
    }
}

fn struck_when(struck: &[(&&str, &Vec<u64>)], planned: &str) -> Markup {
    let roles = list(STRUCK.iter().map(|(_, word)| word.to_string()));
    html! {
        div.scroll tabindex="0" { table {
            caption { "Seeds in which a fault of a kind struck in a phase of the protocol; whatever it struck (" (roles) ") is added up. "
                (planned) " planned." }
            thead { tr { th scope="col" { "fault" } @for (_, phase) in PHASES { th.n scope="col" { (phase) } } th.n scope="col" { "all" } } }
            tbody { @for (fault, row) in struck {
                tr {
                    th scope="row" { (fault) }
                    @for count in *row { td.n { @if *count > 0 { (grouped(*count)) } @else { span.dim { "0" } } } }
                    td.n { (grouped(row.iter().sum())) }
                }
            } }
        } }
    }
}

/// The runs that took most steps.
pub fn slowest(extras: &Extras) -> Markup {
    html! {
        section #slowest {
            h2 { "Slowest seeds" }
            @match &extras.slowest {
                None => p { "Not known." },
                Some(slowest) => div.scroll tabindex="0" { table {
                    caption { "By lines of their traces, which is the same on every machine." }
                    thead { tr { th.n scope="col" { "lines" } th scope="col" { "scenario" } th scope="col" { "command" } } }
                    tbody { @for slow in slowest { tr {
                        td.n { (grouped(slow.events)) } th scope="row" { (slow.scenario) } td.mono { (slow.reproduce) }
                    } } }
                } },
            }
        }
    }
}
