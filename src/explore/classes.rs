//! What kind of step an offer is: whose role, and what is taken. Commutation is learned and claimed for classes.

use super::rules::{Move, Offer};
use super::space::*;
use crate::engine::message::{Control, Element, Request, Timer};
use crate::ids::*;
use crate::topology::{Role, Topology};
use crate::world::choice::Choice;
use crate::world::parts::{Part, Slot};

/// Names of kinds of steps, by number.
pub const KINDS: &[&str] = &[
    "deliver-record",
    "deliver-barrier",
    "deliver-cancel",
    "deliver-end",
    "overtake",
    "read",
    "choose",
    "tell-deploy",
    "tell-stop",
    "tell-trigger",
    "tell-complete",
    "tell-abort",
    "tell-running",
    "tell-ack",
    "tell-decline",
    "tell-noted",
    "tell-finished",
    "tell-failed",
    "fire-interval",
    "fire-pause",
    "fire-timeout",
    "fire-restart",
    "fire-retry",
    "fire-remind",
    "fire-alignment",
    "answer-lead",
    "answer-begin-attempt",
    "answer-open",
    "answer-put",
    "answer-get",
    "answer-publish",
    "answer-end-job",
    "answer-discard",
    "answer-begin",
    "answer-stage",
    "answer-commit",
    "answer-fence",
    "answer-write",
    "answer-flush",
    "apply-lead",
    "apply-begin-attempt",
    "apply-open",
    "apply-put",
    "apply-get",
    "apply-publish",
    "apply-end-job",
    "apply-discard",
    "apply-begin",
    "apply-stage",
    "apply-commit",
    "apply-fence",
    "apply-write",
    "apply-flush",
    "detect",
    "other",
];

/// The first kind of each family of kinds.
pub const DELIVER: u8 = 0;
/// A barrier that doesn't wait for what is before it in its queue.
pub const OVERTAKE: u8 = 4;
/// Reads.
pub const READ: u8 = 5;
/// Choices.
pub const CHOOSE: u8 = 6;
/// Control messages.
pub const TELL: u8 = 7;
/// Timers.
pub const FIRE: u8 = 18;
/// Replies.
pub const ANSWER: u8 = 25;
/// Requests being done.
pub const APPLY: u8 = 39;
/// News of a death.
pub const DETECT: u8 = 53;
/// Everything that is never reduced.
pub const OTHER: u8 = 54;

/// How many kinds of requests there are.
pub const REQUESTS: u8 = 14;

/// A role and a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// A place among the roles of the job.
    pub role: u8,
    /// A place in [`KINDS`].
    pub kind: u8,
}

impl Class {
    /// As an index.
    #[inline]
    pub fn index(self) -> usize {
        self.role as usize * 64 + self.kind as usize
    }
}

/// The roles of a job's processes: what they run, whichever subtask they are.
pub struct Roles {
    names: Vec<String>,
    of: Vec<u8>, // by task; the coordinator comes last
}

impl Roles {
    /// The roles of a job that this protocol runs.
    pub fn new(topology: &Topology, protocol: &str, mode: &str) -> Self {
        let mut roles = Roles { names: Vec::new(), of: Vec::new() };
        for subtask in &topology.subtasks {
            let vertex = &topology.graph.vertices[subtask.vertex.index()];
            let what = match &vertex.role {
                Role::Source { kind, .. } => format!("source-{kind:?}"),
                Role::Sink(kind) => format!("sink-{kind:?}"),
                _ => "inner".to_string(),
            };
            let chain: Vec<String> = vertex.chain.iter().map(|operator| format!("{operator:?}")).collect();
            let chain = chain.join("+").replace(' ', "");
            let name = format!("{protocol}/{mode}/{what}[{chain}]").to_lowercase();
            roles.add(name);
        }
        roles.add(format!("{protocol}/{mode}/coordinator").to_lowercase());
        roles
    }

    fn add(&mut self, name: String) {
        let known = self.names.iter().position(|known| *known == name);
        let role = known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        self.of.push(role as u8);
    }

    /// All roles.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The role of a task.
    pub fn of(&self, task: TaskId) -> u8 {
        self.of[task.index().min(self.of.len() - 1)]
    }

