//! Hand-made traces: good ones hold, and each bad one, an edit away, is caught by the invariant that it breaks.

#[path = "verifiers/bench.rs"]
mod bench;
#[path = "verifiers/format.rs"]
mod format;
#[path = "verifiers/oracle.rs"]
mod oracle;
#[path = "verifiers/savepoints.rs"]
mod savepoints;
#[path = "verifiers/settle.rs"]
mod settle;
#[path = "verifiers/together.rs"]
mod together;

use bench::*;
use cutline::ids::*;
use cutline::topology::{Mode, OperatorKind, SinkKind};
use cutline::trace::event::*;
use cutline::trace::*;
use cutline::verify::{Depth, Invariant, Report, Verdict, Verifier, verify};

use Guarantee::ExactlyOnce;
use Invariant::*;
use SinkKind::{Print, TwoPhase, Upsert};

type Trace = (Meta, Vec<Event>);

fn good() -> Trace {
    script(ExactlyOnce, Mode::Aligned, vec![OperatorKind::KeyedCount], TwoPhase)
}

fn unaligned() -> Trace {
    script(ExactlyOnce, Mode::Unaligned, vec![OperatorKind::KeyedCount], TwoPhase)
}

fn sensitive(mode: Mode, sink: SinkKind) -> Trace {
    script(ExactlyOnce, mode, vec![OperatorKind::LastValue], sink)
}

fn choosing(sink: SinkKind) -> Trace {
    script(ExactlyOnce, Mode::Unaligned, vec![OperatorKind::Choose], sink)
}

fn judge(trace: &Trace) -> Report {
    verify(&trace.0, &trace.1)
}

#[track_caller]
fn holds(trace: &Trace) {
    let report = judge(trace);
    for (invariant, verdict) in &report.verdicts {
        assert_eq!(*verdict, Verdict::Holds, "{invariant:?}");
    }
}

/// The trace after an edit breaks exactly these; other linear extensions of it break the same.
#[track_caller]
fn breaks(mut trace: Trace, edit: impl FnOnce(&mut Vec<Event>), expected: &[Invariant]) -> Report {
    edit(&mut trace.1);
    renumber(&mut trace.1);
    let report = judge(&trace);
    let said: Vec<_> = report.failures().map(|v| v.message.clone()).collect();
    assert_eq!(report.violated(), expected, "{said:#?}");
    for seed in 0..20 {
        let again = verify(&trace.0, &shuffle(&trace.1, seed));
        let said: Vec<_> = again.failures().map(|v| v.message.clone()).collect();
        assert_eq!(again.violated(), expected, "shuffled with {seed}: {said:#?}");
    }
    report
}

#[track_caller]
fn find(events: &[Event], what: impl Fn(&Event) -> bool) -> usize {
    events.iter().position(what).expect("the trace has such a line")
}

#[track_caller]
fn change(events: &mut [Event], what: impl Fn(&Event) -> bool, edit: impl FnOnce(&mut Kind)) {
    let i = find(events, what);
    edit(&mut events[i].kind);
}

fn line(process: TaskId, attempt: u32, kind: Kind) -> Event {
    Event { process, attempt: Attempt(attempt), n: 0, time: Nanos(0), kind }
}

#[track_caller]
fn shift(events: &mut Vec<Event>, from: impl Fn(&Event) -> bool, to: impl Fn(&Event) -> bool) {
    let event = events.remove(find(events, from));
    let to = find(events, to);
    events.insert(to, event);
}

fn is_put(e: &Event, task: TaskId, id: u64) -> bool {
    matches!(&e.kind, Kind::Put { key, .. } if key.task == task && key.checkpoint == CheckpointId(id))
}

fn is_complete(e: &Event, id: u64) -> bool {
    matches!(&e.kind, Kind::Complete { checkpoint, .. } if *checkpoint == CheckpointId(id))
}

fn is_snap(e: &Event, task: TaskId, id: u64) -> bool {
    e.process == task && matches!(&e.kind, Kind::Snap { checkpoint, .. } if *checkpoint == CheckpointId(id))
}

fn is_txn(e: &Event, wanted: TxnOp, attempt: u32, number: u64) -> bool {
    matches!(&e.kind, Kind::Txn { op, txn, .. } if *op == wanted && txn.attempt == Attempt(attempt) && txn.number == number)
}

fn is_restore(e: &Event, task: TaskId, attempt: u32) -> bool {
    e.process == task && e.attempt == Attempt(attempt) && matches!(e.kind, Kind::Restore { .. })
}

