//! From a closed scenario to the tables that a world and a simulation are made from.

use super::load::Loaded;
use super::spec::*;
use crate::engine::config::{Config, RegionLimits, RestartStrategy};
use crate::engine::message::Wish;
use crate::engine::process::Spawn;
use crate::ids::*;
use crate::sim::setup::{FaultKind, Latency, Pace, Planned, Point, SimSetup, When};
use crate::topology::{Edge, JobGraph, Role, Topology, Vertex};
use crate::world::setup::{Line, Log, Setup};
use std::fmt;
use std::sync::Arc;

/// Finds a protocol by its name.
pub type Protocols<'a> = &'a dyn Fn(&str) -> Option<Spawn>;

/// What a run is made from.
#[derive(Clone)]
pub struct Built {
    /// For the world.
    pub setup: Setup,
    /// For the random simulation.
    pub sim: SimSetup,
}

/// Why a scenario can't be built. Scenarios that were checked when they were loaded and then drawn always can;
/// one that was changed since may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// This field is still open: draw first.
    Open(&'static str),
    /// There is no such protocol.
    Protocol(String),
    /// There is no such vertex.
    Vertex(String),
    /// There is no such process.
    Process(String),
    /// There is no such channel.
    Link(String),
    /// There is no such host.
    Host(u32),
    /// This text was not loaded.
    Text(String),
    /// A forward edge into this vertex joins vertices of unequal parallelism.
    Forward(String),
    /// A vertex must be source, sink or something in between; this one is two of them.
    Role(String),
    /// A fault must have exactly one time.
    Time,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Open(field) => write!(f, "`{field}` is still open"),
            BuildError::Protocol(name) => write!(f, "no protocol is called `{name}`"),
            BuildError::Vertex(name) => write!(f, "no vertex is called `{name}`"),
            BuildError::Process(name) => write!(f, "no process is called `{name}`"),
            BuildError::Link(name) => write!(f, "no channel is called `{name}`"),
            BuildError::Host(host) => write!(f, "there is no host {host}"),
            BuildError::Text(file) => write!(f, "the text `{file}` was not loaded"),
            BuildError::Forward(name) => write!(f, "a forward edge into `{name}` joins unequal parallelism"),
            BuildError::Role(name) => write!(f, "`{name}` is both source and sink"),
            BuildError::Time => write!(f, "a fault needs exactly one of `at_ms`, `at_us` and `after`"),
        }
    }
}

impl std::error::Error for BuildError {}

type Result<T> = std::result::Result<T, BuildError>;

/// Builds a closed scenario. `loaded` holds its texts, and the tables of the job where they are always the same.
pub fn build(closed: &Scenario, loaded: &Loaded, protocols: Protocols) -> Result<Built> {
    let spawn = protocols(&closed.protocol).ok_or_else(|| BuildError::Protocol(closed.protocol.clone()))?;
    let topology = topology(closed, loaded)?;
    let (logs, pace) = sources(closed, loaded)?;
    let timeout = closed.transaction_timeout_ms.as_ref();
    let setup = Setup {
        name: closed.name.clone().unwrap_or_else(|| loaded.name.clone()),
        config: Arc::new(config(&closed.checkpoints)?),
        spawn,
        guarantee: closed.guarantee,
        logs,
        hosts: hosts(closed, &topology)?,
        transaction_timeout: timeout.map(|timeout| ms(timeout, "transaction_timeout_ms")).transpose()?,
        remember: false,
        instant: false,
        healed_events_max: closed.sim.settle_events_max.ok_or(BuildError::Open("sim.settle_events_max"))?,
        topology,
    };
    let sim = sim(closed, &setup.topology, pace)?;
    Ok(Built { setup, sim })
}

/// The number of a closed field.
fn fixed<const MIN: u64, const MAX: u64>(open: &Open<MIN, MAX>, field: &'static str) -> Result<u64> {
    open.fixed().ok_or(BuildError::Open(field))
}

fn small<const MIN: u64, const MAX: u64>(open: &Open<MIN, MAX>, field: &'static str) -> Result<u32> {
    Ok(u32::try_from(fixed(open, field)?).unwrap_or(u32::MAX))
}

