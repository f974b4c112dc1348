//! Named objects that never change: all that the store asks of a disk, an object store or a database.

/// How a [`Blobs::create`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there now, with these bytes, and durable.
    New,
    /// There was one of that name, which is durable: nothing changed.
    Exists,
}

/// A place for named bytes. Names are `folder/name`, one level deep, of letters, digits and `-`.
///
/// Every error is in words for a person, with the name of what was at hand. After an error it isn't known whether the
/// change took effect; what was there before is untouched in any case, and nobody ever sees half an object.
pub trait Blobs: Send + Sync {
    /// Keeps bytes under a name, in place of what was there. Durable when it returns.
    ///
    /// # Errors
    /// See [`Blobs`].
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), String>;

    /// Keeps bytes under a name that isn't taken. Of several that try at a time, in this process or another, one
    /// succeeds. Durable when it returns.
    ///
    /// # Errors
    /// See [`Blobs`].
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, String>;

    /// What is kept under a name.
    ///
    /// # Errors
    /// See [`Blobs`].
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String>;

    /// All names that begin so, in ascending order. `prefix` holds the whole folder. What was there before the call,
    /// and still is after it, is among them.
    ///
    /// # Errors
    /// See [`Blobs`].
    fn list(&self, prefix: &str) -> Result<Vec<String>, String>;

    /// Forgets names; one that isn't taken is fine. Durable when it returns.
    ///
    /// # Errors
    /// See [`Blobs`].
    fn delete(&self, names: &[String]) -> Result<(), String>;

    /// A name, as a person would look for it: a path or an address.
    fn show(&self, name: &str) -> String;
}
