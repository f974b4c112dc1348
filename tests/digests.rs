//! A search tells states apart by the digests of what is in them: whatever is different on its way, or waits, must have
//! another digest.

use cutline::digest::Digest;
use cutline::engine::config::Mode;
use cutline::engine::gate::{BarrierGate, Gate, GateEffect};
use cutline::engine::message::*;
use cutline::engine::snapshot::{Logs, Manifest, Part, Snapshot};
use cutline::ids::*;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

fn told_apart<T: Debug>(all: &[T], digest: impl Fn(&T, &mut Digest)) {
    let mut seen = BTreeMap::new();
    for one in all {
        let mut d = Digest::new();
        digest(one, &mut d);
        if let Some(other) = seen.insert(d.finish128(), one) {
            panic!("{one:?} has the digest of {other:?}");
        }
    }
}

const NUMBERS: [u64; 3] = [1, 2, 3];

fn ids() -> impl Iterator<Item = CheckpointId> {
    NUMBERS.into_iter().map(CheckpointId)
}

fn attempts() -> impl Iterator<Item = Attempt> {
    NUMBERS.into_iter().map(|n| Attempt(n as u32))
}

fn records() -> Vec<Record> {
    let id = |offset| RecordId { partition: PartitionId(1), part: 0, offset: Offset(offset) };
    NUMBERS.into_iter().map(|n| Record { id: id(n), key: Datum::Int(1), value: Datum::Int(2) }).collect()
}

fn keys() -> Vec<StoreKey> {
    let of = |attempt| ids().flat_map(move |id| (1..4).map(move |task| (attempt, id, TaskId(task))));
    attempts().flat_map(of).map(|(attempt, checkpoint, task)| StoreKey { attempt, checkpoint, task }).collect()
}

fn txns() -> Vec<Txn> {
    let of = |attempt| NUMBERS.into_iter().flat_map(move |number| (1..4).map(move |task| (attempt, number, task)));
    attempts().flat_map(of).map(|(attempt, number, task)| Txn { attempt, number, task: TaskId(task) }).collect()
}

fn manifests() -> Vec<Arc<Manifest>> {
    let one = Part::Stored(keys()[0]);
    let parts = [vec![], vec![Part::Finished], vec![one], vec![one, Part::Finished], vec![Part::Stored(keys()[1])]];
    let of = |attempt| {
        let parts = &parts;
        ids().flat_map(move |checkpoint| parts.iter().map(move |parts| (attempt, checkpoint, parts.clone())))
    };
    let all = attempts().flat_map(of);
    all.map(|(attempt, checkpoint, parts)| Arc::new(Manifest { attempt, checkpoint, parts })).collect()
}

fn snapshots() -> Vec<Arc<Snapshot>> {
    let plain = Snapshot::default();
    let flying = |input, n: usize| Snapshot {
        channels: vec![(InputIndex(input), records()[..n].into())],
        ..Snapshot::default()
    };
    let logged = |taken, sent, n: usize| Snapshot {
        logs: Some(Arc::new(Logs { taken: vec![taken], sent: vec![(sent, records()[..n].into())] })),
        ..Snapshot::default()
    };
    let all = [
        plain,
        flying(0, 1),
        flying(0, 2),
        flying(1, 1),
        logged(0, 0, 0),
        logged(1, 0, 0),
        logged(0, 1, 0),
        logged(0, 0, 1),
        Snapshot { offsets: vec![(PartitionId(0), Offset(1), false)], ..Snapshot::default() },
        Snapshot { finished: true, ..Snapshot::default() },
    ];
    all.into_iter().map(Arc::new).collect()
}

#[test]
fn keys_and_transactions() {
    told_apart(&keys(), |key, d| key.digest(d));
    told_apart(&txns(), |txn, d| txn.digest(d));
    told_apart(&manifests(), |manifest, d| manifest.digest(d));
    told_apart(&snapshots(), |snapshot, d| snapshot.digest_whole(d));
}

#[test]
fn what_channels_hold() {
    let mut all: Vec<Element<Record>> = records().into_iter().map(Element::Record).collect();
    let barrier = |id| [true, false].map(|overtakes| Element::Barrier(Barrier { id, overtakes }));
    all.extend(ids().flat_map(barrier));
    all.extend(ids().map(Element::Cancel));
    all.push(Element::End);
    for note in [vec![], vec![1], vec![2], vec![1, 2]] {
        let noted = |record| Element::Noted(Box::new(Noted { note: note.clone().into(), record }));
        all.extend(records().into_iter().map(noted));
    }
    told_apart(&all, |element, d| element.digest(d));
}

#[test]
fn what_is_told_and_waited_for() {
    let mut all = vec![Control::Stop, Control::Running, Control::Finished, Control::Failed];
    all.push(Control::Deploy { restore: None });
    all.extend(manifests().into_iter().map(|manifest| Control::Deploy { restore: Some(manifest) }));
    for id in ids() {
        let of =
            [Control::Trigger, Control::Complete, Control::Abort, Control::Ack, Control::Noted, Control::TriggerLast];
        all.extend(of.map(|control| control(id)));
        let reasons = [DeclineReason::Cancelled, DeclineReason::Subsumed, DeclineReason::EndOfInput];
        all.extend(reasons.map(|reason| Control::Decline(id, reason)));
        all.extend([vec![], vec![1], vec![2], vec![1, 2]].map(|counts| Control::Counts(id, counts.into())));
    }
    told_apart(&all, |control, d| control.digest(d));
    let mut timers = vec![Timer::Interval, Timer::Pause, Timer::Restart, Timer::Retry, Timer::Remind];
    timers.extend(ids().flat_map(|id| [Timer::Timeout(id), Timer::Alignment(id)]));
    told_apart(&timers, |timer, d| timer.digest(d));
}

