//! `cutline exec`, killed with SIGKILL at random and at points of the protocol: nothing is lost, and nothing is there
//! twice, by a count that knows nothing of the engine. The full numbers are in reports/exec.md.

#[cfg(all(feature = "postgres", feature = "s3"))]
#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/killed.rs"]
mod killed;

#[path = "exec/savepoints.rs"]
mod savepoints;

use cutline::runtime::sinks;
use cutline::topology::SinkKind;
use killed::*;
use std::collections::BTreeMap;

#[test]
fn files_hold_every_word_once_after_kills() {
    let job = Job::new(12000, "two_phase", &[]);
    let kills = job.killed(12, 1);
    assert!(kills > 4, "the job was killed {kills} times only: it is too short");
    assert_eq!(job.wrong(&job.published()), None);
    // Once more: nothing is left to do, and nothing is done.
    let output = job.command().output().unwrap();
    good(&output);
    assert!(String::from_utf8_lossy(&output.stdout).contains("had ended before"));
    assert_eq!(job.wrong(&job.published()), None);
}

#[test]
fn an_embedded_database_as_the_store() {
    let job = Job::new(5000, "two_phase", &["--store", "embedded"]);
    assert!(job.killed(6, 2) > 1);
    assert_eq!(job.wrong(&job.published()), None);
}

#[cfg(feature = "s3")]
#[test]
fn an_object_store_in_a_folder_as_the_store() {
    let job = Job::new(5000, "two_phase", &["--store", "objects"]);
    assert!(job.killed(6, 3) > 1);
    assert_eq!(job.wrong(&job.published()), None);
}

