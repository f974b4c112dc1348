//! A closed scenario under another load: crashes that come at random with a mean time between them, and more records.

use super::faults::{Do, Entry};
use super::names::Places;
use super::open::Open;
use super::spec::{Data, Scenario};
use crate::dice::{Dice, stream};

/// Replaces all faults by crashes of subtasks that anybody may be hit by, as often as `mtbf_ms` says on average, until the
/// scenario heals.
pub fn crash_every(closed: &mut Scenario, seed: u64, mtbf_ms: u64) {
    let until = closed.sim.heal_at_ms.as_ref().map_or(0, |heal| heal.least());
    let mut dice = Dice::new(seed, stream::RATE);
    let places = Places::new(&closed.job);
    // In every millisecond with the same chance: as near to a Poisson process as whole numbers get.
    let times: Vec<u64> = (0..until).filter(|_| dice.chance(1, mtbf_ms.max(1))).collect();
    let crash = |at| Entry {
        at_ms: Some(Open::Fixed(at)),
        at_us: None,
        after: None,
        what: Do::Crash(places.any_subtask(&mut dice)),
    };
    closed.faults.script = times.into_iter().map(crash).collect();
    // Every restart reads again, and everything that it makes is an event.
    closed.sim.settle_events_max = closed.sim.settle_events_max.map(|events| events.saturating_mul(4));
}

/// Gives every source that makes its records up so many of them.
///
/// # Errors
/// The source whose records aren't made up.
pub fn lengthen(scenario: &mut Scenario, records: u64) -> Result<(), String> {
    for vertex in &mut scenario.job.vertices {
        match vertex.source.as_mut().map(|source| &mut source.data) {
            Some(Data::Numbers { records: open, .. }) => *open = Open::Fixed(records),
            Some(_) => return Err(vertex.id.clone()),
            None => {}
        }
    }
    Ok(())
}
