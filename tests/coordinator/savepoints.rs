//! Savepoints that belong to whoever asked for them: rows 19, 24 and 61 to 63.

use crate::rig::*;
use cutline::engine::config::Config;
use cutline::engine::message::*;
use cutline::engine::process::Process;
use cutline::ids::*;

const C1: CheckpointId = CheckpointId(1);
const C2: CheckpointId = CheckpointId(2);
const SAVE: Input = Input::Asked(Wish::Savepoint);

/// Savepoint 1 is under way.
fn saving(config: Config) -> Rig {
    let mut rig = Rig::running(config);
    rig.step(SAVE);
    let effects = rig.serve_one(is_open);
    assert_eq!((triggered(&effects), who(&effects, &Control::Trigger(C1))), (vec![1], vec![0, 1]));
    rig
}

fn saved(rig: &Rig) -> Vec<u64> {
    rig.store.saved().map(|manifest| manifest.checkpoint.0).collect()
}

#[test]
fn row_61_a_savepoint_is_told_to_nobody_and_no_restart_goes_back_to_it() {
    let mut rig = saving(config());
    let mut effects = rig.acks(1);
    effects.extend(rig.serve());
    assert!(says(&effects, &Mark::Saved(C1)), "whoever wanted it hears of it");
    assert!(!tells(&effects), "no task does: sinks commit nothing");
    assert_eq!((rig.pending(), rig.completed(), rig.stored(), saved(&rig)), (vec![], vec![], vec![], vec![1]));
    assert!(rig.timers.contains_key(&Timer::Interval), "the job goes on");
    // A failure: from nothing, for nothing else is complete.
    rig.told(0, Control::Failed);
    assert_eq!(bases(&rig.restart()), [None; 3]);
    assert_eq!(triggered(&rig.trigger()), [2], "its id isn't used again");
}

#[test]
fn row_61_retention_the_end_and_late_acks_delete_nothing_of_it() {
    let mut rig = saving(config());
    rig.acks(1);
    rig.serve();
    rig.checkpoint();
    rig.checkpoint();
    assert_eq!((rig.completed(), saved(&rig), rig.store.snapshots()), (vec![3], vec![1], 6));
    let effects = rig.told(1, Control::Ack(C1)); // it was lost, and said again
    assert!(says(&effects, &Mark::LateAck(C1)));
    rig.serve();
    assert_eq!((saved(&rig), rig.store.snapshots()), (vec![1], 6));
    // The next coordinator knows nothing of it, and finds nothing left over.
    rig.replaced(2);
    assert_eq!((saved(&rig), rig.store.snapshots()), (vec![1], 6));
    rig.all_run();
    (0..3).for_each(|task| drop(rig.told(task, Control::Finished)));
    rig.serve();
    assert_eq!((rig.stored(), saved(&rig), rig.store.snapshots()), (vec![], vec![1], 3));
}

/// What a sink prepared for it is committed with the next checkpoint.
#[test]
fn row_61_a_sink_commits_nothing_until_a_checkpoint_is_complete() {
    let mut sink = Sink::new(config());
    sink.write(0);
    sink.checkpoint(1); // a savepoint: nobody says that it is complete
    sink.write(1);
    sink.checkpoint(2);
    assert!(sink.visible.is_empty());
    sink.complete(2);
    assert_eq!((sink.visible.clone(), sink.unsettled()), (vec![0, 1], vec![]));
}

#[test]
fn row_62_a_savepoint_stays_pending_while_later_checkpoints_complete() {
    let mut rig = saving(Config { max_concurrent: 3, ..config() });
    rig.ack(0, 1);
    let effects = rig.checkpoint();
    assert_eq!(who(&effects, &Control::Complete(C2)), [0, 1, 2]);
    assert!(who(&effects, &Control::Abort(C1)).is_empty());
    assert_eq!((rig.pending(), rig.completed()), (vec![1], vec![2]));
    rig.ack(1, 1);
    rig.ack(2, 1);
    assert!(says(&rig.serve(), &Mark::Saved(C1)));
    assert_eq!((rig.completed(), saved(&rig)), (vec![2], vec![1]), "and the newest is what it was");
    rig.told(0, Control::Failed);
    assert_eq!(bases(&rig.restart()), [Some(2); 3]);
}