/// Each subtask counts some 750 words, of which it may hold 40 in memory: the state is on disk, and a process that was
/// killed begins with an empty disk and the snapshot.
#[test]
fn state_that_is_larger_than_memory() {
    let job = Job::new(4000, "two_phase", &["--state", "disk", "--state-keys", "40"]);
    // The last of these may come too late.
    let kills = ["stored", "published", "committed", "published"].map(|point| job.life(Kill::At(point, 1)).is_none());
    assert!(kills[..2] == [true, true], "{kills:?}");
    job.killed(0, 11);
    assert_eq!(job.wrong(&job.published()), None);
    assert!(job.dir().join("state/partitions").exists());
    let mut traced = Job::new(300, "two_phase", &["--state", "disk", "--state-keys", "40"]);
    let trace = traced.folder.path().join("trace.jsonl");
    traced.args.extend(["--trace".to_string(), trace.display().to_string()]);
    traced.killed(3, 12);
    assert_eq!(traced.wrong(&traced.published()), None);
    let verified = traced.verify(&trace);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn a_sink_that_overwrites_ends_with_the_right_counts() {
    // Such a sink waits for no checkpoint: the job must be long enough to come to some.
    let job = Job::new(20_000, "upsert", &[]);
    assert!(job.killed(6, 4) > 1);
    let sink = sinks::open("files", &job.dir().join("sinks/out"), SinkKind::Upsert).unwrap();
    let batches = sink.consumer().unwrap().look().unwrap();
    let newest: BTreeMap<String, String> = batches
        .iter()
        .flat_map(|batch| &batch.records)
        .map(|record| (format!("{:?}", record.key), format!("{:?}", record.value)))
        .collect();
    let expected = job.words.iter().map(|(word, total)| (format!("Text({word:?})"), format!("Int({total})"))).collect();
    assert_eq!(newest, expected);
}

/// The trace goes on over the kills, and the verifiers find nothing in it.
#[test]
fn the_trace_of_a_killed_job_is_judged() {
    let mut job = Job::new(1000, "two_phase", &[]);
    let trace = job.folder.path().join("trace.jsonl");
    job.args.extend(["--trace".to_string(), trace.display().to_string()]);
    assert!(job.killed(5, 5) > 1);
    assert_eq!(job.wrong(&job.published()), None);
    let verified = job.verify(&trace);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let text = std::fs::read_to_string(&trace).unwrap();
    assert!(text.contains(r#""k":"crash""#) && text.contains(r#""k":"quiesce""#), "deaths and the end are told");
}

/// SIGTERM: a savepoint, what is committed is committed, and the same command goes on from there.
#[test]
fn a_job_that_is_stopped_goes_on_from_its_savepoint() {
    const LINES: u64 = 2_000;
    // However fast the machine is, it takes seconds to read all that.
    let job = Job::new(LINES, "two_phase", &["--format", "json", "--rate", "1000"]);
    let stopped = job.stopped("-TERM");
    good(&stopped);
    let summary: serde_json::Value = serde_json::from_slice(&stopped.stdout).unwrap();
    assert_eq!((&summary["end"], &summary["signal"]), (&"stopped".into(), &"SIGTERM".into()));
    let read = summary["records"]["read"].as_u64().unwrap();
    assert!(read < 2 * LINES, "{read}: it was to be stopped in the middle");
    let output: u64 = job.published().values().flat_map(|counts| counts.values()).sum();
    assert_eq!(output, read * 6, "all that was read is visible");
    let ended = job.command().output().unwrap();
    good(&ended);
    let summary: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(summary["records"]["read"].as_u64(), Some(2 * LINES - read), "nothing is read again");
    assert_eq!(job.wrong(&job.published()), None);
}

/// A thread of a counting subtask panics; in another job one of the sink hangs, is declared dead, and comes back with its
/// open files or its connection.
fn fail(sink: &[&str], mut published: impl FnMut(&Job) -> Counts) {
    // Who prints a backtrace, or waits for a busy machine, is silent for a while as well: that mustn't count.
    let cases =
        [("panic:4:3000", "60000", "lost: count/0 a1 panicked"), ("hang:6:500", "1000", "lost: out/0 a1 was silent")];
    for (failure, silence, told) in cases {
        let mut job = Job::new(6000, "two_phase", sink);
        job.args.extend(["--fail", failure, "--silence-ms", silence].map(str::to_string));
        let ended = job.command().output().unwrap();
        good(&ended);
        let said = String::from_utf8_lossy(&ended.stderr).to_string();
        assert!(said.contains(told), "{said}");
        assert_eq!(job.wrong(&published(&job)), None);
    }
}

#[test]
fn a_thread_that_panics_and_a_zombie_do_no_harm() {
    fail(&[], Job::published);
}

/// What the count is worth: with a planted defect it is wrong.
#[test]
fn a_commit_before_the_checkpoint_is_complete_is_seen() {
    let job = Job::new(5000, "two_phase", &["--protocol", "commit-on-prepare", "--interval-ms", "30"]);
    for _ in 0..5 {
        assert!(job.life(Kill::At("staged", 2)).is_none(), "it was to be killed");
    }
    job.killed(0, 6);
    let wrong = job.wrong(&job.published()).expect("records are there twice");
    assert!(wrong.contains("but counted"), "{wrong}");
}

/// What the verdict on the trace is worth.
#[test]
fn a_lost_record_is_seen_in_the_trace() {
    let mut job = Job::new(300, "two_phase", &["--protocol", "drops-one"]);
    let trace = job.folder.path().join("trace.jsonl");
    job.args.extend(["--trace".to_string(), trace.display().to_string()]);
    job.killed(1, 9);
    assert!(job.wrong(&job.published()).is_some());
    let verified = job.verify(&trace);
    let said = String::from_utf8_lossy(&verified.stdout).to_string();
    assert!(verified.status.code() == Some(1) && said.contains("I9"), "{said}");
}

#[cfg(all(feature = "postgres", feature = "s3"))]
#[test]
fn a_database_holds_every_word_once_after_kills() {
    let Some(cluster) = cluster::Cluster::start() else { return };
    let job = Job::new(4000, "two_phase", &["--sink", &format!("{}#words", cluster.address())]);
    assert!(job.killed(8, 7) > 2);
    let mut client = cluster.client();
    assert_eq!(job.wrong(&rows(&mut client, "words")), None);
    let left: i64 = client.query_one("SELECT count(*) FROM pg_prepared_xacts", &[]).unwrap().get(0);
    assert_eq!(left, 0, "no transaction is left prepared");
    let readable: i64 = client.query_one("SELECT count(*) FROM words.readable", &[]).unwrap().get(0);
    assert_eq!(readable as u64, job.words.values().sum::<u64>());
    fail(&["--sink", &cluster.address()], |_| {
        let schema = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'cutline%' ORDER BY oid DESC LIMIT 1";
        let schema: String = client.query_one(schema, &[]).unwrap().get(0);
        rows(&mut client, &schema)
    });
}

#[cfg(all(feature = "postgres", feature = "s3"))]
fn rows(client: &mut postgres::Client, schema: &str) -> Counts {
    let mut counts = Counts::new();
    for row in client.query(&format!("SELECT record FROM {schema}.output"), &[]).unwrap() {
        add(&mut counts, row.get(0));
    }
    counts
}

#[cfg(all(feature = "postgres", feature = "s3"))]
#[test]
fn an_object_store_with_conditional_puts_as_the_store() {
    let Some(moto) = cluster::Moto::start("bucket") else { return };
    let mut job = Job::new(2000, "two_phase", &["--store", "s3://bucket/some/job", "--interval-ms", "100"]);
    job.environment = moto.environment().into();
    assert!(job.killed(5, 8) > 1);
    assert_eq!(job.wrong(&job.published()), None);
}

/// Encrypted connections, to whoever proves that he is who he should be, and to nobody else.
#[cfg(all(feature = "postgres", feature = "s3"))]
#[test]
fn a_database_and_an_object_store_behind_certificates() {
    let Some(cluster) = cluster::Cluster::encrypted() else { return };
    let Some(moto) = cluster::Moto::encrypted("bucket") else { return };
    let refused = |job: &Job, words: &str| {
        let output = job.command().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(output.status.code() == Some(2) && said.contains(words), "{said}");
    };
    let job = |sink: &str, environment: &[(&'static str, String)]| {
        let mut job =
            Job::new(1000, "two_phase", &["--sink", sink, "--store", "s3://bucket/job", "--interval-ms", "100"]);
        job.environment = [&moto.environment()[..], environment].concat();
        job
    };
    let (database, store) = (cluster.authority().display().to_string(), moto.authority().display().to_string());
    let require = format!("{}?sslmode=require#words", cluster.outside());
    let trust = [("PGSSLROOTCERT", database.clone()), ("SSL_CERT_FILE", store.clone())];
    let trusting = job(&require, &trust);
    assert!(trusting.killed(3, 10) > 0);
    assert_eq!(trusting.wrong(&rows(&mut cluster.client(), "words")), None);
    let wrong = [("PGSSLROOTCERT", store.clone()), ("SSL_CERT_FILE", store.clone())];
    refused(&job(&require, &wrong), "invalid peer certificate");
    refused(&job(&require, &[trust[0].clone(), ("SSL_CERT_FILE", database)]), "s3://bucket/job");
    refused(&job(&format!("{}#other", cluster.outside()), &trust), "no encryption");
    let address = require.replace("localhost", "127.0.0.1");
    refused(&job(&address, &trust), "invalid peer certificate: certificate not valid for name");
}
