//! What a person sees of a running job, and what signals want of it.

use super::args::Progress;
use super::output;
use super::signals::Signals;
use crate::engine::message::Wish;
use crate::ids::CheckpointId;
use crate::report::grouped;
use crate::runtime::drive::Watch;
use crate::runtime::hub::Hub;
use crate::runtime::tally::{Completed, Note};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// A wish that came to nothing is made again after so long.
const AGAIN: Duration = Duration::from_millis(200);
/// The wish for a savepoint that nothing was heard of is made again after so long.
const LOST: Duration = Duration::from_secs(2);
/// Without a checkpoint to tell of, a line is said every so often.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Tells what happens on stderr, a line each, and passes signals on.
pub struct Teller {
    signals: Signals,
    quiet: bool,
    wished: Option<Instant>,
    /// When the wish for a savepoint is made, if there is one, for the first time or again.
    saving: Option<Instant>,
    told: Instant,
    /// The checkpoints that were completed.
    pub checkpoints: Vec<Completed>,
    /// Checkpoints that were given up.
    pub aborted: u64,
    /// Savepoints that were taken because somebody wanted them.
    pub savepoints: Vec<CheckpointId>,
}

impl Teller {
    /// Nothing told yet.
    pub fn new(signals: Signals, progress: Progress, quiet: bool) -> Self {
        let quiet = quiet || progress == Progress::None;
        Teller {
            signals,
            quiet,
            wished: None,
            saving: None,
            told: Instant::now(),
            checkpoints: Vec::new(),
            aborted: 0,
            savepoints: Vec::new(),
        }
    }

    fn say(&mut self, text: &str) {
        self.told = Instant::now();
        if !self.quiet {
            output::say(&format!("{text}\n"));
        }
    }

    /// The job is over: whoever waits for a savepoint waits in vain.
    pub fn over(&mut self) {
        if self.signals.saves() || self.saving.is_some() {
            output::warn("the job was over before the savepoint was taken: there is none");
        }
    }

    /// The signal that asked for an end, if one did.
    pub fn signal(&self) -> Option<&'static str> {
        self.signals.end().map(|(_, name)| name)
    }
}

impl Watch for Teller {
    fn note(&mut self, note: Note) {
        match note {
            Note::Attempt(attempt, None) => self.say(&format!("attempt {} begins from the start", attempt.0)),
            Note::Attempt(attempt, Some(base)) => {
                self.say(&format!("attempt {} begins from checkpoint {}", attempt.0, base.0));
            }
            Note::Complete(done) => {
                self.say(&line("checkpoint", &done));
                self.checkpoints.push(done);
            }
            Note::Aborted(id, why) => {
                self.aborted += 1;
                self.say(&format!("checkpoint {} given up: {why:?}", id.0));
            }
            Note::Lost(what) => self.say(&format!("lost: {what}")),
            Note::Trouble(what) => {
                self.told = Instant::now();
                output::warn(&what);
            }
            Note::StopFailed(savepoint) => {
                let but = savepoint.map_or(String::new(), |id| format!(", but savepoint {} is complete", id.0));
                self.say(&format!("could not stop yet{but}: trying again"));
                self.wished = Some(Instant::now());
            }
            Note::Saved(done) => {
                self.say(&format!("{}; --from begins from it", line("savepoint", &done)));
                self.savepoints.push(done.id);
                self.saving = None;
            }
            Note::SavepointFailed => {
                self.say("the savepoint came to nothing: trying again");
                self.saving = Some(Instant::now() + AGAIN);
            }
        }
    }

    fn wish(&mut self, hub: &Hub) -> Option<Wish> {
        if self.signals.asked() || self.told.elapsed() > HEARTBEAT {
            let (read, written) = (hub.tally.read.load(Relaxed), hub.tally.written.load(Relaxed));
            self.say(&format!("{} records read, {} written", grouped(read), grouped(written)));
        }
        if self.signals.saves() && self.saving.is_none() {
            self.say("SIGUSR2: taking a savepoint");
            self.saving = Some(Instant::now());
        }
        if self.saving.is_some_and(|due| due <= Instant::now()) {
            // A coordinator that has the wish takes it once; one that died with it can't say so.
            self.saving = Some(Instant::now() + LOST);
            return Some(Wish::Savepoint);
        }
        let (_, name) = self.signals.end()?;
        match self.wished {
            None => self.say(&format!("{name}: taking a savepoint, then stopping (a second signal doesn't wait)")),
            Some(at) if at.elapsed() < AGAIN => return None,
            Some(_) => {}
        }
        // Made again and again: a coordinator that has the wish already takes it once.
        self.wished = Some(Instant::now());
        Some(Wish::StopWithSavepoint)
    }
}

fn line(what: &str, done: &Completed) -> String {
    let Completed { id, took, aligned, bytes, read } = done;
    format!(
        "{what} {}: {} ms, aligned {} ms, {} bytes, {} records read",
        id.0,
        took.as_millis(),
        aligned.as_millis(),
        grouped(*bytes),
        grouped(*read)
    )
}
