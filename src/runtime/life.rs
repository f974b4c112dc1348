//! One life of one process: a thread that feeds it inputs.
//!
//! What may be fed, and when, is what [`crate::engine::process`] says and what a simulated world does: a record only
//! while every output has room and the input isn't blocked, a message only to who isn't deaf to it, a barrier past
//! records where it may overtake. What its process asks for is carried out in `acts.rs`.

use super::bell::{Letter, Mailbox, lock};
use super::clerk::{self, Desk, LedgerDesk};
use super::feed::Feed;
use super::hub::{Hub, Wires};
use super::pace;
use super::pipe::{Inlet, Outlet};
use super::tally::Note;
use crate::digest::mix;
use crate::engine::keyed::SOON;
use crate::engine::message::*;
use crate::engine::process::{Passed, Process, Way};
use crate::engine::snapshot::Manifest;
use crate::ids::*;
use crate::trace::event::Kind;
use crate::trace::record::{Recorder, Shadow};
use crate::world::choice::{Choice, Fault};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::*;
use std::time::{Duration, Instant};

/// So many records are taken from one channel or partition before the next one has its turn.
const TURN: usize = 256;
/// Nobody sleeps for longer: a heartbeat must be felt.
const SLEEP_MAX: Duration = Duration::from_millis(50);
/// Whatever is left in batches is handed over every so many rounds.
const FLUSH_EVERY: u64 = 8;

/// See the module.
pub struct Life {
    pub(super) hub: Arc<Hub>,
    pub(super) who: Incarnation,
    pub(super) process: Box<dyn Process>,
    pub(super) recorder: Recorder,
    mailbox: Arc<Mailbox>,
    wires: Option<Arc<Wires>>,
    letters: VecDeque<Letter>,
    born: bool,
    pub(super) over: bool,
    pub(super) timers: Vec<(Timer, Instant)>,
    pub(super) inlets: Vec<Inlet>,
    pub(super) outlets: Vec<Outlet>,
    pub(super) full: Vec<u32>, // outlets without room when they were last looked at
    feeds: Vec<Feed>,
    /// Requests whose answers are waited for: their number, and the process's name for them.
    pub(super) asked: Vec<(u32, Ticket)>,
    pub(super) next_ask: u32,
    pub(super) to_store: Desk,
    pub(super) to_ledger: Option<LedgerDesk>,
    /// The open transaction of which so many records were given to be written.
    pub(super) ahead: Option<(Txn, usize)>,
    pub(super) outbox: Outbox,
    pub(super) cuts: Vec<(CheckpointId, Arc<Shadow>)>,
    pub(super) offered: Vec<CheckpointId>,
    pub(super) base: Option<Arc<Manifest>>,
    pub(super) flowing: bool,
    pub(super) choosing: bool,
    pub(super) held: InputSet,
    pub(super) aligning: Option<(CheckpointId, Instant)>,
    rounds: u64,
}

impl Life {
    /// Lives, from the first letter to the end. A panic is a crash.
    pub(super) fn live(hub: &Arc<Hub>, who: Incarnation, mailbox: Arc<Mailbox>, wires: Option<Arc<Wires>>) {
        mailbox.bell.own();
        let mut life = Life::new(hub, who, mailbox, wires);
        let lived = catch_unwind(AssertUnwindSafe(|| life.run()));
        if lived.is_err() && life.born {
            hub.tally.note(Note::Lost(format!("{} panicked", hub.called(who))));
            let mut book = lock(&hub.book);
            let spot = life.recorder.spot(Nanos(0));
            if let Some(log) = book.log() {
                log.choice(Choice::Fault(Fault::Crash(who)));
                log.event(&spot.event(Kind::Crash));
            }
            book.death(who);
        }
        hub.leave(who);
    }

    fn new(hub: &Arc<Hub>, who: Incarnation, mailbox: Arc<Mailbox>, wires: Option<Arc<Wires>>) -> Self {
        let topology = &hub.topology;
        let subtask = topology.subtasks.get(who.task.index());
        let pipe = |c: &ChannelId| wires.as_ref().expect("a subtask has channels").pipes[c.index()].clone();
        let outlets: Vec<Outlet> =
            subtask.iter().flat_map(|s| s.outputs.iter()).map(|c| Outlet::new(pipe(c))).collect();
        let mut process = (hub.make)(who);
        hub.outside.tables().into_iter().for_each(|tables| process.lend(tables));
        let sink = subtask.is_some_and(|s| hub.sink_kind(s.vertex).is_some());
        Life {
            process,
            recorder: Recorder::new(topology, who),
            letters: VecDeque::new(),
            born: false,
            over: false,
            timers: Vec::new(),
            inlets: subtask.iter().flat_map(|s| s.inputs.iter()).map(|c| Inlet::new(pipe(c))).collect(),
            full: (0..outlets.len() as u32).collect(),
            outlets,
            feeds: subtask.iter().flat_map(|s| s.partitions.iter()).map(|p| Feed::new(hub, *p)).collect(),
            asked: Vec::new(),
            next_ask: 0,
            to_store: clerk::for_store(hub, who, &mailbox),
            to_ledger: sink.then(|| clerk::for_ledger(hub, who, &mailbox)),
            ahead: None,
            outbox: Outbox::default(),
            cuts: Vec::new(),
            offered: Vec::new(),
            base: None,
            flowing: false,
            choosing: false,
            held: InputSet::new(),
            aligning: None,
            rounds: 0,
            hub: hub.clone(),
            who,
            mailbox,
            wires,
        }
    }

