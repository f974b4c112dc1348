//! `cutline diff`: where two traces part ways.

use super::exit::{Ending, Why};
use super::output;
use super::{mistake, printed, verify};
use crate::report::grouped;
use crate::topology::Topology;
use crate::trace::text;
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

/// `cutline diff`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Two runs of one seed must not differ at all; runs of two versions, or of two protocols, part ways somewhere. Exits with 0
if the traces say the same, with 1 if they don't.

Examples:
  cutline replay scenarios/diamond.json --seed 3 --trace one.jsonl
  cutline replay scenarios/diamond.json --seed 3 --protocol no-hold --trace other.jsonl; cutline diff one.jsonl other.jsonl"
)]
pub struct Diff {
    /// A trace
    pub one: PathBuf,
    /// Another one
    pub other: PathBuf,
    /// So many events before and behind the place
    #[arg(short = 'U', long, value_name = "N", default_value_t = 3)]
    pub context: usize,
}

/// Compares.
pub fn diff(args: Diff) -> Ending {
    let read = [&args.one, &args.other].map(|path| verify::read(path));
    let [Ok((one_meta, one, _)), Ok((other_meta, other, _))] = &read else {
        read.iter().filter_map(|read| read.as_ref().err()).for_each(|found| mistake::say(found));
        return Ending::bad(Why::BadInput);
    };
    let at = one.iter().zip(other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
    let graphs = one_meta.graph == other_meta.graph;
    if at == one.len() && at == other.len() && graphs {
        let text = format!("the same {} events\n", grouped(at as u64));
        return printed(output::print(&text), Ending::good());
    }
    let mut out = format!("--- {}\n+++ {}\n", args.one.display(), args.other.display());
    if !graphs {
        out.push_str("the jobs are different\n");
    }
    let (from, to) = (at.saturating_sub(args.context), at + args.context.max(1));
    let _ = writeln!(out, "@@ event {at} of {} and {} @@", one.len(), other.len());
    let (mine, theirs) = (Topology::build(one_meta.graph.clone()), Topology::build(other_meta.graph.clone()));
    for (step, event) in one.iter().enumerate().take(at).skip(from) {
        let _ = writeln!(out, " {}", text::line(&mine, step as u64, event));
    }
    for (sign, topology, events) in [('-', &mine, one), ('+', &theirs, other)] {
        for (step, event) in events.iter().enumerate().take(to).skip(at) {
            let _ = writeln!(out, "{sign}{}", text::line(topology, step as u64, event));
        }
        if events.len() <= at {
            let _ = writeln!(out, "{sign} (it ends here)");
        }
    }
    printed(output::print(&out), Ending::bad(Why::Violated))
}
