//! The deterministic environment: channels, store, ledgers, timers, lives. It knows no random number, no clock
//! and no verifier. Time is the driver's: a timer that is armed may fire.
//!
//! [`World::menu`] lists everything that could happen next, [`World::apply`] makes one of it happen. That is the
//! meaning; drivers that can't afford a menu ask [`World::enabled`] of the choices they have in mind.

mod apply;
pub mod beside;
pub mod channel;
pub mod choice;
mod effects;
pub mod fast;
mod fingerprint;
pub mod ledger;
pub mod life;
pub mod menu;
pub mod observer;
pub mod parts;
pub mod setup;
pub mod store;

use crate::engine::message::Outbox;
use crate::engine::message::{Control, Reply, Request};
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::topology::{Channel, Role, SinkKind};
use crate::trace::event::{Kind, Spot};
use crate::trace::record::{self, Shadow};
use choice::AskId;
use ledger::Ledger;
use life::{Generation, Life, Place};
use observer::Observer;
use setup::Setup;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use store::Store;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// The store.
    Store,
    /// The ledger of a sink.
    Ledger(VertexId),
}

/// A request on its way there, or its reply on the way back.
#[derive(Clone, Debug)]
pub struct InFlight {
    /// The asker's number for it.
    pub ticket: Ticket,
    /// Where it goes.
    pub service: Service,
    /// The asker's right to ask.
    pub token: FencingToken,
    /// What was asked.
    pub request: Request,
    /// For a snapshot: the counts at its cut.
    pub shadow: Option<Arc<Shadow>>,
    /// The reply, once it was done.
    pub reply: Option<Reply>,
    /// Does anybody still listen for the reply?
    pub awaited: bool,
}

impl InFlight {
    /// Can it fail alone? What nobody ever waits for can't: the flush behind it does.
    pub fn fails(&self) -> bool {
        self.ticket != NO_TICKET
    }
}

/// The state of everything. See the module.
#[derive(Clone)]
pub struct World {
    setup: Arc<Setup>,
    tables: Arc<[Channel]>,       // those of the topology, at hand
    generations: Vec<Generation>, // ascending; the newest, and older ones in which somebody lives
    coordinators: Vec<Life>,      // ascending
    last_coordinator: Attempt,
    control: BTreeMap<(Incarnation, Incarnation), VecDeque<Control>>,
    asks: BTreeMap<AskId, InFlight>,
    deaths: Vec<(Incarnation, Incarnation)>, // who can learn of whose
    store: Store,
    ledgers: BTreeMap<VertexId, Ledger>,
    cursors: Vec<Offset>, // sockets: what comes next
    counts: Vec<u32>,     // events of store, ledgers and environment, from `topology.store()` on
    outbox: Outbox,
    lines: Vec<Kind>,
    job_ended: Option<bool>,
}

impl World {
    /// A world in which nothing has happened; a coordinator can be started.
    pub fn new(setup: &Arc<Setup>) -> Self {
        let topology = &setup.topology;
        let sinks = topology.graph.vertices.iter().enumerate().filter_map(|(v, vertex)| match vertex.role {
            Role::Sink(kind) => Some((VertexId(v as u32), Ledger::new(kind, setup.remember))),
            _ => None,
        });
        World {
            setup: setup.clone(),
            tables: topology.channels.clone(),
            generations: Vec::new(),
            coordinators: Vec::new(),
            last_coordinator: Attempt(0),
            control: BTreeMap::new(),
            asks: BTreeMap::new(),
            deaths: Vec::new(),
            store: Store::default(),
            ledgers: sinks.collect(),
            cursors: vec![Offset(0); topology.partitions as usize],
            counts: vec![0; topology.processes() - topology.store().index()],
            outbox: Outbox::default(),
            lines: Vec::new(),
            job_ended: None,
        }
    }

    /// What it was made from.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// What is durable.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The outside of a sink.
    pub fn ledger(&self, vertex: VertexId) -> Option<&Ledger> {
        self.ledgers.get(&vertex)
    }

    /// Has a coordinator declared the job ended, and how?
    pub fn job_ended(&self) -> Option<bool> {
        self.job_ended
    }

