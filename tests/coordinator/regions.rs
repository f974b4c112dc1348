//! Checkpoints that do without some regions: four chains of a source and a sink each, which nothing connects. Source i is
//! task i, its sink task 4 + i.

use crate::rig::*;
use cutline::engine::config::{Config, Mode, RegionLimits};
use cutline::engine::coordinator::Lead;
use cutline::engine::message::*;
use cutline::engine::regions::Regions;
use cutline::engine::snapshot::Part;
use cutline::ids::*;
use cutline::topology::*;
use std::sync::Arc;

const CHAINS: u32 = 4;
const FAILED: DeclineReason = DeclineReason::StoreFailed;

fn chains() -> Arc<Topology> {
    let vertex = |name: &str, role| Vertex { name: name.into(), role, chain: vec![], parallelism: CHAINS };
    let source = Role::Source { kind: SourceKind::Log, partitions: CHAINS };
    let vertices = vec![vertex("src", source), vertex("out", Role::Sink(SinkKind::TwoPhase))];
    let (from, to) = (VertexId(0), VertexId(1));
    let edges = vec![Edge { from, to, partitioning: Partitioning::Forward, capacity: 8, fifo: true }];
    Arc::new(Topology::build(JobGraph { vertices, edges }))
}

fn regional() -> Config {
    Config { mode: Mode::Regional, ..config() }
}

/// All run; nothing is complete.
fn running(config: Config) -> Rig {
    let mut rig = Rig::over(chains(), config);
    rig.serve();
    rig.all_run();
    rig
}

/// All run, and one checkpoint of everybody is complete.
fn begun(config: Config) -> Rig {
    let mut rig = running(config);
    rig.checkpoint();
    assert_eq!(rig.completed(), [1]);
    rig
}

fn decline(rig: &mut Rig, task: u32, id: u64) -> Effects {
    rig.told(task, Control::Decline(CheckpointId(id), FAILED))
}

/// All acknowledge but the subtasks of these chains.
fn acks_but(rig: &mut Rig, chains: &[u32], id: u64) -> Effects {
    let others = (0..2 * CHAINS).filter(|task| !chains.contains(&(task % CHAINS)));
    others.flat_map(|task| rig.ack(task, id)).collect()
}

/// A checkpoint that does without one chain, to its end.
fn without(rig: &mut Rig, chain: u32) -> Effects {
    rig.trigger();
    let id = *rig.pending().last().expect("it is pending");
    let mut effects = decline(rig, chain, id);
    effects.extend(acks_but(rig, &[chain], id));
    effects.extend(rig.serve());
    effects
}

/// The checkpoint that each part of the newest completion record is of, as it is stored.
fn epochs(rig: &Rig) -> Vec<u64> {
    let newest = rig.store.completed().last().expect("one is complete");
    let epoch = |part: &Part| part.key().map_or(0, |key| key.checkpoint.0);
    newest.parts.iter().map(epoch).collect()
}

fn aborted(effects: &[Effect]) -> Option<AbortReason> {
    effects.iter().find_map(|effect| match effect {
        Effect::Mark(Mark::Aborted(_, reason)) => Some(*reason),
        _ => None,
    })
}

#[test]
fn a_region_is_what_channels_connect() {
    let regions = Regions::connected(&chains());
    let of: Vec<u32> = (0..2 * CHAINS).map(|task| regions.of(TaskId(task))).collect();
    assert_eq!((of, regions.count()), (vec![0, 1, 2, 3, 0, 1, 2, 3], CHAINS));
    let connected = topology(5);
    assert_eq!((connected.regions(), Regions::connected(&connected).count()), (vec![0; 6], 1));
}

#[test]
fn who_declines_keeps_the_state_of_the_checkpoint_before() {
    let mut rig = begun(regional());
    rig.trigger();
    let effects = decline(&mut rig, 1, 2);
    assert_eq!(who(&effects, &Control::Abort(CheckpointId(2))), [1, 5], "its region gives it up, and nobody else");
    assert_eq!((aborted(&effects), rig.pending()), (None, vec![2]));
    // What is heard of the region from now on makes no difference.
    assert_eq!(aborted(&decline(&mut rig, 5, 2)), None);
    rig.ack(5, 2);
    assert_eq!(rig.find(is_publish), None, "others are missing");
    acks_but(&mut rig, &[1], 2);
    let effects = rig.serve();
    assert_eq!(epochs(&rig), [2, 1, 2, 2, 2, 1, 2, 2]);
    assert_eq!(who(&effects, &Control::Complete(CheckpointId(2))), [0, 2, 3, 4, 6, 7]);
    assert_eq!(who(&effects, &Control::Complete(CheckpointId(1))), [1, 5], "they commit nothing new");
}