#[test]
fn good_traces_hold() {
    holds(&good());
    holds(&unaligned());
    holds(&sensitive(Mode::Aligned, TwoPhase));
    holds(&sensitive(Mode::Unaligned, TwoPhase));
    holds(&choosing(TwoPhase));
    holds(&script(ExactlyOnce, Mode::Aligned, vec![OperatorKind::KeyedCount], Upsert));
    holds(&sensitive(Mode::Aligned, Upsert));
}

#[test]
fn good_traces_hold_in_any_order() {
    for trace in [good(), unaligned(), sensitive(Mode::Unaligned, TwoPhase), choosing(TwoPhase)] {
        for seed in 0..50 {
            let shuffled = (trace.0.clone(), shuffle(&trace.1, seed));
            holds(&shuffled);
        }
    }
}

#[test]
fn sums_are_enough_for_a_verdict() {
    let (meta, mut events) = good();
    let run = |events: &[Event]| {
        let mut verifier = Verifier::with_depth(&meta, Depth::Sums);
        for event in events {
            verifier.observe(event);
        }
        verifier.finish()
    };
    assert!(run(&events).holds());
    change(
        &mut events,
        |e| matches!(e.kind, Kind::Visible { .. }),
        |kind| {
            let Kind::Visible { record, .. } = kind else { unreachable!() };
            record.value = Datum::Int(77);
        },
    );
    assert_eq!(run(&events).violated(), [I9]);
}

#[test]
fn i1_orphan() {
    // A source takes its snapshot before a record that the operator has in its own.
    let edit = |events: &mut Vec<Event>| {
        let to = |e: &Event| e.process == SRC[1] && matches!(e.kind, Kind::Send { m: 3, .. });
        shift(events, |e| is_snap(e, SRC[1], 2), to);
    };
    breaks(good(), edit, &[I1]);
    // Where the cut is restored, the record is lost to the sender's history, too.
    let edit = |events: &mut Vec<Event>| {
        let to = |e: &Event| e.process == SRC[1] && matches!(e.kind, Kind::Send { m: 1, .. });
        shift(events, |e| is_snap(e, SRC[1], 1), to);
    };
    breaks(good(), edit, &[I1, I8]);
}

#[test]
fn i2_loss_ghost_order() {
    let snap_late = |events: &mut Vec<Event>| {
        // The operator's snapshot comes before it has applied everything that was sent before the barrier.
        let to = |e: &Event| e.process == MID && matches!(e.kind, Kind::Apply { channel: ChannelId(1), m: 3 });
        shift(events, |e| is_snap(e, MID, 2), to);
    };
    let report = breaks(good(), snap_late, &[I1, I2]);
    assert!(matches!(report.verdict(I2), Verdict::Violated(v) if v.message.contains("loss")));
    let edited = |f: fn(&mut Vec<(ChannelId, Vec<RecordId>)>)| {
        move |events: &mut Vec<Event>| {
            let put = find(events, |e| is_put(e, MID, 1));
            let Kind::Put { kappa, .. } = &mut events[put].kind else { unreachable!() };
            let mut list = kappa.to_vec();
            f(&mut list);
            *kappa = list.clone().into();
            change(
                events,
                |e| is_restore(e, MID, 2),
                |kind| {
                    let Kind::Restore { kappa, .. } = kind else { unreachable!() };
                    *kappa = list.into();
                },
            );
        }
    };
    for (word, f) in [
        (
            "order",
            (|k: &mut Vec<(ChannelId, Vec<RecordId>)>| k[0].1.swap(0, 1)) as fn(&mut Vec<(ChannelId, Vec<RecordId>)>),
        ),
        ("ghost", |k| k[0].1[0].offset = Offset(99)),
        ("ghost", |k| k[0].1.push(RecordId::default())),
        ("loss", |k| k[0].1.truncate(1)),
    ] {
        let mut trace = unaligned();
        edited(f)(&mut trace.1);
        let report = judge(&trace);
        assert!(matches!(report.verdict(I2), Verdict::Violated(v) if v.message.contains(word)), "{word} {report:?}");
        assert_eq!(*report.verdict(I1), Verdict::Holds);
    }
    breaks(unaligned(), edited(|k| k[0].1.swap(0, 1)), &[I2]);
}

