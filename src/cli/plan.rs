//! Which seeds are run, in which order, and who runs the next ones.

use super::parse::{Partition, Range, Way};
use crate::digest::{Digest, mix};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The base of all sequences of seeds, unless another is asked for: the first digits of the golden ratio.
pub const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
/// So many seeds are handed out at once, where they are known to be quick.
const CHUNK: u64 = 4;
/// A quick seed takes less.
const QUICK: Duration = Duration::from_millis(5);
/// So many seeds are run before failures are counted, where the number of failures is limited.
const WAVE: u64 = 256;
/// So many seeds of a scenario are run before it is asked whether they show anything new; then twice as many, and so on.
const ROUND: u64 = 64;
/// Who has nothing to do until others are done looks again after this time.
const PATIENCE: Duration = Duration::from_millis(20);

/// The seed at a place of a scenario's sequence. Names, not places in a list, tell sequences apart.
pub fn seed_at(base: u64, name: &str, index: u64) -> u64 {
    let mut digest = Digest::new();
    digest.word(base);
    digest.bytes(name.as_bytes());
    mix(digest.finish64().wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// The seeds of one scenario.
#[derive(Clone, Debug)]
pub enum Seeds {
    /// Some of its sequence.
    Sequence {
        /// The base.
        base: u64,
        /// The scenario's name.
        name: String,
        /// Which of them.
        range: Range,
    },
    /// These.
    These {
        /// The scenario's name.
        name: String,
        /// The seeds.
        seeds: Vec<u64>,
    },
}

impl Seeds {
    /// The places to run: half open; none: no end.
    pub fn range(&self) -> Range {
        match self {
            Seeds::Sequence { range, .. } => *range,
            Seeds::These { seeds, .. } => Range { from: 0, to: Some(seeds.len() as u64) },
        }
    }

    /// The seed at a place.
    pub fn at(&self, index: u64) -> u64 {
        match self {
            Seeds::Sequence { base, name, .. } => seed_at(*base, name, index),
            Seeds::These { seeds, .. } => seeds[index as usize],
        }
    }

    /// Is the seed at a place in this part of the plan? `scenario` is the scenario's number in it.
    pub fn within(&self, scenario: usize, index: u64, partition: Partition) -> bool {
        let name = || match self {
            Seeds::Sequence { name, .. } | Seeds::These { name, .. } => name.as_bytes(),
        };
        partition.has(scenario, index, || {
            let mut digest = Digest::new();
            digest.bytes(name());
            mix(digest.finish64() ^ self.at(index))
        })
    }

    /// How many there are, in this part of the plan. By hash they are counted one by one.
    pub fn count(&self, scenario: usize, partition: Partition) -> Option<u64> {
        let range = self.range();
        if partition.way == Way::Hash && !partition.whole() {
            return range.to.map(|to| {
                (range.from..to.max(range.from)).filter(|index| self.within(scenario, *index, partition)).count() as u64
            });
        }
        let before = |end: u64| {
            // Places below `end` whose sum with the scenario's number is in the part.
            let first = (partition.part - 1 + partition.of - scenario as u64 % partition.of) % partition.of;
            if end > first { (end - first).div_ceil(partition.of) } else { 0 }
        };
        range.to.map(|to| before(to.max(range.from)) - before(range.from))
    }
}

/// Some places of one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which scenario.
    pub scenario: usize,
    /// The first place.
    pub from: u64,
    /// One after the last.
    pub to: u64,
}

#[derive(Debug)]
struct Cursor {
    next: Vec<u64>,
    turn: usize,
    wave_left: Option<u64>,
    rounds: Vec<Round>,
}

/// Some places of a scenario that are all run before anything is made of them. What is made of them then depends on no
/// thread.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// One after the last place; none: all that there are.
    end: Option<u64>,
    /// Handed out and not done.
    running: u64,
    /// What was learned before.
    seen: Seen,
    /// Nothing more is run: it would show nothing new.
    over: bool,
}

/// What the failing seeds of a scenario have shown so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Ways to fail.
    kinds: usize,
    /// Failing seeds when the newest of them was seen.
    failed: u64,
}

impl Seen {
    /// Has seen more: so many ways to fail now, by so many seeds. True: after `most` that show nothing new, no more of
    /// them are wanted.
    fn enough(&mut self, kinds: usize, failed: u64, most: u64) -> bool {
        if kinds > self.kinds {
            *self = Seen { kinds, failed };
        }
        kinds > 0 && failed - self.failed >= most
    }
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// These seeds.
    Chunk(Chunk),
    /// Nothing, until others are done.
    Wait,
    /// Nothing.
    Done,
}

/// Hands out seeds. In turn where time is limited, so that every scenario gets its share; otherwise one scenario
/// after the other, so that their results come one after the other.
#[derive(Debug)]
pub struct Dispenser {
    ranges: Vec<Range>,
    in_turn: bool,
    deadline: Option<Instant>,
    cursor: Mutex<Cursor>,
    done: Condvar,
    waves: bool,
    repeats: Option<u64>,
    quick: Vec<AtomicBool>,
    out_of_time: AtomicBool,
}

