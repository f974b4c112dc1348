//! Events to lines.

use super::{NUMBER_MAX, Names, VERSION};
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::*;
use crate::trace::words;
use crate::trace::{Datum, Record, StoreKey, Txn};
use std::fmt::Write as _;
use std::io;

/// Writes a trace.
pub struct Writer<W> {
    out: W,
    names: Names,
    line: String,
    lines: u64,
}

impl<W: io::Write> Writer<W> {
    /// Writes the header.
    pub fn new(mut out: W, meta: &Meta) -> io::Result<Self> {
        let names = Names::new(&Topology::build(meta.graph.clone()));
        let mut line = Line::new(&names, String::new());
        line.raw("v", VERSION);
        line.text("k", "meta");
        line.text("tool", &meta.tool);
        line.text("scenario", &meta.scenario);
        if let Some(seed) = meta.seed {
            line.number("seed", seed);
        }
        let word = |value: serde_json::Result<String>| value.map_err(io::Error::other);
        line.raw("guarantee", word(serde_json::to_string(&meta.guarantee))?);
        line.raw("mode", word(serde_json::to_string(&meta.mode))?);
        if let Some(regions) = meta.regions {
            line.raw("regions", word(serde_json::to_string(&regions))?);
        }
        line.number("healed_events_max", meta.healed_events_max);
        line.raw("graph", word(serde_json::to_string(&meta.graph))?);
        out.write_all(line.end().as_bytes())?;
        Ok(Writer { out, names, line: String::new(), lines: 0 })
    }

    /// Writes one event.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut line = Line::new(&self.names, std::mem::take(&mut self.line));
        line.raw("v", VERSION);
        line.raw("i", self.lines);
        line.number("t", event.time.0);
        line.task("p", event.process);
        line.raw("a", event.attempt.0);
        line.raw("n", event.n);
        line.text("k", words::kind(&event.kind));
        fields(&mut line, &event.kind);
        self.line = line.end();
        self.lines += 1;
        self.out.write_all(self.line.as_bytes())
    }

    /// Goes on with a trace whose header and so many events are in `out` already.
    pub fn append(out: W, meta: &Meta, lines: u64) -> Self {
        let names = Names::new(&Topology::build(meta.graph.clone()));
        Writer { out, names, line: String::new(), lines }
    }

    /// Hands everything over to the place that is written to.
    ///
    /// # Errors
    /// If that can't take it.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Gives the place back that was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

struct Line<'a> {
    names: &'a Names,
    text: String,
}

impl<'a> Line<'a> {
    fn new(names: &'a Names, mut text: String) -> Self {
        text.clear();
        text.push('{');
        Line { names, text }
    }

    fn end(mut self) -> String {
        self.text.push_str("}\n");
        self.text
    }

    fn name(&mut self, name: &str) -> &mut String {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        let _ = write!(self.text, "\"{name}\":");
        &mut self.text
    }

    fn raw(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = write!(self.name(name), "{value}");
    }

    fn number(&mut self, name: &str, value: u64) {
        number(self.name(name), value);
    }

    fn text(&mut self, name: &str, value: &str) {
        quote(self.name(name), value);
    }

    fn task(&mut self, name: &str, task: TaskId) {
        let value = self.names.task(task);
        self.text(name, &value);
    }

    fn channel(&mut self, channel: ChannelId) {
        let value = self.names.channel(channel);
        self.text("ch", &value);
    }

    fn life(&mut self, name: &str, life: Incarnation) {
        let value = self.names.task(life.task);
        let out = self.name(name);
        out.push('[');
        quote(out, &value);
        let _ = write!(out, ",{}]", life.attempt.0);
    }

