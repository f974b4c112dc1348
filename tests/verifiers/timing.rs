//! What the folds cost. `cargo test --release --test verifiers timing -- --ignored --nocapture`

use cutline::ids::*;
use cutline::topology::*;
use cutline::trace::event::*;
use cutline::trace::*;
use cutline::verify::{Depth, Verifier};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Records of one batch. Batches are made outside the measured time, and are small enough for the first cache, as
/// events are when a simulator hands them over one by one.
const BATCH: u64 = 40;

fn meta(mode: Mode, chain: Vec<OperatorKind>) -> Meta {
    let vertex = |name: &str, role, chain| Vertex { name: name.into(), role, chain, parallelism: 4 };
    let edge =
        |from, to| Edge { from: VertexId(from), to: VertexId(to), partitioning: Partitioning::Hash, capacity: 64 };
    let graph = JobGraph {
        vertices: vec![
            vertex("src", Role::Source { kind: SourceKind::Log, partitions: 4 }, vec![]),
            vertex("count", Role::Inner, chain),
            vertex("out", Role::Sink(SinkKind::TwoPhase), vec![]),
        ],
        edges: vec![edge(0, 1), edge(1, 2)],
    };
    let (tool, scenario) = ("test".to_string(), "timing".to_string());
    Meta { tool, scenario, seed: None, guarantee: Guarantee::ExactlyOnce, mode, graph, healed_events_max: 0 }
}

fn measure(name: &str, mode: Mode, chain: Vec<OperatorKind>, depth: Depth) {
    let counts = chain == [OperatorKind::KeyedCount];
    let meta = meta(mode, chain);
    let topology = Topology::build(meta.graph.clone());
    let mut verifier = Verifier::with_depth(&meta, depth);
    let mut n: BTreeMap<TaskId, u32> = BTreeMap::new();
    let mut m = vec![0u64; topology.channels.len()];
    let (mut last, mut count) = (vec![0i64; 64], vec![0i64; 64]);
    let (mut spent, mut events, mut best) = (Duration::ZERO, 0u64, f64::MAX);
    for round in 0..5000u64 {
        let mut batch = Vec::new();
        let mut say = |process: TaskId, kind: Kind| {
            let n = n.entry(process).or_insert(0);
            batch.push(Event { process, attempt: Attempt(1), n: *n, time: Nanos(0), kind });
            *n += 1;
        };
        for i in 0..BATCH {
            let (src, offset) = ((i % 4) as u32, round * BATCH / 4 + i / 4);
            let id = RecordId { partition: PartitionId(src), part: 0, offset: Offset(offset) };
            let key = (cutline::digest::mix(offset ^ (src as u64) << 40) % 64) as usize;
            let mut record = Record { id, key: Datum::Int(key as i64), value: Datum::Int(offset as i64) };
            let owner = Topology::owner(record.key.key_group(), 4);
            let (a, b) = ((src * 4 + owner) as usize, (16 + owner * 4 + owner) as usize);
            say(TaskId(src), Kind::Read { partition: PartitionId(src), record: record.clone() });
            say(TaskId(src), Kind::Send { channel: ChannelId(a as u32), m: m[a], record: record.clone() });
            say(TaskId(4 + owner), Kind::Apply { channel: ChannelId(a as u32), m: m[a] });
            count[key] += 1;
            let previous = std::mem::replace(&mut last[key], offset as i64);
            record.value = match counts {
                true => Datum::Int(count[key]),
                false => Datum::Pair((Datum::Int(previous), record.value).into()),
            };
            say(TaskId(4 + owner), Kind::Send { channel: ChannelId(b as u32), m: m[b], record });
            say(TaskId(8 + owner), Kind::Apply { channel: ChannelId(b as u32), m: m[b] });
            m[a] += 1;
            m[b] += 1;
        }
        let start = Instant::now();
        for event in &batch {
            assert!(!verifier.observe(event));
        }
        let elapsed = start.elapsed();
        spent += elapsed;
        best = best.min(elapsed.as_nanos() as f64 / batch.len() as f64);
        events += batch.len() as u64;
    }
    let mean = spent.as_nanos() as f64 / events as f64;
    println!("{name}: {mean:.1} ns an event, {best:.1} in the best batch ({events} events)");
}

#[test]
#[ignore = "measures time"]
fn timing() {
    let count = || vec![OperatorKind::KeyedCount];
    measure("aligned, count, sums", Mode::Aligned, count(), Depth::Sums);
    measure("aligned, count, full", Mode::Aligned, count(), Depth::Full);
    measure("unaligned, count, sums", Mode::Unaligned, count(), Depth::Sums);
    measure("aligned, last value, replay", Mode::Aligned, vec![OperatorKind::LastValue], Depth::Sums);
}
