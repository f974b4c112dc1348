//! A JSON Schema of trace lines, made from one table: what the fields of each kind are.

use serde_json::{Map, Value, json};

/// The fields of each kind; a question mark at the end: may be left out.
const FIELDS: &[(&str, &[&str])] = &[
    ("read", &["part", "id", "key", "value"]),
    ("visible", &["pos", "from", "id", "key", "value", "txn?"]),
    ("quiesce", &[]),
    ("trigger", &["ckpt", "job", "required"]),
    ("ack", &["ckpt"]),
    ("decline", &["ckpt", "reason"]),
    ("complete", &["ckpt", "job", "token", "parts", "result"]),
    ("savepoint", &["ckpt", "job", "token", "parts", "result"]),
    ("abort", &["ckpt", "reason"]),
    ("notify", &["ckpt", "to", "what"]),
    ("put", &["key_of", "digest", "off", "kappa", "txns", "result"]),
    ("get", &["key_of", "result"]),
    ("del", &["key_of"]),
    ("lead", &["token", "result"]),
    ("begin", &["job", "token", "base?", "result"]),
    ("start", &[]),
    ("crash", &[]),
    ("stop", &[]),
    ("restore", &["base?", "digest", "off", "kappa", "finished"]),
    ("txn", &["op", "txn", "records", "result"]),
    ("fence", &["by"]),
    ("fault", &["what"]),
    ("clear", &[]),
    ("send", &["ch", "m", "id", "key", "value"]),
    ("apply", &["ch", "m"]),
    ("bar_out", &["ch", "ckpt", "overtakes"]),
    ("bar_in", &["ch", "ckpt", "passed"]),
    ("cancel_out", &["ch", "ckpt"]),
    ("cancel_in", &["ch", "ckpt"]),
    ("end_out", &["ch"]),
    ("end_in", &["ch"]),
    ("hold", &["ch"]),
    ("release", &["ch"]),
    ("snap", &["ckpt", "digest"]),
    ("abandon", &["ckpt", "reason"]),
    ("choice", &["value"]),
    ("finish", &["complete"]),
    ("suspend", &["ckpt"]),
];

fn shape(field: &str) -> Value {
    let of = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    match field {
        "part" | "job" | "token" | "passed" | "a" | "n" => {
            json!({ "type": "integer", "minimum": 0, "maximum": 4294967295u32 })
        }
        "pos" | "ckpt" | "digest" | "base" | "records" | "m" | "i" | "t" => of("number"),
        "key" | "value" => of("datum"),
        "from" | "to" | "by" => of("life"),
        "required" => json!({ "type": "array", "items": { "type": "string" } }),
        "parts" => json!({ "type": "array", "items": of("key") }),
        "key_of" => of("key"),
        "txn" => of("txn"),
        "txns" => json!({ "type": "array", "items": of("txn") }),
        "off" => {
            json!({ "type": "array", "items": { "type": "array", "items": of("number"), "minItems": 2, "maxItems": 2 } })
        }
        "kappa" => {
            json!({ "type": "array", "items": { "type": "array", "items": { "type": "string" }, "minItems": 1 } })
        }
        "overtakes" | "finished" | "complete" => json!({ "type": "boolean" }),
        "id" => json!({ "type": "string", "pattern": "^s[0-9]+:[0-9]+(\\.[0-9]+)?$" }),
        "result" => json!({ "enum": ["ok", "again", "fenced", "error"] }),
        "op" => json!({ "enum": ["begin", "prepare", "commit", "abort", "expire"] }),
        _ => json!({ "type": "string" }),
    }
}

fn object(kind: &str, common: &[&str], fields: &[&str]) -> Value {
    let mut properties = Map::new();
    properties.insert("v".into(), json!({ "const": super::VERSION }));
    properties.insert("k".into(), json!({ "const": kind }));
    let mut required = vec!["v".to_string(), "k".to_string()];
    for field in common.iter().chain(fields) {
        let name = field.trim_end_matches('?');
        properties.insert(name.into(), shape(name));
        if name == *field {
            required.push(name.to_string());
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// The schema of one line of a trace: the header or an event.
pub fn schema() -> Value {
    let text = json!({ "type": "string" });
    let number = json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+$" }] });
    let list = |items: Value| {
        let n = items.as_array().map_or(0, Vec::len);
        json!({ "type": "array", "prefixItems": items, "minItems": n, "maxItems": n })
    };
    let mut lines = vec![json!({
        "type": "object",
        "properties": {
            "v": { "const": super::VERSION }, "k": { "const": "meta" }, "tool": text, "scenario": text, "seed": number,
            "guarantee": { "enum": ["exactly-once", "at-least-once", "at-most-once", "none"] },
            "mode": {
                "enum": ["aligned", "at-least-once", "unaligned", "aligned-then-unaligned", "alone", "regional"]
            },
            "regions": {
                "type": "object",
                "properties": { "max_failed_percent": number, "max_in_a_row": number },
                "required": ["max_failed_percent", "max_in_a_row"],
                "additionalProperties": false
            },
            "healed_events_max": number, "graph": { "type": "object" }
        },
        "required": ["v", "k", "tool", "scenario", "guarantee", "mode", "healed_events_max", "graph"],
        "additionalProperties": false
    })];
    lines.extend(FIELDS.iter().map(|(kind, fields)| object(kind, &["i?", "t?", "p", "a", "n"], fields)));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a line of a cutline trace",
        "oneOf": lines,
        "$defs": {
            "number": number,
            "life": list(json!([text, number])),
            "key": list(json!([number, number, text])),
            "txn": list(json!([number, text, number])),
            "datum": { "anyOf": [
                { "type": "integer" }, { "type": "string" },
                { "type": "array", "items": { "$ref": "#/$defs/datum" }, "minItems": 2, "maxItems": 2 },
                { "type": "object", "properties": { "int": text }, "required": ["int"], "additionalProperties": false },
                { "type": "object", "properties": { "bytes": text }, "required": ["bytes"], "additionalProperties": false }
            ] }
        }
    })
}
