//! I11 and I12: what must be settled, and is not.

use super::*;

#[test]
fn i11_every_letter() {
    let letter = |expected: char, invariants: &[Invariant], edit: &dyn Fn(&mut Vec<Event>)| {
        let report = breaks(good(), edit, invariants);
        let Verdict::Violated(violation) = report.verdict(I11) else { unreachable!() };
        assert_eq!(violation.letter, Some(expected), "{}", violation.message);
    };
    letter('a', &[I11], &|events| {
        let i = find(events, |e| is_complete(e, 2));
        let complete = events.remove(i);
        let commit = find(events, |e| is_txn(e, TxnOp::Commit, 2, 0));
        events.insert(commit + 1, complete); // notices come after the commit, too
        let notices: Vec<_> =
            events.extract_if(.., |e| matches!(e.kind, Kind::Notify { checkpoint: CheckpointId(2), .. })).collect();
        let complete = find(events, |e| is_complete(e, 2));
        notices.into_iter().rev().for_each(|n| events.insert(complete + 1, n));
    });
    letter('b', &[I9, I11], &|events| {
        events.retain(|e| !matches!(e.kind, Kind::Visible { position: 5.., .. }));
        change(
            events,
            |e| is_txn(e, TxnOp::Commit, 2, 0),
            |kind| {
                let Kind::Txn { op, .. } = kind else { unreachable!() };
                *op = TxnOp::Expire;
            },
        );
    });
    letter('c', &[I11, I12], &|events| {
        change(
            events,
            |e| is_txn(e, TxnOp::Abort, 2, 1),
            |kind| {
                let Kind::Txn { op, .. } = kind else { unreachable!() };
                *op = TxnOp::Prepare;
            },
        );
    });
    letter('d', &[I9, I11], &drop_visible);
    letter('e', &[I11], &|events| {
        let i = find(events, |e| is_txn(e, TxnOp::Commit, 2, 0));
        let again = events[i].clone();
        let end = find(events, |e| is_txn(e, TxnOp::Abort, 2, 1));
        events.insert(end, again);
    });
    letter('f', &[I11], &|events| {
        let i = find(events, |e| is_txn(e, TxnOp::Begin, 2, 1));
        let again = events[i].clone();
        events.insert(i + 1, again);
    });
    letter('g', &[I11], &|events| {
        let i = find(events, |e| is_txn(e, TxnOp::Abort, 1, 1));
        events.remove(i);
    });
    letter('h', &[I11], &|events| {
        let i = find(events, |e| is_txn(e, TxnOp::Abort, 2, 1));
        events.remove(i);
    });
}

#[test]
fn i12_progress() {
    // A checkpoint that nobody gives up, and who is missing.
    let report = breaks(
        good(),
        |events| {
            let i = find(events, |e| matches!(e.kind, Kind::Finish { .. }) && e.process == SRC[0]);
            let required = vec![SRC[0], SRC[1], MID, OUT].into();
            let kind = Kind::Trigger { checkpoint: CheckpointId(3), required, job: Attempt(2) };
            events.insert(i, line(COORD, 1, kind));
            let i = find(events, |e| matches!(e.kind, Kind::EndOut { .. }));
            events.insert(i, line(MID, 2, Kind::Hold { channel: ChannelId(0) }));
        },
        &[I12],
    );
    let Verdict::Violated(violation) = report.verdict(I12) else { unreachable!() };
    assert!(violation.waits.iter().any(|w| w.who == COORD && w.whom == MID), "{violation:?}");
    assert!(violation.message.contains("src/0>mid/0 is held"), "{violation:?}");

    breaks(good(), |events| events.retain(|e| !(e.process == COORD && matches!(e.kind, Kind::Finish { .. }))), &[I12]);
    // Cut off: undecided. With more lines after `clear` than are allowed: violated.
    let (mut meta, mut events) = good();
    events.truncate(events.len() - 12);
    assert!(matches!(verify(&meta, &events).verdict(I12), Verdict::Undecided(_)));
    meta.healed_events_max = 10;
    assert!(matches!(verify(&meta, &events).verdict(I12), Verdict::Violated(_)));
    // Failed for good: moot.
    let mut b = Bench::new(ExactlyOnce, Mode::Aligned, vec![], TwoPhase);
    b.begin(None);
    b.read(0);
    b.crash();
    b.say(COORD, Kind::Finish { complete: false });
    b.say(ENV, Kind::Quiesce);
    let report = verify(&b.meta, &b.events);
    assert!(matches!(report.verdict(I12), Verdict::Inconclusive(_)));
    assert!(matches!(report.verdict(I8), Verdict::Inconclusive(_)));
}
