//! From sums to verdicts: what a scenario expects, held against what came of its seeds.

use super::args::STREAM;
use super::parse::{Partition, Range, quoted};
use super::plan::Seeds;
use super::prepare::scenario as digest;
use super::tally::{Allowed, Failure, Tally, invariant, named};
use crate::report::{self, Basis, Cell, Expected, Failing, Finding, Goal, Judged, Kind, Row, Slowest, Status};
use crate::scenario::{Loaded, Scenario};
use crate::topology::Mode;
use crate::trace::coverage::MET;
use crate::verify::{Invariant, required};
use std::ffi::OsStr;
use std::path::Path;

/// A scenario that takes part in a sweep.
pub struct Entry {
    /// Its file, as it is shown.
    pub path: String,
    /// What it is called in reports: its name, with folders before it where others have the same (see [`labels`]).
    pub label: String,
    /// The scenario.
    pub loaded: Loaded,
    /// Which seeds.
    pub seeds: Seeds,
    /// What it lets pass.
    pub allowed: Allowed,
}

impl Entry {
    /// What it is judged by.
    pub fn facts(&self) -> Facts {
        let scenario = &self.loaded.scenario;
        let expect = &scenario.expect;
        let within = expect.within_seeds.unwrap_or(scenario.seeds);
        Facts {
            path: self.path.clone(),
            name: self.label.clone(),
            protocol: scenario.protocol.clone(),
            guarantee: word(&scenario.guarantee),
            digest: Some(digest(&self.loaded)),
            claims: Invariant::ALL.into_iter().filter(|invariant| claimed(*invariant, scenario)).collect(),
            allowed: self.allowed.clone(),
            goals: expect.reached.iter().map(word).collect(),
            expected: expect.violates.map(|named| (format!("{named:?}"), within)),
            usual: scenario.seeds,
            range: self.seeds.range(),
            sequence: matches!(self.seeds, Seeds::Sequence { .. }),
        }
    }
}

/// What scenarios are called that are reported side by side, from their files and names: the name, or where several have
/// the same one, as many folders before it as tell them apart. Findings are told apart by it, too.
pub fn labels(scenarios: &[(&str, &str)]) -> Vec<String> {
    let label = |(path, name): &(&str, &str), folders: usize| {
        let above: Vec<&str> =
            Path::new(path).parent().into_iter().flat_map(Path::iter).filter_map(OsStr::to_str).collect();
        let above = &above[above.len().saturating_sub(folders)..];
        above.iter().chain([name]).copied().collect::<Vec<_>>().join("/")
    };
    let one = |scenario: &(&str, &str)| {
        let others = || scenarios.iter().filter(|other| other.1 == scenario.1 && other.0 != scenario.0);
        let apart = |folders: &usize| others().all(|other| label(other, *folders) != label(scenario, *folders));
        let most = Path::new(scenario.0).iter().count();
        (0..=most).find(apart).map_or_else(|| scenario.0.to_string(), |folders| label(scenario, folders))
    };
    scenarios.iter().map(one).collect()
}

/// What a scenario is judged by: all of its file that has to do with verdicts.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its file, as it is shown.
    pub path: String,
    /// Its name.
    pub name: String,
    /// The protocol that is run.
    pub protocol: String,
    /// The guarantee, as a word.
    pub guarantee: String,
    /// The digest of everything that its runs depend on but the seed, where it is known.
    pub digest: Option<u64>,
    /// What the guarantee claims.
    pub claims: Vec<Invariant>,
    /// What it lets pass.
    pub allowed: Allowed,
    /// What is to be reached.
    pub goals: Vec<String>,
    /// What is to be violated, within so many seeds.
    pub expected: Option<(String, u64)>,
    /// So many seeds should be enough to reach the goals.
    pub usual: u64,
    /// The places that are run.
    pub range: Range,
    /// They are places of its own sequence.
    pub sequence: bool,
}

