//! The shipped scenarios: they can be read, drawn and built, and a seed means the same as yesterday.

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
            let twin = build(&again, &loaded, &protocols).unwrap();
            assert_eq!((twin.sim, twin.setup.logs, twin.setup.hosts), (built.sim, built.setup.logs, built.setup.hosts));
        }
    }
}
