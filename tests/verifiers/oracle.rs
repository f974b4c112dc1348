//! The counting fold against vector clocks, and violations in words.

use super::*;

/// Moves a snapshot to a random place of its life, before its checkpoint is complete.
fn move_a_snapshot(events: &mut Vec<Event>, seed: u64) {
    let random = |salt: u64, n: usize| (cutline::digest::mix(seed ^ salt << 32) % n as u64) as usize;
    let snaps: Vec<usize> = (0..events.len()).filter(|i| matches!(events[*i].kind, Kind::Snap { .. })).collect();
    let snap = events.remove(snaps[random(1, snaps.len())]);
    let Kind::Snap { checkpoint, .. } = snap.kind else { unreachable!() };
    let end = find(events, |e| is_complete(e, checkpoint.0));
    let own = |i: &usize| events[*i].process == snap.process && events[*i].attempt == snap.attempt;
    let places: Vec<usize> = (0..end).filter(own).collect();
    events.insert(places[random(2, places.len())], snap);
    renumber(events);
}

#[test]
fn counting_agrees_with_vector_clocks() {
    let mut orphans = 0;
    for mode in [Mode::Aligned, Mode::Unaligned] {
        for seed in 0..150 {
            let (meta, mut events) = script(ExactlyOnce, mode, vec![OperatorKind::KeyedCount], TwoPhase);
            (0..1 + seed % 3).for_each(|i| move_a_snapshot(&mut events, seed * 8 + i));
            let oracle = cutline::verify::clocks::inconsistent(&meta, &events);
            let report = verify(&meta, &events);
            assert_eq!(report.violated().contains(&I1), !oracle.is_empty(), "{mode:?} {seed}: {oracle:?}");
            orphans += !oracle.is_empty() as u32;
        }
    }
    assert!((30..270).contains(&orphans), "the traces are all alike: {orphans} of 300");
}

#[test]
fn stories() {
    let (meta, mut events) = good();
    let to = |e: &Event| e.process == SRC[1] && matches!(e.kind, Kind::Send { m: 3, .. });
    shift(&mut events, |e| is_snap(e, SRC[1], 2), to);
    renumber(&mut events);
    let report = verify(&meta, &events);
    let Verdict::Violated(violation) = report.verdict(I1) else { unreachable!() };
    let story = cutline::verify::story::story(&meta, &events, violation);
    assert!(story.contains("src/1 takes its snapshot of c2"), "{story}");
    assert!(story.contains("apply      src/1>mid/0 #3") && story.contains("snap       c2"), "{story}");

    let (meta, mut events) = good();
    events.retain(|e| !(e.process == COORD && matches!(e.kind, Kind::Finish { .. })));
    events.retain(|e| !(e.process == MID && matches!(e.kind, Kind::Finish { .. })));
    renumber(&mut events);
    let report = verify(&meta, &events);
    let Verdict::Violated(violation) = report.verdict(I12) else { unreachable!() };
    let story = cutline::verify::story::story(&meta, &events, violation);
    assert!(story.contains("coordinator waits for mid/0: its finish"), "{story}");
}
