//! When did a failure become inevitable? From many moments of a failing run, many other futures: how many of them fail?
//!
//! The share of failing futures over the events of the run is a curve that ends at all of them. Where it rises most, the run
//! took its turn. This is what Antithesis calls the likelihood of a bug; a simulator that can fork a run gets it for little.

/// One moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// After so many events of the run.
    pub events: u64,
    /// So many futures fail from there.
    pub failing: u32,
}

/// The likelihood of a failure over a run that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    /// Of so many futures each.
    pub futures: u32,
    /// Moments that are equally far from each other, from the beginning to the end; fewer if it was cut short.
    pub moments: Vec<Moment>,
    /// The event at which it rose most: just before and just after it. None: it never rose.
    pub turn: Option<(Moment, Moment)>,
    /// The first moment from which all futures fail, as far as was looked.
    pub certain: Option<Moment>,
}

/// Draws the curve of a run of so many events. `failing` says how many of the futures of a moment fail; none: nobody wants
/// to know any more. `points`: so many moments, at least two.
pub fn curve(events: u64, points: u32, futures: u32, mut failing: impl FnMut(u64) -> Option<u32>) -> Curve {
    let points = u64::from(points.max(2)).min(events + 1);
    let mut moments: Vec<Moment> = Vec::new();
    let place = |i: u64| (u128::from(events) * u128::from(i) / u128::from((points - 1).max(1))) as u64;
    let mut at = |events: u64| failing(events).map(|failing| Moment { events, failing });
    moments.extend((0..points).map(place).map_while(&mut at));
    let steepest = moments.windows(2).rev().max_by_key(|pair| pair[1].failing.saturating_sub(pair[0].failing));
    let turn = steepest.map(|pair| (pair[0], pair[1])).filter(|(before, after)| before.failing < after.failing);
    let turn = turn.and_then(|(before, after)| {
        let half = before.failing.midpoint(after.failing);
        narrow(before, after, &mut at, |failing| failing > half)
    });
    let all = moments.iter().rposition(|moment| moment.failing < futures);
    let certain = match all {
        None => moments.first().copied(),
        Some(last) if last + 1 < moments.len() => {
            narrow(moments[last], moments[last + 1], &mut at, |failing| failing == futures).map(|(_, certain)| certain)
        }
        Some(_) => None,
    };
    Curve { futures, moments, turn, certain }
}

/// Two moments with one event between them, of which only the second one is `high`. None: nobody wants to know any more.
fn narrow(
    mut low: Moment,
    mut high: Moment,
    at: &mut impl FnMut(u64) -> Option<Moment>,
    is_high: impl Fn(u32) -> bool,
) -> Option<(Moment, Moment)> {
    while high.events - low.events > 1 {
        let middle = at(low.events.midpoint(high.events))?;
        if is_high(middle.failing) { high = middle } else { low = middle }
    }
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_to_the_event() {
        let curve = curve(1000, 11, 50, |events| Some(if events < 637 { 2 } else { 50 }));
        assert_eq!(curve.moments.len(), 11);
        assert_eq!(curve.turn, Some((Moment { events: 636, failing: 2 }, Moment { events: 637, failing: 50 })));
        assert_eq!(curve.certain, Some(Moment { events: 637, failing: 50 }));
    }

    #[test]
    fn the_turn_and_certainty_may_be_apart() {
        let share = |events| match events {
            0..300 => 5,
            300..700 => 40,
            _ => 50,
        };
        let curve = curve(1000, 9, 50, |events| Some(share(events)));
        assert_eq!(curve.turn.map(|(_, after)| after.events), Some(300));
        assert_eq!(curve.certain.map(|certain| certain.events), Some(700));
    }

    #[test]
    fn what_never_rises_has_no_turn() {
        let always = curve(100, 5, 10, |_| Some(10));
        assert_eq!((always.turn, always.certain), (None, Some(Moment { events: 0, failing: 10 })));
        let never = curve(100, 5, 10, |_| Some(0));
        assert_eq!((never.turn, never.certain), (None, None));
        let tiny = curve(0, 5, 10, |_| Some(10));
        assert_eq!(tiny.moments.len(), 1);
    }

    #[test]
    fn what_is_cut_short_has_fewer_moments() {
        let mut left = 3;
        let short = curve(100, 5, 10, |_| {
            left -= 1;
            (left >= 0).then_some(1)
        });
        assert_eq!((short.moments.len(), short.turn, short.certain), (3, None, None));
    }
}
