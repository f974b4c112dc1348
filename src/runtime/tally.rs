//! What there is to say of a job while it runs: counters, checkpoints, trouble.

use super::bell::lock;
use super::outside::Served;
use crate::engine::message::{AbortReason, Reply, Request};
use crate::ids::*;
use crate::trace::event::{Kind, Outcome, TxnOp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Something to tell a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A job attempt begins, from this checkpoint.
    Attempt(Attempt, Option<CheckpointId>),
    /// A checkpoint is complete.
    Complete(Completed),
    /// A checkpoint was given up.
    Aborted(CheckpointId, AbortReason),
    /// A life ended by a panic, or went silent.
    Lost(String),
    /// A request wasn't done, and why.
    Trouble(String),
    /// The wish to stop came to nothing, or came to a savepoint and nothing more.
    StopFailed(Option<CheckpointId>),
    /// A savepoint is complete that somebody wanted for himself.
    Saved(Completed),
    /// One came to nothing.
    SavepointFailed,
}

/// A completed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// Which.
    pub id: CheckpointId,
    /// From its trigger to its completion.
    pub took: Duration,
    /// The longest time between a subtask's first barrier and its snapshot.
    pub aligned: Duration,
    /// Bytes that were written for its snapshots.
    pub bytes: u64,
    /// Records that sources had read when it was complete.
    pub read: u64,
}

/// What is known of a checkpoint that is under way.
#[derive(Debug, Default)]
struct Pending {
    begun: Option<Instant>,
    aligned: Duration,
    bytes: u64,
}

/// Counts. Threads add to it; whoever watches the job takes notes out.
#[derive(Debug, Default)]
pub struct Tally {
    /// Records that sources have read.
    pub read: AtomicU64,
    /// Records that became visible, as the sinks' replies say.
    pub written: AtomicU64,
    /// Checkpoints that were completed.
    pub completed: AtomicU64,
    /// Job attempts that were begun.
    pub attempts: AtomicU64,
    /// Bytes that were written for snapshots.
    pub bytes: AtomicU64,
    pending: Mutex<BTreeMap<CheckpointId, Pending>>,
    notes: Mutex<VecDeque<Note>>,
}

/// So many notes are kept for a watcher who doesn't look; then trouble isn't noted any more.
const NOTES_MAX: usize = 10_000;

impl Tally {
    /// Leaves a note.
    pub fn note(&self, note: Note) {
        let mut notes = lock(&self.notes);
        if notes.len() < NOTES_MAX {
            notes.push_back(note);
        }
    }

    /// Takes all notes.
    pub fn notes(&self) -> VecDeque<Note> {
        std::mem::take(&mut lock(&self.notes))
    }

    /// A request wasn't done. What was just said isn't repeated.
    pub fn trouble(&self, what: String) {
        let note = Note::Trouble(what);
        if lock(&self.notes).back() != Some(&note) {
            self.note(note);
        }
    }

    /// A request was served.
    pub fn served(&self, request: &Request, served: &Served) {
        match request {
            Request::Put(key, _) => {
                self.bytes.fetch_add(served.bytes, Relaxed);
                lock(&self.pending).entry(key.checkpoint).or_default().bytes += served.bytes;
            }
            Request::Commit(_) if served.reply == Reply::Done => {
                for line in &served.lines {
                    if let Kind::Txn { op: TxnOp::Commit, records, outcome: Outcome::Ok, .. } = line {
                        self.written.fetch_add(*records, Relaxed);
                    }
                }
            }
            Request::Write(_) if served.reply == Reply::Done => drop(self.written.fetch_add(1, Relaxed)),
            _ => {}
        }
    }

    /// A checkpoint is triggered.
    pub fn triggered(&self, id: CheckpointId, now: Instant) {
        let mut pending = lock(&self.pending);
        pending.retain(|old, _| old.0 + 100 > id.0); // whatever is so old has long been settled
        pending.entry(id).or_default().begun = Some(now);
    }

    /// A subtask took so long from the first barrier to its snapshot.
    pub fn aligned(&self, id: CheckpointId, took: Duration) {
        let mut pending = lock(&self.pending);
        let pending = pending.entry(id).or_default();
        pending.aligned = pending.aligned.max(took);
    }

    /// A checkpoint is complete. It may be said more than once.
    pub fn complete(&self, id: CheckpointId, now: Instant) {
        if let Some(done) = self.settled(id, now) {
            self.completed.fetch_add(1, Relaxed);
            self.note(Note::Complete(done));
        }
    }

    /// A savepoint is complete.
    pub fn saved(&self, id: CheckpointId, now: Instant) {
        let unknown = Completed { id, took: Duration::ZERO, aligned: Duration::ZERO, bytes: 0, read: 0 };
        self.note(Note::Saved(self.settled(id, now).unwrap_or(unknown)));
    }

    fn settled(&self, id: CheckpointId, now: Instant) -> Option<Completed> {
        let Pending { begun, aligned, bytes } = lock(&self.pending).remove(&id)?;
        let read = self.read.load(Relaxed);
        Some(Completed { id, took: now.duration_since(begun?), aligned, bytes, read })
    }

    /// A checkpoint was given up.
    pub fn aborted(&self, id: CheckpointId, why: AbortReason) {
        lock(&self.pending).remove(&id);
        self.note(Note::Aborted(id, why));
    }
}