#[test]
fn row_63_a_pending_checkpoint_is_not_subsumed_by_a_later_savepoint() {
    let mut rig = Rig::running(Config { max_concurrent: 3, ..config() });
    rig.trigger();
    rig.step(SAVE);
    rig.serve_one(is_open);
    let mut effects = rig.acks(2);
    effects.extend(rig.serve());
    assert!(says(&effects, &Mark::Saved(C2)) && who(&effects, &Control::Abort(C1)).is_empty());
    assert_eq!(rig.pending(), [1]);
    let mut effects = rig.acks(1);
    effects.extend(rig.serve());
    assert_eq!(who(&effects, &Control::Complete(C1)), [0, 1, 2]);
    assert_eq!((rig.completed(), saved(&rig)), (vec![1], vec![2]));
}

/// Row 19: neither pause nor interval. Row 24: it waits for room, and goes before what waits with it.
#[test]
fn rows_19_and_24_a_savepoint_heeds_no_pause_and_goes_before_other_wishes() {
    let mut rig = Rig::running(Config { min_pause: MS(1000), ..config() });
    rig.checkpoint();
    assert!(rig.timers.contains_key(&Timer::Pause));
    rig.trigger();
    rig.step(Input::Asked(Wish::Checkpoint));
    rig.step(SAVE);
    rig.step(SAVE); // once more is the same one
    assert_eq!(rig.pending(), [2], "one at a time");
    rig.acks(2);
    rig.serve();
    assert_eq!(rig.pending(), [3]);
    rig.acks(3);
    rig.serve();
    assert_eq!((saved(&rig), rig.pending()), (vec![3], vec![4]));
    rig.acks(4);
    rig.serve();
    assert_eq!(rig.completed(), [4]);
}

/// Whatever it fails of, its owner is told, once, and the job goes on.
#[test]
fn a_savepoint_that_fails_is_no_fault_of_the_job() {
    type Fail = fn(&mut Rig) -> Effects;
    let expire: Fail = |rig| rig.fire(Timer::Timeout(C1));
    let decline: Fail = |rig| rig.told(1, Control::Decline(C1, DeclineReason::StoreFailed));
    let record: Fail = |rig| {
        rig.acks(1);
        rig.refuse(|request| matches!(request, Request::Save(_)))
    };
    for fail in [expire, decline, record] {
        let mut rig = saving(Config { tolerable_failures: 0, ..config() });
        let effects = fail(&mut rig);
        let told = marks(&effects).iter().filter(|mark| **mark == Mark::SavepointFailed).count();
        assert_eq!((told, rig.pending(), discards(&effects)), (1, vec![], vec![(1, 1)]));
        assert_eq!(who(&effects, &Control::Abort(C1)), [0, 1, 2]);
        assert!(who(&effects, &Control::Stop).is_empty(), "though no failure of a checkpoint is borne");
        rig.serve();
        assert_eq!(saved(&rig), [0u64; 0]);
    }
    let mut rig = Rig::running(config());
    rig.step(SAVE);
    assert!(says(&rig.refuse(is_open), &Mark::SavepointFailed));
    let mut rig = Rig::deploying(config());
    assert!(says(&rig.step(SAVE), &Mark::SavepointFailed), "there is no job to save");
}

#[test]
fn a_savepoint_that_waits_or_is_under_way_is_lost_with_the_attempt() {
    for under_way in [false, true] {
        let mut rig = if under_way { saving(config()) } else { Rig::running(config()) };
        if !under_way {
            rig.trigger();
            rig.step(SAVE);
        }
        let effects = rig.told(0, Control::Failed);
        assert!(says(&effects, &Mark::SavepointFailed), "{under_way}");
        rig.restart();
        assert!(rig.pending().is_empty(), "nobody wants it any more");
    }
}

/// Its record was being written when the job ended: it may be there, and then it is what was wanted.
#[test]
fn a_savepoint_whose_record_comes_after_the_end_is_kept() {
    let mut rig = saving(config());
    rig.acks(1);
    (0..3).for_each(|task| drop(rig.told(task, Control::Finished)));
    assert!(says(&rig.serve(), &Mark::Saved(C1)));
    assert_eq!((saved(&rig), rig.store.snapshots()), (vec![1], 3));
    assert!(!rig.c.stopped());
}

/// Though there is room for another.
#[test]
fn a_savepoint_that_is_under_way_is_the_answer_to_whoever_wants_one() {
    let mut rig = saving(Config { max_concurrent: 2, ..config() });
    assert!(rig.step(SAVE).is_empty());
    assert_eq!(rig.pending(), [1]);
}
