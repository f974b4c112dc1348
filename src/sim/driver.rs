//! The clock beside the world: what becomes possible gets a time, the earliest happens next.
//!
//! Only the head of a channel is in the queue, and only if its receiver could take it when it was last looked at;
//! after a step only what the step touched is looked at again.

use super::matrix::Watch;
use super::queue::Queue;
use super::setup::{FaultKind, Latency, PointKind, SimSetup, When};
use crate::dice::{Dice, stream};
use crate::engine::message::{Datum, Record, Timer, Txn};
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::coverage::Coverage;
use crate::trace::digest::TraceDigest;
use crate::trace::event::{Event, Kind, Shown, Spot};
use crate::verify::Verifier;
use crate::world::Service;
use crate::world::beside::Beside;
use crate::world::choice::{AskId, Choice, wish_words};
use crate::world::observer::Observer;
use crate::world::setup::Setup;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The job attempt's part of the queue's payloads: heads of channels, then reads.
struct Slots {
    job: Attempt,
    base: u32,
    heads: Vec<HeadSlot>,
    reads: Vec<ReadSlot>,
}

/// A channel, seen from the clock.
#[derive(Clone, Copy, Default)]
struct HeadSlot {
    /// Is its head in the queue?
    queued: bool,
    /// When what was sent last arrives: nothing behind it is earlier.
    last_due: u64,
}

/// A partition, seen from the clock.
#[derive(Clone, Copy)]
struct ReadSlot {
    who: Incarnation,
    slot: u32,
    partition: PartitionId,
    queued: bool,
    in_batch: u32,
    next: u64,
}

/// What the queue holds beside heads and reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rare {
    Choice(Choice),
    Fire(Incarnation, Timer, u64),
    Fault(usize),
    Heal,
}

/// What is to be looked at now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    Head(Attempt, ChannelId),
    Read(Incarnation, u32),
    Rare(Rare),
}

const RARE: u32 = 1 << 31;

/// Watches a world and keeps its time.
pub struct Driver {
    pub(super) now: u64,
    queue: Queue,
    slots: Vec<Slots>,
    next_base: u32,
    /// Which of its job attempt's partitions came due last: the one to be asked of next.
    last_read: usize,
    rare: Vec<Rare>,
    free: Vec<u32>,
    topology: Arc<Topology>,
    transaction_timeout: Option<u64>,
    pub(super) plan: Arc<SimSetup>,
    /// The plan's law of data channels, at hand.
    link: Latency,
    /// Has any channel a factor of its own?
    uneven: bool,
    pub(super) dice: Dice,
    timers: BTreeMap<(Incarnation, Timer), u64>,
    control_due: BTreeMap<(Incarnation, Incarnation), u64>,
    asked_due: BTreeMap<(Incarnation, Service), u64>,
    changed: Vec<Incarnation>,
    pub(super) slow: Vec<(ChannelId, u32, u64)>,
    /// Faults tied to protocol events: index into the plan, occurrences still to come.
    points: Vec<(usize, u32)>,
    /// Faults that have just come due.
    pub(super) fired: Vec<usize>,
    /// The digest of the trace so far.
    pub digest: TraceDigest,
    /// The judges.
    pub verifier: Option<Verifier>,
    /// What was said beside records and barriers.
    pub beside: Beside,
    /// What was met.
    pub coverage: Coverage,
    /// Where faults strike; none: no fault is planned.
    pub watch: Option<Watch>,
    /// The events, if they are kept.
    pub capture: Option<Vec<Event>>,
    /// Records that were delivered.
    pub delivered: u64,
    /// The sum of all visible integer values, wrapping.
    pub visible_sum: u64,
}

