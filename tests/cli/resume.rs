//! Sweeps that are interrupted, killed, and go on.

use super::merge::timeless;
use super::*;
use std::time::{Duration, Instant};

/// A place with seeds that take a while, and sometimes fail.
fn slow() -> Place {
    let slow = CALM.replace(r#"{ "min": 20, "max": 60 }"#, r#"{ "min": 200, "max": 600 }"#);
    Place::new(&[("a.json", &slow.replace("\"count\": 0", "\"count\": 2")), ("b.json", &slow)])
}

const SWEEP: [&str; 6] = ["run", "--seeds", "24", "--protocol", "offset-early", "--no-shrink"];

/// What an unbroken sweep gives.
fn unbroken(place: &Place) -> String {
    timeless(&place.run(&[&SWEEP[..], &["--format", "json"]].concat()).stdout)
}

fn lines(place: &Place, dir: &str) -> usize {
    place.bytes(&format!("{dir}/journal.jsonl")).iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(unix)]
#[test]
fn a_sweep_that_is_killed_again_and_again_gives_what_an_unbroken_one_gives() {
    let place = slow();
    let whole = unbroken(&place);
    for (round, kills) in [[37, 61, 23], [90, 11, 45], [5, 140, 70]].into_iter().enumerate() {
        let dir = format!("out-{round}");
        let mut done = Vec::new();
        for (n, millis) in kills.into_iter().enumerate() {
            let again = ["run", "--resume", &dir];
            let words = if n == 0 { [&SWEEP[..], &["--out", &dir]].concat() } else { again.to_vec() };
            let mut child = place.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let journal = place.path(&dir).join("journal.jsonl");
            let header = || std::fs::read(&journal).is_ok_and(|bytes| bytes.contains(&b'\n'));
            while !header() && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(millis));
            let _ = child.kill(); // SIGKILL
            child.wait().unwrap();
            done.push(lines(&place, &dir));
        }
        let output = place.run(&["run", "--resume", &dir, "--format", "json"]);
        assert_eq!(timeless(&output.stdout), whole, "killed after {kills:?} ms, with {done:?} lines");
        assert_eq!(timeless(&place.bytes(&format!("{dir}/report.json"))), whole);
        assert_eq!(lines(&place, &dir), 49, "every seed is written once");
        assert!(done.is_sorted(), "{done:?}: what was done stays done");
    }
}

#[test]
fn a_journal_that_ends_anywhere_is_gone_on_with() {
    let place = slow();
    let few = ["run", "scenarios/a.json", "--seeds", "8", "--protocol", "offset-early", "--no-shrink"];
    let whole = timeless(&place.run(&[&few[..], &["--format", "json", "--out", "out"]].concat()).stdout);
    let journal = place.bytes("out/journal.jsonl");
    let header = journal.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let resume = || place.run(&["run", "--resume", "out", "--format", "json"]);
    for end in (header..=journal.len()).step_by(211) {
        std::fs::write(place.path("out/journal.jsonl"), &journal[..end]).unwrap();
        assert_eq!(timeless(&resume().stdout), whole, "cut at {end}");
        assert_eq!(place.bytes("out/journal.jsonl").len(), journal.len());
    }
    // In the middle nothing is torn: somebody has changed it.
    let mut damaged = journal.clone();
    damaged[header + 40] ^= 1;
    std::fs::write(place.path("out/journal.jsonl"), damaged).unwrap();
    let output = resume();
    assert!(output.status.code() == Some(2) && err(&output).contains("journal.jsonl:2:"), "{}", err(&output));
    std::fs::write(place.path("out/journal.jsonl"), &journal[..header / 2]).unwrap();
    assert_eq!(resume().status.code(), Some(2), "without its first line it is none");
}

#[test]
fn a_journal_of_something_else_is_refused_and_the_difference_named() {
    let place = slow();
    assert_eq!(place.code(&[&SWEEP[..4], &["protocol=", "--out", "out"]].concat()), 2);
    assert_eq!(place.code(&["run", "--seeds", "4", "--partition", "slice:1/2", "--out", "out"]), 0);
    let says = |words: &[&str], wanted: &str| {
        let output = place.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", out(&output));
        assert!(err(&output).contains(wanted), "{words:?}: {}", err(&output));
    };
    says(&["run", "--seeds", "4", "--out", "out"], "--resume out");
    says(&["run", "--resume", "out", "--seeds", "5"], "--seeds was `4`, and is `5`");
    says(&["run", "--resume", "out", "--protocol", "no-hold"], "--protocol was nothing, and is `no-hold`");
    says(&["run", "scenarios/b.json", "--resume", "out"], "the scenarios was `scenarios`");
    says(&["run", "--resume", "out", "--partition", "2/2"], "--partition was `slice:1/2`, and is `slice:2/2`");
    says(&["run", "--resume", "nowhere"], "nowhere");
    // What changes no result may be said anew.
    assert_eq!(place.code(&["run", "--resume", "out", "-j", "1", "--seeds", "4", "--partition", "1/2", "-q"]), 0);
    assert_eq!(place.code(&["run", "--seeds", "4", "--partition", "1/2", "--out", "out", "--resume", "out"]), 0);
    assert_eq!(place.code(&["run", "--seeds", "4", "--out", "new", "--resume", "new"]), 0, "or it begins");
    let text = CALM.replace("\"count\": 0", "\"count\": 1");
    std::fs::write(place.path("scenarios/b.json"), text).unwrap();
    says(&["run", "--resume", "out"], "scenarios/b.json has changed: its digest was ");
    std::fs::write(place.path("scenarios/c.json"), CALM).unwrap();
    std::fs::remove_file(place.path("scenarios/b.json")).unwrap();
    says(&["run", "--resume", "out"], "scenarios/b.json was part of it");
}

