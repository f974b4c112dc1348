//! What people and scripts type, and what they get. The only room that knows a terminal, files and signals; it may
//! import everything, and nothing imports it.

mod alone;
pub mod args;
pub mod chaos;
pub mod check;
pub mod checked;
pub mod checkpoints;
pub mod compare;
pub mod config;
pub mod count;
pub mod counterexample;
mod cpu;
pub mod defect;
pub mod diagram;
pub mod diff;
pub mod exec;
pub mod exec_args;
pub mod exec_plan;
pub mod exec_watch;
pub mod exit;
pub mod export;
pub mod filter;
pub mod find;
pub mod findings;
mod fit;
pub mod folklore;
pub mod gate;
pub mod html;
pub mod journal;
pub mod judge;
mod known;
pub mod likelihood;
pub mod lint;
pub mod list;
pub mod merge;
pub mod mistake;
pub mod mutants;
pub mod outcome;
pub mod output;
pub mod pages;
pub mod parse;
mod pictured;
pub mod plan;
pub mod prepare;
pub mod progress;
pub mod recorded;
pub mod replay;
pub mod reports;
pub mod resume;
pub mod run;
pub mod run_args;
pub mod seed;
pub mod shrink;
pub mod signals;
pub mod snapshot;
mod state;
pub mod sweep;
pub mod tally;
pub mod tell;
pub mod told;
pub mod traced;
pub mod tune;
mod tuned;
pub mod verify;
pub mod watching;

use crate::report::{self, Head, Sweep, Tail};
use args::{Cli, Command};
use clap::FromArgMatches;
use clap::parser::ValueSource;
use config::Failed;
use exit::{Ending, Why};
use std::ffi::OsString;
use std::process::ExitCode;

/// Parses the command line of this process, does what it says, and says how it went.
pub fn main() -> ExitCode {
    command(std::env::args_os().collect())
}

/// The same for these words, of which the first is the name of the program.
pub fn command(words: Vec<OsString>) -> ExitCode {
    defect::guarded(words, obey)
}

fn obey(line: &[OsString]) -> ExitCode {
    let words = line.get(1..).unwrap_or_default();
    let has = |word: &str| words.iter().any(|given| given == word);
    if words.len() == 2 && has("--version") && has("--json") {
        return tell::version().into();
    }
    let cli = match parsed(line) {
        Ok(cli) => cli,
        Err(Failed::Settings(wrong)) => return config::show::refused(wrong).into(),
        Err(Failed::Usage(error)) => {
            // Help and versions are errors to the parser; if nobody reads them, that is none.
            let _ = error.print();
            if error.use_stderr() && json_is_wanted(words) {
                let tail = Tail { exit: Why::BadInput.code(), refused: Some(error.to_string()), ..Tail::default() };
                let head = Head::default();
                let sweep = Sweep { head, scenarios: vec![], findings: vec![], diagnostics: vec![], tail };
                let _ = output::raw(report::json::document(&sweep).as_bytes());
            }
            return ExitCode::from(if error.use_stderr() { Why::BadInput.code() } else { 0 });
        }
    };
    output::colors(cli.color);
    let ending = match cli.command {
        Command::Run(args) => run::run(*args),
        Command::Replay(args) if args.bisect => return ExitCode::from(replay::replay(args).bisecting()),
        Command::Replay(args) => replay::replay(args),
        Command::Compare(args) => compare::compare(args),
        Command::Tune(args) => tune::tune(args),
        Command::Folklore(args) => folklore::folklore(args),
        Command::Mutants(args) => mutants::mutants(args),
        Command::Shrink(args) => shrink::shrink(args),
        Command::Likelihood(args) => likelihood::likelihood(args),
        Command::Merge(args) => merge::merge(args),
        Command::Check(args) => check::check(*args),
        Command::Exec(args) => exec::exec(*args),
        Command::Checkpoints(args) => checkpoints::checkpoints(args),
        Command::Export(args) => export::export(args),
        Command::Diagram(args) => diagram::diagram(args),
        Command::Verify(args) => verify::verify(args),
        Command::Snapshot(args) => snapshot::snapshot(args),
        Command::Diff(args) => diff::diff(args),
        Command::Gate(args) => gate::gate(args),
        Command::Lint(args) => lint::lint(args),
        Command::List(args) => list::list(args),
        Command::Schema(args) => tell::schema(args),
        Command::Explain(args) => tell::explain(args),
        Command::Config(args) => config::show::config(args, &cli.sources),
        Command::Completions(args) => pages::completions(args),
        Command::Man(args) => pages::man(args),
        Command::Help(args) => tell::help(args),
    };
    ending.into()
}

/// Is this a sweep whose result a program reads? It gets a document, even if the command line is wrong.
fn json_is_wanted(words: &[OsString]) -> bool {
    let pair = words.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    words.iter().any(|word| word == "run") && (pair || words.iter().any(|word| word == "--format=json"))
}

fn parsed(line: &[OsString]) -> Result<Cli, Failed> {
    let matches = config::parse(line)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(Failed::Usage)?;
    if let (Command::Run(args), Some((_, of))) = (&mut cli.command, matches.subcommand()) {
        let typed = |id: &&clap::Id| of.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        args.kept.given = of.ids().filter(typed).map(|id| id.to_string()).collect();
    }
    Ok(cli)
}

/// What a command ends with whose output was printed, or wasn't.
fn printed(result: std::io::Result<bool>, mut ending: Ending) -> Ending {
    if let Err(error) = result {
        output::complain(&format!("cannot write to stdout: {error}"));
        ending.add(Why::Internal);
    }
    ending
}

/// That there is no such protocol, and which may be meant.
fn unknown_protocol(name: &str) -> String {
    let near = crate::scenario::diagnose::nearest(name, crate::protocols::names());
    let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("no protocol is called `{name}`{hint} (`cutline list --protocols` shows all of them)")
}
