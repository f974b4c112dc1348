//! The digest of a trace: every field of every event but its time, for each process and overall.
//!
//! The digest of a process is a chain over its events; the overall digest is a chain over all events in the order
//! in which the driver saw them. Two runs are the same run iff the overall digests are equal; where they aren't,
//! the digests of the processes say where to look.

use super::event::{Event, Kind, Outcome, Shown, Spot};
use crate::digest::{Digest, mix};
use crate::engine::message::{Datum, Record, StoreKey, Txn};
use crate::ids::{ChannelId, PartitionId};

/// Running digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceDigest {
    overall: u64,
    processes: Vec<u64>,
    events: u64,
}

#[inline(always)]
fn chain(state: u64, word: u64) -> u64 {
    (state.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl TraceDigest {
    /// Of no event.
    pub fn new(processes: usize) -> Self {
        TraceDigest { overall: 0, processes: vec![0; processes], events: 0 }
    }

    /// Adds an event.
    #[inline]
    pub fn add(&mut self, event: &Event) {
        let at = event.spot();
        match &event.kind {
            Kind::Send { channel, m, record } => self.send(at, *channel, *m, record),
            Kind::Apply { channel, m } => self.apply(at, *channel, *m),
            Kind::Read { partition, record } => self.read(at, *partition, record),
            Kind::Visible { position, from, record, txn } => {
                self.visible(at, &Shown { position: *position, from: *from, txn: *txn }, record);
            }
            other => self.word(at, rare(head(at), other)),
        }
    }

    /// Adds the event that a record went into a channel.
    #[inline(always)]
    pub fn send(&mut self, at: Spot, channel: ChannelId, m: u64, record: &Record) {
        self.word(at, record_word(chain(head(at) ^ 1 << 60, (channel.0 as u64) << 40 ^ m), record));
    }

    /// Adds the event that a record was taken off a channel.
    #[inline(always)]
    pub fn apply(&mut self, at: Spot, channel: ChannelId, m: u64) {
        self.word(at, chain(head(at) ^ 2 << 60, (channel.0 as u64) << 40 ^ m));
    }

    /// Adds the event that a record was taken from a partition.
    #[inline(always)]
    pub fn read(&mut self, at: Spot, partition: PartitionId, record: &Record) {
        self.word(at, record_word(chain(head(at) ^ 3 << 60, partition.0 as u64), record));
    }

    /// Adds the event that a record became visible.
    #[inline(always)]
    pub fn visible(&mut self, at: Spot, shown: &Shown, record: &Record) {
        let from = (shown.from.task.0 as u64) << 32 ^ shown.from.attempt.0 as u64;
        let line = chain(chain(head(at) ^ 4 << 60, shown.position), from);
        let line = shown.txn.as_ref().map_or(line, |txn| txn_word(line, txn));
        self.word(at, record_word(line, record));
    }

    /// Adds the events that records became visible, one after another: `at` and `shown` are the first one's.
    pub fn visible_all(&mut self, at: Spot, shown: &Shown, records: &[Record]) {
        Shown::lines(at, shown, records).for_each(|(at, shown, record)| self.visible(at, &shown, record));
    }

    #[inline(always)]
    fn word(&mut self, at: Spot, word: u64) {
        self.overall = chain(self.overall, word);
        let process = &mut self.processes[at.process.index()];
        *process = chain(*process, word);
        self.events += 1;
    }

    /// The digest of everything.
    pub fn overall(&self) -> u64 {
        mix(self.overall ^ self.events)
    }

    /// The digest of each process, by its number.
    pub fn processes(&self) -> impl Iterator<Item = u64> + '_ {
        self.processes.iter().map(|state| mix(*state))
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }
}

#[inline(always)]
fn head(at: Spot) -> u64 {
    (at.process.0 as u64) << 40 ^ (at.attempt.0 as u64) << 32 ^ at.n as u64
}

#[inline(always)]
fn datum_word(datum: &Datum) -> u64 {
    match datum {
        Datum::Int(i) => *i as u64,
        other => other.hash64(),
    }
}

#[inline(always)]
fn record_word(line: u64, record: &Record) -> u64 {
    let id = (record.id.partition.0 as u64) << 48 ^ (record.id.part as u64) << 32 ^ record.id.offset.0;
    chain(chain(chain(line, id), datum_word(&record.key)), datum_word(&record.value))
}

#[inline(always)]
fn txn_word(line: u64, txn: &Txn) -> u64 {
    chain(chain(!line, (txn.attempt.0 as u64) << 32 | txn.task.0 as u64), txn.number)
}

fn txn_words(d: &mut Digest, txn: &Txn) {
    d.word((txn.attempt.0 as u64) << 32 | txn.task.0 as u64);
    d.word(txn.number);
}

fn key_words(d: &mut Digest, key: &StoreKey) {
    d.word((key.attempt.0 as u64) << 32 | key.task.0 as u64);
    d.word(key.checkpoint.0);
}

fn outcome_word(outcome: Outcome) -> u64 {
    outcome as u64
}

#[cold]
fn rare(head: u64, kind: &Kind) -> u64 {
    let d = &mut Digest::new();
    d.word(head);
    match kind {
        Kind::Read { .. } | Kind::Send { .. } | Kind::Apply { .. } | Kind::Visible { .. } => {
            unreachable!("these have words of their own")
        }
        Kind::Trigger { checkpoint, required, job } => {
            d.word(11 | checkpoint.0 << 8);
            d.word(job.0 as u64);
            required.iter().for_each(|task| d.word(task.0 as u64));
        }
        Kind::Complete { checkpoint, job, token, parts, outcome }
        | Kind::Savepoint { checkpoint, job, token, parts, outcome } => {
            let tag = if let Kind::Complete { .. } = kind { 12 } else { 44 };
            d.word(tag | checkpoint.0 << 8);
            d.word((job.0 as u64) << 32 | token.0 as u64);
            d.word(outcome_word(*outcome));
            parts.iter().for_each(|key| key_words(d, key));
        }
        Kind::Put { key, digest, offsets, kappa, txns, outcome } => {
            d.word(13);
            key_words(d, key);
            d.word(*digest);
            d.word(outcome_word(*outcome));
            position_words(d, offsets);
            kappa_words(d, kappa);
            txns.iter().for_each(|txn| txn_words(d, txn));
        }
        Kind::Restore { base, digest, offsets, kappa, finished } => {
            d.word(14 | (*finished as u64) << 8);
            d.word(base.map_or(0, |id| id.0));
            d.word(*digest);
            position_words(d, offsets);
            kappa_words(d, kappa);
        }
        Kind::Txn { op, txn, records, outcome } => {
            d.word(15 | (*op as u64) << 8 | outcome_word(*outcome) << 16);
            txn_words(d, txn);
            d.word(*records);
        }
        Kind::Get { key, outcome } => {
            d.word(16 | outcome_word(*outcome) << 8);
            key_words(d, key);
        }
        Kind::Delete { key } => {
            d.word(17);
            key_words(d, key);
        }
        Kind::Begin { job, token, base, outcome } => {
            d.word(18 | outcome_word(*outcome) << 8);
            d.word((job.0 as u64) << 32 | token.0 as u64);
            d.word(base.map_or(0, |id| id.0));
        }
        Kind::Fault { what } => {
            d.word(19);
            d.bytes(what.as_bytes());
        }
        other => small(d, other),
    }
    d.finish64()
}

fn position_words(d: &mut Digest, offsets: &[(crate::ids::PartitionId, crate::ids::Offset)]) {
    d.word(offsets.len() as u64);
    for (partition, offset) in offsets {
        d.word(partition.0 as u64);
        d.word(offset.0);
    }
}

fn kappa_words(d: &mut Digest, kappa: &super::event::Kappa) {
    for (channel, ids) in kappa.iter() {
        d.word((channel.0 as u64) << 32 | ids.len() as u64);
        for id in ids {
            d.word((id.partition.0 as u64) << 32 | id.part as u64);
            d.word(id.offset.0);
        }
    }
}

/// Kinds with at most three words.
fn small(d: &mut Digest, kind: &Kind) {
    let words = match kind {
        Kind::Quiesce => [20, 0, 0],
        Kind::Ack { checkpoint } => [21, checkpoint.0, 0],
        Kind::Decline { checkpoint, reason } => [22, checkpoint.0, *reason as u64],
        Kind::Abort { checkpoint, reason } => [23, checkpoint.0, abort_word(*reason)],
        Kind::Notify { checkpoint, to, what } => {
            [24 | (*what as u64) << 8, checkpoint.0, (to.task.0 as u64) << 32 | to.attempt.0 as u64]
        }
        Kind::Lead { token, outcome } => [25, token.0 as u64, outcome_word(*outcome)],
        Kind::Start => [26, 0, 0],
        Kind::Crash => [27, 0, 0],
        Kind::Stop => [28, 0, 0],
        Kind::Fence { by } => [29, by.task.0 as u64, by.attempt.0 as u64],
        Kind::Clear => [30, 0, 0],
        Kind::BarOut { channel, checkpoint, overtakes } => {
            [31 | (*overtakes as u64) << 8, channel.0 as u64, checkpoint.0]
        }
        Kind::BarIn { channel, checkpoint, passed } => [32 | (*passed as u64) << 8, channel.0 as u64, checkpoint.0],
        Kind::CancelOut { channel, checkpoint } => [33, channel.0 as u64, checkpoint.0],
        Kind::CancelIn { channel, checkpoint } => [34, channel.0 as u64, checkpoint.0],
        Kind::EndOut { channel } => [35, channel.0 as u64, 0],
        Kind::EndIn { channel } => [36, channel.0 as u64, 0],
        Kind::Hold { channel } => [37, channel.0 as u64, 0],
        Kind::Release { channel } => [38, channel.0 as u64, 0],
        Kind::Snap { checkpoint, digest } => [39, checkpoint.0, *digest],
        Kind::Abandon { checkpoint, reason } => [40, checkpoint.0, *reason as u64],
        Kind::Choice { value } => [41, *value as u64, 0],
        Kind::Finish { complete } => [42, *complete as u64, 0],
        Kind::Suspend { checkpoint } => [43, checkpoint.0, 0],
        other => unreachable!("{other:?} has words of its own"),
    };
    words.iter().for_each(|word| d.word(*word));
}

fn abort_word(reason: crate::engine::message::AbortReason) -> u64 {
    use crate::engine::message::AbortReason::*;
    match reason {
        Declined(why) => 1 | (why as u64) << 8,
        Expired => 2,
        Subsumed => 3,
        Failover => 4,
        FinaliseFailed => 5,
        Shutdown => 6,
    }
}
