//! Space-time diagrams.

use super::sheet::Sheet;
use super::{Told, told};
use cutline::ids::*;
use cutline::picture::cuts::{Crossing, cuts};
use cutline::picture::past::Past;
use cutline::picture::{Fold, Scale, View, Window, diagram};
use cutline::trace::event::Kind;
use cutline::verify::{Invariant, Verdict};

fn drawn(told: &Told, view: View) -> Sheet {
    let svg = diagram(&told.meta, &told.events, &told.report, view).unwrap();
    assert_eq!(svg, diagram(&told.meta, &told.events, &told.report, view).unwrap(), "the same bytes twice");
    Sheet::read(&svg)
}

/// A run with an orphan.
fn orphan() -> Told {
    let mut runs = (0..).map(|seed| told("diamond", "no-hold", seed));
    let found = runs.find(|told| matches!(told.report.verdict(Invariant::I1), Verdict::Violated(_)));
    found.expect("some seed shows it")
}

fn views() -> Vec<View> {
    let all = View { window: Window::Steps(0, u64::MAX), ..View::default() };
    vec![
        View::default(),
        all,
        View { all: true, ..all },
        View { scale: Scale::Time, fold: Fold::Always, ..all },
        View { window: Window::Around(30), ..View::default() },
        View { window: Window::Around(200), scale: Scale::Time, ..View::default() },
    ]
}

#[test]
fn texts_dont_meet_and_nothing_is_outside() {
    for (scenario, protocol, seed) in [
        ("diamond", "engine", 7),
        ("unaligned", "engine", 7),
        ("zombie", "engine", 10),
        ("coordinator_failover", "engine", 2),
        ("windows", "engine", 5),
        ("orphan", "no-hold", 0),
    ] {
        let told = if scenario == "orphan" { orphan() } else { told(scenario, protocol, seed) };
        for view in views() {
            if !matches!(view.window, Window::Around(step) if step >= told.events.len() as u64) {
                drawn(&told, view).check(&format!("{scenario} {protocol} {seed} {view:?}"));
            }
        }
    }
}

#[test]
fn there_is_a_lane_for_each_process_or_for_each_vertex() {
    let told = told("diamond", "engine", 7);
    let all = View { window: Window::Steps(0, u64::MAX), ..View::default() };
    let names = |sheet: &Sheet| -> Vec<String> {
        sheet.texts.iter().filter(|text| text.class == "name").map(|text| text.words.clone()).collect()
    };
    let past = Past::new(&told.meta, &told.events);
    let sheet = drawn(&told, all);
    let mut expected: Vec<String> = past.lives.iter().map(|life| past.topology.name(life.who.task)).collect();
    expected.sort();
    expected.dedup();
    let mut lanes = names(&sheet);
    lanes.sort();
    assert_eq!(lanes, expected);
    let folded = names(&drawn(&told, View { fold: Fold::Always, ..all }));
    let shared: Vec<&String> = folded.iter().filter(|name| name.contains("..")).collect();
    assert!(!shared.is_empty() && folded.len() + shared.len() == lanes.len(), "{folded:?} of {lanes:?}");
}

/// What is drawn as wrong is wrong for the verifier, which counts, and the other way round.
#[test]
fn cuts_are_drawn_wrong_where_the_verifier_says_so() {
    let (mut orphans, mut lost, mut fine) = (0, 0, 0);
    for (scenario, protocol) in [
        ("diamond", "engine"),
        ("unaligned", "engine"),
        ("diamond", "no-hold"),
        ("diamond", "out-of-band"),
        ("deep_chain", "one-poll-late"),
        ("deep_chain", "barrier-jumps"),
        ("unaligned", "no-channel-state"),
        ("diamond", "first-barrier"),
    ] {
        for seed in 0..5 {
            let told = told(scenario, protocol, seed);
            let past = Past::new(&told.meta, &told.events);
            let crossings: Vec<Crossing> =
                cuts(&past).iter().flat_map(|cut| cut.crossings(&past).into_values()).collect();
            let (orphan, loss) = (crossings.contains(&Crossing::Orphan), crossings.contains(&Crossing::Lost));
            let said = |invariant, word: &str| match told.report.verdict(invariant) {
                Verdict::Violated(violation) => violation.message.contains(word),
                _ => false,
            };
            assert_eq!(orphan, said(Invariant::I1, ""), "{scenario} {protocol} {seed}: orphans");
            assert!(loss || !said(Invariant::I2, "loss"), "{scenario} {protocol} {seed}: a loss that isn't drawn");
            assert!(!loss || said(Invariant::I2, ""), "{scenario} {protocol} {seed}: a loss that is none");
            let sheet = drawn(&told, View::default());
            let first = told.report.failures().next().map(|violation| violation.invariant);
            if orphan && first == Some(Invariant::I1) {
                assert!(sheet.has("wrong", "orphan of c"), "{scenario} {protocol} {seed}: it has a label");
                assert!(sheet.classes["wrongline"] > 1, "beside the one in the legend");
                assert!(sheet.has("wrong", "wrong"), "and so has its cut");
                assert!(sheet.titles.iter().any(|title| title.contains("received before the cut, and sent after it")));
            }
            if !orphan && !loss {
                assert!(!sheet.classes.contains_key("wrongline"), "{scenario} {protocol} {seed}: nothing is wrong");
            }
            (orphans, lost, fine) = (orphans + orphan as u32, lost + loss as u32, fine + !(orphan | loss) as u32);
        }
    }
    assert!(orphans >= 3 && lost >= 3 && fine >= 5, "{orphans} {lost} {fine}: each was met");
}

