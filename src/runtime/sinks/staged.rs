//! Two-phase commit with files: a transaction is a file of JSON lines, staged in a folder of its attempt and renamed into
//! the folder that readers read.
//!
//! ```text
//! staging/p5/a7/a7-p5-n3.open        begun
//! staging/p5/a7/a7-p5-n3.part        what was written of it so far
//! staging/p5/a7/a7-p5-n3.staged      prepared: whole and synced
//! output/a7-p5-n3-by7.jsonl          committed, by attempt 7
//! ```
//!
//! `staging/p5` is a [`Turnstile`]: an attempt that was fenced off finds its folder gone, so it can neither stage nor
//! commit. A commit is one rename, and only one can succeed.

use super::ahead::Ahead;
use super::turnstile::Turnstile;
use super::{OUTPUT, parse_txn, silent, trouble, txn_name};
use crate::engine::message::{Record, Reply, Request, Txn};
use crate::ids::*;
use crate::runtime::outside::{Ledger, Served};
use crate::runtime::storage::files::{cannot, names, sync_folder};
use crate::trace::event::{Kind, Outcome, TxnOp};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const OPEN: &str = "open";
const STAGED: &str = "staged";
const PART: &str = "part";

/// One subtask's transactions.
#[derive(Debug)]
pub struct Staged {
    output: PathBuf,
    gate: Turnstile,
    buffer: String,
    ahead: Option<Ahead>,
    /// How many records each transaction has that was prepared here and isn't committed.
    counts: BTreeMap<Txn, u64>,
}

/// How far a transaction is, as the files say.
enum Found {
    Nothing,
    Open,
    Prepared(PathBuf),
    Committed,
}

impl Staged {
    /// The ledger of a subtask. `root`: the sink's folder.
    ///
    /// # Errors
    /// In words.
    pub fn open(root: &Path, task: TaskId) -> Result<Self, String> {
        let gate = Turnstile::open(root.join("staging").join(format!("p{}", task.0)))?;
        Ok(Staged { output: root.join(OUTPUT), gate, buffer: String::new(), ahead: None, counts: BTreeMap::new() })
    }

    fn path(&self, attempt: Attempt, txn: &Txn, ending: &str) -> PathBuf {
        self.gate.folder(attempt).join(format!("{}.{ending}", txn_name(txn)))
    }

    fn published(&self, txn: &Txn, by: Attempt) -> PathBuf {
        self.output.join(format!("{}-by{}.jsonl", txn_name(txn), by.0))
    }

    fn find(&self, asker: Attempt, txn: &Txn) -> Found {
        let staged = self.path(asker, txn, STAGED);
        if (txn.attempt.0..=asker.0).any(|by| self.published(txn, Attempt(by)).exists()) {
            Found::Committed
        } else if staged.exists() {
            Found::Prepared(staged)
        } else if self.path(asker, txn, OPEN).exists() {
            Found::Open
        } else {
            Found::Nothing
        }
    }

    /// Does something to a transaction if the asker is in; and again, if it failed for somebody else came in meanwhile.
    fn change(
        &mut self,
        op: TxnOp,
        asker: Incarnation,
        txn: &Txn,
        mut what: impl FnMut(&mut Self) -> Result<(u64, Outcome, Reply, u64), Failure>,
    ) -> Served {
        loop {
            let now = match self.gate.current() {
                Ok(now) => now,
                Err(error) => return trouble(error),
            };
            let line = |records, outcome| vec![Kind::Txn { op, txn: *txn, records, outcome }];
            if now > asker.attempt {
                let records = self.records(&self.path(now, txn, STAGED));
                return Served { lines: line(records, Outcome::Fenced), ..silent(Reply::Fenced) };
            }
            if now < asker.attempt {
                return trouble(format!("attempt {} hasn't fenced off the earlier ones yet", asker.attempt.0));
            }
            match what(self) {
                Ok((records, outcome, reply, bytes)) => {
                    return Served { lines: line(records, outcome), bytes, ..silent(reply) };
                }
                Err(Failure::Gone) if self.gate.current().is_ok_and(|later| later != now) => {}
                Err(Failure::Gone) => return trouble(format!("{} is gone", self.gate.folder(now).display())),
                Err(Failure::Trouble(error)) => return trouble(error),
            }
        }
    }

    fn begin(&mut self, asker: Incarnation, txn: &Txn) -> Served {
        self.change(TxnOp::Begin, asker, txn, |me| match me.find(asker.attempt, txn) {
            Found::Nothing => {
                let path = me.path(asker.attempt, txn, OPEN);
                File::create(&path).map_err(|error| failure("create", &path, &error))?;
                Ok((0, Outcome::Ok, Reply::Done, 0))
            }
            Found::Prepared(path) => Ok((me.records(&path), Outcome::Again, Reply::Done, 0)),
            _ => Ok((0, Outcome::Again, Reply::Done, 0)),
        })
    }

    fn stage(&mut self, asker: Incarnation, txn: &Txn, records: &[Record]) -> Served {
        self.change(TxnOp::Prepare, asker, txn, |me| match me.find(asker.attempt, txn) {
            Found::Committed => Ok((0, Outcome::Again, Reply::Done, 0)),
            Found::Prepared(path) => {
                sync(&me.gate.folder(asker.attempt))?;
                Ok((me.records(&path), Outcome::Again, Reply::Done, 0))
            }
            _ => {
                let bytes = me.write(asker.attempt, txn, records)?;
                Ok((records.len() as u64, Outcome::Ok, Reply::Done, bytes))
            }
        })
    }

