//! What the tool says of itself: help, completions, manual pages, explanations; and how it looks.

use super::*;
use clap::CommandFactory;
use cutline::cli::args::Cli;
use std::sync::Mutex;
use std::time::Duration;

fn commands() -> Vec<clap::Command> {
    let mut root = Cli::command();
    root.build();
    root.get_subcommands().cloned().collect()
}

fn examples(command: &clap::Command) -> Vec<String> {
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let (_, list) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{} has no examples", command.get_name()));
    list.lines().map(|line| line.trim().to_string()).filter(|line| !line.is_empty()).collect()
}

/// Every example of every command is a command that runs. Those that take long are interrupted.
#[cfg(unix)]
#[test]
fn every_example_runs() {
    let place = Place::new(&[]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A copy of the scenarios: `snapshot` writes beside them.
    let _ = std::fs::remove_dir(place.path("scenarios"));
    let copied = Command::new("cp").arg("-R").arg(root.join("scenarios")).arg(place.dir.path()).status();
    assert!(copied.unwrap().success());
    std::os::unix::fs::symlink(root.join("tests"), place.path("tests")).unwrap();
    std::fs::create_dir_all(place.path("regressions")).unwrap();
    std::fs::write(place.path("regressions/lost-record.json"), CALM).unwrap();
    for name in ["trace.jsonl", "t.jsonl"] {
        assert_eq!(place.code(&["replay", "scenarios/diamond.json", "--seed", "3", "--trace", name]), 0);
    }
    // Examples of a page may use each other's files, so they are run in order; pages are run side by side.
    let list = Mutex::new(commands().into_iter());
    let bin = Path::new(env!("CARGO_BIN_EXE_cutline")).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let (next, wrong) = (|| list.lock().unwrap().next(), Mutex::new(Vec::new()));
    let work = || {
        while let Some(page) = next() {
            for line in examples(&page) {
                let mut command = Command::new("timeout");
                command.args(["-s", "INT", "-k", "10", "1", "sh", "-c", &line]).current_dir(place.dir.path());
                command.env("PATH", &path).env("CUTLINE_SEEDS", "3").env("CUTLINE_PROGRESS", "none");
                command.env_remove("CI"); // where `snapshot` writes nothing
                let output = command.stdin(Stdio::null()).output().unwrap();
                if output.status.code() == Some(127) && std::env::var_os("CI").is_none() {
                    // Graphviz, where it isn't installed; CI installs what it can.
                    eprintln!("skipped: {line}: {}", err(&output));
                } else if ![0, 1, 3, 124].contains(&output.status.code().unwrap_or(-1)) {
                    wrong.lock().unwrap().push(format!("{line}: {:?} {}", output.status.code(), err(&output)));
                }
            }
        }
    };
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
    assert!(wrong.lock().unwrap().is_empty(), "{:#?}", wrong.lock().unwrap());
}

#[test]
fn every_command_has_help_with_examples_and_a_manual_page() {
    let place = Place::calm();
    assert_eq!(place.code(&["man", "--out", "man"]), 0);
    for command in commands() {
        let name = command.get_name();
        assert!(examples(&command).len() >= 2, "{name}");
        let page = String::from_utf8(place.bytes(&format!("man/cutline-{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains("Examples:"), "{name}");
        let short = out(&place.run(&[name, "-h"]));
        assert!(!short.contains("Examples:") && short.len() < out(&place.run(&[name, "--help"])).len(), "{name}");
    }
    assert_eq!(place.run(&["man"]).stdout, place.bytes("man/cutline.1"));
    let groff =
        Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(place.path("man/cutline-run.1")).output();
    match groff {
        Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{}", err(&output)),
        Err(_) => eprintln!("SKIPPED: groff isn't there"),
    }
}

#[test]
fn completions_complete() {
    let place = Place::calm();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = place.run(&["completions", shell]);
        assert!(output.status.success() && out(&output).contains("partition"), "{shell}");
        std::fs::write(place.path(shell), &output.stdout).unwrap();
    }
    let script =
        "source ./bash; COMP_WORDS=(cutline me); COMP_CWORD=1; _cutline cutline me cutline; echo \"${COMPREPLY[@]}\"
        COMP_WORDS=(cutline run --part); COMP_CWORD=2; _cutline cutline --part run; echo \"${COMPREPLY[@]}\"";
    match Command::new("bash").args(["-c", script]).current_dir(place.path(".")).output() {
        Ok(output) => assert_eq!(out(&output), "merge\n--partition\n", "{}", err(&output)),
        Err(_) => eprintln!("SKIPPED: bash isn't there"),
    }
    assert_eq!(place.code(&["completions", "cmd"]), 2);
}

#[test]
fn whatever_has_a_code_is_explained() {
    let place = Place::calm();
    let all = out(&place.run(&["explain"]));
    let words: Vec<&str> = all.lines().filter_map(|line| line.split_once("  ")).map(|(word, _)| word).collect();
    for wanted in ["S0103", "C0103", "T0101", "I9", "well-formed", "stuck", "unreached", "exit 5", "exit 130 / 143"] {
        assert!(words.contains(&wanted), "{wanted}");
    }
    for word in words {
        let word = word.strip_prefix("exit ").map_or(word, |codes| codes.split(" / ").next().unwrap());
        let output = place.run(&["explain", word]);
        assert!(output.status.success() && out(&output).len() > word.len() + 20, "{word}");
    }
    let told = out(&place.run(&["explain", "i1"]));
    assert!(told.contains("A violation is, for example,") && told.contains("no-hold"), "{told}");
    assert_eq!(place.code(&["explain", "S9999"]), 2);
}

#[test]
fn a_list_says_what_would_be_run() {
    let place = Place::new(&[("a.json", CALM), ("b.json", CALM)]);
    let list = |words: &[&str]| document(&place.run(&[&["list", "--format", "json"], words].concat()));
    let all = list(&["--seeds", "10", "--partition", "slice:1/3"]);
    let planned = |list: &Value| -> Vec<u64> {
        list["scenarios"].as_array().unwrap().iter().map(|row| row["planned_seeds"].as_u64().unwrap()).collect()
    };
    let really = |words: &[&str]| -> Vec<u64> {
        let report = document(&place.run(&[&["run", "--format", "json"], words].concat()));
        report["scenarios"].as_array().unwrap().iter().map(|row| row["seeds"].as_u64().unwrap()).collect()
    };
    assert_eq!(planned(&all), really(&["--seeds", "10", "--partition", "slice:1/3"]));
    assert_eq!(all["partition"], "slice:1/3");
    assert_eq!(planned(&list(&[])), [20, 20]);
    let b = list(&["--filter", "name(b) & property(I9)"]);
    assert_eq!((b["scenarios"][0]["name"].as_str(), planned(&b).len()), (Some("b"), 1));
    assert!(b["scenarios"][0]["properties"].as_array().unwrap().contains(&"I9".into()));
    assert_eq!(really(&["--filter", "b"]), [20]);
    let part = ["--seeds", "10", "--partition", "slice:1/3", "--format", "json"];
    let dry = place.run(&[&["run", "--dry-run"][..], &part].concat());
    let rows = |list: &Value| list["scenarios"].as_array().unwrap().clone();
    assert_eq!(rows(&document(&dry)), rows(&all), "a dry run says what the list says");
    assert!(dry.stderr.is_empty());
    assert_eq!(place.code(&["run", "--dry-run", "--filter", "nobody"]), 4);
    assert_eq!(place.code(&["run", "--filter", "nobody"]), 4, "a filter that is too narrow is no success");
    assert_eq!(place.code(&["run", "--filter", "nmae(b)"]), 2);
}

/// Numbered steps, and under each what it changes.
#[test]
fn a_trace_is_told_step_by_step_with_what_each_step_changes() {
    let place = Place::calm();
    assert_eq!(place.code(&["replay", "scenarios/calm.json", "--seed", "7", "--trace", "t.jsonl"]), 0);
    let [short, full] =
        [&["explain", "t.jsonl"][..], &["explain", "t.jsonl", "--full"]].map(|words| out(&place.run(words)));
    let lines = String::from_utf8(place.bytes("t.jsonl")).unwrap().lines().count() - 1;
    let steps =
        |text: &str| text.lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit())).count();
    assert!(steps(&full) == lines && steps(&short) < lines, "{lines} {} {}", steps(&full), steps(&short));
    let all: Vec<&str> = full.lines().collect();
    let after = |what: &str| {
        let at = all.iter().position(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what}: {full}"));
        all[at + 1].trim().to_string()
    };
    assert_eq!(after("store         a1  lead "), "| leader: nothing -> f1");
    let begun = after("coordinator   a1  trigger    c1");
    let of = begun.strip_prefix("| c1: nothing -> 0 of ").unwrap_or_else(|| panic!("{begun}"));
    let all_of = of.split(' ').next().unwrap();
    assert_eq!(after("  ack        c1"), format!("| c1: 0 of {of} -> 1 of {of}"));
    assert_eq!(after("store         a1  complete   c1"), format!("| c1: {all_of} of {of} -> complete"));
    assert!(full.contains("| newest complete checkpoint: nothing -> c1\n"), "{full}");
    assert!(full.contains(": 0 -> 1 under way\n") && full.contains(": 1 -> 0 under way\n"), "{full}");
    // Nothing is on its way at the end, so whatever goes up comes down.
    let count = |up: bool| {
        let change = |line: &str| -> Option<(u64, u64)> {
            let (was, is) =
                line.trim().strip_prefix("| ")?.strip_suffix(" under way")?.rsplit_once(": ")?.1.split_once(" -> ")?;
            Some((was.parse().ok()?, is.parse().ok()?))
        };
        full.lines().filter_map(change).filter(|(was, is)| (is > was) == up).count()
    };
    assert!(count(true) == count(false) && count(true) > 20);
}

#[test]
fn traces_part_ways_at_a_place() {
    let place = Place::calm();
    let trace = |seed: &str, name: &str| {
        assert_eq!(place.code(&["replay", "scenarios/calm.json", "--seed", seed, "--trace", name]), 0);
    };
    trace("7", "a.jsonl");
    trace("7", "b.jsonl");
    trace("8", "c.jsonl");
    let same = place.run(&["diff", "a.jsonl", "b.jsonl"]);
    assert!(same.status.code() == Some(0) && out(&same).starts_with("the same "), "{}", out(&same));
    let text = String::from_utf8(place.bytes("a.jsonl")).unwrap();
    let short: Vec<&str> = text.lines().take(21).collect();
    std::fs::write(place.path("short.jsonl"), short.join("\n") + "\n").unwrap();
    let output = place.run(&["diff", "a.jsonl", "short.jsonl", "-U", "2"]);
    let lines: Vec<String> = out(&output).lines().map(str::to_string).collect();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&*lines[0], &*lines[1]), ("--- a.jsonl", "+++ short.jsonl"));
    assert!(lines[2].starts_with("@@ event 20 of ") && lines[2].ends_with(" and 20 @@"), "{lines:?}");
    let signs: String = lines[3..].iter().map(|line| line.chars().next().unwrap()).collect();
    assert_eq!((&*signs, &*lines[7]), ("  --+", "+ (it ends here)"));
    assert_eq!(place.code(&["diff", "a.jsonl", "c.jsonl"]), 1);
    assert_eq!(place.code(&["diff", "a.jsonl", "nowhere.jsonl"]), 2);
}

