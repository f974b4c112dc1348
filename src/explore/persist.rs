//! May what a reduction leaves out be left out? By the definition itself, executed: whatever is done by moves that
//! were left out, those that were kept can still be made, and commute with every one of them (persistent sets,
//! Godefroid 1996). A search with a reduction that breaks this may happen to show the same; this doesn't.

use super::learn::{Learner, Made};
use super::reduce::Reducer;
use super::rules::*;
use super::space::*;
use super::steps::Went;
use crate::world::setup::Setup;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came of looking.
#[derive(Clone, Debug, Default)]
pub struct Persistence {
    /// States that a reduced search visits.
    pub states: usize,
    /// Those in which something is left out.
    pub reduced: usize,
    /// Pairs of a kept move and one that was left out, executed both ways.
    pub pairs: u64,
    /// The first place where it doesn't hold.
    pub broken: Option<String>,
}

/// Looks at every state of a reduced search, and from each as many moves ahead among those that it leaves out.
///
/// # Panics
/// If nothing may be left out under these rules.
pub fn persistence(setup: &Arc<Setup>, reducer: &Reducer, rules: &Rules, ahead: u32) -> Persistence {
    assert!(rules.reducible(), "nothing may be left out under these rules");
    let (mut learner, first) = Learner::new(setup, reducer.roles(), rules);
    let (mut found, mut seen) = (Persistence::default(), BTreeSet::new());
    let mut work = vec![(first, Budget::default())];
    while let Some((row, spent)) = work.pop() {
        if !seen.insert((fingerprint(&row), spent)) {
            continue;
        }
        found.states += 1;
        let all = learner.offers(&row, &spent);
        let mut kept = all.clone();
        reducer.choose(&learner.space, &row, &mut kept);
        if kept.len() < all.len() {
            found.reduced += 1;
            found.broken = learner.ahead(&row, &spent, &kept, ahead, &mut found.pairs);
            if found.broken.is_some() {
                break;
            }
        }
        for offer in kept {
            let one = learner.make(&row, offer);
            if one.went == Went::Fine {
                work.push((one.next, offer.cost.map_or(spent, |kind| spent.plus(kind))));
            }
        }
    }
    found
}

impl Learner<'_> {
    /// Goes on by moves that aren't kept. What is wrong with leaving them out, if anything is.
    fn ahead(&mut self, row: &[u32], spent: &Budget, kept: &[Offer], ahead: u32, pairs: &mut u64) -> Option<String> {
        let is_kept = |offer: &Offer| kept.iter().any(|other| other.what == offer.what);
        let steps = kept.iter().filter(|offer| offer.what != Move::PowerFailure).count();
        let crash = kept.len() > steps;
        let mut layer = vec![(row.to_vec(), *spent)];
        let mut seen = BTreeSet::from([fingerprint(row)]);
        for _ in 0..ahead {
            let mut next = Vec::new();
            for (row, spent) in layer {
                let offers = self.offers(&row, &spent);
                let crashes = offers.iter().any(|offer| offer.what == Move::PowerFailure);
                let offers = offers.into_iter().filter(|offer| offer.what != Move::PowerFailure);
                let (inside, outside): (Vec<Offer>, Vec<Offer>) = offers.partition(is_kept);
                if inside.len() < steps {
                    return Some(format!("of {kept:?} only {inside:?} can still be made"));
                }
                let inside: Vec<Made> = inside.into_iter().map(|offer| self.make(&row, offer)).collect();
                if crashes && !crash {
                    let before = self.left_by(&row);
                    let mut fine = inside.iter().filter(|one| one.went == Went::Fine);
                    let changes = fine.find(|one| self.left_by(&one.next) != before);
                    if let Some(one) = changes {
                        return Some(format!("no crash is tried before {:?}", one.offer.what));
                    }
                }
                for other in outside {
                    let other = self.make(&row, other);
                    for one in &inside {
                        *pairs += 1;
                        let same = self.commute(&spent, one, &other);
                        if same == Some(false) || (same.is_some() && crashes && self.shows(&row, &spent, one, &other)) {
                            return Some(format!("{:?} and {:?} don't commute", one.offer.what, other.offer.what));
                        }
                    }
                    if other.went == Went::Fine && seen.insert(fingerprint(&other.next)) {
                        let spent = other.offer.cost.map_or(spent, |kind| spent.plus(kind));
                        next.push((other.next, spent));
                    }
                }
            }
            layer = next;
        }
        None
    }
}
