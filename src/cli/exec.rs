//! `cutline exec`: runs a job for real.

use super::args::{self, ListFormat};
use super::chaos;
use super::exec_args::State;
use super::exec_plan::{self, Planned};
use super::exec_watch::Teller;
use super::exit::{Ending, Why};
use super::list::pretty;
use super::output::{self, complain};
use super::signals::Signals;
use crate::ids::*;
use crate::report::grouped;
use crate::runtime::book::{Book, Continued, Log, Out};
use crate::runtime::drive::{End, drive};
use crate::runtime::history::History;
use crate::runtime::hub::{Hub, Job, Make, Outside, Points};
use crate::runtime::outside::Consumer;
use crate::runtime::pace::Pace;
use crate::runtime::place::Place;
use crate::sim::run::meta;
use crate::topology::Role;
use crate::trace::json::Writer;
use crate::world::choice::FORMAT;
use crate::world::setup::Setup;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Runs a job, or has it run and killed.
pub fn exec(args: args::Exec) -> Ending {
    let planned = match exec_plan::plan(&args) {
        Ok(planned) => planned,
        Err(problem) => return refused(&problem),
    };
    if args.chaos.is_some() {
        return chaos::chaos(&args, &planned);
    }
    if args.points {
        outlive_nobody();
    } else {
        planned.warnings.iter().for_each(|warning| output::warn(warning));
    }
    let begun = Instant::now();
    match run(&args, &planned) {
        Ok((end, hub, teller)) => told(&args, &planned, &end, &hub, &teller, begun.elapsed()),
        Err(problem) => refused(&problem),
    }
}

fn refused(problem: &str) -> Ending {
    if problem.contains('\n') {
        output::say(&format!("{problem}\n"))
    } else {
        complain(problem)
    }
    Ending::bad(Why::BadInput)
}

fn run(args: &args::Exec, planned: &Planned) -> Result<(End, Arc<Hub>, Teller), String> {
    let setup = &planned.setup;
    let place = Place::open(&args.dir, &setup.topology, &args.store, &args.sink)?;
    let plan = serde_json::to_string_pretty(&planned.plan).map_err(|error| error.to_string())?;
    output::file(&args.dir.join("plan.json"), format!("{plan}\n").as_bytes())?;
    if args.state == State::Disk {
        place.keep_on_disk(args.state_keys as usize)?;
    }
    if let Some(from) = &args.from {
        let wanted = args.savepoint.map(CheckpointId);
        let begun = place.begin_from(from, &args.store, wanted, &setup.topology)?;
        if begun.is_none() {
            output::warn(&format!("the job in {} has begun: it goes on, and not from {from}", args.dir.display()));
        }
    }
    let signals = Signals::listen().and_then(|signals| signals.listen_for_savepoints().map(|()| signals));
    let signals = signals.map_err(|error| format!("cannot listen to signals: {error}"))?;
    let (book, consumers) = book(args, setup, place.as_ref())?;
    let die_at = args.die_at.clone();
    let points = args.points.then(|| {
        Box::new(move |point: &str| {
            say_point(point);
            die_at.iter().for_each(|death| death.reached(point));
        }) as Points
    });
    let job = Job {
        topology: setup.topology.clone(),
        make: make(args, setup),
        logs: setup.logs.clone(),
        index: Some(place.index()),
        outside: place,
        pace: args.rate.map(Pace::new),
        points,
    };
    let hub = Hub::new(job, book, consumers);
    let mut teller = Teller::new(signals, args.progress, args.quiet);
    let end = drive(&hub, Duration::from_millis(args.silence_ms), &mut teller);
    teller.over();
    Ok((end, hub, teller))
}

/// The processes of the protocol; those of the newest attempt may have to fail.
fn make(args: &args::Exec, setup: &Arc<Setup>) -> Make {
    let (setup, failures) = (setup.clone(), chaos::Failures::new(&args.fail));
    Box::new(move |who| failures.wrap(who, (setup.spawn)(&setup.topology, &setup.config, who)))
}

/// Whoever is told of points is `--chaos`, and has the other end of what this process reads. When that is closed, he is
/// gone, in whatever way, and so is this process, whatever it is doing: nobody waits for it, and its folder may go away.
fn outlive_nobody() {
    let watch = || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(1);
    };
    let _ = std::thread::Builder::new().name("parent".to_string()).spawn(watch); // without it, it may stay
}

/// A point of the protocol, for whoever decides when to kill. Nobody there: no matter.
fn say_point(point: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{point}").and_then(|()| out.flush());
}

type Consumers = Vec<Option<Box<dyn Consumer>>>;

