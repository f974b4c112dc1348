//! What verdicts rest on. Documents of parts of a plan are added up and judged again: without this they couldn't be.

use super::Kind;
use serde::{Deserialize, Serialize};

/// Of one scenario, what its part of a document doesn't say elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Invariants that the guarantee claims.
    pub claims: Vec<String>,
    /// Invariants that may be violated nevertheless.
    pub may_violate: Vec<String>,
    /// The job may fail for good.
    pub job_may_fail: bool,
    /// So many seeds should be enough to reach the goals.
    pub usual_seeds: u64,
    /// The first place of the sequence of seeds.
    pub from: u64,
    /// One after the last; none: as many as there is time for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// The seeds are those of the scenario's own sequence, and weren't named one by one.
    pub sequence: bool,
    /// Every way to fail, expected or not.
    pub failures: Vec<Failure>,
    /// Why invariants couldn't be decided.
    pub undecided: Vec<Doubt>,
}

/// One way to fail, with the smallest seed that does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which.
    #[serde(flatten)]
    pub kind: Kind,
    /// How many seeds do.
    pub count: u64,
    /// The smallest of them.
    #[serde(with = "hex")]
    pub seed: u64,
    /// What happened there.
    pub message: String,
    /// The digest of that run.
    #[serde(with = "hex")]
    pub digest: u64,
    /// The first place in the sequence.
    pub place: u64,
    /// The seed there.
    #[serde(with = "hex")]
    pub first: u64,
}

/// An invariant that couldn't be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Which.
    pub invariant: String,
    /// The smallest seed for which that is so.
    #[serde(with = "hex")]
    pub seed: u64,
    /// Why.
    pub why: String,
}

/// Numbers of 64 bits are text: readers of JSON lose integers above 2^53.
pub mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// `0x` and sixteen digits.
    pub fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::super::seed(*number))
    }

    /// The same, read.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        read(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no number of the form 0x1234")))
    }

    /// A number with `0x` in front or without.
    pub fn read(text: &str) -> Option<u64> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let clean = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        clean.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
    }
}
