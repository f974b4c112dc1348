//! The JSON form: what is written is read back, and what is wrong is said with its place.

use crate::bench::*;
use cutline::ids::*;
use cutline::topology::{Mode, OperatorKind, SinkKind};
use cutline::trace::event::*;
use cutline::trace::*;
use proptest::prelude::*;
use std::sync::Arc;

fn trace() -> (Meta, Vec<Event>) {
    script(Guarantee::ExactlyOnce, Mode::Unaligned, vec![OperatorKind::KeyedCount], SinkKind::TwoPhase)
}

fn write(meta: &Meta, events: &[Event]) -> String {
    let mut writer = json::Writer::new(Vec::new(), meta).unwrap();
    events.iter().for_each(|e| writer.event(e).unwrap());
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn parse(text: &str) -> Result<(Meta, Vec<Event>), json::Error> {
    let mut read = json::read(text.as_bytes())?;
    let events = read.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok((read.meta, events))
}

fn datum() -> impl Strategy<Value = Datum> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Datum::Int),
        any::<String>().prop_map(|t| Datum::Text(t.into())),
        any::<Vec<u8>>().prop_map(|b| Datum::Bytes(b.into())),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| (inner.clone(), inner).prop_map(|pair| Datum::Pair(Arc::new(pair))))
}

fn id() -> impl Strategy<Value = RecordId> {
    (any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(partition, part, offset)| RecordId {
        partition: PartitionId(partition),
        part,
        offset: Offset(offset),
    })
}

fn record() -> impl Strategy<Value = Record> {
    (id(), datum(), datum()).prop_map(|(id, key, value)| Record { id, key, value })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(vec![Outcome::Ok, Outcome::Again, Outcome::Fenced, Outcome::Error])
}

fn op() -> impl Strategy<Value = TxnOp> {
    prop::sample::select(vec![TxnOp::Begin, TxnOp::Prepare, TxnOp::Commit, TxnOp::Abort, TxnOp::Expire])
}

fn reasons() -> impl Strategy<Value = DeclineReason> {
    use DeclineReason::*;
    prop::sample::select(vec![NotReady, StoreFailed, Cancelled, Subsumed, EndOfInput])
}

/// One of each kind, from random parts.
fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u32>(), 0u32..3, 0u32..10, any::<bool>(), any::<i64>());
    let words = (outcome(), op(), reasons(), prop::option::of(any::<u64>()), any::<String>());
    let kappa = prop::collection::vec((0u32..3, prop::collection::vec(id(), 0..3)), 0..3);
    (numbers, words, record(), kappa).prop_map(
        |((a, b, c, ch, t, flag, int), (outcome, op, reason, base, what), r, kappa)| {
            let (checkpoint, job, token, channel, task) =
                (CheckpointId(a), Attempt(c), FencingToken(c), ChannelId(ch), TaskId(t));
            let (from, key) = (Incarnation { task, attempt: job }, StoreKey { attempt: job, checkpoint, task });
            let (txn, base) = (Txn { attempt: job, task, number: b }, base.map(CheckpointId));
            let kappa: Kappa = kappa.into_iter().map(|(c, ids)| (ChannelId(c), ids)).collect::<Vec<_>>().into();
            let offsets: Arc<[_]> = vec![(PartitionId(c), Offset(b))].into();
            let reasons = [AbortReason::Declined(reason), AbortReason::Expired, AbortReason::FinaliseFailed];
            vec![
                Kind::Read { partition: PartitionId(c), record: r.clone() },
                Kind::Visible { position: b, from, record: r.clone(), txn: flag.then_some(txn) },
                Kind::Quiesce,
                Kind::Trigger { checkpoint, required: vec![task, TaskId(0)].into(), job },
                Kind::Ack { checkpoint },
                Kind::Decline { checkpoint, reason },
                Kind::Complete { checkpoint, job, token, parts: vec![key].into(), outcome },
                Kind::Savepoint { checkpoint, job, token, parts: vec![key].into(), outcome },
                Kind::Abort { checkpoint, reason: reasons[(c % 3) as usize] },
                Kind::Notify { checkpoint, to: from, what: if flag { Notice::Complete } else { Notice::Abort } },
                Kind::Put {
                    key,
                    digest: b,
                    offsets: offsets.clone(),
                    kappa: kappa.clone(),
                    txns: vec![txn].into(),
                    outcome,
                },
                Kind::Get { key, outcome },
                Kind::Delete { key },
                Kind::Lead { token, outcome },
                Kind::Begin { job, token, base, outcome },
                Kind::Start,
                Kind::Crash,
                Kind::Stop,
                Kind::Restore { base, digest: b, offsets, kappa, finished: flag },
                Kind::Txn { op, txn, records: b, outcome },
                Kind::Fence { by: from },
                Kind::Fault { what: what.into() },
                Kind::Clear,
                Kind::Send { channel, m: b, record: r },
                Kind::Apply { channel, m: b },
                Kind::BarOut { channel, checkpoint, overtakes: flag },
                Kind::BarIn { channel, checkpoint, passed: c },
                Kind::CancelOut { channel, checkpoint },
                Kind::CancelIn { channel, checkpoint },
                Kind::EndOut { channel },
                Kind::EndIn { channel },
                Kind::Hold { channel },
                Kind::Release { channel },
                Kind::Snap { checkpoint, digest: b },
                Kind::Abandon { checkpoint, reason },
                Kind::Choice { value: int },
                Kind::Finish { complete: flag },
                Kind::Suspend { checkpoint },
            ]
        },
    )
}

