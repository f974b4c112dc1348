//! I8 and I9 for order-insensitive jobs: one failure-free reference run against what was sent and what is visible.
//!
//! I8 is decided by sums: what the subtasks of a vertex sent along their surviving history must be, as a
//! multiset, what the reference run sent. A sum of hashes that commutes stands for the multiset.

use super::balance::Balance;
use super::counts::Tally;
use super::cut::Cut;
use super::lives::{Begun, Saved};
use super::reference::{Reference, Shape, is_sink};
use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Mode, Partitioning, Role, SinkKind, Topology};
use crate::trace::event::{Event, Guarantee, Kind, Outcome, Shown, Spot};
use crate::trace::{Datum, Record, StoreKey};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much is remembered about visible output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Sums only: decides at the end that something is wrong, and not what.
    Sums,
    /// Every record that is expected and not yet visible: names the record.
    Full,
}

/// What one sink has shown and should show.
#[derive(Clone, Debug)]
struct Sink {
    kind: SinkKind,
    rising: bool,
    /// Sums: both sides.
    expected: Tally,
    visible: Tally,
    /// Full: expected minus visible.
    balance: Balance,
    /// Upsert: the newest value of each key, expected and visible.
    last: BTreeMap<Datum, [Option<Datum>; 2]>,
}

/// So many records are put through the reference run at once.
const TOGETHER: usize = 256;

/// The fold.
#[derive(Clone, Debug)]
pub struct ExactlyOnce {
    topology: Arc<Topology>,
    guarantee: Guarantee,
    depth: Depth,
    reference: Reference,
    next: Vec<u64>,
    /// Keys and values that were read and are still to go through the reference run, in single file, all along the
    /// same vertices: those of the partition at hand.
    waiting: Vec<(i64, i64)>,
    waiting_from: PartitionId,
    sent_expected: Vec<Tally>,
    sinks: Vec<Option<Sink>>,
    saved: Saved<Tally>,
    begun: Begun,
    failed: bool,
    quiet: bool,
    state: Option<Box<Violation>>,
    output: Option<Box<Violation>>,
    undecided: Option<&'static str>,
}

impl ExactlyOnce {
    /// A fold that has seen nothing. The job must be order-insensitive.
    pub fn new(topology: &Arc<Topology>, shape: &Shape, guarantee: Guarantee, mode: Mode, depth: Depth) -> Self {
        let vertices = &topology.graph.vertices;
        let sink = |(v, role): (usize, &Role)| match role {
            Role::Sink(kind) => Some(Sink {
                kind: *kind,
                rising: shape.rising[v],
                expected: Tally::default(),
                visible: Tally::default(),
                balance: Balance::default(),
                last: BTreeMap::new(),
            }),
            _ => None,
        };
        ExactlyOnce {
            guarantee,
            depth,
            reference: Reference::new(topology),
            next: vec![0; topology.partitions as usize],
            waiting: Vec::with_capacity(TOGETHER),
            waiting_from: PartitionId(0),
            sent_expected: vec![Tally::default(); vertices.len()],
            sinks: vertices.iter().map(|v| &v.role).enumerate().map(sink).collect(),
            saved: Saved::new(topology.len(), mode),
            begun: Begun::default(),
            failed: false,
            quiet: false,
            state: None,
            output: None,
            undecided: None,
            topology: topology.clone(),
        }
    }

    /// A line that reads.
    #[inline(always)]
    pub(super) fn read(&mut self, partition: PartitionId, record: &Record) {
        let next = &mut self.next[partition.index()];
        if record.id.offset.0 < *next {
            return; // read before, in an abandoned history
        }
        *next = record.id.offset.0.saturating_add(1);
        if let (Datum::Int(key), Datum::Int(value)) = (&record.key, &record.value)
            && self.reference.in_file(partition, *key)
        {
            if self.waiting.len() == TOGETHER || !self.reference.together(self.waiting_from, partition) {
                self.settle();
            }
            self.waiting_from = partition;
            self.waiting.push((*key, *value));
            return;
        }
        self.settle();
        let (sent, sinks, full) = (&mut self.sent_expected, &mut self.sinks, self.depth == Depth::Full);
        self.reference.read(partition, record, &mut |v, key, value| match &mut sinks[v] {
            None => sent[v].add(key, value),
            Some(sink) => sink.expect(key, value, full),
        });
    }

    /// What waits goes through the reference run: all through one vertex, then all through the next.
    #[inline(never)]
    fn settle(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let (waiting, full) = (&mut self.waiting, self.depth == Depth::Full);
        let (line, chains) = self.reference.line(self.waiting_from);
        for v in line {
            chains[*v].integers(waiting);
            match &mut self.sinks[*v] {
                None => {
                    let tally = &mut self.sent_expected[*v];
                    waiting.iter().for_each(|(key, value)| tally.integers(*key, *value));
                }
                Some(sink) if full && sink.kind != SinkKind::Upsert => {
                    waiting.iter().for_each(|(key, value)| _ = sink.balance.integers(*key, *value, 1));
                }
                Some(sink) => {
                    let expect = |(key, value): &(i64, i64)| sink.expect(&Datum::Int(*key), &Datum::Int(*value), full);
                    waiting.iter().for_each(expect);
                }
            }
        }
        waiting.clear();
    }

