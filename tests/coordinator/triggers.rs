//! Triggering, and which tasks take part: rows 1 to 30.

use crate::rig::*;
use cutline::engine::config::Config;
use cutline::engine::message::*;
use cutline::engine::snapshot::{Manifest, Part};
use cutline::ids::*;

fn concurrent(max_concurrent: u32) -> Config {
    Config { max_concurrent, ..config() }
}

/// The interval passes once, and the store prepares the place if it is asked to.
fn tick(rig: &mut Rig) -> Effects {
    let mut effects = rig.fire(Timer::Interval);
    if rig.find(is_open).is_some() {
        effects.extend(rig.serve_one(is_open));
    }
    effects
}

/// Time stamps are no part of this engine, whose only clock is its timers.
#[test]
fn row_01_periodic_triggers_one_an_interval_with_rising_ids() {
    let mut rig = Rig::running(config());
    let mut ids = Vec::new();
    for _ in 0..4 {
        assert_eq!(rig.timers[&Timer::Interval], MS(10));
        let effects = tick(&mut rig);
        ids.extend(triggered(&effects));
        rig.acks(*ids.last().unwrap());
        rig.serve();
    }
    assert_eq!(ids, [1, 2, 3, 4]);
}

#[test]
fn row_02_a_stopped_scheduler_triggers_nothing_until_it_is_started_again() {
    let mut rig = Rig::running(config());
    rig.with(|c, out| c.stop_scheduler(out));
    assert!(!rig.timers.contains_key(&Timer::Interval));
    // Not even if the timer was under way, or a task finishes meanwhile.
    assert!(rig.step(Input::Timer(Timer::Interval)).is_empty());
    rig.told(0, Control::Finished);
    assert!(!rig.timers.contains_key(&Timer::Interval), "only a deployment starts it by itself");
    rig.with(|c, out| c.start_scheduler(out));
    assert_eq!(triggered(&tick(&mut rig)), [1]);
}

#[test]
fn row_03_with_a_stopped_scheduler_periodic_triggers_fail_and_manual_ones_work() {
    let mut rig = Rig::running(config());
    rig.with(|c, out| c.stop_scheduler(out));
    let effects = rig.with(|c, out| c.trigger(true, out));
    assert_eq!(effects, [Effect::Mark(Mark::TriggerFailed(TriggerFailure::SchedulerStopped))]);
    assert_eq!(triggered(&rig.trigger()), [1]);
}

#[test]
fn row_04_a_shutdown_ends_a_trigger_that_is_under_way() {
    let mut rig = Rig::running(config());
    rig.with(|c, out| c.trigger(false, out));
    let (ticket, _, _) = rig.asks[rig.find(is_open).unwrap()].clone();
    let effects = rig.with(|c, out| c.shutdown(out));
    assert_eq!(marks(&effects), [Mark::TriggerFailed(TriggerFailure::Shutdown)]);
    assert!(!tells(&effects), "no task is told");
    assert!(rig.step(Input::Reply(ticket, Reply::Done)).is_empty(), "and none is later");
}

/// The id is drawn when the trigger passes its checks, so "before the id is drawn" is "while the place is opened".
#[test]
fn row_05_a_coordinator_that_was_stopped_begins_nothing() {
    let mut rig = Rig::running(config());
    rig.with(|c, out| c.trigger(false, out));
    rig.with(|c, out| c.shutdown(out));
    assert!(rig.pending().is_empty());
    assert_eq!(rig.with(|c, out| c.trigger(false, out)), [Effect::Mark(Mark::TriggerFailed(TriggerFailure::Shutdown))]);
    assert!(rig.pending().is_empty());
}

#[test]
fn row_07_a_second_trigger_waits_while_the_first_is_opened() {
    for periodic in [true, false] {
        let mut rig = Rig::running(concurrent(2));
        rig.with(|c, out| c.trigger(periodic, out));
        let second = rig.with(|c, out| c.trigger(periodic, out));
        assert_eq!(second, [Effect::Mark(Mark::TriggerFailed(TriggerFailure::TooManyPending))]);
        assert_eq!(rig.pending(), [1]);
        assert_eq!(triggered(&rig.serve_one(is_open)), [1]);
        assert_eq!(triggered(&rig.serve_one(is_open)), [2], "the second one runs without being asked for again");
        assert_eq!(rig.pending(), [1, 2]);
        assert!(rig.find(is_open).is_none(), "and only once");
    }
}

