//! Lines to events. Strict: what isn't understood is an error with its place, never a guess and never a panic.

use super::Names;
use super::error::Error;
use super::fields::Fields;
use crate::ids::*;
use crate::topology::{JobGraph, Partitioning, Role, Topology};
use crate::trace::Datum;
use crate::trace::event::*;
use crate::trace::words;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

/// A line may be so long, in bytes.
const LINE_MAX: u64 = 16 << 20;
/// A job may have so many subtasks, partitions and channels.
const SUBTASKS_MAX: u64 = 100_000;
const CHANNELS_MAX: u64 = 4_000_000;

/// The record of a line that [`super::write_record`] wrote. `line`: its number, for errors.
///
/// # Errors
/// What is wrong with the line, and where.
pub fn read_record(text: &str, line: u64) -> Result<crate::trace::Record, Error> {
    let mut fields = Fields::parse(text, line)?;
    let record = fields.record()?;
    fields.end()?;
    Ok(record)
}

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
        let message = "the trace is empty: its first line must be `meta`".to_string();
        return Err(Error::at("T0110", 1, "", 0..0, message));
    };
    let mut fields = Fields::parse(&text, line)?;
    let kind = fields.text("k")?;
    if kind != "meta" {
        let found = fields.wrong("T0110", "k", format!("the first line must be `meta`, not `{kind}`"));
        return Err(found.label("expected `meta`"));
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
                let found = fields.wrong("T0110", "k", "a second `meta` line".to_string());
                return Err(found.label("the header is the first line").help("each trace is a file of its own"));
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
    let wrong = |code, message: String| Error::at(code, *line, "", 0..0, message);
    let mut bytes = Vec::new();
    let read = input.take(LINE_MAX + 1).read_until(b'\n', &mut bytes);
    read.map_err(|error| wrong("T0101", error.to_string()))?;
    if bytes.len() as u64 > LINE_MAX {
        return Err(wrong("T0112", format!("the line is longer than {LINE_MAX} bytes")));
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        // Bytes that aren't text are replaced; those before them stay where they are.
        let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
        Error::at("T0113", *line, &text, at..end, "the line is not UTF-8".to_string()).label("no text from here on")
    })
}

fn header(f: &mut Fields) -> Result<Meta, Error> {
    f.version()?;
    let graph: JobGraph = f.serde("graph")?;
    validate(&graph).map_err(|message| f.wrong("T0111", "graph", message).label("this can't be a job"))?;
    Ok(Meta {
        tool: f.text("tool")?,
        scenario: f.text("scenario")?,
        seed: f.optional("seed", |f, v| f.number("seed", v))?,
        guarantee: f.serde("guarantee")?,
        mode: f.serde("mode")?,
        regions: f.optional("regions", |f, v| {
            serde_json::from_value(v).map_err(|_| f.expected("regions", "how many regions may keep an older state"))
        })?,
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
        "suspend" => Kind::Suspend { checkpoint: f.ckpt()? },
        "finish" => Kind::Finish { complete: f.flag("complete")? },
        "choice" => {
            let value = f.take("value")?;
            let Datum::Int(value) = f.datum("value", value)? else {
                return Err(f.expected("value", "a whole number"));
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
        "savepoint" => Kind::Savepoint {
            checkpoint: f.ckpt()?,
            job: Attempt(f.small("job")?),
            token: FencingToken(f.small("token")?),
            parts: f.list("parts", |f, v| f.key("parts", v, names))?.into(),
            outcome: f.result()?,
        },
        "notify" => {
            Kind::Notify { checkpoint: f.ckpt()?, to: f.life("to", names)?, what: f.word("what", words::NOTICES)? }
        }
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
