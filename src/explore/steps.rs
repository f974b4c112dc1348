//! From a row to the next. The engine runs once for each different local step; afterwards the step is looked up.
//!
//! What a step may depend on is its *footprint*: the acting process, the item it takes, its open requests, the
//! roster; for steps that reach the store or a ledger, those too. A step that changes anything else in another way
//! than by adding to the tail of a queue is not remembered: it runs in the whole world every time. That footprints
//! are right is no matter of trust: one look-up in [`AUDIT`] is run in the whole world and compared, and tests
//! compare every one.

use super::judge::{Wrong, judge};
use super::offers::VARIANTS;
use super::recovery;
use super::refine::Base;
use super::rules::*;
use super::space::*;
use super::table::{NONE, Table};
use crate::ids::TaskId;
use crate::trace::coverage::Coverage;
use crate::trace::event::{Event, Kind, Notice};
use crate::world::World;
use crate::world::choice::{Choice, Fault, Step};
use crate::world::observer::Observer;
use crate::world::parts::{Part, Slot};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// One in so many look-ups is run in the whole world and compared.
pub const AUDIT: u64 = 1024;

/// What a remembered step changes.
struct Delta {
    sets: Box<[(Col, Id)]>,
    pushes: Box<[(Col, Id)]>,
    gone: bool, // the life is over, and nothing that was said to it arrives any more
    wrong: u32, // NONE, or a place in `wrongs`
    cut: u32,   // NONE, or a place in `cuts`: a checkpoint that it completes
}

enum Entry {
    /// Its footprint is the local one.
    Local(Delta),
    /// Its footprint contains the store and the ledger.
    Services,
    /// It is run in the whole world every time.
    Whole,
}

/// What a move led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    /// To the row that was written.
    Fine,
    /// A property is violated: a place in [`Steps::wrongs`].
    Wrong(u32),
    /// Not remembered: ask [`Steps::resolve`].
    Unknown,
}

/// The memory of local steps.
#[derive(Default)]
pub struct Steps {
    local: Table<5>,
    served: Table<3>,
    entries: Vec<Entry>,
    deltas: Vec<Delta>,
    failures: BTreeMap<Vec<Id>, (Vec<u32>, u32)>,
    /// What restored worlds are held against.
    pub base: Option<Arc<Base>>,
    /// What was met on the way.
    pub met: Coverage,
    /// What was found wrong, each once.
    pub wrongs: Vec<Wrong>,
    /// Digests of completed checkpoints: what they contain.
    pub cuts: Vec<u128>,
    /// How often the engine ran.
    pub misses: u64,
    /// How often it ran in the whole world because the step isn't local.
    pub whole: u64,
}

/// Collects the events of a step.
#[derive(Default)]
pub struct Watch(pub Vec<Event>);

impl Observer for Watch {
    fn event(&mut self, event: Event) {
        self.0.push(event);
    }
}

/// What the engine made of a move in the whole world.
pub struct Ran {
    /// The world after it.
    pub world: World,
    /// What was seen.
    pub events: Vec<Event>,
    /// What is wrong with it.
    pub wrong: Option<Wrong>,
}

/// Runs a move in the whole world. A panic of the engine is a finding like any other.
pub fn run(world: &World, what: Move) -> Ran {
    let mut next = world.clone();
    let mut watch = Watch::default();
    let went = catch_unwind(AssertUnwindSafe(|| match what {
        Move::Choice(choice) => {
            next.apply(Step::from(choice), &mut watch).expect("what is offered is enabled");
            judge(&next, &watch.0)
        }
        Move::PowerFailure => {
            recovery::power_failure(&mut next, &mut watch, &mut Vec::new());
            let wrong = judge(&next, &watch.0);
            next = recovery::renumbered(&next);
            wrong
        }
    }));
    let wrong = went.unwrap_or_else(|panic| Some(Wrong::panicked(&*panic)));
    Ran { world: next, events: watch.0, wrong }
}

impl Steps {
    /// No step is known; restored worlds are held against `base`.
    pub fn new(base: Option<Arc<Base>>) -> Self {
        Steps { base, ..Steps::default() }
    }

    fn key(space: &Space, row: &[u32], offer: &Offer) -> [u32; 5] {
        let wire = space.wire(offer.col);
        let own = space.at(row, offer.col);
        let source = match (offer.what, space.facts(own)) {
            (Move::Choice(Choice::Deliver(..) | Choice::Tell(..)), Facts::Queue(queue)) => queue.head,
            (Move::Choice(Choice::Overtake(..) | Choice::Jump(..)), _) => own,
            _ => 0,
        };
        let tag = offer.col as u32 * VARIANTS + offer.variant;
        [tag, space.at(row, wire.actor), source, space.at(row, wire.asks), space.at(row, 0)]
    }

