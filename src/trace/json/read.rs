//! Lines to events. Strict: what isn't understood is an error with its place, never a guess and never a panic.

use super::{Names, VERSION};
use crate::ids::*;
use crate::topology::{JobGraph, Partitioning, Role, Topology};
use crate::trace::event::*;
use crate::trace::words;
use crate::trace::{Datum, Record, StoreKey, Txn};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Read as _};
use std::sync::Arc;

/// A line may be so long, in bytes.
const LINE_MAX: u64 = 16 << 20;
/// A job may have so many subtasks, partitions and channels.
const SUBTASKS_MAX: u64 = 100_000;
const CHANNELS_MAX: u64 = 4_000_000;

/// Why a trace can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in bytes.
    pub column: u64,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Error {}

/// A trace, line by line.
#[derive(Debug)]
pub struct Read<R> {
    /// The header.
    pub meta: Meta,
    /// Kinds of later versions that were passed over, and how many lines of each.
    pub unknown: BTreeMap<String, u64>,
    input: R,
    names: Names,
    line: u64,
    failed: bool,
}

/// Reads the header. The events follow one by one; after an error there are no more.
pub fn read<R: BufRead>(mut input: R) -> Result<Read<R>, Error> {
    let mut line = 0;
    let Some(text) = next_line(&mut input, &mut line)? else {
        return Err(Error { line: 1, column: 1, message: "the trace is empty: its first line must be `meta`".into() });
    };
    let mut fields = Fields::parse(&text, line)?;
    let kind = fields.text("k")?;
    if kind != "meta" {
        return Err(fields.wrong("k", format!("the first line must be `meta`, not `{kind}`")));
    }
    let meta = header(&mut fields)?;
    fields.end()?;
    let names = Names::new(&Topology::build(meta.graph.clone()));
    Ok(Read { meta, unknown: BTreeMap::new(), input, names, line, failed: false })
}

