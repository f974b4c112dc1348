//! Writers that were taken for dead, with their real files and handles.

use crate::same::record;
use cutline::engine::message::{Reply, Request, Txn};
use cutline::ids::*;
use cutline::runtime::outside::{Consumer, Ledger};
use cutline::runtime::sinks::{self, Sink};
use cutline::topology::SinkKind;
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub const TASK: TaskId = TaskId(4);

pub fn by(attempt: u32) -> Incarnation {
    Incarnation { task: TASK, attempt: Attempt(attempt) }
}

pub fn txn(attempt: u32, number: u64) -> Txn {
    Txn { attempt: Attempt(attempt), task: TASK, number }
}

pub fn fence(attempt: u32, keep: &[Txn]) -> Request {
    Request::Fence { attempt: Attempt(attempt), keep: keep.into() }
}

pub fn stage(txn: Txn, records: u64) -> Request {
    Request::Stage(txn, Arc::new((0..records).map(record).collect()))
}

pub fn ask(ledger: &mut Box<dyn Ledger>, attempt: u32, request: Request) -> Reply {
    let served = ledger.serve(by(attempt), &request);
    if served.reply == Reply::Failed {
        assert!(served.trouble.is_some(), "trouble has a reason");
    }
    served.reply
}

pub fn count(consumer: &mut dyn Consumer) -> usize {
    consumer.look().unwrap().iter().map(|batch| batch.records.len()).sum()
}

fn sink(folder: &Path, kind: SinkKind) -> Box<dyn Sink> {
    sinks::open("files", folder, kind).unwrap()
}

/// What every sink with two phases must hold, whatever its place: see also the one in PostgreSQL.
pub fn zombies_with_transactions(sink: &dyn Sink) {
    let (mut old, mut new) = (sink.ledger(TASK).unwrap(), sink.ledger(TASK).unwrap());
    let mut consumer = sink.consumer().unwrap();
    assert_eq!(ask(&mut old, 1, stage(txn(1, 0), 1)), Reply::Failed, "nobody is in before his fence");
    assert_eq!(ask(&mut old, 1, fence(1, &[])), Reply::Done);
    for number in 0..3 {
        assert_eq!(ask(&mut old, 1, Request::Begin(txn(1, number))), Reply::Done);
        old.ahead(by(1), &txn(1, number), 0, &[record(0), record(1), record(2)]);
        old.ahead(by(1), &txn(1, number), 3, &[record(3)]);
        assert_eq!(ask(&mut old, 1, stage(txn(1, number), 10)), Reply::Done);
    }
    old.ahead(by(1), &txn(1, 3), 0, &[record(0), record(1)]);
    assert_eq!(ask(&mut old, 1, Request::Commit(txn(1, 0))), Reply::Done);
    assert_eq!(ask(&mut old, 1, Request::Commit(txn(1, 0))), Reply::Done, "once more");
    assert_eq!(count(&mut *consumer), 10);
    // The checkpoint that is restored contains transaction 1, and not 2.
    assert_eq!(ask(&mut new, 2, fence(2, &[txn(1, 0), txn(1, 1)])), Reply::Done);
    for request in [Request::Commit(txn(1, 1)), Request::Commit(txn(1, 2)), stage(txn(1, 3), 5), fence(1, &[])] {
        assert_eq!(ask(&mut old, 1, request.clone()), Reply::Fenced, "{request:?}");
    }
    assert_eq!(count(&mut *consumer), 0);
    assert_eq!(ask(&mut new, 2, Request::Commit(txn(1, 1))), Reply::Done);
    assert_eq!(ask(&mut new, 2, Request::Commit(txn(1, 0))), Reply::Done, "it was committed before");
    assert_eq!(ask(&mut new, 2, Request::Commit(txn(1, 2))), Reply::Expired, "it was aborted");
    assert_eq!(count(&mut *consumer), 10);
    assert_eq!(ask(&mut new, 2, stage(txn(2, 3), 4)), Reply::Done);
    assert_eq!(ask(&mut new, 2, Request::Commit(txn(2, 3))), Reply::Done);
    assert_eq!(count(&mut *consumer), 4);
    // What was written ahead, and isn't what the transaction holds in the end, is written again.
    new.ahead(by(2), &txn(2, 9), 0, &[record(70), record(71)]);
    assert_eq!(ask(&mut new, 2, stage(txn(2, 9), 3)), Reply::Done);
    assert_eq!(ask(&mut new, 2, Request::Commit(txn(2, 9))), Reply::Done);
    let shown = consumer.look().unwrap().into_iter().flat_map(|batch| batch.records);
    assert!(shown.eq((0..3).map(record)));
    assert_eq!(count(&mut *sink.consumer().unwrap()), 27, "whoever comes later sees all of it");
}

#[test]
fn a_zombie_publishes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    zombies_with_transactions(&*sink(folder.path(), SinkKind::TwoPhase));
}

