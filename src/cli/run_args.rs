//! Options of `run` that have to do with earlier and later runs.

use super::args::{Format, ReportKind, ReportTo, Run};
use super::filter::{self, Filter};
use super::parse::{self, MaxFail, Repeats};
use super::prepare::span;
use crate::report;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Which scenarios, what is kept of a run, and what of an earlier one is used.
#[derive(Args, Clone, Debug, Default)]
pub struct Kept {
    /// Only these scenarios: a part of the name, or name(two-*) & property(I9) & !protocol(x)
    #[arg(long, value_name = "EXPR", value_parser = filter::parse)]
    pub filter: Option<Filter>,
    /// Keep a journal in this directory, and the report: a sweep that was killed can go on
    #[arg(long, value_name = "DIR", conflicts_with = "rerun")]
    pub out: Option<PathBuf>,
    /// Go on with the journal in this directory (with --out DIR too: or begin it, if there is none)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["rerun", "fresh"])]
    pub resume: Option<PathBuf>,
    /// Only what failed in that run: latest, or the beginning of a run's id
    #[arg(long, value_name = "RUN", conflicts_with_all = ["seeds", "seed", "seed_base", "fresh", "protocol", "filter"])]
    pub rerun: Option<String>,
    /// Not to have run so many seeds of every scenario is no success (exit 3), however the time ran out
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(1..=u64::MAX))]
    pub min_seeds: Option<u64>,
    /// Put the small scenarios of findings under regressions/, where every later sweep begins
    #[arg(long, conflicts_with = "no_shrink")]
    pub save_regressions: bool,
    /// Options that were really typed: not those that a file or a variable sets.
    #[arg(skip)]
    pub given: Vec<String>,
    /// Seeds that failed in the run that is run again, by scenario.
    #[arg(skip)]
    pub only: BTreeMap<String, Vec<u64>>,
}

/// When failing seeds are enough.
#[derive(Args, Clone, Debug, Default)]
pub struct Enough {
    /// Stop after so many failing seeds (in waves of seeds, so that the outcome doesn't depend on --jobs). With :immediate at
    /// once, and what is being run is given up: then it does
    #[arg(long, value_name = "N[:wait|:immediate]", value_parser = parse::max_fail)]
    pub max_fail: Option<MaxFail>,
    /// The same as --max-fail 1
    #[arg(long, conflicts_with_all = ["max_fail", "no_fail_fast"])]
    pub fail_fast: bool,
    /// Don't stop at failing seeds, whatever settings say
    #[arg(long, conflicts_with = "max_fail")]
    pub no_fail_fast: bool,
    /// Cut a seed off that comes to so many steps, and call it stuck. Steps are counted, not timed: the same everywhere
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(1..=u64::MAX))]
    pub max_steps: Option<u64>,
    /// Give up a seed that takes longer than this, and call it stuck: a safety net, which depends on the machine. A seed that
    /// hangs within one step ends the sweep, with reports of what was done
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub stuck_after: Option<Duration>,
    /// Give up a scenario after so many failing seeds that show nothing new, or never (all) [default: 64; all for a part of
    /// a plan, and where seeds are named]
    #[arg(long, value_name = "N|all", value_parser = parse::repeats)]
    pub repeats: Option<Repeats>,
}

/// The usual number of them: as many failing seeds as a report names one by one.
const REPEATS: u64 = 64;

impl Enough {
    /// Stop after so many failing seeds.
    pub fn most(&self) -> Option<MaxFail> {
        let first = MaxFail { most: 1, immediate: false };
        if self.no_fail_fast { None } else { self.max_fail.or(self.fail_fast.then_some(first)) }
    }

    /// Give up a scenario after so many failing seeds that show nothing new. A part of a plan doesn't: it can't know what
    /// the others have found.
    pub fn repeats(&self, whole: bool) -> Option<u64> {
        match self.repeats.unwrap_or(Repeats::After(REPEATS)) {
            Repeats::After(most) => Some(most).filter(|_| whole),
            Repeats::All => None,
        }
    }
}

