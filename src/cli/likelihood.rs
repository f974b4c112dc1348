//! `cutline likelihood`: when did a failure become inevitable?

use super::args::ScoreFormat;
use super::defect;
use super::exit::{Ending, Why};
use super::find;
use super::judge::{Terms, allowed};
use super::list::pretty;
use super::outcome::Outcome;
use super::output::{self, complain};
use super::parse;
use super::recorded;
use super::seed;
use super::shrink::alike;
use super::signals::Signals;
use crate::digest::mix;
use crate::picture::plot::{Panel, Series, plot};
use crate::report::{Kind, grouped, seed as shown};
use crate::scenario::Loaded;
use crate::shrink::likelihood::{Curve, Moment, curve};
use crate::sim::run::{Fork, Keep};
use crate::topology::Topology;
use crate::trace::event::Event;
use crate::trace::text::timed;
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `cutline likelihood`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "The run is forked at many of its events: up to there everything is as it was, and from there on delays and orders are
drawn anew, a hundred times. Faults stay as they are planned. The share of those futures that fail in the same way says how
far the failure was decided then; the event at which it rises most is looked for until it is one. Exits with 3 if it was cut
short, with 4 if the seed doesn't fail.

Examples:
  cutline likelihood scenarios/aligned_then_unaligned.json --seed 0x106e6b9e716579a1 --protocol no-channel-state
  cutline likelihood scenarios/aligned_then_unaligned.json --seed 0x106e6b9e716579a1 --protocol no-channel-state --svg turn.svg"
)]
pub struct Likelihood {
    /// The scenario file
    pub scenario: PathBuf,
    /// The seed that fails
    #[arg(long, value_name = "SEED", value_parser = parse::seed)]
    pub seed: u64,
    /// The stream version under which the seed was found; under another it means another run
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(0..=u64::MAX))]
    pub stream: Option<u64>,
    /// Run this protocol, whatever the scenario says
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<String>,
    /// Cut runs off that come to so many steps: they are stuck then
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(1..=u64::MAX))]
    pub max_steps: Option<u64>,
    /// So many futures from each moment
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = parse::count::<u32>(1..=1_000_000))]
    pub futures: u32,
    /// So many moments, equally far from each other
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = parse::count::<u32>(2..=10_000))]
    pub points: u32,
    /// Stop after this time: 500ms, 60s, 1h30m
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = parse::duration)]
    pub budget: Duration,
    /// Where the curve is drawn
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = ScoreFormat::Human)]
    pub format: ScoreFormat,
}

/// What is told.
struct Told {
    name: String,
    seed: u64,
    kind: Kind,
    topology: Arc<Topology>,
    trace: Vec<Event>,
    curve: Curve,
    /// The time was over before the curve was whole.
    short: bool,
}

/// Says when.
pub fn likelihood(args: Likelihood) -> Ending {
    let loaded = match find::one(&args.scenario, &Terms::whole(args.protocol.clone(), args.max_steps)) {
        Ok(loaded) => loaded,
        Err(ending) => return ending,
    };
    let other = recorded::other_stream(args.stream);
    other.iter().for_each(|said| output::warn(said));
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return defect::internal(&format!("cannot listen to signals: {error}")),
    };
    seed::hush();
    let told = match seed::aside(|| found(&args, &loaded, &signals)).and_then(|found| found) {
        Err(problem) => return defect::internal(&problem),
        Ok(None) => {
            let seed = shown(args.seed);
            let hint = if other.is_some() { "; it was recorded under another stream version" } else { "" };
            complain(&format!("{} seed {seed} violates nothing that the scenario claims{hint}", loaded.name));
            return Ending::bad(Why::NothingToRun);
        }
        Ok(Some(told)) => told,
    };
    if let Some(Err(problem)) = args.svg.as_ref().map(|path| output::file(path, picture(&told).as_bytes())) {
        complain(&problem);
        return Ending::bad(Why::Internal);
    }
    let text = match args.format {
        ScoreFormat::Human => human(&told),
        ScoreFormat::Json => pretty(&machine(&told)),
    };
    let mut ending = Ending::good();
    signals.end().into_iter().for_each(|(why, _)| ending.add(why));
    if told.short {
        ending.add(Why::Incomplete);
    }
    super::printed(output::print(&text), ending)
}