fn ms<const MIN: u64, const MAX: u64>(open: &Open<MIN, MAX>, field: &'static str) -> Result<Nanos> {
    Ok(Nanos(fixed(open, field)?.saturating_mul(1_000_000)))
}

fn us<const MIN: u64, const MAX: u64>(open: &Open<MIN, MAX>, field: &'static str) -> Result<Nanos> {
    Ok(Nanos(fixed(open, field)?.saturating_mul(1000)))
}

fn config(c: &Checkpoints) -> Result<Config> {
    let restart = match &c.restart {
        Restart::None => RestartStrategy::None,
        Restart::Fixed { attempts, delay_ms } => {
            let delay = ms(delay_ms, "checkpoints.restart.fixed.delay_ms")?;
            RestartStrategy::Fixed { attempts: small(attempts, "checkpoints.restart.fixed.attempts")?, delay }
        }
        Restart::Exponential { first_ms, max_ms } => RestartStrategy::Exponential {
            first: ms(first_ms, "checkpoints.restart.exponential.first_ms")?,
            max: ms(max_ms, "checkpoints.restart.exponential.max_ms")?,
        },
    };
    let regions = match &c.regions {
        None => RegionLimits::default(),
        Some(RegionSpec { max_failed_percent, max_in_a_row }) => RegionLimits {
            max_failed_percent: small(max_failed_percent, "checkpoints.regions.max_failed_percent")?,
            max_in_a_row: small(max_in_a_row, "checkpoints.regions.max_in_a_row")?,
        },
    };
    let max_concurrent = c.max_concurrent.as_ref().ok_or(BuildError::Open("checkpoints.max_concurrent"))?;
    Ok(Config {
        mode: c.mode.fixed().ok_or(BuildError::Open("checkpoints.mode"))?,
        alignment_timeout: ms(&c.alignment_timeout_ms, "checkpoints.alignment_timeout_ms")?,
        interval: ms(&c.interval_ms, "checkpoints.interval_ms")?,
        min_pause: ms(&c.min_pause_ms, "checkpoints.min_pause_ms")?,
        max_concurrent: small(max_concurrent, "checkpoints.max_concurrent")?,
        timeout: ms(&c.timeout_ms, "checkpoints.timeout_ms")?,
        tolerable_failures: small(&c.tolerable_failures, "checkpoints.tolerable_failures")?,
        retain: small(&c.retain, "checkpoints.retain")?,
        restart,
        retry: ms(&c.retry_ms, "checkpoints.retry_ms")?,
        checkpoint_after_end: c
            .checkpoint_after_end
            .fixed()
            .ok_or(BuildError::Open("checkpoints.checkpoint_after_end"))?,
        regions,
        ignore_expired: c.ignore_expired.fixed().ok_or(BuildError::Open("checkpoints.ignore_expired"))?,
    })
}

/// The tables of the job: those of the last build, if it was the same job.
fn topology(closed: &Scenario, loaded: &Loaded) -> Result<Arc<Topology>> {
    let graph = graph(closed)?;
    match loaded.topology.get() {
        Some(known) if known.graph == graph => Ok(known.clone()),
        known => {
            let built = Arc::new(Topology::build(graph));
            if known.is_none() {
                let _ = loaded.topology.set(built.clone()); // another thread may have been faster: as good
            }
            Ok(built)
        }
    }
}

/// How many regions the job has, with the most subtasks that it can have. None: it can't be built.
pub fn regions(scenario: &Scenario) -> Option<u64> {
    let mut most = scenario.clone();
    for vertex in &mut most.job.vertices {
        vertex.parallelism = Open::Fixed(vertex.parallelism.most());
    }
    let regions = Topology::build(graph(&super::draw(&most, 0)).ok()?).regions();
    regions.into_iter().max().map(|last| u64::from(last) + 1)
}

