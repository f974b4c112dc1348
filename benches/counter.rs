//! The workload `counter/1`: 2 sources, 4 keyed counters, 1 two-phase sink, all-to-all into the counters, links of
//! 1 to 10 ms, batches of 32 records a millisecond, a checkpoint every 100 ms; digest, verifiers and coverage on.
//!
//! Prints one line of JSON a round. `--n RECORDS` a source, `--runs R` (one after another, each with a seed of its
//! own, set-up included), `--rounds K`, `--bare` (no verifiers). `--parts`: instead, where the time of a delivered
//! message goes, by doing a part alone or leaving it out. `--peers DIR`: instead, a table with other programs that do the
//! same work, built into that folder. Both take the least CPU time of several rounds (`--rounds`, 9 if not given), for
//! whatever else runs on the machine only ever adds to it.

mod common;
#[path = "common/peers.rs"]
mod peers;

use common::{argument, cpu_seconds};
use cutline::engine;
use cutline::engine::config::Config;
use cutline::ids::*;
use cutline::sim::queue::Queue;
use cutline::sim::run::{Keep, run};
use cutline::sim::setup::{Latency, Pace, SimSetup};
use cutline::topology::*;
use cutline::trace::digest::TraceDigest;
use cutline::trace::event::{Event, Guarantee, Kind};
use cutline::world::setup::{Log, Setup};
use std::sync::Arc;

const KEYS: u64 = 64;
/// So many events lie near the processor, and so often each is gone over.
const NEAR: usize = 128;
const TIMES: u64 = 8;

fn setup(n: u64) -> (Arc<Setup>, Arc<SimSetup>) {
    let vertex = |name: &str, role, chain, parallelism| Vertex { name: name.into(), role, chain, parallelism };
    let edge = |from, to, partitioning| Edge {
        from: VertexId(from),
        to: VertexId(to),
        partitioning,
        capacity: 4096,
        fifo: true,
    };
    let graph = JobGraph {
        vertices: vec![
            vertex("source", Role::Source { kind: SourceKind::Log, partitions: 2 }, vec![], 2),
            vertex("counter", Role::Inner, vec![OperatorKind::KeyedCount], 4),
            vertex("sink", Role::Sink(SinkKind::TwoPhase), vec![], 1),
        ],
        edges: vec![edge(0, 1, Partitioning::Hash), edge(1, 2, Partitioning::Hash)],
    };
    let ms = Nanos::from_ms;
    let config = Config { interval: ms(100), timeout: ms(10_000), retry: ms(1_000), ..common::config() };
    let setup = Setup {
        name: "counter/1".into(),
        topology: Arc::new(Topology::build(graph)),
        config: Arc::new(config),
        spawn: engine::spawn,
        guarantee: Guarantee::ExactlyOnce,
        logs: vec![Log::Numbers { records: n, keys: KEYS, values: 1, skew_tenths: 0, salt: 0 }; 2],
        hosts: vec![HostId(0); 7],
        transaction_timeout: None,
        remember: false,
        instant: false,
        healed_events_max: u64::MAX / 2,
    };
    let link = Latency::Uniform { min: ms(1), max: ms(10) };
    let sim = common::weather(link, vec![Pace { batch: 32, pause: ms(1) }; 2]);
    (Arc::new(setup), Arc::new(sim))
}

/// The sum of the counts that the sink must see: the keys depend on the position alone.
fn expected(n: u64) -> u64 {
    let mut counts = [0u64; KEYS as usize];
    for source in 0..2u64 {
        for i in 0..n {
            counts[(cutline::digest::mix(source << 32 | i) as u32 as u64 % KEYS) as usize] += 1;
        }
    }
    counts.iter().map(|count| count * (count + 1) / 2).sum()
}

/// How long it takes, in nanoseconds for each of `messages`.
fn time(messages: u64, work: impl FnOnce()) -> f64 {
    let start = cpu_seconds();
    work();
    (cpu_seconds() - start) * 1e9 / messages as f64
}

/// Goes over the events a few at a time, so that what is measured is work on events and not their way from memory.
fn over(events: &[Event], mut work: impl FnMut(&Event)) {
    for chunk in events.chunks(NEAR) {
        (0..TIMES).for_each(|_| chunk.iter().for_each(&mut work));
    }
}

