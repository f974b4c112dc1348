//! `cutline snapshot`: traces of scenarios as text files beside them, compared with what the runs do now.

mod files;
mod review;

use super::exit::{Ending, Why};
use super::output::{self, complain};
use super::{find, parse, seed};
use crate::report::{grouped, seed as shown};
use crate::scenario::Loaded;
use crate::sim::run::Keep;
use crate::trace::text;
use clap::Args;
use review::Answer;
use similar::{Algorithm, TextDiff};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A diff shows so many lines: where traces part early, all that follows differs.
const LINES: usize = 400;

/// `cutline snapshot`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "A snapshot is the trace of a scenario under a seed, as text, in a folder `snapshots` beside the scenario. It is meant to be
checked in: a change of the protocol shows as a diff that people can read. Without --seed, the seeds that have snapshots are
meant, and seed 0 of scenarios that have none. Exits with 1 if a trace differs from its snapshot, or has none. What is new
stands in a file .new beside it; where the variable CI is set, nothing is ever written.

Examples:
  cutline snapshot scenarios/small/shuffle.json
  cutline snapshot scenarios/small/shuffle.json --seed 7 --accept
  cutline snapshot scenarios/small --list-unused"
)]
pub struct Snapshot {
    /// Scenario files, and directories that are searched for them
    #[arg(value_name = "PATHS", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// This seed (may be given several times)
    #[arg(long, value_name = "SEED", value_parser = parse::seed)]
    pub seed: Vec<u64>,
    /// Compare, and say what differs: as without any of these options
    #[arg(long, group = "what")]
    pub check: bool,
    /// Take what the runs do now as right, and write it
    #[arg(long, group = "what")]
    pub accept: bool,
    /// Show what differs one by one, and ask whether it is right; on a terminal
    #[arg(long, group = "what")]
    pub review: bool,
    /// List snapshots whose scenario isn't there any more, and new ones that nobody has accepted
    #[arg(long, group = "what", conflicts_with = "seed")]
    pub list_unused: bool,
}

/// Takes or compares them.
pub fn snapshot(args: Snapshot) -> Ending {
    if args.list_unused {
        return match files::unused(&args.paths) {
            Ok(found) => {
                let list: String = found.iter().map(|path| format!("{}\n", path.display())).collect();
                super::printed(output::print(&list), Ending::good())
            }
            Err(problem) => refused(&problem),
        };
    }
    let ci = std::env::var("CI").is_ok_and(|value| !["", "0", "false"].contains(&value.as_str()));
    if ci && (args.accept || args.review) {
        return refused("CI is set: snapshots are never written there");
    }
    if args.review && !review::possible() {
        return refused("--review asks questions, and there is no terminal; --accept takes everything");
    }
    let scenarios = match find::good(&args.paths) {
        Ok(scenarios) => scenarios,
        Err(ending) => return ending,
    };
    seed::hush();
    let mut done = Done { args: &args, ci, same: 0, wrong: 0, written: 0, all: false };
    for (path, loaded) in &scenarios {
        let seeds = match files::seeds(path, &args.seed) {
            Ok(seeds) => seeds,
            Err(problem) => return refused(&problem),
        };
        for seed in seeds {
            if let Err((why, problem)) = done.one(path, loaded, seed) {
                complain(&problem);
                return Ending::bad(why);
            }
        }
    }
    let mut sum = format!("{} as they were", grouped(done.same));
    for (count, what) in [(done.written, "written"), (done.wrong, "not as they were")] {
        if count > 0 {
            let _ = write!(sum, ", {} {what}", grouped(count));
        }
    }
    let ending = if done.wrong > 0 { Ending::bad(Why::Violated) } else { Ending::good() };
    super::printed(output::print(&format!("snapshots: {sum}\n")), ending)
}

fn refused(problem: &str) -> Ending {
    complain(problem);
    Ending::bad(Why::BadInput)
}

/// What was done so far.
struct Done<'a> {
    args: &'a Snapshot,
    ci: bool,
    same: u64,
    wrong: u64,
    written: u64,
    /// Whoever was asked has said yes to all.
    all: bool,
}

