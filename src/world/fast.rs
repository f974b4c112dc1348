//! The path that nearly every step takes: a running subtask takes a record and sends records. The same as
//! `apply`, with every table looked up once; `tests/determinism.rs` holds it against the menu.

use super::World;
use super::channel::Channel;
use super::choice::{Choice, Step};
use super::life::{Generation, Life, Place};
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
    /// So many were taken, one after another; the stamp of the next one, if there is one.
    Taken(u32, Option<u64>),
}

impl World {
    /// Delivers the head of a channel, if that is enabled: `Choice::Deliver`. And what is behind it, as long as these
    /// are records, the observer says that nothing comes in between ([`Observer::again`]), and no more than `most`.
    #[inline]
    pub fn offer(&mut self, job: Attempt, channel: ChannelId, most: u32, observer: &mut impl Observer) -> Offered {
        let table = &self.tables[channel.index()];
        let Some(g) = self.position(job) else { return Offered::Refused };
        let Generation { places, channels, .. } = &mut self.generations[g];
        let (places, channels) = (places.as_mut_slice(), channels.as_mut_slice());
        let Place::Alive(life) = &mut places[table.to.index()] else { return Offered::Refused };
        let open = life.full == 0 && !life.choosing && (life.flowing || !life.process.blocked(table.input));
        if !open || channels[channel.index()].is_empty() {
            return Offered::Refused;
        }
        let mut taken = 0;
        while channels[channel.index()].record_first() && life.flowing {
            let queue = &mut channels[channel.index()];
            let mut record = queue.pop_record();
            taken += 1;
            let (next, has_room_again) = (queue.due(), queue.len() + 1 == table.capacity as usize);
            let at = life.recorder.spot(observer.now());
            observer.record_applied(at, channel, life.recorder.apply(table.input));
            match life.process.pass(Way::Input(table.input), &mut record) {
                Passed::Into(channel) => put(&self.tables, life, channels, channel, record, observer),
                Passed::Kept => record.discard(),
                Passed::Not => {
                    let who = life.who;
                    if has_room_again {
                        made_room(places, table.from, observer);
                    }
                    self.step(who, Input::Element(table.input, Element::Record(record)), None, observer);
                    return Offered::Taken(taken, next);
                }
            }
            if has_room_again {
                made_room(places, table.from, observer);
                return Offered::Taken(taken, next);
            }
            match next {
                Some(due) if taken < most && life.full == 0 && observer.again(due) => {}
                _ => return Offered::Taken(taken, next),
            }
        }
        if taken == 0 {
            self.perform(Step::from(Choice::Deliver(job, channel)), observer);
            taken = 1;
        }
        Offered::Taken(taken, self.channel(job, channel).and_then(|queue| queue.due()))
    }

    /// Reads the next record of a source's partition, if that is enabled: `Choice::Read`. And those behind it, as long
    /// as the observer says that nothing comes in between, and no more than `most`. How many were read.
    #[inline]
    pub fn offer_read(&mut self, who: Incarnation, slot: u32, most: u32, observer: &mut impl Observer) -> u32 {
        let Some(g) = self.position(who.attempt) else { return 0 };
        let Generation { places, channels, .. } = &mut self.generations[g];
        let (places, channels) = (places.as_mut_slice(), channels.as_mut_slice());
        let Place::Alive(life) = &mut places[who.task.index()] else { return 0 };
        if life.choosing {
            return 0;
        }
        let mut taken = 0;
        while life.full == 0 {
            let Some((partition, offset)) = life.process.wants(slot as usize) else { break };
            let Some(mut record) = self.setup.logs[partition.index()].get(partition, offset) else {
                self.perform(Step::from(Choice::Read(who, slot)), observer);
                return taken + 1; // the end, or a socket, which leaves the offset open
            };
            let at = life.recorder.spot(observer.now());
            observer.record_read(at, partition, &record);
            taken += 1;
            match life.process.pass(Way::Partition, &mut record) {
                Passed::Into(channel) => put(&self.tables, life, channels, channel, record, observer),
                Passed::Kept => record.discard(),
                Passed::Not => {
                    self.step(who, Input::Read { partition, offset, record: Some(record) }, None, observer);
                    break;
                }
            }
            if taken == most || !observer.again(0) {
                break;
            }
        }
        taken
    }
}

/// A record that was passed goes into its channel.
#[inline(always)]
fn put(
    tables: &[topology::Channel],
    life: &mut Life,
    channels: &mut [Channel],
    channel: ChannelId,
    record: Record,
    observer: &mut impl Observer,
) {
    let (table, queue) = (&tables[channel.index()], &mut channels[channel.index()]);
    let at = life.recorder.spot(observer.now());
    observer.record_sent(at, channel, life.recorder.send(table.output), &record);
    let len = queue.len();
    let stamp = observer.sent(life.who.attempt, channel, len, false);
    queue.push_record(stamp, record);
    life.full += (len + 1 == table.capacity as usize) as u32;
}

#[cold]
fn made_room(places: &mut [Place], sender: TaskId, observer: &mut impl Observer) {
    if let Some(sender) = places[sender.index()].life_mut() {
        sender.full -= 1;
        if sender.full == 0 {
            observer.changed(sender.who);
        }
    }
}
