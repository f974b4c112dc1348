//! The line that shows a failure again: the same everywhere, and honest where something has changed since.

use super::*;
use cutline::cli::args::STREAM;

/// A sweep that finds something, with every report.
fn found(more: &[&str]) -> (Place, Value, String) {
    let place = Place::calm();
    let reports = ["junit", "json", "markdown", "html", "sarif"].map(|kind| format!("--report={kind}=out/r.{kind}"));
    let words = ["run", "--protocol", "drops-one", "--seeds", "8", "--format", "github"];
    let words: Vec<&str> =
        words.into_iter().chain(reports.iter().map(String::as_str)).chain(more.iter().copied()).collect();
    let output = place.run(&words);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let report = serde_json::from_slice(&place.bytes("out/r.json")).unwrap();
    (place, report, out(&output))
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').skip(1).collect()
}

#[test]
fn the_line_is_the_same_everywhere_and_shows_it_again() {
    let (place, report, said) = found(&[]);
    let findings = report["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        let line = finding["reproduce"].as_str().unwrap();
        let (seed, id) = (finding["seed"].as_str().unwrap(), finding["id"].as_str().unwrap());
        assert_eq!(
            line,
            format!("cutline replay scenarios/calm.json --seed {seed} --stream {STREAM} --protocol drops-one")
        );
        let smaller = finding["shrunk_command"].as_str().unwrap();
        assert_eq!(smaller, format!("cutline replay .cutline/findings/{id}/shrunk.json"));
        for line in [line, smaller] {
            let text = |file: &str| String::from_utf8(place.bytes(file)).unwrap();
            let repro = text(&format!(".cutline/findings/{id}/repro.txt"));
            let files = ["out/r.junit", "out/r.markdown", "out/r.html", "out/r.sarif"].map(text);
            for whole in files.iter().chain([&said, &repro]) {
                assert!(whole.contains(line), "{line} isn't in {whole}");
            }
            let mut noted = said.lines().filter(|noted| noted.starts_with("::error ") && noted.contains(id));
            assert!(noted.any(|noted| noted.contains(&format!(" {line}"))), "{said}");
            assert_eq!(place.code(&words(line)), 1, "{line}");
        }
        // Its folder knows all that it takes.
        let folder = format!(".cutline/findings/{id}");
        let again = place.run(&["replay", &folder]);
        assert!(again.status.code() == Some(1) && out(&again).contains(seed), "{}{}", out(&again), err(&again));
    }
    assert_eq!(place.code(&["replay", "scenarios"]), 2, "that is no folder of a finding");
}

#[test]
fn a_scenario_that_has_changed_since_is_named() {
    for more in [&[][..], &["--no-shrink"]] {
        let (place, report, _) = found(more);
        let finding = &report["findings"][0];
        let line = words(finding["reproduce"].as_str().unwrap());
        assert!(!out(&place.run(&line)).contains("note: scenario changed"), "it hasn't");
        let was = report["scenarios"][0]["scenario_digest"].as_str().unwrap().to_string();
        // What a scenario says about itself changes nothing.
        let told = CALM.replacen("\"guarantee\"", "\"about\": \"calm\", \"guarantee\"", 1);
        std::fs::write(place.path("scenarios/calm.json"), told).unwrap();
        assert!(!out(&place.run(&line)).contains("note: scenario changed"), "nothing that matters has");
        let other = CALM.replace("\"max\": 60", "\"max\": 61");
        std::fs::write(place.path("scenarios/calm.json"), other).unwrap();
        let listed = document(&place.run(&["list", "--format", "json"]));
        let output = place.run(&line);
        let note = out(&output).lines().find_map(|line| line.strip_prefix("note: ").map(str::to_string)).unwrap();
        // The digest of a run is that of the protocol that was run.
        assert!(note.starts_with(&format!("scenario changed since this seed was recorded (was {was}, is ")), "{note}");
        assert!(!note.contains(listed["scenarios"][0]["digest"].as_str().unwrap()));
        // Other seeds were never recorded.
        assert!(!out(&place.run(&["replay", "scenarios/calm.json", "--seed", "12345"])).contains("note: "));
    }
}

