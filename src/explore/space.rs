//! States as rows of small numbers. Every part that a world was ever made of is stored once, whatever the state; a
//! state is a row that says for each slot which part is there (Holzmann's collapse compression, 1997), behind the
//! 128 bits of its fingerprint.
//!
//! The fingerprint is a sum over slots, so that a step adds and subtracts only what it changed. It is made of the
//! contents of parts, never of their numbers here, which depend on the order in which they were met.

use super::table::{NONE, Table};
use crate::engine::message::{Barrier, Element, Timer, Txn};
use crate::ids::*;
use crate::world::life::Life;
use crate::world::parts::{Part, Slot};
use crate::world::setup::Setup;
use crate::world::{InFlight, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of a part; 0: the slot is empty.
pub type Id = u32;
/// The place of a slot in rows.
pub type Col = usize;

/// Words of a row before its slots: the fingerprint.
pub const HEAD: usize = 4;

/// What is to be known of a request that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskFacts {
    /// Its number among those of its asker.
    pub serial: u32,
    /// Can it be done now?
    pub doable: bool,
    /// Was it done, and the reply is on its way?
    pub answered: bool,
    /// Can it fail alone? See [`InFlight::fails`].
    pub fails: bool,
}

/// What a search asks of a part without looking into it.
pub enum Facts {
    /// Nothing.
    Nothing,
    /// Of a process.
    Life(LifeFacts),
    /// Of a channel or a control queue.
    Queue(QueueFacts),
    /// Of requests under way.
    Asks(Box<[AskFacts]>),
    /// Of a ledger: what is neither committed nor aborted.
    Ledger(Box<[Txn]>),
    /// Of the roster.
    Roster(RosterFacts),
}

/// How the job stands.
pub struct RosterFacts {
    /// It has ended.
    pub ended: bool,
    /// A coordinator can be started.
    pub headless: bool,
    /// The attempts of the job and of the coordinator, if all of one job attempt live, one coordinator, and nobody
    /// else.
    pub plain: Option<(Attempt, Attempt)>,
    /// Who can learn of whose death.
    pub deaths: Box<[(Incarnation, Incarnation)]>,
}

/// What a process would take now.
pub struct LifeFacts {
    /// Inputs that it doesn't read.
    pub blocked: InputSet,
    /// It waits for a choice.
    pub choosing: bool,
    /// Sources: the places among its partitions from which it wants a record.
    pub reads: Box<[u32]>,
    /// Armed timers.
    pub timers: Box<[Timer]>,
}

/// A queue's head.
pub struct QueueFacts {
    /// The number of its oldest item.
    pub head: Id,
    /// The queue without it.
    pub rest: Id,
    /// How many items.
    pub len: u32,
    /// The barrier that has only records ahead of it, and at least one.
    pub jumper: Option<Barrier>,
}

struct Value {
    hash: u128,
    part: Option<Part>,
    facts: Facts,
}

/// Where a slot's neighbours are; [`NOWHERE`] as long as they were never there.
#[derive(Clone, Default)]
pub struct Wire {
    /// The process that acts here: the receiver of a queue, the life itself, the asker.
    pub actor: Col,
    /// Its requests.
    pub asks: Col,
    /// A life's output channels and their capacities.
    pub outputs: Vec<(Col, u32)>,
    /// The ledger of the actor's vertex.
    pub ledger: Col,
    /// Control messages to the actor.
    pub inbox: Vec<Col>,
}

/// No slot.
pub const NOWHERE: Col = usize::MAX;

/// All parts and slots that were met.
pub struct Space {
    setup: Arc<Setup>,
    slots: Vec<Slot>,
    keys: Vec<(u64, u64)>, // by column, from the slot's name
    columns: BTreeMap<Slot, Col>,
    wires: Vec<Wire>,
    values: Vec<Value>,
    by_hash: Table<4>,
    items: Vec<Part>, // one element or control message each, as queues of one
    items_by_hash: Table<4>,
    pushes: Table<2>,
}

