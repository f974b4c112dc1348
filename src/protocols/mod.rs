//! Other protocols behind the same seam: the honest engine, and engines with one planted defect each.
//!
//! A protocol is a row of [`PROTOCOLS`]. A defect is a process that delegates to an honest one and tampers with
//! what goes in or comes out, or a gate that delegates to an honest gate: the code under test is the code that
//! ships. Every defect names the invariant that must catch it; `tests/protocols.rs` runs the whole table.

pub mod anchor;
pub mod chandy_lamport;
mod gates;
mod interpose;
mod processes;

use crate::engine;
use crate::engine::process::Spawn;

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Protocol {
    /// What scenario files and `--protocol` call it.
    pub name: &'static str,
    /// What is wrong with it, in a sentence.
    pub about: &'static str,
    /// The invariant that must catch it; none: it is right.
    pub breaks: Option<&'static str>,
    /// A shipped scenario in which it does.
    pub scenario: &'static str,
    /// Makes its processes.
    pub spawn: Spawn,
}

macro_rules! row {
    ($name:literal, $breaks:literal, $scenario:literal, $spawn:path, $about:literal) => {
        Protocol { name: $name, about: $about, breaks: Some($breaks), scenario: $scenario, spawn: $spawn }
    };
}

/// All protocols, the honest one first.
pub static PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "engine",
        about: "the engine that ships",
        breaks: None,
        scenario: "diamond",
        spawn: engine::spawn,
    },
    row!("no-hold", "I1", "diamond", gates::no_hold, "a channel whose barrier came is read on"),
    row!("first-barrier", "I2", "diamond", gates::first_barrier, "the first barrier completes the alignment"),
    row!(
        "no-channel-state",
        "I2",
        "unaligned",
        gates::no_channel_state,
        "records in flight are left out of the snapshot"
    ),
    row!(
        "late-barrier-counts",
        "I2",
        "concurrent_checkpoints",
        gates::late_counts,
        "a late barrier is taken for the pending one's (B02)"
    ),
    row!(
        "barrier-late",
        "I1",
        "diamond",
        processes::barrier_late,
        "a record slips between the snapshot and its barrier"
    ),
    row!(
        "ack-before-durable",
        "I4",
        "diamond",
        processes::ack_early,
        "acknowledges at the snapshot, not when it is stored"
    ),
    row!(
        "ack-before-flush",
        "I9",
        "slow_upsert",
        processes::flush_unasked,
        "a sink that writes at once acknowledges before its writes have arrived"
    ),
    row!("quorum-of-one", "I4", "diamond", processes::quorum_of_one, "one ack completes a checkpoint (B31)"),
    row!("commit-on-prepare", "I11", "diamond", processes::commit_early, "commits when prepared, not when complete"),
    row!(
        "commit-a-choice-early",
        "I9n",
        "choices",
        processes::commit_early,
        "shows the outcome of a choice that can still be made again"
    ),
    row!("offset-early", "I3", "diamond", processes::offset_early, "saves the source position one record early"),
    row!("offset-late", "I3", "diamond", processes::offset_late, "saves the source position one record late"),
    row!(
        "notify-before-complete",
        "I5",
        "diamond",
        processes::notify_early,
        "announces a checkpoint before its record is durable"
    ),
    row!(
        "restore-older",
        "I6",
        "diamond",
        processes::restore_older,
        "skips the newest completed checkpoint silently (B18)"
    ),
    row!("applies-twice", "I8", "diamond", processes::applies_twice, "the first record of a life is applied twice"),
    row!("drops-one", "I9", "diamond", processes::drops_one, "the tenth record of a life is lost"),
    row!(
        "forged-token",
        "I14",
        "coordinator_failover",
        processes::forged_token,
        "the first coordinator forges a fencing token, so that nothing stops it"
    ),
    row!("ids-start-over", "I15", "diamond", processes::ids_start_over, "checkpoint ids start from 1 after a restart"),
    row!(
        "aborts-prepared",
        "I11",
        "diamond",
        processes::aborts_prepared,
        "a restore aborts what its checkpoint had prepared"
    ),
    row!(
        "no-second-trigger",
        "I12",
        "diamond",
        processes::no_second_trigger,
        "the periodic trigger is armed once (B09)"
    ),
    row!("finish-unsaid", "I12", "diamond", processes::finish_unsaid, "a finished subtask declines for ever (B05)"),
];

/// The protocol of this name.
pub fn find(name: &str) -> Option<Spawn> {
    PROTOCOLS.iter().find(|protocol| protocol.name == name).map(|protocol| protocol.spawn)
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROTOCOLS.iter().map(|protocol| protocol.name)
}
