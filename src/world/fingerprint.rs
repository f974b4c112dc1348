//! The state as one number, for searches. Stamps and event counts are left out.

use super::life::Life;
use super::{InFlight, World};
use crate::digest::Digest;
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
                channel.iter().for_each(|element| element.digest(d));
            }
        }
        self.coordinators.iter().for_each(|life| life_digest(life, d));
        d.word(self.last_coordinator.0 as u64);
        for ((from, to), queue) in &self.control {
            who(*from, d);
            who(*to, d);
            d.word(queue.len() as u64);
            queue.iter().for_each(|control| control.digest(d));
        }
        for (id, ask) in &self.asks {
            who(id.asker, d);
            d.word(id.serial as u64);
            ask_digest(ask, d);
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

/// A request under way: everything but its name.
pub(super) fn ask_digest(ask: &InFlight, d: &mut Digest) {
    use super::Service;
    let service = match ask.service {
        Service::Store => 0,
        Service::Ledger(vertex) => 1 + vertex.0 as u64,
    };
    d.word((ask.ticket.0 as u64) << 32 | service);
    d.word(ask.awaited as u64 | (ask.token.0 as u64) << 8);
    ask.request.digest(d);
    d.word(ask.reply.is_some() as u64);
    ask.reply.iter().for_each(|reply| reply.digest(d));
    d.word(ask.shadow.is_some() as u64);
    if let Some(shadow) = &ask.shadow {
        shadow.digest(d);
    }
}

pub(super) fn life_digest(life: &Life, d: &mut Digest) {
    who(life.who, d);
    (0..life.process.cells()).for_each(|cell| life.process.digest(cell, d));
    d.word(life.timers.len() as u64);
    life.timers.iter().for_each(|timer| timer.digest(d));
    life.recorder.shadow.digest(d);
    life.offered.iter().for_each(|id| d.word(id.0));
    d.word(life.cuts.len() as u64);
    for (id, shadow) in &life.cuts {
        d.word(id.0);
        shadow.digest(d);
    }
}
