//! The commands that only tell something: `schema`, `explain`, `help`, `--version`.

use super::args::{self, Cli, SchemaOf};
use super::config::keys::CODES as SETTINGS;
use super::exit::{self, Ending, Why};
use super::judge::statement;
use super::list::pretty;
use super::output::{self, complain};
use crate::protocols::PROTOCOLS;
use crate::report::Kind;
use crate::report::json;
use crate::scenario;
use crate::scenario::explain::{CODES, explain as explained};
use crate::trace::{self, json::CODES as TRACES};
use crate::verify::Invariant;
use clap::CommandFactory;
use std::fmt::Write;

/// The manual on invariants.
const INVARIANTS: &str = include_str!("../../docs/invariants.md");
/// Kinds of findings that are no invariants.
const KINDS: [Kind; 6] =
    [Kind::Nondeterminism, Kind::Panic, Kind::Stuck, Kind::JobFailed, Kind::Unreached, Kind::NotViolated];

/// `cutline schema`.
pub fn schema(args: args::Schema) -> Ending {
    let text = match args.of {
        SchemaOf::Scenario => pretty(&scenario::schema()),
        SchemaOf::Trace => pretty(&trace::json::schema()),
        SchemaOf::Run => json::schema().to_string(),
        SchemaOf::Finding => pretty(&finding()),
    };
    super::printed(output::print(&text), Ending::good())
}

/// A finding is a part of a report.
fn finding() -> serde_json::Value {
    let whole: serde_json::Value = serde_json::from_str(json::schema()).unwrap_or_default();
    serde_json::json!({ "$schema": whole["$schema"], "$ref": "#/$defs/finding", "$defs": whole["$defs"] })
}

/// `cutline explain`.
pub fn explain(args: args::Explain) -> Ending {
    let Some(code) = args.code else {
        let mut out = String::new();
        for (code, text) in CODES.iter().chain(SETTINGS).chain(TRACES) {
            let _ = writeln!(out, "{code}  {text}");
        }
        for invariant in Invariant::ALL {
            let _ = writeln!(out, "{}  {}", invariant.name(), invariant.statement());
        }
        KINDS.iter().for_each(|kind| _ = writeln!(out, "{}  {}", kind.word(), statement(*kind)));
        exit::CODES.iter().for_each(|(code, text)| _ = writeln!(out, "exit {code}  {}", text.replace('\n', " ")));
        return super::printed(output::print(&out), Ending::good());
    };
    let path = std::path::Path::new(&code);
    if path.exists() {
        return super::findings::explain(path, args.full).unwrap_or_else(|problem| {
            complain(&problem);
            Ending::bad(Why::BadInput)
        });
    }
    let Some(text) = meaning(&code) else {
        let hint = "`cutline explain` lists all codes and invariants, and there is no such file";
        complain(&format!("nothing is called `{code}`; {hint}"));
        return Ending::bad(Why::BadInput);
    };
    super::printed(output::print(&text), Ending::good())
}

/// What a word means that cutline says somewhere.
fn meaning(word: &str) -> Option<String> {
    let listed = |list: &[(&str, &'static str)]| {
        list.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, text)| text.to_string())
    };
    if let Some(text) = explained(word).map(str::to_string).or_else(|| listed(SETTINGS)).or_else(|| listed(TRACES)) {
        return Some(format!("{}: {text}\n", word.to_uppercase()));
    }
    if let Some(invariant) = Invariant::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(word)) {
        let mut text = format!("{}: {}\n", invariant.name(), invariant.statement());
        // The table of the manual says more.
        let row = INVARIANTS.lines().find_map(|line| line.strip_prefix(&format!("| {} | ", invariant.name())));
        if let Some((statement, example)) = row.and_then(|row| row.trim_end_matches([' ', '|']).split_once(" | ")) {
            let _ = writeln!(text, "\n{statement}.\nA violation is, for example, {example}.");
        }
        let defects = PROTOCOLS.iter().filter(|protocol| protocol.breaks == Some(invariant.name()));
        let defects: Vec<&str> = defects.map(|protocol| protocol.name).collect();
        if !defects.is_empty() {
            let _ = writeln!(text, "Planted defects that break it: {}.", defects.join(", "));
        }
        return Some(text);
    }
    if let Some(kind) = KINDS.into_iter().find(|kind| kind.word() == word) {
        return Some(format!("{}: {}; what should be so: {}\n", kind.word(), kind.title(), statement(kind)));
    }
    let code = word.strip_prefix("exit-").unwrap_or(word);
    let (_, text) = exit::CODES.iter().find(|(known, _)| known.split(" / ").any(|known| known == code))?;
    Some(format!("exit code {code}: {text}\n"))
}

/// `cutline help`.
pub fn help(args: args::Help) -> Ending {
    let mut command = Cli::command();
    command.build();
    let text = match args.topic.as_deref() {
        None => command.render_long_help().ansi().to_string(),
        Some("exit-codes") => exit::table(),
        Some(topic) => match command.find_subcommand_mut(topic) {
            Some(command) => command.render_long_help().ansi().to_string(),
            None => {
                complain(&format!("no command and no topic is called `{topic}`; topics: exit-codes"));
                return Ending::bad(Why::BadInput);
            }
        },
    };
    super::printed(output::print(&text), Ending::good())
}

/// `cutline --version --json`.
pub fn version() -> Ending {
    let version = serde_json::json!({
        "cutline": env!("CARGO_PKG_VERSION"),
        "commit": env!("CUTLINE_COMMIT").trim_matches([' ', '(', ')']),
        "stream": args::STREAM,
        "trace": args::TRACE,
    });
    super::printed(output::print(&pretty(&version)), Ending::good())
}
