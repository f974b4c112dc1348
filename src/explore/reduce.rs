//! Leaves out moves whose order makes no difference: strong stubborn sets (Valmari 1991) with necessary enabling
//! sets (as in LTSmin; Laarman et al. 2016), over the steps of processes on FIFO channels.
//!
//! Nothing here knows the protocol. Who can fill a queue is the topology's to say; that steps of different
//! processes which don't reach the same service commute is by construction, for each is handed its own slots; that a
//! patient timer isn't met together with anything but timers is by construction, too. Which steps of one process
//! commute was learned by executing them both ways (`learn.rs`), and what was never met together is taken to conflict.
//! A search that meets a class which isn't known says so.
//!
//! All of this is about one life of each process, which ends after the job has. Where a life may end or begin earlier
//! ([`Rules::reducible`]), nothing is left out; a search in which one does all the same says so.
//!
//! It keeps every state in which nothing is left to do, and every step with everything that it touched. So it keeps
//! what is judged at a step. Where timers are patient, states in which only they are left are such ends, and are
//! gone on from in full; every cycle of a state space passes through one, so that no step is put off for ever.

use super::classes::*;
use super::commutation::{Known, Learned, Pair};
use super::rules::*;
use super::space::*;
use crate::ids::*;
use crate::topology::Topology;
use crate::world::parts::Slot;
use std::sync::Arc;

/// A handle by which a process can be moved: at any time at most one step of it is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Handle {
    /// It takes from an input channel.
    Receive(ChannelId),
    /// It hears the coordinator, or a task.
    Hear(TaskId),
    /// It reads its n-th partition.
    Read(u32),
    /// It is given a choice.
    Choose,
    /// A timer of this kind fires.
    Timer(u8),
    /// It is answered a request of this kind.
    Answer(u8),
    /// A request of this kind is done.
    Serve(u8),
    /// It learns that a subtask is gone.
    Detect,
}

struct Node {
    task: TaskId,
    handle: Handle,
    /// The classes that a step of it can have.
    classes: Vec<Class>,
}

/// A state that is to be gone on from.
struct Here<'a> {
    space: &'a Space,
    row: &'a [u32],
    /// Of the job, and of whoever leads it.
    attempts: (Attempt, Attempt),
    /// Of the moves that it offers.
    classes: &'a [Class],
    /// And whose they are.
    places: &'a [Option<usize>],
    may_crash: bool,
}

/// What a reduction rests on beside what was learned. A test breaks each, and sees that it is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Steps of one process depend on one another, unless it was learned that they don't.
    SameProcess,
    /// Whoever sends into an empty queue may make a step of its receiver possible.
    EmptyQueue,
    /// Whoever takes from a full channel makes room for its sender.
    FullChannel,
    /// What a process doesn't want now it may want after another step of its own.
    OwnSteps,
    /// Steps of different processes that reach the store or a ledger depend on one another, unless it was learned
    /// that they don't.
    Services,
    /// A crash is tried before every step that changes what it would leave.
    CrashBeforeVisible,
}

impl Rule {
    /// All of them.
    pub const ALL: [Rule; 6] = [
        Rule::SameProcess,
        Rule::EmptyQueue,
        Rule::FullChannel,
        Rule::OwnSteps,
        Rule::Services,
        Rule::CrashBeforeVisible,
    ];
}

/// Chooses among moves.
pub struct Reducer {
    roles: Roles,
    learned: Learned,
    known: Known,
    nodes: Vec<Node>,
    of: Vec<Vec<usize>>, // nodes by task
    topology: Arc<Topology>,
    /// Timers fire only where nothing else can happen.
    patient: bool,
    /// A rule that is left out, by tests alone.
    broken: Option<Rule>,
}

/// The kinds that a handle's steps can have.
fn kinds(handle: Handle) -> std::ops::Range<u8> {
    match handle {
        Handle::Receive(_) => DELIVER..READ,
        Handle::Hear(_) => TELL..FIRE,
        Handle::Read(_) => READ..CHOOSE,
        Handle::Choose => CHOOSE..TELL,
        Handle::Timer(timer) => FIRE + timer..FIRE + timer + 1,
        Handle::Answer(request) => ANSWER + request..ANSWER + request + 1,
        Handle::Serve(request) => APPLY + request..APPLY + request + 1,
        Handle::Detect => DETECT..OTHER,
    }
}

