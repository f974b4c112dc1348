//! A coordinator with a real store, driven by hand; and one sink subtask with a real ledger.

use cutline::engine;
use cutline::engine::config::{Config, Mode, RegionLimits, RestartStrategy};
use cutline::engine::coordinator::Coordinator;
use cutline::engine::message::*;
use cutline::engine::process::Process;
use cutline::engine::snapshot::{Manifest, Snapshot};
use cutline::ids::*;
use cutline::topology::*;
use cutline::world::ledger::Ledger;
use cutline::world::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const MS: fn(u64) -> Nanos = Nanos::from_ms;

pub fn config() -> Config {
    Config {
        mode: Mode::Aligned,
        alignment_timeout: MS(50),
        interval: MS(10),
        min_pause: MS(0),
        max_concurrent: 1,
        timeout: MS(100),
        tolerable_failures: 10,
        retain: 1,
        restart: RestartStrategy::Fixed { attempts: 100, delay: MS(1) },
        retry: MS(5),
        checkpoint_after_end: true,
        regions: RegionLimits::default(),
        ignore_expired: false,
    }
}

/// So many sources, one two-phase sink behind them: the tasks are the sources, then the sink.
pub fn topology(sources: u32) -> Arc<Topology> {
    topology_into(SinkKind::TwoPhase, sources)
}

pub fn topology_into(sink: SinkKind, sources: u32) -> Arc<Topology> {
    let vertex = |name: &str, role, parallelism| Vertex { name: name.into(), role, chain: vec![], parallelism };
    let source = Role::Source { kind: SourceKind::Log, partitions: sources };
    let vertices = vec![vertex("src", source, sources), vertex("out", Role::Sink(sink), 1)];
    let (from, to) = (VertexId(0), VertexId(1));
    let edges = vec![Edge { from, to, partitioning: Partitioning::Hash, capacity: 8, fifo: true }];
    Arc::new(Topology::build(JobGraph { vertices, edges }))
}

pub type Effects = Vec<Effect>;

/// A coordinator of two sources (tasks 0 and 1) and a sink (task 2).
pub struct Rig {
    pub c: Coordinator,
    pub topology: Arc<Topology>,
    pub config: Arc<Config>,
    pub store: Store,
    pub asks: Vec<(Ticket, FencingToken, Request)>,
    pub timers: BTreeMap<Timer, Nanos>,
    pub job: Attempt,
}

impl Rig {
    /// Nothing answered yet.
    pub fn asking(config: Config) -> Rig {
        Rig::over(topology(2), config)
    }

    /// The same for another job.
    pub fn over(topology: Arc<Topology>, config: Config) -> Rig {
        let config = Arc::new(config);
        let me = Incarnation { task: topology.coordinator(), attempt: Attempt(1) };
        let c = Coordinator::new(&topology, &config, me);
        let (asks, timers) = (Vec::new(), BTreeMap::new());
        let mut rig = Rig { c, topology, config, store: Store::default(), asks, timers, job: Attempt(1) };
        rig.step(Input::Start);
        rig
    }

    /// All tasks are told to deploy.
    pub fn deploying(config: Config) -> Rig {
        let mut rig = Rig::asking(config);
        rig.serve();
        rig
    }

    /// All tasks run.
    pub fn running(config: Config) -> Rig {
        let mut rig = Rig::deploying(config);
        rig.all_run();
        rig
    }

    pub fn all_run(&mut self) {
        (0..self.topology.len() as u32).for_each(|task| drop(self.told(task, Control::Running)));
    }

    /// The coordinator is gone; another one begins, with nothing but the store.
    pub fn replaced(&mut self, token: u32) -> Effects {
        let me = Incarnation { task: self.topology.coordinator(), attempt: Attempt(token) };
        self.c = Coordinator::new(&self.topology, &self.config, me);
        self.asks.clear();
        self.timers.clear();
        let mut effects = self.step(Input::Start);
        effects.extend(self.serve());
        self.job = self.store.attempt();
        effects
    }

