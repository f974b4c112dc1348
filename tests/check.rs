//! The search over interned states, held against the naive one over cloned worlds.

mod support;
use cutline::explore::naive;
use cutline::explore::rules::*;
use cutline::explore::search::{Found, Options, search};
use cutline::sim::run::meta;
use cutline::trace::coverage::Met;
use support::{Job, tiny};

#[test]
fn the_search_counts_what_the_naive_one_counts() {
    for (sources, records, triggers, crashes) in [(1, 1, 0, 0), (1, 1, 1, 0), (1, 2, 1, 0), (2, 1, 0, 0), (1, 1, 0, 1)]
    {
        let setup = tiny(sources, records, "engine");
        let budget = naive::Budget { triggers, crashes };
        let options = naive::Options { budget, merge: true, states_max: 200_000 };
        let naive = naive::explore(&setup, &meta(&setup, None), options);
        let budget = Budget::default().with(Scarce::Trigger, triggers as u8).with(Scarce::Crash, crashes as u8);
        let rules = Rules { budget, recovery: Recovery::Stepwise, ..Rules::default() };
        let options = Options { dominance: false, audit: 1, ..Options::new(rules) };
        let found = search(&setup, options, None, &mut |_| true);
        println!(
            "{:?} {} {} {} misses {} whole {} parts {} q {}",
            (sources, records, triggers, crashes),
            found.states,
            found.transitions,
            found.depth,
            found.misses,
            found.whole,
            found.parts,
            found.quiescent.len()
        );
        println!("naive {} {} {} q {}", naive.states, naive.transitions, naive.depth, naive.quiescent.len());
        println!("{:?}", found.violations);
        assert_eq!(found.states as usize, naive.states);
        assert_eq!(found.transitions as usize, naive.transitions);
    }
}

/// Two sources that nothing connects, with not so much as a record: the smallest job of two regions. As a file it would
/// be refused, for what they give goes nowhere; with a sink behind each there are too many states.
fn two_regions() -> Found {
    let source = |id: &str| format!(r#"{{"id": "{id}", "source": {{"kind": "log", "data": {{"records": 0}}}}}}"#);
    let text = format!(
        r#"{{
            "format": "cutline-scenario/1",
            "guarantee": "exactly-once",
            "calm": true,
            "job": {{ "vertices": [{}, {}] }},
            "checkpoints": {{ "mode": "regional", "regions": {{ "max_failed_percent": 50 }} }},
            "check": {{ "triggers": 2 }}
        }}"#,
        source("one"),
        source("other")
    );
    let job = Job::written(&text, "regional");
    search(&job.searched(), Options::new(job.check_rules()), None, &mut |_| true)
}

/// One of them has finished, which the coordinator hasn't heard, and declines the second checkpoint: it is complete with
/// what the first has of it.
#[test]
fn a_job_of_two_regions_is_exhausted() {
    let found = two_regions();
    assert!(found.met.met(Met::RegionFellBack));
    assert_eq!((found.violations.len(), found.cut), (0, None));
    assert_eq!((found.states, found.transitions, found.depth), (281_031, 1_205_930, 46));
}
