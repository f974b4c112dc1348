//! Sweeps that end early: enough failing seeds, or nothing new in them.

use super::merge::timeless;
use super::*;

const FAILING: [&str; 6] = ["run", "--seeds", "300", "--protocol", "commit-on-prepare", "--no-shrink"];

/// Jobs with few records: there are many runs of them.
fn few(names: &[&str]) -> Place {
    let few = CALM.replace(r#"{ "min": 20, "max": 60 }"#, r#"{ "min": 5, "max": 9 }"#);
    Place::new(&names.iter().map(|name| (*name, few.as_str())).collect::<Vec<_>>())
}

fn sweep(place: &Place, words: &[&str]) -> (String, Value) {
    let output = place.run(&[&FAILING[..], &["--format", "json"], words].concat());
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    (timeless(&output.stdout), document(&output))
}

#[test]
fn a_scenario_that_shows_nothing_new_is_given_up_and_that_is_said() {
    let place = few(&["a.json", "b.json"]);
    let (one, document) = sweep(&place, &["-j", "1"]);
    for jobs in ["2", "3"] {
        assert_eq!(sweep(&place, &["-j", jobs]).0, one, "threads change nothing");
    }
    let (known, row) = (&document["summary"]["known"], &document["scenarios"][0]);
    let run = row["seeds"].as_u64().unwrap();
    assert!([128, 256].contains(&run) && row["planned_seeds"] == 300 && row["known"] == true, "{row:#}");
    let both = run + document["scenarios"][1]["seeds"].as_u64().unwrap();
    assert_eq!((&known["scenarios"], &known["seeds_not_run"]), (&2.into(), &(600 - both).into()));
    assert!(document["summary"].get("resume").is_none(), "nothing is left to go on with");

    // The first of more seeds are those of fewer: what was run is what a sweep of so many seeds gives.
    let few = place.run(&[
        "run",
        "scenarios/a.json",
        "--seeds",
        &run.to_string(),
        "--protocol",
        "commit-on-prepare",
        "--no-shrink",
        "--repeats",
        "all",
        "--format",
        "json",
    ]);
    assert_eq!(super::document(&few)["scenarios"][0]["traces_digest"], row["traces_digest"]);

    let said = out(&place.run(&FAILING));
    let left = format!("  a: {} of 300 seeds, after ", 300 - run);
    assert!(said.contains("not run, as it would show nothing new\n") && said.contains(&left), "{said}");
    assert!(said.contains(&format!("; {} seeds not run (nothing new)", 600 - both)), "{said}");
    let words = ["--report", "html=r.html", "--report", "markdown=r.md"];
    place.run(&[&FAILING[..], &words].concat());
    for file in ["r.html", "r.md"] {
        let text = String::from_utf8(place.bytes(file)).unwrap();
        assert!(
            text.contains("nothing new") && text.contains(&format!("{} seeds", 600 - both))
                || file == "r.html" && text.contains("was given up after"),
            "{file}"
        );
    }
    let (all, document) = sweep(&place, &["--repeats", "all"]);
    assert!(document["summary"]["seeds"] == 600 && document["summary"].get("known").is_none() && all != one);
}

#[test]
fn parts_run_everything_and_a_journal_gives_up_where_an_unbroken_sweep_does() {
    let place = few(&["calm.json"]);
    let whole = sweep(&place, &[]).0;
    // What is whole stays as it is, if it is put together with nothing.
    place.run(&[&FAILING[..], &["--report", "json=whole.json"]].concat());
    assert_eq!(timeless(&place.run(&["merge", "whole.json", "--format", "json"]).stdout), whole);

    let all = sweep(&place, &["--repeats", "all"]).0;
    let part = |m: &str| {
        let (part, file) = (format!("slice:{m}/2"), format!("json=part-{m}.json"));
        let words = ["--repeats", "all", "--partition", &part, "--report", &file, "--exit-zero"];
        assert_eq!(place.code(&[&FAILING[..], &words].concat()), 0);
    };
    part("1");
    part("2");
    let merged = place.run(&["merge", "part-1.json", "part-2.json", "--format", "json"]);
    assert_eq!(timeless(&merged.stdout), all);
    // A part that isn't told runs all of its seeds, too; one that is told otherwise is refused.
    let alone = document(&place.run(&[&FAILING[..], &["--partition", "1/2", "--format", "json"]].concat()));
    assert_eq!(alone["summary"]["seeds"], 150);
    let told = place.run(&[&FAILING[..], &["--partition", "1/2", "--repeats", "5"]].concat());
    assert!(told.status.code() == Some(2) && err(&told).contains("can't know what the others find"), "{}", err(&told));

    place.run(&[&FAILING[..], &["--out", "out"]].concat());
    let journal = String::from_utf8(place.bytes("out/journal.jsonl")).unwrap();
    for lines in [1, 60, 100] {
        let cut: String = journal.split_inclusive('\n').take(lines).collect();
        std::fs::write(place.path("out/journal.jsonl"), cut).unwrap();
        let resumed = place.run(&["run", "--resume", "out", "--format", "json"]);
        assert_eq!(timeless(&resumed.stdout), whole, "gone on after {lines} lines");
    }
    assert_eq!(place.code(&["run", "--resume", "out", "--repeats", "5"]), 2, "that would be another sweep");
}

#[test]
fn so_many_failing_seeds_are_enough_now_or_at_the_end_of_a_wave() {
    let place = few(&["calm.json"]);
    let run = |most: &str| document(&place.run(&[&FAILING[..], &["--max-fail", most, "--format", "json"]].concat()));
    let (plain, wait) = (run("2"), run("2:wait"));
    assert_eq!(plain["scenarios"], wait["scenarios"], "waiting is what is usual");
    assert_eq!(plain["summary"]["stopped_by_max_fail"], true);
    let now = run("2:immediate");
    let failing = |document: &Value| document["summary"]["failing_seeds"].as_u64().unwrap();
    assert_eq!(now["summary"]["stopped_by_max_fail"], true);
    assert!(failing(&now) >= 2 && failing(&now) < failing(&plain), "{} {}", failing(&now), failing(&plain));
    assert!(now["summary"]["resume"][0].as_str().unwrap().contains("--seeds "), "{:#}", now["summary"]);
    assert_eq!(place.code(&["run", "--max-fail", "2:soon"]), 2);
    assert_eq!(place.code(&["run", "--fail-fast", "--no-fail-fast"]), 2);
    std::fs::write(place.path("cutline.toml"), "[default]\nfail-fast = true\n").unwrap();
    let all = document(&place.run(&[&FAILING[..], &["--no-fail-fast", "--format", "json"]].concat()));
    assert_eq!(all["summary"]["stopped_by_max_fail"], false);
}

/// Every document says its version, and an old one can be asked for by number as long as it is written.
#[test]
fn documents_are_of_the_version_that_is_asked_for() {
    let place = few(&["calm.json"]);
    let one = |words: &[&str]| document(&place.run(&[words, &["--format-version", "1", "--format", "json"]].concat()));
    for words in [&["run", "--seeds", "1"][..], &["list"], &["config", "show"], &["lint"]] {
        assert!(one(words)["schema"].as_str().unwrap().ends_with("/1"), "{words:?}");
    }
    assert_eq!(one(&["run", "--seeds", "1"])["run"]["command"], "cutline run scenarios --seeds 1");
    let two = place.run(&["run", "--format-version", "2"]);
    assert!(two.status.code() == Some(2) && err(&two).contains("writes version 1 and no other"), "{}", err(&two));
}

/// A safety net: what takes too long here is called stuck, which is no verdict on the protocol.
#[test]
fn a_seed_that_takes_too_long_is_given_up_and_named() {
    let long = CALM.replace(r#"{ "min": 20, "max": 60 }"#, r#"{ "min": 90000, "max": 99000 }"#);
    let place = Place::new(&[("long.json", &long)]);
    let output = place.run(&["run", "--seeds", "2", "--stuck-after", "10ms", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let finding = &document(&output)["findings"][0];
    assert_eq!((&finding["kind"], &finding["failing_seeds"]), (&"stuck".into(), &2.into()), "{finding:#}");
    assert!(finding["message"].as_str().unwrap().starts_with("given up: it took longer than 0.010 s"), "{finding:#}");
    assert_eq!(document(&output)["summary"]["failing_seeds"], 2);
    assert!(finding.get("digest").is_none() && finding.get("shrunk").is_none());
    assert_eq!(document(&output)["findings"].as_array().unwrap().len(), 1, "and nothing else is said of it");
}

/// Two scenarios of one name are two: their lines, their findings and the folders of these are told apart by where they are.
#[test]
fn scenarios_of_one_name_are_told_apart() {
    let place = Place::new(&[("a/same.json", CALM), ("b/same.json", CALM), ("b/other.json", CALM)]);
    let output = place.run(&["run", "--protocol", "commit-on-prepare", "--seeds", "6", "--format", "json"]);
    let report = document(&output);
    let all = |key: &str, of: &str| -> Vec<String> {
        report[key].as_array().unwrap().iter().map(|one| one[of].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(all("scenarios", "name"), ["a/same", "other", "b/same"]);
    let (names, ids) = (all("findings", "scenario"), all("findings", "id"));
    assert!(["a/same", "b/same"].iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");
    for (name, id) in names.iter().zip(&ids) {
        let kept = std::fs::read_to_string(place.path(&format!(".cutline/findings/{id}/finding.json"))).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&kept).unwrap()["finding"]["scenario"],
            **name,
            "{id} is nobody else's"
        );
    }
}
