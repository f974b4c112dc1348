//! Searches that are bounded: by delays, by depth.

mod support;

use cutline::explore::rules::*;
use cutline::explore::search::{Cut, Found, Limits, Options, search};
use support::tiny;

/// At most so many choices that aren't the first on the menu; none: any.
fn delayed(protocol: &str, triggers: u8, delays: Option<u8>) -> Found {
    let budget = Budget::default().with(Scarce::Delay, delays.unwrap_or(0)).with(Scarce::Trigger, triggers);
    let rules = Rules { budget, delay_bounded: delays.is_some(), ..Rules::default() };
    let options = Options { keep_going: true, ..Options::new(rules) };
    search(&tiny(1, 1, protocol), options, None, &mut |_| true)
}

/// With no delay there is one schedule; each delay more reaches more states, and enough of them reach all.
#[test]
fn more_delays_reach_more_until_nothing_is_left() {
    let full = delayed("engine", 0, None);
    let mut before = delayed("engine", 0, Some(0));
    assert_eq!(before.states, before.depth as u64 + 1);
    for delays in 1..40 {
        let found = delayed("engine", 0, Some(delays));
        assert!(found.quiescent.is_superset(&before.quiescent) && found.completed.is_superset(&before.completed));
        assert!(full.quiescent.is_superset(&found.quiescent) && full.completed.is_superset(&found.completed));
        println!("{delays}: {} of {} states", found.states, full.states);
        if found.states == before.states {
            assert_eq!((found.states, &found.quiescent), (full.states, &full.quiescent));
            assert_eq!(found.completed, full.completed);
            return;
        }
        assert!(found.states > before.states);
        before = found;
    }
    panic!("there is always more");
}

/// More delays lose no bug, and some bugs need a delay: no schedule without one shows them.
#[test]
fn delays_find_what_the_first_schedule_misses() {
    let mut late = Vec::new();
    for protocol in cutline::protocols::PROTOCOLS {
        let seen = |delays| !delayed(protocol.name, 1, Some(delays)).violations.is_empty();
        let found: Vec<bool> = (0..6).map(seen).collect();
        println!("{}: {found:?}", protocol.name);
        assert!(found.is_sorted(), "{}: {found:?}", protocol.name);
        if !found[0] && found[5] {
            late.push(protocol.name);
        }
    }
    assert!(!late.is_empty());
}

/// Every wave is searched as deep as allowed, not only the first one: what needs an early checkpoint is found by a search that
/// goes no deeper than it is.
#[test]
fn a_depth_is_a_depth_in_every_wave() {
    let rules = Rules { budget: Budget::default().with(Scarce::Trigger, 1), ..Rules::default() };
    let go = |depth: u32| {
        let limits = Limits { depth, ..Limits::default() };
        search(&tiny(1, 2, "barrier-late"), Options { limits, ..Options::new(rules) }, None, &mut |_| true)
    };
    let whole = go(u32::MAX);
    let (property, violation) = whole.violations.first_key_value().expect("a record slips before a barrier");
    assert!(violation.spent.sum() > 0 && whole.cut.is_none());
    let shallow = go(violation.depth);
    assert_eq!(shallow.violations[property].depth, violation.depth);
    let none = go(violation.depth - 2);
    assert_eq!((none.cut, none.violations.len()), (Some(Cut::Depth), 0));
}
