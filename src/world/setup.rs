//! What a world is made from. Constant during a run.

use crate::engine::config::Config;
use crate::engine::message::{Datum, Record};
use crate::engine::process::Spawn;
use crate::engine::shared::Shared;
use crate::ids::*;
use crate::lines::Fields;
use crate::topology::{JobGraph, Topology};
use crate::trace::event::Guarantee;
use std::sync::Arc;

/// A line of a text.
pub type Line = Shared<str>;

/// The content of one partition: a constant of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// Integer records made from their position: key below `keys`, value below `values`.
    Numbers {
        /// How many.
        records: u64,
        /// How many different keys; at least 1.
        keys: u64,
        /// How many different values; at least 1.
        values: u64,
        /// So many of ten records have key 0, on top of those that have it anyway: skew.
        skew_tenths: u64,
        /// Mixed into keys and values.
        salt: u64,
    },
    /// Lines of a text; the key is the line's number.
    Lines(Arc<[Line]>),
    /// Keys and values.
    Pairs(Arc<[(Datum, Datum)]>),
    /// A file that wasn't loaded: only a driver with files can read it.
    File(Arc<FileLog>),
}

/// A partition that is a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLog {
    /// Where it is.
    pub path: String,
    /// Its lines are JSON objects with these fields. None: its lines are text.
    pub fields: Option<Fields>,
}

impl Log {
    /// The record at an offset; none at and after the end.
    ///
    /// # Panics
    /// If it is a file.
    #[inline(always)]
    pub fn get(&self, partition: PartitionId, offset: Offset) -> Option<Record> {
        let id = RecordId { partition, part: 0, offset };
        match self {
            Log::Numbers { records, keys, values, skew_tenths, salt } => {
                if offset.0 >= *records {
                    return None;
                }
                let h = crate::digest::mix((partition.0 as u64) << 32 ^ offset.0 ^ salt.rotate_left(17));
                let skewed = *skew_tenths > 0 && (h >> 56) % 10 < *skew_tenths;
                let key = if skewed { 0 } else { below(h as u32 as u64, *keys) as i64 };
                Some(Record { id, key: Datum::Int(key), value: Datum::Int(below(h >> 32, *values) as i64) })
            }
            Log::Lines(lines) => lines.get(offset.0 as usize).map(|line| Record {
                id,
                key: Datum::Int(offset.0 as i64),
                value: Datum::Text(line.clone()),
            }),
            Log::Pairs(pairs) => {
                let (key, value) = pairs.get(offset.0 as usize)?;
                Some(Record { id, key: key.clone(), value: value.clone() })
            }
            Log::File(file) => unreachable!("no world reads files: {}", file.path),
        }
    }

    /// How many records there are.
    ///
    /// # Panics
    /// If it is a file.
    pub fn len(&self) -> u64 {
        match self {
            Log::Numbers { records, .. } => *records,
            Log::Lines(lines) => lines.len() as u64,
            Log::Pairs(pairs) => pairs.len() as u64,
            Log::File(file) => unreachable!("nobody has counted the lines of {}", file.path),
        }
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The remainder, without a division where the divisor is a power of two.
#[inline(always)]
fn below(word: u64, n: u64) -> u64 {
    if n.is_power_of_two() { word & (n - 1) } else { word % n }
}

/// Everything constant about a world.
#[derive(Clone)]
pub struct Setup {
    /// The scenario's name, for trace headers.
    pub name: String,
    /// The job's tables.
    pub topology: Arc<Topology>,
    /// The engine's settings.
    pub config: Arc<Config>,
    /// Makes processes: the honest engine, or a protocol with a defect.
    pub spawn: Spawn,
    /// What the job claims.
    pub guarantee: Guarantee,
    /// The content of every partition, by `PartitionId`.
    pub logs: Vec<Log>,
    /// The host of every subtask, by `TaskId`.
    pub hosts: Vec<HostId>,
    /// A ledger aborts a transaction that has been open or prepared for so long; none: never.
    pub transaction_timeout: Option<Nanos>,
    /// Ledgers keep what is visible, for searches.
    pub remember: bool,
    /// Requests that nobody waits for an answer to are done inside the step that asks, instead of travelling. An
    /// abstraction for searches: a step that is atomic in a model of the protocol is one step here.
    pub instant: bool,
    /// I12: everything is settled within so many events after the last fault.
    pub healed_events_max: u64,
}

impl Setup {
    /// For protocols that are sized by an instance: requests that nobody waits for are done at once.
    pub fn of_instance(name: String, graph: JobGraph, config: Config, spawn: Spawn, logs: Vec<Log>) -> Arc<Setup> {
        let topology = Arc::new(Topology::build(graph));
        Arc::new(Setup {
            name,
            hosts: vec![HostId(0); topology.len()],
            topology,
            config: Arc::new(config),
            spawn,
            guarantee: Guarantee::ExactlyOnce,
            logs,
            transaction_timeout: None,
            remember: true,
            instant: true,
            healed_events_max: 1_000_000,
        })
    }
}