#[test]
fn what_is_repeated_is_what_each_region_is_part_of() {
    let mut rig = begun(regional());
    without(&mut rig, 1);
    for task in [0, 2, 3, 4, 6, 7] {
        rig.told(task, Control::Noted(CheckpointId(2)));
    }
    rig.told(5, Control::Noted(CheckpointId(1)));
    let effects = rig.fire(Timer::Remind);
    assert_eq!(who(&effects, &Control::Complete(CheckpointId(1))), [1], "the one that has not answered");
    assert!(who(&effects, &Control::Complete(CheckpointId(2))).is_empty());
    rig.told(1, Control::Noted(CheckpointId(1)));
    assert!(!tells(&rig.fire(Timer::Remind)));
}

#[test]
fn who_is_late_keeps_it_too() {
    let mut rig = begun(regional());
    rig.trigger();
    acks_but(&mut rig, &[2], 2);
    rig.ack(2, 2);
    let effects = rig.fire(Timer::Timeout(CheckpointId(2)));
    assert_eq!((who(&effects, &Control::Abort(CheckpointId(2))), aborted(&effects)), (vec![2, 6], None));
    rig.serve();
    assert_eq!(epochs(&rig), [2, 2, 1, 2, 2, 2, 1, 2], "a region keeps it as a whole");
    // The acknowledgement was only late. What it names belongs to a completed checkpoint, and goes with that.
    assert!(!rig.ack(6, 2).iter().any(|effect| matches!(effect, Effect::Ask(_, _, Request::Discard(..)))));
}

#[test]
fn without_a_checkpoint_before_there_is_nothing_to_keep() {
    let mut rig = running(regional());
    rig.trigger();
    assert_eq!(aborted(&decline(&mut rig, 1, 1)), Some(AbortReason::Declined(FAILED)));
}

#[test]
fn not_too_many_regions() {
    let mut rig = begun(regional());
    rig.trigger();
    assert_eq!(aborted(&decline(&mut rig, 1, 2)), None, "one of four are 25 of 100");
    let effects = decline(&mut rig, 2, 2);
    assert_eq!(aborted(&effects), Some(AbortReason::Declined(FAILED)), "two are 50");
    let all =
        |max_failed_percent| Config { regions: RegionLimits { max_failed_percent, max_in_a_row: 2 }, ..regional() };
    let mut rig = begun(all(49));
    rig.trigger();
    rig.ack(0, 2);
    assert_eq!(aborted(&rig.fire(Timer::Timeout(CheckpointId(2)))), Some(AbortReason::Expired), "all at once");
    let mut rig = begun(all(100));
    rig.trigger();
    for chain in 0..CHAINS - 1 {
        assert_eq!(aborted(&decline(&mut rig, chain, 2)), None);
    }
    let effects = decline(&mut rig, CHAINS - 1, 2);
    assert_eq!(aborted(&effects), Some(AbortReason::Declined(FAILED)), "somebody must have something new");
}

#[test]
fn not_too_often_in_a_row() {
    let mut rig = begun(Config { retain: 5, ..regional() });
    for id in 2..4 {
        without(&mut rig, 3);
        assert_eq!((rig.completed().last(), epochs(&rig)[3]), (Some(&id), 1));
    }
    assert_eq!(aborted(&without(&mut rig, 3)), Some(AbortReason::Declined(FAILED)), "twice, not three times");
    without(&mut rig, 0);
    assert_eq!((epochs(&rig)[0], epochs(&rig)[3]), (3, 5), "others may; and now it takes part");
    without(&mut rig, 3);
    assert_eq!((epochs(&rig)[0], epochs(&rig)[3]), (6, 5));
}

#[test]
fn checkpoints_that_are_pending_together_count_together() {
    let regions = RegionLimits { max_failed_percent: 30, max_in_a_row: 1 };
    let mut rig = begun(Config { max_concurrent: 2, regions, ..regional() });
    rig.trigger();
    rig.trigger();
    assert_eq!(aborted(&decline(&mut rig, 1, 3)), None);
    assert_eq!(aborted(&decline(&mut rig, 1, 2)), Some(AbortReason::Declined(FAILED)), "both could complete");
}

