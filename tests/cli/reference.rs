//! docs/reference: what the code says of itself, as pages. `docs/make` writes them again.

use super::*;
use clap::{Arg, CommandFactory};
use cutline::cli::args::Cli;
use cutline::cli::config::keys;
use cutline::cli::exit;
use cutline::protocols::{CIRCLES, NOTED, PROTOCOLS, Protocol};
use cutline::scenario::explain::CODES;
use cutline::topology::Mode;
use cutline::trace::event::Guarantee;
use cutline::verify::{Invariant, required, tiers};
use std::collections::BTreeSet;
use std::fmt::Write;

#[test]
fn the_reference_is_what_the_code_says() {
    let pages = [("commands", commands()), ("scenarios", scenarios()), ("codes", codes()), ("protocols", protocols())];
    let mut stale = Vec::new();
    for (name, text) in pages {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/reference/{name}.md"));
        let untidy = text.lines().find(|line| *line != line.trim_end());
        assert!(untidy.is_none() && !text.contains("\n\n\n"), "{name} is tidy: {untidy:?}");
        if std::env::var_os("CUTLINE_UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "stale: {stale:?}; docs/make writes them again");
}

/// A page that begins with who wrote it.
fn page(title: &str, from: &str) -> String {
    format!("# {title}\n\nGenerated from {from} by `docs/make`; a test fails when it is stale.\n")
}

/// A text as it may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn row(out: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | ").replace("  ", " "));
}

fn head(out: &mut String, names: &[&str]) {
    row(out, names);
    let _ = writeln!(out, "|{}", " --- |".repeat(names.len()));
}

fn commands() -> String {
    let mut out = page("Commands and options", "the command line itself");
    let mut root = Cli::command();
    root.build();
    out += "\n`cutline help COMMAND` says the same, with less width. Every command also takes:\n\n";
    options(&mut out, root.get_arguments().filter(|arg| arg.is_global_set()));
    for command in root.get_subcommands() {
        let usage = command.clone().render_usage().to_string().replace("Usage: ", "");
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(out, "\n## {}\n\n{about}.\n\n```\n{usage}\n```\n", command.get_name());
        let own: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_global_set() && shown(arg)).collect();
        if !own.is_empty() {
            out.push('\n');
            options(&mut out, own.into_iter());
        }
        let more = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        let (text, examples) = more.split_once("Examples:\n").unwrap_or((&more, ""));
        if !text.trim().is_empty() {
            let _ = write!(out, "\n{}\n", text.trim());
        }
        let examples: Vec<&str> = examples.lines().map(str::trim).collect();
        let _ = write!(out, "\n```sh\n{}\n```\n", examples.join("\n"));
    }
    out
}

fn shown(arg: &Arg) -> bool {
    !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str())
}

fn options<'a>(out: &mut String, args: impl Iterator<Item = &'a Arg>) {
    head(out, &["option", "meaning", "default"]);
    for arg in args.filter(|arg| shown(arg)) {
        let mut names: Vec<String> = arg.get_short().map(|short| format!("-{short}")).into_iter().collect();
        names.extend(arg.get_long().map(|long| format!("--{long}")));
        names.extend(arg.get_visible_aliases().unwrap_or_default().iter().map(|alias| format!("--{alias}")));
        let value = match arg.get_value_names() {
            Some(values) if arg.get_action().takes_values() => format!(" {}", values[0]),
            _ => String::new(),
        };
        let name = format!("`{}{value}`", names.join(", ")).replace("` ", "`");
        let mut meaning = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let words: Vec<String> =
            arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        if arg.get_action().takes_values() && !words.is_empty() && arg.get_id() != "shell" {
            let _ = write!(meaning, ": {}", words.join(", "));
        }
        let usual: Vec<String> =
            arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        let usual = if arg.get_action().takes_values() { usual.join(", ") } else { String::new() };
        row(out, &[&name, &meaning, &usual]);
    }
}

