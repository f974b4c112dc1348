//! Learns which steps commute, by executing every pair that can happen in every state both ways; and audits what is
//! claimed by construction: steps of different processes that don't reach the same service.

use super::classes::{Class, OTHER, Roles};
use super::commutation::{Learned, Pair};
use super::recovery;
use super::rules::*;
use super::space::*;
use super::steps::{Steps, Went};
use super::table::NONE;
use crate::ids::TaskId;
use crate::world::choice::Choice;
use crate::world::setup::Setup;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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

pub(super) struct Learner<'a> {
    pub(super) roles: &'a Roles,
    pub(super) rules: &'a Rules,
    pub(super) space: Space,
    pub(super) steps: Steps,
    lesson: Lesson,
    /// Pairs of steps of different processes of which at most one reached a service.
    beside: BTreeSet<(Class, Class)>,
    /// Steps, and what they made possible.
    woken: BTreeSet<(Class, Class)>,
}

/// How much is learned from.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// States that are visited, at most.
    pub states: usize,
    /// Walks from the beginning to an end, where there are more states: what is met late is met there.
    pub walks: u64,
}

/// Visits the states of an instance, without any reduction, and tries every pair in each. What costs least is visited
/// first: every state is met with as much left to spend as any way to it leaves.
pub fn learn(setup: &Arc<Setup>, roles: &Roles, rules: &Rules, effort: Effort) -> Lesson {
    let (mut learner, first) = Learner::new(setup, roles, rules);
    let start = first.clone();
    let mut seen = BTreeSet::new();
    let mut queues = BTreeMap::from([(0, VecDeque::from([(first, Budget::default())]))]);
    learner.lesson.exhausted = true;
    while let Some(mut queue) = queues.first_entry() {
        let Some((row, spent)) = queue.get_mut().pop_front() else {
            queue.remove();
            continue;
        };
        if !seen.insert(fingerprint(&row)) {
            continue; // it was reached for less, or in another way
        }
        if learner.lesson.states == effort.states {
            learner.lesson.exhausted = false;
            break;
        }
        learner.lesson.states += 1;
        for (next, cost) in learner.visit(&row, &spent) {
            if !seen.contains(&fingerprint(&next)) {
                let spent = cost.map_or(spent, |kind| spent.plus(kind));
                queues.entry(spent.sum()).or_default().push_back((next, spent));
            }
        }
    }
    if !learner.lesson.exhausted {
        learner.walk(&start, effort.walks);
    }
    learner.end()
}

/// Steps of a walk, at most.
const STEPS_MAX: usize = 400;

/// A step that was made.
pub(super) struct Made {
    pub(super) offer: Offer,
    class: Class,
    pub(super) went: Went,
    /// The checkpoint that it completed.
    cut: u32,
    pub(super) next: Vec<u32>,
}

/// Whose step a choice is.
fn owner(space: &Space, choice: Choice) -> Option<TaskId> {
    Some(match choice {
        Choice::Deliver(_, c) | Choice::Overtake(_, c) | Choice::Jump(_, c, _) => {
            space.setup().topology.channels[c.index()].to
        }
        Choice::Read(who, _) | Choice::Choose(who, _) | Choice::Tell(_, who) | Choice::Fire(who, _) => who.task,
        Choice::Apply(ask) | Choice::Answer(ask) => ask.asker.task,
        Choice::Detect(by, _) => by.task,
        _ => return None,
    })
}

impl<'a> Learner<'a> {
    /// And the state that everything begins with.
    pub(super) fn new(setup: &Arc<Setup>, roles: &'a Roles, rules: &'a Rules) -> (Self, Vec<u32>) {
        let (mut space, steps) = (Space::new(setup), Steps::default());
        let first = match rules.recovery {
            Recovery::Atomic => recovery::started(setup),
            Recovery::Stepwise => crate::world::World::new(setup),
        };
        let first = space.row(&first);
        let (lesson, beside, woken) = (Lesson::default(), BTreeSet::new(), BTreeSet::new());
        (Learner { roles, rules, space, steps, lesson, beside, woken }, first)
    }

    pub(super) fn make(&mut self, row: &[u32], offer: Offer) -> Made {
        let (went, cut, next) = self.steps.make(&mut self.space, row, &offer);
        Made { offer, class: self.roles.class(&self.space, row, &offer), went, cut, next }
    }

