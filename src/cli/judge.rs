//! From sums to verdicts: what a scenario expects, held against what came of its seeds.

use super::parse::{Partition, quoted};
use super::plan::Seeds;
use super::tally::{Allowed, Tally, invariant};
use crate::report::{self, Cell, Expected, Finding, Goal, Judged, Kind, Row, Status};
use crate::scenario::{Loaded, Scenario};
use crate::topology::Mode;
use crate::trace::coverage::MET;
use crate::verify::{Invariant, required};

/// A scenario that takes part in a sweep.
pub struct Entry {
    /// Its file, as it is shown.
    pub path: String,
    /// The scenario.
    pub loaded: Loaded,
    /// Which seeds.
    pub seeds: Seeds,
    /// What it lets pass.
    pub allowed: Allowed,
}

/// What changes the meaning of all scenarios of a sweep.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The part of the plan.
    pub partition: Partition,
    /// The protocol, if it isn't the scenario's own.
    pub protocol: Option<String>,
    /// The part of a command line that sets them, with a space in front.
    pub flags: String,
}

/// What a scenario lets pass.
pub fn allowed(scenario: &Scenario) -> Allowed {
    let expect = &scenario.expect;
    let violations = expect.violates.iter().chain(&expect.also).filter_map(|named| invariant(*named)).collect();
    Allowed { violations, failed_job: expect.failed_job_ok }
}

/// A word of a closed list, as files write it.
pub fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// Judges a scenario. `number` is its place in the plan.
pub fn row(entry: &Entry, number: usize, tally: &Tally, terms: &Terms) -> (Row, Vec<Finding>) {
    let scenario = &entry.loaded.scenario;
    let verdicts: Vec<Judged> = Invariant::ALL.into_iter().map(|i| judged(i, entry, tally, terms)).collect();
    let goal = |word: String| Goal { seeds: tally.met(&word), word };
    let goals: Vec<Goal> = scenario.expect.reached.iter().map(word).map(goal).collect();
    let expected = expected(entry, tally, terms);
    let mut row = Row {
        path: entry.path.clone(),
        name: entry.loaded.name.clone(),
        protocol: scenario.protocol.clone(),
        guarantee: word(&scenario.guarantee),
        status: Status::Pass,
        planned: entry.seeds.count(number, terms.partition),
        seeds: tally.seeds,
        failed: tally.failed,
        events: tally.events,
        delivered: tally.delivered,
        faults: tally.faults,
        virtual_ns: tally.virtual_ns,
        job_failed: tally.job_failed,
        digest: tally.digest,
        verdicts,
        goals,
        met: MET.iter().enumerate().map(|(i, (_, word))| (*word, tally.met.get(i).copied().unwrap_or(0))).collect(),
        expected,
        busy: tally.busy,
    };
    let findings = findings(entry, tally, terms, &row);
    row.status = status(&row, &findings);
    (row, findings)
}

fn status(row: &Row, findings: &[Finding]) -> Status {
    let weak = |finding: &Finding| matches!(finding.kind, Kind::Unreached | Kind::NotViolated);
    if findings.iter().any(|finding| !weak(finding)) {
        Status::Fail
    } else if !findings.is_empty() {
        Status::Unreached
    } else if row.seeds == 0 {
        Status::Skip
    } else if row.verdicts.iter().any(|judged| judged.cell == Cell::Undecided) {
        Status::Undecided
    } else {
        Status::Pass
    }
}

fn judged(invariant: Invariant, entry: &Entry, tally: &Tally, terms: &Terms) -> Judged {
    let counts = tally.verdicts.get(&invariant).copied().unwrap_or_default();
    let fails = tally.failures.keys().any(|kind| matches!(kind, Kind::Violation(i, _) if *i == invariant));
    let claimed = claimed(invariant, &entry.loaded.scenario);
    let cell = if tally.verdicts.is_empty() {
        Cell::Unjudged
    } else if fails && entry.allowed.violations.contains(&invariant) {
        Cell::Expected
    } else if !claimed {
        Cell::NotClaimed
    } else if fails {
        Cell::Violated
    } else if counts.undecided > 0 && entry.allowed.violations.contains(&invariant) {
        // Where it may be violated, nothing is claimed of what ends too early to be decided.
        Cell::NotClaimed
    } else if counts.undecided > 0 {
        Cell::Undecided
    } else {
        Cell::Holds
    };
    let why = tally.undecided.get(&invariant).filter(|_| cell == Cell::Undecided);
    Judged {
        invariant,
        cell,
        holds: counts.holds,
        violated: counts.violated,
        undecided: counts.undecided,
        inconclusive: counts.inconclusive,
        why: why.map(|(seed, why)| (why.clone(), reproduce(&entry.path, *seed, terms))),
    }
}

