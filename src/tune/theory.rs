//! What interval theory says: closed forms for jobs that fail at random, with a mean time between failures.
//!
//! Times are in any one unit. Floats are for people to look at: no trace and no verdict rests on them.

/// Young 1974: the time of work between two checkpoints that loses least, to first order. `cost`: what a checkpoint takes
/// away from useful work; `mtbf`: mean time between failures.
pub fn young(cost: f64, mtbf: f64) -> f64 {
    (2.0 * cost * mtbf).sqrt()
}

/// Daly 2006: the same to higher order.
pub fn daly(cost: f64, mtbf: f64) -> f64 {
    if cost >= 2.0 * mtbf {
        return mtbf;
    }
    let x = cost / (2.0 * mtbf);
    young(cost, mtbf) * (1.0 + x.sqrt() / 3.0 + x / 9.0) - cost
}

/// The period (work and checkpoint) that is best for failures that come at random, exactly: independent of what a restart
/// takes (Jayasekara, Harwood, Karunasekera 2020).
pub fn best_period(cost: f64, mtbf: f64) -> f64 {
    let x = cost / mtbf;
    mtbf * (1.0 + x + lambert_w0(-(-(1.0 + x)).exp()))
}

/// The share of time that is useful, with a checkpoint every `period` of which `cost` is lost, and `restart` lost at
/// every failure.
pub fn useful(period: f64, cost: f64, mtbf: f64, restart: f64) -> f64 {
    let lambda = 1.0 / mtbf;
    ((period - cost) / ((lambda * period).exp_m1() * (mtbf + restart))).clamp(0.0, 1.0)
}

/// The age of the restored position when a failure comes: on average half a period, and what a checkpoint takes to
/// complete.
pub fn age(period: f64, duration: f64) -> f64 {
    period / 2.0 + duration
}

/// The principal branch of Lambert's function, for arguments from -1/e up to 0: `w * e^w = x`.
fn lambert_w0(x: f64) -> f64 {
    // Near -1/e the series about the branch point, then Halley's iteration.
    let p = (2.0 * (1.0 + std::f64::consts::E * x).max(0.0)).sqrt();
    let mut w = -1.0 + p - p * p / 3.0 + 11.0 * p * p * p / 72.0;
    for _ in 0..64 {
        let e = w.exp();
        let f = w * e - x;
        let step = f / (e * (w + 1.0) - (w + 2.0) * f / (2.0 * w + 2.0));
        if !step.is_finite() || step.abs() < 1e-15 {
            break;
        }
        w -= step;
    }
    w
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64, digits: f64) {
        assert!((value - expected).abs() <= digits, "{value} is not {expected}");
    }

    /// Numbers that were computed elsewhere, to as many digits as they were written down with.
    #[test]
    fn the_numbers_of_the_literature_come_out() {
        near(best_period(1.0, 3600.0), 85.19, 0.005);
        near(young(1.0, 3600.0), 84.85, 0.005);
        near(daly(1.0, 3600.0), 84.19, 0.005);
        near(best_period(60.0, 1800.0), 485.65, 0.005);
        near(young(60.0, 1800.0), 464.76, 0.005);
        near(daly(60.0, 1800.0), 425.62, 0.005);
        near(best_period(600.0, 3600.0) - 600.0, 1699.2, 0.05);
        near(daly(600.0, 3600.0), 1697.7, 0.05);
        near(daly(10.0, 5.0), 5.0, 0.0);
    }

    /// The best period is one: a little more or less is worse, whatever a restart takes.
    #[test]
    fn nothing_is_better_than_the_best_period() {
        for (cost, mtbf, restart) in [(1.0, 3600.0, 0.0), (60.0, 1800.0, 30.0), (600.0, 3600.0, 600.0)] {
            let best = best_period(cost, mtbf);
            let at = |period| useful(period, cost, mtbf, restart);
            assert!(at(best) > at(best * 0.99) && at(best) > at(best * 1.01), "{cost} {mtbf} {restart}");
        }
        assert_eq!(useful(1.0, 2.0, 10.0, 0.0), 0.0);
    }
}