    /// A line of a ledger that shows a record.
    #[inline(always)]
    pub(super) fn visible(&mut self, at: Spot, record: &Record) -> Seen {
        self.settle();
        let v = at.process.index().wrapping_sub(self.topology.len() + 2);
        let Some(Some(sink)) = self.sinks.get_mut(v) else { return Ok(()) };
        if sink.kind == SinkKind::Upsert {
            sink.last.entry(record.key.clone()).or_default()[1] = Some(record.value.clone());
            return Ok(());
        }
        if self.depth == Depth::Sums {
            sink.visible.add(&record.key, &record.value);
            return Ok(());
        }
        if self.output.is_some() {
            return Ok(());
        }
        let left = sink.balance.add(&record.key, &record.value, -1);
        if left >= 0 || self.guarantee == Guarantee::AtLeastOnce {
            return Ok(());
        }
        self.once_more(at, record)
    }

    /// Does it count each record that this ledger shows, and nothing else?
    pub(super) fn counts(&self, ledger: TaskId) -> bool {
        let sink = self.sinks.get(ledger.index().wrapping_sub(self.topology.len() + 2)).and_then(|sink| sink.as_ref());
        self.depth == Depth::Full && self.output.is_none() && sink.is_some_and(|sink| sink.kind != SinkKind::Upsert)
    }

    /// Lines of a ledger that it counts.
    pub(super) fn visible_all<'a>(
        &mut self,
        ledger: TaskId,
        lines: impl Iterator<Item = (Spot, Shown, &'a Record)>,
    ) -> Seen {
        self.settle();
        let v = ledger.index().wrapping_sub(self.topology.len() + 2);
        let Some(Some(sink)) = self.sinks.get_mut(v) else { return Ok(()) };
        let repeats = self.guarantee == Guarantee::AtLeastOnce;
        for (at, _, record) in lines {
            let left = sink.balance.add(&record.key, &record.value, -1);
            if left < 0 && !repeats {
                return self.once_more(at, record);
            }
        }
        Ok(())
    }

    #[cold]
    fn once_more(&mut self, at: Spot, record: &Record) -> Seen {
        let what = format!(
            "{} with {} and {} is visible once more than in a failure-free run",
            record.id,
            say(&record.key),
            say(&record.value)
        );
        let violation = Violation::new(Invariant::I9, at, what).record(record.id);
        self.output = Some(violation.clone());
        Err(violation)
    }

    /// The next line, unless it is one of a record. What was sent is counted beside the cuts.
    pub fn observe(&mut self, event: &Event, cut: &mut Cut) -> Seen {
        self.settle();
        match &event.kind {
            Kind::Begin { job, base, outcome: Outcome::Ok, .. } => self.begun.add(*job, *base),
            Kind::Snap { checkpoint, .. } => {
                let key = StoreKey { attempt: event.attempt, checkpoint: *checkpoint, task: event.process };
                if let Some(board) = cut.board(event.attempt) {
                    board.before[event.process.index()].known = true;
                    self.saved.save(key, board.tally(&self.topology, event.process).unwrap_or_default());
                }
            }
            Kind::Complete { checkpoint, job, parts, outcome: Outcome::Ok, .. } => {
                self.saved.complete(*checkpoint, *job, parts, |task| cut.tally(task, *job));
            }
            Kind::Restore { base, .. } => {
                let tally = base.and_then(|base| self.saved.part(base, event.process)).copied();
                if let Some(board) = cut.board(event.attempt) {
                    board.begin(&self.topology, event.process, tally.unwrap_or_default());
                }
            }
            Kind::Finish { complete: false } => self.failed = true,
            Kind::Quiesce if !self.failed => {
                self.quiet = true;
                self.judge_state(event, cut);
                self.judge_output(event);
                let found = [&self.state, &self.output].into_iter().flatten().next();
                return found.map_or(Ok(()), |violation| Err(violation.clone()));
            }
            _ => {}
        }
        Ok(())
    }

    fn judge_state(&mut self, event: &Event, cut: &Cut) {
        let job = self.begun.newest().unwrap_or(Attempt(1));
        let base = self.begun.base(job).flatten();
        for v in (0..self.sinks.len()).filter(|v| self.sinks[*v].is_none()) {
            let mut sent = Tally::default();
            for task in self.topology.subtasks_of(VertexId(v as u32)).map(TaskId) {
                let before = || base.and_then(|base| self.saved.part(base, task)).copied();
                sent.plus(cut.tally(task, job).or_else(before).unwrap_or_default(), 1);
            }
            let mut expected = Tally::default();
            for edge in self.topology.graph.edges.iter().filter(|e| e.from.index() == v) {
                let copies = match edge.partitioning {
                    Partitioning::Broadcast => self.topology.graph.vertices[edge.to.index()].parallelism as u64,
                    _ => 1,
                };
                expected.plus(self.sent_expected[v], copies);
            }
            let right = match self.guarantee {
                Guarantee::AtLeastOnce => sent.count >= expected.count,
                Guarantee::AtMostOnce => sent.count <= expected.count,
                _ => sent == expected,
            };
            if !right && self.state.is_none() {
                let name = &self.topology.graph.vertices[v].name;
                let what = format!(
                    "{name} sent {} records along the surviving history, and {} in a failure-free run{}",
                    sent.count,
                    expected.count,
                    if sent.count == expected.count { ", others" } else { "" }
                );
                self.state = Some(Violation::new(Invariant::I8, event, what));
            }
        }
    }

