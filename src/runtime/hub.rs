//! What all threads of one job share: who has which mailbox, which channels an attempt has, and how it ends.

use super::bell::{Bell, Letter, Mailbox, lock};
use super::book::Book;
use super::life::Life;
use super::outside::{Consumer, Ledger, Store};
use super::pace::Pace;
use super::pipe::Pipe;
use super::tally::Tally;
use crate::engine::keyed::Tables;
use crate::engine::message::{Control, Reply, Request};
use crate::engine::process::Process;
use crate::ids::*;
use crate::topology::{Role, SinkKind, Topology};
use crate::world::setup::Log;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

/// What lies outside a job.
pub trait Outside: Send + Sync {
    /// Where snapshots are kept.
    fn store(&self) -> &dyn Store;

    /// Where keyed state lies that doesn't fit into memory; none: all of it is in memory.
    fn tables(&self) -> Option<&dyn Tables> {
        None
    }

    /// A way into a sink, for one life of a subtask.
    ///
    /// # Errors
    /// In words, if there is none now.
    fn ledger(&self, sink: VertexId, who: Incarnation) -> Result<Box<dyn Ledger>, String>;

    /// Why nothing can be done here any more, and won't be; none: that isn't so.
    fn gone(&self) -> Option<String> {
        None
    }

    /// A reader of a sink.
    ///
    /// # Errors
    /// In words, if there is none now.
    fn consumer(&self, sink: VertexId) -> Result<Box<dyn Consumer>, String>;
}

