//! Jobs on real threads with a store and ledgers in memory, and what they wrote.

use cutline::engine::message::{Reply, Request, StoreKey, Wish};
use cutline::engine::process::Process;
use cutline::ids::*;
use cutline::runtime::book::{Book, Continued, Log, Out};
use cutline::runtime::drive::{End, Watch, drive};
use cutline::runtime::hub::{Hub, Job, Make, Outside};
use cutline::runtime::outside::{Batch, Consumer, Ledger, Served, Store};
use cutline::runtime::tally::Note;
use cutline::sim::run::meta;
use cutline::sim::schedule::FORMAT;
use cutline::topology::Role;
use cutline::trace::event::{Event, Kind};
use cutline::trace::json::{self, Writer};
use cutline::trace::record::Shadow;
use cutline::world;
use cutline::world::ledger::Showing;
use cutline::world::setup::Setup;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The store and the ledgers of a simulated world, in memory, for threads.
pub struct Memory {
    setup: Arc<Setup>,
    store: Mutex<world::store::Store>,
    ledgers: Mutex<BTreeMap<VertexId, world::ledger::Ledger>>,
    shown: Mutex<BTreeMap<VertexId, Vec<Batch>>>,
    /// Every request to the store takes so long.
    pub delay: Duration,
}

impl Memory {
    pub fn new(setup: &Arc<Setup>, delay: Duration) -> Arc<Memory> {
        let mut ledgers = BTreeMap::new();
        for (v, vertex) in setup.topology.graph.vertices.iter().enumerate() {
            if let Role::Sink(kind) = vertex.role {
                ledgers.insert(VertexId(v as u32), world::ledger::Ledger::new(kind, false));
            }
        }
        let (store, ledgers, shown) = (Mutex::default(), Mutex::new(ledgers), Mutex::default());
        Arc::new(Memory { setup: setup.clone(), store, ledgers, shown, delay })
    }
}

fn served(reply: Reply, lines: Vec<Kind>) -> Served {
    Served { reply, lines, bytes: 1, trouble: None }
}

impl Store for Memory {
    fn serve(&self, token: FencingToken, request: &Request, shadow: Option<&Arc<Shadow>>) -> Served {
        std::thread::sleep(self.delay);
        let mut lines = Vec::new();
        let mut store = self.store.lock().expect("nobody panics here");
        let reply = store.apply(&self.setup.topology, token, request, shadow, false, &mut lines);
        served(reply, lines)
    }

    fn shadow(&self, key: &StoreKey) -> Option<Arc<Shadow>> {
        self.store.lock().expect("nobody panics here").shadow(key).cloned()
    }

    fn leader(&self) -> Result<FencingToken, String> {
        // A world's store doesn't say; whoever asks with too low a token is refused and replaced.
        Ok(FencingToken(self.store.lock().expect("nobody panics here").attempt().0))
    }

    fn inventory(&self) -> Result<Vec<Kind>, String> {
        Ok(Vec::new())
    }
}

struct Way {
    memory: Arc<Memory>,
    vertex: VertexId,
}

impl Ledger for Way {
    fn serve(&mut self, asker: Incarnation, request: &Request) -> Served {
        let (mut lines, mut showing) = (Vec::new(), None);
        let mut ledgers = self.memory.ledgers.lock().expect("nobody panics here");
        let ledger = ledgers.get_mut(&self.vertex).expect("a sink has a ledger");
        let reply = ledger.apply(asker, request, false, &mut lines, &mut showing);
        let mut shown = Vec::new();
        if let Some(Showing { first, records }) = showing {
            shown.push(Batch { from: first.from, txn: first.txn, records: records.to_vec() });
        }
        lines.retain(|line| match line {
            Kind::Visible { from, record, txn, .. } => {
                shown.push(Batch { from: *from, txn: *txn, records: vec![record.clone()] });
                false
            }
            _ => true,
        });
        self.memory.shown.lock().expect("nobody panics here").entry(self.vertex).or_default().extend(shown);
        served(reply, lines)
    }
}

struct Looker {
    memory: Arc<Memory>,
    vertex: VertexId,
    seen: usize,
}