#[test]
fn a_seed_of_another_stream_version_is_another_run_and_that_is_said() {
    let (place, report, _) = found(&["--no-shrink"]);
    let line =
        report["findings"][0]["reproduce"].as_str().unwrap().replace(&format!("--stream {STREAM}"), "--stream 1");
    let output = place.run(&words(&line));
    let said = "this seed was recorded under stream version 1";
    assert!(err(&output).contains(said) && output.status.code() == Some(1), "{}", err(&output));
    assert!(out(&output).contains("another run than the recorded one") && !out(&output).contains("\nreproduced"));
    let calm = ["replay", "scenarios/calm.json", "--seed", "7", "--stream", "1"];
    let output = place.run(&calm);
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    let versions = text.lines().find(|line| line.starts_with("did not reproduce: ")).unwrap();
    assert!(
        versions.contains("recorded by stream 1, present 0.1.0") && versions.contains(&format!("stream {STREAM}")),
        "{versions}"
    );
    assert_eq!(place.code(&[&calm[..], &["--bisect"]].concat()), 125);
    // What was recorded here knows more than its stream version.
    let seed = report["findings"][0]["seed"].as_str().unwrap();
    let latest = String::from_utf8(place.bytes(".cutline/runs/latest")).unwrap();
    let run = format!(".cutline/runs/{}/report.json", latest.trim());
    let older =
        String::from_utf8(place.bytes(&run)).unwrap().replace(&format!("\"stream\": {STREAM}"), "\"stream\": 1");
    std::fs::write(place.path(&run), older.replace("drops-one", "engine")).unwrap();
    let text = out(&place.run(&["replay", "scenarios/calm.json", "--seed", seed]));
    assert!(text.contains("note: scenario changed") && text.contains("recorded by 0.1.0"), "{text}");
    assert!(text.contains(" stream 1 trace 1, present 0.1.0"), "{text}");

    let shrink = place.run(&["shrink", "scenarios/calm.json", "--seed", "7", "--stream", "1"]);
    assert!(shrink.status.code() == Some(4) && err(&shrink).contains(said), "{}", err(&shrink));
    let line = report["findings"][0]["reproduce"].as_str().unwrap().replace("cutline replay", "cutline shrink");
    let shrunk = place.run(&[&words(&line)[..], &["--runs", "20", "-o", "small.json"]].concat());
    assert!([0, 3].contains(&shrunk.status.code().unwrap()), "{}", err(&shrunk));
    let again = out(&shrunk).lines().find_map(|line| line.strip_prefix("reproduce: ").map(str::to_string)).unwrap();
    assert_eq!(place.code(&words(&again)), 1, "{again}");
}

/// A page shows the verdict, the line and the picture.
fn shows(page: &[u8], line: &str) {
    let page = String::from_utf8(page.to_vec()).unwrap();
    let picture = page.contains("space-time diagram of the failing run") && page.contains("<svg");
    assert!(page.contains(">FAIL<") && page.contains(line) && picture, "{line}");
}

#[test]
fn one_run_and_one_trace_have_pages_too() {
    let (place, report, _) = found(&["--no-shrink"]);
    let finding = &report["findings"][0];
    let line = finding["reproduce"].as_str().unwrap();
    let more =
        ["--report", "html=run.html", "--report", "json=run.json", "--report", "junit=run.xml", "--trace", "t.jsonl"];
    assert_eq!(place.code(&[&words(line)[..], &more].concat()), 1);
    shows(&place.bytes("run.html"), line);
    let run: Value = serde_json::from_slice(&place.bytes("run.json")).unwrap();
    assert_eq!((&run["findings"][0]["id"], &run["summary"]["exit_code"]), (&finding["id"], &1.into()));
    assert_eq!(run["findings"][0]["digest"], finding["digest"]);

    let output = place.run(&["verify", "t.jsonl", "--report", "html=trace.html", "--report", "json=trace.json"]);
    assert_eq!(output.status.code(), Some(1));
    shows(&place.bytes("trace.html"), "cutline verify t.jsonl");
    let trace: Value = serde_json::from_slice(&place.bytes("trace.json")).unwrap();
    assert_eq!((&trace["findings"][0]["property"], &trace["summary"]["seeds"]), (&finding["property"], &1.into()));
    assert!(trace["scenarios"][0]["reached"]["checkpoint_completed"] == 1, "{trace:#}");
    // Nothing is wrong with the honest engine, and a page says that, too.
    let honest =
        ["replay", "scenarios/calm.json", "--seed", "7", "--trace", "good.jsonl", "--report", "html=good.html"];
    assert_eq!(place.code(&honest), 0);
    assert!(String::from_utf8(place.bytes("good.html")).unwrap().contains(">PASS<"));
    let both = place.run(&["verify", "good.jsonl", "t.jsonl", "nowhere.jsonl", "--report", "json=-"]);
    let rows = document(&both)["scenarios"].as_array().unwrap().len();
    assert_eq!((both.status.code(), rows), (Some(1), 2));
    assert_eq!(document(&both)["diagnostics"][0]["code"], "T0101");
    assert_eq!(place.code(&["replay", "scenarios/calm.json", "--until", "5", "--report", "html=x.html"]), 2);
}

