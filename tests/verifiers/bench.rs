//! A tiny hand-cranked job that writes good traces: two sources, one operator, one sink, a crash in the middle.

use cutline::ids::*;
use cutline::topology::*;
use cutline::trace::event::*;
use cutline::trace::*;
use cutline::verify::reference::Chain;
use std::collections::{BTreeMap, VecDeque};

pub const SRC: [TaskId; 2] = [TaskId(0), TaskId(1)];
pub const MID: TaskId = TaskId(2);
pub const OUT: TaskId = TaskId(3);
pub const COORD: TaskId = TaskId(4);
pub const STORE: TaskId = TaskId(5);
pub const LEDGER: TaskId = TaskId(8);
pub const ENV: TaskId = TaskId(9);
/// Sources to the operator: 0 and 1; operator to the sink: 2.
pub const TO_OUT: ChannelId = ChannelId(2);

pub fn graph(chain: Vec<OperatorKind>, sink: SinkKind) -> JobGraph {
    let vertex = |name: &str, role, chain, parallelism| Vertex { name: name.into(), role, chain, parallelism };
    let edge =
        |from, to, partitioning| Edge { from: VertexId(from), to: VertexId(to), partitioning, capacity: 4, fifo: true };
    JobGraph {
        vertices: vec![
            vertex("src", Role::Source { kind: SourceKind::Log, partitions: 2 }, vec![OperatorKind::Map { add: 1 }], 2),
            vertex("mid", Role::Inner, chain, 1),
            vertex("out", Role::Sink(sink), vec![], 1),
        ],
        edges: vec![edge(0, 1, Partitioning::Hash), edge(1, 2, Partitioning::Forward)],
    }
}

#[derive(Clone)]
struct Cut {
    chain: Chain,
    offsets: [u64; 2],
    sent: [u64; 3],
    kappa: Vec<(ChannelId, Vec<Record>)>,
    txn: Option<Txn>,
}

pub struct Bench {
    pub meta: Meta,
    pub events: Vec<Event>,
    n: BTreeMap<(TaskId, Attempt), u32>,
    job: Attempt,
    chain: Chain,
    offsets: [u64; 2],
    sent: [u64; 3],
    queues: [VecDeque<(u64, Record)>; 3],
    pending: Vec<Record>,
    txn: u64,
    prepared: Vec<(Txn, Vec<Record>)>,
    cuts: BTreeMap<u64, Cut>,
    position: u64,
    next_choice: i64,
}

fn log(partition: usize, offset: u64) -> Record {
    let id = RecordId { partition: PartitionId(partition as u32), part: 0, offset: Offset(offset) };
    Record { id, key: Datum::Int((offset % 2) as i64), value: Datum::Int(10 * partition as i64 + offset as i64) }
}

impl Bench {
    pub fn new(guarantee: Guarantee, mode: Mode, chain: Vec<OperatorKind>, sink: SinkKind) -> Self {
        let graph = graph(chain.clone(), sink);
        let meta = Meta {
            tool: "test".into(),
            scenario: "bench".into(),
            seed: None,
            guarantee,
            mode,
            regions: (mode == Mode::Regional).then(Default::default),
            graph,
            healed_events_max: 1000,
        };
        Bench {
            meta,
            events: Vec::new(),
            n: BTreeMap::new(),
            job: Attempt(0),
            chain: Chain::new(&chain),
            offsets: [0; 2],
            sent: [0; 3],
            queues: Default::default(),
            pending: Vec::new(),
            txn: 0,
            prepared: Vec::new(),
            cuts: BTreeMap::new(),
            position: 0,
            next_choice: 0,
        }
    }

    fn two_phase(&self) -> bool {
        self.meta.graph.vertices[2].role == Role::Sink(SinkKind::TwoPhase)
    }

    pub fn say(&mut self, process: TaskId, kind: Kind) {
        let single = process.0 >= STORE.0 || process == COORD;
        let attempt = if single { Attempt(1) } else { self.job };
        let n = self.n.entry((process, attempt)).or_insert(0);
        self.events.push(Event { process, attempt, n: *n, time: Nanos(0), kind });
        *n += 1;
    }

    fn current(&self) -> Txn {
        Txn { attempt: self.job, task: OUT, number: self.txn }
    }

    fn txn_line(&mut self, op: TxnOp, txn: Txn, records: u64) {
        self.say(LEDGER, Kind::Txn { op, txn, records, outcome: Outcome::Ok });
    }

