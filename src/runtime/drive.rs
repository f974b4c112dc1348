//! Watches over a job until it is over: starts the coordinator, notices who is silent, passes on what an operator wants,
//! and brings everything to an end.

use super::bell::{Letter, lock};
use super::hub::Hub;
use super::tally::Note;
use crate::engine::message::Wish;
use crate::ids::*;
use crate::trace::event::Kind;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::*;
use std::time::{Duration, Instant};

/// How often the watch goes round.
const ROUND: Duration = Duration::from_millis(20);
/// After the end of the job, so long is waited for threads that have something left to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who runs a job is told how it goes, and may want something of it.
pub trait Watch {
    /// Something to tell.
    fn note(&mut self, note: Note);

    /// Called some fifty times a second: what is wanted now?
    fn wish(&mut self, hub: &Hub) -> Option<Wish>;
}

/// How a run came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The job has ended: all of it was processed, or it failed for good. `before`: it had, before this run began.
    Ended {
        /// All of it was processed.
        complete: bool,
        /// That was so when this run began.
        before: bool,
    },
    /// It stopped with this savepoint, to be gone on with.
    Suspended(CheckpointId),
    /// Somebody newer leads the job.
    Deposed,
    /// It can't go on, for a reason that no restart mends.
    Failed(String),
}

/// Runs a job to its end.
///
/// `silence`: a thread that doesn't go round once in so long counts as dead.
pub fn drive(hub: &Arc<Hub>, silence: Duration, watch: &mut dyn Watch) -> End {
    hub.bell.own();
    let mut hearts = Hearts { silence, seen: BTreeMap::new(), round: Instant::now() };
    let mut token = match hub.outside.store().leader() {
        Ok(token) => Attempt(token.0),
        Err(problem) => return End::Failed(format!("cannot read the store: {problem}")),
    };
    let end = loop {
        if let Some(end) = over(hub) {
            break end;
        }
        if hearts.leaderless(hub, token) {
            token = token.next();
            hub.start(Incarnation { task: hub.topology.coordinator(), attempt: token }, None);
        }
        hub.bell.sleep(ROUND);
        hub.tally.notes().into_iter().for_each(|note| watch.note(note));
        if let Some(wish) = watch.wish(hub) {
            hub.post(Incarnation { task: hub.topology.coordinator(), attempt: token }, Letter::Asked(wish));
        }
        hearts.listen(hub);
        hub.outside.gone().into_iter().for_each(|why| hub.give_up(why));
    };
    let whole = finish(hub, &hearts, matches!(end, End::Ended { .. }));
    hub.tally.notes().into_iter().for_each(|note| watch.note(note));
    match whole {
        Err(problem) if !matches!(end, End::Failed(_)) => End::Failed(problem),
        _ => end,
    }
}

/// Is it over, and how?
fn over(hub: &Hub) -> Option<End> {
    if let Some(why) = lock(&hub.failure).clone() {
        return Some(End::Failed(why));
    }
    if let Some(id) = *lock(&hub.suspended) {
        return Some(End::Suspended(id));
    }
    match *lock(&hub.ended) {
        Some(complete) if hub.settled.load(SeqCst) => {
            Some(End::Ended { complete, before: hub.tally.attempts.load(Relaxed) == 0 })
        }
        _ if hub.deposed.load(SeqCst) => Some(End::Deposed),
        _ => None,
    }
}

/// Everybody stops; what was asked for is done; the log is whole.
fn finish(hub: &Arc<Hub>, hearts: &Hearts, settled: bool) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let silent = || lock(&hub.mailboxes).values().any(|mailbox| mailbox.suspected.load(Relaxed));
    while !hub.quit.load(SeqCst) && lock(&hub.book).anybody() && !silent() && Instant::now() < until {
        hub.bell.sleep(ROUND);
        hub.tally.notes().into_iter().for_each(drop);
    }
    let everybody = !lock(&hub.book).anybody();
    hub.stop_threads();
    while lock(&hub.threads).iter().any(|thread| !thread.is_finished()) && Instant::now() < until && !silent() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = hearts;
    let mut book = lock(&hub.book);
    let Some(log) = book.log() else { return Ok(()) };
    if settled && everybody {
        log.made("note quiesce");
        log.line(hub.topology.environment(), Kind::Quiesce);
    }
    log.flush().map_err(|problem| format!("cannot write the trace: {problem}"))
}

/// Who went round when.
struct Hearts {
    silence: Duration,
    seen: BTreeMap<Incarnation, (u64, Instant)>,
    round: Instant,
}

impl Hearts {
    /// Whoever is silent for too long is as good as dead. He may come back: then he is a zombie.
    fn listen(&mut self, hub: &Arc<Hub>) {
        let now = Instant::now();
        if now.duration_since(std::mem::replace(&mut self.round, now)) > self.silence / 2 {
            self.seen.clear(); // this process itself stood still
        }
        let mailboxes = lock(&hub.mailboxes).clone();
        self.seen.retain(|who, _| mailboxes.contains_key(who));
        for (who, mailbox) in mailboxes {
            let beats = mailbox.beats();
            let (known, since) = *self.seen.entry(who).or_insert((beats, now));
            if known != beats {
                self.seen.insert(who, (beats, now));
            } else if now.duration_since(since) > self.silence && !mailbox.suspected.swap(true, SeqCst) {
                let silence = self.silence.as_millis();
                hub.tally.note(Note::Lost(format!("{} was silent for more than {silence} ms", hub.called(who))));
                hub.suspect(who);
            }
        }
    }

    /// Is the newest coordinator dead or silent?
    fn leaderless(&self, hub: &Hub, token: Attempt) -> bool {
        let leader = Incarnation { task: hub.topology.coordinator(), attempt: token };
        let mailboxes = lock(&hub.mailboxes);
        mailboxes.get(&leader).is_none_or(|mailbox| mailbox.suspected.load(Relaxed))
    }
}