    /// The bytes of a transaction, whole and synced before they have its name. Most of them may be there already.
    fn write(&mut self, attempt: Attempt, txn: &Txn, records: &[Record]) -> Result<u64, Failure> {
        let (part, staged) = (self.path(attempt, txn, PART), self.path(attempt, txn, STAGED));
        let there = self.ahead.take().filter(|ahead| ahead.prefix.begins(txn, records));
        let file = there.map_or_else(|| Ahead::new(*txn, &part), Ok);
        let written = file.and_then(|mut file| {
            file.add(&records[file.prefix.records..], &mut self.buffer)?;
            file.close()
        });
        let bytes = written.map_err(|error| failure("write", &part, &error))?;
        fs::rename(&part, &staged).map_err(|error| failure("rename", &part, &error))?;
        sync(&self.gate.folder(attempt))?;
        let _ = fs::remove_file(self.path(attempt, txn, OPEN)); // where both are, it is staged
        self.counts.insert(*txn, records.len() as u64);
        Ok(bytes)
    }

    fn commit(&mut self, asker: Incarnation, txn: &Txn) -> Served {
        self.change(TxnOp::Commit, asker, txn, |me| {
            let (staged, published) = (me.path(asker.attempt, txn, STAGED), me.published(txn, asker.attempt));
            let outcome = match fs::rename(&staged, &published) {
                Ok(()) => Outcome::Ok,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    if !me.gate.folder(asker.attempt).exists() {
                        return Err(Failure::Gone);
                    }
                    match me.find(asker.attempt, txn) {
                        Found::Committed => Outcome::Again,
                        _ => return Ok((0, Outcome::Error, Reply::Expired, 0)),
                    }
                }
                Err(error) => return Err(failure("rename", &staged, &error)),
            };
            sync_folder(&me.output).map_err(Failure::Trouble)?; // whoever renamed it may not have come so far
            let known = me.counts.remove(txn);
            let records = if outcome == Outcome::Ok { known.unwrap_or_else(|| me.records(&published)) } else { 0 };
            Ok((records, outcome, Reply::Done, 0))
        })
    }

    fn fence(&mut self, asker: Incarnation, attempt: Attempt, keep: &[Txn]) -> Served {
        match self.gate.enter(attempt) {
            Ok(true) => {}
            Ok(false) => return silent(Reply::Fenced),
            Err(error) => return trouble(error),
        }
        let mut lines = vec![Kind::Fence { by: asker }];
        match self.abort(attempt, keep, &mut lines) {
            Ok(()) => Served { lines, ..silent(Reply::Done) },
            // A newer attempt came in meanwhile, and does the rest.
            Err(_) if self.gate.current().is_ok_and(|now| now > attempt) => Served { lines, ..silent(Reply::Fenced) },
            Err(error) => Served { lines, ..trouble(error) },
        }
    }

    /// Deletes what earlier attempts left that isn't to be kept.
    fn abort(&self, attempt: Attempt, keep: &[Txn], lines: &mut Vec<Kind>) -> Result<(), String> {
        let folder = self.gate.folder(attempt);
        let mut found: BTreeMap<Txn, Vec<String>> = BTreeMap::new();
        for name in names(&folder)? {
            let txn = name.split_once('.').and_then(|(txn, ending)| Some((parse_txn(txn)?, ending.to_string())));
            if let Some((txn, ending)) = txn.filter(|(txn, _)| txn.attempt < attempt) {
                found.entry(txn).or_default().push(ending);
            }
        }
        for (txn, endings) in found {
            let state = self.find(attempt, &txn);
            if keep.contains(&txn) && !matches!(state, Found::Committed) {
                continue;
            }
            let records = if let Found::Prepared(path) = &state { self.records(path) } else { 0 };
            // Prepared goes last: if this is torn, it is asked again and still told.
            for ending in [PART, OPEN, STAGED].iter().filter(|ending| endings.iter().any(|have| have == *ending)) {
                let path = self.path(attempt, &txn, ending);
                fs::remove_file(&path).map_err(|error| cannot("delete", &path, &error))?;
            }
            if matches!(state, Found::Open | Found::Prepared(_)) {
                lines.push(Kind::Txn { op: TxnOp::Abort, txn, records, outcome: Outcome::Ok });
            }
        }
        sync_folder(&folder)
    }

    /// How many records a file has; 0 if it can't be read.
    fn records(&self, path: &Path) -> u64 {
        fs::read(path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count() as u64)
    }
}

impl Ledger for Staged {
    fn serve(&mut self, asker: Incarnation, request: &Request) -> Served {
        match request {
            Request::Begin(txn) => self.begin(asker, txn),
            Request::Stage(txn, records) => self.stage(asker, txn, records),
            Request::Commit(txn) => self.commit(asker, txn),
            Request::Fence { attempt, keep } => self.fence(asker, *attempt, keep),
            _ => trouble("a sink with two phases writes nothing at once".to_string()),
        }
    }

    fn ahead(&mut self, asker: Incarnation, txn: &Txn, from: usize, records: &[Record]) {
        let open = self.ahead.take().filter(|ahead| ahead.prefix.continues(txn, from));
        let file = match open {
            Some(file) => Some(file),
            None if from > 0 || self.gate.current() != Ok(asker.attempt) => None,
            None => Ahead::new(*txn, &self.path(asker.attempt, txn, PART)).ok(),
        };
        self.ahead = file.and_then(|mut file| file.add(records, &mut self.buffer).ok().map(|()| file));
    }
}

/// Why something wasn't done.
enum Failure {
    /// The folder of the attempt isn't there: perhaps a newer one has come in.
    Gone,
    /// In words.
    Trouble(String),
}

fn failure(what: &str, path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure::Gone,
        _ => Failure::Trouble(cannot(what, path, error)),
    }
}

fn sync(folder: &Path) -> Result<(), Failure> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failure("sync", folder, &error))
}
