//! A folder that holds all of a job: its store, its sinks, what helps it to go on soon; and who works in it.
//!
//! ```text
//! lock              held by the process that runs the job
//! store/            snapshots, completion records, who leads
//! sinks/NAME/       the place of the sink vertex NAME
//! index/            where records begin in long files
//! ```
//!
//! The lock only keeps people from starting a job twice by mistake. Two processes that ran one job all the same would be
//! told apart by fencing tokens and attempts.

use super::hub::Outside;
use super::outside::{Consumer, Ledger, Store};
use super::sinks::{self, Sink};
use super::storage::{self, Options, keeper::Keeper};
use crate::ids::*;
use crate::topology::{Role, Topology};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So long a killed process may take to be gone.
const DYING: Duration = Duration::from_secs(3);

/// See the module.
pub struct Place {
    store: Arc<Keeper>,
    sinks: BTreeMap<VertexId, Box<dyn Sink>>,
    root: PathBuf,
    _lock: File,
}

impl Place {
    /// Opens the folder of a job, and makes it if there is none. `store`, `sink`: kinds, as a command line names them.
    ///
    /// # Errors
    /// In words, if something can't be used, holds another job, or another process works here.
    pub fn open(root: &Path, topology: &Arc<Topology>, store: &str, sink: &str) -> Result<Arc<Self>, String> {
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
        Ok(Arc::new(Place { store: keeper, sinks, root: root.to_path_buf(), _lock: lock }))
    }

    /// Where places in long files are noted.
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
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

    fn ledger(&self, sink: VertexId, who: Incarnation) -> Result<Box<dyn Ledger>, String> {
        self.sink(sink).ledger(who.task)
    }

    fn consumer(&self, sink: VertexId) -> Result<Box<dyn Consumer>, String> {
        self.sink(sink).consumer()
    }
}
