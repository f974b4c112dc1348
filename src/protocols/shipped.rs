//! More defects that real engines have shipped: those that need a memory of what was said before.

use super::interpose::Mischief;
use super::plant::{Effects, Inputs, plant};
use crate::engine::config::Config;
use crate::engine::message::*;
use crate::engine::process::Process;
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::topology::Topology;
use std::sync::Arc;

// Takes a checkpoint for complete as soon as it is begun: all acks are there at once.
#[derive(Clone, Debug, Default)]
struct CompleteAtTrigger(Vec<Input>);

impl Mischief for CompleteAtTrigger {
    fn all(&mut self, input: Input) -> Vec<Input> {
        let mut all = std::mem::take(&mut self.0);
        all.push(input);
        all
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let trigger = effects.iter().find_map(|effect| match effect {
            Effect::Tell(to, Control::Trigger(id)) => Some((to.attempt, *id)),
            _ => None,
        });
        let (Some((attempt, id)), Some(required)) = (trigger, effects.iter().find_map(required)) else { return };
        let acks = required.iter().map(|task| Incarnation { task: *task, attempt });
        self.0.extend(acks.map(|from| Input::Told { from, control: Control::Ack(id) }));
    }
}

fn required(effect: &Effect) -> Option<Arc<[TaskId]>> {
    match effect {
        Effect::Mark(Mark::Triggered(_, required)) => Some(required.clone()),
        _ => None,
    }
}

plant!(complete_at_trigger, Coordinator, |_, _| CompleteAtTrigger::default());

// The write went through, its reply was lost, the second one is told "it is there": so the state is thrown away.
#[derive(Clone, Debug, Default)]
struct DiscardsTheRepeated(Vec<(Ticket, FencingToken, Attempt, CheckpointId, u32)>, Vec<Effect>);

impl Mischief for DiscardsTheRepeated {
    fn input(&mut self, input: Input) -> Option<Input> {
        if let Input::Reply(ticket, Reply::Done) = &input {
            let repeated = self.0.iter().filter(|(asked, .., times)| asked == ticket && *times > 1);
            let discards = repeated
                .map(|(_, token, attempt, id, _)| Effect::Ask(NO_TICKET, *token, Request::Discard(*attempt, *id)));
            self.1.extend(discards);
            self.0.retain(|(asked, ..)| asked != ticket);
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects.iter() {
            if let Effect::Ask(ticket, token, Request::Publish(manifest)) = effect {
                match self.0.iter_mut().find(|(asked, ..)| asked == ticket) {
                    Some(asked) => asked.4 += 1,
                    None => self.0.push((*ticket, *token, manifest.attempt, manifest.checkpoint, 1)),
                }
            }
        }
        effects.append(&mut self.1);
    }
}

plant!(discards_the_repeated, Coordinator, |_, _| DiscardsTheRepeated::default());

// The second restart finds no checkpoint loaded yet, and starts from nothing.
#[derive(Clone, Debug, Default)]
struct SecondRestartFresh(u32);

impl Mischief for SecondRestartFresh {
    fn input(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Reply(_, Reply::Began { completed, .. }) = &mut input {
            self.0 += 1;
            if self.0 == 3 {
                *completed = [].into();
            }
        }
        Some(input)
    }
}

plant!(second_restart_fresh, Coordinator, |_, _| SecondRestartFresh::default());

// What was begun last is not what was completed last: then nothing is read at all.
plant!(planned_ahead, Coordinator, |_, _| Inputs(|input| {
    if let Input::Reply(_, Reply::Began { completed, orphans, .. }) = input
        && !orphans.is_empty()
    {
        *completed = [].into();
    }
}));

// State goes to the neighbour of the subtask that gets its keys.
#[derive(Clone, Debug)]
struct SwapsState(TaskId);

impl Mischief for SwapsState {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects {
            if let Effect::Ask(_, _, Request::Get(key)) = effect {
                key.task = self.0;
            }
        }
    }
}

plant!(swaps_state, Inner, |t, who| {
    let vertex = |task: &TaskId| t.subtasks[task.index()].vertex;
    let peers = |task: &TaskId| *task != who.task && vertex(task) == vertex(&who.task);
    let next = (0..t.len() as u32).map(TaskId).filter(peers).min_by_key(|task| (task.0 < who.task.0, task.0));
    SwapsState(next.unwrap_or(who.task))
});

// What is written between the last barrier and the end of the input is in no transaction.
#[derive(Clone, Debug)]
struct DropsTheTail {
    open: InputSet,
    lost: Option<Txn>,
    answers: Vec<Ticket>,
}

impl Mischief for DropsTheTail {
    fn again(&mut self, input: &Input) -> Option<Input> {
        if let Input::Element(at, Element::End) = input {
            self.open.remove(*at);
        }
        self.answers.pop().map(|ticket| Input::Reply(ticket, Reply::Done))
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        effects.retain(|effect| match effect {
            Effect::AskLedger(ticket, _, Request::Stage(txn, _)) if self.open.is_empty() => {
                self.lost = Some(*txn);
                self.answers.push(*ticket);
                false
            }
            Effect::AskLedger(ticket, _, Request::Commit(txn)) if self.lost == Some(*txn) => {
                self.answers.push(*ticket);
                false
            }
            _ => true,
        });
    }
}

plant!(drops_the_tail, Sinks, |t, who| {
    let open = InputSet::all(t.subtasks[who.task.index()].inputs.len());
    DropsTheTail { open, lost: None, answers: Vec::new() }
});

