//! What a vector can't say: triggers, aborts by the coordinator, overtaking, renaming, digests, and a thousand
//! channels.

use cutline::digest::Digest;
use cutline::engine::gate::{BarrierGate, Gate, GateEffect};
use cutline::engine::inbox::{Inbox, Taken};
use cutline::engine::message::{Barrier, DeclineReason, Element};
use cutline::ids::*;
use cutline::topology::Mode;

type Effects = Vec<GateEffect<u32>>;

const MODES: [Mode; 4] = [Mode::Aligned, Mode::AtLeastOnce, Mode::Unaligned, Mode::AlignedThenUnaligned];

fn gate(mode: Mode, inputs: usize) -> Gate<u32> {
    Gate::new(mode, inputs, true, &InputSet::new())
}

fn c(id: u64) -> CheckpointId {
    CheckpointId(id)
}

fn input(index: u32) -> InputIndex {
    InputIndex(index)
}

fn asked(call: impl FnOnce(&mut Effects)) -> Effects {
    let mut out = Vec::new();
    call(&mut out);
    out
}

fn barrier(gate: &mut Gate<u32>, on: u32, id: u64) -> Effects {
    asked(|out| gate.barrier(input(on), Barrier { id: c(id), overtakes: false }, out))
}

fn snapshot(id: u64, overtakes: bool) -> GateEffect<u32> {
    GateEffect::Snapshot { checkpoint: c(id), overtakes }
}

fn state(id: u64, records: &[(u32, &[u32])]) -> GateEffect<u32> {
    let records = records.iter().map(|(on, records)| (input(*on), records.to_vec())).collect();
    GateEffect::ChannelState { checkpoint: c(id), records }
}

#[test]
fn every_completed_checkpoint_has_its_channel_state() {
    for mode in MODES {
        let mut gate = gate(mode, 1);
        let overtakes = mode == Mode::Unaligned;
        assert_eq!(barrier(&mut gate, 0, 1), [snapshot(1, overtakes), state(1, &[])], "{mode:?}");
        assert!(!gate.blocks() && !gate.blocked(input(0)));
    }
}

#[test]
fn late_ones_are_told_as_late() {
    for mode in MODES {
        let mut gate = gate(mode, 2);
        assert_eq!(asked(|out| gate.cancel(input(0), c(4), out)).len(), 1);
        assert_eq!(barrier(&mut gate, 1, 4), [GateEffect::Late(c(4))]);
        assert_eq!(barrier(&mut gate, 1, 3), [GateEffect::Late(c(3))]);
        assert_eq!(asked(|out| gate.cancel(input(1), c(4), out)), [GateEffect::Late(c(4))]);
        assert_eq!(asked(|out| gate.trigger(c(2), out)), [GateEffect::Late(c(2))]);
    }
}

#[test]
fn a_trigger_waits_for_the_ends() {
    for (mode, overtakes) in [(Mode::Aligned, false), (Mode::AtLeastOnce, false), (Mode::Unaligned, true)] {
        let mut gate = gate(mode, 2);
        let cut = asked(|out| gate.trigger(c(1), out));
        assert_eq!(cut, if overtakes { vec![snapshot(1, true)] } else { vec![] }, "{mode:?}");
        assert!(!gate.blocks());
        assert_eq!(asked(|out| gate.trigger(c(1), out)), [GateEffect::Late(c(1))]);
        gate.record(input(1), &7);
        assert_eq!(asked(|out| gate.end(input(0), out)), []);
        gate.record(input(1), &8);
        let last = asked(|out| gate.end(input(1), out));
        let full = if overtakes {
            vec![state(1, &[(1, &[7, 8])]), GateEffect::EndOfInput]
        } else {
            vec![snapshot(1, false), state(1, &[]), GateEffect::EndOfInput]
        };
        assert_eq!(last, full, "{mode:?}");
        // Nothing is open any more: complete at once.
        assert_eq!(asked(|out| gate.trigger(c(2), out)), [snapshot(2, overtakes), state(2, &[])], "{mode:?}");
    }
}

#[test]
fn a_trigger_of_a_gate_restored_with_all_ended() {
    for mode in MODES {
        let mut gate: Gate<u32> = Gate::new(mode, 70, true, &InputSet::all(70));
        let overtakes = mode == Mode::Unaligned;
        assert_eq!(asked(|out| gate.trigger(c(9), out)), [snapshot(9, overtakes), state(9, &[])], "{mode:?}");
    }
}

