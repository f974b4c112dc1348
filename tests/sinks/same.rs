//! A sink of files does what the simulated ledger does: the same replies and lines, and the same becomes visible.

use cutline::engine::message::{Datum, Record, Request, Txn};
use cutline::ids::*;
use cutline::runtime::outside::{self, Consumer};
use cutline::runtime::sinks::{self, Sink};
use cutline::topology::SinkKind;
use cutline::trace::event::Kind;
use cutline::world::ledger::Ledger;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const TASKS: u32 = 2;

pub fn record(n: u64) -> Record {
    let id = RecordId { partition: PartitionId(1), part: n as u32 % 2, offset: Offset(n) };
    let value = match n % 3 {
        0 => Datum::Int(i64::MIN),
        1 => Datum::Text("a \"line\"\nand another \u{1f980}".into()),
        _ => Datum::Pair(Arc::new((Datum::Bytes(vec![0, 200].into()), Datum::Int(-1)))),
    };
    Record { id, key: Datum::Text(format!("key {n}").into()), value }
}

/// (task, attempt, what). The task and attempt of a new transaction are the asker's.
pub type Ask = (u32, u32, What);

#[derive(Clone, Debug)]
pub enum What {
    Begin(u64),
    Stage(u64, u64),
    /// Of a transaction: from, how many, and whether they are other records than those that will be staged.
    Ahead(u64, u64, u64, bool),
    Commit(u32, u64),
    Fence(Vec<(u32, u64)>),
    Write(u64),
    Flush,
}

pub fn ask(kind: SinkKind) -> BoxedStrategy<Ask> {
    let numbers = || 0..3u64;
    let fence = (1..5u32, proptest::collection::vec((1..5u32, numbers()), 0..3));
    let transactional = prop_oneof![
        2 => numbers().prop_map(What::Begin),
        4 => (numbers(), 0..4u64).prop_map(|(number, records)| What::Stage(number, records)),
        5 => (numbers(), 0..3u64, 0..4u64, 0..8u32).prop_map(|(number, from, count, other)| {
            What::Ahead(number, from, count, other == 0)
        }),
        4 => (1..5u32, numbers()).prop_map(|(attempt, number)| What::Commit(attempt, number)),
        2 => fence.clone().prop_map(|(_, keep)| What::Fence(keep)),
    ];
    let direct = prop_oneof![
        6 => (0..9u64).prop_map(What::Write),
        3 => Just(What::Flush),
        1 => fence.prop_map(|_| What::Fence(Vec::new())),
    ];
    let what = if kind == SinkKind::TwoPhase { transactional.boxed() } else { direct.boxed() };
    (0..TASKS, 1..5u32, what).boxed()
}

fn request(task: u32, attempt: u32, what: &What) -> Request {
    let txn = |attempt, number| Txn { attempt: Attempt(attempt), task: TaskId(task), number };
    match what {
        What::Begin(number) => Request::Begin(txn(attempt, *number)),
        What::Stage(number, count) => {
            Request::Stage(txn(attempt, *number), Arc::new((0..*count).map(record).collect()))
        }
        What::Commit(of, number) => Request::Commit(txn(*of, *number)),
        What::Fence(keep) => {
            let keep = keep.iter().map(|(attempt, number)| txn(*attempt, *number)).collect();
            Request::Fence { attempt: Attempt(attempt), keep }
        }
        What::Write(n) => Request::Write(record(*n)),
        What::Flush => Request::Flush,
        What::Ahead(..) => unreachable!("it is no request"),
    }
}

type Seen = (Incarnation, Option<Txn>, Record);

/// What became visible, in an order that doesn't depend on who looked when.
fn seen(consumer: &mut dyn Consumer) -> Vec<Seen> {
    let batches = consumer.look().unwrap();
    batches.into_iter().flat_map(|b| b.records.into_iter().map(move |r| (b.from, b.txn, r))).collect()
}

/// Records of a transaction that is open. Nothing is written into one that is closed.
fn ahead(ledger: &mut dyn outside::Ledger, who: Incarnation, what: &What, staged: &BTreeSet<Txn>) {
    let What::Ahead(number, from, count, other) = what else { return };
    let txn = Txn { attempt: who.attempt, task: who.task, number: *number };
    if !staged.contains(&txn) {
        let records: Vec<Record> = (*from..from + count).map(|n| record(n + 7 * u64::from(*other))).collect();
        ledger.ahead(who, &txn, *from as usize, &records);
    }
}

