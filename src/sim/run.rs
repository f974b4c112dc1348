//! One run: a world, a clock, a seed; from nothing to quiescence, or to the bound.

use super::driver::{Driver, Due, Rare, words};
pub use super::keep::{Fork, Keep};
use super::matrix::Matrix;
use super::schedule::Move;
use super::setup::{FaultKind, SimSetup};
use crate::dice::{Dice, stream};
use crate::engine::message::Request;
use crate::ids::*;
use crate::topology::Mode;
use crate::trace::coverage::Coverage;
use crate::trace::event::{Event, Kind, Meta};
use crate::verify::{Depth, Report, Verifier};
pub use crate::world::beside::Beside;
use crate::world::choice::{Choice, Fault, Step};
use crate::world::fast::Offered;
use crate::world::menu::OUTCOMES;
use crate::world::setup::Setup;
use crate::world::{Service, World};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Steps after which a run is stopped, whatever happens: a safety net far beyond every bound of a scenario.
const MAX_STEPS: u64 = 200_000_000;

/// So many timers and messages in a row without a line in the trace: nothing but idle timers is left.
const SILENT_MAX: u64 = 20_000;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The digest of the trace.
    pub digest: u64,
    /// The digest of each process.
    pub processes: Vec<u64>,
    /// Events.
    pub events: u64,
    /// Records delivered.
    pub delivered: u64,
    /// The sum of all visible integer values, wrapping: shows that a benchmark has done its work.
    pub visible_sum: u64,
    /// Virtual time at the end.
    pub time: Nanos,
    /// The verdicts.
    pub report: Option<Report>,
    /// What was said beside records and barriers.
    pub beside: Beside,
    /// What was met.
    pub coverage: Coverage,
    /// Where faults struck.
    pub matrix: Matrix,
    /// What the engine said when it panicked.
    pub panic: Option<String>,
    /// The events, if they were kept.
    pub trace: Option<Vec<Event>>,
    /// The choices, if they were kept.
    pub schedule: Option<Vec<Move>>,
    /// Did the job end, and how?
    pub ended: Option<bool>,
    /// It was given up.
    pub stopped: bool,
    /// It came to so many steps, and was cut off there.
    pub cut: Option<u64>,
}

/// The header of the trace of a run.
pub fn meta(setup: &Setup, seed: Option<u64>) -> Meta {
    Meta {
        tool: concat!("cutline ", env!("CARGO_PKG_VERSION")).to_string(),
        scenario: setup.name.clone(),
        seed,
        guarantee: setup.guarantee,
        mode: setup.config.mode,
        regions: (setup.config.mode == Mode::Regional).then_some(setup.config.regions),
        graph: setup.topology.graph.clone(),
        healed_events_max: setup.healed_events_max,
    }
}

/// Runs a plan. The same arguments give the same run, byte for byte.
pub fn run(setup: &Arc<Setup>, plan: &Arc<SimSetup>, seed: u64, keep: Keep) -> Run {
    let meta = || meta(setup, Some(seed));
    let verifier = (!keep.unjudged).then(|| Verifier::for_topology(&setup.topology, &meta(), Depth::Full));
    let mut driver = Driver::new(setup, plan, seed, verifier);
    driver.capture = keep.trace.then(Vec::new);
    let fifo = setup.topology.channels.iter().all(|channel| channel.fifo);
    let mut sim = Sim {
        world: World::new(setup),
        driver,
        setup: setup.clone(),
        tears: Vec::new(),
        lose_control: Vec::new(),
        delay_control: Vec::new(),
        host_until: vec![0; setup.hosts.iter().map(|host| host.index() + 1).max().unwrap_or(0)],
        link_until: Vec::new(),
        store_until: 0,
        store_full_until: 0,
        fail_requests: 0,
        lose_replies: 0,
        unheard: Vec::new(),
        schedule: keep.schedule.then(Vec::new),
        steps: 0,
        max_steps: plan.max_steps.unwrap_or(MAX_STEPS),
        cut: None,
        clear_at: None,
        steps_at_clear: 0,
        silent: 0,
        smooth: !keep.schedule && fifo,
        fifo,
        fork: keep.fork,
    };
    let panic = catch_unwind(AssertUnwindSafe(|| sim.run_out(keep))).err().map(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default()
    });
    let mut coverage = sim.driver.coverage;
    coverage.job(sim.world.job_ended());
    Run {
        digest: sim.driver.digest.overall(),
        processes: sim.driver.digest.processes().collect(),
        events: sim.driver.digest.events(),
        delivered: sim.driver.delivered,
        visible_sum: sim.driver.visible_sum,
        time: Nanos(sim.driver.now),
        report: sim.driver.verifier.take().map(|verifier| verifier.finish()),
        beside: sim.driver.beside,
        coverage,
        matrix: sim.driver.watch.take().map(|watch| watch.matrix).unwrap_or_default(),
        panic,
        trace: sim.driver.capture.take(),
        schedule: sim.schedule.take(),
        ended: sim.world.job_ended(),
        stopped: keep.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)),
        cut: sim.cut,
    }
}

