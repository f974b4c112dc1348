//! Traces for other viewers, held against the rules of their formats. What their own parsers say of them is asked by
//! tests/consumers/exports.

use super::{Told, told};
use cutline::picture::export::{dot, mermaid, perfetto, shiviz};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

fn traces() -> Vec<Told> {
    let mut all = vec![told("zombie", "engine", 10), told("unaligned", "engine", 7), told("diamond", "no-hold", 3)];
    // Two channels of one subtask are blocked at once.
    all.push(told("coordinator_failover", "engine", 3));
    // One with holes and without times.
    let mut part = all[0].clone();
    part.events = part.events.into_iter().enumerate().filter(|(i, _)| i % 5 != 2).map(|(_, event)| event).collect();
    part.events.iter_mut().for_each(|event| event.time = cutline::ids::Nanos(0));
    all.push(part);
    let mut odd = all[1].clone();
    odd.meta.graph.vertices[0].name = "a \"b\" {c} <d> #e;\n\\".to_string();
    all.push(odd);
    all
}

#[test]
fn clocks_of_shiviz_grow_by_one_and_know_nothing_too_early() {
    for told in traces() {
        let log = shiviz::log(&told.meta, &told.events);
        assert_eq!(log, shiviz::log(&told.meta, &told.events));
        let mut lines = log.lines();
        assert_eq!((lines.next(), lines.next()), (Some(shiviz::EXPRESSION), Some("")));
        let mut at: BTreeMap<String, u64> = BTreeMap::new();
        let mut known: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        let (mut seen, mut learned) = (0, 0);
        for line in lines {
            // What the expression says: host, clock in braces, event.
            let (host, rest) = line.split_once(' ').unwrap();
            let end = rest.find('}').unwrap();
            let clock: BTreeMap<String, u64> = serde_json::from_str(&rest[..=end]).unwrap();
            assert!(rest[end + 1..].starts_with(' ') && rest.len() > end + 2, "an event has words: {line}");
            let own = at.entry(host.to_string()).or_insert(0);
            *own += 1;
            assert_eq!(clock[host], *own, "{line}");
            let before = known.entry(host.to_string()).or_default();
            for (other, ticks) in &clock {
                assert!(*ticks <= at.get(other).copied().unwrap_or(0), "{other} isn't that far: {line}");
                learned += u64::from(other != host && *ticks > before.get(other).copied().unwrap_or(0));
            }
            let forgotten = before.iter().find(|(other, ticks)| clock.get(*other).is_none_or(|now| now < ticks));
            assert_eq!(forgotten, None, "clocks grow: {line}");
            *before = clock;
            seen += 1;
        }
        assert_eq!(seen, told.events.len());
        assert!(learned > 20, "messages are in it");
    }
}

fn nanos(value: &Value) -> u64 {
    let text = value.to_string();
    let (micros, rest) = text.split_once('.').unwrap_or((&text, ""));
    micros.parse::<u64>().unwrap() * 1000 + format!("{rest:0<3}").parse::<u64>().unwrap()
}

