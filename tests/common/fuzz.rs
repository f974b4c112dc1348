//! Mutated scenario files: one try a number, for tests, and for long runs by `CUTLINE_FUZZ=10000000`.

use cutline::dice::Dice;
use cutline::scenario::*;
use std::collections::BTreeMap;

/// The shipped scenarios as texts.
pub fn seeds() -> Vec<String> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Mutates a file, checks it, shows what is wrong with it or draws a plan from it. Was it accepted?
pub fn one_try(files: &[String], n: u64) -> bool {
    let mut dice = Dice::new(n, 99);
    let mut bytes = dice.pick(files).unwrap().clone().into_bytes();
    for _ in 0..=dice.below(3) {
        mutate(&mut bytes, files, &mut dice);
    }
    let found = check_bytes("mutated.json", &bytes);
    for diagnostic in found.iter().take(20) {
        diagnostic.render(dice.chance(1, 2));
    }
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return false;
    }
    let scenario: Scenario = serde_json::from_slice(&bytes).expect("what is accepted can be read");
    let closed = draw(&scenario, n);
    assert_eq!(draw(&closed, 0), closed);
    let lines = |name: &str| (name.to_string(), ["a b".into()].into_iter().collect());
    let texts = scenario.job.vertices.iter().filter_map(|v| match &v.source.as_ref()?.data {
        spec::Data::Text { text, .. } => Some(lines(text)),
        _ => None,
    });
    let texts: BTreeMap<_, _> = texts.collect();
    let loaded = Loaded::new(scenario, "mutated", texts);
    // A protocol may have got another name; all else must fit.
    let built = build(&closed, &loaded, &|_| Some(nobody));
    assert!(built.is_ok(), "{:?}", built.err());
    true
}

fn nobody(
    _: &std::sync::Arc<cutline::topology::Topology>,
    _: &std::sync::Arc<cutline::engine::config::Config>,
    _: cutline::ids::Incarnation,
) -> Box<dyn cutline::engine::process::Process> {
    unreachable!("nothing runs here")
}

/// Where tokens of JSON begin, roughly: mutations that respect them get further.
fn tokens(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if bytes[at] == b'"' {
            at += 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += 1;
            }
            at = (at + 1).min(bytes.len());
        } else if word(bytes[at]) {
            while at < bytes.len() && word(bytes[at]) {
                at += 1;
            }
        } else {
            at += 1;
        }
        if !bytes[start].is_ascii_whitespace() {
            tokens.push((start, at));
        }
    }
    tokens
}

fn mutate(bytes: &mut Vec<u8>, files: &[String], dice: &mut Dice) {
    const ODD: [&str; 14] = [
        "0",
        "-1",
        "4000000000",
        "99999999999999999999999",
        "1.5",
        "null",
        "true",
        "\"\"",
        "[]",
        "{}",
        "\"map\"",
        "\"\\ud800\"",
        "{\"min\": 9, \"max\": 2}",
        "\"é\u{1F980}\"",
    ];
    let own = tokens(bytes);
    let Some((start, end)) = dice.pick(&own).copied() else { return };
    match dice.below(7) {
        0 => bytes[start] ^= 1 << dice.below(8),
        1 => drop(bytes.drain(start..end)),
        2 => drop(bytes.splice(start..end, dice.pick(&ODD).unwrap().bytes())),
        3 | 4 => {
            // A token of the same kind from somewhere else.
            let other = dice.pick(files).unwrap().as_bytes();
            let kind = bytes[start];
            let others: Vec<_> = tokens(other).into_iter().filter(|(s, _)| other[*s] == kind || kind == b'"').collect();
            if let Some((s, e)) = dice.pick(&others) {
                bytes.splice(start..end, other[*s..*e].iter().copied());
            }
        }
        5 => {
            let (s, e) = *dice.pick(&own).unwrap();
            let token = bytes[s..e].to_vec();
            bytes.splice(start..end, token);
        }
        _ => bytes.truncate(start),
    }
}