impl Driver {
    /// A clock at zero.
    pub fn new(setup: &Setup, plan: &Arc<SimSetup>, seed: u64, verifier: Option<Verifier>) -> Self {
        let mut driver = Driver {
            now: 0,
            queue: Queue::default(),
            slots: Vec::new(),
            next_base: 0,
            last_read: 0,
            rare: Vec::new(),
            free: Vec::new(),
            topology: setup.topology.clone(),
            transaction_timeout: setup.transaction_timeout.map(|t| t.0),
            plan: plan.clone(),
            link: plan.link,
            uneven: !plan.link_factors.is_empty(),
            dice: Dice::new(seed, stream::SIMULATOR),
            timers: BTreeMap::new(),
            control_due: BTreeMap::new(),
            asked_due: BTreeMap::new(),
            changed: Vec::new(),
            slow: Vec::new(),
            points: Vec::new(),
            fired: Vec::new(),
            digest: TraceDigest::new(setup.topology.processes()),
            verifier,
            beside: Beside::default(),
            coverage: Coverage::default(),
            watch: (!plan.faults.is_empty()).then(|| Watch::new(&setup.topology)),
            capture: None,
            delivered: 0,
            visible_sum: 0,
        };
        for (i, fault) in plan.faults.iter().enumerate() {
            match fault.when {
                When::At(time) => driver.later(time.0.min(plan.heal_at.0), Rare::Fault(i)),
                When::After(point) => driver.points.push((i, point.nth)),
            }
        }
        driver.later(plan.heal_at.0, Rare::Heal);
        driver.later(0, Rare::Choice(Choice::Revive));
        driver
    }

    /// Puts something rare into the queue.
    pub(super) fn later(&mut self, due: u64, what: Rare) {
        let index = match self.free.pop() {
            Some(index) => {
                self.rare[index as usize] = what;
                index
            }
            None => {
                self.rare.push(what);
                self.rare.len() as u32 - 1
            }
        };
        self.queue.push(due, RARE | index);
    }

