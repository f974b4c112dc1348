//! Settings that aren't typed: `cutline.toml`, variables, and what somebody prefers to see. Flags beat variables, those
//! beat `[profile.NAME]`, that beats `[default]`, and that what is built in.

pub mod file;
pub mod keys;
pub mod show;

use super::args::Cli;
use crate::scenario::Diagnostic;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, CommandFactory};
use keys::{KEYS, Key, Shape};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where settings come from.
#[derive(Args, Clone, Debug, Default)]
pub struct Sources {
    /// Take settings from this file [default: cutline.toml or .config/cutline.toml, here or further up]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Take no settings from files
    #[arg(long, global = true, conflicts_with_all = ["config", "profile"])]
    pub no_config: bool,
    /// Take those of [profile.NAME] too
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
}

/// A setting that wasn't typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: &'static Key,
    /// What it says, as it would be typed.
    pub values: Vec<String>,
    /// Who says so.
    pub origin: String,
}

/// All of them, by name.
pub type Settings = BTreeMap<&'static str, Setting>;

/// What is wrong with settings.
pub enum Wrong {
    /// With a file, here and there.
    File(Vec<Diagnostic>),
    /// With a variable, a profile, or the path of a file.
    Plain(String),
}

/// Commands that take settings. The others must work however wrong a file is: some of them explain what is wrong.
const TAKING: [&str; 6] = ["run", "list", "lint", "check", "mutants", "exec"];
/// Settings of `run` that other commands share.
const SHARED: [&str; 3] = ["color", "jobs", "progress"];

/// Everything that is set.
pub fn settings(sources: &Sources) -> Result<Settings, Wrong> {
    let mut all = file::preferences()?;
    let profile = sources.profile.clone().or_else(|| variable("CUTLINE_PROFILE"));
    let named = sources.config.clone().or_else(|| variable("CUTLINE_CONFIG").map(PathBuf::from));
    let path = if sources.no_config { None } else { named.or_else(file::discover) };
    match (path, profile.filter(|_| !sources.no_config)) {
        (Some(path), profile) => all.extend(file::read(&path, profile.as_deref())?),
        (None, Some(profile)) => {
            return Err(Wrong::Plain(format!("there is no cutline.toml with a profile `{profile}`")));
        }
        (None, None) => {}
    }
    for key in KEYS {
        let name = format!("CUTLINE_{}", key.name.replace('-', "_").to_uppercase());
        let Some(value) = variable(&name) else { continue };
        let value = match (key.shape, value.as_str()) {
            (Shape::Flag, "1" | "true" | "yes") => "true".to_string(),
            (Shape::Flag, "0" | "false" | "no") => "false".to_string(),
            (Shape::Flag, _) => return Err(Wrong::Plain(format!("{name}: expected true or false, found `{value}`"))),
            _ => value,
        };
        if let Some(problem) = refused(key, &value) {
            return Err(Wrong::Plain(format!("{name}: {problem}")));
        }
        all.insert(key.name, Setting { key, values: vec![value], origin: name });
    }
    Ok(all)
}

/// A variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Why an option doesn't take this value; none: it does.
fn refused(key: &Key, value: &str) -> Option<String> {
    if key.shape == Shape::Flag || key.shape == Shape::Paths {
        return None;
    }
    let typed = format!("--{}={value}", key.name);
    let error = Cli::command().try_get_matches_from(["cutline", "run", &typed]).err()?;
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    // "invalid value 'x' for '--seeds <N|A..B>': what is wanted"; closed lists come on a line of their own.
    let said = first.split_once(">': ").map_or(first, |(_, said)| said);
    let list = text.lines().find_map(|line| line.trim().strip_prefix("[possible values: "));
    Some(match list {
        Some(list) => format!("expected one of {}", list.trim_end_matches(']')),
        None => said.to_string(),
    })
}

/// A command line with settings as its defaults, and what was typed.
pub fn parse(line: &[OsString]) -> Result<ArgMatches, Failed> {
    let matches = Cli::command().try_get_matches_from(line).map_err(Failed::Usage)?;
    let Some((name, typed)) = matches.subcommand().filter(|(name, _)| TAKING.contains(name)) else {
        return Ok(matches);
    };
    let settings = settings(&sources(&matches)).map_err(Failed::Settings)?;
    let name = name.to_string();
    let with = |command: Command| {
        let takes = |setting: &&Setting| name == "run" || SHARED.contains(&setting.key.name);
        settings.values().filter(takes).fold(command, |command, setting| set(command, setting, typed))
    };
    let mut command = Cli::command();
    if let Some(color) = settings.get("color") {
        command = command.mut_arg("color", |arg| arg.default_values(color.values.clone()));
    }
    command.mut_subcommand(&name, with).try_get_matches_from(line).map_err(Failed::Usage)
}

/// Why the command line can't be used.
pub enum Failed {
    /// It was asked for help, or mistyped.
    Usage(clap::Error),
    /// Settings are wrong.
    Settings(Wrong),
}

/// The sources of settings that were typed.
pub fn sources(matches: &ArgMatches) -> Sources {
    Sources {
        config: matches.get_one::<PathBuf>("config").cloned(),
        no_config: matches.get_flag("no_config"),
        profile: matches.get_one::<String>("profile").cloned(),
    }
}

/// A command with a setting as the default of its option, unless something was typed that goes against it.
fn set(command: Command, setting: &Setting, typed: &ArgMatches) -> Command {
    let is_typed = |id: &str| {
        let known = command.get_arguments().any(|arg| arg.get_id() == id);
        known && typed.value_source(id) == Some(ValueSource::CommandLine)
    };
    let known = command.get_arguments().any(|arg| arg.get_id() == setting.key.id);
    if !known || setting.key.against.iter().any(|id| is_typed(id)) {
        return command;
    }
    command.mut_arg(setting.key.id, |arg| arg.default_values(setting.values.clone()))
}
