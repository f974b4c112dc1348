//! A process whose thread fails: it panics at some record, or goes silent there and comes back when it has long been
//! declared dead. For tests of what the runtime makes of that; the process inside is any process.

use crate::digest::Digest;
use crate::engine::keyed::Tables;
use crate::engine::message::{Control, Element, Input, Outbox, Record, Txn};
use crate::engine::process::{Passed, Process, Way};
use crate::engine::snapshot::View;
use crate::ids::*;
use std::any::Any;
use std::time::Duration;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// The thread panics.
    Panic,
    /// The thread stands still for so long. When it goes on, it doesn't listen to anybody who tells it to stop before so
    /// many more records: a zombie that wakes up in the middle of its work.
    Hang(Duration, u64),
}

/// See the module.
pub struct Frail {
    inner: Box<dyn Process>,
    /// Records until it happens; none: it has.
    left: Option<u64>,
    what: Failing,
    deaf: u64,
}

impl Frail {
    /// It happens at the record of this number, from 0, unless the process has ended before.
    pub fn boxed(inner: Box<dyn Process>, at: u64, what: Failing) -> Box<dyn Process> {
        Box::new(Frail { inner, left: Some(at), what, deaf: 0 })
    }

    /// One more record.
    fn record(&mut self) {
        self.deaf = self.deaf.saturating_sub(1);
        match self.left {
            None => {}
            Some(0) => {
                self.left = None;
                match self.what {
                    Failing::Panic => panic!("this life was to panic here"),
                    Failing::Hang(lasting, deaf) => {
                        std::thread::sleep(lasting);
                        self.deaf = deaf;
                    }
                }
            }
            Some(left) => self.left = Some(left - 1),
        }
    }
}

impl Process for Frail {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        if matches!(input, Input::Element(_, Element::Record(_)) | Input::Read { record: Some(_), .. }) {
            self.record();
        }
        self.inner.step(input, out);
    }

    fn pass(&mut self, way: Way, record: &mut Record) -> Passed {
        let passed = self.inner.pass(way, record);
        if passed != Passed::Not {
            self.record(); // otherwise it comes again, by a step
        }
        passed
    }

    fn lend(&mut self, tables: &dyn Tables) {
        self.inner.lend(tables);
    }

    fn soon(&self, next: &[Element<Record>]) {
        self.inner.soon(next);
    }

    fn blocked(&self, input: InputIndex) -> bool {
        self.inner.blocked(input)
    }

    fn flowing(&self) -> bool {
        self.inner.flowing()
    }

    fn holds(&self, input: InputIndex) -> bool {
        self.inner.holds(input)
    }

    fn job(&self) -> Option<Attempt> {
        self.inner.job()
    }

    fn hastens(&self, checkpoint: CheckpointId) -> bool {
        self.inner.hastens(checkpoint)
    }

    fn wants(&self, slot: usize) -> Option<(PartitionId, Offset)> {
        self.inner.wants(slot)
    }

    fn chooses(&self) -> bool {
        self.inner.chooses()
    }

    fn deaf(&self, control: &Control) -> bool {
        self.deaf > 0 && *control == Control::Stop || self.inner.deaf(control)
    }

    fn writing(&self) -> Option<(Txn, &[Record])> {
        self.inner.writing()
    }

    fn stopped(&self) -> bool {
        self.inner.stopped()
    }

    fn view(&self) -> Option<View> {
        self.inner.view()
    }

    fn cells(&self) -> usize {
        self.inner.cells()
    }

    fn digest(&self, cell: usize, d: &mut Digest) {
        self.inner.digest(cell, d);
    }

    fn fork(&self) -> Box<dyn Process> {
        let Frail { left, what, deaf, .. } = *self;
        Box::new(Frail { inner: self.inner.fork(), left, what, deaf })
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
