//! Usual settings and delays, and slow channels in place of random ones.

use super::Search;
use crate::scenario::spec::*;

/// A slow channel is so many times slower.
const SLOWER: [u32; 2] = [8, 64];
/// Fixed delays in microseconds, the usual one first.
const DELAYS: [u64; 4] = [100, 1000, 5000, 20_000];
/// So many channels are tried in pairs.
const PAIRED: usize = 12;

macro_rules! each {
    ($search:expr, $part:ident, $calm:expr; $($field:ident),*) => {
        $($search.edit(|s| s.$part.$field = $calm.$field);)*
    };
}

impl Search<'_> {
    /// Settings and delays as a calm scenario has them: all of them, or as many as possible. Where random delays matter,
    /// a channel or two that are slow may do instead.
    pub(super) fn calm(&mut self) {
        let Checkpoints { mode, regions, .. } = self.best.checkpoints.clone();
        let mode = |_: &Scenario| Checkpoints { mode: mode.clone(), regions: regions.clone(), ..Checkpoints::calm() };
        self.edit(|s| s.checkpoints = mode(s));
        let still =
            |s: &mut Scenario| s.sim = Sim { slower: s.sim.slower.clone(), max_steps: s.sim.max_steps, ..Sim::calm() };
        let random = |s: &Scenario| {
            let Sim { link, control, store, ledger, .. } = &s.sim;
            [link, control, store, ledger].into_iter().any(|delay| delay.min_us != delay.max_us)
        };
        if !self.edit(still) && random(&self.best) && !self.fixed_delays(still) {
            self.slow_channels(still);
        }
        each!(self, checkpoints, Checkpoints::calm(); interval_ms, timeout_ms, alignment_timeout_ms, min_pause_ms,
            max_concurrent, tolerable_failures, retain, restart, retry_ms, checkpoint_after_end, ignore_expired);
        each!(self, sim, Sim::calm(); link, control, store, ledger, detect, revive, pace);
        self.fewer(
            |s| s.sim.slower.len(),
            |s, from, to| {
                let gone: Vec<String> = s.sim.slower.keys().skip(from).take(to - from).cloned().collect();
                s.sim.slower.retain(|name, _| !gone.contains(name));
            },
        );
    }

    /// Tries delays that are fixed, but not the same for all kinds: as few unusual ones as possible.
    fn fixed_delays(&mut self, still: impl Fn(&mut Scenario) + Copy) -> bool {
        let mut mixes: Vec<[u64; 4]> = Vec::new();
        for mix in 0..DELAYS.len().pow(4) {
            let digit = |place: u32| DELAYS[mix / DELAYS.len().pow(place) % DELAYS.len()];
            mixes.push([digit(0), digit(1), digit(2), digit(3)]);
        }
        mixes.sort_by_key(|mix| (mix.iter().filter(|us| **us != DELAYS[0]).count(), *mix));
        mixes.into_iter().skip(1).any(|mix| {
            self.edit(|s| {
                still(s);
                let Sim { link, control, store, ledger, .. } = &mut s.sim;
                for (delay, us) in [link, control, store, ledger].into_iter().zip(mix) {
                    (delay.min_us, delay.max_us) = (Open::Fixed(us), Open::Fixed(us));
                }
            })
        })
    }

    /// Tries delays that are all alike but for one or two channels.
    fn slow_channels(&mut self, still: impl Fn(&mut Scenario) + Copy) {
        let channels = self.best.channels();
        for factor in SLOWER {
            for name in &channels {
                let slow = |s: &mut Scenario| {
                    still(s);
                    s.sim.slower = [(name.clone(), factor)].into();
                };
                if self.edit(slow) {
                    return;
                }
            }
        }
        let few = &channels[..channels.len().min(PAIRED)];
        for (i, one) in few.iter().enumerate() {
            for other in &few[i + 1..] {
                for (a, b) in [(8, 8), (8, 64), (64, 8)] {
                    let slow = |s: &mut Scenario| {
                        still(s);
                        s.sim.slower = [(one.clone(), a), (other.clone(), b)].into();
                    };
                    if self.edit(slow) {
                        return;
                    }
                }
            }
        }
    }

    /// Smaller numbers where the usual ones don't do.
    pub(super) fn settings(&mut self) {
        self.edit(|s| s.job.capacity = Open::Fixed(8));
        self.edit(|s| s.transaction_timeout_ms = None);
        let delays: [fn(&mut Sim) -> &mut Delay; 6] = [
            |s| &mut s.link,
            |s| &mut s.control,
            |s| &mut s.store,
            |s| &mut s.ledger,
            |s| &mut s.detect,
            |s| &mut s.revive,
        ];
        for of in delays {
            self.edit(|s| {
                let delay = of(&mut s.sim);
                (delay.max_us, delay.one_in) = (delay.min_us.clone(), Open::Fixed(0));
            });
            self.edit(|s| {
                let delay = of(&mut s.sim);
                (delay.min_us, delay.one_in) = (delay.max_us.clone(), Open::Fixed(0));
            });
        }
        let keys: Vec<String> = self.best.sim.slower.keys().cloned().collect();
        for key in keys {
            self.edit(|s| {
                if let Some(factor) = s.sim.slower.get_mut(&key) {
                    *factor = (*factor / 2).max(2);
                }
            });
        }
        self.unbound();
    }
}