/// Two attempts do everything at a time; whatever a zombie committed, he committed before he was fenced off.
#[test]
fn a_fence_in_the_middle_of_anything_holds() {
    for round in 0..20u32 {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(folder.path(), SinkKind::TwoPhase);
        let (mut old, mut new) = (sink.ledger(TASK).unwrap(), sink.ledger(TASK).unwrap());
        ask(&mut old, 1, fence(1, &[]));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0..40 {
                    ask(&mut old, 1, Request::Begin(txn(1, number)));
                    old.ahead(by(1), &txn(1, number), 0, &[record(0), record(1)]);
                    let staged = ask(&mut old, 1, stage(txn(1, number), 3));
                    let committed = ask(&mut old, 1, Request::Commit(txn(1, number)));
                    assert!(staged == Reply::Done || committed == Reply::Fenced, "{staged:?}, {committed:?}");
                }
            });
            std::thread::sleep(std::time::Duration::from_micros(u64::from(round) * 700));
            assert_eq!(ask(&mut new, 2, fence(2, &[])), Reply::Done);
            let seen = count(&mut *sink.consumer().unwrap());
            std::thread::sleep(std::time::Duration::from_millis(5));
            assert_eq!(count(&mut *sink.consumer().unwrap()), seen, "nothing of his becomes visible any more");
        });
        let left: Vec<_> = fs::read_dir(folder.path().join("staging/p4/a2")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn of_many_that_fence_at_a_time_the_newest_is_in() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let sink: Arc<dyn Sink> = sink(folder.path(), SinkKind::TwoPhase).into();
        std::thread::scope(|scope| {
            for attempt in 1..6 {
                let sink = sink.clone();
                scope.spawn(move || {
                    let mut ledger = sink.ledger(TASK).unwrap();
                    let fenced = ask(&mut ledger, attempt, fence(attempt, &[]));
                    assert!(fenced == Reply::Done || fenced == Reply::Fenced && attempt < 5, "{attempt}: {fenced:?}");
                });
            }
        });
        let inside = fs::read_dir(folder.path().join("staging/p4")).unwrap();
        let names: Vec<_> = inside.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(names, ["a5"]);
    }
}

/// A zombie with an open file goes on writing to it; nobody reads that.
#[test]
fn what_a_zombie_appends_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let sink = sink(folder.path(), SinkKind::Upsert);
    let (mut old, mut new) = (sink.ledger(TASK).unwrap(), sink.ledger(TASK).unwrap());
    let mut consumer = sink.consumer().unwrap();
    ask(&mut old, 1, fence(1, &[]));
    ask(&mut old, 1, Request::Write(record(1)));
    assert_eq!(ask(&mut old, 1, Request::Flush), Reply::Done);
    assert_eq!(count(&mut *consumer), 1);
    ask(&mut new, 2, fence(2, &[]));
    (0..2000).for_each(|n| drop(ask(&mut old, 1, Request::Write(record(n)))));
    assert_eq!(ask(&mut old, 1, Request::Flush), Reply::Fenced);
    let written = fs::metadata(folder.path().join("output/p4/a2/a1.jsonl")).unwrap().len();
    assert!(written > 100_000, "{written}: he did write");
    ask(&mut new, 2, Request::Write(record(5)));
    assert_eq!(ask(&mut new, 2, Request::Flush), Reply::Done);
    assert_eq!(count(&mut *consumer), 1);
    assert_eq!(count(&mut *sink.consumer().unwrap()), 2);
}

/// A process that was killed in the middle of a line leaves half of it.
#[test]
fn half_a_line_is_not_read() {
    for kind in [SinkKind::Upsert, SinkKind::Print] {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(folder.path(), kind);
        let mut old = sink.ledger(TASK).unwrap();
        ask(&mut old, 1, fence(1, &[]));
        ask(&mut old, 1, Request::Write(record(1)));
        ask(&mut old, 1, Request::Flush);
        drop(old);
        let path =
            folder.path().join(if kind == SinkKind::Print { "output/p4-a1.jsonl" } else { "output/p4/a1/a1.jsonl" });
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"id\":\"s0:");
        fs::write(&path, bytes).unwrap();
        let mut consumer = sink.consumer().unwrap();
        assert_eq!(count(&mut *consumer), 1);
        let mut new = sink.ledger(TASK).unwrap();
        assert_eq!(ask(&mut new, 2, fence(2, &[])), Reply::Done);
        ask(&mut new, 2, Request::Write(record(2)));
        ask(&mut new, 2, Request::Flush);
        assert_eq!(count(&mut *consumer), 1);
        assert_eq!(count(&mut *sink.consumer().unwrap()), 2);
    }
}

#[test]
fn damaged_output_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let sink = sink(folder.path(), SinkKind::TwoPhase);
    let mut ledger = sink.ledger(TASK).unwrap();
    ask(&mut ledger, 1, fence(1, &[]));
    ask(&mut ledger, 1, stage(txn(1, 0), 3));
    ask(&mut ledger, 1, Request::Commit(txn(1, 0)));
    let path = folder.path().join("output/a1-p4-n0-by1.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let first = r#"{"id":"s1:0","key":"key 0","value":{"int":"-9223372036854775808"}}"#;
    assert_eq!(text.lines().next(), Some(first), "people can read it");
    let told = |text: &str| {
        fs::write(&path, text).unwrap();
        sink.consumer().unwrap().look().unwrap_err()
    };
    assert!(told(&text[..text.len() - 1]).contains("by1.jsonl is torn"));
    assert!(told(&text.replacen("key 1", "key \u{1}", 1)).contains("by1.jsonl:2:"));
    fs::write(&path, &text).unwrap();
    fs::write(folder.path().join("output/mine.jsonl"), "").unwrap();
    let told = sink.consumer().unwrap().look().unwrap_err();
    assert!(told.ends_with("mine.jsonl is none of this sink's files"), "{told}");
}

#[test]
fn a_wrong_place_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = sinks::open("file", folder.path(), SinkKind::Print).map(|_| ()).unwrap_err();
    assert!(told.contains("there is no sink `file`, did you mean `files`?"), "{told}");
}
