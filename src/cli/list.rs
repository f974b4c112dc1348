//! `cutline list`: what there is.

use super::args::ListFormat;
use super::exit::{Ending, Why};
use super::filter::{self, Filter};
use super::judge::{Entry, allowed, word};
use super::output::{self, complain};
use super::parse::{self, Partition, Range};
use super::plan::{BASE, Seeds};
use super::{find, prepare};
use crate::protocols;
use crate::report::{grouped, seed};
use crate::scenario::{Loaded, load};
use clap::Args;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// `cutline list`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  cutline list
  cutline list scenarios --format json
  cutline list --seeds 2000 --partition slice:2/8 --filter 'property(I9)'
  cutline list --protocols")]
pub struct List {
    /// Scenario files, and directories that are searched for them
    #[arg(value_name = "PATHS", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
    /// Only these scenarios, as for `run`
    #[arg(long, value_name = "EXPR", value_parser = filter::parse)]
    pub filter: Option<Filter>,
    /// Which seeds, as for `run`
    #[arg(long, value_name = "N|A..B", value_parser = parse::range)]
    pub seeds: Option<Range>,
    /// Where sequences of seeds begin, as for `run`
    #[arg(long, value_name = "SEED", value_parser = parse::seed)]
    pub seed_base: Option<u64>,
    /// Only this part of the plan, as for `run`
    #[arg(long, visible_alias = "shard", value_name = "slice:M/N|hash:M/N", value_parser = parse::partition)]
    pub partition: Option<Partition>,
    /// List protocols instead
    #[arg(long)]
    pub protocols: bool,
}

/// Lists.
pub fn list(args: List) -> Ending {
    if args.protocols {
        return super::printed(output::print(&protocols(args.format)), Ending::good());
    }
    let read = match find::scenarios(&args.paths) {
        Ok(read) => read,
        Err(problem) => {
            complain(&problem);
            return Ending::bad(Why::BadInput);
        }
    };
    let mut ending = Ending::good();
    let mut good: Vec<Entry> = Vec::new();
    let empty = read.is_empty();
    for (path, loaded) in read {
        match loaded {
            Ok(loaded) => good.extend(entry(&args, path.display().to_string(), loaded)),
            Err(found) => {
                output::say(&format!("{}\n\n", load::render(&found, true)));
                ending.add(Why::BadInput);
            }
        }
    }
    if empty {
        complain("no scenario was found");
        ending.add(Why::NothingToRun);
    }
    super::printed(output::print(&text(&good, args.partition, args.format)), ending)
}

/// A scenario, if it is meant.
fn entry(args: &List, path: String, loaded: Loaded) -> Option<Entry> {
    let range = args.seeds.unwrap_or(Range { from: 0, to: Some(loaded.scenario.seeds) });
    let seeds = Seeds::Sequence { base: args.seed_base.unwrap_or(BASE), name: loaded.name.clone(), range };
    let allowed = allowed(&loaded.scenario);
    let entry = Entry { path, label: loaded.name.clone(), loaded, seeds, allowed };
    args.filter.as_ref().is_none_or(|filter| filter.takes(&entry.facts())).then_some(entry)
}

/// Scenarios, and what would be run of them.
pub fn text(scenarios: &[Entry], partition: Option<Partition>, format: ListFormat) -> String {
    match format {
        ListFormat::Human => human(partition, scenarios),
        ListFormat::Json => machine(partition, scenarios),
    }
}

/// So many seeds of a scenario would be run.
fn planned(partition: Option<Partition>, number: usize, entry: &Entry) -> Option<u64> {
    entry.seeds.count(number, partition.unwrap_or(Partition::WHOLE))
}

fn human(partition: Option<Partition>, scenarios: &[Entry]) -> String {
    let mut out = String::new();
    for (number, entry) in scenarios.iter().enumerate() {
        let scenario = &entry.loaded.scenario;
        let seeds = planned(partition, number, entry).map_or_else(|| "endless".to_string(), grouped);
        let (path, guarantee) = (&entry.path, word(&scenario.guarantee));
        let _ = writeln!(out, "{path}  {guarantee}, {}, {seeds} seeds", scenario.protocol);
        if !scenario.about.is_empty() {
            let _ = writeln!(out, "    {}", scenario.about);
        }
    }
    out
}

fn machine(partition: Option<Partition>, scenarios: &[Entry]) -> String {
    let one = |(number, entry): (usize, &Entry)| {
        let (scenario, facts) = (&entry.loaded.scenario, entry.facts());
        let mut value = json!({
            "path": entry.path,
            "name": entry.loaded.name,
            "about": scenario.about,
            "protocol": scenario.protocol,
            "guarantee": scenario.guarantee,
            "properties": facts.claims.iter().map(|claim| claim.name()).collect::<Vec<_>>(),
            "goals": facts.goals,
            "seeds": scenario.seeds,
            "digest": format!("{:016x}", prepare::scenario(&entry.loaded)),
            "expect": scenario.expect,
        });
        let range = entry.seeds.range();
        if range.to.is_none_or(|to| range.from < to) {
            value["first_seed"] = json!(seed(entry.seeds.at(range.from)));
        }
        if let Some(planned) = planned(partition, number, entry) {
            value["planned_seeds"] = json!(planned);
        }
        value
    };
    let all: Vec<_> = scenarios.iter().enumerate().map(one).collect();
    let mut list = json!({ "schema": "cutline.list/1", "scenarios": all });
    if let Some(partition) = partition {
        list["partition"] = json!(partition.to_string());
    }
    pretty(&list)
}

fn protocols(format: ListFormat) -> String {
    match format {
        ListFormat::Human => {
            let mut out = String::new();
            for protocol in protocols::all() {
                let breaks = protocol.breaks.map_or_else(String::new, |invariant| format!("  (breaks {invariant})"));
                let mode = if protocols::alone(protocol.name) { "  (mode alone)" } else { "" };
                let _ = writeln!(out, "{:<24} {}{breaks}{mode}", protocol.name, protocol.about);
            }
            out
        }
        ListFormat::Json => {
            let one = |protocol: &crate::protocols::Protocol| {
                let mut value =
                    json!({ "name": protocol.name, "about": protocol.about, "scenario": protocol.scenario });
                if protocols::alone(protocol.name) {
                    value["mode"] = json!("alone");
                }
                if let Some(breaks) = protocol.breaks {
                    value["breaks"] = json!(breaks);
                }
                value
            };
            let all: Vec<_> = protocols::all().map(one).collect();
            pretty(&json!({ "schema": "cutline.list/1", "protocols": all }))
        }
    }
}

/// JSON for eyes, with a line break at the end.
pub fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
