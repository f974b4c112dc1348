//! A naive breadth-first explorer over cloned worlds: no reduction, merging on or off. It is the reference that
//! every faster search is held against, and small enough to be read in one sitting.
//!
//! What it explores is what [`World::menu`] lists, with two restrictions that its report names. Timers are
//! *patient*: they fire only where nothing else can happen, but for the periodic trigger, which may also fire early
//! as often as the budget says. And a crash may come at any point, as often as the budget says.

use crate::engine::message::Timer;
use crate::trace::event::{Event, Kind, Meta};
use crate::verify::{Invariant, Verdict, Verifier};
use crate::world::World;
use crate::world::choice::{Choice, Fault, Step};
use crate::world::observer::Observer;
use crate::world::setup::Setup;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What may happen beside what the menu lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Budget {
    /// Periodic triggers that come early.
    pub triggers: u32,
    /// Subtasks and coordinators that die.
    pub crashes: u32,
}

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What may happen.
    pub budget: Budget,
    /// Go on from a state once, however it was reached.
    pub merge: bool,
    /// Give up beyond so many states.
    pub states_max: usize,
}

/// What came of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// States that were gone on from.
    pub states: usize,
    /// Choices that were made.
    pub transitions: usize,
    /// The longest path.
    pub depth: usize,
    /// Different states in which nothing is left to do.
    pub quiescent: BTreeSet<u128>,
    /// Sets of completed checkpoints at the end.
    pub completed: BTreeSet<Vec<u64>>,
    /// The shortest violation of each invariant: its length, and what was said.
    pub violations: BTreeMap<Invariant, (usize, String)>,
    /// Was the whole space searched?
    pub exhausted: bool,
}

struct Watch {
    verifier: Verifier,
}

impl Observer for Watch {
    fn event(&mut self, event: Event) {
        self.verifier.observe(&event);
    }
}

#[derive(Clone)]
struct Node {
    world: World,
    verifier: Verifier,
    budget: Budget,
}

/// Explores every schedule within the budget, layer by layer.
pub fn explore(setup: &Arc<Setup>, meta: &Meta, options: Options) -> Explored {
    let mut found = Explored { exhausted: true, ..Explored::default() };
    let mut seen: BTreeSet<(u128, Budget)> = BTreeSet::new();
    let first = Node { world: World::new(setup), verifier: Verifier::new(meta), budget: options.budget };
    let mut layer = vec![first];
    while !layer.is_empty() {
        let mut next = Vec::new();
        for node in layer {
            found.states += 1;
            if found.states > options.states_max {
                found.exhausted = false;
                return found;
            }
            let choices = choices(&node);
            if choices.is_empty() {
                quiesce(node, &mut found);
                continue;
            }
            for choice in choices {
                found.transitions += 1;
                let child = go(&node, choice);
                if !judge(&child.verifier, found.depth + 1, &mut found) {
                    continue; // what follows a violation proves nothing more
                }
                if !options.merge || seen.insert((child.world.fingerprint(), child.budget)) {
                    next.push(child);
                }
            }
        }
        found.depth += usize::from(!next.is_empty());
        layer = next;
    }
    found
}

/// What can happen next: the menu without timers, early triggers and crashes; timers where that is empty.
fn choices(node: &Node) -> Vec<(Choice, Budget)> {
    let mut menu = Vec::new();
    node.world.menu(&mut menu);
    let timer = |choice: &Choice| matches!(choice, Choice::Fire(..));
    let interval = |choice: &Choice| matches!(choice, Choice::Fire(_, Timer::Interval));
    let mut choices: Vec<(Choice, Budget)> =
        menu.iter().filter(|choice| !timer(choice)).map(|choice| (*choice, node.budget)).collect();
    if node.world.job_ended().is_some() {
        return choices;
    }
    // The periodic trigger is the most patient of all.
    if choices.is_empty() {
        let others = menu.iter().filter(|choice| timer(choice) && !interval(choice));
        choices.extend(others.map(|choice| (*choice, node.budget)));
    }
    let triggers = menu.iter().filter(|choice| interval(choice));
    if choices.is_empty() {
        choices.extend(triggers.map(|choice| (*choice, node.budget)));
    } else if node.budget.triggers > 0 {
        let spent = Budget { triggers: node.budget.triggers - 1, ..node.budget };
        choices.extend(triggers.map(|choice| (*choice, spent)));
    }
    if node.budget.crashes > 0 {
        let spent = Budget { crashes: node.budget.crashes - 1, ..node.budget };
        let mut faults = Vec::new();
        node.world.faults(&mut faults);
        let crash = |choice: &&Choice| matches!(choice, Choice::Fault(Fault::Crash(_)));
        choices.extend(faults.iter().filter(crash).map(|choice| (*choice, spent)));
    }
    choices
}

fn go(node: &Node, (choice, budget): (Choice, Budget)) -> Node {
    let mut world = node.world.clone();
    let mut watch = Watch { verifier: node.verifier.clone() };
    world.apply(Step::from(choice), &mut watch).expect("the menu lists what is enabled");
    Node { world, verifier: watch.verifier, budget }
}

/// Nothing is left to do: the folds say what they make of it.
fn quiesce(mut node: Node, found: &mut Explored) {
    let completed = node.world.store().completed().map(|manifest| manifest.checkpoint.0);
    found.completed.insert(completed.collect());
    found.quiescent.insert(node.world.fingerprint());
    let mut watch = Watch { verifier: node.verifier };
    node.world.note(Kind::Quiesce, &mut watch);
    judge(&watch.verifier, found.depth, found);
}

/// Notes violations; true if there is none.
fn judge(verifier: &Verifier, depth: usize, found: &mut Explored) -> bool {
    if !verifier.any_violated() {
        return true;
    }
    for (invariant, verdict) in verifier.clone().finish().verdicts {
        if let Verdict::Violated(violation) = verdict {
            found.violations.entry(invariant).or_insert_with(|| (depth, violation.message.clone()));
        }
    }
    false
}

/// Two states with one fingerprint that differ in what can happen next, if there are any: what a merging search
/// must never meet. For tests of the fingerprint itself.
pub fn confusion(setup: &Arc<Setup>, meta: &Meta, options: Options) -> Option<String> {
    let mut known: BTreeMap<(u128, Budget), Vec<(Choice, u128)>> = BTreeMap::new();
    let first = Node { world: World::new(setup), verifier: Verifier::new(meta), budget: options.budget };
    let mut layer = vec![first];
    let mut states = 0;
    while !layer.is_empty() {
        let mut next = Vec::new();
        for node in layer {
            states += 1;
            if states > options.states_max {
                return None;
            }
            let children: Vec<(Choice, Node)> =
                choices(&node).into_iter().map(|choice| (choice.0, go(&node, choice))).collect();
            let future: Vec<(Choice, u128)> =
                children.iter().map(|(choice, child)| (*choice, child.world.fingerprint())).collect();
            let key = (node.world.fingerprint(), node.budget);
            match known.get(&key) {
                Some(other) if *other != future => {
                    let only = |a: &[(Choice, u128)], b: &[(Choice, u128)]| -> Vec<Choice> {
                        a.iter().filter(|x| !b.contains(x)).map(|x| x.0).collect()
                    };
                    return Some(format!("{:?} against {:?}", only(&future, other), only(other, &future)));
                }
                Some(_) => {}
                None => drop(known.insert(key, future)),
            }
            next.extend(children.into_iter().map(|(_, child)| child));
        }
        layer = next;
    }
    None
}
