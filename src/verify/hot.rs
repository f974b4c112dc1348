//! The four kinds of line that make up nearly all of a trace.
//!
//! Each is first looked at as what it is nearly always: the line that is expected next, in the newest attempt. Only
//! what isn't takes the long way, which says why.

use super::counts::{ANY, Lane};
use super::{Output, Verifier};
use crate::ids::*;
use crate::trace::event::{Event, Shown, Spot};
use crate::trace::{Datum, Record};

impl Verifier {
    /// A record goes into a channel. Like the other three, what `observe` does with such a line, for a caller that
    /// has no event at hand.
    #[inline(always)]
    pub fn send(&mut self, at: Spot, channel: ChannelId, m: u64, record: &Record) -> bool {
        self.events += 1;
        match self.cut.newest(at.attempt, channel) {
            Some(lane) if lane.from == at.process && lane.next_sent == m && m < ANY - 1 => {
                let (Datum::Int(key), Datum::Int(value)) = (&record.key, &record.value) else {
                    return self.send_slowly(at, channel, m, record);
                };
                if !self.wellformed.follows(at) {
                    return self.send_slowly(at, channel, m, record);
                }
                (lane.next_sent, lane.sent) = (m + 1, m + 1);
                lane.tally.integers(*key, *value);
            }
            _ => return self.send_slowly(at, channel, m, record),
        }
        self.seen[2] = true;
        self.slow && self.sent(at, channel, m, record)
    }

    #[inline(never)]
    fn send_slowly(&mut self, at: Spot, channel: ChannelId, m: u64, record: &Record) -> bool {
        let mut order = match self.wellformed.ends(at, channel, true) {
            Ok(()) => self.wellformed.line(at),
            Err(violation) => return self.undefined(violation),
        };
        self.seen[2] = true;
        if let Some(board) = self.cut.board(at.attempt) {
            let lane = &mut board.lanes[channel.index()];
            if order.is_ok() {
                order = self.wellformed.send(at, channel, m, lane);
            }
            lane.sent = m.saturating_add(1);
            if self.reference {
                lane.tally.add(&record.key, &record.value);
            }
        }
        let new = self.note(order);
        self.sent(at, channel, m, record) || new
    }

    /// For the folds that look at what is in flight.
    #[inline(never)]
    fn sent(&mut self, at: Spot, channel: ChannelId, m: u64, record: &Record) -> bool {
        self.cut.send(at.attempt, channel, m, record.id);
        self.replayed(|| at.send(channel, m, record))
    }

    /// A record is taken off a channel.
    #[inline(always)]
    pub fn apply(&mut self, at: Spot, channel: ChannelId, m: u64) -> bool {
        self.events += 1;
        match self.cut.newest(at.attempt, channel) {
            Some(lane) if lane.to == at.process && lane.next_rcvd == m && m < lane.next_sent.min(ANY - 1) => {
                if !self.wellformed.follows(at) {
                    return self.apply_slowly(at, channel, m);
                }
                (lane.next_rcvd, lane.rcvd) = (m + 1, m + 1);
            }
            _ => return self.apply_slowly(at, channel, m),
        }
        self.seen[2] = true;
        self.slow && self.applied(at, channel, m)
    }

    #[cold]
    #[inline(never)]
    fn apply_slowly(&mut self, at: Spot, channel: ChannelId, m: u64) -> bool {
        let mut order = match self.wellformed.ends(at, channel, false) {
            Ok(()) => self.wellformed.line(at),
            Err(violation) => return self.undefined(violation),
        };
        self.seen[2] = true;
        if let Some(board) = self.cut.board(at.attempt) {
            let lane: &mut Lane = &mut board.lanes[channel.index()];
            if lane.fifo {
                if order.is_ok() {
                    order = self.wellformed.apply(at, channel, m, lane);
                }
                lane.rcvd = m.saturating_add(1);
            } else {
                let taken = board.loose.entry(channel).or_default();
                let new = taken.take(m);
                if order.is_ok() {
                    order = self.wellformed.apply_any(at, channel, m, new, lane);
                }
            }
        }
        let new = self.note(order);
        self.applied(at, channel, m) || new
    }

    #[inline(never)]
    fn applied(&mut self, at: Spot, channel: ChannelId, m: u64) -> bool {
        self.cut.apply(at.attempt, channel, m);
        self.replayed(|| at.apply(channel, m))
    }

    /// A record is read.
    #[inline(always)]
    pub fn read(&mut self, at: Spot, partition: PartitionId, record: &Record) -> bool {
        self.events += 1;
        if !self.wellformed.reads(at.process, partition, &record.id) {
            let undefined = self.wellformed.undefined(at);
            return self.undefined(undefined);
        }
        self.seen[0] = true;
        let mut new = !self.wellformed.follows(at) && self.strays(at);
        if !self.offsets.follows(at.attempt, partition, record.id.offset) {
            let offsets = self.offsets.read(at, partition, record.id);
            new |= self.note(offsets);
        }
        if let Output::Reference(fold) = &mut self.output {
            fold.read(partition, record);
            return new;
        }
        self.replayed(|| at.read(partition, record)) || new
    }

    /// A line that isn't the next one of the life that was heard of last.
    #[cold]
    #[inline(never)]
    fn strays(&mut self, at: Spot) -> bool {
        let line = self.wellformed.line(at);
        self.note(line)
    }

    /// A record becomes visible.
    #[inline(always)]
    pub fn visible(&mut self, at: Spot, shown: &Shown, record: &Record) -> bool {
        self.events += 1;
        if !self.wellformed.shows(at.process, shown.from, &shown.txn) {
            let undefined = self.wellformed.undefined(at);
            return self.undefined(undefined);
        }
        self.seen[0] = true;
        let mut new = !self.wellformed.follows(at) && self.strays(at);
        let visible = self.visible.show(at, shown.position, record);
        new |= self.note(visible);
        let transactions = self.transactions.visible(at, shown, record.id);
        new |= self.note(transactions);
        if shown.txn.is_none() && self.fencing.fences() {
            let fencing = self.fencing.observe(&at.visible(shown, record));
            new |= self.note(fencing);
        }
        if let Output::Reference(fold) = &mut self.output {
            let output = fold.visible(at, record);
            return self.note(output) || new;
        }
        self.replayed(|| at.visible(shown, record)) || new
    }

    /// Records become visible, one line after another: `at` and `shown` are the first one's. What the lines have in
    /// common is looked at once, if it is what is expected.
    pub fn visible_all(&mut self, at: Spot, shown: &Shown, records: &[Record]) {
        let count = records.len() as u64;
        let lines = Shown::lines(at, shown, records);
        match &mut self.output {
            Output::Reference(fold)
                if fold.counts(at.process)
                    && self.wellformed.shows(at.process, shown.from, &shown.txn)
                    && self.wellformed.expects(at, count)
                    && self.visible.expects(at, shown.position, count)
                    && self.transactions.expects(at, shown, count) =>
            {
                self.events += count;
                self.seen[0] = true;
                self.wellformed.pass(at.process, count);
                self.visible.pass(at.process, count);
                self.transactions.pass(at.process, count);
                let output = fold.visible_all(at.process, lines);
                self.note(output);
            }
            _ => lines.for_each(|(at, shown, record)| _ = self.visible(at, &shown, record)),
        }
    }

    /// Where output is judged by replay, the line is needed as an event.
    #[inline(always)]
    fn replayed(&mut self, event: impl FnOnce() -> Event) -> bool {
        matches!(self.output, Output::Replay(_)) && self.output(&event())
    }
}
