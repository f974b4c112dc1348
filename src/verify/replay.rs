//! I8, I9 and I9n for jobs whose output depends on order or on choices: local replay.
//!
//! No reference run can foresee such a job. But each subtask can be re-executed on the records that it applied,
//! in the order and with the choices that the trace recorded; what it sends and shows must follow. With
//! consistent cuts (I1, I2) and exact positions (I3) that makes the surviving history a failure-free run.

use super::lives::{Lives, Rings, Saved, Slots, without_part};
use super::reference::{Chain, Shape};
use super::taken::Taken;
use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Mode, Partitioning, Role, SinkKind, Topology};
use crate::trace::event::{Event, Guarantee, Kappa, Kind, Outcome};
use crate::trace::{Datum, Record, StoreKey};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// One life of a subtask, re-executed.
#[derive(Clone, Debug, Default)]
struct Life {
    chain: Option<Box<Chain>>,
    /// For each route what must be sent next; no channel: any of the route's.
    due: Vec<VecDeque<(Option<ChannelId>, Record)>>,
    sent: Vec<u64>,
    rcvd: Vec<Taken>,
    /// Sinks: what was written since the last completed cut, and how much before that.
    written: VecDeque<Record>,
    settled: u64,
}

/// A subtask as of a cut.
#[derive(Clone, Debug)]
struct Part {
    chain: Option<Box<Chain>>,
    sent: Vec<u64>,
    rcvd: Vec<Taken>,
    written: u64,
}

/// Content of a channel at a completed cut: where new messages begin, and what comes before them.
type Flight = Vec<(ChannelId, u64, Vec<Record>)>;

#[derive(Clone, Debug)]
struct Sink {
    kind: SinkKind,
    by_key: bool,
    /// In the surviving history minus visible.
    balance: BTreeMap<Record, i64>,
    last: BTreeMap<Datum, [Option<Datum>; 2]>,
}

/// The fold.
#[derive(Clone, Debug)]
pub struct Replay {
    topology: Arc<Topology>,
    guarantee: Guarantee,
    chooses: bool,
    lives: Lives<Life>,
    saved: Saved<Part>,
    rings: Slots<Rings<Record>>,
    flights: VecDeque<(CheckpointId, Flight)>,
    sinks: Vec<Option<Sink>>,
    job: Attempt,
    failed: bool,
    quiet: bool,
    found: BTreeMap<Invariant, Box<Violation>>,
    unknown: Option<String>,
}

