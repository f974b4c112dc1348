//! A way to a violation: as a schedule to replay, as a trace, and as numbered steps with what they changed.

use super::output;
use crate::explore::path::{Leg, legs};
use crate::explore::rules::{Move, Rules};
use crate::explore::search::Violation;
use crate::sim::follow::follow;
use crate::sim::run::{Keep, meta};
use crate::sim::schedule;
use crate::topology::Topology;
use crate::trace::{json, text};
use crate::world::setup::Setup;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// Writes the schedule and the trace, and tells the way. The offline verifiers judge it again.
pub fn write(
    setup: &Arc<Setup>,
    rules: &Rules,
    path: &[Move],
    violation: &Violation,
    about: &str,
    shown: &str,
    file: &Path,
) -> Result<String, String> {
    let legs = legs(setup, rules, path);
    let topology = &setup.topology;
    let mut moves: Vec<schedule::Move> = Vec::new();
    for leg in &legs {
        moves.extend(leg.steps.iter().map(|step| schedule::Move::Step(*step)));
    }
    moves.push(schedule::Move::Quiesce);
    let schedule_file =
        file.with_file_name(format!("{}.sched", file.file_name().unwrap_or_default().to_string_lossy()));
    let trace_file = schedule_file.with_extension("jsonl");
    output::file(&schedule_file, schedule::print(topology, about, &moves).as_bytes())?;

    let mut out = String::new();
    let spent = if violation.spent.faults() > 0 {
        format!(", {} of them faults", violation.spent.faults())
    } else {
        String::new()
    };
    let _ = writeln!(out, "  {}: {}", violation.wrong.property, violation.wrong.message);
    let _ = writeln!(out, "  a shortest way with the fewest faults, {} steps{spent}:", violation.depth);
    tell(&mut out, topology, &legs, legs.len() - path.len().min(legs.len()), violation);
    let keep = Keep { trace: true, ..Keep::default() };
    let run = super::seed::aside(|| follow(setup, 0, &moves, keep));
    match run {
        Ok(Ok(run)) => {
            let mut writer = json::Writer::new(Vec::new(), &meta(setup, None)).map_err(|error| error.to_string())?;
            for event in run.trace.iter().flatten() {
                writer.event(event).map_err(|error| error.to_string())?;
            }
            output::file(&trace_file, &writer.finish().map_err(|error| error.to_string())?)?;
            let violated = run.report.map(|report| report.violated()).unwrap_or_default();
            let names: Vec<&str> = violated.iter().map(|invariant| invariant.name()).collect();
            let said = if names.is_empty() { "nothing violated in this trace".to_string() } else { names.join(", ") };
            let _ = writeln!(out, "  the offline verifiers say of it: {said}");
            let _ = writeln!(out, "  trace: {}", trace_file.display());
        }
        Ok(Err(diverged)) => {
            return Err(format!(
                "the way can't be followed: `{}` can't happen after {} moves",
                diverged.choice, diverged.at
            ));
        }
        Err(_) => {
            let _ = writeln!(out, "  the engine panics there");
        }
    }
    let _ = writeln!(
        out,
        "  reproduce: cutline replay {shown} --schedule {}",
        super::parse::quoted(&schedule_file.display().to_string())
    );
    Ok(out)
}

/// The steps, numbered; those before `start` are the start of the job.
fn tell(out: &mut String, topology: &Topology, legs: &[Leg], start: usize, violation: &Violation) {
    let from = legs.len() - violation.round.min(legs.len());
    for (i, leg) in legs.iter().enumerate() {
        let number = (i + 1).saturating_sub(start);
        if violation.round > 0 && i == start + violation.depth as usize && i < from {
            let _ = writeln!(out, "         from here on the job can't end any more");
        }
        if i == from {
            let _ = writeln!(out, "         these {} steps can come round for ever:", violation.round);
        }
        let name = match leg.steps.as_slice() {
            _ if i < start => format!("start of the job ({} choices)", leg.steps.len()),
            [one] => schedule::words(topology, one.choice),
            many => format!("everything crashes and is restored ({} choices)", many.len()),
        };
        let _ = writeln!(out, "    {number:>3}  {name}");
        if i >= start && leg.steps.len() == 1 {
            for event in &leg.events {
                let _ = writeln!(out, "           {}", text::brief(topology, event));
            }
        }
    }
    if violation.round > 0 {
        let _ = writeln!(out, "         and again from step {}", from + 1 - start.min(from));
    }
}
