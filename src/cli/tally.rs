//! What many seeds of one scenario add up to. Adding is commutative, so that nothing depends on who ran what.

use super::outcome::Outcome;
use crate::digest::mix;
use crate::report::Kind;
use crate::trace::coverage::MET;
use crate::verify::Invariant;
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

/// So many failing seeds are remembered one by one.
const FAILING: usize = 64;

/// The sums.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Seeds that were run.
    pub seeds: u64,
    /// Seeds that violate what they must not.
    pub failed: u64,
    /// The first of them: places and seeds.
    pub failing: BTreeSet<(u64, u64)>,
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
    /// Not all seeds were run: the rest would show nothing new.
    pub known: bool,
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
    /// Adds what came of a seed, which is at this place of the sequence.
    pub fn take(&mut self, outcome: Outcome, index: u64, seed: u64) {
        self.seeds += 1;
        self.slow(outcome.events, seed);
        self.events += outcome.events;
        self.delivered += outcome.delivered;
        self.faults += outcome.faults;
        self.virtual_ns = self.virtual_ns.saturating_add(outcome.virtual_ns);
        self.job_failed += outcome.job_failed as u64;
        self.digest = self.digest.wrapping_add(mix(outcome.digest ^ seed));
        self.met.resize(MET.len(), 0);
        outcome.met.iter().filter_map(|at| MET.get(*at).map(|_| *at)).for_each(|at| self.met[at] += 1);
        for cell in outcome.struck {
            *self.struck.entry(cell).or_default() += 1;
        }
        for (invariant, verdict) in Invariant::ALL.into_iter().zip(outcome.verdicts.chars()) {
            let counts = self.verdicts.entry(invariant).or_default();
            match verdict {
                'h' => counts.holds += 1,
                'v' => counts.violated += 1,
                'u' => counts.undecided += 1,
                _ => counts.inconclusive += 1,
            }
        }
        for (at, why) in outcome.undecided {
            if let Some(invariant) = Invariant::ALL.get(at) {
                least(&mut self.undecided, *invariant, (seed, why));
            }
        }
        if outcome.wrong.iter().any(|wrong| wrong.minded) {
            self.failed += 1;
            self.failing.insert((index, seed));
        }
        for wrong in outcome.wrong {
            let (message, digest) = (wrong.message, outcome.digest);
            self.fail(wrong.kind, Failure { count: 1, seed, message, digest, first: (index, seed) });
        }
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
        self.failing.extend(other.failing);
        while self.failing.len() > FAILING {
            self.failing.pop_last();
        }
        self.events += other.events;
        self.delivered += other.delivered;
        self.faults += other.faults;
        self.virtual_ns = self.virtual_ns.saturating_add(other.virtual_ns);
        self.job_failed += other.job_failed;
        self.digest = self.digest.wrapping_add(other.digest);
        other.slowest.iter().for_each(|(events, seed)| self.slow(*events, *seed));
        self.busy += other.busy;
        self.known |= other.known;
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
pub fn invariant(invariant: crate::scenario::spec::Invariant) -> Option<Invariant> {
    named(&format!("{invariant:?}"))
}

/// The invariant of this name.
pub fn named(name: &str) -> Option<Invariant> {
    Invariant::ALL.into_iter().find(|invariant| invariant.name() == name || format!("{invariant:?}") == name)
}