// A commit that isn't answered in time is taken for failed: the same records are written once more, in a transaction of
// their own.
#[derive(Clone, Debug, Default)]
struct CommitsAnew {
    staged: Vec<(Txn, Arc<Vec<Record>>)>,
    asked: Vec<Txn>,
}

impl Mischief for CommitsAnew {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let mut anew = Vec::new();
        for effect in effects.iter_mut() {
            match effect {
                Effect::AskLedger(_, _, Request::Stage(txn, records)) => {
                    self.staged.retain(|(staged, _)| staged != txn);
                    self.staged.push((*txn, records.clone()));
                }
                Effect::AskLedger(_, attempt, Request::Commit(txn)) => {
                    let staged = self.staged.iter().find(|(staged, _)| staged == txn);
                    if let (true, Some((_, records))) = (self.asked.contains(txn), staged) {
                        txn.number += 1_000_000;
                        anew.push(Effect::AskLedger(NO_TICKET, *attempt, Request::Stage(*txn, records.clone())));
                    }
                    self.asked.push(*txn);
                }
                _ => {}
            }
        }
        effects.splice(0..0, anew);
    }
}

// To stop, a checkpoint is taken like any other: sources read on behind it until they are told to stop.
plant!(reads_on, Sources, |_, _| Inputs(|input| {
    if let Input::Told { control, .. } = input
        && let Control::TriggerLast(id) = *control
    {
        *control = Control::Trigger(id);
    }
}));

// To stop, the input is ended behind the last barrier, as if there were no more of it.
#[derive(Clone, Debug, Default)]
struct EndsInput(Option<CheckpointId>);

impl Mischief for EndsInput {
    fn input(&mut self, input: Input) -> Option<Input> {
        if let Input::Told { control: Control::TriggerLast(id), .. } = &input {
            self.0 = Some(*id);
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let ends = effects.iter().filter_map(|effect| match effect {
            Effect::Send(channel, Element::Barrier(barrier)) if Some(barrier.id) == self.0 => {
                Some(Effect::Send(*channel, Element::End))
            }
            _ => None,
        });
        let ends: Vec<Effect> = ends.collect();
        effects.extend(ends);
    }
}

plant!(ends_input, Sources, |_, _| EndsInput::default());

// Periodic checkpoints end when the job is to stop, and stay off when that fails.
plant!(stays_off, Coordinator, |_, _| Effects(|effects| {
    if effects.iter().any(|effect| matches!(effect, Effect::Mark(Mark::StopFailed(_)))) {
        effects.retain(|effect| !matches!(effect, Effect::Arm(Timer::Interval, _)));
    }
}));

// Who was only asked for a savepoint is told that it is complete, as of a checkpoint.
#[derive(Clone, Debug, Default)]
struct CommitsAtSavepoint(Option<(Attempt, u32)>);

impl Mischief for CommitsAtSavepoint {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let mut told = Vec::new();
        for effect in effects.iter() {
            match (effect, self.0) {
                (Effect::Ask(_, _, Request::Save(manifest)), _) => {
                    self.0 = Some((manifest.attempt, manifest.parts.len() as u32));
                }
                (Effect::Mark(Mark::Saved(id)), Some((attempt, tasks))) => {
                    let lives = (0..tasks).map(|task| Incarnation { task: TaskId(task), attempt });
                    told.extend(lives.map(|life| Effect::Tell(life, Control::Complete(*id))));
                }
                _ => {}
            }
        }
        effects.append(&mut told);
    }
}

plant!(commits_at_savepoint, Coordinator, |_, _| CommitsAtSavepoint::default());

plant!(commits_anew, Sinks, |_, _| CommitsAnew::default());

// Behind the end of its input, it stores and acknowledges a snapshot while its last writes are under way.
#[derive(Clone, Debug)]
struct LastFlushUnawaited {
    me: Incarnation,
    coordinator: Option<Incarnation>,
    flush: Option<Ticket>,
    stored: Option<CheckpointId>,
    acked: Option<CheckpointId>,
}

/// No request of an honest process has it.
const OWN_TICKET: Ticket = Ticket(u32::MAX - 1);

impl Mischief for LastFlushUnawaited {
    fn input(&mut self, input: Input) -> Option<Input> {
        match &input {
            Input::Told { from, .. } => self.coordinator = Some(*from),
            Input::Reply(OWN_TICKET, _) => {
                self.acked = self.stored.take();
                return None;
            }
            Input::Reply(ticket, Reply::Done) if self.flush == Some(*ticket) => self.flush = None,
            _ => {}
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let mut more = Vec::new();
        if let (Some(to), Some(id)) = (self.coordinator, self.acked.take()) {
            more.push(Effect::Tell(to, Control::Ack(id)));
        }
        for effect in effects.iter() {
            if let (Effect::Mark(Mark::Cut(checkpoint, snapshot)), Some(_)) = (effect, self.flush) {
                let key = StoreKey { attempt: self.me.attempt, checkpoint: *checkpoint, task: self.me.task };
                let token = FencingToken(self.coordinator.map_or(0, |leader| leader.attempt.0));
                self.stored = Some(*checkpoint);
                more.push(Effect::Ask(OWN_TICKET, token, Request::Put(key, snapshot.clone())));
            }
        }
        if effects.iter().any(|effect| matches!(effect, Effect::Mark(Mark::Finished))) {
            self.flush = effects.iter().find_map(|effect| match effect {
                Effect::AskLedger(ticket, _, Request::Flush) => Some(*ticket),
                _ => None,
            });
        }
        effects.append(&mut more);
    }
}

plant!(last_flush_unawaited, Writers, |_, me| LastFlushUnawaited {
    me,
    coordinator: None,
    flush: None,
    stored: None,
    acked: None
});