    /// The earliest entry; the clock moves to it.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Due> {
        let (due, payload) = self.queue.pop()?;
        self.now = self.now.max(due);
        if payload & RARE != 0 {
            let index = payload & !RARE;
            self.free.push(index);
            return Some(Due::Rare(self.rare[index as usize]));
        }
        let slots = self.slots.iter_mut().rfind(|slots| slots.base <= payload).expect("a payload has a base");
        let index = (payload - slots.base) as usize;
        if let Some(head) = slots.heads.get_mut(index) {
            head.queued = false;
            return Some(Due::Head(slots.job, ChannelId(index as u32)));
        }
        self.last_read = index - slots.heads.len();
        let read = &mut slots.reads[self.last_read];
        read.queued = false;
        Some(Due::Read(read.who, read.slot))
    }

    /// Where the slots of a job attempt are: nearly always at the end.
    #[inline(always)]
    fn position(&mut self, job: Attempt) -> usize {
        match self.slots.last() {
            Some(slots) if slots.job == job => self.slots.len() - 1,
            _ => self.find(job),
        }
    }

    #[cold]
    fn find(&mut self, job: Attempt) -> usize {
        if let Some(at) = self.slots.iter().rposition(|slots| slots.job == job) {
            return at;
        }
        let mut reads = Vec::new();
        for (task, subtask) in self.topology.subtasks.iter().enumerate() {
            for (slot, partition) in subtask.partitions.iter().enumerate() {
                let who = Incarnation { task: TaskId(task as u32), attempt: job };
                let (slot, partition) = (slot as u32, *partition);
                reads.push(ReadSlot { who, slot, partition, queued: false, in_batch: 0, next: 0 });
            }
        }
        let channels = self.topology.channels.len();
        let base = self.next_base;
        self.next_base += (channels + reads.len()) as u32;
        self.slots.push(Slots { job, base, heads: vec![HeadSlot::default(); channels], reads });
        self.slots.len() - 1
    }

    /// The head of a channel is to be taken at `due`, or as soon as the clock allows.
    #[inline(always)]
    pub(super) fn head(&mut self, job: Attempt, channel: ChannelId, due: u64) {
        let at = self.position(job);
        let slots = &mut self.slots[at];
        let head = &mut slots.heads[channel.index()];
        if !head.queued {
            head.queued = true;
            self.queue.push(due.max(self.now), slots.base + channel.0);
        }
    }

    /// Where a source's partition is: the job attempt's slots, and which of them.
    #[inline]
    fn read_slot(&mut self, who: Incarnation, slot: u32) -> (usize, usize) {
        let slots = self.position(who.attempt);
        let reads = &self.slots[slots].reads;
        let this = |read: &ReadSlot| read.who == who && read.slot == slot;
        match reads.get(self.last_read) {
            Some(read) if this(read) => (slots, self.last_read),
            _ => (slots, reads.iter().position(this).expect("a source has a slot for every partition")),
        }
    }

    /// How many records are left of the batch that a source is reading: at least 1.
    pub(super) fn left_of_batch(&mut self, who: Incarnation, slot: u32) -> u32 {
        let (slots, at) = self.read_slot(who, slot);
        let read = &self.slots[slots].reads[at];
        self.plan.pace[read.partition.index()].batch.saturating_sub(read.in_batch).max(1)
    }

    /// A source's partition is to be read when its pace allows.
    /// `taken`: how many records of its batch were read just now.
    #[inline]
    pub(super) fn read(&mut self, who: Incarnation, slot: u32, taken: u32) {
        let now = self.now;
        let (slots, at) = self.read_slot(who, slot);
        let slots = &mut self.slots[slots];
        let heads = slots.heads.len() as u32;
        let read = &mut slots.reads[at];
        if taken > 0 {
            let pace = self.plan.pace[read.partition.index()];
            read.in_batch += taken;
            if read.in_batch >= pace.batch {
                read.in_batch = 0;
                read.next = now + pace.pause.0;
            }
        }
        if !read.queued {
            read.queued = true;
            let payload = slots.base + heads + at as u32;
            let due = read.next.max(now);
            self.queue.push(due, payload);
        }
    }

    /// Has nothing changed, and come due, since it was last looked?
    #[inline]
    pub(super) fn untouched(&self) -> bool {
        self.changed.is_empty() && self.fired.is_empty()
    }

    /// Whose possibilities have changed since this was last asked.
    #[inline]
    pub(super) fn take_changed(&mut self) -> Option<Incarnation> {
        self.changed.pop()
    }

    /// Is this the time at which the timer was last armed for?
    pub(super) fn timer_due(&mut self, who: Incarnation, timer: Timer, due: u64) -> bool {
        let current = self.timers.get(&(who, timer)) == Some(&due);
        if current {
            self.timers.remove(&(who, timer));
        }
        current
    }

    /// A delay of this law.
    #[inline(always)]
    pub(super) fn delay(&mut self, law: Latency) -> u64 {
        match law {
            Latency::Uniform { min, max } => self.dice.between(min.0, max.0),
            Latency::Tail { min, max, one_in } => {
                if self.dice.below(one_in as u64) == 0 {
                    self.dice.between(min.0, max.0)
                } else {
                    min.0
                }
            }
        }
    }

    fn factor(&self, channel: ChannelId) -> u64 {
        if self.now >= self.plan.heal_at.0 {
            return 1; // a healed world is even
        }
        let own = self.plan.link_factors.get(channel.index()).copied().unwrap_or(1) as u64;
        let slow = self.slow.iter().filter(|(c, _, until)| *c == channel && *until > self.now);
        // Of several faults the slowest counts: their product would keep a message under way for longer than a run lasts.
        own.saturating_mul(slow.map(|(_, slow, _)| *slow as u64).max().unwrap_or(1))
    }

    #[inline(always)]
    fn keep(&mut self, event: impl FnOnce() -> Event) {
        if let Some(events) = &mut self.capture {
            events.push(event());
        }
    }

    #[cold]
    fn rare_event(&mut self, event: &Event) {
        self.digest.add(event);
        if let Some(verifier) = &mut self.verifier {
            verifier.observe(event);
        }
        self.coverage.event(event);
        if let Some(watch) = &mut self.watch {
            watch.event(event);
        }
        if self.points.is_empty() {
            return;
        }
        let Some((what, checkpoint)) = point(&event.kind) else { return };
        let (plan, fired, healed) = (self.plan.clone(), &mut self.fired, self.now >= self.plan.heal_at.0);
        self.points.retain_mut(|(fault, left)| {
            let When::After(point) = plan.faults[*fault].when else { unreachable!("only these are points") };
            let here = point.what == what
                && point.process.is_none_or(|process| process == event.process)
                && (point.checkpoint.is_none() || point.checkpoint == checkpoint);
            if !here {
                return true;
            }
            if *left == 0 {
                if !healed {
                    fired.push(*fault);
                }
                return false;
            }
            *left -= 1;
            true
        });
    }
}

