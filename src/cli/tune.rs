//! `cutline tune`: which interval, mode and timeout, for one job and its failures.

use super::args::ScoreFormat;
use super::exit::{Ending, Why};
use super::output::{self, complain};
use super::plan::{BASE, seed_at};
use super::{compare, defect, find, list, parse, seed, tuned};
use crate::compare::{WAYS, Way};
use crate::scenario::Loaded;
use crate::scenario::rate::lengthen;
use crate::scenario::spec::Mode;
use crate::tune::flink::{self, Flink};
use crate::tune::{Load, Setting, Sweep};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `cutline tune`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Every interval under every mode: once with nothing going wrong, once with failures. All times are virtual, so that the
figures are the same on every machine. Closed forms are those of docs/tune.md. A run must be long beside the intervals
to say something of them: --records makes it longer.

Examples:
  cutline tune scenarios/tune.json
  cutline tune scenarios/tune.json --mtbf 500ms --latency 60ms --svg tune.svg
  cutline tune scenarios/tune.json --intervals 10ms,40ms --modes aligned,unaligned --records 4000
  cutline tune scenarios/tune.json --flink scenarios/data/flink-conf.yaml"
)]
pub struct Tune {
    /// The job and its load
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Intervals between triggers [default: 5 to 320 ms; with --flink, around the file's]
    #[arg(long, value_name = "TIMES", value_delimiter = ',', value_parser = parse::duration)]
    pub intervals: Vec<Duration>,
    /// Modes [default: aligned, unaligned, aligned-timeout; with --flink, the file's first]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub modes: Vec<String>,
    /// How long alignments may take where barriers may overtake after that [default: the scenario's]
    #[arg(long, value_name = "TIMES", value_delimiter = ',', value_parser = parse::duration)]
    pub alignment_timeouts: Vec<Duration>,
    /// Mean time between failures: subtasks crash at random [default: the scenario's own faults]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub mtbf: Option<Duration>,
    /// So many records for each source, instead of as many as the scenario says
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(1..=1_000_000))]
    pub records: Option<u64>,
    /// The mean time from a record to its output must not be longer
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub latency: Option<Duration>,
    /// Settings from a Flink configuration file (execution.checkpointing.*)
    #[arg(long, value_name = "FILE")]
    pub flink: Option<PathBuf>,
    /// So many seeds
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = parse::count::<u64>(1..=100_000))]
    pub seeds: u64,
    /// Where plots are written
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// How the table is written
    #[arg(long, value_enum, default_value_t = ScoreFormat::Human)]
    pub format: ScoreFormat,
}

/// What is told of a sweep.
pub struct Told<'a> {
    /// The scenario's file.
    pub path: &'a Path,
    /// So many seeds.
    pub seeds: usize,
    /// Mean time between failures that was asked for.
    pub mtbf_ms: Option<u64>,
    /// The limit of the mean latency, in nanoseconds.
    pub limit: Option<f64>,
    /// What the Flink file said.
    pub flink: Option<&'a Flink>,
    /// What came of it.
    pub sweep: &'a Sweep,
}

