//! Who lives, and the one ordered log of what happened.
//!
//! A step and all that it asks for are written under one lock, before anybody else can see any of it. So every prefix
//! of the log is a consistent cut, and the log is a linear extension of happened-before. Beside the events it can hold
//! the choice that made each step: a schedule with which the simulated world does the same again.

use crate::engine::message::{Control, Txn};
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind, Outcome, Shown, TxnOp};
use crate::trace::json::Writer;
use crate::trace::record::service;
use crate::world::choice::{AskId, Choice, Fault, words};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use super::outside::Batch;

/// What became of a subtask in one job attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Empty,
    Alive,
    Dead,
}

/// Where the log goes.
pub type Out = Box<dyn Write + Send>;

/// See the module.
pub struct Book {
    topology: Arc<Topology>,
    attempts: BTreeMap<Attempt, Vec<Place>>, // the newest, and those in which somebody lives
    newest: Attempt,
    leaders: BTreeSet<Incarnation>,
    log: Option<Log>,
}

impl Book {
    /// Nobody lives.
    pub fn new(topology: &Arc<Topology>, log: Option<Log>) -> Self {
        let (attempts, leaders) = (BTreeMap::new(), BTreeSet::new());
        Book { topology: topology.clone(), attempts, newest: Attempt(0), leaders, log }
    }

    /// A life begins, unless it has been lived, or its attempt is over. A world says the same of a deployment.
    pub fn birth(&mut self, who: Incarnation) -> bool {
        if who.task == self.topology.coordinator() {
            return self.leaders.insert(who);
        }
        if self.newest < who.attempt {
            self.attempts.insert(who.attempt, vec![Place::Empty; self.topology.len()]);
            self.newest = who.attempt;
            self.prune();
        }
        let place = self.attempts.get_mut(&who.attempt).map(|places| &mut places[who.task.index()]);
        match place {
            Some(place) if *place == Place::Empty => {
                *place = Place::Alive;
                true
            }
            _ => false,
        }
    }

    /// A life is over.
    pub fn death(&mut self, who: Incarnation) {
        if who.task == self.topology.coordinator() {
            self.leaders.remove(&who);
        } else if let Some(places) = self.attempts.get_mut(&who.attempt) {
            places[who.task.index()] = Place::Dead;
            self.prune();
        }
        if let Some(log) = &mut self.log {
            log.bury(who);
        }
    }

    fn prune(&mut self) {
        let newest = self.newest;
        self.attempts.retain(|attempt, places| *attempt == newest || places.contains(&Place::Alive));
    }

    /// Does it live?
    pub fn alive(&self, who: Incarnation) -> bool {
        let place = |places: &Vec<Place>| places[who.task.index()] == Place::Alive;
        self.leaders.contains(&who)
            || who.task.index() < self.topology.len() && self.attempts.get(&who.attempt).is_some_and(place)
    }

    /// The living coordinators, oldest first.
    pub fn leaders(&self) -> Vec<Incarnation> {
        self.leaders.iter().copied().collect()
    }

    /// Does anybody live?
    pub fn anybody(&self) -> bool {
        self.attempts.values().any(|places| places.contains(&Place::Alive))
    }

    /// Who is dead hears nothing; who isn't born yet hears its deployment, and what follows it.
    pub fn reachable(&self, to: Incarnation, control: &Control) -> bool {
        if to.task == self.topology.coordinator() {
            return self.leaders.contains(&to);
        }
        match self.attempts.get(&to.attempt) {
            Some(places) => places[to.task.index()] != Place::Dead,
            None => to.attempt > self.newest && !matches!(control, Control::Stop),
        }
    }

    /// The log, if there is one.
    #[inline]
    pub fn log(&mut self) -> Option<&mut Log> {
        self.log.as_mut()
    }
}

/// What of an older log there is to go on from.
#[derive(Debug, Default)]
pub struct Continued {
    /// Events of store, ledgers and environment so far, from `topology.store()` on.
    pub counts: Vec<u32>,
    /// Records that became visible so far, by vertex.
    pub shown: Vec<u64>,
    /// Transactions that were opened, as far as the log says.
    pub begun: BTreeSet<Txn>,
    /// Transactions that were prepared, as far as the log says.
    pub prepared: BTreeSet<Txn>,
}

impl Continued {
    /// Notes what a line says of a transaction.
    pub fn note(&mut self, kind: &Kind) {
        match kind {
            Kind::Txn { op: TxnOp::Begin, txn, outcome: Outcome::Ok, .. } => _ = self.begun.insert(*txn),
            Kind::Txn { op: TxnOp::Prepare, txn, outcome: Outcome::Ok, .. } => _ = self.prepared.insert(*txn),
            _ => {}
        }
    }
}

/// A request whose reply hasn't been handed over, as a world counts it.
#[derive(Debug)]
struct Open {
    n: u32,
    ticket: Ticket,
    awaited: bool,
    replied: bool,
}

/// The log itself.
pub struct Log {
    topology: Arc<Topology>,
    events: Writer<BufWriter<Out>>,
    choices: Option<BufWriter<Out>>,
    continued: Continued,
    asks: BTreeMap<AskId, Open>,
    trouble: Option<io::Error>,
}

