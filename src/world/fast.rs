//! The path that nearly every step takes: a running subtask takes a record and sends records. The same as
//! `apply`, with every table looked up once; `tests/determinism.rs` holds it against the menu.

use super::World;
use super::choice::{Choice, Step};
use super::life::{Generation, Place};
use super::observer::Observer;
use crate::engine::message::{Element, Input, Record};
use crate::engine::process::{Passed, Way};
use crate::ids::*;
use crate::topology;

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
        let table = self.tables[channel.index()];
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
        let mut record = queue.pop_record();
        let left = queue.len();
        let next = queue.due();
        let at = life.recorder.spot(observer.now());
        observer.record_applied(at, channel, life.recorder.apply(table.input));
        let passed = life.process.pass(Way::Input(table.input), &mut record);
        let who = life.who;
        if left + 1 == table.capacity as usize {
            made_room(generation, &table, observer);
        }
        let step = |record| Input::Element(table.input, Element::Record(record));
        self.after_record(g, who, passed, record, step, observer);
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
        let Some(mut record) = self.setup.logs[partition.index()].get(partition, offset) else {
            self.perform(Step::from(Choice::Read(who, slot)), observer);
            return true; // the end, or a socket, which leaves the offset open
        };
        let at = life.recorder.spot(observer.now());
        observer.record_read(at, partition, &record);
        let passed = life.process.pass(Way::Partition, &mut record);
        let step = |record| Input::Read { partition, offset, record: Some(record) };
        self.after_record(g, who, passed, record, step, observer);
        true
    }

    /// What a step that took a record asked for becomes state; the step itself, if the record didn't pass.
    #[inline]
    fn after_record(
        &mut self,
        g: usize,
        who: Incarnation,
        passed: Passed,
        record: Record,
        step: impl FnOnce(Record) -> Input,
        observer: &mut impl Observer,
    ) {
        match passed {
            Passed::Kept => {}
            Passed::Into(channel) => self.put(g, who, channel, record, observer),
            Passed::Not => self.step(who, step(record), None, observer),
        }
    }

    #[inline]
    fn put(&mut self, g: usize, who: Incarnation, channel: ChannelId, record: Record, observer: &mut impl Observer) {
        let table = &self.tables[channel.index()];
        let Generation { places, channels, .. } = &mut self.generations[g];
        let Place::Alive(life) = &mut places[who.task.index()] else { unreachable!("it has just taken a step") };
        let at = life.recorder.spot(observer.now());
        observer.record_sent(at, channel, life.recorder.send(table.output), &record);
        let queue = &mut channels[channel.index()];
        let len = queue.len();
        let stamp = observer.sent(who.attempt, channel, len, false);
        queue.push(stamp, Element::Record(record));
        if len + 1 == table.capacity as usize {
            life.full += 1;
        }
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
