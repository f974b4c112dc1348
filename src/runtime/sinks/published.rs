//! A reader of what a two-phase sink has published: the files in `output`, whole and never changed.

use super::parse_txn;
use crate::engine::message::{Record, Txn};
use crate::ids::*;
use crate::runtime::outside::{Batch, Consumer};
use crate::runtime::storage::files::{cannot, names};
use crate::trace::json::read_record;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The reader.
#[derive(Debug)]
pub struct Published {
    output: PathBuf,
    seen: BTreeSet<String>,
}

impl Published {
    /// One that has seen nothing.
    pub fn new(output: PathBuf) -> Self {
        Published { output, seen: BTreeSet::new() }
    }
}

impl Consumer for Published {
    fn look(&mut self) -> Result<Vec<Batch>, String> {
        let mut new: Vec<(Attempt, Txn, String)> = Vec::new();
        for name in names(&self.output)?.into_iter().filter(|name| !self.seen.contains(name)) {
            let Some(stem) = name.strip_suffix(".jsonl") else { continue };
            let foreign = || format!("{} is none of this sink's files", self.output.join(&name).display());
            let (by, txn) = parse(stem).ok_or_else(foreign)?;
            new.push((by, txn, name));
        }
        // What was restored was committed by an attempt before it committed anything of its own.
        new.sort_by_key(|(by, txn, _)| (*by, txn.attempt, txn.number, txn.task));
        let mut batches = Vec::new();
        for (by, txn, name) in new {
            let records = records(&self.output.join(&name))?;
            batches.push(Batch { from: Incarnation { task: txn.task, attempt: by }, txn: Some(txn), records });
            self.seen.insert(name);
        }
        Ok(batches)
    }
}

fn parse(stem: &str) -> Option<(Attempt, Txn)> {
    let (txn, by) = stem.rsplit_once("-by")?;
    Some((Attempt(by.parse().ok()?), parse_txn(txn)?))
}

/// The records of a file, which must end with a whole line.
fn records(path: &Path) -> Result<Vec<Record>, String> {
    let text = fs::read_to_string(path).map_err(|error| cannot("read", path, &error))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(format!("{} is torn: its last line has no end", path.display()));
    }
    lines(path, &text, 0)
}

/// The records of whole lines; `before`: how many lines come before.
///
/// # Errors
/// Where one isn't a record.
pub fn lines(path: &Path, text: &str, before: u64) -> Result<Vec<Record>, String> {
    let record = |(n, line): (usize, &str)| {
        read_record(line, before + n as u64 + 1).map_err(|error| format!("{}:{error}", path.display()))
    };
    text.lines().enumerate().map(record).collect()
}