impl Consumer for Looker {
    fn look(&mut self) -> Result<Vec<Batch>, String> {
        let shown = self.memory.shown.lock().expect("nobody panics here");
        let all = shown.get(&self.vertex).map_or(&[][..], |all| all);
        let new = all[self.seen..].to_vec();
        self.seen = all.len();
        Ok(new)
    }
}

/// The world's store and ledgers behind the runtime's traits.
pub struct InMemory(pub Arc<Memory>);

impl Outside for InMemory {
    fn store(&self) -> &dyn Store {
        self.0.as_ref()
    }

    fn ledger(&self, vertex: VertexId, _who: Incarnation) -> Result<Box<dyn Ledger>, String> {
        Ok(Box::new(Way { memory: self.0.clone(), vertex }))
    }

    fn consumer(&self, vertex: VertexId) -> Result<Box<dyn Consumer>, String> {
        Ok(Box::new(Looker { memory: self.0.clone(), vertex, seen: 0 }))
    }
}

#[derive(Clone, Default)]
pub struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics here").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Bytes {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("nobody panics here").clone()).expect("it is text")
    }
}

/// Notes what it is told, and wishes what it is asked to.
#[derive(Default)]
pub struct Notes {
    pub notes: Vec<Note>,
    /// What to wish after so many checkpoints.
    pub wish: Option<(usize, Wish)>,
}

impl Watch for Notes {
    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    fn wish(&mut self, _hub: &Hub) -> Option<Wish> {
        let complete = self.notes.iter().filter(|note| matches!(note, Note::Complete(_))).count();
        let (_, wish) = self.wish.take_if(|(after, _)| complete >= *after)?;
        Some(wish)
    }
}

/// What a run left behind.
pub struct Ran {
    pub end: End,
    pub notes: Vec<Note>,
    pub trace: String,
    pub schedule: String,
    pub attempts: u64,
}

impl Ran {
    /// The events of the trace.
    pub fn events(&self) -> Vec<Event> {
        let trace = json::read(self.trace.as_bytes()).expect("a header");
        trace.map(|event| event.expect("an event")).collect()
    }
}

/// The honest process of every life.
pub fn honest(setup: &Arc<Setup>) -> Make {
    let setup = setup.clone();
    Box::new(move |who| (setup.spawn)(&setup.topology, &setup.config, who))
}

/// Runs a job with everything that is written of it.
pub fn traced(setup: &Arc<Setup>, outside: Arc<dyn Outside>, make: Make, silence: Duration, mut watch: Notes) -> Ran {
    let (events, choices) = (Bytes::default(), Bytes::default());
    let mut schedule: Out = Box::new(choices.clone());
    writeln!(schedule, "{FORMAT} exec").expect("memory takes everything");
    let writer = Writer::new(BufWriter::new(Box::new(events.clone()) as Out), &meta(setup, None)).expect("as above");
    let log = Log::new(&setup.topology, writer, Some(schedule), Continued::default());
    let vertices = 0..setup.topology.graph.vertices.len() as u32;
    let sink = |v: VertexId| matches!(setup.topology.graph.vertices[v.index()].role, Role::Sink(_));
    let look = |v: VertexId| sink(v).then(|| outside.consumer(v).expect("a sink can be read"));
    let consumers = vertices.map(VertexId).map(look).collect();
    let book = Book::new(&setup.topology, Some(log));
    let hub = Hub::new(job(setup, outside.clone(), make), book, consumers);
    let end = drive(&hub, silence, &mut watch);
    let attempts = hub.tally.attempts.load(std::sync::atomic::Ordering::Relaxed);
    Ran { end, notes: watch.notes, trace: events.text(), schedule: choices.text(), attempts }
}

/// What a job is run from.
pub fn job(setup: &Arc<Setup>, outside: Arc<dyn Outside>, make: Make) -> Job {
    let (topology, logs) = (setup.topology.clone(), setup.logs.clone());
    Job { topology, make, logs, index: None, outside, pace: None, points: None }
}

/// Makes a process for one life, with something done to it.
pub fn wrapped(
    setup: &Arc<Setup>,
    wrap: impl Fn(Incarnation, Box<dyn Process>) -> Box<dyn Process> + Send + Sync + 'static,
) -> Make {
    let make = honest(setup);
    Box::new(move |who| wrap(who, make(who)))
}
