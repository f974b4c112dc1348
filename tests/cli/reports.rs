//! Reports for other programs, read by other programs.

use super::*;

fn failing() -> (Place, Output) {
    let place =
        Place::new(&[("calm.json", CALM), ("odd, 100% name.json", &CALM.replace("\"count\": 0", "\"count\": 2"))]);
    let words = [
        "run",
        "--protocol",
        "quorum-of-one",
        "--seeds",
        "6",
        "--no-shrink",
        "--report",
        "sarif=out/r.sarif",
        "--report",
        "junit=out/r.xml",
        "--report",
        "markdown=out/r.md",
        "--format",
        "github",
    ];
    let output = place.run(&words);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    (place, output)
}

/// Runs a program that reads what we write; false: it isn't there, and that is said.
fn consumer(name: &str, command: &mut Command) -> bool {
    match command.output() {
        Ok(output) if output.status.success() => true,
        Ok(output) if !err(&output).contains("No module named") => {
            panic!("{name} doesn't like it: {}{}", out(&output), err(&output))
        }
        _ => {
            assert!(!must_be_there(name), "{name} isn't there");
            eprintln!("SKIPPED: {name} isn't there");
            false
        }
    }
}

#[test]
fn a_parser_of_junit_counts_what_we_count() {
    let (place, _) = failing();
    let python = std::env::var("CUTLINE_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let script = "import sys, junitparser\n\
        x = junitparser.JUnitXml.fromfile(sys.argv[1])\n\
        cases = [c for s in x for c in s]\n\
        bad = [c for c in cases if not c.is_passed]\n\
        assert len(list(x)) == 2 and x.tests == len(cases) == sum(s.tests for s in x), x.tests\n\
        assert x.failures == len(bad) == sum(s.failures for s in x) >= 2, x.failures\n\
        assert len({(c.classname, c.name) for c in cases}) == len(cases)\n\
        assert all('reproduce: cutline replay' in c.result[0].text for c in bad)\n";
    consumer("junitparser", Command::new(python).arg("-c").arg(script).arg(place.path("out/r.xml")));
}

/// The schema of the Jenkins dialect (junit-10.xsd of its xUnit plugin), rule by rule: which elements and attributes there may
/// be, and which there must be. GitLab reads one attribute more, the file of a test case.
#[test]
fn junit_is_as_the_schema_of_the_dialect_says() {
    type Names = &'static [&'static str];
    const RULES: [(&str, Names, Names, Names); 5] = [
        ("testsuites", &["testsuite"], &[], &["name", "time", "tests", "failures", "errors"]),
        (
            "testsuite",
            &["testsuite", "properties", "testcase", "system-out", "system-err"],
            &["name", "tests", "failures", "errors"],
            &["group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"],
        ),
        (
            "testcase",
            &["skipped", "error", "failure", "system-out", "system-err"],
            &["name"],
            &["time", "classname", "group", "file"],
        ),
        ("failure", &[], &[], &["type", "message"]),
        ("error", &[], &[], &["type", "message"]),
    ];
    let (place, _) = failing();
    let text = String::from_utf8(place.bytes("out/r.xml")).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    assert_eq!(document.root_element().tag_name().name(), "testsuites");
    let mut failures = 0;
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        let (_, children, must, may) = RULES.iter().find(|rule| rule.0 == name).unwrap_or_else(|| panic!("<{name}>"));
        for child in node.children().filter(roxmltree::Node::is_element) {
            assert!(children.contains(&child.tag_name().name()), "{child:?} in <{name}>");
        }
        for attribute in node.attributes() {
            assert!(must.contains(&attribute.name()) || may.contains(&attribute.name()), "{attribute:?} of <{name}>");
            let time = attribute.name() != "time" || attribute.value().parse::<f64>().is_ok();
            assert!(time && !attribute.value().starts_with('-'), "{attribute:?}");
        }
        assert!(must.iter().all(|wanted| node.has_attribute(*wanted)), "{node:?} lacks one of {must:?}");
        failures += usize::from(name == "failure");
    }
    assert_eq!(document.root_element().attribute("failures"), Some(failures.to_string().as_str()));
}

