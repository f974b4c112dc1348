//! The same scenario, seed and version: the same trace, however it is run.

mod support;

use cutline::sim::run::{Fork, Keep, meta};
use cutline::trace::digest::TraceDigest;
use cutline::verify::Verifier;
use std::process::Command;
use support::Job;

const SCENARIOS: &[&str] = &["diamond", "unaligned", "choices", "store_trouble", "zombie", "aligned_then_unaligned"];

/// Digests that every build, profile and machine must give. A change of them is a change of what seeds mean: raise
/// `dice::STREAM_VERSION` and say so in CHANGELOG.md.
#[test]
fn digests_are_pinned() {
    let mut digests = String::new();
    for scenario in SCENARIOS {
        let job = Job::of(scenario, "engine");
        for seed in [0, 1, 0xf00d] {
            let run = job.run(seed).run;
            digests += &format!("{scenario} {seed:#x} {:016x} {} events\n", run.digest, run.events);
        }
    }
    insta::assert_snapshot!(digests);
}

#[test]
fn the_first_and_the_thousandth_run_of_a_process_are_the_same() {
    let job = Job::of("diamond", "engine");
    let first = job.run(7).run;
    for seed in 0..1_000 {
        job.run(seed);
    }
    let last = job.run(7).run;
    assert_eq!((first.digest, first.processes, first.events), (last.digest, last.processes, last.events));
}

#[test]
fn threads_change_nothing() {
    let digests = |_| -> Vec<u64> {
        let job = Job::of("zombie", "engine");
        (0..100).map(|seed| job.run(seed).run.digest).collect()
    };
    let alone = digests(());
    let together: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| digests(()))).collect();
        threads.into_iter().map(|thread| thread.join().expect("the thread ends well")).collect()
    });
    assert!(together.iter().all(|digests| *digests == alone));
}

#[test]
fn keeping_the_trace_or_the_schedule_changes_nothing() {
    for scenario in SCENARIOS {
        let job = Job::of(scenario, "engine");
        for seed in 0..20 {
            let plain = job.run(seed).run;
            let kept = job.run_keeping(seed, Keep { trace: true, schedule: true, ..Keep::default() }).run;
            let unjudged = job.run_keeping(seed, Keep { unjudged: true, ..Keep::default() }).run;
            assert_eq!(plain.digest, kept.digest, "{scenario} {seed}: the fast path does what the slow one does");
            assert_eq!(plain.digest, unjudged.digest, "{scenario} {seed}: verifiers only look");
            assert_eq!(kept.trace.map(|trace| trace.len() as u64), Some(plain.events));
        }
    }
}

/// Up to the fork all is as it was, behind it mostly not; the same fork leads to the same future, and one that never comes
/// changes nothing.
#[test]
fn a_fork_of_a_run_has_its_past_and_another_future() {
    let mut other = 0;
    for scenario in SCENARIOS {
        let job = Job::of(scenario, "engine");
        for seed in 0..5 {
            let plain = job.run(seed).run;
            let forked = |fork| job.run_keeping(seed, Keep { trace: true, fork: Some(fork), ..Keep::default() }).run;
            let never = forked(Fork { at: u64::MAX, seed: 1 });
            assert_eq!(never.digest, plain.digest, "{scenario} {seed}");
            let past = never.trace.expect("it is kept");
            for at in [0, plain.events / 3, plain.events / 2] {
                let (one, again) = (forked(Fork { at, seed: 1 }), forked(Fork { at, seed: 1 }));
                assert_eq!(one.digest, again.digest, "{scenario} {seed} at {at}");
                let future = one.trace.expect("it is kept");
                assert!(past[..at as usize] == future[..at as usize], "{scenario} {seed} at {at}: another past");
                other += u32::from(one.digest != plain.digest);
            }
        }
    }
    assert!(other > 60, "{other} of 90 futures are others");
}

/// A driver is told of records without an event, and digests and judges them as they are told. The same events, one by
/// one, must give the same digest and the same verdicts, in jobs with a violation too.
#[test]
fn records_mean_what_their_events_mean() {
    let defects = [("diamond", "no-hold"), ("diamond", "barrier-late"), ("print_sink_claims_more", "engine")];
    for (scenario, protocol) in SCENARIOS.iter().map(|scenario| (*scenario, "engine")).chain(defects) {
        let job = Job::of(scenario, protocol);
        for seed in 0..10 {
            let (setup, plan) = job.plan(seed);
            let run = cutline::sim::run::run(&setup, &plan, seed, Keep { trace: true, ..Keep::default() });
            let mut digest = TraceDigest::new(setup.topology.processes());
            let mut verifier = Verifier::new(&meta(&setup, Some(seed)));
            for event in run.trace.iter().flatten() {
                digest.add(event);
                verifier.observe(event);
            }
            assert_eq!((digest.overall(), digest.events()), (run.digest, run.events), "{scenario} {seed}");
            let (again, report) = (verifier.finish(), run.report.expect("the run was judged"));
            assert_eq!((again.verdicts, again.events), (report.verdicts, report.events), "{scenario} {seed}");
        }
    }
}

/// The digest of every event, over every byte of the trace file: two processes write the same bytes.
#[test]
fn two_processes_write_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes: Vec<Vec<u8>> = ["a", "b"]
        .iter()
        .map(|name| {
            let trace = folder.path().join(name);
            let status = Command::new(env!("CARGO_BIN_EXE_cutline"))
                .args(["replay", "scenarios/zombie.json", "--seed", "0x2a", "--trace"])
                .arg(&trace)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output()
                .expect("the binary runs");
            assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
            std::fs::read(trace).expect("a trace was written")
        })
        .collect();
    assert!(bytes[0].len() > 10_000);
    assert!(bytes[0] == bytes[1], "the traces differ");
}