/// Tunes.
pub fn tune(args: Tune) -> Ending {
    let bad = |problem: String| {
        complain(&problem);
        Ending::bad(Why::BadInput)
    };
    let mut loaded = match scenario(&args.scenario) {
        Ok(loaded) => loaded,
        Err(ending) => return ending,
    };
    let flink = match args.flink.as_deref().map(file).transpose() {
        Ok(flink) => flink,
        Err(problem) => return bad(problem),
    };
    if let Some(Err(vertex)) = args.records.map(|records| lengthen(&mut loaded.scenario, records)) {
        return bad(format!("--records: the records of `{vertex}` are lines of a file, and as many as there are"));
    }
    let fixed = flink.clone().unwrap_or_default();
    let settings = match settings(&args, &fixed) {
        Ok(settings) => settings,
        Err(problem) => return bad(problem),
    };
    let refused = settings.iter().find_map(|setting| Some((setting.way.name, setting.way.refuses(&loaded.scenario)?)));
    if let Some((name, why)) = refused {
        return bad(format!("{}: {name} can't run this job: {why}", args.scenario.display()));
    }
    let seeds: Vec<u64> = (0..args.seeds).map(|i| seed_at(BASE, &loaded.name, i)).collect();
    let mtbf_ms = args.mtbf.map(millis);
    let load = Load { loaded: &loaded, seeds: &seeds, mtbf_ms, fixed: &fixed };
    seed::hush();
    let sweep = match seed::aside(|| load.sweep(&settings)).and_then(|result| result) {
        Ok(sweep) => sweep,
        Err(problem) => {
            return defect::internal(&format!("{}: {problem}", args.scenario.display()));
        }
    };
    let limit = args.latency.map(|limit| limit.as_nanos() as f64);
    let told = Told { path: &args.scenario, seeds: seeds.len(), mtbf_ms, limit, flink: flink.as_ref(), sweep: &sweep };
    if let Some(Err(problem)) = args.svg.as_ref().map(|path| output::file(path, tuned::plots(&told).as_bytes())) {
        complain(&problem);
        return Ending::bad(Why::Internal);
    }
    let text = match args.format {
        ScoreFormat::Human => tuned::human(&told),
        ScoreFormat::Json => list::pretty(&tuned::machine(&told)),
    };
    let mut ending = Ending::good();
    if sweep.points.iter().any(|point| !point.calm.broken.is_empty() || !point.rough.broken.is_empty()) {
        ending.add(Why::Violated);
    }
    super::printed(output::print(&text), ending)
}

fn scenario(path: &Path) -> Result<Loaded, Ending> {
    let found = find::good(&[path.to_path_buf()])?;
    <[_; 1]>::try_from(found).map(|[(_, loaded)]| loaded).map_err(|many| {
        complain(&format!("{}: one scenario is expected, and there are {}", path.display(), many.len()));
        Ending::bad(Why::BadInput)
    })
}

fn file(path: &Path) -> Result<Flink, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let new = path.file_name().is_some_and(|name| name == "config.yaml");
    flink::read(&text, !new).map_err(|mistake| {
        let (line, column) = mistake.at;
        format!("{}:{line}:{column}: {}", path.display(), mistake.what)
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).clamp(1, 3_600_000)
}

/// What is tried: every mode with every interval.
fn settings(args: &Tune, fixed: &Flink) -> Result<Vec<Setting>, String> {
    let mut intervals: Vec<u64> = match fixed.interval_ms {
        _ if !args.intervals.is_empty() => args.intervals.iter().copied().map(millis).collect(),
        Some(ms) => [(1, 8), (1, 4), (1, 2), (1, 1), (2, 1), (4, 1)].map(|(up, down)| (ms * up / down).max(1)).to_vec(),
        None => vec![5, 10, 20, 40, 80, 160, 320],
    };
    intervals.sort_unstable();
    intervals.dedup();
    let mut timeouts: Vec<Option<u64>> = args.alignment_timeouts.iter().map(|time| Some(millis(*time))).collect();
    if timeouts.is_empty() {
        timeouts.push(fixed.alignment_timeout_ms.filter(|ms| *ms > 0));
    }
    let mut settings = Vec::new();
    for way in ways(args, fixed)? {
        let waits = way.setting() == Some(Mode::AlignedThenUnaligned);
        for timeout in if waits { &timeouts[..] } else { &[None] } {
            let with = |interval_ms: &u64| Setting { way, interval_ms: *interval_ms, alignment_timeout_ms: *timeout };
            settings.extend(intervals.iter().map(with));
        }
    }
    Ok(settings)
}

/// Modes of the engine: those that Flink has, too. A job that is content with at-least-once isn't offered more, nor less.
fn ways(args: &Tune, fixed: &Flink) -> Result<Vec<&'static Way>, String> {
    let all = WAYS.iter().filter(|way| way.setting().is_some()).collect();
    if !args.modes.is_empty() {
        return compare::ways(&args.modes, all);
    }
    let lax = |way: &&Way| way.setting() == Some(Mode::AtLeastOnce);
    let wanted = fixed.mode == Some(Mode::AtLeastOnce);
    let mut ways: Vec<&'static Way> = all.into_iter().filter(|way| lax(way) == wanted).collect();
    ways.sort_by_key(|way| way.setting() != fixed.mode); // the file's first
    Ok(ways)
}
