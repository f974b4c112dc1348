//! A search takes two states for one if their digests are the same: a coordinator that goes on in another way must not
//! have the digest of one that doesn't.

use crate::rig::*;
use cutline::digest::Digest;
use cutline::engine::config::Config;
use cutline::engine::message::*;
use cutline::engine::process::Process;
use cutline::ids::*;
use std::collections::BTreeMap;

const SAVE: Input = Input::Asked(Wish::Savepoint);

/// As a search sees it: cell by cell.
fn digest(rig: &Rig) -> Vec<u128> {
    let cell = |cell| {
        let mut d = Digest::new();
        rig.c.digest(cell, &mut d);
        d.finish128()
    };
    (0..rig.c.cells()).map(cell).collect()
}

/// A rig that all run in, taken somewhere.
fn after(config: Config, way: impl FnOnce(&mut Rig)) -> Rig {
    let mut rig = Rig::running(config);
    way(&mut rig);
    rig
}

#[test]
fn whatever_makes_a_difference_is_in_the_digest() {
    let asked = |rig: &mut Rig, periodic| drop(rig.with(|c, out| c.trigger(periodic, out)));
    let pending = |more: fn(&mut Rig)| {
        after(config(), |rig| {
            rig.trigger();
            more(rig);
        })
    };
    let states = [
        ("idle", after(config(), |_| {})),
        ("scheduler stopped", after(config(), |rig| drop(rig.with(|c, out| c.stop_scheduler(out))))),
        ("opening", after(config(), |rig| asked(rig, false))),
        (
            "opening, asked again",
            after(config(), |rig| {
                asked(rig, false);
                rig.fire(Timer::Retry);
            }),
        ),
        ("opening a savepoint", after(config(), |rig| drop(rig.step(SAVE)))),
        ("pending", pending(|_| {})),
        (
            "a savepoint pending",
            after(config(), |rig| {
                rig.step(SAVE);
                rig.serve_one(is_open);
            }),
        ),
        ("pending, one ack", pending(|rig| drop(rig.ack(0, 1)))),
        ("pending, another ack", pending(|rig| drop(rig.ack(1, 1)))),
        ("pending, a manual one waits", pending(|rig| drop(rig.with(|c, out| c.trigger(false, out))))),
        ("pending, a periodic one waits", pending(|rig| drop(rig.with(|c, out| c.trigger(true, out))))),
        ("pending, a savepoint is wanted", pending(|rig| drop(rig.step(SAVE)))),
        (
            "pending, a manual one waits, no scheduler",
            pending(|rig| {
                rig.with(|c, out| c.stop_scheduler(out));
                rig.with(|c, out| c.trigger(false, out));
            }),
        ),
        ("pending, to stop", pending(|rig| drop(rig.step(Input::Asked(Wish::StopWithSavepoint))))),
        ("declined", pending(|rig| drop(rig.told(0, Control::Decline(CheckpointId(1), DeclineReason::EndOfInput))))),
        ("publishing", pending(|rig| drop(rig.acks(1)))),
        (
            "complete, nobody has said that he knows",
            pending(|rig| {
                rig.acks(1);
                rig.serve();
            }),
        ),
        (
            "complete, and known",
            pending(|rig| {
                rig.acks(1);
                rig.serve();
                (0..3).for_each(|task| drop(rig.told(task, Control::Noted(CheckpointId(1)))));
            }),
        ),
    ];
    all_different(states.into_iter().chain(later()));
}

/// Behind a completion, and at the end.
fn later() -> [(&'static str, Rig); 4] {
    let pause = Config { min_pause: MS(20), ..config() };
    [
        ("pausing", after(pause.clone(), |rig| drop(rig.checkpoint()))),
        (
            "pausing, a savepoint is wanted",
            after(pause, |rig| {
                rig.checkpoint();
                rig.trigger();
                rig.step(SAVE);
            }),
        ),
        ("one has finished", after(config(), |rig| drop(rig.told(0, Control::Finished)))),
        ("failed", after(config(), |rig| drop(rig.told(0, Control::Failed)))),
    ]
}

fn all_different(states: impl Iterator<Item = (&'static str, Rig)>) {
    let mut seen = BTreeMap::new();
    for (name, rig) in states {
        if let Some(other) = seen.insert(digest(&rig), name) {
            panic!("`{name}` has the digest of `{other}`");
        }
    }
}