/// The log, if one is wanted, and who looks at the sinks for it.
fn book(args: &args::Exec, setup: &Arc<Setup>, outside: &dyn Outside) -> Result<(Book, Consumers), String> {
    let topology = &setup.topology;
    let Some(path) = &args.trace else { return Ok((Book::new(topology, None), Vec::new())) };
    let meta = meta(setup, None);
    let mut consumers = Consumers::new();
    for (v, vertex) in topology.graph.vertices.iter().enumerate() {
        let sink = matches!(vertex.role, Role::Sink(_));
        consumers.push(sink.then(|| outside.consumer(VertexId(v as u32))).transpose()?);
    }
    let history = History::read(path, &meta)?;
    if history.as_ref().is_some_and(|history| history.quiet) {
        output::warn(&format!("{} is complete: nothing is added to it", path.display()));
        return Ok((Book::new(topology, None), Vec::new()));
    }
    let log = match history {
        Some(_) if args.save_schedule.is_some() => {
            let path = path.display();
            return Err(format!("{path} is there already, and a schedule is of one process: take another file"));
        }
        Some(history) => history.go_on(path, &meta, topology, outside.store(), &mut consumers)?,
        None => {
            if let Some(token) = outside.store().leader().ok().filter(|token| token.0 > 0) {
                let dir = args.dir.display();
                return Err(format!(
                    "the job in {dir} was led {} times before, and {} doesn't tell of it: give the trace \
                    that it began with, or none",
                    token.0,
                    path.display()
                ));
            }
            let schedule = args.save_schedule.as_deref().map(|path| schedule(path, setup)).transpose()?;
            let writer = Writer::new(BufWriter::new(create(path)?), &meta).map_err(|error| cannot(path, &error))?;
            Log::new(topology, writer, schedule, Continued::default())
        }
    };
    Ok((Book::new(topology, Some(log)), consumers))
}

fn schedule(path: &Path, setup: &Setup) -> Result<Out, String> {
    let mut out = create(path)?;
    writeln!(out, "{FORMAT} {} on threads", setup.name).map_err(|error| cannot(path, &error))?;
    Ok(out)
}

fn create(path: &Path) -> Result<Out, String> {
    Ok(Box::new(File::create(path).map_err(|error| cannot(path, &error))?))
}

fn cannot(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

/// Says how it ended.
fn told(args: &args::Exec, planned: &Planned, end: &End, hub: &Hub, teller: &Teller, took: Duration) -> Ending {
    if args.points {
        return ending(end);
    }
    let text = match args.format {
        ListFormat::Human => human(planned, end, hub, teller, took),
        ListFormat::Json => json(planned, end, hub, teller, took),
    };
    if let End::Failed(why) = end {
        complain(why);
    }
    super::printed(output::print(&text), ending(end))
}

fn ending(end: &End) -> Ending {
    match end {
        End::Ended { complete: true, .. } | End::Suspended(_) => Ending::good(),
        End::Ended { complete: false, .. } | End::Deposed => Ending::bad(Why::Violated),
        End::Failed(_) => Ending::bad(Why::BadInput),
    }
}

/// How it ended, in a word and in a sentence.
fn words(end: &End) -> (&'static str, String) {
    match end {
        End::Ended { complete: true, before: false } => ("complete", "all of the input is processed".into()),
        End::Ended { complete: true, before: true } => {
            ("complete", "the job had ended before: nothing was done".into())
        }
        End::Ended { complete: false, before: false } => ("failed", "the job failed for good".into()),
        End::Ended { complete: false, before: true } => ("failed", "the job had failed for good before".into()),
        End::Suspended(id) => {
            ("stopped", format!("stopped with savepoint {}: the same command goes on from there", id.0))
        }
        End::Deposed => ("deposed", "somebody newer leads this job".into()),
        End::Failed(_) => ("failed", "the job can't go on".into()),
    }
}

fn human(planned: &Planned, end: &End, hub: &Hub, teller: &Teller, took: Duration) -> String {
    let tally = &hub.tally;
    let (read, attempts) = (tally.read.load(Relaxed), tally.attempts.load(Relaxed));
    let mut out = format!("{}: {}\n", planned.setup.name, words(end).1);
    let rate = if took.as_secs_f64() > 0.0 { read as f64 / took.as_secs_f64() } else { 0.0 };
    let _ = writeln!(
        out,
        "{} records read, {} written, {}.{:03} s, {} a second",
        grouped(read),
        grouped(tally.written.load(Relaxed)),
        took.as_secs(),
        took.subsec_millis(),
        grouped(rate as u64),
    );
    let mut times: Vec<u128> = teller.checkpoints.iter().map(|done| done.took.as_millis()).collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).map_or(String::new(), |ms| format!(" (median {ms} ms)"));
    let _ = writeln!(
        out,
        "{} checkpoints{median}, {} given up, {} restarts, {} bytes of snapshots",
        grouped(times.len() as u64),
        grouped(teller.aborted),
        grouped(attempts.saturating_sub(1)),
        grouped(tally.bytes.load(Relaxed)),
    );
    out
}

fn json(planned: &Planned, end: &End, hub: &Hub, teller: &Teller, took: Duration) -> String {
    let tally = &hub.tally;
    let (word, sentence) = words(end);
    let mut document = serde_json::json!({
        "schema": "cutline.exec/1",
        "cutline": env!("CARGO_PKG_VERSION"),
        "scenario": planned.setup.name,
        "end": word,
        "message": match end { End::Failed(why) => why.clone(), _ => sentence },
        "records": { "read": tally.read.load(Relaxed), "written": tally.written.load(Relaxed) },
        "attempts": tally.attempts.load(Relaxed),
        "checkpoints": {
            "completed": teller.checkpoints.len(),
            "aborted": teller.aborted,
            "bytes": tally.bytes.load(Relaxed),
        },
        "timing": {
            "seconds": took.as_secs_f64(),
            "checkpoint_ms": teller.checkpoints.iter().map(|done| done.took.as_secs_f64() * 1e3).collect::<Vec<_>>(),
        },
    });
    if let End::Suspended(id) = end {
        document["savepoint"] = id.0.into();
    }
    if !teller.savepoints.is_empty() {
        document["savepoints"] = teller.savepoints.iter().map(|id| id.0).collect::<Vec<u64>>().into();
    }
    if let Some(signal) = teller.signal() {
        document["signal"] = signal.into();
    }
    pretty(&document)
}