#[test]
fn i3_offset() {
    let edit = |events: &mut Vec<Event>| {
        let off: std::sync::Arc<[_]> = vec![(PartitionId(0), Offset(2))].into();
        for e in events.iter_mut() {
            let restored = is_restore(e, SRC[0], 2);
            match &mut e.kind {
                Kind::Put { key, offsets, .. } if key.task == SRC[0] && key.checkpoint == CheckpointId(1) => {
                    *offsets = off.clone();
                }
                Kind::Restore { offsets, .. } if restored => *offsets = off.clone(),
                _ => {}
            }
        }
    };
    breaks(good(), edit, &[I3]);
}

/// A zombie is ahead of the attempt that replaced it: it stores and acknowledges a checkpoint whose id that one has yet to
/// reach, and a smaller one completes in between.
#[test]
fn i4_a_zombie_may_acknowledge_what_it_stored() {
    let edit = |events: &mut Vec<Event>| {
        let own = |e: &Event| e.process == MID && e.attempt == Attempt(1);
        events.retain(|e| !(own(e) && matches!(e.kind, Kind::Crash)));
        let ahead = CheckpointId(5);
        let mut snap = events[find(events, |e| own(e) && is_snap(e, MID, 1))].clone();
        let mut put = events[find(events, |e| is_put(e, MID, 1))].clone();
        let mut ack = snap.clone();
        ack.kind = Kind::Ack { checkpoint: ahead };
        let Kind::Snap { checkpoint, .. } = &mut snap.kind else { unreachable!() };
        *checkpoint = ahead;
        let Kind::Put { key, .. } = &mut put.kind else { unreachable!() };
        key.checkpoint = ahead;
        let complete = find(events, |e| is_complete(e, 2));
        events.insert(complete + 1, ack);
        events.splice(complete..complete, [snap, put]);
    };
    breaks(good(), edit, &[]);
}

#[test]
fn i4_acknowledged_and_not_durable() {
    let early = |events: &mut Vec<Event>| {
        let ack = |e: &Event| e.process == MID && matches!(e.kind, Kind::Ack { checkpoint: CheckpointId(2) });
        shift(events, ack, |e| is_put(e, MID, 2));
    };
    breaks(good(), early, &[I4]);
    // Complete without an acknowledgement.
    breaks(
        good(),
        |events| {
            let ack = find(events, |e| e.process == MID && matches!(e.kind, Kind::Ack { checkpoint: CheckpointId(2) }));
            events.remove(ack);
        },
        &[I4],
    );
    // Not required, though it runs.
    breaks(
        good(),
        |events| {
            let trigger = |e: &Event| matches!(e.kind, Kind::Trigger { checkpoint: CheckpointId(2), .. });
            change(events, trigger, |kind| {
                let Kind::Trigger { required, .. } = kind else { unreachable!() };
                *required = required[..3].into();
            });
        },
        &[I4],
    );
}

/// A fold keeps so much and no more. What it has forgotten it doesn't call missing.
#[test]
fn i4_what_is_too_long_ago_is_undecided() {
    let others = |many: u64| {
        move |events: &mut Vec<Event>| {
            let stored = find(events, |e| is_put(e, MID, 2));
            let others = (0..many).map(|n| {
                let mut put = events[stored].clone();
                let Kind::Put { key, .. } = &mut put.kind else { unreachable!() };
                (key.attempt, key.checkpoint) = (Attempt(7), CheckpointId(100 + n));
                put
            });
            let others: Vec<Event> = others.collect();
            events.splice(stored + 1..stored + 1, others);
        }
    };
    for (many, undecided) in [(100, false), (1000, true)] {
        let report = breaks(good(), others(many), &[]);
        let said = report.verdict(I4);
        assert_eq!(matches!(said, Verdict::Undecided(_)), undecided, "{many}: {said:?}");
    }
}

#[test]
fn i5_completion() {
    let twice = |events: &mut Vec<Event>| {
        let i = find(events, |e| is_complete(e, 2));
        let again = events[i].clone();
        events.insert(i + 1, again);
    };
    let report = judge(&{
        let mut trace = good();
        twice(&mut trace.1);
        renumber(&mut trace.1);
        trace
    });
    assert!(report.violated().contains(&I5));
    let early = |events: &mut Vec<Event>| {
        let notify = |e: &Event| matches!(e.kind, Kind::Notify { checkpoint: CheckpointId(2), .. });
        shift(events, notify, |e| is_complete(e, 2));
    };
    breaks(good(), early, &[I5]);
}

