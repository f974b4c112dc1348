//! What goes wrong in a coordinator's life beyond the table: replies and notices of the past, crashes at every point,
//! timers that nobody needs.

use crate::rig::*;
use cutline::engine::config::Config;
use cutline::engine::coordinator::Lead;
use cutline::engine::message::*;
use cutline::ids::*;

#[test]
fn records_are_written_one_after_another_in_the_order_of_their_ids() {
    let mut rig = Rig::running(Config { max_concurrent: 3, retain: 3, ..config() });
    (0..3).for_each(|_| drop(rig.trigger()));
    rig.acks(1);
    rig.acks(3);
    rig.acks(2);
    let publishing = |rig: &Rig| {
        let ids = rig.asks.iter().filter_map(|(_, _, request)| match request {
            Request::Publish(manifest) => Some(manifest.checkpoint.0),
            _ => None,
        });
        ids.collect::<Vec<_>>()
    };
    for id in 1..=3 {
        assert_eq!(publishing(&rig), [id]);
        rig.serve_one(is_publish);
    }
    assert_eq!(rig.completed(), [1, 2, 3]);
}

/// The newer one's record is refused: the older one, whose acks came in meanwhile, is not lost with it.
#[test]
fn an_older_checkpoint_survives_a_newer_one_that_could_not_be_published() {
    let mut rig = Rig::running(Config { max_concurrent: 2, ..config() });
    rig.trigger();
    rig.trigger();
    rig.acks(2);
    rig.acks(1);
    rig.refuse(is_publish);
    let effects = rig.serve();
    assert_eq!(who(&effects, &Control::Complete(CheckpointId(1))), [0, 1, 2]);
    assert_eq!((rig.completed(), rig.stored(), rig.store.snapshots()), (vec![1], vec![1], 3));
}

#[test]
fn an_answer_of_the_last_attempt_opens_nothing_in_the_next() {
    let mut rig = Rig::running(config());
    rig.with(|c, out| c.trigger(false, out));
    let (ticket, _, _) = rig.asks[rig.find(is_open).unwrap()].clone();
    rig.told(0, Control::Failed);
    rig.asks.clear();
    assert!(rig.step(Input::Reply(ticket, Reply::Done)).is_empty());
    assert!(rig.pending().is_empty());
    assert!(!rig.timers.contains_key(&Timer::Retry), "nobody waits for anything");
}

#[test]
fn a_completion_is_repeated_until_it_was_noted_and_never_to_who_has_finished() {
    let mut rig = Rig::running(config());
    rig.checkpoint();
    let complete = Control::Complete(CheckpointId(1));
    rig.told(0, Control::Noted(CheckpointId(1)));
    assert_eq!(who(&rig.fire(Timer::Remind), &complete), [1, 2]);
    rig.told(1, Control::Finished);
    assert_eq!(who(&rig.fire(Timer::Remind), &complete), [2]);
    rig.told(2, Control::Noted(CheckpointId(0)));
    assert_eq!(who(&rig.fire(Timer::Remind), &complete), [2], "an older note is no note of this one");
    rig.told(2, Control::Noted(CheckpointId(1)));
    rig.fire(Timer::Remind);
    assert!(!rig.timers.contains_key(&Timer::Remind), "it ends");
    let effects = rig.trigger();
    let effects = [effects, rig.told(2, Control::Decline(CheckpointId(2), DeclineReason::NotReady))].concat();
    assert_eq!(who(&effects, &Control::Abort(CheckpointId(2))), [0, 2]);
}

#[test]
fn a_deployment_is_repeated_until_everybody_was_heard_of() {
    let mut rig = Rig::deploying(config());
    rig.told(0, Control::Running);
    let effects = rig.fire(Timer::Remind);
    assert_eq!(who(&effects, &Control::Deploy { restore: None }), [1, 2]);
    rig.told(1, Control::Running);
    rig.told(2, Control::Running);
    rig.fire(Timer::Remind);
    assert!(!rig.timers.contains_key(&Timer::Remind));
}