    pub fn step(&mut self, input: Input) -> Effects {
        self.with(|c, out| c.step(input, out))
    }

    pub fn with(&mut self, act: impl FnOnce(&mut Coordinator, &mut Outbox)) -> Effects {
        let mut out = Outbox::default();
        act(&mut self.c, &mut out);
        for effect in &out.effects {
            match effect {
                Effect::Ask(ticket, token, request) => {
                    self.asks.retain(|(old, _, _)| old != ticket); // what is asked anew is only answered anew
                    self.asks.push((*ticket, *token, request.clone()));
                }
                Effect::Arm(timer, after) => drop(self.timers.insert(*timer, *after)),
                Effect::Disarm(timer) => drop(self.timers.remove(timer)),
                _ => {}
            }
        }
        out.effects
    }

    /// The store does and answers everything that is asked.
    pub fn serve(&mut self) -> Effects {
        let mut effects = Vec::new();
        while !self.asks.is_empty() {
            effects.extend(self.serve_at(0, false));
        }
        effects
    }

    fn serve_at(&mut self, at: usize, failed: bool) -> Effects {
        let (ticket, token, request) = self.asks.remove(at);
        let reply = self.store.apply(&self.topology, token, &request, None, failed, &mut Vec::new());
        self.step(Input::Reply(ticket, reply))
    }

    pub fn find(&self, which: impl Fn(&Request) -> bool) -> Option<usize> {
        self.asks.iter().position(|(_, _, request)| which(request))
    }

    /// The store does and answers the first request of this kind.
    pub fn serve_one(&mut self, which: impl Fn(&Request) -> bool) -> Effects {
        let at = self.find(which).expect("it was asked");
        self.serve_at(at, false)
    }

    /// The store refuses the first request of this kind.
    pub fn refuse(&mut self, which: impl Fn(&Request) -> bool) -> Effects {
        let at = self.find(which).expect("it was asked");
        self.serve_at(at, true)
    }

    pub fn fire(&mut self, timer: Timer) -> Effects {
        assert!(self.timers.remove(&timer).is_some(), "{timer:?} is armed");
        self.step(Input::Timer(timer))
    }

    pub fn told(&mut self, task: u32, control: Control) -> Effects {
        self.told_by(task, self.job, control)
    }

    pub fn told_by(&mut self, task: u32, attempt: Attempt, control: Control) -> Effects {
        self.step(Input::Told { from: Incarnation { task: TaskId(task), attempt }, control })
    }

    /// A manual trigger, and the store's answer to it.
    pub fn trigger(&mut self) -> Effects {
        let mut effects = self.with(|c, out| c.trigger(false, out));
        if self.find(is_open).is_some() {
            effects.extend(self.serve_one(is_open));
        }
        effects
    }

    /// A snapshot becomes durable.
    pub fn put(&mut self, task: u32, id: u64) {
        let key = StoreKey { attempt: self.job, checkpoint: CheckpointId(id), task: TaskId(task) };
        let put = Request::Put(key, Arc::new(Snapshot::default()));
        self.store.apply(&self.topology, FencingToken(0), &put, None, false, &mut Vec::new());
    }

    /// A snapshot becomes durable and is acknowledged.
    pub fn ack(&mut self, task: u32, id: u64) -> Effects {
        self.put(task, id);
        self.told(task, Control::Ack(CheckpointId(id)))
    }

    /// Everybody acknowledges.
    pub fn acks(&mut self, id: u64) -> Effects {
        (0..self.topology.len() as u32).flat_map(|task| self.ack(task, id)).collect()
    }

    /// A checkpoint from the trigger to its completion.
    pub fn checkpoint(&mut self) -> Effects {
        let mut effects = self.trigger();
        let id = self.c.pending().last().expect("it is pending").0;
        effects.extend(self.acks(id));
        effects.extend(self.serve());
        effects
    }

    /// The job failed: wait, begin again, all run.
    pub fn restart(&mut self) -> Effects {
        let mut effects = self.fire(Timer::Restart);
        effects.extend(self.serve());
        self.job = self.store.attempt();
        self.all_run();
        effects
    }

