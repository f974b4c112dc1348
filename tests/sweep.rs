//! `cutline run` in short: what ships holds what it claims, for some seeds of each scenario. A defect of the engine that nearly
//! every seed shows is seen here before any test is written for it; `cargo mutants` asks this test (reports/mutants.md).

mod support;

use cutline::cli::judge::allowed;
use cutline::cli::outcome::Outcome;
use cutline::sim::run::Keep;
use cutline::trace::event::Kind;
use std::path::Path;
use support::Job;

/// The wide ones take as long as all the others.
const WIDE: &[&str] = &["wide_shuffle"];

fn scenarios(folder: &str) -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(folder);
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".json").map(|name| format!("{folder}{name}"))
        })
        .filter(|name| !WIDE.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

#[test]
fn what_ships_holds_for_some_seeds() {
    let seeds: u64 = std::env::var("CUTLINE_SEEDS").map_or(20, |seeds| seeds.parse().expect("a number of seeds"));
    let mut wrong = Vec::new();
    let names: Vec<String> = ["", "alone/", "regional/"].into_iter().flat_map(scenarios).collect();
    assert!(names.len() > 30, "{names:?}");
    for seed in 0..seeds {
        for name in &names {
            let job = Job::as_it_says(name);
            let found = Outcome::failures(&job.run(seed).run, &allowed(&job.loaded.scenario));
            wrong.extend(found.iter().map(|kind| format!("{name} {seed}: {}", kind.title())));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Whoever gives a checkpoint up says so to those behind him. They would hear it from the coordinator, too, and later: no
/// verdict depends on it, and so it is looked for.
#[test]
fn what_is_given_up_is_cancelled_downstream() {
    let job = Job::of("concurrent_checkpoints", "engine");
    let (mut given_up, mut cancelled) = (0, 0);
    for seed in 0..40 {
        let run = job.run_keeping(seed, Keep { trace: true, ..Keep::default() }).run;
        for event in run.trace.iter().flatten() {
            given_up += u32::from(matches!(event.kind, Kind::Abandon { .. }));
            cancelled += u32::from(matches!(event.kind, Kind::CancelIn { .. }));
        }
    }
    assert!(given_up > 0 && cancelled > 0, "{given_up} given up, {cancelled} cancellations taken");
}
