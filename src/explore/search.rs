//! Breadth first, layer by layer, in waves of growing use of what is scarce. The first violation is a shortest one
//! among those with the fewest faults, and nothing depends on how many threads there are: a layer is a set of states,
//! threads only divide it, and what the memory of steps doesn't know is filled in between, by one thread.
//!
//! What a state has spent is not part of it. A state is passed over where it was seen with no more spent (dominance);
//! so a crash that leads back to a known state costs one look-up.

use super::expected::Expected;
use super::judge::Wrong;
use super::learn::{Effort, learn};
use super::liveness::Edges;
use super::refine::Base;
use super::rules::*;
use super::space::*;
use super::steps::*;
use super::table::{NONE, Visited};
use super::threads::in_parts;
use super::{layer::Layer, recovery};

pub use super::terms::*;
use crate::world::World;
use crate::world::setup::Setup;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// States that are gone on from at once, between looks at the clock and at what must be filled in.
const BLOCK: usize = 1 << 14;

/// A state that a block led to.
struct Next {
    cost: Option<Scarce>,
    parent: u32,
    what: Move,
}

/// What came of one part of a block.
#[derive(Default)]
struct Share {
    width: usize,
    rows: Vec<u32>,
    next: Vec<Next>,
    unknown: Vec<(usize, Offer)>,
    ends: Vec<usize>,
    wrongs: Vec<(usize, Offer, u32)>,
    cuts: BTreeSet<u32>,
    strange: bool,
    edges: Edges,
    transitions: u64,
    audits: u64,
}

/// A search under way.
pub struct Search {
    options: Options,
    expected: Expected,
    space: Space,
    steps: Steps,
    seen: BTreeMap<Budget, Visited>,
    waiting: BTreeMap<(u32, Budget), BTreeMap<u32, Layer>>,
    parents: Vec<(u32, Move)>,
    /// Some wave would have gone deeper than allowed.
    deep: bool,
    found: Found,
}