/// The protocol event that a line is, and its checkpoint.
pub(super) fn point(kind: &Kind) -> Option<(PointKind, Option<CheckpointId>)> {
    Some(match kind {
        Kind::Trigger { checkpoint, .. } => (PointKind::Trigger, Some(*checkpoint)),
        Kind::BarIn { checkpoint, .. } => (PointKind::BarIn, Some(*checkpoint)),
        Kind::Snap { checkpoint, .. } => (PointKind::Snap, Some(*checkpoint)),
        Kind::Put { key, .. } => (PointKind::Put, Some(key.checkpoint)),
        Kind::Ack { checkpoint } => (PointKind::Ack, Some(*checkpoint)),
        Kind::Decline { checkpoint, .. } => (PointKind::Decline, Some(*checkpoint)),
        Kind::Complete { checkpoint, .. } => (PointKind::Complete, Some(*checkpoint)),
        Kind::Notify { checkpoint, .. } => (PointKind::Notify, Some(*checkpoint)),
        Kind::Abort { checkpoint, .. } => (PointKind::Abort, Some(*checkpoint)),
        Kind::Txn { .. } => (PointKind::Txn, None),
        Kind::Restore { base, .. } => (PointKind::Restore, *base),
        Kind::Begin { .. } => (PointKind::Begin, None),
        Kind::Lead { .. } => (PointKind::Lead, None),
        Kind::EndOut { .. } => (PointKind::EndOut, None),
        Kind::Finish { .. } => (PointKind::Finish, None),
        _ => return None,
    })
}

impl Observer for Driver {
    #[inline]
    fn event(&mut self, event: Event) {
        let at = event.spot();
        match &event.kind {
            Kind::Send { channel, m, record } => return self.record_sent(at, *channel, *m, record),
            Kind::Apply { channel, m } => return self.record_applied(at, *channel, *m),
            Kind::Read { partition, record } => return self.record_read(at, *partition, record),
            Kind::Visible { position, from, record, txn } => {
                return self.record_visible(at, &Shown { position: *position, from: *from, txn: *txn }, record);
            }
            _ => self.rare_event(&event),
        }
        self.keep(|| event);
    }

    #[inline(always)]
    fn record_sent(&mut self, at: Spot, channel: ChannelId, m: u64, record: &Record) {
        self.digest.send(at, channel, m, record);
        if let Some(verifier) = &mut self.verifier {
            verifier.send(at, channel, m, record);
        }
        self.keep(|| at.send(channel, m, record));
    }

    #[inline(always)]
    fn record_applied(&mut self, at: Spot, channel: ChannelId, m: u64) {
        self.digest.apply(at, channel, m);
        if let Some(verifier) = &mut self.verifier {
            verifier.apply(at, channel, m);
        }
        self.delivered += 1;
        self.keep(|| at.apply(channel, m));
    }

    #[inline(always)]
    fn record_read(&mut self, at: Spot, partition: PartitionId, record: &Record) {
        self.digest.read(at, partition, record);
        if let Some(verifier) = &mut self.verifier {
            verifier.read(at, partition, record);
        }
        self.keep(|| at.read(partition, record));
    }

    #[inline(always)]
    fn record_visible(&mut self, at: Spot, shown: &Shown, record: &Record) {
        self.digest.visible(at, shown, record);
        if let Some(verifier) = &mut self.verifier {
            verifier.visible(at, shown, record);
        }
        if let Datum::Int(value) = record.value {
            self.visible_sum = self.visible_sum.wrapping_add(value as u64);
        }
        self.keep(|| at.visible(shown, record));
    }

    fn beside(&mut self) -> Option<&mut Beside> {
        Some(&mut self.beside)
    }

    fn records_visible(&mut self, at: Spot, shown: &Shown, records: &[Record]) {
        self.digest.visible_all(at, shown, records);
        if let Some(verifier) = &mut self.verifier {
            verifier.visible_all(at, shown, records);
        }
        for record in records {
            if let Datum::Int(value) = record.value {
                self.visible_sum = self.visible_sum.wrapping_add(value as u64);
            }
        }
        if let Some(events) = &mut self.capture {
            events.extend(Shown::lines(at, shown, records).map(|(at, shown, record)| at.visible(&shown, record)));
        }
    }

    #[inline]
    fn again(&mut self, due: u64) -> bool {
        due <= self.now && self.untouched() && self.queue.quiet()
    }

    #[inline]
    fn now(&self) -> Nanos {
        Nanos(self.now)
    }

    #[inline(always)]
    fn sent(&mut self, job: Attempt, channel: ChannelId, len: usize, overtakes: bool) -> u64 {
        let mut delay = self.delay(self.link);
        if self.uneven || !self.slow.is_empty() {
            delay = delay.saturating_mul(self.factor(channel));
        }
        let arrival = self.now + delay;
        let at = self.position(job);
        let last = &mut self.slots[at].heads[channel.index()].last_due;
        let due = arrival.max(*last);
        *last = due;
        if len == 0 {
            self.head(job, channel, due);
        }
        if overtakes {
            self.later(arrival, Rare::Choice(Choice::Overtake(job, channel)));
        }
        due
    }

