//! A calm scenario: what it doesn't say is not drawn, but has one fixed value each, so that it needs no seed. Shrunk
//! scenarios are calm: what is left in their files is what matters.

use super::draw::draw;
use super::spec::*;
use serde_json::Value;

/// The usual value of a delay, in microseconds.
fn every(us: u64) -> Delay {
    Delay { min_us: Open::Fixed(us), max_us: Open::Fixed(us), one_in: Open::Fixed(0) }
}

impl Checkpoints {
    /// What a calm scenario has where it says nothing.
    pub fn calm() -> Self {
        Checkpoints {
            mode: Pick::Fixed(Mode::Aligned),
            interval_ms: Open::Fixed(3),
            timeout_ms: Open::Fixed(1000),
            alignment_timeout_ms: Open::Fixed(2),
            min_pause_ms: Open::Fixed(0),
            max_concurrent: Some(Open::Fixed(1)),
            tolerable_failures: Open::Fixed(10),
            retain: Open::Fixed(1),
            regions: None,
            restart: Restart::Exponential { first_ms: Open::Fixed(1), max_ms: Open::Fixed(20) },
            retry_ms: Open::Fixed(50),
            checkpoint_after_end: Pick::Fixed(true),
            ignore_expired: Pick::Fixed(false),
        }
    }
}

impl Sim {
    /// What a calm scenario has where it says nothing: no channel is faster than another.
    pub fn calm() -> Self {
        Sim {
            link: every(100),
            control: every(100),
            store: every(100),
            ledger: every(100),
            detect: every(1000),
            revive: every(1000),
            pace: PaceSpec::calm(),
            uneven_tenths: Open::Fixed(0),
            ..Sim::default()
        }
    }
}

impl PaceSpec {
    /// What a calm scenario has where it says nothing.
    pub fn calm() -> Self {
        PaceSpec { batch: Open::Fixed(1), pause_us: Open::Fixed(1000) }
    }
}

impl Job {
    const CALM_HOSTS: Open<1, 256> = Open::Fixed(1);
    const CALM_CAPACITY: Open<1, 100_000> = Open::Fixed(8);
}

impl Data {
    const CALM_KEYS: Open<1, 1_000_000> = Open::Fixed(4);
}

/// `to`, where `field` is as open as it is when a file says nothing.
fn settle<T: PartialEq>(field: &mut T, open: T, to: T) {
    if *field == open {
        *field = to;
    }
}

macro_rules! settle_all {
    ($value:expr, $open:expr, $calm:expr; $($field:ident),*) => {
        $(settle(&mut $value.$field, $open.$field, $calm.$field);)*
    };
}

/// Gives everything that a scenario doesn't say its calm value.
pub(super) fn calm(s: &mut Scenario) {
    settle(&mut s.job.hosts, Job::hosts(), Job::CALM_HOSTS);
    settle(&mut s.job.capacity, Job::capacity(), Job::CALM_CAPACITY);
    settle_all!(s.checkpoints, Checkpoints::default(), Checkpoints::calm();
        interval_ms, timeout_ms, alignment_timeout_ms, min_pause_ms, max_concurrent, tolerable_failures, retain,
        restart, retry_ms);
    settle_all!(s.sim, Sim::default(), Sim::calm();
        link, control, store, ledger, detect, revive, pace, uneven_tenths);
    settle(&mut s.faults.count, Faults::default().count, Open::Fixed(0));
    for source in s.job.vertices.iter_mut().filter_map(|v| v.source.as_mut()) {
        match &mut source.data {
            Data::Numbers { keys, salt, .. } => {
                settle(keys, Data::keys(), Data::CALM_KEYS);
                salt.get_or_insert(Open::Fixed(0));
            }
            Data::Text { skip, .. } => {
                skip.get_or_insert(Open::Fixed(0));
            }
            Data::Files { .. } | Data::Inline { .. } => {}
        }
    }
}

/// A closed scenario as a calm file: without anything that it needn't say. Drawing the file gives the scenario back,
/// whatever the seed.
pub fn terse(closed: &Scenario) -> Value {
    let value = |what: Result<Value, serde_json::Error>| what.unwrap_or(Value::Null);
    let mut s = closed.clone();
    s.calm = true;
    let follows = |open: fn(&mut Sim)| {
        let mut other = s.clone();
        open(&mut other.sim);
        draw(&other, 0).sim == s.sim
    };
    let heal = follows(|sim| (sim.heal_at_ms, sim.settle_events_max) = (None, None));
    let settle = follows(|sim| sim.settle_events_max = None);
    if heal {
        s.sim.heal_at_ms = None;
    }
    if settle {
        s.sim.settle_events_max = None;
    }
    for vertex in &mut s.job.vertices {
        let parallelism = vertex.parallelism.least();
        let Some(source) = &mut vertex.source else { continue };
        if source.partitions == Some(Open::Fixed(parallelism)) {
            source.partitions = None;
        }
        if source.pace.as_ref() == Some(&s.sim.pace) {
            source.pace = None;
        }
        if let Data::Numbers { salt, .. } = &mut source.data
            && *salt == Some(Open::Fixed(0))
        {
            *salt = None;
        }
    }
    let mut file = value(serde_json::to_value(&s));
    drop_same(&mut file["checkpoints"], &value(serde_json::to_value(Checkpoints::calm())));
    drop_same(&mut file["sim"], &value(serde_json::to_value(Sim::calm())));
    drop_same(&mut file["faults"], &serde_json::json!({"count": 0, "lasting_ms": 1}));
    drop_same(&mut file["job"], &serde_json::json!({"hosts": 1, "capacity": 8}));
    for vertex in file["job"]["vertices"].as_array_mut().into_iter().flatten() {
        drop_same(vertex, &serde_json::json!({"parallelism": 1}));
        if let Some(data) = vertex.pointer_mut("/source/data")
            && data.get("records").is_some()
        {
            drop_same(data, &serde_json::json!({"keys": 4, "values": 1000, "skew_tenths": 0}));
        }
    }
    if let Some(file) = file.as_object_mut() {
        file.retain(|_, part| part.as_object().is_none_or(|part| !part.is_empty()));
    }
    file
}

/// Takes out of an object what is the same in the other one. A delay is said in whole or not at all.
fn drop_same(part: &mut Value, usual: &Value) {
    if let (Some(part), Some(usual)) = (part.as_object_mut(), usual.as_object()) {
        part.retain(|key, value| usual.get(key) != Some(value));
    }
}
