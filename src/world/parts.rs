//! The world taken apart and put together again: what a search stores and compares piece by piece.
//!
//! Every part has a name ([`Slot`]) and a digest of its content. A part that would be empty is absent, so that two
//! equal worlds have equal parts. Counters that make no difference to what happens next (stamps, event numbers) are
//! in no part.

use super::channel::Channel;
use super::fingerprint::*;
use super::ledger::Ledger;
use super::life::{Generation, Life, Place};
use super::setup::Setup;
use super::store::Store;
use super::{InFlight, World};
use crate::digest::Digest;
use crate::engine::message::Control;
use crate::ids::*;
use crate::trace::record::Recorder;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The name of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Who lives, who has died, who can learn of it.
    Roster,
    /// A process that lives.
    Life(Incarnation),
    /// A channel of a job attempt.
    Channel(Attempt, ChannelId),
    /// Control messages from one to the other.
    Control(Incarnation, Incarnation),
    /// Requests of one life that are under way.
    Asks(Incarnation),
    /// The store.
    Store,
    /// The ledger of a sink.
    Ledger(VertexId),
}

/// Who lives, and what else is known of the job as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Job attempts, ascending, and how each subtask is: 0 not deployed, 1 alive, 2 dead.
    pub generations: Vec<(Attempt, Vec<u8>)>,
    /// Coordinators that live, ascending.
    pub coordinators: Vec<Attempt>,
    /// The newest coordinator there ever was.
    pub last: Attempt,
    /// Who can learn of whose death.
    pub deaths: Vec<(Incarnation, Incarnation)>,
    /// What sockets give next.
    pub cursors: Vec<Offset>,
    /// Has the job ended, and how?
    pub ended: Option<bool>,
}

/// A part.
#[derive(Clone)]
pub enum Part {
    /// See [`Slot::Roster`].
    Roster(Roster),
    /// See [`Slot::Life`]. `full` is zero: what it counts follows from the channels.
    Life(Life),
    /// See [`Slot::Channel`].
    Channel(Channel),
    /// See [`Slot::Control`].
    Control(VecDeque<Control>),
    /// See [`Slot::Asks`]: by serial number.
    Asks(BTreeMap<u32, InFlight>),
    /// See [`Slot::Store`].
    Store(Store),
    /// See [`Slot::Ledger`].
    Ledger(Ledger),
}

impl Slot {
    /// A number that is the same on every machine.
    pub fn hash(&self) -> u128 {
        let d = &mut Digest::new();
        match self {
            Slot::Roster => d.word(1),
            Slot::Life(who) => words(d, &[2, life_word(*who)]),
            Slot::Channel(job, channel) => words(d, &[3, job.0 as u64, channel.0 as u64]),
            Slot::Control(from, to) => words(d, &[4, life_word(*from), life_word(*to)]),
            Slot::Asks(who) => words(d, &[5, life_word(*who)]),
            Slot::Store => d.word(6),
            Slot::Ledger(vertex) => words(d, &[7, vertex.0 as u64]),
        }
        d.finish128()
    }
}

fn words(d: &mut Digest, words: &[u64]) {
    words.iter().for_each(|word| d.word(*word));
}

fn life_word(life: Incarnation) -> u64 {
    (life.task.0 as u64) << 32 | life.attempt.0 as u64
}

impl Roster {
    fn digest(&self, d: &mut Digest) {
        d.word(self.generations.len() as u64);
        for (attempt, places) in &self.generations {
            d.word(attempt.0 as u64);
            places.iter().for_each(|place| d.word(*place as u64));
        }
        d.word(self.coordinators.len() as u64);
        self.coordinators.iter().for_each(|attempt| d.word(attempt.0 as u64));
        d.word(self.last.0 as u64);
        d.word(self.deaths.len() as u64);
        for (by, lost) in &self.deaths {
            words(d, &[life_word(*by), life_word(*lost)]);
        }
        self.cursors.iter().for_each(|cursor| d.word(cursor.0));
        d.word(self.ended.map_or(0, |ended| 1 + ended as u64));
    }
}

impl Part {
    /// A digest of everything in it that can make a difference.
    pub fn hash(&self) -> u128 {
        let d = &mut Digest::new();
        d.word(self.kind());
        match self {
            Part::Roster(roster) => roster.digest(d),
            Part::Life(life) => life_digest(life, d),
            Part::Channel(channel) => channel.iter().for_each(|element| element.digest(d)),
            Part::Control(queue) => queue.iter().for_each(|control| control.digest(d)),
            Part::Asks(asks) => {
                for (serial, ask) in asks {
                    d.word(*serial as u64);
                    ask_digest(ask, d);
                }
            }
            Part::Store(store) => store.digest(d),
            Part::Ledger(ledger) => ledger.digest(d),
        }
        d.finish128()
    }
}

impl Part {
    fn kind(&self) -> u64 {
        match self {
            Part::Roster(_) => 1,
            Part::Life(_) => 2,
            Part::Channel(_) => 3,
            Part::Control(_) => 4,
            Part::Asks(_) => 5,
            Part::Store(_) => 6,
            Part::Ledger(_) => 7,
        }
    }
}

