//! A failing seed becomes a small scenario that stands alone and fails in the same way.

mod support;

use cutline::cli::shrink::{Bounds, Small, small};
use cutline::cli::signals::Signals;
use cutline::report::Kind;
use cutline::scenario::spec::{Open, Scenario};
use cutline::scenario::{calm, draw, print};
use std::fs;
use support::Job;

const BOUNDLESS: u64 = 100_000;

/// The first of some seeds that violates this, shrunk.
fn shrunk(scenario: &str, protocol: &'static str, invariant: &str, runs: u64) -> (Job, Small) {
    let mut job = Job::of(scenario, protocol);
    job.loaded.scenario.protocol = protocol.to_string();
    let wanted = |kind: &Kind| matches!(kind, Kind::Violation(found, _) if found.name() == invariant);
    let violates = |seed: &u64| job.run(*seed).violated().any(|found| found.name() == invariant);
    let seed = (0..4000).find(violates).expect("a seed that fails");
    let kind = job.run(seed).violated().map(|i| Kind::Violation(i, None)).find(wanted).expect("this one");
    let bounds = Bounds { runs, events: u64::MAX, deadline: None, signals: Signals::default(), any: false };
    let small = small(&job.loaded, seed, Some(&kind), bounds).expect("no error").expect("a failure");
    assert!(wanted(&small.kind), "{protocol} fails by {invariant}, and {:?} was shrunk", small.kind);
    (job, small)
}

/// What a run of a scenario violates that stands in no file.
fn violated(scenario: &Scenario, protocol: &'static str, seed: u64) -> Vec<String> {
    let text = print::print(&serde_json::to_value(scenario).expect("a scenario"));
    let job = Job::written(&text, protocol);
    job.run(seed).violated().map(|invariant| invariant.name().to_string()).collect()
}

const TABLE: [(&str, &str, &str); 7] = [
    ("diamond", "no-hold", "I1"),
    ("unaligned", "no-channel-state", "I2"),
    ("diamond", "offset-late", "I3"),
    ("diamond", "quorum-of-one", "I4"),
    ("diamond", "restore-older", "I6"),
    ("diamond", "ids-start-over", "I15"),
    ("word_count", "drops-one", "I9"),
];

#[test]
fn what_is_shrunk_fails_alone_and_nothing_can_be_taken_from_it() {
    for (scenario, protocol, invariant) in TABLE {
        let (_, small) = shrunk(scenario, protocol, invariant, BOUNDLESS);
        assert!(small.minimal && small.needs.is_none(), "{protocol}: {:?}", small.decisions);
        let closed = &small.loaded.scenario;
        // The text says all of it: read from a folder without any other file, it is the same under every seed.
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("small.json");
        fs::write(&path, &small.text).expect("a file");
        let read = cutline::scenario::load(&path).unwrap_or_else(|found| panic!("{protocol}: {found:?}"));
        for seed in [0, 1, 0xffff_ffff] {
            assert_eq!(draw(&read.scenario, seed), draw(&Scenario { calm: true, ..closed.clone() }, 0), "{protocol}");
            assert!(violated(&read.scenario, protocol, seed).contains(&invariant.to_string()), "{protocol}");
        }
        for i in 0..closed.faults.script.len() {
            let mut less = closed.clone();
            less.faults.script.remove(i);
            assert!(!violated(&less, protocol, 0).contains(&invariant.to_string()), "{protocol}: fault {i}");
        }
        for name in closed.sim.slower.keys() {
            let mut less = closed.clone();
            less.sim.slower.remove(name);
            assert!(!violated(&less, protocol, 0).contains(&invariant.to_string()), "{protocol}: {name}");
        }
        assert!(small.decisions.iter().all(|line| !line.contains('{')), "in words: {:?}", small.decisions);
        assert!(small.to.0 <= 250, "{protocol}: {} steps", small.to.0);
    }
}

/// The honest engine passes what was shrunk with a defect in it: that is what a regression file is good for.
#[test]
fn what_is_shrunk_passes_without_the_defect() {
    for (scenario, protocol, invariant) in &TABLE[..4] {
        let (_, small) = shrunk(scenario, protocol, invariant, BOUNDLESS);
        assert_eq!(violated(&small.loaded.scenario, "engine", 0), Vec::<String>::new(), "{protocol}");
    }
}

