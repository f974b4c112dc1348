//! From an open scenario and a seed to a closed one: the plan of one run.
//!
//! A pure function. What is fixed in the file is never touched; a closed scenario is returned as it is.
//!
//! What seeds are made of follows our measurements: most runs are short and dense, with frequent checkpoints and
//! faults tied to protocol events; one in three is long, with faults at any time; and in many of them some
//! channels are much slower than others.

use super::calm::calm;
use super::draw_faults::draw_faults;
use super::names::Places;
use super::open::Lean;
use super::spec::*;
use crate::dice::{Dice, stream};

/// The portfolio: what kind of run a seed makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Short, frequent checkpoints, a subset of the fault kinds, half of the faults tied to protocol events.
    Dense,
    /// The same with all faults tied to protocol events.
    Pointed,
    /// Long, few faults of any kind, at any time.
    Uniform,
    /// Long, a subset of the fault kinds, many faults.
    Swarm,
}

impl Style {
    /// The style of a seed.
    pub fn of(seed: u64) -> Self {
        match Dice::new(seed, stream::SETTINGS).below(6) {
            0 | 1 => Style::Dense,
            2 | 3 => Style::Pointed,
            4 => Style::Uniform,
            _ => Style::Swarm,
        }
    }

    fn lean(self) -> Lean {
        match self {
            Style::Dense | Style::Pointed => Lean::Low,
            Style::Uniform | Style::Swarm => Lean::Anywhere,
        }
    }
}

/// Closes everything that a scenario leaves open.
pub fn draw(scenario: &Scenario, seed: u64) -> Scenario {
    let mut s = scenario.clone();
    if s.calm {
        calm(&mut s);
    }
    let mut dice = Dice::new(seed, stream::SETTINGS);
    let style = Style::of(seed);
    dice.word(); // the style's

    draw_job(&mut s, &mut dice, style);
    draw_checkpoints(&mut s.checkpoints, &mut dice, style);
    if let Some(timeout) = &mut s.transaction_timeout_ms {
        timeout.close(&mut dice, Lean::Anywhere);
    }
    draw_sim(&mut s.sim, &mut dice);
    let uneven = draw_links(&mut s, seed);
    draw_heal(&mut s, &mut dice);
    draw_faults(&mut s, seed, style, uneven);
    if s.sim.settle_events_max.is_none() {
        s.sim.settle_events_max = Some(settle_events(&s));
    }
    s
}

fn draw_job(s: &mut Scenario, dice: &mut Dice, style: Style) {
    s.job.hosts.close(dice, Lean::Anywhere);
    s.job.capacity.close(dice, Lean::Anywhere);
    for vertex in &mut s.job.vertices {
        let parallelism = vertex.parallelism.close(dice, Lean::Anywhere);
        for input in &mut vertex.inputs {
            if let Some(capacity) = &mut input.capacity {
                capacity.close(dice, Lean::Anywhere);
            }
        }
        let Some(source) = &mut vertex.source else { continue };
        let files = source.data.files();
        source.partitions.get_or_insert(Open::Fixed(files.unwrap_or(parallelism))).close(dice, Lean::Anywhere);
        draw_data(&mut source.data, dice, style);
        let pace = source.pace.get_or_insert_with(|| s.sim.pace.clone());
        pace.batch.close(dice, Lean::Anywhere);
        pace.pause_us.close(dice, Lean::Anywhere);
        if let Some(slow) = &mut source.slow {
            slow.factor.close(dice, Lean::Anywhere);
        }
    }
}

fn draw_data(data: &mut Data, dice: &mut Dice, style: Style) {
    match data {
        Data::Numbers { records, keys, values, skew_tenths, salt } => {
            records.close(dice, style.lean());
            keys.close(dice, Lean::Anywhere);
            values.close(dice, Lean::Anywhere);
            skew_tenths.close(dice, Lean::Anywhere);
            salt.get_or_insert(Open::Between { min: 0, max: u32::MAX.into() }).close(dice, Lean::Anywhere);
        }
        Data::Text { lines, skip, .. } => {
            if let Some(lines) = lines {
                lines.close(dice, style.lean());
            }
            let all = lines.is_none();
            let skip = skip.get_or_insert(if all { Open::Fixed(0) } else { Open::Between { min: 0, max: 999_999 } });
            skip.close(dice, Lean::Anywhere);
        }
        Data::Files { .. } | Data::Inline { .. } => {}
    }
}

fn draw_checkpoints(c: &mut Checkpoints, dice: &mut Dice, style: Style) {
    let mode = c.mode.close(dice);
    c.interval_ms.close(dice, style.lean());
    c.timeout_ms.close(dice, Lean::Anywhere);
    c.alignment_timeout_ms.close(dice, Lean::Anywhere);
    c.min_pause_ms.close(dice, Lean::Anywhere);
    // A barrier that overtakes gives up the older checkpoint: with several pending, none might ever complete.
    let overtakes = matches!(mode, Some(Mode::Unaligned | Mode::AlignedThenUnaligned));
    let most = if overtakes { 1 } else { 3 };
    c.max_concurrent.get_or_insert(Open::Between { min: 1, max: most }).close(dice, Lean::Anywhere);
    c.tolerable_failures.close(dice, Lean::Anywhere);
    c.retain.close(dice, Lean::Anywhere);
    if mode == Some(Mode::Regional) {
        let regions = c.regions.get_or_insert_default();
        regions.max_failed_percent.close(dice, Lean::Anywhere);
        regions.max_in_a_row.close(dice, Lean::Anywhere);
    }
    match &mut c.restart {
        Restart::None => {}
        Restart::Fixed { attempts, delay_ms } => {
            attempts.close(dice, Lean::Anywhere);
            delay_ms.close(dice, Lean::Anywhere);
        }
        Restart::Exponential { first_ms, max_ms } => {
            let first = first_ms.close(dice, Lean::Anywhere);
            *max_ms = Open::Fixed(max_ms.close(dice, Lean::Anywhere).max(first));
        }
    }
    c.retry_ms.close(dice, Lean::Anywhere);
    c.checkpoint_after_end.close(dice);
    c.ignore_expired.close(dice);
}

