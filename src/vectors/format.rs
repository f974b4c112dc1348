//! The file format: a strict reading, with the line and column of whatever is wrong.

use super::Text;
use crate::topology::Mode;
use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What `format` must say.
const FORMAT: &str = "cutline-gate/1";

/// The most channels that a vector may have: enough for any gate, too few to exhaust the memory.
const CHANNELS_MAX: u32 = 65_536;

/// One vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector {
    /// What it is called.
    pub name: String,
    /// Where the sequence was taken from.
    pub origin: String,
    /// How the gate aligns.
    pub mode: Mode,
    /// `AlignedThenUnaligned`: how long an alignment may take.
    pub alignment_timeout_ms: Option<u64>,
    /// How many channels; at least 1.
    pub channels: u32,
    /// Does an end count as the barrier that its channel did not deliver?
    pub checkpoint_after_end: bool,
    /// Does it depend on the order in which held items of different channels are taken?
    pub order_sensitive: bool,
    /// The steps, each with its line in the file, from 1.
    pub steps: Vec<(Step, usize)>,
    /// The last line of the file.
    pub last_line: usize,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something arrives.
    Arrive(Arrival),
    /// So much time passes.
    AdvanceMs(u64),
    /// What the gate did since the last of these.
    Expect(Vec<Entry>),
    /// The channels that are blocked, ascending.
    Blocked(Vec<u32>),
    /// For the reader.
    Note,
}

/// What arrives where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The channel.
    pub channel: u32,
    /// What.
    pub element: Element,
}

/// What can arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// A record.
    Record(Text),
    /// A barrier.
    Barrier {
        /// Of this checkpoint.
        id: u64,
        /// It has switched to unaligned upstream.
        unaligned: bool,
    },
    /// A cancellation barrier of this checkpoint.
    Cancel(u64),
    /// The end of the partition.
    End,
}

/// One thing that a gate does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// A record is handed to the operator.
    Deliver {
        /// The channel that it came on.
        channel: u32,
        /// The record.
        record: Text,
    },
    /// The operator takes its snapshot.
    Snapshot {
        /// Of this checkpoint.
        checkpoint: u64,
    },
    /// Records that were in flight.
    ChannelState {
        /// The checkpoint that they belong to.
        checkpoint: u64,
        /// On this channel.
        channel: u32,
        /// Oldest first; at least one.
        records: Vec<Text>,
    },
    /// The checkpoint is given up.
    Abort {
        /// Which.
        checkpoint: u64,
        /// Why.
        reason: Reason,
    },
    /// Every channel has ended.
    EndOfInput(True),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Why a checkpoint is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A cancellation barrier.
    Cancelled,
    /// A newer barrier.
    Subsumed,
    /// An end of partition, where that does not count as a barrier.
    EndOfInput,
}

/// The word `true`, where nothing else makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Ok(True) } else { Err("only `true` makes sense here") }
    }
}

impl From<True> for bool {
    fn from(_: True) -> bool {
        true
    }
}

/// A file that is no vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// The file.
    pub path: String,
    /// Where, from 1.
    pub line: usize,
    /// Where in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}:{}: {}", self.path, self.line, self.column, self.message)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVector {
    format: String,
    name: String,
    #[serde(default)]
    origin: String,
    #[serde(default, rename = "note")]
    _note: IgnoredAny,
    mode: Mode,
    #[serde(default)]
    alignment_timeout_ms: Option<u64>,
    channels: u32,
    #[serde(default = "yes")]
    checkpoint_after_end: bool,
    #[serde(default)]
    order_sensitive: bool,
    steps: Vec<RawStep>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    arrive: Option<RawArrival>,
    advance_ms: Option<u64>,
    expect: Option<Vec<Entry>>,
    blocked: Option<Vec<u32>>,
    note: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArrival {
    channel: u32,
    record: Option<Text>,
    barrier: Option<u64>,
    cancel: Option<u64>,
    end: Option<True>,
    unaligned: Option<bool>,
    #[serde(default, rename = "note")]
    _note: IgnoredAny,
}

impl Vector {
    /// Reads one vector. `path` is for messages only.
    pub fn parse(path: &str, text: &str) -> Result<Self, BadFile> {
        let bad = |line: usize, column: usize, message: String| BadFile {
            path: path.to_owned(),
            line: line.max(1),
            column: column.max(1),
            message,
        };
        let raw: RawVector = serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            bad(error.line(), error.column(), message.strip_suffix(&place).unwrap_or(&message).to_owned())
        })?;
        let places = Places::of(text);
        let (line, column) = places.start;
        vector_fault(&raw).map_or(Ok(()), |fault| Err(bad(line, column, fault)))?;

        let mut steps = Vec::with_capacity(raw.steps.len());
        let mut ended = vec![false; raw.channels as usize];
        for (at, step) in raw.steps.into_iter().enumerate() {
            let (line, column) = places.steps.get(at).copied().unwrap_or(places.start);
            let fault = |fault| bad(line, column, format!("step {}: {fault}", at + 1));
            let step = one_step(step, raw.mode).map_err(fault)?;
            step_fault(&step, &mut ended).map_or(Ok(()), |found| Err(fault(found)))?;
            steps.push((step, line));
        }
        Ok(Vector {
            name: raw.name,
            origin: raw.origin,
            mode: raw.mode,
            alignment_timeout_ms: raw.alignment_timeout_ms,
            channels: raw.channels,
            checkpoint_after_end: raw.checkpoint_after_end,
            order_sensitive: raw.order_sensitive,
            steps,
            last_line: text.lines().count().max(1),
        })
    }
}