#[test]
fn a_trigger_subsumes_what_is_older() {
    let mut aligned = gate(Mode::AlignedThenUnaligned, 2);
    assert_eq!(barrier(&mut aligned, 0, 1), [GateEffect::StartClock(c(1))]);
    let subsumed = GateEffect::Abort { checkpoint: c(1), reason: DeclineReason::Subsumed };
    let expected = [GateEffect::StopClock(c(1)), subsumed, GateEffect::StartClock(c(2))];
    assert_eq!(asked(|out| aligned.trigger(c(2), out)), expected);
    assert!(!aligned.blocks());
    assert_eq!(asked(|out| aligned.expire(c(1), out)), []);
    assert_eq!(asked(|out| aligned.expire(c(2), out)), [snapshot(2, true)]);
    assert_eq!(asked(|out| aligned.expire(c(2), out)), []);
    aligned.record(input(1), &3);
    asked(|out| aligned.end(input(0), out));
    let last = asked(|out| aligned.end(input(1), out));
    assert_eq!(last, [state(2, &[(1, &[3])]), GateEffect::EndOfInput]);
}

#[test]
fn an_abort_releases_without_a_word() {
    for mode in MODES {
        let mut gate = gate(mode, 2);
        barrier(&mut gate, 0, 1);
        let clock = if mode == Mode::AlignedThenUnaligned { vec![GateEffect::StopClock(c(1))] } else { vec![] };
        assert_eq!(asked(|out| gate.abort(c(1), out)), clock, "{mode:?}");
        assert!(!gate.blocks());
        assert_eq!(barrier(&mut gate, 1, 1), [GateEffect::Late(c(1))]);
        assert_eq!(asked(|out| gate.abort(c(1), out)), []);
    }
}

#[test]
fn an_abort_ahead_of_its_barriers_disturbs_nobody() {
    for mode in MODES {
        let mut gate = gate(mode, 2);
        barrier(&mut gate, 0, 3);
        for id in [7, 5, 5] {
            assert_eq!(asked(|out| gate.abort(c(id), out)), [], "{mode:?}");
        }
        assert_eq!(barrier(&mut gate, 1, 5), [GateEffect::Late(c(5))]);
        if mode != Mode::AtLeastOnce {
            assert_eq!(asked(|out| gate.cancel(input(1), c(5), out)), [GateEffect::Late(c(5))]);
        }
        assert_eq!(asked(|out| gate.trigger(c(7), out)), [GateEffect::Late(c(7))]);
        // 3 is complete all the same, and so is 4, which was never given up.
        let done = barrier(&mut gate, 1, 3);
        assert_eq!(done.last(), Some(&state(3, &[])), "{mode:?}");
        barrier(&mut gate, 0, 4);
        assert_eq!(barrier(&mut gate, 1, 4).last(), Some(&state(4, &[])), "{mode:?}");
        assert_eq!(barrier(&mut gate, 0, 7), [GateEffect::Late(c(7))]);
        barrier(&mut gate, 0, 8);
        assert_eq!(barrier(&mut gate, 0, 7), [GateEffect::Late(c(7))]);
        assert_eq!(barrier(&mut gate, 1, 8).last(), Some(&state(8, &[])), "{mode:?}");
    }
}

#[test]
fn what_is_overtaken_is_in_flight_once() {
    for (mode, overtakes) in [(Mode::Unaligned, false), (Mode::Unaligned, true), (Mode::AlignedThenUnaligned, true)] {
        let mut gate = gate(mode, 2);
        let one = Barrier { id: c(1), overtakes };
        assert_eq!(asked(|out| gate.overtook(input(0), one, vec![1, 2], out)), [snapshot(1, true)], "{mode:?}");
        assert!(!gate.blocks());
        gate.record(input(0), &1);
        gate.record(input(1), &5);
        gate.record(input(0), &2);
        let expected = [state(1, &[(0, &[1, 2]), (1, &[5, 6])])];
        assert_eq!(asked(|out| gate.overtook(input(1), one, vec![6], out)), expected, "{mode:?}");
        assert_eq!(asked(|out| gate.overtook(input(1), one, vec![9], out)), [GateEffect::Late(c(1))]);
    }
}

