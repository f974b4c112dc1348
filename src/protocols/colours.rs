//! Snapshots where records can overtake each other: Lai & Yang, "On Distributed Snapshots" (1987).
//!
//! No marker could tell what was sent before it, so every record says it by itself: its sender writes the number of the
//! newest checkpoint in whose cut it has taken part on it, its colour. Whoever is to take a record with a newer colour
//! takes the cut first. Whoever takes one with an older colour has what was in flight, and keeps it with the snapshot.
//! Nobody has to begin, so the coordinator may tell everybody, whenever that arrives.
//!
//! How many such records are still to come, the article finds in histories of all that was sent and received. Here a
//! sender counts, and tells the receiver at its cut how many went into the channel up to there (Mattern 1993). The part
//! is stored when that many have come.

use super::interpose::{Interposed, Mischief};
use crate::engine;
use crate::engine::config::{Config, Mode};
use crate::engine::gate::Gate;
use crate::engine::message::*;
use crate::engine::process::Process;
use crate::engine::subtask::Subtask;
use crate::ids::*;
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is left out of it: the defects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lacks {
    Nothing,
    /// Nobody takes a cut because of a colour.
    Forcing,
    /// What is in flight isn't kept.
    Keeping,
    /// Nobody waits for what is in flight.
    Waiting,
}

/// As published.
pub(super) fn lai_yang(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    coloured(t, c, who, Lacks::Nothing)
}

pub(super) fn blind(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    coloured(t, c, who, Lacks::Forcing)
}

pub(super) fn forgetful(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    coloured(t, c, who, Lacks::Keeping)
}

pub(super) fn impatient(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    coloured(t, c, who, Lacks::Waiting)
}

fn coloured(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation, lacks: Lacks) -> Box<dyn Process> {
    if who.task == t.coordinator() {
        return Interposed::boxed(engine::spawn(t, c, who), Tells { attempt: Attempt(0) });
    }
    let c = &Arc::new(Config { mode: Mode::Aligned, ..Config::clone(c) });
    let inputs = t.subtasks[who.task.index()].inputs.len();
    // One input is enough for a gate that is told when to cut.
    let mut ended = InputSet::all(inputs);
    ended.remove(InputIndex(0));
    let gate = Gate::new(c.mode, inputs, c.checkpoint_after_end, &ended);
    Interposed::boxed(Box::new(Subtask::new(t, c, who, gate)), Colours::new(t, who, lacks))
}

/// The coordinator tells everybody to begin.
#[derive(Clone, Debug)]
struct Tells {
    attempt: Attempt,
}

impl Mischief for Tells {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let mut begun = None;
        let mut told = BTreeSet::new();
        for effect in effects.iter() {
            match effect {
                Effect::Tell(to, Control::Deploy { .. }) => self.attempt = to.attempt,
                Effect::Tell(to, Control::Trigger(_) | Control::TriggerLast(_)) => _ = told.insert(to.task),
                Effect::Mark(Mark::Triggered(id, required)) => begun = Some((*id, required.clone())),
                _ => {}
            }
        }
        let Some((id, required)) = begun else { return };
        let others = required.iter().filter(|task| !told.contains(task));
        let life = |task: &TaskId| Incarnation { task: *task, attempt: self.attempt };
        effects.extend(others.map(|task| Effect::Tell(life(task), Control::Trigger(id))));
    }
}

/// A cut, as long as the coordinator hasn't said what became of it.
#[derive(Clone, Debug)]
struct Cut {
    /// By input: records that were sent after the sender's cut.
    red: Vec<u64>,
    flight: Vec<Vec<Record>>,
    /// The request to store it, which waits for what is in flight.
    put: Option<Effect>,
}

/// Stands around an honest subtask whose gate has one input, and takes a cut whenever a barrier is made up on it.
#[derive(Clone, Debug)]
struct Colours {
    me: Incarnation,
    lacks: Lacks,
    /// By output: who takes it, and how many records went into it.
    outputs: BTreeMap<ChannelId, (TaskId, u64)>,
    inputs: Vec<ChannelId>,
    running: bool,
    colour: CheckpointId,
    /// The colour of the record that comes next.
    next: CheckpointId,
    /// By input: records that were taken, and records that were put back at the restore.
    taken: Vec<u64>,
    put_back: Vec<u64>,
    ended: InputSet,
    cuts: BTreeMap<CheckpointId, Cut>,
    /// What senders told of their cuts.
    told: BTreeMap<(CheckpointId, InputIndex), u64>,
}