#[test]
fn findings_become_regressions_and_too_few_seeds_no_success() {
    let place = Place::calm();
    let words = ["run", "--protocol", "drops-one", "--save-regressions", "-q"];
    assert_eq!(place.code(&words), 1);
    let saved = std::fs::read_dir(place.path("regressions")).unwrap().count();
    let report = document(&place.run(&["run", "--format", "json", "--no-shrink"]));
    let paths = report["scenarios"].as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap());
    assert!(saved > 0 && paths.filter(|path| path.starts_with("regressions/calm-")).count() == saved);
    assert_eq!(report["summary"]["exit_code"], 1, "they ask for the defect, and it is still there");
    let code = |words: &[&str]| place.code(&[&["run", "--no-regressions"], words].concat());
    assert_eq!((code(&["--seeds", "3", "--min-seeds", "4"]), code(&["--seeds", "3", "--min-seeds", "3"])), (3, 0));
}

#[test]
fn a_bisection_is_told_good_bad_skip_and_stop() {
    let place = Place::calm();
    let code = |words: &[&str]| place.code(&[&["replay", "--bisect"], words].concat());
    assert_eq!(code(&["scenarios/calm.json"]), 0);
    assert_eq!(code(&["scenarios/nowhere.json"]), 125);
    std::fs::write(place.path("scenarios/typo.json"), CALM.replace("\"job\"", "\"jbo\"")).unwrap();
    assert_eq!(code(&["scenarios/typo.json"]), 125);
    assert_eq!(code(&["scenarios/calm.json", "--stream", "1"]), 125, "the seed means something else here");
    assert_eq!(code(&["scenarios/calm.json", "--stream", "2"]), 0);
    std::fs::remove_file(place.path("scenarios/typo.json")).unwrap();
    let report = document(&place.run(&["run", "--protocol", "drops-one", "--no-shrink", "--format", "json"]));
    let seed = report["findings"].as_array().unwrap().iter().find_map(|finding| finding["seed"].as_str()).unwrap();
    assert_eq!(code(&["scenarios/calm.json", "--seed", seed, "--protocol", "drops-one"]), 1);
}

