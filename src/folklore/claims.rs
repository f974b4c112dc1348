//! The table.

use super::How::{Measured, Refuted};
use super::{Claim, figures, orders};
use crate::verify::Invariant::*;

macro_rules! claims {
    ($($id:literal $scenario:literal $how:expr, $said:literal, $so:literal;)*) => {
        &[$(Claim { id: $id, said: $said, so: $so, scenario: $scenario, how: $how }),*]
    };
}

/// All of them.
pub static CLAIMS: &[Claim] = claims! {
    "X1" "x01_no_channel_state" Refuted(&[("no-channel-state", I2)]),
    "Whoever has received a marker ignores the others; channels have no state.",
    "What is in flight at the cut is in neither snapshot, unless channels have a state. No orphan tells: I1 holds.";

    "X2" "x02_recording_never_closed" Refuted(&[("never-stops-recording", I2)]),
    "Whoever has received a marker ignores the others; recording goes on.",
    "A later marker closes the recording of its channel; without it, what is sent after the cut is kept as well.";

    "X3" "x03_not_in_order" Refuted(&[("barrier-jumps", I2), ("one-poll-late", I1)]),
    "Markers make a consistent snapshot.",
    "On channels that keep their order. Where a marker passes records they are lost, where a record passes it, it is an orphan.";

    "X4" "x04_told_by_the_coordinator" Refuted(&[("out-of-band", I1), ("out-of-band", I2)]),
    "The coordinator sends the barrier to all tasks, and each takes its snapshot on receipt.",
    "Barriers go into sources alone and flow with the records; one that doesn't cuts nothing.";

    "X5" "x05_first_barrier" Refuted(&[("first-barrier", I2)]),
    "An operator takes its snapshot at the first barrier and ignores the rest.",
    "It waits for the barriers of all inputs; what is queued ahead of the others is lost otherwise.";

    "X6" "x06_no_alignment" Refuted(&[("no-hold", I1)]),
    "At-least-once is just another kind of checkpoint.",
    "It waits for all barriers and holds nothing meanwhile: what came after a barrier is in the state, and is read again.";

    "X7" "x07_which_way_consistency_points" Measured(orders::directions),
    "A cut is consistent if no recorded event happened before an unrecorded one.",
    "The other way round: if no unrecorded event happened before a recorded one.";

    "X8" "x08_pairs_of_events" Measured(orders::pairs),
    "If one event isn't before another, some consistent cut has the one and not the other.",
    "Only if the other isn't before the one.";

    "X9" "x09_no_inverse" Measured(figures::inverse),
    "Recovery applies the inverse of the operator's function.",
    "It restores what was saved and replays what came since. No inverse is needed, and few operators have one.";

    "X10" "x10_interval" Measured(figures::interval),
    "The interval is the processing time divided by the frequency: 1 h / (10 min) = 6 minutes.",
    "The quotient is the number of checkpoints.";

    "X11" "x11_position_from_elsewhere" Refuted(&[("resumes-ahead", I6)]),
    "The position is recovered from the log after the checkpoint.",
    "The position is part of the checkpoint, and the log is read from there.";

    "X12" "x12_stop_the_world" Measured(figures::standing_still),
    "All operators pause, persist asynchronously, and resume when that is done.",
    "That would be right, but sources would stand still for whole checkpoints. Barriers flow, and nobody waits for the store.";

    "X13" "x13_partial_rollback" Refuted(&[("one-restores-older", I6)]),
    "Only the failed task is restored.",
    "Its neighbours have gone on: whatever restores must restore the same checkpoint, with everything connected to it.";

    "X14" "x14_state_before_its_update" Refuted(&[("offset-late", I3)]),
    "First the state is saved, then it is updated with the record.",
    "State and position must have seen the same records; here each restore loses one.";

    "X15" "x15_put_then_add" Refuted(&[("put-then-add", I8)]),
    "put(x); s = get(); put(s + x) sums.",
    "It overwrites what it is to add to: 1, 2, 4 give 8. With 1, 2, 3 nobody notices.";

    "X16" "x16_duration" Measured(figures::duration),
    "start=1576197513000, end=1576197514000, duration=9000.0 ms.",
    "The end minus the start is the duration.";

    "X17" "x17_who_leads" Refuted(&[("forged-token", I14)]),
    "The coordinator is elected by Raft; that makes it safe.",
    "Any election may be late. What makes two coordinators harmless is that the store refuses the older one's token.";

    "X18" "x18_local_disk" Refuted(&[("local-disk", I12)]),
    "A local disk is a durable store.",
    "It goes with its host, and the checkpoint with it; it can hold a second copy.";

    "X19" "x19_recovery_by_interval" Measured(figures::replayed),
    "Fewer checkpoints, hence faster recovery.",
    "The longer the interval, the more is replayed.";

    "X20" "x20_loss_by_interval" Measured(figures::loss),
    "A smaller interval loses less data.",
    "With a source that can be read again nothing is lost at any interval; with another one, whatever was not yet in a checkpoint.";

    "X21" "x21_both_ends" Measured(figures::ends),
    "A socket source and a print sink under EXACTLY_ONCE are exactly once.",
    "State is; output is if the source can be read again and the sink is transactional (or idempotent).";

    "X22" "x22_every_ten_thousand_records" Refuted(&[("counts-records", I12)]),
    "A checkpoint every 10,000 records saves cost.",
    "A stream that falls silent before has no further checkpoint, and its output never comes.";

    "X23" "x23_one_id_everywhere" Refuted(&[("out-of-band", I1)]),
    "A checkpoint is consistent if all operators' states belong to the same one.",
    "Every part bears the same number here, and the cut is inconsistent. Where no channel crosses, parts of several numbers are a consistent one: scenarios/regional.";
};
