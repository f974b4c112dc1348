//! Who watches a world: drivers that keep time beside it, recorders, verifiers.

use super::Service;
use super::beside::Beside;
use super::choice::AskId;
use crate::engine::message::{Record, Timer};
use crate::ids::*;
use crate::trace::event::{Event, Shown, Spot};

/// Is told what a step did. Every method does nothing unless a driver needs it.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, event: Event);

    /// A record went into a channel. This and the next three are the lines of records, told without an event: what
    /// they mean is what `event` does with the same line.
    #[inline]
    fn record_sent(&mut self, at: Spot, channel: ChannelId, m: u64, record: &Record) {
        self.event(at.send(channel, m, record));
    }

    /// A record was taken off a channel.
    #[inline]
    fn record_applied(&mut self, at: Spot, channel: ChannelId, m: u64) {
        self.event(at.apply(channel, m));
    }

    /// A record was taken from a partition.
    #[inline]
    fn record_read(&mut self, at: Spot, partition: PartitionId, record: &Record) {
        self.event(at.read(partition, record));
    }

    /// A record became visible.
    #[inline]
    fn record_visible(&mut self, at: Spot, shown: &Shown, record: &Record) {
        self.event(at.visible(shown, record));
    }

    /// Records became visible, one line after another: `at` and `shown` are the first one's.
    #[inline]
    fn records_visible(&mut self, at: Spot, shown: &Shown, records: &[Record]) {
        Shown::lines(at, shown, records).for_each(|(at, shown, record)| self.record_visible(at, &shown, record));
    }

    /// May what has this stamp happen right behind what has just happened, because nothing else is to come first?
    #[inline]
    fn again(&mut self, _due: u64) -> bool {
        false
    }

    /// The time that events are stamped with.
    fn now(&self) -> Nanos {
        Nanos(0)
    }

    /// An element is about to go into a channel that holds `len`: the stamp that it gets.
    #[inline]
    fn sent(&mut self, _job: Attempt, _channel: ChannelId, _len: usize, _overtakes: bool) -> u64 {
        0
    }

    /// Records were put back at the head of a channel.
    fn refilled(&mut self, _job: Attempt, _channel: ChannelId) {}

    /// What a process may take has changed, or its outputs have room again.
    fn changed(&mut self, _life: Incarnation) {}

    /// Where is counted what no line tells of, if it is counted.
    fn beside(&mut self) -> Option<&mut Beside> {
        None
    }

    /// A control message is on its way; `len`: how many were before it.
    fn told(&mut self, _from: Incarnation, _to: Incarnation, _len: usize) {}

    /// A request is on its way there.
    fn asked(&mut self, _ask: AskId, _there: Service) {}

    /// A request was done; its reply is on its way from there.
    fn done(&mut self, _ask: AskId, _there: Service) {}

    /// A timer was armed.
    fn armed(&mut self, _life: Incarnation, _timer: Timer, _after: Nanos) {}

    /// A timer was disarmed.
    fn disarmed(&mut self, _life: Incarnation, _timer: Timer) {}

    /// A coordinator can learn of a death.
    fn detectable(&mut self, _by: Incarnation, _lost: Incarnation) {}

    /// No coordinator lives.
    fn headless(&mut self) {}

    /// A transaction was opened: it may expire one day.
    fn opened(&mut self, _ledger: VertexId, _txn: crate::engine::message::Txn) {}
}
