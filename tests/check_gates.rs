//! What a reduced search leaves out is nothing that is asked for: held against the search without any reduction, on
//! every small instance, with every planted bug, and with every rule broken in turn.

mod support;
use cutline::explore::anchor::setup;
use cutline::explore::commutation::Learned;
use cutline::explore::expected::{Expected, output};
use cutline::explore::judge::Property;
use cutline::explore::recovery;
use cutline::explore::reduce::{Reducer, Rule};
use cutline::explore::search::{Found, Options, search};
use cutline::protocols::anchor::{Bug, Instance};
use cutline::trace::event::Event;
use cutline::world::choice::Step;
use cutline::world::observer::Observer;
use std::collections::BTreeSet;
use std::sync::Arc;
use support::lessons::anchor_rules;

struct Nobody;

impl Observer for Nobody {
    fn event(&mut self, _event: Event) {}
}

/// What must not depend on how it is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    ends: BTreeSet<u128>,
    completed: BTreeSet<u128>,
    violated: BTreeSet<Property>,
}

fn shown(found: &Found) -> Shown {
    let violated = found.violations.keys().copied().collect();
    Shown { ends: found.quiescent.clone(), completed: found.completed.clone(), violated }
}

/// An instance, and how often everything may fail.
#[derive(Clone, Copy, Debug)]
struct Case {
    instance: Instance,
    crashes: u8,
}

impl Case {
    fn reducer(&self) -> Reducer {
        let topology = &setup(&self.instance).expect("an instance of a size that there is").topology;
        let protocol = self.instance.bug.protocol();
        Reducer::new(topology, protocol, "aligned", &Learned::shipped(), self.crashes > 0)
    }

    fn options(&self) -> Options {
        Options { keep_going: true, ..Options::new(anchor_rules(self.crashes)) }
    }

    /// What the job ends with if nothing is wrong with it.
    fn expected(&self) -> Expected {
        let honest = Instance { bug: Bug::None, ..self.instance };
        let mut world = recovery::started(&setup(&honest).expect("an instance of a size that there is"));
        let mut menu = Vec::new();
        loop {
            world.menu(&mut menu);
            let Some(choice) = menu.first() else { break };
            world.apply(Step::from(*choice), &mut Nobody).expect("it is on the menu");
        }
        assert_eq!(world.job_ended(), Some(true));
        Expected { outputs: BTreeSet::from([output(&world)]) }
    }

    fn search(&self, options: Options) -> Found {
        let setup = setup(&self.instance).expect("an instance of a size that there is");
        let found = search(&setup, options, Some(&self.expected()), &mut |_| true);
        assert_eq!(found.cut, None);
        found
    }

    fn reduced(&self, reducer: Reducer) -> Found {
        self.search(Options { reduce: Some(Arc::new(reducer)), ..self.options() })
    }
}

/// Every bug, without and with a power failure.
fn cases(sizes: &[(u32, u64, u32, u64)]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (sources, records, middles, checkpoints) in sizes {
        for bug in Bug::ALL {
            let instance = Instance { bug, ..Instance::new(*sources, *records, *middles, *checkpoints) };
            cases.extend([0, 1].map(|crashes| Case { instance, crashes }));
        }
    }
    cases
}

const SMALL: &[(u32, u64, u32, u64)] = &[(1, 1, 1, 0), (1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (2, 1, 2, 1)];

#[test]
fn reduction_changes_nothing_that_is_asked_for() {
    for case in cases(SMALL) {
        let full = case.search(case.options());
        let reduced = case.reduced(case.reducer());
        println!(
            "{case:?}: {} of {} states, {} ends, {} completed, {:?}",
            reduced.states,
            full.states,
            full.quiescent.len(),
            full.completed.len(),
            full.violations.keys()
        );
        assert_eq!(shown(&reduced), shown(&full), "{case:?}");
        assert!(!reduced.strange, "{case:?}: every class is known");
        assert!(reduced.states <= full.states, "{case:?}");
    }
}

/// A planted bug that nothing shows would make the gates above worth nothing.
#[test]
fn every_planted_bug_is_found() {
    for case in cases(&[(2, 1, 2, 1)]) {
        let found = case.reduced(case.reducer());
        let wrong = case.instance.bug != Bug::None;
        assert_eq!(!found.violations.is_empty(), wrong, "{case:?}: {:?}", found.violations);
    }
}
