//! The states of one depth, as rows behind one another.

/// Rows of one width, each with a number.
pub struct Layer {
    width: usize,
    rows: Vec<u32>,
    numbers: Vec<u32>,
}

impl Layer {
    /// No rows, of so many words each.
    pub fn new(width: usize) -> Self {
        Layer { width, rows: Vec::new(), numbers: Vec::new() }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// A row.
    #[inline]
    pub fn row(&self, at: usize) -> &[u32] {
        &self.rows[at * self.width..(at + 1) * self.width]
    }

    /// The number of a row.
    #[inline]
    pub fn number(&self, at: usize) -> u32 {
        self.numbers[at]
    }

    /// All rows and their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&[u32], u32)> {
        self.rows.chunks_exact(self.width).zip(self.numbers.iter().copied())
    }

    /// Adds a row; one that is shorter than the others ends in zeros.
    ///
    /// # Panics
    /// If it is longer than the others.
    #[inline]
    pub fn push(&mut self, row: &[u32], number: u32) {
        assert!(row.len() <= self.width, "a layer is widened before a wider row is put into it");
        self.rows.extend_from_slice(row);
        self.rows.resize((self.numbers.len() + 1) * self.width, 0);
        self.numbers.push(number);
    }

    /// Makes rows wider: slots were met that these states don't have.
    pub fn widen(&mut self, width: usize) {
        if width <= self.width {
            return;
        }
        let mut rows = Vec::with_capacity(self.len() * width);
        for row in self.rows.chunks_exact(self.width) {
            rows.extend_from_slice(row);
            rows.resize(rows.len() + width - self.width, 0);
        }
        (self.width, self.rows) = (width, rows);
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        (self.rows.capacity() + self.numbers.capacity()) * 4
    }
}
