//! One job under many settings: what an interval, a mode and a timeout cost under its load and its failures, beside what
//! interval theory says, and which of them to take.

pub mod flink;
pub mod latency;
pub mod theory;

use crate::compare::{self, Measure, Way};
use crate::scenario::open::Open;
use crate::scenario::rate::crash_every;
use crate::scenario::spec::SinkKind;
use crate::scenario::{Loaded, Scenario, draw};
use flink::Flink;
use latency::{Latency, latency};

/// Longer than any run: as good as no checkpoints but the last one.
const NEVER_MS: u64 = 3_600_000;

/// Settings that are tried.
#[derive(Clone, Copy)]
pub struct Setting {
    /// The protocol.
    pub way: &'static Way,
    /// From trigger to trigger, in milliseconds.
    pub interval_ms: u64,
    /// How long an alignment may take before barriers overtake, where they may.
    pub alignment_timeout_ms: Option<u64>,
}

/// The job and what goes wrong with it.
pub struct Load<'a> {
    /// The scenario.
    pub loaded: &'a Loaded,
    /// The seeds.
    pub seeds: &'a [u64],
    /// Crashes of subtasks at random, as often as this on average; none: the scenario's own faults.
    pub mtbf_ms: Option<u64>,
    /// Settings that stay the same.
    pub fixed: &'a Flink,
}

/// What came of one setting: sums over all seeds.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// Of the protocol.
    pub measure: Measure,
    /// Of the output.
    pub latency: Latency,
    /// Claims that weren't kept, with the seed; empty, or something is wrong with the engine or the scenario.
    pub broken: Vec<(u64, String)>,
}

/// What came of one setting, without and with failures.
pub struct Point {
    /// The setting.
    pub setting: Setting,
    /// With nothing going wrong.
    pub calm: Sums,
    /// With failures.
    pub rough: Sums,
}

/// What came of all of them.
pub struct Sweep {
    /// One for each setting, in their order.
    pub points: Vec<Point>,
    /// Without checkpoints and failures, for each way that is among them: name and time until all was read.
    pub bare: Vec<(&'static str, u64)>,
    /// Is all output transactional, so that it waits for checkpoints?
    pub transactional: bool,
    /// At least so long between a completion and the next trigger, in nanoseconds.
    pub min_pause: f64,
}

impl Load<'_> {
    /// Tries them all. An error is one of ours.
    pub fn sweep(&self, settings: &[Setting]) -> Result<Sweep, String> {
        let closed: Vec<(u64, Scenario)> =
            self.seeds.iter().map(|seed| (*seed, draw(&self.loaded.scenario, *seed))).collect();
        let (mut points, mut bare) = (Vec::new(), Vec::<(&'static str, u64)>::new());
        for setting in settings {
            if bare.iter().all(|(name, _)| *name != setting.way.name) {
                let never = Setting { interval_ms: NEVER_MS, ..*setting };
                bare.push((setting.way.name, self.sums(&closed, &never, true)?.latency.work));
            }
            let calm = self.sums(&closed, setting, true)?;
            let rough = self.sums(&closed, setting, false)?;
            points.push(Point { setting: *setting, calm, rough });
        }
        let sinks: Vec<SinkKind> = self.loaded.scenario.job.vertices.iter().filter_map(|v| v.sink).collect();
        let min_pause = self.fixed.min_pause_ms.unwrap_or(0) as f64 * 1e6;
        Ok(Sweep { points, bare, transactional: sinks.iter().all(|sink| *sink == SinkKind::TwoPhase), min_pause })
    }

    fn plan(&self, closed: &Scenario, seed: u64, setting: &Setting, calm: bool) -> Scenario {
        let mut plan = setting.way.of(closed);
        let (checkpoints, fixed) = (&mut plan.checkpoints, self.fixed);
        checkpoints.interval_ms = Open::Fixed(setting.interval_ms);
        if let Some(ms) = setting.alignment_timeout_ms {
            checkpoints.alignment_timeout_ms = Open::Fixed(ms);
        }
        checkpoints.min_pause_ms = Open::Fixed(fixed.min_pause_ms.unwrap_or(0).min(NEVER_MS));
        if let Some(ms) = fixed.timeout_ms {
            checkpoints.timeout_ms = Open::Fixed(ms.min(NEVER_MS));
        }
        if let Some(failures) = fixed.tolerable_failures {
            checkpoints.tolerable_failures = Open::Fixed(failures.min(1_000_000));
        }
        if let Some(retain) = fixed.retain {
            checkpoints.retain = Open::Fixed(retain.min(1000));
        }
        match (calm, self.mtbf_ms) {
            (true, _) => plan.faults.script.clear(),
            (false, Some(mtbf)) => crash_every(&mut plan, seed, mtbf),
            (false, None) => {}
        }
        plan
    }

    fn sums(&self, closed: &[(u64, Scenario)], setting: &Setting, calm: bool) -> Result<Sums, String> {
        let mut sums = Sums::default();
        for (seed, closed) in closed {
            let plan = self.plan(closed, *seed, setting, calm);
            let ran = compare::ran(self.loaded, &plan, *seed)?;
            sums.measure.add(&compare::measure(&ran.topology, setting.way.holds, &ran.trace));
            sums.latency.add(&latency(&ran.trace));
            sums.broken.extend(ran.broken.into_iter().map(|what| (*seed, what)));
        }
        Ok(sums)
    }
}

/// A value of a point: what was measured, and the closed form of the same, in nanoseconds or in records; shares are of a
/// million.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Value {
    /// As measured.
    pub measured: Option<f64>,
    /// As theory has it.
    pub form: Option<f64>,
}

/// What is shown of a point.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// From trigger to completion.
    pub duration: Option<f64>,
    /// What a checkpoint takes away from useful work: the run with checkpoints, less the run without, for each of them.
    pub cost: Option<f64>,
    /// Records read again after a failure.
    pub replayed: Value,
    /// From a failure until everybody is restored.
    pub down: Option<f64>,
    /// From a failure until everything has been read again.
    pub recovery: Value,
    /// From a record's reading to its output, without failures.
    pub latency: Value,
    /// The longest, with failures.
    pub worst_latency: Option<f64>,
    /// The share of the time that is useful, with failures.
    pub useful: Value,
    /// Checkpoints completed in a run without failures, times ten.
    pub checkpoints_tenths: u64,
    /// Mean time between failures, as they came.
    pub mtbf: Option<f64>,
}