    /// The newest job attempt that anybody was deployed in.
    pub fn newest_job(&self) -> Attempt {
        self.generations.last().map_or(Attempt(0), |generation| generation.attempt)
    }

    /// The living coordinators, oldest first.
    pub fn coordinators(&self) -> impl Iterator<Item = Incarnation> + '_ {
        self.coordinators.iter().map(|life| life.who)
    }

    /// A life, if it lives.
    #[inline]
    pub fn life(&self, who: Incarnation) -> Option<&Life> {
        if who.task == self.setup.topology.coordinator() {
            return self.coordinators.iter().find(|life| life.who == who);
        }
        self.generation(who.attempt)?.places.get(who.task.index())?.life()
    }

    #[inline]
    fn life_mut(&mut self, who: Incarnation) -> Option<&mut Life> {
        if who.task == self.setup.topology.coordinator() {
            return self.coordinators.iter_mut().find(|life| life.who == who);
        }
        let g = self.position(who.attempt)?;
        self.generations[g].places.get_mut(who.task.index())?.life_mut()
    }

    #[inline]
    fn position(&self, attempt: Attempt) -> Option<usize> {
        let newest = self.generations.len().wrapping_sub(1);
        match self.generations.last() {
            Some(generation) if generation.attempt == attempt => Some(newest),
            _ => self.generations.iter().position(|generation| generation.attempt == attempt),
        }
    }

    #[inline]
    fn generation(&self, attempt: Attempt) -> Option<&Generation> {
        self.position(attempt).map(|g| &self.generations[g])
    }

    /// A channel of a job attempt.
    #[inline]
    pub fn channel(&self, job: Attempt, channel: ChannelId) -> Option<&channel::Channel> {
        self.generation(job)?.channels.get(channel.index())
    }

    /// A request on its way.
    pub fn in_flight(&self, ask: AskId) -> Option<&InFlight> {
        self.asks.get(&ask)
    }

    /// All requests on their way.
    pub fn asks(&self) -> impl Iterator<Item = (&AskId, &InFlight)> {
        self.asks.iter()
    }

    /// The control messages from one to the other, oldest first.
    pub fn control(&self) -> impl Iterator<Item = (&(Incarnation, Incarnation), &VecDeque<Control>)> {
        self.control.iter()
    }

    /// The subtasks that live, of all attempts.
    pub fn lives(&self) -> impl Iterator<Item = Incarnation> + '_ {
        let places = self.generations.iter().flat_map(|generation| generation.places.iter());
        places.filter_map(|place| Some(place.life()?.who))
    }

    /// Writes a line of the environment: a fault, the end of all faults, quiescence.
    pub fn note(&mut self, kind: Kind, observer: &mut impl Observer) {
        let environment = self.setup.topology.environment();
        self.service_line(environment, kind, observer);
    }

    fn service_line(&mut self, process: TaskId, kind: Kind, observer: &mut impl Observer) {
        let at = self.service_spots(process, 1, observer.now());
        observer.event(at.event(kind));
    }

    fn service_spots(&mut self, process: TaskId, events: u32, now: Nanos) -> Spot {
        let count = &mut self.counts[process.index() - self.setup.topology.store().index()];
        record::service(process, count, events, now)
    }

    /// Is anything left that could still happen by itself: messages, requests, records?
    pub fn idle(&self) -> bool {
        self.control.is_empty()
            && self.asks.is_empty()
            && self.deaths.is_empty()
            && self.generations.iter().all(|generation| {
                let alive = |c: usize| {
                    let to = self.setup.topology.channels[c].to;
                    matches!(generation.places[to.index()], Place::Alive(_))
                };
                generation.channels.iter().enumerate().all(|(c, channel)| channel.is_empty() || !alive(c))
            })
    }

    fn is_socket(&self, task: TaskId) -> bool {
        matches!(self.setup.topology.vertex(task).role, Role::Source { kind: crate::topology::SourceKind::Socket, .. })
    }

    fn is_transactional(&self, vertex: VertexId) -> bool {
        matches!(self.setup.topology.graph.vertices[vertex.index()].role, Role::Sink(SinkKind::TwoPhase))
    }
}