fn as_events(kinds: Vec<Kind>) -> Vec<Event> {
    let one = |(n, kind)| Event { process: TaskId(3), attempt: Attempt(2), n: n as u32, time: Nanos(u64::MAX), kind };
    kinds.into_iter().enumerate().map(one).collect()
}

/// Checks the shape that the schema gives: the right alternative, no field missing, none too many.
fn fits(schema: &serde_json::Value, line: &str) -> bool {
    let line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
    let of = |alternative: &&serde_json::Value| alternative["properties"]["k"]["const"] == line["k"];
    let alternative = schema["oneOf"].as_array().unwrap().iter().find(of).expect("the schema has this kind");
    let required = alternative["required"].as_array().unwrap().iter().all(|f| line.contains_key(f.as_str().unwrap()));
    required && line.keys().all(|f| alternative["properties"].get(f).is_some())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(kinds in kinds(), seed in any::<Option<u64>>()) {
        let (mut meta, _) = trace();
        meta.seed = seed;
        let events = as_events(kinds);
        prop_assert_eq!(events.len(), words::KINDS.len());
        let text = write(&meta, &events);
        let schema = json::schema();
        prop_assert!(text.lines().all(|line| fits(&schema, line)));
        prop_assert_eq!(parse(&text).unwrap(), (meta, events));
    }

    #[test]
    fn nothing_makes_the_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let (meta, events) = trace();
        let mut bytes = write(&meta, &events).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 2);
        if let Ok(read) = json::read(&bytes[..]) {
            let mut verifier = cutline::verify::Verifier::new(&read.meta);
            read.map_while(Result::ok).for_each(|event| drop_bool(verifier.observe(&event)));
            verifier.finish();
        }
    }
}

fn drop_bool(_: bool) {}

#[test]
fn line_ends_and_unknown_kinds_are_taken() {
    let (meta, events) = trace();
    let text = write(&meta, &events);
    let crlf = text.replace('\n', "\r\n");
    assert_eq!(parse(crlf.trim_end()).unwrap().1, events);
    let more = format!("{text}{{\"v\":2,\"k\":\"watermark\",\"x\":1}}\n{{\"v\":1,\"k\":\"watermark\"}}\n");
    let mut read = json::read(more.as_bytes()).unwrap();
    assert_eq!(read.by_ref().map(Result::unwrap).count(), events.len());
    assert_eq!(read.unknown["watermark"], 2);
}

