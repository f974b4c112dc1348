//! What articles say a checkpoint is, taken at its word: see docs/folklore.md. One row is no mistake, but costs more than
//! it has to: the stream that stands still.

use super::interpose::{Interposed, Mischief};
use super::plant::{Effects, Inputs, Whom, is, plant};
use crate::engine;
use crate::engine::config::Config;
use crate::engine::message::*;
use crate::engine::process::Process;
use crate::ids::*;
use crate::topology::Topology;
use std::sync::Arc;

// Whoever is triggered is told by the coordinator; so is everybody else.
#[derive(Clone, Debug)]
struct TellsEverybody(Vec<TaskId>);

impl Mischief for TellsEverybody {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let mut triggers = effects.iter().filter_map(|effect| match effect {
            Effect::Tell(to, Control::Trigger(id)) => Some((to.attempt, *id)),
            _ => None,
        });
        let Some((attempt, id)) = triggers.next_back() else { return };
        let all = self.0.iter().map(|task| Incarnation { task: *task, attempt });
        effects.extend(all.map(|to| Effect::Tell(to, Control::Trigger(id))));
    }
}

// Takes the coordinator's word for the barriers of all inputs, and those that come on the inputs for nothing.
#[derive(Clone, Debug)]
struct BarriersByWord(InputSet);

impl Mischief for BarriersByWord {
    fn all(&mut self, input: Input) -> Vec<Input> {
        match input {
            Input::Told { control: Control::Trigger(id), .. } if !self.0.is_empty() => {
                let barrier = Element::Barrier(Barrier { id, overtakes: false });
                self.0.iter().map(|input| Input::Element(input, barrier.clone())).collect()
            }
            Input::Element(_, Element::Barrier(_)) => Vec::new(),
            Input::Element(at, Element::End) => {
                self.0.remove(at);
                vec![input]
            }
            _ => vec![input],
        }
    }
}

pub(super) fn out_of_band(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    let honest = engine::spawn(t, c, who);
    let receives = |task: TaskId| task != t.coordinator() && !is(&Whom::Sources, t, task);
    if who.task == t.coordinator() {
        let tasks = (0..t.len() as u32).map(TaskId).filter(|task| receives(*task));
        return Interposed::boxed(honest, TellsEverybody(tasks.collect()));
    }
    if receives(who.task) {
        let inputs = InputSet::all(t.subtasks[who.task.index()].inputs.len());
        return Interposed::boxed(honest, BarriersByWord(inputs));
    }
    honest
}

// `put(x); s = get(); put(s + x)`: what was there is overwritten first.
#[derive(Clone, Debug, Default)]
struct PutThenAdd(Option<i64>);

impl Mischief for PutThenAdd {
    fn input(&mut self, input: Input) -> Option<Input> {
        if let Input::Element(_, Element::Record(record)) = &input {
            self.0 = match record.value {
                Datum::Int(value) => Some(value),
                _ => None,
            };
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects {
            if let (Effect::Send(_, Element::Record(record)), Some(value)) = (effect, self.0) {
                record.value = Datum::Int(value + value);
            }
        }
    }
}

plant!(put_then_add, Inner, |_, _| PutThenAdd::default());

// The disk went with its host.
plant!(local_disk, Inner, |_, _| Inputs(|input| {
    if let Input::Reply(_, reply @ Reply::Found(_)) = input {
        *reply = Reply::Missing;
    }
}));

// So many records never come.
plant!(counts_records, Coordinator, |_, _| Effects(|effects| {
    effects.retain(|effect| !matches!(effect, Effect::Arm(Timer::Interval, _)));
}));

// Reads nothing from the barrier on until the coordinator says how its checkpoint ended.
#[derive(Clone, Debug, Default)]
struct StandsStill(bool);

impl Mischief for StandsStill {
    fn input(&mut self, input: Input) -> Option<Input> {
        if let Input::Told { control: Control::Complete(_) | Control::Abort(_), .. } = &input {
            self.0 = false;
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        self.0 |= effects.iter().any(|effect| matches!(effect, Effect::Mark(Mark::Cut(..))));
    }

    fn pauses(&self) -> bool {
        self.0
    }
}

plant!(stands_still, Sources, |_, _| StandsStill::default());

// Keeps what comes on an input after its barrier as if it had been in flight at the cut.
#[derive(Clone, Debug, Default)]
pub(super) struct NeverStopsRecording {
    marked: Vec<InputIndex>,
    after: Vec<(InputIndex, Record)>,
}

impl Mischief for NeverStopsRecording {
    fn input(&mut self, input: Input) -> Option<Input> {
        match &input {
            Input::Element(at, Element::Barrier(_)) | Input::Overtook { input: at, .. } => self.marked.push(*at),
            Input::Element(at, Element::Record(record)) if self.marked.contains(at) => {
                self.after.push((*at, record.clone()));
            }
            _ => {}
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects {
            if let Effect::Ask(_, _, Request::Put(_, snapshot)) = effect {
                let channels = &mut Arc::make_mut(snapshot).channels;
                for (input, record) in std::mem::take(&mut self.after) {
                    match channels.iter_mut().find(|(at, _)| *at == input) {
                        Some((_, records)) => *records = records.iter().cloned().chain([record]).collect(),
                        None => channels.push((input, [record].into())),
                    }
                }
                self.marked.clear();
            }
        }
    }
}

plant!(never_stops_recording, Inner, |_, _| NeverStopsRecording::default());