/// Slices of a track nest or don't meet; whatever is begun is ended; a flow begins and ends within a slice.
#[test]
fn slices_of_perfetto_nest_and_flows_have_both_ends() {
    for told in traces() {
        let text = perfetto::document(&told.meta, &told.events);
        assert_eq!(text, perfetto::document(&told.meta, &told.events));
        let document: Value = serde_json::from_str(&text).unwrap();
        let events = document["traceEvents"].as_array().unwrap();
        let track = |event: &Value| (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        let mut slices: BTreeMap<(u64, u64), Vec<(u64, u64)>> = BTreeMap::new();
        let (mut open, mut flows): (BTreeMap<u64, u64>, BTreeMap<u64, u64>) = (BTreeMap::new(), BTreeMap::new());
        for event in events.iter().filter(|event| event["ph"] == "X") {
            let from = nanos(&event["ts"]);
            slices.entry(track(event)).or_default().push((from, from + nanos(&event["dur"])));
        }
        for (track, slices) in &mut slices {
            slices.sort_by_key(|(from, to)| (*from, std::cmp::Reverse(*to)));
            let mut stack: Vec<u64> = Vec::new();
            for (from, to) in slices.iter() {
                while stack.last().is_some_and(|end| end <= from) {
                    stack.pop();
                }
                assert!(stack.last().is_none_or(|end| to <= end), "slices of track {track:?} overlap at {from}");
                assert!(to > from, "a slice has a width");
                stack.push(*to);
            }
        }
        let mut last: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for event in events.iter().filter(|event| event["cat"] == "line") {
            let from = nanos(&event["ts"]);
            let after = last.insert(track(event), from + nanos(&event["dur"])).is_none_or(|end| end <= from);
            assert!(after, "lines of a track come one after another: {event}");
        }
        for event in events {
            let (id, name) = (event["id"].as_u64(), &event["name"]);
            match event["ph"].as_str().unwrap() {
                "b" => assert!(open.insert(id.unwrap(), nanos(&event["ts"])).is_none(), "{name} begins once"),
                "e" => assert!(open.remove(&id.unwrap()).is_some_and(|begin| begin <= nanos(&event["ts"])), "{name}"),
                "s" | "f" => {
                    let ts = nanos(&event["ts"]);
                    let within = slices[&track(event)].iter().any(|(from, to)| *from <= ts && ts < *to);
                    assert!(within, "a flow is bound to a slice: {event}");
                    match event["ph"] == "s" {
                        true => assert!(flows.insert(id.unwrap(), ts).is_none()),
                        false => assert!(flows.remove(&id.unwrap()).is_some_and(|begin| begin < ts), "{event}"),
                    }
                    assert!(event["ph"] == "s" || event["bp"] == "e");
                }
                "X" | "M" => {}
                other => panic!("an event of a kind that nobody expects: {other}"),
            }
        }
        assert!(open.is_empty() && flows.is_empty(), "all that begins ends");
        assert_eq!(events.iter().filter(|event| event["cat"] == "line").count(), told.events.len());
        let named = |event: &&Value| event["ph"] == "M" && event["name"] == "thread_name";
        let tracks: std::collections::BTreeSet<_> = events.iter().filter(named).map(track).collect();
        assert!(slices.keys().all(|track| tracks.contains(track)), "every track has a name");
    }
}

#[test]
fn mermaid_is_short_or_refused() {
    let runs = traces();
    let (whole, left_out) = mermaid::sequence(&runs[0].meta, &runs[0].events[..120]).unwrap();
    assert!(left_out.is_none() && whole.starts_with("sequenceDiagram\n") && whole.contains("->>"), "{whole}");
    let (short, left_out) = mermaid::sequence(&runs[1].meta, &runs[1].events).unwrap();
    assert!(left_out.is_some_and(|said| said.contains("records are left out")));
    assert!(!short.contains("->>p1: s0") && short.len() < 50_000 && short.contains("snapshot c1"));
    let many: Vec<_> = runs[0].events.iter().cycle().take(60_000).cloned().collect();
    let refused = mermaid::sequence(&runs[0].meta, &many).unwrap_err();
    assert!(refused.contains("more than viewers take") && refused.contains("cutline diagram"), "{refused}");
}

#[test]
fn graphviz_takes_the_graph() {
    let mut asked = false;
    for told in traces() {
        let graph = dot::graph(&told.meta, &told.events);
        assert_eq!(graph, dot::graph(&told.meta, &told.events));
        assert_eq!(graph.matches(" [label=").count(), told.events.len());
        // Its reader alone: to set a large graph takes seconds.
        let dot = Command::new("nop").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut dot) = dot else { continue };
        asked = true;
        dot.stdin.take().unwrap().write_all(graph.as_bytes()).unwrap();
        let output = dot.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
    if !asked {
        eprintln!("SKIPPED: Graphviz isn't there; apt-get install graphviz");
    }
}