/// Runs the requests on both. An asker who hasn't fenced yet does so first, as the engine does. `newest`: of each key only
/// the newest record can be seen.
pub fn compare(kind: SinkKind, asks: &[Ask], sink: &dyn Sink, newest: bool) {
    let mut world = Ledger::new(kind, false);
    let mut ledgers: Vec<_> = (0..TASKS * 5).map(|i| sink.ledger(TaskId(i / 5)).unwrap()).collect();
    let mut consumer = sink.consumer().unwrap();
    let mut fenced = [0; TASKS as usize];
    let mut staged = BTreeSet::new();
    let mut expected = Vec::new();
    let mut found = Vec::new();
    for (n, (task, attempt, what)) in asks.iter().enumerate() {
        let asker = Incarnation { task: TaskId(*task), attempt: Attempt(*attempt) };
        if matches!(what, What::Ahead(..)) {
            ahead(&mut *ledgers[(task * 5 + attempt) as usize], asker, what, &staged);
            continue;
        }
        let mut requests = vec![request(*task, *attempt, what)];
        if let Request::Stage(txn, _) = requests[0] {
            staged.insert(txn);
        }
        if fenced[*task as usize] < *attempt && !matches!(what, What::Fence(_)) {
            requests.insert(0, request(*task, *attempt, &What::Fence(Vec::new())));
        }
        if matches!(what, What::Write(_)) && kind == SinkKind::Upsert {
            requests.push(Request::Flush); // what wasn't flushed may be lost, and is then written again
        }
        fenced[*task as usize] = fenced[*task as usize].max(*attempt);
        for request in requests {
            let (mut lines, mut showing) = (Vec::new(), None);
            let reply = world.apply(asker, &request, false, &mut lines, &mut showing);
            let served = ledgers[(task * 5 + attempt) as usize].serve(asker, &request);
            if let Some(showing) = showing {
                let first = showing.first;
                expected.extend(showing.records.iter().map(|record| (first.from, first.txn, record.clone())));
            }
            lines.retain(|line| match line {
                Kind::Visible { from, record, txn, .. } => {
                    expected.push((*from, *txn, record.clone()));
                    false
                }
                _ => true,
            });
            assert_eq!(
                (&served.reply, &served.lines),
                (&reply, &lines),
                "request {n}, {request:?}: {:?}",
                served.trouble
            );
        }
        if n % 3 == 0 {
            found.extend(seen(&mut *consumer));
        }
    }
    drop(ledgers); // hands over what waits
    found.extend(seen(&mut *consumer));
    let mut again = seen(&mut *sink.consumer().unwrap());
    if newest {
        let last = |shown: Vec<Seen>| -> BTreeMap<Datum, Seen> {
            shown.into_iter().map(|one| (one.2.key.clone(), one)).collect()
        };
        let (expected, rows) = (last(expected), again.len());
        assert_eq!((last(again), rows), (expected.clone(), expected.len()));
        assert_eq!(last(found), expected);
        return;
    }
    [&mut expected, &mut found, &mut again].into_iter().for_each(|list| list.sort());
    assert_eq!(found, expected);
    assert_eq!(again, expected, "whoever comes later sees the same");
}

fn over_files(kind: SinkKind, asks: &[Ask]) {
    let folder = tempfile::tempdir().unwrap();
    compare(kind, asks, &*sinks::open("files", folder.path(), kind).unwrap(), false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn files_of_two_phases(asks in proptest::collection::vec(ask(SinkKind::TwoPhase), 1..50)) {
        over_files(SinkKind::TwoPhase, &asks);
    }

    #[test]
    fn files_that_are_overwritten(asks in proptest::collection::vec(ask(SinkKind::Upsert), 1..50)) {
        over_files(SinkKind::Upsert, &asks);
    }

    #[test]
    fn files_that_are_printed(asks in proptest::collection::vec(ask(SinkKind::Print), 1..50)) {
        over_files(SinkKind::Print, &asks);
    }
}
