//! `cutline replay`: one run again, with everything that can be said about it.

use super::args;
use super::exit::{Ending, Why};
use super::judge::{allowed, word};
use super::output::{self, complain};
use super::seed::{self, Planned};
use super::tally::Allowed;
use super::verify;
use crate::protocols;
use crate::report::{grouped, seed as shown};
use crate::scenario::{Loaded, load, load_knowing};
use crate::sim::follow::follow;
use crate::sim::run::{Keep, Run, meta};
use crate::sim::schedule;
use crate::trace::{json, text};
use crate::verify::{Invariant, Verdict};
use std::fmt::Write;
use std::path::Path;

/// Replays.
pub fn replay(args: args::Replay) -> Ending {
    let known: Vec<&str> = protocols::names().collect();
    if let Some(name) = &args.protocol
        && !known.contains(&name.as_str())
    {
        complain(&super::unknown_protocol(name));
        return Ending::bad(Why::BadInput);
    }
    if let Some(stream) = args.stream.filter(|stream| *stream != args::STREAM) {
        let now = args::STREAM;
        complain(&format!(
            "this seed was found under stream version {stream}, and this cutline has {now}: it means another run here; \
             what stays is the shrunk scenario"
        ));
        return Ending::bad(Why::BadInput);
    }
    let mut loaded = match load_knowing(&args.scenario, &known) {
        Ok(loaded) => loaded,
        Err(found) => {
            output::say(&format!("{}\n", load::render(&found, true)));
            return Ending::bad(Why::BadInput);
        }
    };
    if let Some(protocol) = &args.protocol {
        loaded.scenario.protocol = protocol.clone();
    }
    seed::hush();
    // A violation is told with its events, so they are kept even if nobody wants them.
    let keep = Keep { trace: true, until: args.until, unjudged: args.until.is_some(), ..Keep::default() };
    let keep = Keep { schedule: args.save_schedule.is_some(), ..keep };
    let simulated = seed::aside(|| seed::simulate(&loaded, args.seed, keep)).and_then(|result| result);
    let (planned, run) = match simulated {
        Ok(simulated) => simulated,
        Err(problem) => {
            complain(&problem);
            return Ending::bad(Why::Internal);
        }
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
fn show(args: &args::Replay, loaded: &Loaded, planned: &Planned, run: &Run) -> Ending {
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
        judged(&mut out, &allowed(scenario), planned, run, args.seed, &mut ending);
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
    match output::print(&out) {
        Ok(_) => ending,
        Err(error) => {
            complain(&format!("cannot write to stdout: {error}"));
            Ending::bad(Why::Internal)
        }
    }
}

fn judged(out: &mut String, allowed: &Allowed, planned: &Planned, run: &Run, seed: u64, ending: &mut Ending) {
    let Some(report) = &run.report else { return };
    let excused = |invariant: &Invariant| allowed.violations.contains(invariant);
    let events = run.trace.as_deref().unwrap_or_default();
    let meta = meta(&planned.setup, Some(seed));
    let verdict = verify::verdicts(out, &meta, events, report, &excused);
    let mut failed = verdict.violated;
    let seen = report.violated().iter().any(excused);
    if run.ended == Some(false) {
        let excuse = if allowed.failed_job { ", as the scenario allows" } else { "" };
        let _ = writeln!(out, "the job failed for good{excuse}");
        failed |= !allowed.failed_job;
    }
    if run.ended.is_none() && *report.verdict(Invariant::I12) == Verdict::Holds {
        let _ = writeln!(out, "nothing was left to do, and the job hadn't ended");
        failed = true;
    }
    if failed {
        let _ = writeln!(out, "reproduced: this run violates what the scenario claims");
        ending.add(Why::Violated);
    } else if seen {
        let _ = writeln!(out, "violated as the scenario expects; everything else that is claimed holds");
    } else {
        let _ = writeln!(
            out,
            "did not reproduce: this run violates nothing with cutline {}; if it once did, the scenario or the \
             version has changed",
            args::VERSION
        );
    }
}

fn trace(planned: &Planned, args: &args::Replay, events: &[crate::trace::event::Event]) -> Result<Vec<u8>, String> {
    let problem = |error: std::io::Error| format!("cannot make the trace: {error}");
    let mut writer = json::Writer::new(Vec::new(), &meta(&planned.setup, Some(args.seed))).map_err(problem)?;
    for event in events {
        writer.event(event).map_err(problem)?;
    }
    writer.finish().map_err(problem)
}