#[test]
fn what_is_asked() {
    let mut all = vec![Request::Lead, Request::Flush, Request::EndJob(true), Request::EndJob(false)];
    all.extend(attempts().map(Request::BeginAttempt));
    all.extend(keys().into_iter().flat_map(|key| [Request::Open(key), Request::Get(key)]));
    all.extend(snapshots().into_iter().map(|snapshot| Request::Put(keys()[0], snapshot)));
    all.extend(keys().into_iter().skip(1).map(|key| Request::Put(key, Arc::default())));
    all.extend(manifests().into_iter().flat_map(|m| [Request::Publish(m.clone()), Request::Save(m)]));
    all.extend(attempts().flat_map(|attempt| ids().map(move |id| Request::Discard(attempt, id))));
    for txn in txns() {
        all.extend([Request::Begin(txn), Request::Commit(txn), Request::Stage(txn, Default::default())]);
        all.extend((1..3).map(|n| Request::Stage(txn, records()[..n].to_vec().into())));
    }
    let keeps: [Vec<Txn>; 4] = [vec![], vec![txns()[0]], vec![txns()[1]], txns()[..2].to_vec()];
    all.extend(attempts().flat_map(|attempt| keeps.clone().map(|keep| Request::Fence { attempt, keep: keep.into() })));
    all.extend(records().into_iter().map(Request::Write));
    told_apart(&all, |request, d| request.digest(d));
}

#[test]
fn what_is_answered() {
    let mut all = vec![Reply::Done, Reply::Failed, Reply::Fenced, Reply::Missing, Reply::Expired];
    all.extend(attempts().map(Reply::Led));
    all.extend(snapshots().into_iter().map(Reply::Found));
    let orphans: [Vec<(Attempt, CheckpointId)>; 4] = [
        vec![],
        vec![(Attempt(1), CheckpointId(1))],
        vec![(Attempt(2), CheckpointId(1))],
        vec![(Attempt(1), CheckpointId(2))],
    ];
    for completed in [vec![], vec![manifests()[0].clone()], manifests()[..2].to_vec()] {
        for orphans in &orphans {
            let (completed, orphans): (Arc<[_]>, Orphans) = (completed.clone().into(), orphans.clone().into());
            all.extend(ids().map(|next| Reply::Began { completed: completed.clone(), orphans: orphans.clone(), next }));
            for (attempt, complete) in attempts().flat_map(|attempt| [(attempt, true), (attempt, false)]) {
                let (completed, orphans) = (completed.clone(), orphans.clone());
                all.push(Reply::Ended { attempt, complete, completed, orphans });
            }
        }
    }
    told_apart(&all, |reply, d| reply.digest(d));
}

/// A gate that has made its cut captures what comes; one whose clock still runs doesn't.
#[test]
fn what_a_gate_waits_for() {
    let way = |act: fn(&mut Gate<Record>, &mut Vec<GateEffect<Record>>)| {
        let mut gate = Gate::new(Mode::AlignedThenUnaligned, 2, true, &InputSet::new());
        gate.barrier(InputIndex(0), Barrier { id: CheckpointId(1), overtakes: false }, &mut Vec::new());
        act(&mut gate, &mut Vec::new());
        gate
    };
    let gates = [
        ("waiting", way(|_, _| {})),
        ("cut", way(|gate, out| gate.expire(CheckpointId(1), out))),
        ("given up", way(|gate, out| gate.abort(CheckpointId(1), out))),
        ("another given up", way(|gate, out| gate.abort(CheckpointId(2), out))),
        ("ended", way(|gate, out| gate.end(InputIndex(1), out))),
    ];
    told_apart(&gates, |(_, gate), d| gate.digest(d, &|record, d| record.digest(d)));
}

/// Where nothing is blocked, barriers are counted for several checkpoints side by side.
#[test]
fn what_a_gate_counts() {
    let after = |barriers: &[(u32, u64)]| {
        let mut gate: Gate<Record> = Gate::new(Mode::AtLeastOnce, 3, true, &InputSet::new());
        for (input, id) in barriers {
            let barrier = Barrier { id: CheckpointId(*id), overtakes: false };
            gate.barrier(InputIndex(*input), barrier, &mut Vec::new());
        }
        gate
    };
    let gates = [
        after(&[(0, 1), (1, 2)]),
        after(&[(1, 1), (1, 2)]),
        after(&[(0, 2)]),
        after(&[(0, 1), (0, 2)]),
        after(&[(0, 1), (1, 1), (0, 2)]),
    ];
    told_apart(&gates, |gate, d| gate.digest(d, &|record, d| record.digest(d)));
}