impl<R: BufRead> Read<R> {
    fn step(&mut self) -> Result<Option<Event>, Error> {
        while let Some(text) = next_line(&mut self.input, &mut self.line)? {
            let mut fields = Fields::parse(&text, self.line)?;
            let kind = fields.text("k")?;
            if kind == "meta" {
                return Err(fields.wrong("k", "a second `meta` line".to_string()));
            }
            if !words::KINDS.contains(&kind.as_str()) {
                // At most so many names are kept: a file of nonsense must not fill the memory.
                let full = self.unknown.len() >= 64 && !self.unknown.contains_key(&kind);
                *self.unknown.entry(if full { "others".to_string() } else { kind }).or_insert(0) += 1;
                continue;
            }
            fields.version()?;
            fields.optional("i", |f, v| f.number("i", v))?;
            let process = fields.task("p", &self.names)?;
            let event = Event {
                process,
                attempt: Attempt(fields.small("a")?),
                n: fields.small("n")?,
                time: Nanos(fields.optional("t", |f, v| f.number("t", v))?.unwrap_or(0)),
                kind: body(&mut fields, &self.names, &kind)?,
            };
            fields.end()?;
            return Ok(Some(event));
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Read<R> {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let event = self.step();
        self.failed = event.is_err();
        event.transpose()
    }
}

fn next_line<R: BufRead>(input: &mut R, line: &mut u64) -> Result<Option<String>, Error> {
    *line += 1;
    let wrong = |column: usize, message: String| Error { line: *line, column: column as u64 + 1, message };
    let mut bytes = Vec::new();
    let read = input.take(LINE_MAX + 1).read_until(b'\n', &mut bytes);
    read.map_err(|error| wrong(0, error.to_string()))?;
    if bytes.len() as u64 > LINE_MAX {
        return Err(wrong(0, format!("the line is longer than {LINE_MAX} bytes")));
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|error| wrong(error.utf8_error().valid_up_to(), "the line is not UTF-8".to_string()))
}

fn header(f: &mut Fields) -> Result<Meta, Error> {
    f.version()?;
    let graph: JobGraph = f.serde("graph")?;
    validate(&graph).map_err(|message| f.wrong("graph", message))?;
    Ok(Meta {
        tool: f.text("tool")?,
        scenario: f.text("scenario")?,
        seed: f.optional("seed", |f, v| f.number("seed", v))?,
        guarantee: f.serde("guarantee")?,
        mode: f.serde("mode")?,
        graph,
        healed_events_max: f.long("healed_events_max")?,
    })
}

/// Can tables be built of this graph, in a reasonable size?
fn validate(graph: &JobGraph) -> Result<(), String> {
    let n = graph.vertices.len();
    let mut total = n as u64;
    for vertex in &graph.vertices {
        let partitions = if let Role::Source { partitions, .. } = vertex.role { partitions } else { 0 };
        if vertex.parallelism == 0 {
            return Err(format!("vertex `{}` has no subtasks", vertex.name));
        }
        total += vertex.parallelism as u64 + partitions as u64;
    }
    if total > SUBTASKS_MAX {
        return Err(format!("the job has {total} vertices, subtasks and partitions, more than {SUBTASKS_MAX}"));
    }
    let mut channels = 0u64;
    let mut missing = vec![0u32; n];
    for edge in &graph.edges {
        let ends = (graph.vertices.get(edge.from.index()), graph.vertices.get(edge.to.index()));
        let (Some(from), Some(to)) = ends else { return Err("an edge names a vertex that is not there".to_string()) };
        let forward = edge.partitioning == Partitioning::Forward;
        if forward && from.parallelism != to.parallelism {
            return Err(format!("`{}` and `{}` differ in parallelism, and the edge is forward", from.name, to.name));
        }
        channels += from.parallelism as u64 * if forward { 1 } else { to.parallelism as u64 };
        missing[edge.to.index()] += 1;
    }
    if channels > CHANNELS_MAX {
        return Err(format!("the job has {channels} channels, more than {CHANNELS_MAX}"));
    }
    let mut ready: Vec<usize> = (0..n).filter(|v| missing[*v] == 0).collect();
    let mut done = 0;
    while let Some(v) = ready.pop() {
        done += 1;
        for edge in graph.edges.iter().filter(|edge| edge.from.index() == v) {
            missing[edge.to.index()] -= 1;
            if missing[edge.to.index()] == 0 {
                ready.push(edge.to.index());
            }
        }
    }
    if done < n { Err("the job graph has a cycle".to_string()) } else { Ok(()) }
}

fn body(f: &mut Fields, names: &Names, kind: &str) -> Result<Kind, Error> {
    Ok(match kind {
        "read" => Kind::Read { partition: PartitionId(f.small("part")?), record: f.record()? },
        "visible" => Kind::Visible {
            position: f.long("pos")?,
            from: f.life("from", names)?,
            record: f.record()?,
            txn: f.optional("txn", |f, v| f.txn("txn", v, names))?,
        },
        "quiesce" => Kind::Quiesce,
        "start" => Kind::Start,
        "crash" => Kind::Crash,
        "stop" => Kind::Stop,
        "clear" => Kind::Clear,
        "fault" => Kind::Fault { what: f.text("what")?.into() },
        "finish" => Kind::Finish { complete: f.flag("complete")? },
        "choice" => {
            let value = f.take("value")?;
            let Datum::Int(value) = f.datum("value", value)? else {
                return Err(f.wrong("value", "a whole number is expected".to_string()));
            };
            Kind::Choice { value }
        }
        "send" => Kind::Send { channel: f.channel(names)?, m: f.long("m")?, record: f.record()? },
        "apply" => Kind::Apply { channel: f.channel(names)?, m: f.long("m")? },
        "bar_out" => {
            Kind::BarOut { channel: f.channel(names)?, checkpoint: f.ckpt()?, overtakes: f.flag("overtakes")? }
        }
        "bar_in" => Kind::BarIn { channel: f.channel(names)?, checkpoint: f.ckpt()?, passed: f.small("passed")? },
        "cancel_out" => Kind::CancelOut { channel: f.channel(names)?, checkpoint: f.ckpt()? },
        "cancel_in" => Kind::CancelIn { channel: f.channel(names)?, checkpoint: f.ckpt()? },
        "end_out" => Kind::EndOut { channel: f.channel(names)? },
        "end_in" => Kind::EndIn { channel: f.channel(names)? },
        "hold" => Kind::Hold { channel: f.channel(names)? },
        "release" => Kind::Release { channel: f.channel(names)? },
        _ => control(f, names, kind)?,
    })
}

fn control(f: &mut Fields, names: &Names, kind: &str) -> Result<Kind, Error> {
    Ok(match kind {
        "trigger" => Kind::Trigger {
            checkpoint: f.ckpt()?,
            job: Attempt(f.small("job")?),
            required: f.list("required", |f, v| f.task_of("required", v, names))?.into(),
        },
        "ack" => Kind::Ack { checkpoint: f.ckpt()? },
        "decline" => Kind::Decline { checkpoint: f.ckpt()?, reason: f.word("reason", words::DECLINES)? },
        "abandon" => Kind::Abandon { checkpoint: f.ckpt()?, reason: f.word("reason", words::DECLINES)? },
        "abort" => Kind::Abort { checkpoint: f.ckpt()?, reason: f.word("reason", words::ABORTS)? },
        "snap" => Kind::Snap { checkpoint: f.ckpt()?, digest: f.long("digest")? },
        "complete" => Kind::Complete {
            checkpoint: f.ckpt()?,
            job: Attempt(f.small("job")?),
            token: FencingToken(f.small("token")?),
            parts: f.list("parts", |f, v| f.key("parts", v, names))?.into(),
            outcome: f.result()?,
        },
        "notify" => Kind::Notify {
            checkpoint: f.ckpt()?,
            to: f.life("to", names)?,
            what: f.word("what", words::NOTICES)?,
        },
        "put" => Kind::Put {
            key: f.key_of(names)?,
            digest: f.long("digest")?,
            offsets: f.offsets()?,
            kappa: f.kappa(names)?,
            txns: f.list("txns", |f, v| f.txn("txns", v, names))?.into(),
            outcome: f.result()?,
        },
        "get" => Kind::Get { key: f.key_of(names)?, outcome: f.result()? },
        "del" => Kind::Delete { key: f.key_of(names)? },
        "lead" => Kind::Lead { token: FencingToken(f.small("token")?), outcome: f.result()? },
        "begin" => Kind::Begin {
            job: Attempt(f.small("job")?),
            token: FencingToken(f.small("token")?),
            base: f.optional("base", |f, v| f.number("base", v))?.map(CheckpointId),
            outcome: f.result()?,
        },
        "restore" => Kind::Restore {
            base: f.optional("base", |f, v| f.number("base", v))?.map(CheckpointId),
            digest: f.long("digest")?,
            offsets: f.offsets()?,
            kappa: f.kappa(names)?,
            finished: f.flag("finished")?,
        },
        "txn" => {
            let op = f.word("op", words::TXN_OPS)?;
            let txn = f.take("txn")?;
            Kind::Txn { op, txn: f.txn("txn", txn, names)?, records: f.long("records")?, outcome: f.result()? }
        }
        _ => Kind::Fence { by: f.life("by", names)? },
    })
}

/// The fields of one line, taken one by one.
struct Fields<'a> {
    text: &'a str,
    line: u64,
    map: Map<String, Value>,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    fn parse(text: &'a str, line: u64) -> Result<Self, Error> {
        let map: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            let full = error.to_string();
            let message = full.split(" at line ").next().unwrap_or("not JSON").to_string();
            Error { line, column: error.column().max(1) as u64, message }
        })?;
        Ok(Fields { text, line, map, asked: Vec::new() })
    }

    #[cold]
    fn wrong(&self, field: &str, message: String) -> Error {
        let column = self.text.find(&format!("\"{field}\"")).unwrap_or(0) as u64 + 1;
        Error { line: self.line, column, message }
    }

    fn expected(&self, field: &str, what: &str) -> Error {
        self.wrong(field, format!("field `{field}`: {what} is expected"))
    }

    /// Nothing may be left.
    fn end(self) -> Result<(), Error> {
        let Some(field) = self.map.keys().next() else { return Ok(()) };
        let near = self.asked.iter().map(|name| (strsim::damerau_levenshtein(name, field), name)).min();
        let hint = near.filter(|(distance, _)| *distance <= 2).map(|(_, name)| format!(", did you mean `{name}`?"));
        let shown: String = field.chars().take(40).collect();
        Err(self.wrong(field, format!("unknown field `{shown}`{}", hint.unwrap_or_default())))
    }

    fn take(&mut self, name: &'static str) -> Result<Value, Error> {
        self.asked.push(name);
        if let Some(value) = self.map.remove(name) {
            return Ok(value);
        }
        let near = self.map.keys().find(|key| strsim::damerau_levenshtein(key, name) <= 2 && key.len() > 2);
        let at = near.cloned().unwrap_or_default();
        let hint = near.map(|key| format!(": is `{key}` meant?")).unwrap_or_default();
        Err(self.wrong(&at, format!("field `{name}` is missing{hint}")))
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Self, Value) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.asked.push(name);
        self.map.remove(name).map(|value| read(self, value)).transpose()
    }

    fn version(&mut self) -> Result<(), Error> {
        match self.long("v")? {
            VERSION => Ok(()),
            other => Err(self.wrong("v", format!("format version {other} is not known, only {VERSION}"))),
        }
    }

    fn number(&self, name: &str, value: Value) -> Result<u64, Error> {
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.expected(name, "a whole number from 0"))
    }

    fn small_of(&self, name: &str, value: Value) -> Result<u32, Error> {
        self.number(name, value)?.try_into().map_err(|_| self.expected(name, "a smaller number"))
    }

    fn string(&self, name: &str, value: Value) -> Result<String, Error> {
        if let Value::String(text) = value { Ok(text) } else { Err(self.expected(name, "a text")) }
    }

    fn array(&self, name: &str, value: Value) -> Result<Vec<Value>, Error> {
        if let Value::Array(list) = value { Ok(list) } else { Err(self.expected(name, "a list")) }
    }

    fn tuple<const N: usize>(&self, name: &str, value: Value, what: &str) -> Result<[Value; N], Error> {
        self.array(name, value)?.try_into().map_err(|_| self.expected(name, what))
    }

    fn long(&mut self, name: &'static str) -> Result<u64, Error> {
        let value = self.take(name)?;
        self.number(name, value)
    }

    fn small(&mut self, name: &'static str) -> Result<u32, Error> {
        let value = self.take(name)?;
        self.small_of(name, value)
    }

    fn text(&mut self, name: &'static str) -> Result<String, Error> {
        let value = self.take(name)?;
        self.string(name, value)
    }

    fn flag(&mut self, name: &'static str) -> Result<bool, Error> {
        self.take(name)?.as_bool().ok_or_else(|| self.expected(name, "true or false"))
    }

    fn serde<T: serde::de::DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Error> {
        let value = self.take(name)?;
        serde_json::from_value(value).map_err(|error| self.wrong(name, format!("field `{name}`: {error}")))
    }

    fn word<T: Copy>(&mut self, name: &'static str, list: &[(&str, T)]) -> Result<T, Error> {
        let text = self.text(name)?;
        let all = || list.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let found = list.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| self.expected(name, &format!("one of {}", all())))
    }

    fn result(&mut self) -> Result<Outcome, Error> {
        self.word("result", words::OUTCOMES)
    }

    fn ckpt(&mut self) -> Result<CheckpointId, Error> {
        self.long("ckpt").map(CheckpointId)
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&Self, Value) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let value = self.take(name)?;
        self.array(name, value)?.into_iter().map(|item| read(self, item)).collect()
    }

    fn task_of(&self, name: &str, value: Value, names: &Names) -> Result<TaskId, Error> {
        let text = self.string(name, value)?;
        names.find_task(&text).ok_or_else(|| self.wrong(name, format!("field `{name}`: there is no process `{text}`")))
    }

    fn task(&mut self, name: &'static str, names: &Names) -> Result<TaskId, Error> {
        let value = self.take(name)?;
        self.task_of(name, value, names)
    }

    fn channel_of(&self, name: &str, value: Value, names: &Names) -> Result<ChannelId, Error> {
        let text = self.string(name, value)?;
        let none = || self.wrong(name, format!("field `{name}`: there is no channel `{text}`"));
        names.find_channel(&text).ok_or_else(none)
    }

    fn channel(&mut self, names: &Names) -> Result<ChannelId, Error> {
        let value = self.take("ch")?;
        self.channel_of("ch", value, names)
    }

    fn life(&mut self, name: &'static str, names: &Names) -> Result<Incarnation, Error> {
        let value = self.take(name)?;
        let [task, attempt] = self.tuple(name, value, "[process, attempt]")?;
        Ok(Incarnation { task: self.task_of(name, task, names)?, attempt: Attempt(self.small_of(name, attempt)?) })
    }

    fn key(&self, name: &str, value: Value, names: &Names) -> Result<StoreKey, Error> {
        let [attempt, checkpoint, task] = self.tuple(name, value, "[attempt, checkpoint, process]")?;
        Ok(StoreKey {
            attempt: Attempt(self.small_of(name, attempt)?),
            checkpoint: CheckpointId(self.number(name, checkpoint)?),
            task: self.task_of(name, task, names)?,
        })
    }

    fn key_of(&mut self, names: &Names) -> Result<StoreKey, Error> {
        let value = self.take("key_of")?;
        self.key("key_of", value, names)
    }

    fn txn(&self, name: &str, value: Value, names: &Names) -> Result<Txn, Error> {
        let [attempt, task, number] = self.tuple(name, value, "[attempt, process, number]")?;
        Ok(Txn {
            attempt: Attempt(self.small_of(name, attempt)?),
            task: self.task_of(name, task, names)?,
            number: self.number(name, number)?,
        })
    }

    fn offsets(&mut self) -> Result<Arc<[(PartitionId, Offset)]>, Error> {
        let list = self.list("off", |f, value| {
            let [partition, offset] = f.tuple("off", value, "[partition, offset]")?;
            Ok((PartitionId(f.small_of("off", partition)?), Offset(f.number("off", offset)?)))
        })?;
        Ok(list.into())
    }

    fn kappa(&mut self, names: &Names) -> Result<Kappa, Error> {
        let list = self.list("kappa", |f, value| {
            let mut list = f.array("kappa", value)?.into_iter();
            let channel = list.next().ok_or_else(|| f.expected("kappa", "[channel, ids ...]"))?;
            let ids: Result<Vec<RecordId>, Error> = list.map(|id| f.id("kappa", id)).collect();
            Ok((f.channel_of("kappa", channel, names)?, ids?))
        })?;
        Ok(list.into())
    }

    fn id(&self, name: &str, value: Value) -> Result<RecordId, Error> {
        let text = self.string(name, value)?;
        let parse = || {
            let (partition, rest) = text.strip_prefix('s')?.split_once(':')?;
            let (offset, part) = rest.split_once('.').unwrap_or((rest, "0"));
            Some(RecordId {
                partition: PartitionId(partition.parse().ok()?),
                part: part.parse().ok()?,
                offset: Offset(offset.parse().ok()?),
            })
        };
        parse().ok_or_else(|| self.expected(name, "a record id like \"s0:17\" or \"s0:17.2\""))
    }

    fn record(&mut self) -> Result<Record, Error> {
        let [id, key, value] = [self.take("id")?, self.take("key")?, self.take("value")?];
        Ok(Record { id: self.id("id", id)?, key: self.datum("key", key)?, value: self.datum("value", value)? })
    }

    fn datum(&self, name: &str, value: Value) -> Result<Datum, Error> {
        let wrong = || self.expected(name, "a whole number, a text, [left, right], {\"int\": ..} or {\"bytes\": ..}");
        Ok(match value {
            Value::Number(number) => Datum::Int(number.as_i64().ok_or_else(wrong)?),
            Value::String(text) => Datum::Text(text.into()),
            Value::Array(_) => {
                let [left, right] = self.tuple(name, value, "[left, right]")?;
                Datum::Pair((self.datum(name, left)?, self.datum(name, right)?).into())
            }
            Value::Object(map) => match map.iter().next() {
                Some((key, Value::String(text))) if map.len() == 1 && key == "int" => {
                    Datum::Int(text.parse().map_err(|_| wrong())?)
                }
                Some((key, Value::String(text))) if map.len() == 1 && key == "bytes" => {
                    Datum::Bytes(hex(text).ok_or_else(wrong)?.into())
                }
                _ => return Err(wrong()),
            },
            _ => return Err(wrong()),
        })
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}