/// Is it claimed for some seed? Where the mode is drawn, it is if some mode claims it.
fn claimed(invariant: Invariant, scenario: &Scenario) -> bool {
    let modes = [Mode::Aligned, Mode::AtLeastOnce, Mode::Unaligned, Mode::AlignedThenUnaligned];
    let possible = |mode: &Mode| match &scenario.checkpoints.mode {
        crate::scenario::spec::Pick::Fixed(fixed) => fixed == mode,
        _ => true,
    };
    modes.iter().filter(|mode| possible(mode)).any(|mode| required(invariant, scenario.guarantee, *mode))
}

fn expected(entry: &Entry, tally: &Tally, terms: &Terms) -> Option<Expected> {
    let scenario = &entry.loaded.scenario;
    let named = scenario.expect.violates?;
    let within = scenario.expect.within_seeds.unwrap_or(scenario.seeds);
    let wanted = invariant(named);
    let seen = tally.failures.iter().filter(|(kind, _)| matches!(kind, Kind::Violation(i, _) if Some(*i) == wanted));
    let first = seen.map(|(_, failure)| failure.first).min();
    let range = entry.seeds.range();
    let enough = matches!(entry.seeds, Seeds::Sequence { .. })
        && range.from == 0
        && tally.seeds >= within
        && terms.partition == Partition::WHOLE;
    let met = match first {
        Some((place, _)) if !enough || place < within => Some(true),
        _ => enough.then_some(false),
    };
    Some(Expected { invariant: format!("{named:?}"), within, first, met })
}

fn findings(entry: &Entry, tally: &Tally, terms: &Terms, row: &Row) -> Vec<Finding> {
    let scenario = &entry.loaded.scenario;
    let make = |kind: Kind, property: String, message: String| Finding {
        kind,
        path: entry.path.clone(),
        scenario: entry.loaded.name.clone(),
        property,
        count: 0,
        of: tally.seeds,
        seed: None,
        message,
        statement: statement(kind),
        digest: None,
        plan: None,
        shrunk: None,
        reproduce: String::new(),
    };
    let mut findings = Vec::new();
    for (kind, failure) in &tally.failures {
        let fails = match kind {
            Kind::Violation(i, _) => claimed(*i, scenario) && !entry.allowed.violations.contains(i),
            Kind::JobFailed => !entry.allowed.failed_job,
            _ => true,
        };
        if fails {
            let property = match kind {
                Kind::Violation(i, letter) => report::finding::property(*i, *letter),
                other => other.word().to_string(),
            };
            let mut finding = make(*kind, property, failure.message.clone());
            finding.count = failure.count;
            finding.seed = Some(failure.seed);
            finding.digest = Some(failure.digest);
            finding.reproduce = reproduce(&entry.path, failure.seed, terms);
            findings.push(finding);
        }
    }
    let again = || format!("cutline run {} --seeds {}{}", quoted(&entry.path), entry.seeds.range(), terms.flags);
    let enough = tally.seeds >= scenario.seeds;
    for goal in row.goals.iter().filter(|goal| enough && goal.seeds == Some(0)) {
        let message = format!("no seed of {} reached `{}`", report::grouped(tally.seeds), goal.word);
        let mut finding = make(Kind::Unreached, goal.word.clone(), message);
        finding.reproduce = again();
        findings.push(finding);
    }
    if let Some(expected) = row.expected.as_ref().filter(|expected| expected.met == Some(false)) {
        let message = match expected.first {
            None => format!("{} was violated by no seed", expected.invariant),
            Some((place, seed)) => {
                format!(
                    "{} was first violated by seed {}, number {}",
                    expected.invariant,
                    report::seed(seed),
                    place + 1
                )
            }
        };
        let message = format!("{message}; {} seeds should be enough", report::grouped(expected.within));
        let mut finding = make(Kind::NotViolated, expected.invariant.clone(), message);
        finding.reproduce = again();
        findings.push(finding);
    }
    findings
}

fn statement(kind: Kind) -> String {
    match kind {
        Kind::Violation(invariant, _) => invariant.statement(),
        Kind::Panic => "the engine's own assertions hold",
        Kind::Stuck => "every run ends",
        Kind::JobFailed => "the job survives what goes wrong (`expect.failed_job_ok` allows otherwise)",
        Kind::Nondeterminism => "the same seed gives the same trace",
        Kind::Unreached => "every goal of `expect.reached` is reached by some seed",
        Kind::NotViolated => "what is expected to be violated is seen to be",
    }
    .to_string()
}

/// The command that shows a failure again, from the directory where it was found.
pub fn reproduce(path: &str, seed: u64, terms: &Terms) -> String {
    let protocol = terms.protocol.as_ref().map_or_else(String::new, |name| format!(" --protocol {}", quoted(name)));
    format!("cutline replay {} --seed {}{protocol}", quoted(path), report::seed(seed))
}
