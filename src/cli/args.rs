//! The command line.

pub use super::compare::Compare;
pub use super::exec_args::Exec;
pub use super::lint::Lint;
pub use super::list::List;
use super::parse::{self, Partition, Range};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Numbers that say what a recorded seed or trace is good for, behind `--version`.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("CUTLINE_COMMIT"), " stream 2 trace 1");
/// Seeds mean the same runs as long as this number is the same.
pub const STREAM: u64 = crate::dice::STREAM_VERSION as u64;
const _: () = assert!(STREAM == 2, "VERSION says it too");
/// The version of the trace format.
pub const TRACE: u64 = 1;

/// A deterministic simulation harness for asynchronous barrier snapshots.
#[derive(Debug, Parser)]
#[command(name = "cutline", version = VERSION, disable_help_subcommand = true, max_term_width = 100)]
#[command(
    after_help = "`cutline help exit-codes` says what exit codes mean; `cutline help COMMAND` tells more of a command."
)]
#[command(after_long_help = "Examples:
  cutline run                                    all scenarios under scenarios/
  cutline replay scenarios/diamond.json --seed 7   one run, explained
  cutline help exit-codes                        what exit codes mean")]
pub struct Cli {
    /// Colours: where they are wanted, always, or never
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: Color,
    /// Write documents for programs in this version of their formats; there is one yet
    #[arg(long, global = true, value_name = "N", value_parser = format_version, hide_short_help = true)]
    pub format_version: Option<u64>,
    /// Where settings come from.
    #[command(flatten)]
    pub sources: super::config::Sources,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, and as NO_COLOR, CLICOLOR and CLICOLOR_FORCE say.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios under many seeds, and judge every run
    Run(Box<Run>),
    /// Run one scenario under one seed again, and explain what happens
    Replay(super::replay::Replay),
    /// Make a failing seed small: a scenario that stands alone and fails in the same way
    Shrink(Shrink),
    /// When a failing seed became inevitable: how many of its other futures fail, over its events
    Likelihood(super::likelihood::Likelihood),
    /// One job under one checkpoint protocol after another, and what each costs
    Compare(Compare),
    /// Which interval, mode and timeout: what each costs under a job's load and failures
    Tune(super::tune::Tune),
    /// What articles say about checkpoints, and what is so, decided by running it
    Folklore(Folklore),
    /// How many seeds it takes to see each planted defect: a score of the harness
    Mutants(Mutants),
    /// Put the reports of parts of a sweep together
    Merge(super::merge::Merge),
    /// Explore every schedule and every bounded fault of small scenarios
    Check(Box<Check>),
    /// Run a job for real: on threads, with files, until it ends or is told to stop
    Exec(Box<Exec>),
    /// Tell of the checkpoints and recoveries of a trace or of a run
    Checkpoints(super::checkpoints::Checkpoints),
    /// Write a trace or a run for other viewers: ShiViz, Perfetto, Mermaid, Graphviz
    Export(super::export::Export),
    /// Draw a space-time diagram of a trace or of a run
    Diagram(super::diagram::Diagram),
    /// Judge recorded traces
    Verify(super::verify::Verify),
    /// Compare traces with snapshots of them that are checked in
    Snapshot(super::snapshot::Snapshot),
    /// Show where two traces part ways
    Diff(super::diff::Diff),
    /// Run gate vectors against the barrier gate
    Gate(Gate),
    /// Check scenario files without running them
    Lint(Lint),
    /// List scenarios, and what would be run
    List(List),
    /// Print the JSON Schema of a format
    Schema(Schema),
    /// Say more about an error code of scenarios, settings and traces
    Explain(Explain),
    /// Show settings, and where they come from
    Config(super::config::show::Config),
    /// Print what a shell needs to complete command lines
    Completions(super::pages::Completions),
    /// Write manual pages
    Man(super::pages::Man),
    /// Help on a command or on a topic
    Help(Help),
}

/// How the result of a sweep is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// One JSON document a line: each scenario as it is done, then findings, then the summary.
    Jsonl,
    /// For people who read a log of GitHub: annotations follow. On GitHub `human` is the same.
    Github,
}

/// How progress is shown, on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A bar on a terminal, lines otherwise.
    Auto,
    /// A bar.
    Bar,
    /// A line after ten seconds, then every thirty.
    Lines,
    /// Nothing.
    None,
}