    /// The roles into whose queues a step, which led to `next`, has put something.
    pub fn fed(&self, space: &Space, row: &[u32], offer: &Offer, next: &[u32]) -> impl Iterator<Item = u8> {
        let changed = move |col: &usize| *col != offer.col && space.at(row, *col) != space.at(next, *col);
        (0..space.slots().len()).filter(changed).filter_map(|col| match space.slots()[col] {
            Slot::Channel(_, channel) => Some(self.of(space.setup().topology.channels[channel.index()].to)),
            Slot::Control(_, to) => Some(self.of(to.task)),
            _ => None,
        })
    }

    /// A class in words.
    pub fn word(&self, class: Class) -> String {
        format!("{} {}", self.names[class.role as usize], KINDS[class.kind as usize])
    }

    /// The class of an offer.
    pub fn class(&self, space: &Space, row: &[u32], offer: &Offer) -> Class {
        let Move::Choice(choice) = offer.what else { return Class { role: 0, kind: OTHER } };
        let task = |task: TaskId, kind: u8| Class { role: self.of(task), kind };
        let topology = &space.setup().topology;
        let own = space.at(row, offer.col);
        match choice {
            Choice::Deliver(_, channel) => {
                let Facts::Queue(queue) = space.facts(own) else { unreachable!("a delivery takes from a queue") };
                let kind = match space.element(queue.head) {
                    Some(Element::Record(_) | Element::Noted(_)) | None => 0,
                    Some(Element::Barrier(_)) => 1,
                    Some(Element::Cancel(_)) => 2,
                    Some(Element::End) => 3,
                };
                task(topology.channels[channel.index()].to, DELIVER + kind)
            }
            Choice::Overtake(_, channel) => task(topology.channels[channel.index()].to, OVERTAKE),
            Choice::Read(who, _) => task(who.task, READ),
            Choice::Choose(who, _) => task(who.task, CHOOSE),
            Choice::Tell(_, to) => {
                let Facts::Queue(queue) = space.facts(own) else { unreachable!("a message comes from a queue") };
                let kind = match space.item(queue.head) {
                    Part::Control(one) => one.front().map_or(0, tell),
                    _ => 0,
                };
                task(to.task, TELL + kind)
            }
            Choice::Fire(who, timer) => task(who.task, FIRE + fire(timer)),
            Choice::Answer(ask) => task(ask.asker.task, ANSWER + asked(space, own, ask.serial)),
            Choice::Apply(ask) => task(ask.asker.task, APPLY + asked(space, own, ask.serial)),
            Choice::Detect(by, _) => task(by.task, DETECT),
            _ => Class { role: 0, kind: OTHER },
        }
    }
}

fn tell(control: &Control) -> u8 {
    match control {
        Control::Deploy { .. } => 0,
        Control::Stop => 1,
        Control::Trigger(_) | Control::TriggerLast(_) => 2, // with wishes nothing is reduced: no class is learned
        Control::Complete(_) => 3,
        Control::Abort(_) => 4,
        Control::Running => 5,
        Control::Ack(_) => 6,
        Control::Decline(..) => 7,
        Control::Noted(_) => 8,
        Control::Finished => 9,
        Control::Failed => 10,
        Control::Counts(..) => OTHER - TELL, // no reduction knows it
    }
}

/// The place of the periodic trigger among the kinds of timers.
pub const INTERVAL: u8 = 0;

/// The place of a timer among the kinds of timers.
pub fn fire(timer: Timer) -> u8 {
    match timer {
        Timer::Interval => INTERVAL,
        Timer::Pause => 1,
        Timer::Timeout(_) => 2,
        Timer::Restart => 3,
        Timer::Retry => 4,
        Timer::Remind => 5,
        Timer::Alignment(_) => 6,
    }
}

fn asked(space: &Space, asks: Id, serial: u32) -> u8 {
    let Some(Part::Asks(asks)) = space.part(asks) else { return 0 };
    match asks[&serial].request {
        Request::Lead => 0,
        Request::BeginAttempt(_) => 1,
        Request::Open(_) => 2,
        Request::Put(..) => 3,
        Request::Get(_) => 4,
        Request::Publish(_) | Request::Save(_) => 5, // searches ask for no savepoints
        Request::EndJob(_) => 6,
        Request::Discard(..) => 7,
        Request::Begin(_) => 8,
        Request::Stage(..) => 9,
        Request::Commit(_) => 10,
        Request::Fence { .. } => 11,
        Request::Write(_) => 12,
        Request::Flush => 13,
    }
}
