//! `cutline replay`: one run again, with everything that can be said about it.

use super::args::{self, ReportTo};
use super::exit::{Ending, Why};
use super::judge::{Terms, allowed, word};
use super::output::{self, complain};
use super::seed::{self, Planned};
use super::tally::Allowed;
use super::{alone, defect, find, parse, prepare, recorded, reports, verify};
use crate::report::{grouped, seed as shown};
use crate::scenario::Loaded;
use crate::sim::follow::follow;
use crate::sim::run::{Keep, Run, meta};
use crate::sim::schedule;
use crate::trace::{json, text};
use crate::verify::{Invariant, Verdict};
use clap::Args;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// `cutline replay`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "The same scenario and the same seed give the same bytes, every time. Exits with 1 if the run violates what the
scenario claims, with 0 if it doesn't. Where the finding was recorded, in its folder or with a run, a scenario that has changed
since then is named.

Examples:
  cutline replay scenarios/diamond.json --seed 7
  cutline replay scenarios/diamond.json --seed 0x3 --trace trace.jsonl
  cutline replay scenarios/diamond.json --seed 7 --text --until 200
  cutline replay scenarios/diamond.json --seed 7 --report html=run.html
  cutline replay regressions/lost-record.json --bisect"
)]
pub struct Replay {
    /// The scenario file; or the folder of a finding, which knows its seed; or a token, which is a whole scenario in a word
    /// (`token.txt` in the folder of a finding)
    pub scenario: PathBuf,
    /// The seed; shrunk scenarios need none
    #[arg(long, value_name = "SEED", value_parser = parse::seed, default_value = "0")]
    pub seed: u64,
    /// The stream version under which the seed was found; under another it means another run
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(0..=u64::MAX))]
    pub stream: Option<u64>,
    /// For `git bisect run`: a commit that can't run the scenario is skipped (125)
    #[arg(long)]
    pub bisect: bool,
    /// Write the trace to this file, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Write the choices of the run to this file, one a line
    #[arg(long, value_name = "FILE")]
    pub save_schedule: Option<PathBuf>,
    /// Make the choices of this file, in the job that the seed stands for
    #[arg(long, value_name = "FILE", conflicts_with = "save_schedule")]
    pub schedule: Option<PathBuf>,
    /// Print the trace for people
    #[arg(long)]
    pub text: bool,
    /// Stop after so many events; nothing is judged
    #[arg(long, value_name = "STEP", value_parser = parse::count::<u64>(0..=u64::MAX))]
    pub until: Option<u64>,
    /// Write a report too, of this run alone: html=PATH, junit=, json= and so on (may be given several times)
    #[arg(long, value_name = "FORMAT=PATH", value_parser = args::report, conflicts_with = "until")]
    pub report: Vec<ReportTo>,
    /// Where findings are kept
    #[arg(long, value_name = "DIR", default_value = ".cutline/findings")]
    pub findings: PathBuf,
    /// Run this protocol, whatever the scenario says
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<String>,
    /// Cut the run off when it comes to so many steps: it is stuck then
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(1..=u64::MAX))]
    pub max_steps: Option<u64>,
    /// Also print the plan that was drawn from the seed
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Replays.
pub fn replay(mut args: Replay) -> Ending {
    if args.scenario.is_dir() {
        match recorded::read(&args.scenario) {
            Ok(found) => {
                (args.scenario, args.seed) = (found.path.into(), found.seed);
                args.protocol.get_or_insert(found.protocol);
                args.stream.get_or_insert(found.tool.stream);
                args.max_steps = args.max_steps.or(found.max_steps);
            }
            Err(problem) => return refused(&problem),
        }
    }
    match recorded::other_stream(args.stream) {
        // Whatever this seed does here, it says nothing of the commit that is asked about.
        Some(other) if args.bisect => return refused(&other),
        Some(other) => output::warn(&other),
        None => {}
    }
    let loaded = match find::one(&args.scenario, &Terms::whole(args.protocol.clone(), args.max_steps)) {
        Ok(loaded) => loaded,
        Err(ending) => return ending,
    };
    seed::hush();
    // A violation is told with its events, so they are kept even if nobody wants them.
    let keep = Keep { trace: true, until: args.until, unjudged: args.until.is_some(), ..Keep::default() };
    let keep = Keep { schedule: args.save_schedule.is_some(), ..keep };
    let simulated = seed::aside(|| seed::simulate(&loaded, args.seed, keep)).and_then(|result| result);
    let (planned, run) = match simulated {
        Ok(simulated) => simulated,
        Err(problem) => return defect::internal(&problem),
    };
    if let (Some(path), Some(moves)) = (&args.save_schedule, &run.schedule) {
        let about = format!("{} seed {}", loaded.name, shown(args.seed));
        let text = schedule::print(&planned.setup.topology, &about, moves);
        if let Err(problem) = output::file(path, text.as_bytes()) {
            complain(&problem);
            return Ending::bad(Why::Internal);
        }
    }
    match &args.schedule {
        None => show(&args, &loaded, &planned, &run),
        Some(path) => match followed(path, &planned, args.seed, keep) {
            Ok(run) => show(&args, &loaded, &planned, &run),
            Err((why, problem)) => {
                complain(&problem);
                Ending::bad(why)
            }
        },
    }
}