/// What to make of it if there is nothing to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NoTests {
    /// Success.
    Pass,
    /// Success, and a warning.
    Warn,
    /// Exit code 4.
    Fail,
}

/// A report that is written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTo {
    /// In which format.
    pub kind: ReportKind,
    /// Where.
    pub path: PathBuf,
}

/// The formats of reports in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// JUnit XML.
    Junit,
    /// One JSON document.
    Json,
    /// JSON lines.
    Jsonl,
    /// Markdown.
    Markdown,
    /// SARIF 2.1.0.
    Sarif,
    /// One HTML page.
    Html,
}

/// The version of all formats of documents: `cutline.run/1` and so on.
pub const FORMAT_VERSION: u64 = 1;

/// A version of documents that can be written.
fn format_version(text: &str) -> Result<u64, String> {
    let known = text.parse().ok().filter(|version| *version == FORMAT_VERSION);
    known.ok_or_else(|| format!("this cutline writes version {FORMAT_VERSION} and no other"))
}

/// `FORMAT=PATH`.
pub fn report(text: &str) -> Result<ReportTo, String> {
    let known = ReportKind::ALL.map(ReportKind::word);
    let wanted = format!("expected FORMAT=PATH with one of {}, such as junit=out/junit.xml", known.join(", "));
    let Some((kind, path)) = text.split_once('=') else { return Err(wanted) };
    let Some(kind) = ReportKind::ALL.into_iter().find(|known| known.word() == kind) else { return Err(wanted) };
    if path.is_empty() { Err(wanted) } else { Ok(ReportTo { kind, path: path.into() }) }
}

/// `cutline run`.
#[derive(Args, Clone, Debug)]
#[command(
    after_long_help = "Every scenario has a sequence of seeds of its own, made from its name: the first 1000 of `--seeds 2000` are those
of `--seeds 1000`, and another scenario beside it changes nothing. --jobs and --partition never change what comes out.

Examples:
  cutline run
  cutline run scenarios/diamond.json --seeds 20000
  cutline run --for 60s --report junit=junit.xml --report json=report.json
  cutline run --seeds 20000 --partition slice:2/8 --format json > shard-2.json"
)]
pub struct Run {
    /// Scenario files, and directories that are searched for them
    #[arg(value_name = "PATHS", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// How many seeds for each scenario, or which of its sequence: 1000, 1000..2000
    #[arg(long, value_name = "N|A..B", value_parser = parse::range)]
    pub seeds: Option<Range>,
    /// This very seed (may be given several times)
    #[arg(long, value_name = "SEED", value_parser = parse::seed, conflicts_with = "seeds")]
    pub seed: Vec<u64>,
    /// Begin the sequences somewhere else: a number, text:nightly-17, or git:HEAD
    #[arg(long, value_name = "SEED", value_parser = parse::seed_base, conflicts_with = "seed")]
    pub seed_base: Option<u64>,
    /// Take a seed base from the operating system, and print it
    #[arg(long, conflicts_with_all = ["seed", "seed_base"])]
    pub fresh: bool,
    /// Stop after this time: 500ms, 60s, 1h30m
    #[arg(long = "for", value_name = "TIME", value_parser = parse::duration)]
    pub budget: Option<Duration>,
    /// How many threads [default: as many as this process may use]
    #[arg(short, long, value_name = "N", value_parser = parse::count::<u16>(1..=u16::MAX))]
    pub jobs: Option<u16>,
    /// Only this part of the plan: slice:2/8 in turn, hash:2/8 by digest
    #[arg(long, visible_alias = "shard", value_name = "slice:M/N|hash:M/N", value_parser = parse::partition)]
    pub partition: Option<Partition>,
    /// Which scenarios; earlier and later runs.
    #[command(flatten)]
    pub kept: super::run_args::Kept,
    /// Run this protocol, whatever the scenarios say
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<String>,
    /// When a sweep ends early.
    #[command(flatten)]
    pub enough: super::run_args::Enough,
    /// Say what would be run, as `list` does, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Run every seed twice and compare
    #[arg(long)]
    pub check_determinism: bool,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Write a report too: junit=PATH, json=, jsonl=, markdown=, sarif=, html= (may be given several times)
    #[arg(long, value_name = "FORMAT=PATH", value_parser = report)]
    pub report: Vec<ReportTo>,
    /// How progress is shown on stderr
    #[arg(long, value_enum, default_value = "auto")]
    pub progress: Progress,
    /// What to make of it if there is nothing to run
    #[arg(long, value_enum, default_value = "fail")]
    pub no_tests: NoTests,
    /// Exit with 0 though something was found, for jobs that only report
    #[arg(long)]
    pub exit_zero: bool,
    /// Leave findings as they are: don't make them small
    #[arg(long)]
    pub no_shrink: bool,
    /// Where findings are kept: scenario, small scenario, schedule, trace, explanation
    #[arg(long, value_name = "DIR", default_value = ".cutline/findings")]
    pub findings: PathBuf,
    /// Don't run what is kept under regressions/ first
    #[arg(long)]
    pub no_regressions: bool,
    /// Only failures and the summary; no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// More: what was reached how often, the plan behind every finding
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// `cutline shrink`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Topology, parallelism, records, checkpoints, faults and delays are reduced together while the same property fails.
What comes out needs no seed wherever that is possible, and fails as long as the bug is there, whatever else changes.
Ctrl-C keeps the best so far. Exits with 0, with 3 if the search was cut short, with 4 if the seed doesn't fail.

Examples:
  cutline shrink scenarios/diamond.json --seed 0xa11c0830b78c1c96 --protocol no-hold
  cutline shrink scenarios/diamond.json --seed 0xa11c0830b78c1c96 --protocol no-hold -o regressions/lost-record.json"
)]
pub struct Shrink {
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
    /// Where to write the small scenario [default: NAME.shrunk.json]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Whatever fails will do, not only the same property
    #[arg(long)]
    pub any_failure: bool,
    /// Try so many candidates at most
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = parse::count::<u64>(1..=u64::MAX))]
    pub runs: u64,
    /// Stop after this time: 500ms, 60s, 1h30m
    #[arg(long = "for", value_name = "TIME", value_parser = parse::duration)]
    pub budget: Option<Duration>,
}

