//! Keyed state: a table from keys to values with a fixed hash, whose order never shows.
//!
//! A snapshot doesn't copy it: it shares it, and the table copies what it changes while the snapshot is there.
//!
//! All of it is in memory, unless a driver lends a [`Table`] for what doesn't fit. Then memory holds the keys that were
//! used last, and the table all others; a key that is in both counts as in memory. Nothing else changes: what an
//! operator does, and what a snapshot of it holds, is the same either way.

use super::chunks::{CHUNK, Chunks, Still};
use super::message::{Datum, Element, Record};
use super::pairs::{Held, Pairs};
use super::snapshot::OperatorState;
use std::fmt::Debug;
use std::sync::Arc;

/// What an operator keeps for a key, and how a snapshot says it.
pub trait Cell: Clone + Default + Send + Sync + 'static {
    /// As a datum.
    fn datum(&self) -> Datum;

    /// Out of a datum; none: no operator of this kind said that.
    fn of(datum: &Datum) -> Option<Self>;
}

/// Where keyed state lies that is too much for memory. It belongs to one operator of one life. Whoever is called here and
/// meets trouble outside panics: without its state no life can go on.
pub trait Table: Debug + Send + Sync {
    /// So many keys are held in memory before they are put here; at least 1.
    fn room(&self) -> usize;

    /// What is kept for a key.
    fn get(&self, key: &Datum) -> Option<Datum>;

    /// Keeps these, in place of what was kept for their keys.
    fn put(&mut self, pairs: &mut dyn Iterator<Item = (Datum, Datum)>);

    /// What is kept now. Nothing that is put later changes it.
    fn freeze(&self) -> Arc<dyn Content>;
}

/// What a table held at a moment. Like a table it panics when it meets trouble outside.
pub trait Content: Send + Sync {
    /// Visits all pairs in the order of keys; of one key group, or of all.
    fn each(&self, group: Option<u32>, visit: &mut dyn FnMut(Datum, Datum));

    /// A new table that holds this.
    fn thaw(&self) -> Box<dyn Table>;
}

/// Makes empty tables.
pub trait Tables: Send + Sync {
    /// One of them.
    fn table(&self) -> Box<dyn Table>;
}

impl Clone for Box<dyn Table> {
    fn clone(&self) -> Self {
        self.freeze().thaw()
    }
}

/// The part of an operator's keyed state that a [`Table`] held when a snapshot was taken. Equal are only copies of one.
#[derive(Clone)]
pub struct Frozen {
    /// The pairs; those in memory count before them.
    pub content: Arc<dyn Content>,
    /// How many keys it holds.
    pub stored: u64,
    /// How many of the keys in memory it doesn't hold.
    pub fresh: u64,
}

impl Frozen {
    /// How many keys there are in all, here and in memory.
    pub fn keys(&self) -> u64 {
        self.stored + self.fresh
    }
}

impl Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frozen({} keys in all)", self.keys())
    }
}

impl PartialEq for Frozen {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.content, &other.content) && self.fresh == other.fresh
    }
}

impl Eq for Frozen {}

impl std::hash::Hash for Frozen {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.keys().hash(state);
    }
}

/// A table that was lent.
#[derive(Clone, Debug)]
struct Below {
    table: Box<dyn Table>,
    stored: u64, // keys in the table
    fresh: u64,  // keys in memory alone
}

impl Below {
    fn new(table: Box<dyn Table>, stored: u64) -> Self {
        Below { table, stored, fresh: 0 }
    }
}

/// The state of an operator.
pub trait Stateful {
    /// All of it, in the canonical form.
    fn state(&self) -> OperatorState;

    /// The same for a snapshot, quickly, however much it is.
    fn cut(&mut self) -> OperatorState;

    /// Puts a state in place of all that was there.
    fn restore(&mut self, state: &OperatorState);

    /// From here on, what doesn't fit into memory lies in a table of these.
    fn lend(&mut self, tables: &dyn Tables);

    /// These come next. Where their keys are in memory is looked at now, for all of them at once: a processor waits for many
    /// places at a time as long as for one. Nothing changes.
    fn soon(&self, _next: &[Element<Record>]) {}
}

/// A map from keys to `V`. Lookup by a fixed hash; iteration is in order of insertion and only used to
/// build canonical snapshots.
#[derive(Clone, Debug)]
pub struct Keyed<V> {
    entries: Chunks<Datum, V>,
    slots: Vec<u32>, // power of two; 0: empty, else entry index + 1
    below: Option<Below>,
}

const SLOTS_MIN: usize = 16;
/// A table with fewer slots than this is near the processor anyway.
const SLOTS_FAR: usize = 1 << 14;
/// So many records are worth looking at before they come.
pub const SOON: usize = 32;

impl<V> Default for Keyed<V> {
    fn default() -> Self {
        Keyed { entries: Chunks::default(), slots: vec![0; SLOTS_MIN], below: None }
    }
}

/// Equality, with integers looked at first and in place.
#[inline(always)]
fn same(a: &Datum, b: &Datum) -> bool {
    match (a, b) {
        (Datum::Int(a), Datum::Int(b)) => a == b,
        _ => a == b,
    }
}

