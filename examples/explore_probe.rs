use cutline::engine::config::*; use cutline::explore::naive::*; use cutline::ids::*; use cutline::topology::*; use cutline::world::setup::*; use cutline::trace::event::*; use std::sync::Arc;
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let vertex = |name: &str, role, chain, parallelism| Vertex { name: name.into(), role, chain, parallelism };
    let graph = JobGraph { vertices: vec![
        vertex("src", Role::Source{kind: SourceKind::Log, partitions: a[0] as u32}, vec![], a[0] as u32),
        vertex("out", Role::Sink(SinkKind::TwoPhase), vec![OperatorKind::KeyedCount], 1)],
        edges: vec![Edge{from: VertexId(0), to: VertexId(1), partitioning: Partitioning::Hash, capacity: 4}] };
    let ms = Nanos::from_ms;
    let config = Config { mode: Mode::Aligned, alignment_timeout: ms(1), interval: ms(1), min_pause: ms(0), max_concurrent: 1, timeout: ms(1), tolerable_failures: 5, retain: 1, restart: RestartStrategy::Fixed{attempts: 9, delay: ms(1)}, retry: ms(1), checkpoint_after_end: true, ignore_expired: false };
    let t = Topology::build(graph);
    let n = t.len();
    let p = std::env::var("P").unwrap_or("engine".into());
    let setup = Arc::new(Setup{ name: "tiny".into(), topology: Arc::new(t), config: Arc::new(config), spawn: cutline::protocols::find(&p).unwrap(), guarantee: Guarantee::ExactlyOnce, logs: vec![Log::Numbers{records: a[1], keys: 1, values: 1, skew_tenths: 0, salt: 0}; a[0] as usize], hosts: vec![HostId(0); n], transaction_timeout: None, healed_events_max: 1000});
    let meta = cutline::sim::run::meta(&setup, None);
    let t = std::time::Instant::now();
    let e = explore(&setup, &meta, Options{ budget: Budget{triggers: a[2] as u32, crashes: a[3] as u32}, merge: a[4] == 1, states_max: 3_000_000 });
    println!("{e:?} {:?}", t.elapsed()); if a[4]==0 { println!("{:?}", confusion(&setup, &meta, Options{ budget: Budget{triggers: a[2] as u32, crashes: a[3] as u32}, merge: false, states_max: 5_000 })); }
}
