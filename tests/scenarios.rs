//! The shipped scenarios: they can be read, drawn and built, and a seed means the same as yesterday.

use cutline::dice;
use cutline::engine::process::{Process, Spawn};
use cutline::scenario::*;
use std::path::{Path, PathBuf};

fn shipped() -> Vec<PathBuf> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
    files.sort();
    files
}

fn nobody(
    _: &std::sync::Arc<cutline::topology::Topology>,
    _: &std::sync::Arc<cutline::engine::config::Config>,
    _: cutline::ids::Incarnation,
) -> Box<dyn Process> {
    unreachable!("nothing runs here")
}

fn protocols(name: &str) -> Option<Spawn> {
    (name == "engine").then_some(nobody as Spawn)
}

fn loaded(path: &Path) -> Loaded {
    load(path).unwrap_or_else(|found| panic!("{}", render(&found, false)))
}

#[test]
fn every_shipped_scenario_is_clean_and_says_what_it_is_about() {
    let shipped = shipped();
    assert!(shipped.len() >= 16, "only {}", shipped.len());
    for path in shipped {
        let loaded = loaded(&path);
        assert_eq!(render(&loaded.warnings, false), "");
        assert!(loaded.scenario.about.len() > 60, "{}", path.display());
    }
}

#[test]
fn every_seed_of_every_scenario_gives_a_closed_plan_that_can_be_built_and_loaded_again() {
    for path in shipped() {
        let loaded = loaded(&path);
        for seed in 0..200 {
            let closed = draw(&loaded.scenario, seed);
            assert_eq!(draw(&closed, seed + 1), closed, "{} {seed}", path.display());
            let built =
                build(&closed, &loaded, &protocols).unwrap_or_else(|e| panic!("{} {seed}: {e}", path.display()));
            let text = serde_json::to_string_pretty(&closed).unwrap();
            let again: Scenario =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{} {e} {text}", path.display()));
            assert_eq!(again, closed);
            let found = check_bytes("closed.json", text.as_bytes());
            assert!(found.is_empty(), "{}", render(&found, false));
            let twin = build(&again, &loaded, &protocols).unwrap();
            assert_eq!((twin.sim, twin.setup.logs, twin.setup.hosts), (built.sim, built.setup.logs, built.setup.hosts));
        }
    }
}

#[test]
fn the_schema_is_the_one_that_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenario.schema.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("CUTLINE_UPDATE").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap_or_default() == text, "run this test with CUTLINE_UPDATE=1");
}

/// What a seed means is pinned: whoever changes it raises `dice::STREAM_VERSION`. All that can be left open is.
#[test]
fn a_seed_means_the_same_as_yesterday() {
    let scenario: Scenario = serde_json::from_str(
        r#"{
            "format": "cutline-scenario/1",
            "name": "pinned",
            "guarantee": "exactly-once",
            "job": {
                "vertices": [
                    {
                        "id": "src",
                        "source": { "kind": "log", "data": { "records": { "min": 10, "max": 100 } } },
                        "parallelism": { "min": 1, "max": 3 }
                    },
                    {
                        "id": "count",
                        "operators": ["keyed_count"],
                        "parallelism": { "one_of": [1, 2, 4] },
                        "inputs": [{ "from": "src", "by": "hash" }]
                    },
                    { "id": "out", "sink": "two_phase", "inputs": [{ "from": "count", "by": "rebalance" }] }
                ]
            },
            "checkpoints": { "mode": { "one_of": ["aligned", "unaligned"] } },
            "transaction_timeout_ms": { "min": 100, "max": 1000 },
            "faults": {
                "script": [{ "at_ms": { "min": 1, "max": 50 }, "do": "failover" }]
            }
        }"#,
    )
    .unwrap();
    let mut digest = cutline::digest::Digest::new();
    for seed in 0..100 {
        digest.bytes(serde_json::to_string(&draw(&scenario, seed)).unwrap().as_bytes());
    }
    assert_eq!(format!("{:016x}", digest.finish64()), "1539aa46aea8a967", "stream version {}", dice::STREAM_VERSION);
}

#[test]
fn a_plan_with_its_text_written_into_it_is_the_same_plan() {
    let loaded = loaded(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/word_count.json")));
    let closed = draw(&loaded.scenario, 5);
    let alone = loaded.inlined(&closed);
    let other = Loaded::new(alone.clone(), "alone", Default::default());
    let (a, b) = (build(&closed, &loaded, &protocols).unwrap(), build(&alone, &other, &protocols).unwrap());
    assert_eq!((a.setup.logs, a.sim), (b.setup.logs, b.sim));
}

#[test]
fn all_styles_come_and_most_runs_are_short_and_dense() {
    let mut counts = [0; 4];
    for seed in 0..6_000 {
        counts[Style::of(seed) as usize] += 1;
    }
    assert!(counts[0] > 1_800 && counts[1] > 1_800 && counts[2] > 850 && counts[3] > 850, "{counts:?}");
}
