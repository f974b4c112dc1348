//! Many seeds in many threads. What comes out doesn't depend on how many threads there are.

use super::journal::Journal;
use super::judge::{Entry, Terms};
use super::outcome::{Outcome, Wrong};
use super::plan::{Chunk, Dispenser, Work};
use super::seed::{self, THREAD, differs, simulate};
use super::signals::Signals;
use super::tally::Tally;
use crate::report::{self, Kind};
use crate::sim::run::Keep;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How often whoever waits for the workers has a look.
const LOOK: Duration = Duration::from_millis(50);
/// Who is told to stop looks every few hundred steps. Whoever doesn't for so long is within one that has no end.
const DEAF: Duration = Duration::from_secs(1);

/// What all workers share.
pub struct Sweep<'a> {
    entries: &'a [Entry],
    terms: &'a Terms,
    dispenser: &'a Dispenser,
    signals: &'a Signals,
    twice: bool,
    journal: Option<&'a Journal>,
    /// Seeds that are being run are given up at this time,
    patience: Option<Instant>,
    /// or when so many have failed.
    enough: Option<u64>,
    /// A seed that takes longer is given up, and is a finding.
    stuck_after: Option<Duration>,
    tallies: Vec<Mutex<Tally>>,
    state: State,
}

#[derive(Default)]
struct State {
    done: AtomicU64,
    failed: AtomicU64,
    working: AtomicUsize,
    stop: AtomicBool,
    abandoned: Mutex<Vec<Chunk>>,
    internal: Mutex<Option<String>>,
    slowest: Mutex<Option<Slowest>>,
    watched: Mutex<Vec<Arc<Watched>>>,
    news: Mutex<Vec<String>>,
}

/// What a worker does.
#[derive(Default)]
struct Watched {
    /// It is to give its seed up.
    stop: AtomicBool,
    /// What it is doing, while it does.
    busy: Mutex<Option<Busy>>,
}

/// A seed that is being run.
#[derive(Clone, Copy, Debug)]
struct Busy {
    chunk: Chunk,
    /// Its place.
    index: u64,
    since: Instant,
    /// Since when it is to be given up, if it is.
    told: Option<Instant>,
}

impl Busy {
    fn deaf(&self) -> bool {
        self.told.is_some_and(|told| told.elapsed() >= DEAF)
    }
}

/// The seed that took longest so far.
#[derive(Clone, Debug)]
pub struct Slowest {
    /// How long.
    pub took: Duration,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
}