/// How a score is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScoreFormat {
    /// For people.
    Human,
    /// One JSON document.
    Json,
}

/// `cutline folklore`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Each claim has a scenario in DIR. What is claimed is run as a protocol until a seed violates an invariant, and the engine
over the same seeds; or figures are taken from traces. Exits with 1 if something comes out otherwise than expected.

Examples:
  cutline folklore
  cutline folklore X4 X19
  cutline folklore --format json"
)]
pub struct Folklore {
    /// Only these: X1 to X23
    #[arg(value_name = "CLAIM")]
    pub claims: Vec<String>,
    /// Where the scenarios are
    #[arg(long, value_name = "DIR", default_value = "scenarios/folklore")]
    pub dir: PathBuf,
    /// How it is written
    #[arg(long, value_enum, default_value_t = ScoreFormat::Human)]
    pub format: ScoreFormat,
}

/// `cutline mutants`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Every planted defect of `cutline list --protocols` is run in place of the engine: a seed of each scenario in turn, until
one fails. A base is another sequence of seeds, and another order of the scenarios. Counts depend on nothing but the
bases; times are those of this machine. Exits with 1 if a defect is missed from some base, or the honest engine fails.

Examples:
  cutline mutants
  cutline mutants --mutant no-hold --mutant offset-late --bases 25
  cutline mutants scenarios/diamond.json --no-shrink --format json"
)]
pub struct Mutants {
    /// Scenario files, and directories that are searched for them
    #[arg(value_name = "PATHS", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// Only this defect (repeatable)
    #[arg(long, value_name = "NAME")]
    pub mutant: Vec<String>,
    /// Hunt nothing: list the defects of real engines, and what became of each here
    #[arg(long)]
    pub known: bool,
    /// From so many bases of seeds
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = parse::count::<u64>(1..=1000))]
    pub bases: u64,
    /// The first base
    #[arg(long, value_name = "SEED", value_parser = parse::seed)]
    pub seed_base: Option<u64>,
    /// A defect that so many seeds don't show is missed
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = parse::count::<u64>(1..=u64::MAX))]
    pub max_seeds: u64,
    /// Don't make what was found small
    #[arg(long)]
    pub no_shrink: bool,
    /// How many threads [default: as many as this process may use]
    #[arg(short, long, value_name = "N", value_parser = parse::count::<u16>(1..=u16::MAX))]
    pub jobs: Option<u16>,
    /// How the score is written
    #[arg(long, value_enum, default_value_t = ScoreFormat::Human)]
    pub format: ScoreFormat,
}

