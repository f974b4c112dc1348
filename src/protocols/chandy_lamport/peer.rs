//! A process: hands the token on, records its state once, and what is in flight to it.

use super::{Initiators, Plan, Recording, SNAPSHOT};
use crate::digest::Digest;
use crate::engine::config::Config;
use crate::engine::message::*;
use crate::engine::process::Process;
use crate::engine::snapshot::{OperatorState, Snapshot};
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::topology::Topology;
use std::any::Any;
use std::sync::Arc;

/// It initiates the snapshot.
const INITIATE: Timer = Timer::Interval;
/// It stores its part.
const UPLOAD: Timer = Timer::Retry;
/// It sends the token into its first, second, third channel.
const SEND: [Timer; 3] = [Timer::Pause, Timer::Remind, Timer::Restart];

/// How far its part of the snapshot is.
#[derive(Clone)]
enum Part {
    /// No marker has come.
    Unrecorded,
    /// Its state is recorded, channels may still be.
    Recorded {
        /// Did it hold the token?
        held: bool,
        /// Inputs whose marker hasn't come.
        unmarked: InputSet,
        /// What is in flight, by input.
        flight: Vec<Vec<Record>>,
        /// The input of the first marker, where nothing can be in flight; none: it initiated.
        first: Option<InputIndex>,
    },
    /// Its part is stored.
    Stored,
}

#[derive(Clone)]
pub(super) struct Peer {
    plan: Plan,
    me: Incarnation,
    coordinator: Incarnation,
    after: Nanos,
    initiates: bool,
    inputs: usize,
    outputs: Arc<[ChannelId]>,
    deployed: bool,
    /// Does it hold the token?
    held: bool,
    /// How often it may still send the token on.
    sends: u64,
    part: Part,
}

fn token() -> Record {
    Record { id: RecordId::default(), key: Datum::Int(0), value: Datum::Int(1) }
}

impl Peer {
    pub(super) fn new(topology: &Topology, config: &Config, plan: Plan, me: Incarnation) -> Self {
        let subtask = &topology.subtasks[me.task.index()];
        Peer {
            plan,
            me,
            coordinator: Incarnation { task: topology.coordinator(), attempt: Attempt(0) },
            after: config.retry,
            initiates: plan.initiators == Initiators::Everybody || me.task.index() + 1 == topology.len(),
            inputs: subtask.inputs.len(),
            outputs: subtask.outputs.as_slice().into(),
            deployed: false,
            held: me.task == TaskId(0),
            sends: plan.sends,
            part: Part::Unrecorded,
        }
    }

    fn deploy(&mut self, from: Incarnation, out: &mut Outbox) {
        self.coordinator = from;
        self.deployed = true;
        out.gate_changed = true;
        out.mark(Mark::Restored(None, Arc::default()));
        if self.initiates {
            out.arm(INITIATE, self.after);
        }
        self.offer(out);
    }

    /// It can send the token, or it can't.
    fn offer(&self, out: &mut Outbox) {
        for timer in &SEND[..self.outputs.len()] {
            if self.held && self.sends > 0 {
                out.arm(*timer, self.after);
            } else {
                out.disarm(*timer);
            }
        }
    }

    fn send(&mut self, output: usize, out: &mut Outbox) {
        self.held = false;
        self.sends -= 1;
        out.send(self.outputs[output], Element::Record(token()));
        self.offer(out);
    }

    fn take(&mut self, input: InputIndex, record: Record, out: &mut Outbox) {
        if let Part::Recorded { unmarked, flight, first, .. } = &mut self.part {
            let kept = match self.plan.recording {
                Recording::UntilMarker => unmarked.contains(input),
                Recording::Never => false,
                Recording::Endless => *first != Some(input),
            };
            if kept {
                flight[input.index()].push(record);
            }
        }
        self.held = true;
        self.offer(out);
    }