    fn refilled(&mut self, job: Attempt, channel: ChannelId) {
        self.head(job, channel, self.now);
    }

    #[inline]
    fn changed(&mut self, life: Incarnation) {
        if self.changed.last() != Some(&life) {
            self.changed.push(life);
        }
    }

    fn told(&mut self, from: Incarnation, to: Incarnation, len: usize) {
        let arrival = self.now + self.delay(self.plan.control);
        let last = self.control_due.entry((from, to)).or_default();
        *last = if len == 0 { arrival } else { arrival.max(*last) };
        let due = *last;
        self.later(due, Rare::Choice(Choice::Tell(from, to)));
    }

    fn asked(&mut self, ask: AskId, there: Service) {
        let arrival = self.now + self.delay(self.plan.law_of(there));
        let last = self.asked_due.entry((ask.asker, there)).or_default();
        // One connection for each asker and service: requests arrive in the order in which they were made.
        *last = arrival.max(*last);
        let due = *last;
        self.later(due, Rare::Choice(Choice::Apply(ask)));
    }

    fn done(&mut self, ask: AskId, there: Service) {
        let due = self.now + self.delay(self.plan.law_of(there));
        self.later(due, Rare::Choice(Choice::Answer(ask)));
    }

    fn armed(&mut self, life: Incarnation, timer: Timer, after: Nanos) {
        let due = self.now + after.0;
        self.timers.insert((life, timer), due);
        self.later(due, Rare::Fire(life, timer, due));
    }

    fn disarmed(&mut self, life: Incarnation, timer: Timer) {
        self.timers.remove(&(life, timer));
    }

    fn detectable(&mut self, by: Incarnation, lost: Incarnation) {
        let due = self.now + self.delay(self.plan.detect);
        self.later(due, Rare::Choice(Choice::Detect(by, lost)));
    }

    fn headless(&mut self) {
        let due = self.now + self.delay(self.plan.revive);
        self.later(due, Rare::Choice(Choice::Revive));
    }

    fn opened(&mut self, ledger: VertexId, txn: Txn) {
        if let Some(timeout) = self.transaction_timeout {
            self.later(self.now + timeout, Rare::Choice(Choice::Expire(ledger, txn)));
        }
    }
}

/// What a fault is called in a trace.
pub(super) fn words(topology: &Topology, fault: &FaultKind) -> Arc<str> {
    let name = |task: &TaskId| topology.name(*task);
    let ms = |lasting: &Nanos| lasting.0 / 1_000_000;
    let text = match fault {
        FaultKind::CrashTask(task) => format!("crash {}", name(task)),
        FaultKind::CrashHost(host) => format!("crash host {}", host.0),
        FaultKind::Tear { task, keep } => format!("tear {} after {keep} effects", name(task)),
        FaultKind::CrashCoordinator => "crash coordinator".to_string(),
        FaultKind::Failover => "replace coordinator".to_string(),
        FaultKind::Suspect(task) => format!("suspect {}", name(task)),
        FaultKind::PauseHost { host, lasting } => format!("pause host {} for {}ms", host.0, ms(lasting)),
        FaultKind::Stall { task, lasting } => format!("stall {} for {}ms", name(task), ms(lasting)),
        FaultKind::PauseLink { channel, lasting } => {
            format!("pause {} for {}ms", topology.channel_name(*channel), ms(lasting))
        }
        FaultKind::SlowLink { channel, factor, lasting } => {
            format!("slow {} by {factor} for {}ms", topology.channel_name(*channel), ms(lasting))
        }
        FaultKind::DelayControl { task, lasting } => format!("delay control of {} for {}ms", name(task), ms(lasting)),
        FaultKind::LoseControl { task, count } => format!("lose {count} control messages of {}", name(task)),
        FaultKind::FailRequests { count } => format!("fail {count} store requests"),
        FaultKind::LoseReplies { count } => format!("lose {count} replies"),
        FaultKind::PauseStore { lasting } => format!("pause store for {}ms", ms(lasting)),
        FaultKind::StoreFull { lasting } => format!("store full for {}ms", ms(lasting)),
        FaultKind::Wish(wish) => format!("wish for {}", wish_words(*wish)),
    };
    text.into()
}