impl Dispenser {
    /// Nothing is handed out yet.
    pub fn new(seeds: &[Seeds], deadline: Option<Instant>, waves: bool) -> Self {
        let ranges: Vec<Range> = seeds.iter().map(Seeds::range).collect();
        let next = ranges.iter().map(|range| range.from).collect();
        let rounds = vec![Round { end: None, running: 0, seen: Seen::default(), over: false }; seeds.len()];
        Dispenser {
            in_turn: deadline.is_some(),
            deadline,
            cursor: Mutex::new(Cursor { next, turn: 0, wave_left: waves.then_some(WAVE), rounds }),
            done: Condvar::new(),
            waves,
            repeats: None,
            quick: seeds.iter().map(|_| AtomicBool::new(false)).collect(),
            out_of_time: AtomicBool::new(false),
            ranges,
        }
    }

    /// A scenario is given up after so many failing seeds that show nothing new. Seeds that are named one by one are
    /// wanted all.
    pub fn repeats(mut self, repeats: Option<u64>, seeds: &[Seeds]) -> Self {
        self.repeats = repeats;
        if repeats.is_some() {
            let cursor = self.cursor.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
            for (round, seeds) in cursor.rounds.iter_mut().zip(seeds) {
                if let Seeds::Sequence { range, .. } = seeds {
                    round.end = Some(range.from.saturating_add(ROUND));
                }
            }
        }
        self
    }

    fn lock(&self) -> MutexGuard<'_, Cursor> {
        self.cursor.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A seed of this scenario took so long. Slow ones are handed out one by one, for whoever interrupts, or has limited
    /// the time, waits for all that were handed out.
    pub fn took(&self, scenario: usize, time: Duration) {
        self.quick[scenario].store(time < QUICK, Ordering::Relaxed);
    }

    /// The next ones. Nothing, if nothing is left, time has run out, or the wave is over.
    pub fn take(&self) -> Work {
        let mut cursor = self.lock();
        let left = |at: usize| !cursor.rounds[at].over && self.ranges[at].to.is_none_or(|to| cursor.next[at] < to);
        let ready = |at: &usize| cursor.rounds[*at].end.is_none_or(|end| cursor.next[*at] < end);
        let count = self.ranges.len();
        let mut all = (0..count).map(|i| (cursor.turn + i) % count).filter(|at| left(*at));
        // Which seeds are in a wave must not depend on who waits for whom.
        let found = if self.waves { all.next().map(|at| ready(&at).then_some(at)) } else { all_or_ready(all, ready) };
        let Some(found) = found else { return Work::Done };
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.out_of_time.store(true, Ordering::Relaxed);
            return Work::Done;
        }
        if cursor.wave_left == Some(0) {
            return Work::Done;
        }
        let Some(scenario) = found else {
            drop(self.done.wait_timeout(cursor, PATIENCE));
            return Work::Wait;
        };
        let mut most = if self.quick[scenario].load(Ordering::Relaxed) { CHUNK } else { 1 };
        if let Some(wave) = &mut cursor.wave_left {
            most = most.min(*wave);
        }
        let from = cursor.next[scenario];
        let ends = [self.ranges[scenario].to, cursor.rounds[scenario].end];
        let to = ends.into_iter().flatten().fold(from.saturating_add(most), u64::min);
        cursor.next[scenario] = to;
        cursor.rounds[scenario].running += to - from;
        if let Some(wave) = &mut cursor.wave_left {
            *wave -= to - from;
        }
        cursor.turn = if self.in_turn { (scenario + 1) % count } else { scenario };
        Work::Chunk(Chunk { scenario, from, to })
    }

    /// These have been run. `shown`: in how many ways the scenario fails by now, and how many seeds do; it is asked at the
    /// end of a round, when all of it has been run and nothing else.
    pub fn done(&self, chunk: Chunk, shown: impl FnOnce() -> (usize, u64)) {
        let mut cursor = self.lock();
        let next = cursor.next[chunk.scenario];
        let round = &mut cursor.rounds[chunk.scenario];
        round.running -= chunk.to - chunk.from;
        let Some((end, most)) = round.end.zip(self.repeats) else { return };
        if round.running == 0 && next == end {
            let (kinds, failed) = shown();
            round.over = round.seen.enough(kinds, failed, most);
            let length = end - self.ranges[chunk.scenario].from;
            round.end = Some(end.saturating_add(length));
            self.done.notify_all();
        }
    }

    /// Was a scenario given up, as what it shows is known, before all of its seeds were run?
    pub fn given_up(&self, scenario: usize) -> bool {
        let cursor = self.lock();
        let left = self.ranges[scenario].to.is_none_or(|to| cursor.next[scenario] < to);
        cursor.rounds[scenario].over && left
    }

    /// Begins another wave. False if nothing is left, or there are no waves.
    pub fn next_wave(&self) -> bool {
        let mut cursor = self.lock();
        cursor.wave_left = self.waves.then_some(WAVE);
        let left = |at: usize| !cursor.rounds[at].over && self.ranges[at].to.is_none_or(|to| cursor.next[at] < to);
        let any = (0..self.ranges.len()).any(left);
        self.waves && any && !self.out_of_time()
    }

    /// Has time run out before the seeds did?
    pub fn out_of_time(&self) -> bool {
        self.out_of_time.load(Ordering::Relaxed)
    }

    /// What wasn't handed out, by scenario; nothing of those that were given up.
    pub fn left(&self) -> Vec<Range> {
        let cursor = self.lock();
        let rest = cursor.next.iter().zip(&cursor.rounds).zip(&self.ranges);
        let left = |((next, round), range): ((&u64, &Round), &Range)| Range {
            from: *next,
            to: if round.over { Some(*next) } else { range.to },
        };
        rest.map(left).collect()
    }
}