impl<V: Cell> Keyed<V> {
    /// The value of a key, made by default at first.
    #[inline(always)]
    pub fn entry(&mut self, key: &Datum) -> &mut V {
        let mask = self.slots.len() - 1;
        let mut slot = (key.hash64() >> 7) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return self.insert(slot, key),
                n if same(self.entries.key(n as usize - 1), key) => return self.entries.value(n as usize - 1),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    #[cold]
    fn insert(&mut self, slot: usize, key: &Datum) -> &mut V {
        if self.below.is_some() {
            return self.fetch(key);
        }
        self.place(slot, key, V::default())
    }

    fn place(&mut self, slot: usize, key: &Datum, value: V) -> &mut V {
        self.entries.push(key.clone(), value);
        self.slots[slot] = self.entries.count() as u32;
        if self.entries.count() * 2 > self.slots.len() {
            self.grow();
        }
        self.entries.value(self.entries.count() - 1)
    }

    /// A key that isn't in memory, where there is a table. If memory is full, all that it holds goes to the table first.
    fn fetch(&mut self, key: &Datum) -> &mut V {
        let below = self.below.as_mut().expect("the caller has looked");
        if self.entries.count() >= below.table.room().max(1) {
            below.table.put(&mut self.entries.drain().map(|(key, value)| (key, value.datum())));
            self.slots.fill(0);
            below.stored += std::mem::take(&mut below.fresh);
        }
        let found = below.table.get(key).and_then(|datum| V::of(&datum));
        below.fresh += u64::from(found.is_none());
        let slot = free(&self.slots, key);
        self.place(slot, key, found.unwrap_or_default())
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for (i, (key, _)) in self.entries.iter().enumerate() {
            let slot = free(&self.slots, key);
            self.slots[slot] = i as u32 + 1;
        }
    }

    /// What is elsewhere.
    fn frozen(&self) -> Option<Frozen> {
        let frozen = |below: &Below| Frozen { content: below.table.freeze(), stored: below.stored, fresh: below.fresh };
        self.below.as_ref().map(frozen)
    }
}

impl<V: Cell> Stateful for Keyed<V> {
    fn state(&self) -> OperatorState {
        OperatorState {
            keyed: self.entries.iter().map(|(key, value)| (key.clone(), value.datum())).collect(),
            below: self.frozen(),
            ..OperatorState::default()
        }
    }

    fn cut(&mut self) -> OperatorState {
        if self.entries.count() <= CHUNK {
            return self.state(); // quicker than to share it
        }
        let keyed = Pairs::of(Arc::new(Cut(self.entries.cut())));
        OperatorState { keyed, below: self.frozen(), ..OperatorState::default() }
    }

    fn restore(&mut self, state: &OperatorState) {
        let thawed = state.below.as_ref().map(|frozen| Below::new(frozen.content.thaw(), frozen.stored));
        let below = thawed.or(self.below.take()); // a table that was lent and never used
        *self = Keyed { below, ..Keyed::default() };
        for (key, value) in state.keyed.iter() {
            if let Some(value) = V::of(value) {
                *self.entry(key) = value;
            }
        }
    }

    fn lend(&mut self, tables: &dyn Tables) {
        self.below = Some(Below { fresh: self.entries.count() as u64, ..Below::new(tables.table(), 0) });
    }

    fn soon(&self, next: &[Element<Record>]) {
        if self.slots.len() < SLOTS_FAR {
            return;
        }
        let mask = self.slots.len() - 1;
        let mut found = [0; SOON];
        for (found, element) in found.iter_mut().zip(next) {
            if let Element::Record(Record { key: Datum::Int(key), .. }) = element {
                *found = self.slots[(Datum::Int(*key).hash64() >> 7) as usize & mask];
            }
        }
        let key = |at: u32| match at.checked_sub(1).map(|at| self.entries.key(at as usize)) {
            Some(Datum::Int(key)) => *key,
            _ => 0,
        };
        std::hint::black_box(found.into_iter().fold(0, |sum, at| sum ^ key(at)));
    }
}

/// All entries as of a cut.
struct Cut<V>(Vec<Still<Datum, V>>);

impl<V: Cell> Held for Cut<V> {
    fn each(&self, visit: &mut dyn FnMut(&Datum, Datum)) {
        self.0.iter().flat_map(|chunk| chunk.iter()).for_each(|(key, value)| visit(key, value.datum()));
    }
}

/// The first free slot for a key that has none.
fn free(slots: &[u32], key: &Datum) -> usize {
    let mask = slots.len() - 1;
    let mut slot = (key.hash64() >> 7) as usize & mask;
    while slots[slot] != 0 {
        slot = (slot + 1) & mask;
    }
    slot
}

impl Cell for i64 {
    fn datum(&self) -> Datum {
        Datum::Int(*self)
    }

    fn of(datum: &Datum) -> Option<Self> {
        if let Datum::Int(value) = datum { Some(*value) } else { None }
    }
}

impl Cell for bool {
    fn datum(&self) -> Datum {
        Datum::Int(i64::from(*self))
    }

    fn of(datum: &Datum) -> Option<Self> {
        Some(*datum == Datum::Int(1))
    }
}

/// An entry is made with a value: there is always one.
impl Cell for Option<Datum> {
    fn datum(&self) -> Datum {
        self.clone().expect("an entry is made with a value")
    }

    fn of(datum: &Datum) -> Option<Self> {
        Some(Some(datum.clone()))
    }
}

impl Cell for (i64, i64) {
    fn datum(&self) -> Datum {
        Datum::Pair((Datum::Int(self.0), Datum::Int(self.1)).into())
    }

    fn of(datum: &Datum) -> Option<Self> {
        let Datum::Pair(pair) = datum else { return None };
        if let (Datum::Int(one), Datum::Int(other)) = **pair { Some((one, other)) } else { None }
    }
}