/// What changes the meaning of all scenarios of a sweep.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The part of the plan.
    pub partition: Partition,
    /// The protocol, if it isn't the scenario's own.
    pub protocol: Option<String>,
    /// The steps that a run may take, if they aren't the scenario's own.
    pub max_steps: Option<u64>,
    /// The part of a command line that sets them, with a space in front.
    pub flags: String,
}

impl Terms {
    /// Nothing is left out.
    pub fn whole(protocol: Option<String>, max_steps: Option<u64>) -> Self {
        Terms { partition: Partition::WHOLE, protocol, max_steps, flags: String::new() }
    }

    /// The scenario as it is run.
    pub fn apply(&self, scenario: &mut Scenario) {
        if let Some(protocol) = &self.protocol {
            scenario.protocol.clone_from(protocol);
        }
        scenario.sim.max_steps = self.max_steps.or(scenario.sim.max_steps);
    }

    /// The words that ask for it.
    pub fn words(&self) -> Vec<String> {
        let protocol = self.protocol.iter().flat_map(|protocol| ["--protocol".to_string(), protocol.clone()]);
        let steps = self.max_steps.iter().flat_map(|steps| ["--max-steps".to_string(), steps.to_string()]);
        protocol.chain(steps).collect()
    }
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

/// Judges a scenario, of which so many seeds were planned.
pub fn row(facts: &Facts, planned: Option<u64>, tally: &Tally, terms: &Terms) -> (Row, Vec<Finding>) {
    let verdicts: Vec<Judged> = Invariant::ALL.into_iter().map(|i| judged(i, facts, tally, terms)).collect();
    let goal = |word: &String| Goal { seeds: tally.met(word), word: word.clone() };
    let mut row = Row {
        path: facts.path.clone(),
        name: facts.name.clone(),
        protocol: facts.protocol.clone(),
        guarantee: facts.guarantee.clone(),
        scenario_digest: facts.digest,
        status: Status::Pass,
        planned,
        seeds: tally.seeds,
        known: tally.known,
        failed: tally.failed,
        failing: tally.failing.iter().map(|(place, seed)| Failing { place: *place, seed: *seed }).collect(),
        slowest: tally.slowest.iter().rev().map(|(events, seed)| Slowest { events: *events, seed: *seed }).collect(),
        events: tally.events,
        delivered: tally.delivered,
        faults: tally.faults,
        virtual_ns: tally.virtual_ns,
        job_failed: tally.job_failed,
        digest: tally.digest,
        verdicts,
        goals: facts.goals.iter().map(goal).collect(),
        met: MET.iter().enumerate().map(|(i, (_, word))| (*word, tally.met.get(i).copied().unwrap_or(0))).collect(),
        struck: tally.struck.clone(),
        expected: expected(facts, tally, terms),
        basis: basis(facts, tally),
        busy: tally.busy,
    };
    let findings = findings(facts, tally, terms, &row);
    row.status = status(&row, &findings);
    (row, findings)
}

fn basis(facts: &Facts, tally: &Tally) -> Basis {
    let names = |invariants: &[Invariant]| invariants.iter().map(|invariant| invariant.name().to_string()).collect();
    let failure = |(kind, failure): (&Kind, &Failure)| report::basis::Failure {
        kind: *kind,
        count: failure.count,
        seed: failure.seed,
        message: failure.message.clone(),
        digest: failure.digest,
        place: failure.first.0,
        first: failure.first.1,
    };
    let doubt = |(invariant, (seed, why)): (&Invariant, &(u64, String))| report::basis::Doubt {
        invariant: invariant.name().to_string(),
        seed: *seed,
        why: why.clone(),
    };
    Basis {
        claims: names(&facts.claims),
        may_violate: names(&facts.allowed.violations),
        job_may_fail: facts.allowed.failed_job,
        usual_seeds: facts.usual,
        from: facts.range.from,
        to: facts.range.to,
        sequence: facts.sequence,
        failures: tally.failures.iter().map(failure).collect(),
        undecided: tally.undecided.iter().map(doubt).collect(),
    }
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

fn judged(invariant: Invariant, facts: &Facts, tally: &Tally, terms: &Terms) -> Judged {
    let counts = tally.verdicts.get(&invariant).copied().unwrap_or_default();
    let fails = tally.failures.keys().any(|kind| matches!(kind, Kind::Violation(i, _) if *i == invariant));
    let claimed = facts.claims.contains(&invariant);
    let cell = if tally.verdicts.is_empty() {
        Cell::Unjudged
    } else if fails && facts.allowed.violations.contains(&invariant) {
        Cell::Expected
    } else if !claimed {
        Cell::NotClaimed
    } else if fails {
        Cell::Violated
    } else if counts.undecided > 0 && facts.allowed.violations.contains(&invariant) {
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
        why: why.map(|(seed, why)| (why.clone(), reproduce(&facts.path, *seed, terms))),
    }
}

/// Is it claimed for some seed? Where the mode is drawn, it is if some mode claims it.
fn claimed(invariant: Invariant, scenario: &Scenario) -> bool {
    let modes =
        [Mode::Aligned, Mode::AtLeastOnce, Mode::Unaligned, Mode::AlignedThenUnaligned, Mode::Alone, Mode::Regional];
    let possible = |mode: &Mode| match &scenario.checkpoints.mode {
        crate::scenario::spec::Pick::Fixed(fixed) => fixed == mode,
        _ => true,
    };
    modes.iter().filter(|mode| possible(mode)).any(|mode| required(invariant, scenario.guarantee, *mode))
}

fn expected(facts: &Facts, tally: &Tally, terms: &Terms) -> Option<Expected> {
    let (name, within) = facts.expected.clone()?;
    let wanted = named(&name);
    let seen = tally.failures.iter().filter(|(kind, _)| matches!(kind, Kind::Violation(i, _) if Some(*i) == wanted));
    let first = seen.map(|(_, failure)| failure.first).min();
    let enough = facts.sequence && facts.range.from == 0 && tally.seeds >= within && terms.partition.whole();
    let met = match first {
        Some((place, _)) if !enough || place < within => Some(true),
        _ => enough.then_some(false),
    };
    Some(Expected { invariant: name, within, first, met })
}

fn findings(facts: &Facts, tally: &Tally, terms: &Terms, row: &Row) -> Vec<Finding> {
    let make = |kind: Kind, property: String, message: String| Finding {
        kind,
        path: facts.path.clone(),
        scenario: facts.name.clone(),
        property,
        count: 0,
        of: tally.seeds,
        seed: None,
        message,
        statement: statement(kind),
        digest: None,
        plan: None,
        shrunk: None,
        smaller: None,
        reproduce: String::new(),
    };
    let mut findings = Vec::new();
    for (kind, failure) in &tally.failures {
        let fails = match kind {
            Kind::Violation(i, _) => facts.claims.contains(i) && !facts.allowed.violations.contains(i),
            Kind::JobFailed => !facts.allowed.failed_job,
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
            // What was given up has no digest.
            finding.digest = Some(failure.digest).filter(|digest| *digest != 0);
            finding.reproduce = reproduce(&facts.path, failure.seed, terms);
            findings.push(finding);
        }
    }
    let again = || format!("cutline run {} --seeds {}{}", quoted(&facts.path), facts.range, terms.flags);
    // Another part of the plan may have reached what this one didn't.
    let enough = tally.seeds >= facts.usual && terms.partition.whole();
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

/// What should be so.
pub fn statement(kind: Kind) -> String {
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
    let words: String = terms.words().iter().map(|word| format!(" {}", quoted(word))).collect();
    format!("cutline replay {} --seed {} --stream {STREAM}{words}", quoted(path), report::seed(seed))
}

/// The command that shows a small scenario fail. One that needs no seed fails under every stream version.
pub fn small(path: &str, needs: Option<u64>) -> String {
    let terms = Terms::whole(None, None);
    needs.map_or_else(|| format!("cutline replay {}", quoted(path)), |seed| reproduce(path, seed, &terms))
}