#[test]
fn what_failed_is_run_again() {
    let place = slow();
    let first = place.run(&SWEEP);
    assert_eq!(first.status.code(), Some(1));
    let id = out(&first).split("  run ").nth(1).unwrap()[..8].to_string();
    let report: Value = serde_json::from_slice(&place.bytes(&format!(".cutline/runs/{id}/report.json"))).unwrap();
    let failing = |report: &Value| -> Vec<(String, Value)> {
        let rows = report["scenarios"].as_array().unwrap().iter();
        rows.filter(|row| row["failing_seeds"] != 0)
            .map(|row| (row["name"].to_string(), row["failing_seeds"].clone()))
            .collect()
    };
    for name in ["latest", &id[..5]] {
        let again = place.run(&["run", "--rerun", name, "--format", "json", "--no-shrink"]);
        assert_eq!(again.status.code(), Some(1), "{}", err(&again));
        let again = document(&again);
        assert_eq!(failing(&again), failing(&report), "all that failed, and nothing else");
        assert_eq!(again["summary"]["seeds"], report["summary"]["failing_seeds"]);
    }
    assert_eq!(place.code(&["run", "--seeds", "3", "scenarios/b.json"]), 0);
    assert_eq!(place.code(&["run", "--rerun", "latest"]), 4, "nothing failed");
    assert_eq!(place.code(&["run", "--rerun", "latest", "--seeds", "3"]), 2);
    let output = place.run(&["run", "--rerun", "zz"]);
    assert!(output.status.code() == Some(2) && err(&output).contains("`zz`"), "{}", err(&output));
}

/// One long seed: a million records.
fn long() -> Place {
    let long = CALM.replace(r#"{ "min": 20, "max": 60 }"#, "1000000").replace(r#""seeds": 20"#, r#""seeds": 3"#);
    Place::new(&[("long.json", &long)])
}

#[cfg(unix)]
#[test]
fn a_signal_gives_up_what_is_being_run_and_leaves_reports_and_a_way_to_go_on() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = long();
        let words = ["run", "--progress", "none", "--report", "json=r.json", "--out", "out"];
        let child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let began = Instant::now();
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(output.status.code(), Some(code), "{}", err(&output));
        assert!(out(&output).contains("the rest:  cutline run --resume out"), "{}", out(&output));
        let report: Value = serde_json::from_slice(&place.bytes("r.json")).unwrap();
        assert_eq!((&report["summary"]["interrupted"], &report["summary"]["seeds"]), (&true.into(), &0.into()));
        assert_eq!(place.bytes("r.json"), place.bytes("out/report.json"));
    }
}

/// Reports go into a pipe that nobody reads: the first signal alone would never end it.
#[cfg(unix)]
#[test]
fn the_second_signal_of_any_kind_ends_it_at_once() {
    for (first, second, code) in [("INT", "INT", 130), ("TERM", "TERM", 143), ("INT", "TERM", 143)] {
        let place = long();
        assert!(Command::new("mkfifo").arg(place.path("pipe")).status().unwrap().success());
        let words = ["run", "--progress", "none", "--report", "json=pipe"];
        let mut child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(400));
        send(&child, first);
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(child.try_wait().unwrap(), None, "it waits for a reader");
        let began = Instant::now();
        send(&child, second);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{first} {second}");
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
}

/// A budget that is over gives up what is being run, soon after.
#[test]
fn a_seed_that_outlasts_the_budget_is_not_counted() {
    let place = long();
    let began = Instant::now();
    let output = place.run(&["run", "--for", "300ms", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let summary = &document(&output)["summary"];
    assert_eq!((&summary["seeds"], &summary["out_of_time"]), (&0.into(), &true.into()));
    assert_eq!(summary["resume"][0], "cutline run scenarios --seeds 0.. --for 300ms");
}
