//! One step of one process, and what its effects become.

use super::beside::Beside;
use super::choice::AskId;
use super::life::Place;
use super::observer::Observer;
use super::{InFlight, Service, World};
use crate::engine::message::*;
use crate::engine::snapshot::{Manifest, Part, Snapshot};
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::topology::Mode;
use crate::trace::event::{Kind, Notice};
use crate::trace::record;
use std::sync::Arc;

impl World {
    /// Hands an input to a living process and does what it asks for. `keep`: only the first so many effects
    /// happen, then the process dies.
    #[inline]
    pub(super) fn step(&mut self, who: Incarnation, input: Input, keep: Option<u32>, observer: &mut impl Observer) {
        let mut outbox = std::mem::take(&mut self.outbox);
        let life = self.life_mut(who).expect("only the living take steps");
        life.process.step(input, &mut outbox);
        let gate_changed = std::mem::take(&mut outbox.gate_changed);
        let limit = keep.map_or(usize::MAX, |keep| keep as usize);
        for effect in outbox.effects.drain(..).take(limit) {
            self.effect(who, effect, observer);
        }
        self.outbox = outbox;
        if keep.is_some() {
            return self.crash(who, observer);
        }
        if gate_changed || who.task == self.setup.topology.coordinator() {
            self.settle(who, observer);
        }
    }

    /// After a step that changed what the process takes: who is held, does it choose, has it stopped?
    pub(super) fn settle(&mut self, who: Incarnation, observer: &mut impl Observer) {
        let topology = self.setup.topology.clone();
        let now = observer.now();
        let life = self.life_mut(who).expect("it has just taken a step");
        if life.process.stopped() {
            self.line(who, Kind::Stop, observer);
            self.remove(who);
            self.mourn(who, observer); // it may have stopped by itself, and its word of that may be lost
            if who.task == topology.coordinator() && self.headless() {
                observer.headless();
            }
            return;
        }
        life.choosing = life.process.chooses();
        life.flowing = life.process.flowing();
        if who.task == topology.coordinator() {
            return;
        }
        if !life.choosing {
            for (i, channel) in topology.subtasks[who.task.index()].inputs.iter().enumerate() {
                let input = InputIndex(i as u32);
                let held = life.process.holds(input);
                if held == life.held.contains(input) {
                    continue;
                }
                let kind = if held {
                    life.held.insert(input);
                    Kind::Hold { channel: *channel }
                } else {
                    life.held.remove(input);
                    Kind::Release { channel: *channel }
                };
                observer.event(life.recorder.event(now, kind));
            }
        }
        observer.changed(who);
    }

    #[inline]
    pub(super) fn effect(&mut self, who: Incarnation, effect: Effect, observer: &mut impl Observer) {
        match effect {
            Effect::Send(channel, element) => self.send(who, channel, element, observer),
            Effect::Refill(input, records) => self.refill(who, input, &records, observer),
            Effect::Tell(to, control) => self.post(who, to, control, observer),
            Effect::Ask(ticket, token, request) => self.ask(who, ticket, Service::Store, token, request, observer),
            Effect::AskLedger(ticket, _, request) => {
                let vertex = self.setup.topology.subtasks[who.task.index()].vertex;
                self.ask(who, ticket, Service::Ledger(vertex), FencingToken(0), request, observer);
            }
            Effect::Arm(timer, after) => {
                let life = self.life_mut(who).expect("it is taking a step");
                if !life.timers.contains(&timer) {
                    life.timers.push(timer);
                    life.timers.sort_unstable();
                }
                observer.armed(who, timer, after);
            }
            Effect::Disarm(timer) => {
                let life = self.life_mut(who).expect("it is taking a step");
                life.timers.retain(|armed| *armed != timer);
                observer.disarmed(who, timer);
            }
            Effect::Mark(mark) => self.mark(who, mark, observer),
        }
    }

    #[inline]
    fn send(&mut self, who: Incarnation, channel: ChannelId, element: Element<Record>, observer: &mut impl Observer) {
        let table = self.setup.topology.channels[channel.index()];
        let g = self.position(who.attempt).expect("the sender lives in a generation");
        let generation = &mut self.generations[g];
        let life = generation.places[who.task.index()].life_mut().expect("it is taking a step");
        let mut overtakes = false;
        let at = life.recorder.spot(observer.now());
        match &element {
            Element::Record(record) => {
                observer.record_sent(at, channel, life.recorder.send(table.output), record);
            }
            Element::Barrier(barrier) => {
                overtakes = barrier.overtakes;
                observer.event(at.event(Kind::BarOut { channel, checkpoint: barrier.id, overtakes }));
            }
            Element::Cancel(checkpoint) => {
                observer.event(at.event(Kind::CancelOut { channel, checkpoint: *checkpoint }));
            }
            Element::End => observer.event(at.event(Kind::EndOut { channel })),
            Element::Noted(noted) => {
                observer.record_sent(at, channel, life.recorder.send(table.output), &noted.record);
                observer.beside().into_iter().for_each(|beside| beside.noted(noted.note.len()));
            }
        }
        let queue = &mut generation.channels[channel.index()];
        let len = queue.len();
        let stamp = observer.sent(who.attempt, channel, len, overtakes);
        queue.push(stamp, element);
        if len + 1 == table.capacity as usize {
            life.full += 1;
        }
    }

