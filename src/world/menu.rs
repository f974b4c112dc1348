//! What could happen next.

use super::choice::{AskId, Choice, Fault};
use super::life::Life;
use super::{Service, World};
use crate::engine::message::WISHES;
use crate::engine::process::ANY_OFFSET;
use crate::ids::*;

/// How many outcomes an operator's choice has.
pub const OUTCOMES: u8 = 8;

impl World {
    /// Everything but faults that could happen next, ascending, without repetition: a function of the state.
    pub fn menu(&self, menu: &mut Vec<Choice>) {
        menu.clear();
        for generation in &self.generations {
            let job = generation.attempt;
            for (c, queue) in generation.channels.iter().enumerate() {
                let channel = ChannelId(c as u32);
                menu.extend([Choice::Deliver(job, channel), Choice::Overtake(job, channel)]);
                if !self.setup.topology.channels[c].fifo {
                    menu.extend((1..queue.len() as u32).map(|at| Choice::Jump(job, channel, at)));
                }
            }
        }
        for who in self.lives() {
            let partitions = self.setup.topology.subtasks[who.task.index()].partitions.len() as u32;
            menu.extend((0..partitions).map(|slot| Choice::Read(who, slot)));
            menu.extend((0..OUTCOMES).map(|value| Choice::Choose(who, value)));
        }
        menu.extend(self.control.keys().map(|(from, to)| Choice::Tell(*from, *to)));
        menu.extend(self.asks.keys().flat_map(|ask| [Choice::Apply(*ask), Choice::Answer(*ask)]));
        for who in self.lives().chain(self.coordinators()) {
            let life = self.life(who).expect("it was just found alive");
            menu.extend(life.timers.iter().map(|timer| Choice::Fire(who, *timer)));
        }
        menu.extend(self.deaths.iter().map(|(by, lost)| Choice::Detect(*by, *lost)));
        menu.push(Choice::Revive);
        for (vertex, ledger) in &self.ledgers {
            menu.extend(ledger.unsettled().map(|txn| Choice::Expire(*vertex, txn)));
        }
        menu.retain(|choice| self.enabled(*choice));
        menu.sort_unstable();
        menu.dedup();
    }

    /// Everything that could come from outside next, ascending.
    pub fn faults(&self, menu: &mut Vec<Choice>) {
        menu.clear();
        menu.extend(self.lives().chain(self.coordinators()).map(Fault::Crash).map(Choice::Fault));
        menu.push(Choice::Fault(Fault::Failover));
        for by in self.coordinators() {
            menu.extend(WISHES.map(|wish| Choice::Fault(Fault::Wish(by, wish))));
            menu.extend(self.lives().map(|lost| Choice::Fault(Fault::Suspect(by, lost))));
        }
        menu.extend(self.control.keys().map(|(from, to)| Choice::Fault(Fault::LoseControl(*from, *to))));
        for (ask, request) in &self.asks {
            menu.extend(request.fails().then_some(Choice::Fault(Fault::FailRequest(*ask))));
            menu.push(Choice::Fault(Fault::LoseReply(*ask)));
        }
        menu.retain(|choice| self.enabled(*choice));
        menu.sort_unstable();
    }

    /// Could this happen now?
    #[inline]
    pub fn enabled(&self, choice: Choice) -> bool {
        match choice {
            Choice::Deliver(job, channel) => self.deliverable(job, channel),
            Choice::Overtake(job, channel) => self.jumper(job, channel).is_some(),
            Choice::Jump(job, channel, at) => {
                let fifo = self.setup.topology.channels[channel.index()].fifo;
                let queue = self.channel(job, channel).filter(|_| !fifo);
                queue.is_some_and(|queue| queue.can_jump(at as usize)) && self.deliverable(job, channel)
            }
            Choice::Read(who, slot) => self.life(who).is_some_and(|life| self.readable(life, slot)),
            Choice::Choose(who, value) => value < OUTCOMES && self.life(who).is_some_and(|life| life.choosing),
            Choice::Tell(from, to) => self.tellable(from, to),
            Choice::Apply(ask) => self.appliable(ask),
            Choice::Answer(ask) => self.answerable(ask),
            Choice::Fire(who, timer) => {
                self.life(who).is_some_and(|life| !life.choosing && life.timers.contains(&timer))
            }
            Choice::Detect(by, lost) => self.deaths.contains(&(by, lost)),
            Choice::Revive => self.headless() && self.job_ended.is_none(),
            Choice::Expire(vertex, txn) => {
                let expires = self.setup.transaction_timeout.is_some() && self.is_transactional(vertex);
                expires && self.ledgers.get(&vertex).is_some_and(|ledger| ledger.unsettled().any(|open| open == txn))
            }
            Choice::Fault(fault) => self.fault_enabled(fault),
        }
    }

