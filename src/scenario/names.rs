//! The names of subtasks, channels and hosts of a closed scenario, without building its tables.

use super::spec::*;
use crate::dice::Dice;
use std::fmt::Write;

/// How many of what a closed job has.
pub(super) struct Places<'a> {
    job: &'a Job,
    /// Subtasks, over all vertices.
    pub subtasks: u64,
    /// Channels, over all edges.
    pub channels: u64,
    /// Hosts.
    pub hosts: u64,
}

impl<'a> Places<'a> {
    pub fn new(job: &'a Job) -> Self {
        let subtasks = job.vertices.iter().map(|v| v.parallelism.least()).sum();
        let mut places = Places { job, subtasks, channels: 0, hosts: job.hosts.least().max(1) };
        places.channels = places.edges().map(|(from, input, to)| width(from, input, to)).sum();
        places
    }

    /// Edges in the order of the topology: by receiver, then by input side. Dangling ones are left out.
    fn edges(&self) -> impl Iterator<Item = (&'a VertexSpec, &'a InputSpec, &'a VertexSpec)> + use<'a> {
        let vertices = &self.job.vertices;
        vertices.iter().flat_map(move |to| {
            to.inputs.iter().filter_map(move |input| Some((vertices.iter().find(|v| v.id == input.from)?, input, to)))
        })
    }

    /// The name of the n-th subtask.
    pub fn subtask(&self, mut n: u64) -> String {
        for vertex in &self.job.vertices {
            let here = vertex.parallelism.least();
            if n < here {
                return joined(&vertex.id, n);
            }
            n -= here;
        }
        String::new()
    }

    /// The name of the n-th channel.
    pub fn channel(&self, mut n: u64) -> String {
        for (from, input, to) in self.edges() {
            let here = width(from, input, to);
            if n >= here {
                n -= here;
                continue;
            }
            let (i, j) = match input.by {
                Partitioning::Forward => (n, n),
                _ => (n / to.parallelism.least(), n % to.parallelism.least()),
            };
            let mut name = String::with_capacity(from.id.len() + to.id.len() + 12);
            let _ = write!(name, "{}/{i}>{}/{j}", from.id, to.id);
            let joins = |other: &&InputSpec| other.from == from.id && (other.by != Partitioning::Forward || i == j);
            if to.inputs.iter().filter(joins).count() > 1 {
                let side = to.inputs.iter().position(|other| std::ptr::eq(other, input)).unwrap_or(0);
                let _ = write!(name, "#{side}");
            }
            return name;
        }
        String::new()
    }

    /// The name of some subtask.
    pub fn any_subtask(&self, dice: &mut Dice) -> String {
        self.subtask(dice.below(self.subtasks))
    }

    /// Can this event happen at this subtask?
    pub fn happens_at(&self, event: PointKind, subtask: &str) -> bool {
        let id = subtask.rsplit_once('/').map_or(subtask, |(id, _)| id);
        self.job.vertices.iter().find(|v| v.id == id).is_some_and(|v| match event {
            PointKind::BarIn => v.source.is_none(),
            PointKind::EndOut => v.sink.is_none(),
            _ => true,
        })
    }

    /// Does some sink write transactions?
    pub fn transactions(&self) -> bool {
        self.job.vertices.iter().any(|v| v.sink == Some(SinkKind::TwoPhase))
    }
}

impl Scenario {
    /// The names of all channels of a closed scenario, in the order of the topology.
    pub fn channels(&self) -> Vec<String> {
        let places = Places::new(&self.job);
        (0..places.channels).map(|n| places.channel(n)).collect()
    }

    /// Takes out of a closed scenario what names a process, a channel or a host that its job doesn't have.
    pub fn drop_dangling(&mut self) {
        let places = Places::new(&self.job);
        let subtasks: Vec<String> = (0..places.subtasks).map(|n| places.subtask(n)).collect();
        let hosts = places.hosts;
        let channels = self.channels();
        let service = |name: &str| name == "coordinator" || name == "store";
        let vertices: Vec<&str> = self.job.vertices.iter().map(|v| v.id.as_str()).collect();
        let ledger = |name: &str| name.strip_prefix("ledger/").is_some_and(|id| vertices.contains(&id));
        let known = |name: &String| subtasks.contains(name) || service(name) || ledger(name);
        self.faults.script.retain(|entry| {
            let there = entry.after.as_ref().and_then(|after| after.process.as_ref()).is_none_or(known);
            there
                && match &entry.what {
                    Do::Crash(process) | Do::Suspect(process) => known(process),
                    Do::Tear { process, .. }
                    | Do::Stall { process, .. }
                    | Do::DelayControl { process, .. }
                    | Do::LoseControl { process, .. } => known(process),
                    Do::PauseLink { link, .. } | Do::SlowLink { link, .. } => channels.contains(link),
                    Do::CrashHost(host) | Do::PauseHost { host, .. } => u64::from(*host) < hosts,
                    _ => true,
                }
        });
        self.sim.slower.retain(|name, _| channels.contains(name));
    }
}

fn joined(id: &str, n: u64) -> String {
    let mut name = String::with_capacity(id.len() + 4);
    let _ = write!(name, "{id}/{n}");
    name
}

fn width(from: &VertexSpec, input: &InputSpec, to: &VertexSpec) -> u64 {
    match input.by {
        Partitioning::Forward => from.parallelism.least(),
        _ => from.parallelism.least() * to.parallelism.least(),
    }
}
