//! Output in PostgreSQL, with its own two-phase commit: `PREPARE TRANSACTION` when a checkpoint is taken, `COMMIT
//! PREPARED` when it is complete.
//!
//! All of a sink is in one schema:
//!
//! | table | what |
//! | --- | --- |
//! | `output` | the records of a two-phase sink; whoever reads it sees what is committed and nothing else |
//! | `newest` | the newest record of each key, of an upsert sink |
//! | `readable` | the same as a view, with key and value apart |
//! | `committed` | a row for each transaction, inserted by itself: it is visible when its records are |
//! | `begun` | transactions that were opened, and who went to commit them |
//! | `fence` | the newest attempt of each subtask |
//! | `job` | whose schema it is |
//!
//! Prepared transactions outlive connections and servers; their names are `SCHEMA-ID:a7-p5-n3`.

mod ahead;
mod connection;
mod reader;
mod transactions;
mod upserts;

use super::Sink;
use crate::ids::*;
use crate::runtime::outside::{Consumer, Ledger};
use crate::runtime::storage::blobs::Blobs as _;
use crate::runtime::storage::files::{Files, nonce};
use crate::topology::SinkKind;
use ::postgres::{Client, Config};
use connection::{connect, words};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

/// One sink's schema, and the way to it.
pub struct Postgres {
    at: Arc<At>,
    kind: SinkKind,
}

/// What its ledgers and readers need to know.
struct At {
    config: Config,
    /// The schema's name; plain, so that it needs no quotes.
    schema: String,
    /// Before the names of its prepared transactions, which all databases of a server share.
    gids: String,
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS job (id text PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS fence (task bigint PRIMARY KEY, attempt bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS begun (task bigint, attempt bigint, number bigint, records bigint, by bigint,
        PRIMARY KEY (task, attempt, number));
    CREATE TABLE IF NOT EXISTS committed (task bigint, attempt bigint, number bigint, records bigint NOT NULL,
        PRIMARY KEY (task, attempt, number));
    CREATE TABLE IF NOT EXISTS output (task bigint, attempt bigint, number bigint, n bigint, record text NOT NULL,
        PRIMARY KEY (task, attempt, number, n));
    CREATE TABLE IF NOT EXISTS newest (key text PRIMARY KEY, task bigint, attempt bigint, n bigint,
        record text NOT NULL);";

impl Postgres {
    /// Connects, and makes the schema if it isn't there. `address`: `postgres://user@host/database`, and `#schema` at its
    /// end if it is to have a name of its own; a password may also be in `PGPASSWORD`. `folder`: where it is noted whose
    /// schema it is.
    ///
    /// # Errors
    /// In words without any password: no such server, one that takes no prepared transactions, a schema of another job,
    /// a kind of sink that is neither two-phase nor upsert.
    pub fn open(address: &str, folder: &Path, kind: SinkKind) -> Result<Self, String> {
        if kind == SinkKind::Print {
            return Err("PostgreSQL takes the output of `two_phase` and `upsert` sinks only".to_string());
        }
        let (url, schema) = address.split_once('#').map_or((address, None), |(url, schema)| (url, Some(schema)));
        // The crate's error names the part that is wrong, never its content.
        let mut config = Config::from_str(url).map_err(|error| format!("the address of the database: {error}"))?;
        if config.get_password().is_none()
            && let Some(password) = std::env::var_os("PGPASSWORD")
        {
            config.password(password.into_encoded_bytes());
        }
        let files = Files::open(folder)?;
        files.create(NOTE, format!("{:016x}", nonce()).as_bytes())?;
        let id = files.get(NOTE)?.and_then(|id| String::from_utf8(id).ok()).unwrap_or_default();
        let schema = schema.map_or_else(|| format!("cutline_{id}"), str::to_string);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !schema.starts_with(|c: char| c.is_ascii_lowercase()) || !schema.chars().all(plain) || schema.len() > 60 {
            return Err(format!("`{schema}` is no name for a schema: up to 60 of a-z, 0-9 and _, a letter first"));
        }
        let at = At { config, gids: format!("{schema}-{id}:"), schema };
        at.prepare(&id, kind).map_err(|problem| format!("{}: {problem}", at.shown()))?;
        Ok(Postgres { at: Arc::new(at), kind })
    }
}

const NOTE: &str = "postgres/id";

impl At {
    /// The server and the schema, as people may see them.
    fn shown(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(::postgres::config::Host::Tcp(host)) => host.clone(),
            Some(::postgres::config::Host::Unix(path)) => path.display().to_string(),
            None => "no host".to_string(),
        };
        format!("PostgreSQL at {host}, schema {}", self.schema)
    }

    /// The connection of somebody who reads what is visible: the last one, or a new one where that is closed.
    fn reader(&self, last: Option<Client>) -> Result<Client, String> {
        match last {
            Some(client) if !client.is_closed() => Ok(client),
            _ => connect(&self.config, "cutline reader"),
        }
    }

    fn prepare(&self, id: &str, kind: SinkKind) -> Result<(), String> {
        let mut client = connect(&self.config, "cutline")?;
        let row = client.query_one("SELECT current_setting('max_prepared_transactions')::int", &[]);
        if row.map_err(words)?.get::<_, i32>(0) == 0 && kind == SinkKind::TwoPhase {
            return Err("it takes no prepared transactions: set max_prepared_transactions in postgresql.conf to \
                        more than twice the number of sink subtasks"
                .to_string());
        }
        let mut all = client.transaction().map_err(words)?;
        let name = &self.schema;
        let shown = if kind == SinkKind::Upsert { "newest" } else { "output" };
        // Of several that make it at a time, all but one wait.
        let begin = format!(
            "SELECT pg_advisory_xact_lock(hashtext('{name}'), -1); CREATE SCHEMA IF NOT EXISTS {name};
             SET LOCAL search_path = {name}; SET LOCAL client_min_messages = warning; {TABLES}
             CREATE OR REPLACE VIEW readable AS
                SELECT record::json -> 'key' AS key, record::json -> 'value' AS value FROM {shown};"
        );
        all.batch_execute(&begin).map_err(words)?;
        all.execute("INSERT INTO job SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM job)", &[&id]).map_err(words)?;
        let owner: String = all.query_one("SELECT id FROM job", &[]).map_err(words)?.get(0);
        if owner != id {
            return Err("it holds the output of another job".to_string());
        }
        all.commit().map_err(words)
    }
}

impl Sink for Postgres {
    fn ledger(&self, task: TaskId) -> Result<Box<dyn Ledger>, String> {
        Ok(match self.kind {
            SinkKind::Upsert => Box::new(upserts::Upserts::new(self.at.clone(), task)),
            _ => Box::new(transactions::Transactions::new(self.at.clone(), task)),
        })
    }

    fn consumer(&self) -> Result<Box<dyn Consumer>, String> {
        Ok(match self.kind {
            SinkKind::Upsert => Box::new(upserts::Newest::new(self.at.clone())),
            _ => Box::new(reader::Reader::new(self.at.clone())),
        })
    }

    fn remove(&self) -> Result<(), String> {
        let mut client = connect(&self.at.config, "cutline")?;
        let left = client.query("SELECT gid FROM pg_prepared_xacts WHERE starts_with(gid, $1)", &[&self.at.gids]);
        for row in left.map_err(words)? {
            let gid: String = row.get(0);
            client.batch_execute(&format!("ROLLBACK PREPARED '{gid}'")).map_err(words)?;
        }
        let drop = format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS {} CASCADE", self.at.schema);
        client.batch_execute(&drop).map_err(words)
    }
}
