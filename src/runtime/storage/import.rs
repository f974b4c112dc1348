//! A job that begins from what another one has saved.
//!
//! What it begins from is copied, whole: from there on the two have no file in common, and whatever one of them does or
//! deletes is nothing to the other. Transactions that the other job prepared stay that job's, which commits them with its
//! next checkpoint. So the output of the new job begins behind the savepoint.

use super::keeper::Keeper;
use super::log::{Completed, State};
use crate::engine::message::StoreKey;
use crate::engine::snapshot::{Manifest, Part, Snapshot};
use crate::ids::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The attempt before the first one of a job.
const BEFORE: Attempt = Attempt(0);

impl Keeper {
    /// Takes a savepoint of another job for the checkpoint to begin from, unless this job has begun: then it goes on, and
    /// there is nothing to tell. `wanted`: that savepoint or checkpoint; none: the newest savepoint, or, if there is none,
    /// the newest checkpoint. Which one it was.
    ///
    /// # Errors
    /// In words, if there is none, or it can't be read or copied.
    pub fn begin_from(&self, other: &Keeper, wanted: Option<CheckpointId>) -> Result<Option<CheckpointId>, String> {
        if self.state()? != State::default() {
            return Ok(None);
        }
        let manifest = choose(&other.state()?, wanted)?;
        let ours = |key: StoreKey| StoreKey { attempt: BEFORE, ..key };
        for key in manifest.stored() {
            let (snapshot, shadow) = other.fetch(&key)?;
            let snapshot = Snapshot { transactions: Vec::new(), ..snapshot };
            self.copy(&ours(key), &snapshot, &shadow)?;
        }
        let part = |part: &Part| match part {
            Part::Stored(key) => Part::Stored(ours(*key)),
            Part::Finished => Part::Finished,
        };
        let id = manifest.checkpoint;
        let parts = manifest.parts.iter().map(part).collect();
        let manifest = Arc::new(Manifest { checkpoint: id, attempt: BEFORE, parts });
        let completed = BTreeMap::from([(id, Completed { manifest, token: FencingToken(0) })]);
        let begun = State { newest: id, completed, ..State::default() };
        let first = self.begin_with(begun)?;
        Ok(first.then_some(id))
    }
}

fn choose(state: &State, wanted: Option<CheckpointId>) -> Result<Arc<Manifest>, String> {
    let found = match wanted {
        Some(id) => state.saved.get(&id).or_else(|| state.completed.get(&id)),
        None => state.saved.values().next_back().or_else(|| state.completed.values().next_back()),
    };
    let names = |records: &BTreeMap<CheckpointId, Completed>| {
        let ids: Vec<String> = records.keys().map(|id| id.0.to_string()).collect();
        if ids.is_empty() { "none".to_string() } else { ids.join(", ") }
    };
    let there = || format!("savepoints: {}; checkpoints: {}", names(&state.saved), names(&state.completed));
    match (found, wanted) {
        (Some(kept), _) => Ok(kept.manifest.clone()),
        (None, Some(id)) => Err(format!("there is no savepoint or checkpoint {} ({})", id.0, there())),
        (None, None) => Err("nothing was saved there: the job has neither a savepoint nor a checkpoint".to_string()),
    }
}