impl Colours {
    fn new(topology: &Topology, me: Incarnation, lacks: Lacks) -> Self {
        let subtask = &topology.subtasks[me.task.index()];
        let n = subtask.inputs.len();
        let output = |channel: &ChannelId| (*channel, (topology.channels[channel.index()].to, 0));
        Colours {
            me,
            lacks,
            outputs: subtask.outputs.iter().map(output).collect(),
            inputs: subtask.inputs.clone(),
            running: false,
            colour: CheckpointId(0),
            next: CheckpointId(0),
            taken: vec![0; n],
            put_back: vec![0; n],
            ended: InputSet::new(),
            cuts: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    fn open(&mut self, id: CheckpointId) {
        let n = self.inputs.len();
        let cut = || Cut { red: vec![0; n], flight: vec![Vec::new(); n], put: None };
        self.cuts.entry(id).or_insert_with(cut);
        self.colour = self.colour.max(id);
    }

    /// What makes the process take the cut, if it hasn't. Whoever has no input is told by the coordinator alone.
    fn cut(&mut self, id: CheckpointId) -> Option<Input> {
        let due = self.running && id > self.colour && self.ended.len() < self.inputs.len();
        due.then(|| {
            self.open(id);
            Input::Element(InputIndex(0), Element::Barrier(Barrier { id, overtakes: false }))
        })
    }

    fn take(&mut self, input: InputIndex, record: &Record) {
        let colour = std::mem::take(&mut self.next);
        self.taken[input.index()] += 1;
        for (id, cut) in &mut self.cuts {
            if colour >= *id {
                cut.red[input.index()] += 1;
            } else if self.lacks != Lacks::Keeping {
                cut.flight[input.index()].push(record.clone());
            }
        }
    }

    /// Has everything come that was in flight at this cut?
    fn complete(&self, id: CheckpointId, cut: &Cut) -> bool {
        let came = |i: usize| {
            let input = InputIndex(i as u32);
            let sent = self.told.get(&(id, input)).map(|sent| sent + self.put_back[i]);
            self.ended.contains(input) || sent == Some(self.taken[i] - cut.red[i])
        };
        self.lacks == Lacks::Waiting || (0..self.inputs.len()).all(came)
    }

    /// What was kept of channels goes into the snapshot that is to be stored, as soon as it is all there.
    fn store(&mut self, mut effect: Effect) -> Option<Effect> {
        let Effect::Ask(_, _, Request::Put(key, snapshot)) = &mut effect else { return Some(effect) };
        let id = key.checkpoint;
        let Some(cut) = self.cuts.get(&id) else { return Some(effect) };
        if !self.complete(id, cut) {
            self.cuts.get_mut(&id)?.put = Some(effect);
            return None;
        }
        let kept = cut.flight.iter().enumerate().filter(|(_, records)| !records.is_empty());
        let channel = |(i, records): (usize, &Vec<Record>)| (InputIndex(i as u32), records.as_slice().into());
        Arc::make_mut(snapshot).channels = kept.map(channel).collect();
        Some(effect)
    }

    /// Records that are sent get their colour, and what the process did is noticed.
    fn sent(&mut self, effect: Effect, effects: &mut Vec<Effect>) {
        match effect {
            Effect::Send(channel, Element::Record(record)) => {
                self.outputs.get_mut(&channel).expect("a process has its own outputs").1 += 1;
                let note = Arc::from([self.colour.0]);
                effects.push(Effect::Send(channel, Element::Noted(Box::new(Noted { record, note }))));
            }
            Effect::Send(_, Element::Barrier(_)) => {}
            Effect::Mark(Mark::Cut(id, snapshot)) => {
                effects.push(Effect::Mark(Mark::Cut(id, snapshot)));
                self.open(id);
                let tell = |(channel, (task, sent)): (&ChannelId, &(TaskId, u64))| {
                    let to = Incarnation { task: *task, ..self.me };
                    Effect::Tell(to, Control::Counts(id, Arc::from([channel.0 as u64, *sent])))
                };
                effects.extend(self.outputs.iter().map(tell));
            }
            Effect::Refill(input, records) => {
                self.put_back[input.index()] += records.len() as u64;
                effects.push(Effect::Refill(input, records));
            }
            Effect::Tell(to, Control::Running) => {
                self.running = true;
                effects.push(Effect::Tell(to, Control::Running));
            }
            other => effects.extend(self.store(other)),
        }
    }
}

impl Mischief for Colours {
    fn all(&mut self, input: Input) -> Vec<Input> {
        match &input {
            Input::Noted(_, note) => {
                self.next = CheckpointId(note[0]);
                if self.lacks == Lacks::Forcing { Vec::new() } else { self.cut(self.next).into_iter().collect() }
            }
            Input::Element(at, Element::Record(record)) => {
                self.take(*at, record);
                vec![input]
            }
            Input::Element(at, Element::End) => {
                self.ended.insert(*at);
                let last = self.ended.len() == self.inputs.len();
                if last { vec![Input::Element(InputIndex(0), Element::End)] } else { Vec::new() }
            }
            Input::Told { control: Control::Counts(id, counts), .. } => {
                let [channel, sent] = counts[..] else { unreachable!("a channel, and what went into it") };
                if let Some(at) = self.inputs.iter().position(|input| input.0 as u64 == channel) {
                    self.told.insert((*id, InputIndex(at as u32)), sent);
                }
                Vec::new()
            }
            Input::Told { control: Control::Trigger(id) | Control::TriggerLast(id), .. } => {
                let (id, taken) = (*id, self.running && *id <= self.colour);
                if taken { Vec::new() } else { vec![self.cut(id).unwrap_or(input)] }
            }
            Input::Told { control: Control::Complete(id), .. } => {
                self.cuts.retain(|cut, _| cut > id);
                self.told.retain(|(cut, _), _| cut > id);
                vec![input]
            }
            Input::Told { control: Control::Abort(id), .. } => {
                self.cuts.remove(id);
                self.told.retain(|(cut, _), _| cut != id);
                vec![input]
            }
            _ => vec![input],
        }
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in std::mem::take(effects) {
            self.sent(effect, effects);
        }
        let waiting: Vec<Effect> = self.cuts.values_mut().filter_map(|cut| cut.put.take()).collect();
        for put in waiting {
            effects.extend(self.store(put));
        }
    }
}
