//! The engine on threads: sources of made-up integers, keyed counts, a two-phase sink of files; snapshots in files.
//!
//! Prints one line of JSON for each parallelism (1, 2) and each interval between checkpoints (none, 1 s, 100 ms): records
//! of the sources a CPU-second and a second, checkpoints, the median of their durations, and bytes of snapshots.
//! Before that, one line for each of some numbers of keys: how long a snapshot of them keeps a subtask from its records.
//! `--n RECORDS` of all sources, `--keys K`, `--rounds R`: of several rounds the one with the least CPU time counts; 0: none of
//! that. `--kills K`: a job of the command is killed so often, and one line says how soon it goes on.

#[allow(dead_code)] // its weather is the simulator's
mod common;
#[path = "exec/recovery.rs"]
mod recovery;

use common::{argument, cpu_seconds};
use cutline::engine;
use cutline::engine::config::Config;
use cutline::engine::message::{AbortReason, Datum, DeclineReason, Record, Wish};
use cutline::engine::operator::Chain;
use cutline::ids::*;
use cutline::runtime::book::Book;
use cutline::runtime::drive::{End, Watch, drive};
use cutline::runtime::hub::{Hub, Job};
use cutline::runtime::place::Place;
use cutline::runtime::tally::Note;
use cutline::topology::*;
use cutline::world::setup::Log;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Notes checkpoints. Where none are taken, one at the end lets the sink commit.
struct Watcher {
    records: u64,
    last: bool,
    checkpoints: Vec<Duration>,
}

impl Watch for Watcher {
    fn note(&mut self, note: Note) {
        match note {
            Note::Complete(done) => self.checkpoints.push(done.took),
            // Pending when the job ended, or begun before everybody was there.
            Note::Attempt(..)
            | Note::Aborted(_, AbortReason::Shutdown | AbortReason::Declined(DeclineReason::NotReady)) => {}
            other => panic!("{other:?}"),
        }
    }

    fn wish(&mut self, hub: &Hub) -> Option<Wish> {
        (self.last && hub.tally.read.load(Relaxed) == self.records).then(|| {
            self.last = false;
            Wish::StopWithSavepoint
        })
    }
}

struct Measured {
    cpu: f64,
    wall: f64,
    checkpoints: Vec<Duration>,
    bytes: u64,
}

fn measure(records: u64, keys: u64, parallelism: u32, interval: Option<u64>) -> Measured {
    let vertex = |name: &str, role, chain| Vertex { name: name.into(), role, chain, parallelism };
    let edge = |from, to| Edge {
        from: VertexId(from),
        to: VertexId(to),
        partitioning: Partitioning::Hash,
        capacity: 4096,
        fifo: true,
    };
    let topology = Arc::new(Topology::build(JobGraph {
        vertices: vec![
            vertex("source", Role::Source { kind: SourceKind::Log, partitions: parallelism }, vec![]),
            vertex("count", Role::Inner, vec![OperatorKind::KeyedCount]),
            vertex("sink", Role::Sink(SinkKind::TwoPhase), vec![]),
        ],
        edges: vec![edge(0, 1), edge(1, 2)],
    }));
    let interval_ms = Nanos::from_ms(interval.unwrap_or(3_600_000));
    let config = Arc::new(Config { interval: interval_ms, timeout: Nanos::from_ms(600_000), ..common::config() });
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::open(folder.path(), &topology, "files", "files").expect("a place");
    let each = records / u64::from(parallelism);
    let log = Log::Numbers { records: each, keys, values: 1, skew_tenths: 0, salt: 0 };
    let (tables, settings) = (topology.clone(), config);
    let job = Job {
        topology: topology.clone(),
        make: Box::new(move |who| engine::spawn(&tables, &settings, who)),
        logs: vec![log; parallelism as usize],
        index: None,
        outside: place,
        pace: None,
        points: None,
    };
    let mut watcher = Watcher { records: each * u64::from(parallelism), last: interval.is_none(), checkpoints: vec![] };
    let (cpu, begun) = (cpu_seconds(), Instant::now());
    let hub = Hub::new(job, Book::new(&topology, None), vec![]);
    let end = drive(&hub, Duration::from_secs(60), &mut watcher);
    let (cpu, wall) = (cpu_seconds() - cpu, begun.elapsed().as_secs_f64());
    assert!(matches!(end, End::Ended { complete: true, .. } | End::Suspended(_)), "{end:?}");
    assert_eq!(hub.tally.written.load(Relaxed), watcher.records, "every record is in the output");
    watcher.checkpoints.sort();
    Measured { cpu, wall, checkpoints: watcher.checkpoints, bytes: hub.tally.bytes.load(Relaxed) }
}

/// What a snapshot of so many keys keeps a subtask from its records for: all of it copied, and shared.
fn cut(keys: u64) {
    let mut chain = Chain::new(&[OperatorKind::KeyedCount]);
    let count = |chain: &mut Chain| {
        let record = |key| Record { id: RecordId::default(), key: Datum::Int(key as i64), value: Datum::Int(0) };
        let begun = Instant::now();
        (0..keys).for_each(|key| chain.apply(0, record(key), 0, &mut |_| {}));
        begun.elapsed()
    };
    count(&mut chain);
    let before = count(&mut chain);
    let begun = Instant::now();
    let copy = chain.state();
    let copied = begun.elapsed();
    let begun = Instant::now();
    let shared = chain.cut();
    let cut = begun.elapsed();
    let behind = count(&mut chain);
    let begun = Instant::now();
    assert!(shared == copy, "a snapshot stays as it was");
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{{\"bench\":\"cut\",\"keys\":{keys},\"copied_ms\":{:.3},\"shared_ms\":{:.3},\"ordered_ms\":{:.1},\
         \"each_key_once_ms\":{:.1},\"behind_the_cut_ms\":{:.1}}}",
        ms(copied),
        ms(cut),
        ms(begun.elapsed()),
        ms(before),
        ms(behind)
    );
}

fn main() {
    [10_000, 100_000, 1_000_000].into_iter().for_each(cut);
    let (records, keys) = (argument("--n", 4_000_000), argument("--keys", 100_000));
    recovery::recovery(keys, argument("--kills", 10));
    let rounds = argument("--rounds", 3);
    if rounds == 0 {
        return;
    }
    for parallelism in [1, 2] {
        for interval in [None, Some(1000), Some(100)] {
            let all = (0..rounds).map(|_| measure(records, keys, parallelism, interval));
            let best = all.min_by(|a, b| a.cpu.total_cmp(&b.cpu)).expect("one round at least");
            let median = best.checkpoints.get(best.checkpoints.len() / 2).map_or(0.0, Duration::as_secs_f64);
            println!(
                "{{\"bench\":\"exec\",\"parallelism\":{parallelism},\"interval_ms\":{},\"records\":{records},\
                 \"keys\":{keys},\"per_cpu_s\":{:.0},\"per_s\":{:.0},\"checkpoints\":{},\"checkpoint_ms\":{:.1},\
                 \"snapshot_bytes\":{}}}",
                interval.map_or("null".to_string(), |ms| ms.to_string()),
                records as f64 / best.cpu,
                records as f64 / best.wall,
                best.checkpoints.len(),
                median * 1e3,
                best.bytes
            );
        }
    }
}