    /// Does the move, if it is remembered: writes the slots that change, and what is there then.
    #[inline]
    pub fn go(&self, space: &Space, row: &[u32], offer: &Offer, changes: &mut Vec<(Col, Id)>) -> (Went, u32) {
        changes.clear();
        if offer.what == Move::PowerFailure {
            return self.failed(space, row, changes);
        }
        let first = self.local.get(&Self::key(space, row, offer));
        if first == NONE {
            return (Went::Unknown, NONE);
        }
        let delta = match &self.entries[first as usize] {
            Entry::Local(delta) => delta,
            Entry::Whole => return (Went::Unknown, NONE),
            Entry::Services => {
                let ledger = space.at(row, space.wire(offer.col).ledger);
                let second = self.served.get(&[first, space.at(row, 1), ledger]);
                if second == NONE {
                    return (Went::Unknown, NONE);
                }
                &self.deltas[second as usize]
            }
        };
        if let (Move::Choice(Choice::Deliver(..) | Choice::Tell(..)), Facts::Queue(queue)) =
            (offer.what, space.facts(row[HEAD + offer.col]))
        {
            changes.push((offer.col, queue.rest));
        }
        changes.extend_from_slice(&delta.sets);
        for (col, item) in &delta.pushes {
            let known = changes.iter().position(|(changed, _)| changed == col);
            let longer = space.pushed(known.map_or(space.at(row, *col), |at| changes[at].1), *item);
            if longer == NONE {
                return (Went::Unknown, NONE);
            }
            match known {
                Some(at) => changes[at].1 = longer,
                None => changes.push((*col, longer)),
            }
        }
        if delta.gone {
            for col in &space.wire(offer.col).inbox {
                match changes.iter().position(|(changed, _)| changed == col) {
                    Some(at) => changes[at].1 = 0,
                    None => changes.push((*col, 0)),
                }
            }
        }
        let went = if delta.wrong == NONE { Went::Fine } else { Went::Wrong(delta.wrong) };
        (went, delta.cut)
    }

    /// What a power failure leads to depends on what is durable, and on nothing else.
    fn failed(&self, space: &Space, row: &[u32], changes: &mut Vec<(Col, Id)>) -> (Went, u32) {
        let Some((after, wrong)) = self.failures.get(&durable(space, row)) else { return (Went::Unknown, NONE) };
        let width = space.width() - HEAD;
        changes
            .extend((0..width).map(|col| (col, space.at(after, col))).filter(|(col, id)| space.at(row, *col) != *id));
        (if *wrong == NONE { Went::Fine } else { Went::Wrong(*wrong) }, NONE)
    }

    /// Does a move by running the engine, and remembers it if it is local.
    pub fn resolve(&mut self, space: &mut Space, row: &[u32], offer: &Offer, next: &mut Vec<u32>) -> (Went, u32) {
        // Perhaps only the tail of a queue was missing.
        let key = Self::key(space, row, offer);
        let before = space.world(row);
        let mut ran = run(&before, offer.what);
        ran.wrong = self.wrong(offer.what, &ran);
        let mut met = Coverage::default(); // of this step alone: what came before it is another path's, too
        ran.events.iter().for_each(|event| met.event(event));
        met.step_over();
        self.met.add(met);
        self.met.job(ran.world.job_ended());
        let wrong = ran.wrong.as_ref().map_or(NONE, |wrong| place(&mut self.wrongs, wrong));
        let cut = completed(&ran).map_or(NONE, |cut| place(&mut self.cuts, &cut));
        let panicked = ran.wrong.as_ref().is_some_and(|wrong| wrong.panic);
        let after = if panicked { row.to_vec() } else { space.row(&ran.world) };
        let class = self.class(space, row, &after, offer, &ran);
        let known = self.local.get(&key);
        match class {
            Class::Whole if offer.what == Move::PowerFailure => {
                self.misses += 1;
                self.failures.insert(durable(space, row), (after.clone(), wrong));
            }
            Class::Whole => {
                self.whole += 1;
                if known == NONE {
                    self.remember(key, Entry::Whole);
                }
            }
            Class::Local { sets, pushes, gone } if known == NONE => {
                self.misses += 1;
                self.remember(key, Entry::Local(Delta { sets, pushes, gone, wrong, cut }));
            }
            Class::Local { .. } => {} // a queue's tail was missing, and is known now
            Class::Services(sets, pushes) => {
                let first = if known == NONE { self.remember(key, Entry::Services) } else { known };
                let ledger = space.at(row, space.wire(offer.col).ledger);
                let second = [first, space.at(row, 1), ledger];
                if self.served.get(&second) == NONE {
                    self.misses += 1;
                    self.served.insert(second, self.deltas.len() as u32);
                    self.deltas.push(Delta { sets, pushes, gone: false, wrong, cut });
                }
            }
        }
        next.clear();
        next.extend_from_slice(&after);
        let went = if wrong == NONE { Went::Fine } else { Went::Wrong(wrong) };
        (went, cut)
    }