#[test]
fn a_search_that_is_cut_short_says_so_and_keeps_what_it_has() {
    let (_, small) = shrunk("diamond", "no-hold", "I1", 3);
    assert!(!small.minimal);
    assert!(small.runs <= 3 + 1, "{} runs", small.runs);
    let seed = small.needs.unwrap_or(0);
    assert!(violated(&small.loaded.scenario, "no-hold", seed).contains(&"I1".to_string()));
}

#[test]
fn a_seed_that_holds_is_not_shrunk() {
    let job = Job::of("diamond", "engine");
    let bounds = Bounds { runs: BOUNDLESS, events: u64::MAX, deadline: None, signals: Signals::default(), any: false };
    assert!(small(&job.loaded, 1, None, bounds).expect("no error").is_none());
}

/// A calm scenario is the same whatever the seed; the same one that isn't calm is not.
#[test]
fn a_calm_scenario_needs_no_seed() {
    let mut scenario = Job::of("diamond", "engine").loaded.scenario;
    assert_ne!(draw(&scenario, 1), draw(&scenario, 2));
    scenario.calm = true;
    for data in scenario.job.vertices.iter_mut().filter_map(|v| v.source.as_mut()) {
        if let cutline::scenario::spec::Data::Numbers { records, .. } = &mut data.data {
            *records = Open::Fixed(9);
        }
    }
    for vertex in &mut scenario.job.vertices {
        vertex.parallelism = Open::Fixed(1);
    }
    assert_eq!(draw(&scenario, 1), draw(&scenario, 2));
    let text = print::print(&calm::terse(&draw(&scenario, 1)));
    let read: Scenario = serde_json::from_str(&text).expect("a scenario");
    assert_eq!(draw(&read, 3), draw(&scenario, 1), "{text}");
}

/// A seed of a defect, which violates all of these, made small for the sake of one of them.
fn for_the_sake_of(job: &Job, seed: u64, all: &[&str], one: &str, any: bool) -> Small {
    let before: Vec<_> = job.run(seed).violated().collect();
    assert_eq!(before.iter().map(|invariant| invariant.name()).collect::<Vec<_>>(), all);
    let wanted = before.into_iter().find(|invariant| invariant.name() == one).map(|i| Kind::Violation(i, None));
    let bounds = Bounds { runs: 300, events: u64::MAX, deadline: None, signals: Signals::default(), any };
    small(&job.loaded, seed, wanted.as_ref(), bounds).expect("no error").expect("a failure")
}

/// A candidate that fails in another way isn't taken for a smaller one of the same failure: it is kept as a finding of its own.
#[test]
fn another_failure_is_a_second_finding() {
    let mut job = Job::of("diamond", "restore-older");
    job.loaded.scenario.protocol = "restore-older".to_string();
    let small = for_the_sake_of(&job, 54, &["I6", "I9"], "I9", false);
    assert_eq!(small.kind.title(), "I9 violated");
    assert!(violated(&small.loaded.scenario, "restore-older", 54).contains(&"I9".to_string()));
    let [(other, text)] = small.others.as_slice() else { panic!("one slip: {:?}", small.others) };
    assert!(matches!(other, Kind::Violation(invariant, _) if invariant.name() == "I11"), "{other:?}");
    let slip: Scenario = serde_json::from_str(text).expect("a scenario");
    assert!(violated(&slip, "restore-older", 54).contains(&"I11".to_string()), "{text}");
}

/// Whoever wants any failure gets one that may be another, and smaller.
#[test]
fn any_failure_will_do_where_that_is_asked_for() {
    let mut job = Job::of("zombie", "commit-on-prepare");
    job.loaded.scenario.protocol = "commit-on-prepare".to_string();
    let shrunk = |any: bool| for_the_sake_of(&job, 0, &["I9", "I11"], "I9", any);
    let (strict, any) = (shrunk(false), shrunk(true));
    let fails = |small: &Small| violated(&small.loaded.scenario, "commit-on-prepare", 0);
    assert!(
        fails(&strict).contains(&"I9".to_string()) && fails(&any) == ["I11"],
        "{:?} {:?}",
        fails(&strict),
        fails(&any)
    );
    assert!(any.others.is_empty() && any.to.0 < strict.to.0, "{:?} {:?}", any.to, strict.to);
}