impl Replay {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>, shape: &Shape, guarantee: Guarantee, mode: Mode) -> Self {
        let graph = &topology.graph;
        let by_key = |v: usize| {
            let mut ins = graph.edges.iter().filter(|e| e.to.index() == v);
            graph.vertices[v].parallelism == 1 || ins.all(|e| e.partitioning == Partitioning::Hash)
        };
        let sink = |v: usize| match graph.vertices[v].role {
            Role::Sink(kind) => Some(Sink { kind, by_key: by_key(v), balance: BTreeMap::new(), last: BTreeMap::new() }),
            _ => None,
        };
        Replay {
            guarantee,
            chooses: shape.chooses,
            lives: Lives::new(topology.len()),
            saved: Saved::new(topology.len(), mode),
            rings: Slots::new(),
            flights: VecDeque::new(),
            sinks: (0..graph.vertices.len()).map(sink).collect(),
            job: Attempt(0),
            failed: false,
            quiet: false,
            found: BTreeMap::new(),
            unknown: None,
            topology: topology.clone(),
        }
    }

    /// The next line.
    pub fn observe(&mut self, event: &Event) -> Seen {
        let seen = self.dispatch(event);
        if let Err(violation) = &seen {
            self.found.entry(violation.invariant).or_insert_with(|| violation.clone());
        }
        seen
    }

    fn dispatch(&mut self, event: &Event) -> Seen {
        match &event.kind {
            Kind::Read { record, .. } => {
                self.nothing_due(event)?;
                self.take(event, 0, record.clone());
                Ok(())
            }
            Kind::Apply { channel, m } => self.apply(event, *channel, *m),
            Kind::Choice { value } => {
                let topology = self.topology.clone();
                if let Some(life) = life(&mut self.lives, &topology, event.process, event.attempt) {
                    let mut chain = life.chain.take().expect("a life has a chain");
                    chain.choices.push_back(*value);
                    chain.go_on(|record| life.emit(&topology, event.process, record));
                    life.chain = Some(chain);
                }
                Ok(())
            }
            Kind::Send { channel, m, record } => self.send(event, *channel, *m, record),
            Kind::Visible { record, .. } => self.visible(event, record),
            Kind::Snap { checkpoint, .. } => self.snap(event, *checkpoint),
            Kind::Finish { complete: false } => {
                self.failed = true;
                Ok(())
            }
            Kind::Finish { .. } if event.process.index() < self.topology.len() => self.nothing_due(event),
            Kind::Complete { checkpoint, job, parts, outcome: Outcome::Ok, .. } => {
                self.complete(*checkpoint, *job, parts);
                Ok(())
            }
            Kind::Begin { job, outcome: Outcome::Ok, .. } => {
                self.job = self.job.max(*job);
                Ok(())
            }
            Kind::Restore { base, kappa, .. } => {
                self.restore(event, *base, kappa);
                Ok(())
            }
            Kind::Quiesce => self.quiesce(event),
            _ => Ok(()),
        }
    }

    fn rings(&mut self, attempt: Attempt) -> Option<&mut Rings<Record>> {
        let channels = self.topology.channels.len();
        self.rings.get(attempt, || Rings::new(channels))
    }

    fn nothing_due(&mut self, event: &Event) -> Seen {
        let Some(life) = self.lives.get(event.process, event.attempt) else { return Ok(()) };
        let due = life.due.iter_mut().find_map(|route| route.pop_front());
        let Some((_, record)) = due else { return Ok(()) };
        let what = format!("{} goes on without having sent {}", self.topology.name(event.process), record.id);
        Err(Violation::new(Invariant::I8, event, what).record(record.id))
    }

    fn take(&mut self, event: &Event, side: u32, record: Record) {
        let topology = &self.topology;
        let Some(life) = life(&mut self.lives, topology, event.process, event.attempt) else { return };
        let mut chain = life.chain.take().expect("a life has a chain");
        chain.choices.clear();
        chain.take(side, record, |record| life.emit(topology, event.process, record));
        life.chain = Some(chain);
    }

    fn apply(&mut self, event: &Event, channel: ChannelId, m: u64) -> Seen {
        self.nothing_due(event)?;
        let ends = self.topology.channels[channel.index()];
        let topology = &self.topology;
        let mut gone = Some(m);
        if let Some(life) = life(&mut self.lives, topology, event.process, event.attempt) {
            let taken = &mut life.rcvd[ends.input.index()];
            if ends.fifo {
                *taken = Taken::before(m.saturating_add(1));
            } else {
                taken.take(m);
                gone = taken.first_missing().checked_sub(1); // what was passed over is still to come
            }
        }
        let record = self.rings(event.attempt).and_then(|rings| {
            let record = rings.get(channel, m);
            gone.iter().for_each(|gone| rings.apply(channel, *gone));
            record
        });
        let topology = &self.topology;
        match record {
            Some(record) => self.take(event, ends.side, record),
            None => {
                self.unknown =
                    Some(format!("what was applied on {} is not in the trace", topology.channel_name(channel)))
            }
        }
        Ok(())
    }

    fn send(&mut self, event: &Event, channel: ChannelId, m: u64, record: &Record) -> Seen {
        if let Some(rings) = self.rings(event.attempt) {
            rings.send(channel, m, record.clone());
        }
        let topology = &self.topology;
        let output = topology.channels[channel.index()].output;
        let Some(life) = life(&mut self.lives, topology, event.process, event.attempt) else { return Ok(()) };
        life.sent[output as usize] = m.saturating_add(1);
        let routes = &topology.subtasks[event.process.index()].routes;
        let route = routes.iter().position(|r| (r.first..r.first + r.count).contains(&output)).unwrap_or(0);
        let due = life.due[route].pop_front();
        let name = || topology.name(event.process);
        let what = match due {
            Some((to, expected)) if expected == *record && to.is_none_or(|to| to == channel) => return Ok(()),
            Some((_, expected)) if expected == *record => {
                format!("{} sends {} into another channel", name(), record.id)
            }
            Some((_, expected)) => format!(
                "{} sends {} with {}, and from what it applied follows {} with {}",
                name(),
                record.id,
                super::exactly_once::say(&record.value),
                expected.id,
                super::exactly_once::say(&expected.value)
            ),
            // What a choice that no line tells of would have given is not known.
            None => format!("{} sends {}, which does not follow from what it applied", name(), record.id),
        };
        if self.unknown.is_some() {
            return Ok(());
        }
        Err(Violation::new(Invariant::I8, event, what).record(record.id).witness(channel, event.attempt, m))
    }

    fn visible(&mut self, event: &Event, record: &Record) -> Seen {
        let v = event.process.index().wrapping_sub(self.topology.len() + 2);
        let Some(Some(sink)) = self.sinks.get_mut(v) else { return Ok(()) };
        let left = add(&mut sink.balance, record, -1);
        sink.last.entry(record.key.clone()).or_default()[1] = Some(record.value.clone());
        let early = left < 0 && self.guarantee == Guarantee::ExactlyOnce;
        if !early || self.unknown.is_some() || (sink.kind != SinkKind::TwoPhase && !self.chooses) {
            return Ok(());
        }
        let what = format!("{} is visible, and no completed checkpoint has it", record.id);
        Err(Violation::new(self.output_invariant(), event, what).record(record.id))
    }

    fn output_invariant(&self) -> Invariant {
        if self.chooses { Invariant::I9n } else { Invariant::I9 }
    }

    fn snap(&mut self, event: &Event, checkpoint: CheckpointId) -> Seen {
        self.nothing_due(event)?;
        let topology = self.topology.clone();
        let Some(life) = life(&mut self.lives, &topology, event.process, event.attempt) else { return Ok(()) };
        let part = life.part();
        if let Some(rings) = self.rings.get(event.attempt, || Rings::new(topology.channels.len())) {
            for (channel, from) in topology.subtasks[event.process.index()].inputs.iter().zip(&part.rcvd) {
                rings.hold(*channel, from.first_missing());
            }
        }
        self.saved.save(StoreKey { attempt: event.attempt, checkpoint, task: event.process }, part);
        Ok(())
    }

    fn complete(&mut self, id: CheckpointId, job: Attempt, parts: &[StoreKey]) {
        let topology = self.topology.clone();
        if parts.iter().any(|key| self.saved.forgotten(key)) {
            self.unknown = Some(format!("{id} is complete, and a cut of it is too long ago"));
        }
        let mut finished: Vec<Option<Part>> = vec![None; topology.len()];
        for task in without_part(topology.len(), parts) {
            finished[task.index()] = life(&mut self.lives, &topology, task, job).map(|life| life.part());
        }
        let done = self.saved.complete(id, job, parts, |task| finished[task.index()].take());
        let mut flight = Flight::new();
        let rings = self.rings.get(job, || Rings::new(topology.channels.len()));
        for (c, ends) in topology.channels.iter().enumerate() {
            let channel = ChannelId(c as u32);
            let (Some(from), Some(to)) = (&done.parts[ends.from.index()], &done.parts[ends.to.index()]) else {
                continue;
            };
            let (sent, rcvd) = (from.sent[ends.output as usize], &to.rcvd[ends.input.index()]);
            let start = rcvd.first_missing();
            let items = rings.as_ref().and_then(|rings| rings.slice(channel, start, sent)).unwrap_or_default();
            let missing = rcvd.missing(sent).filter_map(|m| items.get((m - start) as usize).cloned());
            let items = missing.collect();
            flight.push((channel, sent, items));
        }
        if let Some(rings) = rings {
            rings.release();
            for (key, part) in self.saved.open.iter().filter(|(key, _)| key.attempt == job) {
                let inputs = &topology.subtasks[key.task.index()].inputs;
                inputs.iter().zip(&part.rcvd).for_each(|(channel, from)| rings.hold(*channel, from.first_missing()));
            }
        }
        if self.flights.len() == 4 {
            self.flights.pop_front();
        }
        self.flights.push_back((id, flight));
        let done = self.saved.done(id).expect("it was just completed");
        let mut marks: Vec<u64> = done.parts.iter().map(|part| part.as_ref().map_or(0, |part| part.written)).collect();
        // A part of an earlier attempt says nothing of what was written in this one.
        parts.iter().filter(|key| key.attempt != job).for_each(|key| marks[key.task.index()] = 0);
        for (task, mark) in marks.into_iter().enumerate() {
            self.settle(TaskId(task as u32), job, mark);
        }
    }

    /// Everything that this life wrote before `mark` is in the surviving history for good.
    fn settle(&mut self, task: TaskId, attempt: Attempt, mark: u64) {
        let Some(sink) = &mut self.sinks[self.topology.subtasks[task.index()].vertex.index()] else { return };
        let Some(life) = self.lives.get(task, attempt) else { return };
        while life.settled < mark {
            let Some(record) = life.written.pop_front() else { return };
            life.settled += 1;
            sink.last.entry(record.key.clone()).or_default()[0] = Some(record.value.clone());
            add(&mut sink.balance, &record, 1);
        }
    }

    fn restore(&mut self, event: &Event, base: Option<CheckpointId>, kappa: &Kappa) {
        let topology = self.topology.clone();
        let Some(base) = base else { return };
        let part = self.saved.part(base, event.process).cloned();
        let flight = self.flights.iter().find(|(id, _)| *id == base).map(|(_, flight)| flight.clone());
        let (Some(part), Some(flight)) = (part, flight) else {
            self.unknown = Some(format!("{base} is restored and the trace doesn't have its content"));
            return;
        };
        let Some(life) = life(&mut self.lives, &topology, event.process, event.attempt) else { return };
        (life.chain, life.sent) = (part.chain, part.sent);
        let mut rcvd = part.rcvd;
        for (channel, next, mut items) in flight {
            let ends = topology.channels[channel.index()];
            if ends.to != event.process {
                continue;
            }
            if !ends.fifo {
                items = in_order_of(items, kappa, channel);
                rcvd[ends.input.index()] = Taken::before(next.saturating_sub(items.len() as u64));
            }
            if let Some(rings) = self.rings(event.attempt) {
                rings.put_back(channel, next, &items);
            }
        }
        if let Some(life) = self.lives.get(event.process, event.attempt) {
            life.rcvd = rcvd;
        }
    }

    fn quiesce(&mut self, event: &Event) -> Seen {
        if self.failed {
            return Ok(());
        }
        self.quiet = true;
        for task in (0..self.topology.len() as u32).map(TaskId) {
            self.settle(task, self.job.max(Attempt(1)), u64::MAX);
        }
        for (v, sink) in self.sinks.iter().enumerate().filter_map(|(v, s)| s.as_ref().map(|s| (v, s))) {
            let name = &self.topology.graph.vertices[v].name;
            let wrong = |n: i64| match self.guarantee {
                Guarantee::AtLeastOnce => n > 0,
                Guarantee::AtMostOnce => n < 0,
                _ => n != 0,
            };
            if sink.kind == SinkKind::Upsert {
                let differs = |[expected, visible]: &[Option<Datum>; 2]| sink.by_key && expected != visible;
                if let Some((key, _)) = sink.last.iter().find(|(_, values)| differs(values)) {
                    let what = format!("{name}: {} does not show its last value", super::exactly_once::say(key));
                    return Err(Violation::new(Invariant::I9, event, what));
                }
            } else if let Some((record, n)) = sink.balance.iter().find(|(_, n)| wrong(**n)) {
                let (invariant, what) = match *n > 0 {
                    true => (Invariant::I9, "was written in the surviving history and is not visible"),
                    false => (self.output_invariant(), "is visible, and its history was abandoned or shown before"),
                };
                let value = super::exactly_once::say(&record.value);
                let what = format!("{name}: {} with {value} {what}", record.id);
                return Err(Violation::new(invariant, event, what).record(record.id));
            }
        }
        Ok(())
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        let say = |invariant: Invariant| match (self.found.get(&invariant), &self.unknown) {
            (Some(violation), _) => Verdict::Violated(violation.clone()),
            (None, Some(why)) => Verdict::Undecided(why.clone()),
            (None, None) if self.failed => Verdict::Inconclusive("the job failed for good".to_string()),
            (None, None) if !self.quiet => Verdict::Undecided("the trace ends before it is quiet".to_string()),
            (None, None) => Verdict::Holds,
        };
        [Invariant::I8, Invariant::I9, Invariant::I9n].map(|invariant| (invariant, say(invariant))).to_vec()
    }
}