    /// Has the newest coordinator died? An older one that lives on is no obstacle to the next.
    pub(super) fn headless(&self) -> bool {
        self.coordinators.last().is_none_or(|newest| newest.who.attempt < self.last_coordinator)
    }

    fn fault_enabled(&self, fault: Fault) -> bool {
        match fault {
            Fault::Crash(who) => self.life(who).is_some(),
            Fault::Failover => !self.coordinators.is_empty() && self.job_ended.is_none(),
            Fault::Suspect(by, lost) => self.life(by).is_some() && self.life(lost).is_some(),
            Fault::LoseControl(from, to) => self.control.contains_key(&(from, to)),
            Fault::FailRequest(ask) | Fault::LoseReply(ask) => self.appliable(ask),
            Fault::Wish(who, _) => who.task == self.setup.topology.coordinator() && self.life(who).is_some(),
        }
    }

    #[inline]
    fn deliverable(&self, job: Attempt, channel: ChannelId) -> bool {
        let Some(generation) = self.generation(job) else { return false };
        if generation.channels[channel.index()].is_empty() {
            return false;
        }
        let table = &self.setup.topology.channels[channel.index()];
        let Some(life) = generation.places[table.to.index()].life() else { return false };
        life.full == 0 && !life.choosing && !life.process.blocked(table.input)
    }

    /// The barrier that could be taken past records, and its position.
    pub(super) fn jumper(&self, job: Attempt, channel: ChannelId) -> Option<usize> {
        let generation = self.generation(job)?;
        let (at, barrier) = generation.channels[channel.index()].jumper()?;
        let table = &self.setup.topology.channels[channel.index()];
        let life = generation.places[table.to.index()].life()?;
        let may = barrier.overtakes || life.process.hastens(barrier.id);
        // Room for what the step may send isn't asked for: barriers always fit.
        (may && !life.choosing && !life.process.blocked(table.input)).then_some(at)
    }

    fn tellable(&self, from: Incarnation, to: Incarnation) -> bool {
        let Some(control) = self.control.get(&(from, to)).and_then(|queue| queue.front()) else { return false };
        !self.life(to).is_some_and(|life| life.choosing || life.process.deaf(control))
    }

    /// Does a control message wait for a process that is deaf to it? A driver asks again when that life changes.
    pub fn unheard(&self, from: Incarnation, to: Incarnation) -> bool {
        let control = self.control.get(&(from, to)).and_then(|queue| queue.front());
        control.is_some_and(|control| self.life(to).is_some_and(|life| life.process.deaf(control)))
    }

    #[inline]
    fn readable(&self, life: &Life, slot: u32) -> bool {
        life.full == 0 && !life.choosing && life.process.wants(slot as usize).is_some()
    }

    /// What a source gets if it reads now.
    pub(super) fn wanted(&self, life: &Life, slot: u32) -> Option<(PartitionId, Offset)> {
        let (partition, offset) = life.process.wants(slot as usize)?;
        Some((partition, if offset == ANY_OFFSET { self.cursors[partition.index()] } else { offset }))
    }

    /// Requests to a ledger are done in the order in which they were made; those to the store in any.
    fn appliable(&self, ask: AskId) -> bool {
        let Some(request) = self.asks.get(&ask) else { return false };
        if request.reply.is_some() {
            return false;
        }
        if request.service == Service::Store {
            return true;
        }
        let first = AskId { asker: ask.asker, serial: 0 };
        !self.asks.range(first..ask).any(|(_, other)| other.reply.is_none() && other.service == request.service)
    }

    /// Replies of a ledger arrive in order too.
    fn answerable(&self, ask: AskId) -> bool {
        let Some(request) = self.asks.get(&ask) else { return false };
        let Some(life) = self.life(ask.asker) else { return false };
        request.reply.is_some() && !life.choosing
    }
}
