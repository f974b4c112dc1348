//! What is durable, told as the lines that once said so.

use super::keeper::{completion, saving};
use super::log::State;
use crate::engine::message::StoreKey;
use crate::ids::*;
use crate::trace::event::{Kind, Outcome};
use std::collections::BTreeSet;

/// The lines of the states of a log, oldest first, with the snapshots in between: a snapshot that a completion record
/// names comes right before it, the others last. Of what was before the first state, only what it still says is told.
pub fn lines(states: &[State], stored: &BTreeSet<StoreKey>, put: impl Fn(&StoreKey) -> Option<Kind>) -> Vec<Kind> {
    let mut lines = Vec::new();
    let mut left = stored.clone();
    let mut before = State::default();
    for state in states {
        // Completions of earlier attempts, which a first state may tell of, were before its attempt began.
        let checkpoints = || state.completed.iter().filter(|(id, _)| !before.completed.contains_key(id));
        let savepoints = || state.saved.iter().filter(|(id, _)| !before.saved.contains_key(id));
        let new = || {
            let told = checkpoints().map(|(_, kept)| (kept, completion(kept, Outcome::Ok)));
            told.chain(savepoints().map(|(_, kept)| (kept, saving(kept, Outcome::Ok))))
        };
        let old = |attempt: Attempt| attempt < state.attempt;
        let tell = |lines: &mut Vec<Kind>, left: &mut BTreeSet<StoreKey>, earlier: bool| {
            for (kept, line) in new().filter(|(kept, _)| old(kept.manifest.attempt) == earlier) {
                for key in kept.manifest.stored() {
                    if left.remove(&key) {
                        lines.extend(put(&key));
                    }
                }
                lines.push(line);
            }
        };
        tell(&mut lines, &mut left, true);
        let lead = |token| Kind::Lead { token, outcome: Outcome::Ok };
        // A first state may be that of a leader who hasn't begun anything: the attempt is his predecessor's.
        let inherited = state.attempt != before.attempt && state.begun_by < state.leader;
        if state.leader != before.leader {
            lines.push(lead(if inherited { state.begun_by } else { state.leader }));
        }
        if state.attempt != before.attempt {
            let (job, token, base) = (state.attempt, state.begun_by, state.base);
            lines.push(Kind::Begin { job, token, base, outcome: Outcome::Ok });
        }
        tell(&mut lines, &mut left, false);
        if inherited {
            lines.push(lead(state.leader));
        }
        before = state.clone();
    }
    lines.extend(left.iter().filter_map(put));
    lines
}
