//! A recorded schedule again: no clock, no dice, only the choices.

use super::matrix::Matrix;
use super::run::{Keep, Run, meta};
use super::schedule::{Move, words};
use crate::ids::Nanos;
use crate::trace::coverage::Coverage;
use crate::trace::digest::TraceDigest;
use crate::trace::event::{Event, Kind};
use crate::verify::Verifier;
use crate::world::World;
use crate::world::beside::Beside;
use crate::world::observer::Observer;
use crate::world::setup::Setup;
use std::sync::Arc;

struct Watch {
    digest: TraceDigest,
    verifier: Verifier,
    beside: Beside,
    coverage: Coverage,
    delivered: u64,
    capture: Option<Vec<Event>>,
}

impl Observer for Watch {
    fn event(&mut self, event: Event) {
        self.digest.add(&event);
        self.verifier.observe(&event);
        self.coverage.event(&event);
        self.delivered += matches!(event.kind, Kind::Apply { .. }) as u64;
        if let Some(events) = &mut self.capture {
            events.push(event);
        }
    }

    fn beside(&mut self) -> Option<&mut Beside> {
        Some(&mut self.beside)
    }
}

/// Where a schedule could not be followed: the place in it, from 0, and the choice in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diverged {
    /// How many moves could be made.
    pub at: usize,
    /// What could not happen then.
    pub choice: String,
}

/// Follows a schedule. Times are all 0; the digest, which leaves them out, is that of the run that was recorded.
///
/// # Errors
/// At the first choice that isn't on the menu.
pub fn follow(setup: &Arc<Setup>, seed: u64, moves: &[Move], keep: Keep) -> Result<Run, Diverged> {
    let mut world = World::new(setup);
    let mut watch = Watch {
        digest: TraceDigest::new(setup.topology.processes()),
        verifier: Verifier::new(&meta(setup, Some(seed))),
        beside: Beside::default(),
        coverage: Coverage::default(),
        delivered: 0,
        capture: keep.trace.then(Vec::new),
    };
    for (at, step) in moves.iter().enumerate() {
        if keep.until.is_some_and(|until| watch.digest.events() >= until) {
            break;
        }
        match step {
            Move::Step(step) => world
                .apply(*step, &mut watch)
                .map_err(|refused| Diverged { at, choice: words(&setup.topology, refused.0) })?,
            Move::Fault(what) => world.note(Kind::Fault { what: what.clone() }, &mut watch),
            Move::Clear => world.note(Kind::Clear, &mut watch),
            Move::Quiesce => world.note(Kind::Quiesce, &mut watch),
        }
    }
    watch.coverage.job(world.job_ended());
    Ok(Run {
        digest: watch.digest.overall(),
        processes: watch.digest.processes().collect(),
        events: watch.digest.events(),
        delivered: watch.delivered,
        visible_sum: 0,
        time: Nanos(0),
        report: (!keep.unjudged).then(|| watch.verifier.finish()),
        beside: watch.beside,
        coverage: watch.coverage,
        matrix: Matrix::default(),
        panic: None,
        trace: watch.capture,
        schedule: None,
        ended: world.job_ended(),
        stopped: false,
        cut: None,
    })
}