    fn list<T>(&mut self, name: &str, list: &[T], mut one: impl FnMut(&mut String, &Names, &T)) {
        let names = self.names;
        let out = self.name(name);
        out.push('[');
        for (i, item) in list.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            one(out, names, item);
        }
        out.push(']');
    }

    fn offsets(&mut self, offsets: &[(PartitionId, Offset)]) {
        self.list("off", offsets, |out, _, (partition, offset)| {
            let _ = write!(out, "[{},", partition.0);
            number(out, offset.0);
            out.push(']');
        });
    }

    fn kappa(&mut self, kappa: &Kappa) {
        self.list("kappa", kappa, |out, names, (channel, ids)| {
            out.push('[');
            quote(out, &names.channel(*channel));
            for id in ids {
                let _ = write!(out, ",\"{id}\"");
            }
            out.push(']');
        });
    }

    fn record(&mut self, record: &Record) {
        self.text.push(',');
        record_fields(&mut self.text, record);
    }

    fn ckpt(&mut self, checkpoint: CheckpointId) {
        self.number("ckpt", checkpoint.0);
    }

    fn base(&mut self, base: Option<CheckpointId>) {
        if let Some(base) = base {
            self.number("base", base.0);
        }
    }

    fn result(&mut self, outcome: Outcome) {
        self.text("result", words::outcome(outcome));
    }
}

fn record_fields(out: &mut String, Record { id, key, value }: &Record) {
    // `id` as it is displayed; records are nearly all that is written.
    out.push_str("\"id\":\"s");
    digits(out, id.partition.0);
    out.push(':');
    digits(out, id.offset.0);
    if id.part > 0 {
        out.push('.');
        digits(out, id.part);
    }
    out.push_str("\",\"key\":");
    datum(out, key);
    out.push_str(",\"value\":");
    datum(out, value);
}

/// Adds a record as a line of its own, as sinks write it: `id`, `key` and `value` as in traces.
pub fn write_record(out: &mut String, record: &Record) {
    out.push('{');
    record_fields(out, record);
    out.push_str("}\n");
}

fn digits(out: &mut String, number: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(number));
}

fn number(out: &mut String, value: u64) {
    let quotes = if value > NUMBER_MAX { "\"" } else { "" };
    out.push_str(quotes);
    digits(out, value);
    out.push_str(quotes);
}

fn quote(out: &mut String, text: &str) {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        return out.push('"');
    }
    // serde_json can't fail on a string.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

fn datum(out: &mut String, value: &Datum) {
    match value {
        Datum::Int(i) => {
            if i.unsigned_abs() > NUMBER_MAX {
                let _ = write!(out, "{{\"int\":\"{i}\"}}");
            } else {
                digits(out, *i);
            }
        }
        Datum::Text(text) => quote(out, text),
        Datum::Bytes(bytes) => {
            out.push_str("{\"bytes\":\"");
            for byte in bytes.iter() {
                let _ = write!(out, "{byte:02x}");
            }
            out.push_str("\"}");
        }
        Datum::Pair(pair) => {
            out.push('[');
            datum(out, &pair.0);
            out.push(',');
            datum(out, &pair.1);
            out.push(']');
        }
    }
}

fn key(out: &mut String, names: &Names, key: &StoreKey) {
    let _ = write!(out, "[{},", key.attempt.0);
    number(out, key.checkpoint.0);
    out.push(',');
    quote(out, &names.task(key.task));
    out.push(']');
}

fn txn(out: &mut String, names: &Names, txn: &Txn) {
    let _ = write!(out, "[{},", txn.attempt.0);
    quote(out, &names.task(txn.task));
    out.push(',');
    number(out, txn.number);
    out.push(']');
}

