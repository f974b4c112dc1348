//! The job graph as plain tables: vertices, subtasks, channels, partitions, key-group ranges.
//!
//! It knows what is connected to what, and nothing of how any of it behaves.

use crate::ids::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Key groups of a job: the unit in which keyed state is assigned to subtasks. A power of two.
pub const KEY_GROUPS: u32 = 128;

/// How barriers are aligned.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A channel whose barrier came is blocked until all have come.
    Aligned,
    /// Barriers are counted, nothing is blocked.
    AtLeastOnce,
    /// The first barrier overtakes; records in flight become channel state.
    Unaligned,
    /// Aligned until a timeout, unaligned from there.
    AlignedThenUnaligned,
    /// Everybody takes checkpoints alone, for protocols that do. A completed checkpoint is a line through them: its parts
    /// may be of different numbers, and what is in flight is in the senders' logs.
    Alone,
    /// Aligned; a region of subtasks that can't take part keeps, in a completed checkpoint, the state that it has in the
    /// one before. Limited by `regions`.
    Regional,
}

/// How much of a checkpoint may be older than itself, in mode `Regional`. A region is what channels connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionLimits {
    /// At most so many of a hundred regions keep an older state.
    pub max_failed_percent: u32,
    /// A region does so at most so many times in a row.
    pub max_in_a_row: u32,
}

impl Default for RegionLimits {
    fn default() -> Self {
        RegionLimits { max_failed_percent: 30, max_in_a_row: 2 }
    }
}

/// One operator of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OperatorKind {
    /// Adds a number to every integer value.
    Map {
        /// What is added.
        add: i64,
    },
    /// One record for each word of a text value; the word becomes the key, the value is 1.
    Words,
    /// Keeps the records whose integer key is not a multiple of `drop_multiples_of`.
    Filter {
        /// Multiples of this are dropped.
        drop_multiples_of: i64,
    },
    /// Emits, for each record, how many of its key have come.
    KeyedCount,
    /// Emits, for each record, the sum of the values of its key.
    KeyedSum,
    /// Emits a record when it raises the maximum of its key.
    KeyedMax,
    /// Emits the first record of each key.
    Distinct,
    /// Emits the sum of the values of a key for every `size` records of it.
    Window {
        /// Records in a window, at least 1.
        size: u32,
    },
    /// Hands records on; two inputs become one.
    Union,
    /// Emits a pair for every left and right record with the same key.
    Join,
    /// Emits, for each record, the pair of the last value of its key and this one: sensitive to order.
    LastValue,
    /// Keeps half of the value on the account of the key, and hands the rest on to the next key: for records that go
    /// round, with the vertex among its own inputs.
    PassOn {
        /// How many accounts, at least 1: after the last comes the first.
        keys: u32,
    },
    /// Adds a number between 0 and 7 that nobody can foresee: a choice, made by the environment.
    Choose,
}

/// What a source does after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A partitioned log that can be read again from any offset.
    Log,
    /// A socket: what was read before a crash is gone.
    Socket,
}

/// How a sink writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    /// Two-phase commit: a transaction a checkpoint, committed when it is complete.
    TwoPhase,
    /// The newest value of each key, overwritten in place.
    Upsert,
    /// Every record at once.
    Print,
}

/// What stands at the ends of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Role {
    /// Reads partitions.
    Source {
        /// What kind.
        kind: SourceKind,
        /// How many partitions, spread over the subtasks in turn.
        partitions: u32,
    },
    /// Takes records and gives records.
    Inner,
    /// Writes to the outside.
    Sink(SinkKind),
}

/// Which subtask of the receiving vertex gets a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Partitioning {
    /// Subtask i to subtask i; both vertices have the same parallelism.
    Forward,
    /// By key group.
    Hash,
    /// In turn. The position is part of the operator state.
    Rebalance,
    /// All of them.
    Broadcast,
}

/// One operator chain with its parallelism.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vertex {
    /// Its name; subtasks are called `name/index`.
    pub name: String,
    /// Source, inner or sink.
    pub role: Role,
    /// The operators, first to last.
    pub chain: Vec<OperatorKind>,
    /// How many subtasks.
    pub parallelism: u32,
}