/// Documents of all kinds are what `cutline schema run` says.
#[test]
fn documents_are_as_their_schema_says() {
    let (place, _) = failing();
    std::fs::write(place.path("schema.json"), place.run(&["schema", "run"]).stdout).unwrap();
    let words = ["run", "--protocol", "quorum-of-one", "--seeds", "6", "--format", "json", "-v"];
    let part = [&words[..], &["--partition", "hash:1/2"]].concat();
    std::fs::write(place.path("whole.json"), place.run(&words).stdout).unwrap();
    std::fs::write(place.path("part.json"), place.run(&part).stdout).unwrap();
    place.run(&["merge", "-o", "merged.json", "part.json"]);
    std::fs::write(place.path("scenarios/typo.json"), CALM.replace("\"parallelism\"", "\"paralelism\"")).unwrap();
    std::fs::write(place.path("refused.json"), place.run(&words).stdout).unwrap();
    let script = "import json, sys, jsonschema\n\
        schema = json.load(open('schema.json'))\n\
        jsonschema.Draft202012Validator.check_schema(schema)\n\
        check = jsonschema.Draft202012Validator(schema)\n\
        for name in sys.argv[1:]:\n    check.validate(json.load(open(name)))\n\
        broken = json.load(open(sys.argv[1]))\n\
        del broken['scenarios'][0]['basis']\n\
        assert not check.is_valid(broken)\n";
    let python = std::env::var("CUTLINE_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let files = ["whole.json", "part.json", "merged.json", "refused.json"];
    consumer("jsonschema", Command::new(python).args(["-c", script]).args(files).current_dir(place.path(".")));
}

#[test]
fn a_validator_of_sarif_accepts_ours() {
    let (place, _) = failing();
    let sarif: Value = serde_json::from_slice(&place.bytes("out/r.sarif")).unwrap();
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert!(sarif["version"] == "2.1.0" && results.len() >= 2);
    for result in results {
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(result["partialFingerprints"]["cutlineFinding/v1"].as_str().is_some_and(|id| id.len() == 8));
        assert!(result["message"]["text"].as_str().unwrap().contains("Reproduce: cutline replay"));
    }
    let uris: Vec<&Value> =
        results.iter().map(|result| &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).collect();
    assert!(uris.contains(&&"scenarios/odd%2C%20100%25%20name.json".into()), "{uris:?}");

    std::fs::write(place.path("scenarios/typo.json"), CALM.replace("\"parallelism\"", "\"paralelism\"")).unwrap();
    assert_eq!(place.code(&["lint", "--report", "sarif=out/typo.sarif"]), 2);
    assert_eq!(place.code(&["run", "--report", "sarif=out/refused.sarif"]), 2);
    let typo: Value = serde_json::from_slice(&place.bytes("out/typo.sarif")).unwrap();
    assert_eq!(typo["runs"][0]["results"][0]["ruleId"], "S0103");
    assert!(place.bytes("out/refused.sarif").len() > 100);

    let Some(multitool) = std::env::var_os("CUTLINE_SARIF") else {
        assert!(!must_be_there("sarif"), "CUTLINE_SARIF names no validator");
        return eprintln!("SKIPPED: CUTLINE_SARIF doesn't name the multitool of SARIF");
    };
    for file in ["out/r.sarif", "out/typo.sarif"] {
        let output = Command::new(&multitool).arg("validate").arg(place.path(file)).output().unwrap();
        let said = out(&output);
        assert!(output.status.success() && !said.contains(": error "), "{said}{}", err(&output));
    }
}

#[test]
fn annotations_are_lines_that_github_understands() {
    let (place, output) = failing();
    let text = out(&output);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("::")).collect();
    assert!((2..=11).contains(&lines.len()), "{text}");
    let odd = lines.iter().find(|line| line.contains("odd")).unwrap();
    assert!(
        odd.starts_with("::error file=scenarios/odd%2C 100%25 name.json,line=1,title=odd%2C 100%25 name%3A "),
        "{odd}"
    );
    assert!(odd.contains("%0Areproduce: cutline replay 'scenarios/odd, 100%25 name.json' --seed 0x"), "{odd}");

    // There it is the same without being asked for; a document on stdout stays one.
    let there = |words: &[&str]| {
        let mut command = place.command(words);
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", place.path("summary.md"));
        command.output().unwrap()
    };
    let words = ["run", "--protocol", "quorum-of-one", "--seeds", "6", "--no-shrink"];
    let shown = out(&there(&words));
    assert_eq!(shown.lines().filter(|line| line.starts_with("::")).collect::<Vec<_>>(), lines);
    let summary = place.bytes("summary.md");
    assert_eq!(summary, place.bytes("out/r.md").as_slice(), "the summary is the report in Markdown");
    document(&there(&[&words[..], &["--format", "json"]].concat()));
    assert_eq!(place.bytes("summary.md").len(), 2 * summary.len(), "a step has one summary of all its commands");
    assert!(!out(&place.run(&words)).contains("::error"), "elsewhere nobody wants them");
    std::fs::write(place.path("summary.md"), vec![b'x'; 900 * 1024]).unwrap();
    there(&words);
    assert!(place.bytes("summary.md").len() < 901 * 1024);
}

