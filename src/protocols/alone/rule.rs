//! When a message makes its receiver take a checkpoint first.

/// When is a checkpoint forced, and by what?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Never: uncoordinated.
    Never,
    /// By a larger index than the own one: Briatico, Ciuffoletti & Simoncini (1984).
    Index,
    /// By vectors that tell whether a message would close a zigzag: Helary, Mostefaoui, Netzer & Raynal (2000).
    Vectors,
    /// A defect: indices are handed on, and nobody acts upon them.
    IndexIgnored,
    /// A defect: half of the condition of `Vectors`.
    VectorsByHalf,
}

/// What a process knows, and what a message carries of it.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// The number of the newest checkpoint, or a larger one that was heard of.
    pub index: u64,
    /// For each process how many checkpoints of it are known,
    pub checkpoints: Vec<u64>,
    /// whether a causal path from the last of those has a checkpoint on it,
    pub taken: Vec<bool>,
    /// and whether the own index is greater than its index.
    pub greater: Vec<bool>,
}

/// A process, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What it knows.
    pub knows: Knowledge,
    /// Whom it has sent to since its newest checkpoint.
    pub sent_to: Vec<bool>,
}

impl Peer {
    /// One of `n` that have done nothing.
    pub fn new(n: usize) -> Self {
        let knows = Knowledge { index: 0, checkpoints: vec![0; n], taken: vec![false; n], greater: vec![false; n] };
        Peer { knows, sent_to: vec![false; n] }
    }

    /// It takes a checkpoint.
    pub fn checkpoint(&mut self, me: usize) {
        self.sent_to.fill(false);
        self.knows.index += 1;
        self.knows.checkpoints[me] += 1;
        self.knows.taken.fill(true);
        self.knows.greater.fill(true);
        (self.knows.taken[me], self.knows.greater[me]) = (false, false);
    }

    /// Must it take a checkpoint before this message?
    pub fn forces(&self, me: usize, rule: Rule, message: &Knowledge) -> bool {
        let ahead = message.index > self.knows.index;
        let crosses = ahead && self.sent_to.iter().zip(&message.greater).any(|(sent, greater)| *sent && *greater);
        let returns = message.checkpoints[me] == self.knows.checkpoints[me] && message.taken[me];
        match rule {
            Rule::Never | Rule::IndexIgnored => false,
            Rule::Index => ahead,
            Rule::Vectors => crosses || returns,
            Rule::VectorsByHalf => returns,
        }
    }

    /// What is learnt from a message. A forced checkpoint comes before.
    pub fn learn(&mut self, me: usize, message: &Knowledge) {
        let mine = &mut self.knows;
        for k in (0..mine.checkpoints.len()).filter(|k| *k != me) {
            if message.index > mine.index {
                mine.greater[k] = message.greater[k];
            } else if message.index == mine.index {
                mine.greater[k] &= message.greater[k];
            }
            if message.checkpoints[k] > mine.checkpoints[k] {
                (mine.checkpoints[k], mine.taken[k]) = (message.checkpoints[k], message.taken[k]);
            } else if message.checkpoints[k] == mine.checkpoints[k] {
                mine.taken[k] |= message.taken[k];
            }
        }
        mine.index = mine.index.max(message.index);
    }
}