    fn refill(&mut self, who: Incarnation, input: InputIndex, records: &[Record], observer: &mut impl Observer) {
        let topology = self.setup.topology.clone();
        let channel = topology.subtasks[who.task.index()].inputs[input.index()];
        let table = &topology.channels[channel.index()];
        let g = self.position(who.attempt).expect("the receiver lives in a generation");
        let queue = &mut self.generations[g].channels[channel.index()];
        let (before, capacity) = (queue.len(), table.capacity as usize);
        queue.refill(0, records);
        let after = queue.len();
        if before < capacity
            && after >= capacity
            && let Some(sender) = self.generations[g].places[table.from.index()].life_mut()
        {
            sender.full += 1;
        }
        observer.refilled(who.attempt, channel);
    }

    fn post(&mut self, from: Incarnation, to: Incarnation, control: Control, observer: &mut impl Observer) {
        let said = match &control {
            Control::Ack(checkpoint) => Some(Kind::Ack { checkpoint: *checkpoint }),
            Control::Decline(checkpoint, reason) => Some(Kind::Decline { checkpoint: *checkpoint, reason: *reason }),
            Control::Complete(checkpoint) => Some(Kind::Notify { checkpoint: *checkpoint, to, what: Notice::Complete }),
            Control::Abort(checkpoint) => Some(Kind::Notify { checkpoint: *checkpoint, to, what: Notice::Abort }),
            _ => None,
        };
        if let Some(kind) = said {
            self.line(from, kind, observer);
        }
        if let Control::Ack(checkpoint) | Control::Decline(checkpoint, _) = &control {
            self.cut_is_over(from, *checkpoint, matches!(control, Control::Ack(_)));
        }
        let coordinator = self.setup.topology.coordinator();
        if to.task != coordinator && from.task != coordinator {
            observer.beside().into_iter().for_each(Beside::aside);
        }
        if !self.reachable(to, &control) {
            return;
        }
        let queue = self.control.entry((from, to)).or_default();
        let len = queue.len();
        queue.push_back(control);
        observer.told(from, to, len);
    }

    /// Who is dead hears nothing; who isn't born yet hears its deployment, and what follows it.
    fn reachable(&self, to: Incarnation, control: &Control) -> bool {
        if to.task == self.setup.topology.coordinator() {
            return self.life(to).is_some();
        }
        match self.generation(to.attempt) {
            Some(generation) => !matches!(generation.places[to.task.index()], Place::Dead),
            None => to.attempt > self.newest_job() && !matches!(control, Control::Stop),
        }
    }

    fn ask(
        &mut self,
        asker: Incarnation,
        ticket: Ticket,
        service: Service,
        token: FencingToken,
        request: Request,
        observer: &mut impl Observer,
    ) {
        let (first, last) = (AskId { asker, serial: 0 }, AskId { asker, serial: u32::MAX });
        // Asked again: whatever comes of the older question, nobody listens any more.
        if ticket != NO_TICKET {
            let answered = self.asks.range(first..=last).find(|(_, old)| old.ticket == ticket && old.reply.is_some());
            if let Some(id) = answered.map(|(id, _)| *id) {
                self.asks.remove(&id);
            }
            for (_, old) in self.asks.range_mut(first..=last).filter(|(_, old)| old.ticket == ticket) {
                old.awaited = false;
            }
        }
        let shadow = match &request {
            Request::Put(key, _) => self.offer_cut(asker, key.checkpoint),
            _ => None,
        };
        let awaited = ticket != NO_TICKET;
        if self.setup.instant && !awaited {
            self.serve_now(asker, service, token, &request, shadow.as_ref(), false, observer);
            return;
        }
        let serial = self.asks.range(first..=last).next_back().map_or(0, |(id, _)| id.serial + 1);
        let id = AskId { asker, serial };
        self.asks.insert(id, InFlight { ticket, service, token, request, shadow, reply: None, awaited });
        observer.asked(id, service);
    }

    fn offer_cut(&mut self, who: Incarnation, checkpoint: CheckpointId) -> Option<Arc<record::Shadow>> {
        let life = self.life_mut(who)?;
        if !life.offered.contains(&checkpoint) {
            life.offered.push(checkpoint);
        }
        life.cuts.iter().find(|(id, _)| *id == checkpoint).map(|(_, shadow)| shadow.clone())
    }