struct Sim {
    world: World,
    driver: Driver,
    setup: Arc<Setup>,
    tears: Vec<(TaskId, u32)>,
    lose_control: Vec<(TaskId, u32)>,
    delay_control: Vec<(TaskId, u64)>,
    host_until: Vec<u64>,
    link_until: Vec<(ChannelId, u64)>,
    store_until: u64,
    store_full_until: u64,
    fail_requests: u32,
    lose_replies: u32,
    /// Messages whose time has come and whose receiver was deaf to them.
    unheard: Vec<(Incarnation, Incarnation)>,
    schedule: Option<Vec<Move>>,
    steps: u64,
    max_steps: u64,
    cut: Option<u64>,
    clear_at: Option<u64>,
    steps_at_clear: u64,
    silent: u64,
    /// Nothing is paused, slowed, torn or recorded: records take the fast path.
    smooth: bool,
    /// All channels are FIFO.
    fifo: bool,
    /// It is still to come.
    fork: Option<Fork>,
}

impl Sim {
    fn run_out(&mut self, keep: Keep) {
        let until = keep.until;
        while let Some(due) = self.driver.next() {
            if let Some(fork) = self.fork.take_if(|fork| self.driver.digest.events() >= fork.at) {
                self.driver.dice = Dice::new(fork.seed, stream::FORK);
            }
            match due {
                Due::Head(job, channel) => self.head(job, channel, self.most(until)),
                Due::Read(who, slot) => self.read(who, slot, self.most(until)),
                Due::Rare(rare) => {
                    let before = self.driver.digest.events();
                    self.rare(rare);
                    self.silent = if self.driver.digest.events() == before { self.silent + 1 } else { 0 };
                    if self.over() || self.silent > SILENT_MAX {
                        break;
                    }
                }
            }
            if self.steps >= self.max_steps {
                self.cut = Some(self.max_steps);
                return;
            }
            if self.steps & 0xff == 0 && self.cut_short(keep) {
                return;
            }
            if until.is_some_and(|until| self.driver.digest.events() >= until) {
                return;
            }
        }
        self.note(Move::Quiesce, Kind::Quiesce);
    }

    /// So many steps may be taken before somebody looks whether to go on.
    #[inline]
    fn most(&self, until: Option<u64>) -> u32 {
        let left = (self.max_steps - self.steps).min(0x100 - (self.steps & 0xff)) as u32;
        if until.is_some() || self.fork.is_some() { 1 } else { left }
    }

    fn note(&mut self, note: Move, kind: Kind) {
        if let Some(schedule) = &mut self.schedule {
            schedule.push(note);
        }
        self.world.note(kind, &mut self.driver);
    }

    /// Has the job ended, and everything that it set going?
    fn over(&self) -> bool {
        self.world.job_ended().is_some() && self.world.idle()
    }

    fn cut_short(&self, keep: Keep) -> bool {
        let until = keep.until;
        let events = self.driver.digest.events();
        let bound = self.setup.healed_events_max;
        // Steps without a line count too, if less: a world full of zombies can keep busy and say nothing.
        let steps = self.steps.saturating_sub(self.steps_at_clear) / 20;
        let stuck = self.clear_at.is_some_and(|clear| events.max(clear + steps) > clear.saturating_add(bound));
        let stopped = keep.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        stuck || stopped || until.is_some_and(|until| events >= until)
    }

    fn paused(&self, who: TaskId) -> Option<u64> {
        let host = self.setup.hosts.get(who.index())?;
        let until = self.host_until[host.index()];
        (until > self.driver.now).then_some(until)
    }

