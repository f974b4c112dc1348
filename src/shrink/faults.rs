//! Fewer faults, smaller ones, and each at a protocol event instead of a time.

use super::Search;
use crate::scenario::spec::*;

/// So many protocol events before a fault are tried as its cause.
const NEAREST: usize = 16;

impl Search<'_> {
    /// Fewer and smaller faults.
    pub(super) fn faults(&mut self) {
        self.fewer(|s| s.faults.script.len(), |s, from, to| drop(s.faults.script.drain(from..to)));
        for i in 0..self.best.faults.script.len() {
            self.plainer(i);
            self.lower(0, |s| s.faults.script[i].after.as_mut().and_then(|after| slot(&mut after.nth)));
            self.lower(1, |s| lasting(&mut s.faults.script[i].what));
            self.lower(1, |s| count(&mut s.faults.script[i].what));
            self.lower(0, |s| match &mut s.faults.script[i].what {
                Do::Tear { keep, .. } => slot(keep),
                _ => None,
            });
        }
    }

    /// A fault that says less: at any process, of any checkpoint, a plain crash.
    fn plainer(&mut self, i: usize) {
        self.edit(|s| {
            let what = &mut s.faults.script[i].what;
            *what = match what.clone() {
                Do::Tear { process, .. } if process == "coordinator" => Do::CrashCoordinator,
                Do::Tear { process, .. } | Do::Suspect(process) => Do::Crash(process),
                Do::CrashHost(_) => return,
                Do::Failover => Do::CrashCoordinator,
                _ => return,
            };
        });
        for part in 0..2 {
            self.edit(|s| {
                if let Some(after) = &mut s.faults.script[i].after {
                    if part == 0 { after.checkpoint = None } else { after.process = None }
                }
            });
        }
    }

    /// Ties every fault that has a time to one of the protocol events before it.
    pub(super) fn tie(&mut self) {
        for i in 0..self.best.faults.script.len() {
            let entry = &self.best.faults.script[i];
            let at_us = entry.at_us.as_ref().map(|at| at.least());
            let Some(at) = at_us.or(entry.at_ms.as_ref().map(|at| at.least() * 1000)) else { continue };
            let best = self.best.clone();
            let before = self.oracle.moments(&best).into_iter().filter(|(time, _)| *time <= at);
            let before: Vec<After> = before.map(|(_, after)| after).collect();
            for after in before.into_iter().rev().take(NEAREST) {
                let tied = self.edit(|s| {
                    let entry = &mut s.faults.script[i];
                    (entry.at_us, entry.at_ms, entry.after) = (None, None, Some(after));
                });
                if tied {
                    break;
                }
            }
            self.lower(0, |s| s.faults.script[i].at_us.as_mut().and_then(slot));
        }
    }
}

/// The number in a closed field.
pub(super) fn slot<const MIN: u64, const MAX: u64>(open: &mut Open<MIN, MAX>) -> Option<&mut u64> {
    match open {
        Open::Fixed(value) => Some(value),
        _ => None,
    }
}

fn lasting(what: &mut Do) -> Option<&mut u64> {
    match what {
        Do::PauseHost { for_ms, .. }
        | Do::Stall { for_ms, .. }
        | Do::PauseLink { for_ms, .. }
        | Do::SlowLink { for_ms, .. }
        | Do::DelayControl { for_ms, .. }
        | Do::PauseStore { for_ms }
        | Do::StoreFull { for_ms } => slot(for_ms),
        _ => None,
    }
}

fn count(what: &mut Do) -> Option<&mut u64> {
    match what {
        Do::LoseControl { count, .. } | Do::FailRequests { count } | Do::LoseReplies { count } => slot(count),
        Do::SlowLink { factor, .. } => slot(factor),
        _ => None,
    }
}