    /// A subtask has said what came of a cut: it never asks to store it again, and its counts are of no use. But
    /// who acknowledges before it has asked, which is a defect, may ask yet.
    fn cut_is_over(&mut self, who: Incarnation, checkpoint: CheckpointId, acknowledged: bool) {
        let Some(life) = self.life_mut(who) else { return };
        if !acknowledged || life.offered.contains(&checkpoint) {
            life.cuts.retain(|(id, _)| *id != checkpoint);
            life.offered.retain(|id| *id != checkpoint);
        }
    }

    fn mark(&mut self, who: Incarnation, mark: Mark, observer: &mut impl Observer) {
        let kind = match mark {
            Mark::Cut(checkpoint, snapshot) => {
                // Older ones have long been stored or given up, but where nobody waits for anybody.
                let alone = self.setup.config.mode == Mode::Alone;
                let needed = |id: &CheckpointId| alone || id.0 + 8 > checkpoint.0;
                let life = self.life_mut(who).expect("it is taking a step");
                let shadow = Arc::new(life.recorder.shadow.clone());
                life.cuts.retain(|(id, _)| needed(id));
                life.offered.retain(needed);
                life.cuts.push((checkpoint, shadow));
                Kind::Snap { checkpoint, digest: snapshot.digest() }
            }
            Mark::Restored(base, snapshot) => self.restored(who, base, &snapshot),
            Mark::Abandoned(checkpoint, reason) => Kind::Abandon { checkpoint, reason },
            Mark::Finished => Kind::Finish { complete: true },
            Mark::Chose(value) => Kind::Choice { value },
            Mark::Triggered(checkpoint, required) => Kind::Trigger { checkpoint, required, job: self.job_of(who) },
            Mark::Aborted(checkpoint, reason) => Kind::Abort { checkpoint, reason },
            Mark::Suspended(checkpoint) => Kind::Suspend { checkpoint },
            Mark::JobEnded(complete) => {
                self.job_ended = Some(complete);
                Kind::Finish { complete }
            }
            _ => return,
        };
        self.line(who, kind, observer);
    }

    /// What comes next on a channel is what its sender sends next, after the records that were put back: where
    /// barriers don't align, a receiver's cut can be ahead of its sender's.
    fn rewind(&self, who: Incarnation, snapshot: &Snapshot, manifest: &Manifest, shadow: &mut record::Shadow) {
        let topology = &self.setup.topology;
        for (i, channel) in topology.subtasks[who.task.index()].inputs.iter().enumerate() {
            let table = &topology.channels[channel.index()];
            let input = InputIndex(i as u32);
            let put_back = snapshot.channels.iter().find(|(at, _)| *at == input).map_or(0, |(_, r)| r.len() as u64);
            let sent = match manifest.parts.get(table.from.index()) {
                Some(Part::Stored(key)) => self.store.shadow(key).map(|sender| sender.sent[table.output as usize]),
                // Nothing was under way any more but what is put back.
                Some(Part::Finished) => Some(shadow.taken_in_all(input) + put_back),
                None => None,
            };
            let Some(sent) = sent else { continue };
            if shadow.taken[i] > sent || !table.fifo || snapshot.logs.is_some() {
                shadow.go_on(input, sent.saturating_sub(put_back));
            }
        }
    }

    fn job_of(&self, who: Incarnation) -> Attempt {
        let coordinator = self.life(who).and_then(|life| life.process.job());
        coordinator.unwrap_or(self.store.attempt())
    }

    fn restored(&mut self, who: Incarnation, base: Option<CheckpointId>, snapshot: &Snapshot) -> Kind {
        let manifest = self.store.completed().find(|manifest| Some(manifest.checkpoint) == base);
        let part = manifest.and_then(|manifest| Some((manifest, stored(manifest, who.task)?)));
        let found = part.and_then(|(manifest, key)| Some((manifest, self.store.shadow(&key)?)));
        if let Some((manifest, shadow)) = found {
            let mut shadow = record::Shadow::clone(shadow);
            self.rewind(who, snapshot, manifest, &mut shadow);
            self.life_mut(who).expect("it is taking a step").recorder.restore(&shadow);
        }
        let restored = base.is_some() && !snapshot.finished;
        Kind::Restore {
            base,
            digest: if restored { snapshot.digest() } else { 0 },
            offsets: record::offsets(snapshot),
            kappa: record::kappa(&self.setup.topology, who.task, snapshot),
            finished: base.is_some() && !restored,
        }
    }
}

/// Where a completion record says that the part of a subtask is.
fn stored(manifest: &Manifest, task: TaskId) -> Option<StoreKey> {
    match manifest.parts.get(task.index())? {
        Part::Stored(key) => Some(*key),
        Part::Finished => None,
    }
}
