//! How time and memory grow with the job: `--stages S --width W` subtasks in forward chains, with an all-to-all
//! shuffle after the first and after the middle stage. Prints one line of JSON: run it once for each size.

mod common;

use common::{argument, cpu_seconds};
use cutline::engine;
use cutline::engine::config::Config;
use cutline::ids::*;
use cutline::sim::run::{Keep, run};
use cutline::sim::setup::{Latency, Pace};
use cutline::topology::*;
use cutline::trace::event::{Guarantee, Kind};
use cutline::world::setup::{Log, Setup};
use std::sync::Arc;

fn graph(stages: u32, width: u32) -> JobGraph {
    let shuffles = [0, stages / 2];
    let vertex = |i: u32| {
        let role = match i {
            0 => Role::Source { kind: SourceKind::Log, partitions: width },
            i if i + 1 == stages => Role::Sink(SinkKind::TwoPhase),
            _ => Role::Inner,
        };
        let chain = if role == Role::Inner { vec![OperatorKind::Map { add: 1 }] } else { vec![] };
        Vertex { name: format!("stage{i}"), role, chain, parallelism: width }
    };
    let edge = |i: u32| Edge {
        from: VertexId(i),
        to: VertexId(i + 1),
        partitioning: if shuffles.contains(&i) { Partitioning::Hash } else { Partitioning::Forward },
        capacity: 64,
        fifo: true,
    };
    JobGraph { vertices: (0..stages).map(vertex).collect(), edges: (0..stages - 1).map(edge).collect() }
}

fn proc_number(file: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(file).expect("Linux tells");
    let line = text.lines().find(|line| line.starts_with(name)).expect("the line is there");
    line.split_whitespace().find_map(|word| word.parse().ok()).expect("a number")
}

fn main() {
    let (stages, width) = (argument("--stages", 10) as u32, argument("--width", 10) as u32);
    let records = argument("--records", 20);
    let ms = Nanos::from_ms;
    let config = Config { interval: ms(200), timeout: ms(60_000), retry: ms(10_000), ..common::config() };
    let topology = Arc::new(Topology::build(graph(stages, width)));
    let (subtasks, channels) = (topology.len(), topology.channels.len());
    let setup = Arc::new(Setup {
        name: "scale".into(),
        topology,
        config: Arc::new(config),
        spawn: engine::spawn,
        guarantee: Guarantee::ExactlyOnce,
        logs: vec![Log::Numbers { records, keys: 1_000, values: 10, skew_tenths: 0, salt: 0 }; width as usize],
        hosts: vec![HostId(0); subtasks],
        transaction_timeout: None,
        remember: false,
        instant: false,
        healed_events_max: u64::MAX / 2,
    });
    let link = Latency::Uniform { min: ms(1), max: ms(3) };
    let pace = vec![Pace { batch: 1, pause: ms(100) }; width as usize];
    let plan = Arc::new(common::weather(link, pace));
    let start = cpu_seconds();
    let run = run(&setup, &plan, 1, Keep { trace: true, ..Keep::default() });
    let seconds = cpu_seconds() - start;
    assert!(run.panic.is_none() && run.ended == Some(true), "the run ends well: {:?}", run.panic);
    let trace = run.trace.expect("the trace was kept");
    let checkpoints = trace.iter().filter(|event| matches!(event.kind, Kind::Complete { .. })).count();
    println!(
        "{{\"bench\":\"scale\",\"subtasks\":{subtasks},\"channels\":{channels},\"checkpoints\":{checkpoints},\"events\":{},\"user_s\":{seconds:.3},\"ms_per_checkpoint\":{:.2},\"peak_mb\":{:.0}}}",
        run.events,
        seconds * 1e3 / checkpoints as f64,
        proc_number("/proc/self/status", "VmHWM") / 1024.0
    );
}
