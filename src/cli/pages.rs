//! What shells and manuals want to know of the command line: `cutline completions`, `cutline man`.

use super::args::Cli;
use super::exit::{Ending, Why};
use super::{output, printed, run};
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// `cutline completions`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  cutline completions bash > cutline.bash
  cutline completions zsh > _cutline
  cutline completions fish > cutline.fish")]
pub struct Completions {
    /// For which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `cutline man`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  cutline man > cutline.1
  cutline man --out man/man1")]
pub struct Man {
    /// Write a page for every command into this directory; without it the page of `cutline` itself goes to stdout
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Prints completions.
pub fn completions(args: Completions) -> Ending {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cutline", &mut bytes);
    printed(output::raw(&bytes), Ending::good())
}

/// Writes manual pages.
pub fn man(args: Man) -> Ending {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = args.out else {
        return match page(&command) {
            Ok(bytes) => printed(output::raw(&bytes), Ending::good()),
            Err(problem) => run::unwritten(&problem),
        };
    };
    match pages(&dir, &command) {
        Ok(()) => Ending::good(),
        Err(problem) => {
            output::complain(&problem);
            Ending::bad(Why::Internal)
        }
    }
}

fn page(command: &Command) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let rendered = clap_mangen::Man::new(command.clone()).render(&mut bytes);
    rendered.map_err(|error| format!("cannot make a manual page: {error}")).map(|()| bytes)
}

fn pages(dir: &Path, command: &Command) -> Result<(), String> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_string();
    output::file(&dir.join(format!("{name}.1")), &page(command)?)?;
    command.get_subcommands().filter(|sub| !sub.is_hide_set()).try_for_each(|sub| pages(dir, sub))
}
