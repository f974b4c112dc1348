//! The one seam: a process is a pure value with one method.

use super::keyed::Tables;
use super::message::{Control, Element, Input, Outbox, Record, Txn};
use super::snapshot::View;
use crate::digest::Digest;
use crate::ids::*;
use crate::topology::Topology;
use std::any::Any;
use std::sync::Arc;

/// What a socket asks for: whatever comes next.
pub const ANY_OFFSET: Offset = Offset(u64::MAX);

/// Where a record that is to be passed comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the head of an input.
    Input(InputIndex),
    /// It is what was wanted from a partition.
    Partition,
}

/// What came of offering a record to [`Process::pass`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// Nothing at all: it goes by `step`.
    Not,
    /// It is to be sent into this channel.
    Into(ChannelId),
    /// It has been taken, and nothing is sent.
    Kept,
}

/// A state machine of the protocol.
pub trait Process: Send + Sync + 'static {
    /// Something happened: change, and say what you ask for. The outbox is empty before.
    fn step(&mut self, input: Input, out: &mut Outbox);

    /// From here on it may keep keyed state that doesn't fit into memory in tables of these. A driver that has none never
    /// calls this, one that has does so before the first step; what the process does is the same either way.
    fn lend(&mut self, _tables: &dyn Tables) {}

    /// Takes a record in the way that nearly all records go: at most one comes out, and nothing else is asked for.
    /// It is changed in place into what comes out. What `step` would do with it, without lists of effects and with
    /// fewer copies; a driver that never calls this misses nothing but speed. The driver offers what it would `step`.
    fn pass(&mut self, _way: Way, _record: &mut Record) -> Passed {
        Passed::Not
    }

    /// Records that the driver will offer next, as far as it knows. A process may look at what it keeps for them; it doesn't
    /// change, and a driver that never calls this misses nothing but speed.
    fn soon(&self, _next: &[Element<Record>]) {}

    /// An input that the driver must not read now.
    fn blocked(&self, _input: InputIndex) -> bool {
        false
    }

    /// Does it take records from every input? False if in doubt: then `blocked` is asked.
    fn flowing(&self) -> bool {
        false
    }

    /// An input that is held for the sake of a checkpoint, as opposed to not being read for another reason.
    fn holds(&self, _input: InputIndex) -> bool {
        false
    }

    /// Coordinators: the job attempt that is theirs now.
    fn job(&self) -> Option<Attempt> {
        None
    }

    /// Would this process take a queued barrier of this checkpoint before the records ahead of it, though
    /// the barrier itself doesn't overtake? True after an alignment timed out.
    fn hastens(&self, _checkpoint: CheckpointId) -> bool {
        false
    }

    /// Sources: the record to hand over next from their n-th partition (`slot`). Sockets ask for
    /// [`ANY_OFFSET`].
    fn wants(&self, _slot: usize) -> Option<(PartitionId, Offset)> {
        None
    }

    /// Has it a choice to make that it leaves to the environment? It takes nothing else until then.
    fn chooses(&self) -> bool {
        false
    }

    /// A control message that it doesn't take now: the driver must not hand it over, nor what was told after it
    /// by the same process. Like `blocked`, for messages. Nothing that ships is ever deaf.
    fn deaf(&self, _control: &Control) -> bool {
        false
    }

    /// Sinks: the transaction that is open, and what was written into it so far. Its `Stage` will hold these records and those
    /// that follow. A driver may have them written before that is asked; nothing but time depends on it.
    fn writing(&self) -> Option<(Txn, &[Record])> {
        None
    }

    /// Has it stopped, by itself or because it was told to? A stopped process takes no input any more.
    fn stopped(&self) -> bool {
        false
    }

    /// What it holds of the job: for searches that compare a restored job with one that never failed. None: it
    /// holds nothing, or doesn't show it.
    fn view(&self) -> Option<View> {
        None
    }

    /// Adds the canonical encoding of one of its cells (`cell < cells()`).
    fn digest(&self, cell: usize, d: &mut Digest);

    /// How many cells it has: activities that can proceed side by side.
    fn cells(&self) -> usize {
        1
    }

    /// A copy.
    fn fork(&self) -> Box<dyn Process>;

    /// Itself, for tests and wrappers.
    fn any(&self) -> &dyn Any;
}

/// Makes the process of a task for one of its lives.
pub type Spawn = fn(&Arc<Topology>, &Arc<super::config::Config>, Incarnation) -> Box<dyn Process>;
