//! `cutline list`: what there is.

use super::args::{self, ListFormat};
use super::exit::{Ending, Why};
use super::judge::word;
use super::output::{self, complain};
use super::{find, plan};
use crate::protocols::PROTOCOLS;
use crate::report::{grouped, seed};
use crate::scenario::{Loaded, load};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// Lists.
pub fn list(args: args::List) -> Ending {
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
    let mut good: Vec<(&Path, &Loaded)> = Vec::new();
    for (path, loaded) in &read {
        match loaded {
            Ok(loaded) => good.push((path, loaded)),
            Err(found) => {
                output::say(&format!("{}\n\n", load::render(found, true)));
                ending.add(Why::BadInput);
            }
        }
    }
    if read.is_empty() {
        complain("no scenario was found");
        ending.add(Why::NothingToRun);
    }
    let text = match args.format {
        ListFormat::Human => human(&good),
        ListFormat::Json => machine(&good),
    };
    super::printed(output::print(&text), ending)
}

fn human(scenarios: &[(&Path, &Loaded)]) -> String {
    let mut out = String::new();
    for (path, loaded) in scenarios {
        let scenario = &loaded.scenario;
        let _ = writeln!(
            out,
            "{}  {}, {}, {} seeds",
            path.display(),
            word(&scenario.guarantee),
            scenario.protocol,
            grouped(scenario.seeds)
        );
        if !scenario.about.is_empty() {
            let _ = writeln!(out, "    {}", scenario.about);
        }
    }
    out
}

fn machine(scenarios: &[(&Path, &Loaded)]) -> String {
    let one = |(path, loaded): &(&Path, &Loaded)| {
        let scenario = &loaded.scenario;
        json!({
            "path": path.display().to_string(),
            "name": loaded.name,
            "about": scenario.about,
            "protocol": scenario.protocol,
            "guarantee": scenario.guarantee,
            "seeds": scenario.seeds,
            "first_seed": seed(plan::seed_at(plan::BASE, &loaded.name, 0)),
            "expect": scenario.expect,
        })
    };
    let all: Vec<_> = scenarios.iter().map(one).collect();
    pretty(&json!({ "schema": "cutline.list/1", "scenarios": all }))
}

fn protocols(format: ListFormat) -> String {
    match format {
        ListFormat::Human => {
            let mut out = String::new();
            for protocol in PROTOCOLS {
                let breaks = protocol.breaks.map_or_else(String::new, |invariant| format!("  (breaks {invariant})"));
                let _ = writeln!(out, "{:<24} {}{breaks}", protocol.name, protocol.about);
            }
            out
        }
        ListFormat::Json => {
            let one = |protocol: &crate::protocols::Protocol| {
                let mut value = json!({ "name": protocol.name, "about": protocol.about });
                if let Some(breaks) = protocol.breaks {
                    value["breaks"] = json!(breaks);
                    value["scenario"] = json!(protocol.scenario);
                }
                value
            };
            let all: Vec<_> = PROTOCOLS.iter().map(one).collect();
            pretty(&json!({ "schema": "cutline.list/1", "protocols": all }))
        }
    }
}

/// JSON for eyes, with a line break at the end.
pub fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
