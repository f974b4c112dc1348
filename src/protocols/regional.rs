//! What can go wrong where a checkpoint does without some regions.

use super::interpose::Mischief;
use super::plant::plant;
use crate::engine;
use crate::engine::config::{Config, Mode, RegionLimits};
use crate::engine::coordinator::Coordinator;
use crate::engine::message::*;
use crate::engine::process::Process;
use crate::engine::regions::Regions;
use crate::engine::snapshot::Manifest;
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::topology::Topology;
use std::collections::BTreeSet;
use std::sync::Arc;

// Takes every edge for one that connects subtasks of the same number, also where all are connected with all.
pub(super) fn by_number(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    if who.task != t.coordinator() || c.mode != Mode::Regional {
        return engine::spawn(t, c, who);
    }
    let numbers = t.subtasks.iter().map(|subtask| subtask.index).collect();
    Box::new(Coordinator::with_regions(t, c, who, Regions::new(numbers)))
}

// Nobody counts how many regions do without a checkpoint, and how often.
pub(super) fn unlimited(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    let regions = RegionLimits { max_failed_percent: 100, max_in_a_row: u32::MAX };
    engine::spawn(t, &Arc::new(Config { regions, ..Config::clone(c) }), who)
}

/// The completion record that a coordinator has asked for, until it is written.
#[derive(Clone, Debug, Default)]
struct Publishing(Option<(Ticket, FencingToken, Arc<Manifest>)>);

impl Publishing {
    fn asked(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Ask(ticket, token, Request::Publish(manifest)) = effect {
                self.0 = Some((*ticket, *token, manifest.clone()));
            }
        }
    }

    fn written(&mut self, input: &Input) -> Option<(FencingToken, Arc<Manifest>)> {
        let Input::Reply(ticket, Reply::Done) = input else { return None };
        let (_, token, manifest) = self.0.take_if(|(asked, ..)| asked == ticket)?;
        Some((token, manifest))
    }
}

// A newer checkpoint is complete, so the older ones go, whoever still has parts of them.
#[derive(Clone, Debug, Default)]
struct ForgetsReferences(Publishing, Vec<Effect>);

impl Mischief for ForgetsReferences {
    fn input(&mut self, input: Input) -> Option<Input> {
        if let Some((token, manifest)) = self.0.written(&input) {
            let parts: BTreeSet<(Attempt, CheckpointId)> =
                manifest.stored().map(|key| (key.attempt, key.checkpoint)).collect();
            let older = parts.into_iter().filter(|(_, id)| *id != manifest.checkpoint);
            let discard = |(attempt, id)| Effect::Ask(NO_TICKET, token, Request::Discard(attempt, id));
            self.1.extend(older.map(discard));
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        self.0.asked(effects);
        effects.append(&mut self.1);
    }
}

plant!(forgets_references, Coordinator, |_, _| ForgetsReferences::default());

// A checkpoint is complete, so everybody commits, also whose region did without it.
#[derive(Clone, Debug, Default)]
struct CommitsForAll(Publishing, CheckpointId);

impl Mischief for CommitsForAll {
    fn input(&mut self, input: Input) -> Option<Input> {
        if let Some((_, manifest)) = self.0.written(&input) {
            self.1 = manifest.checkpoint;
        }
        Some(input)
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        self.0.asked(effects);
        for effect in effects {
            if let Effect::Tell(_, Control::Complete(id)) = effect {
                *id = self.1.max(*id);
            }
        }
    }
}

plant!(commits_for_all, Coordinator, |_, _| CommitsForAll::default());
