//! The store over any place for objects: the log says what counts, and snapshots lie beside it.

use super::blobs::{Blobs, Created};
use super::files::nonce;
use super::format::{self, FileKind};
use super::log::{Completed, Log, State};
use super::mirror;
use super::snapshots::{Put, Snapshots, Unread};
use super::{Options, history};
use crate::digest::Digest;
use crate::engine::keyed::Tables;
use crate::engine::message::{Orphans, Reply, Request, StoreKey};
use crate::engine::snapshot::{Manifest, Snapshot};
use crate::ids::*;
use crate::runtime::outside::{Served, Store};
use crate::topology::Topology;
use crate::trace::event::{Kind, Outcome};
use crate::trace::record::{Shadow, kappa, offsets};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const MARKER: &str = "store/job";

/// A store.
pub struct Keeper {
    topology: Arc<Topology>,
    log: Log,
    snapshots: Snapshots,
    writer: u64,
    claim: bool,
    learned: AtomicBool,
}

/// What came of a conditional request, before it is told.
struct Answer {
    reply: Reply,
    lines: Vec<Kind>,
    trouble: Option<String>,
}

impl Answer {
    fn new(reply: Reply, line: Option<Kind>) -> Self {
        Answer { reply, lines: line.into_iter().collect(), trouble: None }
    }

    /// Something took effect, and the lines say so; but not all of it, or the answer can't be given. Who asks again gets
    /// it.
    fn or_failed(answered: Result<Reply, String>, lines: Vec<Kind>) -> Self {
        match answered {
            Ok(reply) => Answer { reply, lines, trouble: None },
            Err(trouble) => Answer { reply: Reply::Failed, lines, trouble: Some(trouble) },
        }
    }
}

impl Keeper {
    /// Opens the store of a job, and makes it if there is none.
    ///
    /// # Errors
    /// In words, if the place can't be used, or holds the store of another job.
    pub fn open(blobs: Arc<dyn Blobs>, topology: &Arc<Topology>, options: &Options) -> Result<Self, String> {
        let marker = marker(topology);
        let found = match blobs.get(MARKER)? {
            None => blobs.create(MARKER, &format::seal(FileKind::Marker, &marker, false)?)?,
            Some(_) => Created::Exists,
        };
        if found == Created::Exists {
            check(&*blobs, &marker)?;
        }
        Ok(Keeper::over(blobs, topology, options))
    }

    /// The store of a job that was run before, to read in it. Nothing is written there.
    ///
    /// # Errors
    /// In words, if there is none, or one of another job.
    pub fn existing(blobs: Arc<dyn Blobs>, topology: &Arc<Topology>) -> Result<Self, String> {
        check(&*blobs, &marker(topology))?;
        Ok(Keeper::over(blobs, topology, &Options::default()))
    }

    fn over(blobs: Arc<dyn Blobs>, topology: &Arc<Topology>, options: &Options) -> Self {
        let writer = nonce();
        Keeper {
            topology: topology.clone(),
            log: Log::new(blobs.clone(), writer),
            snapshots: Snapshots::new(blobs, writer, options.compress),
            writer,
            claim: options.claim,
            learned: AtomicBool::new(false),
        }
    }

    /// What its log says now.
    pub(super) fn state(&self) -> Result<State, String> {
        self.log.read()
    }

    /// Begins the log, if it hasn't begun.
    pub(super) fn begin_with(&self, first: State) -> Result<bool, String> {
        self.log.change(|state| {
            let begins = *state == State::default();
            (begins.then(|| first.clone()), begins)
        })
    }

    /// A snapshot and its counts, which must fit the job.
    pub(super) fn fetch(&self, key: &StoreKey) -> Result<(Snapshot, Arc<Shadow>), String> {
        match self.snapshots.get(key) {
            Ok(stored) if self.fits(key, &stored.snapshot) => Ok((stored.snapshot, stored.shadow)),
            Ok(_) => Err(format!("the snapshot {key:?} doesn't fit the job")),
            Err(Unread::Missing(trouble) | Unread::Failed(trouble)) => Err(trouble),
        }
    }

    /// Keeps a snapshot that was taken elsewhere.
    pub(super) fn copy(&self, key: &StoreKey, snapshot: &Snapshot, shadow: &Arc<Shadow>) -> Result<(), String> {
        self.snapshots.put(key, snapshot, Some(shadow)).map(drop)
    }

