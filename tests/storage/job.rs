//! A small job, and snapshots of its subtasks.

use cutline::engine::message::{Datum, Record, StoreKey, Txn};
use cutline::engine::snapshot::{Manifest, OperatorState, Part, Snapshot};
use cutline::ids::*;
use cutline::topology::*;
use cutline::trace::record::Shadow;
use std::sync::Arc;

/// Two sources, two counting subtasks, one sink: tasks 0 to 4.
pub fn topology() -> Arc<Topology> {
    let vertex = |name: &str, role, chain, parallelism| Vertex { name: name.to_string(), role, chain, parallelism };
    let edge = |from, to| Edge {
        from: VertexId(from),
        to: VertexId(to),
        partitioning: Partitioning::Hash,
        capacity: 8,
        fifo: true,
    };
    let vertices = vec![
        vertex("in", Role::Source { kind: SourceKind::Log, partitions: 2 }, vec![], 2),
        vertex("count", Role::Inner, vec![OperatorKind::KeyedCount], 2),
        vertex("out", Role::Sink(SinkKind::TwoPhase), vec![], 1),
    ];
    Arc::new(Topology::build(JobGraph { vertices, edges: vec![edge(0, 1), edge(1, 2)] }))
}

pub fn key(attempt: u32, checkpoint: u64, task: u32) -> StoreKey {
    StoreKey { attempt: Attempt(attempt), checkpoint: CheckpointId(checkpoint), task: TaskId(task) }
}

/// `count` keys, of which those below `changed` have the value `version` and the others 0.
pub fn counting(count: i64, changed: i64, version: i64) -> Snapshot {
    let value = |i: i64| Datum::Int(if i < changed { version } else { 0 });
    let keyed = (0..count).map(|i| (Datum::Text(format!("key {i}").into()), value(i))).collect();
    Snapshot { operators: vec![OperatorState { keyed, ..OperatorState::default() }], ..Snapshot::default() }
}

/// Something of everything that a snapshot can hold; `n` makes a difference.
pub fn mixed(n: i64) -> Snapshot {
    let text = |text: &str| Datum::Text(text.into());
    let pair = Datum::Pair(Arc::new((text("left"), Datum::Pair(Arc::new((Datum::Int(i64::MIN), text("")))))));
    let record = |offset| Record {
        id: RecordId { partition: PartitionId(1), part: 2, offset: Offset(offset) },
        key: text("in flight"),
        value: pair.clone(),
    };
    Snapshot {
        operators: vec![
            OperatorState {
                keyed: (0..n + 3).map(|i| (Datum::Int(i * 1000), pair.clone())).collect(),
                split: vec![Datum::Bytes(vec![0, 255, n as u8].into())],
                union: vec![text("one"), text("two")],
                broadcast: Some(Datum::Int(n)),
                below: None,
            },
            OperatorState::default(),
        ],
        offsets: vec![(PartitionId(0), Offset(n as u64), n % 2 == 0), (PartitionId(1), Offset(u64::MAX), true)],
        channels: vec![(InputIndex(0), vec![record(4), record(u64::MAX)].into()), (InputIndex(1), vec![].into())],
        transactions: vec![Txn { attempt: Attempt(1), task: TaskId(4), number: n as u64 }],
        turns: vec![0, 7],
        logs: None,
        finished: n % 3 == 0,
    }
}

pub fn shadow(n: u64) -> Arc<Shadow> {
    Arc::new(Shadow { sent: vec![n, n + 1], taken: vec![u64::MAX - n], ..Shadow::default() })
}

/// A completion record of tasks 2 to 4: the first `stored` parts are stored, the others had finished.
pub fn manifest(attempt: u32, checkpoint: u64, stored: u32) -> Arc<Manifest> {
    let part = |task| if task < stored { Part::Stored(key(attempt, checkpoint, 2 + task)) } else { Part::Finished };
    let (checkpoint, attempt) = (CheckpointId(checkpoint), Attempt(attempt));
    Arc::new(Manifest { checkpoint, attempt, parts: (0..3).map(part).collect() })
}
