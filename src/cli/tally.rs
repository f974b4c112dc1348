//! What many seeds of one scenario add up to. Adding is commutative, so that nothing depends on who ran what.

use super::seed::Planned;
use crate::digest::mix;
use crate::report::Kind;
use crate::sim::run::Run;
use crate::trace::coverage::MET;
use crate::verify::{Invariant, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often an invariant got which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// It held.
    pub holds: u64,
    /// It didn't.
    pub violated: u64,
    /// The trace doesn't say enough.
    pub undecided: u64,
    /// The run ended in a way that makes the question moot.
    pub inconclusive: u64,
}

/// One way to fail, with the smallest seed that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How many seeds do.
    pub count: u64,
    /// The smallest of them.
    pub seed: u64,
    /// What happened there.
    pub message: String,
    /// The digest of that run.
    pub digest: u64,
    /// The first place in the sequence, and the seed there.
    pub first: (u64, u64),
}

impl Failure {
    fn add(&mut self, other: Failure) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        if other.seed < self.seed {
            (self.seed, self.message, self.digest) = (other.seed, other.message, other.digest);
        }
    }
}

/// The sums.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Seeds that were run.
    pub seeds: u64,
    /// Seeds that violate what they must not.
    pub failed: u64,
    /// Events.
    pub events: u64,
    /// Records delivered.
    pub delivered: u64,
    /// Faults that were planned.
    pub faults: u64,
    /// Virtual time, in nanoseconds.
    pub virtual_ns: u64,
    /// Runs whose job failed for good.
    pub job_failed: u64,
    /// The digests of all traces, added up: the same sum, the same traces.
    pub digest: u64,
    /// Seeds that have met something, in the order of `MET`.
    pub met: Vec<u64>,
    /// Seeds that have had a fault strike in a cell of the matrix, by its number.
    pub struck: BTreeMap<usize, u64>,
    /// Verdicts.
    pub verdicts: BTreeMap<Invariant, Counts>,
    /// Why invariants couldn't be decided, with the smallest seed for which that is so.
    pub undecided: BTreeMap<Invariant, (u64, String)>,
    /// All violations, expected or not, and other failures.
    pub failures: BTreeMap<Kind, Failure>,
    /// The seeds with most events: how many, and which.
    pub slowest: BTreeSet<(u64, u64)>,
    /// Thread time.
    pub busy: Duration,
}

/// What a scenario lets pass.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// These may be violated.
    pub violations: Vec<Invariant>,
    /// The job may fail for good.
    pub failed_job: bool,
}

impl Allowed {
    /// Does a failure of this kind fail the scenario?
    pub fn minds(&self, kind: &Kind) -> bool {
        match kind {
            Kind::Violation(invariant, _) => !self.violations.contains(invariant),
            Kind::JobFailed => !self.failed_job,
            _ => true,
        }
    }
}

impl Tally {
    /// Adds a run.
    pub fn run(&mut self, planned: &Planned, run: &Run, index: u64, seed: u64, allowed: &Allowed) {
        self.seeds += 1;
        self.slow(run.events, seed);
        self.events += run.events;
        self.delivered += run.delivered;
        self.faults += planned.sim.faults.len() as u64;
        self.virtual_ns = self.virtual_ns.saturating_add(run.time.0);
        self.job_failed += (run.ended == Some(false)) as u64;
        self.digest = self.digest.wrapping_add(mix(run.digest ^ seed));
        self.met.resize(MET.len(), 0);
        for (count, (met, _)) in self.met.iter_mut().zip(MET) {
            *count += run.coverage.met(*met) as u64;
        }
        for cell in run.matrix.cells() {
            *self.struck.entry(cell.index()).or_default() += 1;
        }
        let failures = self.judge(run, seed, allowed);
        self.failed += failures.iter().any(|(_, _, fails)| *fails) as u64;
        for (kind, message, _) in failures {
            self.fail(kind, Failure { count: 1, seed, message, digest: run.digest, first: (index, seed) });
        }
    }

    /// The failures of a run that the scenario minds.
    pub fn failures(run: &Run, seed: u64, allowed: &Allowed) -> Vec<Kind> {
        let found = Tally::default().judge(run, seed, allowed);
        found.into_iter().filter(|(_, _, fails)| *fails).map(|(kind, _, _)| kind).collect()
    }

