//! Snapshots that share chunks: what is written, what is deleted, and what is left when a process dies in between.
//!
//! The first three tests are rows 58 to 60 of the coordinator's table, whose "files" are our packs.

use crate::job::*;
use cutline::engine::message::{Datum, Reply, Request};
use cutline::engine::snapshot::Snapshot;
use cutline::ids::*;
use cutline::runtime::outside::Store as _;
use cutline::runtime::storage::blobs::{Blobs, Created};
use cutline::runtime::storage::keeper::Keeper;
use cutline::runtime::storage::{Options, memory::Memory};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const KEYS: i64 = 20_000;

fn keeper(blobs: &Arc<impl Blobs + 'static>, claim: bool) -> Keeper {
    let options = Options { claim, compress: false };
    Keeper::open(blobs.clone(), &topology(), &options).unwrap()
}

/// Leads and begins an attempt.
fn begin(keeper: &Keeper, attempt: u32) {
    let token = FencingToken(attempt);
    assert!(matches!(keeper.serve(token, &Request::Lead, None).reply, Reply::Led(_)));
    let began = keeper.serve(token, &Request::BeginAttempt(Attempt(attempt)), None).reply;
    assert!(matches!(began, Reply::Began { .. }), "{began:?}");
}

/// Takes and completes a checkpoint with one part; the bytes that were written for the snapshot.
fn checkpoint(keeper: &Keeper, attempt: u32, id: u64, snapshot: Snapshot) -> u64 {
    let token = FencingToken(attempt);
    let put = keeper.serve(token, &Request::Put(key(attempt, id, 2), Arc::new(snapshot)), Some(&shadow(id)));
    assert_eq!(put.reply, Reply::Done, "{:?}", put.trouble);
    assert_eq!(keeper.serve(token, &Request::Publish(manifest(attempt, id, 1)), None).reply, Reply::Done);
    put.bytes
}

fn discard(keeper: &Keeper, token: u32, attempt: u32, id: u64) {
    let request = Request::Discard(Attempt(attempt), CheckpointId(id));
    assert_eq!(keeper.serve(FencingToken(token), &request, None).reply, Reply::Done);
}

fn found(keeper: &Keeper, attempt: u32, id: u64, snapshot: Snapshot) {
    let served = keeper.serve(FencingToken(0), &Request::Get(key(attempt, id, 2)), None);
    assert!(served.reply == Reply::Found(Arc::new(snapshot)), "checkpoint {id}: {:?}", served.trouble);
}

fn packs(blobs: &Arc<impl Blobs>) -> Vec<String> {
    blobs.list("packs/").unwrap()
}

/// Row 58: incremental 0, 1, 2 share files; 0 is discarded: no file still used by 1 or 2 is deleted, and files go with
/// their last user.
#[test]
fn row_58_shared_files_go_with_their_last_user() {
    let blobs = Arc::new(Memory::default());
    let keeper = keeper(&blobs, true);
    begin(&keeper, 1);
    let full = checkpoint(&keeper, 1, 1, counting(KEYS, 0, 1));
    let second = checkpoint(&keeper, 1, 2, counting(KEYS, 5, 2));
    let third = checkpoint(&keeper, 1, 3, counting(KEYS, 10, 3));
    assert!(second < full / 10 && third < full / 10, "{full}, {second}, {third}: only what is new is written");
    assert_eq!(packs(&blobs).len(), 3);
    discard(&keeper, 1, 1, 1);
    assert_eq!(packs(&blobs).len(), 3, "2 and 3 use what 1 wrote");
    found(&keeper, 1, 2, counting(KEYS, 5, 2));
    found(&keeper, 1, 3, counting(KEYS, 10, 3));
    discard(&keeper, 1, 1, 3);
    assert_eq!(packs(&blobs).len(), 2);
    found(&keeper, 1, 2, counting(KEYS, 5, 2));
    discard(&keeper, 1, 1, 2);
    assert_eq!(packs(&blobs), Vec::<String>::new());
}