/// A panicking worker has said what is wrong; what it left behind is only added to.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl<'a> Sweep<'a> {
    /// Nothing is run yet.
    pub fn new(entries: &'a [Entry], terms: &'a Terms, dispenser: &'a Dispenser, signals: &'a Signals) -> Self {
        let tallies = entries.iter().map(|_| Mutex::new(Tally::default())).collect();
        let state = State::default();
        let (twice, journal, patience, enough, stuck_after) = (false, None, None, None, None);
        Sweep { entries, terms, dispenser, signals, twice, journal, patience, enough, stuck_after, tallies, state }
    }

    /// Every seed is run twice and compared.
    pub fn twice(mut self, twice: bool) -> Self {
        self.twice = twice;
        self
    }

    /// What comes of seeds is written there, and taken from there if they were run before.
    pub fn journal(mut self, journal: Option<&'a Journal>) -> Self {
        self.journal = journal;
        self
    }

    /// Seeds that are still being run at this time are given up.
    pub fn patience(mut self, until: Option<Instant>) -> Self {
        self.patience = until;
        self
    }

    /// Everything is given up as soon as so many seeds have failed.
    pub fn at_once(mut self, enough: Option<u64>) -> Self {
        self.enough = enough;
        self
    }

    /// A seed that takes longer than this, on this machine, is given up and is a finding: a safety net.
    pub fn stuck_after(mut self, time: Option<Duration>) -> Self {
        self.stuck_after = time;
        self
    }

    /// What was handed out and given up.
    pub fn abandoned(&self) -> Vec<Chunk> {
        lock(&self.state.abandoned).clone()
    }

    /// Seeds that were run.
    pub fn done(&self) -> u64 {
        self.state.done.load(Ordering::Relaxed)
    }

    /// Seeds that failed.
    pub fn failed(&self) -> u64 {
        self.state.failed.load(Ordering::Relaxed)
    }

    /// The slowest seed.
    pub fn slowest(&self) -> Option<Slowest> {
        lock(&self.state.slowest).clone()
    }

    /// Failures of new kinds since this was last asked.
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state.news))
    }

    /// The error of ours that ended it.
    pub fn internal(&self) -> Option<String> {
        lock(&self.state.internal).clone()
    }

    /// What a scenario's seeds have added up to so far.
    pub fn tally(&self, scenario: usize) -> Tally {
        let known = self.dispenser.given_up(scenario);
        Tally { known, ..lock(&self.tallies[scenario]).clone() }
    }

    /// Is nothing more of a scenario run, as what it shows is known?
    pub fn known(&self, scenario: usize) -> bool {
        self.dispenser.given_up(scenario)
    }

    /// Seeds of a scenario so far.
    pub fn seeds(&self, scenario: usize) -> u64 {
        lock(&self.tallies[scenario]).seeds
    }

    /// Runs everything that is handed out. `look` is called again and again meanwhile. With true: whoever is still at work is
    /// within a step that has no end, and nothing more comes of waiting. Who doesn't end the process then waits for ever.
    pub fn run(&self, jobs: usize, mut look: impl FnMut(&Self, bool)) -> Result<(), String> {
        let waiting = std::thread::current();
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                self.state.working.fetch_add(1, Ordering::SeqCst);
                let waiting = waiting.clone();
                let work = move || {
                    let watched = Arc::new(Watched::default());
                    lock(&self.state.watched).push(watched.clone());
                    seed::caught(|| self.work(&watched)).unwrap_or_else(|problem| self.broken(problem));
                    *lock(&watched.busy) = None;
                    self.state.working.fetch_sub(1, Ordering::SeqCst);
                    waiting.unpark();
                };
                let thread = std::thread::Builder::new().name(THREAD.to_string());
                if let Err(error) = thread.spawn_scoped(scope, work) {
                    self.state.working.fetch_sub(1, Ordering::SeqCst);
                    if self.state.working.load(Ordering::SeqCst) == 0 {
                        return Err(format!("cannot start a thread: {error}"));
                    }
                }
            }
            while self.state.working.load(Ordering::SeqCst) > 0 {
                look(self, false);
                if self.signals.end().is_some() || self.patience.is_some_and(|until| Instant::now() >= until) {
                    self.state.stop.store(true, Ordering::Relaxed);
                }
                if self.watch() {
                    look(self, true);
                }
                std::thread::park_timeout(LOOK);
            }
            Ok(())
        })
    }

    /// Stops everybody if all is to stop, and those who are at one seed for too long. True: all that is left is within a step
    /// that has no end; what that means is counted.
    fn watch(&self) -> bool {
        let all = self.state.stop.load(Ordering::Relaxed);
        let long = |since: Instant| self.stuck_after.is_some_and(|most| since.elapsed() >= most);
        let workers = lock(&self.state.watched);
        for worker in workers.iter() {
            if let Some(busy) = lock(&worker.busy).as_mut()
                && (all || long(busy.since))
            {
                worker.stop.store(true, Ordering::Relaxed);
                busy.told.get_or_insert_with(Instant::now);
            }
        }
        let deaf: Vec<Busy> = workers.iter().filter_map(|worker| *lock(&worker.busy)).filter(Busy::deaf).collect();
        drop(workers);
        if deaf.is_empty() {
            return false;
        }
        // Nobody can end a thread: those who can still be asked are, and then it is over.
        self.state.stop.store(true, Ordering::Relaxed);
        let left = self.state.working.load(Ordering::SeqCst);
        if deaf.len() == left {
            deaf.iter().for_each(|busy| self.hangs(*busy, long(busy.since)));
        }
        deaf.len() == left
    }

    /// A worker is within a step that has no end. `long`: it was given all the time that a seed may have.
    fn hangs(&self, busy: Busy, long: bool) {
        let (chunk, entry) = (busy.chunk, &self.entries[busy.chunk.scenario]);
        if !long {
            return lock(&self.state.abandoned).push(chunk);
        }
        let (seed, outcome) = (entry.seeds.at(busy.index), Outcome::hung(self.stuck_after.unwrap_or_default()));
        if let Some(Err(problem)) = self.journal.map(|journal| journal.write(chunk.scenario, busy.index, &outcome)) {
            self.broken(problem);
        }
        let mut tally = Tally::default();
        tally.take(outcome, busy.index, seed);
        self.state.failed.fetch_add(1, Ordering::Relaxed);
        self.add(chunk.scenario, tally);
        if busy.index + 1 < chunk.to {
            lock(&self.state.abandoned).push(Chunk { from: busy.index + 1, ..chunk });
        }
    }

    /// Something of ours is wrong: everything ends.
    fn broken(&self, problem: String) {
        lock(&self.state.internal).get_or_insert(problem);
        self.state.stop.store(true, Ordering::Relaxed);
    }

    fn work(&self, watched: &Watched) {
        while self.signals.end().is_none() && !self.state.stop.load(Ordering::Relaxed) {
            let chunk = match self.dispenser.take() {
                Work::Chunk(chunk) => chunk,
                Work::Wait => continue,
                Work::Done => return,
            };
            let mut tally = Tally::default();
            let began = Instant::now();
            let whole = self.chunk(chunk, &mut tally, watched).unwrap_or_else(|problem| {
                self.broken(problem);
                false
            });
            *lock(&watched.busy) = None;
            tally.busy = began.elapsed();
            self.add(chunk.scenario, tally);
            if whole {
                self.dispenser.done(chunk, || self.shown(chunk.scenario));
            }
        }
    }

    /// In how many ways a scenario fails that it minds, and how many seeds do.
    fn shown(&self, scenario: usize) -> (usize, u64) {
        let sum = lock(&self.tallies[scenario]);
        let minded = sum.failures.keys().filter(|kind| self.entries[scenario].allowed.minds(kind));
        (minded.count(), sum.failed)
    }

    /// Runs some seeds. False: not all, the others were given up.
    fn chunk(&self, chunk: Chunk, tally: &mut Tally, watched: &Watched) -> Result<bool, String> {
        let entry = &self.entries[chunk.scenario];
        for index in chunk.from..chunk.to {
            if !entry.seeds.within(chunk.scenario, index, self.terms.partition) {
                continue;
            }
            let seed = entry.seeds.at(index);
            let told = |problem| {
                let again = super::judge::reproduce(&entry.path, seed, self.terms);
                format!("{problem}\nreproduce: {again}")
            };
            let before = match self.journal {
                Some(journal) => journal.known(chunk.scenario, index)?,
                None => None,
            };
            let outcome = match before {
                Some(outcome) => outcome,
                None => match self.seed(entry, chunk, index, watched).map_err(told)? {
                    Some(outcome) => {
                        self.journal.map_or(Ok(()), |journal| journal.write(chunk.scenario, index, &outcome))?;
                        outcome
                    }
                    None => {
                        lock(&self.state.abandoned).push(Chunk { from: index, ..chunk });
                        return Ok(false);
                    }
                },
            };
            let before = tally.failed;
            tally.take(outcome, index, seed);
            self.state.done.fetch_add(1, Ordering::Relaxed);
            let failed = self.state.failed.fetch_add(tally.failed - before, Ordering::Relaxed) + tally.failed - before;
            if self.enough.is_some_and(|most| failed >= most) {
                self.state.stop.store(true, Ordering::Relaxed);
            }
        }
        Ok(true)
    }

    /// Runs a seed. None: it was given up.
    fn seed(&self, entry: &Entry, chunk: Chunk, index: u64, watched: &Watched) -> Result<Option<Outcome>, String> {
        let (began, seed) = (Instant::now(), entry.seeds.at(index));
        let stop = &watched.stop;
        *lock(&watched.busy) = Some(Busy { chunk, index, since: began, told: None });
        stop.store(self.state.stop.load(Ordering::Relaxed), Ordering::Relaxed);
        let (planned, run) = simulate(&entry.loaded, seed, Keep { stop: Some(stop), ..Keep::default() })?;
        let mut outcome = Outcome::of(&planned, &run, &entry.allowed);
        if self.twice
            && !run.stopped
            && let Some(message) = differs(&entry.loaded, seed, run.digest, stop)?
        {
            outcome.wrong.push(Wrong { kind: Kind::Nondeterminism, message, minded: true });
        }
        if run.stopped || self.twice && stop.load(Ordering::Relaxed) {
            if self.state.stop.load(Ordering::Relaxed) || self.signals.end().is_some() {
                return Ok(None);
            }
            // Nobody wanted it to stop, so it took too long.
            outcome = Outcome::stuck(&planned, &run, self.stuck_after.unwrap_or_default());
        }
        let took = began.elapsed();
        if self.stuck_after.is_none() {
            // Of several that are handed out at once, those before one that hangs would be lost.
            self.dispenser.took(chunk.scenario, took);
        }
        self.timed(entry, seed, took);
        Ok(Some(outcome))
    }

    fn timed(&self, entry: &Entry, seed: u64, took: Duration) {
        let mut slowest = lock(&self.state.slowest);
        if slowest.as_ref().is_none_or(|slowest| slowest.took < took) {
            *slowest = Some(Slowest { took, scenario: entry.label.clone(), seed });
        }
    }

    fn add(&self, scenario: usize, tally: Tally) {
        let mut sum = lock(&self.tallies[scenario]);
        if tally.failed > 0 {
            let entry = &self.entries[scenario];
            for (kind, failure) in &tally.failures {
                if !sum.failures.contains_key(kind) && entry.allowed.minds(kind) {
                    let (name, title) = (&entry.label, kind.title());
                    lock(&self.state.news).push(format!("{name}: {title}, seed {}", report::seed(failure.seed)));
                }
            }
        }
        sum.add(tally);
    }
}
