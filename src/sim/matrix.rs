//! What was going on where a fault struck: a matrix of faults, roles, phases of the protocol, and whether another
//! checkpoint was in flight. A sweep that never killed a sink between its ack and the completion has not tested that.

use super::setup::FaultKind;
use crate::engine::message::Wish;
use crate::ids::*;
use crate::topology::{Role, Topology};
use crate::trace::event::{Event, Kind, Outcome, TxnOp};
use std::collections::BTreeMap;
use std::sync::Arc;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident $list:ident { $($(#[$of:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$of])* $variant),* }

        /// All of them, with their words.
        pub const $list: &[($name, &str)] = &[$(($name::$variant, $word)),*];
    };
}

words! {
    /// What a fault struck.
    Struck STRUCK {
        /// A source subtask.
        Source = "source",
        /// A subtask between source and sink.
        Inner = "inner",
        /// A sink subtask.
        Sink = "sink",
        /// The coordinator.
        Coordinator = "coordinator",
        /// The store, or the way to it.
        Store = "store",
    }
}

words! {
    /// How far a process was with the newest checkpoint that concerns it. The store is where the coordinator is.
    Phase PHASES {
        /// The job begins, and it doesn't run yet; coordinator: somebody doesn't.
        Restoring = "restoring",
        /// Nothing is pending.
        Idle = "idle",
        /// Begun, and no barrier has come; coordinator: nobody has acknowledged.
        Awaited = "awaited",
        /// A barrier has come, not all of them.
        Aligning = "aligning",
        /// The snapshot is taken; coordinator: some have acknowledged.
        Snapped = "snapped",
        /// The snapshot is stored, which nobody knows.
        Durable = "durable",
        /// Acknowledged; coordinator: by all, and the completion record isn't written.
        Acked = "acked",
        /// The completion record is written; the process has not been told, a sink has not committed.
        Complete = "complete",
        /// All input is processed.
        Finished = "finished",
    }
}

/// The kinds of faults, in the words of scenario files.
pub const FAULTS: [&str; 19] = [
    "crash",
    "crash_host",
    "tear",
    "crash_coordinator",
    "failover",
    "suspect",
    "pause_host",
    "stall",
    "pause_link",
    "slow_link",
    "delay_control",
    "lose_control",
    "fail_requests",
    "lose_replies",
    "pause_store",
    "store_full",
    "checkpoint",
    "stop",
    "savepoint",
];

fn number(what: &FaultKind) -> usize {
    match what {
        FaultKind::CrashTask(_) => 0,
        FaultKind::CrashHost(_) => 1,
        FaultKind::Tear { .. } => 2,
        FaultKind::CrashCoordinator => 3,
        FaultKind::Failover => 4,
        FaultKind::Suspect(_) => 5,
        FaultKind::PauseHost { .. } => 6,
        FaultKind::Stall { .. } => 7,
        FaultKind::PauseLink { .. } => 8,
        FaultKind::SlowLink { .. } => 9,
        FaultKind::DelayControl { .. } => 10,
        FaultKind::LoseControl { .. } => 11,
        FaultKind::FailRequests { .. } => 12,
        FaultKind::LoseReplies { .. } => 13,
        FaultKind::PauseStore { .. } => 14,
        FaultKind::StoreFull { .. } => 15,
        FaultKind::Wish(Wish::Checkpoint) => 16,
        FaultKind::Wish(Wish::StopWithSavepoint) => 17,
        FaultKind::Wish(Wish::Savepoint) => 18,
    }
}

/// A place of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Index into [`FAULTS`].
    pub fault: usize,
    /// What was struck.
    pub struck: Struck,
    /// In which phase.
    pub phase: Phase,
    /// Was a checkpoint pending beside the one that the phase is about?
    pub other: bool,
}

/// Places of the matrix, those that can't be included.
pub const CELLS: usize = FAULTS.len() * STRUCK.len() * PHASES.len() * 2;

impl Cell {
    /// Its number, below [`CELLS`].
    pub fn index(self) -> usize {
        let at = self.fault * STRUCK.len() + self.struck as usize;
        (at * PHASES.len() + self.phase as usize) * 2 + self.other as usize
    }

    /// The place of this number.
    ///
    /// # Panics
    /// If there is none.
    pub fn at(index: usize) -> Self {
        let (rest, other) = (index / 2, index % 2 == 1);
        let (rest, phase) = (rest / PHASES.len(), PHASES[rest % PHASES.len()].0);
        Cell { fault: rest / STRUCK.len(), struck: STRUCK[rest % STRUCK.len()].0, phase, other }
    }

    /// Its name: fault, role and phase, and `+` if another checkpoint was pending.
    pub fn name(self) -> String {
        let (struck, phase) = (STRUCK[self.struck as usize].1, PHASES[self.phase as usize].1);
        format!("{} {struck} {phase}{}", FAULTS[self.fault], if self.other { " +" } else { "" })
    }