fn mean(sum: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum as f64 / count as f64)
}

impl Sweep {
    /// The figures of a point.
    pub fn figures(&self, point: &Point) -> Figures {
        let (calm, rough) = (&point.calm.measure, &point.rough.measure);
        let bare = self.bare.iter().find(|(name, _)| *name == point.setting.way.name).map_or(0, |(_, time)| *time);
        let duration = mean(calm.duration, calm.completed);
        // One at a time: who takes longer than the interval begins again when it is done.
        let interval = point.setting.interval_ms as f64 * 1e6;
        let period = interval.max(duration.map_or(0.0, |duration| duration + self.min_pause));
        // The last checkpoint of a bounded job is in both runs.
        let extra = calm.completed.saturating_sub(calm.runs);
        let (worked, late) = (point.calm.latency.work, point.rough.latency.work);
        let cost = (extra > 0).then(|| worked.saturating_sub(bare) as f64 / extra as f64);
        let age = duration.map(|duration| theory::age(period, duration));
        let rate = (worked > 0).then(|| calm.records as f64 / worked as f64);
        let down = mean(rough.down, rough.recoveries);
        let mtbf = (rough.recoveries > 0).then(|| late as f64 / rough.recoveries as f64);
        let commit = mean(point.calm.latency.commit, point.calm.latency.committed);
        let both = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        let waits = |form: Option<f64>| form.filter(|_| self.transactional);
        let share = |mtbf: f64| Some(theory::useful(period.max(cost?), cost?, mtbf, down?));
        Figures {
            duration,
            cost,
            replayed: Value {
                measured: mean(rough.again.measured, rough.recoveries),
                form: age.zip(rate).map(|(age, rate)| age * rate).filter(|_| rough.recoveries > 0),
            },
            down,
            recovery: Value { measured: mean(rough.behind, rough.caught_up), form: both(down, age) },
            latency: Value {
                measured: mean(point.calm.latency.total, point.calm.latency.seen),
                form: waits(both(age, commit)),
            },
            worst_latency: (point.rough.latency.seen > 0).then_some(point.rough.latency.worst as f64),
            useful: Value {
                measured: (rough.ended == rough.runs && late > 0).then(|| bare as f64 * 1e6 / late as f64),
                form: mtbf.and_then(share).map(|share| share * 1e6),
            },
            checkpoints_tenths: calm.completed * 10 / calm.runs.max(1),
            mtbf,
        }
    }

    /// The best of the points that keep the mean latency within `limit` (nanoseconds): the one with the most useful time,
    /// and of equals the first one.
    pub fn best(&self, limit: Option<f64>) -> Option<&Point> {
        let fits = |figures: &Figures| match (limit, figures.latency.measured) {
            (Some(limit), Some(latency)) => latency <= limit,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let mut best: Option<(&Point, f64)> = None;
        for point in self.points.iter().filter(|point| point.rough.broken.is_empty() && point.calm.broken.is_empty()) {
            let figures = self.figures(point);
            if let Some(useful) = figures.useful.measured.filter(|_| fits(&figures))
                && best.is_none_or(|(_, known)| useful > known)
            {
                best = Some((point, useful));
            }
        }
        best.map(|(point, _)| point)
    }
}
