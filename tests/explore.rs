//! Exhausting tiny jobs with the naive explorer. Counts are pinned: a change of semantics shows.

use cutline::engine::config::{Config, RestartStrategy};
use cutline::explore::naive::{Budget, Explored, Options, confusion, explore};
use cutline::ids::*;
use cutline::sim::run::meta;
use cutline::topology::*;
use cutline::trace::event::Guarantee;
use cutline::verify::Invariant;
use cutline::world::setup::{Log, Setup};
use std::sync::Arc;

/// `sources` sources of `records` records each, into one two-phase sink that counts.
fn tiny(sources: u32, records: u64, protocol: &str) -> Arc<Setup> {
    let vertex = |name: &str, role, chain, parallelism| Vertex { name: name.into(), role, chain, parallelism };
    let source = Role::Source { kind: SourceKind::Log, partitions: sources };
    let edge = Edge { from: VertexId(0), to: VertexId(1), partitioning: Partitioning::Hash, capacity: 4 };
    let sink = vertex("out", Role::Sink(SinkKind::TwoPhase), vec![OperatorKind::KeyedCount], 1);
    let graph = JobGraph { vertices: vec![vertex("src", source, vec![], sources), sink], edges: vec![edge] };
    let ms = Nanos::from_ms(1);
    let config = Config {
        mode: Mode::Aligned,
        alignment_timeout: ms,
        interval: ms,
        min_pause: Nanos(0),
        max_concurrent: 1,
        timeout: ms,
        tolerable_failures: 5,
        retain: 1,
        restart: RestartStrategy::Fixed { attempts: 9, delay: ms },
        retry: ms,
        checkpoint_after_end: true,
        ignore_expired: false,
    };
    let log = Log::Numbers { records, keys: 1, values: 1, skew_tenths: 0, salt: 0 };
    let topology = Arc::new(Topology::build(graph));
    Arc::new(Setup {
        name: "tiny".into(),
        hosts: vec![HostId(0); topology.len()],
        topology,
        config: Arc::new(config),
        spawn: cutline::protocols::find(protocol).expect("the protocol is in the table"),
        guarantee: Guarantee::ExactlyOnce,
        logs: vec![log; sources as usize],
        transaction_timeout: None,
        instant: false,
        healed_events_max: 1_000,
    })
}

fn search(setup: &Arc<Setup>, triggers: u32, crashes: u32) -> Explored {
    let options = Options { budget: Budget { triggers, crashes }, merge: true, states_max: 200_000 };
    explore(setup, &meta(setup, None), options)
}

#[test]
fn small_jobs_are_exhausted_and_nothing_is_violated() {
    let cases = [(1, 1, 0, 0), (1, 1, 1, 0), (1, 2, 1, 0), (2, 1, 0, 0), (1, 1, 0, 1)];
    let mut counts = String::new();
    for (sources, records, triggers, crashes) in cases {
        let setup = tiny(sources, records, "engine");
        let found = search(&setup, triggers, crashes);
        assert!(found.exhausted && found.violations.is_empty(), "{:?}", found.violations);
        counts += &format!(
            "{sources} sources, {records} records, {triggers} triggers, {crashes} crashes: {} states, {} transitions, depth {}, {} quiescent\n",
            found.states,
            found.transitions,
            found.depth,
            found.quiescent.len()
        );
    }
    insta::assert_snapshot!(counts);
}

#[test]
fn a_record_that_slips_before_its_barrier_is_found_at_the_shortest_depth() {
    let found = search(&tiny(1, 2, "barrier-late"), 1, 0);
    let (depth, said) = &found.violations[&Invariant::I1];
    assert!(*depth < 40, "{depth}: {said}");
}

#[test]
fn an_early_ack_is_found() {
    let found = search(&tiny(1, 1, "ack-before-durable"), 1, 0);
    assert!(found.violations.contains_key(&Invariant::I4), "{:?}", found.violations);
}

/// Merging is sound only if equal fingerprints mean equal futures.
#[test]
fn states_with_one_fingerprint_have_one_future() {
    for (sources, triggers, crashes) in [(1, 1, 0), (2, 0, 0), (1, 0, 1)] {
        let setup = tiny(sources, 1, "engine");
        let options = Options { budget: Budget { triggers, crashes }, merge: false, states_max: 6_000 };
        assert_eq!(confusion(&setup, &meta(&setup, None), options), None);
    }
}
