//! Typed ids. A number that means a task can never be used where a channel is meant.
//!
//! This room imports nothing of the project and knows nothing of what the ids name.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The id as an index into a table.
            #[inline]
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The id that follows this one. Ids are compared and stepped, never computed with otherwise.
            #[inline]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A process of the job, in the order of the topology: subtasks first, then the coordinator, the
    /// store and one ledger for each sink.
    TaskId(u32), "p");
id!(
    /// One life of a process, counted from 1. For subtasks it is the attempt of the whole job, for a
    /// coordinator it is its fencing token.
    Attempt(u32), "a");
id!(
    /// A FIFO channel between two subtasks.
    ChannelId(u32), "ch");
id!(
    /// A checkpoint, counted from 1.
    CheckpointId(u64), "c");
id!(
    /// A vertex of the job graph: one operator chain with its parallelism.
    VertexId(u32), "v");
id!(
    /// A partition of a source's log, numbered over all sources of the job.
    PartitionId(u32), "s");
id!(
    /// A position in a partition, counted from 0: the number of records before it.
    Offset(u64), "");
id!(
    /// An outstanding request of one process to the store or a ledger; the smallest free number.
    Ticket(u32), "t");
id!(
    /// The coordinator's right to write: durable, strictly increasing. Kleppmann 2016.
    FencingToken(u32), "f");
id!(
    /// The position of a channel among the inputs of its receiver.
    InputIndex(u32), "in");
id!(
    /// A host: what crashes and pauses together.
    HostId(u32), "h");

/// A duration or an instant of virtual time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Nanos {
    /// From milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Nanos(ms * 1_000_000)
    }
}

/// One life of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation {
    /// Which process.
    pub task: TaskId,
    /// Which of its lives.
    pub attempt: Attempt,
}

/// Where a record comes from: stable over re-execution, so that duplicates can be named.
///
/// An operator that splits a record numbers the parts; an aggregate keeps the id of the record that
/// triggered it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The source partition.
    pub partition: PartitionId,
    /// Which part of the source record this is; 0 is the whole.
    pub part: u32,
    /// The offset in the partition.
    pub offset: Offset,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)?;
        if self.part > 0 {
            write!(f, ".{}", self.part)?;
        }
        Ok(())
    }
}

/// A set of inputs of one gate. Up to 64 inputs it is one word; beyond that a bitset on the heap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct InputSet {
    low: u64,
    high: Vec<u64>,
}

impl InputSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The set of the inputs 0..n.
    pub fn all(n: usize) -> Self {
        let mut set = Self::new();
        for i in 0..n {
            set.insert(InputIndex(i as u32));
        }
        set
    }

    /// Is this input in the set?
    #[inline]
    pub fn contains(&self, input: InputIndex) -> bool {
        let i = input.index();
        if i < 64 {
            self.low >> i & 1 == 1
        } else {
            self.high.get(i / 64 - 1).is_some_and(|word| word >> (i % 64) & 1 == 1)
        }
    }

    /// Adds an input; true if it is new.
    pub fn insert(&mut self, input: InputIndex) -> bool {
        let i = input.index();
        let new = !self.contains(input);
        if i < 64 {
            self.low |= 1 << i;
        } else {
            let word = i / 64 - 1;
            if self.high.len() <= word {
                self.high.resize(word + 1, 0);
            }
            self.high[word] |= 1 << (i % 64);
        }
        new
    }

    /// Takes an input out; true if it was in.
    pub fn remove(&mut self, input: InputIndex) -> bool {
        let i = input.index();
        let was = self.contains(input);
        if i < 64 {
            self.low &= !(1 << i);
        } else if was {
            self.high[i / 64 - 1] &= !(1 << (i % 64));
            while self.high.last() == Some(&0) {
                self.high.pop(); // equal sets have equal representations
            }
        }
        was
    }

    /// How many inputs are in the set.
    pub fn len(&self) -> usize {
        (self.low.count_ones() + self.high.iter().map(|word| word.count_ones()).sum::<u32>()) as usize
    }

    /// Is the set empty?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.low == 0 && self.high.is_empty()
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        self.low = 0;
        self.high.clear();
    }

    /// The inputs in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = InputIndex> + '_ {
        let words = std::iter::once(self.low).chain(self.high.iter().copied());
        words.enumerate().flat_map(|(w, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| InputIndex((w * 64 + bit) as u32))
        })
    }
}
