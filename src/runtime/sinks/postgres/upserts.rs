//! One subtask's rows, of which there is one for each key: the newest counts.
//!
//! Records wait until there are enough of them, for a moment, or until a flush, and are then written by one statement while
//! the subtask's lock is held and its attempt is in. What of a key is overwritten before that is never seen. After an error
//! they wait on, and are written with what comes next: writing them twice changes nothing.

use super::super::{silent, trouble};
use super::At;
use super::connection::{connect, words};
use super::transactions::{Holding, lock, unlock};
use crate::engine::message::{Datum, Record, Reply, Request};
use crate::ids::*;
use crate::runtime::outside::{Batch, Consumer, Ledger, Served};
use crate::trace::json::{read_record, write_record};
use ::postgres::Client;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many keys wait at most, and so long.
const WAITING_MAX: usize = 1000;
const WAITING_FOR: Duration = Duration::from_millis(100);

/// See the module.
pub struct Upserts {
    at: Arc<At>,
    task: TaskId,
    client: Option<Client>,
    waiting: BTreeMap<Datum, (i64, Record)>, // with the number of the record among all of this ledger
    next: i64,
    since: Instant,
    fenced: bool,
}

impl Upserts {
    /// The ledger of a subtask, which connects when it is needed.
    pub fn new(at: Arc<At>, task: TaskId) -> Self {
        let (waiting, since) = (BTreeMap::new(), Instant::now());
        Upserts { at, task, client: None, waiting, next: 0, since, fenced: false }
    }

    /// Does something while the subtask's lock is held.
    fn locked<T>(
        &mut self,
        asker: Incarnation,
        fencing: bool,
        what: impl FnOnce(&mut Holding) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => connect(&self.at.config, &format!("cutline p{} a{}", self.task.0, asker.attempt.0))?,
        };
        lock(&mut client, &self.at.schema, self.task, fencing)?;
        let done = what(&mut Holding { at: &self.at, client: &mut client, task: i64::from(self.task.0) })?;
        unlock(&mut client)?;
        self.client = Some(client);
        Ok(done)
    }

    fn write(&mut self, asker: Incarnation, record: &Record) -> Result<(), String> {
        if self.waiting.is_empty() {
            self.since = Instant::now();
        }
        self.waiting.insert(record.key.clone(), (self.next, record.clone()));
        self.next += 1;
        if self.waiting.len() < WAITING_MAX && self.since.elapsed() < WAITING_FOR {
            return Ok(());
        }
        self.since = Instant::now(); // after an error it isn't tried at every record
        self.hand_over(asker).map(drop)
    }

    /// Writes what waits, if the asker is in.
    fn hand_over(&mut self, asker: Incarnation) -> Result<Reply, String> {
        let waiting = std::mem::take(&mut self.waiting);
        let written = self.locked(asker, false, |holding| {
            let now = holding.inside()?;
            if now < asker.attempt {
                return Err(format!("attempt {} hasn't fenced off the earlier ones yet", asker.attempt.0));
            }
            if now > asker.attempt {
                return Ok(Reply::Fenced);
            }
            if !waiting.is_empty() {
                write_rows(holding, asker, &waiting)?;
            }
            Ok(Reply::Done)
        });
        match &written {
            Ok(reply) => self.fenced |= *reply == Reply::Fenced,
            Err(_) => self.waiting = waiting,
        }
        written
    }
}

/// Rows in the order of their keys, so that two subtasks that write the same ones wait for each other in one direction.
fn write_rows(
    holding: &mut Holding,
    asker: Incarnation,
    waiting: &BTreeMap<Datum, (i64, Record)>,
) -> Result<(), String> {
    let line = |record: &Record| {
        let mut line = String::new();
        write_record(&mut line, record);
        line
    };
    // The key as a reader sees it: what a record without anything else is.
    let key = |key: &Datum| line(&Record { id: RecordId::default(), key: key.clone(), value: Datum::Int(0) });
    let keys: Vec<String> = waiting.keys().map(key).collect();
    let numbers: Vec<i64> = waiting.values().map(|(n, _)| *n).collect();
    let lines: Vec<String> = waiting.values().map(|(_, record)| line(record)).collect();
    let write = format!(
        "INSERT INTO {}.newest (key, task, attempt, n, record)
         SELECT (line::json -> 'key')::text, $1, $2, n, record FROM unnest($3::text[], $4::bigint[], $5::text[])
         AS waiting (line, n, record)
         ON CONFLICT (key) DO UPDATE SET task = excluded.task, attempt = excluded.attempt, n = excluded.n,
         record = excluded.record",
        holding.at.schema
    );
    let attempt = i64::from(asker.attempt.0);
    holding.client.execute(&write, &[&holding.task, &attempt, &keys, &numbers, &lines]).map(drop).map_err(words)
}

impl Ledger for Upserts {
    fn serve(&mut self, asker: Incarnation, request: &Request) -> Served {
        let served = match request {
            Request::Write(_) if self.fenced => Ok(silent(Reply::Done)), // nobody waits for an answer
            Request::Flush if self.fenced => Ok(silent(Reply::Fenced)),
            Request::Write(record) => self.write(asker, record).map(|()| silent(Reply::Done)),
            Request::Flush => self.hand_over(asker).map(silent),
            Request::Fence { attempt, .. } => self.locked(asker, true, |holding| holding.fence(asker, *attempt, &[])),
            _ => Err("a sink that overwrites has no transactions".to_string()),
        };
        served.unwrap_or_else(|why| trouble(format!("{}: {why}", self.at.shown())))
    }
}

/// A reader of the newest rows.
pub struct Newest {
    at: Arc<At>,
    client: Option<Client>,
    seen: BTreeMap<i64, (i64, i64)>, // by task: the newest attempt and number
}

impl Newest {
    /// One that has seen nothing.
    pub fn new(at: Arc<At>) -> Self {
        Newest { at, client: None, seen: BTreeMap::new() }
    }

    fn new_ones(&mut self, client: &mut Client) -> Result<Vec<Batch>, String> {
        let list = format!("SELECT task, attempt, n, record FROM {}.newest ORDER BY attempt, task, n", self.at.schema);
        let mut batches: Vec<Batch> = Vec::new();
        for row in client.query(&list, &[]).map_err(words)? {
            let [task, attempt, n] = [0, 1, 2].map(|column| row.get::<_, i64>(column));
            if self.seen.get(&task).is_some_and(|seen| *seen >= (attempt, n)) {
                continue;
            }
            self.seen.insert(task, (attempt, n));
            let record = read_record(row.get(3), n as u64).map_err(|error| error.to_string())?;
            let from = Incarnation { task: TaskId(task as u32), attempt: Attempt(attempt as u32) };
            match batches.last_mut() {
                Some(batch) if batch.from == from => batch.records.push(record),
                _ => batches.push(Batch { from, txn: None, records: vec![record] }),
            }
        }
        Ok(batches)
    }
}

impl Consumer for Newest {
    fn look(&mut self) -> Result<Vec<Batch>, String> {
        let mut client = self.at.reader(self.client.take())?;
        let batches = self.new_ones(&mut client).map_err(|why| format!("{}: {why}", self.at.shown()))?;
        self.client = Some(client);
        Ok(batches)
    }
}
