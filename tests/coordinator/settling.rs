//! Acknowledge, decline, expire, subsume: rows 32 to 44.

use crate::rig::*;
use cutline::engine::config::Config;
use cutline::engine::message::*;
use cutline::ids::*;

const C1: CheckpointId = CheckpointId(1);
const C2: CheckpointId = CheckpointId(2);

fn two_pending() -> Rig {
    let mut rig = Rig::running(Config { max_concurrent: 2, ..config() });
    rig.trigger();
    rig.trigger();
    assert_eq!(rig.pending(), [1, 2]);
    rig
}

fn declined(reason: DeclineReason) -> AbortReason {
    AbortReason::Declined(reason)
}

#[test]
fn row_32_complete_exactly_when_the_last_ack_is_in_and_the_record_is_written() {
    let mut rig = Rig::running(config());
    rig.trigger();
    rig.ack(0, 1);
    rig.ack(1, 1);
    assert!(rig.find(is_publish).is_none() && rig.timers.contains_key(&Timer::Timeout(C1)));
    let effects = rig.ack(2, 1);
    assert!(!rig.timers.contains_key(&Timer::Timeout(C1)));
    assert!(!tells(&effects) && rig.completed().is_empty(), "not complete before it is durable");
    let effects = rig.serve_one(is_publish);
    assert_eq!(who(&effects, &Control::Complete(C1)), [0, 1, 2]);
    assert_eq!((rig.completed(), rig.pending(), rig.stored()), (vec![1], vec![], vec![1]));
}

#[test]
fn row_33_a_second_ack_has_no_effect_and_costs_no_state() {
    let mut rig = Rig::running(config());
    rig.trigger();
    rig.ack(0, 1);
    let effects = rig.ack(0, 1);
    assert_eq!(effects, [Effect::Mark(Mark::DuplicateAck(C1))]);
    assert_eq!(rig.pending(), [1]);
    rig.ack(1, 1);
    rig.ack(2, 1);
    // Also while the record is being written, and after it.
    assert!(discards(&rig.ack(1, 1)).is_empty());
    rig.serve();
    assert!(discards(&rig.ack(1, 1)).is_empty());
    assert_eq!((rig.completed(), rig.store.snapshots()), (vec![1], 3));
}

#[test]
fn row_34_interleaved_acks_complete_both_in_order() {
    let mut rig = two_pending();
    for (task, id) in [(0, 1), (0, 2), (1, 2), (1, 1), (2, 1)] {
        rig.ack(task, id);
    }
    let first = rig.serve();
    assert_eq!(who(&first, &Control::Complete(C1)), [0, 1, 2]);
    rig.ack(2, 2);
    let second = rig.serve();
    assert_eq!(who(&second, &Control::Complete(C2)), [0, 1, 2]);
    assert!(who(&second, &Control::Complete(C1)).is_empty());
    assert_eq!(rig.completed(), [2]);
}

#[test]
fn row_35_a_newer_completion_subsumes_an_older_pending_one() {
    let mut rig = two_pending();
    rig.ack(0, 1);
    rig.acks(2);
    let effects = rig.serve();
    assert!(says(&effects, &Mark::Aborted(C1, AbortReason::Subsumed)));
    assert_eq!(discards(&effects), [(1, 1)]);
    assert_eq!(who(&effects, &Control::Abort(C1)), [0, 1, 2]);
    assert!(who(&effects, &Control::Complete(C1)).is_empty());
    assert_eq!(who(&effects, &Control::Complete(C2)), [0, 1, 2]);
    assert!(!rig.timers.contains_key(&Timer::Timeout(C1)));
    assert_eq!((rig.pending(), rig.completed(), rig.store.snapshots()), (vec![], vec![2], 3));
}

#[test]
fn row_36_a_late_ack_of_a_dropped_checkpoint_is_discarded() {
    let mut rig = two_pending();
    rig.acks(2);
    rig.serve();
    let effects = rig.ack(1, 1);
    assert_eq!(marks(&effects), [Mark::LateAck(C1)]);
    assert!(!tells(&effects));
    assert_eq!(rig.store.snapshots(), 4);
    rig.serve();
    assert_eq!((rig.store.snapshots(), rig.stored()), (3, vec![2]), "its state is gone, the other's isn't");
}

