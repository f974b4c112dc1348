//! Shipped scenarios, driven by tests.
#![allow(dead_code)] // every test uses a part of it

pub mod lessons;

use cutline::engine::config::{Config, RestartStrategy};
use cutline::explore::rules::Rules;
use cutline::ids::*;
use cutline::protocols;
use cutline::protocols::anchor::Instance;
use cutline::scenario::{Loaded, build, draw, load};
use cutline::sim::run::{Keep, Run, run};
use cutline::sim::setup::SimSetup;
use cutline::topology::*;
use cutline::verify::{Invariant, Verdict};
use cutline::world::setup::{Log, Setup};
use std::path::Path;
use std::sync::Arc;

/// The scenarios of scenarios/small, and how many states they have if nothing is left out.
pub const SMALL: &[(&str, u64)] = &[
    ("alone", 305_345),
    ("concurrent", 1_622_344),
    ("diamond", 587_785),
    ("end_in_alignment", 236_020),
    ("failed_request", 22_924),
    ("failover", 145_373),
    ("in_flight", 61_961),
    ("join_aligned", 604_082),
    ("join_at_least_once", 667_114),
    ("join_timeout", 604_082),
    ("join_unaligned", 803_567),
    ("late_barrier", 107_740),
    ("lost_message", 12_371),
    ("lost_reply", 10_590),
    ("overtaken_cancel", 779_239),
    ("regions", 1_711_887),
    ("reordered", 61_659),
    ("shuffle", 1_621),
    ("stateful", 113_109),
    ("stop", 3_304),
    ("stop_fails", 74_295),
    ("suspicion", 2_423),
    ("two_crashes", 909_417),
    ("two_phase", 39_340),
];

/// A scenario with a protocol.
pub struct Job {
    pub loaded: Loaded,
    protocol: &'static str,
}

/// A run, and what was said of it.
pub struct Seen {
    pub run: Run,
}

impl Job {
    /// A shipped scenario, run by a protocol.
    pub fn of(scenario: &str, protocol: &'static str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{scenario}.json"));
        let loaded = load(&path).unwrap_or_else(|found| panic!("{}", found[0].render(false)));
        Job { loaded, protocol }
    }

    /// A shipped scenario, run by the protocol that it names.
    pub fn as_it_says(scenario: &str) -> Self {
        let job = Job::of(scenario, "engine");
        let row = protocols::all().find(|row| row.name == job.loaded.scenario.protocol);
        Job { protocol: row.expect("it is in the table").name, ..job }
    }

    /// Does a search of it have to come to this?
    pub fn must_reach(&self, goal: &str) -> bool {
        let check = self.loaded.scenario.check.clone().unwrap_or_default();
        check.reached.iter().any(|wanted| serde_json::to_value(wanted).is_ok_and(|wanted| wanted == goal))
    }

    /// The protocol that runs it.
    pub fn protocol(&self) -> &'static str {
        self.protocol
    }

    /// A scenario that a test writes.
    pub fn written(text: &str, protocol: &'static str) -> Self {
        let scenario = serde_json::from_str(text).expect("a scenario");
        Job { loaded: Loaded::new(scenario, "written", Default::default()), protocol }
    }

    /// What a seed stands for.
    pub fn plan(&self, seed: u64) -> (Arc<Setup>, Arc<SimSetup>) {
        let closed = draw(&self.loaded.scenario, seed);
        let built = build(&closed, &self.loaded, &|_| protocols::find(self.protocol)).expect("a drawn plan builds");
        (Arc::new(built.setup), Arc::new(built.sim))
    }

    /// What a search may let happen.
    pub fn check_rules(&self) -> Rules {
        cutline::cli::check::rules(&self.loaded.scenario.check.clone().unwrap_or_default())
    }

    /// What a search makes its worlds from.
    pub fn searched(&self) -> Arc<Setup> {
        Arc::new(Setup { remember: true, ..Setup::clone(&self.plan(0).0) })
    }

    /// Runs a seed.
    pub fn run(&self, seed: u64) -> Seen {
        self.run_keeping(seed, Keep::default())
    }

    /// Runs a seed and keeps more of it.
    pub fn run_keeping(&self, seed: u64, keep: Keep) -> Seen {
        let (setup, plan) = self.plan(seed);
        Seen { run: run(&setup, &plan, seed, keep) }
    }
}

impl Seen {
    /// The invariants that are violated.
    pub fn violated(&self) -> impl Iterator<Item = Invariant> + '_ {
        let verdicts = self.run.report.iter().flat_map(|report| report.verdicts.iter());
        verdicts.filter(|(_, verdict)| matches!(verdict, Verdict::Violated(_))).map(|(invariant, _)| *invariant)
    }

    /// Everything that doesn't hold.
    pub fn bad(&self) -> impl Iterator<Item = &(Invariant, Verdict)> {
        let verdicts = self.run.report.iter().flat_map(|report| report.verdicts.iter());
        verdicts.filter(|(_, verdict)| !matches!(verdict, Verdict::Holds))
    }
}

/// `sources` sources of `records` records each, into one two-phase sink that counts.
pub fn tiny(sources: u32, records: u64, protocol: &str) -> Arc<Setup> {
    let vertex = |name: &str, role, chain, parallelism| Vertex { name: name.into(), role, chain, parallelism };
    let source = Role::Source { kind: SourceKind::Log, partitions: sources };
    let edge = Edge { from: VertexId(0), to: VertexId(1), partitioning: Partitioning::Hash, capacity: 4, fifo: true };
    let sink = vertex("out", Role::Sink(SinkKind::TwoPhase), vec![OperatorKind::KeyedCount], 1);
    let graph = JobGraph { vertices: vec![vertex("src", source, vec![], sources), sink], edges: vec![edge] };
    let small = Instance::new(1, 1, 1, 1);
    let restart = RestartStrategy::Fixed { attempts: 9, delay: Nanos::from_ms(1) };
    let config = Config { tolerable_failures: 5, restart, ..small.config() };
    let log = Log::Numbers { records, keys: 1, values: 1, skew_tenths: 0, salt: 0 };
    let topology = Arc::new(Topology::build(graph));
    Arc::new(Setup {
        name: "tiny".into(),
        hosts: vec![HostId(0); topology.len()],
        topology,
        config: Arc::new(config),
        spawn: cutline::protocols::find(protocol).expect("the protocol is in the table"),
        logs: vec![log; sources as usize],
        instant: false,
        healed_events_max: 1_000,
        ..Setup::clone(&cutline::explore::anchor::setup(&small).expect("an instance of a size that there is"))
    })
}