#[test]
fn colours_are_where_they_are_wanted() {
    let place = Place::calm();
    let colored = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = place.command(&[&["run", "--seeds", "1"], words].concat());
        out(&command.envs(variables.iter().copied()).output().unwrap()).contains('\u{1b}')
    };
    assert!(!colored(&[], &[]), "a pipe is no terminal");
    assert!(colored(&["--color", "always"], &[]));
    assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]), "a flag beats all variables");
    assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]), "empty is not set");
    for format in ["json", "jsonl"] {
        assert!(!colored(&["--color", "always", "--format", format], &[]), "programs get none");
    }
    let words = ["run", "--color", "always", "--protocol", "quorum-of-one", "--no-shrink", "--seeds", "20"];
    let reports = ["junit", "json", "jsonl", "markdown", "sarif"].map(|kind| format!("--report={kind}=out/{kind}"));
    let reports: Vec<&str> = reports.iter().map(String::as_str).collect();
    assert_eq!(place.code(&[&words[..], &reports].concat()), 1);
    for file in ["junit", "json", "jsonl", "markdown", "sarif"] {
        assert!(!place.bytes(&format!("out/{file}")).contains(&0x1b), "{file}");
    }
}

/// No terminal: no control characters, a line when somebody asks, and none of either with `-q`.
#[cfg(unix)]
#[test]
fn who_asks_how_it_goes_is_told() {
    let place = Place::calm();
    let child =
        place.command(&["run", "--seeds", "100000000"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    send(&child, "USR1");
    std::thread::sleep(Duration::from_millis(400));
    send(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let said = err(&output);
    assert!(said.contains("/100,000,000 seeds  ") && said.contains("failing"), "{said}");
    assert!(!said.contains(['\u{1b}', '\r']), "{said:?}");
}

/// Protocols of the mode `alone` and the others mean other things by a checkpoint that is complete.
#[test]
fn a_protocol_in_a_mode_that_isnt_its_own_is_warned_of() {
    let wrong = CALM.replace("\"guarantee\"", "\"protocol\": \"hmnr\", \"guarantee\"");
    let alone = "\"checkpoints\": { \"mode\": \"alone\" },\n  \"faults\"";
    let other = CALM.replace("\"faults\"", alone);
    let place = Place::new(&[
        ("wrong.json", &wrong),
        ("other.json", &other),
        ("right.json", &wrong.replace("\"faults\"", alone)),
        ("calm.json", CALM),
    ]);
    let lint = place.run(&["lint", "scenarios"]);
    assert_eq!(
        (lint.status.code(), out(&lint)),
        (Some(0), "4 scenarios: 2 good, 2 with warnings, 0 with errors\n".into())
    );
    let said = err(&lint);
    assert!(said.contains("warning[S0225]: under `hmnr` everybody takes checkpoints alone"), "{said}");
    assert!(said.contains("--> scenarios/wrong.json:3:15"), "{said}");
    assert!(said.contains("--> scenarios/other.json:11:28") && said.contains("`engine` coordinates them"), "{said}");
    assert_eq!(place.code(&["lint", "scenarios/wrong.json", "--deny-warnings"]), 2);
    let run = place.run(&["run", "scenarios/calm.json", "--protocol", "bcs", "--seeds", "1", "--no-shrink"]);
    assert!(err(&run).contains("warning: under `bcs` everybody takes checkpoints alone"), "{}", err(&run));
    let run = place.run(&["run", "scenarios/right.json", "--protocol", "bcs", "--seeds", "1"]);
    assert_eq!((run.status.code(), err(&run)), (Some(0), String::new()));
}
