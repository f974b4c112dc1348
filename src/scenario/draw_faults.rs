//! The faults of a seed: how many, of which kinds, where, and when.

use super::draw::Style;
use super::names::Places;
use super::open::Lean;
use super::spec::*;
use crate::dice::{Dice, stream};

/// Closes the script and adds the drawn faults to it; nothing is left to draw afterwards.
pub(super) fn draw_faults(s: &mut Scenario, seed: u64, style: Style, uneven: bool) {
    let mut dice = Dice::new(seed, stream::FAULTS);
    for entry in &mut s.faults.script {
        entry.close(&mut dice);
    }
    let count = how_many(&s.faults.count, &mut dice, style);
    s.faults.count = Open::Fixed(0);
    let kinds = s.faults.kinds.take();
    let lasting = s.faults.lasting_ms.clone();
    s.faults.lasting_ms = Open::Fixed(lasting.least());
    if count == 0 {
        return;
    }

    let places = Places::new(&s.job);
    let mut weights = kinds.unwrap_or_else(Weights::all).list();
    choose_kinds(&mut weights, &places, &mut dice, style);
    if uneven {
        weights[SLOW_LINK] *= 3; // a slow channel that changes is a change point in PCT's sense
    }
    let heal_us = s.sim.heal_at_ms.as_ref().map_or(0, |heal| heal.least()).saturating_mul(1000);
    let mut drawn = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let Some(kind) = dice.weighted(&weights) else { break };
        drawn.push(fault(kind, &places, &lasting, heal_us, &mut dice, style));
    }
    s.faults.script.append(&mut drawn);
}

fn how_many(count: &Open<0, 1000>, dice: &mut Dice, style: Style) -> u64 {
    let (least, most) = (count.least(), count.most());
    match (count, style) {
        (Open::Between { .. }, Style::Dense | Style::Pointed) => dice.between(least.max(most.min(2)), most),
        (Open::Between { .. }, Style::Uniform) => dice.between(least.max(most.min(1)), most.min(least.max(3))),
        _ => count.clone().close(dice, Lean::Anywhere),
    }
}

/// Leaves out kinds that have no target here and, but for uniform runs, about half of the others: a kind that is
/// there in every run hides what its absence would show.
fn choose_kinds(weights: &mut [u64; KINDS], places: &Places, dice: &mut Dice, style: Style) {
    if places.channels == 0 {
        (weights[PAUSE_LINK], weights[SLOW_LINK]) = (0, 0);
    }
    if style == Style::Uniform {
        return;
    }
    let all = *weights;
    for (kind, weight) in weights.iter_mut().enumerate() {
        // Where nobody names them, wishes take no part in the draw: seeds keep their meaning.
        if (kind < CHECKPOINT || *weight > 0) && dice.chance(1, 2) {
            *weight = 0;
        }
    }
    if weights.iter().all(|weight| *weight == 0)
        && let Some(one) = dice.weighted(&all)
    {
        weights[one] = all[one];
    }
}

/// Places in the list of weights: the order of the fields of `Weights`.
const PAUSE_LINK: usize = 7;
const SLOW_LINK: usize = 8;
const CHECKPOINT: usize = 15;
const STOP: usize = 16;

fn fault(kind: usize, places: &Places, lasting: &Lasting, heal_us: u64, dice: &mut Dice, style: Style) -> Entry {
    let pointed = match style {
        Style::Pointed => true,
        Style::Dense => dice.chance(1, 2),
        Style::Swarm => dice.chance(1, 4),
        Style::Uniform => false,
    };
    let at_us = dice.below(heal_us.max(1));
    let left_ms = if pointed { u64::MAX } else { (heal_us - at_us.min(heal_us)) / 1000 };
    let mut for_ms = lasting.clone();
    for_ms.close(dice, Lean::Anywhere);
    let for_ms = Open::Fixed(for_ms.least().min(left_ms).max(1));
    let what = target(kind, places, for_ms, dice);
    if !pointed {
        return Entry { at_ms: None, at_us: Some(Open::Fixed(at_us)), after: None, what };
    }
    let after = Some(point(&what, places, dice));
    Entry { at_ms: None, at_us: None, after, what }
}

fn target(kind: usize, places: &Places, for_ms: Lasting, dice: &mut Dice) -> Do {
    let few = |dice: &mut Dice| Open::Fixed(1 + dice.skewed(4));
    match kind {
        0 => Do::Crash(places.any_subtask(dice)),
        1 => Do::CrashHost(dice.below(places.hosts) as u32),
        2 => {
            let coordinator = dice.chance(1, 4);
            let process = if coordinator { "coordinator".to_string() } else { places.any_subtask(dice) };
            Do::Tear { process, keep: Open::Fixed(dice.skewed(4)) }
        }
        3 => Do::CrashCoordinator,
        4 => Do::Failover,
        5 => Do::Suspect(places.any_subtask(dice)),
        6 => Do::PauseHost { host: dice.below(places.hosts) as u32, for_ms },
        PAUSE_LINK => Do::PauseLink { link: places.channel(dice.below(places.channels)), for_ms },
        SLOW_LINK => {
            let link = places.channel(dice.below(places.channels));
            Do::SlowLink { link, factor: Open::Fixed(2 << dice.below(5)), for_ms }
        }
        9 => Do::DelayControl { process: places.any_subtask(dice), for_ms },
        10 => Do::LoseControl { process: places.any_subtask(dice), count: few(dice) },
        11 => Do::FailRequests { count: few(dice) },
        12 => Do::LoseReplies { count: few(dice) },
        13 => Do::PauseStore { for_ms },
        14 => Do::StoreFull { for_ms },
        CHECKPOINT => Do::Checkpoint,
        STOP => Do::Stop,
        _ => Do::Savepoint,
    }
}