fn scenarios() -> String {
    let schema = cutline::scenario::schema();
    let mut out = page("Fields of a scenario", "the types that a file is read into");
    out += "\nA file is one JSON object of the first kind. Fields without a default may be left out, but for those in **bold**. A
number of the kind \"open\" is a number, or one that every seed draws anew: `{ \"min\": 1, \"max\": 5 }`, or one of a list,
`{ \"one_of\": [1, 2, 2] }`. `cutline schema scenario` prints the JSON Schema, `cutline lint` explains mistakes.\n";
    let (mut next, mut done) = (vec!["Scenario".to_string()], BTreeSet::new());
    while let Some(name) = next.pop() {
        if !done.insert(name.clone()) {
            continue;
        }
        let kind = if name == "Scenario" { &schema } else { &schema["$defs"][&name] };
        let _ = write!(out, "\n## {name}\n\n{}\n\n", kind["description"].as_str().unwrap_or_default());
        let mut named = Vec::new();
        match (kind.get("properties"), kind["oneOf"].as_array().or(kind["anyOf"].as_array())) {
            (Some(_), _) => fields(&mut out, kind, &mut named),
            (None, Some(kinds)) => {
                kinds.iter().for_each(|one| alternative(&mut out, one, &mut named));
            }
            _ => {
                let words = kind["enum"].as_array().unwrap().iter().map(|word| format!("`{}`", word.as_str().unwrap()));
                let _ = writeln!(out, "One of {}.", words.collect::<Vec<_>>().join(", "));
            }
        }
        // In the order in which they are named, and what belongs to one before the next.
        next.extend(named.into_iter().rev());
    }
    out
}

fn fields(out: &mut String, kind: &Value, named: &mut Vec<String>) {
    head(out, &["field", "kind", "default", "meaning"]);
    let must: Vec<&str> = kind["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in kind["properties"].as_object().unwrap() {
        let shown = if must.contains(&name.as_str()) { format!("**`{name}`**") } else { format!("`{name}`") };
        let usual = field.get("default").map_or_else(String::new, |usual| match usual {
            Value::Object(fields) if fields.len() > 2 => "as below".to_string(),
            usual => format!("`{usual}`"),
        });
        row(out, &[&shown, &described(field, named), &usual, field["description"].as_str().unwrap_or_default()]);
    }
}

/// One of several things that may stand in a place.
fn alternative(out: &mut String, one: &Value, named: &mut Vec<String>) {
    let meaning = one["description"].as_str().unwrap_or_default();
    if let Some(word) = one.get("const") {
        let _ = writeln!(out, "- `{word}`: {}", cell(meaning));
        return;
    }
    let Some(fields) = one["properties"].as_object() else {
        let _ = writeln!(out, "- {}: {}", described(one, named), cell(meaning));
        return;
    };
    let parts: Vec<String> = fields
        .iter()
        .map(|(name, field)| {
            let inner: Vec<String> = field["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, field)| {
                    let meaning = field["description"].as_str().unwrap_or_default().trim_end_matches('.');
                    format!("`{name}` ({}): {meaning}", described(field, named))
                })
                .collect();
            let what = if inner.is_empty() { described(field, named) } else { inner.join("; ") };
            let said = field["description"].as_str().map_or_else(String::new, |text| format!(": {text}"));
            format!("`{name}` ({what}){said}")
        })
        .collect();
    let _ = writeln!(out, "- {} {}", cell(meaning), cell(&parts.join(" ")));
}

