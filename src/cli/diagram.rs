//! `cutline diagram`: a trace as a picture.

use super::exit::{Ending, Why};
use super::output::complain;
use super::parse;
use super::traced::{self, Source};
use crate::picture::{self, Fold, Scale, View, Window};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// When subtasks of a vertex share a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FoldArg {
    /// If there are many.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What the vertical axis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScaleArg {
    /// The order of the trace, which is one that happened-before allows.
    Order,
    /// The same order, with distances of virtual time.
    Time,
}

/// `cutline diagram`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "A lane for each process, time downward, messages slanted. A checkpoint is a line through the lanes: what is above it is
inside. Messages that cross it the wrong way are red, thick and labelled. Steps are those that `cutline replay --text`
and `cutline explain` show. Without options a failing trace is shown around its violation, a short one as a whole, and
a long one by one of its checkpoints. Rest the pointer on anything in the picture to read its line of the trace.

Examples:
  cutline diagram scenarios/diamond.json --seed 7 -o run.svg
  cutline diagram scenarios/diamond.json --seed 7 --protocol no-hold -o orphan.svg
  cutline diagram trace.jsonl --checkpoint 2 -o c2.svg
  cutline diagram trace.jsonl --from 100 --to 180 --scale time --all -o part.svg"
)]
pub struct Diagram {
    /// What is drawn
    #[command(flatten)]
    pub source: Source,
    /// Where the picture is written [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// From this step on
    #[arg(long, value_name = "STEP", value_parser = parse::seed)]
    pub from: Option<u64>,
    /// Up to this step, without it
    #[arg(long, value_name = "STEP", value_parser = parse::seed)]
    pub to: Option<u64>,
    /// The checkpoint of this number
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to"], value_parser = parse::count::<u64>(0..=u64::MAX))]
    pub checkpoint: Option<u64>,
    /// Some steps around this one
    #[arg(long, value_name = "STEP", conflicts_with_all = ["from", "to", "checkpoint"], value_parser = parse::count::<u64>(0..=u64::MAX))]
    pub around: Option<u64>,
    /// May the subtasks of a vertex share a lane?
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN")]
    pub fold: FoldArg,
    /// What the vertical axis is
    #[arg(long, value_enum, default_value = "order", value_name = "AXIS")]
    pub scale: ScaleArg,
    /// Leave nothing out: every record, notice and request
    #[arg(long)]
    pub all: bool,
}

impl Diagram {
    fn view(&self) -> View {
        let window = match (self.checkpoint, self.around, self.from, self.to) {
            (Some(id), ..) => Window::Checkpoint(id),
            (_, Some(step), ..) => Window::Around(step),
            (_, _, None, None) => Window::Usual,
            (_, _, from, to) => Window::Steps(from.unwrap_or(0), to.unwrap_or(u64::MAX)),
        };
        let fold = match self.fold {
            FoldArg::Auto => Fold::Auto,
            FoldArg::Always => Fold::Always,
            FoldArg::Never => Fold::Never,
        };
        let scale = match self.scale {
            ScaleArg::Order => Scale::Order,
            ScaleArg::Time => Scale::Time,
        };
        View { window, fold, scale, all: self.all }
    }
}

/// Draws.
pub fn diagram(args: Diagram) -> Ending {
    let traced = match args.source.open() {
        Ok(traced) => traced,
        Err(why) => return Ending::bad(why),
    };
    match picture::diagram(&traced.meta, &traced.events, &traced.report, args.view()) {
        Ok(svg) => traced::put(args.output.as_deref(), &svg),
        Err(problem) => {
            complain(&format!("{}: {problem}", args.source.file.display()));
            Ending::bad(Why::BadInput)
        }
    }
}
