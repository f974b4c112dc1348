//! From a closed scenario that fails to the smallest one that fails in the same way.
//!
//! Everything is made smaller at once, the boldest steps first: faults, job, records, settings, delays, until nothing
//! can be taken away any more (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002). The
//! result is a calm scenario wherever that is possible: it has no random delays left, its faults are tied to protocol
//! events, and what it needs of order is a named channel that is slower than the others. So it needs no seed.

mod faults;
mod job;
pub mod likelihood;
mod settings;

use crate::scenario::draw;
use crate::scenario::spec::{After, Scenario};

/// Who says whether a candidate still fails.
pub trait Oracle {
    /// Does this closed scenario fail in the way that is looked for?
    fn fails(&mut self, candidate: &Scenario) -> bool;

    /// May nothing more be tried? Then the best so far is the result.
    fn tired(&self) -> bool;

    /// The protocol events of a run, in order: their times in microseconds and how to name each of them.
    fn moments(&mut self, scenario: &Scenario) -> Vec<(u64, After)>;
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest scenario that fails; closed.
    pub scenario: Scenario,
    /// Taking away any one fault, slow channel, record, vertex or setting makes it pass: everything that the passes can
    /// do to it was tried. False if the search was cut short.
    pub minimal: bool,
}

/// Shrinks a closed scenario that fails.
pub fn shrink(start: &Scenario, oracle: &mut dyn Oracle) -> Shrunk {
    let mut search = Search { best: start.clone(), oracle, tried: Vec::new() };
    search.unbound();
    loop {
        let before = search.best.clone();
        search.faults();
        search.job();
        search.calm();
        search.settings();
        search.tie();
        if search.best == before || search.oracle.tired() {
            break;
        }
    }
    let minimal = !search.oracle.tired();
    Shrunk { scenario: search.best, minimal }
}

struct Search<'a> {
    best: Scenario,
    oracle: &'a mut dyn Oracle,
    /// Digests of what was tried in vain since the best one was found.
    tried: Vec<String>,
}

impl Search<'_> {
    /// Tries a candidate; it becomes the best if it fails.
    fn attempt(&mut self, mut candidate: Scenario) -> bool {
        candidate.drop_dangling();
        let candidate = draw(&candidate, 0);
        let text = serde_json::to_string(&candidate).unwrap_or_default();
        if candidate == self.best || self.oracle.tired() || self.tried.contains(&text) {
            return false;
        }
        let fails = self.oracle.fails(&candidate);
        if fails {
            self.best = candidate;
            self.tried.clear();
        } else {
            self.tried.push(text);
        }
        fails
    }

    /// Tries what an edit makes of the best; false if the edit has nothing to change.
    fn edit(&mut self, edit: impl FnOnce(&mut Scenario)) -> bool {
        let mut candidate = self.best.clone();
        edit(&mut candidate);
        self.attempt(candidate)
    }

    /// The time of healing and the bound for settling follow from the rest, unless the failure needs others.
    fn unbound(&mut self) {
        self.best.calm = true; // of a closed scenario it says nothing
        self.edit(|s| (s.sim.heal_at_ms, s.sim.settle_events_max) = (None, None));
        self.edit(|s| s.sim.settle_events_max = None);
    }

    /// Takes away as much of a list as possible: halves, quarters, ..., single elements, until no single one can go.
    fn fewer(&mut self, len: impl Fn(&Scenario) -> usize, remove: impl Fn(&mut Scenario, usize, usize)) {
        let mut size = len(&self.best);
        while size > 0 {
            let mut at = 0;
            let mut gone = false;
            while at < len(&self.best) {
                let to = (at + size).min(len(&self.best));
                if self.edit(|s| remove(s, at, to)) {
                    gone = true;
                } else {
                    at = to;
                }
            }
            if size == 1 && !gone {
                return;
            }
            size = if size == 1 { 1 } else { size / 2 };
        }
    }

    /// Makes a number as small as possible, not below `least`.
    fn lower(&mut self, least: u64, slot: impl Fn(&mut Scenario) -> Option<&mut u64>) {
        let Some(value) = slot(&mut self.best.clone()).map(|value| *value) else { return };
        if value <= least {
            return;
        }
        let set = |s: &mut Scenario, to: u64| {
            if let Some(value) = slot(s) {
                *value = to;
            }
        };
        if self.edit(|s| set(s, least)) {
            return;
        }
        let (mut low, mut high) = (least, value);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.edit(|s| set(s, middle)) {
                high = middle;
            } else {
                low = middle;
            }
        }
    }
}
