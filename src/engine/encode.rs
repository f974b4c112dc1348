//! The canonical encoding of what travels and waits: the same words on every machine. Searches tell states apart by
//! it, so everything that can make a difference to what happens next is in it.

use super::message::*;
use super::snapshot::{Manifest, Part, Snapshot};
use crate::digest::Digest;
use crate::ids::{Attempt, CheckpointId};
use std::sync::Arc;

impl Element<Record> {
    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut Digest) {
        match self {
            Element::Record(record) => {
                d.word(1);
                record.digest(d);
            }
            Element::Barrier(barrier) => {
                d.word(2 | (barrier.overtakes as u64) << 8);
                d.word(barrier.id.0);
            }
            Element::Cancel(id) => {
                d.word(3);
                d.word(id.0);
            }
            Element::End => d.word(4),
            Element::Noted(noted) => {
                d.word(5 | (noted.note.len() as u64) << 8);
                noted.note.iter().for_each(|word| d.word(*word));
                noted.record.digest(d);
            }
        }
    }
}

impl Control {
    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut Digest) {
        let (tag, id) = match self {
            Control::Deploy { restore } => {
                d.word(restore.is_some() as u64);
                restore.iter().for_each(|manifest| manifest.digest(d));
                (1, 0)
            }
            Control::Stop => (2, 0),
            Control::Trigger(id) => (3, id.0),
            Control::Complete(id) => (4, id.0),
            Control::Abort(id) => (5, id.0),
            Control::Running => (6, 0),
            Control::Ack(id) => (7, id.0),
            Control::Decline(id, reason) => (8 + ((*reason as u64) << 8), id.0),
            Control::Noted(id) => (9, id.0),
            Control::Finished => (10, 0),
            Control::Failed => (11, 0),
            Control::TriggerLast(id) => (12, id.0),
            Control::Counts(id, counts) => {
                counts.iter().for_each(|count| d.word(*count));
                (13 | (counts.len() as u64) << 8, id.0)
            }
        };
        d.word(tag);
        d.word(id);
    }
}

impl Timer {
    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut Digest) {
        let (tag, id) = match self {
            Timer::Interval => (1, 0),
            Timer::Pause => (2, 0),
            Timer::Timeout(id) => (3, id.0),
            Timer::Restart => (4, 0),
            Timer::Retry => (5, 0),
            Timer::Remind => (6, 0),
            Timer::Alignment(id) => (7, id.0),
        };
        d.word(tag);
        d.word(id);
    }
}

impl StoreKey {
    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut Digest) {
        d.word((self.attempt.0 as u64) << 32 | self.task.0 as u64);
        d.word(self.checkpoint.0);
    }
}

impl Txn {
    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut Digest) {
        d.word((self.attempt.0 as u64) << 32 | self.task.0 as u64);
        d.word(self.number);
    }
}

impl Manifest {
    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut Digest) {
        d.word(self.checkpoint.0);
        d.word(self.attempt.0 as u64);
        for part in &self.parts {
            match part {
                Part::Finished => d.word(0),
                Part::Stored(key) => {
                    d.word(1);
                    key.digest(d);
                }
            }
        }
    }
}

impl Snapshot {
    /// Adds the canonical encoding of all of it, records in flight included.
    pub fn digest_whole(&self, d: &mut Digest) {
        d.word(self.digest());
        d.word(self.channels.len() as u64);
        for (input, records) in &self.channels {
            d.word((input.0 as u64) << 32 | records.len() as u64);
            records.iter().for_each(|record| record.digest(d));
        }
        if let Some(logs) = &self.logs {
            logs.taken.iter().for_each(|count| d.word(*count));
            for (count, records) in &logs.sent {
                d.word(*count);
                records_digest(records, d);
            }
        }
    }
}

fn records_digest(records: &[Record], d: &mut Digest) {
    d.word(records.len() as u64);
    records.iter().for_each(|record| record.digest(d));
}

impl Request {
    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut Digest) {
        match self {
            Request::Lead => d.word(1),
            Request::BeginAttempt(attempt) => d.word(2 | (attempt.0 as u64) << 8),
            Request::Open(key) => {
                d.word(3);
                key.digest(d);
            }
            Request::Put(key, snapshot) => {
                d.word(4);
                key.digest(d);
                snapshot.digest_whole(d);
            }
            Request::Get(key) => {
                d.word(5);
                key.digest(d);
            }
            Request::Publish(manifest) => {
                d.word(6);
                manifest.digest(d);
            }
            Request::Save(manifest) => {
                d.word(15);
                manifest.digest(d);
            }
            Request::EndJob(complete) => d.word(7 | (*complete as u64) << 8),
            Request::Flush => d.word(14),
            Request::Discard(attempt, id) => {
                d.word(8 | (attempt.0 as u64) << 8);
                d.word(id.0);
            }
            Request::Begin(txn) => {
                d.word(9);
                txn.digest(d);
            }
            Request::Stage(txn, records) => {
                d.word(10);
                txn.digest(d);
                records_digest(records, d);
            }
            Request::Commit(txn) => {
                d.word(11);
                txn.digest(d);
            }
            Request::Fence { attempt, keep } => {
                d.word(12 | (attempt.0 as u64) << 8);
                keep.iter().for_each(|txn| txn.digest(d));
            }
            Request::Write(record) => {
                d.word(13);
                record.digest(d);
            }
        }
    }
}

fn left_digest(completed: &[Arc<Manifest>], orphans: &[(Attempt, CheckpointId)], d: &mut Digest) {
    d.word((completed.len() as u64) << 32 | orphans.len() as u64);
    completed.iter().for_each(|manifest| manifest.digest(d));
    for (attempt, id) in orphans {
        d.word(attempt.0 as u64);
        d.word(id.0);
    }
}

impl Reply {
    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut Digest) {
        match self {
            Reply::Done => d.word(1),
            Reply::Failed => d.word(2),
            Reply::Fenced => d.word(3),
            Reply::Led(attempt) => d.word(4 | (attempt.0 as u64) << 8),
            Reply::Began { completed, orphans, next } => {
                d.word(5);
                left_digest(completed, orphans, d);
                d.word(next.0);
            }
            Reply::Ended { attempt, complete, completed, orphans } => {
                d.word(6 | (*complete as u64) << 8 | (attempt.0 as u64) << 16);
                left_digest(completed, orphans, d);
            }
            Reply::Found(snapshot) => {
                d.word(7);
                snapshot.digest_whole(d);
            }
            Reply::Missing => d.word(8),
            Reply::Expired => d.word(9),
        }
    }
}
