//! Failure tolerance: rows 45 to 49.

use crate::rig::*;
use cutline::engine::config::{Config, RestartStrategy};
use cutline::engine::coordinator::Lead;
use cutline::engine::message::*;
use cutline::ids::*;

fn tolerant(tolerable_failures: u32) -> Rig {
    Rig::running(Config { tolerable_failures, ..config() })
}

/// The next checkpoint is begun and declined.
fn decline(rig: &mut Rig, reason: DeclineReason) -> Effects {
    rig.trigger();
    let id = CheckpointId(*rig.pending().last().expect("a checkpoint was begun"));
    rig.told(0, Control::Decline(id, reason))
}

fn failed(rig: &Rig) -> bool {
    rig.c.lead() == Lead::Waiting
}

#[test]
fn row_45_one_failure_more_than_tolerated_fails_the_job_once() {
    let mut rig = tolerant(2);
    decline(&mut rig, DeclineReason::StoreFailed);
    decline(&mut rig, DeclineReason::StoreFailed);
    assert!(!failed(&rig));
    let effects = decline(&mut rig, DeclineReason::StoreFailed);
    assert!(failed(&rig));
    assert_eq!(who(&effects, &Control::Stop), [0, 1, 2]);
    assert_eq!(effects.iter().filter(|e| matches!(e, Effect::Arm(Timer::Restart, _))).count(), 1);
    // Whatever comes of that attempt now fails nothing again.
    let lost = Incarnation { task: TaskId(1), attempt: Attempt(1) };
    for input in [Input::Lost(lost), Input::Told { from: lost, control: Control::Failed }] {
        assert!(!tells(&rig.step(input)));
    }
    rig.restart();
    decline(&mut rig, DeclineReason::StoreFailed);
    decline(&mut rig, DeclineReason::StoreFailed);
    assert!(!failed(&rig), "the next attempt counts for itself");
}

#[test]
fn row_46_a_completion_starts_the_count_from_zero() {
    let mut rig = tolerant(1);
    for _ in 0..3 {
        decline(&mut rig, DeclineReason::StoreFailed);
        assert!(!failed(&rig));
        rig.checkpoint();
    }
    decline(&mut rig, DeclineReason::StoreFailed);
    decline(&mut rig, DeclineReason::StoreFailed);
    assert!(failed(&rig));
}

#[test]
fn row_47_one_checkpoint_declined_by_several_counts_once() {
    let mut rig = tolerant(1);
    decline(&mut rig, DeclineReason::StoreFailed);
    for task in [0, 1, 2, 1] {
        rig.told(task, Control::Decline(CheckpointId(1), DeclineReason::StoreFailed));
    }
    assert!(!failed(&rig));
}

/// There is no failover of a region and no drop by the pause: the job restarts as a whole, and a trigger within the
/// pause begins nothing.
#[test]
fn row_48_only_what_is_the_jobs_own_fault_counts() {
    use DeclineReason::*;
    let mut rig = tolerant(0);
    for reason in [NotReady, Cancelled, Subsumed, EndOfInput] {
        decline(&mut rig, reason);
        assert!(!failed(&rig), "{reason:?} is nobody's fault");
    }
    let mut rig = Rig::running(Config { tolerable_failures: 0, max_concurrent: 2, ..config() });
    rig.trigger();
    rig.trigger();
    rig.acks(2);
    rig.serve();
    assert!(!failed(&rig) && rig.completed() == [2], "being subsumed is nobody's fault");
    assert!(says(&rig.trigger(), &Mark::Triggered(CheckpointId(3), vec![TaskId(0), TaskId(1), TaskId(2)].into())));
    let mut rig = Rig::deploying(Config { tolerable_failures: 0, ..config() });
    rig.trigger();
    assert_eq!(rig.c.lead(), Lead::Deployed, "a trigger before all run is nobody's fault");
}

#[test]
fn row_49_without_tolerance_the_first_failure_fails_the_job() {
    let mut declined = tolerant(0);
    decline(&mut declined, DeclineReason::StoreFailed);
    assert!(failed(&declined));

    let mut expired = tolerant(0);
    expired.trigger();
    expired.fire(Timer::Timeout(CheckpointId(1)));
    assert!(failed(&expired));

    let mut refused = tolerant(0);
    refused.with(|c, out| c.trigger(false, out));
    refused.refuse(is_open);
    assert!(failed(&refused));

    let mut unpublished = tolerant(0);
    unpublished.trigger();
    unpublished.acks(1);
    unpublished.refuse(is_publish);
    assert!(failed(&unpublished));
}

