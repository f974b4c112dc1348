//! `cutline check` on the small scenarios: exhausted, with counts that are pinned, and with every planted bug.

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

fn command(args: &[&str]) -> (Value, Option<i32>) {
    let out = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_cutline"))
        .arg("check")
        .args(args)
        .args(["--format", "json", "--progress", "none", "--out"])
        .arg(out.path())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the command runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{:?}", output.stderr));
    (value, output.status.code())
}

/// A change of semantics shows here. All of them are searched by `cutline check`, which compares with the numbers of
/// states in the files; these are the quick ones.
#[test]
fn small_scenarios_are_exhausted() {
    let quick = [
        "shuffle",
        "suspicion",
        "lost_reply",
        "lost_message",
        "failed_request",
        "two_phase",
        "in_flight",
        "late_barrier",
        "overtaken_cancel",
        "stateful",
    ];
    let files: Vec<String> = quick.iter().map(|name| format!("scenarios/small/{name}.json")).collect();
    let (found, code) = command(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let mut lines = String::new();
    for one in found.as_array().expect("a list") {
        let word = |key: &str| one[key].to_string().replace('"', "");
        lines += &format!(
            "{}: {}, {} states, {} transitions, depth {}, {} quiescent, {} completed\n",
            word("scenario"),
            word("verdict"),
            word("states"),
            word("transitions"),
            word("depth"),
            word("quiescent"),
            word("completed_checkpoints")
        );
    }
    insta::assert_snapshot!(lines);
    assert_eq!(code, Some(0));
}

#[test]
fn a_search_that_is_cut_short_says_so() {
    let (found, code) = command(&["scenarios/small/diamond.json", "--max-states", "100"]);
    assert_eq!((found[0]["verdict"].as_str(), code), (Some("not exhausted"), Some(3)));
    let (found, code) = command(&["scenarios/small/diamond.json", "--max-depth", "5"]);
    assert_eq!((found[0]["verdict"].as_str(), code), (Some("not exhausted"), Some(3)));
}

/// Nobody has learned how a sink commutes that writes behind its acks: its job is searched whole, and the report says why.
#[test]
fn where_too_little_was_learned_nothing_is_left_out() {
    let unknown = r#"{
        "format": "cutline-scenario/1", "guarantee": "exactly-once", "calm": true,
        "job": { "vertices": [
            { "id": "src", "source": { "kind": "log", "data": { "records": 1, "keys": 1, "salt": 1 } } },
            { "id": "out", "operators": ["keyed_count"], "sink": "upsert", "inputs": [{ "from": "src", "by": "hash" }] }
        ] },
        "checkpoints": { "mode": "aligned", "max_concurrent": 1, "min_pause_ms": 0, "retain": 1 },
        "check": { "triggers": 1, "crashes": 1 }
    }"#;
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("unknown.json");
    std::fs::write(&file, unknown).expect("written");
    let file = file.to_str().expect("text");
    let (told, code) = command(&[file]);
    let (whole, _) = command(&[file, "--no-reduction"]);
    assert_eq!((told[0]["verdict"].as_str(), code), (Some("exhausted"), Some(0)));
    assert_eq!((&told[0]["reduction"], &told[0]["states"]), (&Value::Bool(false), &whole[0]["states"]));
    assert!(told[0]["denied"].as_str().is_some_and(|why| why.contains("sink-upsert")), "{}", told[0]["denied"]);
    assert!(whole[0]["denied"].is_null());
}

#[test]
fn a_defect_is_found_and_a_missing_one_is_said() {
    let (found, code) = command(&["scenarios/small/join_aligned.json", "--protocol", "no-hold"]);
    assert_eq!((found[0]["violations"][0]["property"].as_str(), code), (Some("I1"), Some(1)));
}