/// The first that is ready. Some(None): none is yet.
fn all_or_ready(all: impl Iterator<Item = usize>, ready: impl Fn(&usize) -> bool) -> Option<Option<usize>> {
    let all: Vec<usize> = all.collect();
    (!all.is_empty()).then(|| all.iter().copied().find(ready))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(to: u64) -> Seeds {
        Seeds::Sequence { base: BASE, name: "x".to_string(), range: Range { from: 0, to: Some(to) } }
    }

    #[test]
    fn seeds_stay_the_same() {
        // Recorded seeds are good for nothing if this changes: raise the stream version then.
        assert_eq!(seed_at(BASE, "diamond", 0), SEEDS[0]);
        assert_eq!(seed_at(BASE, "diamond", 1), SEEDS[1]);
        assert_ne!(seed_at(BASE, "diamond", 0), seed_at(BASE, "word_count", 0));
    }

    const SEEDS: [u64; 2] = [0x675efd3a2c0a0814, 0xffb24d7c9a3b8a88];

    #[test]
    fn everything_is_handed_out_once() {
        let seeds = [sequence(10), sequence(0), sequence(7)];
        for deadline in [None, Some(Instant::now() + Duration::from_secs(3600))] {
            let dispenser = Dispenser::new(&seeds, deadline, false);
            let mut seen = vec![Vec::new(); 3];
            while let Work::Chunk(chunk) = dispenser.take() {
                dispenser.took(chunk.scenario, QUICK * (chunk.from % 5 == 3) as u32);
                seen[chunk.scenario].extend(chunk.from..chunk.to);
            }
            assert_eq!(seen, [(0..10).collect::<Vec<_>>(), vec![], (0..7).collect()]);
        }
    }

    /// However a round's chunks come in, what is known after it is the same; and nobody runs ahead of it.
    #[test]
    fn a_scenario_whose_failures_are_known_is_given_up() {
        let seeds = [sequence(1000), sequence(300)];
        // Every other seed of the first fails, in a second way from place 100 on; the second never fails.
        let failed = |to: u64| to / 2;
        for (threads, waves) in [(1, false), (3, false), (3, true)] {
            let dispenser = Dispenser::new(&seeds, None, waves).repeats(Some(50), &seeds);
            let (mut taken, mut first) = (Vec::new(), Vec::new());
            loop {
                match dispenser.take() {
                    Work::Chunk(chunk) => {
                        taken.push(chunk);
                        first.extend((chunk.scenario == 0).then_some(chunk.to));
                        if taken.len() < threads {
                            continue;
                        }
                    }
                    Work::Done if taken.is_empty() && !dispenser.next_wave() => break,
                    Work::Wait | Work::Done => {}
                }
                // The last to be begun is the first to be done.
                if let Some(chunk) = taken.pop() {
                    let to = first.iter().copied().max().unwrap_or(0);
                    let kinds = if to > 100 { 2 } else { 1 };
                    dispenser.done(chunk, || if chunk.scenario == 0 { (kinds, failed(to)) } else { (0, 0) });
                }
            }
            // 64 seeds: one way. 128: another one is new. 256: 64 more, and nothing new.
            assert_eq!(first.iter().max(), Some(&256), "{threads} {waves}");
            assert!(dispenser.given_up(0) && !dispenser.given_up(1), "{threads} {waves}");
            assert!(dispenser.left().iter().all(|rest| rest.to == Some(rest.from)));
        }
    }

    #[test]
    fn parts_count_what_they_have() {
        for (from, to) in [(0, 10), (3, 17), (5, 5)] {
            let seeds = Seeds::Sequence { base: 0, name: String::new(), range: Range { from, to: Some(to) } };
            for (of, way) in (1..6).flat_map(|of| [(of, Way::Slice), (of, Way::Hash)]) {
                let mut all = 0;
                for part in 1..=of {
                    let partition = Partition { way, part, of };
                    for scenario in 0..4 {
                        let really = (from..to).filter(|i| seeds.within(scenario, *i, partition)).count() as u64;
                        assert_eq!(seeds.count(scenario, partition), Some(really));
                        all += really;
                    }
                }
                assert_eq!(all, 4 * (to - from), "every seed is in one part");
            }
        }
    }
}
