//! Requests that nobody answers are made again, at longer and longer intervals.

use cutline::engine::asks::Asks;
use cutline::engine::message::{Effect, Outbox, Request, Timer};
use cutline::ids::*;

fn pauses(out: &mut Outbox) -> Vec<u64> {
    let pause = |effect| match effect {
        Effect::Arm(Timer::Retry, pause) => Some(pause.0),
        _ => None,
    };
    out.effects.drain(..).filter_map(pause).collect()
}

#[test]
fn pauses_double_until_somebody_answers() {
    let (mut asks, mut out, retry) = (Asks::default(), Outbox::default(), Nanos(10));
    let ticket = asks.add((), Request::Flush, retry, &mut out);
    (0..12).for_each(|_| asks.repeat(retry, &mut out).for_each(drop));
    assert_eq!(pauses(&mut out), [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_240, 10_240, 10_240]);
    assert!(asks.take(ticket, &mut out).is_some_and(|ask| ask.again));
    asks.add((), Request::Flush, retry, &mut out);
    asks.repeat(retry, &mut out).for_each(drop);
    assert_eq!(pauses(&mut out), [10, 20], "it begins anew");
}