/// There is one job: no ack names another one. Its nearest relative is an attempt that isn't begun here.
#[test]
fn row_37_acks_of_unknown_checkpoints_and_attempts_are_ignored_and_their_state_discarded() {
    let mut rig = Rig::running(config());
    rig.checkpoint();
    rig.trigger();
    let effects = rig.ack(0, 9);
    assert_eq!((marks(&effects), discards(&effects)), (vec![Mark::LateAck(CheckpointId(9))], vec![(1, 9)]));
    rig.told(2, Control::Failed);
    rig.restart();
    rig.trigger();
    // An attempt that is over: discarded, except what is part of the completed checkpoint.
    let effects = rig.told_by(0, Attempt(1), Control::Ack(C2));
    assert_eq!((marks(&effects), discards(&effects)), (vec![Mark::StaleAck(C2)], vec![(1, 2)]));
    let effects = rig.told_by(0, Attempt(1), Control::Ack(C1));
    assert_eq!((marks(&effects), discards(&effects)), (vec![Mark::StaleAck(C1)], vec![]));
    // An attempt that somebody newer has begun: its state is not ours to touch.
    let effects = rig.told_by(0, Attempt(3), Control::Ack(C2));
    assert_eq!((marks(&effects), discards(&effects)), (vec![Mark::StaleAck(C2)], vec![]));
    assert_eq!(rig.pending(), [2], "none of them counted");
    rig.ack(1, 2);
    rig.ack(2, 2);
    assert!(rig.find(is_publish).is_none(), "the ack of another attempt stands for nobody's");
}

#[test]
fn row_38_a_decline_drops_the_checkpoint() {
    let mut rig = Rig::running(config());
    rig.trigger();
    rig.ack(0, 1);
    let effects = rig.told(1, Control::Decline(C1, DeclineReason::StoreFailed));
    assert_eq!(marks(&effects), [Mark::Aborted(C1, declined(DeclineReason::StoreFailed))]);
    assert_eq!(who(&effects, &Control::Abort(C1)), [0, 1, 2]);
    assert_eq!(discards(&effects), [(1, 1)]);
    assert!(rig.pending().is_empty());
    rig.serve();
    assert_eq!(rig.store.snapshots(), 0);
    assert!(rig.told(0, Control::Decline(C1, DeclineReason::StoreFailed)).is_empty(), "the second one has no effect");
    assert_eq!(discards(&rig.ack(2, 1)), [(1, 1)]);
}

/// The other half of it: a snapshot that becomes durable after the abort is acknowledged all the same, for the
/// coordinator learns only so that there is something to discard.
#[test]
fn row_38_a_snapshot_that_becomes_durable_after_the_abort_is_acknowledged() {
    let mut sink = Sink::new(config());
    sink.write(7);
    sink.barrier(1);
    sink.serve_one(|request| matches!(request, Request::Stage(..)));
    sink.told(Control::Abort(C1));
    sink.serve_one(|request| matches!(request, Request::Put(..)));
    assert_eq!(sink.said.last(), Some(&Control::Ack(C1)));
    assert!(sink.visible.is_empty());
}

#[test]
fn row_39_a_decline_of_one_leaves_the_other_alone() {
    let mut rig = two_pending();
    rig.ack(0, 2);
    rig.told(1, Control::Decline(C1, DeclineReason::Subsumed));
    assert_eq!(rig.pending(), [2]);
    assert!(rig.timers.contains_key(&Timer::Timeout(C2)) && !rig.timers.contains_key(&Timer::Timeout(C1)));
    rig.ack(1, 2);
    rig.ack(2, 2);
    rig.serve();
    assert_eq!(rig.completed(), [2]);
}

