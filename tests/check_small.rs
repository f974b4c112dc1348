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
    let quick = ["shuffle", "suspicion", "lost_reply", "lost_message", "failed_request", "two_phase"];
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
];

/// Planted bugs that no small scenario shows, and why.
const UNSEEN: &[(&str, &str)] = &[
    (
        "regions-by-number",
        "two regions, one of them of four subtasks: too many states; tests/check.rs exhausts two of one each",
    ),
    (
        "regions-forgotten",
        "two regions and a crash behind two checkpoints: too many states; tests/check.rs exhausts two without a crash",
    ),
    ("regions-commit", "two regions, each with a sink: too many states; tests/check.rs exhausts two without sinks"),
    (
        "regions-unlimited",
        "how much of a checkpoint is older is for the offline verifiers to say, which know the limits",
    ),
    (
        "late-barrier-counts",
        "a barrier of a checkpoint that was given up arrives during the next: two checkpoints, two inputs, too many states",
    ),
    ("ack-before-flush", "needs a sink that writes behind its acks, and no small scenario has one but two-phase sinks"),
    (
        "last-flush-unawaited",
        "needs a sink that writes behind its acks, and no small scenario has one but two-phase sinks",
    ),
    (
        "ends-input",
        "the end is felt where the stop comes to nothing and the source reads on: a stop and a failure, too many states",
    ),
    ("commits-at-savepoint", "searches ask for stops and for no savepoints: a restart behind one has too many states"),
    ("stays-off", "the stop must come to nothing: a stop and a failure, too many states"),
    (
        "starts-fresh",
        "the state of an operator between source and sink, lost: two channels and a crash, too many states",
    ),
    ("stores-half", "a key of two, of an operator between source and sink: two channels and a crash, too many states"),
    (
        "never-stops-recording",
        "records after the cut on a channel that was recorded: join_unaligned is too small, with two checkpoints there are too many states",
    ),
    ("local-disk", "the restore of an operator between source and sink: two channels and a crash, too many states"),
    ("one-copy", "records in flight on two channels of a subtask at once: join_unaligned has them on one"),
    ("swaps-state", "the restore of two subtasks with keyed state: four channels and a crash, too many states"),
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
