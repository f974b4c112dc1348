//! SARIF 2.1.0, for code scanning: a result for each finding and for each diagnostic of a scenario file.

use super::{Finding, Kind, Remark, Sweep, seed};
use crate::scenario::explain::explain;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// GitHub shows so many results of a run.
const MOST: usize = 5000;

/// The document.
pub fn document(sweep: &Sweep) -> String {
    let mut rules: BTreeMap<String, Value> = BTreeMap::new();
    let mut results: Vec<(String, Value)> = Vec::new();
    for found in &sweep.findings {
        rules.entry(rule(found)).or_insert_with(|| about(&rule(found), &found.kind.title(), &found.statement));
        results.push((rule(found), result(found)));
    }
    for remark in &sweep.diagnostics {
        let text = explain(&remark.code).unwrap_or(&remark.message);
        rules.entry(remark.code.clone()).or_insert_with(|| about(&remark.code, &remark.message, text));
        results.push((remark.code.clone(), diagnosed(remark)));
    }
    let index: BTreeMap<&String, usize> = rules.keys().zip(0..).collect();
    let left_out = results.len().saturating_sub(MOST);
    let results: Vec<Value> = results
        .iter()
        .take(MOST)
        .map(|(rule, result)| {
            let mut result = result.clone();
            result["ruleId"] = json!(rule);
            result["ruleIndex"] = json!(index[rule]);
            result
        })
        .collect();
    let mut run = json!({
        "tool": { "driver": {
            "name": "cutline",
            "version": env!("CARGO_PKG_VERSION"),
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules.values().collect::<Vec<_>>(),
        } },
        "automationDetails": { "id": format!("cutline/{}", sweep.head.id) },
        "invocations": [{
            "commandLine": sweep.head.command(),
            "exitCode": sweep.tail.exit,
            "executionSuccessful": sweep.tail.internal.is_none() && sweep.tail.interrupted.is_none(),
        }],
        "columnKind": "unicodeCodePoints",
        "results": results,
    });
    if left_out > 0 {
        run["properties"] = json!({ "resultsLeftOut": left_out });
    }
    let schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
    let document = json!({ "$schema": schema, "version": "2.1.0", "runs": [run] });
    format!("{document:#}\n")
}

/// What a finding is an instance of: the invariant, or the kind of failure.
fn rule(finding: &Finding) -> String {
    match finding.kind {
        Kind::Violation(invariant, _) => invariant.name().to_string(),
        other => other.word().to_string(),
    }
}

fn about(id: &str, short: &str, full: &str) -> Value {
    let sentence = |text: &str| format!("{}.", text.trim_end_matches('.'));
    json!({
        "id": id,
        "shortDescription": { "text": sentence(short) },
        "fullDescription": { "text": sentence(full) },
        "help": { "text": format!("`cutline explain {id}` says more.") },
    })
}

fn result(finding: &Finding) -> Value {
    let mut message = finding.message.clone();
    if let Some(smallest) = finding.seed {
        message = format!("seed {}: {message}", seed(smallest));
    }
    if finding.count > 0 {
        message = format!("{} of {} seeds, {message}", finding.count, finding.of);
    }
    let mut properties = json!({ "reproduce": finding.reproduce, "scenario": finding.scenario });
    if let Some(shrunk) = &finding.shrunk {
        properties["shrunk"] = json!(shrunk);
        properties["shrunkCommand"] = json!(finding.smaller);
    }
    json!({
        "level": "error",
        "message": { "text": format!("{message}\nShould be: {}.\nReproduce: {}", finding.statement, finding.reproduce) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&finding.path) },
            "region": { "startLine": 1 },
        } }],
        "partialFingerprints": { "cutlineFinding/v1": finding.id() },
        "properties": properties,
    })
}

fn diagnosed(remark: &Remark) -> Value {
    let mut region = json!({ "startLine": remark.line, "startColumn": remark.column });
    if (remark.end_line, remark.end_column) > (remark.line, remark.column) {
        region["endLine"] = json!(remark.end_line);
        region["endColumn"] = json!(remark.end_column);
    }
    let help = remark.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
    json!({
        "level": if remark.is_error() { "error" } else { "warning" },
        "message": { "text": format!("{}{help}", remark.message) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&remark.file) },
            "region": region,
        } }],
    })
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => out.push(byte as char),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    // A colon in the first segment is escaped already: nothing looks like a scheme.
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("scenarios/a b:c.json"), "scenarios/a%20b%3Ac.json");
        assert_eq!(uri("ä\\x"), "%C3%A4/x");
    }
}
