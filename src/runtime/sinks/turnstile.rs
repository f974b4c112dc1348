//! A folder that lets one attempt in at a time: the fence of a subtask, as the file system can hold it.
//!
//! The turnstile of a subtask holds exactly one folder, `a7` for attempt 7, and a new attempt renames it. So the name is
//! the durable record of the fence; whatever an earlier attempt does by the path that it knows fails; and of two attempts
//! that fence at a time, one renames first and the other has to look again. Nobody ever makes a second folder: the first
//! one, `a0`, comes into being together with the turnstile, by one rename.

use crate::ids::*;
use crate::runtime::storage::files::{cannot, make_folder, names, nonce, parent, sync_folder};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A reader of a folder that is being renamed may see no name at all for a moment; not so often in a row.
const LOOKS: u32 = 1000;

/// The turnstile of one subtask.
#[derive(Debug)]
pub struct Turnstile {
    root: PathBuf,
}

impl Turnstile {
    /// Opens it, and makes it if it isn't there.
    ///
    /// # Errors
    /// In words.
    pub fn open(root: PathBuf) -> Result<Self, String> {
        if !root.is_dir() {
            let new = parent(&root).join(format!("new-{:x}", nonce()));
            make_folder(&new.join("a0"))?;
            // A folder takes the place of an empty one only, and a turnstile is never empty.
            let renamed = fs::rename(&new, &root);
            if let Err(error) = renamed {
                let _ = fs::remove_dir_all(&new);
                if !root.is_dir() {
                    return Err(cannot("create", &root, &error));
                }
            }
            sync_folder(parent(&root))?;
        }
        Ok(Turnstile { root })
    }

    /// The attempt that is in.
    ///
    /// # Errors
    /// In words.
    pub fn current(&self) -> Result<Attempt, String> {
        current(&self.root)?.ok_or_else(|| format!("{} is empty: somebody deleted what was in it", self.root.display()))
    }

    /// The folder of an attempt, which exists while it is in.
    pub fn folder(&self, attempt: Attempt) -> PathBuf {
        self.root.join(format!("a{}", attempt.0))
    }

    /// Lets an attempt in, durably; false: a newer one is in.
    ///
    /// # Errors
    /// In words.
    pub fn enter(&self, attempt: Attempt) -> Result<bool, String> {
        loop {
            let now = self.current()?;
            if now > attempt {
                return Ok(false);
            }
            if now < attempt {
                match fs::rename(self.folder(now), self.folder(attempt)) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) => return Err(cannot("rename", &self.folder(now), &error)),
                }
            }
            sync_folder(&self.root)?;
            return Ok(true);
        }
    }
}

/// The attempt that is in a turnstile; none: it is none.
///
/// # Errors
/// In words.
pub fn current(root: &Path) -> Result<Option<Attempt>, String> {
    for _ in 0..LOOKS {
        let attempt = |name: &String| name.strip_prefix('a')?.parse().ok();
        if let Some(newest) = names(root)?.iter().filter_map(attempt).max() {
            return Ok(Some(Attempt(newest)));
        }
    }
    Ok(None)
}