impl Reducer {
    /// For a job run by this protocol, with what was learned of it.
    pub fn new(topology: &Arc<Topology>, protocol: &str, mode: &str, learned: &Learned, rules: &Rules) -> Self {
        let roles = Roles::new(topology, protocol, mode);
        let known = Known::new(learned, &roles);
        let topology = topology.clone();
        let (nodes, of) = (Vec::new(), Vec::new());
        let patient = rules.timers == Timers::Patient;
        let mut reducer =
            Reducer { roles, learned: learned.clone(), known, nodes, of, topology, patient, broken: None };
        for task in (0..=reducer.topology.len() as u32).map(TaskId) {
            reducer.of.push(Vec::new());
            reducer.handles(task).into_iter().for_each(|handle| reducer.node(task, handle));
        }
        reducer
    }

    fn handles(&self, task: TaskId) -> Vec<Handle> {
        let topology = &self.topology;
        let mut handles = Vec::new();
        if task == topology.coordinator() {
            handles.extend((0..topology.len() as u32).map(|from| Handle::Hear(TaskId(from))));
            handles.push(Handle::Detect);
        } else {
            let subtask = &topology.subtasks[task.index()];
            handles.extend(subtask.inputs.iter().map(|channel| Handle::Receive(*channel)));
            handles.extend((0..subtask.partitions.len() as u32).map(Handle::Read));
            handles.extend([Handle::Hear(topology.coordinator()), Handle::Choose]);
        }
        handles.extend((0..7).map(Handle::Timer));
        handles.extend((0..REQUESTS).flat_map(|request| [Handle::Answer(request), Handle::Serve(request)]));
        handles
    }

    fn node(&mut self, task: TaskId, handle: Handle) {
        let classes: Vec<Class> = self.known.met(self.roles.of(task), kinds(handle)).collect();
        if !classes.is_empty() {
            self.of[task.index()].push(self.nodes.len());
            self.nodes.push(Node { task, handle, classes });
        }
    }

    /// Breaks one rule, for tests: these classes, in words, are taken to commute.
    pub fn claim(&mut self, a: &str, b: &str) {
        let find = |word: &str| {
            let all = (0..self.roles.names().len() as u8)
                .flat_map(|role| (0..KINDS.len() as u8).map(move |kind| Class { role, kind }));
            all.into_iter().find(|class| self.roles.word(*class) == word)
        };
        if let (Some(a), Some(b)) = (find(a), find(b)) {
            self.known.claim(a, b);
        }
    }

    /// Breaks another rule, for tests.
    pub fn leave_out(&mut self, rule: Rule) {
        self.broken = Some(rule);
    }

    /// Forgets what was learned to commute: any two steps of one process conflict, and any two that reach the store
    /// or a ledger. For measuring what learning is worth.
    pub fn distrust(&mut self) {
        self.known.distrust();
    }

    fn follows(&self, rule: Rule) -> bool {
        self.broken != Some(rule)
    }

    /// Was anything learned of a job like this one?
    pub fn knows_something(&self) -> bool {
        !self.nodes.is_empty() && self.topology.channels.iter().all(|channel| channel.fifo)
    }

    /// Leaves only moves that have to be made here; false if nothing is known of what is met, wherever that is: a
    /// class, or that a life ends or begins before the end of the job. What was left out elsewhere may have counted on
    /// its not existing.
    pub fn choose(&self, space: &Space, row: &[u32], offers: &mut Vec<Offer>) -> bool {
        if !self.follows(Rule::CrashBeforeVisible) && offers.len() > 1 {
            offers.retain(|offer| offer.what != Move::PowerFailure);
        }
        if space.ended(row) {
            return true; // what is left are ends of lives: they are all gone on from
        }
        let Facts::Roster(roster) = space.facts(space.at(row, 0)) else { return true };
        let Some(attempts) = roster.plain else { return false }; // a life begins or is missing
        let classes: Vec<Class> = offers.iter().map(|offer| self.roles.class(space, row, offer)).collect();
        let failure = offers.iter().position(|offer| offer.what == Move::PowerFailure);
        let known = |i: usize| Some(i) == failure || self.known.facts(classes[i]).is_some();
        if !(0..offers.len()).all(known) {
            return false;
        }
        let steps = offers.len() - usize::from(failure.is_some());
        if steps < 2 || self.only_timers(offers) {
            return true;
        }
        let places: Vec<Option<usize>> = offers.iter().map(|offer| self.place(space, row, offer)).collect();
        if (0..offers.len()).any(|i| places[i].is_none() && Some(i) != failure) {
            return true; // what is said to nobody has no place
        }
        if !self.all_met(&classes, &places) {
            return false;
        }
        let here = Here { space, row, attempts, classes: &classes, places: &places, may_crash: failure.is_some() };
        let mut best: Option<Vec<bool>> = None;
        // What has a price is never what the others wait for: later it may be free.
        for seed in (0..offers.len()).filter(|seed| offers[*seed].cost.is_none()) {
            let Some(seed) = places[seed] else { return true };
            let taken = self.close(&here, seed);
            let size = |taken: &Vec<bool>| taken.iter().filter(|taken| **taken).count();
            if best.as_ref().is_none_or(|best| size(&taken) < size(best)) {
                let alone = size(&taken) == 1;
                best = Some(taken);
                if alone {
                    break;
                }
            }
        }
        let Some(mut taken) = best else { return true };
        if let Some(failure) = failure {
            let visible = |i: usize| self.known.facts(classes[i]).is_some_and(|facts| facts.visible);
            let shows = (0..offers.len()).any(|i| taken[i] && i != failure && visible(i));
            taken[failure] = shows;
        }
        let mut at = 0;
        offers.retain(|_| {
            at += 1;
            taken[at - 1]
        });
        true
    }

