//! A scenario as the text of a file, in the style of the files that ship: what comes first is first, and what fits into
//! a line is in one.

use serde_json::Value;

/// A line has so many columns at most.
const COLUMNS: usize = 110;

/// The order of keys; others follow, by name.
const ORDER: [&str; 26] = [
    "format",
    "name",
    "about",
    "calm",
    "protocol",
    "guarantee",
    "job",
    "checkpoints",
    "transaction_timeout_ms",
    "sim",
    "faults",
    "expect",
    "check",
    "seeds",
    "hosts",
    "capacity",
    "vertices",
    "id",
    "source",
    "kind",
    "operators",
    "sink",
    "parallelism",
    "inputs",
    "from",
    "event",
];

/// The text of a value, with a line break at its end.
pub fn print(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, 0, &mut out);
    out.push('\n');
    out
}

fn sorted(object: &serde_json::Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_by_key(|(key, _)| (ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()), *key));
    entries
}

fn key(name: &str) -> String {
    format!("{}: ", Value::from(name))
}

/// All in one line.
fn line(value: &Value) -> String {
    match value {
        Value::Object(object) if object.is_empty() => "{}".to_string(),
        Value::Object(object) => {
            let entries: Vec<String> = sorted(object).into_iter().map(|(k, v)| key(k) + &line(v)).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(line).collect::<Vec<_>>().join(", ")),
        plain => plain.to_string(),
    }
}

/// `used`: columns of the line that are taken.
fn write(value: &Value, indent: usize, used: usize, out: &mut String) {
    let short = line(value);
    let whole = indent == 0 && value.is_object(); // a file is more than a line
    if !whole && used + short.len() < COLUMNS {
        return out.push_str(&short);
    }
    let (open, close, parts): (_, _, Vec<(String, &Value)>) = match value {
        Value::Object(object) => ('{', '}', sorted(object).into_iter().map(|(k, v)| (key(k), v)).collect()),
        Value::Array(list) => ('[', ']', list.iter().map(|v| (String::new(), v)).collect()),
        _ => return out.push_str(&short),
    };
    out.push(open);
    for (i, (name, part)) in parts.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        out.push_str(&" ".repeat(indent + 2));
        out.push_str(name);
        write(part, indent + 2, indent + 2 + name.len(), out);
    }
    out.push('\n');
    out.push_str(&" ".repeat(indent));
    out.push(close);
}