fn graph(closed: &Scenario) -> Result<JobGraph> {
    let specs = &closed.job.vertices;
    let mut graph = JobGraph { vertices: Vec::with_capacity(specs.len()), edges: Vec::with_capacity(specs.len() + 2) };
    for (v, spec) in specs.iter().enumerate() {
        let role = match (&spec.source, spec.sink) {
            (Some(_), Some(_)) => return Err(BuildError::Role(spec.id.clone())),
            (Some(source), None) => Role::Source { kind: source.kind, partitions: partitions(source)? },
            (None, Some(sink)) => Role::Sink(sink),
            (None, None) => Role::Inner,
        };
        let parallelism = small(&spec.parallelism, "job.vertices.parallelism")?;
        graph.vertices.push(Vertex { name: spec.id.clone(), role, chain: spec.operators.clone(), parallelism });
        for input in &spec.inputs {
            let from = specs.iter().position(|other| other.id == input.from);
            let from = from.ok_or_else(|| BuildError::Vertex(input.from.clone()))?;
            if input.by == Partitioning::Forward && specs[from].parallelism != spec.parallelism {
                return Err(BuildError::Forward(spec.id.clone()));
            }
            let capacity = small(input.capacity.as_ref().unwrap_or(&closed.job.capacity), "capacity")?;
            let (from, to) = (VertexId(from as u32), VertexId(v as u32));
            graph.edges.push(Edge { from, to, partitioning: input.by, capacity, fifo: input.fifo });
        }
    }
    Ok(graph)
}

fn partitions(source: &SourceSpec) -> Result<u32> {
    let partitions = source.partitions.as_ref().ok_or(BuildError::Open("source.partitions"))?;
    small(partitions, "source.partitions")
}

fn hosts(closed: &Scenario, topology: &Topology) -> Result<Vec<HostId>> {
    let count = small(&closed.job.hosts, "job.hosts")?.max(1);
    let mut hosts = Vec::with_capacity(topology.len());
    for (n, subtask) in topology.subtasks.iter().enumerate() {
        let host = match &closed.job.vertices[subtask.vertex.index()].on_hosts {
            Some(list) if !list.is_empty() => list[subtask.index as usize % list.len()],
            _ => n as u32 % count,
        };
        if host >= count {
            return Err(BuildError::Host(host));
        }
        hosts.push(HostId(host));
    }
    Ok(hosts)
}

/// The content and the pace of every partition.
fn sources(closed: &Scenario, loaded: &Loaded) -> Result<(Vec<Log>, Vec<Pace>)> {
    let (mut logs, mut paces) = (Vec::new(), Vec::new());
    for source in closed.job.vertices.iter().filter_map(|v| v.source.as_ref()) {
        let count = partitions(source)?;
        let pace = source.pace.as_ref().unwrap_or(&closed.sim.pace);
        let pace = Pace { batch: small(&pace.batch, "pace.batch")?, pause: us(&pace.pause_us, "pace.pause_us")? };
        let filled: Vec<u32> = (0..count).filter(|p| !source.empty.contains(p)).collect();
        for p in 0..count {
            let place = filled.iter().position(|f| *f == p);
            logs.push(match (&source.data, place) {
                (Data::Files { files, json, .. }, Some(_)) => file(files, p, json, loaded)?,
                (data, place) => log(data, place, filled.len(), loaded)?,
            });
            let factor = match &source.slow {
                Some(slow) if slow.partitions.contains(&p) => fixed(&slow.factor, "source.slow.factor")?,
                _ => 1,
            };
            paces.push(Pace { batch: pace.batch, pause: Nanos(pace.pause.0.saturating_mul(factor)) });
        }
    }
    Ok((logs, paces))
}

/// The content of a partition that is a file.
fn file(files: &[String], partition: u32, json: &Option<JsonSpec>, loaded: &Loaded) -> Result<Log> {
    let name = files.get(partition as usize).cloned().unwrap_or_default();
    loaded.files.get(&(name.clone(), json.clone())).cloned().ok_or(BuildError::Text(name))
}