#[test]
fn pages_of_parts_have_pictures_where_the_scenario_is() {
    for more in [&[][..], &["--no-shrink"]] {
        let (place, report, _) = found(&[&["--report", "html=whole.html"], more].concat());
        let line = report["findings"][0]["reproduce"].as_str().unwrap();
        let page = |place: &Place| {
            place.run(&["merge", "out/r.json", "--report", "html=merged.html", "-q"]);
            place.bytes("merged.html")
        };
        let merged = page(&place);
        shows(&merged, line);
        let slowest = |bytes: &[u8]| {
            let page = String::from_utf8(bytes.to_vec()).unwrap();
            page.split("<section id=\"slowest\">").nth(1).unwrap().split("</section>").next().unwrap().to_string()
        };
        assert!(slowest(&merged).contains("By lines of their traces"));
        assert_eq!(slowest(&merged), slowest(&place.bytes("whole.html")));
        // A folder of another sweep isn't taken for this one's.
        let _ = std::fs::rename(place.path(".cutline/findings"), place.path("elsewhere"));
        shows(&page(&place), line);
        let missing = |why: &str| {
            let page = String::from_utf8(page(&place)).unwrap();
            assert!(page.contains("No picture: ") && page.contains(why) && page.contains(line), "{why}");
        };
        std::fs::write(place.path("scenarios/calm.json"), CALM.replace("\"max\": 60", "\"max\": 61")).unwrap();
        missing("has changed since it was run");
        std::fs::remove_file(place.path("scenarios/calm.json")).unwrap();
        missing("there is no scenario scenarios/calm.json");
    }
}

/// Under its picture a finding has the lines that prove it, and they lead to their steps.
#[test]
fn a_page_says_why_and_every_line_leads_to_its_step() {
    let place = Place::new(&[("diamond.json", include_str!("../../scenarios/diamond.json"))]);
    for more in [&[][..], &["--no-shrink"]] {
        let words = ["run", "--protocol", "no-hold", "--seeds", "20", "--report", "html=r.html"];
        assert_eq!(place.code(&[&words[..], more].concat()), 1);
        let page = String::from_utf8(place.bytes("r.html")).unwrap();
        let why = page.split("<pre class=\"why\" tabindex=\"0\">").nth(1).unwrap().split("</pre>").next().unwrap();
        assert!(
            why.contains("takes its snapshot of c") && why.contains("and from there it goes into the snapshot of"),
            "{why}"
        );
        assert!(!why.contains("holds"), "{why}");
        let links: Vec<&str> = page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let steps: Vec<&&str> = links.iter().filter(|link| link.contains("-step-")).collect();
        assert_eq!(steps.len() >= 3, more.is_empty(), "where the steps are listed: {steps:?}");
        for link in links {
            assert_eq!(page.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
        }
    }
}

/// A finding as a word: whoever has the word has the scenario, wherever it was found.
#[test]
fn a_token_is_a_whole_scenario_and_damage_is_told() {
    let (place, report, _) = found(&[]);
    let elsewhere = Place::calm();
    for finding in report["findings"].as_array().unwrap() {
        let folder = format!(".cutline/findings/{}", finding["id"].as_str().unwrap());
        let line = String::from_utf8(place.bytes(&format!("{folder}/token.txt"))).unwrap();
        let digest = |place: &Place, words: &[&str]| {
            let run = place.run(words);
            assert_eq!(run.status.code(), Some(1), "{}", err(&run));
            out(&run).lines().last().unwrap().to_string()
        };
        let shrunk = format!("{folder}/shrunk.json");
        assert_eq!(digest(&elsewhere, &words(line.trim_end())), digest(&place, &["replay", &shrunk]), "{line}");
        let token = words(line.trim_end())[1].to_string();
        for at in (0..token.len()).step_by(7) {
            let mut bad = token.clone();
            bad.replace_range(at..=at, if &token[at..=at] == "A" { "B" } else { "A" });
            let refused = cutline::scenario::token::read(&bad, 1 << 20);
            assert!(refused.is_err_and(|why| why.contains("token")), "{bad}");
        }
        let cut = elsewhere.run(&["replay", &token[..token.len() / 2]]);
        assert_eq!(cut.status.code(), Some(2));
        assert!(err(&cut).contains("error[S0101]: the token is damaged"), "{}", err(&cut));
    }
}