impl Done<'_> {
    /// One scenario under one seed.
    fn one(&mut self, path: &Path, loaded: &Loaded, seed: u64) -> Result<(), (Why, String)> {
        let new = trace(loaded, seed).map_err(|problem| (Why::Internal, problem))?;
        let file = files::of(path, seed);
        let internal = |problem: String| (Why::Internal, problem);
        let old = files::read(&file).map_err(|problem| (Why::BadInput, problem))?;
        if old.as_ref() == Some(&new) {
            self.same += 1;
            return files::settle(&file, self.ci).map_err(internal);
        }
        let told = told(path, seed, &file, old.as_deref(), &new);
        let accepted = if self.args.review && !self.all {
            output::print(&told).map_err(|error| internal(format!("cannot write to stdout: {error}")))?;
            match review::ask(&mut std::io::stdin().lock(), &mut std::io::stderr()) {
                Answer::Yes => true,
                Answer::All => {
                    self.all = true;
                    true
                }
                Answer::No => false,
                Answer::Skip => {
                    self.wrong += 1;
                    return Ok(());
                }
            }
        } else {
            self.args.accept || self.all
        };
        if accepted {
            output::file(&file, new.as_bytes()).map_err(internal)?;
            self.written += 1;
            return files::settle(&file, self.ci).map_err(internal);
        }
        self.wrong += 1;
        if self.args.review {
            return files::settle(&file, self.ci).map_err(internal);
        }
        let command =
            format!("cutline snapshot {} --seed {} --accept", parse::quoted(&path.display().to_string()), shown(seed));
        let shown = format!("{told}if that is right: {command}\n\n");
        output::print(&shown).map_err(|error| internal(format!("cannot write to stdout: {error}")))?;
        if self.ci { Ok(()) } else { output::file(&files::fresh(&file), new.as_bytes()).map_err(internal) }
    }
}

/// The trace of a run as a snapshot has it: nothing in it depends on the machine, and no line on how many are before it.
fn trace(loaded: &Loaded, seed: u64) -> Result<String, String> {
    let keep = Keep { trace: true, ..Keep::default() };
    let (planned, run) = seed::aside(|| seed::simulate(loaded, seed, keep)).and_then(|result| result)?;
    let topology = &planned.setup.topology;
    let (protocol, stream) = (&loaded.scenario.protocol, super::args::STREAM);
    let mut out = format!("# cutline snapshot 1: {} seed {} protocol {protocol}\n", loaded.name, shown(seed));
    let _ = writeln!(out, "# stream {stream} trace {}", super::args::TRACE);
    for event in run.trace.as_deref().unwrap_or_default() {
        let _ = writeln!(out, "{}", text::timed(topology, event));
    }
    let violated = run.report.as_ref().map(|report| report.violated()).unwrap_or_default();
    let names: Vec<&str> = violated.iter().map(|invariant| invariant.name()).collect();
    let ended = match (&run.panic, run.ended) {
        (Some(_), _) => "the engine panicked",
        (None, Some(true)) => "the job ended",
        (None, Some(false)) => "the job failed for good",
        (None, None) => "nothing was left to do, and the job hadn't ended",
    };
    let judged = if names.is_empty() { "nothing".to_string() } else { names.join(", ") };
    let _ = writeln!(out, "# {} events, {ended}, violated: {judged}", run.events);
    Ok(out)
}

/// What differs, as a diff; of a snapshot that isn't there, all of what it would be.
fn told(path: &Path, seed: u64, file: &Path, old: Option<&str>, new: &str) -> String {
    let (path, seed, file) = (path.display(), shown(seed), file.display());
    let Some(old) = old else {
        return format!("MISSING {file}: {path} seed {seed} has no snapshot. It would be:\n{new}");
    };
    let mut out = format!("DIFFERS {file}: {path} seed {seed}\n");
    let second = |text: &str| text.lines().nth(1).unwrap_or_default().trim_start_matches("# ").to_string();
    if second(old) != second(new) {
        let _ = writeln!(out, "note: it was taken with {}: a seed may mean another run here", &second(old));
    }
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(old, new);
    let (was, is) = (file.to_string(), format!("{path} --seed {seed}"));
    let diff = diff.unified_diff().context_radius(3).header(&was, &is).to_string();
    diff.lines().take(LINES).for_each(|line| _ = writeln!(out, "{line}"));
    let more = diff.lines().count().saturating_sub(LINES);
    if more > 0 {
        let _ = writeln!(out, "... and {} more lines", grouped(more as u64));
    }
    out
}
