//! Objects in memory: durable as long as the process. For tests, and to tell what a disk costs.

use super::blobs::{Blobs, Created};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Objects in memory.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Memory {
    fn with<T>(&self, what: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> T {
        what(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Blobs for Memory {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        self.with(|objects| objects.insert(name.to_string(), bytes.to_vec()));
        Ok(())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, String> {
        Ok(self.with(|objects| match objects.contains_key(name) {
            true => Created::Exists,
            false => {
                objects.insert(name.to_string(), bytes.to_vec());
                Created::New
            }
        }))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.with(|objects| objects.get(name).cloned()))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, String> {
        Ok(self.with(|objects| objects.keys().filter(|name| name.starts_with(prefix)).cloned().collect()))
    }

    fn delete(&self, names: &[String]) -> Result<(), String> {
        self.with(|objects| names.iter().for_each(|name| drop(objects.remove(name))));
        Ok(())
    }

    fn show(&self, name: &str) -> String {
        format!("memory:{name}")
    }
}
