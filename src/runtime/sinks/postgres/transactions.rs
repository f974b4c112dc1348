//! One subtask's transactions.
//!
//! Whoever does something for a subtask holds its **session lock** (an advisory lock of the server) from the look at the
//! fence to the end of what he does. `COMMIT PREPARED` can't be part of a transaction that also looks at the fence; the
//! lock makes one thing of the two. A newer attempt that finds the lock held for too long ends the connection that holds
//! it: a zombie's. The server gives the lock up with the connection, and not before what it was doing is over.
//!
//! After any error the connection is dropped, and with it lock and open transaction; the request is asked again.

use super::super::{parse_txn, silent, trouble, txn_name};
use super::At;
use super::ahead::{Ahead, copy};
use super::connection::{connect, words};
use crate::engine::message::{Record, Reply, Request, Txn};
use crate::ids::*;
use crate::runtime::outside::{Ledger, Served};
use crate::trace::event::{Kind, Outcome, TxnOp};
use crate::trace::json::write_record;
use ::postgres::Client;
use ::postgres::error::SqlState;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// So often the lock is tried for, a second each time.
const TRIES: u32 = 10;

/// See the module.
pub struct Transactions {
    at: Arc<At>,
    task: TaskId,
    client: Option<Client>,
    ahead: Option<Ahead>,
    /// A second connection, between two transactions that are written ahead.
    spare: Option<Client>,
}

/// How far a transaction is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Found {
    Nothing,
    Open,
    Prepared(u64),
    Committed,
}

/// What is done while the lock is held.
pub(super) struct Holding<'a> {
    pub(super) at: &'a At,
    pub(super) client: &'a mut Client,
    pub(super) task: i64,
}

impl Transactions {
    /// The ledger of a subtask, which connects when it is needed.
    pub fn new(at: Arc<At>, task: TaskId) -> Self {
        Transactions { at, task, client: None, ahead: None, spare: None }
    }

    fn request(&mut self, client: &mut Client, asker: Incarnation, request: &Request) -> Result<Served, String> {
        if let Request::Stage(txn, records) = request
            && let Some(ahead) = self.ahead.take().filter(|ahead| ahead.prefix.begins(txn, records))
            && let Some(served) = self.finish(client, asker, ahead, (txn, records))?
        {
            return Ok(served);
        }
        let fencing = matches!(request, Request::Fence { .. });
        lock(client, &self.at.schema, self.task, fencing)?;
        let mut holding = Holding { at: &self.at, client, task: i64::from(self.task.0) };
        let served = match request {
            Request::Fence { attempt, keep } => holding.fence(asker, *attempt, keep)?,
            Request::Begin(txn) => holding.change(TxnOp::Begin, asker, txn, |me| me.begin(txn))?,
            Request::Stage(txn, records) => holding.change(TxnOp::Prepare, asker, txn, |me| me.stage(txn, records))?,
            Request::Commit(txn) => holding.change(TxnOp::Commit, asker, txn, |me| me.commit(asker.attempt, txn))?,
            _ => trouble("a sink with two phases writes nothing at once".to_string()),
        };
        unlock(client)?;
        Ok(served)
    }

    /// Prepares what was written ahead. None: something is in the way, which the ordinary way will find.
    fn finish(
        &mut self,
        client: &mut Client,
        asker: Incarnation,
        ahead: Ahead,
        (txn, records): (&Txn, &[Record]),
    ) -> Result<Option<Served>, String> {
        lock(client, &self.at.schema, self.task, false)?;
        let mut holding = Holding { at: &self.at, client, task: i64::from(self.task.0) };
        let ready = holding.inside()? == asker.attempt && holding.find(txn)? <= Found::Open;
        if ready {
            holding.note(txn, "records", records.len() as u64)?;
        }
        unlock(client)?;
        if !ready {
            return Ok(None);
        }
        let Some((spare, bytes)) = ahead.prepare(&self.at, asker, records)? else { return Ok(None) };
        self.spare = Some(spare);
        let (op, records, outcome) = (TxnOp::Prepare, records.len() as u64, Outcome::Ok);
        let lines = vec![Kind::Txn { op, txn: *txn, records, outcome }];
        Ok(Some(Served { lines, bytes, ..silent(Reply::Done) }))
    }
}