fn fields(line: &mut Line, kind: &Kind) {
    let names = line.names;
    match kind {
        Kind::Read { partition, record } => {
            line.raw("part", partition.0);
            line.record(record);
        }
        Kind::Visible { .. } => visible(line, kind),
        Kind::Quiesce | Kind::Start | Kind::Crash | Kind::Stop | Kind::Clear => {}
        Kind::Trigger { checkpoint, required, job } => {
            line.ckpt(*checkpoint);
            line.raw("job", job.0);
            line.list("required", required, |out, names, task| quote(out, &names.task(*task)));
        }
        Kind::Ack { checkpoint } | Kind::Suspend { checkpoint } => line.ckpt(*checkpoint),
        Kind::Decline { checkpoint, reason } | Kind::Abandon { checkpoint, reason } => {
            line.ckpt(*checkpoint);
            line.text("reason", words::decline(*reason));
        }
        Kind::Complete { checkpoint, job, token, parts, outcome }
        | Kind::Savepoint { checkpoint, job, token, parts, outcome } => {
            line.ckpt(*checkpoint);
            line.raw("job", job.0);
            line.raw("token", token.0);
            line.list("parts", parts, key);
            line.result(*outcome);
        }
        Kind::Abort { checkpoint, reason } => {
            line.ckpt(*checkpoint);
            line.text("reason", words::abort(*reason));
        }
        Kind::Notify { checkpoint, to, what } => {
            line.ckpt(*checkpoint);
            line.life("to", *to);
            line.text("what", words::notice(*what));
        }
        Kind::Put { .. } | Kind::Restore { .. } => stored(line, kind),
        Kind::Get { key: k, outcome } => {
            key(line.name("key_of"), names, k);
            line.result(*outcome);
        }
        Kind::Delete { key: k } => key(line.name("key_of"), names, k),
        Kind::Lead { token, outcome } => {
            line.raw("token", token.0);
            line.result(*outcome);
        }
        Kind::Begin { job, token, base, outcome } => {
            line.raw("job", job.0);
            line.raw("token", token.0);
            line.base(*base);
            line.result(*outcome);
        }
        Kind::Txn { op, txn: x, records, outcome } => {
            line.text("op", words::txn_op(*op));
            txn(line.name("txn"), names, x);
            line.number("records", *records);
            line.result(*outcome);
        }
        Kind::Fence { by } => line.life("by", *by),
        Kind::Fault { what } => line.text("what", what),
        Kind::Finish { complete } => line.raw("complete", complete),
        Kind::Choice { value } => datum(line.name("value"), &Datum::Int(*value)),
        _ => channel_fields(line, kind),
    }
}

fn visible(line: &mut Line, kind: &Kind) {
    let Kind::Visible { position, from, record, txn: x } = kind else { return };
    let names = line.names;
    line.number("pos", *position);
    line.life("from", *from);
    line.record(record);
    if let Some(x) = x {
        txn(line.name("txn"), names, x);
    }
}

fn stored(line: &mut Line, kind: &Kind) {
    let names = line.names;
    match kind {
        Kind::Put { key: k, digest, offsets, kappa, txns, outcome } => {
            key(line.name("key_of"), names, k);
            line.number("digest", *digest);
            line.offsets(offsets);
            line.kappa(kappa);
            line.list("txns", txns, txn);
            line.result(*outcome);
        }
        Kind::Restore { base, digest, offsets, kappa, finished } => {
            line.base(*base);
            line.number("digest", *digest);
            line.offsets(offsets);
            line.kappa(kappa);
            line.raw("finished", finished);
        }
        _ => {}
    }
}

fn channel_fields(line: &mut Line, kind: &Kind) {
    match kind {
        Kind::Snap { checkpoint, digest } => {
            line.ckpt(*checkpoint);
            line.number("digest", *digest);
        }
        Kind::Send { channel, m, record } => {
            line.channel(*channel);
            line.number("m", *m);
            line.record(record);
        }
        Kind::Apply { channel, m } => {
            line.channel(*channel);
            line.number("m", *m);
        }
        Kind::BarOut { channel, checkpoint, overtakes } => {
            line.channel(*channel);
            line.ckpt(*checkpoint);
            line.raw("overtakes", overtakes);
        }
        Kind::BarIn { channel, checkpoint, passed } => {
            line.channel(*channel);
            line.ckpt(*checkpoint);
            line.raw("passed", passed);
        }
        Kind::CancelOut { channel, checkpoint } | Kind::CancelIn { channel, checkpoint } => {
            line.channel(*channel);
            line.ckpt(*checkpoint);
        }
        Kind::EndOut { channel } | Kind::EndIn { channel } | Kind::Hold { channel } | Kind::Release { channel } => {
            line.channel(*channel);
        }
        _ => {}
    }
}
