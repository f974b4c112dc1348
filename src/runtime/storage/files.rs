//! Objects as files of a folder.
//!
//! A file is written under a name of its own in `tmp`, synced, and then linked (create) or renamed (put) into its place;
//! then the folder is synced. So a name has all its bytes or doesn't exist, whenever the machine stops.

use super::blobs::{Blobs, Created};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const TEMPORARY: &str = "tmp";
const LEFT_OVER_AFTER: Duration = Duration::from_secs(600);

/// A folder of objects.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    next: AtomicU64,
}

impl Files {
    /// Opens the folder, and makes it if it isn't there.
    ///
    /// # Errors
    /// In words, if it can't be made, or is something else than a folder.
    pub fn open(root: &Path) -> Result<Self, String> {
        make_folder(&root.join(TEMPORARY))?;
        forget_leftovers(&root.join(TEMPORARY));
        Ok(Files { root: root.to_path_buf(), next: AtomicU64::new(nonce()) })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The bytes, synced, under a name that nobody else uses.
    fn temporary(&self, bytes: &[u8]) -> Result<PathBuf, String> {
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            let path = self.root.join(TEMPORARY).join(format!("{}-{n:x}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(cannot("create", &path, &error)),
                Ok(mut file) => {
                    let written = file.write_all(bytes).and_then(|()| file.sync_all());
                    return match written {
                        Ok(()) => Ok(path),
                        Err(error) => {
                            let _ = fs::remove_file(&path);
                            Err(cannot("write", &path, &error))
                        }
                    };
                }
            }
        }
    }

    /// Moves or links a temporary file to its place, whose folder is made if need be.
    fn place(
        &self,
        from: &Path,
        to: &Path,
        how: impl Fn(&Path, &Path) -> io::Result<()>,
    ) -> Result<io::Result<()>, String> {
        match how(from, to) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_folder(parent(to))?;
                Ok(how(from, to))
            }
            other => Ok(other),
        }
    }
}

impl Blobs for Files {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let (from, to) = (self.temporary(bytes)?, self.path(name));
        let moved = self.place(&from, &to, |from, to| fs::rename(from, to));
        if let Err(error) = moved.and_then(|moved| moved.map_err(|error| cannot("rename to", &to, &error))) {
            let _ = fs::remove_file(&from);
            return Err(error);
        }
        sync_folder(parent(&to))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, String> {
        let (from, to) = (self.temporary(bytes)?, self.path(name));
        let linked = self.place(&from, &to, |from, to| fs::hard_link(from, to));
        let _ = fs::remove_file(&from); // what is left of it is only a name in the folder of temporary files
        let created = match linked? {
            Ok(()) => Created::New,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Created::Exists,
            Err(error) => return Err(cannot("link", &to, &error)),
        };
        sync_folder(parent(&to))?; // the other one may not have come so far yet
        Ok(created)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cannot("read", &path, &error)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, String> {
        let (folder, beginning) = prefix.rsplit_once('/').unwrap_or(("", prefix));
        let mut names: Vec<String> =
            names(&self.path(folder))?.into_iter().filter(|name| name.starts_with(beginning)).collect();
        names.iter_mut().for_each(|name| name.insert_str(0, &prefix[..prefix.len() - beginning.len()]));
        names.sort();
        Ok(names)
    }

    fn delete(&self, names: &[String]) -> Result<(), String> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for name in names {
            let path = self.path(name);
            match fs::remove_file(&path) {
                Ok(()) => folders.push(parent(&path).to_path_buf()),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(cannot("delete", &path, &error)),
            }
        }
        folders.dedup();
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    fn show(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// Deletes what processes left behind that died while they wrote. One that still writes after so long is told of it by
/// its own rename.
fn forget_leftovers(folder: &Path) {
    for path in names(folder).unwrap_or_default().iter().map(|name| folder.join(name)) {
        let age = fs::metadata(&path).and_then(|data| data.modified()).map(|then| then.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age > LEFT_OVER_AFTER) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// A number that no other process is likely to begin with.
pub(crate) fn nonce() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    crate::digest::mix(now.as_nanos() as u64 ^ (std::process::id() as u64) << 40)
}

/// An error of the file system, in words.
pub(crate) fn cannot(what: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {what} {}: {error}", path.display())
}

pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a folder, and those above it, durably. One that is there is fine.
///
/// # Errors
/// In words.
pub(crate) fn make_folder(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Ok(());
    }
    if parent(path) != path {
        make_folder(parent(path))?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && !path.is_dir() => {
            Err(format!("{} is no folder", path.display()))
        }
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(cannot("create", path, &error)),
        _ => sync_folder(parent(path)),
    }
}

/// Makes the names in a folder durable.
///
/// # Errors
/// In words.
pub(crate) fn sync_folder(path: &Path) -> Result<(), String> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| cannot("sync", path, &error))
}

/// The names in a folder, in no order; none if there is no such folder.
///
/// # Errors
/// In words.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, String> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| cannot("list", path, &error))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| match entry {
        Ok(entry) => Ok(entry.file_name().to_string_lossy().into_owned()),
        Err(error) => Err(cannot("list", path, &error)),
    };
    entries.map(name).collect()
}