    /// Chooses by a hash of walk and step: the same walks everywhere.
    fn walk(&mut self, start: &[u32], walks: u64) {
        for walk in 0..walks {
            let (mut row, mut spent) = (start.to_vec(), Budget::default());
            for step in 0..STEPS_MAX as u64 {
                let mut next = self.visit(&row, &spent);
                // Faults are rare: otherwise all would come at once, at the beginning.
                let dice = crate::digest::mix(walk << 32 | step);
                if dice >> 40 & 15 > 0 && next.iter().any(|(_, cost)| cost.is_none()) {
                    next.retain(|(_, cost)| cost.is_none());
                }
                if next.is_empty() {
                    break;
                }
                let (then, cost) = next.swap_remove((dice & 0xffff_ffff) as usize % next.len());
                spent = cost.map_or(spent, |kind| spent.plus(kind));
                row = then;
            }
        }
    }

    pub(super) fn offers(&self, row: &[u32], spent: &Budget) -> Vec<Offer> {
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
        for offer in offers.iter() {
            let one = self.make(row, *offer);
            self.look(row, offer, &one.next, one.went);
            if one.went == Went::Fine {
                self.woken(&offers, &one, spent);
            }
            made.push(one);
        }
        // A power failure may come at any time, and waits for nobody's turn.
        let timer = |offer: &Offer| offer.fires().is_some() || offer.what == Move::PowerFailure;
        let quiet = offers.iter().all(timer);
        for i in 0..made.len() {
            for j in i + 1..made.len() {
                let (a, b) = (&made[i], &made[j]);
                let scarce = |offer: &Offer| offer.cost.is_some_and(|kind| kind != Scarce::Trigger);
                if scarce(&a.offer) || scarce(&b.offer) || (quiet && self.rules.timers == Timers::Patient) {
                    continue; // what isn't reduced
                }
                let pair = match self.commute(spent, a, b) {
                    Some(false) => Pair::Conflicts,
                    Some(true) if self.shows(row, spent, a, b) => Pair::Shows,
                    Some(true) | None => Pair::Commutes, // None: nobody goes on from there, in either order
                };
                self.note(row, &a.offer, &b.offer, pair);
            }
        }
        let fine = made.into_iter().filter(|one| one.went == Went::Fine);
        fine.map(|one| (one.next, one.offer.cost)).collect()
    }

    /// Does the order make no difference, to the state that follows and to the checkpoints that are completed on the
    /// way? Which of the two completes one is no matter; which violates something is. None: neither order can be gone
    /// on from.
    pub(super) fn commute(&mut self, spent: &Budget, a: &Made, b: &Made) -> Option<bool> {
        let fine = |one: &Made| one.went == Went::Fine;
        if !fine(a) && !fine(b) {
            return None;
        }
        // What comes after a violation isn't looked at: it has to be one in the other order too.
        let after_a = if fine(a) { Some(self.follow(&a.next, spent, b, a)) } else { None };
        let after_b = if fine(b) { Some(self.follow(&b.next, spent, a, b)) } else { None };
        Some(match (after_a, after_b) {
            (Some(Some((led_ab, b_cut))), Some(Some((led_ba, a_cut)))) => {
                led_ab == led_ba && BTreeSet::from([NONE, a.cut, b_cut]) == BTreeSet::from([NONE, b.cut, a_cut])
            }
            (Some(_), Some(_)) => false,
            (one, other) => one.or(other).is_some_and(|led| led.is_some()),
        })
    }

    /// Would a crash between two steps that commute leave something else in the other order?
    pub(super) fn shows(&mut self, row: &[u32], spent: &Budget, a: &Made, b: &Made) -> bool {
        let serve = [a, b].iter().all(|one| one.went == Went::Fine && self.steps.served(&self.space, row, &one.offer));
        if !serve || self.rules.recovery != Recovery::Atomic {
            return false;
        }
        let (before, after_a, after_b) = (self.left_by(row), self.left_by(&a.next), self.left_by(&b.next));
        if after_a == after_b {
            return false;
        }
        let spent = a.offer.cost.map_or(*spent, |kind| spent.plus(kind));
        let again = self.offers(&a.next, &spent).into_iter().find(|offer| offer.what == b.offer.what);
        let both = self.steps.make(&mut self.space, &a.next, &again.expect("they commute")).2;
        let both = self.left_by(&both);
        BTreeSet::from([before, both, after_a]) != BTreeSet::from([before, both, after_b])
    }

