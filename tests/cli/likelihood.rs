//! `cutline likelihood`: a curve over a run, and the event at which it rises most.

use super::*;

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/aligned_then_unaligned.json");

/// A seed that delays decide, with these words behind it.
fn of_a_failure(place: &Place, more: &[&str]) -> Output {
    let failing =
        ["likelihood", SCENARIO, "--seed", "0x106e6b9e716579a1", "--protocol", "no-channel-state", "--futures", "10"];
    place.run(&[&failing, more].concat())
}

#[test]
fn futures_are_decided_by_and_by_and_at_the_end_all_of_them_fail() {
    let place = Place::calm();
    let all = ["--points", "6", "--format", "json", "--for", "10m"];
    let output = of_a_failure(&place, &all);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let told = document(&output);
    let failing: Vec<u64> =
        told["moments"].as_array().unwrap().iter().map(|m| m["failing"].as_u64().unwrap()).collect();
    assert_eq!(failing.len(), 6);
    assert!((1..10).contains(&failing[0]), "delays decide at the beginning: {failing:?}");
    assert_eq!(failing[5], 10, "what has happened has happened");
    let [before, after] = told["turn"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(before["events"].as_u64().unwrap() + 1, after["events"].as_u64().unwrap());
    assert!(before["failing"].as_u64() < after["failing"].as_u64());
    assert_eq!(told["certain"]["failing"], 10);
    assert_eq!(of_a_failure(&place, &all).stdout, output.stdout, "the same each time");
}

#[test]
fn it_is_shown_as_bars_and_as_a_picture() {
    let place = Place::calm();
    let output = of_a_failure(&place, &["--points", "4", "--svg", "turn.svg", "--for", "10m"]);
    let said = out(&output);
    assert!(said.contains("it rises most at event") && said.contains("100 %  ####"), "{said}");
    let drawn = std::fs::read_to_string(place.path("turn.svg")).unwrap();
    let drawn = roxmltree::Document::parse(&drawn).unwrap();
    let points = drawn.descendants().filter(|node| node.has_tag_name("g")).count();
    assert_eq!(points, 4);
}

#[test]
fn who_doesnt_fail_or_has_no_time_is_told() {
    let place = Place::calm();
    let good = place.run(&["likelihood", "scenarios/calm.json", "--seed", "1"]);
    assert_eq!(good.status.code(), Some(4));
    assert!(err(&good).contains("violates nothing"));
    let short = of_a_failure(&place, &["--for", "1ms"]);
    assert_eq!(short.status.code(), Some(3));
    assert!(out(&short).contains("cut short"));
}
