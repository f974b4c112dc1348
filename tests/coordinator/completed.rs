//! Completed checkpoints: rows 51 to 56.

use crate::rig::*;
use cutline::engine::config::Config;
use cutline::engine::coordinator::Lead;
use cutline::engine::message::*;
use cutline::ids::*;

#[test]
fn row_51_the_older_one_goes_only_after_the_newer_one_is_safe() {
    let mut rig = Rig::running(config());
    rig.checkpoint();
    rig.trigger();
    let effects = rig.acks(2);
    assert!(discards(&effects).is_empty(), "the newer record isn't written yet");
    let effects = rig.serve_one(is_publish);
    assert_eq!(discards(&effects), [(1, 1)]);
    assert_eq!(rig.stored(), [1, 2]);
    rig.serve();
    assert_eq!((rig.stored(), rig.completed(), rig.store.snapshots()), (vec![2], vec![2], 3));
}

#[test]
fn row_52_a_newer_one_that_fails_costs_no_older_one() {
    let mut rig = Rig::running(config());
    rig.checkpoint();
    rig.trigger();
    rig.acks(2);
    rig.refuse(is_publish);
    rig.serve();
    assert_eq!((rig.stored(), rig.completed(), rig.store.snapshots()), (vec![1], vec![1], 3));
    rig.told(0, Control::Failed);
    assert_eq!(bases(&rig.restart()), [Some(1); 3]);
}

#[test]
fn row_53_all_that_is_stored_is_recovered_and_the_newest_is_used() {
    let mut rig = Rig::running(Config { retain: 3, ..config() });
    (0..3).for_each(|_| drop(rig.checkpoint()));
    let effects = rig.replaced(2);
    assert_eq!(rig.completed(), [1, 2, 3]);
    assert_eq!(bases(&effects), [Some(3); 3]);
    assert!(says(&effects, &Mark::Restarting(Attempt(2), Some(CheckpointId(3)))));
    rig.all_run();
    assert_eq!(triggered(&rig.trigger()), [4], "ids go on behind the newest");
}

#[test]
fn row_54_an_unreadable_checkpoint_fails_the_recovery_and_is_not_skipped() {
    let mut sink = Sink::new(config());
    sink.write(1);
    sink.checkpoint(1);
    sink.restore(2); // nothing is stored for it: `Missing`
    sink.serve();
    assert_eq!(sink.said, [Control::Failed]);
    assert!(sink.process.stopped() && !sink.marks.iter().any(|mark| matches!(mark, Mark::Restored(..))));

    let mut rig = Rig::running(Config { retain: 2, ..config() });
    rig.checkpoint();
    rig.checkpoint();
    rig.told(0, Control::Failed);
    for _ in 0..3 {
        let mut effects = rig.fire(Timer::Restart);
        effects.extend(rig.serve());
        rig.job = rig.store.attempt();
        assert_eq!(bases(&effects), [Some(2); 3], "never the older one instead");
        assert_eq!(rig.completed(), [1, 2]);
        rig.told(2, Control::Failed);
        assert_eq!(rig.c.lead(), Lead::Waiting);
    }
}

#[test]
fn row_56_the_end_of_the_job_discards_everything_and_a_shutdown_nothing() {
    let mut rig = Rig::running(Config { retain: 3, ..config() });
    (0..3).for_each(|_| drop(rig.checkpoint()));
    rig.with(|c, out| c.shutdown(out));
    assert!(rig.asks.is_empty() && rig.timers.is_empty());
    assert_eq!((rig.stored(), rig.store.snapshots()), (vec![1, 2, 3], 9));

    rig.replaced(2);
    for task in 0..3 {
        rig.told(task, Control::Finished);
    }
    assert_eq!(rig.c.lead(), Lead::Ending);
    assert_eq!(rig.stored(), [1, 2, 3], "first it is written down that nobody restores from them");
    let effects = rig.serve();
    assert!(says(&effects, &Mark::JobEnded(true)));
    assert_eq!((rig.stored(), rig.store.snapshots(), rig.completed()), (vec![], 0, vec![]));
}

#[test]
fn row_56_nothing_is_left_of_a_checkpoint_that_was_under_way_at_the_end() {
    let mut rig = Rig::running(config());
    rig.trigger();
    rig.ack(0, 1);
    for task in 0..3 {
        rig.told(task, Control::Finished);
    }
    assert!(rig.pending().is_empty());
    rig.ack(1, 1); // while the end is being written down
    rig.serve();
    assert_eq!((rig.c.lead(), rig.store.snapshots()), (Lead::Ended, 0));
    rig.ack(2, 1); // and after it
    rig.serve();
    assert_eq!(rig.store.snapshots(), 0);
}

/// The last tasks finish while the completion record is being written: whether it is written before or after the
/// end of the job, it goes.
#[test]
fn row_56_nothing_is_left_of_a_checkpoint_that_was_being_published_at_the_end() {
    for publish_first in [true, false] {
        let mut rig = Rig::running(config());
        rig.trigger();
        rig.acks(1);
        for task in 0..3 {
            rig.told(task, Control::Finished);
        }
        let effects = rig.ack(0, 1);
        assert!(discards(&effects).is_empty(), "nobody knows yet whether it is complete");
        if !publish_first {
            rig.serve_one(|request| *request == Request::EndJob(true));
            assert_eq!(rig.c.lead(), Lead::Ended);
        }
        rig.serve_one(is_publish);
        rig.serve();
        assert_eq!((rig.c.lead(), rig.stored(), rig.store.snapshots()), (Lead::Ended, vec![], 0));
        assert!(rig.timers.is_empty(), "nothing is left armed: {:?}", rig.timers);
    }
}

/// A coordinator that dies takes along what it knew of pending checkpoints. Their parts are found by the next one, which
/// discards them and nothing else; so are the checkpoints of a job that had ended and whose last coordinator died before
/// it could discard them.
#[test]
fn what_a_dead_coordinator_left_behind_is_discarded_by_the_next() {
    let mut rig = Rig::running(Config { retain: 2, max_concurrent: 2, ..config() });
    rig.checkpoint();
    rig.checkpoint();
    rig.trigger();
    rig.trigger();
    rig.ack(0, 3);
    rig.ack(1, 3);
    rig.acks(4);
    assert_eq!(rig.store.snapshots(), 6 + 2 + 3);
    let effects = rig.replaced(2);
    assert_eq!((discards(&effects), bases(&effects)), (vec![(1, 3), (1, 4)], vec![Some(2); 3]));
    assert_eq!((rig.stored(), rig.store.snapshots()), (vec![1, 2], 6));

    // A zombie's snapshot comes later: its ack is how anybody hears of it.
    rig.all_run();
    let key = StoreKey { attempt: Attempt(1), checkpoint: CheckpointId(4), task: TaskId(0) };
    let put = Request::Put(key, Default::default());
    rig.store.apply(&rig.topology, FencingToken(0), &put, None, false, &mut Vec::new());
    assert_eq!(discards(&rig.told_by(0, Attempt(1), Control::Ack(CheckpointId(4)))), [(1, 4)]);
    rig.serve();

    for task in 0..3 {
        rig.told(task, Control::Finished);
    }
    rig.serve_one(|request| *request == Request::EndJob(true));
    assert_eq!((rig.stored(), rig.store.snapshots()), (vec![1, 2], 6));
    assert_eq!(discards(&rig.replaced(3)), [(1, 1), (1, 2)]);
    assert_eq!((rig.c.lead(), rig.stored(), rig.store.snapshots()), (Lead::Ended, vec![], 0));
}
