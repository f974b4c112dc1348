//! Honest processes, tampered with: one small defect each.

use super::interpose::Mischief;
use super::plant::{Effects, Inputs, plant};
use crate::engine;
use crate::engine::config::Config;
use crate::engine::message::*;
use crate::engine::process::Process;
use crate::engine::snapshot::Snapshot;
use crate::ids::*;
use crate::topology::Topology;
use std::sync::Arc;

// Acknowledges as soon as the snapshot is taken.
#[derive(Clone, Debug, Default)]
struct AckEarly(Option<Incarnation>);

impl Mischief for AckEarly {
    fn input(&mut self, input: Input) -> Option<Input> {
        if let Input::Told { from, control: Control::Deploy { .. } } = &input {
            self.0 = Some(*from);
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        effects.retain(|effect| !matches!(effect, Effect::Tell(_, Control::Ack(_))));
        for i in 0..effects.len() {
            if let (Effect::Mark(Mark::Cut(id, _)), Some(coordinator)) = (&effects[i], self.0) {
                effects.push(Effect::Tell(coordinator, Control::Ack(*id)));
            }
        }
    }
}

plant!(ack_early, Subtasks, |_, _| AckEarly::default());

// Takes what was handed over for written: answers the sink's own question at the next opportunity.
#[derive(Clone, Debug, Default)]
struct FlushUnasked(Vec<Ticket>);

impl Mischief for FlushUnasked {
    fn again(&mut self, _input: &Input) -> Option<Input> {
        self.0.pop().map(|ticket| Input::Reply(ticket, Reply::Done))
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        effects.retain(|effect| {
            let Effect::AskLedger(ticket, _, Request::Flush) = effect else { return true };
            if !self.0.contains(ticket) {
                self.0.push(*ticket);
            }
            false
        });
    }
}

plant!(flush_unasked, Writers, |_, _| FlushUnasked::default());

// Holds barriers back until one more record has been sent.
#[derive(Clone, Debug, Default)]
pub(super) struct BarrierLate(Vec<Effect>);

impl Mischief for BarrierLate {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let barrier = |effect: &Effect| matches!(effect, Effect::Send(_, Element::Barrier(_)));
        let sends = effects.iter().any(|e| matches!(e, Effect::Send(_, Element::Record(_) | Element::End)));
        if sends {
            let at = effects.iter().position(|e| matches!(e, Effect::Send(_, Element::End))).unwrap_or(effects.len());
            effects.splice(at..at, self.0.drain(..));
        } else {
            let held = effects.iter().filter(|effect| barrier(effect)).cloned();
            self.0.extend(held);
            effects.retain(|effect| !barrier(effect));
        }
    }
}

plant!(barrier_late, Sources, |_, _| BarrierLate::default());

// Says everybody's ack when the first one comes.
#[derive(Clone, Debug)]
struct QuorumOfOne {
    tasks: u32,
    queue: Vec<(Incarnation, CheckpointId)>,
}

impl Mischief for QuorumOfOne {
    fn input(&mut self, input: Input) -> Option<Input> {
        if let Input::Told { from, control: Control::Ack(id) } = input {
            self.queue = (0..self.tasks).map(|t| (Incarnation { task: TaskId(t), ..from }, id)).collect();
        }
        Some(input)
    }

    fn again(&mut self, input: &Input) -> Option<Input> {
        // Acks from others arrive as if they had been sent: one more with every message that comes.
        let (from, id) = self.queue.pop()?;
        let control = Control::Ack(id);
        (!matches!(input, Input::Start)).then_some(Input::Told { from, control })
    }
}

plant!(quorum_of_one, Coordinator, |t, _| QuorumOfOne { tasks: t.len() as u32, queue: Vec::new() });

// Commits a transaction as soon as it is prepared.
#[derive(Clone, Debug)]
struct CommitEarly;

impl Mischief for CommitEarly {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for i in 0..effects.len() {
            if let Effect::AskLedger(_, attempt, Request::Stage(txn, _)) = effects[i] {
                effects.push(Effect::AskLedger(engine::subtask::NO_TICKET, attempt, Request::Commit(txn)));
            }
        }
    }
}

plant!(commit_early, Sinks, |_, _| CommitEarly);

