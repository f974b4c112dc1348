//! Learns which steps commute, by executing every pair that can happen in every state both ways; and audits what is
//! claimed by construction: steps of different processes that don't reach the same service.

use super::classes::{Class, OTHER, Roles};
use super::commutation::Learned;
use super::recovery;
use super::rules::*;
use super::space::*;
use super::steps::{Steps, Went};
use crate::ids::TaskId;
use crate::world::choice::Choice;
use crate::world::setup::Setup;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came of learning.
#[derive(Clone, Debug, Default)]
pub struct Lesson {
    /// What was learned.
    pub learned: Learned,
    /// States that were visited.
    pub states: usize,
    /// Pairs that were executed both ways.
    pub pairs: u64,
    /// Was every state visited?
    pub exhausted: bool,
    /// Pairs that commute by construction, and didn't: defects of the checker.
    pub broken: BTreeSet<String>,
}

struct Learner<'a> {
    roles: &'a Roles,
    rules: &'a Rules,
    space: Space,
    steps: Steps,
    lesson: Lesson,
}

/// Visits up to `most` states of an instance, without any reduction, and tries every pair in each.
pub fn learn(setup: &Arc<Setup>, roles: &Roles, rules: &Rules, most: usize) -> Lesson {
    let mut learner =
        Learner { roles, rules, space: Space::new(setup), steps: Steps::default(), lesson: Lesson::default() };
    let first = match rules.recovery {
        Recovery::Atomic => recovery::started(setup),
        Recovery::Stepwise => crate::world::World::new(setup),
    };
    let first = learner.space.row(&first);
    let mut seen = BTreeSet::from([fingerprint(&first)]);
    let mut queue = std::collections::VecDeque::from([(first, Budget::default())]);
    learner.lesson.exhausted = true;
    while let Some((row, spent)) = queue.pop_front() {
        if learner.lesson.states == most {
            learner.lesson.exhausted = false;
            break;
        }
        learner.lesson.states += 1;
        for (next, cost) in learner.visit(&row, &spent) {
            if seen.insert(fingerprint(&next)) {
                queue.push_back((next, cost.map_or(spent, |kind| spent.plus(kind))));
            }
        }
    }
    learner.lesson
}

/// Whose step a choice is.
fn owner(space: &Space, choice: Choice) -> Option<TaskId> {
    Some(match choice {
        Choice::Deliver(_, c) | Choice::Overtake(_, c) => space.setup().topology.channels[c.index()].to,
        Choice::Read(who, _) | Choice::Choose(who, _) | Choice::Tell(_, who) | Choice::Fire(who, _) => who.task,
        Choice::Apply(ask) | Choice::Answer(ask) => ask.asker.task,
        _ => return None,
    })
}

impl Learner<'_> {
    fn offers(&self, row: &[u32], spent: &Budget) -> Vec<Offer> {
        let mut left = self.rules.budget;
        left.0.iter_mut().zip(spent.0).for_each(|(left, spent)| *left = left.saturating_sub(spent));
        let mut offers = Vec::new();
        self.space.offers(row, self.rules, &left, &mut offers);
        offers
    }

    /// Makes every step of a state, and every two of them in both orders.
    fn visit(&mut self, row: &[u32], spent: &Budget) -> Vec<(Vec<u32>, Option<Scarce>)> {
        let offers = self.offers(row, spent);
        let mut made = Vec::new();
        for offer in &offers {
            let (went, next) = self.steps.make(&mut self.space, row, offer);
            if went == Went::Fine {
                self.look(row, offer, &next);
                made.push((*offer, next));
            }
        }
        let quiet = offers.iter().all(|offer| offer.fires().is_some());
        let plain = matches!(self.space.facts(self.space.at(row, 0)), Facts::Roster(roster) if roster.plain.is_some());
        if !plain {
            return made.into_iter().map(|(offer, next)| (next, offer.cost)).collect(); // nothing is reduced there
        }
        for i in 0..made.len() {
            for j in i + 1..made.len() {
                let (a, b) = (made[i].0, made[j].0);
                let scarce = |offer: &Offer| offer.cost.is_some_and(|kind| kind != Scarce::Trigger);
                if scarce(&a) || scarce(&b) || (quiet && self.rules.timers == Timers::Patient) {
                    continue; // what isn't reduced
                }
                let (after_a, after_b) = (made[i].1.clone(), made[j].1.clone());
                let same = match (self.follow(&after_a, spent, &b, &a), self.follow(&after_b, spent, &a, &b)) {
                    (Some(ab), Some(ba)) => ab == ba,
                    _ => false,
                };
                self.note(row, &a, &b, same);
            }
        }
        made.into_iter().map(|(offer, next)| (next, offer.cost)).collect()
    }

    /// The second of two steps; none if it can't be made any more.
    fn follow(&mut self, row: &[u32], spent: &Budget, second: &Offer, first: &Offer) -> Option<u128> {
        let spent = first.cost.map_or(*spent, |kind| spent.plus(kind));
        let again = self.offers(row, &spent).into_iter().find(|offer| offer.what == second.what)?;
        let (went, next) = self.steps.make(&mut self.space, row, &again);
        (went == Went::Fine).then(|| fingerprint(&next))
    }

    fn look(&mut self, row: &[u32], offer: &Offer, next: &[u32]) {
        let class = self.roles.class(&self.space, row, offer);
        if class.kind == OTHER {
            return;
        }
        let serves = self.steps.served(&self.space, row, offer);
        let durable = |col: usize| !matches!(self.space.slots()[col], crate::world::parts::Slot::Life(_));
        let touched = serves && (0..self.space.slots().len()).any(|col| durable(col) && self.space.at(row, col) != self.space.at(next, col));
        let visible = touched && self.rules.recovery == Recovery::Atomic && self.left_by(row) != self.left_by(next);
        let facts = self.lesson.learned.classes.entry(self.roles.word(class)).or_default();
        facts.serves |= serves;
        facts.visible |= visible;
    }

    /// What a power failure leads to.
    fn left_by(&mut self, row: &[u32]) -> u128 {
        let failure = Offer { what: Move::PowerFailure, col: 0, variant: 0, cost: Some(Scarce::Crash) };
        fingerprint(&self.steps.make(&mut self.space, row, &failure).1)
    }

    fn note(&mut self, row: &[u32], a: &Offer, b: &Offer, same: bool) {
        let (Move::Choice(one), Move::Choice(other)) = (a.what, b.what) else { return };
        let classes = (self.roles.class(&self.space, row, a), self.roles.class(&self.space, row, b));
        if classes.0.kind == OTHER || classes.1.kind == OTHER {
            return;
        }
        self.lesson.pairs += 1;
        let served = |offer| self.steps.served(&self.space, row, offer);
        let own = owner(&self.space, one) == owner(&self.space, other);
        let both = served(a) && served(b);
        let word = |class: Class| self.roles.word(class);
        let (x, y) = (word(classes.0), word(classes.1));
        let pair = if x <= y { (x, y) } else { (y, x) };
        if own || both {
            *self.lesson.learned.pairs.entry(pair).or_default() |= !same;
        } else if !same {
            self.lesson.broken.insert(format!("{} and {}: {one:?} and {other:?}", pair.0, pair.1));
        }
    }
}
