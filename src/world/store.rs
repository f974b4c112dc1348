//! The store: snapshots, completion records, leadership. One durable order.

use crate::engine::message::{Orphans, Reply, Request, StoreKey};
use crate::engine::snapshot::{Manifest, Part, Snapshot};
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Kind, Outcome};
use crate::trace::record::{Shadow, offsets, stored_kappa};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is durable.
#[derive(Clone, Debug, Default)]
pub struct Store {
    leader: FencingToken,
    attempt: Attempt,
    base: Option<CheckpointId>,
    ended: Option<bool>,
    newest: CheckpointId,
    completed: BTreeMap<CheckpointId, Arc<Manifest>>,
    /// Savepoints: somebody else's, never restored from and never deleted.
    saved: BTreeMap<CheckpointId, Arc<Manifest>>,
    snapshots: BTreeMap<StoreKey, (Arc<Snapshot>, Arc<Shadow>)>,
}

impl Store {
    /// The counts as of a stored cut.
    pub fn shadow(&self, key: &StoreKey) -> Option<&Arc<Shadow>> {
        self.snapshots.get(key).map(|(_, shadow)| shadow)
    }

    /// A stored snapshot.
    pub fn snapshot(&self, key: &StoreKey) -> Option<&Arc<Snapshot>> {
        self.snapshots.get(key).map(|(snapshot, _)| snapshot)
    }

    /// The token that leads; 0: none does.
    pub fn leader(&self) -> FencingToken {
        self.leader
    }

    /// What the newest attempt was begun from.
    pub fn base(&self) -> Option<CheckpointId> {
        self.base
    }

    /// The newest checkpoint that was ever completed; 0 if none was.
    pub fn newest(&self) -> CheckpointId {
        self.newest
    }

    /// What is durable, with attempts and tokens starting over and without parts that nothing refers to.
    pub fn renumbered(&self) -> Self {
        let records = || self.completed.values().chain(self.saved.values());
        let named = |key: &StoreKey| records().any(|m| m.parts.contains(&Part::Stored(*key)));
        let snapshots = self.snapshots.iter().filter(|(key, _)| named(key)).map(|(key, kept)| (*key, kept.clone()));
        Store {
            leader: FencingToken(0),
            attempt: Attempt(0),
            base: None,
            snapshots: snapshots.collect(),
            ended: self.ended,
            newest: self.newest,
            completed: self.completed.clone(),
            saved: self.saved.clone(),
        }
    }

    /// Forgets what the newest attempt was begun from.
    pub fn forget_base(&mut self) {
        self.base = None;
    }

    /// The newest job attempt that was begun.
    pub fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// Completed checkpoints that are retained.
    pub fn completed(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.completed.values()
    }

    /// Savepoints.
    pub fn saved(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.saved.values()
    }

    /// How many checkpoints' worth of snapshots it holds.
    pub fn snapshots(&self) -> usize {
        self.snapshots.len()
    }

    /// Does what was asked; what to write into the trace, and the reply. `failed`: nothing takes effect.
    pub fn apply(
        &mut self,
        topology: &Topology,
        token: FencingToken,
        request: &Request,
        shadow: Option<&Arc<Shadow>>,
        failed: bool,
        lines: &mut Vec<Kind>,
    ) -> Reply {
        match request {
            Request::Put(key, snapshot) => self.put(topology, *key, snapshot, shadow, failed, lines),
            Request::Get(key) => {
                let found = if failed { None } else { self.snapshots.get(key) };
                let outcome = if found.is_some() { Outcome::Ok } else { Outcome::Error };
                lines.push(Kind::Get { key: *key, outcome });
                match found {
                    Some((snapshot, _)) => Reply::Found(snapshot.clone()),
                    None if failed => Reply::Failed,
                    None => Reply::Missing,
                }
            }
            _ if failed => self.refuse(token, request, Outcome::Error, Reply::Failed, lines),
            _ if token < self.leader => self.refuse(token, request, Outcome::Fenced, Reply::Fenced, lines),
            Request::Lead => {
                let outcome = if token > self.leader { Outcome::Ok } else { Outcome::Again };
                self.leader = token;
                lines.push(Kind::Lead { token, outcome });
                match self.ended {
                    None => Reply::Led(self.attempt),
                    Some(complete) => Reply::Ended {
                        attempt: self.attempt,
                        complete,
                        completed: self.retained(),
                        orphans: self.orphans(),
                    },
                }
            }
            Request::BeginAttempt(attempt) => self.begin(*attempt, token, lines),
            Request::Publish(manifest) => self.publish(manifest, token, lines),
            Request::Save(manifest) => self.save(manifest, token, lines),
            Request::Open(_) => Reply::Done,
            Request::Discard(attempt, id) => self.discard(*attempt, *id, lines),
            Request::EndJob(complete) => {
                self.ended.get_or_insert(*complete);
                Reply::Done
            }
            other => unreachable!("a store is never asked {other:?}"),
        }
    }

