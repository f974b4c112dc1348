//! What is told of: a recorded trace, or a run of a scenario.

use super::exit::Why;
use super::find;
use super::judge::Terms;
use super::output;
use super::{defect, mistake, parse, seed, verify};
use crate::scenario::Diagnostic;
use crate::sim::run::{Keep, meta};
use crate::trace::event::{Event, Meta};
use crate::verify::Report;
use clap::Args;
use std::path::PathBuf;

/// A trace, or a scenario with a seed.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// A trace (`-` is stdin); or a scenario file, with --seed
    #[arg(value_name = "TRACE|SCENARIO")]
    pub file: PathBuf,
    /// It is a scenario: run it under this seed
    #[arg(long, value_name = "SEED", value_parser = parse::seed)]
    pub seed: Option<u64>,
    /// Run this protocol, whatever the scenario says
    #[arg(long, value_name = "NAME", requires = "seed")]
    pub protocol: Option<String>,
}

/// A trace with its verdicts.
pub struct Traced {
    /// The header.
    pub meta: Meta,
    /// The lines.
    pub events: Vec<Event>,
    /// What the verifiers say.
    pub report: Report,
}

impl Source {
    /// Reads the trace, or makes it. What is wrong has been said.
    pub fn open(&self) -> Result<Traced, Why> {
        match self.seed {
            Some(seed) => self.run(seed),
            None => self.read().map_err(|found| {
                mistake::say(&found);
                Why::BadInput
            }),
        }
    }

    fn read(&self) -> Result<Traced, Box<Diagnostic>> {
        let scenario = self.file.extension().is_some_and(|ending| ending == "json");
        let (meta, events, report) = verify::read(&self.file).map_err(|mut found| {
            if scenario {
                found.replacement = None;
                found.help = Some("if it is a scenario, say which run: --seed S".to_string());
            }
            found
        })?;
        Ok(Traced { meta, events, report })
    }

    fn run(&self, seed: u64) -> Result<Traced, Why> {
        let loaded = find::one(&self.file, &Terms::whole(self.protocol.clone(), None)).map_err(|_| Why::BadInput)?;
        seed::hush();
        let keep = Keep { trace: true, unjudged: true, ..Keep::default() };
        let simulated = seed::aside(|| seed::simulate(&loaded, seed, keep)).and_then(|result| result);
        let (planned, run) = simulated.map_err(|problem| {
            defect::internal(&problem);
            Why::Internal
        })?;
        if let Some(panic) = &run.panic {
            output::warn(&format!("the engine panicked after {} events: {panic}", run.events));
        }
        let (meta, events) = (meta(&planned.setup, Some(seed)), run.trace.unwrap_or_default());
        let report = crate::verify::verify(&meta, &events);
        Ok(Traced { meta, events, report })
    }
}

/// Writes what was made to a file, or to stdout where there is no file or it is `-`.
pub fn put(to: Option<&std::path::Path>, text: &str) -> super::exit::Ending {
    use super::exit::Ending;
    match to.filter(|path| path.as_os_str() != "-") {
        None => super::printed(output::raw(text.as_bytes()), Ending::good()),
        Some(path) => match output::file(path, text.as_bytes()) {
            Ok(()) => Ending::good(),
            Err(problem) => {
                output::complain(&problem);
                Ending::bad(Why::Internal)
            }
        },
    }
}
