//! The log of back edges: Carbone et al., "Lightweight Asynchronous Snapshots for Distributed Dataflows" (2015), 4.3.
//!
//! The alignment is one of the other inputs. After the snapshot, what comes round before the barrier does was sent before
//! its sender's cut: it is logged, and stored with the snapshot. The article has one barrier coming round, behind the
//! subtask's own. With several subtasks in a circle another one's can come first; what follows that was sent behind the
//! other's cut, and isn't read before the own one.

use crate::engine::message::{Control, Effect, Element, Input, Mark, Record, Request};
use crate::ids::*;
use crate::protocols::interpose::Mischief;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A snapshot whose barriers are coming round.
#[derive(Clone, Debug)]
struct Cut {
    unmarked: InputSet,
    log: BTreeMap<InputIndex, Vec<Record>>,
    /// The request to store it, which waits for the log.
    put: Option<Effect>,
}

/// Stands around an honest subtask whose gate takes all back edges but one for ended.
#[derive(Clone, Debug)]
pub(super) struct BackLog {
    back: InputSet,
    /// The back edge that the gate takes for open, so that there is no end before nothing goes round. Its barrier is made
    /// up as soon as another input's comes: nobody waits for it.
    open: Option<InputIndex>,
    /// The newest checkpoint for which that was done.
    made_up: CheckpointId,
    running: bool,
    newest_cut: CheckpointId,
    cuts: BTreeMap<CheckpointId, Cut>,
    /// Back edges whose barrier has come before the snapshot.
    early: BTreeMap<InputIndex, CheckpointId>,
    gone: InputSet,
    /// Checkpoints after the newest cut that were given up.
    given_up: BTreeSet<CheckpointId>,
}

impl BackLog {
    pub(super) fn new(back: &InputSet, open: InputIndex) -> Self {
        BackLog {
            back: back.clone(),
            open: Some(open),
            made_up: CheckpointId(0),
            running: false,
            newest_cut: CheckpointId(0),
            cuts: BTreeMap::new(),
            early: BTreeMap::new(),
            gone: InputSet::new(),
            given_up: BTreeSet::new(),
        }
    }

    /// A barrier has come round.
    fn returned(&mut self, input: InputIndex, id: CheckpointId) {
        if let Some(cut) = self.cuts.get_mut(&id) {
            cut.unmarked.remove(input);
        } else if id > self.newest_cut && !self.given_up.contains(&id) {
            self.early.insert(input, id);
        }
    }

    /// The barrier of the one back edge that the gate waits for.
    fn make_up(&mut self, input: Input, id: CheckpointId) -> Vec<Input> {
        let mut inputs = vec![input];
        if let (Some(open), true) = (self.open, self.running && id > self.made_up) {
            self.made_up = id;
            let barrier = crate::engine::message::Barrier { id, overtakes: false };
            inputs.push(Input::Element(open, Element::Barrier(barrier)));
        }
        inputs
    }

    fn give_up(&mut self, id: CheckpointId) {
        self.cuts.remove(&id);
        self.early.retain(|_, early| *early != id);
        if id > self.newest_cut {
            self.given_up.insert(id);
        }
    }

    fn cut(&mut self, id: CheckpointId) {
        let mut unmarked = self.back.clone();
        self.gone.iter().for_each(|input| _ = unmarked.remove(input));
        self.early.iter().filter(|(_, early)| **early == id).for_each(|(input, _)| _ = unmarked.remove(*input));
        self.early.retain(|_, early| *early > id);
        self.given_up.retain(|given_up| *given_up > id);
        self.newest_cut = id;
        self.cuts.insert(id, Cut { unmarked, log: BTreeMap::new(), put: None });
    }

    /// A request to store is let through with its log, or kept until that is complete.
    fn store(&mut self, mut effect: Effect) -> Option<Effect> {
        let Effect::Ask(_, _, Request::Put(key, snapshot)) = &mut effect else { return Some(effect) };
        let Some(cut) = self.cuts.get_mut(&key.checkpoint) else { return Some(effect) };
        if !cut.unmarked.is_empty() {
            cut.put = Some(effect);
            return None;
        }
        let log = cut.log.iter().map(|(input, records)| (*input, records.as_slice().into()));
        Arc::make_mut(snapshot).channels.extend(log);
        Some(effect)
    }
}

impl Mischief for BackLog {
    fn all(&mut self, input: Input) -> Vec<Input> {
        match &input {
            Input::Element(at, Element::Barrier(barrier)) if self.back.contains(*at) => {
                self.returned(*at, barrier.id);
                Vec::new()
            }
            Input::Element(_, Element::Barrier(barrier)) => {
                let id = barrier.id;
                self.make_up(input, id)
            }
            Input::Element(at, Element::Record(record)) if self.back.contains(*at) => {
                for cut in self.cuts.values_mut().filter(|cut| cut.unmarked.contains(*at)) {
                    cut.log.entry(*at).or_default().push(record.clone());
                }
                vec![input]
            }
            Input::Element(at, Element::End) if self.back.contains(*at) => {
                self.gone.insert(*at);
                self.cuts.values_mut().for_each(|cut| _ = cut.unmarked.remove(*at));
                let ends = self.open == Some(*at);
                self.open = self.open.filter(|_| !ends);
                if ends { vec![input] } else { Vec::new() }
            }
            Input::Told { control: Control::Trigger(id) | Control::TriggerLast(id), .. } => {
                let id = *id;
                self.make_up(input, id)
            }
            Input::Told { control: Control::Abort(id), .. } => {
                self.give_up(*id);
                vec![input]
            }
            Input::Told { control: Control::Complete(id), .. } => {
                self.cuts.retain(|cut, _| cut > id);
                vec![input]
            }
            _ => vec![input],
        }
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in std::mem::take(effects) {
            match &effect {
                Effect::Mark(Mark::Cut(id, _)) => self.cut(*id),
                Effect::Tell(_, Control::Running) => self.running = true,
                _ => {}
            }
            effects.extend(self.store(effect));
        }
        let complete = self.cuts.values_mut().filter(|cut| cut.unmarked.is_empty());
        let puts: Vec<Effect> = complete.filter_map(|cut| cut.put.take()).collect();
        for put in puts {
            effects.extend(self.store(put));
        }
    }

    fn blocks(&self, input: InputIndex, blocked: bool) -> bool {
        if !self.back.contains(input) {
            return blocked;
        }
        !self.running || self.early.contains_key(&input)
    }

    fn holds(&self, input: InputIndex, held: bool) -> bool {
        if self.back.contains(input) { self.early.contains_key(&input) } else { held }
    }

    fn gates(&self) -> bool {
        true
    }
}