fn refused(problem: &str) -> Ending {
    complain(problem);
    Ending::bad(Why::BadInput)
}

/// Makes the choices of a file.
fn followed(path: &Path, planned: &Planned, seed: u64, keep: Keep) -> Result<Run, (Why, String)> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| (Why::BadInput, format!("cannot read {shown}: {e}")))?;
    let moves = schedule::parse(&planned.setup.topology, &text)
        .map_err(|error| (Why::BadInput, format!("{shown}:{}: {}", error.line, error.message)))?;
    follow(&planned.setup, seed, &moves, keep).map_err(|diverged| {
        let made = diverged.at;
        (Why::Nondeterminism, format!("{shown}: after {made} moves `{}` can't happen", diverged.choice))
    })
}

/// Prints and writes what is known of a run. A recorded schedule, when there is one to replay from, ends here too.
fn show(args: &Replay, loaded: &Loaded, planned: &Planned, run: &Run) -> Ending {
    let events = run.trace.as_deref().unwrap_or_default();
    let events = &events[..events.len().min(args.until.map_or(usize::MAX, |until| until as usize))];
    let topology = &planned.setup.topology;
    let mut out = String::new();
    let scenario = &loaded.scenario;
    let _ = writeln!(
        out,
        "{}  seed {}  protocol {}  {}, {}",
        loaded.name,
        shown(args.seed),
        scenario.protocol,
        word(&scenario.guarantee),
        word(&planned.setup.config.mode),
    );
    let now = format!("{:016x}", prepare::scenario(loaded));
    let before = recorded::of(&args.findings, &args.scenario, &scenario.protocol, args.seed, &now);
    if let Some(changed) = before.as_ref().and_then(|before| before.changed(&now)) {
        let _ = writeln!(out, "note: {changed}");
    }
    if args.verbose > 0 {
        let _ = writeln!(out, "plan: {}", serde_json::to_string(&planned.plan).unwrap_or_default());
    }
    if args.text {
        out.push('\n');
        out.push_str(&text::page(topology, events));
    }
    let mut ending = Ending::good();
    out.push('\n');
    if let Some(panic) = &run.panic {
        let _ = writeln!(out, "the engine panicked after {} events: {panic}", grouped(run.events));
        ending.add(Why::Violated);
    } else if args.until.is_some() {
        let _ = writeln!(out, "stopped after {} events: nothing is judged", grouped(events.len() as u64));
    } else {
        let was = before.map(|before| before.version()).or(args.stream.map(|stream| format!("stream {stream}")));
        let other = recorded::other_stream(args.stream).is_some();
        let seed = Seed { seed: args.seed, was, other };
        judged(&mut out, &allowed(scenario), planned, run, &seed, &mut ending);
    }
    let time = run.time.0 / 1000;
    let (events_n, delivered) = (grouped(run.events), grouped(run.delivered));
    let met: Vec<&str> = run.coverage.words().collect();
    let _ = writeln!(out, "reached: {}", if met.is_empty() { "nothing".to_string() } else { met.join(", ") });
    let _ = writeln!(out, "{events_n} events, {delivered} records, {}.{:03} ms", grouped(time / 1000), time % 1000);
    let _ = writeln!(out, "digest {:016x}", run.digest);
    if let Some(path) = &args.trace
        && let Err(problem) = trace(planned, args, events).and_then(|bytes| output::file(path, &bytes))
    {
        complain(&problem);
        ending.add(Why::Internal);
    }
    if !args.report.is_empty()
        && let Err(problem) = reports::write(&args.report, &alone::of_run(args, loaded, planned, run, ending.code()))
    {
        complain(&problem);
        ending.add(Why::Internal);
    }
    // A report that goes to stdout is all that goes there.
    if args.report.iter().any(|report| report.path.as_os_str() == "-") {
        return ending;
    }
    super::printed(output::print(&out), ending)
}

