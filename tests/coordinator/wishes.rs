//! Wishes of an operator: a checkpoint now, and to stop with a savepoint: rows 64 to 66.

use crate::rig::*;
use cutline::engine;
use cutline::engine::config::Config;
use cutline::engine::message::*;
use cutline::engine::process::Process;
use cutline::ids::*;

const C1: CheckpointId = CheckpointId(1);
const C2: CheckpointId = CheckpointId(2);
const STOP: Input = Input::Asked(Wish::StopWithSavepoint);

/// The last checkpoint is triggered.
fn stopping() -> Rig {
    let mut rig = Rig::running(config());
    rig.step(STOP);
    let effects = rig.serve_one(is_open);
    assert_eq!(who(&effects, &Control::TriggerLast(C1)), [0, 1], "sources read nothing behind it");
    assert!(who(&effects, &Control::Trigger(C1)).is_empty());
    assert!(!rig.timers.contains_key(&Timer::Interval), "periodic checkpoints are off");
    rig
}

/// The last checkpoint is complete, and nobody has acted upon that.
fn settling() -> Rig {
    let mut rig = stopping();
    let mut effects = rig.acks(1);
    effects.extend(rig.serve());
    assert_eq!(who(&effects, &Control::Complete(C1)), [0, 1, 2], "sinks commit");
    assert!(who(&effects, &Control::Stop).is_empty(), "nobody is stopped before it did");
    rig
}

#[test]
fn a_wish_for_a_checkpoint_heeds_neither_pause_nor_interval() {
    let mut rig = Rig::running(Config { min_pause: MS(1000), ..config() });
    rig.checkpoint();
    rig.step(Input::Asked(Wish::Checkpoint));
    let effects = rig.serve_one(is_open);
    assert_eq!(triggered(&effects), [2]);
    assert_eq!(who(&effects, &Control::Trigger(C2)), [0, 1], "it is an ordinary one");
}

#[test]
fn row_64_the_job_stops_when_its_savepoint_is_complete_and_acted_upon() {
    let mut rig = settling();
    assert!(!says(&rig.told(0, Control::Noted(C1)), &Mark::Suspended(C1)));
    rig.told(1, Control::Noted(C1));
    let effects = rig.told(2, Control::Noted(C1));
    assert!(says(&effects, &Mark::Suspended(C1)));
    assert_eq!(who(&effects, &Control::Stop), [0, 1, 2]);
    assert!(rig.c.stopped() && !rig.timers.contains_key(&Timer::Interval));
    // The job has not ended: the next coordinator goes on from there.
    let effects = rig.replaced(2);
    assert_eq!(bases(&effects), [Some(1), Some(1), Some(1)]);
}

#[test]
fn row_64_who_finishes_meanwhile_is_not_waited_for() {
    let mut rig = settling();
    rig.told(0, Control::Noted(C1));
    rig.told(1, Control::Finished);
    assert!(says(&rig.told(2, Control::Noted(C1)), &Mark::Suspended(C1)));
}

#[test]
fn row_64_a_stop_waits_for_room() {
    let mut rig = Rig::running(config());
    rig.trigger();
    rig.step(STOP);
    assert_eq!(rig.pending(), [1], "one at a time");
    rig.acks(1);
    let effects = rig.serve();
    assert_eq!(who(&effects, &Control::TriggerLast(C2)), [0, 1]);
    rig.acks(2);
    rig.serve();
    rig.step(STOP); // once more does nothing
    for task in 0..2 {
        rig.told(task, Control::Noted(C2));
    }
    assert!(says(&rig.told(2, Control::Noted(C2)), &Mark::Suspended(C2)));
}

