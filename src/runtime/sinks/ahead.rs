//! The file of a transaction that is open, written as its records come.
//!
//! It is a part file like that of a transaction that is written at once, and counts for nothing until it has its name.
//! Whatever goes wrong with it, it is given up, and the transaction is written at once when that is asked.

use super::prefix::Prefix;
use crate::engine::message::{Record, Txn};
use crate::trace::json::write_record;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// So many bytes are brought to the disk at once, so that little is left for the last moment.
const SYNC_EVERY: u64 = 8 << 20;

/// See the module.
#[derive(Debug)]
pub struct Ahead {
    /// What it holds.
    pub prefix: Prefix,
    file: File,
    bytes: u64,
    unsynced: u64,
}

impl Ahead {
    /// An empty file.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn new(txn: Txn, path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(Ahead { prefix: Prefix::new(txn), file, bytes: 0, unsynced: 0 })
    }

    /// Adds records. `buffer`: anything; it is used again.
    ///
    /// # Errors
    /// If they can't be written: then nothing is known of the file.
    pub fn add(&mut self, records: &[Record], buffer: &mut String) -> io::Result<()> {
        buffer.clear();
        records.iter().for_each(|record| write_record(buffer, record));
        self.file.write_all(buffer.as_bytes())?;
        self.prefix.grow(records);
        self.bytes += buffer.len() as u64;
        self.unsynced += buffer.len() as u64;
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// All of it is durable; how many bytes.
    ///
    /// # Errors
    /// If it isn't.
    pub fn close(self) -> io::Result<u64> {
        self.file.sync_all()?;
        Ok(self.bytes)
    }
}