/// A connection between two vertices.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// The sender.
    pub from: VertexId,
    /// The receiver.
    pub to: VertexId,
    /// Who gets what.
    pub partitioning: Partitioning,
    /// How many elements a channel holds before its sender is stopped.
    pub capacity: u32,
    /// First in, first out? Otherwise what was sent later may be taken earlier, all but the end.
    #[serde(default = "fifo", skip_serializing_if = "Clone::clone")]
    pub fifo: bool,
}

/// What channels are where nobody says otherwise.
fn fifo() -> bool {
    true
}

/// What a topology is built from: what a scenario file and a trace header say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobGraph {
    /// The vertices.
    pub vertices: Vec<Vertex>,
    /// The edges. The order of the edges into a vertex is the order of its input sides.
    pub edges: Vec<Edge>,
}

/// A subtask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtask {
    /// Its vertex.
    pub vertex: VertexId,
    /// Its index in the vertex.
    pub index: u32,
    /// Its input channels, by input index.
    pub inputs: Vec<ChannelId>,
    /// Its output channels, by output index.
    pub outputs: Vec<ChannelId>,
    /// Its outputs by edge.
    pub routes: Vec<Route>,
    /// The partitions that it reads.
    pub partitions: Vec<PartitionId>,
}

/// The output channels of one subtask that belong to one edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Who gets what.
    pub partitioning: Partitioning,
    /// The first of them, an index into the outputs.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// A channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The sender.
    pub from: TaskId,
    /// The receiver.
    pub to: TaskId,
    /// The position among the receiver's inputs.
    pub input: InputIndex,
    /// The position among the sender's outputs.
    pub output: u32,
    /// Which input side of the receiver's vertex: 0 for its first edge.
    pub side: u32,
    /// How many elements it holds before the sender is stopped.
    pub capacity: u32,
    /// First in, first out?
    pub fifo: bool,
}

/// All tables of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// What it was built from.
    pub graph: JobGraph,
    /// The subtasks; a subtask's `TaskId` is its index here.
    pub subtasks: Vec<Subtask>,
    /// The channels.
    pub channels: Arc<[Channel]>,
    /// The first subtask of each vertex.
    pub first: Vec<TaskId>,
    /// How many partitions all sources have together.
    pub partitions: u32,
}

impl Topology {
    /// Builds the tables. The graph must be valid: edges name existing vertices, forward edges join equal
    /// parallelism. A cycle does no harm here; but jobs of the engine have none.
    pub fn build(graph: JobGraph) -> Self {
        let mut first = Vec::new();
        let mut subtasks = Vec::new();
        let mut partitions = 0;
        for (v, vertex) in graph.vertices.iter().enumerate() {
            first.push(TaskId(subtasks.len() as u32));
            for index in 0..vertex.parallelism {
                let own = match vertex.role {
                    Role::Source { partitions: n, .. } => (0..n)
                        .filter(|p| p % vertex.parallelism == index)
                        .map(|p| PartitionId(partitions + p))
                        .collect(),
                    _ => Vec::new(),
                };
                subtasks.push(Subtask {
                    vertex: VertexId(v as u32),
                    index,
                    inputs: Vec::new(),
                    outputs: Vec::new(),
                    routes: Vec::new(),
                    partitions: own,
                });
            }
            if let Role::Source { partitions: n, .. } = vertex.role {
                partitions += n;
            }
        }
        let mut topology = Topology { graph, subtasks, channels: Arc::new([]), first, partitions };
        topology.connect();
        topology
    }

    fn connect(&mut self) {
        let edges = self.graph.edges.clone();
        let mut channels = Vec::new();
        let mut sides = vec![0; self.graph.vertices.len()];
        for edge in &edges {
            let side = sides[edge.to.index()];
            sides[edge.to.index()] += 1;
            let (senders, receivers) = (self.subtasks_of(edge.from), self.subtasks_of(edge.to));
            for (i, from) in senders.enumerate() {
                let targets = match edge.partitioning {
                    Partitioning::Forward => receivers.start + i as u32..receivers.start + i as u32 + 1,
                    _ => receivers.clone(),
                };
                let first = self.subtasks[from as usize].outputs.len() as u32;
                let count = targets.len() as u32;
                for to in targets {
                    let channel = ChannelId(channels.len() as u32);
                    let input = InputIndex(self.subtasks[to as usize].inputs.len() as u32);
                    let output = self.subtasks[from as usize].outputs.len() as u32;
                    self.subtasks[to as usize].inputs.push(channel);
                    self.subtasks[from as usize].outputs.push(channel);
                    let (from, to) = (TaskId(from), TaskId(to));
                    let Edge { capacity, fifo, .. } = *edge;
                    channels.push(Channel { from, to, input, output, side, capacity, fifo });
                }
                let partitioning = edge.partitioning;
                self.subtasks[from as usize].routes.push(Route { partitioning, first, count });
            }
        }
        self.channels = channels.into();
    }