#[test]
fn row_65_without_a_savepoint_the_job_goes_on_as_before() {
    type Fail = fn(&mut Rig) -> Effects;
    let expire: Fail = |rig| rig.fire(Timer::Timeout(C1));
    let decline: Fail = |rig| rig.told(1, Control::Decline(C1, DeclineReason::StoreFailed));
    let publish: Fail = |rig| {
        rig.acks(1);
        rig.refuse(is_publish)
    };
    for fail in [expire, decline, publish] {
        let mut rig = stopping();
        let effects = fail(&mut rig);
        assert!(says(&effects, &Mark::StopFailed(None)));
        assert!(rig.timers.contains_key(&Timer::Interval), "periodic checkpoints are on again");
        assert!(who(&effects, &Control::Stop).is_empty(), "nothing fails over");
        assert_eq!(who(&effects, &Control::Abort(C1)), [0, 1, 2], "sources read on");
        rig.serve(); // what is to be forgotten
        let effects = rig.trigger();
        assert_eq!(who(&effects, &Control::Trigger(C2)), [0, 1], "the next one is an ordinary one");
    }
}

#[test]
fn row_65_also_if_its_place_cannot_be_prepared() {
    let mut rig = Rig::running(config());
    rig.step(STOP);
    assert!(says(&rig.refuse(is_open), &Mark::StopFailed(None)));
    assert!(rig.timers.contains_key(&Timer::Interval));
}

#[test]
fn row_65_also_if_tasks_are_lost_or_all_of_them_end() {
    let mut rig = stopping();
    let lost = Incarnation { task: TaskId(0), attempt: rig.job };
    let effects = rig.step(Input::Lost(lost));
    assert!(says(&effects, &Mark::StopFailed(None)));
    assert!(!rig.timers.contains_key(&Timer::Interval), "the next attempt begins them");
    rig.restart();
    assert!(rig.timers.contains_key(&Timer::Interval));

    let mut rig = stopping();
    rig.told(0, Control::Finished);
    rig.told(1, Control::Finished);
    let mut effects = rig.told(2, Control::Finished);
    effects.extend(rig.serve());
    assert!(says(&effects, &Mark::StopFailed(None)) && says(&effects, &Mark::JobEnded(true)));
}

#[test]
fn row_66_a_failure_behind_the_savepoint_fails_over_to_it() {
    let mut rig = settling();
    let lost = Incarnation { task: TaskId(2), attempt: rig.job };
    let effects = rig.step(Input::Lost(lost));
    assert!(says(&effects, &Mark::StopFailed(Some(C1))), "whoever asked learns that the savepoint exists");
    assert_eq!(who(&effects, &Control::Stop), [0, 1, 2]);
    let mut effects = rig.fire(Timer::Restart);
    effects.extend(rig.serve());
    assert_eq!(bases(&effects), [Some(1), Some(1), Some(1)]);
    assert!(discards(&effects).is_empty() && rig.stored() == [1]);
}

#[test]
fn a_job_that_is_not_up_cannot_be_stopped_with_a_savepoint() {
    let mut rig = Rig::deploying(config());
    assert!(says(&rig.step(STOP), &Mark::StopFailed(None)));
    rig.all_run();
    assert!(rig.timers.contains_key(&Timer::Interval));
}

/// A running source.
fn source() -> Box<dyn Process> {
    let topology = topology(1);
    let me = Incarnation { task: TaskId(0), attempt: Attempt(1) };
    let mut process = engine::spawn(&topology, &std::sync::Arc::new(config()), me);
    told(&mut process, Control::Deploy { restore: None });
    assert!(process.wants(0).is_some());
    process
}

fn told(process: &mut Box<dyn Process>, control: Control) -> Effects {
    let from = Incarnation { task: TaskId(2), attempt: Attempt(1) };
    let mut out = Outbox::default();
    process.step(Input::Told { from, control }, &mut out);
    out.effects
}

#[test]
fn a_source_reads_nothing_behind_the_last_barrier_unless_that_is_given_up() {
    for go_on in [Control::Abort(C1), Control::Trigger(C2)] {
        let mut source = source();
        let effects = told(&mut source, Control::TriggerLast(C1));
        let barrier = Element::Barrier(Barrier { id: C1, overtakes: false });
        assert!(effects.contains(&Effect::Send(ChannelId(0), barrier)));
        assert!(source.wants(0).is_none(), "nothing is read behind it");
        told(&mut source, go_on);
        assert!(source.wants(0).is_some());
    }
}

#[test]
fn a_trigger_that_comes_late_halts_no_source() {
    let mut source = source();
    told(&mut source, Control::Abort(C1));
    told(&mut source, Control::TriggerLast(C1));
    assert!(source.wants(0).is_some());
}
