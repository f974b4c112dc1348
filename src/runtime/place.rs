//! A folder that holds all of a job: its store, its sinks, what helps it to go on soon; and who works in it.
//!
//! ```text
//! lock              held by the process that runs the job
//! store/            snapshots, completion records, who leads
//! sinks/NAME/       the place of the sink vertex NAME
//! index/            where records begin in long files
//! state/            keyed state that is too much for memory, of no use to anybody else
//! ```
//!
//! The lock only keeps people from starting a job twice by mistake. Two processes that ran one job all the same would be
//! told apart by fencing tokens and attempts.

use super::hub::Outside;
use super::outside::{Consumer, Ledger, Store};
use super::sinks::{self, Sink};
use super::storage::{self, Options, keeper::Keeper};
use super::tables::{Disk, Lender};
use crate::engine::keyed::Tables;
use crate::ids::*;
use crate::topology::{Role, Topology};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// So long a killed process may take to be gone.
const DYING: Duration = Duration::from_secs(3);

/// See the module.
pub struct Place {
    store: Arc<Keeper>,
    sinks: BTreeMap<VertexId, Box<dyn Sink>>,
    tables: OnceLock<Arc<dyn Tables>>,
    root: PathBuf,
    lock: File,
}

impl Place {
    /// Opens the folder of a job, and makes it if there is none. `store`, `sink`: kinds, as a command line names them; of
    /// others nothing is made.
    ///
    /// # Errors
    /// In words, if something can't be used, holds another job, or another process works here.
    pub fn open(root: &Path, topology: &Arc<Topology>, store: &str, sink: &str) -> Result<Arc<Self>, String> {
        storage::known(store)?;
        sinks::known(sink)?;
        let problem = |error: std::io::Error| format!("cannot use the folder {}: {error}", root.display());
        fs::create_dir_all(root).map_err(problem)?;
        let lock = File::options().create(true).truncate(false).write(true).open(root.join("lock")).map_err(problem)?;
        if !alone(&lock).map_err(problem)? {
            return Err(format!("another process runs the job of the folder {}", root.display()));
        }
        let keeper = storage::open(store, &root.join("store"), topology, &Options::default())?;
        let mut sinks = BTreeMap::new();
        for (v, vertex) in topology.graph.vertices.iter().enumerate() {
            if let Role::Sink(kind) = vertex.role {
                sinks.insert(VertexId(v as u32), sinks::open(sink, &sink_folder(root, &vertex.name), kind)?);
            }
        }
        let (tables, root) = (OnceLock::new(), root.to_path_buf());
        Ok(Arc::new(Place { store: keeper, sinks, tables, root, lock }))
    }

    /// Where places in long files are noted.
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// From here on keyed state that doesn't fit into memory lies in this folder. To be called before anything lives.
    /// `room`: so many keys of an operator of a subtask are held in memory.
    ///
    /// # Errors
    /// In words, if the folder can't be used.
    pub fn keep_on_disk(&self, room: usize) -> Result<(), String> {
        let tables: Arc<dyn Tables> = Arc::new(Lender(Disk::open(&self.root.join("state"), room)?));
        self.store.lend(tables.clone());
        let _ = self.tables.set(tables); // once
        Ok(())
    }

    /// A job that hasn't begun is to begin from what another one has saved: see [`Keeper::begin_from`]. `from`: the folder
    /// of that job, whose store is of this kind, or the address of its store.
    ///
    /// # Errors
    /// In words, if there is no such job, or it has saved nothing that can be read.
    pub fn begin_from(
        &self,
        from: &str,
        store: &str,
        wanted: Option<CheckpointId>,
        topology: &Arc<Topology>,
    ) -> Result<Option<CheckpointId>, String> {
        let place = if from.starts_with("s3://") { from } else { store };
        let other = storage::existing(place, &Path::new(from).join("store"), topology);
        let begun = other.and_then(|other| self.store.begin_from(&other, wanted));
        begun.map_err(|problem| format!("cannot begin from {from}: {problem}"))
    }

    fn sink(&self, vertex: VertexId) -> &dyn Sink {
        self.sinks.get(&vertex).expect("a sink has a place").as_ref()
    }
}

/// Takes the lock; false: somebody has it and keeps it. A process that was killed has it until the system has cleaned up
/// after it, which may be a moment after whoever killed it heard of its end.
fn alone(lock: &File) -> std::io::Result<bool> {
    let until = Instant::now() + DYING;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(DYING / 300),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Where the sink of this name is. A vertex may be called anything, a folder may not.
pub fn sink_folder(root: &Path, name: &str) -> PathBuf {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let escape = |c: char| if plain(c) { c.to_string() } else { format!("%{:x}", u32::from(c)) };
    root.join("sinks").join(name.chars().map(escape).collect::<String>())
}

impl Outside for Place {
    fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    fn tables(&self) -> Option<&dyn Tables> {
        self.tables.get().map(AsRef::as_ref)
    }

    /// The folder was deleted, or another one is in its place: what is asked of store and sinks would be tried for ever.
    fn gone(&self) -> Option<String> {
        let name = self.root.join("lock");
        let ours = self.lock.metadata().ok()?;
        match fs::metadata(&name) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => None,
            Err(error) if error.kind() != ErrorKind::NotFound => None, // it may be well again
            _ => Some(format!("{} is gone: the folder was deleted or replaced while the job ran", name.display())),
        }
    }

    fn ledger(&self, sink: VertexId, who: Incarnation) -> Result<Box<dyn Ledger>, String> {
        self.sink(sink).ledger(who.task)
    }

    fn consumer(&self, sink: VertexId) -> Result<Box<dyn Consumer>, String> {
        self.sink(sink).consumer()
    }
}