impl Life {
    fn part(&self) -> Part {
        let written = self.settled + self.written.len() as u64;
        Part { chain: self.chain.clone(), sent: self.sent.clone(), rcvd: self.rcvd.clone(), written }
    }

    /// A record leaves the chain: for a sink it is written, for the others it is due on every route.
    fn emit(&mut self, topology: &Topology, task: TaskId, record: Record) {
        let subtask = &topology.subtasks[task.index()];
        if matches!(topology.vertex(task).role, Role::Sink(_)) {
            return self.written.push_back(record);
        }
        for (r, route) in subtask.routes.iter().enumerate() {
            let channel = |i: u32| Some(subtask.outputs[(route.first + i) as usize]);
            match route.partitioning {
                Partitioning::Forward => self.due[r].push_back((channel(0), record.clone())),
                Partitioning::Rebalance => self.due[r].push_back((None, record.clone())),
                Partitioning::Hash => {
                    let owner = Topology::owner(record.key.key_group(), route.count);
                    self.due[r].push_back((channel(owner), record.clone()));
                }
                Partitioning::Broadcast => {
                    (0..route.count).for_each(|i| self.due[r].push_back((channel(i), record.clone())));
                }
            }
        }
    }
}

fn life<'a>(lives: &'a mut Lives<Life>, topology: &Topology, task: TaskId, attempt: Attempt) -> Option<&'a mut Life> {
    let life = lives.get(task, attempt)?;
    if life.chain.is_none() {
        let subtask = &topology.subtasks[task.index()];
        life.chain = Some(Box::new(Chain::new(&topology.vertex(task).chain)));
        life.due = vec![VecDeque::new(); subtask.routes.len()];
        life.sent = vec![0; subtask.outputs.len()];
        life.rcvd = vec![Taken::default(); subtask.inputs.len()];
    }
    Some(life)
}

/// What was in flight on a channel without order, in the order in which it was put back.
fn in_order_of(mut items: Vec<Record>, kappa: &Kappa, channel: ChannelId) -> Vec<Record> {
    let ids = kappa.iter().find(|(c, _)| *c == channel).map_or(&[][..], |(_, ids)| &ids[..]);
    let find = |id: &RecordId| items.iter().position(|item| item.id == *id).map(|at| items.remove(at));
    ids.iter().filter_map(find).collect()
}

fn add(balance: &mut BTreeMap<Record, i64>, record: &Record, n: i64) -> i64 {
    let entry = balance.entry(record.clone()).or_insert(0);
    *entry += n;
    let left = *entry;
    if left == 0 {
        balance.remove(record);
    }
    left
}
