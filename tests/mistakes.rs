//! Typical mistakes in scenario files, and what is said about them.

use cutline::scenario::*;

/// A scenario without mistakes, one thing a line.
const GOOD: &str = r#"{
  "format": "cutline-scenario/1",
  "about": "two vertices between a source and a sink",
  "guarantee": "exactly-once",
  "job": {
    "hosts": 2,
    "vertices": [
      { "id": "src", "source": { "kind": "log", "data": { "records": 100 } }, "parallelism": 2 },
      { "id": "map", "operators": [{ "map": { "add": 1 } }], "parallelism": 2,
        "inputs": [{ "from": "src", "by": "forward" }] },
      { "id": "count", "operators": ["keyed_count"], "parallelism": 4,
        "inputs": [{ "from": "map", "by": "hash" }] },
      { "id": "out", "sink": "two_phase", "inputs": [{ "from": "count", "by": "rebalance" }] }
    ]
  },
  "checkpoints": { "interval_ms": { "min": 5, "max": 80 } },
  "faults": {
    "script": [
      { "after": { "event": "ack", "process": "map/1", "checkpoint": 3 }, "do": { "crash": "map/1" } }
    ]
  }
}
"#;

fn lint(text: &str) -> String {
    render(&check_bytes("scenarios/two.json", text.as_bytes()), false)
}

fn mistake(right: &str, wrong: &str) -> String {
    assert!(GOOD.contains(right), "{right}");
    lint(&GOOD.replacen(right, wrong, 1))
}

#[test]
fn without_a_mistake_nothing_is_said() {
    assert_eq!(lint(GOOD), "");
}

macro_rules! mistakes {
    ($($name:ident: $right:expr => $wrong:expr;)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(mistake($right, $wrong));
        })*
    };
}

mistakes! {
    misspelt_field: r#""parallelism": 4"# => r#""paralelism": 4"#;
    misspelt_vertex: r#""from": "count""# => r#""from": "cuont""#;
    misspelt_operator: r#""keyed_count""# => r#""keyed_cuont""#;
    misspelt_process: r#""crash": "map/1""# => r#""crash": "mpa/1""#;
    number_as_text: r#""hosts": 2"# => r#""hosts": "2""#;
    out_of_range: r#""parallelism": 4"# => r#""parallelism": 4000000000"#;
    trailing_comma: r#"{ "from": "count", "by": "rebalance" }] }"# => r#"{ "from": "count", "by": "rebalance" }] },"#;
    comment: r#""hosts": 2,"# => r#""hosts": 2, // more than enough"#;
    duplicate_field: r#""guarantee": "exactly-once","# => "\"guarantee\": \"exactly-once\",\n  \"guarantee\": \"none\",";
    duplicate_vertex: r#""id": "count""# => r#""id": "map""#;
    missing_field: r#"  "guarantee": "exactly-once",
"# => "";
    cycle: r#""inputs": [{ "from": "src", "by": "forward" }]"# => r#""inputs": [{ "from": "src", "by": "forward" }, { "from": "count", "by": "hash" }]"#;
    unequal_forward: r#"{ "from": "map", "by": "hash" }"# => r#"{ "from": "map", "by": "forward" }"#;
    keyed_without_key: r#"{ "from": "map", "by": "hash" }"# => r#"{ "from": "map", "by": "rebalance" }"#;
    range_upside_down: r#"{ "min": 5, "max": 80 }"# => r#"{ "min": 80, "max": 5 }"#;
    fraction: r#""records": 100"# => r#""records": 1e2"#;
    other_version: "cutline-scenario/1" => "cutline-scenario/9";
    sink_with_outputs: r#""from": "map""# => r#""from": "out""#;
    operator_without_settings: r#"[{ "map": { "add": 1 } }]"# => r#"["map"]"#;
    fault_that_never_comes: r#""event": "ack""# => r#""event": "put""#;
    empty_choice: r#"{ "min": 5, "max": 80 }"# => r#"{ "one_of": [] }"#;
    null: r#""hosts": 2"# => r#""hosts": null"#;
    no_such_subtask: r#""process": "map/1""# => r#""process": "map/2""#;
}

#[test]
fn all_at_once() {
    let mut text = GOOD.replace("\"forward\"", "\"forwards\"").replace("keyed_count", "keyed_cont");
    text = text.replace("\"from\": \"map\"", "\"from\": \"mapp\"").replace("interval_ms", "intervall_ms");
    text = text.replace("\"hosts\": 2", "\"hosts\": 0").replace("\"checkpoint\": 3", "\"checkpoint\": -3");
    insta::assert_snapshot!(lint(&text));
}

#[test]
fn not_utf8() {
    insta::assert_snapshot!(render(&check_bytes("scenarios/two.json", b"{\n  \"about\": \"caf\xe9\"\n}"), false));
}

#[test]
fn no_such_file() {
    let found = load(std::path::Path::new("scenarios/nope.json")).unwrap_err();
    insta::assert_snapshot!(render(&found, false));
}

#[test]
fn colour_is_only_added() {
    let found = check_bytes("scenarios/two.json", GOOD.replace("src", "").as_bytes());
    let (plain, color) = (render(&found, false), render(&found, true));
    assert!(!plain.contains('\u{1b}') && color.contains('\u{1b}'));
}

#[test]
fn bombs_are_cheap() {
    for text in ["[".repeat(1_000_000), "{\"a\":".repeat(500_000), "\"".repeat(1_000_000), "9".repeat(1_000_000)] {
        assert_eq!(check_bytes("bomb.json", text.as_bytes()).len(), 1);
    }
    let many = format!("[{}1]", "1,".repeat(1_000_000));
    assert!(render(&check_bytes("many.json", many.as_bytes()), false).len() < 10_000);
    let vertices = "{\"id\": \"a\"},".repeat(10_000);
    let text = GOOD.replace("\"vertices\": [", &format!("\"vertices\": [{vertices}"));
    assert!(lint(&text).contains("S0209"));
}

#[test]
fn every_code_is_explained() {
    for file in ["check", "check_faults", "load", "shape", "tree"] {
        let path = format!("{}/src/scenario/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for code in text.match_indices("\"S0").map(|(at, _)| &text[at + 1..at + 6]) {
            assert!(explain(code).is_some(), "{code}");
        }
    }
}