#[test]
fn markdown_has_what_a_reader_wants_first() {
    let (place, _) = failing();
    let text = String::from_utf8(place.bytes("out/r.md")).unwrap();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what}: {text}"));
    assert!(text.starts_with("## cutline: FAIL\n"));
    assert!(at("\nShould be: ") < at("```sh\ncutline replay ") && at("```sh") < at("| status | scenario |"));
    let fences = text.matches("```").count();
    assert!(fences.is_multiple_of(2) && fences >= 4);
}

/// The summary of a step shows the smallest run as a picture that GitHub draws, and all findings at a glance.
#[test]
fn markdown_has_a_table_of_findings_and_the_smallest_run() {
    let place = Place::calm();
    let words =
        ["run", "--protocol", "drops-one", "--seeds", "6", "--report", "markdown=r.md", "--report", "json=r.json"];
    assert_eq!(place.code(&words), 1);
    let text = String::from_utf8(place.bytes("r.md")).unwrap();
    let report: Value = serde_json::from_slice(&place.bytes("r.json")).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.len() >= 2);
    for finding in findings {
        let row = format!(
            "| `{}` | calm | {} violated |",
            finding["id"].as_str().unwrap(),
            finding["property"].as_str().unwrap()
        );
        assert!(text.contains(&row), "{row}: {text}");
        assert!(finding["plan"]["job"].is_object(), "what the seed drew is always there");
    }
    assert_eq!(text.matches("```mermaid\nsequenceDiagram\n").count(), 1, "{text}");
    assert!(text.matches("```").count().is_multiple_of(2));
    // Put together elsewhere, there is none; here, there is the same.
    let merge = ["merge", "r.json", "--report", "markdown=m.md", "-q"];
    place.run(&merge);
    let diagram =
        |text: &str| text.split_once("```mermaid").map(|(_, rest)| rest.split_once("```").unwrap().0.to_string());
    let merged = || diagram(&String::from_utf8(place.bytes("m.md")).unwrap());
    assert_eq!(merged(), diagram(&text));
    std::fs::remove_dir_all(place.path(".cutline")).unwrap();
    place.run(&merge);
    assert_eq!(merged(), None);
}

/// A program gets a document whatever is wrong, and it says what.
#[test]
fn a_document_says_why_nothing_was_done() {
    let place = Place::calm();
    let refused = |words: &[&str], wanted: &str| {
        let output = place.run(&[&["run", "--format", "json"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let summary = &document(&output)["summary"];
        assert_eq!((&summary["status"], &summary["exit_code"]), (&"refused".into(), &2.into()));
        assert!(summary["refused"].as_str().unwrap().contains(wanted), "{summary:#}");
    };
    refused(&["nowhere.json"], "there is no file or directory `nowhere.json`");
    refused(&["--seed", "0xZZ"], "expected decimal or 0x-hex");
    refused(&["--sedes", "3"], "--sedes");
    refused(&["--protocol", "engin"], "did you mean `engine`");
    refused(&["--seed-base", "git:no-such-branch"], "git knows no commit `no-such-branch`");
    let base = |text: &str| {
        document(&place.run(&["run", "--format", "json", "--seeds", "1", "--seed-base", text]))["run"]["seed_base"]
            .clone()
    };
    assert_eq!(base("text:nightly-17"), base("text:nightly-17"));
    assert_ne!(base("text:nightly-17"), base("text:nightly-18"));
    assert_eq!(base("0x2a"), "0x000000000000002a");
}