/// What the partition gets that has this place among those that aren't empty.
fn log(data: &Data, place: Option<usize>, of: usize, loaded: &Loaded) -> Result<Log> {
    match data {
        Data::Numbers { records, keys, values, skew_tenths, salt } => {
            let (all, of) = (fixed(records, "data.records")?, of as u64);
            let records = place.map_or(0, |place| all / of + u64::from((place as u64) < all % of));
            Ok(Log::Numbers {
                records,
                keys: fixed(keys, "data.keys")?.max(1),
                values: fixed(values, "data.values")?.max(1),
                skew_tenths: fixed(skew_tenths, "data.skew_tenths")?,
                salt: fixed(salt.as_ref().ok_or(BuildError::Open("data.salt"))?, "data.salt")?,
            })
        }
        Data::Text { text, lines, skip } => {
            let all = loaded.texts.get(text).ok_or_else(|| BuildError::Text(text.clone()))?;
            let lines = lines.as_ref().map(|lines| fixed(lines, "data.lines")).transpose()?;
            let skip = skip.as_ref().map(|skip| fixed(skip, "data.skip")).transpose()?.unwrap_or(0) as usize;
            let take = lines.map_or(all.len(), |lines| all.len().min(lines as usize));
            let Some(place) = place.filter(|_| !all.is_empty()) else { return Ok(Log::Lines(Arc::new([]))) };
            // The text is a ring, so that every place to begin is as good as another.
            Ok(Log::Lines((place..take).step_by(of).map(|i| all[(skip % all.len() + i) % all.len()].clone()).collect()))
        }
        Data::Files { .. } => Ok(Log::Lines(Arc::new([]))), // a partition that is to be empty
        Data::Inline { inline } => {
            let Some(place) = place else { return Ok(Log::Lines(Arc::new([]))) };
            Ok(Log::Lines(inline.iter().skip(place).step_by(of).map(|line| Line::from(line.as_str())).collect()))
        }
    }
}

fn sim(closed: &Scenario, topology: &Topology, pace: Vec<Pace>) -> Result<SimSetup> {
    let s = &closed.sim;
    let mut link_factors = Vec::new();
    if !s.slower.is_empty() {
        link_factors.resize(topology.channels.len(), 1);
        for (name, factor) in &s.slower {
            link_factors[channel(topology, name)?.index()] = *factor;
        }
    }
    let hosts = small(&closed.job.hosts, "job.hosts")?.max(1);
    let heal_at = s.heal_at_ms.as_ref().ok_or(BuildError::Open("sim.heal_at_ms"))?;
    if fixed(&closed.faults.count, "faults.count")? > 0 {
        return Err(BuildError::Open("faults.count"));
    }
    Ok(SimSetup {
        link: latency(&s.link)?,
        link_factors,
        control: latency(&s.control)?,
        store: latency(&s.store)?,
        ledger: latency(&s.ledger)?,
        detect: latency(&s.detect)?,
        revive: latency(&s.revive)?,
        pace,
        faults: closed.faults.script.iter().map(|entry| planned(topology, hosts, entry)).collect::<Result<_>>()?,
        heal_at: ms(heal_at, "sim.heal_at_ms")?,
        max_steps: s.max_steps,
    })
}

fn latency(delay: &Delay) -> Result<Latency> {
    let (min, max) = (us(&delay.min_us, "delay.min_us")?, us(&delay.max_us, "delay.max_us")?);
    let max = max.max(min);
    Ok(match small(&delay.one_in, "delay.one_in")? {
        0 => Latency::Uniform { min, max },
        one_in => Latency::Tail { min, max, one_in },
    })
}