    fn refuse(
        &self,
        token: FencingToken,
        request: &Request,
        outcome: Outcome,
        reply: Reply,
        lines: &mut Vec<Kind>,
    ) -> Reply {
        match request {
            Request::Lead => lines.push(Kind::Lead { token, outcome }),
            Request::BeginAttempt(job) => lines.push(Kind::Begin { job: *job, token, base: None, outcome }),
            Request::Publish(manifest) => lines.push(completion(manifest, token, outcome)),
            Request::Save(manifest) => lines.push(saving(manifest, token, outcome)),
            _ => {}
        }
        reply
    }

    fn put(
        &mut self,
        topology: &Topology,
        key: StoreKey,
        snapshot: &Arc<Snapshot>,
        shadow: Option<&Arc<Shadow>>,
        failed: bool,
        lines: &mut Vec<Kind>,
    ) -> Reply {
        let again = self.snapshots.contains_key(&key);
        let outcome = match (failed, again) {
            (true, _) => Outcome::Error,
            (false, true) => Outcome::Again,
            (false, false) => Outcome::Ok,
        };
        lines.push(Kind::Put {
            key,
            digest: snapshot.digest(),
            offsets: offsets(snapshot),
            kappa: stored_kappa(topology, key.task, snapshot),
            txns: snapshot.transactions.as_slice().into(),
            outcome,
        });
        if failed {
            return Reply::Failed;
        }
        let known = self.snapshots.get(&key).map(|(_, shadow)| shadow);
        let shadow = shadow.or(known).cloned().unwrap_or_default(); // asked again, the cut may be over
        self.snapshots.insert(key, (snapshot.clone(), shadow));
        Reply::Done
    }

    fn begin(&mut self, job: Attempt, token: FencingToken, lines: &mut Vec<Kind>) -> Reply {
        let outcome = match job {
            _ if self.ended.is_some() => Outcome::Error,
            job if job == self.attempt.next() => Outcome::Ok,
            job if job == self.attempt => Outcome::Again,
            _ => Outcome::Error,
        };
        if outcome == Outcome::Ok {
            self.attempt = job;
            self.base = self.completed.keys().next_back().copied();
        }
        lines.push(Kind::Begin { job, token, base: self.base, outcome });
        if outcome == Outcome::Error {
            return Reply::Failed;
        }
        Reply::Began { completed: self.retained(), next: self.newest.next(), orphans: self.orphans() }
    }

    fn retained(&self) -> Arc<[Arc<Manifest>]> {
        self.completed.values().cloned().collect()
    }

    /// What is stored and belongs to no completion record. Asked for when somebody has just begun an attempt, or leads a
    /// job that has ended: nobody can write a record for any of it any more.
    fn orphans(&self) -> Orphans {
        let mut found: Vec<(Attempt, CheckpointId)> =
            self.snapshots.keys().map(|key| (key.attempt, key.checkpoint)).collect();
        found.dedup();
        for records in [&self.completed, &self.saved] {
            found.retain(|(attempt, id)| records.get(id).is_none_or(|manifest| manifest.attempt != *attempt));
        }
        // A completion record may name parts of other checkpoints than its own.
        let parts = self.completed.values().chain(self.saved.values()).flat_map(|manifest| &manifest.parts);
        let named: BTreeSet<(Attempt, CheckpointId)> = parts
            .filter_map(|part| match part {
                Part::Stored(key) => Some((key.attempt, key.checkpoint)),
                Part::Finished => None,
            })
            .collect();
        found.retain(|one| !named.contains(one));
        found.into()
    }