    /// What went wrong in a run: kind, message, and whether the scenario minds.
    fn judge(&mut self, run: &Run, seed: u64, allowed: &Allowed) -> Vec<(Kind, String, bool)> {
        let mut found = Vec::new();
        if let Some(panic) = &run.panic {
            // What the verifiers say of half a run is of no use.
            return vec![(Kind::Panic, panic.clone(), true)];
        }
        let Some(report) = &run.report else { return found };
        for ((invariant, verdict), required) in report.verdicts.iter().zip(&report.required) {
            let counts = self.verdicts.entry(*invariant).or_default();
            match verdict {
                Verdict::Holds => counts.holds += 1,
                Verdict::Undecided(why) => {
                    counts.undecided += 1;
                    least(&mut self.undecided, *invariant, (seed, why.clone()));
                }
                Verdict::Inconclusive(_) => counts.inconclusive += 1,
                Verdict::Violated(violation) => {
                    counts.violated += 1;
                    let fails = *required && !allowed.violations.contains(invariant);
                    found.push((Kind::Violation(*invariant, violation.letter), violation.message.clone(), fails));
                }
            }
        }
        if run.ended == Some(false) {
            let message = "the restarts that the scenario allows were used up".to_string();
            found.push((Kind::JobFailed, message, !allowed.failed_job));
        }
        if run.ended.is_none() && *report.verdict(Invariant::I12) == Verdict::Holds {
            let message = format!("nothing was left to do after {} events, and the job hadn't ended", run.events);
            found.push((Kind::Stuck, message, true));
        }
        found
    }

    /// Remembers a seed if few have more events.
    fn slow(&mut self, events: u64, seed: u64) {
        self.slowest.insert((events, seed));
        if self.slowest.len() > super::html::SLOWEST {
            self.slowest.pop_first();
        }
    }

    /// Adds a failure.
    pub fn fail(&mut self, kind: Kind, failure: Failure) {
        match self.failures.get_mut(&kind) {
            Some(known) => known.add(failure),
            None => drop(self.failures.insert(kind, failure)),
        }
    }

    /// Adds other seeds of the same scenario.
    pub fn add(&mut self, other: Tally) {
        self.seeds += other.seeds;
        self.failed += other.failed;
        self.events += other.events;
        self.delivered += other.delivered;
        self.faults += other.faults;
        self.virtual_ns = self.virtual_ns.saturating_add(other.virtual_ns);
        self.job_failed += other.job_failed;
        self.digest = self.digest.wrapping_add(other.digest);
        other.slowest.iter().for_each(|(events, seed)| self.slow(*events, *seed));
        self.busy += other.busy;
        self.met.resize(MET.len(), 0);
        self.met.iter_mut().zip(&other.met).for_each(|(count, more)| *count += more);
        other.struck.into_iter().for_each(|(cell, more)| *self.struck.entry(cell).or_default() += more);
        for (invariant, more) in other.verdicts {
            let counts = self.verdicts.entry(invariant).or_default();
            counts.holds += more.holds;
            counts.violated += more.violated;
            counts.undecided += more.undecided;
            counts.inconclusive += more.inconclusive;
        }
        other.undecided.into_iter().for_each(|(invariant, why)| least(&mut self.undecided, invariant, why));
        other.failures.into_iter().for_each(|(kind, failure)| self.fail(kind, failure));
    }

    /// How many seeds have met this; none: nobody counts it.
    pub fn met(&self, word: &str) -> Option<u64> {
        let place = MET.iter().position(|(_, known)| *known == word)?;
        Some(self.met.get(place).copied().unwrap_or(0))
    }
}

fn least(known: &mut BTreeMap<Invariant, (u64, String)>, invariant: Invariant, why: (u64, String)) {
    if known.get(&invariant).is_none_or(|known| why.0 < known.0) {
        known.insert(invariant, why);
    }
}

/// The verifiers' name for an invariant that a scenario names.
pub fn invariant(named: crate::scenario::spec::Invariant) -> Option<Invariant> {
    let name = format!("{named:?}");
    Invariant::ALL.into_iter().find(|invariant| invariant.name() == name || format!("{invariant:?}") == name)
}
