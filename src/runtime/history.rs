//! A trace that another process began, and may have died over: what it says, what it couldn't say any more, and how to go
//! on with it.
//!
//! Before anything durable is done, the log is handed to the operating system. So what a killed process left of it is a
//! prefix that lacks at most the lines of what was done last; and what is durable can still be asked: the store for its
//! inventory, a reader of each sink for what it sees.

use super::book::{Continued, Log, Out};
use super::outside::{Batch, Consumer, Store};
use crate::engine::message::Txn;
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind, Meta, Outcome, TxnOp};
use crate::trace::json::{self, Writer};
use crate::trace::record::Recorder;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// What a trace says.
#[derive(Default)]
pub struct History {
    bytes: u64,
    lines: u64,
    continued: Continued,
    alive: BTreeMap<Incarnation, u32>, // and how many lines it has
    store: Vec<Kind>,
    seen: BTreeMap<(VertexId, Incarnation, Option<Txn>), usize>,
    committed: Vec<Txn>,
    /// Nothing was left to do: there is nothing to add.
    pub quiet: bool,
}

impl History {
    /// Reads a trace up to its last whole line; none if there is no file, or nothing in it.
    ///
    /// # Errors
    /// In words, if it can't be read, or is of another job.
    pub fn read(path: &Path, meta: &Meta) -> Result<Option<History>, String> {
        let problem = |what: String| format!("cannot go on with {}: {what}", path.display());
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(problem(error.to_string())),
        };
        let whole = whole_lines(&mut file).map_err(|error| problem(error.to_string()))?;
        if whole == 0 {
            return Ok(None);
        }
        file.rewind().map_err(|error| problem(error.to_string()))?;
        let trace = json::read(BufReader::new(file.take(whole))).map_err(|error| problem(error.to_string()))?;
        if (&trace.meta.graph, trace.meta.mode, trace.meta.guarantee) != (&meta.graph, meta.mode, meta.guarantee) {
            return Err(problem("it is the trace of another job".to_string()));
        }
        let topology = Topology::build(meta.graph.clone());
        let mut history = History { bytes: whole, ..History::default() };
        history.continued.counts = vec![0; topology.processes() - topology.store().index()];
        history.continued.shown = vec![0; topology.graph.vertices.len()];
        for event in trace {
            history.add(&topology, event.map_err(|error| problem(error.to_string()))?);
        }
        Ok(Some(history))
    }

    fn add(&mut self, topology: &Topology, event: Event) {
        self.lines += 1;
        let who = Incarnation { task: event.process, attempt: event.attempt };
        if event.process < topology.store() {
            match event.kind {
                Kind::Crash | Kind::Stop => drop(self.alive.remove(&who)),
                _ => drop(self.alive.insert(who, event.n + 1)),
            }
            return;
        }
        self.continued.counts[event.process.index() - topology.store().index()] = event.n + 1;
        self.continued.note(&event.kind);
        match event.kind {
            Kind::Visible { from, txn, .. } => {
                let vertex = topology.subtasks[from.task.index()].vertex;
                self.continued.shown[vertex.index()] += 1;
                *self.seen.entry((vertex, from, txn)).or_default() += 1;
            }
            Kind::Txn { op: TxnOp::Commit, txn, outcome: Outcome::Ok, .. } => self.committed.push(txn),
            Kind::Quiesce => self.quiet = true,
            kind if durable(&kind).is_some() => self.store.push(kind),
            _ => {}
        }
    }

    /// Goes on with the trace: cuts off a torn line, and adds what the one who wrote it could not: what of its last deeds
    /// is durable, and that it is dead.
    ///
    /// # Errors
    /// In words.
    pub fn go_on(
        self,
        path: &Path,
        meta: &Meta,
        topology: &Arc<Topology>,
        store: &dyn Store,
        consumers: &mut [Option<Box<dyn Consumer>>],
    ) -> Result<Log, String> {
        let problem = |error: std::io::Error| format!("cannot go on with {}: {error}", path.display());
        let mut file = OpenOptions::new().write(true).open(path).map_err(problem)?;
        file.set_len(self.bytes).map_err(problem)?;
        file.seek(SeekFrom::End(0)).map_err(problem)?;
        let out = BufWriter::new(Box::new(file) as Out);
        let mut log = Log::new(topology, Writer::append(out, meta, self.lines), None, self.continued);
        let known: Vec<_> = self.store.iter().filter_map(durable).collect();
        for kind in store.inventory().map_err(|why| format!("cannot read the store: {why}"))? {
            if durable(&kind).is_some_and(|line| !known.contains(&line)) {
                log.line(topology.store(), kind);
            }
        }
        for (vertex, consumer) in (0..).map(VertexId).zip(consumers) {
            let Some(consumer) = consumer else { continue };
            for mut batch in consumer.look().map_err(|why| format!("cannot read the sink: {why}"))? {
                let seen = self.seen.get(&(vertex, batch.from, batch.txn)).copied().unwrap_or(0);
                unsaid(&mut log, topology.ledger(vertex), &batch, &self.committed);
                batch.records.drain(..seen.min(batch.records.len()));
                log.visible(vertex, &batch);
            }
        }
        for (who, n) in self.alive {
            log.event(&Recorder::after(topology, who, n).event(Nanos(0), Kind::Crash));
        }
        Ok(log)
    }
}

/// A commit that was made and not written down.
fn unsaid(log: &mut Log, ledger: TaskId, batch: &Batch, committed: &[Txn]) {
    if let Some(txn) = batch.txn.filter(|txn| !committed.contains(txn)) {
        let records = batch.records.len() as u64;
        log.line(ledger, Kind::Txn { op: TxnOp::Commit, txn, records, outcome: Outcome::Ok });
    }
}

/// What a line of the store tells of that lasts, and can be told once.
fn durable(kind: &Kind) -> Option<(u8, u64, u64, u64)> {
    match kind {
        Kind::Lead { token, outcome: Outcome::Ok } => Some((0, u64::from(token.0), 0, 0)),
        Kind::Begin { job, outcome: Outcome::Ok, .. } => Some((1, u64::from(job.0), 0, 0)),
        Kind::Put { key, outcome: Outcome::Ok, .. } => {
            Some((2, u64::from(key.attempt.0), key.checkpoint.0, u64::from(key.task.0)))
        }
        Kind::Complete { checkpoint, job, outcome: Outcome::Ok, .. } => Some((3, u64::from(job.0), checkpoint.0, 0)),
        Kind::Savepoint { checkpoint, job, outcome: Outcome::Ok, .. } => Some((4, u64::from(job.0), checkpoint.0, 0)),
        _ => None,
    }
}

/// How many bytes there are up to the end of the last whole line.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut piece = [0u8; 1 << 16];
    while end > 0 {
        let from = end.saturating_sub(piece.len() as u64);
        file.seek(SeekFrom::Start(from))?;
        let piece = &mut piece[..(end - from) as usize];
        file.read_exact(piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(from + at as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}