/// How often a run asks its queue: records that are due at once, behind each other, are taken together.
fn turns(events: &[Event]) -> u64 {
    let taken = |event: &Event| match event.kind {
        Kind::Read { partition, .. } => Some((event.time, false, partition.0)),
        Kind::Apply { channel, .. } => Some((event.time, true, channel.0)),
        _ => None,
    };
    let mut last = None;
    events.iter().filter_map(taken).filter(|taken| last.replace(*taken) != Some(*taken)).count() as u64
}

/// One in, one out, as many as heads and partitions are in the queue of a run; delays as in a run.
fn turn_queue(turns: u64) {
    let (mut queue, mut sum) = (Queue::default(), 0u64);
    let delay = |word: u64| 1_000_000 + cutline::digest::mix(word) % 9_000_000;
    (0..14).for_each(|i| queue.push(delay(i), i as u32));
    for i in 0..turns {
        let (due, payload) = queue.pop().expect("as many go in as come out");
        sum = sum.wrapping_add(due);
        queue.push(due + delay(i), payload);
    }
    assert_ne!(sum, 0);
}

/// Where the time goes: the digest and the making of events by themselves, the verifiers by leaving them out, and
/// steps (with channels, dice and counters of messages) as what is left. The least of each over some rounds.
fn parts(n: u64, rounds: u64) {
    let (setup, sim) = setup(n);
    let keeping = |keep: Keep| run(&setup, &sim, 0, keep);
    let bare = Keep { unjudged: true, ..Keep::default() };
    let messages = keeping(bare).delivered;
    let events = keeping(Keep { trace: true, ..bare }).trace.expect("the trace was kept");
    let turns = turns(&events);
    let mut least = [f64::INFINITY; 5];
    for _ in 0..rounds {
        let round = [
            time(messages, || drop(keeping(Keep::default()))),
            time(messages, || drop(keeping(bare))),
            time(messages * TIMES, || turn_queue(turns * TIMES)),
            time(messages * TIMES, || {
                let mut digest = TraceDigest::new(setup.topology.processes());
                over(&events, |event| digest.add(event));
                std::hint::black_box(digest.overall());
            }),
            time(messages * TIMES, || {
                over(&events, |event| drop(std::hint::black_box(event.spot().event(event.kind.clone()))));
            }),
        ];
        least.iter_mut().zip(round).for_each(|(least, time)| *least = least.min(time));
    }
    let [all, unjudged, queue, digest, record] = least;
    let (step, folds) = (unjudged - queue - digest, all - unjudged);
    println!(
        "{{\"all\":{all:.1},\"queue\":{queue:.1},\"step\":{step:.1},\"digest\":{digest:.1},\"folds\":{folds:.1},\"folds_share\":{:.3},\"record_if_kept\":{record:.1}}}",
        folds / all
    );
}

fn main() {
    if std::env::args().any(|argument| argument == "--parts") {
        return parts(argument("--n", 250_000), argument("--rounds", 9));
    }
    if let Some(folder) = std::env::args().skip_while(|argument| argument != "--peers").nth(1) {
        return peers::table(folder.as_ref(), argument("--rounds", 9));
    }
    let (n, runs, rounds) = (argument("--n", 1_000_000), argument("--runs", 1), argument("--rounds", 1));
    let unjudged = std::env::args().any(|argument| argument == "--bare");
    let (setup, sim) = setup(n);
    let want = expected(n).wrapping_mul(runs);
    for _ in 0..rounds {
        let start = cpu_seconds();
        let (mut delivered, mut check, mut events, mut checkpoints) = (0, 0u64, 0, 0u64);
        for seed in 0..runs {
            let run = run(&setup, &sim, seed, Keep { unjudged, ..Keep::default() });
            assert!(run.panic.is_none() && run.ended == Some(true), "the run ends well: {:?}", run.panic);
            if let Some(report) = &run.report {
                let held =
                    report.verdicts.iter().all(|(_, verdict)| matches!(verdict, cutline::verify::Verdict::Holds));
                assert!(held, "every invariant holds: {:?}", report.verdicts);
            }
            delivered += run.delivered;
            check = check.wrapping_add(run.visible_sum);
            events += run.events;
            checkpoints += run.coverage.words().count() as u64;
        }
        let seconds = cpu_seconds() - start;
        assert_eq!(check, want, "the sink's sum is right");
        println!(
            "{{\"bench\":\"cutline\",\"delivered\":{delivered},\"user_s\":{seconds:.6},\"check\":{check},\"want\":{want},\"events\":{events},\"goals\":{checkpoints},\"m_per_s\":{:.2}}}",
            delivered as f64 / seconds / 1e6
        );
    }
}