    fn run(&mut self) {
        if self.wires.is_none() {
            let first = lock(&self.hub.book).leaders().is_empty();
            self.begin(if first { Choice::Revive } else { Choice::Fault(Fault::Failover) });
            self.act(None, |_, _| {}, Input::Start);
        }
        while !self.over && !self.hub.quit.load(Relaxed) {
            self.mailbox.beat();
            let busy = self.hear() | self.fire() | self.work();
            self.rounds += 1;
            if !busy {
                self.rest();
            } else if self.rounds.is_multiple_of(FLUSH_EVERY) {
                self.hand_over();
            }
        }
    }

    /// It lives from here on, unless that life can't be lived any more.
    fn begin(&mut self, choice: Choice) {
        let hub = self.hub.clone();
        let mut book = lock(&hub.book);
        self.born = book.birth(self.who);
        if let Some(log) = book.log() {
            log.choice(choice);
            if self.born {
                log.event(&self.recorder.spot(Nanos(0)).event(Kind::Start));
            }
        }
        self.over = !self.born;
    }

    /// Takes letters, as long as it isn't waiting for a choice. Who is deaf to a message hears nothing more from its sender.
    fn hear(&mut self) -> bool {
        self.mailbox.collect(&mut self.letters);
        if self.letters.is_empty() {
            return false;
        }
        let (mut later, mut unheard, mut busy) = (VecDeque::new(), Vec::new(), false);
        while let Some(letter) = self.letters.pop_front() {
            if self.over || self.choosing {
                later.push_back(letter);
                continue;
            }
            if let Letter::Told(from, control) = &letter
                && (unheard.contains(from) || self.process.deaf(control))
            {
                unheard.push(*from);
                later.push_back(letter);
                continue;
            }
            busy = true;
            self.open(letter);
        }
        self.letters = later;
        busy
    }

    fn open(&mut self, letter: Letter) {
        let who = self.who;
        match letter {
            Letter::Told(from, control) => {
                let mut choice = Some(Choice::Tell(from, who));
                if let Control::Deploy { restore } = &control {
                    self.base = self.base.take().or_else(|| restore.clone());
                    if !self.born {
                        self.begin(Choice::Tell(from, who));
                        choice = None;
                    }
                }
                if self.born {
                    self.act(choice, |_, _| {}, Input::Told { from, control });
                }
            }
            Letter::Answer(n, reply) => {
                let Some(at) = self.asked.iter().position(|(open, _)| *open == n) else { return };
                let (_, ticket) = self.asked.swap_remove(at);
                let answered = move |life: &mut Life, book: &mut super::book::Book| {
                    book.log().into_iter().for_each(|log| log.answered(life.who, n));
                };
                self.act(None, answered, Input::Reply(ticket, reply));
            }
            Letter::Lost(lost) => {
                let told = move |life: &mut Life, book: &mut super::book::Book| {
                    let alive = book.alive(lost);
                    let suspect = Choice::Fault(Fault::Suspect(life.who, lost));
                    let choice = if alive { suspect } else { Choice::Detect(life.who, lost) };
                    book.log().into_iter().for_each(|log| log.choice(choice));
                };
                self.act(None, told, Input::Lost(lost));
            }
            Letter::Asked(wish) => {
                let choice = Choice::Fault(Fault::Wish(self.who, wish));
                self.act(Some(choice), |_, _| {}, Input::Asked(wish));
            }
        }
    }

    /// Fires a timer that is due.
    fn fire(&mut self) -> bool {
        if self.timers.is_empty() || self.choosing || self.over {
            return false;
        }
        let now = Instant::now();
        let due = self.timers.iter().enumerate().filter(|(_, (_, at))| *at <= now);
        let Some((at, (timer, _))) = due.min_by_key(|(_, (timer, at))| (*at, *timer)) else { return false };
        let timer = *timer;
        self.timers.swap_remove(at);
        self.act(Some(Choice::Fire(self.who, timer)), |_, _| {}, Input::Timer(timer));
        true
    }

