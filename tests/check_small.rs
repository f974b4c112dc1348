//! The small scenarios: exhausted, with counts that are pinned, and the same whatever is left out.

mod support;

use cutline::explore::commutation::Learned;
use cutline::explore::judge::Property;
use cutline::explore::reduce::Reducer;
use cutline::explore::refine::Base;
use cutline::explore::rules::*;
use cutline::explore::search::{Found, Options, search};
use cutline::world::setup::Setup;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use support::Job;

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

/// A scenario with what it lets happen.
struct Case {
    setup: Arc<Setup>,
    rules: Rules,
    base: Option<Arc<Base>>,
    protocol: &'static str,
}

impl Case {
    fn new(scenario: &str, protocol: &'static str, rules: Rules) -> Self {
        let (setup, _) = Job::of(&format!("small/{scenario}"), protocol).plan(0);
        let setup = Arc::new(Setup { remember: true, ..Setup::clone(&setup) });
        let base = Base::new(&setup, 100_000).ok().map(Arc::new);
        Case { setup, rules, base, protocol }
    }

    fn search(&self, change: impl Fn(&mut Options)) -> Found {
        let mut options = Options { keep_going: true, ..Options::new(self.rules) };
        change(&mut options);
        let found = search(&self.setup, options, self.base.as_ref(), &mut |_| true);
        assert!(found.cut.is_none() && !found.strange);
        found
    }

    fn reducer(&self) -> Arc<Reducer> {
        Arc::new(Reducer::new(&self.setup.topology, self.protocol, "aligned", &Learned::shipped(), &self.rules))
    }
}

type Shown = (BTreeSet<u128>, BTreeSet<u128>, BTreeSet<Property>);

fn shown(found: &Found) -> Shown {
    (found.quiescent.clone(), found.completed.clone(), found.violations.keys().copied().collect())
}

/// Reduction, dominance and threads change nothing that is said.
#[test]
fn what_is_left_out_changes_nothing_that_is_said() {
    let one = |kind| Rules { budget: Budget::default().with(kind, 1), ..Rules::default() };
    let cases = [
        Case::new("two_phase", "engine", one(Scarce::Trigger)),
        Case::new("two_phase", "engine", one(Scarce::Crash)),
        Case::new("lost_reply", "engine", one(Scarce::LostReply)),
        Case::new("failed_request", "engine", one(Scarce::FailedRequest)),
        Case::new("lost_message", "engine", one(Scarce::LostControl)),
        Case::new("end_in_alignment", "engine", Rules::default()),
    ];
    for case in cases {
        let plain = case.search(|_| {});
        assert!(!plain.completed.is_empty() && !plain.good_ends.is_empty());
        let (reducer, mut ways) = (case.reducer(), Vec::new());
        ways.push(case.search(|options| options.reduce = Some(reducer.clone())));
        ways.push(case.search(|options| options.dominance = false));
        ways.push(case.search(|options| (options.dominance, options.reduce) = (false, Some(reducer.clone()))));
        for way in &ways {
            assert_eq!(shown(way), shown(&plain), "{}", case.setup.name);
        }
        assert!(ways[0].states <= plain.states);
        let threads = case.search(|options| options.jobs = 2);
        assert_eq!(shown(&threads), shown(&plain));
        assert_eq!(
            (threads.states, threads.transitions, threads.depth),
            (plain.states, plain.transitions, plain.depth)
        );
    }
}