    #[inline]
    fn head(&mut self, job: Attempt, channel: ChannelId, most: u32) {
        if self.smooth {
            if let Offered::Taken(taken, next) = self.world.offer(job, channel, most, &mut self.driver) {
                self.steps += taken as u64;
                if let Some(due) = next {
                    self.driver.head(job, channel, due);
                }
                self.touched();
            }
            return;
        }
        let choice = Choice::Deliver(job, channel);
        if !self.world.enabled(choice) {
            return; // looked at again when its receiver has changed
        }
        let to = self.setup.topology.channels[channel.index()].to;
        let link = self.link_until.iter().find(|(c, until)| *c == channel && *until > self.driver.now);
        if let Some(until) = self.paused(to).or(link.map(|(_, until)| *until)) {
            return self.driver.head(job, channel, until);
        }
        let choice = self.jumps(job, channel).unwrap_or(choice);
        self.make(choice);
        if let Some(due) = self.world.channel(job, channel).and_then(|queue| queue.due()) {
            self.driver.head(job, channel, due);
        }
        self.touched();
    }

    /// What is taken off a channel that isn't FIFO in place of its head: anything in it, each as likely as the other.
    fn jumps(&mut self, job: Attempt, channel: ChannelId) -> Option<Choice> {
        if self.setup.topology.channels[channel.index()].fifo {
            return None;
        }
        let len = self.world.channel(job, channel)?.len() as u64;
        let choice = Choice::Jump(job, channel, self.driver.dice.below(len) as u32);
        self.world.enabled(choice).then_some(choice)
    }

    #[inline]
    fn read(&mut self, who: Incarnation, slot: u32, most: u32) {
        if self.smooth {
            let most = most.min(self.driver.left_of_batch(who, slot));
            let taken = self.world.offer_read(who, slot, most, &mut self.driver);
            if taken > 0 {
                self.steps += taken as u64;
                self.driver.read(who, slot, taken);
                self.touched();
            }
            return;
        }
        let choice = Choice::Read(who, slot);
        if !self.world.enabled(choice) {
            return;
        }
        if let Some(until) = self.paused(who.task) {
            return self.driver.later(until, Rare::Choice(choice));
        }
        self.make(choice);
        self.driver.read(who, slot, 1);
        self.touched();
    }

    /// Takes a step, and looks at what it touched.
    #[inline]
    fn perform(&mut self, choice: Choice) {
        self.make(choice);
        self.touched();
    }

    /// Takes a step, torn where that is planned.
    #[inline]
    fn make(&mut self, choice: Choice) {
        let mut step = Step::from(choice);
        if !self.tears.is_empty()
            && let Some(who) = self.stepping(choice)
            && let Some(at) = self.tears.iter().position(|(task, _)| *task == who)
        {
            step.keep = Some(self.tears.swap_remove(at).1);
            self.judge_smoothness();
        }
        self.apply(step);
    }

    /// Looks at what a step touched.
    #[inline]
    fn touched(&mut self) {
        if !self.driver.untouched() {
            self.look_at_touched();
        }
    }

    #[inline(never)]
    fn look_at_touched(&mut self) {
        while let Some(who) = self.driver.take_changed() {
            self.look(who);
        }
        while let Some(fault) = self.driver.fired.pop() {
            // Right after the event, but never inside the step that caused it.
            self.driver.later(self.driver.now, Rare::Fault(fault));
        }
    }

    #[inline]
    fn apply(&mut self, step: Step) {
        self.steps += 1;
        if let Some(schedule) = &mut self.schedule {
            schedule.push(Move::Step(step));
        }
        self.world.perform(step, &mut self.driver);
    }

    /// Who takes a step if this happens.
    fn stepping(&self, choice: Choice) -> Option<TaskId> {
        match choice {
            Choice::Deliver(_, channel) | Choice::Overtake(_, channel) | Choice::Jump(_, channel, _) => {
                Some(self.setup.topology.channels[channel.index()].to)
            }
            Choice::Read(who, _) | Choice::Choose(who, _) | Choice::Fire(who, _) => Some(who.task),
            // Before its first step nobody is there to be torn.
            Choice::Tell(_, to) => self.world.life(to).map(|life| life.who.task),
            Choice::Answer(ask) => Some(ask.asker.task),
            Choice::Detect(by, _) => Some(by.task),
            Choice::Apply(_) | Choice::Revive | Choice::Expire(..) | Choice::Fault(_) => None,
        }
    }