/// What may stand in a field.
fn described(field: &Value, named: &mut Vec<String>) -> String {
    if let Some(to) = field["$ref"].as_str() {
        let name = to.rsplit('/').next().unwrap().to_string();
        if let Some((least, most)) = name.strip_prefix("Number").and_then(|range| range.split_once("To")) {
            return format!("{least} to {most}, open");
        }
        return match name.strip_prefix("Pick") {
            Some("boolean") => "`true` or `false`, or `{ \"one_of\": [..] }`".to_string(),
            Some(of) => {
                named.push(of.to_string());
                format!("[{of}](#{}), or `{{ \"one_of\": [..] }}`", of.to_lowercase())
            }
            None => {
                named.push(name.clone());
                format!("[{name}](#{})", name.to_lowercase())
            }
        };
    }
    match field["type"].as_str() {
        Some("array") => format!("list of {}", described(&field["items"], named)),
        Some("string") => "text".to_string(),
        Some("boolean") => "`true` or `false`".to_string(),
        Some("object") => match field.get("additionalProperties") {
            Some(values) if values.is_object() => format!("object: name to {}", described(values, named)),
            _ => "object".to_string(),
        },
        Some("integer") => match (field["minimum"].as_u64(), field["maximum"].as_u64()) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("a number from {least} on"),
            _ => "a number".to_string(),
        },
        other => panic!("a kind of field that isn't known: {other:?} {field}"),
    }
}

fn codes() -> String {
    let mut out = page("Exit codes and error codes", "the tables of the program");
    out += "\n## Exit codes\n\n";
    head(&mut out, &["code", "meaning"]);
    exit::CODES.iter().for_each(|(code, text)| row(&mut out, &[code, text]));
    out += "\nWhen several apply: 70, 5, 1, 2, 130 or 143, 3, 4, 0.\n\n## Scenario files\n\n";
    head(&mut out, &["code", "meaning"]);
    CODES.iter().for_each(|(code, text)| row(&mut out, &[code, text]));
    out += "\n## Traces\n\n";
    head(&mut out, &["code", "meaning"]);
    cutline::trace::json::CODES.iter().for_each(|(code, text)| row(&mut out, &[code, text]));
    out += "\n## Settings\n\n";
    head(&mut out, &["code", "meaning"]);
    keys::CODES.iter().for_each(|(code, text)| row(&mut out, &[code, text]));
    out
}

/// The word that a value is written as.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_string()
}

fn protocols() -> String {
    let mut out = page("Invariants and protocols", "the tables of the program");
    out += "\n## Invariants\n\n[invariants.md](../invariants.md) explains them. Tiers are the kinds of line that a verdict rests on:
0 effects, 1 control, 2 messages and cuts ([trace.md](../trace.md)). Last, which guarantees claim it.\n\n";
    let claims = [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce, Guarantee::AtMostOnce, Guarantee::None];
    head(&mut out, &["invariant", "statement", "tiers", "claimed by"]);
    for invariant in Invariant::ALL {
        let said: Vec<String> = tiers(invariant).iter().map(ToString::to_string).collect();
        let by: Vec<String> = claims
            .iter()
            .filter(|claim| required(invariant, **claim, Mode::Aligned))
            .map(|claim| match required(invariant, *claim, Mode::AtLeastOnce) {
                true => word(claim),
                false => format!("{} (not where barriers are only counted)", word(claim)),
            })
            .collect();
        row(&mut out, &[invariant.name(), invariant.statement(), &said.join(" "), &by.join(", ")]);
    }
    out += "\n## Protocols\n\nWhat `--protocol` and a scenario's `protocol` may name. Those that break an invariant are planted defects: the one
that must be caught, and the scenario in which it is.\n\n";
    table(&mut out, PROTOCOLS);
    out += "\n## Protocols for jobs in which records go round\n\n";
    table(&mut out, CIRCLES);
    out += "\n## Protocols for channels that mix up the order\n\n";
    table(&mut out, NOTED);
    out
}

fn table(out: &mut String, rows: &[Protocol]) {
    head(out, &["name", "what it is", "breaks", "scenario"]);
    for protocol in rows {
        let scenario = format!("`scenarios/{}.json`", protocol.scenario);
        row(out, &[&format!("`{}`", protocol.name), protocol.about, protocol.breaks.unwrap_or("-"), &scenario]);
    }
}