#[test]
fn i6_restore() {
    for f in [
        (|kind| {
            let Kind::Restore { digest, .. } = kind else { unreachable!() };
            *digest += 1;
        }) as fn(&mut Kind),
        |kind| {
            let Kind::Restore { offsets, .. } = kind else { unreachable!() };
            *offsets = vec![(PartitionId(0), Offset(3))].into();
        },
    ] {
        breaks(good(), |events| change(events, |e| is_restore(e, MID, 2), f), &[I6]);
    }
    // Falls back in silence.
    let report = judge(&{
        let mut trace = good();
        change(
            &mut trace.1,
            |e| matches!(e.kind, Kind::Begin { job: Attempt(2), .. }),
            |kind| {
                let Kind::Begin { base, .. } = kind else { unreachable!() };
                *base = None;
            },
        );
        trace
    });
    assert!(report.violated().contains(&I6));
}

#[test]
fn i8_state() {
    // The restored operator forgot a count: what it sends along the surviving history is not what it should be.
    let wrong = |events: &mut Vec<Event>| {
        let sends = |e: &Event| e.process == MID && e.attempt == Attempt(2) && matches!(e.kind, Kind::Send { .. });
        change(events, sends, |kind| {
            let Kind::Send { record, .. } = kind else { unreachable!() };
            record.value = Datum::Int(1);
        });
    };
    breaks(good(), wrong, &[I8]);
    let report = judge(&{
        let mut trace = sensitive(Mode::Unaligned, TwoPhase);
        wrong(&mut trace.1);
        trace
    });
    assert!(report.violated().contains(&I8));
}

fn drop_visible(events: &mut Vec<Event>) {
    // The last one, so that positions stay dense.
    let i = events.iter().rposition(|e| matches!(e.kind, Kind::Visible { .. })).unwrap();
    events.remove(i);
}

#[test]
fn i9_output() {
    let wrong = |events: &mut Vec<Event>| {
        change(
            events,
            |e| matches!(e.kind, Kind::Visible { .. }),
            |kind| {
                let Kind::Visible { record, .. } = kind else { unreachable!() };
                record.value = Datum::Int(77);
            },
        );
    };
    breaks(good(), wrong, &[I9]);
    breaks(sensitive(Mode::Aligned, TwoPhase), wrong, &[I9]);
    breaks(good(), drop_visible, &[I9, I11]); // a transaction is torn, too
    // A print sink that claims exactly once: what the crash abandoned was shown.
    let mut b = Bench::new(ExactlyOnce, Mode::Aligned, vec![OperatorKind::KeyedCount], Print);
    b.begin(None);
    b.checkpoint(1);
    b.read(0);
    b.drain();
    b.crash();
    b.begin(Some(1));
    b.read(0);
    b.drain();
    b.checkpoint(2);
    b.end(true);
    breaks((b.meta.clone(), b.events.clone()), |_| {}, &[I9]);
    let mut meta = b.meta;
    meta.guarantee = Guarantee::AtLeastOnce;
    holds(&(meta.clone(), b.events.clone()));
    meta.guarantee = Guarantee::AtMostOnce;
    assert_eq!(verify(&meta, &b.events).violated(), [I9]);
}

#[test]
fn i9_upsert_last_value() {
    let upsert = script(ExactlyOnce, Mode::Aligned, vec![OperatorKind::KeyedCount], Upsert);
    breaks(upsert, drop_visible, &[I9]);
    breaks(sensitive(Mode::Aligned, Upsert), drop_visible, &[I9]);
}

#[test]
fn i9n_choices() {
    breaks(choosing(Print), |_| {}, &[I9n]);
    // Committed as something else than what was chosen.
    let wrong = |events: &mut Vec<Event>| {
        change(
            events,
            |e| matches!(e.kind, Kind::Visible { .. }),
            |kind| {
                let Kind::Visible { record, .. } = kind else { unreachable!() };
                record.value = Datum::Int(77);
            },
        );
    };
    let report = judge(&{
        let mut trace = choosing(TwoPhase);
        wrong(&mut trace.1);
        trace
    });
    assert!(report.violated().contains(&I9n));
}

#[test]
fn i10_position() {
    let edit = |events: &mut Vec<Event>| {
        change(
            events,
            |e| matches!(e.kind, Kind::Visible { position: 2, .. }),
            |kind| {
                let Kind::Visible { position, .. } = kind else { unreachable!() };
                *position = 1;
            },
        );
    };
    breaks(good(), edit, &[I10]);
}