    fn judge_output(&mut self, event: &Event) {
        for (v, sink) in self.sinks.iter().enumerate().filter_map(|(v, s)| s.as_ref().map(|s| (v, s))) {
            let problem = match (sink.kind, self.depth) {
                (SinkKind::Upsert, _) => sink.upsert_problem(self.guarantee),
                (_, Depth::Full) => sink.balance_problem(self.guarantee),
                (_, Depth::Sums) => match sink.sum_problem(self.guarantee) {
                    Ok(problem) => problem,
                    Err(why) => {
                        self.undecided = Some(why);
                        None
                    }
                },
            };
            if let (Some(problem), None) = (problem, &self.output) {
                let name = &self.topology.graph.vertices[v].name;
                self.output = Some(Violation::new(Invariant::I9, event, format!("{name}: {problem}")));
            }
        }
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        let say = |found: &Option<Box<Violation>>, undecided: Option<&str>| match (found, undecided) {
            (Some(violation), _) => Verdict::Violated(violation.clone()),
            (None, _) if self.failed => Verdict::Inconclusive("the job failed for good".to_string()),
            (None, _) if !self.quiet => Verdict::Undecided("the trace ends before it is quiet".to_string()),
            (None, Some(why)) => Verdict::Undecided(why.to_string()),
            (None, None) => Verdict::Holds,
        };
        let held = say(&self.output, self.undecided);
        // Without a choice the two coincide; what is found wrong is reported once, under the plain name.
        let n = if matches!(held, Verdict::Violated(_)) { Verdict::Holds } else { held.clone() };
        vec![(Invariant::I8, say(&self.state, None)), (Invariant::I9, held), (Invariant::I9n, n)]
    }

    /// Is this job one that the fold can judge?
    pub fn judges(shape: &Shape, topology: &Topology) -> bool {
        shape.insensitive && topology.graph.vertices.iter().any(|v| is_sink(&v.role))
    }
}

impl Sink {
    #[inline(never)]
    fn expect(&mut self, key: &Datum, value: &Datum, full: bool) {
        if self.kind == SinkKind::Upsert {
            self.last.entry(key.clone()).or_default()[0] = Some(value.clone());
        } else if full {
            self.balance.add(key, value, 1);
        } else {
            self.expected.add(key, value);
        }
    }

    fn upsert_problem(&self, guarantee: Guarantee) -> Option<String> {
        let wrong = |[expected, visible]: &[Option<Datum>; 2]| match (expected, visible) {
            (Some(_), None) => guarantee != Guarantee::AtMostOnce,
            (None, Some(_)) => true,
            (Some(e), Some(v)) if self.rising => match guarantee {
                Guarantee::AtLeastOnce => v < e,
                Guarantee::AtMostOnce => v > e,
                _ => v != e,
            },
            _ => false,
        };
        let (key, values) = self.last.iter().find(|(_, values)| wrong(values))?;
        let text = |value: &Option<Datum>| value.as_ref().map_or("nothing".to_string(), say);
        Some(format!("{} shows {} and not {}", say(key), text(&values[1]), text(&values[0])))
    }

    fn balance_problem(&self, guarantee: Guarantee) -> Option<String> {
        let wrong = |n: i64| match guarantee {
            Guarantee::AtLeastOnce => n > 0,
            Guarantee::AtMostOnce => n < 0,
            _ => n != 0,
        };
        let ((key, value), n, more) = self.balance.first(wrong)?;
        let what = if n > 0 { "is missing" } else { "is too many" };
        Some(format!(
            "{} with {} {what} {} times, and {more} others are wrong",
            say(&key),
            say(&value),
            n.unsigned_abs()
        ))
    }

    fn sum_problem(&self, guarantee: Guarantee) -> Result<Option<String>, &'static str> {
        if self.expected == self.visible {
            return Ok(None);
        }
        let (expected, visible) = (self.expected.count, self.visible.count);
        let problem = Some(format!("{visible} records are visible, {expected} are in a failure-free run"));
        match guarantee {
            Guarantee::AtLeastOnce if visible >= expected => Err("a subset can't be decided from sums"),
            Guarantee::AtMostOnce if visible <= expected => Err("a subset can't be decided from sums"),
            _ => Ok(problem),
        }
    }
}

/// A datum in words.
pub(crate) fn say(datum: &Datum) -> String {
    match datum {
        Datum::Int(i) => i.to_string(),
        Datum::Text(text) => format!("{text:?}"),
        Datum::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Datum::Pair(pair) => format!("({}, {})", say(&pair.0), say(&pair.1)),
    }
}