    /// The subtasks of a vertex, as a range of task numbers.
    pub fn subtasks_of(&self, vertex: VertexId) -> std::ops::Range<u32> {
        let start = self.first[vertex.index()].0;
        start..start + self.graph.vertices[vertex.index()].parallelism
    }

    /// The region of each subtask: those that channels connect, in whatever direction and over whatever others, have the
    /// same number. Regions are numbered in the order of their first subtasks.
    pub fn regions(&self) -> Vec<u32> {
        let mut regions: Vec<Option<u32>> = vec![None; self.len()];
        let mut count = 0;
        for first in 0..self.len() {
            if regions[first].is_some() {
                continue;
            }
            let mut reached = vec![first];
            while let Some(task) = reached.pop() {
                if regions[task].is_some() {
                    continue;
                }
                regions[task] = Some(count);
                let subtask = &self.subtasks[task];
                reached.extend(subtask.inputs.iter().map(|c| self.channels[c.index()].from.index()));
                reached.extend(subtask.outputs.iter().map(|c| self.channels[c.index()].to.index()));
            }
            count += 1;
        }
        regions.into_iter().flatten().collect()
    }

    /// How many subtasks there are.
    pub fn len(&self) -> usize {
        self.subtasks.len()
    }

    /// Is there no subtask?
    pub fn is_empty(&self) -> bool {
        self.subtasks.is_empty()
    }

    /// The coordinator's place among the processes: after the subtasks.
    pub fn coordinator(&self) -> TaskId {
        TaskId(self.len() as u32)
    }

    /// The store's.
    pub fn store(&self) -> TaskId {
        TaskId(self.len() as u32 + 1)
    }

    /// The ledger of a sink vertex. Every vertex has a number reserved, sink or not.
    pub fn ledger(&self, vertex: VertexId) -> TaskId {
        TaskId(self.len() as u32 + 2 + vertex.0)
    }

    /// The environment itself, where faults come from.
    pub fn environment(&self) -> TaskId {
        TaskId(self.len() as u32 + 2 + self.graph.vertices.len() as u32)
    }

    /// How many processes a trace can name.
    pub fn processes(&self) -> usize {
        self.environment().index() + 1
    }

    /// The vertex of a subtask.
    pub fn vertex(&self, task: TaskId) -> &Vertex {
        &self.graph.vertices[self.subtasks[task.index()].vertex.index()]
    }

    /// What a process is called in traces and reports: `map/1`, `coordinator`, `store`, `ledger/out`.
    pub fn name(&self, task: TaskId) -> String {
        let i = task.index();
        if let Some(subtask) = self.subtasks.get(i) {
            return format!("{}/{}", self.graph.vertices[subtask.vertex.index()].name, subtask.index);
        }
        match i - self.len() {
            0 => "coordinator".to_string(),
            1 => "store".to_string(),
            _ if task == self.environment() => "environment".to_string(),
            n => match self.graph.vertices.get(n - 2) {
                Some(vertex) => format!("ledger/{}", vertex.name),
                None => format!("process/{i}"),
            },
        }
    }

    /// The process of this name.
    pub fn find(&self, name: &str) -> Option<TaskId> {
        (0..self.processes() as u32).map(TaskId).find(|task| self.name(*task) == name)
    }

    /// What a channel is called: `src/0>map/1`, with `#side` where the same pair has several. One that isn't there, as a
    /// trace may name it, is called by its number.
    pub fn channel_name(&self, channel: ChannelId) -> String {
        let Some(c) = self.channels.get(channel.index()) else { return format!("#{}", channel.0) };
        let name = format!("{}>{}", self.name(c.from), self.name(c.to));
        let twins = self.subtasks[c.from.index()].outputs.iter().filter(|o| self.channels[o.index()].to == c.to);
        if twins.count() > 1 { format!("{name}#{}", c.side) } else { name }
    }

    /// The subtask of `parallelism` that owns a key group: contiguous ranges, as even as can be.
    #[inline]
    pub fn owner(group: u32, parallelism: u32) -> u32 {
        group * parallelism / KEY_GROUPS
    }
}
