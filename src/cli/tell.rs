//! The commands that only tell something: `schema`, `explain`, `help`, `--version`.

use super::args::{self, Cli, SchemaOf};
use super::config::keys::CODES as SETTINGS;
use super::exit::{self, Ending, Why};
use super::list::pretty;
use super::output::{self, complain};
use crate::report::json;
use crate::scenario;
use crate::scenario::explain::{CODES, explain as explained};
use crate::trace;
use crate::verify::Invariant;
use clap::CommandFactory;
use std::fmt::Write;

/// `cutline schema`.
pub fn schema(args: args::Schema) -> Ending {
    let text = match args.of {
        SchemaOf::Scenario => pretty(&scenario::schema()),
        SchemaOf::Trace => pretty(&trace::json::schema()),
        SchemaOf::Run => json::schema().to_string(),
    };
    super::printed(output::print(&text), Ending::good())
}

/// `cutline explain`.
pub fn explain(args: args::Explain) -> Ending {
    let Some(code) = args.code else {
        let mut out = String::new();
        for (code, text) in CODES.iter().chain(SETTINGS) {
            let _ = writeln!(out, "{code}  {text}");
        }
        for invariant in Invariant::ALL {
            let _ = writeln!(out, "{}  {}", invariant.name(), invariant.statement());
        }
        return super::printed(output::print(&out), Ending::good());
    };
    let path = std::path::Path::new(&code);
    if path.exists() {
        return super::findings::explain(path).unwrap_or_else(|problem| {
            complain(&problem);
            Ending::bad(Why::BadInput)
        });
    }
    let invariant = Invariant::ALL.into_iter().find(|invariant| invariant.name().eq_ignore_ascii_case(&code));
    let setting = SETTINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&code)).map(|(_, text)| *text);
    let text = match (explained(&code).or(setting), invariant) {
        (Some(text), _) => format!("{}: {text}\n", code.to_uppercase()),
        (None, Some(invariant)) => format!("{}: {}\n", invariant.name(), invariant.statement()),
        (None, None) => {
            let hint = "`cutline explain` lists all codes and invariants, and there is no such file";
            complain(&format!("nothing is called `{code}`; {hint}"));
            return Ending::bad(Why::BadInput);
        }
    };
    super::printed(output::print(&text), Ending::good())
}

/// `cutline help`.
pub fn help(args: args::Help) -> Ending {
    let mut command = Cli::command();
    command.build();
    let text = match args.topic.as_deref() {
        None => command.render_long_help().ansi().to_string(),
        Some("exit-codes") => exit::TABLE.to_string(),
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
        "stream": args::STREAM,
        "trace": args::TRACE,
    });
    super::printed(output::print(&pretty(&version)), Ending::good())
}
