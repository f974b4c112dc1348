//! The protocol events of a run, each with a name that a fault can be tied to.

use super::driver::point;
use super::setup::Point;
use crate::ids::*;
use crate::trace::event::Event;
use std::collections::BTreeMap;

/// One protocol event: when it was, and the point that means it and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Virtual time.
    pub time: Nanos,
    /// The n-th event of its kind, at its process, of its checkpoint.
    pub point: Point,
}

/// All of them, in order.
pub fn moments(events: &[Event]) -> Vec<Moment> {
    let mut seen: BTreeMap<_, u32> = BTreeMap::new();
    let mut found = Vec::new();
    for event in events {
        let Some((what, checkpoint)) = point(&event.kind) else { continue };
        let nth = seen.entry((what, event.process, checkpoint)).or_default();
        let point = Point { what, process: Some(event.process), checkpoint, nth: *nth };
        found.push(Moment { time: event.time, point });
        *nth += 1;
    }
    found
}