/// Searches everything within the rules. `watch` is told how far it is, and says whether to go on. Where moves were to be
/// left out and what was learned proves not to be about this space, with [`Options::or_in_full`] nothing is left out.
///
/// # Panics
/// If moves are to be left out where they may not be ([`Rules::reducible`]), or if the checker itself is wrong: a
/// remembered step is not what the engine does.
pub fn search(
    setup: &Arc<Setup>,
    options: Options,
    base: Option<&Arc<Base>>,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> Found {
    let found = search_as_told(setup, options.clone(), base, watch);
    let sound = found.violations.is_empty() && found.cut.is_none();
    if !options.or_in_full || !found.strange || !sound || found.broken {
        return found;
    }
    let why = found.denied.unwrap_or_else(|| "steps were met of which nothing was learned".to_string());
    let in_full = Options { reduce: None, ..options };
    Found { denied: Some(why), ..search_as_told(setup, in_full, base, watch) }
}

fn search_as_told(
    setup: &Arc<Setup>,
    options: Options,
    base: Option<&Arc<Base>>,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> Found {
    assert!(options.reduce.is_none() || options.rules.reducible(), "nothing may be left out under these rules");
    let first = match options.rules.recovery {
        Recovery::Atomic => recovery::started(setup),
        Recovery::Stepwise => World::new(setup),
    };
    let mut search = Search {
        options,
        expected: base.map_or_else(Expected::default, |base| base.expected.clone()),
        space: Space::new(setup),
        steps: Steps::new(base.cloned()),
        seen: BTreeMap::new(),
        waiting: BTreeMap::new(),
        parents: Vec::new(),
        deep: false,
        found: Found::default(),
    };
    search.audit_walks(setup);
    if search.options.or_in_full && search.found.strange {
        return search.report();
    }
    search.begin(&first);
    while search.found.cut.is_none()
        && let Some(((_, spent), layers)) = search.waiting.pop_first()
    {
        let before = search.found.states;
        search.wave(spent, layers, watch);
        let states = search.found.states - before;
        search.found.waves.push((spent, states));
        if !search.options.keep_going && !search.found.violations.is_empty() {
            break;
        }
    }
    search.report()
}

impl Search {
    fn begin(&mut self, first: &World) {
        let row = self.space.row(first);
        let mut layer = Layer::new(self.space.width());
        layer.push(&row, self.parents.len() as u32);
        self.parents.push((0, Move::PowerFailure));
        self.waiting.entry((0, Budget::default())).or_default().insert(0, layer);
    }

    /// A space that wasn't learned from may hold what was never met: walks through all of it would meet it sooner or
    /// later, and what is left out can't hide it from them.
    fn audit_walks(&mut self, setup: &Arc<Setup>) {
        let Some(reducer) = self.options.reduce.clone().filter(|_| self.options.walks > 0) else { return };
        let effort = Effort { states: 0, walks: self.options.walks };
        let lesson = learn(setup, reducer.roles(), &self.options.rules, effort);
        self.found.walked = lesson.pairs;
        let denied = reducer.learned().contradicted_by(&lesson.learned);
        self.found.broken = !lesson.broken.is_empty();
        self.found.denied = lesson.broken.into_iter().chain(denied).next();
        self.found.strange |= self.found.denied.is_some();
    }

    fn report(mut self) -> Found {
        let found = &mut self.found;
        (found.misses, found.whole) = (self.steps.misses, self.steps.whole);
        found.parts = self.space.parts();
        found.met = self.steps.met;
        found.cut = found.cut.or(self.deep.then_some(Cut::Depth));
        self.found
    }

    /// Everything that is reached with exactly this much spent.
    fn wave(&mut self, spent: Budget, starts: BTreeMap<u32, Layer>, watch: &mut dyn FnMut(&Progress) -> bool) {
        let mut starts = starts;
        let Some(mut depth) = starts.keys().next().copied() else { return };
        let mut layer = Layer::new(self.space.width());
        loop {
            if let Some(start) = starts.remove(&depth) {
                self.admit(spent, start, &mut layer);
            }
            if layer.is_empty() {
                match starts.keys().next() {
                    Some(next) => depth = *next,
                    None => return,
                }
                continue;
            }
            if depth > self.options.limits.depth {
                self.deep = true; // and other waves are searched down to here
                return;
            }
            self.found.depth = self.found.depth.max(depth);
            let next = self.layer(spent, depth, &layer, watch);
            let done = !self.options.keep_going && !self.found.violations.is_empty();
            if self.found.cut.is_some() || done {
                return;
            }
            layer = next;
            depth += 1;
        }
    }

    /// Puts states that another wave led to into a layer, unless they were seen with no more spent.
    fn admit(&mut self, spent: Budget, start: Layer, layer: &mut Layer) {
        let visited = self.seen.entry(spent).or_default();
        visited.reserve(start.len());
        layer.widen(self.space.width());
        for (row, number) in start.iter() {
            let key = Visited::key(fingerprint(row));
            let dominated = self.options.dominance
                && self.seen.iter().any(|(less, seen)| *less != spent && less.within(&spent) && seen.contains(key));
            if !self.options.merge || (!dominated && self.seen[&spent].insert(key)) {
                self.found.states += 1;
                self.stop_at(spent, key, number);
                layer.push(row, number);
            }
        }
    }

    /// Stops, if this is one of the states at which to.
    fn stop_at(&mut self, spent: Budget, key: u64, number: u32) {
        let wanted = self.options.until.as_ref().is_some_and(|until| until.contains(&key));
        if wanted && self.found.way.is_none() {
            self.found.way = Some((self.path(number, None), spent));
            self.found.cut = Some(Cut::Stopped);
        }
    }

    fn layer(&mut self, spent: Budget, depth: u32, layer: &Layer, watch: &mut dyn FnMut(&Progress) -> bool) -> Layer {
        let mut next = Layer::new(self.space.width());
        let mut from = 0;
        while from < layer.len() {
            let to = (from + BLOCK).min(layer.len());
            self.seen.entry(spent).or_default().reserve((to - from) * 24);
            let shares = self.shares(spent, layer, from, to);
            for share in shares {
                self.collect(spent, depth, layer, share, &mut next);
            }
            from = to;
            if !self.go_on(depth, layer, &next, layer.len() - from, watch) {
                return next;
            }
        }
        next
    }

    fn shares(&self, spent: Budget, layer: &Layer, from: usize, to: usize) -> Vec<Share> {
        let jobs = if to - from < 256 { 1 } else { self.options.jobs };
        in_parts(from, to, jobs, |from, to| self.share(spent, layer, from, to))
    }

    /// Goes on from some states of a layer as far as the memory of steps knows how.
    fn share(&self, spent: Budget, layer: &Layer, from: usize, to: usize) -> Share {
        let mut share = Share { width: self.space.width(), ..Share::default() };
        let mut offers = Vec::new();
        let (mut changes, mut ready) = (Vec::new(), Vec::new());
        let left = self.left(spent);
        let dominating = self.dominating(spent);
        let seen = &self.seen[&spent];
        for at in from..to {
            let row = layer.row(at);
            self.space.offers(row, &self.options.rules, &left, &mut offers);
            if offers
                .iter()
                .all(|offer| offer.cost.is_some_and(|kind| !matches!(kind, Scarce::Trigger | Scarce::Delay)))
            {
                share.ends.push(at);
            }
            if let Some(reducer) = &self.options.reduce {
                share.strange |= !reducer.choose(&self.space, row, &mut offers);
            }
            // All look-ups of the steps first, then all of the states: the table is larger than any cache, and
            // this way the processor waits for several of its lines at once.
            ready.clear();
            let mut touched = 0;
            for offer in &offers {
                let (went, cut) = self.steps.go(&self.space, row, offer, &mut changes);
                let fingerprint = if went == Went::Unknown { 0 } else { self.space.shifted(row, &changes) };
                touched ^= seen.touch(Visited::key(fingerprint));
                ready.push((went, cut, fingerprint));
            }
            std::hint::black_box(touched);
            for (offer, (went, cut, fingerprint)) in offers.iter().zip(&ready) {
                match *went {
                    Went::Unknown => {
                        share.unknown.push((at, *offer));
                        continue;
                    }
                    Went::Wrong(wrong) => share.wrongs.push((at, *offer, wrong)),
                    Went::Fine => {
                        if self.options.liveness {
                            share.edges.add(Visited::key(self::fingerprint(row)), Visited::key(*fingerprint));
                        }
                        if self.is_new(offer, Visited::key(*fingerprint), seen, &dominating) {
                            self.steps.go(&self.space, row, offer, &mut changes);
                            self.space.write(row, &changes, *fingerprint, &mut share.rows);
                            share.next.push(Next { cost: offer.cost, parent: layer.number(at), what: offer.what });
                        }
                    }
                }
                if *cut != NONE {
                    share.cuts.insert(*cut);
                }
                share.transitions += 1;
                if self.options.audit > 0 && (*fingerprint as u64).is_multiple_of(self.options.audit) {
                    self.audit(row, offer, *fingerprint, *went);
                    share.audits += 1;
                }
            }
        }
        share
    }

    fn left(&self, spent: Budget) -> Budget {
        let mut left = self.options.rules.budget;
        left.0.iter_mut().zip(spent.0).for_each(|(left, spent)| *left -= spent);
        left
    }

    /// The waves whose states needn't be gone on from again in this one.
    fn dominating(&self, spent: Budget) -> Vec<&Visited> {
        let less = |(budget, _): &(&Budget, &Visited)| **budget != spent && budget.within(&spent);
        if !self.options.dominance {
            return Vec::new();
        }
        self.seen.iter().filter(less).map(|(_, seen)| seen).collect()
    }

    /// Is a state to be gone on from? Marks it as seen, if it is of this wave.
    #[inline]
    fn is_new(&self, offer: &Offer, key: u64, seen: &Visited, dominating: &[&Visited]) -> bool {
        if !self.options.merge {
            return true;
        }
        let dominated = || dominating.iter().any(|less| less.contains(key));
        match offer.cost {
            Some(_) => !self.options.dominance || !(seen.contains(key) || dominated()),
            None => !dominated() && seen.insert(key),
        }
    }

    /// Runs a remembered step in the whole world. A difference is a defect of the checker itself.
    fn audit(&self, row: &[u32], offer: &Offer, next: u128, went: Went) {
        let ran = run(&self.space.world(row), offer.what);
        let wrong = self.steps.wrong(offer.what, &ran);
        let same = match went {
            Went::Wrong(known) => wrong.as_ref() == Some(&self.steps.wrongs[known as usize]),
            _ => wrong.is_none() && Space::fingerprint_of(&ran.world) == next,
        };
        assert!(same, "the checker is wrong: {:?} doesn't do what it did before in the same surroundings", offer.what);
    }

    /// Takes over what a share found, and fills in what it didn't know.
    fn collect(&mut self, spent: Budget, depth: u32, layer: &Layer, share: Share, next: &mut Layer) {
        let mut share = share;
        self.found.transitions += share.transitions + share.unknown.len() as u64;
        self.found.audits += share.audits;
        self.found.strange |= share.strange;
        self.found.edges.append(std::mem::take(&mut share.edges));
        let (mut row, mut changes) = (Vec::new(), Vec::new());
        for (at, offer) in std::mem::take(&mut share.unknown) {
            let from = layer.row(at);
            let (went, cut) = match self.steps.go(&self.space, from, &offer, &mut changes) {
                (Went::Unknown, _) => {
                    let known = self.steps.resolve(&mut self.space, from, &offer, &mut row);
                    if let (Some(reducer), Went::Fine) = (&self.options.reduce, known.0) {
                        let served = self.steps.served(&self.space, from, &offer);
                        self.found.strange |= !reducer.expected(&self.space, from, &offer, &row, served);
                    }
                    known
                }
                known => {
                    row.clear();
                    self.space.write(from, &changes, self.space.shifted(from, &changes), &mut row);
                    known
                }
            };
            if cut != NONE {
                share.cuts.insert(cut);
            }
            if let Went::Wrong(wrong) = went {
                share.wrongs.push((at, offer, wrong));
                continue;
            }
            if self.options.liveness {
                self.found.edges.add(Visited::key(fingerprint(from)), Visited::key(fingerprint(&row)));
            }
            self.keep(
                spent,
                depth,
                &row,
                &Next { cost: offer.cost, parent: layer.number(at), what: offer.what },
                next,
                false,
            );
        }
        if self.options.reduce.is_some() {
            self.rest(spent, depth, layer, &mut share, next);
        }
        let width = share.width;
        for (i, one) in share.next.iter().enumerate() {
            self.keep(spent, depth, &share.rows[i * width..(i + 1) * width], one, next, true);
        }
        for (at, offer, wrong) in share.wrongs {
            let wrong = self.steps.wrongs[wrong as usize].clone();
            let spent = offer.cost.map_or(spent, |kind| spent.plus(kind));
            self.violated(spent, depth + 1, layer.number(at), Some(offer.what), wrong);
        }
        for cut in share.cuts {
            self.found.completed.insert(self.steps.cuts[cut as usize]);
        }
        for at in share.ends {
            self.end(spent, depth, layer, at);
        }
    }

    /// A violation ends its way. Moves that were left out because they can come after it never would: where a move
    /// that was chosen violates something, the others are made too.
    fn rest(&mut self, spent: Budget, depth: u32, layer: &Layer, share: &mut Share, next: &mut Layer) {
        let Some(reducer) = self.options.reduce.clone() else { return };
        let states: BTreeSet<usize> = share.wrongs.iter().map(|(at, _, _)| *at).collect();
        let left = self.left(spent);
        for at in states {
            let (row, mut all) = (layer.row(at), Vec::new());
            self.space.offers(row, &self.options.rules, &left, &mut all);
            let mut chosen = all.clone();
            reducer.choose(&self.space, row, &mut chosen);
            for offer in all.iter().filter(|offer| chosen.iter().all(|chosen| chosen.what != offer.what)) {
                let (went, cut, row) = self.steps.make(&mut self.space, row, offer);
                self.found.transitions += 1;
                share.cuts.extend(Some(cut).filter(|cut| *cut != NONE));
                let one = Next { cost: offer.cost, parent: layer.number(at), what: offer.what };
                match went {
                    Went::Wrong(wrong) => share.wrongs.push((at, *offer, wrong)),
                    _ => self.keep(spent, depth, &row, &one, next, false),
                }
            }
        }
    }

    /// A state that is to be gone on from, in this wave or in a later one.
    fn keep(&mut self, spent: Budget, depth: u32, row: &[u32], one: &Next, next: &mut Layer, checked: bool) {
        let key = Visited::key(fingerprint(row));
        let width = self.space.width();
        let Some(kind) = one.cost else {
            let fresh = checked || !self.options.merge || {
                let dominated = self.dominating(spent).iter().any(|less| less.contains(key));
                !dominated && self.seen[&spent].insert(key)
            };
            if fresh {
                self.found.states += 1;
                let number = self.number(one);
                self.stop_at(spent, key, number);
                next.widen(width);
                next.push(row, number);
            }
            return;
        };
        let then = spent.plus(kind);
        let dominated = self.options.dominance
            && self.options.merge
            && self.seen.iter().any(|(less, seen)| less.within(&then) && seen.contains(key));
        if !dominated {
            let number = self.number(one);
            let layers = self.waiting.entry((then.sum(), then)).or_default();
            let layer = layers.entry(depth + 1).or_insert_with(|| Layer::new(width));
            layer.widen(width);
            layer.push(row, number);
        }
    }

    fn number(&mut self, one: &Next) -> u32 {
        if !self.options.track {
            return 0;
        }
        self.parents.push((one.parent, one.what));
        (self.parents.len() - 1) as u32
    }

    /// Nothing happens any more by itself: is that an end?
    fn end(&mut self, spent: Budget, depth: u32, layer: &Layer, at: usize) {
        let row = layer.row(at);
        self.found.quiescent.insert(fingerprint(row));
        let world = self.space.world(row);
        match self.expected.ends_wrong(&world) {
            Some(wrong) => self.violated(spent, depth, layer.number(at), None, wrong),
            None => drop(self.found.good_ends.insert(Visited::key(fingerprint(row)))),
        }
    }

    fn violated(&mut self, spent: Budget, depth: u32, number: u32, last: Option<Move>, wrong: Wrong) {
        let known = self.found.violations.get(&wrong.property);
        let better = known
            .is_none_or(|known| known.spent == spent && known.depth == depth && known.wrong.message > wrong.message);
        if better {
            let path = self.options.track.then(|| self.path(number, last));
            let violation = Violation { depth, spent, path, wrong, round: 0 };
            self.found.violations.insert(violation.wrong.property, violation);
        }
    }

    fn path(&self, number: u32, last: Option<Move>) -> Vec<Move> {
        let mut path: Vec<Move> = last.into_iter().collect();
        let mut at = number;
        while at != 0 {
            let (parent, what) = self.parents[at as usize];
            path.push(what);
            at = parent;
        }
        path.reverse();
        path
    }

    fn go_on(
        &mut self,
        depth: u32,
        layer: &Layer,
        next: &Layer,
        queue: usize,
        watch: &mut dyn FnMut(&Progress) -> bool,
    ) -> bool {
        let tables: usize = self.seen.values().map(Visited::bytes).sum();
        let waiting: usize = self.waiting.values().flat_map(|layers| layers.values()).map(Layer::bytes).sum();
        let bytes = (tables + waiting + layer.bytes() + next.bytes()) as u64;
        self.found.bytes = self.found.bytes.max(bytes);
        let (states, transitions) = (self.found.states, self.found.transitions);
        let wanted = watch(&Progress { states, transitions, queue: queue + next.len(), depth, bytes });
        let limits = &self.options.limits;
        self.found.cut = match () {
            _ if self.found.way.is_some() => Some(Cut::Stopped),
            _ if !wanted => Some(Cut::Stopped),
            _ if states > limits.states => Some(Cut::States),
            _ if bytes > limits.bytes => Some(Cut::Memory),
            _ => None,
        };
        self.found.cut.is_none()
    }
}