    /// Takes records, if it can.
    fn work(&mut self) -> bool {
        if !self.born || self.over {
            return false;
        }
        if self.choosing {
            let value = mix(self.rounds ^ u64::from(self.who.task.0) << 32 ^ entropy()) % 8;
            let choice = Choice::Choose(self.who, value as u8);
            self.act(Some(choice), |_, _| {}, Input::Chosen(value as i64));
            return true;
        }
        let mut busy = false;
        for input in 0..self.inlets.len() {
            busy |= self.take(input);
        }
        for slot in 0..self.feeds.len() {
            busy |= self.read(slot);
        }
        busy
    }

    /// May it take another record? Not without room for what comes of it, nor while a choice is to be made.
    #[inline(always)]
    fn stuck(&mut self) -> bool {
        !self.full.is_empty() && self.still_full() || self.choosing || self.over
    }

    fn still_full(&mut self) -> bool {
        let outlets = &mut self.outlets;
        self.full.retain(|output| outlets[*output as usize].full());
        !self.full.is_empty()
    }

    /// Takes some elements of an input.
    fn take(&mut self, input: usize) -> bool {
        let index = InputIndex(input as u32);
        self.inlets[input].fetch();
        let mut busy = self.overtake(index);
        for n in 0..TURN {
            if n % SOON == 0 && self.flowing {
                self.process.soon(self.inlets[input].next());
            }
            if self.stuck() || !self.flowing && self.process.blocked(index) {
                break;
            }
            match self.inlets[input].record_first() {
                None => break,
                Some(true) if self.flowing => self.pass(index),
                Some(_) => self.deliver(index),
            }
            busy = true;
        }
        self.inlets[input].tell();
        if busy && self.to_ledger.is_some() {
            self.write_ahead();
        }
        busy
    }

    /// A barrier that may is taken past the records ahead of it.
    fn overtake(&mut self, input: InputIndex) -> bool {
        let Some((at, barrier)) = self.inlets[input.index()].jumper() else { return false };
        let may = barrier.overtakes || self.process.hastens(barrier.id);
        if !may || self.choosing || self.over || self.process.blocked(input) {
            return false;
        }
        let passed = self.inlets[input.index()].overtake(at);
        let channel = self.input_channel(input);
        self.aligning(barrier.id);
        let kind = Kind::BarIn { channel, checkpoint: barrier.id, passed: passed.len() as u32 };
        let told = |life: &mut Life, book: &mut super::book::Book| life.line(book, || kind);
        self.act(Some(Choice::Overtake(self.who.attempt, channel)), told, Input::Overtook { input, barrier, passed });
        true
    }

    pub(super) fn input_channel(&self, input: InputIndex) -> ChannelId {
        self.hub.topology.subtasks[self.who.task.index()].inputs[input.index()]
    }

    /// The alignment of a checkpoint begins, unless it has.
    fn aligning(&mut self, id: CheckpointId) {
        if self.aligning.is_none_or(|(known, _)| known < id) {
            self.aligning = Some((id, Instant::now()));
        }
    }

    /// The head of an input, by the way of nearly all records.
    #[inline(always)]
    fn pass(&mut self, input: InputIndex) {
        let Some(Element::Record(mut record)) = self.inlets[input.index()].pop() else {
            unreachable!("the head is a record")
        };
        if self.hub.traced {
            return self.pass_traced(Way::Input(input), record);
        }
        self.recorder.apply(input);
        match self.process.pass(Way::Input(input), &mut record) {
            Passed::Into(channel) => self.put(channel, record),
            Passed::Kept => {}
            Passed::Not => self.step_record(Input::Element(input, Element::Record(record))),
        }
    }

    #[inline(always)]
    fn put(&mut self, channel: ChannelId, record: Record) {
        let output = self.hub.topology.channels[channel.index()].output;
        self.recorder.send(output);
        if self.outlets[output as usize].push_record(record) && !self.full.contains(&output) {
            self.full.push(output);
        }
    }

    /// A record whose lines, if any, are written.
    fn step_record(&mut self, input: Input) {
        self.act(None, |_, _| {}, input);
    }

