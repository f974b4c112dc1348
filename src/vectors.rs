//! Gate vectors, format `cutline-gate/1`: what arrives at one input gate, and what the gate must then do.
//! Read, run against a gate through an inbox, and compared in order and in full.
//!
//! The room knows no network and no storage; its only clock is the one in the vector.

mod bench;
mod format;

pub use bench::Bench;
pub use format::{Arrival, BadFile, Element, Entry, Reason, Step, True, Vector};

use crate::engine::gate::{BarrierGate, Gate};
use crate::ids::*;
use std::fmt;
use std::sync::Arc;

/// The records of a vector.
pub type Text = Arc<str>;

/// A vector that the gate passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The name in the file.
    pub name: String,
    /// How many steps it has.
    pub steps: usize,
    /// How many entries were expected, and came.
    pub entries: usize,
}

/// A vector that the gate did not pass: the first difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The file.
    pub path: String,
    /// The name in the file.
    pub name: String,
    /// The step, from 1; one more than there are: the end of the vector.
    pub step: usize,
    /// The line of the step in the file, from 1.
    pub line: usize,
    /// What was compared.
    pub what: &'static str,
    /// Common lines with two spaces in front, expected ones with `-`, what came instead with `+`.
    pub diff: Vec<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}:{}: {}: step {}: {} (- expected, + got)",
            self.path, self.line, self.name, self.step, self.what
        )?;
        self.diff.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// Why a vector was not passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The file is no vector. Exit code 2.
    BadFile(BadFile),
    /// The gate did something else. Exit code 1.
    Mismatch(Mismatch),
}

impl Failure {
    /// What a command that checks vectors exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::BadFile(_) => 2,
            Failure::Mismatch(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::BadFile(bad) => bad.fmt(f),
            Failure::Mismatch(mismatch) => mismatch.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

/// Reads a vector and runs it against the engine's own gate. `path` is for messages only.
pub fn check(path: &str, text: &str) -> Result<Passed, Failure> {
    check_with(path, text, own_gate)
}

/// The same against any gate, made for the vector.
pub fn check_with<G: BarrierGate<Text>>(
    path: &str,
    text: &str,
    make: impl FnOnce(&Vector) -> G,
) -> Result<Passed, Failure> {
    let vector = Vector::parse(path, text).map_err(Failure::BadFile)?;
    let gate = make(&vector);
    run(path, &vector, gate).map_err(Failure::Mismatch)
}

/// The engine's gate for a vector.
pub fn own_gate(vector: &Vector) -> Gate<Text> {
    Gate::new(vector.mode, vector.channels as usize, vector.checkpoint_after_end, &InputSet::new())
}

/// Runs a vector against a gate. Held items are taken in the order of arrival, so a vector that is sensitive to
/// that order is run as strictly as any other.
pub fn run<G: BarrierGate<Text>>(path: &str, vector: &Vector, gate: G) -> Result<Passed, Mismatch> {
    let mut bench = Bench::new(gate, vector.channels as usize, vector.alignment_timeout_ms);
    let mut entries = 0;
    let mismatch = |step: usize, line, what, diff| {
        let (path, name) = (path.to_owned(), vector.name.clone());
        Err(Mismatch { path, name, step: step + 1, line, what, diff })
    };
    for (at, (step, line)) in vector.steps.iter().enumerate() {
        match step {
            Step::Arrive(arrival) => bench.arrive(arrival),
            Step::AdvanceMs(ms) => bench.advance(*ms),
            Step::Note => {}
            Step::Expect(expected) => {
                let got = bench.done();
                if *expected != got {
                    return mismatch(at, *line, "the gate did something else", diff(expected, &got));
                }
                entries += got.len();
            }
            Step::Blocked(expected) => {
                let got = bench.blocked();
                if *expected != got {
                    return mismatch(at, *line, "other channels are blocked", diff(expected, &got));
                }
            }
        }
    }
    let left = bench.done();
    if !left.is_empty() {
        return mismatch(vector.steps.len(), vector.last_line, "left over at the end", diff(&[], &left));
    }
    Ok(Passed { name: vector.name.clone(), steps: vector.steps.len(), entries })
}

/// What both have in front and at the end is common; what lies between was expected, or came.
fn diff<T: PartialEq + fmt::Display>(expected: &[T], got: &[T]) -> Vec<String> {
    let front = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    let (rest, other) = (&expected[front..], &got[front..]);
    let back = rest.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut lines = Vec::new();
    lines.extend(expected[..front].iter().map(|entry| format!("  {entry}")));
    lines.extend(rest[..rest.len() - back].iter().map(|entry| format!("- {entry}")));
    lines.extend(other[..other.len() - back].iter().map(|entry| format!("+ {entry}")));
    lines.extend(rest[rest.len() - back..].iter().map(|entry| format!("  {entry}")));
    lines
}
