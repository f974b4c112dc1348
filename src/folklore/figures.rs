//! Quantities that articles get wrong, taken from traces.

use super::Figures;
use super::lab::{Lab, Seen};
use crate::scenario::spec::{Open, SinkKind, SourceKind};
use crate::trace::event::{Event, Kind, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// An hour.
const HOUR: u64 = 3_600_000_000_000;
/// Intervals that are tried, in milliseconds.
const INTERVALS: [u64; 5] = [10, 20, 40, 80, 160];

fn mean(sum: u64, of: u64) -> String {
    let tenths = sum * 10 / of.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// X9: restored states are right, and some states can't be told from others by what was emitted.
pub(super) fn inverse(lab: &Lab) -> Result<Figures, String> {
    let (mut restored, mut bad) = (0u64, 0u64);
    lab.each("engine", |seen| {
        let based = |event: &&Event| matches!(event.kind, Kind::Restore { base: Some(_), .. });
        restored += seen.trace.iter().filter(based).count() as u64;
        bad += seen.violated() as u64;
    })?;
    let lines = vec![
        "max(1, 3) = max(2, 3) = 3, and {1, 3} is seen again with 1 or with 3: neither operator has an inverse"
            .to_string(),
        format!("{restored} subtasks restored in {} runs; {bad} runs violate anything", lab.seeds.len()),
    ];
    Ok(Figures { so: restored > 0 && bad == 0, lines })
}

/// X10: an hour at an interval of ten minutes.
pub(super) fn interval(lab: &Lab) -> Result<Figures, String> {
    let mut counts = BTreeSet::new();
    lab.each("engine", |seen| {
        let in_time = |event: &&Event| matches!(event.kind, Kind::Trigger { .. }) && event.time.0 <= HOUR + HOUR / 600;
        counts.insert(seen.trace.iter().filter(in_time).count());
    })?;
    let lines = vec![
        format!("checkpoints in an hour at an interval of 10 min: {counts:?}"),
        "1 h / 10 min = 6 is their number; 6 minutes is no interval of anything".to_string(),
    ];
    Ok(Figures { so: counts == BTreeSet::from([6]), lines })
}

/// From a source's snapshot to the next record that it reads, in microseconds; and how often.
fn stalls(seen: &Seen) -> (u64, u64) {
    let (mut since, mut sum, mut count) = (BTreeMap::new(), 0, 0);
    for event in &seen.trace {
        match event.kind {
            Kind::Snap { .. } => drop(since.insert(event.process, event.time.0)),
            Kind::Read { .. } => {
                if let Some(from) = since.remove(&event.process) {
                    (sum, count) = (sum + (event.time.0 - from) / 1000, count + 1);
                }
            }
            _ => {}
        }
    }
    (sum, count)
}

/// X12: right, and slow.
pub(super) fn standing_still(lab: &Lab) -> Result<Figures, String> {
    let mut lines = Vec::new();
    let (mut means, mut bad) = (Vec::new(), 0u64);
    for protocol in ["stop-the-world", "engine"] {
        let (mut sum, mut count) = (0, 0);
        lab.each(protocol, |seen| {
            let (more, times) = stalls(seen);
            (sum, count) = (sum + more, count + times);
            bad += seen.violated() as u64;
        })?;
        lines.push(format!(
            "{protocol}: {} us from a source's barrier to its next record, of {count}",
            mean(sum, count)
        ));
        means.push(sum / count.max(1));
    }
    lines.push(format!("{bad} of {} runs violate anything", 2 * lab.seeds.len()));
    Ok(Figures { so: means[0] > 2 * means[1] && bad == 0, lines })
}

/// X16: the article's line, and what traces say.
pub(super) fn duration(lab: &Lab) -> Result<Figures, String> {
    let (start, end, said) = (1_576_197_513_000_u64, 1_576_197_514_000_u64, 9_000_u64);
    let (mut checkpoints, mut sum) = (0, 0);
    lab.each("engine", |seen| {
        let mut begun = BTreeMap::new();
        for event in &seen.trace {
            match event.kind {
                Kind::Trigger { checkpoint, .. } => drop(begun.insert(checkpoint, event.time.0)),
                Kind::Complete { checkpoint, outcome: Outcome::Ok, .. } => {
                    let from = begun.get(&checkpoint).copied().unwrap_or(event.time.0);
                    (checkpoints, sum) = (checkpoints + 1, sum + (event.time.0 - from) / 1000);
                }
                _ => {}
            }
        }
    })?;
    let lines = vec![
        format!("{end} - {start} = {} ms, and the line says {said}.0 ms", end - start),
        format!(
            "traces have no durations to get wrong: {checkpoints} checkpoints took {} us each",
            mean(sum, checkpoints)
        ),
    ];
    Ok(Figures { so: end - start != said && checkpoints > 0, lines })
}

fn at(lab: &Lab, interval: u64) -> Lab {
    lab.with(|scenario| scenario.checkpoints.interval_ms = Open::Fixed(interval))
}

/// X19: what is read again after a crash, by interval.
pub(super) fn replayed(lab: &Lab) -> Result<Figures, String> {
    let (mut lines, mut means) = (Vec::new(), Vec::new());
    for interval in INTERVALS {
        let (mut again, mut crashes, mut bad) = (0u64, 0u64, 0u64);
        at(lab, interval).each("engine", |seen| {
            let mut known = BTreeSet::new();
            for event in &seen.trace {
                match &event.kind {
                    Kind::Read { record, .. } => again += !known.insert(record.id) as u64,
                    Kind::Begin { job, outcome: Outcome::Ok, .. } => crashes += (job.0 > 1) as u64,
                    _ => {}
                }
            }
            bad += seen.violated() as u64;
        })?;
        lines.push(format!(
            "every {interval} ms: {} records read again a recovery, of {crashes}; {bad} runs violate anything",
            mean(again, crashes)
        ));
        means.push((again / crashes.max(1), bad));
    }
    let longer = means.first().map(|first| first.0) < means.last().map(|last| last.0);
    Ok(Figures { so: longer && means.iter().all(|(_, bad)| *bad == 0), lines })
}

/// Records that the job should have shown, and those that it did.
fn lost(seen: &Seen) -> (u64, u64) {
    let given: u64 = seen.setup.logs.iter().map(|log| log.len()).sum();
    let shown = seen.trace.iter().filter(|event| matches!(event.kind, Kind::Visible { .. })).count() as u64;
    (given, shown)
}

/// X20: what is lost, by interval and by source.
pub(super) fn loss(lab: &Lab) -> Result<Figures, String> {
    let (mut lines, mut so) = (Vec::new(), true);
    for kind in [SourceKind::Log, SourceKind::Socket] {
        let mut words = Vec::new();
        for interval in INTERVALS {
            let sourced = at(lab, interval).with(|s| {
                s.job.vertices.iter_mut().filter_map(|v| v.source.as_mut()).for_each(|source| source.kind = kind);
            });
            let (mut given, mut shown) = (0, 0);
            sourced.each("engine", |seen| {
                let (all, some) = lost(seen);
                (given, shown) = (given + all, shown + some);
            })?;
            so &= (given == shown) == (kind == SourceKind::Log);
            words.push(format!("{} at {interval} ms", given - shown));
        }
        lines.push(format!("{kind:?}: lost {}", words.join(", ")));
    }
    Ok(Figures { so, lines })
}

/// X21: a source and a sink at a time.
pub(super) fn ends(lab: &Lab) -> Result<Figures, String> {
    let (mut lines, mut so) = (Vec::new(), true);
    for source in [SourceKind::Log, SourceKind::Socket] {
        for sink in [SinkKind::TwoPhase, SinkKind::Print] {
            let job = lab.with(|s| {
                s.job.vertices.iter_mut().filter_map(|v| v.source.as_mut()).for_each(|found| found.kind = source);
                s.job.vertices.iter_mut().filter_map(|v| v.sink.as_mut()).for_each(|found| *found = sink);
            });
            let mut bad = 0;
            job.each("engine", |seen| bad += seen.violated() as u64)?;
            so &= (bad == 0) == (source == SourceKind::Log && sink == SinkKind::TwoPhase);
            lines.push(format!("{source:?} and {sink:?}: {bad} of {} runs aren't exactly once", lab.seeds.len()));
        }
    }
    Ok(Figures { so, lines })
}