    /// Does a move, by looking it up or by running the engine: the checkpoint that it completes, and the row that it
    /// leads to.
    pub fn make(&mut self, space: &mut Space, row: &[u32], offer: &Offer) -> (Went, u32, Vec<u32>) {
        let (mut changes, mut next) = (Vec::new(), Vec::new());
        match self.go(space, row, offer, &mut changes) {
            (Went::Unknown, _) => {
                let (went, cut) = self.resolve(space, row, offer, &mut next);
                (went, cut, next)
            }
            (went, cut) => {
                space.write(row, &changes, space.shifted(row, &changes), &mut next);
                (went, cut, next)
            }
        }
    }

    /// Did this move, which was made before, reach the store or a ledger?
    pub fn served(&self, space: &Space, row: &[u32], offer: &Offer) -> bool {
        let first = self.local.get(&Self::key(space, row, offer));
        first != NONE && matches!(self.entries[first as usize], Entry::Services)
    }

    /// What is wrong with a step that was run: by itself, or held against what the job can do without faults.
    pub fn wrong(&self, what: Move, ran: &Ran) -> Option<Wrong> {
        let (Some(base), None) = (&self.base, &ran.wrong) else { return ran.wrong.clone() };
        match what {
            Move::PowerFailure => base.judge(&ran.world),
            Move::Choice(_) => base.expected.shown_wrong(&ran.world, &ran.events),
        }
    }

    fn remember(&mut self, key: [u32; 5], entry: Entry) -> u32 {
        let at = self.entries.len() as u32;
        self.entries.push(entry);
        self.local.insert(key, at);
        at
    }

    /// What kind of step it was: what changed beside its footprint.
    fn class(&self, space: &mut Space, row: &[u32], after: &[u32], offer: &Offer, ran: &Ran) -> Class {
        let store = space.setup().topology.store();
        let in_roster = |choice: Choice| matches!(choice, Choice::Detect(..) | Choice::Revive | Choice::Expire(..));
        let lives = space.at(row, space.wire(offer.col).actor) != 0;
        let fault = |fault: Fault| !matches!(fault, Fault::FailRequest(_) | Fault::LoseReply(_) | Fault::Crash(_));
        let asked = offer.ask().is_some();
        match offer.what {
            Move::PowerFailure => return Class::Whole,
            Move::Choice(Choice::Fault(what)) if fault(what) => return Class::Whole,
            Move::Choice(choice) if in_roster(choice) || !(lives || asked) => return Class::Whole,
            _ => {}
        }
        let served = asked && !matches!(offer.what, Move::Choice(Choice::Answer(_)))
            || ran.events.iter().any(|event| reaches_services(event, store));
        let wire = space.wire(offer.col).clone();
        let takes = matches!(offer.what, Move::Choice(Choice::Deliver(..) | Choice::Tell(..)));
        let gone = lives && wire.actor != NOWHERE && space.at(after, wire.actor) == 0;
        let (mut sets, mut pushes) = (Vec::new(), Vec::new());
        for col in 0..after.len() - HEAD {
            let (old, new) = (space.at(row, col), after[HEAD + col]);
            let slot = space.slots()[col];
            let jumped =
                col == offer.col && matches!(offer.what, Move::Choice(Choice::Overtake(..) | Choice::Jump(..)));
            let mut base = old;
            if takes && col == offer.col {
                let Facts::Queue(queue) = space.facts(old) else { return Class::Whole };
                base = queue.rest;
            }
            if base == new {
                continue;
            }
            let service = served && (col == 1 || col == wire.ledger);
            let own = slot == space.slots()[wire.actor.min(space.slots().len() - 1)] && wire.actor == col
                || matches!(slot, Slot::Asks(_)) && self.is_own_asks(space, &wire, slot);
            match slot {
                Slot::Life(_) if own => sets.push((col, new)),
                Slot::Control(..) if gone && new == 0 && wire.inbox.contains(&col) => {}
                Slot::Roster if gone && same_generations(space, old, new) => sets.push((col, new)),
                Slot::Asks(_) if own => sets.push((col, new)),
                Slot::Store | Slot::Ledger(_) if service => sets.push((col, new)),
                Slot::Channel(..) if jumped => sets.push((col, new)),
                Slot::Channel(..) | Slot::Control(..) => match tail(space, base, new) {
                    Some(items) => pushes.extend(items.into_iter().map(|item| (col, item))),
                    None => return Class::Whole,
                },
                _ => return Class::Whole,
            }
        }
        let (sets, pushes) = (sets.into(), pushes.into());
        match (served, gone) {
            (true, true) => Class::Whole,
            (true, false) => Class::Services(sets, pushes),
            _ => Class::Local { sets, pushes, gone },
        }
    }

