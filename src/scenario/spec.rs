//! What a scenario file says: serde types, one field for every word of the file.
//!
//! A *closed* scenario is one in which nothing is open: `draw` makes it from a seed, and it is the plan that
//! is run, replayed, shrunk and written to a reproduction file. It is the same type.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use super::exhaust::*;
pub use super::expect::*;
pub use super::faults::*;
pub use super::open::{Open, Pick};
pub use crate::sim::setup::PointKind;
pub use crate::topology::{Mode, OperatorKind, Partitioning, RegionLimits, SinkKind, SourceKind};
pub use crate::trace::event::Guarantee;

/// A duration in milliseconds of virtual time, up to an hour.
pub type Ms = Open<0, 3_600_000>;
/// A duration in milliseconds that isn't nothing.
pub type SomeMs = Open<1, 3_600_000>;
/// A duration in microseconds of virtual time, up to a minute.
pub type Us = Open<0, 60_000_000>;

/// One experiment: a job, its settings, the weather, and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of this format.
    pub format: Format,
    /// What the scenario is called. The file's name, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it shows, for a reader who sees it for the first time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Who runs the job: `engine`, or a protocol with a planted defect.
    #[serde(default = "Scenario::engine")]
    pub protocol: String,
    /// What the job claims about its output. The verifiers hold it to that.
    pub guarantee: Guarantee,
    /// The job.
    pub job: Job,
    /// Checkpoints, restarts, retries.
    #[serde(default)]
    pub checkpoints: Checkpoints,
    /// A ledger gives a transaction up that was open or prepared for so long. Never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_timeout_ms: Option<SomeMs>,
    /// How long things take.
    #[serde(default)]
    pub sim: Sim,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Faults,
    /// How it must end.
    #[serde(default)]
    pub expect: Expect,
    /// What `cutline check` explores. Absent: one early checkpoint, no fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Exhaust>,
    /// What isn't said here has one fixed value each instead of being drawn, and nothing goes wrong but what the
    /// script says: such a scenario needs no seed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub calm: bool,
    /// How many seeds are run when nobody says otherwise.
    #[serde(default = "Scenario::seeds")]
    #[schemars(range(min = 1))]
    pub seeds: u64,
}

impl Scenario {
    fn engine() -> String {
        "engine".to_string()
    }

    fn seeds() -> u64 {
        1000
    }
}

/// The version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Format {
    /// The only one so far.
    #[serde(rename = "cutline-scenario/1")]
    V1,
}

/// The job graph: operator chains and what flows between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// How many hosts the subtasks are spread over, in turn.
    #[serde(default = "Job::hosts")]
    pub hosts: Open<1, 256>,
    /// How many records a channel holds before its sender is stopped.
    #[serde(default = "Job::capacity")]
    pub capacity: Open<1, 100_000>,
    /// The operator chains.
    #[schemars(length(min = 1))]
    pub vertices: Vec<VertexSpec>,
}

impl Job {
    pub(super) fn hosts() -> Open<1, 256> {
        Open::Between { min: 1, max: 3 }
    }

    pub(super) fn capacity() -> Open<1, 100_000> {
        Open::Between { min: 2, max: 32 }
    }
}

/// One operator chain: a source, a sink, or something in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VertexSpec {
    /// Its name; its subtasks are called `name/0`, `name/1`, ...
    pub id: String,
    /// Makes it a source, and says what it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceSpec>,
    /// The operators, first to last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<OperatorKind>,
    /// Makes it a sink, and says how it writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<SinkKind>,
    /// How many subtasks.
    #[serde(default = "VertexSpec::parallelism")]
    pub parallelism: Open<1, 128>,
    /// Subtask i lives on the host at place i of this list, which is gone through again and again. Absent: all
    /// hosts, in turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub on_hosts: Option<Vec<u32>>,
    /// Where its records come from. The first one is the left side of a join.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputSpec>,
}

impl VertexSpec {
    fn parallelism() -> Open<1, 128> {
        Open::Fixed(1)
    }
}

/// What comes from another vertex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// The vertex that sends.
    pub from: String,
    /// Which subtask gets a record.
    pub by: Partitioning,
    /// How many records a channel holds; the job's `capacity`, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Open<1, 100_000>>,
    /// First in, first out. Otherwise a channel hands over any of what is in it, in any order; only its end comes last.
    #[serde(default = "InputSpec::fifo", skip_serializing_if = "Clone::clone")]
    pub fifo: bool,
}

impl InputSpec {
    fn fifo() -> bool {
        true
    }
}

/// What a source reads, and how fast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// What happens to it after a restart.
    pub kind: SourceKind,
    /// How many partitions, spread over the subtasks in turn. As many as subtasks, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Open<1, 1024>>,
    /// The records.
    pub data: Data,
    /// How fast every partition is read; `sim.pace`, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<PaceSpec>,
    /// Partitions without a record: idle streams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<u32>,
    /// Partitions that are read more slowly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<Slow>,
}

