//! Where output goes: files, or a database.
//!
//! A [`Sink`] is one sink vertex's place. Each of its subtasks has a [`Ledger`] of its own there, and whoever wants to
//! know what is visible has a [`Consumer`].

mod ahead;
mod appended;
#[cfg(feature = "postgres")]
pub mod postgres;
mod prefix;
mod published;
mod staged;
mod turnstile;

use super::outside::{Consumer, Ledger, Served};
use super::storage::files::make_folder;
use crate::engine::message::{Reply, Txn};
use crate::ids::*;
use crate::topology::SinkKind;
use std::path::{Path, PathBuf};

/// One sink's place.
pub trait Sink: Send + Sync {
    /// The way of one subtask into it.
    ///
    /// # Errors
    /// In words, if the place can't be used.
    fn ledger(&self, task: TaskId) -> Result<Box<dyn Ledger>, String>;

    /// Somebody who reads what is visible, from the beginning on.
    ///
    /// # Errors
    /// In words, if the place can't be used.
    fn consumer(&self) -> Result<Box<dyn Consumer>, String>;

    /// Removes what isn't in the job's folder: for a job that was only a trial.
    ///
    /// # Errors
    /// In words.
    fn remove(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The kinds of places, as a command line names them.
pub const KINDS: &[(&str, &str)] = &[
    ("files", "files of a folder"),
    ("postgres://user@host/database", "tables of a schema in PostgreSQL, for two-phase and upsert sinks"),
];

/// Is there such a kind of sink?
///
/// # Errors
/// In words for the command line: no such kind, or none in this build.
pub fn known(place: &str) -> Result<(), String> {
    match place {
        "files" => Ok(()),
        url if is_postgres(url) && cfg!(feature = "postgres") => Ok(()),
        url if is_postgres(url) => Err(super::not_built("sink", "postgres://", "postgres")),
        other => Err(super::unknown("sink", other, KINDS)),
    }
}

/// Opens the place of one sink. `place` is one of [`KINDS`]; files are under `folder`, which belongs to this sink alone.
///
/// # Errors
/// In words for the command line: no such kind, or what is wrong with the place.
pub fn open(place: &str, folder: &Path, kind: SinkKind) -> Result<Box<dyn Sink>, String> {
    known(place)?;
    match place {
        #[cfg(feature = "postgres")]
        url if is_postgres(url) => Ok(Box::new(postgres::Postgres::open(url, folder, kind)?)),
        _ => Ok(Box::new(Folder::open(folder, kind)?)),
    }
}

fn is_postgres(address: &str) -> bool {
    address.starts_with("postgres://") || address.starts_with("postgresql://")
}

/// A sink whose place is a folder.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    kind: SinkKind,
}

impl Folder {
    /// Makes the folder if it isn't there.
    ///
    /// # Errors
    /// In words, if that can't be done.
    pub fn open(root: &Path, kind: SinkKind) -> Result<Self, String> {
        make_folder(&root.join(OUTPUT))?;
        Ok(Folder { root: root.to_path_buf(), kind })
    }
}

/// What readers read.
const OUTPUT: &str = "output";

impl Sink for Folder {
    fn ledger(&self, task: TaskId) -> Result<Box<dyn Ledger>, String> {
        Ok(match self.kind {
            SinkKind::TwoPhase => Box::new(staged::Staged::open(&self.root, task)?),
            SinkKind::Upsert => Box::new(appended::Upsert::open(&self.root, task)?),
            SinkKind::Print => Box::new(appended::Print::new(&self.root)),
        })
    }

    fn consumer(&self) -> Result<Box<dyn Consumer>, String> {
        let output = self.root.join(OUTPUT);
        Ok(match self.kind {
            SinkKind::TwoPhase => Box::new(published::Published::new(output)),
            SinkKind::Upsert => Box::new(appended::Written::upsert(output)),
            SinkKind::Print => Box::new(appended::Written::print(output)),
        })
    }
}

/// Nothing happened, for this reason.
fn trouble(trouble: String) -> Served {
    Served { reply: Reply::Failed, lines: Vec::new(), bytes: 0, trouble: Some(trouble) }
}

/// Nothing is to be told.
fn silent(reply: Reply) -> Served {
    Served { reply, lines: Vec::new(), bytes: 0, trouble: None }
}

/// The name of a transaction, in files and databases.
fn txn_name(txn: &Txn) -> String {
    format!("a{}-p{}-n{}", txn.attempt.0, txn.task.0, txn.number)
}

fn parse_txn(name: &str) -> Option<Txn> {
    let mut parts = name.split('-');
    let txn = Txn {
        attempt: Attempt(parts.next()?.strip_prefix('a')?.parse().ok()?),
        task: TaskId(parts.next()?.strip_prefix('p')?.parse().ok()?),
        number: parts.next()?.strip_prefix('n')?.parse().ok()?,
    };
    parts.next().is_none().then_some(txn)
}
