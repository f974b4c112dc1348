//! The history of checkpoints and recoveries.

use super::sheet::Sheet;
use super::{Told, told};
use cutline::ids::*;
use cutline::picture::history::{History, Status, Value, chart, history, json, text};
use cutline::trace::event::{Kind, Outcome};

fn of(told: &Told) -> History {
    history(&told.meta, &told.events)
}

/// Every number, taken from the lines by hand.
#[test]
fn durations_are_those_of_the_lines() {
    let told = told("zombie", "engine", 10);
    let at = |what: &dyn Fn(&Kind, Attempt) -> bool| {
        told.events.iter().find(|event| what(&event.kind, event.attempt)).map(|event| event.time.0)
    };
    let history = of(&told);
    let one = history.checkpoints.iter().find(|one| one.id == CheckpointId(2)).unwrap();
    let id = one.id;
    let trigger = at(&|kind, _| matches!(kind, Kind::Trigger { checkpoint, .. } if *checkpoint == id)).unwrap();
    let complete =
        at(&|kind, _| matches!(kind, Kind::Complete { checkpoint, outcome: Outcome::Ok, .. } if *checkpoint == id));
    assert_eq!(one.duration, Value::Known(complete.unwrap() - trigger));
    let part = one.parts.iter().find(|part| part.name == "count/0").unwrap();
    let topology = cutline::topology::Topology::build(told.meta.graph.clone());
    let task = topology.find("count/0").unwrap();
    let own = |what: &dyn Fn(&Kind) -> bool| -> Vec<u64> {
        let lines = told.events.iter().filter(|event| event.process == task && event.attempt == one.job);
        lines.filter(|event| what(&event.kind)).map(|event| event.time.0).collect()
    };
    let barriers = own(&|kind| matches!(kind, Kind::BarIn { checkpoint, .. } if *checkpoint == id));
    assert_eq!(barriers.len(), 2, "it has two inputs");
    assert_eq!(part.start_delay, Value::Known(barriers[0] - trigger));
    assert_eq!(part.alignment, Value::Known(barriers[1] - barriers[0]));
    assert_eq!(part.blocked, part.alignment, "the one channel that came first was blocked for as long");
    let snap = own(&|kind| matches!(kind, Kind::Snap { checkpoint, .. } if *checkpoint == id))[0];
    let put = at(
        &|kind, _| matches!(kind, Kind::Put { key, outcome: Outcome::Ok, .. } if key.checkpoint == id && key.task == task),
    );
    assert_eq!(part.uploading, Value::Known(put.unwrap() - snap));
    let ack = own(&|kind| matches!(kind, Kind::Ack { checkpoint } if *checkpoint == id))[0];
    assert_eq!(part.end_to_end, Value::Known(ack - trigger));
    assert_eq!((part.sync, part.state_bytes), (Value::Unknown, Value::Unknown));
    assert_eq!(part.in_flight, Value::Known(0), "nothing is in flight in an aligned checkpoint, and that is known");
    assert_eq!(history.checkpoints[0].status, Status::Aborted("failover".to_string()));
    let [recovery] = &history.recoveries[..] else { panic!("one recovery, not {}", history.recoveries.len()) };
    assert!(recovery.failure.as_ref().unwrap().1.starts_with("suspect"));
    assert_eq!((recovery.job, recovery.base, recovery.restored.1), (Attempt(2), None, 6));
}

