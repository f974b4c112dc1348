//! Records that became visible one after another, told at once: judged as they are line by line.

use super::*;
use cutline::trace::event::{Shown, Spot};

/// Judges a trace like `judge`, but lines that differ in number, position and record alone are told at once. And how
/// many were at most.
fn judge_together((meta, events): &Trace) -> (Report, usize) {
    let (mut verifier, mut longest, mut left) = (Verifier::new(meta), 0, &events[..]);
    while let Some(first) = left.first() {
        let Kind::Visible { position, from, txn, .. } = first.kind else {
            verifier.observe(first);
            left = &left[1..];
            continue;
        };
        let next = |(i, event): &(u32, &Event)| {
            let like = |kind: &Kind| match kind {
                Kind::Visible { position: p, from: f, txn: t, .. } => (*p, *f, *t) == (position + *i as u64, from, txn),
                _ => false,
            };
            event.spot() == Spot { n: first.n + *i, ..first.spot() } && like(&event.kind)
        };
        let lines = (0..).zip(left).take_while(next).map(|(_, event)| match &event.kind {
            Kind::Visible { record, .. } => record.clone(),
            _ => unreachable!("only such lines are alike"),
        });
        let records: Vec<Record> = lines.collect();
        verifier.visible_all(first.spot(), &Shown { position, from, txn }, &records);
        longest = longest.max(records.len());
        left = &left[records.len()..];
    }
    (verifier.finish(), longest)
}

type Edit = fn(&mut Vec<Event>, usize);

fn at(events: &mut [Event], i: usize, edit: impl FnOnce(&mut u64, &mut Incarnation, &mut Option<Txn>, &mut Record)) {
    if let Kind::Visible { position, from, txn, record } = &mut events[i].kind {
        edit(position, from, txn, record);
    }
}

const EDITS: [Edit; 10] = [
    |_, _| {},
    |events, i| events[i].n += 1,
    |events, i| events[i].attempt.0 += 1,
    |events, i| at(events, i, |position, _, _, _| *position += 1),
    |events, i| at(events, i, |_, from, _, _| from.task = TaskId(0)),
    |events, i| at(events, i, |_, _, txn, _| *txn = None),
    |events, i| at(events, i, |_, _, txn, _| txn.iter_mut().for_each(|txn| txn.number += 1)),
    |events, i| at(events, i, |_, _, _, record| record.value = Datum::Int(77)),
    |events, i| {
        // Once more, and everything behind it moves up.
        let (again, process) = (events[i].clone(), events[i].process);
        events.insert(i, again);
        for j in i + 1..events.len() {
            if events[j].process == process {
                at(events, j, |position, _, _, _| *position += 1);
            }
        }
        renumber(events);
    },
    |events, i| {
        events.remove(i);
        renumber(events);
    },
];

#[test]
fn records_that_are_shown_at_once_are_judged_like_their_lines() {
    let at_least = script(Guarantee::AtLeastOnce, Mode::Aligned, vec![OperatorKind::KeyedCount], TwoPhase);
    let traces = [good(), unaligned(), at_least, sensitive(Mode::Aligned, TwoPhase), sensitive(Mode::Aligned, Print)];
    let (mut longest, mut violated) = (0, 0);
    for (meta, mut events) in traces {
        events.iter_mut().for_each(|event| event.time = Nanos(0));
        let shown: Vec<usize> = (0..events.len()).filter(|i| matches!(events[*i].kind, Kind::Visible { .. })).collect();
        for (edit, i) in EDITS.iter().enumerate().flat_map(|(edit, _)| shown.iter().map(move |i| (edit, *i))) {
            let mut trace = (meta.clone(), events.clone());
            EDITS[edit](&mut trace.1, i);
            let (report, together) = judge_together(&trace);
            assert_eq!(report, judge(&trace), "edit {edit} of line {i}");
            longest = longest.max(together);
            violated += !report.violated().is_empty() as usize;
        }
    }
    assert!(longest > 2 && violated > 20, "at most {longest} at once, {violated} traces that don't hold");
}