/// A seed, and with which version it was found, where that is known.
struct Seed {
    seed: u64,
    was: Option<String>,
    /// It means another run here.
    other: bool,
}

fn judged(out: &mut String, allowed: &Allowed, planned: &Planned, run: &Run, seed: &Seed, ending: &mut Ending) {
    let Some(report) = &run.report else { return };
    let excused = |invariant: &Invariant| allowed.violations.contains(invariant);
    let events = run.trace.as_deref().unwrap_or_default();
    let meta = meta(&planned.setup, Some(seed.seed));
    let verdict = verify::verdicts(out, &meta, events, report, &excused);
    let mut failed = verdict.violated;
    let seen = report.violated().iter().any(excused);
    if run.ended == Some(false) {
        let excuse = if allowed.failed_job { ", as the scenario allows" } else { "" };
        let _ = writeln!(out, "the job failed for good{excuse}");
        failed |= !allowed.failed_job;
    }
    if let Some(steps) = run.cut {
        let _ = writeln!(out, "not at its end after {} steps, which is all that it may take", grouped(steps));
        failed = true;
    }
    if run.cut.is_none() && run.ended.is_none() && *report.verdict(Invariant::I12) == Verdict::Holds {
        let _ = writeln!(out, "nothing was left to do, and the job hadn't ended");
        failed = true;
    }
    if failed {
        let _ = match seed.other {
            false => writeln!(out, "reproduced: this run violates what the scenario claims"),
            true => {
                writeln!(out, "violated, but by another run than the recorded one: nobody can say if it is the same")
            }
        };
        ending.add(Why::Violated);
    } else if seen {
        let _ = writeln!(out, "violated as the scenario expects; everything else that is claimed holds");
    } else {
        let present = args::VERSION;
        let _ = match &seed.was {
            Some(was) => writeln!(out, "did not reproduce: violates nothing; recorded by {was}, present {present}"),
            None => writeln!(
                out,
                "did not reproduce: this run violates nothing with cutline {present}; if it once did, the scenario or \
                 the version has changed"
            ),
        };
    }
}

fn trace(planned: &Planned, args: &Replay, events: &[crate::trace::event::Event]) -> Result<Vec<u8>, String> {
    let problem = |error: std::io::Error| format!("cannot make the trace: {error}");
    let mut writer = json::Writer::new(Vec::new(), &meta(&planned.setup, Some(args.seed))).map_err(problem)?;
    for event in events {
        writer.event(event).map_err(problem)?;
    }
    writer.finish().map_err(problem)
}