#[test]
fn what_isnt_told_is_unknown_and_never_nothing() {
    let whole = told("unaligned", "engine", 7);
    let complete = |history: &History| {
        history.checkpoints.iter().find(|one| one.status == Status::Complete).expect("one is complete").clone()
    };
    let part = |history: &History| complete(history).parts.into_iter().find(|part| part.name == "out/0").unwrap();
    let known = part(&of(&whole));
    assert!(matches!(known.in_flight, Value::Known(n) if n > 0) && matches!(known.overtaken, Value::Known(n) if n > 0));
    assert_eq!(known.in_flight_bytes, Value::Unknown, "traces have no sizes");

    let mut timeless = whole.clone();
    timeless.events.iter_mut().for_each(|event| event.time = Nanos(0));
    let without = of(&timeless);
    assert_eq!(complete(&without).duration, Value::Unknown);
    assert_eq!(part(&without).alignment, Value::Unknown);
    assert_eq!(part(&without).in_flight, known.in_flight, "it isn't a time");
    let page = text::page(&without, None);
    assert!(page.contains("the trace has no times") && !page.contains(" ns") && !page.contains(" ms"), "{page}");
    assert!(chart::chart(&without, None).unwrap_err().contains("no times"));

    type Keep = fn(&Kind) -> bool;
    let lacking = |keep: Keep| {
        let mut part = whole.clone();
        part.events.retain(|event| keep(&event.kind));
        of(&part)
    };
    let no_barriers = lacking(|kind| !matches!(kind, Kind::BarIn { .. }));
    assert_eq!(part(&no_barriers).alignment, Value::Unknown);
    assert_eq!(part(&no_barriers).overtaken, Value::Unknown);
    let no_puts = lacking(|kind| !matches!(kind, Kind::Put { .. }));
    assert_eq!((part(&no_puts).uploading, part(&no_puts).in_flight), (Value::Unknown, Value::Unknown));
    let no_trigger = lacking(|kind| !matches!(kind, Kind::Trigger { .. }));
    assert_eq!(complete(&no_trigger).duration, Value::Unknown);
    assert_eq!(complete(&no_trigger).acks.1, Value::Unknown);
    let document: serde_json::Value = serde_json::from_str(&json::document(&no_trigger, None)).unwrap();
    let ckpt = document["checkpoints"].as_array().unwrap().iter().find(|one| one["status"] == "complete").unwrap();
    let unknown: Vec<&str> = ckpt["unknown"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for name in ["duration_ns", "trigger_ns", "required", "state_bytes", "sync_ns"] {
        assert!(unknown.contains(&name) && ckpt.get(name).is_none(), "{name} of {ckpt}");
    }
}

#[test]
fn charts_can_be_read() {
    for (scenario, seed) in [("zombie", 10), ("unaligned", 7), ("coordinator_failover", 2), ("diamond", 7)] {
        let history = of(&told(scenario, "engine", seed));
        for only in [None, Some(history.checkpoints[0].id.0)] {
            let svg = chart::chart(&history, only).unwrap();
            assert_eq!(svg, chart::chart(&history, only).unwrap());
            let sheet = Sheet::read(&svg);
            sheet.check(&format!("{scenario} {seed} {only:?}"));
            let rows = match only {
                None => history.checkpoints.len(),
                Some(_) => history.checkpoints[0].parts.len(),
            };
            assert!(sheet.texts.len() > rows, "a row for each");
        }
    }
}

#[test]
fn a_recovery_from_a_checkpoint_says_what_is_read_again() {
    let found = (0..40).find_map(|seed| {
        let told = told("zombie", "engine", seed);
        let history = of(&told);
        let at = history.recoveries.iter().position(|one| one.base.is_some())?;
        Some((told, history.recoveries[at].clone()))
    });
    let (told, recovery) = found.expect("some seed restores a checkpoint");
    let mut before = std::collections::BTreeSet::new();
    let mut again = 0;
    for event in &told.events {
        if let Kind::Read { record, .. } = &event.kind {
            match event.attempt.cmp(&recovery.job) {
                std::cmp::Ordering::Less => drop(before.insert(record.id)),
                std::cmp::Ordering::Equal => again += u64::from(before.contains(&record.id)),
                std::cmp::Ordering::Greater => {}
            }
        }
    }
    assert_eq!(recovery.again, Value::Known(again));
}

/// Ticks of an axis are round numbers, whatever is shown: nobody reads 4.1, 8.2, 12.3.
#[test]
fn axes_have_round_numbers() {
    for (scenario, seed) in [("zombie", 10), ("diamond", 3), ("unaligned", 7)] {
        let history = of(&told(scenario, "engine", seed));
        for only in std::iter::once(None).chain(history.checkpoints.iter().map(|one| Some(one.id.0))) {
            let Ok(svg) = chart::chart(&history, only) else { continue };
            let sheet = Sheet::read(&svg);
            let axis = sheet.texts.iter().filter(|text| text.class == "dim" && text.area[1] < 50.0);
            let times: Vec<f64> = axis.map(|text| nanos(&text.words)).collect();
            assert!(times.len() >= 3, "{scenario} {only:?}: {times:?}");
            let step = times[1] - times[0];
            let lead = step / 10f64.powi(step.log10().floor() as i32);
            assert!([1.0, 2.0, 5.0].iter().any(|digit| (lead - digit).abs() < 1e-6), "{scenario} {only:?}: {times:?}");
            assert!(
                times.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < 1.0),
                "{scenario} {only:?}: {times:?}"
            );
        }
    }
}

fn nanos(words: &str) -> f64 {
    let (number, unit) = words.split_once(' ').unwrap_or((words, "ns"));
    let unit = match unit {
        "ns" => 1.0,
        "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        other => panic!("no unit: {other}"),
    };
    number.parse::<f64>().unwrap() * unit
}

/// Plots are read by the same viewers as everything else: without style sheets their colours are there, too.
#[test]
fn plots_have_their_colours_without_a_style_sheet() {
    use cutline::picture::plot::{Panel, Series, plot};
    let series =
        |name: &str| Series { name: name.into(), points: vec![Some(1.0), None], form: vec![Some(1.0), Some(2.0)] };
    let panel = Panel {
        title: "cost, ms".into(),
        places: vec!["5ms".into(), "10ms".into()],
        series: vec![series("aligned"), series("unaligned")],
    };
    let svg = plot("checkpoints", &[panel]);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let classed = |class: &str| {
        let found: Vec<_> = document.descendants().filter(|node| node.attribute("class") == Some(class)).collect();
        assert!(!found.is_empty(), "{class}");
        found.into_iter().map(|node| (node.attribute("fill"), node.attribute("stroke"))).collect::<Vec<_>>()
    };
    assert_eq!(classed("bg"), [(Some("#fff"), None)]);
    assert!(classed("s0").iter().all(|look| *look == (Some("#0969da"), Some("#0969da"))));
    assert!(classed("s1 form").iter().all(|look| *look == (Some("none"), Some("#bc4c00"))));
}
