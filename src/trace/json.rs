//! The trace as JSON lines, format version 1: `docs/trace.md` is its description.
//!
//! The writer is the only one who decides what a line looks like; the reader takes nothing else, except kinds of
//! a later version, which it counts and passes over.

mod error;
mod fields;
mod read;
mod schema;
mod write;

pub use error::{CODES, Error, More};
pub use read::{Read, read, read_record};
pub use schema::schema;
pub use write::{Writer, write_record};

use crate::ids::*;
use crate::topology::Topology;
use std::collections::BTreeMap;

/// The version that is written, and the only one that is read.
pub const VERSION: u64 = 1;
/// Whole numbers above this are written as text: many readers of JSON can't hold them.
pub(crate) const NUMBER_MAX: u64 = 1 << 53;

/// Names of processes and channels, both ways.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub tasks: Vec<String>,
    pub channels: Vec<String>,
    task_of: BTreeMap<String, u32>,
    channel_of: BTreeMap<String, u32>,
}

impl Names {
    pub fn new(topology: &Topology) -> Self {
        let tasks = (0..topology.processes() as u32).map(|t| topology.name(TaskId(t))).collect();
        let channels = (0..topology.channels.len() as u32).map(|c| topology.channel_name(ChannelId(c))).collect();
        let (tasks, task_of) = unique(tasks);
        let (channels, channel_of) = unique(channels);
        Names { tasks, channels, task_of, channel_of }
    }

    /// The name of a process, or its number if it isn't one of the job's.
    pub fn task(&self, task: TaskId) -> String {
        self.tasks.get(task.index()).cloned().unwrap_or_else(|| format!("#{}", task.0))
    }

    pub fn channel(&self, channel: ChannelId) -> String {
        self.channels.get(channel.index()).cloned().unwrap_or_else(|| format!("#{}", channel.0))
    }

    pub fn find_task(&self, name: &str) -> Option<TaskId> {
        find(&self.task_of, name).map(TaskId)
    }

    pub fn find_channel(&self, name: &str) -> Option<ChannelId> {
        find(&self.channel_of, name).map(ChannelId)
    }
}

fn find(table: &BTreeMap<String, u32>, name: &str) -> Option<u32> {
    table.get(name).copied().or_else(|| name.strip_prefix('#')?.parse().ok())
}

/// Names that two share, or that look like a number, give way to numbers.
fn unique(mut names: Vec<String>) -> (Vec<String>, BTreeMap<String, u32>) {
    let mut count: BTreeMap<String, u32> = BTreeMap::new();
    names.iter().for_each(|name| *count.entry(name.clone()).or_insert(0) += 1);
    for (i, name) in names.iter_mut().enumerate() {
        if count[name] > 1 || name.starts_with('#') {
            *name = format!("#{i}");
        }
    }
    let table = names.iter().enumerate().map(|(i, name)| (name.clone(), i as u32)).collect();
    (names, table)
}