impl Ledger for Transactions {
    fn serve(&mut self, asker: Incarnation, request: &Request) -> Served {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => Ok(client),
            _ => connect(&self.at.config, &format!("cutline p{} a{}", self.task.0, asker.attempt.0)),
        };
        let served = client.and_then(|mut client| {
            let served = self.request(&mut client, asker, request)?;
            self.client = Some(client);
            Ok(served)
        });
        served.unwrap_or_else(|why| trouble(format!("{}: {why}", self.at.shown())))
    }

    fn ahead(&mut self, asker: Incarnation, txn: &Txn, from: usize, records: &[Record]) {
        let open = match self.ahead.take().filter(|ahead| ahead.prefix.continues(txn, from)) {
            None if from > 0 => return,
            None => Ahead::new(&self.at, self.spare.take(), asker, *txn),
            Some(open) => Ok(open),
        };
        // What comes to nothing here is done, and told, when the whole is asked for.
        self.ahead = open.and_then(|mut open| open.add(&self.at, records).map(|_| open)).ok();
    }
}

/// Gives the lock back.
pub(super) fn unlock(client: &mut Client) -> Result<(), String> {
    client.batch_execute("SELECT pg_advisory_unlock_all()").map_err(words)
}

/// Takes the lock of a subtask.
pub(super) fn lock(client: &mut Client, schema: &str, task: TaskId, fencing: bool) -> Result<(), String> {
    let key = format!("hashtext('{schema}'), {}", task.0);
    client.batch_execute("SET lock_timeout = '1s'").map_err(words)?;
    for _ in 0..TRIES {
        match client.batch_execute(&format!("SELECT pg_advisory_lock({key})")) {
            Ok(()) => return client.batch_execute("SET lock_timeout = 0").map_err(words),
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {}
            Err(error) => return Err(words(error)),
        }
        if fencing {
            // Should it be a newer attempt after all, that one asks again.
            let end = format!(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_locks WHERE locktype = 'advisory' AND granted
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND classid = hashtext('{schema}')::oid AND objid = {} AND pid <> pg_backend_pid()",
                task.0
            );
            client.batch_execute(&end).map_err(words)?;
        }
    }
    Err(format!("another connection holds the lock of subtask {}", task.0))
}

/// What a change did: records, outcome, reply, bytes.
type Done = (u64, Outcome, Reply, u64);