    fn publish(&mut self, manifest: &Arc<Manifest>, token: FencingToken, lines: &mut Vec<Kind>) -> Reply {
        let (outcome, reply) = keep(&mut self.completed, self.attempt, manifest, &mut self.newest);
        lines.push(completion(manifest, token, outcome));
        reply
    }

    fn save(&mut self, manifest: &Arc<Manifest>, token: FencingToken, lines: &mut Vec<Kind>) -> Reply {
        let (outcome, reply) = keep(&mut self.saved, self.attempt, manifest, &mut self.newest);
        lines.push(saving(manifest, token, outcome));
        reply
    }

    fn discard(&mut self, attempt: Attempt, id: CheckpointId, lines: &mut Vec<Kind>) -> Reply {
        if self.saved.get(&id).is_some_and(|manifest| manifest.attempt == attempt) {
            return Reply::Done; // somebody else's: an acknowledgement that came late doesn't delete it
        }
        if self.completed.get(&id).is_some_and(|manifest| manifest.attempt == attempt) {
            self.completed.remove(&id);
        }
        let from = StoreKey { attempt, checkpoint: id, task: TaskId(0) };
        let to = StoreKey { attempt, checkpoint: id, task: TaskId(u32::MAX) };
        let keys: Vec<StoreKey> = self.snapshots.range(from..=to).map(|(key, _)| *key).collect();
        for key in keys {
            self.snapshots.remove(&key);
            lines.push(Kind::Delete { key });
        }
        Reply::Done
    }

    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut crate::digest::Digest) {
        for word in [
            self.leader.0 as u64,
            self.attempt.0 as u64,
            self.ended.map_or(0, |complete| 1 + complete as u64),
            self.newest.0,
        ] {
            d.word(word);
        }
        d.word(self.base.map_or(0, |id| id.0));
        for (id, manifest) in &self.completed {
            d.word(id.0);
            manifest.digest(d);
        }
        for (id, manifest) in &self.saved {
            d.word(id.0);
            manifest.digest(d);
        }
        for (key, (snapshot, shadow)) in &self.snapshots {
            key.digest(d);
            snapshot.digest_whole(d);
            shadow.digest(d);
        }
    }
}

/// Enters a record, if nothing is against it.
fn keep(
    records: &mut BTreeMap<CheckpointId, Arc<Manifest>>,
    job: Attempt,
    manifest: &Arc<Manifest>,
    newest: &mut CheckpointId,
) -> (Outcome, Reply) {
    let id = manifest.checkpoint;
    let outcome = match records.get(&id) {
        _ if manifest.attempt != job => Outcome::Fenced,
        Some(known) if **known == **manifest => Outcome::Again,
        Some(_) => Outcome::Error,
        None => Outcome::Ok,
    };
    let reply = match outcome {
        Outcome::Ok => {
            records.insert(id, manifest.clone());
            *newest = id.max(*newest);
            Reply::Done
        }
        Outcome::Again => Reply::Done,
        _ => Reply::Failed,
    };
    (outcome, reply)
}

fn completion(manifest: &Manifest, token: FencingToken, outcome: Outcome) -> Kind {
    let parts = manifest.stored().collect();
    Kind::Complete { checkpoint: manifest.checkpoint, job: manifest.attempt, token, parts, outcome }
}

fn saving(manifest: &Manifest, token: FencingToken, outcome: Outcome) -> Kind {
    let parts = manifest.stored().collect();
    Kind::Savepoint { checkpoint: manifest.checkpoint, job: manifest.attempt, token, parts, outcome }
}