#[test]
fn errors_have_a_place_and_a_hint() {
    let (meta, _) = trace();
    let head = write(&meta, &[]);
    let error = |line: &str| parse(&format!("{head}{line}\n")).unwrap_err().to_string();
    let all = [
        error(r#"{"v":1,"p":"mid/0","a":1,"n":0,"k":"ack","ckpt":1,"chkpt":2}"#),
        error(r#"{"v":1,"p":"mid/0","a":1,"n":0,"k":"ack","ckp":1}"#),
        error(r#"{"v":1,"p":"mid/7","a":1,"n":0,"k":"ack","ckpt":1}"#),
        error(r#"{"v":1,"p":"mid/0","a":-1,"n":0,"k":"ack","ckpt":1}"#),
        error(r#"{"v":1,"p":"mid/0","a":1,"n":0,"k":"lead","token":1,"result":"fine"}"#),
        error(r#"{"v":1,"p":"mid/0","a":1,"#),
        error(r#"{"v":3,"p":"mid/0","a":1,"n":0,"k":"start"}"#),
        error(&"[".repeat(100_000)),
        parse("").unwrap_err().to_string(),
        parse(&head.replace("\"parallelism\":2", "\"parallelism\":4000000000")).unwrap_err().to_string(),
        parse(&head.replace("\"to\":1", "\"to\":9")).unwrap_err().to_string(),
    ];
    let expected = [
        "2:51: unknown field `chkpt`, did you mean `ckpt`?",
        "2:42: field `ckpt` is missing: is `ckp` meant?",
        "2:12: field `p`: there is no process `mid/7`",
        "2:24: field `a`: expected a whole number from 0, found `-1`",
        "2:62: field `result`: expected one of ok, again, fenced, error, found `\"fine\"`",
        "2:25: EOF while parsing a value",
        "2:6: format version 3 is not known, only 1",
        "2:1: invalid type: sequence, expected a map",
        "1:1: the trace is empty: its first line must be `meta`",
    ];
    assert_eq!(all[..9], expected.map(String::from));
    assert!(all[9].contains("more than 100000") && all[10].contains("not there"), "{all:#?}");
}

/// Each kind of mistake has a code that is explained, and points at what is wrong, not near it.
#[test]
fn errors_have_codes_and_point_at_what_is_wrong() {
    let (meta, _) = trace();
    let head = write(&meta, &[]);
    let line = |line: &str| parse(&format!("{head}{line}\n")).unwrap_err();
    let ack = |rest: &str| line(&format!(r#"{{"v":1,"p":"mid/0","a":1,"n":0,"k":"ack",{rest}}}"#));
    let graph = head.replace("\"to\":1", "\"to\":9");
    let all = [
        (line(r#"{"v":1,"#), "T0102", ","),
        (ack(r#""ckpt":1,"chkpt":2"#), "T0103", "\"chkpt\""),
        (ack(r#""ckp":1"#), "T0104", "\"ckp\""),
        (ack(r#""ckpt":[{"ckpt":2}]"#), "T0105", "[{\"ckpt\":2}]"),
        (ack(r#""ckpt":-1"#), "T0106", "-1"),
        (ack(r#""ckpt":1.5"#), "T0106", "1.5"),
        (line(r#"{"v":1,"p":"mid/0","a":1,"n":5000000000,"k":"start"}"#), "T0106", "5000000000"),
        (line(r#"{"v":1,"p":"mid/0","a":1,"n":0,"k":"lead","token":1,"result":"fencd"}"#), "T0107", "\"fencd\""),
        (parse(&head.replace("\"exactly-once\"", "\"once\"")).unwrap_err(), "T0107", "\"once\""),
        (line(r#"{"v":1,"p":"midd/0","a":1,"n":0,"k":"start"}"#), "T0108", "\"midd/0\""),
        (line(r#"{"v":2,"p":"mid/0","a":1,"n":0,"k":"start"}"#), "T0109", "2"),
        (parse("").unwrap_err(), "T0110", ""),
        (parse("{\"v\":1,\"k\":\"start\"}").unwrap_err(), "T0110", "\"start\""),
        (line(head.trim_end()), "T0110", "\"meta\""),
        (parse(&graph).unwrap_err(), "T0111", &graph[graph.find("{\"vertices").unwrap()..]),
        (line(&" ".repeat(17 << 20)), "T0112", ""),
    ];
    for (error, code, at) in &all {
        let (more, text) = (&error.more, &error.more.text[error.more.span.clone()]);
        assert!(more.code == *code && (text == *at || at.len() > 100 && at.starts_with(text)), "{code}: {error:#?}");
        assert!(text.is_empty() || !more.label.is_empty() || more.replacement.is_some(), "{error:#?}");
    }
    let bytes = [head.as_bytes(), b"{\"v\":1,\"p\":\"\xff\"}\n"].concat();
    let error = json::read(&bytes[..]).unwrap().next().unwrap().unwrap_err();
    assert_eq!((error.more.code, error.column), ("T0113", 13));
    let help = |at: usize| (all[at].0.more.help.as_deref(), all[at].0.more.replacement.as_deref());
    assert_eq!(help(1), (Some("a field with a similar name exists"), Some("\"ckpt\"")));
    assert_eq!(help(7), (Some("a word that is similar is known"), Some("\"fenced\"")));
    assert_eq!(help(9), (Some("did you mean `mid/0`?"), None));
    // A column counts characters.
    let error = line(r#"{"v":1,"p":"mid/0","a":1,"n":0,"k":"fault","what":"äöü","wath":1}"#);
    assert_eq!(error.column, 57);
    // Every code is seen here or by whoever opens files, and every one is explained.
    let seen: Vec<&str> = all.iter().map(|(_, code, _)| *code).chain(["T0101", "T0113"]).collect();
    assert!(json::CODES.iter().all(|(code, text)| seen.contains(code) && text.len() > 60));
    assert!(seen.iter().all(|code| json::CODES.iter().any(|(known, _)| known == code)));
}

#[test]
fn the_documentation_has_every_kind() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/trace.md")).unwrap();
    let schema = json::schema();
    for kind in words::KINDS {
        let row = text.lines().find(|line| line.starts_with(&format!("| `{kind}` |")));
        let row = row.unwrap_or_else(|| panic!("no row for {kind}"));
        let fields = row.split('|').nth(2).unwrap();
        let mut named: Vec<&str> = fields.split_whitespace().map(|f| f.trim_matches(['`', '?'])).collect();
        let alternatives = schema["oneOf"].as_array().unwrap();
        let of = alternatives.iter().find(|a| a["properties"]["k"]["const"] == kind).unwrap();
        let common = ["v", "k", "i", "t", "p", "a", "n"];
        let keys = of["properties"].as_object().unwrap().keys().map(|k| k.as_str());
        let mut real: Vec<&str> = keys.filter(|k| !common.contains(k)).collect();
        named.sort();
        real.sort();
        assert_eq!(named, real, "{kind}");
    }
}

#[test]
fn text_is_aligned() {
    let (meta, events) = trace();
    let page = text::page(&cutline::topology::Topology::build(meta.graph), &events[..30]);
    assert!(page.contains("src/0         a1  send       src/0>mid/0 #0  s0:0 k=0 v=1"), "{page}");
    assert!(page.lines().all(|line| line.trim_end() == line));
}