    fn is_own_asks(&self, space: &Space, wire: &Wire, slot: Slot) -> bool {
        let Slot::Asks(who) = slot else { return false };
        space.find(Slot::Life(who)) == wire.actor || wire.asks == space.find(slot)
    }
}

/// The parts of a row that outlive everything: the store, the ledgers, and the roster with what sockets gave.
fn durable(space: &Space, row: &[u32]) -> Vec<Id> {
    let outlives = |slot: &Slot| matches!(slot, Slot::Roster | Slot::Store | Slot::Ledger(_));
    space.slots().iter().enumerate().filter(|(_, slot)| outlives(slot)).map(|(col, _)| space.at(row, col)).collect()
}

enum Class {
    Local { sets: Box<[(Col, Id)]>, pushes: Box<[(Col, Id)]>, gone: bool },
    Services(Box<[(Col, Id)]>, Box<[(Col, Id)]>),
    Whole,
}

/// Did the step look at the store or a ledger, or is it judged by what is there?
fn reaches_services(event: &Event, store: TaskId) -> bool {
    event.process >= store
        || matches!(
            event.kind,
            Kind::Restore { .. } | Kind::Notify { what: Notice::Complete, .. } | Kind::Trigger { .. }
        )
}

/// Is there a job attempt more or less?
fn same_generations(space: &Space, old: Id, new: Id) -> bool {
    let (Some(Part::Roster(old)), Some(Part::Roster(new))) = (space.part(old), space.part(new)) else { return false };
    old.generations.iter().map(|(attempt, _)| attempt).eq(new.generations.iter().map(|(attempt, _)| attempt))
}

/// The items that were added to the tail of a queue; none if it changed in another way.
fn tail(space: &mut Space, old: Id, new: Id) -> Option<Vec<Id>> {
    let items: Vec<Part> = match (space.part(old), space.part(new)?) {
        (old, Part::Channel(new)) => {
            let known = old.map_or(0, |old| if let Part::Channel(old) = old { old.len() } else { usize::MAX });
            let one = |element: &_| {
                let mut one = crate::world::channel::Channel::default();
                one.push(0, Clone::clone(element));
                Part::Channel(one)
            };
            new.iter().skip(known).map(one).collect()
        }
        (old, Part::Control(new)) => {
            let known = old.map_or(0, |old| if let Part::Control(old) = old { old.len() } else { usize::MAX });
            new.iter().skip(known).map(|control| Part::Control([control.clone()].into())).collect()
        }
        _ => return None,
    };
    let items: Vec<Id> = items.into_iter().map(|item| space.intern_item(item)).collect();
    let mut queue = old;
    for item in &items {
        queue = space.push(queue, *item);
    }
    (queue == new).then_some(items)
}

fn place<T: Clone + PartialEq>(all: &mut Vec<T>, one: &T) -> u32 {
    let known = all.iter().position(|known| known == one);
    known.unwrap_or_else(|| {
        all.push(one.clone());
        all.len() - 1
    }) as u32
}

/// A digest of the checkpoint that a step completed: its id, and for each part what was stored.
fn completed(ran: &Ran) -> Option<u128> {
    use crate::trace::event::Outcome;
    let published = ran.events.iter().find_map(|event| match &event.kind {
        Kind::Complete { checkpoint, outcome: Outcome::Ok, .. } => Some(*checkpoint),
        _ => None,
    })?;
    let manifest = ran.world.store().completed().find(|manifest| manifest.checkpoint == published)?;
    let d = &mut crate::digest::Digest::new();
    d.word(published.0);
    for part in &manifest.parts {
        let crate::engine::snapshot::Part::Stored(key) = part else {
            d.word(0);
            continue;
        };
        d.word(1 + key.task.0 as u64);
        if let Some(snapshot) = ran.world.store().snapshot(key) {
            snapshot.digest_whole(d);
        }
        if let Some(shadow) = ran.world.store().shadow(key) {
            shadow.digest(d);
        }
    }
    Some(d.finish128())
}
