//! State that follows lives: one value for each (process, attempt), values saved at a cut, values put back.
//!
//! Lines of an old attempt may come arbitrarily late in a trace, so nothing is thrown away when a newer attempt
//! begins; what is very old is forgotten, and whoever asks for it is told so instead of being given a guess.

use crate::ids::*;
use crate::topology::Mode;
use crate::trace::StoreKey;
use std::collections::{BTreeMap, VecDeque};

/// So many attempts are remembered at once.
const ATTEMPTS_KEPT: usize = 16;
/// So many checkpoints of each task may be open at once, before the oldest is taken for given up.
const OPEN_KEPT: usize = 64;
/// The same where everybody takes checkpoints alone, and nobody's are given up.
const LOCAL_KEPT: usize = 1024;
/// So many ids behind the newest completed checkpoint are kept open: a savepoint isn't subsumed, and may be saved later.
const BEHIND: u64 = 8;
/// So many completed checkpoints are remembered.
const DONE_KEPT: usize = 4;

/// May this one still be saved, when that one is complete?
pub fn still_open(id: CheckpointId, completed: CheckpointId) -> bool {
    id != completed && id.0 + BEHIND > completed.0
}

/// One value for each attempt, the newest last.
#[derive(Clone, Debug)]
pub(crate) struct Slots<S> {
    list: Vec<(Attempt, S)>,
    gone: Option<Attempt>,
}

impl<S> Slots<S> {
    pub fn new() -> Self {
        Slots { list: Vec::new(), gone: None }
    }

    /// The value of an attempt; `make` if there is none yet; nothing if it was forgotten.
    #[inline]
    pub fn get(&mut self, attempt: Attempt, make: impl FnOnce() -> S) -> Option<&mut S> {
        let i = match self.list.last() {
            Some((a, _)) if *a == attempt => self.list.len() - 1,
            _ => self.find(attempt, make)?,
        };
        Some(&mut self.list[i].1)
    }

    /// The value of an attempt, if none is newer.
    #[inline(always)]
    pub fn newest(&mut self, attempt: Attempt) -> Option<&mut S> {
        self.list.last_mut().filter(|(a, _)| *a == attempt).map(|(_, value)| value)
    }

    #[cold]
    fn find(&mut self, attempt: Attempt, make: impl FnOnce() -> S) -> Option<usize> {
        match self.list.binary_search_by_key(&attempt, |(a, _)| *a) {
            Ok(i) => Some(i),
            Err(_) if self.gone.is_some_and(|gone| attempt <= gone) => None,
            Err(mut i) => {
                self.list.insert(i, (attempt, make()));
                if self.list.len() > ATTEMPTS_KEPT {
                    self.gone = Some(self.list.remove(0).0);
                    i = i.checked_sub(1)?;
                }
                Some(i)
            }
        }
    }

    /// The value of an attempt that has one.
    pub fn known(&self, attempt: Attempt) -> Option<&S> {
        self.list.binary_search_by_key(&attempt, |(a, _)| *a).ok().map(|i| &self.list[i].1)
    }
}

/// One value for each life of each task.
#[derive(Clone, Debug)]
pub(crate) struct Lives<S> {
    tasks: Vec<Slots<S>>,
}

impl<S: Default> Lives<S> {
    pub fn new(tasks: usize) -> Self {
        Lives { tasks: (0..tasks).map(|_| Slots::new()).collect() }
    }

    #[inline]
    pub fn get(&mut self, task: TaskId, attempt: Attempt) -> Option<&mut S> {
        self.tasks[task.index()].get(attempt, S::default)
    }
}

/// The tasks without a part: they had finished.
pub(crate) fn without_part(tasks: usize, parts: &[StoreKey]) -> Vec<TaskId> {
    let mut listed = vec![false; tasks];
    for key in parts.iter().filter(|key| key.task.index() < tasks) {
        listed[key.task.index()] = true;
    }
    (0..tasks).filter(|task| !listed[*task]).map(|task| TaskId(task as u32)).collect()
}

/// A completed checkpoint: one value for each task.
#[derive(Clone, Debug)]
pub(crate) struct Done<S> {
    pub checkpoint: CheckpointId,
    /// Where the parts are stored; only where a later checkpoint may have the same.
    pub keys: Vec<Option<StoreKey>>,
    pub parts: Vec<Option<S>>,
}

/// Values as of cuts: of open checkpoints by store key, of completed ones by task.
#[derive(Clone, Debug)]
pub(crate) struct Saved<S> {
    tasks: usize,
    /// Parts may be of several checkpoints, and of the next one too: they are kept.
    lines: bool,
    /// Parts may be those of the checkpoint before.
    regional: bool,
    pub open: BTreeMap<StoreKey, S>,
    /// The last of those that there was no more room for.
    forgot: Option<StoreKey>,
    done: VecDeque<Done<S>>,
}

impl<S: Clone> Saved<S> {
    pub fn new(tasks: usize, mode: Mode) -> Self {
        let (lines, regional) = (mode == Mode::Alone, mode == Mode::Regional);
        Saved { tasks, lines, regional, open: BTreeMap::new(), forgot: None, done: VecDeque::new() }
    }

    /// Remembers the value as of a cut.
    pub fn save(&mut self, key: StoreKey, value: S) {
        self.open.insert(key, value);
        let kept = if self.lines { LOCAL_KEPT } else { OPEN_KEPT };
        if self.open.len() > kept * self.tasks.max(1) {
            self.forgot = self.forgot.max(self.open.pop_first().map(|(key, _)| key));
        }
    }

    /// May there have been a value of this cut that is no more remembered?
    pub fn forgotten(&self, key: &StoreKey) -> bool {
        self.forgot.is_some_and(|last| *key <= last) && !self.open.contains_key(key)
    }

