//! The HTML page, and the commands, as whoever types them sees them.

use super::sheet::Sheet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A directory to run in.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutline"));
        command.args(words).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY");
        command.output().unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }
}

fn scenario(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.json")).display().to_string()
}

fn without_timing(page: &str) -> &str {
    page.split_once("<section id=\"timing\">").expect("there is a section for it").0
}

#[test]
fn a_page_shows_verdict_findings_and_what_was_reached_in_this_order() {
    let place = Place::new();
    let text = std::fs::read_to_string(scenario("diamond")).unwrap();
    place.write("<b>&'it'.json", &text.replace("\"format\"", "\"name\": \"<i>&diamond\", \"format\""));
    let words = |jobs, page, more: &[&'static str]| -> Vec<&str> {
        let all = ["run", "<b>&'it'.json", "--protocol", "no-hold", "--seeds", "24", "--report", page, "-j", jobs];
        all.into_iter().chain(more.iter().copied()).collect()
    };
    let output = place.run(&words("1", "html=one.html", &["--no-shrink"]));
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    place.run(&words("3", "html=three.html", &["--no-shrink"]));
    place.run(&words("2", "html=small.html", &[]));
    let (one, three, small) = (place.read("one.html"), place.read("three.html"), place.read("small.html"));
    assert_eq!(without_timing(&one), without_timing(&three), "threads change nothing but the timing");
    for page in [&one, &small] {
        let order = ["<h1>", "id=\"findings\"", "id=\"goals\"", "id=\"coverage\"", "id=\"scenarios\"", "id=\"faults\""];
        let order = order.into_iter().chain(["id=\"slowest\"", "id=\"environment\"", "id=\"timing\""]);
        let places: Vec<usize> = order.map(|part| page.find(part).unwrap_or_else(|| panic!("no {part}"))).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert!(page.contains("id=\"finding-") && page.contains("FAIL"));
        assert!(
            page.contains("cutline replay &apos;")
                || page.contains("cutline replay &#39;")
                || page.contains("cutline replay '")
        );
        assert!(!page.contains("<b>&'it'") && !page.contains("<i>&diamond"), "what comes from files is escaped");
        assert!(page.contains("&lt;i&gt;&amp;diamond"));
        for loads in ["<link", "<img", "<iframe", "src=", "@import", "url(", "https://", "fetch("] {
            assert!(!page.contains(loads), "nothing is loaded from anywhere: {loads}");
        }
        assert!(page.matches("http://").count() == page.matches("http://www.w3.org/2000/svg").count());
        let pictures: Vec<&str> = page.split("<svg").skip(1).map(|rest| rest.split_once("</svg>").unwrap().0).collect();
        assert!(!pictures.is_empty());
        for picture in pictures {
            Sheet::read(&format!("<svg{picture}</svg>")).check("a picture of the page");
        }
        assert!(page.len() < 5_000_000);
    }
    assert!(small.contains("orphan of c") && small.contains("Shrunk to") && small.contains("Step by step"));
    let folder = small.split_once(".cutline/findings/").unwrap().1;
    let svg = place.read(&format!(".cutline/findings/{}/diagram.svg", &folder[..8]));
    Sheet::read(&svg).check("the picture in the folder of a finding");
}

