//! A reader of what is committed.

use super::At;
use super::connection::words;
use crate::engine::message::{Record, Txn};
use crate::ids::*;
use crate::runtime::outside::{Batch, Consumer};
use crate::trace::json::read_record;
use ::postgres::Client;
use std::collections::BTreeSet;
use std::sync::Arc;

/// See the module.
pub struct Reader {
    at: Arc<At>,
    client: Option<Client>,
    seen: BTreeSet<Txn>,
}

impl Reader {
    /// One that has seen nothing.
    pub fn new(at: Arc<At>) -> Self {
        Reader { at, client: None, seen: BTreeSet::new() }
    }

    fn new_ones(&self, client: &mut Client) -> Result<Vec<Batch>, String> {
        let name = &self.at.schema;
        let list = format!(
            "SELECT task, attempt, number, coalesce(by, attempt) FROM {name}.committed
             LEFT JOIN {name}.begun USING (task, attempt, number)"
        );
        let rows = client.query(&list, &[]).map_err(words)?;
        let row = |row: &::postgres::Row| {
            let attempt = |at: usize| Attempt(row.get::<_, i64>(at) as u32);
            let task = TaskId(row.get::<_, i64>(0) as u32);
            (attempt(3), Txn { attempt: attempt(1), task, number: row.get::<_, i64>(2) as u64 })
        };
        let mut new: Vec<(Attempt, Txn)> = rows.iter().map(row).filter(|(_, txn)| !self.seen.contains(txn)).collect();
        // What was restored was committed by an attempt before it committed anything of its own.
        new.sort_by_key(|(by, txn)| (*by, txn.attempt, txn.number, txn.task));
        let read =
            format!("SELECT record FROM {name}.output WHERE task = $1 AND attempt = $2 AND number = $3 ORDER BY n");
        let read = client.prepare(&read).map_err(words)?;
        let batch = |(by, txn): (Attempt, Txn)| {
            let key = [i64::from(txn.task.0), i64::from(txn.attempt.0), txn.number as i64];
            let rows = client.query(&read, &[&key[0], &key[1], &key[2]]).map_err(words)?;
            let record = |(n, row): (usize, &::postgres::Row)| {
                read_record(row.get(0), n as u64).map_err(|error| format!("{name}.output, {txn:?}, n = {error}"))
            };
            let records = rows.iter().enumerate().map(record).collect::<Result<Vec<Record>, String>>()?;
            Ok(Batch { from: Incarnation { task: txn.task, attempt: by }, txn: Some(txn), records })
        };
        new.into_iter().map(batch).collect()
    }
}

impl Consumer for Reader {
    fn look(&mut self) -> Result<Vec<Batch>, String> {
        let mut client = self.at.reader(self.client.take())?;
        let batches = self.new_ones(&mut client).map_err(|why| format!("{}: {why}", self.at.shown()))?;
        self.client = Some(client);
        self.seen.extend(batches.iter().filter_map(|batch| batch.txn));
        Ok(batches)
    }
}
