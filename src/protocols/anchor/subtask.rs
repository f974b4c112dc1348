//! What all subtasks of the anchor have in common: deployment, restoring, storing.

use crate::digest::Digest;
use crate::engine::config::Config;
use crate::engine::message::*;
use crate::engine::process::Process;
use crate::engine::snapshot::{Manifest, Part, Snapshot};
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::topology::Topology;
use std::any::Any;
use std::sync::Arc;

/// The only request of a subtask that it waits for: its snapshot.
const RESTORE: Ticket = Ticket(0);

/// How far a life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Created,
    Restoring(StoreKey),
    Running,
    Stopped,
}

/// Where a subtask is in the job, and whom it answers to.
#[derive(Clone)]
pub(super) struct Post {
    pub(super) me: Incarnation,
    coordinator: Incarnation,
    upload_after: Nanos,
}

impl Post {
    /// Stores a snapshot, in this step.
    pub(super) fn store(&self, checkpoint: CheckpointId, snapshot: Arc<Snapshot>, out: &mut Outbox) {
        let key = StoreKey { attempt: self.me.attempt, checkpoint, task: self.me.task };
        let token = FencingToken(self.coordinator.attempt.0);
        out.effects.push(Effect::Ask(NO_TICKET, token, Request::Put(key, snapshot)));
    }

    /// Asks the ledger, without waiting.
    pub(super) fn ledger(&self, request: Request, out: &mut Outbox) {
        out.effects.push(Effect::AskLedger(NO_TICKET, self.me.attempt, request));
    }

    /// Tells the coordinator.
    pub(super) fn tell(&self, control: Control, out: &mut Outbox) {
        out.tell(self.coordinator, control);
    }

    /// An upload becomes possible.
    pub(super) fn upload_later(&self, out: &mut Outbox) {
        out.arm(Timer::Retry, self.upload_after);
    }
}

/// What sources, middles and the sink do differently.
pub(super) trait Role: Clone + Send + Sync + 'static {
    /// The state of a cut, or of nothing; the number of the cut.
    fn restore(&mut self, base: CheckpointId, snapshot: &Snapshot, post: &Post, out: &mut Outbox);

    /// A record, a barrier, an upload, a notice.
    fn step(&mut self, input: Input, post: &Post, out: &mut Outbox);

    /// See `Process`.
    fn blocked(&self, _input: InputIndex) -> bool {
        false
    }

    /// See `Process`.
    fn wants(&self) -> Option<(PartitionId, Offset)> {
        None
    }

    /// See `Process`.
    fn deaf(&self, _control: &Control) -> bool {
        false
    }

    /// Adds the canonical encoding.
    fn digest(&self, d: &mut Digest);
}

/// A subtask of the anchor.
#[derive(Clone)]
struct Subtask<R> {
    post: Post,
    phase: Phase,
    role: R,
}

/// A subtask that waits for its deployment.
pub(super) fn boxed<R: Role>(topology: &Topology, config: &Config, me: Incarnation, role: R) -> Box<dyn Process> {
    let coordinator = Incarnation { task: topology.coordinator(), attempt: Attempt(0) };
    let post = Post { me, coordinator, upload_after: config.retry };
    Box::new(Subtask { post, phase: Phase::Created, role })
}

impl<R: Role> Subtask<R> {
    fn deploy(&mut self, from: Incarnation, restore: Option<Arc<Manifest>>, out: &mut Outbox) {
        if self.phase != Phase::Created {
            return;
        }
        self.post.coordinator = from;
        match restore.map(|manifest| manifest.parts[self.post.me.task.index()]) {
            Some(Part::Stored(key)) => self.fetch(key, out),
            _ => {
                out.mark(Mark::Restored(None, Arc::default()));
                self.run(CheckpointId(0), &Snapshot::default(), out);
            }
        }
    }

    fn fetch(&mut self, key: StoreKey, out: &mut Outbox) {
        self.phase = Phase::Restoring(key);
        let token = FencingToken(self.post.coordinator.attempt.0);
        out.effects.push(Effect::Ask(RESTORE, token, Request::Get(key)));
    }

    fn fetched(&mut self, reply: Reply, out: &mut Outbox) {
        let Phase::Restoring(key) = self.phase else { return };
        let snapshot = match reply {
            Reply::Found(snapshot) => snapshot,
            // Acknowledged and never stored, by a planted bug: it goes on from nothing, as the model does.
            Reply::Missing => Arc::default(),
            _ => return self.fetch(key, out),
        };
        out.mark(Mark::Restored(Some(key.checkpoint), snapshot.clone()));
        self.run(key.checkpoint, &snapshot, out);
    }

    fn run(&mut self, base: CheckpointId, snapshot: &Snapshot, out: &mut Outbox) {
        self.role.restore(base, snapshot, &self.post, out);
        self.phase = Phase::Running;
        self.post.tell(Control::Running, out);
    }
}

impl<R: Role> Process for Subtask<R> {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        match input {
            Input::Element(_, Element::Record(_)) | Input::Read { .. } => {}
            _ => out.gate_changed = true,
        }
        match input {
            _ if self.phase == Phase::Stopped => {}
            Input::Told { from, control: Control::Deploy { restore } } => self.deploy(from, restore, out),
            Input::Told { control: Control::Stop, .. } => self.phase = Phase::Stopped,
            Input::Reply(RESTORE, reply) => self.fetched(reply, out),
            input if self.phase == Phase::Running => self.role.step(input, &self.post, out),
            _ => {}
        }
    }

    fn blocked(&self, input: InputIndex) -> bool {
        self.phase != Phase::Running || self.role.blocked(input)
    }

    fn holds(&self, input: InputIndex) -> bool {
        self.role.blocked(input)
    }

    fn wants(&self, _slot: usize) -> Option<(PartitionId, Offset)> {
        if self.phase == Phase::Running { self.role.wants() } else { None }
    }

    fn deaf(&self, control: &Control) -> bool {
        self.phase == Phase::Running && self.role.deaf(control)
    }

    fn stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    fn digest(&self, _cell: usize, d: &mut Digest) {
        match self.phase {
            Phase::Created => d.word(0),
            Phase::Restoring(key) => d.word(1 | key.checkpoint.0 << 8),
            Phase::Running => d.word(2),
            Phase::Stopped => d.word(3),
        }
        d.word(self.post.coordinator.attempt.0 as u64);
        self.role.digest(d);
    }

    fn fork(&self) -> Box<dyn Process> {
        Box::new(self.clone())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