    pub fn pending(&self) -> Vec<u64> {
        self.c.pending().iter().map(|id| id.0).collect()
    }

    pub fn completed(&self) -> Vec<u64> {
        self.c.completed().iter().map(|id| id.0).collect()
    }

    pub fn stored(&self) -> Vec<u64> {
        self.store.completed().map(|manifest| manifest.checkpoint.0).collect()
    }
}

pub fn is_open(request: &Request) -> bool {
    matches!(request, Request::Open(_))
}

pub fn is_publish(request: &Request) -> bool {
    matches!(request, Request::Publish(_))
}

/// Who is told this, in order.
pub fn who(effects: &[Effect], what: &Control) -> Vec<u32> {
    let told = |effect: &Effect| match effect {
        Effect::Tell(to, control) if control == what => Some(to.task.0),
        _ => None,
    };
    effects.iter().filter_map(told).collect()
}

/// Is any subtask told anything?
pub fn tells(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Tell(..)))
}

pub fn marks(effects: &[Effect]) -> Vec<Mark> {
    let mark = |effect: &Effect| match effect {
        Effect::Mark(mark) => Some(mark.clone()),
        _ => None,
    };
    effects.iter().filter_map(mark).collect()
}

pub fn says(effects: &[Effect], mark: &Mark) -> bool {
    marks(effects).contains(mark)
}

/// The checkpoints that are to be forgotten.
pub fn discards(effects: &[Effect]) -> Vec<(u32, u64)> {
    let discard = |effect: &Effect| match effect {
        Effect::Ask(_, _, Request::Discard(attempt, id)) => Some((attempt.0, id.0)),
        _ => None,
    };
    effects.iter().filter_map(discard).collect()
}

/// What the deployments among the effects restore.
pub fn bases(effects: &[Effect]) -> Vec<Option<u64>> {
    let base = |effect: &Effect| match effect {
        Effect::Tell(_, Control::Deploy { restore }) => Some(restore.as_ref().map(|m| m.checkpoint.0)),
        _ => None,
    };
    effects.iter().filter_map(base).collect()
}

/// The ids of the checkpoints whose trigger the effects contain.
pub fn triggered(effects: &[Effect]) -> Vec<u64> {
    let id = |mark: Mark| match mark {
        Mark::Triggered(id, _) => Some(id.0),
        _ => None,
    };
    marks(effects).into_iter().filter_map(id).collect()
}

/// One sink subtask (task 1, behind one source) with its ledger; snapshots go to a store that outlives it.
pub struct Sink {
    pub process: Box<dyn Process>,
    pub me: Incarnation,
    pub topology: Arc<Topology>,
    pub config: Arc<Config>,
    pub ledger: Ledger,
    pub store: Store,
    pub asks: Vec<(Ticket, Request, bool)>,
    pub said: Vec<Control>,
    pub marks: Vec<Mark>,
    pub armed: bool,
    pub visible: Vec<i64>,
}

impl Sink {
    pub fn new(config: Config) -> Sink {
        Sink::of(SinkKind::TwoPhase, config)
    }

    pub fn of(kind: SinkKind, config: Config) -> Sink {
        let (topology, config) = (topology_into(kind, 1), Arc::new(config));
        let me = Incarnation { task: TaskId(1), attempt: Attempt(1) };
        let process = engine::spawn(&topology, &config, me);
        let (ledger, store) = (Ledger::new(kind, false), Store::default());
        let (asks, said, marks, visible) = (vec![], vec![], vec![], vec![]);
        let mut sink = Sink { process, me, topology, config, ledger, store, asks, said, marks, armed: false, visible };
        sink.told(Control::Deploy { restore: None });
        sink.serve();
        sink
    }