/// `cutline check`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "What may happen is in the scenario's `check` section; options here replace it. \"exhausted\" means that every state
within those bounds was visited; a search that was cut short says NOT EXHAUSTED and exits with 3. Results, counts and
counterexamples don't depend on --jobs.

Examples:
  cutline check
  cutline check scenarios/small/two_phase.json --crashes 2
  cutline check scenarios/small/diamond.json --protocol no-hold
  cutline check scenarios/small/diamond.json --delays 2 --no-reduction"
)]
pub struct Check {
    /// Scenario files, and directories that are searched for them
    #[arg(value_name = "PATHS", default_value = "scenarios/small")]
    pub paths: Vec<PathBuf>,
    /// Run this protocol, whatever the scenarios say
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<String>,
    /// Early checkpoints
    #[arg(long, value_name = "N", value_parser = parse::count::<u8>(0..=15))]
    pub triggers: Option<u8>,
    /// Crashes
    #[arg(long, value_name = "N", value_parser = parse::count::<u8>(0..=15))]
    pub crashes: Option<u8>,
    /// A crash kills one process, and recovery is made of choices like any other
    #[arg(long)]
    pub stepwise: bool,
    /// Timers fire at any time, not only where nothing else can happen
    #[arg(long)]
    pub free_timers: bool,
    /// Nothing comes between a request and its reply: far fewer states (without reduction)
    #[arg(long)]
    pub services_at_once: bool,
    /// Only schedules with at most so many choices that aren't the first on the menu (without reduction)
    #[arg(long, value_name = "N", value_parser = parse::count::<u8>(0..=63))]
    pub delays: Option<u8>,
    /// Leave out no move that only reorders independent steps
    #[arg(long)]
    pub no_reduction: bool,
    /// Go on from a state again if it is reached with other faults spent
    #[arg(long)]
    pub no_dominance: bool,
    /// Find every property that can be violated, not only the first
    #[arg(long)]
    pub keep_going: bool,
    /// Give up beyond so many states
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(1..=u64::MAX))]
    pub max_states: Option<u64>,
    /// Give up beyond so much memory for tables and layers: 512M, 4G
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    pub max_memory: Option<u64>,
    /// Give up beyond so many steps
    #[arg(long, value_name = "N", value_parser = parse::count::<u32>(1..=u32::MAX))]
    pub max_depth: Option<u32>,
    /// Give up after this time: 500ms, 60s, 1h30m
    #[arg(long = "for", value_name = "TIME", value_parser = parse::duration)]
    pub budget: Option<Duration>,
    /// How many threads [default: as many as this process may use]
    #[arg(short, long, value_name = "N", value_parser = parse::count::<u16>(1..=u16::MAX))]
    pub jobs: Option<u16>,
    /// What the open values of a scenario become
    #[arg(long, value_name = "SEED", value_parser = parse::seed, default_value = "0")]
    pub seed: u64,
    /// Where schedules and traces of counterexamples are written
    #[arg(long, value_name = "DIR", default_value = ".cutline/check")]
    pub out: PathBuf,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
    /// How progress is shown on stderr
    #[arg(long, value_enum, default_value = "auto")]
    pub progress: Progress,
}

/// `cutline gate`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  cutline gate tests/gate
  cutline gate tests/gate/example_aligned_three_channels.json")]
pub struct Gate {
    /// Gate vectors, and directories that are searched for them
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// Only failures and the summary
    #[arg(short, long)]
    pub quiet: bool,
}

/// Formats of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Human,
    /// One JSON document.
    Json,
}

/// The formats that have a JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Scenario files.
    Scenario,
    /// A line of a trace.
    Trace,
    /// What `run --format json` prints.
    Run,
    /// A finding in it.
    Finding,
}

/// `cutline schema`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  cutline schema scenario > scenario.schema.json
  cutline schema run")]
pub struct Schema {
    /// Of what
    #[arg(value_enum)]
    pub of: SchemaOf,
}

/// `cutline explain`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  cutline explain S0103
  cutline explain t.jsonl --full
  cutline explain")]
pub struct Explain {
    /// An error code (S0103, C0103, T0103), an invariant (I9), a kind of finding (stuck), an exit code (5), a folder of a finding, or a
    /// trace; all codes, if left out
    pub code: Option<String>,
    /// Of a trace: every line, also those of single records
    #[arg(long)]
    pub full: bool,
}

/// `cutline help`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:
  cutline help run
  cutline help exit-codes")]
pub struct Help {
    /// A command, or exit-codes
    pub topic: Option<String>,
}
