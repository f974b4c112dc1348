//! Making a choice happen. `apply` is one match and reads like a table of contents.

use super::beside::Beside;
use super::choice::{AskId, Choice, Fault, Step};
use super::ledger::Showing;
use super::life::{Generation, Life, Place};
use super::observer::Observer;
use super::{Service, World};
use crate::engine::message::{Control, Element, Input, Record, Reply, Request, Txn};
use crate::ids::*;
use crate::trace::event::{Kind, TxnOp};
use crate::trace::record::{Recorder, Shadow};
use std::sync::Arc;

/// The choice isn't on the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOnMenu(pub Choice);

impl World {
    /// Makes one choice happen: one process takes one step, and what it asks for becomes state.
    ///
    /// # Errors
    /// If the choice isn't enabled; nothing has changed then.
    #[inline]
    pub fn apply(&mut self, step: Step, observer: &mut impl Observer) -> Result<(), NotOnMenu> {
        if !self.enabled(step.choice) {
            return Err(NotOnMenu(step.choice));
        }
        self.perform(step, observer);
        Ok(())
    }

    /// Like `apply`, for a driver that has just asked `enabled`.
    #[inline]
    pub fn perform(&mut self, Step { choice, keep }: Step, observer: &mut impl Observer) {
        match choice {
            Choice::Deliver(job, channel) => self.deliver(job, channel, keep, observer),
            Choice::Overtake(job, channel) => self.overtake(job, channel, keep, observer),
            Choice::Jump(job, channel, at) => self.jump(job, channel, at as usize, keep, observer),
            Choice::Read(who, slot) => self.read(who, slot, keep, observer),
            Choice::Choose(who, value) => self.step(who, Input::Chosen(value as i64), keep, observer),
            Choice::Tell(from, to) => self.tell(from, to, keep, observer),
            Choice::Apply(ask) => self.serve(ask, false, true, observer),
            Choice::Answer(ask) => self.answer(ask, keep, observer),
            Choice::Fire(who, timer) => {
                let life = self.life_mut(who).expect("a timer belongs to a life");
                life.timers.retain(|armed| *armed != timer);
                self.step(who, Input::Timer(timer), keep, observer);
            }
            Choice::Detect(by, lost) => {
                self.deaths.retain(|death| *death != (by, lost));
                self.step(by, Input::Lost(lost), keep, observer);
            }
            Choice::Revive => self.start_coordinator(keep, observer),
            Choice::Expire(vertex, txn) => self.expire(vertex, txn, observer),
            Choice::Fault(fault) => self.go_wrong(fault, observer),
        }
    }

    fn go_wrong(&mut self, fault: Fault, observer: &mut impl Observer) {
        match fault {
            Fault::Crash(who) => self.crash(who, observer),
            Fault::Failover => self.start_coordinator(None, observer),
            Fault::Suspect(by, lost) => self.step(by, Input::Lost(lost), None, observer),
            Fault::LoseControl(from, to) => {
                self.next_told(from, to);
            }
            Fault::FailRequest(ask) => self.serve(ask, true, true, observer),
            Fault::LoseReply(ask) => self.serve(ask, false, false, observer),
            Fault::Wish(who, wish) => self.step(who, Input::Asked(wish), None, observer),
        }
    }

    #[inline]
    fn deliver(&mut self, job: Attempt, channel: ChannelId, keep: Option<u32>, observer: &mut impl Observer) {
        let table = self.setup.topology.channels[channel.index()];
        let g = self.position(job).expect("a channel belongs to a generation");
        let mut element = self.pop(g, channel, observer);
        if let Element::Noted(_) = element {
            element = self.note_read(job, channel, element, observer);
        }
        let to = Incarnation { task: table.to, attempt: job };
        let life = self.generations[g].places[table.to.index()].life_mut().expect("the receiver lives");
        let at = life.recorder.spot(observer.now());
        match &element {
            Element::Record(_) => observer.record_applied(at, channel, life.recorder.apply(table.input)),
            Element::Barrier(barrier) => {
                observer.event(at.event(Kind::BarIn { channel, checkpoint: barrier.id, passed: 0 }));
            }
            Element::Cancel(checkpoint) => {
                observer.event(at.event(Kind::CancelIn { channel, checkpoint: *checkpoint }));
            }
            Element::End => observer.event(at.event(Kind::EndIn { channel })),
            Element::Noted(_) => unreachable!("what is written is read first"),
        }
        self.step(to, Input::Element(table.input, element), keep, observer);
    }

