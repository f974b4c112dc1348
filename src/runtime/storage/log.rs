//! Who leads, and what is complete: a small state that is replaced as a whole, one durable record after another.
//!
//! Record `n + 1` is made by create-if-absent, and names record `n` by the hash of its bytes. Of two who read `n` and
//! want to go on from there, in one process or two, one succeeds; the other reads again. The state of the record with
//! the highest number counts, and a damaged one is never passed over for the one before.
//!
//! Old records are deleted, so a writer who read long ago may find the place after his record empty once more. That is
//! why he looks, after he has written, whether anything newer is there: then his record never counted for anybody.

use super::blobs::{Blobs, Created};
use super::format::{self, FileKind};
use super::mirror::{self, Hash, StateRecord};
use crate::engine::snapshot::Manifest;
use crate::ids::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

const FOLDER: &str = "log/";
/// So many records are kept at least: nobody reads for as long as it takes to write so many.
const KEPT: u64 = 128;
/// Old records are looked for when so many were written.
const CLEANED_EVERY: u64 = 32;

/// A completion record, and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// What is complete.
    pub manifest: Arc<Manifest>,
    /// The token that completed it.
    pub token: FencingToken,
}

/// What the newest record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The highest token that ever led.
    pub leader: FencingToken,
    /// The writer whose token that is.
    pub led_by: u64,
    /// The newest attempt.
    pub attempt: Attempt,
    /// The token that began it.
    pub begun_by: FencingToken,
    /// What it was begun from.
    pub base: Option<CheckpointId>,
    /// Has the job ended, and with all of it processed?
    pub ended: Option<bool>,
    /// The newest checkpoint that was ever completed.
    pub newest: CheckpointId,
    /// Files of attempts up to this one belong to somebody else.
    pub unclaimed: Option<Attempt>,
    /// Retained.
    pub completed: BTreeMap<CheckpointId, Completed>,
    /// Savepoints: nobody restores them, and nothing of them is deleted.
    pub saved: BTreeMap<CheckpointId, Completed>,
}

/// A record as it was read.
#[derive(Clone, Debug)]
struct Record {
    seq: u64,
    hash: Hash,
    state: State,
}

/// The log of one store, as seen by one process.
pub struct Log {
    blobs: Arc<dyn Blobs>,
    writer: u64,
    newest: Mutex<Option<Record>>,
}

fn name(seq: u64) -> String {
    format!("{FOLDER}{seq:020}")
}

fn seq(name: &str) -> Option<u64> {
    name.strip_prefix(FOLDER)?.parse().ok()
}

impl Log {
    /// `writer`: a number that no other writer has.
    pub fn new(blobs: Arc<dyn Blobs>, writer: u64) -> Self {
        Log { blobs, writer, newest: Mutex::new(None) }
    }

    /// The state as of now.
    ///
    /// # Errors
    /// In words, if it can't be read.
    pub fn read(&self) -> Result<State, String> {
        self.change(|state| (None, state.clone()))
    }