/// Row 59: after a restart from 1, 2, which share files, 1 is discarded: in claim mode shared files are registered again
/// and deleted with their last user, otherwise no file from before the restart is ever deleted.
#[test]
fn row_59_shared_files_are_registered_again() {
    for claim in [true, false] {
        let blobs = Arc::new(Memory::default());
        let first = keeper(&blobs, true);
        begin(&first, 1);
        checkpoint(&first, 1, 1, counting(KEYS, 0, 1));
        checkpoint(&first, 1, 2, counting(KEYS, 5, 2));
        drop(first);
        let second = keeper(&blobs, claim);
        begin(&second, 2);
        discard(&second, 2, 1, 1);
        assert_eq!(packs(&blobs).len(), 2);
        found(&second, 1, 2, counting(KEYS, 5, 2));
        let bytes = checkpoint(&second, 2, 3, counting(KEYS, 6, 3));
        found(&second, 2, 3, counting(KEYS, 6, 3));
        discard(&second, 2, 1, 2);
        found(&second, 2, 3, counting(KEYS, 6, 3));
        if claim {
            assert!(bytes < 100_000, "{bytes}: the restored checkpoint's chunks are used again");
            discard(&second, 2, 2, 3);
            assert_eq!(packs(&blobs), Vec::<String>::new());
        } else {
            let old = packs(&blobs).iter().filter(|pack| pack.starts_with("packs/a1-")).count();
            assert_eq!(old, 2, "they belong to somebody else");
            discard(&second, 2, 2, 3);
            assert_eq!(packs(&blobs).len(), 2);
            found(&second, 1, 1, counting(KEYS, 0, 1));
        }
    }
}

/// Row 60: restored in no-claim mode, the first checkpoint owns all it refers to, also after a failover in between.
#[test]
fn row_60_without_a_claim_the_first_checkpoint_is_full() {
    let blobs = Arc::new(Memory::default());
    let first = keeper(&blobs, true);
    begin(&first, 1);
    let full = checkpoint(&first, 1, 1, counting(KEYS, 0, 1));
    begin(&keeper(&blobs, false), 2); // and it dies at once
    let third = keeper(&blobs, false);
    begin(&third, 3);
    let bytes = checkpoint(&third, 3, 2, counting(KEYS, 0, 1));
    // Names of packs have a part that nobody chooses, and are a byte longer or shorter.
    assert!(bytes.abs_diff(full) < 100, "{bytes}, {full}: nothing is used of what belongs to somebody else");
    let bytes = checkpoint(&third, 3, 3, counting(KEYS, 0, 1));
    assert!(bytes < full / 10, "{bytes}: but what is ours is");
    blobs.delete(&packs(&blobs).into_iter().filter(|pack| pack.starts_with("packs/a1-")).collect::<Vec<_>>()).unwrap();
    found(&third, 3, 2, counting(KEYS, 0, 1));
    // Another restart, asked for without a claim once more: what was written since the first one is ours all the same.
    let fourth = keeper(&blobs, false);
    begin(&fourth, 4);
    let bytes = checkpoint(&fourth, 4, 4, counting(KEYS, 0, 1));
    assert!(bytes < full / 10, "{bytes}");
}

/// A chunk that changes back, or moves to another subtask, is found again; keys are few bytes each all the same.
#[test]
fn a_chunk_is_found_by_its_content() {
    let blobs = Arc::new(Memory::default());
    let keeper = keeper(&blobs, true);
    begin(&keeper, 1);
    let full = checkpoint(&keeper, 1, 1, counting(KEYS, 0, 1));
    let moved = Request::Put(key(1, 2, 3), Arc::new(counting(KEYS, 0, 1)));
    let bytes = keeper.serve(FencingToken(1), &moved, Some(&shadow(1))).bytes;
    assert!(bytes < full / 10, "{bytes} of {full}");
}

/// State that changes a little at a time doesn't come to be spread over ever more packs, nor keep ever more bytes.
#[test]
fn old_packs_are_written_anew_in_the_end() {
    let blobs = Arc::new(Memory::default());
    let keeper = keeper(&blobs, true);
    begin(&keeper, 1);
    let full = checkpoint(&keeper, 1, 1, counting(KEYS, 0, 0));
    let mut written = 0;
    for id in 2..120 {
        let mut snapshot = counting(KEYS, 0, 0);
        snapshot.operators[0].keyed.values_mut().take(id as usize).for_each(|value| *value = Datum::Int(id as i64));
        written += checkpoint(&keeper, 1, id, snapshot.clone());
        discard(&keeper, 1, 1, id - 1);
        found(&keeper, 1, id, snapshot);
        assert!(packs(&blobs).len() <= 16, "checkpoint {id}: {} packs", packs(&blobs).len());
        let kept: usize = packs(&blobs).iter().map(|pack| blobs.get(pack).unwrap().unwrap().len()).sum();
        assert!(kept as u64 <= full * 5, "checkpoint {id}: {kept} bytes are kept for a state of {full}");
    }
    assert!(written < 118 * full, "{written}");
}

