//! The command line as scripts see it: exit codes, bytes on stdout, files, signals.

#[path = "cli/config.rs"]
mod config;
#[path = "cli/known.rs"]
mod known;
#[path = "cli/likelihood.rs"]
mod likelihood;
#[path = "cli/limits.rs"]
mod limits;
#[path = "cli/merge.rs"]
mod merge;
#[path = "cli/pages.rs"]
mod pages;
#[path = "cli/recipes.rs"]
mod recipes;
#[path = "cli/reference.rs"]
mod reference;
#[path = "cli/replays.rs"]
mod replays;
#[path = "cli/reports.rs"]
mod reports;
#[path = "cli/resume.rs"]
mod resume;
#[path = "cli/snapshots.rs"]
mod snapshots;
#[path = "cli/tune.rs"]
mod tune;
#[path = "cli/tutorial.rs"]
mod tutorial;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A job that nothing happens to.
const CALM: &str = r#"{
  "format": "cutline-scenario/1",
  "guarantee": "exactly-once",
  "job": {
    "vertices": [
      { "id": "src", "source": { "kind": "log", "data": { "records": { "min": 20, "max": 60 } } }, "parallelism": 2 },
      { "id": "count", "operators": ["keyed_count"], "parallelism": 2, "inputs": [{ "from": "src", "by": "hash" }] },
      { "id": "out", "sink": "two_phase", "inputs": [{ "from": "count", "by": "rebalance" }] }
    ]
  },
  "faults": { "count": 0 },
  "expect": { "reached": ["checkpoint_completed", "job_finished"] },
  "seeds": 20
}"#;

/// A directory with a scenario in it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(scenarios: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("scenarios")).unwrap();
        for (name, text) in scenarios {
            let file = dir.path().join("scenarios").join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        Place { dir }
    }

    fn calm() -> Self {
        Self::new(&[("calm.json", CALM)])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutline"));
        command.args(words).current_dir(self.dir.path()).stdin(Stdio::null());
        for name in ["CI", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"] {
            command.env_remove(name);
        }
        let ours =
            std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("CUTLINE_"));
        ours.for_each(|name| _ = command.env_remove(name));
        command.env("XDG_CONFIG_HOME", self.dir.path().join("nobody"));
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn code(&self, words: &[&str]) -> i32 {
        self.run(words).status.code().unwrap()
    }
}

/// Must a program that reads what we write be there? `CUTLINE_CONSUMERS` names those that were installed, with commas
/// between them, or says `all`.
fn must_be_there(name: &str) -> bool {
    let named = |list: String| list == "all" || list.split(',').any(|word| word == name);
    std::env::var("CUTLINE_CONSUMERS").is_ok_and(named)
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", out(output)))
}