/// The records of a source. They are spread over its partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum Data {
    /// Made-up integers.
    Numbers {
        /// How many, over all partitions.
        records: Open<0, 1_000_000>,
        /// How many different keys.
        #[serde(default = "Data::keys")]
        keys: Open<1, 1_000_000>,
        /// How many different values.
        #[serde(default = "Data::values")]
        values: Open<1, 1_000_000>,
        /// So many of ten records have key 0: skew.
        #[serde(default = "Data::skew_tenths")]
        skew_tenths: Open<0, 10>,
        /// Mixed into keys and values: other salt, other data. Drawn, if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        salt: Option<Open<0, 4_294_967_295>>,
    },
    /// Lines of a text file, dealt to the partitions in turn. Empty lines are left out.
    Text {
        /// The file, relative to the scenario file.
        text: String,
        /// How many lines. All, if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Open<1, 1_000_000>>,
        /// Lines passed over first; after the last line comes the first again. Drawn, if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip: Option<Open<0, 1_000_000>>,
    },
    /// Files, one for each partition. A record is a line that isn't blank.
    Files {
        /// The files, relative to the scenario file.
        #[schemars(length(min = 1, max = 1024))]
        files: Vec<String>,
        /// The lines are JSON objects, and two of their fields make a record. Absent: they are text, and their number is
        /// the key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        json: Option<JsonSpec>,
        /// How many records they have together, once they were read.
        #[serde(skip)]
        records: Option<u64>,
    },
    /// Lines of text, here in the file.
    Inline {
        /// The lines, dealt to the partitions in turn.
        inline: Vec<String>,
    },
}

impl Data {
    pub(super) fn keys() -> Open<1, 1_000_000> {
        Open::Between { min: 1, max: 24 }
    }

    fn values() -> Open<1, 1_000_000> {
        Open::Fixed(1000)
    }

    fn skew_tenths() -> Open<0, 10> {
        Open::Fixed(0)
    }
}

/// The fields of a JSON object that make a record: texts or whole numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonSpec {
    /// The field that is the key.
    pub key: String,
    /// The field that is the value.
    pub value: String,
}

/// How fast a partition is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaceSpec {
    /// So many records at one instant,
    #[serde(default = "PaceSpec::batch")]
    pub batch: Open<1, 100_000>,
    /// then a pause of so many microseconds.
    #[serde(default = "PaceSpec::pause_us")]
    pub pause_us: Open<1, 60_000_000>,
}

impl PaceSpec {
    fn batch() -> Open<1, 100_000> {
        Open::Between { min: 1, max: 4 }
    }

    fn pause_us() -> Open<1, 60_000_000> {
        Open::Between { min: 500, max: 5000 }
    }
}

impl Default for PaceSpec {
    fn default() -> Self {
        PaceSpec { batch: Self::batch(), pause_us: Self::pause_us() }
    }
}

/// Partitions that are read more slowly than the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Which, from 0.
    #[schemars(length(min = 1))]
    pub partitions: Vec<u32>,
    /// Their pauses are so many times as long.
    pub factor: Open<1, 10_000>,
}

/// Checkpoints, and what is done when one, or the job, fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoints {
    /// How barriers are aligned.
    pub mode: Pick<Mode>,
    /// Between two triggers.
    pub interval_ms: SomeMs,
    /// A checkpoint that takes longer is given up.
    pub timeout_ms: SomeMs,
    /// `aligned-then-unaligned`: how long an alignment may take.
    pub alignment_timeout_ms: Ms,
    /// At least so long after a completion.
    pub min_pause_ms: Ms,
    /// How many checkpoints may be pending. Absent: 1 to 3, but 1 where barriers overtake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<Open<1, 100>>,
    /// So many failed checkpoints in a row are borne; one more fails the job.
    pub tolerable_failures: Open<0, 1_000_000>,
    /// Completed checkpoints that are kept.
    pub retain: Open<1, 1000>,
    /// `regional`: how many regions may keep an older state. In that mode 30 of 100, and each at most 2 times in a row, if
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<RegionSpec>,
    /// What to do when the job has failed.
    pub restart: Restart,
    /// How long to wait for an answer before asking again; twice as long each time, until an answer comes.
    pub retry_ms: SomeMs,
    /// Does the end of a channel count as the barrier that it didn't deliver?
    pub checkpoint_after_end: Pick<bool>,
    /// A transaction that is found expired at restore: pass over it and lose its output (true), or fail (false).
    pub ignore_expired: Pick<bool>,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Checkpoints {
            mode: Pick::Fixed(Mode::Aligned),
            interval_ms: Open::Between { min: 5, max: 160 },
            timeout_ms: Open::Between { min: 200, max: 2000 },
            alignment_timeout_ms: Open::Between { min: 0, max: 20 },
            min_pause_ms: Open::OneOf { one_of: vec![0, 0, 10] },
            max_concurrent: None,
            tolerable_failures: Open::Between { min: 0, max: 4 },
            retain: Open::Between { min: 1, max: 3 },
            regions: None,
            restart: Restart::default(),
            retry_ms: Open::Between { min: 10, max: 60 },
            checkpoint_after_end: Pick::Fixed(true),
            ignore_expired: Pick::Fixed(false),
        }
    }
}

