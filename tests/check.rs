//! The search over interned states, held against the naive one over cloned worlds.

mod support;
use cutline::explore::naive;
use cutline::explore::rules::*;
use cutline::explore::search::{Options, search};
use cutline::sim::run::meta;
use support::tiny;

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
