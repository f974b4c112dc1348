//! The workload `counter/1`: 2 sources, 4 keyed counters, 1 two-phase sink, all-to-all into the counters, links of
//! 1 to 10 ms, batches of 32 records a millisecond, a checkpoint every 100 ms; digest, verifiers and coverage on.
//!
//! Prints one line of JSON a round. `--n RECORDS` a source, `--runs R` (one after another, each with a seed of its
//! own, set-up included), `--rounds K`, `--bare` (no verifiers).

mod common;

use common::{argument, user_seconds};
use cutline::engine;
use cutline::engine::config::Config;
use cutline::ids::*;
use cutline::sim::run::{Keep, run};
use cutline::sim::setup::{Latency, Pace, SimSetup};
use cutline::topology::*;
use cutline::trace::event::Guarantee;
use cutline::world::setup::{Log, Setup};
use std::sync::Arc;

const KEYS: u64 = 64;

fn setup(n: u64) -> (Arc<Setup>, Arc<SimSetup>) {
    let vertex = |name: &str, role, chain, parallelism| Vertex { name: name.into(), role, chain, parallelism };
    let edge = |from, to, partitioning| Edge { from: VertexId(from), to: VertexId(to), partitioning, capacity: 4096 };
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

fn main() {
    let (n, runs, rounds) = (argument("--n", 1_000_000), argument("--runs", 1), argument("--rounds", 1));
    let unjudged = std::env::args().any(|argument| argument == "--bare");
    let (setup, sim) = setup(n);
    let want = expected(n).wrapping_mul(runs);
    for _ in 0..rounds {
        let start = user_seconds();
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
        let seconds = user_seconds() - start;
        assert_eq!(check, want, "the sink's sum is right");
        println!(
            "{{\"bench\":\"cutline\",\"delivered\":{delivered},\"user_s\":{seconds:.6},\"check\":{check},\"want\":{want},\"events\":{events},\"goals\":{checkpoints},\"m_per_s\":{:.2}}}",
            delivered as f64 / seconds / 1e6
        );
    }
}