/// How much of a checkpoint may be older than itself. A region is what channels connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegionSpec {
    /// At most so many of a hundred regions keep the state that they have in the checkpoint before.
    pub max_failed_percent: Open<0, 100>,
    /// A region does so at most so many times in a row.
    pub max_in_a_row: Open<0, 1000>,
}

impl Default for RegionSpec {
    fn default() -> Self {
        let RegionLimits { max_failed_percent, max_in_a_row } = RegionLimits::default();
        RegionSpec {
            max_failed_percent: Open::Fixed(max_failed_percent.into()),
            max_in_a_row: Open::Fixed(max_in_a_row.into()),
        }
    }
}

/// What to do when the job has failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Restart {
    /// The job stays down.
    None,
    /// Again after a fixed delay, so many times at most.
    Fixed {
        /// Restarts allowed.
        attempts: Open<0, 1_000_000>,
        /// Before each.
        delay_ms: Ms,
    },
    /// Again and again; the delay doubles, and a completed checkpoint sets it back.
    Exponential {
        /// The first delay.
        first_ms: SomeMs,
        /// The longest delay.
        max_ms: SomeMs,
    },
}

impl Default for Restart {
    fn default() -> Self {
        Restart::Exponential {
            first_ms: Open::Between { min: 1, max: 20 },
            max_ms: Open::Between { min: 20, max: 200 },
        }
    }
}

/// How long things take in the simulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sim {
    /// Data channels.
    pub link: Delay,
    /// Control messages between the coordinator and the subtasks.
    pub control: Delay,
    /// Requests and replies of the snapshot store, each way.
    pub store: Delay,
    /// Requests and replies of the sinks' ledgers, each way.
    pub ledger: Delay,
    /// From a crash to its detection.
    pub detect: Delay,
    /// From a coordinator's crash to the next one's start.
    pub revive: Delay,
    /// How fast partitions are read, where their source doesn't say.
    pub pace: PaceSpec,
    /// In so many of ten runs some channels are drawn slower than others by factors up to 32: priorities, in the
    /// sense of probabilistic concurrency testing.
    pub uneven_tenths: Open<0, 10>,
    /// Channels that are so many times slower, by name: `src/0>map/1`, with `#1` for a second input from the same
    /// subtask.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub slower: BTreeMap<String, u32>,
    /// From here on nothing goes wrong any more. Absent: a little longer than the data last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heal_at_ms: Option<Open<0, 36_000_000>>,
    /// Once healed, everything must be settled within so many events. Absent: computed, with plenty to spare.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub settle_events_max: Option<u64>,
    /// A run that comes to so many steps is cut off there, and is stuck: records, messages and replies that were handed
    /// over, timers that went off. Absent: 200 million.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_steps: Option<u64>,
}

impl Default for Sim {
    fn default() -> Self {
        let usual = |a, b, c, d| Delay::between((a, b), (c, d));
        Sim {
            link: usual(20, 200, 200, 5000),
            control: usual(50, 500, 500, 5000),
            store: usual(100, 1000, 1000, 15_000),
            ledger: usual(100, 1000, 1000, 15_000),
            detect: usual(500, 5000, 5000, 40_000),
            revive: usual(500, 5000, 5000, 40_000),
            pace: PaceSpec::default(),
            uneven_tenths: Open::Fixed(4),
            slower: BTreeMap::new(),
            heal_at_ms: None,
            settle_events_max: None,
            max_steps: None,
        }
    }
}

/// A delay law: anything between a shortest and a longest delay, or mostly the shortest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// The shortest.
    pub min_us: Us,
    /// The longest.
    pub max_us: Us,
    /// 0: all in between are equally likely. Otherwise one of so many is up to the longest, the others the shortest.
    #[serde(default = "Delay::one_in")]
    pub one_in: Open<0, 1_000_000>,
}

impl Delay {
    fn one_in() -> Open<0, 1_000_000> {
        Open::OneOf { one_of: vec![0, 0, 8, 40] }
    }

    fn between(min: (u64, u64), max: (u64, u64)) -> Self {
        let open = |(min, max)| Open::Between { min, max };
        Delay { min_us: open(min), max_us: open(max), one_in: Self::one_in() }
    }
}