    /// What a process may do has changed: what it could take goes into the queue.
    fn look(&mut self, who: Incarnation) {
        let topology = self.setup.topology.clone();
        let Some(subtask) = topology.subtasks.get(who.task.index()) else { return };
        while self.world.life(who).is_some_and(|life| life.choosing) {
            let value = self.driver.dice.below(OUTCOMES as u64) as u8;
            self.apply(Step::from(Choice::Choose(who, value)));
        }
        if !self.unheard.is_empty() {
            self.listen(who);
        }
        let Some(life) = self.world.life(who) else { return };
        let switches =
            self.setup.config.mode == Mode::AlignedThenUnaligned || self.setup.config.mode == Mode::Unaligned;
        if life.full == 0 {
            for slot in 0..subtask.partitions.len() as u32 {
                if self.world.enabled(Choice::Read(who, slot)) {
                    self.driver.read(who, slot, 0);
                }
            }
        }
        for channel in &subtask.inputs {
            let Some(queue) = self.world.channel(who.attempt, *channel) else { continue };
            let Some(due) = queue.due() else { continue };
            let jumps = switches && queue.jumper().is_some();
            self.driver.head(who.attempt, *channel, due);
            if jumps && self.world.enabled(Choice::Overtake(who.attempt, *channel)) {
                let due = self.driver.now + self.driver.delay(self.driver.plan.link);
                self.driver.later(due, Rare::Choice(Choice::Overtake(who.attempt, *channel)));
            }
        }
    }

    /// It may take now what it was deaf to.
    fn listen(&mut self, who: Incarnation) {
        for (from, to) in std::mem::take(&mut self.unheard) {
            if to == who {
                self.driver.later(self.driver.now, Rare::Choice(Choice::Tell(from, to)));
            } else {
                self.unheard.push((from, to));
            }
        }
    }

    fn rare(&mut self, rare: Rare) {
        match rare {
            Rare::Choice(choice) => self.choice(choice),
            Rare::Fire(who, timer, due) => {
                if let Some(until) = self.paused(who.task) {
                    return self.driver.later(until, Rare::Fire(who, timer, due));
                }
                if self.driver.timer_due(who, timer, due) && self.world.enabled(Choice::Fire(who, timer)) {
                    self.perform(Choice::Fire(who, timer));
                }
            }
            Rare::Fault(fault) => self.fault(fault),
            Rare::Heal => self.heal(),
        }
    }

    fn choice(&mut self, choice: Choice) {
        if !self.world.enabled(choice) {
            if let Choice::Tell(from, to) = choice
                && self.world.unheard(from, to)
            {
                self.unheard.push((from, to));
            }
            return;
        }
        match choice {
            Choice::Tell(from, to) => self.tell(from, to),
            Choice::Apply(ask) => self.serve(ask),
            Choice::Read(who, slot) => self.read(who, slot, 1),
            Choice::Overtake(_, channel) => {
                let to = self.setup.topology.channels[channel.index()].to;
                match self.paused(to) {
                    Some(until) => self.driver.later(until, Rare::Choice(choice)),
                    None => self.perform(choice),
                }
            }
            Choice::Answer(ask) => match self.paused(ask.asker.task) {
                Some(until) => self.driver.later(until, Rare::Choice(choice)),
                None => self.perform(choice),
            },
            _ => self.perform(choice),
        }
    }

    fn tell(&mut self, from: Incarnation, to: Incarnation) {
        let subtask = if to.task == self.setup.topology.coordinator() { from.task } else { to.task };
        let delayed = self.delay_control.iter().find(|(task, until)| *task == subtask && *until > self.driver.now);
        if let Some(until) = self.paused(to.task).or(delayed.map(|(_, until)| *until)) {
            return self.driver.later(until, Rare::Choice(Choice::Tell(from, to)));
        }
        if let Some(lose) = self.lose_control.iter_mut().find(|(task, count)| *task == subtask && *count > 0) {
            lose.1 -= 1;
            return self.perform(Choice::Fault(Fault::LoseControl(from, to)));
        }
        self.perform(Choice::Tell(from, to));
    }

    fn serve(&mut self, ask: crate::world::choice::AskId) {
        let request = self.world.in_flight(ask).expect("an enabled request is on its way");
        let to_store = request.service == Service::Store;
        let is_put = matches!(request.request, Request::Put(..));
        if to_store && self.store_until > self.driver.now {
            return self.driver.later(self.store_until, Rare::Choice(Choice::Apply(ask)));
        }
        if to_store && (self.fail_requests > 0 || is_put && self.store_full_until > self.driver.now) {
            self.fail_requests = self.fail_requests.saturating_sub(1);
            return self.perform(Choice::Fault(Fault::FailRequest(ask)));
        }
        if self.lose_replies > 0 {
            self.lose_replies -= 1;
            return self.perform(Choice::Fault(Fault::LoseReply(ask)));
        }
        self.perform(Choice::Apply(ask));
    }

