//! A trace of an engine that isn't ours: its log, line by line, into the format of docs/trace.md. The engine is made up;
//! its log looks like those of real ones. docs/your-engine.md goes through it.
//!
//! ```sh
//! cargo run --example own_trace -- examples/own_trace/good.log > good.jsonl
//! ```

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: own_trace LOG");
        return ExitCode::from(2);
    };
    match std::fs::read_to_string(&path).map_err(|error| error.to_string()).and_then(|log| convert(&log)) {
        Ok(trace) => print!("{trace}"),
        Err(problem) => {
            eprintln!("{path}: {problem}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// The trace that a log tells.
///
/// # Errors
/// A line that says nothing we know: to pass it over could hide what went wrong.
pub fn convert(log: &str) -> Result<String, String> {
    let mut trace = format!("{}\n", header());
    let mut numbers: BTreeMap<(String, u64), u64> = BTreeMap::new();
    let mut put = |process: &str, attempt: u64, mut event: Value| {
        // Lines are numbered in each life of each process: that is all the order that a verdict needs.
        let n = numbers.entry((process.to_string(), attempt)).or_default();
        (event["v"], event["p"], event["a"], event["n"]) = (json!(1), json!(process), json!(attempt), json!(*n));
        *n += 1;
        trace += &format!("{event}\n");
    };
    for (i, line) in log.lines().enumerate() {
        let (_, said) = line.split_once(" - ").ok_or(format!("line {}: no message", i + 1))?;
        let (process, attempt, event) = event(said).ok_or(format!("line {}: not known: {said}", i + 1))?;
        put(&process, attempt, event);
    }
    put("environment", 1, json!({ "k": "quiesce" })); // the log goes on until nothing is left to do
    Ok(trace)
}

/// The job, which the log doesn't describe, and what it promises.
fn header() -> Value {
    let source = json!({ "name": "orders", "role": { "source": { "kind": "log", "partitions": 1 } }, "chain": [], "parallelism": 1 });
    let sink = json!({ "name": "totals", "role": { "sink": "two_phase" }, "chain": ["keyed_count"], "parallelism": 1 });
    let edge = json!({ "from": 0, "to": 1, "partitioning": "hash", "capacity": 64 });
    json!({
        "v": 1, "k": "meta", "tool": "own_trace", "scenario": "order-counts", "guarantee": "exactly-once",
        "mode": "aligned", "healed_events_max": 5000, "graph": { "vertices": [source, sink], "edges": [edge] }
    })
}

/// What a message says: whose line it is, in which life, and what happened.
fn event(said: &str) -> Option<(String, u64, Value)> {
    // What subtasks do.
    if let Some([who, part, offset, key, value]) = find(said, "{} read partition {} offset {}: {}={}") {
        return of(who, record(json!({ "k": "read", "part": number(part)? }), part, offset, key, value)?);
    }
    if let Some([who, m, to, part, offset, key, value]) = find(said, "{} sent #{} to {}: partition {} offset {}: {}={}")
    {
        let channel = format!("{}>{}", life(who)?.0, life(to)?.0);
        return of(who, record(json!({ "k": "send", "ch": channel, "m": number(m)? }), part, offset, key, value)?);
    }
    if let Some([who, m, from]) = find(said, "{} took #{} of {}") {
        let channel = format!("{}>{}", life(from)?.0, life(who)?.0);
        return of(who, json!({ "k": "apply", "ch": channel, "m": number(m)? }));
    }
    if let Some([who, id, state]) = find(said, "{} snapshot for checkpoint {}, state {}") {
        return of(who, json!({ "k": "snap", "ckpt": number(id)?, "digest": digest(state)? }));
    }
    if let Some([who, id]) = find(said, "{} acknowledged checkpoint {}") {
        return of(who, json!({ "k": "ack", "ckpt": number(id)? }));
    }
    if let Some([who]) = find(said, "{} is RUNNING, initial state") {
        return of(who, json!({ "k": "restore", "digest": 0, "off": [], "kappa": [], "finished": false }));
    }
    if let Some([who, id, state, at]) = find(said, "{} is RUNNING, state of checkpoint {} {}, offsets [{}]") {
        let (id, state, at) = (number(id)?, digest(state)?, pairs(at, '=')?);
        return of(
            who,
            json!({ "k": "restore", "base": id, "digest": state, "off": at, "kappa": [], "finished": false }),
        );
    }
    if said == "Job 4f1c is FINISHED" {
        return Some(("coordinator".to_string(), 1, json!({ "k": "finish", "complete": true })));
    }
    if let Some([who]) = find(said, "{} is FINISHED") {
        return of(who, json!({ "k": "finish", "complete": true }));
    }
    if let Some([who, _]) = find(said, "{} was killed ({})") {
        return of(who, json!({ "k": "crash" }));
    }
    outside(said)
}

/// What the coordinator, the storage and the topic say.
fn outside(said: &str) -> Option<(String, u64, Value)> {
    let told = |process: &str, event: Value| Some((process.to_string(), 1, event));
    if let Some([attempt, base, leader]) = find(said, "Job 4f1c starts as attempt #{} from {}, leader {}") {
        let mut event = json!({ "k": "begin", "job": number(attempt)? + 1, "token": number(leader)?, "result": "ok" });
        if let Some([id]) = find(base, "checkpoint {}") {
            event["base"] = json!(number(id)?);
        }
        return told("store", event);
    }
    if let Some([id, attempt, tasks]) = find(said, "Triggering checkpoint {} of attempt #{}: {}") {
        let required = tasks.split(", ").map(|task| Some(life(task)?.0)).collect::<Option<Vec<_>>>()?;
        let (id, job) = (number(id)?, number(attempt)? + 1);
        return told("coordinator", json!({ "k": "trigger", "ckpt": id, "job": job, "required": required }));
    }
    if let Some([id, _]) = find(said, "Aborted checkpoint {}: {}") {
        return told("coordinator", json!({ "k": "abort", "ckpt": number(id)?, "reason": "failover" }));
    }
    if let Some([who, id, state, at, txns]) =
        find(said, "{} stored for checkpoint {}: state {}, offsets [{}], transactions [{}]")
    {
        let (task, attempt) = life(who)?;
        let txns = pairs(txns, '.')?.into_iter().map(|[of, n]| json!([of + 1, task, n])).collect::<Vec<_>>();
        let place = json!([attempt, number(id)?, task]);
        let (state, at) = (digest(state)?, pairs(at, '=')?);
        let event = json!({ "k": "put", "key_of": place, "digest": state, "off": at, "kappa": [], "txns": txns, "result": "ok" });
        return told("store", event);
    }
    if let Some([id, attempt, leader, tasks]) = find(said, "Completed checkpoint {} of attempt #{}, leader {}: {}") {
        let (id, job, token) = (number(id)?, number(attempt)? + 1, number(leader)?);
        let part = |task| Some(json!([job, id, life(task)?.0]));
        let parts = tasks.split(", ").map(part).collect::<Option<Vec<_>>>()?;
        let event = json!({ "k": "complete", "ckpt": id, "job": job, "token": token, "parts": parts, "result": "ok" });
        return told("store", event);
    }
    if let Some([who, txn, what, records, result]) = find(said, "{} transaction {} {} with {} records: {}") {
        let ([of, n], task) = (pairs(txn, '.')?.pop()?, life(who)?.0);
        let txn = json!([of + 1, task, n]);
        let event = json!({ "k": "txn", "op": what, "txn": txn, "records": number(records)?, "result": result });
        return told("ledger/totals", event);
    }
    let [at, part, offset, key, value, txn] = find(said, "@{} partition {} offset {}: {}={} (transaction {})")?;
    let [of, n] = pairs(txn, '.')?.pop()?;
    let (from, txn) = (json!(["totals/0", of + 1]), json!([of + 1, "totals/0", n]));
    let event = json!({ "k": "visible", "pos": number(at)?, "from": from, "txn": txn });
    told("ledger/totals", record(event, part, offset, key, value)?)
}

/// A line of a subtask.
fn of(who: &str, event: Value) -> Option<(String, u64, Value)> {
    let (task, attempt) = life(who)?;
    Some((task, attempt, event))
}

/// `Source: orders (1/1)#0` is the first life of `orders/0`: the engine counts subtasks from 1, and attempts from 0.
fn life(name: &str) -> Option<(String, u64)> {
    let (_, name) = name.split_once(": ")?;
    let (name, attempt) = name.split_once('#').unwrap_or((name, "0"));
    let [vertex, index, _] = find(name, "{} ({}/{})")?;
    Some((format!("{vertex}/{}", number(index)? - 1), number(attempt)? + 1))
}

fn record(mut event: Value, part: &str, offset: &str, key: &str, value: &str) -> Option<Value> {
    event["id"] = json!(format!("s{}:{}", number(part)?, number(offset)?));
    (event["key"], event["value"]) = (json!(number(key)?), json!(number(value)?));
    Some(event)
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// The engine's checksum of a state. Traces compare digests with each other alone: any function of the state will do.
fn digest(text: &str) -> Option<String> {
    Some(u64::from_str_radix(text, 16).ok()?.to_string())
}

/// `0=4,1=7`
fn pairs(text: &str, between: char) -> Option<Vec<[u64; 2]>> {
    let one = |pair: &str| pair.split_once(between).and_then(|(a, b)| Some([number(a)?, number(b)?]));
    text.split(',').filter(|pair| !pair.is_empty()).map(one).collect()
}

/// The parts of a text that stand where a pattern has `{}`.
fn find<'a, const N: usize>(text: &'a str, pattern: &str) -> Option<[&'a str; N]> {
    let mut words = pattern.split("{}");
    let mut rest = text.strip_prefix(words.next()?)?;
    let mut found = Vec::new();
    for word in words {
        let at = if word.is_empty() { rest.len() } else { rest.find(word)? };
        found.push(&rest[..at]);
        rest = &rest[at + word.len()..];
    }
    if rest.is_empty() { found.try_into().ok() } else { None }
}
