//! `cutline checkpoints`: what an operator of the job would see.

use super::args::ListFormat;
use super::exit::{Ending, Why};
use super::output::complain;
use super::parse;
use super::traced::{self, Source};
use crate::picture::history::{History, chart, history, json, text};
use clap::Args;
use std::path::PathBuf;

/// `cutline checkpoints`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "The history of checkpoints with their durations, and of recoveries. Times are virtual. What a trace doesn't tell is
unknown, never 0: traces have no sizes, and no time that taking a snapshot took.

Examples:
  cutline checkpoints scenarios/zombie.json --seed 10
  cutline checkpoints scenarios/zombie.json --seed 10 --checkpoint 1
  cutline checkpoints trace.jsonl --svg history.svg
  cutline checkpoints trace.jsonl --format json"
)]
pub struct Checkpoints {
    /// Whose
    #[command(flatten)]
    pub source: Source,
    /// The subtasks of this checkpoint
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(0..=u64::MAX))]
    pub checkpoint: Option<u64>,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
    /// Draw it to this file, too
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// Tells.
pub fn checkpoints(args: Checkpoints) -> Ending {
    let traced = match args.source.open() {
        Ok(traced) => traced,
        Err(why) => return Ending::bad(why),
    };
    let refused = |problem: String| {
        complain(&format!("{}: {problem}", args.source.file.display()));
        Ending::bad(Why::BadInput)
    };
    if traced.events.is_empty() {
        return refused("the trace has a header and no events: there is nothing to tell".to_string());
    }
    let history = history(&traced.meta, &traced.events);
    if let Some(id) = args.checkpoint
        && !history.checkpoints.iter().any(|one| one.id.0 == id)
    {
        return refused(unknown(&history, id));
    }
    if let Some(path) = &args.svg {
        let ending = match chart::chart(&history, args.checkpoint) {
            Ok(svg) => traced::put(Some(path), &svg),
            Err(problem) => return refused(problem),
        };
        if ending != Ending::good() {
            return ending;
        }
    }
    traced::put(
        None,
        &match args.format {
            ListFormat::Human => text::page(&history, args.checkpoint),
            ListFormat::Json => json::document(&history, args.checkpoint),
        },
    )
}

fn unknown(history: &History, id: u64) -> String {
    let mut ids: Vec<u64> = history.checkpoints.iter().map(|one| one.id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    match ids.is_empty() {
        true => format!("the trace has no checkpoint {id}, nor any other"),
        false => format!("the trace has no checkpoint {id}; it has {}", ids.join(", ")),
    }
}
