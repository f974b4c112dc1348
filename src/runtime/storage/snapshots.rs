//! Snapshots under their keys, and the packs of chunks that they share.
//!
//! A snapshot is stored in this order: the pack with what is new in it, then the head that names the packs. It is
//! discarded the other way round: the head, then the packs that no other head names. So at every moment what a head names
//! is there, and what is left behind by a death in between is a pack without a head.
//!
//! Keyed state that is larger than memory goes in and out a key group and a pack at a time: its chunks are made twice, to
//! see which are new, and to write those.

use super::blobs::{Blobs, Created};
use super::cut::{self, Gathered};
use super::format::{self, FileKind};
use super::mirror::{self, Chunk, Hash};
use super::registry::Registry;
use crate::engine::keyed::Tables;
use crate::engine::message::StoreKey;
use crate::engine::snapshot::{OperatorState, Snapshot};
use crate::ids::*;
use crate::trace::record::Shadow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

const HEADS: &str = "snapshots/";
const PACKS: &str = "packs/";
/// A pack that is so long, in bytes, gets no more chunks.
const PACK_BYTES: usize = 8 << 20;

/// What is stored under a key.
pub struct Stored {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The counts as of the cut.
    pub shadow: Arc<Shadow>,
    /// The digest that was stored with it, and which it has.
    pub digest: u64,
}

/// Why there is no snapshot.
pub enum Unread {
    /// It isn't there, or is damaged.
    Missing(String),
    /// The place can't be read at the moment.
    Failed(String),
}

/// All snapshots of a store.
pub struct Snapshots {
    blobs: Arc<dyn Blobs>,
    writer: u64,
    compress: bool,
    next: AtomicU64,
    registry: Mutex<Registry>,
    /// Where keyed state is put that is read; none: into memory.
    tables: OnceLock<Arc<dyn Tables>>,
}

fn name(key: &StoreKey) -> String {
    format!("{}{}", beginning(key.attempt, key.checkpoint), key.task.0)
}

fn beginning(attempt: Attempt, checkpoint: CheckpointId) -> String {
    format!("{HEADS}a{}-c{}-p", attempt.0, checkpoint.0)
}

fn key(name: &str) -> Option<StoreKey> {
    let mut parts = name.strip_prefix(HEADS)?.split('-');
    let key = StoreKey {
        attempt: Attempt(parts.next()?.strip_prefix('a')?.parse().ok()?),
        checkpoint: CheckpointId(parts.next()?.strip_prefix('c')?.parse().ok()?),
        task: TaskId(parts.next()?.strip_prefix('p')?.parse().ok()?),
    };
    parts.next().is_none().then_some(key)
}

/// The attempt that wrote a pack, which is in its name.
fn attempt_of(pack: &str) -> Option<Attempt> {
    let (attempt, _) = pack.strip_prefix(PACKS)?.strip_prefix('a')?.split_once('-')?;
    attempt.parse().ok().map(Attempt)
}

/// Packs, where the chunks of each operator are in them, and bytes written.
type Placed = (Vec<String>, Vec<Vec<Chunk>>, u64);
/// Where each chunk is: the pack, and its place there.
type Places = BTreeMap<Hash, (Arc<str>, u32)>;

/// What came of keeping a snapshot.
pub struct Put {
    /// Was there one before?
    pub created: Created,
    /// Bytes that were written.
    pub bytes: u64,
    /// The digest of the snapshot.
    pub digest: u64,
}

impl Snapshots {
    /// `writer`: a number that no other writer has. `compress`: new files with lz4.
    pub fn new(blobs: Arc<dyn Blobs>, writer: u64, compress: bool) -> Self {
        let (next, registry) = (AtomicU64::new(0), Mutex::default());
        Snapshots { blobs, writer, compress, next, registry, tables: OnceLock::new() }
    }