fn planned(topology: &Topology, hosts: u32, entry: &Entry) -> Result<Planned> {
    let when = match (&entry.at_ms, &entry.at_us, &entry.after) {
        (Some(at), None, None) => When::At(ms(at, "faults.script.at_ms")?),
        (None, Some(at), None) => When::At(us(at, "faults.script.at_us")?),
        (None, None, Some(after)) => When::After(Point {
            what: after.event,
            process: after.process.as_ref().map(|name| process(topology, name)).transpose()?,
            checkpoint: after
                .checkpoint
                .as_ref()
                .map(|c| Ok(CheckpointId(fixed(c, "faults.script.after.checkpoint")?)))
                .transpose()?,
            nth: small(&after.nth, "faults.script.after.nth")?,
        }),
        _ => return Err(BuildError::Time),
    };
    let lasting = match entry.what.lasting() {
        Some(lasting) => ms(lasting, "faults.script.do.for_ms")?,
        None => Nanos(0),
    };
    let host = |host: u32| if host < hosts { Ok(HostId(host)) } else { Err(BuildError::Host(host)) };
    let times = |count: &Times| small(count, "faults.script.do.count");
    let what = match &entry.what {
        Do::Crash(name) => FaultKind::CrashTask(subtask(topology, name)?),
        Do::CrashHost(n) => FaultKind::CrashHost(host(*n)?),
        Do::Tear { process: name, keep } => {
            let task = process(topology, name)?;
            if task > topology.coordinator() {
                return Err(BuildError::Process(name.clone()));
            }
            FaultKind::Tear { task, keep: small(keep, "faults.script.do.tear.keep")? }
        }
        Do::CrashCoordinator => FaultKind::CrashCoordinator,
        Do::Failover => FaultKind::Failover,
        Do::Suspect(name) => FaultKind::Suspect(subtask(topology, name)?),
        Do::PauseHost { host: n, .. } => FaultKind::PauseHost { host: host(*n)?, lasting },
        Do::Stall { process, .. } => FaultKind::Stall { task: subtask(topology, process)?, lasting },
        Do::PauseLink { link, .. } => FaultKind::PauseLink { channel: channel(topology, link)?, lasting },
        Do::SlowLink { link, factor, .. } => {
            let factor = small(factor, "faults.script.do.slow_link.factor")?;
            FaultKind::SlowLink { channel: channel(topology, link)?, factor, lasting }
        }
        Do::DelayControl { process, .. } => FaultKind::DelayControl { task: subtask(topology, process)?, lasting },
        Do::LoseControl { process, count } => {
            FaultKind::LoseControl { task: subtask(topology, process)?, count: times(count)? }
        }
        Do::FailRequests { count } => FaultKind::FailRequests { count: times(count)? },
        Do::LoseReplies { count } => FaultKind::LoseReplies { count: times(count)? },
        Do::PauseStore { .. } => FaultKind::PauseStore { lasting },
        Do::StoreFull { .. } => FaultKind::StoreFull { lasting },
        Do::Checkpoint => FaultKind::Wish(Wish::Checkpoint),
        Do::Stop => FaultKind::Wish(Wish::StopWithSavepoint),
        Do::Savepoint => FaultKind::Wish(Wish::Savepoint),
    };
    Ok(Planned { when, what })
}

/// The subtask of a name such as `map/1`.
fn subtask(topology: &Topology, name: &str) -> Result<TaskId> {
    find_subtask(topology, name).ok_or_else(|| BuildError::Process(name.to_string()))
}

fn find_subtask(topology: &Topology, name: &str) -> Option<TaskId> {
    let (vertex, index) = name.rsplit_once('/')?;
    let v = topology.graph.vertices.iter().position(|v| v.name == vertex)?;
    let index: u32 = index.parse().ok()?;
    (index < topology.graph.vertices[v].parallelism).then(|| TaskId(topology.first[v].0 + index))
}

/// The process of a name: a subtask, `coordinator`, `store` or `ledger/out`.
fn process(topology: &Topology, name: &str) -> Result<TaskId> {
    let ledger = || {
        let vertex = name.strip_prefix("ledger/")?;
        let v = topology.graph.vertices.iter().position(|v| v.name == vertex)?;
        Some(topology.ledger(VertexId(v as u32)))
    };
    match name {
        "coordinator" => Ok(topology.coordinator()),
        "store" => Ok(topology.store()),
        _ => ledger().map_or_else(|| subtask(topology, name), Ok),
    }
}

/// The channel of a name: `src/0>map/1`, or `src/0>map/1#1` where the same two subtasks have several.
fn channel(topology: &Topology, name: &str) -> Result<ChannelId> {
    let found = || {
        let (from, to) = name.split_once('>')?;
        let (to, side) = match to.split_once('#') {
            Some((to, side)) => (to, Some(side.parse::<u32>().ok()?)),
            None => (to, None),
        };
        let (from, to) = (find_subtask(topology, from)?, find_subtask(topology, to)?);
        let outputs = topology.subtasks[from.index()].outputs.iter();
        let mut twins = outputs.map(|c| (*c, &topology.channels[c.index()])).filter(|(_, c)| c.to == to);
        twins.find(|(_, c)| side.is_none_or(|side| c.side == side)).map(|(id, _)| id)
    };
    found().ok_or_else(|| BuildError::Link(name.to_string()))
}