impl Log {
    /// A log that goes on behind what was `continued`, or begins.
    pub fn new(
        topology: &Arc<Topology>,
        events: Writer<BufWriter<Out>>,
        choices: Option<Out>,
        mut continued: Continued,
    ) -> Self {
        continued.counts.resize(topology.processes() - topology.store().index(), 0);
        continued.shown.resize(topology.graph.vertices.len(), 0);
        let choices = choices.map(BufWriter::new);
        Log { topology: topology.clone(), events, choices, continued, asks: BTreeMap::new(), trouble: None }
    }

    /// Writes an event.
    pub fn event(&mut self, event: &Event) {
        if self.trouble.is_none() {
            self.trouble = self.events.event(event).err();
        }
    }

    /// Writes a line of the store, a ledger or the environment.
    pub fn line(&mut self, process: TaskId, kind: Kind) {
        self.unsaid(process, &kind);
        self.continued.note(&kind);
        let count = &mut self.continued.counts[process.index() - self.topology.store().index()];
        let at = service(process, count, 1, Nanos(0));
        self.event(&at.event(kind));
    }

    /// Writes what must have come before this line and isn't in the log: it was lost with the process that was to write
    /// it. What is aborted with records was prepared, what is committed too, and all of these were opened.
    pub fn unsaid(&mut self, process: TaskId, kind: &Kind) {
        let Kind::Txn { op, txn, records, outcome: Outcome::Ok } = *kind else { return };
        let prepared = op == TxnOp::Commit || op == TxnOp::Abort && records > 0;
        if prepared && !self.continued.prepared.contains(&txn) {
            self.line(process, Kind::Txn { op: TxnOp::Prepare, txn, records, outcome: Outcome::Ok });
        } else if op != TxnOp::Begin && !self.continued.begun.contains(&txn) {
            self.line(process, Kind::Txn { op: TxnOp::Begin, txn, records: 0, outcome: Outcome::Ok });
        }
    }

    /// Writes that records became visible.
    pub fn visible(&mut self, vertex: VertexId, batch: &Batch) {
        let ledger = self.topology.ledger(vertex);
        for record in &batch.records {
            let position = self.continued.shown[vertex.index()];
            self.continued.shown[vertex.index()] += 1;
            let count = &mut self.continued.counts[ledger.index() - self.topology.store().index()];
            let shown = Shown { position, from: batch.from, txn: batch.txn };
            let event = service(ledger, count, 1, Nanos(0)).visible(&shown, record);
            self.event(&event);
        }
    }

    /// Writes the choice that makes the next events.
    pub fn choice(&mut self, choice: Choice) {
        if self.choices.is_some() {
            self.made(&words(&self.topology, choice));
        }
    }

    /// Writes a line of the schedule.
    pub fn made(&mut self, line: &str) {
        if let (Some(choices), None) = (&mut self.choices, &self.trouble) {
            self.trouble = writeln!(choices, "{line}").err();
        }
    }

    /// The n-th request of a life is on its way. What was asked again is only answered anew.
    pub fn asked(&mut self, asker: Incarnation, n: u32, ticket: Ticket) {
        if ticket != NO_TICKET {
            self.asks.retain(|id, old| id.asker != asker || old.ticket != ticket || !old.replied);
            let (first, last) = whole(asker);
            self.asks
                .range_mut(first..=last)
                .filter(|(_, old)| old.ticket == ticket)
                .for_each(|(_, old)| old.awaited = false);
        }
        let (first, last) = whole(asker);
        let serial = self.asks.range(first..=last).next_back().map_or(0, |(id, _)| id.serial + 1);
        self.asks.insert(AskId { asker, serial }, Open { n, ticket, awaited: ticket != NO_TICKET, replied: false });
    }

    fn find(&self, asker: Incarnation, n: u32) -> Option<AskId> {
        let (first, last) = whole(asker);
        self.asks.range(first..=last).find(|(_, open)| open.n == n).map(|(id, _)| *id)
    }

    /// It was done, or failed.
    pub fn applied(&mut self, asker: Incarnation, n: u32, failed: bool) {
        let Some(id) = self.find(asker, n) else { return };
        let open = self.asks.get_mut(&id).expect("it was just found");
        open.replied = true;
        if !open.awaited {
            self.asks.remove(&id);
        }
        self.choice(if failed { Choice::Fault(Fault::FailRequest(id)) } else { Choice::Apply(id) });
    }

    /// Its reply is handed over.
    pub fn answered(&mut self, asker: Incarnation, n: u32) {
        if let Some(id) = self.find(asker, n) {
            self.asks.remove(&id);
            self.choice(Choice::Answer(id));
        }
    }

    fn bury(&mut self, who: Incarnation) {
        self.asks.retain(|id, open| id.asker != who || !open.replied);
        let (first, last) = whole(who);
        self.asks.range_mut(first..=last).for_each(|(_, open)| open.awaited = false);
    }

    /// Hands everything to the operating system, so that it outlives this process.
    ///
    /// # Errors
    /// The first that any write has met.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble);
        }
        self.choices.as_mut().map_or(Ok(()), |choices| choices.flush())?;
        self.events.flush()
    }
}

fn whole(asker: Incarnation) -> (AskId, AskId) {
    (AskId { asker, serial: 0 }, AskId { asker, serial: u32::MAX })
}