impl Holding<'_> {
    fn gid(&self, txn: &Txn) -> String {
        format!("{}{}", self.at.gids, txn_name(txn))
    }

    /// The attempt that is in; none is in at first.
    pub(super) fn inside(&mut self) -> Result<Attempt, String> {
        let row = format!("SELECT attempt FROM {}.fence WHERE task = $1", self.at.schema);
        let row = self.client.query_opt(&row, &[&self.task]).map_err(words)?;
        Ok(row.map_or(Attempt(0), |row| Attempt(row.get::<_, i64>(0) as u32)))
    }

    fn find(&mut self, txn: &Txn) -> Result<Found, String> {
        let state = format!(
            "SELECT EXISTS (SELECT 1 FROM {0}.committed WHERE task = $1 AND attempt = $2 AND number = $3),
                    EXISTS (SELECT 1 FROM pg_prepared_xacts WHERE gid = $4 AND database = current_database()),
                    EXISTS (SELECT 1 FROM {0}.begun WHERE task = $1 AND attempt = $2 AND number = $3),
                    (SELECT records FROM {0}.begun WHERE task = $1 AND attempt = $2 AND number = $3)",
            self.at.schema
        );
        let (attempt, number) = (i64::from(txn.attempt.0), txn.number as i64);
        let row = self.client.query_one(&state, &[&self.task, &attempt, &number, &self.gid(txn)]).map_err(words)?;
        Ok(match (row.get(0), row.get(1), row.get(2)) {
            (true, _, _) => Found::Committed,
            (_, true, _) => Found::Prepared(row.get::<_, Option<i64>>(3).unwrap_or(0) as u64),
            (_, _, true) => Found::Open,
            _ => Found::Nothing,
        })
    }

    /// Does something to a transaction if the asker is in.
    fn change(
        &mut self,
        op: TxnOp,
        asker: Incarnation,
        txn: &Txn,
        what: impl FnOnce(&mut Self) -> Result<Done, String>,
    ) -> Result<Served, String> {
        let now = self.inside()?;
        if now < asker.attempt {
            return Err(format!("attempt {} hasn't fenced off the earlier ones yet", asker.attempt.0));
        }
        let (records, outcome, reply, bytes) = if now == asker.attempt {
            what(self)?
        } else {
            let records = if let Found::Prepared(records) = self.find(txn)? { records } else { 0 };
            (records, Outcome::Fenced, Reply::Fenced, 0)
        };
        Ok(Served { lines: vec![Kind::Txn { op, txn: *txn, records, outcome }], bytes, ..silent(reply) })
    }

    /// Notes something about a transaction. It need not be durable before the server does something that is: what is
    /// prepared or committed later takes it along.
    fn note(&mut self, txn: &Txn, column: &str, value: u64) -> Result<(), String> {
        let Txn { attempt, number, .. } = txn;
        let (schema, task) = (&self.at.schema, self.task);
        let note = format!(
            "BEGIN; SET LOCAL synchronous_commit = off;
             INSERT INTO {schema}.begun (task, attempt, number, {column}) VALUES ({task}, {}, {number}, {value})
             ON CONFLICT (task, attempt, number) DO UPDATE SET {column} = {value}; COMMIT",
            attempt.0
        );
        self.client.batch_execute(&note).map_err(words)
    }

    fn begin(&mut self, txn: &Txn) -> Result<Done, String> {
        Ok(match self.find(txn)? {
            Found::Nothing => {
                self.note(txn, "records", 0)?;
                (0, Outcome::Ok, Reply::Done, 0)
            }
            Found::Prepared(records) => (records, Outcome::Again, Reply::Done, 0),
            _ => (0, Outcome::Again, Reply::Done, 0),
        })
    }

    fn stage(&mut self, txn: &Txn, records: &[Record]) -> Result<Done, String> {
        match self.find(txn)? {
            Found::Committed => return Ok((0, Outcome::Again, Reply::Done, 0)),
            Found::Prepared(records) => return Ok((records, Outcome::Again, Reply::Done, 0)),
            _ => self.note(txn, "records", records.len() as u64)?,
        }
        self.client.batch_execute("BEGIN").map_err(words)?;
        let bytes = copy(self.client, self.at, txn, 0, records)?;
        self.prepare(txn, records.len())?;
        Ok((records.len() as u64, Outcome::Ok, Reply::Done, bytes))
    }

    /// Prepares the transaction that is open on this connection, and that holds all the records.
    pub(super) fn prepare(&mut self, txn: &Txn, records: usize) -> Result<(), String> {
        let (schema, task, Txn { attempt, number, .. }) = (&self.at.schema, self.task, txn);
        let prepare = format!(
            "INSERT INTO {schema}.committed VALUES ({task}, {}, {number}, {records}); PREPARE TRANSACTION '{}'",
            attempt.0,
            self.gid(txn)
        );
        self.client.batch_execute(&prepare).map_err(words)
    }

    fn commit(&mut self, by: Attempt, txn: &Txn) -> Result<Done, String> {
        Ok(match self.find(txn)? {
            Found::Prepared(records) => {
                self.note(txn, "by", u64::from(by.0))?;
                self.client.batch_execute(&format!("COMMIT PREPARED '{}'", self.gid(txn))).map_err(words)?;
                (records, Outcome::Ok, Reply::Done, 0)
            }
            Found::Committed => (0, Outcome::Again, Reply::Done, 0),
            _ => (0, Outcome::Error, Reply::Expired, 0),
        })
    }

    pub(super) fn fence(&mut self, asker: Incarnation, attempt: Attempt, keep: &[Txn]) -> Result<Served, String> {
        if self.inside()? > attempt {
            return Ok(silent(Reply::Fenced));
        }
        let enter = format!(
            "INSERT INTO {}.fence VALUES ($1, $2) ON CONFLICT (task) DO UPDATE SET attempt = $2",
            self.at.schema
        );
        self.client.execute(&enter, &[&self.task, &i64::from(attempt.0)]).map_err(words)?;
        let mut lines = vec![Kind::Fence { by: asker }];
        for (txn, records) in self.left(attempt)? {
            let state = self.find(&txn)?;
            if keep.contains(&txn) || state == Found::Committed {
                continue;
            }
            if let Found::Prepared(_) = state {
                self.client.batch_execute(&format!("ROLLBACK PREPARED '{}'", self.gid(&txn))).map_err(words)?;
            }
            let forget =
                format!("DELETE FROM {}.begun WHERE task = $1 AND attempt = $2 AND number = $3", self.at.schema);
            let key = (i64::from(txn.attempt.0), txn.number as i64);
            self.client.execute(&forget, &[&self.task, &key.0, &key.1]).map_err(words)?;
            let records = if let Found::Prepared(_) = state { records } else { 0 };
            lines.push(Kind::Txn { op: TxnOp::Abort, txn, records, outcome: Outcome::Ok });
        }
        Ok(Served { lines, ..silent(Reply::Done) })
    }

    /// What earlier attempts left that isn't committed: begun or prepared, and how many records each has.
    fn left(&mut self, attempt: Attempt) -> Result<BTreeMap<Txn, u64>, String> {
        let begun = format!(
            "SELECT attempt, number, coalesce(records, 0) FROM {0}.begun WHERE task = $1 AND attempt < $2
             AND NOT EXISTS (SELECT 1 FROM {0}.committed c WHERE c.task = begun.task AND c.attempt = begun.attempt
             AND c.number = begun.number)",
            self.at.schema
        );
        let rows = self.client.query(&begun, &[&self.task, &i64::from(attempt.0)]).map_err(words)?;
        let task = TaskId(self.task as u32);
        let open = rows.iter().map(|row| {
            let [attempt, number, records] = [0, 1, 2].map(|column| row.get::<_, i64>(column));
            (Txn { attempt: Attempt(attempt as u32), task, number: number as u64 }, records as u64)
        });
        let mut left: BTreeMap<Txn, u64> = open.collect();
        let prepared = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND starts_with(gid, $1)";
        for row in self.client.query(prepared, &[&self.at.gids]).map_err(words)? {
            let gid: &str = row.get(0);
            let txn = gid.strip_prefix(&self.at.gids).and_then(parse_txn);
            if let Some(txn) = txn.filter(|txn| txn.task == task && txn.attempt < attempt) {
                left.entry(txn).or_default();
            }
        }
        Ok(left)
    }
}

/// Records as lines of `COPY`, behind the columns that they share, numbered from `from`. JSON has no tab and no line end of its own; its
/// backslashes are doubled.
pub(super) fn rows(shared: &str, from: usize, records: &[Record]) -> String {
    let (mut rows, mut line) = (String::new(), String::new());
    for (n, record) in records.iter().enumerate() {
        line.clear();
        write_record(&mut line, record);
        let _ = write!(rows, "{shared}\t{}\t", from + n);
        if line.contains('\\') {
            rows.push_str(&line.replace('\\', "\\\\"));
        } else {
            rows.push_str(&line);
        }
    }
    rows
}
