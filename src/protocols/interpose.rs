//! A process that delegates to another one and tampers with what goes in or comes out.

use crate::digest::Digest;
use crate::engine::keyed::Tables;
use crate::engine::message::{Control, Effect, Input, Outbox};
use crate::engine::process::Process;
use crate::engine::snapshot::View;
use crate::ids::*;
use std::any::Any;

/// What is done to an honest process.
pub trait Mischief: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// Changes an input, or takes it away.
    fn input(&mut self, input: Input) -> Option<Input> {
        Some(input)
    }

    /// Another input that the process is given right after one; looked at before `input`.
    fn again(&mut self, _input: &Input) -> Option<Input> {
        None
    }

    /// What an input becomes: usually what the two above make of it.
    fn all(&mut self, input: Input) -> Vec<Input> {
        let again = self.again(&input);
        [self.input(input), again].into_iter().flatten().collect()
    }

    /// Is nothing read for the time being?
    fn pauses(&self) -> bool {
        false
    }

    /// Must an input not be read? `blocked`: what the process says.
    fn blocks(&self, _input: InputIndex, blocked: bool) -> bool {
        blocked
    }

    /// Is an input held for the sake of a checkpoint? `held`: what the process says.
    fn holds(&self, _input: InputIndex, held: bool) -> bool {
        held
    }

    /// Does it say what is read? Then it is asked after every step.
    fn gates(&self) -> bool {
        false
    }

    /// Changes the effects of a step.
    fn effects(&mut self, _effects: &mut Vec<Effect>) {}

    /// What the process is given right after its step, and after what came of it was looked at.
    fn then(&mut self) -> Vec<Input> {
        Vec::new()
    }
}

/// An honest process, and what is done to it.
pub struct Interposed<M> {
    inner: Box<dyn Process>,
    mischief: M,
}

impl<M: Mischief> Interposed<M> {
    /// Puts `mischief` before `inner`.
    pub fn boxed(inner: Box<dyn Process>, mischief: M) -> Box<dyn Process> {
        Box::new(Interposed { inner, mischief })
    }
}

impl<M: Mischief> Process for Interposed<M> {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        let paused = self.mischief.pauses();
        for input in self.mischief.all(input) {
            self.inner.step(input, out);
        }
        self.mischief.effects(&mut out.effects);
        let mut more = self.mischief.then();
        while !more.is_empty() {
            let mut after = Outbox::default();
            more.into_iter().for_each(|input| self.inner.step(input, &mut after));
            self.mischief.effects(&mut after.effects);
            out.effects.append(&mut after.effects);
            out.gate_changed |= after.gate_changed;
            more = self.mischief.then();
        }
        out.gate_changed |= self.mischief.pauses() != paused || self.mischief.gates();
    }

    fn lend(&mut self, tables: &dyn Tables) {
        self.inner.lend(tables);
    }

    fn blocked(&self, input: InputIndex) -> bool {
        self.mischief.blocks(input, self.inner.blocked(input))
    }

    fn flowing(&self) -> bool {
        self.inner.flowing() && !self.mischief.gates()
    }

    fn holds(&self, input: InputIndex) -> bool {
        self.mischief.holds(input, self.inner.holds(input))
    }

    fn job(&self) -> Option<Attempt> {
        self.inner.job()
    }

    fn hastens(&self, checkpoint: CheckpointId) -> bool {
        self.inner.hastens(checkpoint)
    }

    fn wants(&self, slot: usize) -> Option<(PartitionId, Offset)> {
        if self.mischief.pauses() { None } else { self.inner.wants(slot) }
    }

    fn chooses(&self) -> bool {
        self.inner.chooses()
    }

    fn deaf(&self, control: &Control) -> bool {
        self.inner.deaf(control)
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
        d.bytes(format!("{:?}", self.mischief).as_bytes()); // plain values: nothing of it is an address
    }

    fn fork(&self) -> Box<dyn Process> {
        Interposed::boxed(self.inner.fork(), self.mischief.clone())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