    pub fn begin(&mut self, base: Option<u64>) {
        self.job = self.job.next();
        if self.job == Attempt(1) {
            self.say(COORD, Kind::Start);
            self.say(STORE, Kind::Lead { token: FencingToken(1), outcome: Outcome::Ok });
        }
        let base = base.map(CheckpointId);
        self.say(STORE, Kind::Begin { job: self.job, token: FencingToken(1), base, outcome: Outcome::Ok });
        let cut = base.map(|id| self.cuts[&id.0].clone());
        let kinds = self.meta.graph.vertices[1].chain.clone();
        self.chain = cut.as_ref().map_or(Chain::new(&kinds), |cut| cut.chain.clone());
        self.offsets = cut.as_ref().map_or([0; 2], |cut| cut.offsets);
        self.sent = cut.as_ref().map_or([0; 3], |cut| cut.sent);
        self.queues = Default::default();
        self.pending.clear();
        for task in [SRC[0], SRC[1], MID, OUT] {
            self.say(task, Kind::Start);
            if task == OUT && self.two_phase() && self.job > Attempt(1) {
                self.say(LEDGER, Kind::Fence { by: Incarnation { task: OUT, attempt: self.job } });
                let old = Txn { attempt: Attempt(self.job.0 - 1), task: OUT, number: self.txn };
                self.txn_line(TxnOp::Abort, old, 0);
            }
            let source = SRC.iter().position(|s| *s == task);
            let offsets = match (source, &cut) {
                (Some(s), Some(cut)) => vec![(PartitionId(s as u32), Offset(cut.offsets[s]))],
                _ => vec![],
            };
            let content = cut.as_ref().filter(|_| task == MID).map_or(vec![], |cut| cut.kappa.clone());
            for (channel, records) in &content {
                let first = self.sent[channel.index()] - records.len() as u64;
                let numbered = records.iter().enumerate().map(|(i, r)| (first + i as u64, r.clone()));
                self.queues[channel.index()] = numbered.collect();
            }
            let digest = base.map_or(0, |id| 100 * id.0 + task.0 as u64);
            self.say(
                task,
                Kind::Restore { base, digest, offsets: offsets.into(), kappa: ids(&content), finished: false },
            );
        }
        self.txn = 0;
        if self.two_phase() {
            self.txn_line(TxnOp::Begin, self.current(), 0);
        }
    }

    pub fn read(&mut self, source: usize) {
        let mut record = log(source, self.offsets[source]);
        self.offsets[source] += 1;
        self.say(SRC[source], Kind::Read { partition: PartitionId(source as u32), record: record.clone() });
        let Datum::Int(v) = record.value else { unreachable!() };
        record.value = Datum::Int(v + 1);
        self.send(SRC[source], source, record);
    }

    fn send(&mut self, from: TaskId, channel: usize, record: Record) {
        let m = self.sent[channel];
        self.sent[channel] += 1;
        self.queues[channel].push_back((m, record.clone()));
        self.say(from, Kind::Send { channel: ChannelId(channel as u32), m, record });
    }

    pub fn apply(&mut self, channel: usize) {
        let (m, record) = self.queues[channel].pop_front().expect("something is in flight");
        let task = if channel == 2 { OUT } else { MID };
        self.say(task, Kind::Apply { channel: ChannelId(channel as u32), m });
        if task == OUT {
            return match self.two_phase() {
                true => self.pending.push(record),
                false => self.show(record, None),
            };
        }
        let mut out = Vec::new();
        let choosing = self.meta.graph.vertices[1].chain.contains(&OperatorKind::Choose);
        let mut chain = self.chain.clone();
        chain.take(0, record, |r| out.push(r));
        if choosing {
            self.next_choice = (self.next_choice + 3) % 8;
            self.say(MID, Kind::Choice { value: self.next_choice });
            chain.choices.push_back(self.next_choice);
            chain.go_on(|r| out.push(r));
        }
        self.chain = chain;
        out.into_iter().for_each(|r| self.send(MID, 2, r));
    }

    fn show(&mut self, record: Record, txn: Option<Txn>) {
        let from = Incarnation { task: OUT, attempt: self.job };
        let position = self.position;
        self.position += 1;
        self.say(LEDGER, Kind::Visible { position, from, record, txn });
    }

    pub fn drain(&mut self) {
        for channel in [0, 1, 2] {
            while !self.queues[channel].is_empty() {
                self.apply(channel);
            }
        }
    }

    fn part(&mut self, task: TaskId, id: u64, cut: &Cut) {
        let checkpoint = CheckpointId(id);
        let source = SRC.iter().position(|s| *s == task);
        let offsets = source.map(|s| vec![(PartitionId(s as u32), Offset(cut.offsets[s]))]).unwrap_or_default();
        let kappa = if task == MID { ids(&cut.kappa) } else { ids(&[]) };
        let txns = cut.txn.filter(|_| task == OUT).into_iter().collect();
        let key = StoreKey { attempt: self.job, checkpoint, task };
        let digest = 100 * id + task.0 as u64;
        self.say(STORE, Kind::Put { key, digest, offsets: offsets.into(), kappa, txns, outcome: Outcome::Ok });
        self.say(task, Kind::Ack { checkpoint });
    }

