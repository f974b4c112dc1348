//! From the words of a report back to the sums that it was made from.

use super::judge::Facts;
use super::parse::Range;
use super::tally::{Allowed, Counts, Failure, Tally, named};
use crate::report::basis::hex;
use crate::report::json::ScenarioPart;
use crate::sim::matrix::Cell;
use crate::trace::coverage::MET;
use crate::verify::Invariant;
use std::time::Duration;

fn invariants(names: &[String]) -> Result<Vec<Invariant>, String> {
    names.iter().map(|name| invariant(name)).collect()
}

fn invariant(name: &str) -> Result<Invariant, String> {
    named(name).ok_or_else(|| format!("no invariant is called `{name}`"))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

/// What a scenario is judged by.
pub fn facts(part: &ScenarioPart) -> Result<Facts, String> {
    let basis = &part.basis;
    Ok(Facts {
        path: part.path.to_string(),
        name: part.name.to_string(),
        protocol: part.protocol.to_string(),
        guarantee: part.guarantee.to_string(),
        digest: part.scenario_digest.as_deref().and_then(hex::read),
        claims: invariants(&basis.claims)?,
        allowed: Allowed { violations: invariants(&basis.may_violate)?, failed_job: basis.job_may_fail },
        goals: part.goals.iter().map(|goal| goal.goal.to_string()).collect(),
        expected: part.expected.as_ref().map(|expected| (expected.violates.to_string(), expected.within_seeds)),
        usual: basis.usual_seeds,
        range: Range { from: basis.from, to: basis.to },
        sequence: basis.sequence,
    })
}

/// What its seeds have added up to. `busy` is its thread time in seconds.
pub fn tally(part: &ScenarioPart, busy: f64) -> Result<Tally, String> {
    let digest = &part.traces_digest;
    let mut tally = Tally {
        seeds: part.seeds,
        failed: part.failing_seeds,
        known: part.known,
        failing: part.failing.iter().map(|failing| (failing.place, failing.seed)).collect(),
        slowest: part.slowest.iter().map(|slow| (slow.events, slow.seed)).collect(),
        events: number(&part.events)?,
        delivered: number(&part.records_delivered)?,
        faults: part.faults_planned,
        virtual_ns: number(&part.virtual_ns)?,
        job_failed: part.jobs_failed,
        digest: hex::read(digest).ok_or_else(|| format!("`{digest}` is no digest"))?,
        met: MET.iter().map(|(_, word)| part.reached.get(*word).copied().unwrap_or(0)).collect(),
        busy: Duration::try_from_secs_f64(busy).unwrap_or_default(),
        ..Tally::default()
    };
    for (name, counts) in &part.invariants {
        let (holds, violated) = (counts.holds, counts.violated);
        let all = Counts { holds, violated, undecided: counts.undecided, inconclusive: counts.inconclusive };
        // Of no run that was judged, nothing is counted.
        if all != Counts::default() {
            tally.verdicts.insert(invariant(name)?, all);
        }
    }
    for (name, seeds) in &part.struck {
        let cell = Cell::find(name).ok_or_else(|| format!("`{name}` is no place where a fault can strike"))?;
        tally.struck.insert(cell.index(), *seeds);
    }
    for doubt in &part.basis.undecided {
        tally.undecided.insert(invariant(&doubt.invariant)?, (doubt.seed, doubt.why.clone()));
    }
    for failure in &part.basis.failures {
        let (count, seed, message) = (failure.count, failure.seed, failure.message.clone());
        let first = (failure.place, failure.first);
        tally.failures.insert(failure.kind, Failure { count, seed, message, digest: failure.digest, first });
    }
    Ok(tally)
}