/// A place that stops the process at its n-th change: before it, or after it.
struct Dying {
    within: Memory,
    left: AtomicU64,
    after: bool,
    lost: Mutex<bool>,
}

impl Dying {
    fn change<T>(&self, what: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let dead = || Err("the process is dead".to_string());
        if *self.lost.lock().unwrap() {
            return dead();
        }
        if self.left.fetch_sub(1, Ordering::Relaxed) > 1 {
            return what();
        }
        *self.lost.lock().unwrap() = true;
        if self.after {
            what()?;
        }
        dead()
    }
}

impl Blobs for Dying {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        self.change(|| self.within.put(name, bytes))
    }
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, String> {
        self.change(|| self.within.create(name, bytes))
    }
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        self.within.get(name)
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>, String> {
        self.within.list(prefix)
    }
    /// One name at a time: half of a list may be gone.
    fn delete(&self, names: &[String]) -> Result<(), String> {
        names.iter().try_for_each(|name| self.change(|| self.within.delete(std::slice::from_ref(name))))
    }
    fn show(&self, name: &str) -> String {
        self.within.show(name)
    }
}

/// Whatever step a process dies at: every completed checkpoint can be loaded, and what is left over is gone after the next
/// start and the discards that it is told to make.
#[test]
fn a_death_between_any_two_steps_leaves_at_worst_garbage() {
    let (mut steps, mut finished) = (0, false);
    while !finished {
        steps += 1;
        for after in [false, true] {
            let place =
                Dying { within: Memory::default(), left: AtomicU64::new(steps), after, lost: Mutex::new(false) };
            let blobs = Arc::new(place);
            finished = !life(&blobs);
            *blobs.lost.lock().unwrap() = false;
            blobs.left.store(u64::MAX, Ordering::Relaxed);
            successor(&blobs);
        }
    }
    assert!(steps > 20, "{steps} steps were tried");
}

/// Four checkpoints, of which two are retained; false: it lived through all of them.
fn life(blobs: &Arc<Dying>) -> bool {
    let Ok(keeper) = Keeper::open(blobs.clone(), &topology(), &Options::default()) else { return true };
    let ask = |request| keeper.serve(FencingToken(1), &request, Some(&shadow(1))).reply;
    ask(Request::Lead);
    ask(Request::BeginAttempt(Attempt(1)));
    for id in 1..5 {
        if ask(Request::Put(key(1, id, 2), Arc::new(state(id)))) == Reply::Done {
            ask(Request::Publish(manifest(1, id, 1)));
        }
        if id > 2 {
            ask(Request::Discard(Attempt(1), CheckpointId(id - 2)));
        }
    }
    *blobs.lost.lock().unwrap()
}

fn state(id: u64) -> Snapshot {
    counting(2000, 1 + id as i64, id as i64)
}

fn successor(blobs: &Arc<Dying>) {
    let keeper = Keeper::open(blobs.clone(), &topology(), &Options::default()).unwrap();
    let ask = |request| keeper.serve(FencingToken(2), &request, None).reply;
    let Reply::Led(newest) = ask(Request::Lead) else { panic!("the lead can be taken") };
    let Reply::Began { completed, orphans, .. } = ask(Request::BeginAttempt(newest.next())) else {
        panic!("the next attempt can be begun")
    };
    completed.iter().for_each(|manifest| found(&keeper, 1, manifest.checkpoint.0, state(manifest.checkpoint.0)));
    orphans.iter().for_each(|(attempt, id)| discard(&keeper, 2, attempt.0, id.0));
    let heads = blobs.list("snapshots/").unwrap();
    assert_eq!(heads.len(), completed.len(), "{heads:?}");
    let mut used = BTreeSet::new();
    for manifest in completed.iter() {
        found(&keeper, 1, manifest.checkpoint.0, state(manifest.checkpoint.0));
        used.insert(manifest.checkpoint);
    }
    // With one checkpoint after the other gone, so are all packs.
    used.iter().for_each(|id| discard(&keeper, 2, 1, id.0));
    assert_eq!(packs(blobs), Vec::<String>::new(), "nothing is left over");
}
