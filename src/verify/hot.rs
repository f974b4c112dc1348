//! The four kinds of line that make up nearly all of a trace.
//!
//! Each is first looked at as what it is nearly always: the line that is expected next, in the newest attempt. Only
//! what isn't takes the long way, which says why.

use super::counts::{ANY, Lane};
use super::{Output, Verifier};
use crate::ids::*;
use crate::trace::event::Event;
use crate::trace::{Datum, Record, Txn};

impl Verifier {
    /// A record goes into a channel.
    #[inline]
    pub(super) fn send(&mut self, event: &Event, channel: ChannelId, m: u64, record: &Record) -> bool {
        match self.cut.newest(event.attempt, channel) {
            Some(lane) if lane.from == event.process && lane.next_sent == m && m < ANY - 1 => {
                let (Datum::Int(key), Datum::Int(value)) = (&record.key, &record.value) else {
                    return self.send_slowly(event, channel, m, record);
                };
                if !self.wellformed.follows(event) {
                    return self.send_slowly(event, channel, m, record);
                }
                (lane.next_sent, lane.sent) = (m + 1, m + 1);
                lane.tally.integers(*key, *value);
            }
            _ => return self.send_slowly(event, channel, m, record),
        }
        self.seen[2] = true;
        self.slow && self.sent(event, channel, m, record)
    }

    #[inline(never)]
    fn send_slowly(&mut self, event: &Event, channel: ChannelId, m: u64, record: &Record) -> bool {
        let mut order = match self.wellformed.ends(event, channel, true) {
            Ok(()) => self.wellformed.line(event),
            Err(violation) => return self.undefined(violation),
        };
        self.seen[2] = true;
        if let Some(board) = self.cut.board(event.attempt) {
            let lane = &mut board.lanes[channel.index()];
            if order.is_ok() {
                order = self.wellformed.send(event, channel, m, lane);
            }
            lane.sent = m.saturating_add(1);
            if self.reference {
                lane.tally.add(&record.key, &record.value);
            }
        }
        let new = self.note(order);
        self.sent(event, channel, m, record) || new
    }

    /// For the folds that look at what is in flight.
    #[inline(never)]
    fn sent(&mut self, event: &Event, channel: ChannelId, m: u64, record: &Record) -> bool {
        self.cut.send(event.attempt, channel, m, record.id);
        matches!(self.output, Output::Replay(_)) && self.output(event)
    }

    /// A record is taken off a channel.
    #[inline]
    pub(super) fn apply(&mut self, event: &Event, channel: ChannelId, m: u64) -> bool {
        match self.cut.newest(event.attempt, channel) {
            Some(lane) if lane.to == event.process && lane.next_rcvd == m && m < lane.next_sent.min(ANY - 1) => {
                if !self.wellformed.follows(event) {
                    return self.apply_slowly(event, channel, m);
                }
                (lane.next_rcvd, lane.rcvd) = (m + 1, m + 1);
            }
            _ => return self.apply_slowly(event, channel, m),
        }
        self.seen[2] = true;
        self.slow && self.applied(event, channel, m)
    }

    #[cold]
    #[inline(never)]
    fn apply_slowly(&mut self, event: &Event, channel: ChannelId, m: u64) -> bool {
        let mut order = match self.wellformed.ends(event, channel, false) {
            Ok(()) => self.wellformed.line(event),
            Err(violation) => return self.undefined(violation),
        };
        self.seen[2] = true;
        if let Some(board) = self.cut.board(event.attempt) {
            let lane: &mut Lane = &mut board.lanes[channel.index()];
            if order.is_ok() {
                order = self.wellformed.apply(event, channel, m, lane);
            }
            lane.rcvd = m.saturating_add(1);
        }
        let new = self.note(order);
        self.applied(event, channel, m) || new
    }

    #[inline(never)]
    fn applied(&mut self, event: &Event, channel: ChannelId, m: u64) -> bool {
        self.cut.apply(event.attempt, channel, m);
        matches!(self.output, Output::Replay(_)) && self.output(event)
    }

    /// A record is read.
    #[inline(never)]
    pub(super) fn read(&mut self, event: &Event, partition: PartitionId, record: &Record) -> bool {
        if !self.wellformed.reads(event.process, partition, record.id) {
            let undefined = self.wellformed.undefined(event);
            return self.undefined(undefined);
        }
        self.seen[0] = true;
        let mut new = !self.wellformed.follows(event) && self.strays(event);
        if !self.offsets.follows(event.attempt, partition, record.id.offset) {
            let offsets = self.offsets.read(event, partition, record.id);
            new |= self.note(offsets);
        }
        match &mut self.output {
            Output::Reference(fold) => fold.read(partition, record),
            Output::Replay(_) => new |= self.output(event),
        }
        new
    }

    /// A line that isn't the next one of the life that was heard of last.
    #[cold]
    #[inline(never)]
    fn strays(&mut self, event: &Event) -> bool {
        let line = self.wellformed.line(event);
        self.note(line)
    }

    /// A record becomes visible.
    #[inline(never)]
    pub(super) fn visible(
        &mut self,
        event: &Event,
        position: u64,
        from: Incarnation,
        txn: &Option<Txn>,
        record: &Record,
    ) -> bool {
        if !self.wellformed.shows(event.process, from, txn) {
            let undefined = self.wellformed.undefined(event);
            return self.undefined(undefined);
        }
        self.seen[0] = true;
        let mut new = !self.wellformed.follows(event) && self.strays(event);
        let visible = self.visible.show(event, position, record);
        new |= self.note(visible);
        let transactions = self.transactions.visible(event, *txn, from, record.id);
        new |= self.note(transactions);
        if txn.is_none() && self.fencing.fences() {
            let fencing = self.fencing.observe(event);
            new |= self.note(fencing);
        }
        if let Output::Reference(fold) = &mut self.output {
            let output = fold.visible(event, record);
            return self.note(output) || new;
        }
        self.output(event) || new
    }
}