#[test]
fn row_40_a_checkpoint_that_takes_too_long_is_dropped() {
    let mut rig = Rig::running(config());
    let effects = rig.trigger();
    assert!(effects.contains(&Effect::Arm(Timer::Timeout(C1), MS(100))));
    rig.ack(0, 1);
    rig.ack(1, 1);
    rig.with(|c, out| c.trigger(true, out)); // waits for room
    let effects = rig.fire(Timer::Timeout(C1));
    assert!(says(&effects, &Mark::Aborted(C1, AbortReason::Expired)));
    assert_eq!(discards(&effects), [(1, 1)]);
    let effects = rig.serve();
    assert_eq!(triggered(&effects), [2], "a slot is free again");
    assert_eq!(rig.store.snapshots(), 0);
    let effects = rig.ack(2, 1);
    assert!(!tells(&effects) && rig.find(is_publish).is_none(), "it can't complete any more");
}

/// Writing the metadata and adding it to the list are one: the completion record.
#[test]
fn row_42_a_record_that_cannot_be_written_leaves_no_checkpoint() {
    let mut rig = Rig::running(config());
    rig.trigger();
    rig.acks(1);
    let effects = rig.refuse(is_publish);
    assert!(who(&effects, &Control::Complete(C1)).is_empty());
    assert_eq!((rig.pending(), rig.completed(), rig.stored()), (vec![], vec![], vec![]));
}

#[test]
fn row_43_a_record_that_cannot_be_written_discards_the_state_and_counts() {
    let mut rig = Rig::running(Config { tolerable_failures: 1, ..config() });
    rig.trigger();
    rig.acks(1);
    let effects = rig.refuse(is_publish);
    assert!(says(&effects, &Mark::Aborted(C1, AbortReason::FinaliseFailed)));
    assert_eq!(discards(&effects), [(1, 1)]);
    rig.serve();
    assert_eq!(rig.store.snapshots(), 0);
    rig.trigger();
    rig.acks(2);
    let effects = rig.refuse(is_publish);
    assert_eq!(who(&effects, &Control::Stop), [0, 1, 2], "it was the second failure in a row");
}

/// The question was repeated, so that a refusal speaks for the newest one only: the first may still be obeyed.
/// The state is left alone, and the question is put until it is clear.
#[test]
fn row_44_an_unknown_outcome_leaves_the_state_alone() {
    let mut rig = Rig::running(config());
    rig.trigger();
    rig.acks(1);
    let first = rig.asks[rig.find(is_publish).unwrap()].clone();
    rig.fire(Timer::Retry);
    let effects = rig.refuse(is_publish);
    assert!(effects.is_empty(), "neither complete nor given up");
    assert_eq!((rig.pending(), rig.store.snapshots()), (vec![1], 3));
    // The first question arrives after all, and nobody hears the answer.
    rig.store.apply(&rig.topology, first.1, &first.2, None, false, &mut Vec::new());
    assert_eq!((rig.stored(), rig.store.snapshots()), (vec![1], 3), "what the record names is there");
    rig.fire(Timer::Retry);
    let effects = rig.serve();
    assert_eq!(who(&effects, &Control::Complete(C1)), [0, 1, 2]);
    assert_eq!(rig.completed(), [1]);
}

/// A failover while the record is being written: nobody knows, so nothing is discarded, and the next attempt is
/// told by the store.
#[test]
fn row_44_a_failover_during_the_publication_leaves_the_state_alone() {
    for written in [true, false] {
        let mut rig = Rig::running(config());
        rig.trigger();
        rig.acks(1);
        let (ticket, token, publish) = rig.asks[rig.find(is_publish).unwrap()].clone();
        let effects = rig.told(1, Control::Failed);
        assert!(discards(&effects).is_empty());
        rig.asks.clear();
        if written {
            rig.store.apply(&rig.topology, token, &publish, None, false, &mut Vec::new());
        }
        assert!(rig.step(Input::Reply(ticket, Reply::Done)).is_empty(), "the old answer means nothing any more");
        let effects = rig.restart();
        assert_eq!(bases(&effects)[0], written.then_some(1));
        let late = rig.store.apply(&rig.topology, token, &publish, None, false, &mut Vec::new());
        assert_eq!(late, Reply::Failed, "an attempt that is over completes nothing more");
    }
}