    /// Looks at the state and perhaps replaces it: `rule` says by what, and what the caller gets. It is asked again for
    /// each state that somebody else wrote meanwhile; its last answer is the one that counts.
    ///
    /// # Errors
    /// In words. Then it isn't known whether the new state counts; who asks again will see.
    pub fn change<T>(&self, mut rule: impl FnMut(&State) -> (Option<State>, T)) -> Result<T, String> {
        let mut cache = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let newest = self.newest(&mut cache)?;
            let state = newest.as_ref().map_or_else(State::default, |record| record.state.clone());
            let (next, answer) = rule(&state);
            let Some(next) = next else { return Ok(answer) };
            let (after, before) = newest.map_or((0, [0; 32]), |record| (record.seq, record.hash));
            if let Some(record) = self.append(after + 1, before, next)? {
                if record.seq % CLEANED_EVERY == 0 {
                    self.clean(record.seq);
                }
                *cache = Some(record);
                return Ok(answer);
            }
        }
    }

    /// The newest record. What was read before is used if it still is that.
    fn newest(&self, cache: &mut Option<Record>) -> Result<Option<Record>, String> {
        loop {
            let Some(last) = self.last()? else { return Ok(None) };
            if cache.as_ref().is_none_or(|record| record.seq != last) {
                match self.load(last)? {
                    Some(record) => *cache = Some(record),
                    None => continue, // deleted since, so there are newer ones
                }
            }
            return Ok(cache.clone());
        }
    }

    fn last(&self) -> Result<Option<u64>, String> {
        Ok(self.blobs.list(FOLDER)?.iter().filter_map(|name| seq(name)).max())
    }

    fn load(&self, at: u64) -> Result<Option<Record>, String> {
        let Some((record, hash)) = self.fetch(at)? else { return Ok(None) };
        Ok(Some(Record { seq: at, hash, state: state(&record) }))
    }

    fn fetch(&self, at: u64) -> Result<Option<(StateRecord, Hash)>, String> {
        let Some(bytes) = self.blobs.get(&name(at))? else { return Ok(None) };
        let record = parse(&bytes, at).map_err(|what| format!("{} {what}", self.blobs.show(&name(at))))?;
        Ok(Some((record, *blake3::hash(&bytes).as_bytes())))
    }

    /// Writes a record; none: somebody else was faster, or it came so late that it doesn't count.
    fn append(&self, at: u64, before: Hash, next: State) -> Result<Option<Record>, String> {
        let bytes = format::seal(FileKind::State, &self.mirror(at, before, &next), true)?;
        let hash = *blake3::hash(&bytes).as_bytes();
        if self.blobs.create(&name(at), &bytes)? == Created::Exists {
            return Ok(None);
        }
        if self.last()?.unwrap_or(0) > at {
            match self.fetch(at + 1)? {
                Some((next, _)) if next.before == hash => {}
                // The place was empty because records were deleted: nobody will ever look at this one.
                Some(_) => return self.blobs.delete(&[name(at)]).map(|()| None),
                None => return Err(format!("{}: it can't be told whether it counts", self.blobs.show(&name(at)))),
            }
        }
        Ok(Some(Record { seq: at, hash, state: next }))
    }

    /// Deletes old records. Trouble doesn't matter: the next one who cleans deletes them.
    fn clean(&self, newest: u64) {
        let Ok(names) = self.blobs.list(FOLDER) else { return };
        let old = |name: &String| seq(name).is_some_and(|seq| seq + KEPT < newest);
        let _ = self.blobs.delete(&names.into_iter().filter(old).collect::<Vec<_>>());
    }

    /// The states that can still be read, oldest first: the records that follow each other up to the newest one.
    ///
    /// # Errors
    /// In words, if one of them is damaged.
    pub fn tail(&self) -> Result<Vec<State>, String> {
        let mut found: Vec<(u64, State)> = Vec::new();
        for at in self.blobs.list(FOLDER)?.iter().filter_map(|name| seq(name)) {
            if let Some(record) = self.load(at)? {
                if found.last().is_some_and(|(last, _)| last + 1 != at) {
                    found.clear();
                }
                found.push((at, record.state));
            }
        }
        Ok(found.into_iter().map(|(_, state)| state).collect())
    }

    fn mirror(&self, seq: u64, before: Hash, state: &State) -> StateRecord {
        StateRecord {
            seq,
            before,
            writer: self.writer,
            leader: state.leader.0,
            led_by: state.led_by,
            attempt: state.attempt.0,
            begun_by: state.begun_by.0,
            base: state.base.map(|id| id.0),
            ended: state.ended,
            newest: state.newest.0,
            unclaimed: state.unclaimed.map(|attempt| attempt.0),
            completed: records(&state.completed),
            saved: records(&state.saved),
        }
    }
}

fn records(kept: &BTreeMap<CheckpointId, Completed>) -> Vec<mirror::Completed> {
    kept.values().map(|kept| mirror::completed(&kept.manifest, kept.token)).collect()
}

fn parse(bytes: &[u8], at: u64) -> Result<StateRecord, String> {
    let record: StateRecord = format::decode(&format::unseal(FileKind::State, bytes)?)?;
    if record.seq != at {
        return Err(format!("is record {} of the log, under the name of record {at}", record.seq));
    }
    Ok(record)
}

fn state(record: &StateRecord) -> State {
    let completed = |kept: &mirror::Completed| {
        let manifest = Arc::new(mirror::manifest(kept));
        (manifest.checkpoint, Completed { manifest, token: FencingToken(kept.token) })
    };
    State {
        leader: FencingToken(record.leader),
        led_by: record.led_by,
        attempt: Attempt(record.attempt),
        begun_by: FencingToken(record.begun_by),
        base: record.base.map(CheckpointId),
        ended: record.ended,
        newest: CheckpointId(record.newest),
        unclaimed: record.unclaimed.map(Attempt),
        completed: record.completed.iter().map(completed).collect(),
        saved: record.saved.iter().map(completed).collect(),
    }
}
