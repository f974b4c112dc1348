//! A list of entries in chunks that a snapshot shares with its owner until one of them changes: copy on write.

use std::sync::Arc;

/// So many entries are copied when one of them changes behind a cut.
pub const CHUNK: usize = 256;

/// Entries `K` and `V`, numbered from 0 in the order in which they came.
#[derive(Clone, Debug)]
pub struct Chunks<K, V> {
    chunks: Vec<Chunk<K, V>>,
    len: usize,
}

/// Entries that belong to nobody any more, and may be shared.
pub type Still<K, V> = Arc<Vec<(K, V)>>;

#[derive(Clone, Debug)]
enum Chunk<K, V> {
    Own(Vec<(K, V)>),
    Still(Still<K, V>),
}

impl<K, V> Default for Chunks<K, V> {
    fn default() -> Self {
        Chunks { chunks: Vec::new(), len: 0 }
    }
}

impl<K: Clone, V: Clone> Chunk<K, V> {
    #[inline(always)]
    fn entries(&self) -> &[(K, V)] {
        match self {
            Chunk::Own(entries) => entries,
            Chunk::Still(entries) => entries,
        }
    }

    #[inline(always)]
    fn own(&mut self) -> &mut Vec<(K, V)> {
        if matches!(self, Chunk::Still(_)) {
            self.copy();
        }
        let Chunk::Own(entries) = self else { unreachable!("it was just copied") };
        entries
    }

    /// Nobody has to be spared any more if the snapshot is gone.
    #[cold]
    fn copy(&mut self) {
        if let Chunk::Still(entries) = std::mem::replace(self, Chunk::Own(Vec::new())) {
            *self = Chunk::Own(Arc::unwrap_or_clone(entries));
        }
    }

    fn still(&mut self) -> Still<K, V> {
        let entries = match self {
            Chunk::Own(entries) => Arc::new(std::mem::take(entries)),
            Chunk::Still(entries) => entries.clone(),
        };
        *self = Chunk::Still(entries.clone());
        entries
    }
}

impl<K: Clone, V: Clone> Chunks<K, V> {
    /// How many there are.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.len
    }

    /// The key of one.
    ///
    /// # Panics
    /// As `value`: if there is no such entry.
    #[inline(always)]
    pub fn key(&self, at: usize) -> &K {
        &self.chunks[at / CHUNK].entries()[at % CHUNK].0
    }

    /// The value of one, to change it.
    #[inline(always)]
    pub fn value(&mut self, at: usize) -> &mut V {
        &mut self.chunks[at / CHUNK].own()[at % CHUNK].1
    }

    /// One more, behind all others.
    pub fn push(&mut self, key: K, value: V) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Chunk::Own(Vec::new()));
        }
        self.chunks[self.len / CHUNK].own().push((key, value));
        self.len += 1;
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.chunks.iter().flat_map(Chunk::entries)
    }

    /// All of them, and none are left.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> + use<K, V> {
        let all = std::mem::take(self);
        all.chunks.into_iter().flat_map(|mut chunk| std::mem::take(chunk.own()))
    }

    /// All of them as they are now. They aren't copied, and nothing that is changed later changes these.
    pub fn cut(&mut self) -> Vec<Still<K, V>> {
        self.chunks.iter_mut().map(Chunk::still).collect()
    }
}
