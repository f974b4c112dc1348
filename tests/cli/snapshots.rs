//! Traces that are checked in as text, compared with what runs do now.

use super::*;

const FILE: &str = "scenarios/snapshots/calm@0x0000000000000007.txt";

/// With the variable that CI systems set, or without it.
fn snapshot(place: &Place, ci: bool, words: &[&str]) -> Output {
    let mut command = place.command(&[&["snapshot"], words].concat());
    if ci {
        command.env("CI", "true");
    }
    command.output().unwrap()
}

#[test]
fn a_snapshot_is_taken_once_and_compared_from_then_on() {
    let place = Place::calm();
    let calm = "scenarios/calm.json";
    // Nobody has said yet what is right.
    let missing = snapshot(&place, false, &[calm, "--seed", "7"]);
    let said = out(&missing);
    assert!(missing.status.code() == Some(1) && said.starts_with(&format!("MISSING {FILE}: ")), "{said}");
    assert!(
        said.contains("\n   0.000ms  ") && said.contains("coordinator   a1  trigger"),
        "all of it is shown: {said}"
    );
    assert!(said.contains("cutline snapshot scenarios/calm.json --seed 0x0000000000000007 --accept"), "{said}");
    let fresh = format!("{FILE}.new");
    assert!(!place.path(FILE).exists() && place.path(&fresh).exists());
    assert_eq!(out(&snapshot(&place, false, &["--list-unused"])), format!("{fresh}\n"));
    let accepted = snapshot(&place, false, &[calm, "--seed", "7", "--accept"]);
    assert!(accepted.status.code() == Some(0) && !place.path(&fresh).exists(), "{}", out(&accepted));
    let text = String::from_utf8(place.bytes(FILE)).unwrap();
    assert!(said.contains(&text), "what was shown is what is written");
    assert!(!text.contains(place.dir.path().to_str().unwrap()), "nothing of this machine is in it");
    // From now on its seed is meant without being named; and it is the same with any number of looks.
    for words in [&[][..], &[calm], &["--check"], &[calm, "--seed", "7", "--check"]] {
        let output = snapshot(&place, true, words);
        assert_eq!(
            (output.status.code(), out(&output).as_str()),
            (Some(0), "snapshots: 1 as they were\n"),
            "{words:?}"
        );
    }
    std::fs::write(place.path(FILE), text.replace('\n', "\r\n")).unwrap();
    assert_eq!(snapshot(&place, true, &[]).status.code(), Some(0), "line ends are no difference");
    std::fs::write(place.path(FILE), &text).unwrap();

    // The protocol changes.
    let other = CALM.replacen("\"guarantee\"", "\"protocol\": \"ack-before-durable\", \"guarantee\"", 1);
    std::fs::write(place.path(calm), other).unwrap();
    let output = snapshot(&place, false, &[]);
    let diff = out(&output);
    assert_eq!(output.status.code(), Some(1), "{diff}");
    let at = |line: &str| diff.lines().position(|found| found == line).unwrap_or_else(|| panic!("no {line}: {diff}"));
    let (was, is) = (at(&format!("--- {FILE}")), at("+++ scenarios/calm.json --seed 0x0000000000000007"));
    assert!(was + 1 == is && diff.lines().nth(is + 1).unwrap().starts_with("@@ "), "{diff}");
    assert!(diff.lines().any(|line| line.starts_with("-# cutline snapshot 1: calm ") && line.ends_with("engine")));
    assert_eq!(place.bytes(FILE), text.as_bytes(), "nobody has accepted it");
    assert!(place.path(&fresh).exists());
    assert_eq!(snapshot(&place, false, &["--accept"]).status.code(), Some(0));
    assert_eq!(snapshot(&place, true, &[]).status.code(), Some(0));
    assert_ne!(place.bytes(FILE), text.as_bytes());
}

#[test]
fn ci_writes_nothing() {
    let place = Place::calm();
    let before = |place: &Place| {
        let mut all: Vec<_> =
            std::fs::read_dir(place.path("scenarios")).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all
    };
    let files = before(&place);
    let missing = snapshot(&place, true, &[]);
    assert!(missing.status.code() == Some(1) && out(&missing).contains("It would be:\n# cutline snapshot 1: calm"));
    for option in ["--accept", "--review"] {
        let output = snapshot(&place, true, &[option]);
        assert!(output.status.code() == Some(2) && err(&output).contains("CI is set"), "{}", err(&output));
    }
    assert_eq!(before(&place), files);
    let nobody = snapshot(&place, false, &["--review"]);
    assert!(nobody.status.code() == Some(2) && err(&nobody).contains("no terminal"), "{}", err(&nobody));
    assert_eq!(snapshot(&place, false, &["nowhere.json"]).status.code(), Some(2));
}

#[test]
fn snapshots_of_scenarios_that_are_gone_are_listed() {
    let place = Place::calm();
    assert_eq!(snapshot(&place, false, &["--seed", "1", "--seed", "2", "--accept"]).status.code(), Some(0));
    assert_eq!(out(&snapshot(&place, true, &[])), "snapshots: 2 as they were\n");
    assert_eq!(out(&snapshot(&place, true, &["--list-unused"])), "");
    std::fs::write(place.path("scenarios/snapshots/README.txt"), "why they are here").unwrap();
    std::fs::rename(place.path("scenarios/calm.json"), place.path("scenarios/quiet.json")).unwrap();
    let listed = snapshot(&place, true, &["--list-unused"]);
    let file = |seed| format!("scenarios/snapshots/calm@0x000000000000000{seed}.txt\n");
    assert_eq!((out(&listed), listed.status.code()), (file(1) + &file(2), Some(0)));
}

/// On a terminal somebody is asked.
#[cfg(unix)]
#[test]
fn differences_are_shown_one_by_one_and_taken_or_not() {
    let place = Place::new(&[("a.json", CALM), ("b.json", CALM), ("c.json", CALM)]);
    let review = |answers: &str| {
        let bin = env!("CARGO_BIN_EXE_cutline");
        let line = format!("printf '{answers}' | script -qec '{bin} snapshot --review' /dev/null");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(place.dir.path()).env_remove("CI").output()
    };
    match Command::new("script").arg("--version").output() {
        Ok(output) if output.status.success() => {}
        _ => return eprintln!("SKIPPED: script isn't there"),
    }
    let said = out(&review("a\\nr\\ns\\n").unwrap());
    assert_eq!(said.matches("MISSING ").count(), 3, "{said}");
    let taken = |name: &str| place.path(&format!("scenarios/snapshots/{name}@0x0000000000000000.txt")).exists();
    assert_eq!(["a", "b", "c"].map(taken), [true, false, false], "{said}");
    review("A\\n").unwrap();
    assert_eq!(["a", "b", "c"].map(taken), [true, true, true]);
    assert_eq!(out(&snapshot(&place, true, &[])), "snapshots: 3 as they were\n");
}
