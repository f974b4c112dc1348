//! Verdicts in, bytes out. The room decides nothing: what it is given has been judged.

pub mod basis;
pub mod finding;
pub mod github;
pub mod html;
mod html_story;
mod html_tables;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod matrix;
pub mod remark;
pub mod sarif;
pub mod text;

pub use basis::Basis;
pub use finding::{Finding, Kind};
pub use remark::Remark;

use crate::verify::Invariant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A sweep over scenarios and seeds, judged.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What was asked for.
    pub head: Head,
    /// The scenarios, in the order of their paths.
    pub scenarios: Vec<Row>,
    /// What was found, in the order of scenarios and kinds.
    pub findings: Vec<Finding>,
    /// What is wrong with scenario files, or odd about them.
    pub diagnostics: Vec<Remark>,
    /// How it ended.
    pub tail: Tail,
}

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The handle of the run: a digest of what was asked for.
    pub id: String,
    /// What was said behind `cutline`, without what doesn't change results.
    pub arguments: Vec<String>,
    /// A digest of the plan, the same for all parts of it.
    pub plan: String,
    /// Which part of the plan, if not all.
    pub partition: Option<String>,
    /// The seed base, if it is another than usual.
    pub seed_base: Option<u64>,
    /// Threads.
    pub jobs: usize,
}

impl Head {
    /// The command as it can be pasted into a shell.
    pub fn command(&self) -> String {
        let words = self.arguments.iter().map(|word| quoted(word));
        std::iter::once("cutline".to_string()).chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// A count with its word.
pub fn many(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How a sweep ended.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    /// Wall time.
    pub elapsed: Duration,
    /// The signal that ended it.
    pub interrupted: Option<&'static str>,
    /// Time ran out.
    pub out_of_time: bool,
    /// It stopped because of `--max-fail`.
    pub enough: bool,
    /// Commands that continue what is left.
    pub resume: Vec<String>,
    /// Parts of the plan that weren't at hand when parts were put together.
    pub missing: Vec<String>,
    /// Why nothing was done at all, where no diagnostic says it.
    pub refused: Option<String>,
    /// The internal error that ended it.
    pub internal: Option<String>,
    /// The exit code.
    pub exit: u8,
    /// What the HTML page shows beside all that.
    pub extras: html::Extras,
}

/// One word for a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing was found.
    Pass,
    /// Something was.
    Fail,
    /// Nothing was, but a goal was never reached or an expected violation never seen.
    Unreached,
    /// Nothing was, but something that is claimed couldn't be decided.
    Undecided,
    /// No seed was run.
    Skip,
}

impl Status {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "PASS",
            Status::Fail => "FAIL",
            Status::Unreached => "UNREACHED",
            Status::Undecided => "UNDECIDED",
            Status::Skip => "SKIP",
        }
    }
}

/// What is said about an invariant after all seeds of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// It held in every run.
    Holds,
    /// It was violated, and must not be.
    Violated,
    /// It was violated, as it was expected to be.
    Expected,
    /// The guarantee doesn't claim it.
    NotClaimed,
    /// In some runs it couldn't be decided.
    Undecided,
    /// No run was judged.
    Unjudged,
}

/// An invariant with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Which.
    pub invariant: Invariant,
    /// The outcome.
    pub cell: Cell,
    /// Seeds for which it held.
    pub holds: u64,
    /// Seeds for which it didn't.
    pub violated: u64,
    /// Seeds for which the trace didn't say enough.
    pub undecided: u64,
    /// Seeds whose job failed for good before the question could be answered.
    pub inconclusive: u64,
    /// Why it couldn't be decided, and a command that shows it.
    pub why: Option<(String, String)>,
}

/// Something that seeds are wanted to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// What.
    pub word: String,
    /// So many seeds did; none: nobody counts that.
    pub seeds: Option<u64>,
}

/// A violation that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Of which invariant.
    pub invariant: String,
    /// So many seeds must be enough.
    pub within: u64,
    /// Its first place in the sequence of seeds, and the seed.
    pub first: Option<(u64, u64)>,
    /// Was it seen early enough? None: too few seeds were run to say.
    pub met: Option<bool>,
}

/// A scenario, judged.
#[derive(Clone, Debug)]
pub struct Row {
    /// The file.
    pub path: String,
    /// The name.
    pub name: String,
    /// The protocol that was run.
    pub protocol: String,
    /// The guarantee, as a word.
    pub guarantee: String,
    /// The digest of everything that its runs depend on but the seed, where it is known.
    pub scenario_digest: Option<u64>,
    /// One word.
    pub status: Status,
    /// Seeds that were to be run; none: as many as there is time for.
    pub planned: Option<u64>,
    /// Seeds that were run.
    pub seeds: u64,
    /// Not all that were to be run were: the rest would show nothing new.
    pub known: bool,
    /// Seeds that are failures of some kind.
    pub failed: u64,
    /// The first of them.
    pub failing: Vec<Failing>,
    /// The seeds with most events, most first.
    pub slowest: Vec<Slowest>,
    /// Events, over all seeds.
    pub events: u64,
    /// Records delivered.
    pub delivered: u64,
    /// Faults that were planned.
    pub faults: u64,
    /// Virtual time, in nanoseconds.
    pub virtual_ns: u64,
    /// Runs whose job failed for good.
    pub job_failed: u64,
    /// The digests of all traces, added up.
    pub digest: u64,
    /// Every invariant.
    pub verdicts: Vec<Judged>,
    /// What is wanted to be reached.
    pub goals: Vec<Goal>,
    /// Everything that can be reached, with the number of seeds that did.
    pub met: Vec<(&'static str, u64)>,
    /// Cells of the fault matrix, by number, with the seeds that had a fault strike there.
    pub struck: BTreeMap<usize, u64>,
    /// The violation that was expected.
    pub expected: Option<Expected>,
    /// What the verdicts rest on.
    pub basis: Basis,
    /// Thread time that it took.
    pub busy: Duration,
}

/// A seed whose run has many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slowest {
    /// So many.
    pub events: u64,
    /// The seed.
    #[serde(with = "basis::hex")]
    pub seed: u64,
}

/// A seed that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failing {
    /// Its place in the sequence of seeds.
    pub place: u64,
    /// The seed.
    #[serde(with = "basis::hex")]
    pub seed: u64,
}

impl Row {
    /// Seeds that weren't run because they would show nothing new; none: as many as there would have been time for.
    pub fn not_run(&self) -> Option<u64> {
        if self.known { self.planned.map(|planned| planned.saturating_sub(self.seeds)) } else { Some(0) }
    }

    /// Goals that were reached, of how many.
    pub fn reached(&self) -> (usize, usize) {
        (self.goals.iter().filter(|goal| goal.seeds.is_some_and(|n| n > 0)).count(), self.goals.len())
    }
}

/// A number with commas between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}

/// A seed, as it is always written.
pub fn seed(seed: u64) -> String {
    format!("0x{seed:016x}")
}
