//! A transaction whose records are written as they come, on a connection of its own.
//!
//! It holds no lock while it is open, and counts for nothing until it is prepared: whoever comes to that takes the subtask's
//! lock on this very connection, looks at the fence, and prepares while he holds it. If the connection is ended
//! or anything fails, the server rolls all of it back, and the transaction is written at once when that is asked.

use super::super::prefix::Prefix;
use super::At;
use super::connection::{connect, words};
use super::transactions::{Holding, lock, rows, unlock};
use crate::engine::message::{Record, Txn};
use crate::ids::*;
use ::postgres::Client;
use std::io::Write as _;

/// See the module.
pub struct Ahead {
    client: Client,
    /// What is in it.
    pub prefix: Prefix,
}

impl Ahead {
    /// Opens it. `client`: a connection that has nothing open.
    pub fn new(at: &At, client: Option<Client>, asker: Incarnation, txn: Txn) -> Result<Self, String> {
        let mut client = match client.filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => connect(&at.config, &format!("cutline p{} a{} ahead", asker.task.0, asker.attempt.0))?,
        };
        // What is in the way of a row is another transaction of that name, which may never go away.
        client.batch_execute("BEGIN; SET LOCAL lock_timeout = '1s'").map_err(words)?;
        Ok(Ahead { client, prefix: Prefix::new(txn) })
    }

    /// Adds records; how many bytes.
    pub fn add(&mut self, at: &At, records: &[Record]) -> Result<u64, String> {
        if records.is_empty() {
            return Ok(0);
        }
        let Prefix { txn, records: from, .. } = self.prefix;
        let bytes = copy(&mut self.client, at, &txn, from, records)?;
        self.prefix.grow(records);
        Ok(bytes)
    }

    /// Adds what is missing and prepares it, if the asker is in: the connection, which has nothing open, and the bytes that
    /// were missing. None: he isn't.
    pub fn prepare(mut self, at: &At, asker: Incarnation, records: &[Record]) -> Result<Option<(Client, u64)>, String> {
        let bytes = self.add(at, &records[self.prefix.records..])?;
        lock(&mut self.client, &at.schema, asker.task, false)?;
        let mut holding = Holding { at, client: &mut self.client, task: i64::from(asker.task.0) };
        if holding.inside()? != asker.attempt {
            return Ok(None); // the connection is closed, and with it lock and transaction are gone
        }
        holding.prepare(&self.prefix.txn, records.len())?;
        unlock(&mut self.client)?;
        Ok(Some((self.client, bytes)))
    }
}

/// Copies records of a transaction, from the one of this number on, into the table of output; how many bytes.
pub fn copy(client: &mut Client, at: &At, txn: &Txn, from: usize, records: &[Record]) -> Result<u64, String> {
    let rows = rows(&format!("{}\t{}\t{}", txn.task.0, txn.attempt.0, txn.number), from, records);
    let copy = format!("COPY {}.output (task, attempt, number, n, record) FROM STDIN", at.schema);
    let mut copy = client.copy_in(&copy).map_err(words)?;
    copy.write_all(rows.as_bytes()).map_err(|error| error.to_string())?;
    copy.finish().map_err(words)?;
    Ok(rows.len() as u64)
}