#[test]
fn i13_retention() {
    let key = |task: TaskId, id: u64, attempt: u32| StoreKey {
        attempt: Attempt(attempt),
        checkpoint: CheckpointId(id),
        task,
    };
    let delete = |key: StoreKey| line(STORE, 1, Kind::Delete { key });
    // The newest completed one.
    let edit = |events: &mut Vec<Event>| {
        let i = find(events, |e| is_complete(e, 1));
        events.insert(i + 1, delete(key(MID, 1, 1)));
    };
    breaks(good(), edit, &[I13]);
    // One that completes afterwards.
    let edit = |events: &mut Vec<Event>| {
        let i = find(events, |e| is_complete(e, 1));
        events.insert(i, delete(key(MID, 1, 1)));
    };
    breaks(good(), edit, &[I13]);
    // An older one may go.
    let mut trace = good();
    let i = find(&trace.1, |e| is_complete(e, 2));
    trace.1.insert(i + 1, delete(key(MID, 1, 1)));
    renumber(&mut trace.1);
    holds(&trace);
}

#[test]
fn i14_fencing() {
    breaks(
        good(),
        |events| {
            let i = find(events, |e| is_complete(e, 2));
            events.insert(i, line(STORE, 1, Kind::Lead { token: FencingToken(2), outcome: Outcome::Ok }));
        },
        &[I14],
    );
    breaks(
        good(),
        |events| {
            let i = find(events, |e| matches!(e.kind, Kind::Begin { job: Attempt(2), .. }));
            let kind = Kind::Begin {
                job: Attempt(2),
                token: FencingToken(1),
                base: Some(CheckpointId(1)),
                outcome: Outcome::Ok,
            };
            events.insert(i, line(STORE, 1, kind));
        },
        &[I14],
    );
}

#[test]
fn i15_identity() {
    breaks(
        good(),
        |events| {
            let i = find(events, |e| matches!(e.kind, Kind::Trigger { checkpoint: CheckpointId(2), .. }));
            let required = vec![SRC[0], SRC[1], MID, OUT].into();
            let kind = Kind::Trigger { checkpoint: CheckpointId(1), required, job: Attempt(2) };
            events.insert(i, line(COORD, 1, kind));
            events.insert(
                i + 1,
                line(COORD, 1, Kind::Abort { checkpoint: CheckpointId(1), reason: AbortReason::Expired }),
            );
        },
        &[I15],
    );
}

#[test]
fn malformed() {
    let mut trace = good();
    trace.1[20].n += 1;
    assert!(judge(&trace).violated().contains(&WellFormed));
    let mut trace = good();
    trace.1.push(line(TaskId(999), 1, Kind::Start));
    trace.1.push(line(STORE, 1, Kind::Apply { channel: ChannelId(999), m: 3 }));
    assert_eq!(judge(&trace).violated(), [WellFormed]);
    breaks(
        good(),
        |events| {
            change(
                events,
                |e| matches!(e.kind, Kind::Apply { channel: ChannelId(1), m: 1 }),
                |kind| {
                    *kind = Kind::Apply { channel: ChannelId(1), m: 7 };
                },
            );
        },
        &[WellFormed, I1],
    );
}

#[test]
fn a_missing_tier_is_never_held() {
    let tier = |kind: &Kind| match kind {
        Kind::Read { .. } | Kind::Visible { .. } | Kind::Quiesce => 0,
        Kind::Send { .. } | Kind::Apply { .. } | Kind::BarOut { .. } | Kind::BarIn { .. } | Kind::Snap { .. } => 2,
        Kind::EndOut { .. } | Kind::EndIn { .. } | Kind::Hold { .. } | Kind::Release { .. } | Kind::Choice { .. } => 2,
        _ => 1,
    };
    let without = |(meta, events): &Trace, missing: usize| {
        let mut left: Vec<Event> = events.iter().filter(|e| tier(&e.kind) != missing).cloned().collect();
        renumber(&mut left);
        verify(meta, &left)
    };
    // Output that depends on the order of records can only be replayed, with all of its lines.
    for (trace, replayed) in [(good(), false), (sensitive(Mode::Aligned, TwoPhase), true)] {
        for missing in 0..3 {
            for (invariant, verdict) in &without(&trace, missing).verdicts {
                let needs = cutline::verify::tiers(*invariant).contains(&missing)
                    || (replayed && [I9, I9n].contains(invariant));
                let undecided = matches!(verdict, Verdict::Undecided(_));
                assert_eq!(needs, undecided, "{invariant:?} without tier {missing}: {verdict:?}");
            }
        }
    }
}
