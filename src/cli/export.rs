//! `cutline export`: a trace for other viewers.

use super::exit::{Ending, Why};
use super::output::{complain, warn};
use super::traced::{self, Source};
use crate::picture::export::{dot, mermaid, perfetto, shiviz};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// A format of another viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// A log with vector clocks, for ShiViz.
    Shiviz,
    /// Chrome's trace JSON, for Perfetto (ui.perfetto.dev) and chrome://tracing.
    Perfetto,
    /// A sequence diagram that GitHub and GitLab draw in Markdown; for short traces.
    Mermaid,
    /// The happened-before graph, for Graphviz.
    Dot,
}

/// `cutline export`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "ShiViz reads the expression that it needs from the first line of the log. In Perfetto a track is one life of a process,
checkpoints are on the coordinator's, and arrows are messages; its times are virtual.

Examples:
  cutline export scenarios/diamond.json --seed 7 --to perfetto -o diamond.json
  cutline export trace.jsonl --to shiviz -o trace.log
  cutline export trace.jsonl --to dot | dot -Tsvg > trace.svg"
)]
pub struct Export {
    /// What is exported
    #[command(flatten)]
    pub source: Source,
    /// For which viewer
    #[arg(long, value_enum, value_name = "VIEWER")]
    pub to: To,
    /// Where it is written [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Exports.
pub fn export(args: Export) -> Ending {
    let traced = match args.source.open() {
        Ok(traced) => traced,
        Err(why) => return Ending::bad(why),
    };
    let (meta, events) = (&traced.meta, &traced.events[..]);
    let text = match args.to {
        _ if events.is_empty() => Err("the trace has a header and no events: there is nothing to export".to_string()),
        To::Shiviz => Ok(shiviz::log(meta, events)),
        To::Perfetto => Ok(perfetto::document(meta, events)),
        To::Dot => Ok(dot::graph(meta, events)),
        To::Mermaid => mermaid::sequence(meta, events).map(|(text, left_out)| {
            left_out.iter().for_each(|said| warn(said));
            text
        }),
    };
    match text {
        Ok(text) => traced::put(args.output.as_deref(), &text),
        Err(problem) => {
            complain(&format!("{}: {problem}", args.source.file.display()));
            Ending::bad(Why::BadInput)
        }
    }
}
