//! What is said beside records and barriers: no line of a trace tells of it.

/// Counts of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Records on which a protocol wrote something.
    pub noted: u64,
    /// The bytes of that.
    pub bytes: u64,
    /// Cuts that were taken because of it.
    pub forced: u64,
    /// What subtasks told each other.
    pub asides: u64,
}

impl Beside {
    /// So many words are written on a record that is sent.
    pub fn noted(&mut self, words: usize) {
        self.noted += 1;
        self.bytes += 8 * words as u64;
    }

    /// A process takes a cut because of what is written on the record that comes next.
    pub fn forced(&mut self) {
        self.forced += 1;
    }

    /// A subtask tells another one something.
    pub fn aside(&mut self) {
        self.asides += 1;
    }
}
