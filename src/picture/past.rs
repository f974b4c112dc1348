//! What a trace says, put together: who lived when, what travelled where, what was blocked.
//!
//! Everything is found by the place of its line, and any line may be missing: a message that was never sent or never
//! taken is kept with the end that is known. Nothing here judges.

use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind, Meta};
use std::collections::BTreeMap;

/// A trace with what its lines add up to. A *row* is the place of a line, from 0.
#[derive(Debug)]
pub struct Past<'a> {
    /// The header.
    pub meta: &'a Meta,
    /// The tables of its job.
    pub topology: Topology,
    /// The lines.
    pub events: &'a [Event],
    /// Lives, in the order in which they are first heard of.
    pub lives: Vec<Life>,
    /// What went through channels, in the order in which it is first heard of.
    pub flights: Vec<Flight>,
    /// Channels that weren't read for a while.
    pub holds: Vec<Hold>,
    /// The first row with a time, if there is one.
    timed: Option<usize>,
}

/// One life of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Who.
    pub who: Incarnation,
    /// Its first row.
    pub first: usize,
    /// Its last one.
    pub last: usize,
    /// It ended by a fault (`Some(true)`) or stopped (`Some(false)`).
    pub crashed: Option<bool>,
}

/// What goes through a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    /// Message number so much.
    Record(u64),
    /// The barrier of a checkpoint.
    Barrier(CheckpointId),
    /// A cancellation.
    Cancel(CheckpointId),
    /// The end of the channel.
    End,
}

/// Something that went through a channel, or that is said to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Which channel; it may be one that the job doesn't have.
    pub channel: ChannelId,
    /// In which attempt.
    pub attempt: Attempt,
    /// What.
    pub load: Load,
    /// The row in which it went in.
    pub sent: Option<usize>,
    /// The row in which it was taken.
    pub taken: Option<usize>,
    /// The record, if the line that sent it is there.
    pub record: Option<RecordId>,
    /// How many records a barrier passed.
    pub passed: u32,
}

/// A channel that wasn't read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who didn't read it.
    pub who: Incarnation,
    /// Which.
    pub channel: ChannelId,
    /// From this row on.
    pub from: usize,
    /// Up to this row: it was released, or the life has no more lines.
    pub to: usize,
    /// A line says that it was released.
    pub released: bool,
}

type Key = (Attempt, ChannelId, Load);

#[derive(Default)]
struct Reading {
    lives: Vec<Life>,
    flights: Vec<Flight>,
    holds: Vec<Hold>,
    of: BTreeMap<Incarnation, usize>,
    flying: BTreeMap<Key, usize>,
    held: BTreeMap<(Incarnation, ChannelId), usize>,
}

impl<'a> Past<'a> {
    /// Puts a trace together.
    pub fn new(meta: &'a Meta, events: &'a [Event]) -> Self {
        let mut reading = Reading::default();
        for (row, event) in events.iter().enumerate() {
            reading.line(row, event);
        }
        for hold in reading.holds.iter_mut().filter(|hold| !hold.released) {
            hold.to = reading.of.get(&hold.who).map_or(hold.from, |life| reading.lives[*life].last);
        }
        Past {
            meta,
            topology: Topology::build(meta.graph.clone()),
            events,
            lives: reading.lives,
            flights: reading.flights,
            holds: reading.holds,
            timed: events.iter().position(|event| event.time.0 > 0),
        }
    }

    /// Virtual time of a row; nothing where the trace doesn't tell. A time may be left out in any line, and is read as 0
    /// then: that is believed only before all others.
    pub fn time(&self, row: usize) -> Option<u64> {
        let time = self.events.get(row)?.time.0;
        (time > 0 || row < self.timed?).then_some(time)
    }

    /// Does the trace have times?
    pub fn timed(&self) -> bool {
        self.timed.is_some()
    }

    /// The ends of a channel, if the job has it.
    pub fn ends(&self, channel: ChannelId) -> Option<(TaskId, TaskId)> {
        self.topology.channels.get(channel.index()).map(|c| (c.from, c.to))
    }

    /// Who wrote a line.
    pub fn who(&self, row: usize) -> Incarnation {
        let event = &self.events[row];
        Incarnation { task: event.process, attempt: event.attempt }
    }
}

impl Reading {
    fn line(&mut self, row: usize, event: &Event) {
        let who = Incarnation { task: event.process, attempt: event.attempt };
        let lives = &mut self.lives;
        let life = *self.of.entry(who).or_insert_with(|| {
            lives.push(Life { who, first: row, last: row, crashed: None });
            lives.len() - 1
        });
        self.lives[life].last = row;
        match &event.kind {
            Kind::Crash => self.lives[life].crashed = Some(true),
            Kind::Stop => self.lives[life].crashed = Some(false),
            Kind::Send { channel, m, record } => {
                self.sent((who.attempt, *channel, Load::Record(*m)), row, Some(record.id))
            }
            Kind::BarOut { channel, checkpoint, .. } => {
                self.sent((who.attempt, *channel, Load::Barrier(*checkpoint)), row, None)
            }
            Kind::CancelOut { channel, checkpoint } => {
                self.sent((who.attempt, *channel, Load::Cancel(*checkpoint)), row, None)
            }
            Kind::EndOut { channel } => self.sent((who.attempt, *channel, Load::End), row, None),
            Kind::Apply { channel, m } => self.taken((who.attempt, *channel, Load::Record(*m)), row, 0),
            Kind::BarIn { channel, checkpoint, passed } => {
                self.taken((who.attempt, *channel, Load::Barrier(*checkpoint)), row, *passed)
            }
            Kind::CancelIn { channel, checkpoint } => {
                self.taken((who.attempt, *channel, Load::Cancel(*checkpoint)), row, 0)
            }
            Kind::EndIn { channel } => self.taken((who.attempt, *channel, Load::End), row, 0),
            Kind::Hold { channel } => {
                self.held.insert((who, *channel), self.holds.len());
                self.holds.push(Hold { who, channel: *channel, from: row, to: row, released: false });
            }
            Kind::Release { channel } => {
                if let Some(hold) = self.held.remove(&(who, *channel)) {
                    (self.holds[hold].to, self.holds[hold].released) = (row, true);
                }
            }
            _ => {}
        }
    }

    fn sent(&mut self, key: Key, row: usize, record: Option<RecordId>) {
        self.flying.insert(key, self.flights.len());
        let (attempt, channel, load) = key;
        self.flights.push(Flight { channel, attempt, load, sent: Some(row), taken: None, record, passed: 0 });
    }

    /// What is taken twice has two flights from where it was sent.
    fn taken(&mut self, key: Key, row: usize, passed: u32) {
        let (attempt, channel, load) = key;
        let known = self.flying.get(&key).map(|at| &mut self.flights[*at]);
        let again = match known {
            Some(flight) if flight.taken.is_none() => {
                (flight.taken, flight.passed) = (Some(row), passed);
                return;
            }
            Some(flight) => Flight { taken: Some(row), passed, ..flight.clone() },
            None => Flight { channel, attempt, load, sent: None, taken: Some(row), record: None, passed },
        };
        if again.sent.is_none() {
            self.flying.insert(key, self.flights.len());
        }
        self.flights.push(again);
    }
}