    /// A checkpoint is complete. `finished` gives the values of tasks without a part. Older open ones of this
    /// job are over, and those of older jobs.
    pub fn complete(
        &mut self,
        checkpoint: CheckpointId,
        job: Attempt,
        parts: &[StoreKey],
        mut finished: impl FnMut(TaskId) -> Option<S>,
    ) -> &Done<S> {
        let mut values: Vec<Option<S>> = (0..self.tasks).map(|_| None).collect();
        let mut keys = if self.regional { vec![None; self.tasks] } else { Vec::new() };
        for key in parts.iter().filter(|key| key.task.index() < self.tasks) {
            let own = if self.lines { self.open.get(key).cloned() } else { self.open.remove(key) };
            values[key.task.index()] = own.or_else(|| self.kept(key));
            keys.iter_mut().skip(key.task.index()).take(1).for_each(|known| *known = Some(*key));
        }
        for task in without_part(self.tasks, parts) {
            values[task.index()] = finished(task);
        }
        let lines = self.lines;
        let open = |id: CheckpointId| lines || still_open(id, checkpoint);
        self.open.retain(|key, _| key.attempt > job || (key.attempt == job && open(key.checkpoint)));
        if self.done.len() == DONE_KEPT {
            self.done.pop_front();
        }
        self.done.push_back(Done { checkpoint, keys, parts: values });
        self.done.back().expect("it was just put there")
    }

    /// The value of a part that a completed checkpoint has.
    fn kept(&self, key: &StoreKey) -> Option<S> {
        let at = key.task.index();
        let has = |done: &&Done<S>| done.keys.get(at) == Some(&Some(*key));
        self.done.iter().rev().find(has).and_then(|done| done.parts[at].clone())
    }

    /// A completed checkpoint that is remembered.
    pub fn done(&self, checkpoint: CheckpointId) -> Option<&Done<S>> {
        self.done.iter().rev().find(|done| done.checkpoint == checkpoint)
    }

    /// A task's value in a completed checkpoint.
    pub fn part(&self, checkpoint: CheckpointId, task: TaskId) -> Option<&S> {
        self.done(checkpoint)?.parts[task.index()].as_ref()
    }
}

/// What each job attempt is to restore, from the store's lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Begun {
    list: VecDeque<(Attempt, Option<CheckpointId>)>,
}

impl Begun {
    pub fn add(&mut self, job: Attempt, base: Option<CheckpointId>) {
        if self.list.len() == 2 * ATTEMPTS_KEPT {
            self.list.pop_front();
        }
        self.list.push_back((job, base));
    }

    /// The base of an attempt; nothing if no line told of it.
    pub fn base(&self, job: Attempt) -> Option<Option<CheckpointId>> {
        self.list.iter().rev().find(|(j, _)| *j == job).map(|(_, base)| *base)
    }

    /// The newest attempt.
    pub fn newest(&self) -> Option<Attempt> {
        self.list.iter().map(|(job, _)| *job).max()
    }
}

/// The content of the channels of one attempt, from the oldest message that an open cut may still need.
#[derive(Clone, Debug)]
pub(crate) struct Rings<T> {
    rings: Vec<Ring<T>>,
}

#[derive(Clone, Debug)]
struct Ring<T> {
    first: u64,
    floor: u64,
    items: VecDeque<T>,
}

impl<T: Clone> Rings<T> {
    pub fn new(channels: usize) -> Self {
        let ring = || Ring { first: 0, floor: u64::MAX, items: VecDeque::new() };
        Rings { rings: (0..channels).map(|_| ring()).collect() }
    }

    /// Puts restored content in front of what was already sent; `next` is the number of the first new message.
    pub fn put_back(&mut self, channel: ChannelId, next: u64, items: &[T]) {
        let ring = &mut self.rings[channel.index()];
        let later = std::mem::take(&mut ring.items);
        ring.first = next.saturating_sub(items.len() as u64);
        ring.items = items.iter().cloned().chain(later).collect();
    }

    pub fn send(&mut self, channel: ChannelId, m: u64, item: T) {
        let ring = &mut self.rings[channel.index()];
        if ring.first.checked_add(ring.items.len() as u64) != Some(m) {
            ring.items.clear(); // an unknown past: start over from here
            ring.first = m;
        }
        ring.items.push_back(item);
    }

    /// Message `m`, if it is known.
    pub fn get(&self, channel: ChannelId, m: u64) -> Option<T> {
        let ring = &self.rings[channel.index()];
        m.checked_sub(ring.first).and_then(|i| ring.items.get(i as usize)).cloned()
    }

    /// All messages up to `m` were applied.
    pub fn apply(&mut self, channel: ChannelId, m: u64) {
        let ring = &mut self.rings[channel.index()];
        while ring.first <= m && ring.first < ring.floor && ring.items.pop_front().is_some() {
            ring.first += 1;
        }
    }

    /// An open cut needs everything from `from` on.
    pub fn hold(&mut self, channel: ChannelId, from: u64) {
        let ring = &mut self.rings[channel.index()];
        ring.floor = ring.floor.min(from);
    }

    /// No open cut needs anything.
    pub fn release(&mut self) {
        self.rings.iter_mut().for_each(|ring| ring.floor = u64::MAX);
    }

    /// The messages from `from` up to `to`, if they are all known.
    pub fn slice(&self, channel: ChannelId, from: u64, to: u64) -> Option<Vec<T>> {
        let ring = &self.rings[channel.index()];
        let (start, end) = (from.checked_sub(ring.first)?, to.checked_sub(ring.first)?);
        if end > ring.items.len() as u64 || start > end {
            return None;
        }
        Some(ring.items.range(start as usize..end as usize).cloned().collect())
    }
}