    /// Was every two of these met together, of those that might not commute? Two that weren't are taken never to be:
    /// neither is looked for when the other is chosen.
    fn all_met(&self, classes: &[Class], places: &[Option<usize>]) -> bool {
        let serves = |i: usize| self.known.facts(classes[i]).is_some_and(|facts| facts.serves);
        let steps: Vec<(usize, TaskId)> =
            (0..places.len()).filter_map(|i| places[i].map(|node| (i, self.nodes[node].task))).collect();
        steps.iter().enumerate().all(|(n, (i, task))| {
            let touch = |(j, other): &&(usize, TaskId)| task == other || (serves(*i) && serves(*j));
            steps[n + 1..].iter().filter(touch).all(|(j, _)| self.known.pair(classes[*i], classes[*j]).is_some())
        })
    }

    /// Did a step, which led to `next`, do nothing but what steps of its class were seen to do? What was left out
    /// elsewhere may have counted on that.
    pub fn expected(&self, space: &Space, row: &[u32], offer: &Offer, next: &[u32], served: bool) -> bool {
        let class = self.roles.class(space, row, offer);
        let Some(facts) = self.known.facts(class) else { return offer.what == Move::PowerFailure };
        (facts.serves || !served) && self.roles.fed(space, row, offer, next).all(|role| self.known.feeds(class, role))
    }

    fn only_timers(&self, offers: &[Offer]) -> bool {
        offers.iter().all(|offer| offer.fires().is_some() || offer.what == Move::PowerFailure)
    }

    /// The node of an offer.
    fn place(&self, space: &Space, row: &[u32], offer: &Offer) -> Option<usize> {
        use crate::world::choice::Choice;
        let Move::Choice(choice) = offer.what else { return None };
        let kind = self.roles.class(space, row, offer).kind;
        let alive = |who: Incarnation| {
            let col = space.find(Slot::Life(who));
            (space.at(row, col) != 0).then_some(who.task)
        };
        let (task, handle) = match choice {
            Choice::Deliver(_, c) | Choice::Overtake(_, c) => {
                (self.topology.channels[c.index()].to, Handle::Receive(c))
            }
            Choice::Read(who, slot) => (who.task, Handle::Read(slot)),
            Choice::Choose(who, _) => (who.task, Handle::Choose),
            Choice::Tell(from, to) => (alive(to)?, Handle::Hear(alive(from)?)),
            Choice::Fire(who, timer) => (who.task, Handle::Timer(fire(timer))),
            Choice::Answer(ask) => (alive(ask.asker)?, Handle::Answer(kind - ANSWER)),
            Choice::Apply(ask) => (alive(ask.asker)?, Handle::Serve(kind - APPLY)),
            Choice::Detect(by, _) => (alive(by)?, Handle::Detect),
            _ => return None,
        };
        self.of[task.index()].iter().copied().find(|node| self.nodes[*node].handle == handle)
    }

    /// The moves that must be made here if this one is.
    fn close(&self, here: &Here, seed: usize) -> Vec<bool> {
        let mut inside = vec![false; self.nodes.len()];
        // Of the one that everything begins with, only what can happen now; of the others also what may come later.
        let mut work = vec![(seed, false)];
        while let Some((at, later)) = work.pop() {
            let mut add = |node: usize| {
                if !inside[node] {
                    inside[node] = true;
                    work.push((node, true));
                }
            };
            let mut enabled = false;
            for (i, _) in here.places.iter().enumerate().filter(|(_, place)| **place == Some(at)) {
                enabled = true;
                self.dependent(at, here.classes[i], here.may_crash, &mut add);
            }
            if !enabled || (later && self.several(at)) {
                self.enabling(here, at, &mut add);
            }
        }
        let taken = |place: &Option<usize>| place.is_some_and(|node| node == seed || inside[node]);
        here.places.iter().map(taken).collect()
    }