    fn put(&self, key: StoreKey, snapshot: &Arc<Snapshot>, shadow: Option<&Arc<Shadow>>) -> Served {
        match self.snapshots.put(&key, snapshot, shadow) {
            Ok(Put { created, bytes, digest }) => {
                let outcome = if created == Created::New { Outcome::Ok } else { Outcome::Again };
                let lines = vec![put_line(&self.topology, key, (snapshot, digest), outcome)];
                Served { reply: Reply::Done, lines, bytes, trouble: None }
            }
            Err(trouble) => {
                let lines = vec![put_line(&self.topology, key, (snapshot, snapshot.digest()), Outcome::Error)];
                Served { reply: Reply::Failed, lines, bytes: 0, trouble: Some(trouble) }
            }
        }
    }

    /// From here on keyed state that is restored lies in tables of these.
    pub fn lend(&self, tables: Arc<dyn Tables>) {
        self.snapshots.lend(tables);
    }

    fn get(&self, key: StoreKey) -> Served {
        let (outcome, reply, trouble) = match self.snapshots.get(&key) {
            Ok(stored) if !self.fits(&key, &stored.snapshot) => {
                (Outcome::Error, Reply::Missing, Some(format!("the snapshot {key:?} doesn't fit the job")))
            }
            Ok(stored) => (Outcome::Ok, Reply::Found(Arc::new(stored.snapshot)), None),
            Err(Unread::Missing(trouble)) => (Outcome::Error, Reply::Missing, Some(trouble)),
            Err(Unread::Failed(trouble)) => (Outcome::Error, Reply::Failed, Some(trouble)),
        };
        Served { reply, lines: vec![Kind::Get { key, outcome }], bytes: 0, trouble }
    }

    /// Is this a snapshot of that subtask, as far as its inputs tell?
    fn fits(&self, key: &StoreKey, snapshot: &Snapshot) -> bool {
        let subtask = self.topology.subtasks.get(key.task.index());
        subtask.is_some_and(|subtask| snapshot.channels.iter().all(|(input, _)| input.index() < subtask.inputs.len()))
    }

    /// What may be done by a leader alone.
    fn conditional(&self, token: FencingToken, request: &Request) -> Result<Answer, String> {
        match request {
            Request::Lead => self.lead(token),
            Request::BeginAttempt(attempt) => self.begin(*attempt, token),
            Request::Publish(manifest) => self.log.change(|state| enter(state, manifest, token, false)),
            Request::Save(manifest) => self.log.change(|state| enter(state, manifest, token, true)),
            Request::Discard(attempt, id) => self.discard(*attempt, *id, token),
            Request::Open(_) => self.log.change(|state| match token < state.leader {
                true => (None, Answer::new(Reply::Fenced, None)),
                false => (None, Answer::new(Reply::Done, None)),
            }),
            Request::EndJob(complete) => self.log.change(|state| {
                if token < state.leader {
                    return (None, Answer::new(Reply::Fenced, None));
                }
                let next = State { ended: Some(*complete), ..state.clone() };
                (state.ended.is_none().then_some(next), Answer::new(Reply::Done, None))
            }),
            other => unreachable!("a store is never asked {other:?}"),
        }
    }

    fn lead(&self, token: FencingToken) -> Result<Answer, String> {
        let (outcome, state) = self.log.change(|state| {
            // Two processes that begin at a time may come by the same number. The second one doesn't lead.
            let outcome = match token.cmp(&state.leader) {
                std::cmp::Ordering::Less => Outcome::Fenced,
                std::cmp::Ordering::Equal if state.led_by != self.writer && token > FencingToken(0) => Outcome::Fenced,
                std::cmp::Ordering::Equal => Outcome::Again,
                std::cmp::Ordering::Greater => Outcome::Ok,
            };
            let next = State { leader: token, led_by: self.writer, ..state.clone() };
            ((outcome == Outcome::Ok).then_some(next), (outcome, state.clone()))
        })?;
        let line = Kind::Lead { token, outcome };
        let reply = match state.ended {
            _ if outcome == Outcome::Fenced => Ok(Reply::Fenced),
            None => Ok(Reply::Led(state.attempt)),
            Some(complete) => self.orphans(&state).map(|orphans| Reply::Ended {
                attempt: state.attempt,
                complete,
                completed: retained(&state),
                orphans,
            }),
        };
        Ok(Answer::or_failed(reply, vec![line]))
    }

