//! The path that nearly every step takes: a running subtask takes a record and sends records. The same as
//! `apply`, with every table looked up once; `tests/determinism.rs` holds it against the menu.

use super::World;
use super::choice::{Choice, Step};
use super::life::{Generation, Life, Place};
use super::observer::Observer;
use crate::engine::message::{Effect, Element, Input, Record};
use crate::ids::*;
use crate::topology::{self, Topology};
use crate::trace::event::Kind;

/// What came of offering a channel's head to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Nothing: there is none, or it can't be taken now.
    Refused,
    /// It was taken; the stamp of the next one, if there is one.
    Taken(Option<u64>),
}

impl World {
    /// Delivers the head of a channel, if that is enabled: `Choice::Deliver`.
    #[inline]
    pub fn offer(&mut self, job: Attempt, channel: ChannelId, observer: &mut impl Observer) -> Offered {
        let table = self.setup.topology.channels[channel.index()];
        let Some(g) = self.position(job) else { return Offered::Refused };
        let generation = &mut self.generations[g];
        let queue = &mut generation.channels[channel.index()];
        let Place::Alive(life) = &mut generation.places[table.to.index()] else { return Offered::Refused };
        let open = life.full == 0 && !life.choosing && (life.flowing || !life.process.blocked(table.input));
        if !open || queue.is_empty() {
            return Offered::Refused;
        }
        if !queue.record_first() || !life.flowing {
            self.perform(Step::from(Choice::Deliver(job, channel)), observer);
            return Offered::Taken(self.channel(job, channel).and_then(|queue| queue.due()));
        }
        let element = queue.pop().expect("the channel isn't empty");
        let left = queue.len();
        let next = queue.due();
        let kind = life.recorder.apply(channel, table.input);
        observer.event(life.recorder.event(observer.now(), kind));
        let who = life.who;
        life.process.step(Input::Element(table.input, element), &mut self.outbox);
        if left + 1 == table.capacity as usize {
            made_room(generation, &table, observer);
        }
        self.after_record(g, who, observer);
        Offered::Taken(next)
    }

    /// Reads the next record of a source's partition, if that is enabled: `Choice::Read`. False if it isn't.
    #[inline]
    pub fn offer_read(&mut self, who: Incarnation, slot: u32, observer: &mut impl Observer) -> bool {
        let Some(g) = self.position(who.attempt) else { return false };
        let Place::Alive(life) = &mut self.generations[g].places[who.task.index()] else { return false };
        if life.full > 0 || life.choosing {
            return false;
        }
        let Some((partition, offset)) = life.process.wants(slot as usize) else { return false };
        let record = self.setup.logs[partition.index()].get(partition, offset);
        let Some(record) = record.filter(|_| offset != crate::engine::process::ANY_OFFSET) else {
            self.perform(Step::from(Choice::Read(who, slot)), observer);
            return true;
        };
        let kind = Kind::Read { partition, record: record.clone() };
        observer.event(life.recorder.event(observer.now(), kind));
        life.process.step(Input::Read { partition, offset, record: Some(record) }, &mut self.outbox);
        self.after_record(g, who, observer);
        true
    }

    /// What a step that took a record asked for becomes state.
    #[inline]
    fn after_record(&mut self, g: usize, who: Incarnation, observer: &mut impl Observer) {
        let plain = |effect: &Effect| matches!(effect, Effect::Send(_, Element::Record(_)));
        if !self.outbox.gate_changed && self.outbox.effects.iter().all(plain) {
            let generation = &mut self.generations[g];
            let (places, channels) = (&mut generation.places, &mut generation.channels);
            let Place::Alive(life) = &mut places[who.task.index()] else { unreachable!("it has just taken a step") };
            for effect in self.outbox.effects.drain(..) {
                let Effect::Send(channel, element) = effect else { unreachable!("all effects are sends") };
                put(&self.setup.topology, life, channels, channel, element, observer);
            }
            return;
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        let changed = std::mem::take(&mut outbox.gate_changed);
        for effect in outbox.effects.drain(..) {
            self.effect(who, effect, observer);
        }
        self.outbox = outbox;
        if changed {
            self.settle(who, observer);
        }
    }
}

#[inline]
fn put(
    topology: &Topology,
    life: &mut Life,
    channels: &mut [super::channel::Channel],
    channel: ChannelId,
    element: Element<Record>,
    observer: &mut impl Observer,
) {
    let table = &topology.channels[channel.index()];
    if let Element::Record(record) = &element {
        let kind = life.recorder.send(channel, table.output, record.clone());
        observer.event(life.recorder.event(observer.now(), kind));
    }
    let queue = &mut channels[channel.index()];
    let len = queue.len();
    let stamp = observer.sent(life.who.attempt, channel, len, false);
    queue.push(stamp, element);
    if len + 1 == table.capacity as usize {
        life.full += 1;
    }
}

#[cold]
fn made_room(generation: &mut Generation, table: &topology::Channel, observer: &mut impl Observer) {
    if let Some(sender) = generation.places[table.from.index()].life_mut() {
        sender.full -= 1;
        if sender.full == 0 {
            observer.changed(sender.who);
        }
    }
}
