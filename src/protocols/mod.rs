//! Other protocols behind the same seam: the honest engine, and engines with one planted defect each.
//!
//! A protocol is a row of [`PROTOCOLS`]. A defect is a process that delegates to an honest one and tampers with
//! what goes in or comes out, or a gate that delegates to an honest gate: the code under test is the code that
//! ships. Every defect names the invariant that must catch it; `tests/protocols.rs` runs the whole table.

pub mod alone;
pub mod anchor;
mod bugs;
pub mod chandy_lamport;
mod circles;
mod colours;
mod gates;
mod interpose;
pub mod known;
mod plant;
mod processes;
mod regional;
mod retold;
mod settings;
mod shipped;

use crate::engine;
use crate::engine::process::Spawn;
use std::sync::OnceLock;

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

/// All protocols, the engine first.
pub static PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "engine",
        about: "the engine that ships",
        breaks: None,
        scenario: "diamond",
        spawn: engine::spawn,
    },
    Protocol {
        name: "stop-the-world",
        about: "nothing is read from a barrier on until its checkpoint has ended: right, and slow",
        breaks: None,
        scenario: "diamond",
        spawn: retold::stands_still,
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
    row!(
        "last-flush-unawaited",
        "I9",
        "slow_upsert_end",
        shipped::last_flush_unawaited,
        "a sink whose input is over acknowledges before its last writes have arrived (this engine's own, once)"
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
    row!(
        "one-poll-late",
        "I1",
        "deep_chain",
        bugs::one_poll_late,
        "one more record is taken before a barrier (FLINK-17568)"
    ),
    row!("no-deadline", "I12", "windows", bugs::no_deadline, "a lost trigger is waited for for ever (JET-1435)"),
    row!("never-asks-again", "I12", "store_trouble", bugs::never_asks_again, "a lost reply is waited for for ever"),
    row!("notices-once", "I12", "zombie", bugs::notices_once, "a lost completion notice is never repeated"),
    row!(
        "refills-twice",
        "I8",
        "unaligned_progress",
        bugs::refills_twice,
        "records in flight are put back twice (FLINK-20654)"
    ),
    row!("refills-nothing", "I8", "unaligned_progress", bugs::refills_nothing, "records in flight are not put back"),
    row!("starts-fresh", "I6", "idle_stream", bugs::starts_fresh, "keyed state is empty after a restore (FLINK-34518)"),
    row!(
        "resumes-ahead",
        "I8",
        "idle_stream",
        bugs::resumes_ahead,
        "a source resumes one record late (RisingWave #5192)"
    ),
    row!("stores-half", "I8", "idle_stream", bugs::stores_half, "a key is missing from what is stored"),
    row!(
        "forgets-prepared",
        "I12",
        "idle_stream",
        bugs::forgets_prepared,
        "what a restored checkpoint prepared is never committed"
    ),
    row!(
        "one-restores-older",
        "I6",
        "unaligned_progress",
        bugs::one_restores_older,
        "one subtask goes back further than the others (RisingWave #21094)"
    ),
    row!(
        "deletes-the-newest",
        "I13",
        "unaligned_progress",
        bugs::deletes_the_newest,
        "retention deletes the wrong one (FLINK-21351)"
    ),
    row!(
        "barrier-jumps",
        "I2",
        "deep_chain",
        bugs::barrier_jumps,
        "barriers overtake in a job that aligns (denormalized)"
    ),
    row!(
        "no-fence",
        "I11",
        "unaligned_progress",
        bugs::no_fence,
        "a restore leaves older transactions alone (FLINK-23854)"
    ),
    row!("one-copy", "I2", "unaligned", gates::one_copy, "of records in flight, those of one input alone are kept"),
    row!("needs-ended", "I12", "bounded_job", gates::needs_ended, "barriers are waited for on inputs that have ended"),
    row!(
        "complete-at-trigger",
        "I4",
        "diamond",
        shipped::complete_at_trigger,
        "a checkpoint is written down as complete when it is begun (RisingWave #5396)"
    ),
    row!(
        "discards-the-repeated",
        "I13",
        "store_trouble",
        shipped::discards_the_repeated,
        "a completion record that is already there is taken for a failure, and its state deleted (FLINK-28265)"
    ),
    row!(
        "second-restart-fresh",
        "I6",
        "diamond",
        shipped::second_restart_fresh,
        "the second restart starts from nothing (FLINK-34518)"
    ),
    row!(
        "planned-ahead",
        "I6",
        "diamond",
        shipped::planned_ahead,
        "a restart after a crash amid a checkpoint starts from nothing (SPARK-51682)"
    ),
    row!(
        "swaps-state",
        "I6",
        "diamond",
        shipped::swaps_state,
        "state is restored elsewhere than its keys go (Bytewax 0.14)"
    ),
    row!(
        "drops-the-tail",
        "I9",
        "bounded_job",
        shipped::drops_the_tail,
        "what is written after the last barrier is never committed (FLINK-26403)"
    ),
    row!(
        "commits-anew",
        "I9",
        "store_trouble",
        shipped::commits_anew,
        "a commit without an answer is done again in a new transaction (KAFKA-9274)"
    ),
    row!(
        "reads-on",
        "I9",
        "stop_and_resume",
        shipped::reads_on,
        "work goes on behind the checkpoint that the job stops with (JET-1073)"
    ),
    row!(
        "ends-input",
        "I9",
        "stop_and_resume",
        shipped::ends_input,
        "to stop, the input is ended, as if there were no more of it (FLINK-21132)"
    ),
    row!(
        "stays-off",
        "I12",
        "stop_in_trouble",
        shipped::stays_off,
        "periodic checkpoints stay off when the savepoint to stop with fails (FLINK-15152)"
    ),
    row!(
        "commits-at-savepoint",
        "I5",
        "savepoints",
        shipped::commits_at_savepoint,
        "sinks commit at a savepoint, which no restart goes back to (FLINK-10354)"
    ),
    row!(
        "out-of-band",
        "I1",
        "diamond",
        retold::out_of_band,
        "everybody snapshots when the coordinator says so, not at a barrier (denormalized)"
    ),
    row!(
        "never-stops-recording",
        "I2",
        "unaligned",
        retold::never_stops_recording,
        "what comes after the cut is kept as if it had been in flight at it"
    ),
    row!("put-then-add", "I8", "skew_backpressure", retold::put_then_add, "a sum overwrites what it is to add to"),
    row!("local-disk", "I12", "diamond", retold::local_disk, "snapshots are kept where they are lost with their host"),
    row!(
        "counts-records",
        "I12",
        "idle_stream",
        retold::counts_records,
        "a checkpoint is taken every 10,000 records, which never come"
    ),
    Protocol {
        name: "regional",
        about: "the engine in the mode `regional`: what can't take part keeps its state of the checkpoint before (FLIP-600)",
        breaks: None,
        scenario: "regional/chains",
        spawn: engine::spawn,
    },
    row!(
        "regions-by-number",
        "I1",
        "regional/connected",
        regional::by_number,
        "a checkpoint of two epochs, over subtasks that exchange records (FLIP-600 without its guard)"
    ),
    row!(
        "regions-forgotten",
        "I13",
        "regional/chains",
        regional::forgets_references,
        "an older checkpoint is deleted that a newer one has parts of"
    ),
    row!(
        "regions-commit",
        "I11",
        "regional/chains",
        regional::commits_for_all,
        "a sink commits though its region did without the checkpoint"
    ),
    row!(
        "regions-unlimited",
        "I4",
        "regional/chains",
        regional::unlimited,
        "nobody counts how many regions do without a checkpoint, and how often"
    ),
];

/// Protocols for jobs in which records go round: the engine alone would wait for itself there. Elsewhere they are what
/// the engine is in their mode.
pub static CIRCLES: &[Protocol] = &[
    Protocol {
        name: "back-edge-log",
        about: "aligned; what comes round after the snapshot is logged until its barrier comes round (Carbone 2015)",
        breaks: None,
        scenario: "circles/bank",
        spawn: circles::logged,
    },
    Protocol {
        name: "chandy-lamport",
        about: "a snapshot at the first marker; what comes before a channel's own marker is its state (1985)",
        breaks: None,
        scenario: "circles/bank",
        spawn: circles::marked,
    },
    Protocol {
        name: "unaligned-circle",
        about: "the engine's unaligned barriers, which overtake, in a circle",
        breaks: None,
        scenario: "circles/bank",
        spawn: circles::overtaking,
    },
    row!("back-edge-forgotten", "I2", "circles/bank", circles::forgetful, "what was logged of back edges isn't stored"),
    row!(
        "back-edge-hasty",
        "I1",
        "circles/bank",
        circles::hasty,
        "a back edge is read on whose barrier came before the snapshot"
    ),
    row!("back-edge-endless", "I2", "circles/bank", circles::endless, "logging goes on after the barrier came round"),
    row!("marker-forgotten", "I2", "circles/bank", circles::stateless, "the state of channels isn't stored"),
    row!(
        "marker-jumps",
        "I2",
        "circles/bank",
        circles::jumping,
        "channels that aren't FIFO: a marker arrives before records that were sent ahead of it"
    ),
    row!("marker-late", "I1", "circles/bank", circles::late, "a record slips between the snapshot and its markers"),
];

/// Protocols that write on records, as channels that aren't FIFO make necessary, or keep logs of them. Only the world
/// carries that.
pub static NOTED: &[Protocol] = &[
    Protocol {
        name: "lai-yang",
        about: "records say whether they were sent before the snapshot, and may overtake each other (Lai & Yang 1987)",
        breaks: None,
        scenario: "reordered/pipeline",
        spawn: colours::lai_yang,
    },
    row!("colour-blind", "I1", "reordered/pipeline", colours::blind, "what a record says makes nobody take a snapshot"),
    row!("white-forgotten", "I2", "reordered/pipeline", colours::forgetful, "records in flight aren't kept"),
    row!(
        "white-unawaited",
        "I2",
        "reordered/pipeline",
        colours::impatient,
        "a snapshot is stored before everything in flight has come"
    ),
    Protocol {
        name: "uncoordinated",
        about: "everybody takes checkpoints alone and logs what it sends; a line through them is restored",
        breaks: None,
        scenario: "alone/bank",
        spawn: alone::uncoordinated,
    },
    Protocol {
        name: "bcs",
        about: "the same, and a checkpoint before each record with a larger index (Briatico & al. 1984)",
        breaks: None,
        scenario: "alone/bank",
        spawn: alone::bcs,
    },
    Protocol {
        name: "hmnr",
        about: "the same, and a checkpoint before each record that could close a zigzag (Helary & al. 2000)",
        breaks: None,
        scenario: "alone/bank",
        spawn: alone::hmnr,
    },
    row!("line-of-the-newest", "I1", "alone/bank", alone::newest, "everybody's newest checkpoint is taken for a line"),
    row!("log-unplayed", "I6", "alone/bank", alone::unplayed, "what was in flight at the line isn't put back"),
];

/// Protocols of the program that uses this library.
static ADDED: OnceLock<&'static [Protocol]> = OnceLock::new();

/// Adds protocols of one's own, so that `--protocol` and scenario files can name them: once, before anything is run.
///
/// # Panics
/// If protocols were added before, or a name is taken.
pub fn add(rows: &'static [Protocol]) {
    for (i, row) in rows.iter().enumerate() {
        let taken = all().chain(&rows[..i]).any(|other| other.name == row.name);
        assert!(!taken, "a protocol of one's own has a name of its own: {}", row.name);
    }
    assert!(ADDED.set(rows).is_ok(), "protocols are added once");
}

/// All rows of all tables, and those that were added.
pub fn all() -> impl Iterator<Item = &'static Protocol> {
    PROTOCOLS.iter().chain(CIRCLES).chain(NOTED).chain(ADDED.get().copied().unwrap_or_default())
}

/// The protocol of this name.
pub fn find(name: &str) -> Option<Spawn> {
    all().find(|protocol| protocol.name == name).map(|protocol| protocol.spawn)
}

/// Does everybody take checkpoints alone under this protocol, so that it makes sense in the mode `alone` and in no other?
pub fn alone(name: &str) -> bool {
    NOTED.iter().any(|protocol| protocol.name == name && protocol.scenario.starts_with("alone/"))
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|protocol| protocol.name)
}