#[test]
fn a_page_of_a_sweep_without_findings_says_so() {
    let place = Place::new();
    let output = place.run(&["run", &scenario("windows"), "--seeds", "3", "--report", "html=-"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.contains(">PASS<") && page.contains("nothing found in 3 seeds")
    );
    assert!(page.contains("reached by none") && page.matches("cutline replay ").count() == 3, "the slowest are named");
}

/// A page stays below 5 MB, and says what it leaves out.
#[test]
fn what_is_too_large_is_left_out() {
    use cutline::report::html::{Extras, Shown, page};
    use cutline::report::{Finding, Head, Kind, Sweep, Tail};
    let finding = |n: u64| Finding {
        kind: Kind::Stuck,
        path: "a.json".into(),
        scenario: format!("job-{n}"),
        property: "stuck".into(),
        count: 1,
        of: 1,
        seed: Some(n),
        message: "it never ended".into(),
        statement: "every run ends".into(),
        digest: None,
        plan: None,
        shrunk: None,
        smaller: None,
        reproduce: format!("cutline replay a.json --seed {n}"),
    };
    let findings: Vec<Finding> = (0..4).map(finding).collect();
    let picture = || Some("x".repeat(1_500_000));
    let shown = |finding: &Finding| {
        (finding.id(), Shown { picture: picture(), story: picture(), folder: Some("kept/here".into()), missing: None })
    };
    let extras = Extras { findings: findings.iter().map(shown).collect(), ..Extras::default() };
    let (head, tail) = (Head::default(), Tail::default());
    let sweep = Sweep { head, scenarios: vec![], findings, diagnostics: vec![], tail };
    let page = page(&sweep, &extras);
    assert!(page.len() < 5_000_000, "{}", page.len());
    assert_eq!(page.matches("The picture is left out").count(), 3);
    assert!(page.contains("It is in <code>kept/here</code>"));
    (0..4).for_each(|n| assert!(page.contains(&format!("--seed {n}")), "its command is there in any case"));
}

#[test]
fn bad_input_is_2_and_says_what_is_wrong() {
    let place = Place::new();
    place.write("empty.jsonl", "");
    place.write("other.jsonl", "{\"a\":1}\n");
    let diamond = scenario("diamond");
    place.run(&["replay", &diamond, "--seed", "7", "--trace", "t.jsonl"]);
    let whole = place.read("t.jsonl");
    place.write("header.jsonl", whole.split_inclusive('\n').next().unwrap());
    place.write("torn.jsonl", &whole[..whole.len() / 2]);
    let cases: &[(&[&str], &str)] = &[
        (&["nowhere.jsonl"], "nowhere.jsonl"),
        (&["."], "it is a directory"),
        (&["empty.jsonl"], "the trace is empty"),
        (&["other.jsonl"], "other.jsonl:1:"),
        (&["torn.jsonl"], "torn.jsonl:"),
        (&["header.jsonl"], "no events"),
        (&[&diamond], "--seed"),
        (&[&diamond, "--seed", "7", "--protocol", "no-hol"], "did you mean `no-hold`"),
        (&["t.jsonl", "--checkpoint", "42"], "no checkpoint 42"),
    ];
    for command in [&["diagram"][..], &["checkpoints"], &["export", "--to", "mermaid"]] {
        for (words, said) in cases {
            if words.contains(&"--checkpoint") && command[0] == "export" {
                continue;
            }
            let all: Vec<&str> = command.iter().chain(words.iter()).copied().collect();
            let output = place.run(&all);
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{all:?}: {told}");
            assert!(told.contains(said) && output.stdout.is_empty(), "{all:?}: {told}");
        }
    }
    for words in [&["--around", "9999"][..], &["--from", "9", "--to", "9"], &["--from", "9999"]] {
        let all: Vec<&str> = ["diagram", "t.jsonl"].into_iter().chain(words.iter().copied()).collect();
        assert_eq!(place.run(&all).status.code(), Some(2), "{all:?}");
    }
}

#[test]
fn a_trace_and_its_run_give_the_same_bytes() {
    let place = Place::new();
    let diamond = scenario("diamond");
    place.run(&["replay", &diamond, "--seed", "7", "--trace", "t.jsonl"]);
    for command in [&["diagram"][..], &["checkpoints"], &["export", "--to", "shiviz"], &["export", "--to", "perfetto"]]
    {
        let run = |more: &[&str]| {
            let output = place.run(&command.iter().chain(more.iter()).copied().collect::<Vec<_>>());
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        let (trace, simulated) = (run(&["t.jsonl"]), run(&[&diamond, "--seed", "7"]));
        assert!(trace == simulated && !trace.is_empty(), "{command:?}");
    }
    place.run(&["diagram", "t.jsonl", "-o", "deep/er/t.svg"]);
    Sheet::read(&place.read("deep/er/t.svg")).check("a file in a new folder");
}