    /// Where the second of two steps leads and the checkpoint that it completes; none if it can't be made any more, or
    /// if a violation came or went.
    fn follow(&mut self, row: &[u32], spent: &Budget, second: &Made, first: &Made) -> Option<(u128, u32)> {
        let spent = first.offer.cost.map_or(*spent, |kind| spent.plus(kind));
        let again = self.offers(row, &spent).into_iter().find(|offer| offer.what == second.offer.what)?;
        let (went, cut, next) = self.steps.make(&mut self.space, row, &again);
        let property = |wrong: u32| self.steps.wrongs[wrong as usize].property;
        match (went, second.went) {
            (Went::Fine, Went::Fine) => Some((fingerprint(&next), cut)),
            (Went::Wrong(now), Went::Wrong(then)) if property(now) == property(then) => Some((0, NONE)),
            _ => None,
        }
    }

    fn look(&mut self, row: &[u32], offer: &Offer, next: &[u32], went: Went) {
        let class = self.roles.class(&self.space, row, offer);
        if class.kind == OTHER {
            return;
        }
        let serves = self.steps.served(&self.space, row, offer);
        let durable = |col: usize| !matches!(self.space.slots()[col], crate::world::parts::Slot::Life(_));
        let touched = serves
            && went == Went::Fine
            && (0..self.space.slots().len())
                .any(|col| durable(col) && self.space.at(row, col) != self.space.at(next, col));
        let visible = touched && self.rules.recovery == Recovery::Atomic && self.left_by(row) != self.left_by(next);
        let facts = self.lesson.learned.classes.entry(self.roles.word(class)).or_default();
        facts.serves |= serves;
        facts.visible |= visible;
        if went == Went::Fine {
            let word = |role: u8| (self.roles.word(class), self.roles.names()[role as usize].clone());
            self.lesson.learned.feeds.extend(self.roles.fed(&self.space, row, offer, next).map(word));
        }
    }

    /// Notes which steps of the same process a step has made possible.
    fn woken(&mut self, before: &[Offer], one: &Made, spent: &Budget) {
        let Move::Choice(choice) = one.offer.what else { return };
        let spent = one.offer.cost.map_or(*spent, |kind| spent.plus(kind));
        let offers = self.offers(&one.next, &spent);
        let fresh = |offer: &&Offer| before.iter().all(|before| before.what != offer.what);
        for offer in offers.iter().filter(fresh) {
            let Move::Choice(other) = offer.what else { continue };
            let class = self.roles.class(&self.space, &one.next, offer);
            if class.kind != OTHER && owner(&self.space, choice) == owner(&self.space, other) {
                self.woken.insert((one.class, class));
            }
        }
    }

    /// What a power failure leads to.
    pub(super) fn left_by(&mut self, row: &[u32]) -> u128 {
        let failure = Offer { what: Move::PowerFailure, col: 0, variant: 0, cost: Some(Scarce::Crash) };
        fingerprint(&self.steps.make(&mut self.space, row, &failure).2)
    }

    fn note(&mut self, row: &[u32], a: &Offer, b: &Offer, pair: Pair) {
        let (Move::Choice(one), Move::Choice(other)) = (a.what, b.what) else { return };
        let classes = (self.roles.class(&self.space, row, a), self.roles.class(&self.space, row, b));
        if classes.0.kind == OTHER || classes.1.kind == OTHER {
            return;
        }
        self.lesson.pairs += 1;
        let served = |offer| self.steps.served(&self.space, row, offer);
        let own = owner(&self.space, one) == owner(&self.space, other);
        let both = served(a) && served(b);
        if own || both {
            self.lesson.learned.note(self.words(classes), pair);
        } else if pair == Pair::Commutes {
            self.beside.insert(classes);
        } else {
            let (x, y) = self.words(classes);
            self.lesson.broken.insert(format!("{x} and {y}: {one:?} and {other:?}"));
        }
    }

    /// Two classes in words, the lesser first.
    fn words(&self, (one, other): (Class, Class)) -> (String, String) {
        let (x, y) = (self.roles.word(one), self.roles.word(other));
        if x <= y { (x, y) } else { (y, x) }
    }

    /// What was noted by class, in words. Classes that sometimes reach a service were met together, also where they
    /// didn't.
    fn end(mut self) -> Lesson {
        let wakes = self.woken.iter().filter(|(class, _)| class.kind != OTHER);
        let wakes = wakes.map(|(class, other)| (self.roles.word(*class), self.roles.word(*other)));
        self.lesson.learned.wakes.extend(wakes);
        for classes in std::mem::take(&mut self.beside) {
            let (x, y) = self.words(classes);
            let serves = |class: &String| self.lesson.learned.classes.get(class).is_some_and(|facts| facts.serves);
            if serves(&x) && serves(&y) {
                self.lesson.learned.note((x, y), Pair::Commutes);
            }
        }
        self.lesson
    }
}