/// Every planted bug with a small scenario that shows it: which property, after how many steps. Each property that a
/// search decides is there, but for those in [`UNSEEN`].
const SHOWN: &[(&str, &str, &[&str], &str, u64)] = &[
    ("no-hold", "join_aligned", &[], "I1", 17),
    ("first-barrier", "join_aligned", &[], "recovery-refinement", 16),
    ("no-channel-state", "join_unaligned", &[], "I2", 16),
    ("barrier-late", "concurrent", &[], "I1", 17),
    ("barrier-late", "join_unaligned", &[], "I2", 16),
    ("ack-before-durable", "failed_request", &[], "I4", 14),
    ("quorum-of-one", "failed_request", &[], "I4", 11),
    ("commit-on-prepare", "failed_request", &[], "I11", 14),
    ("commit-a-choice-early", "failed_request", &[], "I11", 14),
    ("offset-early", "failed_request", &[], "I3", 6),
    ("offset-late", "failed_request", &[], "I3", 5),
    ("notify-before-complete", "failed_request", &[], "I5", 17),
    ("restore-older", "end_in_alignment", &[], "I6", 22),
    ("applies-twice", "diamond", &["--crashes", "0"], "I9", 31),
    ("forged-token", "lost_reply", &["--crashes", "1"], "I14", 18),
    ("ids-start-over", "lost_reply", &["--crashes", "1"], "I15", 22),
    ("aborts-prepared", "lost_reply", &["--crashes", "1"], "recovery-refinement", 19),
    ("no-fence", "lost_reply", &["--crashes", "1"], "recovery-refinement", 21),
    ("resumes-ahead", "lost_reply", &["--crashes", "1"], "recovery-refinement", 13),
    ("refills-twice", "join_unaligned", &[], "recovery-refinement", 17),
    ("refills-nothing", "join_unaligned", &[], "recovery-refinement", 17),
    ("one-restores-older", "lost_reply", &["--crashes", "1"], "I6", 29),
    ("deletes-the-newest", "failed_request", &[], "I4", 35),
    ("complete-at-trigger", "failed_request", &[], "I4", 16),
    ("discards-the-repeated", "lost_reply", &["--crashes", "1"], "I11", 24),
    ("planned-ahead", "lost_reply", &["--crashes", "1"], "I6", 26),
    ("drops-the-tail", "failed_request", &[], "I9", 30),
    ("commits-anew", "failed_request", &[], "I11", 25),
    ("barrier-jumps", "failed_request", &[], "I2", 13),
    ("one-poll-late", "diamond", &[], "no-panic", 9),
    ("no-deadline", "lost_message", &[], "no-livelock", 12),
    ("never-asks-again", "failed_request", &[], "no-livelock", 21),
    ("forgets-prepared", "two_phase", &[], "no-livelock", 29),
    ("out-of-band", "failed_request", &[], "I2", 13),
    ("put-then-add", "shuffle", &[], "I9", 48),
    ("counts-records", "failed_request", &[], "no-deadlock", 8),
    ("reads-on", "stop", &[], "I9", 47),
    ("line-of-the-newest", "alone", &[], "I1", 22),
    ("log-unplayed", "alone", &[], "recovery-refinement", 21),
    ("no-second-trigger", "failed_request", &[], "no-deadlock", 11),
    ("late-barrier-counts", "late_barrier", &[], "I2", 25),
    ("starts-fresh", "stateful", &[], "recovery-refinement", 30),
    ("stores-half", "stateful", &[], "recovery-refinement", 30),
    ("local-disk", "stateful", &[], "recovery-refinement", 23),
    ("swaps-state", "stateful", &[], "recovery-refinement", 30),
    ("ends-input", "stop_fails", &[], "I9", 34),
    ("stays-off", "stop_fails", &[], "no-deadlock", 28),
    ("one-copy", "in_flight", &[], "I2", 19),
    ("regions-forgotten", "regions", &[], "recovery-refinement", 44),
];

/// Planted bugs that no small scenario shows, and why.
const UNSEEN: &[(&str, &str)] = &[
    ("regions-by-number", "two regions, one of them of four subtasks: too many states; `regions` has two of two each"),
    (
        "regions-commit",
        "a region has staged what the checkpoint doesn't contain of it: two regions and a request that fails, too many states",
    ),
    (
        "regions-unlimited",
        "how much of a checkpoint is older is for the offline verifiers to say, which know the limits",
    ),
    (
        "ack-before-flush",
        "a sink that writes behind its acks overwrites or repeats what it has shown: searches hold its output against nothing",
    ),
    (
        "last-flush-unawaited",
        "a sink that writes behind its acks overwrites or repeats what it has shown: searches hold its output against nothing",
    ),
    ("commits-at-savepoint", "searches ask for stops and for no savepoints: a restart behind one has too many states"),
    (
        "never-stops-recording",
        "records after the cut on a channel that was recorded: in_flight is too small, with two checkpoints there are too many states",
    ),
    (
        "second-restart-fresh",
        "needs two restarts after a checkpoint: two_crashes ends before, with more there are too many states",
    ),
    (
        "needs-ended",
        "every checkpoint that is given up has a new id, so that no state comes twice and no space is exhausted",
    ),
    ("notices-once", "the next checkpoint's notice says the same: harmless wherever one follows, and one always does"),
    ("drops-one", "the tenth record of a life: small scenarios have one or two"),
    (
        "finish-unsaid",
        "every checkpoint that is declined has a new id, so that no state comes twice and no space is exhausted",
    ),
];

#[test]
fn planted_bugs_are_found_by_the_property_that_they_break() {
    for (protocol, scenario, more, property, depth) in SHOWN {
        let path = format!("scenarios/small/{scenario}.json");
        let mut words = vec![path.as_str(), "--protocol", protocol];
        words.extend(*more);
        let (found, code) = command(&words);
        let violation = &found[0]["violations"][0];
        let seen = (violation["property"].as_str(), violation["depth"].as_u64(), code);
        assert_eq!(seen, (Some(*property), Some(*depth), Some(1)), "{protocol} in {scenario}");
    }
}

#[test]
fn every_planted_bug_and_every_property_is_accounted_for() {
    for protocol in cutline::protocols::PROTOCOLS.iter().filter(|protocol| protocol.breaks.is_some()) {
        let shown = SHOWN.iter().any(|(name, ..)| *name == protocol.name);
        let unseen = UNSEEN.iter().any(|(name, _)| *name == protocol.name);
        assert!(shown != unseen, "{} is in one of the lists", protocol.name);
    }
    let decided = ["I1", "I2", "I3", "I4", "I5", "I6", "I9", "I11", "I14", "I15"];
    let decided = decided.into_iter().chain(["no-panic", "no-deadlock", "no-livelock", "recovery-refinement"]);
    let shown: BTreeSet<&str> = SHOWN.iter().map(|(.., property, _)| *property).collect();
    assert_eq!(shown, decided.collect());
}