impl World {
    /// All parts, in the order of their names.
    pub fn parts(&self) -> Vec<(Slot, Part)> {
        let mut parts = vec![(Slot::Roster, Part::Roster(self.roster()))];
        let mut lives: Vec<&Life> = self.coordinators.iter().collect();
        for generation in &self.generations {
            lives.extend(generation.places.iter().filter_map(Place::life));
            for (c, channel) in generation.channels.iter().enumerate().filter(|(_, channel)| !channel.is_empty()) {
                let slot = Slot::Channel(generation.attempt, ChannelId(c as u32));
                parts.push((slot, Part::Channel(channel.clone())));
            }
        }
        for life in lives {
            let mut life = life.clone();
            life.full = 0;
            parts.push((Slot::Life(life.who), Part::Life(life)));
        }
        for ((from, to), queue) in &self.control {
            parts.push((Slot::Control(*from, *to), Part::Control(queue.clone())));
        }
        let mut asks: BTreeMap<Incarnation, BTreeMap<u32, InFlight>> = BTreeMap::new();
        for (id, ask) in &self.asks {
            asks.entry(id.asker).or_default().insert(id.serial, ask.clone());
        }
        parts.extend(asks.into_iter().map(|(who, asks)| (Slot::Asks(who), Part::Asks(asks))));
        parts.push((Slot::Store, Part::Store(self.store.clone())));
        for (vertex, ledger) in &self.ledgers {
            parts.push((Slot::Ledger(*vertex), Part::Ledger(ledger.clone())));
        }
        parts.sort_unstable_by_key(|(slot, _)| *slot);
        parts
    }

    fn roster(&self) -> Roster {
        let state = |place: &Place| match place {
            Place::Empty => 0,
            Place::Alive(_) => 1,
            Place::Dead => 2,
        };
        let places = |generation: &Generation| (generation.attempt, generation.places.iter().map(state).collect());
        Roster {
            generations: self.generations.iter().map(places).collect(),
            coordinators: self.coordinators.iter().map(|life| life.who.attempt).collect(),
            last: self.last_coordinator,
            deaths: self.deaths.clone(),
            cursors: self.cursors.clone(),
            ended: self.job_ended,
        }
    }

    /// The world that has these parts. What is absent is empty.
    ///
    /// # Panics
    /// If the roster is missing, or doesn't fit to the other parts.
    pub fn assemble<'a>(setup: &Arc<Setup>, parts: impl Iterator<Item = (Slot, &'a Part)> + Clone) -> World {
        let mut world = World::new(setup);
        let roster = parts.clone().find_map(|(_, part)| match part {
            Part::Roster(roster) => Some(roster),
            _ => None,
        });
        world.enrol(roster.expect("a world has a roster"));
        for (slot, part) in parts {
            world.put(slot, part);
        }
        world.count_full();
        world
    }

    fn enrol(&mut self, roster: &Roster) {
        let channels = self.setup.topology.channels.len();
        for (attempt, places) in &roster.generations {
            let mut generation = Generation::new(*attempt, places.len(), channels);
            for (place, state) in generation.places.iter_mut().zip(places) {
                if *state == 2 {
                    *place = Place::Dead;
                }
            }
            self.generations.push(generation);
        }
        self.last_coordinator = roster.last;
        self.deaths = roster.deaths.clone();
        self.cursors = roster.cursors.clone();
        self.job_ended = roster.ended;
    }

    fn put(&mut self, slot: Slot, part: &Part) {
        match (slot, part) {
            (Slot::Roster, _) => {}
            (Slot::Life(who), Part::Life(life)) => {
                let mut life = life.clone();
                let shadow = std::mem::take(&mut life.recorder.shadow);
                life.recorder = Recorder::new(&self.setup.topology, who);
                life.recorder.shadow = shadow;
                if who.task == self.setup.topology.coordinator() {
                    self.coordinators.push(life);
                    self.coordinators.sort_unstable_by_key(|life| life.who);
                } else {
                    let g = self.position(who.attempt).expect("a life belongs to a generation of the roster");
                    self.generations[g].places[who.task.index()] = Place::Alive(life);
                }
            }
            (Slot::Channel(job, channel), Part::Channel(content)) => {
                let g = self.position(job).expect("a channel belongs to a generation of the roster");
                self.generations[g].channels[channel.index()] = content.clone();
            }
            (Slot::Control(from, to), Part::Control(queue)) => drop(self.control.insert((from, to), queue.clone())),
            (Slot::Asks(asker), Part::Asks(asks)) => {
                let id = |serial: &u32| super::choice::AskId { asker, serial: *serial };
                self.asks.extend(asks.iter().map(|(serial, ask)| (id(serial), ask.clone())));
            }
            (Slot::Store, Part::Store(store)) => self.store = store.clone(),
            (Slot::Ledger(vertex), Part::Ledger(ledger)) => drop(self.ledgers.insert(vertex, ledger.clone())),
            (slot, _) => unreachable!("the part named {slot:?} is of another kind"),
        }
    }

    /// A world in which nobody lives and nothing is under way, with what is durable here; attempts and tokens start
    /// over, and what no completed checkpoint names is forgotten.
    pub fn renumbered(&self) -> World {
        let mut world = World::new(&self.setup);
        world.store = self.store.renumbered();
        world.ledgers = self.ledgers.iter().map(|(vertex, ledger)| (*vertex, ledger.renumbered())).collect();
        world.cursors = self.cursors.clone();
        world
    }

    /// Forgets what the running attempt was restored from.
    pub fn forget_base(&mut self) {
        self.store.forget_base();
    }

    fn count_full(&mut self) {
        let topology = self.setup.topology.clone();
        for Generation { places, channels, .. } in &mut self.generations {
            for life in places.iter_mut().filter_map(Place::life_mut) {
                let outputs = topology.subtasks[life.who.task.index()].outputs.iter();
                let full = |c: &&ChannelId| channels[c.index()].len() >= topology.channels[c.index()].capacity as usize;
                life.full = outputs.filter(full).count() as u32;
            }
        }
    }
}