/// Runs it, and its futures. None: it doesn't fail. An error is one of ours.
fn found(args: &Likelihood, loaded: &Loaded, signals: &Signals) -> Result<Option<Told>, String> {
    let allowed = allowed(&loaded.scenario);
    let (planned, run) = seed::simulate(loaded, args.seed, Keep { trace: true, ..Keep::default() })?;
    let Some(kind) = Outcome::failures(&run, &allowed).first().copied() else { return Ok(None) };
    let fails = |fork: Fork| -> Result<Option<bool>, String> {
        let keep = Keep { fork: Some(fork), stop: Some(signals.flag()), ..Keep::default() };
        let (_, future) = seed::simulate(loaded, args.seed, keep)?;
        Ok((!future.stopped).then(|| Outcome::failures(&future, &allowed).iter().any(|found| alike(found, &kind))))
    };
    let deadline = Instant::now().checked_add(args.budget);
    let mut problem = None;
    let mut short = false;
    let curve = curve(run.events, args.points, args.futures, |at| {
        let mut failing = 0;
        for future in 1..=u64::from(args.futures) {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                short = true;
                return None;
            }
            match fails(Fork { at, seed: mix(args.seed ^ mix(future)) }) {
                Ok(fails) => failing += u32::from(fails?),
                Err(what) => {
                    problem = Some(what);
                    return None;
                }
            }
        }
        Some(failing)
    });
    let topology = planned.setup.topology.clone();
    let (name, trace) = (loaded.name.clone(), run.trace.unwrap_or_default());
    let told = Told { name, seed: args.seed, kind, topology, trace, curve, short };
    problem.map_or(Ok(Some(told)), Err)
}

impl Told {
    /// Parts of a million.
    fn share(&self, moment: Moment) -> u64 {
        u64::from(moment.failing) * 1_000_000 / u64::from(self.curve.futures.max(1))
    }

    fn percent(&self, moment: Moment) -> String {
        let tenths = self.share(moment) / 1000;
        if tenths.is_multiple_of(10) {
            format!("{} %", tenths / 10)
        } else {
            format!("{}.{} %", tenths / 10, tenths % 10)
        }
    }

    /// The last event of the past of a moment; none at the beginning.
    fn last(&self, moment: Moment) -> Option<&Event> {
        self.trace.get(usize::try_from(moment.events).ok()?.checked_sub(1)?)
    }

    fn line(&self, moment: Moment) -> String {
        self.last(moment).map_or_else(|| "the beginning".to_string(), |event| timed(&self.topology, event))
    }
}

/// So wide is all of the futures.
const BAR: u64 = 40;

fn human(told: &Told) -> String {
    let curve = &told.curve;
    let mut out = format!("{}  seed {}  {}\n", told.name, shown(told.seed), told.kind.title());
    let _ = writeln!(out, "of {} futures from each moment, so many fail in this way:\n", grouped(curve.futures.into()));
    for moment in &curve.moments {
        let bar = "#".repeat((told.share(*moment) * BAR).div_ceil(1_000_000) as usize);
        let line = format!("  event {:>9}  {:>7}  {bar}", grouped(moment.events), told.percent(*moment));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push('\n');
    if let Some((before, after)) = curve.turn {
        let (from, to) = (told.percent(before), told.percent(after));
        let _ = writeln!(out, "it rises most at event {}, from {from} to {to}:", grouped(after.events));
        let _ = writeln!(out, "  {}", told.line(after));
    }
    match curve.certain {
        Some(certain) if curve.turn.is_some_and(|(_, after)| after == certain) => {
            out.push_str("from there on all of them fail\n");
        }
        Some(certain) if certain.events == 0 => out.push_str("all of them fail from the beginning\n"),
        Some(certain) => {
            let _ = writeln!(out, "from event {} on all of them fail:", grouped(certain.events));
            let _ = writeln!(out, "  {}", told.line(certain));
        }
        None => {}
    }
    if told.short {
        out.push_str("cut short: the time was over, and --for gives it more\n");
    }
    out
}

fn machine(told: &Told) -> serde_json::Value {
    let moment = |moment: Moment| {
        serde_json::json!({
            "events": moment.events,
            "failing": moment.failing,
            "event": told.last(moment).map(|event| timed(&told.topology, event)),
        })
    };
    serde_json::json!({
        "schema": "cutline.likelihood/1",
        "cutline": env!("CARGO_PKG_VERSION"),
        "scenario": told.name,
        "seed": shown(told.seed),
        "fails": told.kind.title(),
        "futures": told.curve.futures,
        "moments": told.curve.moments.iter().map(|one| moment(*one)).collect::<Vec<_>>(),
        "turn": told.curve.turn.map(|(before, after)| serde_json::json!([moment(before), moment(after)])),
        "certain": told.curve.certain.map(moment),
        "cut_short": told.short,
    })
}

fn picture(told: &Told) -> String {
    let moments = &told.curve.moments;
    let panel = Panel {
        title: "% of futures that fail, over the events of the run".to_string(),
        places: moments.iter().map(|moment| moment.events.to_string()).collect(),
        series: vec![Series {
            name: told.kind.title(),
            points: moments.iter().map(|moment| Some(told.share(*moment) as f64 / 1e4)).collect(),
            form: vec![None; moments.len()],
        }],
    };
    plot(&format!("{} seed {}: when it became inevitable", told.name, shown(told.seed)), &[panel])
}