/// Restarts are counted; when none is left, the job is down for good and its checkpoints are kept.
#[test]
fn without_restarts_left_the_job_stays_down() {
    let restart = RestartStrategy::Fixed { attempts: 1, delay: MS(3) };
    let mut rig = Rig::running(Config { restart, ..config() });
    rig.checkpoint();
    let effects = rig.told(0, Control::Failed);
    assert!(effects.contains(&Effect::Arm(Timer::Restart, MS(3))));
    rig.restart();
    rig.trigger();
    rig.ack(1, 2);
    let effects = rig.told(0, Control::Failed);
    assert!(!says(&effects, &Mark::JobEnded(false)), "not before it is durable");
    assert_eq!(rig.c.lead(), Lead::GivingUp);
    let effects = rig.serve();
    assert!(says(&effects, &Mark::JobEnded(false)));
    assert_eq!((rig.c.lead(), rig.stored(), rig.store.snapshots()), (Lead::Failed, vec![1], 3));
    assert!(rig.timers.is_empty(), "nothing is left armed: {:?}", rig.timers);
}

/// The coordinator that gives up may die before, or after, it could write that down. A failed end that is written down
/// is an end: whoever comes next starts nothing and says the same.
#[test]
fn a_job_that_was_given_up_stays_down_under_the_next_coordinator() {
    for written in [false, true] {
        let mut rig = Rig::running(Config { restart: RestartStrategy::None, ..config() });
        rig.checkpoint();
        rig.trigger();
        rig.ack(1, 2);
        rig.told(0, Control::Failed);
        if written {
            rig.serve_one(|request| *request == Request::EndJob(false));
        }
        let effects = rig.replaced(2);
        assert_eq!(says(&effects, &Mark::JobEnded(false)), written);
        assert_eq!(bases(&effects), if written { vec![] } else { vec![Some(1); 3] });
        assert_eq!(rig.c.lead(), if written { Lead::Failed } else { Lead::Deployed });
        assert_eq!((rig.stored(), rig.store.snapshots()), (vec![1], 3), "the orphan of checkpoint 2 is gone");
        assert!(!written || rig.timers.is_empty(), "nothing is left armed: {:?}", rig.timers);
        assert_eq!(rig.store.attempt(), Attempt(if written { 1 } else { 2 }));
    }
}

/// The refusal of a store is no end: it is asked again until it is written down.
#[test]
fn giving_up_is_asked_for_until_it_is_durable() {
    let mut rig = Rig::running(Config { restart: RestartStrategy::None, ..config() });
    rig.told(0, Control::Failed);
    for _ in 0..3 {
        rig.refuse(|request| *request == Request::EndJob(false));
        assert_eq!(rig.c.lead(), Lead::GivingUp);
        rig.fire(Timer::Retry);
    }
    rig.serve();
    assert_eq!(rig.c.lead(), Lead::Failed);
}

/// The delay doubles from failure to failure, up to its bound; a completed checkpoint sets it back.
#[test]
fn exponential_delays_double_until_a_checkpoint_completes() {
    let restart = RestartStrategy::Exponential { first: MS(2), max: MS(7) };
    let mut rig = Rig::running(Config { restart, ..config() });
    let mut delays = Vec::new();
    for round in 0..5 {
        if round == 4 {
            rig.checkpoint();
        }
        rig.told(0, Control::Failed);
        delays.push(rig.timers[&Timer::Restart]);
        rig.restart();
    }
    assert_eq!(delays, [MS(2), MS(4), MS(7), MS(7), MS(2)]);
}

/// Its completion record may be on its way to the store when the job is given up: what it names stays.
#[test]
fn a_late_ack_of_the_last_attempt_discards_nothing() {
    let mut rig = Rig::running(Config { restart: RestartStrategy::None, ..config() });
    rig.trigger();
    rig.acks(1);
    assert!(rig.find(is_publish).is_some(), "under way");
    rig.told(0, Control::Failed);
    assert_eq!(rig.c.lead(), Lead::GivingUp);
    assert_eq!(discards(&rig.told(2, Control::Ack(CheckpointId(1)))), []);
}

/// The word to stop may be lost like any other.
#[test]
fn tasks_of_the_attempt_before_are_told_to_stop_until_all_of_the_next_run() {
    let mut rig = Rig::running(config());
    rig.told(0, Control::Failed);
    rig.fire(Timer::Restart);
    rig.serve();
    let stopped = |effects: &[Effect]| -> Vec<u32> {
        let told = |effect: &Effect| match effect {
            Effect::Tell(to, Control::Stop) => Some(to.attempt.0),
            _ => None,
        };
        effects.iter().filter_map(told).collect()
    };
    assert_eq!(stopped(&rig.fire(Timer::Remind)), [1, 1, 1]);
}