/// Options that change what a plan is, with what they say; empty: nothing.
pub fn settling(args: &Run) -> Vec<(&'static str, String)> {
    let list = |words: Vec<String>| words.join(" ");
    let yes = |flag: bool| if flag { "yes".to_string() } else { String::new() };
    let paths = args.paths.iter().map(|path| path.display().to_string()).collect();
    vec![
        ("paths", list(paths)),
        ("seeds", args.seeds.map_or_else(String::new, |range| range.to_string())),
        ("seed", list(args.seed.iter().map(|seed| report::seed(*seed)).collect())),
        ("seed_base", args.seed_base.map_or_else(String::new, report::seed)),
        ("protocol", args.protocol.clone().unwrap_or_default()),
        ("partition", args.partition.map_or_else(String::new, |part| part.to_string())),
        ("max_fail", args.enough.most().map_or_else(String::new, |most| most.to_string())),
        ("max_steps", args.enough.max_steps.map_or_else(String::new, |steps| steps.to_string())),
        ("stuck_after", args.enough.stuck_after.map_or_else(String::new, span)),
        ("repeats", args.enough.repeats.map_or_else(String::new, |repeats| repeats.to_string())),
        ("check_determinism", yes(args.check_determinism)),
        ("no_regressions", yes(args.no_regressions)),
        ("filter", args.kept.filter.as_ref().map_or_else(String::new, |filter| filter.text.clone())),
    ]
}

/// The words for everything that changes the plan or its outcome, but for the part of it.
pub fn arguments(args: &Run, base: Option<u64>) -> Vec<String> {
    let mut words = vec!["run".to_string()];
    words.extend(args.paths.iter().map(|path| path.display().to_string()));
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    if let Some(range) = args.seeds {
        option("seeds", range.to_string());
    }
    args.seed.iter().for_each(|seed| option("seed", report::seed(*seed)));
    if let Some(budget) = args.budget {
        option("for", span(budget));
    }
    if let Some(most) = args.enough.most() {
        option("max-fail", most.to_string());
    }
    if let Some(repeats) = args.enough.repeats {
        option("repeats", repeats.to_string());
    }
    if let Some(steps) = args.enough.max_steps {
        option("max-steps", steps.to_string());
    }
    if let Some(time) = args.enough.stuck_after {
        option("stuck-after", span(time));
    }
    if let Some(base) = base {
        option("seed-base", report::seed(base));
    }
    if let Some(protocol) = &args.protocol {
        option("protocol", protocol.clone());
    }
    if let Some(filter) = &args.kept.filter {
        option("filter", filter.text.clone());
    }
    let flags = [(args.check_determinism, "--check-determinism"), (args.no_regressions, "--no-regressions")];
    words.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag.to_string()));
    words
}

/// The words for everything else that a sweep that goes on takes over.
pub fn beside(args: &Run) -> Vec<String> {
    let mut words = vec!["--findings".to_string(), args.findings.display().to_string()];
    let report =
        |report: &ReportTo| ["--report".to_string(), format!("{}={}", report.kind.word(), report.path.display())];
    words.extend(args.report.iter().flat_map(report));
    if let Some(least) = args.kept.min_seeds {
        words.extend(["--min-seeds".to_string(), least.to_string()]);
    }
    let save = args.kept.save_regressions;
    let flags = [(args.no_shrink, "--no-shrink"), (args.exit_zero, "--exit-zero"), (save, "--save-regressions")];
    words.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag.to_string()));
    words.extend((0..args.verbose).map(|_| "-v".to_string()));
    words
}

impl Format {
    /// Is it for people, in lines of text?
    pub fn people(self) -> bool {
        matches!(self, Format::Human | Format::Github)
    }
}

impl ReportKind {
    /// All of them.
    pub const ALL: [ReportKind; 6] = [
        ReportKind::Junit,
        ReportKind::Json,
        ReportKind::Jsonl,
        ReportKind::Markdown,
        ReportKind::Sarif,
        ReportKind::Html,
    ];

    /// The word in front of the path.
    pub fn word(self) -> &'static str {
        match self {
            ReportKind::Junit => "junit",
            ReportKind::Json => "json",
            ReportKind::Jsonl => "jsonl",
            ReportKind::Markdown => "markdown",
            ReportKind::Sarif => "sarif",
            ReportKind::Html => "html",
        }
    }
}