    fn begin(&self, job: Attempt, token: FencingToken) -> Result<Answer, String> {
        let (outcome, state) = self.log.change(|state| {
            let outcome = match job {
                _ if token < state.leader => Outcome::Fenced,
                _ if state.ended.is_some() => Outcome::Error,
                job if job == state.attempt.next() => Outcome::Ok,
                job if job == state.attempt => Outcome::Again,
                _ => Outcome::Error,
            };
            if outcome != Outcome::Ok {
                return (None, (outcome, state.clone()));
            }
            let base = state.completed.keys().next_back().copied();
            let unclaimed = state.unclaimed.or((!self.claim).then_some(state.attempt));
            let next = State { attempt: job, begun_by: token, base, unclaimed, ..state.clone() };
            (Some(next.clone()), (outcome, next))
        })?;
        let line = |base| Kind::Begin { job, token, base, outcome };
        match outcome {
            Outcome::Fenced => return Ok(Answer::new(Reply::Fenced, Some(line(None)))),
            Outcome::Error => return Ok(Answer::new(Reply::Failed, Some(line(state.base)))),
            _ => {}
        }
        let base: Vec<StoreKey> = state.base.and_then(|id| state.completed.get(&id)).map(parts).unwrap_or_default();
        let learned = self.snapshots.begin(state.attempt, &base, state.unclaimed);
        self.learned.store(learned.is_ok(), Ordering::Relaxed);
        let (completed, next) = (retained(&state), state.newest.next());
        let orphans = learned.and_then(|()| self.orphans(&state));
        let reply = orphans.map(|orphans| Reply::Began { completed, next, orphans });
        Ok(Answer::or_failed(reply, vec![line(state.base)]))
    }

    fn discard(&self, attempt: Attempt, id: CheckpointId, token: FencingToken) -> Result<Answer, String> {
        let asked = self.log.change(|state| {
            if token < state.leader {
                return (None, None);
            }
            if state.saved.get(&id).is_some_and(|kept| kept.manifest.attempt == attempt) {
                return (None, Some(None)); // somebody else's: an acknowledgement that came late doesn't delete it
            }
            let named = state.completed.get(&id).is_some_and(|kept| kept.manifest.attempt == attempt);
            let mut next = state.clone();
            next.completed.remove(&id);
            (named.then_some(next), Some(Some(state.unclaimed)))
        })?;
        let Some(ours) = asked else { return Ok(Answer::new(Reply::Fenced, None)) };
        let Some(unclaimed) = ours else { return Ok(Answer::new(Reply::Done, None)) };
        if !self.learned.load(Ordering::Relaxed) {
            self.snapshots.learn()?;
            self.learned.store(true, Ordering::Relaxed);
        }
        let mut lines = Vec::new();
        let discarded = self.snapshots.discard(attempt, id, unclaimed, |key| lines.push(Kind::Delete { key }));
        Ok(Answer::or_failed(discarded.map(|()| Reply::Done), lines))
    }

    /// What is stored and belongs to no completion record.
    fn orphans(&self, state: &State) -> Result<Orphans, String> {
        let keys = self.snapshots.keys()?;
        let stored: BTreeSet<(Attempt, CheckpointId)> = keys.iter().map(|key| (key.attempt, key.checkpoint)).collect();
        let named = |attempt: Attempt, id: &CheckpointId| {
            [&state.completed, &state.saved]
                .iter()
                .any(|records| records.get(id).is_some_and(|kept| kept.manifest.attempt == attempt))
        };
        let orphan = |(attempt, id): &(Attempt, CheckpointId)| !named(*attempt, id) && Some(*attempt) > state.unclaimed;
        Ok(stored.into_iter().filter(orphan).collect())
    }
}

impl Store for Keeper {
    fn serve(&self, token: FencingToken, request: &Request, shadow: Option<&Arc<Shadow>>) -> Served {
        match request {
            Request::Put(key, snapshot) => return self.put(*key, snapshot, shadow),
            Request::Get(key) => return self.get(*key),
            _ => {}
        }
        match self.conditional(token, request) {
            Ok(Answer { reply, lines, trouble }) => Served { reply, lines, bytes: 0, trouble },
            Err(trouble) => {
                let lines = failure(token, request).into_iter().collect();
                Served { reply: Reply::Failed, lines, bytes: 0, trouble: Some(trouble) }
            }
        }
    }

    fn shadow(&self, key: &StoreKey) -> Option<Arc<Shadow>> {
        self.snapshots.shadow(key).ok()
    }

    fn leader(&self) -> Result<FencingToken, String> {
        self.log.read().map(|state| state.leader)
    }

    fn inventory(&self) -> Result<Vec<Kind>, String> {
        let (states, keys) = (self.log.tail()?, self.snapshots.keys()?);
        Ok(history::lines(&states, &keys, |key| {
            let stored = self.snapshots.get(key).ok().filter(|stored| self.fits(key, &stored.snapshot))?;
            Some(put_line(&self.topology, *key, (&stored.snapshot, stored.digest), Outcome::Ok))
        }))
    }
}