/// A manual trigger that waits is no periodic one: it needs no scheduler.
#[test]
fn row_07_a_manual_trigger_waits_for_room_though_the_scheduler_is_stopped() {
    let mut rig = Rig::running(config());
    rig.with(|c, out| c.stop_scheduler(out));
    rig.trigger();
    rig.trigger();
    assert_eq!(rig.pending(), [1]);
    rig.acks(1);
    assert_eq!(triggered(&rig.serve()), [2]);
}

/// There is one wanted trigger instead of a queue: what is refused twice is made up for once.
#[test]
fn row_09_a_place_that_cannot_be_opened_fails_the_trigger_and_leaves_no_trace() {
    let mut rig = Rig::running(config());
    rig.with(|c, out| c.trigger(false, out));
    rig.with(|c, out| c.trigger(false, out));
    let effects = rig.refuse(is_open);
    assert_eq!(marks(&effects), [Mark::TriggerFailed(TriggerFailure::StoreFailed)]);
    assert!(!tells(&effects) && !rig.timers.contains_key(&Timer::Timeout(CheckpointId(1))));
    assert_eq!(triggered(&rig.serve_one(is_open)), [2], "the next one works");
    assert_eq!(rig.pending(), [2]);
}

#[test]
fn row_10_a_place_that_cannot_be_opened_counts_as_a_failure() {
    let mut rig = Rig::running(Config { tolerable_failures: 0, ..config() });
    rig.with(|c, out| c.trigger(false, out));
    let effects = rig.refuse(is_open);
    assert_eq!(who(&effects, &Control::Stop), [0, 1, 2], "the job has failed");
    assert!(rig.timers.contains_key(&Timer::Restart));
}

#[test]
fn row_16_no_more_than_max_concurrent_and_each_completion_lets_one_in() {
    for max in [1, 2, 5] {
        let mut rig = Rig::running(concurrent(max));
        for _ in 0..max + 3 {
            tick(&mut rig);
        }
        let max = max as u64;
        assert_eq!(rig.pending(), (1..=max).collect::<Vec<_>>());
        for done in 1..=4 {
            rig.acks(done);
            let effects = rig.serve();
            assert_eq!(triggered(&effects), [done + max], "exactly one more, with max {max}");
            assert_eq!(rig.pending(), (done + 1..=done + max).collect::<Vec<_>>());
            tick(&mut rig); // too many again: the next completion makes up for it
        }
    }
}

#[test]
fn row_17_a_subsumption_frees_the_slot_of_the_subsumed_one_too() {
    let mut rig = Rig::running(concurrent(2));
    rig.trigger();
    rig.trigger();
    tick(&mut rig);
    rig.acks(2);
    assert_eq!(triggered(&rig.serve()), [3]);
    assert_eq!(triggered(&tick(&mut rig)), [4], "there is a second slot");
    assert_eq!(rig.pending(), [3, 4]);
    tick(&mut rig);
    assert_eq!(rig.pending(), [3, 4], "and no third one");
}

#[test]
fn row_18_the_minimum_pause_counts_from_the_completion() {
    let mut rig = Rig::running(Config { min_pause: MS(7), ..config() });
    tick(&mut rig);
    tick(&mut rig); // waits for room
    assert!(!rig.timers.contains_key(&Timer::Pause), "nothing is complete yet");
    rig.acks(1);
    let effects = rig.serve();
    assert!(effects.contains(&Effect::Arm(Timer::Pause, MS(7))));
    assert!(triggered(&effects).is_empty());
    assert_eq!(marks(&tick(&mut rig)), [Mark::TriggerFailed(TriggerFailure::TooSoon)]);
    // Stopping and starting the scheduler shortens nothing.
    rig.with(|c, out| c.stop_scheduler(out));
    rig.with(|c, out| c.start_scheduler(out));
    assert_eq!(marks(&tick(&mut rig)), [Mark::TriggerFailed(TriggerFailure::TooSoon)]);
    rig.fire(Timer::Pause);
    assert_eq!(triggered(&rig.serve()), [2], "what came too soon is made up for");
}

