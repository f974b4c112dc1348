//! One life of a process, and a generation: the lives and channels of one job attempt.

use super::channel::Channel;
use crate::engine::message::Timer;
use crate::engine::process::Process;
use crate::ids::*;
use crate::trace::record::{Recorder, Shadow};
use std::sync::Arc;

/// A process that lives.
pub struct Life {
    /// Who.
    pub who: Incarnation,
    /// The state machine.
    pub process: Box<dyn Process>,
    /// Stamps its events and counts its records.
    pub recorder: Recorder,
    /// Timers that are armed.
    pub timers: Vec<Timer>,
    /// Counts at the cuts that are neither acknowledged nor declined.
    pub cuts: Vec<(CheckpointId, Arc<Shadow>)>,
    /// Those of them that the store was asked to keep.
    pub offered: Vec<CheckpointId>,
    /// Output channels without room.
    pub full: u32,
    /// Does it take records from every input? Kept as of its last step that changed what it takes.
    pub flowing: bool,
    /// Does it wait for a choice?
    pub choosing: bool,
    /// Inputs that it holds, as last told in the trace.
    pub held: InputSet,
}

impl Clone for Life {
    fn clone(&self) -> Self {
        Life {
            who: self.who,
            process: self.process.fork(),
            recorder: self.recorder.clone(),
            timers: self.timers.clone(),
            cuts: self.cuts.clone(),
            offered: self.offered.clone(),
            full: self.full,
            flowing: self.flowing,
            choosing: self.choosing,
            held: self.held.clone(),
        }
    }
}

/// What became of a subtask in one job attempt.
#[derive(Clone, Default)]
#[allow(clippy::large_enum_variant)] // nearly all places are alive nearly all the time
pub enum Place {
    /// Not deployed yet.
    #[default]
    Empty,
    /// It lives.
    Alive(Life),
    /// It has died or stopped, and never comes back.
    Dead,
}

impl Place {
    /// The life, if there is one.
    #[inline]
    pub fn life(&self) -> Option<&Life> {
        match self {
            Place::Alive(life) => Some(life),
            _ => None,
        }
    }

    /// The life, if there is one.
    #[inline]
    pub fn life_mut(&mut self) -> Option<&mut Life> {
        match self {
            Place::Alive(life) => Some(life),
            _ => None,
        }
    }
}

/// One attempt of the whole job: channels belong to it, and a zombie keeps its own.
#[derive(Clone)]
pub struct Generation {
    /// Which attempt.
    pub attempt: Attempt,
    /// By task.
    pub places: Vec<Place>,
    /// By channel.
    pub channels: Vec<Channel>,
}

impl Generation {
    /// Nobody deployed, nothing in flight.
    pub fn new(attempt: Attempt, tasks: usize, channels: usize) -> Self {
        let mut places = Vec::new();
        places.resize_with(tasks, Place::default);
        Generation { attempt, places, channels: vec![Channel::default(); channels] }
    }
}