    #[cold]
    fn pass_traced(&mut self, way: Way, mut record: Record) {
        let (who, attempt) = (self.who, self.who.attempt);
        let hub = self.hub.clone();
        let original = record.clone();
        let passed = self.process.pass(way, &mut record);
        let before = |life: &mut Life, book: &mut super::book::Book| {
            let Some(log) = book.log() else { return };
            match way {
                Way::Input(input) => {
                    let channel = life.input_channel(input);
                    log.choice(Choice::Deliver(attempt, channel));
                    let number = life.recorder.apply(input);
                    log.event(&life.recorder.spot(Nanos(0)).apply(channel, number));
                }
                Way::Partition => {
                    let partitions = &life.hub.topology.subtasks[who.task.index()].partitions;
                    let slot = partitions.iter().position(|p| *p == original.id.partition);
                    log.choice(Choice::Read(who, slot.expect("a source reads its own partitions") as u32));
                    log.event(&life.recorder.spot(Nanos(0)).read(original.id.partition, &original));
                }
            }
        };
        if passed == Passed::Not {
            let input = match way {
                Way::Input(input) => Input::Element(input, Element::Record(record)),
                Way::Partition => {
                    let RecordId { partition, offset, .. } = record.id;
                    Input::Read { partition, offset, record: Some(record) }
                }
            };
            return self.act(None, before, input);
        }
        let mut book = lock(&hub.book);
        before(self, &mut book);
        if let Passed::Into(channel) = passed {
            let output = hub.topology.channels[channel.index()].output;
            let spot = self.recorder.spot(Nanos(0));
            let number = self.recorder.shadow.sent[output as usize];
            book.log().into_iter().for_each(|log| log.event(&spot.send(channel, number, &record)));
            self.put(channel, record);
        }
    }

    /// The head of an input, whatever it is.
    fn deliver(&mut self, input: InputIndex) {
        let channel = self.input_channel(input);
        let element = self.inlets[input.index()].pop().expect("the channel isn't empty");
        let kind = match &element {
            Element::Record(_) => Kind::Apply { channel, m: self.recorder.apply(input) },
            Element::Barrier(barrier) => {
                self.aligning(barrier.id);
                Kind::BarIn { channel, checkpoint: barrier.id, passed: 0 }
            }
            Element::Cancel(checkpoint) => Kind::CancelIn { channel, checkpoint: *checkpoint },
            Element::End => Kind::EndIn { channel },
            Element::Noted(_) => unreachable!("nobody who writes on records is run for real"),
        };
        let told = |life: &mut Life, book: &mut super::book::Book| life.line(book, || kind);
        self.act(Some(Choice::Deliver(self.who.attempt, channel)), told, Input::Element(input, element));
    }

    /// Reads some records of a partition.
    fn read(&mut self, slot: usize) -> bool {
        let waiting = self.hub.pace.as_ref().map_or(u64::MAX, |pace| pace.waiting());
        let mut read = 0;
        let mut busy = false;
        while read < waiting.min(TURN as u64) && !self.stuck() {
            let Some((partition, offset)) = self.process.wants(slot) else { break };
            let mut record = match self.feeds[slot].get(offset) {
                Ok(Some(record)) => record,
                Ok(None) => {
                    busy = true;
                    let choice = Choice::Read(self.who, slot as u32);
                    self.act(Some(choice), |_, _| {}, Input::Read { partition, offset, record: None });
                    break;
                }
                Err(problem) => {
                    self.hub.give_up(problem);
                    self.over = true;
                    break;
                }
            };
            read += 1;
            if self.hub.traced {
                self.pass_traced(Way::Partition, record);
                continue;
            }
            match self.process.pass(Way::Partition, &mut record) {
                Passed::Into(channel) => self.put(channel, record),
                Passed::Kept => {}
                Passed::Not => self.step_record(Input::Read { partition, offset, record: Some(record) }),
            }
        }
        self.hub.pace.iter().for_each(|pace| pace.took(read));
        if read > 0 && self.hub.tally.read.fetch_add(read, Relaxed) == 0 {
            self.hub.first_read();
        }
        busy || read > 0
    }

    /// Hands over whatever lies in batches.
    fn hand_over(&mut self) {
        self.outlets.iter_mut().for_each(Outlet::flush);
        self.inlets.iter_mut().for_each(Inlet::tell);
    }

    /// Nothing to do: sleeps until something comes, a timer is due, or there is room.
    fn rest(&mut self) {
        self.hand_over();
        let mut room = false;
        for output in &self.full {
            room |= !self.outlets[*output as usize].wait();
        }
        if room && !self.still_full() {
            return;
        }
        let due = self.timers.iter().map(|(_, at)| *at).min();
        let paced = self.hub.pace.is_some() && !self.feeds.is_empty();
        let longest = if paced { pace::AGAIN } else { SLEEP_MAX };
        let most = due.map_or(longest, |due| due.saturating_duration_since(Instant::now()).min(longest));
        if !most.is_zero() {
            self.mailbox.bell.sleep(most);
        }
    }
}

/// Something that nobody can foresee: what the environment decides where an operator leaves it a choice.
fn entropy() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::from(since.subsec_nanos()))
}