    /// The place of this name.
    pub fn find(name: &str) -> Option<Self> {
        let mut words = name.split(' ');
        let fault = words.next().and_then(|word| FAULTS.iter().position(|known| *known == word))?;
        let struck = words.next().and_then(|word| STRUCK.iter().find(|(_, known)| *known == word))?.0;
        let phase = words.next().and_then(|word| PHASES.iter().find(|(_, known)| *known == word))?.0;
        let other = match words.next() {
            None => false,
            Some("+") => true,
            Some(_) => return None,
        };
        Some(Cell { fault, struck, phase, other }).filter(|cell| words.next().is_none() && cell.possible())
    }

    /// Can a fault of this kind strike there, in that phase?
    pub fn possible(self) -> bool {
        use Struck::*;
        let whom = match FAULTS[self.fault] {
            "crash_coordinator" | "failover" | "checkpoint" | "stop" | "savepoint" => self.struck == Coordinator,
            "fail_requests" | "lose_replies" | "pause_store" | "store_full" => self.struck == Store,
            "tear" => self.struck != Store,
            "stall" | "pause_link" | "slow_link" => matches!(self.struck, Inner | Sink),
            _ => matches!(self.struck, Source | Inner | Sink),
        };
        let phase = match self.phase {
            Phase::Aligning => matches!(self.struck, Inner | Sink),
            Phase::Durable | Phase::Finished => !matches!(self.struck, Coordinator | Store),
            _ => true,
        };
        whom && phase && !(self.other && matches!(self.phase, Phase::Idle | Phase::Restoring))
    }
}

/// All places that faults can strike.
pub fn possible() -> impl Iterator<Item = Cell> {
    (0..CELLS).map(Cell::at).filter(|cell| cell.possible())
}

/// Which places were met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix([u64; CELLS.div_ceil(64)]);

impl Default for Matrix {
    fn default() -> Self {
        Matrix([0; CELLS.div_ceil(64)])
    }
}

impl Matrix {
    fn set(&mut self, cell: Cell) {
        self.0[cell.index() / 64] |= 1 << (cell.index() % 64);
    }

    /// Those that were met, in order.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        possible().filter(|cell| self.met(*cell))
    }

    /// Was it?
    pub fn met(&self, cell: Cell) -> bool {
        self.0[cell.index() / 64] >> (cell.index() % 64) & 1 == 1
    }
}

/// A checkpoint in flight.
#[derive(Clone, Copy, Debug)]
struct Pending {
    required: usize,
    acks: usize,
}

/// Follows a run.
#[derive(Clone, Debug)]
pub struct Watch {
    topology: Arc<Topology>,
    phases: Vec<Phase>,
    /// Transactions that each subtask has prepared and not committed.
    prepared: Vec<u32>,
    restoring: usize,
    complete: usize,
    pending: BTreeMap<CheckpointId, Pending>,
    /// What was met.
    pub matrix: Matrix,
}

impl Watch {
    /// Nothing has happened.
    pub fn new(topology: &Arc<Topology>) -> Self {
        let tasks = topology.len();
        Watch {
            topology: topology.clone(),
            phases: vec![Phase::Restoring; tasks],
            prepared: vec![0; tasks],
            restoring: tasks,
            complete: 0,
            pending: BTreeMap::new(),
            matrix: Matrix::default(),
        }
    }

    fn set(&mut self, task: TaskId, phase: Phase) {
        let Some(slot) = self.phases.get_mut(task.index()) else { return };
        let before = std::mem::replace(slot, phase);
        self.restoring = self.restoring + (phase == Phase::Restoring) as usize - (before == Phase::Restoring) as usize;
        self.complete = self.complete + (phase == Phase::Complete) as usize - (before == Phase::Complete) as usize;
    }

    /// Those who take part in checkpoints go from one phase to another.
    fn all(&mut self, change: impl Fn(Phase) -> Phase) {
        for task in 0..self.phases.len() {
            self.set(TaskId(task as u32), change(self.phases[task]));
        }
    }