fn draw_sim(sim: &mut Sim, dice: &mut Dice) {
    let Sim { link, control, store, ledger, detect, revive, .. } = sim;
    for delay in [link, control, store, ledger, detect, revive] {
        let min = delay.min_us.close(dice, Lean::Anywhere);
        delay.max_us = Open::Fixed(delay.max_us.close(dice, Lean::Anywhere).max(min));
        delay.one_in.close(dice, Lean::Anywhere);
    }
    sim.pace.batch.close(dice, Lean::Anywhere);
    sim.pace.pause_us.close(dice, Lean::Anywhere);
}

/// Makes some channels slower. Returns whether it did.
fn draw_links(s: &mut Scenario, seed: u64) -> bool {
    let tenths = match s.sim.uneven_tenths.fixed() {
        Some(0) => return false,
        _ => s.sim.uneven_tenths.close(&mut Dice::new(seed, stream::LINKS), Lean::Anywhere),
    };
    s.sim.uneven_tenths = Open::Fixed(0);
    let mut dice = Dice::new(seed, stream::LINKS);
    dice.word();
    if !dice.chance(tenths, 10) {
        return false;
    }
    let places = Places::new(&s.job);
    // In a large job a few slow channels do as well as all, and the plan stays readable.
    let some = if places.channels <= 32 { places.channels } else { 16 };
    for i in 0..some {
        let factor = 1 << dice.below(6);
        if factor > 1 {
            let n = if some == places.channels { i } else { dice.below(places.channels) };
            s.sim.slower.entry(places.channel(n)).or_insert(factor);
        }
    }
    true
}

/// Fixes when the faults end: by default a little after the data would, if nothing went wrong.
fn draw_heal(s: &mut Scenario, dice: &mut Dice) {
    if let Some(heal) = &mut s.sim.heal_at_ms {
        heal.close(dice, Lean::Anywhere);
        return;
    }
    let mut longest = 0;
    for source in s.job.vertices.iter().filter_map(|v| v.source.as_ref()) {
        let partitions = source.partitions.as_ref().map_or(1, |p| p.least()).max(1);
        let pace = source.pace.as_ref().unwrap_or(&s.sim.pace);
        let batches = source.data.most_records().div_ceil(partitions).div_ceil(pace.batch.least().max(1));
        let slower = source.slow.as_ref().map_or(1, |slow| slow.factor.least());
        longest = longest.max(batches.saturating_mul(pace.pause_us.least()).saturating_mul(slower));
    }
    let scripted = s.faults.script.iter().map(Entry::latest_ms).max().unwrap_or(0);
    let heal = (longest / 1000).saturating_mul(5) / 4 + 20;
    s.sim.heal_at_ms = Some(Open::Fixed(heal.max(scripted.saturating_add(1)).min(36_000_000)));
}

/// What is plenty of events for settling: everything read again, with some checkpoints on the way.
fn settle_events(s: &Scenario) -> u64 {
    let places = Places::new(&s.job);
    let records: u64 = s.job.vertices.iter().filter_map(|v| v.source.as_ref()).map(|s| s.data.most_records()).sum();
    let copies = s.job.vertices.iter().flat_map(|v| v.inputs.iter().map(move |input| (v, input)));
    let copies: u64 = copies
        .map(|(v, input)| if input.by == Partitioning::Broadcast { v.parallelism.least() } else { 1 })
        .fold(1, |product: u64, n| product.saturating_mul(n).min(1 << 20));
    let words = s.job.vertices.iter().any(|v| v.operators.contains(&OperatorKind::Words));
    let a_record = 20 * (s.job.vertices.len() as u64) * if words { 12 } else { 1 };
    let a_checkpoint = 4 * places.channels + 12 * places.subtasks + 20;
    let flow = records.saturating_mul(a_record).saturating_mul(copies);
    20_000u64.saturating_add(flow).saturating_add(200 * a_checkpoint).min(1 << 50)
}

impl Data {
    /// How many files it is, if it is files: as many as partitions.
    pub(super) fn files(&self) -> Option<u64> {
        match self {
            Data::Files { files, .. } => Some(files.len() as u64),
            _ => None,
        }
    }

    /// How many records it has at most.
    pub(super) fn most_records(&self) -> u64 {
        match self {
            Data::Numbers { records, .. } => records.most(),
            Data::Text { lines, .. } => lines.as_ref().map_or(1_000_000, |lines| lines.most()),
            Data::Files { records, .. } => records.unwrap_or(1_000_000),
            Data::Inline { inline } => inline.len() as u64,
        }
    }
}
