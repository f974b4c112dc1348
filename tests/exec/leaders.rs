//! A coordinator that is silent for too long, is replaced by this very process, and comes back.

use crate::SECOND;
use crate::real::*;
use crate::scenario;
use cutline::digest::Digest;
use cutline::engine::message::{Input, Outbox, Record};
use cutline::engine::process::{Passed, Process, Way};
use cutline::ids::*;
use cutline::runtime::drive::End;
use cutline::runtime::tally::Note;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// So many records of a partition are read before the old coordinator is gone.
const UNTIL: Offset = Offset(200);
/// At this step the first coordinator stands still.
const STEP: u64 = 20;

/// A coordinator that stands still for once, or a source that waits until that one has stopped.
struct Slow {
    inner: Box<dyn Process>,
    steps: u64,
    stands: Option<Duration>,
    gone: Arc<AtomicBool>,
}

impl Process for Slow {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        self.steps += 1;
        if self.steps == STEP {
            self.stands.into_iter().for_each(std::thread::sleep);
        }
        self.inner.step(input, out);
        if self.stands.is_some() && self.inner.stopped() {
            self.gone.store(true, SeqCst);
        }
    }

    fn pass(&mut self, way: Way, record: &mut Record) -> Passed {
        self.inner.pass(way, record)
    }

    fn job(&self) -> Option<Attempt> {
        self.inner.job()
    }

    fn wants(&self, slot: usize) -> Option<(PartitionId, Offset)> {
        self.inner.wants(slot).filter(|(_, offset)| *offset < UNTIL || self.gone.load(SeqCst))
    }

    fn stopped(&self) -> bool {
        self.inner.stopped()
    }

    fn cells(&self) -> usize {
        self.inner.cells()
    }

    fn digest(&self, cell: usize, d: &mut Digest) {
        self.inner.digest(cell, d);
    }

    fn fork(&self) -> Box<dyn Process> {
        let Slow { steps, stands, .. } = *self;
        Box::new(Slow { inner: self.inner.fork(), steps, stands, gone: self.gone.clone() })
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

/// It is fenced off by the one that replaced it, and not by somebody else: the job isn't deposed.
#[test]
fn a_coordinator_that_comes_back_after_it_was_replaced_deposes_nobody() {
    let setup = scenario(2000, "aligned", 16);
    let (coordinator, gone) = (setup.topology.coordinator(), Arc::new(AtomicBool::new(false)));
    let back = gone.clone();
    let make = wrapped(&setup, move |who, honest| {
        let stands = match who {
            Incarnation { task, attempt: Attempt(1) } if task == coordinator => Some(Duration::from_millis(1500)),
            Incarnation { task: TaskId(0 | 1), .. } => None,
            _ => return honest,
        };
        Box::new(Slow { inner: honest, steps: 0, stands, gone: gone.clone() })
    });
    let memory = Memory::new(&setup, Duration::from_micros(300));
    let ran = traced(&setup, Arc::new(InMemory(memory)), make, SECOND / 2, Notes::default());
    assert!(back.load(SeqCst), "it came back, and stopped: {:?}", ran.notes);
    let silent = |note: &Note| matches!(note, Note::Lost(what) if what.starts_with("coordinator a1 was silent"));
    assert!(ran.notes.iter().any(silent), "{:?}", ran.notes);
    assert_eq!(ran.end, End::Ended { complete: true, before: false }, "{:?}", ran.notes);
}