    /// Records its state and sends the markers, before anything else.
    fn record(&mut self, first: Option<InputIndex>, out: &mut Outbox) {
        let mut unmarked = InputSet::all(self.inputs);
        first.into_iter().for_each(|input| _ = unmarked.remove(input));
        self.part = Part::Recorded { held: self.held, unmarked, flight: vec![Vec::new(); self.inputs], first };
        out.disarm(INITIATE);
        out.mark(Mark::Cut(SNAPSHOT, Arc::new(self.snapshot())));
        let marker = Barrier { id: SNAPSHOT, overtakes: false };
        self.outputs.iter().for_each(|channel| out.send(*channel, Element::Barrier(marker)));
    }

    fn marker(&mut self, input: InputIndex, out: &mut Outbox) {
        match &mut self.part {
            Part::Unrecorded => self.record(Some(input), out),
            Part::Recorded { unmarked, .. } => _ = unmarked.remove(input),
            Part::Stored => {}
        }
        self.upload_later(out);
    }

    /// A part can be stored when nothing is missing from it: all markers have come. Where channels have no state, that
    /// is at once. Where recording never ends there is no such moment; it is taken to be the same as where it does.
    fn upload_later(&self, out: &mut Outbox) {
        if let Part::Recorded { unmarked, .. } = &self.part
            && (unmarked.is_empty() || self.plan.recording == Recording::Never)
        {
            out.arm(UPLOAD, self.after);
        }
    }

    fn snapshot(&self) -> Snapshot {
        let Part::Recorded { held, flight, .. } = &self.part else { return Snapshot::default() };
        let operators = vec![OperatorState { split: vec![Datum::Int(*held as i64)], ..OperatorState::default() }];
        let channel = |(i, records): (usize, &Vec<Record>)| (InputIndex(i as u32), records.as_slice().into());
        let channels = flight.iter().enumerate().filter(|(_, records)| !records.is_empty()).map(channel).collect();
        Snapshot { operators, channels, ..Snapshot::default() }
    }

    fn upload(&mut self, out: &mut Outbox) {
        let key = StoreKey { attempt: self.me.attempt, checkpoint: SNAPSHOT, task: self.me.task };
        let token = FencingToken(self.coordinator.attempt.0);
        out.effects.push(Effect::Ask(NO_TICKET, token, Request::Put(key, Arc::new(self.snapshot()))));
        out.tell(self.coordinator, Control::Ack(SNAPSHOT));
        self.part = Part::Stored;
    }
}

impl Process for Peer {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        match input {
            Input::Told { from, control: Control::Deploy { .. } } if !self.deployed => self.deploy(from, out),
            Input::Element(input, Element::Record(record)) => self.take(input, record, out),
            Input::Element(input, Element::Barrier(_)) => self.marker(input, out),
            Input::Timer(INITIATE) => {
                self.record(None, out);
                self.upload_later(out);
            }
            Input::Timer(UPLOAD) => self.upload(out),
            Input::Timer(timer) => {
                if let Some(output) = SEND.iter().position(|send| *send == timer) {
                    self.send(output, out);
                }
            }
            _ => {}
        }
    }

    fn blocked(&self, _input: InputIndex) -> bool {
        !self.deployed
    }

    fn digest(&self, _cell: usize, d: &mut Digest) {
        d.word(self.deployed as u64 | (self.held as u64) << 1 | self.sends << 2);
        d.word(self.coordinator.attempt.0 as u64);
        match &self.part {
            Part::Unrecorded => d.word(0),
            Part::Recorded { held, unmarked, flight, first } => {
                d.word(1 | (*held as u64) << 1);
                d.word(first.map_or(0, |input| 1 + input.0 as u64));
                d.word(unmarked.len() as u64);
                unmarked.iter().for_each(|input| d.word(input.0 as u64));
                for records in flight {
                    d.word(records.len() as u64);
                    records.iter().for_each(|record| record.digest(d));
                }
            }
            Part::Stored => d.word(2),
        }
    }

    fn fork(&self) -> Box<dyn Process> {
        Box::new(self.clone())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