    /// What is written on a record is read before the record is taken: a process may do something first.
    fn note_read(
        &mut self,
        job: Attempt,
        channel: ChannelId,
        element: Element<Record>,
        observer: &mut impl Observer,
    ) -> Element<Record> {
        let Element::Noted(noted) = element else { return element };
        let table = self.setup.topology.channels[channel.index()];
        let to = Incarnation { task: table.to, attempt: job };
        let newest = |world: &World| world.life(to).and_then(|life| life.cuts.last().map(|(id, _)| *id));
        let before = newest(self);
        self.step(to, Input::Noted(table.input, noted.note), None, observer);
        if newest(self) > before {
            observer.beside().into_iter().for_each(Beside::forced);
        }
        Element::Record(noted.record)
    }

    fn jump(&mut self, job: Attempt, channel: ChannelId, at: usize, keep: Option<u32>, observer: &mut impl Observer) {
        let table = self.setup.topology.channels[channel.index()];
        let g = self.position(job).expect("a channel belongs to a generation");
        let queue = &mut self.generations[g].channels[channel.index()];
        let (element, passed) = queue.pick(at);
        let left = queue.len();
        self.made_room(g, channel, left, observer);
        let element = self.note_read(job, channel, element, observer);
        let to = Incarnation { task: table.to, attempt: job };
        let life = self.life_mut(to).expect("the receiver lives");
        let line = life.recorder.spot(observer.now());
        match &element {
            Element::Record(_) => {
                observer.record_applied(line, channel, life.recorder.apply_ahead(table.input, passed));
            }
            Element::Barrier(barrier) => {
                let kind = Kind::BarIn { channel, checkpoint: barrier.id, passed: passed as u32 };
                observer.event(line.event(kind));
            }
            Element::Cancel(checkpoint) => {
                observer.event(line.event(Kind::CancelIn { channel, checkpoint: *checkpoint }));
            }
            Element::End | Element::Noted(_) => unreachable!("an end comes last, and what is written is read first"),
        }
        self.step(to, Input::Element(table.input, element), keep, observer);
    }

    #[inline]
    fn pop(&mut self, g: usize, channel: ChannelId, observer: &mut impl Observer) -> Element<Record> {
        let queue = &mut self.generations[g].channels[channel.index()];
        let element = queue.pop().expect("the channel isn't empty");
        let left = queue.len();
        self.made_room(g, channel, left, observer);
        element
    }

    #[inline]
    fn made_room(&mut self, g: usize, channel: ChannelId, left: usize, observer: &mut impl Observer) {
        let table = &self.setup.topology.channels[channel.index()];
        if left + 1 == table.capacity as usize
            && let Some(sender) = self.generations[g].places[table.from.index()].life_mut()
        {
            sender.full -= 1;
            if sender.full == 0 {
                observer.changed(sender.who);
            }
        }
    }

    fn overtake(&mut self, job: Attempt, channel: ChannelId, keep: Option<u32>, observer: &mut impl Observer) {
        let table = self.setup.topology.channels[channel.index()];
        let at = self.jumper(job, channel).expect("a barrier can overtake");
        let g = self.position(job).expect("a channel belongs to a generation");
        let queue = &mut self.generations[g].channels[channel.index()];
        let (_, barrier) = queue.jumper().expect("a barrier can overtake");
        let passed = queue.overtake(at);
        let left = queue.len();
        self.made_room(g, channel, left, observer);
        let to = Incarnation { task: table.to, attempt: job };
        let kind = Kind::BarIn { channel, checkpoint: barrier.id, passed: passed.len() as u32 };
        self.line(to, kind, observer);
        self.step(to, Input::Overtook { input: table.input, barrier, passed }, keep, observer);
    }

