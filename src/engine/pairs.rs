//! Keys with values as of a moment, which are put in order when somebody looks at them.

use super::message::Datum;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

/// What a table in memory held at a moment, in no order.
pub trait Held: Send + Sync {
    /// Visits all of it. No key comes twice.
    fn each(&self, visit: &mut dyn FnMut(&Datum, Datum));
}

/// A map in the order of keys. One that is taken from a large table is put in order, in memory of its own, when it is
/// first looked at: by whoever stores it, not by whoever takes the snapshot and has records waiting.
#[derive(Clone, Default)]
pub struct Pairs {
    held: Option<Arc<dyn Held>>,
    ordered: OnceLock<BTreeMap<Datum, Datum>>,
}

impl Pairs {
    /// What is held here. It never changes.
    pub fn of(held: Arc<dyn Held>) -> Self {
        Pairs { held: Some(held), ordered: OnceLock::new() }
    }

    fn order(&self) -> BTreeMap<Datum, Datum> {
        let mut pairs = Vec::new();
        if let Some(held) = &self.held {
            held.each(&mut |key, value| pairs.push((key.clone(), value)));
        }
        pairs.into_iter().collect() // sorts first, and builds the map at once
    }
}

impl Deref for Pairs {
    type Target = BTreeMap<Datum, Datum>;

    fn deref(&self) -> &Self::Target {
        self.ordered.get_or_init(|| self.order())
    }
}

impl DerefMut for Pairs {
    fn deref_mut(&mut self) -> &mut Self::Target {
        let _ = Pairs::deref(self);
        self.held = None;
        self.ordered.get_mut().expect("it was just put in order")
    }
}

impl From<BTreeMap<Datum, Datum>> for Pairs {
    fn from(ordered: BTreeMap<Datum, Datum>) -> Self {
        Pairs { held: None, ordered: ordered.into() }
    }
}

impl FromIterator<(Datum, Datum)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (Datum, Datum)>>(pairs: I) -> Self {
        pairs.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl Debug for Pairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Pairs::deref(self).fmt(f)
    }
}

impl PartialEq for Pairs {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Pairs {}

impl Hash for Pairs {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Pairs::deref(self).hash(state);
    }
}
