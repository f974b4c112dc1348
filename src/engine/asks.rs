//! Requests that were made and not answered. All requests are idempotent, so that asking again is always
//! right; what is asked again keeps its ticket, and the driver drops the answer to the older question.

use super::message::{Outbox, Request, Timer};
use crate::ids::*;

/// One open request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ask<P> {
    /// Its number: the smallest that was free.
    pub ticket: Ticket,
    /// What it is for.
    pub purpose: P,
    /// What was asked.
    pub request: Request,
    /// Was it asked more than once? An older question may still be under way then, and be acted upon after the
    /// newest one was refused.
    pub again: bool,
}

/// The open requests of one process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asks<P> {
    open: Vec<Ask<P>>, // by ticket
    /// How often all was asked again since the last answer that came in time. It stretches the next pause and does
    /// nothing else, so it is no part of the encoding: to a search, a delay is no state.
    rounds: u32,
}

/// The pause doubles up to so many times.
const LONGEST: u32 = 10;

impl<P> Default for Asks<P> {
    fn default() -> Self {
        Asks { open: Vec::new(), rounds: 0 }
    }
}

impl<P: Clone> Asks<P> {
    /// Books a request; the retry timer runs as long as anything is open. `retry`: the first pause.
    pub fn add(&mut self, purpose: P, request: Request, retry: Nanos, out: &mut Outbox) -> Ticket {
        if self.open.is_empty() {
            out.arm(Timer::Retry, retry);
        }
        let gap = self.open.iter().enumerate().position(|(i, ask)| ask.ticket.index() != i);
        let at = gap.unwrap_or(self.open.len());
        let ticket = Ticket(at as u32);
        self.open.insert(at, Ask { ticket, purpose, request, again: false });
        ticket
    }

    /// The request that a reply answers; none if it isn't open.
    pub fn take(&mut self, ticket: Ticket, out: &mut Outbox) -> Option<Ask<P>> {
        let at = self.open.iter().position(|ask| ask.ticket == ticket)?;
        let ask = self.open.remove(at);
        self.rounds = 0;
        if self.open.is_empty() {
            out.disarm(Timer::Retry);
        }
        Some(ask)
    }

    /// Looks at an open request without closing it: for answers after which it will be asked again.
    pub fn get(&self, ticket: Ticket) -> Option<&Ask<P>> {
        self.open.iter().find(|ask| ask.ticket == ticket)
    }

    /// Everything that is open is asked again, and what is still open after a pause twice as long as the last one will
    /// be once more. The answer to an older question is dropped, so a pause that never grew would be a livelock
    /// wherever an answer takes longer. `retry`: the first pause.
    pub fn repeat<'a>(&'a mut self, retry: Nanos, out: &mut Outbox) -> impl Iterator<Item = &'a Ask<P>> + use<'a, P> {
        if !self.open.is_empty() {
            self.rounds += 1;
            out.arm(Timer::Retry, Nanos(retry.0.saturating_mul(1 << self.rounds.min(LONGEST))));
        }
        self.open.iter_mut().map(|ask| {
            ask.again = true;
            &*ask
        })
    }

    /// What is open, by ticket.
    pub fn iter(&self) -> impl Iterator<Item = &Ask<P>> {
        self.open.iter()
    }

    /// Forgets requests whose answers don't matter any more. Their tickets are free: a driver drops the answer
    /// to an older question when its ticket is used again.
    pub fn forget(&mut self, out: &mut Outbox, which: impl Fn(&P) -> bool) {
        let before = self.open.len();
        self.open.retain(|ask| !which(&ask.purpose));
        if self.open.is_empty() && before > 0 {
            out.disarm(Timer::Retry);
        }
    }

    /// Adds the canonical encoding. What a request is for follows from what was asked.
    pub fn digest(&self, d: &mut crate::digest::Digest) {
        d.word(self.open.len() as u64);
        for ask in &self.open {
            d.word((ask.ticket.0 as u64) << 1 | ask.again as u64);
            ask.request.digest(d);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.open.clear();
        self.rounds = 0;
    }
}