    /// From here on keyed state that is read is put into tables of these.
    pub fn lend(&self, tables: Arc<dyn Tables>) {
        let _ = self.tables.set(tables); // lent once
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys of all stored snapshots, in order. Names that mean nothing are passed over.
    ///
    /// # Errors
    /// In words.
    pub fn keys(&self) -> Result<BTreeSet<StoreKey>, String> {
        Ok(self.blobs.list(HEADS)?.iter().filter_map(|name| key(name)).collect())
    }

    /// Learns what is stored and which packs are used. From here on snapshots of `attempt` may use those of `base`, and
    /// older packs that no stored snapshot names are deleted.
    ///
    /// # Errors
    /// In words, if the place can't be listed. A snapshot that can't be read is no error: its packs are kept.
    pub fn begin(&self, attempt: Attempt, base: &[StoreKey], unclaimed: Option<Attempt>) -> Result<(), String> {
        let stored = self.learn()?;
        let mut registry = self.registry();
        registry.retain(|key| key.attempt >= attempt || stored.contains(key));
        registry.begin(attempt, base.iter().copied(), unclaimed);
        let blind = registry.blind;
        drop(registry);
        if !blind {
            self.sweep(attempt, unclaimed);
        }
        Ok(())
    }

    /// Enters all snapshots that are stored; their keys.
    ///
    /// # Errors
    /// In words, if the place can't be listed.
    pub fn learn(&self) -> Result<BTreeSet<StoreKey>, String> {
        let stored = self.keys()?;
        let known: BTreeSet<StoreKey> = self.registry().snapshots().copied().collect();
        for key in stored.difference(&known) {
            let head = self.blobs.get(&name(key));
            let entered = head.and_then(|bytes| match bytes {
                None => Ok(()), // discarded since
                Some(bytes) => format::unseal(FileKind::Snapshot, &bytes).and_then(|body| {
                    cut::parse(key, &body).map(|head| self.registry().snapshot(*key, &head, attempt_of))
                }),
            });
            if entered.is_err() {
                self.registry().blind = true;
            }
        }
        Ok(stored)
    }

    /// Deletes packs of earlier attempts that no snapshot names. Nobody can complete a checkpoint of those attempts any
    /// more, so it doesn't matter if one of them is about to write the head that names such a pack. Trouble doesn't
    /// matter: the next attempt sweeps again.
    fn sweep(&self, attempt: Attempt, unclaimed: Option<Attempt>) {
        let Ok(packs) = self.blobs.list(PACKS) else { return };
        let registry = self.registry();
        let old = |pack: &String| attempt_of(pack).is_some_and(|by| by < attempt && Some(by) > unclaimed);
        let garbage: Vec<String> = packs.into_iter().filter(|pack| old(pack) && !registry.used(pack)).collect();
        drop(registry);
        let _ = self.blobs.delete(&garbage);
    }

    /// Keeps a snapshot. `shadow`: none: as stored before.
    ///
    /// # Errors
    /// In words. Then it isn't known whether it is kept.
    pub fn put(&self, key: &StoreKey, snapshot: &Snapshot, shadow: Option<&Arc<Shadow>>) -> Result<Put, String> {
        let digest = snapshot.digest();
        let put = |created, bytes| Ok(Put { created, bytes, digest });
        let same = |stored: &Stored| {
            let equal = if lies_elsewhere(snapshot) { stored.digest == digest } else { stored.snapshot == *snapshot };
            equal && shadow.is_none_or(|shadow| **shadow == *stored.shadow)
        };
        if self.registry().knows(key) && self.get(key).is_ok_and(|stored| same(&stored)) {
            return put(Created::Exists, 0);
        }
        let (packs, chunks, pack_bytes) = self.place(key, &snapshot.operators)?;
        let counts = shadow.cloned().unwrap_or_default();
        let mut head = cut::head(key, (snapshot, digest), &counts, packs, chunks)?;
        let bytes = format::seal(FileKind::Snapshot, &head, self.compress)?;
        let written = pack_bytes + bytes.len() as u64;
        if self.blobs.create(&name(key), &bytes)? == Created::New {
            return put(Created::New, written);
        }
        // Another one is there. It may say something else, and it may not be readable.
        match self.get(key) {
            Ok(stored) if same(&stored) => return put(Created::Exists, written),
            Ok(stored) if shadow.is_none() => {
                (head.sent, head.taken) = (stored.shadow.sent.clone(), stored.shadow.taken.clone());
            }
            _ => {}
        }
        self.blobs.put(&name(key), &format::seal(FileKind::Snapshot, &head, self.compress)?)?;
        put(Created::Exists, written)
    }

    /// Finds places for chunks, and writes those that have none: the packs, where each chunk is, the bytes written.
    fn place(&self, key: &StoreKey, operators: &[OperatorState]) -> Result<Placed, String> {
        let mut kept: BTreeMap<Hash, Vec<u8>> = BTreeMap::new(); // of what is in memory anyway
        let mut all: Vec<Vec<(Hash, u32)>> = Vec::new();
        for operator in operators {
            let mut own = Vec::new();
            cut::pieces(operator, &mut |piece| {
                own.push((piece.hash, piece.bytes.len() as u32));
                if operator.below.is_none() {
                    kept.insert(piece.hash, piece.bytes);
                }
                Ok(())
            })?;
            all.push(own);
        }
        let wanted = all.iter().flatten().map(|(hash, _)| *hash).collect();
        let mut places: Places = self.registry().reuse(*key, &wanted);
        let mut fresh = Vec::new();
        let (mut waiting, mut written) = (0, 0);
        let mut add = |hash: Hash, bytes: Vec<u8>, places: &mut Places| -> Result<(), String> {
            waiting += bytes.len();
            fresh.push((hash, bytes));
            if waiting >= PACK_BYTES {
                waiting = 0;
                written += self.pack(key, std::mem::take(&mut fresh), places)?;
            }
            Ok(())
        };
        for (hash, bytes) in kept {
            if !places.contains_key(&hash) {
                add(hash, bytes, &mut places)?;
            }
        }
        for operator in operators.iter().filter(|operator| operator.below.is_some()) {
            cut::pieces(operator, &mut |piece| match places.contains_key(&piece.hash) {
                true => Ok(()),
                false => add(piece.hash, piece.bytes, &mut places),
            })?;
        }
        written += self.pack(key, fresh, &mut places)?;
        let packs: BTreeSet<Arc<str>> = places.values().map(|(pack, _)| pack.clone()).collect();
        let packs: Vec<Arc<str>> = packs.into_iter().collect();
        let chunk = |(hash, bytes): (Hash, u32)| {
            let (pack, index) = &places[&hash];
            let pack = packs.binary_search(pack).unwrap_or_default() as u32;
            Chunk { hash, pack, index: *index, bytes }
        };
        let chunks = all.into_iter().map(|pieces| pieces.into_iter().map(chunk).collect()).collect();
        Ok((packs.iter().map(|pack| pack.to_string()).collect(), chunks, written))
    }

    /// Writes a pack of chunks, in the order of their hashes, and notes where they are; the bytes written.
    fn pack(&self, key: &StoreKey, fresh: Vec<(Hash, Vec<u8>)>, places: &mut Places) -> Result<u64, String> {
        let fresh: BTreeMap<Hash, Vec<u8>> = fresh.into_iter().collect();
        if fresh.is_empty() {
            return Ok(0);
        }
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let (attempt, checkpoint, task) = mirror::key(key);
        let pack: Arc<str> = format!("{PACKS}a{attempt}-c{checkpoint}-p{task}-{:x}-{n}", self.writer).into();
        self.registry().pack(&pack, key.attempt, *key);
        let chunks = mirror::Pack { chunks: fresh.values().map(Vec::as_slice).collect() };
        let bytes = format::seal(FileKind::Pack, &chunks, self.compress)?;
        self.blobs.put(&pack, &bytes)?;
        let mut registry = self.registry();
        for (index, (hash, bytes)) in fresh.iter().enumerate() {
            registry.chunk(&pack, *hash, index as u32, bytes.len() as u32);
            places.insert(*hash, (pack.clone(), index as u32));
        }
        Ok(bytes.len() as u64)
    }

    /// What is stored under a key.
    ///
    /// # Errors
    /// See [`Unread`].
    pub fn get(&self, key: &StoreKey) -> Result<Stored, Unread> {
        let shown = self.blobs.show(&name(key));
        let damaged = |what: String| Unread::Missing(format!("{shown} {what}"));
        let bytes = self.fetch(&name(key), "is not there")?;
        let body = format::unseal(FileKind::Snapshot, &bytes).map_err(damaged)?;
        let head = cut::parse(key, &body).map_err(damaged)?;
        let tables = self.tables.get().map(AsRef::as_ref);
        let mut keyed: Vec<Gathered> = head.operators.iter().map(|_| Gathered::new(tables)).collect();
        for (n, pack) in head.packs.iter().enumerate() {
            let bytes = self.fetch(pack, &format!("is not there, and {shown} needs it"))?;
            let wrong = |what: String| Unread::Missing(format!("{} {what}", self.blobs.show(pack)));
            let body = format::unseal(FileKind::Pack, &bytes).map_err(wrong)?;
            let chunks = format::decode::<mirror::Pack>(&body).map_err(wrong)?.chunks;
            for (operator, keyed) in head.operators.iter().zip(&mut keyed) {
                for place in operator.chunks.iter().filter(|place| place.pack as usize == n) {
                    let found = chunks.get(place.index as usize).copied();
                    let right = found.filter(|bytes| blake3::hash(bytes).as_bytes() == &place.hash);
                    let chunk = right
                        .ok_or_else(|| damaged(format!("needs a chunk that isn't in {}", self.blobs.show(pack))))?;
                    keyed.add(chunk).map_err(damaged)?;
                }
            }
        }
        let (shadow, digest) = (cut::shadow(&head), head.digest);
        let snapshot = cut::whole(head, keyed).map_err(damaged)?;
        Ok(Stored { snapshot, shadow, digest })
    }

    /// The counts that were stored beside a snapshot.
    ///
    /// # Errors
    /// See [`Unread`].
    pub fn shadow(&self, key: &StoreKey) -> Result<Arc<Shadow>, Unread> {
        let shown = self.blobs.show(&name(key));
        let damaged = |what: String| Unread::Missing(format!("{shown} {what}"));
        let bytes = self.fetch(&name(key), "is not there")?;
        let body = format::unseal(FileKind::Snapshot, &bytes).map_err(damaged)?;
        cut::parse(key, &body).map(|head| cut::shadow(&head)).map_err(damaged)
    }

    fn fetch(&self, name: &str, absent: &str) -> Result<Vec<u8>, Unread> {
        match self.blobs.get(name) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Unread::Missing(format!("{} {absent}", self.blobs.show(name)))),
            Err(trouble) => Err(Unread::Failed(trouble)),
        }
    }

    /// Deletes what is stored of a checkpoint of an attempt; `gone` hears of each snapshot. Files of others stay.
    ///
    /// # Errors
    /// In words. Some of it may be gone.
    pub fn discard(
        &self,
        attempt: Attempt,
        checkpoint: CheckpointId,
        unclaimed: Option<Attempt>,
        mut gone: impl FnMut(StoreKey),
    ) -> Result<(), String> {
        if Some(attempt) <= unclaimed {
            return Ok(());
        }
        let names = self.blobs.list(&beginning(attempt, checkpoint))?;
        let keys: BTreeSet<StoreKey> = names.iter().filter_map(|name| key(name)).collect();
        for key in keys {
            self.blobs.delete(&[name(&key)])?;
            gone(key);
        }
        let mut free = self.registry().retain(|key| (key.attempt, key.checkpoint) != (attempt, checkpoint));
        free.retain(|pack| attempt_of(pack) > unclaimed);
        if self.registry().blind {
            return Ok(());
        }
        self.blobs.delete(&free)
    }
}

/// Is part of its keyed state outside of memory? Then it is compared by its digest.
fn lies_elsewhere(snapshot: &Snapshot) -> bool {
    snapshot.operators.iter().any(|operator| operator.below.is_some())
}
