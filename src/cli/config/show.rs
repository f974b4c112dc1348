//! `cutline config show`: every setting, what it is, and who says so.

use super::keys::{KEYS, Shape};
use super::{Sources, Wrong, settings};
use crate::cli::args::{Cli, ListFormat};
use crate::cli::exit::{Ending, Why};
use crate::cli::list::pretty;
use crate::cli::{output, printed};
use crate::scenario::load;
use clap::{Args, CommandFactory, Subcommand};
use serde_json::json;
use std::fmt::Write;

/// `cutline config`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Settings stand in cutline.toml or .config/cutline.toml, in the current directory or further up, not beyond the root of the
repository. A setting is the long name of an option of `run`; paths are relative to the file:

  [default]
  seeds = 500
  [profile.ci]
  seeds = 20000
  report = [\"junit=out/junit.xml\"]

Flags beat variables (CUTLINE_SEEDS), those beat [profile.NAME], that beats [default]. Preferences of a person, color and
progress, stand in ~/.config/cutline/preferences.toml, and everything else beats them.

Examples:
  cutline config show
  cutline config show --no-config --format json"
)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Print every setting of `run`, what it is, and where it comes from
    Show(Show),
}

/// `cutline config show`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  cutline config show
  cutline config show --format json")]
pub struct Show {
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
}

/// Shows them.
pub fn config(args: Config, sources: &Sources) -> Ending {
    let Action::Show(Show { format }) = args.action;
    let settings = match settings(sources) {
        Ok(settings) => settings,
        Err(wrong) => return refused(wrong),
    };
    let root = Cli::command();
    let run = root.find_subcommand("run");
    let built_in = |id: &str| -> Vec<String> {
        let all = run.into_iter().flat_map(|run| run.get_arguments()).chain(root.get_arguments());
        let arg = all.into_iter().find(|arg| arg.get_id() == id);
        let values = arg.into_iter().flat_map(|arg| arg.get_default_values());
        values.map(|value| value.to_string_lossy().into_owned()).collect()
    };
    let (mut text, mut list) = (String::new(), Vec::new());
    for key in KEYS {
        let (mut values, origin) = match settings.get(key.name) {
            Some(setting) => (setting.values.clone(), setting.origin.clone()),
            None => (built_in(key.id), "built in".to_string()),
        };
        if values.is_empty() && key.shape == Shape::Flag {
            values.push("false".to_string());
        }
        let shown = if values.is_empty() { "(not set)".to_string() } else { values.join(", ") };
        let _ = writeln!(text, "{:<18} {shown:<24} {origin}", key.name);
        list.push(json!({ "setting": key.name, "values": values, "origin": origin }));
    }
    let text = match format {
        ListFormat::Human => text,
        ListFormat::Json => pretty(&json!({ "schema": "cutline.config/1", "settings": list })),
    };
    printed(output::print(&text), Ending::good())
}

/// Says what is wrong.
pub fn refused(wrong: Wrong) -> Ending {
    match wrong {
        Wrong::File(found) => output::say(&format!("{}\n\n", load::render(&found, true))),
        Wrong::Plain(problem) => output::complain(&problem),
    }
    Ending::bad(Why::BadInput)
}
