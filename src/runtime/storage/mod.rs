//! Snapshots and the job's durable log, over any place that keeps named objects.
//!
//! | file | what |
//! | --- | --- |
//! | `format`, `mirror` | bytes: a frame with a checksum, and what is in it |
//! | `blobs` | what is asked of a place |
//! | `files`, `memory`, `embedded`, `objects` | places |
//! | `log` | who leads, and what is complete |
//! | `cut`, `registry`, `snapshots` | snapshots that share chunks |
//! | `keeper`, `history`, `import` | the [`Store`](super::outside::Store) over all of these |

pub mod blobs;
pub mod cut;
pub mod embedded;
pub mod files;
pub mod format;
mod history;
mod import;
pub mod keeper;
pub mod log;
pub mod memory;
pub mod mirror;
#[cfg(feature = "s3")]
pub mod objects;
pub mod registry;
pub mod snapshots;

use crate::topology::Topology;
use blobs::Blobs;
use keeper::Keeper;
use std::path::Path;
use std::sync::Arc;

/// How a store is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Compress new files with lz4, where that makes them shorter.
    pub compress: bool,
    /// Is what the store held before the first attempt of ours ours as well? Then files of that time are shared and, in
    /// the end, deleted like all others. If not, none of them is ever deleted or referred to. It is decided once for a
    /// store: when an attempt is first begun with `false`.
    pub claim: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { compress: true, claim: true }
    }
}

/// The kinds of stores, as a command line names them.
pub const KINDS: &[(&str, &str)] = &[
    ("files", "files of a folder"),
    ("embedded", "one file of an embedded database"),
    ("objects", "files of a folder, written as an object store's"),
    ("s3://bucket/prefix", "objects in S3, or what is like it"),
    ("memory", "nothing that outlives the process"),
];

/// Opens the store of a job. `place` is one of [`KINDS`]; what is on disk is under `folder`.
///
/// # Errors
/// In words for the command line: no such kind, or what is wrong with the place.
pub fn open(place: &str, folder: &Path, topology: &Arc<Topology>, options: &Options) -> Result<Arc<Keeper>, String> {
    Ok(Arc::new(Keeper::open(blobs(place, folder)?, topology, options)?))
}

/// The store of a job that was run before, to read in it. `place` and `folder` as of [`open`].
///
/// # Errors
/// In words for the command line: there is none, or one of another job.
pub fn existing(place: &str, folder: &Path, topology: &Arc<Topology>) -> Result<Keeper, String> {
    let file = folder.join("store.redb");
    match place {
        "memory" => return Err("a store in memory outlives no process".to_string()),
        "embedded" if !file.is_file() => return Err(format!("{} is not there", file.display())),
        s3 if s3.starts_with("s3://") => {}
        _ if !folder.is_dir() => return Err(format!("{} is not there", folder.display())),
        _ => {}
    }
    Keeper::existing(blobs(place, folder)?, topology)
}

/// Is there such a kind of store?
///
/// # Errors
/// In words for the command line: no such kind, or none in this build.
pub fn known(place: &str) -> Result<(), String> {
    match place {
        "files" | "embedded" | "memory" => Ok(()),
        other if other == "objects" || other.starts_with("s3://") => match cfg!(feature = "s3") {
            true => Ok(()),
            false => Err(super::not_built("store", other, "s3")),
        },
        other => Err(super::unknown("store", other, KINDS)),
    }
}

/// The place alone.
///
/// # Errors
/// As of [`open`].
pub fn blobs(place: &str, folder: &Path) -> Result<Arc<dyn Blobs>, String> {
    known(place)?;
    match place {
        "files" => Ok(Arc::new(files::Files::open(folder)?)),
        "embedded" => Ok(Arc::new(embedded::Embedded::open(&folder.join("store.redb"))?)),
        "memory" => Ok(Arc::new(memory::Memory::default())),
        #[cfg(feature = "s3")]
        "objects" => Ok(Arc::new(objects::Objects::local(folder)?)),
        #[cfg(feature = "s3")]
        s3 if s3.starts_with("s3://") => Ok(Arc::new(objects::Objects::s3(s3)?)),
        other => unreachable!("{other} is no kind that is known"),
    }
}
