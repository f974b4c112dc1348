//! Failures of one kind, as one thing.

use crate::digest::Digest;
use crate::verify::Invariant;
use serde::{Deserialize, Serialize};

/// What kind of failure. The order is that of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "Named", try_from = "Named")]
pub enum Kind {
    /// One seed gave two traces.
    Nondeterminism,
    /// The engine panicked.
    Panic,
    /// An invariant is violated that must hold; the letter is that of I11.
    Violation(Invariant, Option<char>),
    /// The run never ended, and no invariant says why.
    Stuck,
    /// The job failed for good, and must not.
    JobFailed,
    /// A goal was reached by no seed.
    Unreached,
    /// A violation that was expected wasn't seen.
    NotViolated,
}

/// A kind as documents write it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Named {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    property: Option<String>,
}

impl From<Kind> for Named {
    fn from(kind: Kind) -> Named {
        let property = match kind {
            Kind::Violation(invariant, letter) => Some(property(invariant, letter)),
            _ => None,
        };
        Named { kind: kind.word().to_string(), property }
    }
}

impl TryFrom<Named> for Kind {
    type Error = String;

    fn try_from(named: Named) -> Result<Kind, String> {
        use Kind::*;
        let plain = [Nondeterminism, Panic, Stuck, JobFailed, Unreached, NotViolated];
        if let Some(kind) = plain.into_iter().find(|kind| kind.word() == named.kind) {
            return Ok(kind);
        }
        let text = named.property.unwrap_or_default();
        let (name, letter) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some((name, letter)) => (name, letter.chars().next()),
            None => (text.as_str(), None),
        };
        let invariant = Invariant::ALL.into_iter().find(|invariant| invariant.name() == name);
        let known = invariant.filter(|_| named.kind == "violation");
        known
            .map(|invariant| Violation(invariant, letter))
            .ok_or_else(|| format!("no finding is called `{} {text}`", named.kind))
    }
}

impl Kind {
    /// The word in machine-readable reports.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Nondeterminism => "nondeterminism",
            Kind::Panic => "panic",
            Kind::Violation(..) => "violation",
            Kind::Stuck => "stuck",
            Kind::JobFailed => "job_failed",
            Kind::Unreached => "unreached",
            Kind::NotViolated => "not_violated",
        }
    }

    /// The same for people, with the invariant.
    pub fn title(self) -> String {
        match self {
            Kind::Nondeterminism => "one seed gives two traces".to_string(),
            Kind::Panic => "the engine panicked".to_string(),
            Kind::Violation(invariant, letter) => format!("{} violated", property(invariant, letter)),
            Kind::Stuck => "the run never ended".to_string(),
            Kind::JobFailed => "the job failed for good".to_string(),
            Kind::Unreached => "goal never reached".to_string(),
            Kind::NotViolated => "expected violation not found".to_string(),
        }
    }
}

/// The short name of an invariant, with the letter of its part.
pub fn property(invariant: Invariant, letter: Option<char>) -> String {
    match letter {
        Some(letter) => format!("{}({letter})", invariant.name()),
        None => invariant.name().to_string(),
    }
}

/// Failures of one kind in one scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// The scenario's file.
    pub path: String,
    /// The scenario's name.
    pub scenario: String,
    /// What it is about: the name of the invariant, of the goal.
    pub property: String,
    /// How many seeds show it.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The smallest seed that shows it.
    pub seed: Option<u64>,
    /// What happened there, in one sentence.
    pub message: String,
    /// What should be so.
    pub statement: String,
    /// The digest of that run.
    pub digest: Option<u64>,
    /// The plan of that run, as JSON.
    pub plan: Option<String>,
    /// How small it could be made, and where that is kept.
    pub shrunk: Option<String>,
    /// A command that shows the small one fail.
    pub smaller: Option<String>,
    /// A command that shows it again.
    pub reproduce: String,
}

impl Finding {
    /// A handle that is the same for the same bug of the same scenario, whatever the seeds.
    pub fn id(&self) -> String {
        let mut digest = Digest::new();
        [self.scenario.as_bytes(), self.kind.word().as_bytes(), self.property.as_bytes()]
            .into_iter()
            .for_each(|part| digest.bytes(part));
        format!("{:08x}", digest.finish64() as u32)
    }
}
