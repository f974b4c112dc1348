//! The sink in PostgreSQL, with a server of the test's own.

use crate::cluster::Cluster;
use crate::same;
use crate::zombies::*;
use cutline::engine::message::{Reply, Request};
use cutline::runtime::sinks::{self, Sink};
use cutline::topology::SinkKind;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use std::path::Path;
use std::time::{Duration, Instant};

fn sink(cluster: &Cluster, folder: &Path, schema: &str) -> Result<Box<dyn Sink>, String> {
    sinks::open(&format!("{}#{schema}", cluster.address()), folder, SinkKind::TwoPhase)
}

#[test]
fn a_zombie_with_a_connection_commits_nothing() {
    let Some(mut cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    zombies_with_transactions(&*sink(&cluster, folder.path(), "zombies").unwrap());
    prepared_transactions_outlive_the_server(&mut cluster);
    a_connection_that_holds_the_lock_is_ended(&cluster);
    a_schema_belongs_to_one_job(&cluster);
}

fn prepared_transactions_outlive_the_server(cluster: &mut Cluster) {
    let folder = tempfile::tempdir().unwrap();
    let sink = sink(cluster, folder.path(), "durable").unwrap();
    let mut ledger = sink.ledger(TASK).unwrap();
    assert_eq!(ask(&mut ledger, 1, fence(1, &[])), Reply::Done);
    assert_eq!(ask(&mut ledger, 1, stage(txn(1, 0), 7)), Reply::Done);
    assert_eq!(ask(&mut ledger, 1, stage(txn(1, 1), 9)), Reply::Done);
    cluster.crash();
    assert_eq!(ask(&mut ledger, 1, Request::Commit(txn(1, 0))), Reply::Failed, "the connection is gone");
    assert_eq!(ask(&mut ledger, 1, Request::Commit(txn(1, 0))), Reply::Done);
    assert_eq!(ask(&mut ledger, 2, fence(2, &[txn(1, 0)])), Reply::Done);
    assert_eq!(ask(&mut ledger, 2, Request::Commit(txn(1, 1))), Reply::Expired, "it was rolled back");
    assert_eq!(count(&mut *sink.consumer().unwrap()), 7);
    let left = cluster.client().query_one("SELECT count(*) FROM pg_prepared_xacts", &[]).unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
    sink.remove().unwrap();
    assert!(sink.consumer().unwrap().look().is_err(), "it is removed");
}

/// A zombie that stands still between its look at the fence and its commit.
fn a_connection_that_holds_the_lock_is_ended(cluster: &Cluster) {
    let folder = tempfile::tempdir().unwrap();
    let sink = sink(cluster, folder.path(), "held").unwrap();
    let mut zombie = cluster.client();
    zombie.batch_execute(&format!("SELECT pg_advisory_lock(hashtext('held'), {})", TASK.0)).unwrap();
    let mut ledger = sink.ledger(TASK).unwrap();
    let begun = Instant::now();
    assert_eq!(ask(&mut ledger, 2, fence(2, &[])), Reply::Done);
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert!(zombie.batch_execute("SELECT 1").is_err(), "its connection is ended");
}

fn a_schema_belongs_to_one_job(cluster: &Cluster) {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sink(cluster, one.path(), "owned").unwrap();
    sink(cluster, one.path(), "owned").unwrap();
    let refused = sink(cluster, other.path(), "owned").map(drop).unwrap_err();
    assert!(refused.ends_with("schema owned: it holds the output of another job"), "{refused}");
    let refused = sink(cluster, other.path(), "Not; a name").map(drop).unwrap_err();
    assert!(refused.contains("no name for a schema"), "{refused}");
}

/// Transactions are what the simulated ledger makes of the same requests, also those that were written ahead.
#[test]
fn rows_of_two_phases() {
    let Some(cluster) = Cluster::start() else { return };
    let n = std::cell::Cell::new(0);
    let asks = proptest::collection::vec(same::ask(SinkKind::TwoPhase), 1..40);
    let compared = TestRunner::new(ProptestConfig::with_cases(10)).run(&asks, |asks| {
        let folder = tempfile::tempdir().unwrap();
        n.set(n.get() + 1);
        let sink = sink(&cluster, folder.path(), &format!("phases{}", n.get())).unwrap();
        same::compare(SinkKind::TwoPhase, &asks, &*sink, false);
        sink.remove().unwrap();
        Ok(())
    });
    compared.unwrap();
}

/// Of each key the newest record, written by whoever is in.
#[test]
fn rows_that_are_overwritten() {
    let Some(cluster) = Cluster::start() else { return };
    let n = std::cell::Cell::new(0);
    let open = |folder: &Path| {
        n.set(n.get() + 1);
        sinks::open(&format!("{}#upsert{}", cluster.address(), n.get()), folder, SinkKind::Upsert).unwrap()
    };
    let asks = proptest::collection::vec(same::ask(SinkKind::Upsert), 1..40);
    let compared = TestRunner::new(ProptestConfig::with_cases(10)).run(&asks, |asks| {
        let folder = tempfile::tempdir().unwrap();
        same::compare(SinkKind::Upsert, &asks, &*open(folder.path()), true);
        Ok(())
    });
    compared.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sink = open(folder.path());
    let (mut old, mut new) = (sink.ledger(TASK).unwrap(), sink.ledger(TASK).unwrap());
    assert_eq!(ask(&mut old, 1, Request::Flush), Reply::Failed, "nobody is in before his fence");
    assert_eq!(ask(&mut old, 1, fence(1, &[])), Reply::Done);
    (0..5000).for_each(|n| assert_eq!(ask(&mut old, 1, Request::Write(same::record(n))), Reply::Done));
    assert_eq!(ask(&mut old, 1, Request::Flush), Reply::Done);
    ask(&mut old, 1, Request::Write(same::record(9999)));
    assert_eq!(ask(&mut new, 2, fence(2, &[])), Reply::Done);
    assert_eq!(ask(&mut old, 1, Request::Flush), Reply::Fenced, "what waited is never written");
    assert_eq!(count(&mut *sink.consumer().unwrap()), 5000);
    sink.remove().unwrap();
}

#[test]
fn a_password_is_never_said() {
    let folder = tempfile::tempdir().unwrap();
    for address in [
        "postgres://me:hush@127.0.0.1:1/db",
        "postgres://me:hush@127.0.0.1:notaport/db",
        "postgres://me:hush@nowhere.invalid/db?connect_timeout=1",
        "postgres://me:hush@127.0.0.1/db?sslmode=hush",
    ] {
        let refused = sinks::open(address, folder.path(), SinkKind::TwoPhase).map(drop).unwrap_err();
        assert!(!refused.contains("hush"), "{refused}");
    }
    let refused = sinks::open("postgres://me@127.0.0.1/db", folder.path(), SinkKind::Print).map(drop).unwrap_err();
    assert!(refused.contains("two_phase"), "{refused}");
}
