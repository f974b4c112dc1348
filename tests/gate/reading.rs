//! What the reader refuses, and where it says so; and what a mismatch looks like.

use cutline::vectors::{self, Failure};

/// A vector of two channels with these lines as steps, the first of them in line 3.
fn vector(mode: &str, steps: &str) -> String {
    let head = r#""format":"cutline-gate/1","name":"n","origin":"o","alignment_timeout_ms":5,"channels":2"#;
    format!("{{{head},\"mode\":\"{mode}\",\n\"steps\": [\n{steps}\n]}}")
}

fn refused(text: &str) -> (usize, usize, String) {
    match vectors::check("v.json", text) {
        Err(Failure::BadFile(bad)) => {
            assert_eq!(Failure::BadFile(bad.clone()).exit_code(), 2);
            (bad.line, bad.column, bad.message)
        }
        other => panic!("{other:?}: {text}"),
    }
}

#[track_caller]
fn refuses(steps: &str, line: usize, part: &str) {
    let (at, column, message) = refused(&vector("aligned", steps));
    assert!(message.contains(part), "{message}");
    assert_eq!(at, line, "{message}");
    assert!(column >= 1);
}

#[test]
fn steps_that_are_none() {
    refuses(r#"{"arive": {"channel": 0, "record": "a"}}"#, 3, "unknown field `arive`");
    refuses("{\"expect\": []},\n  {}", 4, "step 2: a step is one of");
    refuses(r#"{"expect": [], "blocked": []}"#, 3, "a step is one of");
    refuses(r#"{"arrive": {"channel": 0}}"#, 3, "what arrives is one of");
    refuses(r#"{"arrive": {"channel": 0, "barrier": 1, "cancel": 1}}"#, 3, "what arrives is one of");
    refuses(r#"{"arrive": {"channel": 0, "record": 7}}"#, 3, "invalid type");
    refuses(r#"{"arrive": {"channel": 2, "record": "a"}}"#, 3, "channel 2 is not one of the 2");
    refuses(r#"{"arrive": {"channel": 0, "end": false}}"#, 3, "only `true`");
    refuses(r#"{"arrive": {"channel": 0, "barrier": 1, "unaligned": true}}"#, 3, "`unaligned` is for barriers");
    refuses(
        "{\"arrive\": {\"channel\": 0, \"end\": true}},\n{\"arrive\": {\"channel\": 0, \"record\": \"a\"}}",
        4,
        "has ended",
    );
    refuses(r#"{"blocked": [1, 0]}"#, 3, "not ascending");
    refuses(r#"{"blocked": [2]}"#, 3, "channel 2 is not one of the 2");
    refuses(r#"{"expect": [{"abort": {"checkpoint": 1, "reason": "tired"}}]}"#, 3, "unknown variant `tired`");
    refuses(r#"{"expect": [{"snapshot": {"checkpoint": 1, "channel": 0}}]}"#, 3, "unknown field `channel`");
    refuses(r#"{"expect": [{"end_of_input": false}]}"#, 3, "only `true`");
}

#[test]
fn vectors_that_are_none() {
    let good = vector("aligned", "");
    assert!(vectors::check("v.json", &good).is_ok());
    assert!(refused("").2.contains("EOF"));
    assert!(refused(&good.replace("gate/1", "gate/2")).2.contains("cutline-gate/2"));
    assert!(refused(&good.replace("\"channels\":2", "\"channels\":0")).2.contains("not 1 to"));
    assert!(refused(&good.replace("\"channels\":2", "\"channels\":4000000000")).2.contains("not 1 to"));
    assert!(refused(&good.replace("\"origin\"", "\"orign\"")).2.contains("unknown field `orign`"));
    assert!(refused(&good.replace("\"aligned\"", "\"sideways\"")).2.contains("sideways"));
    let untimed = vector("aligned-then-unaligned", "").replace("_ms\":5", "_ms\":null");
    assert!(refused(&untimed).2.contains("needs `alignment_timeout_ms`"));
}

#[test]
fn a_mismatch_names_its_line() {
    let steps = r#"{"arrive": {"channel": 0, "record": "a"}},
{"arrive": {"channel": 0, "barrier": 1}},
{"arrive": {"channel": 1, "barrier": 1}},
{"expect": [{"deliver": {"channel": 0, "record": "a"}}, {"snapshot": {"checkpoint": 2}}]}"#;
    let failure = vectors::check("v.json", &vector("aligned", steps)).unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    assert_eq!(
        failure.to_string(),
        "v.json:6: n: step 4: the gate did something else (- expected, + got)\n    \
           {\"deliver\":{\"channel\":0,\"record\":\"a\"}}\n  \
         - {\"snapshot\":{\"checkpoint\":2}}\n  \
         + {\"snapshot\":{\"checkpoint\":1}}\n"
    );
}

#[test]
fn nothing_may_be_left_over() {
    let failure = vectors::check("v.json", &vector("aligned", r#"{"arrive": {"channel": 0, "record": "a"}}"#));
    let text = failure.unwrap_err().to_string();
    assert!(text.starts_with("v.json:4: n: step 2: left over at the end"), "{text}");
    assert!(text.contains(r#"+ {"deliver":{"channel":0,"record":"a"}}"#), "{text}");
}

#[test]
fn blocked_is_compared_too() {
    let steps = "{\"arrive\": {\"channel\": 1, \"barrier\": 1}},\n{\"blocked\": [0]}";
    let text = vectors::check("v.json", &vector("aligned", steps)).unwrap_err().to_string();
    assert_eq!(text, "v.json:4: n: step 2: other channels are blocked (- expected, + got)\n  - 0\n  + 1\n");
}
