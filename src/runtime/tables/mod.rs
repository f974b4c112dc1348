//! Keyed state on disk: tables of an embedded LSM database in the job's folder.
//!
//! They are a larger memory and no more: nothing here is durable, and what an earlier process left is deleted. What a job
//! goes back to is in its snapshots. A table is a partition of the database; what it held when a snapshot was taken is a
//! snapshot of the database, which is no copy.

mod order;

use super::storage::files::{cannot, make_folder};
use crate::engine::keyed::{Content, Table, Tables};
use crate::engine::message::Datum;
use crate::topology::KEY_GROUPS;
use fjall::{Config, Keyspace, PartitionCreateOptions, PartitionHandle, Snapshot};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Debug;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};

/// What the database itself holds in memory, in bytes: blocks that were read, and what isn't written yet.
const CACHE_BYTES: u64 = 16 << 20;
const WAITING_BYTES: u64 = 16 << 20;
const MEMTABLE_BYTES: u32 = 4 << 20;
const JOURNAL_BYTES: u64 = 64 << 20;
/// The longest key that it takes, in bytes.
const KEY_BYTES_MAX: usize = 65_535;
/// So many pairs are handed to it at once.
const BATCH: usize = 4096;

/// A database of tables.
pub struct Disk {
    keyspace: Keyspace,
    room: usize,
    next: AtomicU64,
}

impl Disk {
    /// An empty one in this folder; whatever was there is deleted. `room`: so many keys of a table are held in memory.
    ///
    /// # Errors
    /// In words, if the folder can't be used.
    pub fn open(folder: &Path, room: usize) -> Result<Arc<Self>, String> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot("empty", folder, &error)),
            _ => make_folder(folder)?,
        }
        let config = Config::new(folder).cache_size(CACHE_BYTES).max_write_buffer_size(WAITING_BYTES);
        let config = config.max_journaling_size(JOURNAL_BYTES).manual_journal_persist(true);
        let opened = config.flush_workers(1).compaction_workers(1).open();
        let keyspace = opened.map_err(|error| format!("cannot use {}: {error}", folder.display()))?;
        Ok(Arc::new(Disk { keyspace, room, next: AtomicU64::new(0) }))
    }

    fn partition(self: &Arc<Self>) -> Arc<Partition> {
        let name = self.next.fetch_add(1, Relaxed).to_string();
        let options = PartitionCreateOptions::default().max_memtable_size(MEMTABLE_BYTES).manual_journal_persist(true);
        let handle = good(self.keyspace.open_partition(&name, options));
        Arc::new(Partition { disk: self.clone(), handle, owned: AtomicBool::new(true), version: AtomicU64::new(0) })
    }
}

/// State that can't be reached is a crash of whoever needs it.
fn good<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("keyed state on disk: {error}"))
}

/// A [`Disk`] lends its tables.
pub struct Lender(pub Arc<Disk>);

impl Tables for Lender {
    fn table(&self) -> Box<dyn Table> {
        Box::new(DiskTable(self.0.partition()))
    }
}

/// A partition of the database, deleted with its last user.
struct Partition {
    disk: Arc<Disk>,
    handle: PartitionHandle,
    /// Somebody has it as his table.
    owned: AtomicBool,
    /// Counts changes.
    version: AtomicU64,
}

impl Drop for Partition {
    fn drop(&mut self) {
        // Trouble doesn't matter: the next process deletes everything.
        let _ = self.disk.keyspace.delete_partition(self.handle.clone());
    }
}

/// The place of a key: first its group, so that each group lies together.
fn place(key: &Datum) -> Vec<u8> {
    const { assert!(KEY_GROUPS <= 256) };
    let mut bytes = vec![key.key_group() as u8];
    order::write(key, &mut bytes);
    assert!(bytes.len() <= KEY_BYTES_MAX, "keyed state on disk: a key is longer than {KEY_BYTES_MAX} bytes");
    bytes
}

/// The table of one operator of one life.
struct DiskTable(Arc<Partition>);

impl Debug for DiskTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DiskTable({})", self.0.handle.path().display())
    }
}

impl Drop for DiskTable {
    fn drop(&mut self) {
        self.0.owned.store(false, SeqCst);
    }
}

impl Table for DiskTable {
    fn room(&self) -> usize {
        self.0.disk.room
    }

    fn get(&self, key: &Datum) -> Option<Datum> {
        good(self.0.handle.get(place(key))).map(|value| good(order::unpack(&value)))
    }

    fn put(&mut self, pairs: &mut dyn Iterator<Item = (Datum, Datum)>) {
        self.0.version.fetch_add(1, SeqCst);
        let mut batch = self.0.disk.keyspace.batch();
        for (key, value) in pairs {
            batch.insert(&self.0.handle, place(&key), good(order::pack(&value)));
            if batch.len() == BATCH {
                good(std::mem::replace(&mut batch, self.0.disk.keyspace.batch()).commit());
            }
        }
        good(batch.commit());
    }

    fn freeze(&self) -> Arc<dyn Content> {
        let version = self.0.version.load(SeqCst);
        Arc::new(Held { partition: self.0.clone(), snapshot: self.0.handle.snapshot(), version })
    }
}

/// What a table held at a moment.
struct Held {
    partition: Arc<Partition>,
    snapshot: Snapshot,
    version: u64,
}

/// A pair as the database has it.
type Pair = (fjall::Slice, fjall::Slice);

impl Held {
    fn group(&self, group: u32) -> impl Iterator<Item = Pair> + use<> {
        self.snapshot.prefix([group as u8]).map(good)
    }

    /// All pairs in the order of keys: the groups, each of which is in order, merged.
    fn merged(&self, visit: &mut dyn FnMut(Datum, Datum)) {
        let mut groups: Vec<Box<dyn Iterator<Item = Pair>>> = Vec::new();
        groups.extend((0..KEY_GROUPS).map(|group| Box::new(self.group(group)) as _));
        let head = |at: usize, group: &mut dyn Iterator<Item = Pair>| {
            group.next().map(|(key, value)| Reverse((key.slice(1..), at, value)))
        };
        let mut heads = BinaryHeap::new();
        heads.extend(groups.iter_mut().enumerate().filter_map(|(at, group)| head(at, group)));
        while let Some(Reverse((key, at, value))) = heads.pop() {
            visit(good(order::read(&key)), good(order::unpack(&value)));
            heads.extend(head(at, &mut groups[at]));
        }
    }
}

impl Content for Held {
    fn each(&self, group: Option<u32>, visit: &mut dyn FnMut(Datum, Datum)) {
        let Some(group) = group else { return self.merged(visit) };
        for (key, value) in self.group(group) {
            visit(good(order::read(&key[1..])), good(order::unpack(&value)));
        }
    }

    /// If nobody has the table, and nothing was put into it since, it changes hands. Otherwise it is copied.
    fn thaw(&self) -> Box<dyn Table> {
        if !self.partition.owned.swap(true, SeqCst) {
            let table = DiskTable(self.partition.clone());
            if self.partition.version.load(SeqCst) == self.version {
                return Box::new(table);
            }
        }
        let mut copy = DiskTable(self.partition.disk.partition());
        for group in 0..KEY_GROUPS {
            let mut pairs: Vec<(Datum, Datum)> = Vec::new();
            self.each(Some(group), &mut |key, value| pairs.push((key, value)));
            copy.put(&mut pairs.into_iter());
        }
        Box::new(copy)
    }
}