#[test]
fn row_26_a_trigger_fails_at_once_until_every_task_runs() {
    let mut rig = Rig::deploying(config());
    rig.told(0, Control::Running);
    rig.told(1, Control::Running);
    let effects = rig.trigger();
    assert_eq!(effects, [Effect::Mark(Mark::TriggerFailed(TriggerFailure::NotAllRunning))]);
    assert!(rig.pending().is_empty());
    assert!(!rig.timers.contains_key(&Timer::Interval), "periodic ones aren't even tried");
    rig.told(2, Control::Running);
    assert_eq!(triggered(&rig.trigger()), [1]);
}

#[test]
fn row_27_who_has_finished_is_not_required_and_who_lost_its_upstream_is_triggered() {
    let mut rig = Rig::running(config());
    rig.told(0, Control::Finished);
    let effects = rig.trigger();
    assert!(says(&effects, &Mark::Triggered(CheckpointId(1), vec![TaskId(1), TaskId(2)].into())));
    assert_eq!(who(&effects, &Control::Trigger(CheckpointId(1))), [1]);
    rig.ack(1, 1);
    rig.ack(2, 1);
    rig.serve();
    assert_eq!(rig.completed(), [1], "two acks are all that it needs");
    rig.told(1, Control::Finished);
    let effects = rig.trigger();
    assert!(says(&effects, &Mark::Triggered(CheckpointId(2), vec![TaskId(2)].into())));
    assert_eq!(who(&effects, &Control::Trigger(CheckpointId(2))), [2]);
}

/// The trigger message doesn't fail: the subtask that has finished answers it by declining.
#[test]
fn row_29_a_task_that_finished_before_its_trigger_came_aborts_the_checkpoint() {
    let mut rig = Rig::running(config());
    rig.trigger();
    rig.ack(1, 1);
    let id = CheckpointId(1);
    let effects = rig.told(0, Control::Decline(id, DeclineReason::NotReady));
    assert!(says(&effects, &Mark::Aborted(id, AbortReason::Declined(DeclineReason::NotReady))));
    assert_eq!(who(&effects, &Control::Abort(id)), [0, 1, 2]);
    assert_eq!(discards(&effects), [(1, 1)]);
    rig.told(0, Control::Finished);
    let effects = rig.trigger();
    assert_eq!(who(&effects, &Control::Trigger(CheckpointId(2))), [1], "the next one goes on without it");
}

/// The subtask's side of it: it declines, and says again that it has finished.
#[test]
fn row_29_a_subtask_that_has_finished_declines_a_trigger() {
    let mut sink = Sink::new(config());
    sink.end();
    assert_eq!(sink.said, [Control::Running, Control::Finished]);
    sink.said.clear();
    sink.told(Control::Trigger(CheckpointId(3)));
    assert_eq!(sink.said, [Control::Decline(CheckpointId(3), DeclineReason::NotReady), Control::Finished]);
}

#[test]
fn row_30_who_has_finished_is_recorded_so_also_after_a_restore() {
    let mut rig = Rig::running(config());
    rig.told(0, Control::Finished);
    rig.told(1, Control::Finished);
    let recorded = |rig: &Rig| -> Vec<bool> {
        let newest: &Manifest = rig.store.completed().last().unwrap();
        newest.parts.iter().map(|part| *part == Part::Finished).collect()
    };
    rig.trigger();
    rig.ack(2, 1);
    rig.serve();
    assert_eq!(recorded(&rig), [true, true, false]);
    // The whole job goes back; the sources are restored as finished and say nothing else.
    rig.told(2, Control::Failed);
    rig.fire(Timer::Restart);
    rig.serve();
    rig.job = Attempt(2);
    rig.told(0, Control::Finished);
    rig.told(1, Control::Finished);
    rig.told(2, Control::Running);
    rig.trigger();
    rig.ack(2, 2);
    rig.serve();
    assert_eq!(rig.completed(), [2]);
    assert_eq!(recorded(&rig), [true, true, false]);
}

/// What waits for room when the scheduler is stopped: a periodic trigger goes with it, a manual one doesn't.
#[test]
fn row_07_a_stopped_scheduler_forgets_the_periodic_trigger_that_waits_and_no_manual_one() {
    for (periodic, then) in [(true, vec![]), (false, vec![2])] {
        let mut rig = Rig::running(config());
        rig.trigger();
        rig.with(|c, out| c.trigger(periodic, out));
        rig.with(|c, out| c.stop_scheduler(out));
        rig.acks(1);
        assert_eq!(triggered(&rig.serve()), then, "periodic: {periodic}");
    }
}
