//! Which snapshot uses which pack: what may be used again, and what may be deleted.
//!
//! It is in memory only, and rebuilt from what is stored. Two rules keep a chunk from being missed, however many
//! processes take themselves for the owner:
//!
//! - A snapshot uses packs of its own attempt, and those of the checkpoint that this attempt was begun from, and no
//!   others. The first are known to this process alone. The second can be deleted by nobody: whoever still acts for an
//!   earlier attempt knows that checkpoint as one that is retained, and can't complete a newer one any more.
//! - A pack is entered here before it is written, and taken out before it is deleted, under one lock.

use super::mirror::{Chunk, Hash, Head};
use crate::engine::message::StoreKey;
use crate::ids::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A pack of which less than one part in so many is of use is written again, as far as it is.
const USEFUL_PARTS: u64 = 4;
/// A snapshot uses so many older packs at most, and one more for each so many bytes of it that are there; what is in the
/// others is written again.
const PACKS_MAX: usize = 15;
const BYTES_A_PACK: u64 = 1 << 20;

/// A chunk's place.
#[derive(Clone, Debug)]
struct Place {
    pack: Arc<str>,
    index: u32,
    bytes: u32,
}

#[derive(Clone, Debug)]
struct Pack {
    attempt: Attempt,
    bytes: u64,
    hashes: BTreeSet<Hash>,
    users: BTreeSet<StoreKey>,
}

/// Who uses what.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    packs: BTreeMap<Arc<str>, Pack>,
    places: BTreeMap<Hash, Place>,
    snapshots: BTreeMap<StoreKey, BTreeSet<Arc<str>>>,
    attempt: Attempt,
    base: BTreeSet<Arc<str>>,
    /// Some snapshot can't be read: what it uses is not known, so nothing that is old is deleted.
    pub blind: bool,
}

/// What of a pack a snapshot could use: bytes, and the chunks with their places.
type Found = (u64, Vec<(Hash, u32)>);

impl Registry {
    /// The snapshots that are entered.
    pub fn snapshots(&self) -> impl Iterator<Item = &StoreKey> {
        self.snapshots.keys()
    }

    /// Is it entered?
    pub fn knows(&self, key: &StoreKey) -> bool {
        self.snapshots.contains_key(key)
    }

    /// From here on snapshots of this attempt may use what these snapshots use.
    pub fn begin(&mut self, attempt: Attempt, base: impl Iterator<Item = StoreKey>, unclaimed: Option<Attempt>) {
        self.attempt = attempt;
        let packs = base.filter_map(|key| self.snapshots.get(&key)).flatten().cloned();
        let ours = |name: &Arc<str>| self.packs.get(name).is_some_and(|pack| Some(pack.attempt) > unclaimed);
        self.base = packs.filter(ours).collect();
    }

    /// Enters a pack that is being written, or that a stored snapshot names.
    pub fn pack(&mut self, name: &Arc<str>, attempt: Attempt, user: StoreKey) {
        let new = || Pack { attempt, bytes: 0, hashes: BTreeSet::new(), users: BTreeSet::new() };
        self.packs.entry(name.clone()).or_insert_with(new).users.insert(user);
        self.snapshots.entry(user).or_default().insert(name.clone());
    }

    /// Enters a chunk of a pack that is stored.
    pub fn chunk(&mut self, name: &Arc<str>, hash: Hash, index: u32, bytes: u32) {
        let Some(pack) = self.packs.get_mut(name) else { return };
        if pack.hashes.insert(hash) {
            pack.bytes += bytes as u64;
            self.places.insert(hash, Place { pack: name.clone(), index, bytes });
        }
    }

    /// Enters a stored snapshot with all that it uses.
    pub fn snapshot(&mut self, key: StoreKey, head: &Head, attempt_of: impl Fn(&str) -> Option<Attempt>) {
        self.snapshots.entry(key).or_default();
        let names: Vec<Arc<str>> = head.packs.iter().map(|name| name.as_str().into()).collect();
        for name in &names {
            self.pack(name, attempt_of(name).unwrap_or(key.attempt), key);
        }
        for Chunk { hash, pack, index, bytes } in head.operators.iter().flat_map(|operator| &operator.chunks) {
            self.chunk(&names[*pack as usize], *hash, *index, *bytes);
        }
    }

    /// Which of these chunks a snapshot needn't write: their places. It is entered as a user of those packs, so that
    /// they stay.
    pub fn reuse(&mut self, user: StoreKey, wanted: &BTreeSet<Hash>) -> BTreeMap<Hash, (Arc<str>, u32)> {
        let mut found: BTreeMap<Arc<str>, Found> = BTreeMap::new();
        for (hash, place) in wanted.iter().filter_map(|hash| self.places.get_key_value(hash)) {
            let own = self.packs.get(&place.pack).is_some_and(|pack| pack.attempt == user.attempt);
            if own || user.attempt == self.attempt && self.base.contains(&place.pack) {
                let (bytes, chunks) = found.entry(place.pack.clone()).or_default();
                *bytes += place.bytes as u64;
                chunks.push((*hash, place.index));
            }
        }
        let useful = |name: &Arc<str>, bytes: u64| bytes * USEFUL_PARTS >= self.packs[name].bytes;
        let mut packs: Vec<_> = found.into_iter().filter(|(name, (bytes, _))| useful(name, *bytes)).collect();
        packs.sort_by_key(|(name, (bytes, _))| (std::cmp::Reverse(*bytes), name.clone()));
        let bytes: u64 = packs.iter().map(|(_, (bytes, _))| *bytes).sum();
        packs.truncate(PACKS_MAX + (bytes / BYTES_A_PACK) as usize);
        self.snapshots.entry(user).or_default();
        for (name, _) in &packs {
            self.pack(name, user.attempt, user);
        }
        let place = |(name, (_, chunks)): (Arc<str>, Found)| {
            chunks.into_iter().map(move |(hash, index)| (hash, (name.clone(), index)))
        };
        packs.into_iter().flat_map(place).collect()
    }

    /// Takes all other snapshots out; the packs that nobody uses any more, which are out too.
    pub fn retain(&mut self, stays: impl Fn(&StoreKey) -> bool) -> Vec<String> {
        let gone: Vec<StoreKey> = self.snapshots.keys().filter(|key| !stays(key)).copied().collect();
        gone.iter().flat_map(|key| self.forget(key)).collect()
    }

    fn forget(&mut self, key: &StoreKey) -> Vec<String> {
        let used = self.snapshots.remove(key).unwrap_or_default();
        let free = |name: &Arc<str>| {
            let pack = self.packs.get_mut(name)?;
            pack.users.remove(key);
            if !pack.users.is_empty() {
                return None;
            }
            let pack = self.packs.remove(name)?;
            self.base.remove(name);
            for hash in &pack.hashes {
                if self.places.get(hash).is_some_and(|place| place.pack == *name) {
                    self.places.remove(hash);
                }
            }
            Some(name.to_string())
        };
        used.iter().filter_map(free).collect()
    }

    /// Does any snapshot use this pack, as far as is known?
    pub fn used(&self, pack: &str) -> bool {
        self.packs.contains_key(pack)
    }
}