    fn newest(&self, task: TaskId) -> Option<Incarnation> {
        let lives = self.world.lives().filter(|who| who.task == task);
        lives.max_by_key(|who| who.attempt)
    }

    /// Can records take the fast path?
    fn judge_smoothness(&mut self) {
        let now = self.driver.now;
        self.link_until.retain(|(_, until)| *until > now);
        let paused = self.host_until.iter().any(|until| *until > now);
        self.smooth =
            self.fifo && self.schedule.is_none() && self.tears.is_empty() && self.link_until.is_empty() && !paused;
    }

    fn fault(&mut self, index: usize) {
        self.strike(index);
        self.judge_smoothness();
    }

    fn strike(&mut self, index: usize) {
        if self.clear_at.is_some() || self.world.job_ended().is_some() {
            return;
        }
        let plan = self.driver.plan.clone();
        let fault = &plan.faults[index].what;
        let what = words(&self.setup.topology, fault);
        if let Some(watch) = &mut self.driver.watch {
            watch.fault(fault, &self.setup.hosts);
        }
        self.note(Move::Fault(what.clone()), Kind::Fault { what });
        let now = self.driver.now;
        let until = |lasting: Nanos| (now + lasting.0).min(plan.heal_at.0);
        match *fault {
            FaultKind::CrashTask(task) => self.crash(self.newest(task)),
            FaultKind::CrashHost(host) => {
                let on_host = |who: &Incarnation| self.setup.hosts[who.task.index()] == host;
                let lives: Vec<Incarnation> = self.world.lives().filter(on_host).collect();
                lives.into_iter().for_each(|who| self.crash(Some(who)));
            }
            FaultKind::Tear { task, keep } => self.tears.push((task, keep)),
            FaultKind::CrashCoordinator => self.crash(self.world.coordinators().last()),
            FaultKind::Failover => self.go_wrong(Fault::Failover),
            FaultKind::Suspect(task) => {
                if let (Some(by), Some(lost)) = (self.world.coordinators().last(), self.newest(task)) {
                    self.go_wrong(Fault::Suspect(by, lost));
                }
            }
            FaultKind::PauseHost { host, lasting } => {
                if let Some(slot) = self.host_until.get_mut(host.index()) {
                    *slot = (*slot).max(until(lasting));
                }
            }
            FaultKind::Stall { task, lasting } => {
                self.driver.coverage.stalled(until(lasting));
                for channel in &self.setup.topology.subtasks[task.index()].inputs {
                    self.link_until.push((*channel, until(lasting)));
                }
            }
            FaultKind::PauseLink { channel, lasting } => self.link_until.push((channel, until(lasting))),
            FaultKind::SlowLink { channel, factor, lasting } => {
                self.driver.slow.push((channel, factor, until(lasting)))
            }
            FaultKind::DelayControl { task, lasting } => self.delay_control.push((task, until(lasting))),
            FaultKind::LoseControl { task, count } => self.lose_control.push((task, count)),
            FaultKind::FailRequests { count } => self.fail_requests += count,
            FaultKind::LoseReplies { count } => self.lose_replies += count,
            FaultKind::PauseStore { lasting } => self.store_until = until(lasting),
            FaultKind::StoreFull { lasting } => self.store_full_until = until(lasting),
            FaultKind::Wish(wish) => {
                if let Some(by) = self.world.coordinators().last() {
                    self.go_wrong(Fault::Wish(by, wish));
                }
            }
        }
    }

    fn crash(&mut self, who: Option<Incarnation>) {
        if let Some(who) = who {
            self.go_wrong(Fault::Crash(who));
        }
    }

    fn go_wrong(&mut self, fault: Fault) {
        if self.world.enabled(Choice::Fault(fault)) {
            self.perform(Choice::Fault(fault));
        }
    }

    fn heal(&mut self) {
        self.note(Move::Clear, Kind::Clear);
        self.clear_at = Some(self.driver.digest.events());
        self.steps_at_clear = self.steps;
        self.tears.clear();
        self.lose_control.clear();
        self.fail_requests = 0;
        self.lose_replies = 0;
        self.judge_smoothness();
    }
}
