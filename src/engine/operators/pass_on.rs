//! Accounts that pass on: what a record brings is kept in halves, the rest goes to the next account.

use crate::engine::keyed::{Keyed, Stateful};
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

/// Keeps half of the value, rounded up, on the account of the key, and emits the rest for the next key. A record of which
/// nothing is left goes nowhere, so that each one goes round for a while only.
#[derive(Clone)]
pub struct PassOn {
    keys: u32,
    accounts: Keyed<i64>,
}

impl PassOn {
    /// Empty accounts, so many.
    pub fn new(keys: u32) -> Self {
        PassOn { keys, accounts: Keyed::default() }
    }
}

impl Operator for PassOn {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        let value = if let Datum::Int(value) = record.value { value } else { 0 };
        let rest = value / 2;
        let account = self.accounts.entry(&record.key);
        *account = account.wrapping_add(value - rest);
        if let Datum::Int(key) = record.key {
            record.key = Datum::Int(key.wrapping_add(1).checked_rem_euclid(self.keys.into()).unwrap_or(0));
        }
        record.id.part = record.id.part.wrapping_add(1);
        record.value = Datum::Int(rest);
        rest != 0
    }

    fn stateful(&self) -> Option<&dyn Stateful> {
        Some(&self.accounts)
    }

    fn stateful_mut(&mut self) -> Option<&mut dyn Stateful> {
        Some(&mut self.accounts)
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
