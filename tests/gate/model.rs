//! The rules as a slow and obvious interpreter: everything that has arrived and was not taken stands in one line,
//! and every checkpoint ever seen keeps its own story.

use cutline::topology::Mode;
use cutline::vectors::{Arrival, Element, Entry, Reason, Text, True};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
struct Story {
    over: bool,
    /// The channels that were open when it became pending.
    quorum: Vec<u32>,
    /// Those that have delivered their barrier, or have ended since.
    came: Vec<u32>,
    blocked: Vec<u32>,
    snapshot: bool,
    first_taken_ms: Option<u64>,
    in_flight: Vec<(u32, Text)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Model {
    mode: Mode,
    channels: u32,
    checkpoint_after_end: bool,
    timeout_ms: u64,
    now_ms: u64,
    line: Vec<Arrival>,
    ended: Vec<u32>,
    stories: BTreeMap<u64, Story>,
    pub done: Vec<Entry>,
}

impl Model {
    pub fn new(mode: Mode, channels: u32, checkpoint_after_end: bool, timeout_ms: u64) -> Self {
        let (line, ended, stories, done) = Default::default();
        Model { mode, channels, checkpoint_after_end, timeout_ms, now_ms: 0, line, ended, stories, done }
    }

    pub fn blocked(&self) -> Vec<u32> {
        let is_blocked = |c: &u32| self.stories.values().any(|story| !story.over && story.blocked.contains(c));
        (0..self.channels).filter(is_blocked).collect()
    }

    pub fn arrive(&mut self, arrival: Arrival) {
        self.line.push(arrival);
        loop {
            let blocked = self.blocked();
            let Some(at) = self.line.iter().position(|arrival| !blocked.contains(&arrival.channel)) else { return };
            let arrival = self.line.remove(at);
            let channel = arrival.channel;
            match arrival.element {
                Element::Record(record) => self.record(channel, record),
                Element::Barrier { id, unaligned } => self.barrier(channel, id, unaligned),
                Element::Cancel(id) => self.cancel(id),
                Element::End => self.end(channel),
            }
        }
    }

    pub fn advance(&mut self, ms: u64) {
        self.look_at_clocks();
        for _ in 0..ms {
            self.now_ms += 1;
            self.look_at_clocks();
        }
    }

    fn look_at_clocks(&mut self) {
        for id in self.pending() {
            let story = &self.stories[&id];
            let passed = story.first_taken_ms.is_some_and(|taken| self.now_ms - taken >= self.timeout_ms);
            if self.mode == Mode::AlignedThenUnaligned && passed && !story.snapshot {
                self.snapshot(id);
            }
        }
    }

    fn pending(&self) -> Vec<u64> {
        self.stories.iter().filter(|(_, story)| !story.over).map(|(id, _)| *id).collect()
    }

    fn newest(&self) -> Option<u64> {
        self.stories.keys().max().copied()
    }

    fn one_at_a_time(&self) -> bool {
        self.mode != Mode::AtLeastOnce
    }

    fn story(&mut self, id: u64) -> &mut Story {
        self.stories.get_mut(&id).unwrap()
    }

    fn snapshot(&mut self, id: u64) {
        self.story(id).snapshot = true;
        self.done.push(Entry::Snapshot { checkpoint: id });
    }

    fn abort(&mut self, id: u64, reason: Reason) {
        self.stories.entry(id).or_default().over = true;
        self.done.push(Entry::Abort { checkpoint: id, reason });
    }

    fn record(&mut self, channel: u32, record: Text) {
        self.done.push(Entry::Deliver { channel, record: record.clone() });
        for id in self.pending() {
            let story = self.story(id);
            if story.snapshot && story.quorum.contains(&channel) && !story.came.contains(&channel) {
                story.in_flight.push((channel, record.clone()));
            }
        }
    }

    fn barrier(&mut self, channel: u32, id: u64, unaligned: bool) {
        if self.stories.get(&id).is_some_and(|story| story.over) {
            return;
        }
        if !self.stories.contains_key(&id) {
            if self.newest().is_some_and(|newest| id < newest) {
                return;
            }
            if self.one_at_a_time() {
                for older in self.pending() {
                    self.abort(older, Reason::Subsumed);
                }
            }
            let quorum = (0..self.channels).filter(|c| !self.ended.contains(c)).collect();
            self.stories.insert(id, Story { quorum, ..Story::default() });
        }
        if self.story(id).came.contains(&channel) {
            return;
        }
        let now_ms = self.now_ms;
        let aligning = match self.mode {
            Mode::Aligned | Mode::Regional => true,
            Mode::AlignedThenUnaligned => !unaligned,
            Mode::Unaligned | Mode::AtLeastOnce => false,
            Mode::Alone => unreachable!("nobody sends barriers there"),
        };
        let story = self.story(id);
        story.came.push(channel);
        story.first_taken_ms.get_or_insert(now_ms);
        if aligning {
            story.blocked.push(channel);
        }
        let overtakes = self.mode == Mode::Unaligned || unaligned;
        if overtakes && !self.story(id).snapshot {
            self.snapshot(id);
        }
        self.complete_if_full(id);
    }

    /// True if it was.
    fn complete_if_full(&mut self, id: u64) -> bool {
        let story = self.stories[&id].clone();
        if story.over || !story.quorum.iter().all(|c| story.came.contains(c)) {
            return false;
        }
        if !story.snapshot {
            self.snapshot(id);
        }
        for channel in 0..self.channels {
            let own = story.in_flight.iter().filter(|(c, _)| *c == channel);
            let records: Vec<Text> = own.map(|(_, record)| record.clone()).collect();
            if !records.is_empty() {
                self.done.push(Entry::ChannelState { checkpoint: id, channel, records });
            }
        }
        // Older ones vanish.
        for older in self.pending().into_iter().filter(|older| *older <= id) {
            self.story(older).over = true;
        }
        true
    }

    fn cancel(&mut self, id: u64) {
        let is_new = self.newest().is_none_or(|newest| id > newest);
        let is_pending = self.pending().contains(&id);
        if self.one_at_a_time() {
            if !is_new && !is_pending {
                return;
            }
            for older in self.pending() {
                self.story(older).over = true;
            }
            return self.abort(id, Reason::Cancelled);
        }
        for older in self.pending().into_iter().filter(|older| *older < id) {
            self.abort(older, Reason::Cancelled);
        }
        if is_new || is_pending {
            self.abort(id, Reason::Cancelled);
        }
    }

    fn end(&mut self, channel: u32) {
        self.ended.push(channel);
        for id in self.pending().into_iter().rev() {
            if !self.checkpoint_after_end {
                continue;
            }
            self.story(id).came.push(channel);
            if self.complete_if_full(id) {
                break;
            }
        }
        if !self.checkpoint_after_end {
            for id in self.pending() {
                self.abort(id, Reason::EndOfInput);
            }
        }
        if self.ended.len() == self.channels as usize {
            self.done.push(Entry::EndOfInput(True));
        }
    }
}