fn vector_fault(raw: &RawVector) -> Option<String> {
    if raw.format != FORMAT {
        return Some(format!("`format` is {:?}, not {FORMAT:?}", raw.format));
    }
    if !(1..=CHANNELS_MAX).contains(&raw.channels) {
        return Some(format!("`channels` is {}, not 1 to {CHANNELS_MAX}", raw.channels));
    }
    let needs = raw.mode == Mode::AlignedThenUnaligned && raw.alignment_timeout_ms.is_none();
    needs.then(|| "`aligned-then-unaligned` needs `alignment_timeout_ms`".to_owned())
}

/// A step says one thing, and may have a note beside it or be one.
fn one_step(raw: RawStep, mode: Mode) -> Result<Step, String> {
    match (raw.arrive, raw.advance_ms, raw.expect, raw.blocked) {
        (Some(arrival), None, None, None) => one_arrival(arrival, mode).map(Step::Arrive),
        (None, Some(ms), None, None) => Ok(Step::AdvanceMs(ms)),
        (None, None, Some(entries), None) => Ok(Step::Expect(entries)),
        (None, None, None, Some(blocked)) => Ok(Step::Blocked(blocked)),
        (None, None, None, None) if raw.note.is_some() => Ok(Step::Note),
        _ => Err("a step is one of `arrive`, `advance_ms`, `expect`, `blocked`".to_owned()),
    }
}

fn one_arrival(raw: RawArrival, mode: Mode) -> Result<Arrival, String> {
    let unaligned = raw.unaligned.unwrap_or(false);
    let element = match (raw.record, raw.barrier, raw.cancel, raw.end) {
        (Some(record), None, None, None) => Element::Record(record),
        (None, Some(id), None, None) => Element::Barrier { id, unaligned },
        (None, None, Some(id), None) => Element::Cancel(id),
        (None, None, None, Some(True)) => Element::End,
        _ => return Err("what arrives is one of `record`, `barrier`, `cancel`, `end`".to_owned()),
    };
    let switched = matches!(element, Element::Barrier { .. }) && mode == Mode::AlignedThenUnaligned;
    if unaligned && !switched {
        return Err("`unaligned` is for barriers in the mode `aligned-then-unaligned`".to_owned());
    }
    Ok(Arrival { channel: raw.channel, element })
}

fn step_fault(step: &Step, ended: &mut [bool]) -> Option<String> {
    let channels = ended.len();
    let unknown = |channel: u32| format!("channel {channel} is not one of the {channels}, counted from 0");
    match step {
        Step::Arrive(arrival) => match ended.get_mut(arrival.channel as usize) {
            None => Some(unknown(arrival.channel)),
            Some(true) => Some(format!("channel {} has ended: nothing more comes on it", arrival.channel)),
            Some(ended) => {
                *ended = arrival.element == Element::End;
                None
            }
        },
        Step::Blocked(blocked) => {
            if !blocked.is_sorted_by(|a, b| a < b) {
                return Some("`blocked` is not ascending".to_owned());
            }
            blocked.last().filter(|last| **last as usize >= channels).map(|last| unknown(*last))
        }
        Step::AdvanceMs(_) | Step::Expect(_) | Step::Note => None,
    }
}

/// Where things stand in the text, as line and column.
struct Places {
    start: (usize, usize),
    steps: Vec<(usize, usize)>,
}

impl Places {
    fn of(text: &str) -> Self {
        let offsets = offsets(text).unwrap_or_default();
        let mut places = Places { start: (1, 1), steps: Vec::with_capacity(offsets.len()) };
        let (mut line, mut begin, mut seen) = (1, 0, 0);
        for offset in offsets {
            // The steps are in order, so that each stretch of text is looked at once.
            for (at, _) in text[seen..offset].match_indices('\n') {
                line += 1;
                begin = seen + at + 1;
            }
            seen = offset;
            places.steps.push((line, text[begin..offset].chars().count() + 1));
        }
        places
    }
}

/// Where each step begins, in bytes.
fn offsets(text: &str) -> Option<Vec<usize>> {
    let parsed = jsonc_parser::parse_to_ast(text, &Default::default(), &Default::default()).ok()?;
    let root = parsed.value?;
    let ast::Value::Object(object) = root else { return None };
    let steps = object.get_array("steps")?;
    Some(steps.elements.iter().map(|step| step.start()).collect())
}