/// A coordinator that died between the end of the job and saying so.
#[test]
fn the_next_coordinator_of_a_job_that_has_ended_says_so_and_starts_nothing() {
    let mut rig = Rig::running(config());
    for task in 0..3 {
        rig.told(task, Control::Finished);
    }
    let (_, token, end) = rig.asks[0].clone();
    assert_eq!(rig.store.apply(&rig.topology, token, &end, None, false, &mut Vec::new()), Reply::Done);
    let effects = rig.replaced(2);
    assert_eq!((rig.c.lead(), marks(&effects)), (Lead::Ended, vec![Mark::JobEnded(true)]));
    let only_stops = effects.iter().all(|effect| !matches!(effect, Effect::Tell(_, told) if *told != Control::Stop));
    assert!(only_stops && rig.timers.is_empty());
}

#[test]
fn a_suspicion_fails_the_job_only_if_it_is_about_a_life_that_matters() {
    let mut rig = Rig::running(config());
    rig.told(0, Control::Finished);
    let life = |task, attempt| Incarnation { task: TaskId(task), attempt: Attempt(attempt) };
    for harmless in [life(0, 1), life(1, 2), life(1, 0)] {
        assert!(rig.step(Input::Lost(harmless)).is_empty());
    }
    assert_eq!(who(&rig.step(Input::Lost(life(1, 1))), &Control::Stop), [0, 1, 2]);
}

/// Somebody newer leads: the older one gives up whatever it is doing, and is not heard of again.
#[test]
fn a_coordinator_that_is_fenced_stops_for_good() {
    let mut rig = Rig::running(config());
    rig.trigger();
    rig.acks(1);
    let lead = rig.store.apply(&rig.topology, FencingToken(2), &Request::Lead, None, false, &mut Vec::new());
    assert_eq!(lead, Reply::Led(Attempt(1)));
    let effects = rig.serve_one(is_publish);
    assert!(says(&effects, &Mark::Fenced) && says(&effects, &Mark::Aborted(CheckpointId(1), AbortReason::Shutdown)));
    assert_eq!((rig.c.lead(), discards(&effects), rig.store.snapshots()), (Lead::Deposed, vec![], 3));
    assert!(rig.timers.is_empty() && !tells(&effects));
    assert!(rig.told(0, Control::Failed).is_empty());
}

/// One thing that happens to the job of `script`.
fn act(rig: &mut Rig, n: usize) {
    match n {
        0 => rig.all_run(),
        1 | 5 => drop(rig.with(|c, out| c.trigger(false, out))),
        2 | 6 => drop(rig.serve_one(is_open)),
        3 => drop(rig.acks(1)),
        7 => (0..2).for_each(|task| drop(rig.ack(task, 2))),
        8 => drop(rig.ack(2, 2)),
        10 => drop(rig.told(1, Control::Failed)),
        _ => drop(rig.serve()),
    }
}

/// A script of a job's life; after any prefix of it the coordinator dies, with its last requests done or not done,
/// and the next one must find its way from the store alone.
#[test]
fn a_coordinator_may_die_at_any_point() {
    for steps in 0..11 {
        for done in [false, true] {
            let mut rig = Rig::deploying(config());
            (0..steps).for_each(|n| act(&mut rig, n));
            let mut late = std::mem::take(&mut rig.asks);
            if done {
                for (_, token, request) in late.drain(..) {
                    rig.store.apply(&rig.topology, token, &request, None, false, &mut Vec::new());
                }
            }
            let newest = rig.stored().last().copied();
            let effects = rig.replaced(2);
            assert_eq!(bases(&effects), [newest; 3], "after {steps} steps, done: {done}");
            assert_eq!(rig.job, Attempt(2));
            // What the dead one asked for arrives only now: it does no harm any more.
            for (_, token, request) in late {
                let reply = rig.store.apply(&rig.topology, token, &request, None, false, &mut Vec::new());
                assert_eq!(reply, Reply::Fenced, "{request:?}");
            }
            rig.all_run();
            rig.checkpoint();
            let next = newest.map_or(1, |id| id + 1);
            assert_eq!((rig.completed(), rig.stored()), (vec![next], vec![next]));
        }
    }
}