fn words(hash: u128) -> [u32; 4] {
    [hash as u32, (hash >> 32) as u32, (hash >> 64) as u32, (hash >> 96) as u32]
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// What a part adds to the fingerprint in a slot.
#[inline]
fn share((a, b): (u64, u64), hash: u128) -> u128 {
    let (low, high) = (hash as u64, (hash >> 64) as u64);
    (fold(low ^ a, (high ^ b) | 1) as u128) << 64 | fold(low ^ b, (high.rotate_left(32) ^ a) | 1) as u128
}

impl Space {
    /// Nothing met yet.
    pub fn new(setup: &Arc<Setup>) -> Self {
        let nothing = Value { hash: 0, part: None, facts: Facts::Nothing };
        let mut space = Space {
            setup: setup.clone(),
            slots: Vec::new(),
            keys: Vec::new(),
            columns: BTreeMap::new(),
            wires: Vec::new(),
            values: vec![nothing],
            by_hash: Table::default(),
            items: Vec::new(),
            items_by_hash: Table::default(),
            pushes: Table::default(),
        };
        space.column(Slot::Roster);
        space.column(Slot::Store);
        space
    }

    /// The setup of all worlds here.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// Words of a row.
    pub fn width(&self) -> usize {
        HEAD + self.slots.len()
    }

    /// How many different parts were met.
    pub fn parts(&self) -> usize {
        self.values.len() - 1
    }

    /// The slots, by column.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Where a slot is, if it was ever met.
    pub fn find(&self, slot: Slot) -> Col {
        self.columns.get(&slot).copied().unwrap_or(NOWHERE)
    }

    /// The columns in the order of the slots' names: the same whatever was met first.
    pub fn ordered(&self) -> impl Iterator<Item = (Slot, Col)> + '_ {
        self.columns.iter().map(|(slot, col)| (*slot, *col))
    }

    /// A slot's neighbours.
    #[inline]
    pub fn wire(&self, col: Col) -> &Wire {
        &self.wires[col]
    }

    /// What is in a slot of a row.
    #[inline]
    pub fn at(&self, row: &[u32], col: Col) -> Id {
        row.get(HEAD.saturating_add(col)).copied().unwrap_or(0)
    }

    /// What a search asks of a part.
    #[inline]
    pub fn facts(&self, id: Id) -> &Facts {
        &self.values[id as usize].facts
    }

    /// A part.
    pub fn part(&self, id: Id) -> Option<&Part> {
        self.values[id as usize].part.as_ref()
    }

    /// A process.
    pub fn life(&self, id: Id) -> Option<&Life> {
        match self.part(id) {
            Some(Part::Life(life)) => Some(life),
            _ => None,
        }
    }

    /// The digest of a part.
    pub fn hash(&self, id: Id) -> u128 {
        self.values[id as usize].hash
    }

    /// The queue with one item more, if it was met.
    #[inline]
    pub fn pushed(&self, queue: Id, item: Id) -> Id {
        self.pushes.get(&[queue, item])
    }

    /// Writes a slot of a row and keeps the fingerprint right.
    #[inline]
    pub fn set(&self, row: &mut [u32], col: Col, id: Id) {
        let old = row[HEAD + col];
        if old == id {
            return;
        }
        let h = fingerprint(row).wrapping_sub(self.share(col, old)).wrapping_add(self.share(col, id));
        row[..HEAD].copy_from_slice(&words(h));
        row[HEAD + col] = id;
    }

    /// The fingerprint of a row after some of its slots have changed.
    #[inline]
    pub fn shifted(&self, row: &[u32], changes: &[(Col, Id)]) -> u128 {
        changes.iter().fold(fingerprint(row), |h, (col, id)| {
            h.wrapping_sub(self.share(*col, self.at(row, *col))).wrapping_add(self.share(*col, *id))
        })
    }

    /// Writes a row with some of its slots changed behind others.
    #[inline]
    pub fn write(&self, row: &[u32], changes: &[(Col, Id)], fingerprint: u128, rows: &mut Vec<u32>) {
        let start = rows.len();
        rows.extend_from_slice(&words(fingerprint));
        rows.extend_from_slice(&row[HEAD..]);
        rows.resize(start + self.width(), 0); // slots may have been met since
        changes.iter().for_each(|(col, id)| rows[start + HEAD + col] = *id);
    }

    #[inline]
    fn share(&self, col: Col, id: Id) -> u128 {
        if id == 0 { 0 } else { share(self.keys[col], self.values[id as usize].hash) }
    }

    /// The fingerprint of a world, whether its parts were met or not.
    pub fn fingerprint_of(world: &World) -> u128 {
        let share = |(slot, part): &(Slot, Part)| {
            let key = slot.hash();
            share((key as u64, (key >> 64) as u64), part.hash())
        };
        world.parts().iter().map(share).fold(0, u128::wrapping_add)
    }

    /// The column of a slot, a new one if it has none.
    pub fn column(&mut self, slot: Slot) -> Col {
        if let Some(col) = self.columns.get(&slot) {
            return *col;
        }
        let col = self.slots.len();
        let hash = slot.hash();
        self.slots.push(slot);
        self.keys.push((hash as u64, (hash >> 64) as u64));
        self.columns.insert(slot, col);
        self.rewire();
        col
    }

    fn rewire(&mut self) {
        self.wires = self.slots.iter().map(|slot| self.wire_of(*slot)).collect();
    }

    fn wire_of(&self, slot: Slot) -> Wire {
        let topology = &self.setup.topology;
        let actor = match slot {
            Slot::Life(who) | Slot::Asks(who) => who,
            Slot::Channel(attempt, channel) => Incarnation { task: topology.channels[channel.index()].to, attempt },
            Slot::Control(_, to) => to,
            Slot::Roster | Slot::Store | Slot::Ledger(_) => {
                return Wire { actor: NOWHERE, asks: NOWHERE, ledger: NOWHERE, ..Wire::default() };
            }
        };
        let subtask = topology.subtasks.get(actor.task.index());
        let output =
            |c: &ChannelId| (self.find(Slot::Channel(actor.attempt, *c)), topology.channels[c.index()].capacity);
        Wire {
            actor: self.find(Slot::Life(actor)),
            asks: self.find(Slot::Asks(actor)),
            outputs: subtask.map_or(Vec::new(), |subtask| subtask.outputs.iter().map(output).collect()),
            ledger: subtask.map_or(NOWHERE, |subtask| self.find(Slot::Ledger(subtask.vertex))),
            inbox: {
                let hears = |(_, slot): &(usize, &Slot)| matches!(slot, Slot::Control(_, to) if *to == actor);
                self.slots.iter().enumerate().filter(hears).map(|(col, _)| col).collect()
            },
        }
    }

    /// The number of a part.
    pub fn intern(&mut self, part: &Part) -> Id {
        let hash = part.hash();
        let known = self.by_hash.get(&words(hash));
        if known != NONE {
            return known;
        }
        let facts = self.facts_of(part);
        let id = self.values.len() as Id;
        self.values.push(Value { hash, part: Some(part.clone()), facts });
        self.by_hash.insert(words(hash), id);
        id
    }

    /// The number of an item of a queue, given as a queue of one.
    pub fn intern_item(&mut self, item: Part) -> Id {
        let hash = words(item.hash());
        let known = self.items_by_hash.get(&hash);
        if known != NONE {
            return known;
        }
        let id = self.items.len() as Id;
        self.items.push(item);
        self.items_by_hash.insert(hash, id);
        id
    }

    /// The queue with one item more.
    pub fn push(&mut self, queue: Id, item: Id) -> Id {
        let known = self.pushes.get(&[queue, item]);
        if known != NONE {
            return known;
        }
        let longer = match (self.part(queue), &self.items[item as usize]) {
            (None, one) => one.clone(),
            (Some(Part::Channel(queue)), Part::Channel(one)) => {
                let mut queue = queue.clone();
                one.iter().for_each(|element| queue.push(0, element.clone()));
                Part::Channel(queue)
            }
            (Some(Part::Control(queue)), Part::Control(one)) => {
                let mut queue = queue.clone();
                queue.extend(one.iter().cloned());
                Part::Control(queue)
            }
            _ => unreachable!("an item goes into a queue of its kind"),
        };
        let id = self.intern(&longer);
        self.pushes.insert([queue, item], id);
        id
    }

    fn facts_of(&mut self, part: &Part) -> Facts {
        match part {
            Part::Life(life) => Facts::Life(self.life_facts(life)),
            Part::Channel(channel) => {
                let mut rest = channel.clone();
                let Some(head) = rest.pop() else { return Facts::Nothing };
                let mut one = crate::world::channel::Channel::default();
                one.push(0, head);
                let jumper = channel.jumper().map(|(_, barrier)| barrier);
                self.queue_facts(Part::Channel(one), Part::Channel(rest.clone()), channel.len(), jumper)
            }
            Part::Control(queue) => {
                let mut rest = queue.clone();
                let Some(head) = rest.pop_front() else { return Facts::Nothing };
                self.queue_facts(Part::Control([head].into()), Part::Control(rest), queue.len(), None)
            }
            Part::Asks(asks) => {
                let doable = |serial: u32| {
                    let ask = &asks[&serial];
                    let before = asks.range(..serial).any(|(_, o)| o.reply.is_none() && o.service == ask.service);
                    let any = ask.service == crate::world::Service::Store;
                    ask.reply.is_none() && (any || !before)
                };
                let facts = |(serial, ask): (&u32, &InFlight)| AskFacts {
                    serial: *serial,
                    doable: doable(*serial),
                    answered: ask.reply.is_some(),
                    fails: ask.fails(),
                };
                Facts::Asks(asks.iter().map(facts).collect())
            }
            Part::Ledger(ledger) => Facts::Ledger(ledger.unsettled().collect()),
            Part::Roster(roster) => Facts::Roster(RosterFacts {
                ended: roster.ended.is_some(),
                headless: roster.coordinators.last().is_none_or(|newest| *newest < roster.last),
                plain: match (roster.generations.as_slice(), roster.coordinators.as_slice()) {
                    ([(job, places)], [one]) if roster.deaths.is_empty() && places.iter().all(|p| *p == 1) => {
                        Some((*job, *one))
                    }
                    _ => None,
                },
                deaths: roster.deaths.clone().into(),
            }),
            Part::Store(_) => Facts::Nothing,
        }
    }

    fn queue_facts(&mut self, head: Part, rest: Part, len: usize, jumper: Option<Barrier>) -> Facts {
        let head = self.intern_item(head);
        let rest = if len > 1 { self.intern(&rest) } else { 0 };
        Facts::Queue(QueueFacts { head, rest, len: len as u32, jumper })
    }

    fn life_facts(&self, life: &Life) -> LifeFacts {
        let subtask = self.setup.topology.subtasks.get(life.who.task.index());
        let (inputs, partitions) = subtask.map_or((0, 0), |s| (s.inputs.len(), s.partitions.len()));
        let mut blocked = InputSet::new();
        for input in (0..inputs as u32).map(InputIndex).filter(|input| life.process.blocked(*input)) {
            blocked.insert(input);
        }
        LifeFacts {
            blocked,
            choosing: life.choosing,
            reads: (0..partitions as u32).filter(|slot| life.process.wants(*slot as usize).is_some()).collect(),
            timers: life.timers.clone().into(),
        }
    }

    /// The item behind a number, as an element of a channel.
    pub fn element(&self, item: Id) -> Option<&Element<crate::engine::message::Record>> {
        match &self.items[item as usize] {
            Part::Channel(one) => one.iter().next(),
            _ => None,
        }
    }

    /// An item, as a queue of one.
    pub fn item(&self, item: Id) -> &Part {
        &self.items[item as usize]
    }

    /// The row of a world.
    pub fn row(&mut self, world: &World) -> Vec<u32> {
        let parts = world.parts();
        let found: Vec<(Col, Id)> = parts.iter().map(|(slot, part)| (self.column(*slot), self.intern(part))).collect();
        let mut row = vec![0; self.width()];
        found.into_iter().for_each(|(col, id)| self.set(&mut row, col, id));
        row
    }

    /// The world of a row.
    pub fn world(&self, row: &[u32]) -> World {
        let parts = row[HEAD..].iter().enumerate().filter(|(_, id)| **id != 0);
        let part = |(col, id): (usize, &u32)| {
            (self.slots[col], self.values[*id as usize].part.as_ref().expect("only 0 is empty"))
        };
        World::assemble(&self.setup, parts.map(part))
    }
}

/// The fingerprint of a row.
#[inline]
pub fn fingerprint(row: &[u32]) -> u128 {
    row[0] as u128 | (row[1] as u128) << 32 | (row[2] as u128) << 64 | (row[3] as u128) << 96
}
