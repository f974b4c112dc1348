//! Defects that real engines have shipped. The numbers and names are those of the trackers, as `about` in the table says.

use super::interpose::Mischief;
use super::plant::{Effects, Inputs, Whom, is, plant};
use crate::engine::config::Config;
use crate::engine::message::*;
use crate::engine::process::Process;
use crate::engine::snapshot::Manifest;
use crate::ids::*;
use crate::topology::Topology;
use std::sync::Arc;

// Goes on for one more record of a channel before it takes the barrier that came first.
#[derive(Clone, Debug, Default)]
struct OnePollLate(Option<Input>);

impl Mischief for OnePollLate {
    fn input(&mut self, input: Input) -> Option<Input> {
        match &input {
            Input::Element(_, Element::Barrier(_)) if self.0.is_none() => {
                self.0 = Some(input);
                None
            }
            _ => Some(input),
        }
    }

    fn again(&mut self, input: &Input) -> Option<Input> {
        match (&self.0, input) {
            (Some(Input::Element(late, _)), Input::Element(now, _)) if late == now => self.0.take(),
            _ => None,
        }
    }
}

plant!(one_poll_late, Inner, |_, _| OnePollLate::default());

plant!(no_deadline, Coordinator, |_, _| Effects(|effects| {
    effects.retain(|effect| !matches!(effect, Effect::Arm(Timer::Timeout(_), _)));
}));

plant!(never_asks_again, Subtasks, |_, _| Effects(|effects| {
    effects.retain(|effect| !matches!(effect, Effect::Arm(Timer::Retry, _)));
}));

plant!(notices_once, Coordinator, |_, _| Effects(|effects| {
    effects.retain(|effect| !matches!(effect, Effect::Arm(Timer::Remind, _)));
}));

plant!(refills_twice, Subtasks, |_, _| Effects(|effects| {
    let again: Vec<Effect> = effects.iter().filter(|effect| matches!(effect, Effect::Refill(..))).cloned().collect();
    effects.extend(again);
}));

plant!(refills_nothing, Subtasks, |_, _| Effects(|effects| {
    effects.retain(|effect| !matches!(effect, Effect::Refill(..)));
}));

plant!(starts_fresh, Inner, |_, _| Inputs(|input| {
    if let Input::Reply(_, Reply::Found(snapshot)) = input {
        let snapshot = Arc::make_mut(snapshot);
        snapshot.operators.iter_mut().for_each(|operator| operator.keyed.clear());
    }
}));

plant!(resumes_ahead, Sources, |_, _| Inputs(|input| {
    if let Input::Reply(_, Reply::Found(snapshot)) = input {
        let snapshot = Arc::make_mut(snapshot);
        snapshot.offsets.iter_mut().filter(|(_, _, ended)| !ended).for_each(|position| position.1.0 += 1);
    }
}));

// Stores less than it said it had at its cut.
plant!(stores_half, Inner, |_, _| Effects(|effects| {
    for effect in effects {
        if let Effect::Ask(_, _, Request::Put(_, snapshot)) = effect {
            Arc::make_mut(snapshot).operators.iter_mut().for_each(|operator| drop(operator.keyed.pop_first()));
        }
    }
}));

// Commits nothing that an earlier attempt has prepared.
#[derive(Clone, Debug)]
struct ForgetsPrepared(Attempt);

impl Mischief for ForgetsPrepared {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let old = |txn: &Txn| txn.attempt < self.0;
        effects.retain(|effect| !matches!(effect, Effect::AskLedger(_, _, Request::Commit(txn)) if old(txn)));
    }
}

plant!(forgets_prepared, Sinks, |_, who| ForgetsPrepared(who.attempt));

// A subtask amidst the job restores the checkpoint before the one that all others restore.
#[derive(Clone, Debug)]
struct OneRestoresOlder {
    task: TaskId,
    completed: Vec<Arc<Manifest>>,
}

impl Mischief for OneRestoresOlder {
    fn input(&mut self, input: Input) -> Option<Input> {
        if let Input::Reply(_, Reply::Began { completed, .. }) = &input {
            self.completed = completed.to_vec();
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let older = self.completed.len().checked_sub(2).map(|at| self.completed[at].clone());
        for effect in effects {
            if let Effect::Tell(to, Control::Deploy { restore }) = effect
                && to.task == self.task
                && let (Some(older), true) = (&older, restore.is_some())
            {
                *restore = Some(older.clone());
            }
        }
    }
}

plant!(one_restores_older, Coordinator, |t, _| {
    let inner = |task: &TaskId| is(&Whom::Inner, t, *task);
    let task = (0..t.len() as u32).map(TaskId).find(inner).unwrap_or(TaskId(0));
    OneRestoresOlder { task, completed: Vec::new() }
});

// Takes the newest completed checkpoint away instead of the oldest.
#[derive(Clone, Debug, Default)]
struct DeletesTheNewest(Vec<(Attempt, CheckpointId)>);

impl Mischief for DeletesTheNewest {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ask(_, _, Request::Publish(manifest)) => self.0.push((manifest.attempt, manifest.checkpoint)),
                Effect::Ask(_, _, Request::Discard(attempt, id)) if self.0.contains(&(*attempt, *id)) => {
                    (*attempt, *id) = *self.0.last().expect("it contains one");
                }
                _ => {}
            }
        }
    }
}

plant!(deletes_the_newest, Coordinator, |_, _| DeletesTheNewest::default());

plant!(barrier_jumps, Sources, |_, _| Effects(|effects| {
    for effect in effects {
        if let Effect::Send(_, Element::Barrier(barrier)) = effect {
            barrier.overtakes = true;
        }
    }
}));

// Says that it needs no old transactions to be given up, and is told so by itself.
#[derive(Clone, Debug, Default)]
struct NoFence(Vec<Ticket>);

impl Mischief for NoFence {
    fn again(&mut self, _: &Input) -> Option<Input> {
        self.0.pop().map(|ticket| Input::Reply(ticket, Reply::Done))
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        effects.retain(|effect| match effect {
            Effect::AskLedger(ticket, _, Request::Fence { .. }) => {
                self.0.push(*ticket);
                false
            }
            _ => true,
        });
    }
}

plant!(no_fence, Sinks, |_, _| NoFence::default());