    /// One checkpoint from trigger to commit. Unaligned: the operator's barriers overtake what is queued.
    pub fn checkpoint(&mut self, id: u64) {
        let checkpoint = CheckpointId(id);
        let unaligned = self.meta.mode == Mode::Unaligned;
        let required = vec![SRC[0], SRC[1], MID, OUT];
        self.say(COORD, Kind::Trigger { checkpoint, required: required.clone().into(), job: self.job });
        for (s, src) in SRC.into_iter().enumerate() {
            self.say(src, Kind::Snap { checkpoint, digest: 100 * id + src.0 as u64 });
            self.say(src, Kind::BarOut { channel: ChannelId(s as u32), checkpoint, overtakes: unaligned });
        }
        let mut kappa = Vec::new();
        for s in 0..2 {
            if unaligned {
                let queued: Vec<Record> = self.queues[s].iter().map(|(_, r)| r.clone()).collect();
                if !queued.is_empty() {
                    kappa.push((ChannelId(s as u32), queued));
                }
            } else {
                while !self.queues[s].is_empty() {
                    self.apply(s);
                }
                self.say(MID, Kind::BarIn { channel: ChannelId(s as u32), checkpoint, passed: 0 });
                if s == 0 {
                    self.say(MID, Kind::Hold { channel: ChannelId(0) });
                }
            }
        }
        if !unaligned {
            self.say(MID, Kind::Release { channel: ChannelId(0) });
        }
        self.say(MID, Kind::Snap { checkpoint, digest: 100 * id + 2 });
        let mut cut = Cut { chain: self.chain.clone(), offsets: self.offsets, sent: self.sent, kappa, txn: None };
        self.say(MID, Kind::BarOut { channel: TO_OUT, checkpoint, overtakes: false });
        while !self.queues[2].is_empty() {
            self.apply(2);
        }
        self.say(OUT, Kind::BarIn { channel: TO_OUT, checkpoint, passed: 0 });
        self.say(OUT, Kind::Snap { checkpoint, digest: 100 * id + 3 });
        if self.two_phase() {
            let records = std::mem::take(&mut self.pending);
            let txn = self.current();
            cut.txn = Some(txn);
            self.txn_line(TxnOp::Prepare, txn, records.len() as u64);
            self.prepared.push((txn, records));
            self.txn += 1;
            self.txn_line(TxnOp::Begin, self.current(), 0);
        }
        for task in required.clone() {
            self.part(task, id, &cut);
        }
        let key = |task| StoreKey { attempt: self.job, checkpoint, task };
        let parts = required.iter().map(|t| key(*t)).collect();
        let (job, token, outcome) = (self.job, FencingToken(1), Outcome::Ok);
        self.say(STORE, Kind::Complete { checkpoint, job, token, parts, outcome });
        self.cuts.insert(id, cut);
        for task in required {
            let to = Incarnation { task, attempt: self.job };
            self.say(COORD, Kind::Notify { checkpoint, to, what: Notice::Complete });
        }
        for (txn, records) in std::mem::take(&mut self.prepared) {
            self.txn_line(TxnOp::Commit, txn, records.len() as u64);
            records.into_iter().for_each(|r| self.show(r, Some(txn)));
        }
    }

    pub fn crash(&mut self) {
        self.say(ENV, Kind::Fault { what: "crash mid/0".into() });
        for task in [SRC[0], SRC[1], MID, OUT] {
            self.say(task, Kind::Crash);
        }
        self.say(ENV, Kind::Clear);
    }

    pub fn end(&mut self, complete: bool) {
        for (s, src) in SRC.into_iter().enumerate() {
            self.say(src, Kind::EndOut { channel: ChannelId(s as u32) });
            self.say(MID, Kind::EndIn { channel: ChannelId(s as u32) });
        }
        if self.two_phase() {
            let last = self.current();
            self.txn_line(TxnOp::Abort, last, 0);
        }
        for task in [SRC[0], SRC[1], MID, OUT] {
            self.say(task, Kind::Finish { complete: true });
        }
        self.say(COORD, Kind::Finish { complete });
        self.say(ENV, Kind::Quiesce);
    }
}

fn ids(content: &[(ChannelId, Vec<Record>)]) -> Kappa {
    let one = |(channel, records): &(ChannelId, Vec<Record>)| (*channel, records.iter().map(|r| r.id).collect());
    content.iter().map(one).collect::<Vec<_>>().into()
}

