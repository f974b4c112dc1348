//! Content that is shared and never changes, behind a pointer of one word: what makes a datum two words long, and
//! a record six. Records are moved more often than they are looked into.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A shared `T`: text, or bytes.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shared<T: ?Sized>(Arc<Box<T>>);

impl<T: ?Sized> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl From<&str> for Shared<str> {
    fn from(text: &str) -> Self {
        Shared(Arc::new(text.into()))
    }
}

impl From<String> for Shared<str> {
    fn from(text: String) -> Self {
        Shared(Arc::new(text.into()))
    }
}

impl From<Vec<u8>> for Shared<[u8]> {
    fn from(bytes: Vec<u8>) -> Self {
        Shared(Arc::new(bytes.into()))
    }
}