    #[inline]
    fn read(&mut self, who: Incarnation, slot: u32, keep: Option<u32>, observer: &mut impl Observer) {
        let life = self.life(who).expect("a reader lives");
        let (partition, offset) = self.wanted(life, slot).expect("a source wants a record");
        let record = self.setup.logs[partition.index()].get(partition, offset);
        if let Some(record) = &record {
            if self.is_socket(who.task) {
                self.cursors[partition.index()] = offset.next();
            }
            let life = self.life_mut(who).expect("a reader lives");
            observer.record_read(life.recorder.spot(observer.now()), partition, record);
        }
        self.step(who, Input::Read { partition, offset, record }, keep, observer);
    }

    fn next_told(&mut self, from: Incarnation, to: Incarnation) -> Control {
        let queue = self.control.get_mut(&(from, to)).expect("a message is on its way");
        let control = queue.pop_front().expect("queues without messages are removed");
        if queue.is_empty() {
            self.control.remove(&(from, to));
        }
        control
    }

    fn tell(&mut self, from: Incarnation, to: Incarnation, keep: Option<u32>, observer: &mut impl Observer) {
        let control = self.next_told(from, to);
        if matches!(control, Control::Deploy { .. }) {
            self.deploy(to, observer);
        }
        if self.life(to).is_some() {
            self.step(to, Input::Told { from, control }, keep, observer);
        }
    }

    /// A deployment starts the life it is for, unless that life has been lived.
    fn deploy(&mut self, who: Incarnation, observer: &mut impl Observer) {
        let topology = self.setup.topology.clone();
        if self.generations.last().is_none_or(|newest| newest.attempt < who.attempt) {
            self.generations.push(Generation::new(who.attempt, topology.len(), topology.channels.len()));
            self.prune();
        }
        let Some(g) = self.position(who.attempt) else { return };
        if !matches!(self.generations[g].places[who.task.index()], Place::Empty) {
            return;
        }
        let mut life = self.new_life(who);
        let outputs = topology.subtasks[who.task.index()].outputs.iter();
        let full = |c: &&ChannelId| {
            self.generations[g].channels[c.index()].len() >= topology.channels[c.index()].capacity as usize
        };
        life.full = outputs.filter(full).count() as u32;
        self.generations[g].places[who.task.index()] = Place::Alive(life);
        self.line(who, Kind::Start, observer);
    }

    fn new_life(&self, who: Incarnation) -> Life {
        Life {
            who,
            process: (self.setup.spawn)(&self.setup.topology, &self.setup.config, who),
            recorder: Recorder::new(&self.setup.topology, who),
            timers: Vec::new(),
            cuts: Vec::new(),
            offered: Vec::new(),
            full: 0,
            flowing: false,
            choosing: false,
            held: InputSet::new(),
        }
    }

    fn start_coordinator(&mut self, keep: Option<u32>, observer: &mut impl Observer) {
        self.last_coordinator = self.last_coordinator.next();
        let who = Incarnation { task: self.setup.topology.coordinator(), attempt: self.last_coordinator };
        let life = self.new_life(who);
        self.coordinators.push(life);
        self.line(who, Kind::Start, observer);
        self.step(who, Input::Start, keep, observer);
    }

    fn serve(&mut self, ask: AskId, failed: bool, answered: bool, observer: &mut impl Observer) {
        let InFlight { service, token, request, shadow, .. } =
            self.asks.get(&ask).expect("a request is on its way").clone();
        let reply = self.serve_now(ask.asker, service, token, &request, shadow.as_ref(), failed, observer);
        let entry = self.asks.get_mut(&ask).expect("a request is on its way");
        if entry.awaited && answered {
            entry.reply = Some(reply);
            observer.done(ask, service);
        } else {
            self.asks.remove(&ask);
        }
    }