/// Makes the process of a task for one of its lives.
pub type Make = Box<dyn Fn(Incarnation) -> Box<dyn Process> + Send + Sync>;
/// Is told of points of the protocol that a life has come to: `staged`, `stored`, `acked`, `published`, `committed`; and of
/// the first record that this process read: `read`.
pub type Points = Box<dyn Fn(&'static str) + Send + Sync>;

/// What a job is run from.
pub struct Job {
    /// Its tables.
    pub topology: Arc<Topology>,
    /// Makes its processes.
    pub make: Make,
    /// The content of every partition, by `PartitionId`.
    pub logs: Vec<Log>,
    /// Where places in long files are noted, so that a restart finds them soon. None: nowhere.
    pub index: Option<PathBuf>,
    /// Store and sinks.
    pub outside: Arc<dyn Outside>,
    /// How fast its sources read; none: as fast as they can.
    pub pace: Option<Pace>,
    /// Is told of points of the protocol.
    pub points: Option<Points>,
}

/// The channels of one job attempt, and how to wake who is at their ends.
pub struct Wires {
    pub(super) bells: Vec<Arc<Bell>>,
    pub(super) pipes: Vec<Arc<Pipe>>,
}

impl Wires {
    fn new(topology: &Topology) -> Self {
        let bells: Vec<Arc<Bell>> = (0..topology.len()).map(|_| Arc::default()).collect();
        let bell = |task: TaskId| bells[task.index()].clone();
        let pipes = topology.channels.iter().map(|c| Pipe::new(c.capacity, bell(c.from), bell(c.to))).collect();
        Wires { bells, pipes }
    }
}

/// See the module.
pub struct Hub {
    pub(super) topology: Arc<Topology>,
    pub(super) make: Make,
    pub(super) logs: Vec<Log>,
    pub(super) index: Option<PathBuf>,
    pub(super) outside: Arc<dyn Outside>,
    pub(super) book: Mutex<Book>,
    /// Does the book have a log?
    pub(super) traced: bool,
    /// In a traced run the store does one thing at a time.
    pub(super) store_turn: Mutex<()>,
    /// In a traced run: who looks at each sink, by vertex.
    pub(super) consumers: Vec<Mutex<Option<Box<dyn Consumer>>>>,
    pub(super) mailboxes: Mutex<BTreeMap<Incarnation, Arc<Mailbox>>>,
    wires: Mutex<BTreeMap<Attempt, Arc<Wires>>>,
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
    /// Counts, and what there is to say.
    pub tally: Tally,
    /// Wakes whoever watches over the job.
    pub(super) bell: Bell,
    pub(super) ended: Mutex<Option<bool>>,
    pub(super) suspended: Mutex<Option<CheckpointId>>,
    pub(super) settled: AtomicBool,
    pub(super) deposed: AtomicBool,
    pub(super) failure: Mutex<Option<String>>,
    pub(super) quit: AtomicBool,
    pub(super) pace: Option<Pace>,
    points: Option<Points>,
}

impl Hub {
    /// A job of which nothing lives yet. `consumers`: who looks at each sink of a traced run, by vertex.
    pub fn new(job: Job, mut book: Book, mut consumers: Vec<Option<Box<dyn Consumer>>>) -> Arc<Self> {
        let traced = book.log().is_some();
        consumers.resize_with(job.topology.graph.vertices.len(), || None);
        Arc::new(Hub {
            topology: job.topology,
            make: job.make,
            logs: job.logs,
            index: job.index,
            pace: job.pace,
            outside: job.outside,
            book: Mutex::new(book),
            traced,
            store_turn: Mutex::default(),
            consumers: consumers.into_iter().map(Mutex::new).collect(),
            mailboxes: Mutex::default(),
            wires: Mutex::default(),
            threads: Mutex::default(),
            tally: Tally::default(),
            bell: Bell::default(),
            ended: Mutex::default(),
            suspended: Mutex::default(),
            settled: AtomicBool::new(false),
            deposed: AtomicBool::new(false),
            failure: Mutex::default(),
            quit: AtomicBool::new(false),
            points: job.points,
        })
    }

    /// What a life is called: `map/1 a2`.
    pub(super) fn called(&self, who: Incarnation) -> String {
        format!("{} {}", self.topology.name(who.task), who.attempt)
    }

    pub(super) fn sink_kind(&self, vertex: VertexId) -> Option<SinkKind> {
        match self.topology.graph.vertices[vertex.index()].role {
            Role::Sink(kind) => Some(kind),
            _ => None,
        }
    }

    /// A new thread.
    pub(super) fn thread(&self, name: String, run: impl FnOnce() + Send + 'static) {
        match Builder::new().name(name).spawn(run) {
            Ok(handle) => {
                let mut threads = lock(&self.threads);
                threads.retain(|thread| !thread.is_finished());
                threads.push(handle);
            }
            Err(problem) => self.give_up(format!("cannot begin a thread: {problem}")),
        }
    }

    /// The channels of an attempt.
    pub(super) fn wires(&self, attempt: Attempt) -> Arc<Wires> {
        let mut wires = lock(&self.wires);
        if let Some(known) = wires.get(&attempt) {
            return known.clone();
        }
        wires.retain(|_, old| Arc::strong_count(old) > 1); // a zombie keeps its own
        let new = Arc::new(Wires::new(&self.topology));
        wires.insert(attempt, new.clone());
        new
    }

    /// Has no attempt after this one begun?
    pub(super) fn newest(&self, attempt: Attempt) -> bool {
        lock(&self.wires).last_key_value().is_none_or(|(newest, _)| *newest <= attempt)
    }

    /// Leaves a letter. A deployment makes the life that it is for; to whoever has no mailbox nothing is said.
    pub(super) fn post(self: &Arc<Self>, to: Incarnation, letter: Letter) {
        let known = lock(&self.mailboxes).get(&to).cloned();
        if let Some(mailbox) = known {
            return mailbox.post(letter);
        }
        if matches!(letter, Letter::Told(_, Control::Deploy { .. })) {
            self.start(to, Some(letter));
        }
    }

    /// Did this process itself start a newer coordinator? Then that one leads, and nobody else has to.
    pub(super) fn replaced(&self, leader: Incarnation) -> bool {
        lock(&self.mailboxes).keys().any(|who| who.task == leader.task && who.attempt > leader.attempt)
    }

    /// A life gets its mailbox and its thread.
    pub(super) fn start(self: &Arc<Self>, who: Incarnation, first: Option<Letter>) {
        let wires = (who.task != self.topology.coordinator()).then(|| self.wires(who.attempt));
        let bell = wires.as_ref().map_or_else(Arc::default, |wires| wires.bells[who.task.index()].clone());
        let mailbox = Arc::new(Mailbox::new(bell));
        first.into_iter().for_each(|letter| mailbox.post(letter));
        lock(&self.mailboxes).insert(who, mailbox.clone());
        let hub = self.clone();
        self.thread(self.called(who), move || Life::live(&hub, who, mailbox, wires));
    }

    /// A life is over: it hears nothing any more, and the coordinators hear of it.
    pub(super) fn leave(self: &Arc<Self>, who: Incarnation) {
        lock(&self.mailboxes).remove(&who);
        self.suspect(who);
        self.bell.ring();
    }

    /// Every coordinator hears that this life of a subtask is dead, or seems to be. One of a coordinator is replaced by
    /// whoever watches over the job, and is no matter of theirs.
    pub(super) fn suspect(self: &Arc<Self>, who: Incarnation) {
        if who.task == self.topology.coordinator() {
            return;
        }
        let leaders = lock(&self.book).leaders();
        leaders.into_iter().for_each(|leader| self.post(leader, Letter::Lost(who)));
    }

    /// What was logged is safe from the end of this process.
    pub(super) fn write_ahead(&self) {
        let problem = lock(&self.book).log().and_then(|log| log.flush().err());
        if let Some(problem) = problem {
            self.give_up(format!("cannot write the trace: {problem}"));
        }
    }

    /// The job can't go on, for a reason that no restart mends.
    pub(super) fn give_up(&self, why: String) {
        lock(&self.failure).get_or_insert(why);
        self.stop_threads();
    }

    /// Every thread ends as soon as it can.
    pub(super) fn stop_threads(&self) {
        self.quit.store(true, SeqCst);
        lock(&self.mailboxes).values().for_each(|mailbox| mailbox.bell.ring());
        self.bell.ring();
    }

    /// A request was done.
    pub(super) fn point(&self, request: &Request, reply: &Reply) {
        let Some(points) = &self.points else { return };
        match (request, reply) {
            (Request::Stage(..), Reply::Done) => points("staged"),
            (Request::Put(..), Reply::Done) => points("stored"),
            (Request::Publish(_), Reply::Done) => points("published"),
            (Request::Commit(_), Reply::Done) => points("committed"),
            _ => {}
        }
    }

    /// Records were read for the first time.
    pub(super) fn first_read(&self) {
        self.points.iter().for_each(|points| points("read"));
    }

    /// A control message is on its way.
    pub(super) fn said(&self, control: &Control) {
        if let (Some(points), Control::Ack(_)) = (&self.points, control) {
            points("acked");
        }
    }
}