#[test]
fn a_checkpoint_that_does_without_some_is_no_failure() {
    let mut rig = begun(Config { tolerable_failures: 0, ..regional() });
    without(&mut rig, 1);
    assert_eq!((rig.c.lead(), rig.completed()), (Lead::Deployed, vec![1, 2]));
    rig.trigger();
    decline(&mut rig, 1, 3);
    decline(&mut rig, 2, 3);
    assert_eq!(rig.c.lead(), Lead::Waiting, "one that is given up is");
}

#[test]
fn savepoints_are_of_everybody() {
    for wish in [Wish::StopWithSavepoint, Wish::Savepoint] {
        let mut rig = begun(regional());
        rig.step(Input::Asked(wish));
        rig.serve_one(is_open);
        assert_eq!(aborted(&decline(&mut rig, 1, 2)), Some(AbortReason::Declined(FAILED)), "{wish:?}");
    }
}

#[test]
fn what_may_be_the_last_checkpoint_is_of_everybody() {
    let mut rig = begun(regional());
    (0..CHAINS).for_each(|source| drop(rig.told(source, Control::Finished)));
    rig.trigger();
    assert_eq!(aborted(&decline(&mut rig, 5, 2)), Some(AbortReason::Declined(FAILED)));
}

#[test]
fn who_has_finished_since_runs_again_with_its_region() {
    let mut rig = begun(regional());
    rig.told(1, Control::Finished);
    rig.trigger();
    assert_eq!(aborted(&decline(&mut rig, 5, 2)), None);
    acks_but(&mut rig, &[1], 2);
    rig.serve();
    assert_eq!(epochs(&rig), [2, 1, 2, 2, 2, 1, 2, 2], "the source of the region had not finished then");
}

#[test]
fn what_is_kept_stays_stored_as_long_as_it_is_named() {
    let mut rig = begun(regional());
    let kept = StoreKey { attempt: rig.job, checkpoint: CheckpointId(1), task: TaskId(1) };
    for _ in 0..2 {
        without(&mut rig, 1);
        assert!(rig.store.snapshot(&kept).is_some());
    }
    assert_eq!((rig.completed(), rig.stored()), (vec![1, 3], vec![1, 3]), "2 is named by nobody");
    rig.checkpoint();
    assert_eq!((rig.stored(), rig.store.snapshots()), (vec![4], 2 * CHAINS as usize));
    assert!(rig.store.snapshot(&kept).is_none());
}

/// A search found this: a completion record may be under way when the job has ended, and be written after what
/// it names was deleted with everything else.
#[test]
fn what_a_late_completion_record_names_outlives_the_job_until_it_is_written() {
    let mut rig = begun(regional());
    rig.trigger();
    decline(&mut rig, 1, 2);
    acks_but(&mut rig, &[1], 2);
    (0..2 * CHAINS).for_each(|task| drop(rig.told(task, Control::Finished)));
    rig.serve_one(|request| matches!(request, Request::EndJob(true)));
    assert_eq!((rig.c.lead(), rig.stored()), (Lead::Ended, vec![1]));
    assert_eq!(rig.find(|request| matches!(request, Request::Discard(..))), None);
    rig.serve_one(is_publish);
    assert_eq!(epochs(&rig), [2, 1, 2, 2, 2, 1, 2, 2]);
    rig.serve();
    assert_eq!((rig.stored(), rig.store.snapshots()), (vec![], 0), "and then nothing is left");
}

#[test]
fn another_coordinator_goes_on_from_what_is_stored() {
    let mut rig = begun(regional());
    without(&mut rig, 1);
    rig.replaced(2);
    rig.all_run();
    assert_eq!(rig.stored(), [1, 2], "what is named is no orphan");
    // It was once behind: once more is allowed, and not twice.
    without(&mut rig, 1);
    assert_eq!((epochs(&rig)[0], epochs(&rig)[1]), (3, 1));
    assert_eq!(aborted(&without(&mut rig, 1)), Some(AbortReason::Declined(FAILED)));
    let parts = &rig.store.completed().last().expect("one is complete").parts;
    assert_eq!(parts[1].key().map(|key| key.attempt), Some(Attempt(1)), "of another attempt");
}

#[test]
fn without_the_mode_nobody_is_left_out() {
    let mut rig = begun(config());
    rig.trigger();
    assert_eq!(aborted(&decline(&mut rig, 1, 2)), Some(AbortReason::Declined(FAILED)));
}
