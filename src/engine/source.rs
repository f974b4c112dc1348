//! Reading partitions: replayable logs with offsets, and sockets that forget.

use super::process::ANY_OFFSET;
use crate::ids::*;
use crate::topology::SourceKind;

/// The partitions of one source subtask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reader {
    kind: SourceKind,
    positions: Vec<(PartitionId, Offset, bool)>, // next offset, end reached
}

impl Reader {
    /// Nothing read yet.
    pub fn new(kind: SourceKind, partitions: &[PartitionId]) -> Self {
        Reader { kind, positions: partitions.iter().map(|p| (*p, Offset(0), false)).collect() }
    }

    /// What to read next from the n-th partition.
    pub fn wants(&self, slot: usize) -> Option<(PartitionId, Offset)> {
        let (partition, offset, ended) = *self.positions.get(slot)?;
        let offset = if self.kind == SourceKind::Socket { ANY_OFFSET } else { offset };
        (!ended).then_some((partition, offset))
    }

    /// A record was read: go on behind it.
    ///
    /// # Panics
    /// If it isn't the record that was wanted.
    pub fn read(&mut self, partition: PartitionId, offset: Offset) {
        let position = self.position(partition);
        assert!(!position.2, "nothing is read from {partition} after its end");
        position.1 = offset.next();
    }

    /// The end of a partition was reached; true if it was the last one.
    pub fn end(&mut self, partition: PartitionId) -> bool {
        self.position(partition).2 = true;
        self.ended()
    }

    /// Has every partition ended?
    pub fn ended(&self) -> bool {
        self.positions.iter().all(|(_, _, ended)| *ended)
    }

    fn position(&mut self, partition: PartitionId) -> &mut (PartitionId, Offset, bool) {
        let found = self.positions.iter_mut().find(|(p, _, _)| *p == partition);
        found.expect("a source reads its own partitions")
    }

    /// The positions, for the snapshot.
    pub fn positions(&self) -> &[(PartitionId, Offset, bool)] {
        &self.positions
    }

    /// Puts positions into place. A socket keeps none: what was read is gone.
    pub fn restore(&mut self, positions: &[(PartitionId, Offset, bool)]) {
        assert_eq!(positions.len(), self.positions.len(), "a snapshot is restored into the subtask that took it");
        self.positions.copy_from_slice(positions);
    }
}