#[test]
fn a_legend_explains_what_occurs_and_nothing_else() {
    let usual = drawn(&orphan(), View::default());
    assert!(usual.has("dim", "crosses the cut wrongly") && !usual.has("dim", "in flight, in channel state"));
    let other = drawn(&told("unaligned", "engine", 7), View::default());
    assert!(other.has("dim", "in flight, in channel state") && !other.has("dim", "crosses the cut wrongly"));
}

#[test]
fn long_runs_are_thinned_and_counted() {
    let told = told("zombie", "engine", 10);
    let whole = View { window: Window::Steps(0, u64::MAX), ..View::default() };
    let (thin, full) = (drawn(&told, whole), drawn(&told, View { all: true, ..whole }));
    assert!(thin.has("dim", "left out") && !full.has("dim", "left out"), "what is left out is said");
    assert!(2 * thin.texts.len() < full.texts.len(), "{} of {}", thin.texts.len(), full.texts.len());
    let snaps = told.events.iter().filter(|event| matches!(event.kind, Kind::Snap { .. })).count();
    let drawn = |sheet: &Sheet| sheet.texts.iter().filter(|text| text.words.starts_with("snapshot c")).count();
    assert_eq!((drawn(&thin), drawn(&full)), (snaps, snaps), "and it is never a snapshot");
}

#[test]
fn traces_with_holes_are_drawn() {
    let whole = told("unaligned", "engine", 7);
    let view = View { window: Window::Steps(0, u64::MAX), ..View::default() };
    for lacks in 0..9 {
        let keep = |i: usize, kind: &Kind| match lacks {
            0 => !matches!(kind, Kind::Send { .. }),
            1 => !matches!(kind, Kind::Apply { .. }),
            2 => !matches!(kind, Kind::Trigger { .. } | Kind::Begin { .. }),
            3 => !matches!(kind, Kind::Snap { .. }),
            4 => !matches!(kind, Kind::BarOut { .. } | Kind::Put { .. }),
            5 => !matches!(kind, Kind::Start | Kind::Restore { .. }),
            6 => !i.is_multiple_of(3),
            7 => i.is_multiple_of(7),
            _ => i == 40,
        };
        let mut part = whole.clone();
        part.events =
            whole.events.iter().enumerate().filter(|(i, e)| keep(*i, &e.kind)).map(|(_, e)| e.clone()).collect();
        // As a trace from elsewhere: no times, and a channel that the job doesn't have.
        for (i, event) in part.events.iter_mut().enumerate() {
            event.time = if lacks % 2 == 0 { Nanos(0) } else { event.time };
            if i == 5 && lacks == 6 {
                event.kind = Kind::Hold { channel: ChannelId(4000) };
            }
        }
        part.report = cutline::verify::verify(&part.meta, &part.events);
        drawn(&part, view).check(&format!("without {lacks}"));
        drawn(&part, View::default()).check(&format!("without {lacks}, as usual"));
    }
}

#[test]
fn what_comes_from_files_is_escaped() {
    let mut told = told("diamond", "engine", 7);
    told.meta.scenario = "a<b>&\"'\u{1}]]><script>alert(1)</script>".to_string();
    told.meta.graph.vertices[0].name = "<&src\">".to_string();
    let sheet = drawn(&told, View::default());
    assert!(sheet.has("h1", "a<b>&\"'\u{fffd}]]><script>alert(1)</script>"));
    assert!(sheet.has("name", "<&src\">/0"));
    sheet.check("hostile names");
}

#[test]
fn what_isnt_there_is_refused() {
    let told = told("diamond", "engine", 7);
    let refused =
        |window| diagram(&told.meta, &told.events, &told.report, View { window, ..View::default() }).unwrap_err();
    assert_eq!(refused(Window::Checkpoint(99)), "the trace has no checkpoint 99, only 1");
    assert_eq!(refused(Window::Around(9999)), "there is no step 9999: the trace has steps 0 to 367");
    assert_eq!(refused(Window::Steps(400, 500)), "there is no step 400: the trace has steps 0 to 367");
    assert_eq!(refused(Window::Steps(30, 30)), "no step is at or after 30 and before 30");
    let nothing = diagram(&told.meta, &[], &told.report, View::default()).unwrap_err();
    assert!(nothing.contains("no events"), "{nothing}");
}

/// In a crowd of messages only those have names that belong to what is wrong; the others stand back.
#[test]
fn what_is_wrong_stands_out_of_a_crowd() {
    let mut seen = 0;
    for seed in 0..200 {
        if seen == 3 {
            break;
        }
        let told = told("diamond", "no-hold", seed);
        let Ok(svg) = diagram(&told.meta, &told.events, &told.report, View::default()) else { continue };
        let sheet = Sheet::read(&svg);
        let aside = sheet.classes.get("aside").copied().unwrap_or(0);
        let orphans: Vec<&str> = sheet
            .texts
            .iter()
            .filter_map(|text| text.words.strip_prefix("orphan of c")?.split_once(": "))
            .map(|(_, id)| id)
            .collect();
        if aside == 0 || orphans.is_empty() || orphans.iter().any(|id| id.ends_with(" records")) {
            continue;
        }
        seen += 1;
        let record =
            |text: &&super::sheet::Text| text.class == "dim" && text.words.starts_with('s') && text.words.contains(':');
        for label in sheet.texts.iter().filter(record) {
            let same = orphans.iter().any(|id| label.words == **id);
            assert!(same || label.words.contains("steps"), "seed {seed}: {} beside {orphans:?}", label.words);
        }
    }
    assert_eq!(seen, 3, "crowds");
}
