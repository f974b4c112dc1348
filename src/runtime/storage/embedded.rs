//! Objects in an embedded database: one file, one process at a time.

use super::blobs::{Blobs, Created};
use super::files::{cannot, make_folder, parent, sync_folder};
use redb::{Database, DatabaseError, ReadableTable, Table, TableDefinition};
use std::path::{Path, PathBuf};

const OBJECTS: TableDefinition<&str, &[u8]> = TableDefinition::new("objects");

/// A database of objects.
#[derive(Debug)]
pub struct Embedded {
    database: Database,
    path: PathBuf,
}

impl Embedded {
    /// Opens the database, and makes it if it isn't there.
    ///
    /// # Errors
    /// In words, if it can't be made, is no database, is damaged, or is used by another process.
    pub fn open(path: &Path) -> Result<Self, String> {
        make_folder(parent(path))?;
        if !path.exists() {
            Self::make(path)?;
        }
        let database = create(path)?;
        let embedded = Embedded { database, path: path.to_path_buf() };
        embedded.write(|_| Ok(()))?; // the table is there from now on
        Ok(embedded)
    }

    /// Makes an empty one, whole or not at all: the crate's own first steps aren't one.
    fn make(path: &Path) -> Result<(), String> {
        let part = path.with_extension("part");
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot("delete", &part, &error)),
            _ => drop(create(&part)?),
        }
        std::fs::rename(&part, path).map_err(|error| cannot("rename", &part, &error))?;
        sync_folder(parent(path))
    }

    fn wrong(&self, error: impl std::fmt::Display) -> String {
        format!("cannot use {}: {error}", self.path.display())
    }

    /// One durable transaction; none of it, if there is an error.
    fn write<T>(
        &self,
        what: impl FnOnce(&mut Table<&str, &[u8]>) -> Result<T, redb::StorageError>,
    ) -> Result<T, String> {
        let transaction = self.database.begin_write().map_err(|error| self.wrong(error))?;
        let done = {
            let mut table = transaction.open_table(OBJECTS).map_err(|error| self.wrong(error))?;
            what(&mut table).map_err(|error| self.wrong(error))?
        };
        transaction.commit().map_err(|error| self.wrong(error))?;
        Ok(done)
    }
}

fn create(path: &Path) -> Result<Database, String> {
    Database::create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => format!("{} is used by another process", path.display()),
        other => format!("cannot open {}: {other}", path.display()),
    })
}

impl Blobs for Embedded {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        self.write(|table| table.insert(name, bytes).map(|_| ()))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, String> {
        self.write(|table| {
            if table.get(name)?.is_some() {
                return Ok(Created::Exists);
            }
            table.insert(name, bytes)?;
            Ok(Created::New)
        })
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let transaction = self.database.begin_read().map_err(|error| self.wrong(error))?;
        let table = transaction.open_table(OBJECTS).map_err(|error| self.wrong(error))?;
        let found = table.get(name).map_err(|error| self.wrong(error))?;
        Ok(found.map(|bytes| bytes.value().to_vec()))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, String> {
        let transaction = self.database.begin_read().map_err(|error| self.wrong(error))?;
        let table = transaction.open_table(OBJECTS).map_err(|error| self.wrong(error))?;
        let mut found = Vec::new();
        for entry in table.range(prefix..).map_err(|error| self.wrong(error))? {
            let (name, _) = entry.map_err(|error| self.wrong(error))?;
            if !name.value().starts_with(prefix) {
                break;
            }
            found.push(name.value().to_string());
        }
        Ok(found)
    }

    fn delete(&self, names: &[String]) -> Result<(), String> {
        if names.is_empty() {
            return Ok(());
        }
        self.write(|table| names.iter().try_for_each(|name| table.remove(name.as_str()).map(|_| ())))
    }

    fn show(&self, name: &str) -> String {
        format!("{}:{name}", self.path.display())
    }
}