fn marker(topology: &Topology) -> mirror::Marker {
    let about = about(topology);
    let mut job = Digest::new();
    job.bytes(about.as_bytes());
    mirror::Marker { job: job.finish64(), about }
}

/// The job in words: what must be the same for its snapshots to fit.
fn about(topology: &Topology) -> String {
    let graph = &topology.graph;
    let vertex = |v: &crate::topology::Vertex| format!("{} {:?} {:?} x{}", v.name, v.role, v.chain, v.parallelism);
    let edge = |e: &crate::topology::Edge| format!("{}>{} {:?}", e.from, e.to, e.partitioning);
    let vertices: Vec<String> = graph.vertices.iter().map(vertex).collect();
    let edges: Vec<String> = graph.edges.iter().map(edge).collect();
    format!("{}; {}", vertices.join(", "), edges.join(", "))
}

fn check(blobs: &dyn Blobs, marker: &mirror::Marker) -> Result<(), String> {
    let shown = blobs.show(MARKER);
    let bytes = blobs.get(MARKER)?.ok_or_else(|| format!("{shown} is not there"))?;
    let wrong = |what: String| format!("{shown} {what}");
    let body = format::unseal(FileKind::Marker, &bytes).map_err(wrong)?;
    let found: mirror::Marker = format::decode(&body).map_err(wrong)?;
    if found.job == marker.job {
        return Ok(());
    }
    Err(format!(
        "{shown} says that this is the store of another job\n  it is: {}\n  wanted: {}",
        found.about, marker.about
    ))
}

fn parts(kept: &Completed) -> Vec<StoreKey> {
    kept.manifest.stored().collect()
}

fn retained(state: &State) -> Arc<[Arc<Manifest>]> {
    state.completed.values().map(|kept| kept.manifest.clone()).collect()
}

/// A record of a checkpoint or of a savepoint is to be written.
fn enter(state: &State, manifest: &Arc<Manifest>, token: FencingToken, savepoint: bool) -> (Option<State>, Answer) {
    let id = manifest.checkpoint;
    let records = if savepoint { &state.saved } else { &state.completed };
    let outcome = match records.get(&id) {
        _ if token < state.leader || manifest.attempt != state.attempt => Outcome::Fenced,
        Some(known) if *known.manifest == **manifest => Outcome::Again,
        Some(_) => Outcome::Error,
        None => Outcome::Ok,
    };
    let kept = Completed { manifest: manifest.clone(), token };
    let line = Some(if savepoint { saving(&kept, outcome) } else { completion(&kept, outcome) });
    let reply = match outcome {
        Outcome::Ok | Outcome::Again => Reply::Done,
        _ if token < state.leader => Reply::Fenced,
        _ => Reply::Failed,
    };
    let mut next = None;
    if outcome == Outcome::Ok {
        let mut state = state.clone();
        let records = if savepoint { &mut state.saved } else { &mut state.completed };
        records.insert(id, kept);
        state.newest = state.newest.max(id);
        next = Some(state);
    }
    (next, Answer::new(reply, line))
}

/// The line of a completion record.
pub(super) fn completion(kept: &Completed, outcome: Outcome) -> Kind {
    let Completed { manifest, token } = kept;
    let parts = parts(kept).into();
    Kind::Complete { checkpoint: manifest.checkpoint, job: manifest.attempt, token: *token, parts, outcome }
}

/// The line of the record of a savepoint.
pub(super) fn saving(kept: &Completed, outcome: Outcome) -> Kind {
    let Completed { manifest, token } = kept;
    let parts = parts(kept).into();
    Kind::Savepoint { checkpoint: manifest.checkpoint, job: manifest.attempt, token: *token, parts, outcome }
}

fn put_line(topology: &Topology, key: StoreKey, (snapshot, digest): (&Snapshot, u64), outcome: Outcome) -> Kind {
    Kind::Put {
        key,
        digest,
        offsets: offsets(snapshot),
        kappa: kappa(topology, key.task, snapshot),
        txns: snapshot.transactions.as_slice().into(),
        outcome,
    }
}

/// The line of a request that came to nothing.
fn failure(token: FencingToken, request: &Request) -> Option<Kind> {
    let outcome = Outcome::Error;
    match request {
        Request::Lead => Some(Kind::Lead { token, outcome }),
        Request::BeginAttempt(job) => Some(Kind::Begin { job: *job, token, base: None, outcome }),
        Request::Publish(manifest) => Some(completion(&Completed { manifest: manifest.clone(), token }, outcome)),
        Request::Save(manifest) => Some(saving(&Completed { manifest: manifest.clone(), token }, outcome)),
        _ => None,
    }
}
