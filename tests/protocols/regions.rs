//! Checkpoints of several epochs: that they are judged by channels and not by numbers, and that what is wrong with one is
//! seen. The traces are those of the simulator, and then tampered with.

use crate::support::Job;
use cutline::ids::*;
use cutline::sim::run::{Keep, meta};
use cutline::topology::{Mode, RegionLimits};
use cutline::trace::StoreKey;
use cutline::trace::coverage::Met;
use cutline::trace::event::{Event, Kind, Meta, Outcome};
use cutline::verify::{Invariant, clocks, verify};
use std::sync::Arc;

const SEEDS: u64 = 200;

/// A run, with the first of its completion lines that has parts of an older checkpoint.
#[derive(Clone)]
struct Mixed {
    meta: Meta,
    events: Vec<Event>,
    at: usize,
    id: CheckpointId,
    parts: Arc<[StoreKey]>,
}

fn mixed(event: &Event) -> Option<(CheckpointId, &Arc<[StoreKey]>)> {
    let Kind::Complete { checkpoint, parts, outcome: Outcome::Ok, .. } = &event.kind else { return None };
    parts.iter().any(|key| key.checkpoint != *checkpoint).then_some((*checkpoint, parts))
}

/// Runs in which a region fell back, and for which this holds, too.
fn runs(job: &Job, wanted: impl Fn(&Mixed) -> bool) -> impl Iterator<Item = Mixed> {
    let runs = (0..SEEDS).filter_map(|seed| {
        let seen = job.run_keeping(seed, Keep { trace: true, ..Keep::default() });
        let events = seen.run.trace.filter(|_| seen.run.coverage.met(Met::RegionFellBack))?;
        let at = events.iter().position(|event| mixed(event).is_some())?;
        let (id, parts) = mixed(&events[at]).map(|(id, parts)| (id, parts.clone()))?;
        Some(Mixed { meta: meta(&job.plan(seed).0, Some(seed)), events, at, id, parts })
    });
    runs.filter(wanted)
}

fn chains() -> Job {
    Job::of("regional/chains", "engine")
}

impl Mixed {
    fn violated(&self) -> Vec<Invariant> {
        verify(&self.meta, &self.events).violated()
    }

    fn older(&self) -> StoreKey {
        *self.parts.iter().find(|key| key.checkpoint != self.id).expect("it is of several epochs")
    }

    /// The same completion record with another part.
    fn with(&mut self, part: StoreKey) {
        if let Kind::Complete { parts, .. } = &mut self.events[self.at].kind {
            *parts = parts.iter().map(|key| if key.task == part.task { part } else { *key }).collect();
        }
    }
}

#[test]
fn a_checkpoint_of_two_epochs_is_a_cut_like_any_other() {
    let mut restored = 0;
    for run in runs(&chains(), |_| true) {
        assert!(verify(&run.meta, &run.events).holds(), "{:?}", run.meta.seed);
        assert!(clocks::inconsistent(&run.meta, &run.events).is_empty(), "{:?}", run.meta.seed);
        let from = |event: &Event| matches!(&event.kind, Kind::Begin { base, .. } if *base == Some(run.id));
        restored += run.events.iter().filter(|event| from(event)).count();
    }
    assert!(restored > 0, "somebody goes on from one");
}

#[test]
fn only_where_the_header_says_so_may_a_checkpoint_be_of_two_epochs() {
    let mut run = runs(&chains(), |_| true).next().expect("a region falls back");
    (run.meta.mode, run.meta.regions) = (Mode::Aligned, None);
    assert!(run.violated().contains(&Invariant::I4));
}

#[test]
fn who_keeps_too_much_or_too_often_is_seen() {
    let limits =
        [(24, 2), (100, 0)].map(|(percent, row)| RegionLimits { max_failed_percent: percent, max_in_a_row: row });
    for limits in limits {
        let mut run = runs(&chains(), |_| true).next().expect("a region falls back");
        run.meta.regions = Some(limits);
        assert_eq!(run.violated(), [Invariant::I4], "{limits:?}");
    }
}

#[test]
fn what_is_kept_is_of_the_newest_checkpoint_before() {
    for run in runs(&chains(), |_| true).take(5) {
        let (mut run, older) = (run.clone(), run.older());
        run.with(StoreKey { checkpoint: CheckpointId(older.checkpoint.0 - 1), ..older });
        assert!(run.violated().contains(&Invariant::I4), "{:?}", run.meta.seed);
        run.with(StoreKey { attempt: Attempt(older.attempt.0 + 50), ..older });
        assert!(run.violated().contains(&Invariant::I14), "{:?}", run.meta.seed);
    }
}

#[test]
fn what_is_kept_may_not_be_deleted() {
    let mut run = runs(&chains(), |_| true).next().expect("a region falls back");
    let Event { process, attempt, n, time, .. } = run.events[run.at];
    let deleted = Event { process, attempt, n: n + 1, time, kind: Kind::Delete { key: run.older() } };
    run.events[run.at + 1..].iter_mut().filter(|event| event.process == process).for_each(|event| event.n += 1);
    run.events.insert(run.at + 1, deleted);
    assert_eq!(run.violated(), [Invariant::I13]);
}

/// Half of a region falls back. Whoever is behind has taken less than was sent, or sent less than was taken. Clocks know
/// the first where the parts are of one attempt, for they begin anew with each.
#[test]
fn a_region_that_is_torn_is_no_cut() {
    let mut torn = [0; 2];
    for run in runs(&Job::of("regional/connected", "regions-by-number"), |run| !run.violated().is_empty()) {
        let violated = run.violated();
        let inconsistent = !clocks::inconsistent(&run.meta, &run.events).is_empty();
        let one_attempt = run
            .events
            .iter()
            .filter_map(mixed)
            .all(|(_, parts)| parts.iter().all(|key| key.attempt == parts[0].attempt));
        let orphan = violated.contains(&Invariant::I1);
        assert!(orphan == inconsistent || orphan && !one_attempt, "{:?} {violated:?}", run.meta.seed);
        torn[0] += u32::from(inconsistent);
        torn[1] += u32::from(violated.contains(&Invariant::I2));
    }
    assert!(torn.iter().all(|seen| *seen > 0), "{torn:?}");
}

#[test]
fn the_header_is_read_as_it_is_written() {
    let run = runs(&chains(), |_| true).next().expect("a region falls back");
    let mut text = Vec::new();
    let mut writer = cutline::trace::json::Writer::new(&mut text, &run.meta).expect("it is written into memory");
    run.events.iter().for_each(|event| writer.event(event).expect("it is written into memory"));
    drop(writer);
    let read = cutline::trace::json::read(&text[..]).expect("it is read");
    assert_eq!((read.meta.regions, read.meta.mode), (Some(RegionLimits::default()), Mode::Regional));
    let meta = read.meta.clone();
    let events: Vec<Event> = read.map(|event| event.expect("a line")).collect();
    assert!(verify(&meta, &events).holds());
    let header = String::from_utf8(text).expect("text");
    let header = header.lines().next().expect("a header");
    let wrong = header.replace("\"max_in_a_row\":2", "\"max_in_a_row\":\"two\"");
    let error = cutline::trace::json::read(wrong.as_bytes()).expect_err("it is no number");
    assert_eq!(error.more.code, "T0105");
}