/// The script: two checkpoints, a crash between them that abandons work, everything again, and the end.
pub fn script(guarantee: Guarantee, mode: Mode, chain: Vec<OperatorKind>, sink: SinkKind) -> (Meta, Vec<Event>) {
    let mut b = Bench::new(guarantee, mode, chain, sink);
    b.begin(None);
    for s in [0, 1, 0, 0, 1] {
        b.read(s);
    }
    b.apply(0);
    b.checkpoint(1);
    b.read(0);
    b.read(1);
    if sink == SinkKind::TwoPhase {
        b.drain();
    }
    b.crash();
    b.begin(Some(1));
    for s in [1, 0, 1] {
        b.read(s);
    }
    b.drain();
    b.checkpoint(2);
    b.end(true);
    (b.meta, b.events)
}

/// Numbers every life again, after an edit.
pub fn renumber(events: &mut [Event]) {
    let mut n: BTreeMap<(TaskId, Attempt), u32> = BTreeMap::new();
    for event in events {
        let next = n.entry((event.process, event.attempt)).or_insert(0);
        event.n = *next;
        *next += 1;
    }
}

/// What two lines have in common that fixes their order: a thing, and whether it is changed.
fn touches(event: &Event) -> Vec<((u32, u64, u64, u64), bool)> {
    let mut list = vec![((0, event.process.0 as u64, event.attempt.0 as u64, 0), true)];
    list.push(((1, 0, 0, 0), event.kind == Kind::Quiesce));
    let life = |a: Attempt| (2, a.0 as u64, 0, 0);
    let part = |k: &StoreKey| (3, k.attempt.0 as u64, k.checkpoint.0, k.task.0 as u64);
    let ckpt = |c: &CheckpointId| (4, c.0, 0, 0);
    let own =
        |checkpoint: &CheckpointId| StoreKey { attempt: event.attempt, checkpoint: *checkpoint, task: event.process };
    match &event.kind {
        Kind::Send { channel, m, .. } => list.push(((5, channel.0 as u64, *m, event.attempt.0 as u64), true)),
        Kind::Apply { channel, m } => {
            list.push(((5, channel.0 as u64, *m, event.attempt.0 as u64), true));
            list.push(((6, event.process.0 as u64, event.attempt.0 as u64, 0), true));
        }
        Kind::Snap { checkpoint, .. } | Kind::Ack { checkpoint } => {
            list.push((part(&own(checkpoint)), true));
            list.push((ckpt(checkpoint), false));
        }
        Kind::Put { key, .. } => list.push((part(key), true)),
        Kind::Trigger { checkpoint, job, .. } => {
            list.push((ckpt(checkpoint), true));
            list.push((life(*job), false));
        }
        Kind::Complete { checkpoint, .. } => {
            list.push((ckpt(checkpoint), true));
            list.push(((7, 0, 0, 0), true));
        }
        Kind::Notify { checkpoint, .. } => list.push((ckpt(checkpoint), false)),
        Kind::Begin { job, .. } => list.push((life(*job), true)),
        Kind::Start | Kind::Restore { .. } => list.push((life(event.attempt), false)),
        Kind::Txn { op, txn, .. } => {
            list.push(((7, 0, 0, 0), false));
            if *op != TxnOp::Commit {
                list.push(((6, txn.task.0 as u64, txn.attempt.0 as u64, 0), true));
            }
        }
        Kind::Visible { from, .. } => {
            list.push(((6, from.task.0 as u64, from.attempt.0 as u64, 0), false));
            list.push(((7, 0, 0, 0), false));
        }
        Kind::Finish { .. } => list.push(((8, 0, 0, 0), event.process == COORD)),
        _ => {}
    }
    list
}

/// Another linear extension of happened-before.
pub fn shuffle(events: &[Event], seed: u64) -> Vec<Event> {
    let touched: Vec<_> = events.iter().map(touches).collect();
    let n = events.len();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); n];
    let mut missing = vec![0; n];
    for j in 0..n {
        for i in 0..j {
            if touched[i].iter().any(|(a, w)| touched[j].iter().any(|(b, v)| a == b && (*w || *v))) {
                after[i].push(j);
                missing[j] += 1;
            }
        }
    }
    let mut state = seed;
    let mut ready: Vec<usize> = (0..n).filter(|i| missing[*i] == 0).collect();
    let mut out = Vec::new();
    while !ready.is_empty() {
        state = cutline::digest::mix(state);
        let i = ready.swap_remove((state % ready.len() as u64) as usize);
        out.push(events[i].clone());
        for j in &after[i] {
            missing[*j] -= 1;
            if missing[*j] == 0 {
                ready.push(*j);
            }
        }
    }
    out
}