#[test]
fn a_sweep_without_findings_is_0() {
    let place = Place::calm();
    let output = place.run(&["run"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    let text = out(&output);
    assert!(text.contains("PASS  calm") && text.contains("\nPASS  1 scenario, 20 seeds"));
    assert!(text.contains("fewer than 1 in 6 fail. It says nothing of other scenarios."), "{text}");
    assert!(!text.contains('\u{1b}') && output.stderr.is_empty());
    assert!(out(&place.run(&["run", "--color", "always"])).contains('\u{1b}'));
    assert_eq!(
        place.run(&["run", "-q"]).stdout.split(|b| *b == b'\n').count(),
        4,
        "only the summary, and what it means"
    );
}

#[test]
fn a_planted_defect_is_1_and_its_last_line_shows_it_again() {
    let place = Place::calm();
    let output = place.run(&["run", "--protocol", "ack-before-durable"]);
    assert_eq!(output.status.code(), Some(1), "{}", out(&output));
    let text = out(&output);
    let line = text.lines().find_map(|line| line.trim().strip_prefix("reproduce: cutline ")).unwrap();
    assert!(line.ends_with("--protocol ack-before-durable"), "{line}");
    let words: Vec<&str> = line.split(' ').collect();
    let again = place.run(&words);
    assert_eq!(again.status.code(), Some(1));
    assert!(out(&again).contains("reproduced") && out(&again).contains("I4"), "{}", out(&again));
    assert_eq!(place.code(&["run", "--protocol", "ack-before-durable", "--exit-zero"]), 0);
    let finding =
        &document(&place.run(&["run", "--protocol", "ack-before-durable", "--format", "json"]))["findings"][0];
    assert!(finding["failing_seeds"].as_u64().unwrap() > 1 && finding["reproduce"].as_str().unwrap().ends_with(line));
    // Without the defect the same seed is fine.
    let honest = place.run(&words[..words.len() - 2]);
    assert_eq!(honest.status.code(), Some(0));
    assert!(out(&honest).contains("did not reproduce"));
}

#[test]
fn goals_and_expected_violations_must_be_seen() {
    let goal = CALM.replace("\"job_finished\"", "\"coordinator_failover\"");
    let place = Place::new(&[("goal.json", &goal)]);
    let output = place.run(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("UNREACHED  goal") && out(&output).contains("`coordinator_failover`"));
    assert_eq!(place.code(&["run", "--seeds", "5"]), 0, "too few seeds to say");

    let expect = r#""expect": { "violates": "I9", "within_seeds": 10 }"#;
    let start = CALM.find("\"expect\"").unwrap();
    let end = start + CALM[start..].find("] }").unwrap() + 3;
    let violates = format!("{}{expect}{}", &CALM[..start], &CALM[end..]);
    let place = Place::new(&[("violates.json", &violates)]);
    let output = place.run(&["run"]);
    assert_eq!(output.status.code(), Some(1), "{}", out(&output));
    assert!(out(&output).contains("I9 was violated by no seed"), "{}", out(&output));
    assert_eq!(place.code(&["run", "--seeds", "5"]), 0);
}

#[test]
fn wrong_input_is_2_and_says_what_is_wanted() {
    let place = Place::new(&[("calm.json", CALM), ("typo.json", &CALM.replace("\"parallelism\"", "\"paralelism\""))]);
    let output = place.run(&["run", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("scenarios/typo.json:6:"), "{}", err(&output));
    let found = &document(&output)["diagnostics"][0];
    assert_eq!((&found["code"], &found["line"]), (&"S0103".into(), &6.into()));
    assert_eq!(document(&output)["summary"]["exit_code"], 2);
    assert_eq!(place.code(&["lint"]), 2);
    assert_eq!(place.code(&["lint", "scenarios/calm.json"]), 0);

    let says = |words: &[&str], wanted: &str| {
        let output = place.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(err(&output).contains(wanted), "{words:?}: {}", err(&output));
        assert!(output.stdout.is_empty());
    };
    let calm = "scenarios/calm.json";
    says(&["run", "nowhere.json"], "there is no file or directory `nowhere.json`");
    says(&["run", calm, "--seed", "0xZZ"], "expected decimal or 0x-hex up to 0xffffffffffffffff");
    says(&["run", calm, "--seeds", "9..3"], "half-open range");
    says(&["run", calm, "--seeds", "3.."], "--for");
    says(&["run", calm, "--for", "60"], "60s");
    says(&["run", calm, "--partition", "slice:3/2"], "slice:M/N");
    says(&["run", calm, "--protocol", "ack-before-durabel"], "did you mean `ack-before-durable`");
    says(&["run", calm, "--report", "xml=x"], "junit=");
    says(&["run", calm, "--sedes", "3"], "--seeds");
    says(&["run", calm, "--jobs", "0"], "expected a whole number from 1 to 65535");
    says(&["run", calm, "--max-steps", "many"], "expected a whole number from 1");
    says(&["replay", calm, "--until", "-"], "expected a whole number from 0");
    says(&["replay", "nowhere.json", "--seed", "1"], "nowhere.json");
    says(&["gate", "nowhere"], "nowhere");
    says(&["verify", "nowhere.jsonl"], "nowhere.jsonl");
    says(&["explain", "S9999"], "S9999");
    says(&["frobnicate"], "frobnicate");
}

#[test]
fn nothing_to_run_is_4() {
    let place = Place::new(&[]);
    let output = place.run(&["run"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(err(&output).contains("nothing to run"));
    assert_eq!(place.code(&["run", "--no-tests", "pass"]), 0);
    let warned = place.run(&["run", "--no-tests", "warn"]);
    assert_eq!((warned.status.code(), err(&warned).contains("nothing to run")), (Some(0), true));
    assert_eq!(place.code(&["lint"]), 4);
    assert_eq!(place.code(&["gate", "scenarios"]), 4);
    let calm = Place::calm();
    assert_eq!(calm.code(&["run", "--seeds", "0"]), 4);
    assert_eq!(calm.code(&["run", "--seeds", "1", "--partition", "2/2"]), 0, "an empty part of a plan is no error");
}

#[test]
fn outputs_that_cannot_be_written_are_70() {
    let place = Place::calm();
    std::fs::write(place.path("file"), "").unwrap();
    let output = place.run(&["run", "--seeds", "2", "--report", "json=file/report.json"]);
    assert_eq!(output.status.code(), Some(70), "{}", err(&output));
    assert!(err(&output).contains("cannot write file/report.json"));
}

#[test]
fn what_comes_out_does_not_depend_on_jobs() {
    let place = Place::new(&[("calm.json", CALM), ("other.json", &CALM.replace("\"count\": 0", "\"count\": 3"))]);
    let run = |jobs: &str| {
        let words = ["run", "--seeds", "40", "--protocol", "offset-early", "--format", "json", "-j", jobs];
        let mut whole = document(&place.run(&words));
        whole.as_object_mut().unwrap().remove("timing").unwrap();
        whole
    };
    let (one, two) = (run("1"), run("2"));
    assert_eq!(one, two);
    assert_eq!(one["summary"]["seeds"], 80);
    let words = ["run", "--seeds", "40", "--max-fail", "1", "--protocol", "offset-early", "--format", "json"];
    let stopped = document(&place.run(&words));
    assert_eq!(stopped["summary"]["stopped_by_max_fail"], true);
}

#[test]
fn parts_make_up_the_whole_and_more_seeds_contain_fewer() {
    let place = Place::calm();
    let digest = |words: &[&str]| {
        let mut all = vec!["run", "--format", "json"];
        all.extend(words);
        let digest = document(&place.run(&all))["scenarios"][0]["traces_digest"].as_str().unwrap().to_string();
        u64::from_str_radix(&digest, 16).unwrap()
    };
    let whole = digest(&["--seeds", "16"]);
    let sum = |parts: &[&[&str]]| parts.iter().fold(0u64, |sum, words| sum.wrapping_add(digest(words)));
    let parts: [&[&str]; 2] =
        [&["--seeds", "16", "--partition", "1/2"], &["--seeds", "16", "--partition", "slice:2/2"]];
    assert_eq!(sum(&parts), whole);
    assert_eq!(sum(&[&["--seeds", "6"], &["--seeds", "6..16"]]), whole);
    assert_ne!(digest(&["--seeds", "16", "--seed-base", "7"]), whole);
}

#[test]
fn every_seed_can_be_run_twice() {
    let output = Place::calm().run(&["run", "--check-determinism"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
}

#[test]
fn a_budget_is_kept_and_what_is_left_is_named() {
    let place = Place::calm();
    let output = place.run(&["run", "--for", "300ms", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    let summary = &document(&output)["summary"];
    assert!(summary["seeds"].as_u64().unwrap() > 0 && summary["out_of_time"] == true);
    let resume = summary["resume"][0].as_str().unwrap();
    assert!(resume.starts_with("cutline run scenarios --seeds ") && resume.ends_with(".. --for 300ms"), "{resume}");
}

#[test]
fn reports_are_well_formed_and_stable() {
    let place = Place::calm();
    let words = ["run", "--protocol", "quorum-of-one", "--report", "junit=out/j.xml", "--report", "json=out/r.json"];
    assert_eq!(place.code(&words), 1);
    let xml = std::fs::read_to_string(place.path("out/j.xml")).unwrap();
    let names = |xml: &str| -> Vec<String> {
        let cases = xml.split("<testcase name=\"").skip(1);
        cases.map(|case| case.split('"').next().unwrap().to_string()).collect()
    };
    assert!(xml.starts_with("<?xml") && xml.contains("<failure") && xml.contains("reproduce: cutline replay"));
    assert!(xml.contains("classname=\"scenarios/calm.json\"") && xml.contains("file=\"scenarios/calm.json\""));
    balanced(&xml);
    let unique: std::collections::BTreeSet<_> = names(&xml).into_iter().collect();
    assert_eq!(unique.len(), names(&xml).len());
    place.run(&["run", "--report", "junit=other.xml"]);
    assert_eq!(names(&std::fs::read_to_string(place.path("other.xml")).unwrap()), names(&xml));
    let report: Value = serde_json::from_slice(&std::fs::read(place.path("out/r.json")).unwrap()).unwrap();
    assert_eq!(report["schema"], "cutline.run/1");
    let lines = out(&place.run(&["run", "--format", "jsonl"]));
    let kinds: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_string())
        .collect();
    assert_eq!(kinds, ["run", "scenario", "summary", "timing"]);
    assert_eq!(std::fs::read_dir(place.path("out")).unwrap().count(), 2, "no temporary files are left");
}

/// Every element that is opened is closed, in order.
fn balanced(xml: &str) {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1).map(|part| part.split('>').next().unwrap()) {
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.starts_with(['?', '!']) || tag.ends_with('/') => {}
            None => open.push(tag.split([' ', '\n']).next().unwrap()),
        }
    }
    assert!(open.is_empty());
}

#[test]
fn a_replay_gives_the_same_bytes_and_a_trace_that_is_accepted() {
    let place = Place::calm();
    let words = ["replay", "scenarios/calm.json", "--seed", "7", "--text", "--trace"];
    let run = |file: &str| {
        let output = place.run(&[&words[..], &[file]].concat());
        assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
        (output.stdout, std::fs::read(place.path(file)).unwrap())
    };
    let (one, other) = (run("a.jsonl"), run("b.jsonl"));
    assert!(one == other);
    let verified = place.run(&["verify", "a.jsonl"]);
    assert_eq!(verified.status.code(), Some(0), "{}{}", out(&verified), err(&verified));
    let short = place.run(&["replay", "scenarios/calm.json", "--seed", "7", "--until", "10", "--text"]);
    assert!(out(&short).contains("stopped after 10 events"), "{}", out(&short));
}

#[test]
fn traces_of_defects_are_not_accepted() {
    let place = Place::calm();
    let sweep = document(&place.run(&["run", "--protocol", "quorum-of-one", "--format", "json"]));
    let line = sweep["findings"][0]["reproduce"].as_str().unwrap();
    let words: Vec<&str> = line.split(' ').skip(1).chain(["--trace", "t.jsonl"]).collect();
    assert_eq!(place.code(&words), 1);
    let output = place.run(&["verify", "t.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("violated  I4"), "{}", out(&output));

    let whole = std::fs::read_to_string(place.path("t.jsonl")).unwrap();
    let cut: String = whole.lines().take(3).map(|line| format!("{line}\n")).collect();
    std::fs::write(place.path("cut.jsonl"), cut).unwrap();
    assert_eq!(place.code(&["verify", "cut.jsonl"]), 3, "too little to decide");
    std::fs::write(place.path("bad.jsonl"), whole.lines().next().unwrap().to_string() + "\n{\"v\":1,\n").unwrap();
    let output = place.run(&["verify", "bad.jsonl"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("bad.jsonl:2:"), "{}", err(&output));
}

#[test]
fn gate_vectors_are_checked() {
    let place = Place::calm();
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate");
    assert_eq!(place.code(&["gate", vectors.to_str().unwrap()]), 0);
    let vector = std::fs::read_to_string(vectors.join("example_aligned_three_channels.json")).unwrap();
    let wrong = vector.replacen("\"snapshot\"", "\"snapshoot\"", 1);
    std::fs::write(place.path("wrong.json"), wrong).unwrap();
    assert_eq!(place.code(&["gate", "wrong.json"]), 2);
    // Without its last expectation the vector leaves something over.
    let mut open: Value = serde_json::from_str(&vector).unwrap();
    open["steps"].as_array_mut().unwrap().retain(|step| step.get("expect").is_none());
    std::fs::write(place.path("open.json"), open.to_string()).unwrap();
    let output = place.run(&["gate", "open.json"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(out(&output).contains("  + "), "{}", out(&output));
}

#[test]
fn what_there_is_is_listed_and_described() {
    let place = Place::calm();
    let list = document(&place.run(&["list", "--format", "json"]));
    assert_eq!(list["scenarios"][0]["name"], "calm");
    assert!(out(&place.run(&["list", "--protocols"])).contains("ack-before-durable"));
    let protocols = document(&place.run(&["list", "--protocols", "--format", "json"]));
    let rows = protocols["protocols"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, cutline::protocols::names().collect::<Vec<_>>(), "of every family");
    let alone = |row: &&Value| row["mode"] == "alone" && row["scenario"].as_str().unwrap().starts_with("alone/");
    assert_eq!(rows.iter().filter(alone).count(), 5);
    for of in ["scenario", "trace", "run", "finding"] {
        assert!(document(&place.run(&["schema", of])).is_object());
    }
    assert!(out(&place.run(&["explain", "s0103"])).starts_with("S0103"));
    assert!(out(&place.run(&["help", "exit-codes"])).contains("130 / 143"));
    let version = out(&place.run(&["--version"]));
    assert!(version.contains("stream 2 trace 1"), "{version}");
    assert_eq!(document(&place.run(&["--version", "--json"]))["stream"], 2);
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let place = Place::calm();
    for words in [&["run"][..], &["list", "--protocols"], &["run", "--format", "jsonl"], &["schema", "scenario"]] {
        let mut child = place.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", err(&output));
        assert!(output.stderr.is_empty(), "{words:?}: {}", err(&output));
    }
}

#[cfg(unix)]
fn send(child: &std::process::Child, signal: &str) {
    let kill = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().unwrap();
    assert!(kill.success());
}

#[cfg(unix)]
#[test]
fn signals_end_it_with_reports_and_a_way_to_go_on() {
    for (signal, name, code) in [("INT", "SIGINT", 130), ("TERM", "SIGTERM", 143)] {
        let place = Place::calm();
        let words =
            ["run", "--seeds", "100000000", "--format", "json", "--report", "json=r.json", "--progress", "none"];
        let child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(400));
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", err(&output));
        let summary = &document(&output)["summary"];
        assert_eq!((&summary["interrupted"], &summary["signal"]), (&true.into(), &name.into()));
        let resume = summary["resume"][0].as_str().unwrap();
        let done = summary["seeds"].as_u64().unwrap();
        let from = resume.strip_prefix("cutline run scenarios --seeds ").unwrap().strip_suffix("..100000000").unwrap();
        let from: u64 = from.parse().unwrap();
        // What was given up is run again, and what other threads did meanwhile.
        assert!(from <= done && done < from + 200, "{done} {from}");
        assert!(place.path("r.json").exists());
    }
}

/// A finding is kept in a folder, made small, told; and what is put under `regressions/` comes first in the next sweep.
#[test]
fn findings_are_kept_made_small_and_run_first_from_then_on() {
    let place = Place::calm();
    let run = place.run(&["run", "--protocol", "drops-one", "--progress", "none"]);
    assert_eq!(run.status.code(), Some(1));
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(said.contains("shrunk to "), "{said}");
    let findings: Vec<PathBuf> =
        std::fs::read_dir(place.path(".cutline/findings")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!findings.is_empty());
    for finding in &findings {
        let id = finding.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(&format!("[{id}]")), "{id}: {said}");
        let file = |name: &str| finding.join(name).to_str().unwrap().to_string();
        assert_eq!(place.code(&["replay", &file("scenario.json"), "--seed", "0"]), 1, "the whole plan fails");
        assert_eq!(place.code(&["replay", &file("shrunk.json"), "--seed", "0"]), 1, "the small one, too");
        assert_eq!(
            place.code(&["replay", &file("shrunk.json"), "--seed", "0", "--schedule", &file("schedule.txt")]),
            1
        );
        assert_eq!(place.code(&["verify", &file("trace.jsonl")]), 1);
        let told = place.run(&["explain", finding.to_str().unwrap()]);
        assert_eq!(told.status.code(), Some(0));
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains("step by step") && told.contains("reproduce: cutline replay"), "{told}");
        let told = String::from_utf8(place.run(&["explain", &file("trace.jsonl")]).stdout).unwrap();
        assert!(told.starts_with("step by step"), "{told}");
    }
    assert_eq!(place.code(&["run", "--protocol", "drops-one", "--no-shrink", "--findings", "none"]), 1);
    assert!(!place.path("none").exists(), "nobody wanted them");

    std::fs::create_dir(place.path("regressions")).unwrap();
    std::fs::copy(findings[0].join("shrunk.json"), place.path("regressions/kept.json")).unwrap();
    let list = |words: &[&str]| -> Vec<String> {
        let run = place.run(&[&["run", "--format", "json", "--seeds", "2", "--no-shrink"], words].concat());
        let report: Value = serde_json::from_slice(&run.stdout).unwrap();
        let rows = report["scenarios"].as_array().unwrap().iter();
        rows.map(|row| row["path"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(list(&[]), ["regressions/kept.json", "scenarios/calm.json"]);
    assert_eq!(list(&["--no-regressions"]), ["scenarios/calm.json"]);
}

#[test]
fn defects_are_hunted_and_the_score_says_how_that_went() {
    let place = Place::calm();
    let words = ["mutants", "--mutant", "drops-one", "--bases", "2", "--format", "json"];
    let (one, two) =
        (place.run(&[&words[..], &["--jobs", "1"]].concat()), place.run(&[&words[..], &["--jobs", "2"]].concat()));
    assert_eq!(one.status.code(), Some(0));
    let timeless = |output: &Output| {
        let mut score: Value = serde_json::from_slice(&output.stdout).unwrap();
        let honest = score["honest"].as_array_mut().unwrap().iter_mut();
        honest.for_each(|hunt| _ = hunt["micros"].take());
        let hunts = score["defects"][0]["hunts"].as_array_mut().unwrap().iter_mut();
        hunts.for_each(|hunt| _ = hunt["micros"].take());
        score
    };
    let score = timeless(&one);
    assert_eq!(score, timeless(&two), "threads change nothing but times");
    assert_eq!((&score["defects"][0]["name"], &score["defects"][0]["caught"]), (&"drops-one".into(), &true.into()));
    assert!(score["defects"][0]["by"].as_array().unwrap().iter().any(|by| by == "I9"), "{score}");
    let again = score["defects"][0]["hunts"][0]["reproduce"].as_str().unwrap();
    let again: Vec<&str> = again.split(' ').skip(1).collect();
    assert_eq!(place.code(&again), 1, "the line that shows it again does");
    // Without a fault nothing is restored: this defect can't be seen here, and the score says so.
    assert_eq!(place.code(&["mutants", "--mutant", "restore-older", "--bases", "1", "--max-seeds", "30"]), 1);
    assert_eq!(place.code(&["mutants", "--mutant", "drops-on"]), 2);
    assert_eq!(place.code(&["mutants", "--mutant", "engine"]), 2);
    assert_eq!(place.code(&["mutants", "nowhere"]), 2);
}

/// A scenario that names its protocol is left out of hunts unless that protocol is the engine: regional ones say so.
#[test]
fn defects_of_regions_are_hunted_where_there_are_regions() {
    let regional = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/regional");
    let words = ["mutants", regional, "--mutant", "regions-commit", "--bases", "1", "--no-shrink"];
    let output = Place::calm().run(&words);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("caught from every base: 1 of 1"), "{}", out(&output));
}

#[test]
fn claims_are_decided_one_by_one() {
    let place = Place::calm();
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/folklore");
    let told = place.run(&["folklore", "x7", "X15", "--dir", dir, "--format", "json"]);
    assert_eq!(told.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let ids: Vec<&str> = told["claims"].as_array().unwrap().iter().map(|claim| claim["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["X7", "X15"]);
    assert_eq!(place.code(&["folklore", "X24"]), 2);
    assert_eq!(place.code(&["folklore", "X1", "--dir", "nowhere"]), 2);
}
