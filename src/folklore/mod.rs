//! Twenty-three things that popular articles say about checkpoints, and what is so; each decided by running it.
//!
//! A claim is a row of [`CLAIMS`], with a scenario of its own. Either what is claimed is a protocol, and a seed violates
//! an invariant under it that the engine keeps over the same seeds; or it is about a quantity, and the figures are
//! taken from traces.

mod claims;
mod figures;
mod lab;
mod orders;

pub use claims::CLAIMS;
pub use lab::Lab;

use crate::verify::Invariant;
use std::fmt::Write;

/// One thing that is said.
pub struct Claim {
    /// X1 to X23.
    pub id: &'static str,
    /// What is said.
    pub said: &'static str,
    /// What is so.
    pub so: &'static str,
    /// The scenario that decides it: a file in `scenarios/folklore`, without its ending.
    pub scenario: &'static str,
    /// How.
    how: How,
}

/// How a claim is decided.
enum How {
    /// Taken at its word it is these protocols, each of which violates an invariant.
    Refuted(&'static [(&'static str, Invariant)]),
    /// By figures.
    Measured(fn(&Lab) -> Result<Figures, String>),
}

/// Figures, and whether they say what is so.
struct Figures {
    so: bool,
    lines: Vec<String>,
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Is it as the correct statement says?
    pub confirmed: bool,
    /// What was seen, in lines.
    pub lines: Vec<String>,
    /// Counterexamples: the protocol and the seed.
    pub examples: Vec<(&'static str, u64)>,
}

/// Decides a claim. An error is one of ours.
pub fn decide(claim: &Claim, lab: &Lab) -> Result<Outcome, String> {
    match claim.how {
        How::Refuted(wrong) => refuted(wrong, lab),
        How::Measured(figures) => {
            let Figures { so, lines } = figures(lab)?;
            Ok(Outcome { confirmed: so, lines, examples: Vec::new() })
        }
    }
}

fn refuted(wrong: &'static [(&'static str, Invariant)], lab: &Lab) -> Result<Outcome, String> {
    let mut outcome = Outcome { confirmed: true, lines: Vec::new(), examples: Vec::new() };
    let mut needed = 0;
    for (protocol, invariant) in wrong {
        let mut line = format!("{protocol}: ");
        match lab.first(protocol, *invariant)? {
            Some((place, seed, message)) => {
                let _ =
                    write!(line, "{} violated by seed {seed:#018x}, number {}: {message}", invariant.name(), place + 1);
                outcome.examples.push((*protocol, seed));
                needed = needed.max(place + 1);
            }
            None => {
                let _ = write!(line, "{} was violated by none of {} seeds", invariant.name(), lab.seeds.len());
                (outcome.confirmed, needed) = (false, lab.seeds.len());
            }
        }
        outcome.lines.push(line);
    }
    let bad = lab.bad("engine", needed)?;
    outcome.lines.push(match &bad {
        None => format!("engine: nothing violated by the same {needed} seeds"),
        Some(bad) => format!("engine: {bad}"),
    });
    outcome.confirmed &= bad.is_none();
    Ok(outcome)
}