#[test]
fn where_nothing_overtakes_it_is_a_plain_barrier() {
    for mode in [Mode::Aligned, Mode::AtLeastOnce, Mode::AlignedThenUnaligned] {
        let (mut overtaken, mut plain) = (gate(mode, 2), gate(mode, 2));
        for on in 0..2 {
            let one = Barrier { id: c(1), overtakes: false };
            let effects = asked(|out| overtaken.overtook(input(on), one, vec![1], out));
            assert_eq!(effects, barrier(&mut plain, on, 1), "{mode:?}");
            assert_eq!(overtaken, plain);
        }
    }
}

#[test]
fn after_the_switch_it_hastens() {
    let mut gate = gate(Mode::AlignedThenUnaligned, 3);
    barrier(&mut gate, 0, 1);
    assert!(!gate.hastens(c(1)));
    asked(|out| gate.expire(c(1), out));
    assert!(gate.hastens(c(1)) && !gate.hastens(c(2)));
    let hastened = Barrier { id: c(1), overtakes: false };
    assert_eq!(asked(|out| gate.overtook(input(1), hastened, vec![4], out)), []);
    // What it passed is still to be read.
    assert!(gate.blocked(input(0)) && !gate.blocked(input(1)));
    gate.record(input(1), &4);
    assert_eq!(barrier(&mut gate, 2, 1), [state(1, &[(1, &[4])])]);
    assert!(!gate.hastens(c(1)) && !gate.blocks());
}

fn digest(gate: &Gate<u32>) -> u128 {
    let mut d = Digest::new();
    gate.digest(&mut d, &|record, d| d.word(*record as u64));
    d.finish128()
}

#[test]
fn digests_tell_states_apart() {
    for mode in MODES {
        let (mut low, mut high) = (gate(mode, 70), gate(mode, 70));
        let mut seen = vec![digest(&low)];
        for (gate, by) in [(&mut low, 0), (&mut high, 100)] {
            barrier(gate, 0, 1 + by);
            asked(|out| gate.abort(c(9 + by), out));
            barrier(gate, 69, 1 + by);
            gate.record(input(3), &1);
        }
        assert_ne!(low, high);
        assert_ne!(digest(&low), digest(&high));

        for on in [1, 2, 5] {
            barrier(&mut low, on, 2);
            seen.push(digest(&low));
            low.record(input(7), &on);
            seen.push(digest(&low));
        }
        asked(|out| low.end(input(68), out));
        seen.push(digest(&low));
        seen.sort();
        seen.dedup();
        assert!(seen.len() >= if mode == Mode::Unaligned { 8 } else { 5 }, "{mode:?}: {}", seen.len());
    }
}

#[test]
fn a_thousand_channels() {
    const CHANNELS: u32 = 1000;
    for mode in MODES {
        let mut inbox = Inbox::new(gate(mode, CHANNELS as usize), CHANNELS as usize);
        let mut out = Vec::new();
        for id in 1..4 {
            // In another order every time; the channels that end stay away.
            let order = |at: u32| (at * 7 + id as u32 * 13) % CHANNELS;
            let open = |on: &u32| id == 1 || !on.is_multiple_of(10);
            for on in (0..CHANNELS).map(order).filter(open) {
                inbox.arrive(input(on), Element::Record(on), &mut out);
                let one = Barrier { id: c(id), overtakes: false };
                inbox.arrive(input(on), Element::Barrier(one), &mut out);
                inbox.arrive(input(on), Element::Record(on), &mut out);
            }
            let delivered = out.iter().filter(|taken| matches!(taken, Taken::Deliver(..))).count();
            assert_eq!(delivered, if id == 1 { 2000 } else { 1800 }, "{mode:?}");
            let full = |taken: &&Taken<u32>| matches!(taken, Taken::Gate(GateEffect::ChannelState { .. }));
            let listed: usize = match out.iter().find(full) {
                Some(Taken::Gate(GateEffect::ChannelState { records, .. })) => records.len(),
                _ => panic!("{id} is complete: {mode:?}"),
            };
            let channels = if id == 1 { 1000 } else { 900 };
            assert_eq!(listed, if mode == Mode::Unaligned { channels - 1 } else { 0 });
            assert!(inbox.blocked().is_empty() && !inbox.gate().blocks());
            assert!((0..CHANNELS).all(|on| inbox.waiting(input(on)) == 0));
            out.clear();
            for on in (0..CHANNELS).filter(|on| id == 1 && on.is_multiple_of(10)) {
                inbox.arrive(input(on), Element::End, &mut out);
            }
            assert!(out.is_empty());
        }
    }
}