/// A protocol event for a fault to be tied to, often at the process that the fault hits.
fn point(what: &Do, places: &Places, dice: &mut Dice) -> After {
    use PointKind::*;
    const EVENTS: [(PointKind, u64); 15] = [
        (Trigger, 2),
        (BarIn, 3),
        (Snap, 3),
        (Put, 3),
        (Ack, 3),
        (Decline, 1),
        (Complete, 3),
        (Notify, 3),
        (Abort, 1),
        (Txn, 3),
        (Restore, 2),
        (Begin, 1),
        (Lead, 1),
        (EndOut, 1),
        (Finish, 1),
    ];
    let weights = EVENTS.map(|(event, weight)| if event == Txn && !places.transactions() { 0 } else { weight });
    let event = EVENTS[dice.weighted(&weights).unwrap_or(0)].0;
    let hit = match what {
        Do::Crash(process) | Do::Suspect(process) => Some(process.clone()),
        Do::Tear { process, .. } | Do::DelayControl { process, .. } | Do::LoseControl { process, .. } => {
            Some(process.clone())
        }
        _ => None,
    };
    let at_subtask = matches!(event, BarIn | Snap | Ack | Decline | Restore | EndOut | Finish);
    let process = match hit {
        Some(hit) if at_subtask && hit != "coordinator" && dice.chance(1, 2) => Some(hit),
        _ if at_subtask && dice.chance(1, 3) => Some(places.any_subtask(dice)),
        _ => None,
    };
    let process = process.filter(|process| places.happens_at(event, process));
    let of_checkpoint = matches!(event, Trigger | BarIn | Snap | Put | Ack | Decline | Complete | Notify | Abort);
    let checkpoint = (of_checkpoint && dice.chance(1, 4)).then(|| Open::Fixed(1 + dice.below(4)));
    // Small numbers are likelier: late occurrences may never come.
    let doublings = match event {
        Lead | Begin | Decline | Abort => 2,
        _ if process.is_some() || checkpoint.is_some() => 3,
        Restore | EndOut | Finish => 3,
        _ => 6,
    };
    let nth = Open::Fixed(dice.skewed(doublings));
    After { event, process, checkpoint, nth }
}

impl Entry {
    fn close(&mut self, dice: &mut Dice) {
        let lean = Lean::Anywhere;
        if let Some(at) = &mut self.at_ms {
            at.close(dice, lean);
        }
        if let Some(at) = &mut self.at_us {
            at.close(dice, lean);
        }
        if let Some(after) = &mut self.after {
            if let Some(checkpoint) = &mut after.checkpoint {
                checkpoint.close(dice, lean);
            }
            after.nth.close(dice, lean);
        }
        match &mut self.what {
            Do::Tear { keep, .. } => {
                keep.close(dice, lean);
            }
            Do::SlowLink { factor, for_ms, .. } => {
                factor.close(dice, lean);
                for_ms.close(dice, lean);
            }
            Do::PauseHost { for_ms, .. }
            | Do::Stall { for_ms, .. }
            | Do::PauseLink { for_ms, .. }
            | Do::DelayControl { for_ms, .. }
            | Do::PauseStore { for_ms }
            | Do::StoreFull { for_ms } => {
                for_ms.close(dice, lean);
            }
            Do::LoseControl { count, .. } | Do::FailRequests { count } | Do::LoseReplies { count } => {
                count.close(dice, lean);
            }
            Do::Crash(_) | Do::CrashHost(_) | Do::CrashCoordinator | Do::Failover | Do::Suspect(_) => {}
            Do::Checkpoint | Do::Stop | Do::Savepoint => {}
        }
    }

    /// When it is over at the latest, where it is tied to a time.
    pub(super) fn latest_ms(&self) -> u64 {
        let at_ms = self.at_ms.as_ref().map(|at| at.most());
        let at_us = self.at_us.as_ref().map(|at| at.most().div_ceil(1000));
        let Some(at) = at_ms.or(at_us) else { return 0 };
        at.saturating_add(self.what.lasting().map_or(0, |lasting| lasting.most()))
    }
}

impl Do {
    /// How long it lasts, if it lasts.
    pub(super) fn lasting(&self) -> Option<&Lasting> {
        match self {
            Do::PauseHost { for_ms, .. }
            | Do::Stall { for_ms, .. }
            | Do::PauseLink { for_ms, .. }
            | Do::SlowLink { for_ms, .. }
            | Do::DelayControl { for_ms, .. }
            | Do::PauseStore { for_ms }
            | Do::StoreFull { for_ms } => Some(for_ms),
            _ => None,
        }
    }
}