    /// Looks at an event that isn't a record's.
    pub fn event(&mut self, event: &Event) {
        match &event.kind {
            Kind::Begin { outcome: Outcome::Ok, .. } => {
                self.pending.clear();
                self.all(|_| Phase::Restoring);
            }
            Kind::Restore { finished, .. } => {
                self.set(event.process, if *finished { Phase::Finished } else { Phase::Idle });
            }
            Kind::Trigger { checkpoint, required, .. } => {
                self.pending.insert(*checkpoint, Pending { required: required.len(), acks: 0 });
                for task in required.iter() {
                    if matches!(self.phases[task.index()], Phase::Idle | Phase::Acked | Phase::Complete) {
                        self.set(*task, Phase::Awaited);
                    }
                }
            }
            Kind::BarIn { .. } => self.set(event.process, Phase::Aligning),
            Kind::Snap { .. } => self.set(event.process, Phase::Snapped),
            Kind::Put { key, outcome: Outcome::Ok, .. } if self.phases[key.task.index()] == Phase::Snapped => {
                self.set(key.task, Phase::Durable);
            }
            Kind::Ack { checkpoint } => {
                if self.phases.get(event.process.index()) == Some(&Phase::Durable) {
                    self.set(event.process, Phase::Acked);
                }
                if let Some(pending) = self.pending.get_mut(checkpoint) {
                    pending.acks += 1;
                }
            }
            Kind::Abort { checkpoint, .. } => {
                self.pending.remove(checkpoint);
                if self.pending.is_empty() {
                    self.all(|phase| match phase {
                        Phase::Restoring | Phase::Finished | Phase::Complete => phase,
                        _ => Phase::Idle,
                    });
                }
            }
            Kind::Complete { checkpoint, outcome: Outcome::Ok, .. } => {
                self.pending.retain(|id, _| id > checkpoint);
                self.all(|phase| if phase == Phase::Acked { Phase::Complete } else { phase });
            }
            Kind::Notify { to, .. } if self.prepared.get(to.task.index()) == Some(&0) => self.settle(to.task),
            Kind::Txn { op, txn, outcome: Outcome::Ok, .. } => self.transaction(*op, txn.task),
            Kind::Finish { .. } => self.set(event.process, Phase::Finished),
            _ => {}
        }
    }

    fn settle(&mut self, task: TaskId) {
        if self.phases[task.index()] == Phase::Complete {
            self.set(task, Phase::Idle);
        }
    }

    fn transaction(&mut self, op: TxnOp, task: TaskId) {
        let Some(prepared) = self.prepared.get_mut(task.index()) else { return };
        match op {
            TxnOp::Prepare => *prepared += 1,
            TxnOp::Commit | TxnOp::Abort | TxnOp::Expire => {
                *prepared = prepared.saturating_sub(1);
                if *prepared == 0 {
                    self.settle(task);
                }
            }
            _ => {}
        }
    }

    /// A fault strikes; `hosts`: which subtask is on which host.
    pub fn fault(&mut self, what: &FaultKind, hosts: &[HostId]) {
        let fault = number(what);
        match what {
            FaultKind::CrashTask(task) | FaultKind::Suspect(task) => self.at(fault, *task),
            FaultKind::Tear { task, .. } | FaultKind::Stall { task, .. } => self.at(fault, *task),
            FaultKind::DelayControl { task, .. } | FaultKind::LoseControl { task, .. } => self.at(fault, *task),
            FaultKind::PauseLink { channel, .. } | FaultKind::SlowLink { channel, .. } => {
                self.at(fault, self.topology.channels[channel.index()].to);
            }
            FaultKind::CrashHost(host) | FaultKind::PauseHost { host, .. } => {
                let tasks = (0..self.phases.len() as u32).map(TaskId);
                let there: Vec<TaskId> = tasks.filter(|task| hosts.get(task.index()) == Some(host)).collect();
                there.into_iter().for_each(|task| self.at(fault, task));
            }
            FaultKind::CrashCoordinator | FaultKind::Failover | FaultKind::Wish(_) => {
                self.at(fault, self.topology.coordinator())
            }
            FaultKind::FailRequests { .. }
            | FaultKind::LoseReplies { .. }
            | FaultKind::PauseStore { .. }
            | FaultKind::StoreFull { .. } => self.at(fault, self.topology.store()),
        }
    }

    fn at(&mut self, fault: usize, task: TaskId) {
        let struck = match self.phases.get(task.index()) {
            None if task == self.topology.coordinator() => Struck::Coordinator,
            None => Struck::Store,
            Some(_) => match self.topology.vertex(task).role {
                Role::Source { .. } => Struck::Source,
                Role::Inner => Struck::Inner,
                Role::Sink(_) => Struck::Sink,
            },
        };
        let phase = self.phases.get(task.index()).copied().unwrap_or_else(|| self.lead());
        let about = matches!(phase, Phase::Awaited | Phase::Aligning | Phase::Snapped | Phase::Durable | Phase::Acked);
        let other = self.pending.len() > about as usize;
        let cell = Cell { fault, struck, phase, other };
        if cell.possible() {
            self.matrix.set(cell);
        }
    }

    /// Where the coordinator is.
    fn lead(&self) -> Phase {
        match self.pending.values().next_back() {
            _ if self.restoring > 0 => Phase::Restoring,
            Some(pending) if pending.acks == 0 => Phase::Awaited,
            Some(pending) if pending.acks < pending.required => Phase::Snapped,
            Some(_) => Phase::Acked,
            None if self.complete > 0 => Phase::Complete,
            None => Phase::Idle,
        }
    }
}
