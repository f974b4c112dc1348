//! The state as one number, for searches. Stamps and event counts are left out.

use super::World;
use super::life::Life;
use crate::digest::Digest;
use crate::engine::message::{Control, Element, Reply, Request};
use crate::ids::Incarnation;

impl World {
    /// A 128-bit digest of everything that can make a difference to what happens next.
    pub fn fingerprint(&self) -> u128 {
        let d = &mut Digest::new();
        for generation in &self.generations {
            d.word(generation.attempt.0 as u64);
            for place in &generation.places {
                match place {
                    super::life::Place::Empty => d.word(1),
                    super::life::Place::Dead => d.word(2),
                    super::life::Place::Alive(life) => life_digest(life, d),
                }
            }
            for channel in &generation.channels {
                d.word(channel.len() as u64);
                channel.iter().for_each(|element| element_digest(element, d));
            }
        }
        self.coordinators.iter().for_each(|life| life_digest(life, d));
        d.word(self.last_coordinator.0 as u64);
        for ((from, to), queue) in &self.control {
            who(*from, d);
            who(*to, d);
            d.word(queue.len() as u64);
            queue.iter().for_each(|control| control_digest(control, d));
        }
        for (id, ask) in &self.asks {
            who(id.asker, d);
            d.word((id.serial as u64) << 32 | ask.ticket.0 as u64);
            d.word(ask.awaited as u64 | (ask.token.0 as u64) << 8);
            request_digest(&ask.request, d);
            reply_digest(ask.reply.as_ref(), d);
        }
        for (by, lost) in &self.deaths {
            who(*by, d);
            who(*lost, d);
        }
        self.store.digest(d);
        self.ledgers.values().for_each(|ledger| ledger.digest(d));
        self.cursors.iter().for_each(|cursor| d.word(cursor.0));
        d.word(self.job_ended.map_or(0, |ended| 1 + ended as u64));
        d.finish128()
    }
}

fn who(life: Incarnation, d: &mut Digest) {
    d.word((life.task.0 as u64) << 32 | life.attempt.0 as u64);
}

fn life_digest(life: &Life, d: &mut Digest) {
    who(life.who, d);
    (0..life.process.cells()).for_each(|cell| life.process.digest(cell, d));
    d.word(life.timers.len() as u64);
    for timer in &life.timers {
        use crate::engine::message::Timer::*;
        d.word(match timer {
            Interval => 1,
            Pause => 2,
            Timeout(id) => 3 | id.0 << 8,
            Restart => 4,
            Retry => 5,
            Remind => 6,
            Alignment(id) => 7 | id.0 << 8,
        });
    }
    let shadow = &life.recorder.shadow;
    shadow.sent.iter().chain(&shadow.taken).for_each(|count| d.word(*count));
    for (id, shadow) in &life.cuts {
        d.word(id.0);
        shadow.sent.iter().chain(&shadow.taken).for_each(|count| d.word(*count));
    }
}

fn element_digest(element: &Element<crate::engine::message::Record>, d: &mut Digest) {
    match element {
        Element::Record(record) => record.digest(d),
        Element::Barrier(barrier) => d.word(1 << 60 | barrier.id.0 << 1 | barrier.overtakes as u64),
        Element::Cancel(id) => d.word(2 << 60 | id.0),
        Element::End => d.word(3 << 60),
    }
}

fn control_digest(control: &Control, d: &mut Digest) {
    d.word(match control {
        Control::Deploy { restore } => 1 | restore.as_ref().map_or(0, |m| m.checkpoint.0) << 8,
        Control::Stop => 2,
        Control::Trigger(id) => 3 | id.0 << 8,
        Control::Complete(id) => 4 | id.0 << 8,
        Control::Abort(id) => 5 | id.0 << 8,
        Control::Running => 6,
        Control::Ack(id) => 7 | id.0 << 8,
        Control::Decline(id, reason) => 8 | id.0 << 16 | (*reason as u64) << 8,
        Control::Noted(id) => 9 | id.0 << 8,
        Control::Finished => 10,
        Control::Failed => 11,
    });
}

fn request_digest(request: &Request, d: &mut Digest) {
    match request {
        Request::Lead => d.word(1),
        Request::BeginAttempt(attempt) => d.word(2 | (attempt.0 as u64) << 8),
        Request::Open(key) => d.word(3 | key.checkpoint.0 << 8),
        Request::Put(key, snapshot) => {
            d.word(4 | key.checkpoint.0 << 8);
            d.word(snapshot.digest());
            for (input, records) in &snapshot.channels {
                d.word(input.0 as u64);
                records.iter().for_each(|record| record.digest(d));
            }
        }
        Request::Get(key) => d.word(5 | key.checkpoint.0 << 8),
        Request::Publish(manifest) => d.word(6 | manifest.checkpoint.0 << 8),
        Request::EndJob(complete) => d.word(7 | (*complete as u64) << 8),
        Request::Discard(attempt, id) => d.word(8 | (attempt.0 as u64) << 8 | id.0 << 32),
        Request::Begin(txn) => d.word(9 | txn.number << 8 | (txn.attempt.0 as u64) << 40),
        Request::Stage(txn, records) => {
            d.word(10 | txn.number << 8 | (txn.attempt.0 as u64) << 40);
            records.iter().for_each(|record| record.digest(d));
        }
        Request::Commit(txn) => d.word(11 | txn.number << 8 | (txn.attempt.0 as u64) << 40),
        Request::Fence { attempt, keep } => {
            d.word(12 | (attempt.0 as u64) << 8);
            keep.iter().for_each(|txn| d.word(txn.number << 32 | txn.attempt.0 as u64));
        }
        Request::Flush => d.word(14),
        Request::Write(record) => {
            d.word(13);
            record.digest(d);
        }
    }
}

fn reply_digest(reply: Option<&Reply>, d: &mut Digest) {
    d.word(match reply {
        None => 0,
        Some(Reply::Done) => 1,
        Some(Reply::Failed) => 2,
        Some(Reply::Fenced) => 3,
        Some(Reply::Led(attempt)) => 4 | (attempt.0 as u64) << 8,
        Some(Reply::Began { next, .. }) => 5 | next.0 << 8,
        Some(Reply::Ended { attempt, complete, .. }) => 6 | (*complete as u64) << 8 | (attempt.0 as u64) << 16,
        Some(Reply::Found(snapshot)) => 7 | snapshot.digest() << 8,
        Some(Reply::Missing) => 8,
        Some(Reply::Expired) => 9,
    });
    if let Some(Reply::Began { completed, orphans, .. } | Reply::Ended { completed, orphans, .. }) = reply {
        d.word(completed.len() as u64);
        completed.iter().for_each(|manifest| d.word(manifest.checkpoint.0 | (manifest.attempt.0 as u64) << 32));
        d.word(orphans.len() as u64);
        orphans.iter().for_each(|(attempt, id)| d.word(id.0 | (attempt.0 as u64) << 32));
    }
}