/// Rewrites every snapshot that is taken or stored.
fn snapshots(effects: &mut [Effect], change: fn(&mut Snapshot)) {
    for effect in effects {
        match effect {
            Effect::Mark(Mark::Cut(_, snapshot)) | Effect::Ask(_, _, Request::Put(_, snapshot)) => {
                change(Arc::make_mut(snapshot));
            }
            _ => {}
        }
    }
}

plant!(offset_early, Sources, |_, _| Effects(|effects| snapshots(effects, |snapshot| {
    snapshot.offsets.iter_mut().for_each(|position| position.1.0 = position.1.0.saturating_sub(1));
})));

plant!(offset_late, Sources, |_, _| Effects(|effects| snapshots(effects, |snapshot| {
    snapshot.offsets.iter_mut().for_each(|position| position.1.0 += 1);
})));

// Announces a checkpoint when its record is asked for.
#[derive(Clone, Debug)]
struct NotifyEarly {
    tasks: u32,
}

impl Mischief for NotifyEarly {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for i in 0..effects.len() {
            if let Effect::Ask(_, _, Request::Publish(manifest)) = &effects[i] {
                let (attempt, id) = (manifest.attempt, manifest.checkpoint);
                for task in (0..self.tasks).map(TaskId) {
                    effects.push(Effect::Tell(Incarnation { task, attempt }, Control::Complete(id)));
                }
            }
        }
    }
}

plant!(notify_early, Coordinator, |t, _| NotifyEarly { tasks: t.len() as u32 });

plant!(restore_older, Coordinator, |_, _| Inputs(|input| {
    if let Input::Reply(_, Reply::Began { completed, .. }) = input {
        *completed = completed[..completed.len().saturating_sub(1)].into();
    }
}));

plant!(ids_start_over, Coordinator, |_, _| Inputs(|input| {
    if let Input::Reply(_, Reply::Began { next, .. }) = input {
        *next = CheckpointId(1);
    }
}));

// Counts the records of a life; the first is applied twice.
#[derive(Clone, Debug, Default)]
struct AppliesTwice(bool);

impl Mischief for AppliesTwice {
    fn again(&mut self, input: &Input) -> Option<Input> {
        let record = matches!(input, Input::Element(_, Element::Record(_)));
        (record && !std::mem::replace(&mut self.0, true)).then(|| input.clone())
    }
}

plant!(applies_twice, Inner, |_, _| AppliesTwice::default());

#[derive(Clone, Debug, Default)]
struct DropsOne(u32);

impl Mischief for DropsOne {
    fn input(&mut self, input: Input) -> Option<Input> {
        self.0 += matches!(input, Input::Element(_, Element::Record(_))) as u32;
        (self.0 != 10 || !matches!(input, Input::Element(_, Element::Record(_)))).then_some(input)
    }
}

plant!(drops_one, Inner, |_, _| DropsOne::default());

// The first coordinator says that it is the thousandth.
#[derive(Clone, Debug)]
struct Forger(bool);

impl Mischief for Forger {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects {
            if let Effect::Ask(_, token, request) = effect
                && self.0
                && !matches!(request, Request::Lead)
            {
                *token = FencingToken(1_000);
            }
        }
    }
}

plant!(forged_token, Coordinator, |_, who| Forger(who.attempt == Attempt(1)));

plant!(aborts_prepared, Sinks, |_, _| Effects(|effects| {
    for effect in effects {
        if let Effect::AskLedger(_, _, Request::Fence { keep, .. }) = effect {
            *keep = Arc::from([]);
        }
    }
}));

#[derive(Clone, Debug, Default)]
struct NoSecondTrigger(u32);

impl Mischief for NoSecondTrigger {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        effects.retain(|effect| {
            let arms = matches!(effect, Effect::Arm(Timer::Interval, _));
            self.0 += arms as u32;
            !arms || self.0 < 2
        });
    }
}

plant!(no_second_trigger, Coordinator, |_, _| NoSecondTrigger::default());

plant!(finish_unsaid, Inner, |_, _| Effects(|effects| {
    effects.retain(|effect| !matches!(effect, Effect::Tell(_, Control::Finished)));
}));