    /// More than one request of a kind can be under way: some may be answered, others not.
    fn several(&self, node: usize) -> bool {
        matches!(self.nodes[node].handle, Handle::Answer(_) | Handle::Serve(_))
    }

    /// Everything that may not commute with a step of this class.
    fn dependent(&self, at: usize, class: Class, may_crash: bool, add: &mut impl FnMut(usize)) {
        let depends = |other: &Class| match self.known.pair(class, *other) {
            None | Some(Pair::Commutes) => false,
            Some(Pair::Shows) => may_crash, // all that it makes a difference to is a crash between the two
            Some(Pair::Conflicts) => true,
        };
        let never = |node: &Node| self.patient && matches!(node.handle, Handle::Timer(timer) if timer != INTERVAL);
        let conflicts = |node: &Node| !never(node) && node.classes.iter().any(depends);
        let task = self.nodes[at].task;
        // Of most nodes only one step is next; but there may be several requests of a kind.
        let other = |node: &usize| *node != at || self.several(at);
        for node in self.of[task.index()].iter().filter(|node| other(node)) {
            if conflicts(&self.nodes[*node]) && self.follows(Rule::SameProcess) {
                add(*node);
            }
        }
        let serves = |class: Class| self.known.facts(class).is_some_and(|facts| facts.serves);
        if !serves(class) || !self.follows(Rule::Services) {
            return;
        }
        for (i, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.task != task) {
            if !never(node) && node.classes.iter().any(|other| serves(*other) && depends(other)) {
                add(i);
            }
        }
    }

    /// What has to happen before a step of this node can.
    fn enabling(&self, here: &Here, at: usize, add: &mut impl FnMut(usize)) {
        let Here { space, row, attempts: (job, lead), .. } = *here;
        let Node { task, handle, .. } = self.nodes[at];
        if handle == Handle::Detect {
            return (0..self.nodes.len()).for_each(add); // whoever may end
        }
        let coordinator = self.topology.coordinator();
        let life = |task: TaskId| Incarnation { task, attempt: if task == coordinator { lead } else { job } };
        let empty = |slot: Slot| space.at(row, space.find(slot)) == 0;
        let sender = match handle {
            Handle::Receive(channel) if empty(Slot::Channel(job, channel)) => {
                Some(self.topology.channels[channel.index()].from)
            }
            Handle::Hear(from) if empty(Slot::Control(life(from), life(task))) => Some(from),
            _ => None,
        };
        let own = self.of[task.index()].iter().copied();
        if let Some(sender) = sender {
            if self.follows(Rule::EmptyQueue) {
                self.feeders(sender, task, add);
            }
            return;
        }
        let col = space.find(Slot::Life(life(task)));
        let sends = matches!(handle, Handle::Receive(_) | Handle::Read(_));
        if sends && col != NOWHERE && space.full(row, col) {
            self.outlets(task, add);
        } else if self.follows(Rule::OwnSteps) {
            // Among them, for an answer, the request being done. For whom a timer waits isn't seen where it fires.
            let classes = &self.nodes[at].classes;
            let wakes = |class: &Class| classes.iter().any(|other| self.known.wakes(*class, *other));
            let timer = matches!(handle, Handle::Timer(_));
            own.filter(|node| timer || self.nodes[*node].classes.iter().any(wakes)).for_each(&mut *add);
            // What jumps a queue needn't wait until it is empty.
            if let (Handle::Receive(channel), true) = (handle, classes.iter().any(|class| class.kind == OVERTAKE)) {
                self.feeders(self.topology.channels[channel.index()].from, task, add);
            }
        }
    }

    /// What may fill a queue.
    fn feeders(&self, sender: TaskId, receiver: TaskId, add: &mut impl FnMut(usize)) {
        let to = self.roles.of(receiver);
        let feeds = |node: &usize| self.nodes[*node].classes.iter().any(|class| self.known.feeds(*class, to));
        self.of[sender.index()].iter().copied().filter(feeds).for_each(add);
    }

    /// Whoever takes from the outputs of a task makes room for it.
    fn outlets(&self, task: TaskId, add: &mut impl FnMut(usize)) {
        if !self.follows(Rule::FullChannel) {
            return;
        }
        for channel in &self.topology.subtasks[task.index()].outputs {
            let to = self.topology.channels[channel.index()].to;
            self.of[to.index()].iter().for_each(|node| add(*node));
        }
    }

    /// What it rests on.
    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    /// The roles of the job.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }
}