    /// A crash: the next attempt begins from this checkpoint of the last one.
    pub fn restore(&mut self, id: u64) {
        use cutline::engine::snapshot::Part;
        let (attempt, checkpoint) = (self.me.attempt, CheckpointId(id));
        let part = |task| Part::Stored(StoreKey { attempt, checkpoint, task: TaskId(task) });
        let manifest = Arc::new(Manifest { checkpoint, attempt, parts: vec![part(0), part(1)] });
        self.me.attempt = attempt.next();
        self.process = engine::spawn(&self.topology, &self.config, self.me);
        self.asks.clear();
        self.said.clear();
        self.marks.clear();
        self.told(Control::Deploy { restore: Some(manifest) });
    }

    pub fn step(&mut self, input: Input) {
        let mut out = Outbox::default();
        self.process.step(input, &mut out);
        for effect in out.effects {
            match effect {
                Effect::Ask(ticket, _, request) => self.ask(ticket, request, false),
                Effect::AskLedger(ticket, _, request) => self.ask(ticket, request, true),
                Effect::Tell(_, control) => self.said.push(control),
                Effect::Mark(mark) => self.marks.push(mark),
                Effect::Arm(Timer::Retry, _) => self.armed = true,
                Effect::Disarm(Timer::Retry) => self.armed = false,
                _ => {}
            }
        }
    }

    fn ask(&mut self, ticket: Ticket, request: Request, ledger: bool) {
        self.asks.retain(|(old, _, _)| *old != ticket);
        self.asks.push((ticket, request, ledger));
    }

    pub fn told(&mut self, control: Control) {
        let from = Incarnation { task: self.topology.coordinator(), attempt: Attempt(1) };
        self.step(Input::Told { from, control });
    }

    pub fn write(&mut self, value: i64) {
        let record = Record { id: RecordId::default(), key: Datum::Int(0), value: Datum::Int(value) };
        self.step(Input::Element(InputIndex(0), Element::Record(record)));
        self.serve();
    }

    /// A barrier, with nothing of it answered.
    pub fn barrier(&mut self, id: u64) {
        let barrier = Barrier { id: CheckpointId(id), overtakes: false };
        self.step(Input::Element(InputIndex(0), Element::Barrier(barrier)));
    }

    /// A checkpoint up to the sink's ack.
    pub fn checkpoint(&mut self, id: u64) {
        self.barrier(id);
        self.serve();
        assert!(self.said.contains(&Control::Ack(CheckpointId(id))), "checkpoint {id} is acknowledged");
    }

    pub fn complete(&mut self, id: u64) {
        self.told(Control::Complete(CheckpointId(id)));
        self.serve();
    }

    pub fn end(&mut self) {
        self.step(Input::Element(InputIndex(0), Element::End));
        self.serve();
    }

    /// Everything that was asked is done and answered.
    pub fn serve(&mut self) {
        while !self.asks.is_empty() {
            self.serve_at(0);
        }
    }

    /// The first request of this kind is done and answered.
    pub fn serve_one(&mut self, which: impl Fn(&Request) -> bool) {
        let at = self.asks.iter().position(|(_, request, _)| which(request)).expect("it was asked");
        self.serve_at(at);
    }

    fn serve_at(&mut self, at: usize) {
        let (ticket, request, ledger) = self.asks.remove(at);
        let (mut lines, mut showing) = (Vec::new(), None);
        let reply = match ledger {
            true => self.ledger.apply(self.me, &request, false, &mut lines, &mut showing),
            false => self.store.apply(&self.topology, FencingToken(1), &request, None, false, &mut lines),
        };
        for record in showing.iter().flat_map(|showing| showing.records.iter()) {
            if let Datum::Int(value) = record.value {
                self.visible.push(value);
            }
        }
        self.step(Input::Reply(ticket, reply));
    }

    /// A ledger gives a transaction up by itself.
    pub fn expire(&mut self, txn: Txn) {
        self.ledger.give_up(cutline::trace::event::TxnOp::Expire, txn, &mut Vec::new());
    }

    pub fn unsettled(&self) -> Vec<u64> {
        self.ledger.unsettled().map(|txn| txn.number).collect()
    }
}
