//! A scenario file in memory, with the texts that it names, so that ten thousand seeds read them once.

use super::spec::Scenario;
use crate::topology::Topology;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The lines of a text.
pub type Lines = Arc<[Arc<str>]>;

/// A scenario with everything that it takes to build its plans.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario, with its name filled in.
    pub scenario: Scenario,
    /// What it is called.
    pub name: String,
    /// The texts, by the names that the scenario has for them.
    pub texts: BTreeMap<String, Lines>,
    pub(super) topology: OnceLock<Arc<Topology>>,
}

impl Loaded {
    /// A scenario whose texts are at hand.
    pub fn new(mut scenario: Scenario, name: &str, texts: BTreeMap<String, Lines>) -> Self {
        let name = scenario.name.get_or_insert_with(|| name.to_string()).clone();
        Loaded { scenario, name, texts, topology: OnceLock::new() }
    }
}