    /// The store or a ledger does what it was asked, or fails to; its reply.
    #[allow(clippy::too_many_arguments)] // a request, taken apart
    pub(super) fn serve_now(
        &mut self,
        asker: Incarnation,
        service: Service,
        token: FencingToken,
        request: &Request,
        shadow: Option<&Arc<Shadow>>,
        failed: bool,
        observer: &mut impl Observer,
    ) -> Reply {
        let mut lines = std::mem::take(&mut self.lines);
        let mut showing = None;
        let (process, reply) = match service {
            Service::Store => {
                let topology = &self.setup.topology;
                let reply = self.store.apply(topology, token, request, shadow, failed, &mut lines);
                (topology.store(), reply)
            }
            Service::Ledger(vertex) => {
                let ledger = self.ledgers.get_mut(&vertex).expect("a sink has a ledger");
                let process = self.setup.topology.ledger(vertex);
                (process, ledger.apply(asker, request, failed, &mut lines, &mut showing))
            }
        };
        for kind in lines.drain(..) {
            self.service_line(process, kind, observer);
        }
        self.lines = lines;
        if let Some(Showing { first, records }) = showing {
            let at = self.service_spots(process, records.len() as u32, observer.now());
            observer.records_visible(at, &first, &records);
        }
        if let (Request::Begin(txn), Service::Ledger(vertex)) = (request, service) {
            observer.opened(vertex, *txn);
        }
        reply
    }

    fn answer(&mut self, ask: AskId, keep: Option<u32>, observer: &mut impl Observer) {
        let answered = self.asks.remove(&ask).expect("a reply is on its way");
        let reply = answered.reply.expect("the request was done");
        self.step(ask.asker, Input::Reply(answered.ticket, reply), keep, observer);
    }

    fn expire(&mut self, vertex: VertexId, txn: Txn, observer: &mut impl Observer) {
        let mut lines = Vec::new();
        self.ledgers.get_mut(&vertex).expect("a sink has a ledger").give_up(TxnOp::Expire, txn, &mut lines);
        let process = self.setup.topology.ledger(vertex);
        lines.into_iter().for_each(|kind| self.service_line(process, kind, observer));
    }

    pub(super) fn crash(&mut self, who: Incarnation, observer: &mut impl Observer) {
        self.line(who, Kind::Crash, observer);
        self.remove(who);
        if who.task == self.setup.topology.coordinator() {
            if self.headless() {
                observer.headless();
            }
        } else {
            self.mourn(who, observer);
        }
    }

    /// Every coordinator can learn that a subtask is gone.
    pub(super) fn mourn(&mut self, who: Incarnation, observer: &mut impl Observer) {
        if who.task == self.setup.topology.coordinator() {
            return;
        }
        for by in self.coordinators.iter().map(|life| life.who).collect::<Vec<_>>() {
            self.deaths.push((by, who));
            self.deaths.sort_unstable(); // whoever died first: it makes no difference
            observer.detectable(by, who);
        }
    }

    /// A life is over. What it asked for may still be done; nobody listens for the reply.
    pub(super) fn remove(&mut self, who: Incarnation) {
        if who.task == self.setup.topology.coordinator() {
            self.coordinators.retain(|life| life.who != who);
            self.deaths.retain(|(by, _)| *by != who);
        } else if let Some(g) = self.position(who.attempt) {
            self.generations[g].places[who.task.index()] = Place::Dead;
        }
        let (first, last) = (AskId { asker: who, serial: 0 }, AskId { asker: who, serial: u32::MAX });
        let mut answered = Vec::new();
        for (id, ask) in self.asks.range_mut(first..=last) {
            ask.awaited = false;
            if ask.reply.is_some() {
                answered.push(*id);
            }
        }
        answered.iter().for_each(|id| drop(self.asks.remove(id)));
        self.control.retain(|(_, to), _| *to != who);
        self.prune();
    }

    /// Older generations in which nobody lives are gone with all their channels.
    fn prune(&mut self) {
        let newest = self.newest_job();
        self.generations.retain(|generation| {
            let lived = generation.places.iter().any(|place| place.life().is_some());
            generation.attempt == newest || lived
        });
    }

    /// Writes a line of a process.
    #[inline]
    pub(super) fn line(&mut self, who: Incarnation, kind: Kind, observer: &mut impl Observer) {
        let now = observer.now();
        let life = self.life_mut(who).expect("only the living have lines");
        let event = life.recorder.event(now, kind);
        observer.event(event);
    }
}

use super::InFlight;
