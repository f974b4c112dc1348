//! The arguments of `cutline exec`.

use super::args::{ListFormat, Progress};
use super::parse;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Where keyed state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// In memory: it has to fit
    Memory,
    /// In memory as far as it fits, the rest in the job's folder
    Disk,
}

/// `cutline exec`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "The folder holds all of the job: kill it at any moment, and the same command goes on. SIGINT or SIGTERM takes a last
checkpoint, lets the sinks commit, and stops; the same command goes on from there. A second signal doesn't wait. SIGUSR1
asks how it goes. What the scenario leaves open gets a value for real runs; its pace, latencies and faults are the
simulator's.

SIGUSR2 takes a savepoint that is yours: the job goes on, commits nothing for it, doesn't go back to it after a failure, and
never deletes it. --from begins another job, in a folder of its own, from the newest savepoint of a job, or from the one that
--savepoint names; it copies what it needs. Its output begins behind the savepoint: what came before is the first job's.

Examples:
  cutline exec scenarios/word_count.json --dir words
  cutline exec scenarios/word_count.json --dir traced --trace words.jsonl && cutline verify words.jsonl
  cutline exec scenarios/word_count.json --dir chaos --chaos kills=20,seed=1
  cutline exec scenarios/word_count.json --dir again --from words"
)]
pub struct Exec {
    /// The scenario file
    pub scenario: PathBuf,
    /// The folder of the job
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Where snapshots are kept
    #[arg(long, value_name = "KIND", default_value = "files")]
    pub store: String,
    /// Where output goes
    #[arg(long, value_name = "KIND", default_value = "files")]
    pub sink: String,
    /// Where keyed state is kept
    #[arg(long, value_enum, default_value = "memory")]
    pub state: State,
    /// With --state disk: so many keys of each operator of a subtask are held in memory besides
    #[arg(long, value_name = "N", default_value = "100000", value_parser = parse::count::<u32>(1..=u32::MAX))]
    pub state_keys: u32,
    /// Time between two checkpoints, whatever the scenario says
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(1..=3_600_000))]
    pub interval_ms: Option<u64>,
    /// Read so many records a second, in all, and not as fast as it can: what piles up while it stands still is caught up with
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(1..=1_000_000_000))]
    pub rate: Option<u64>,
    /// Begin from a savepoint of the job of this folder (or s3:// store), which has the same --store, unless this one has begun
    #[arg(long, value_name = "DIR", conflicts_with_all = ["trace", "save_schedule", "chaos"])]
    pub from: Option<String>,
    /// With --from: this savepoint, or retained checkpoint, and not the newest savepoint
    #[arg(long, value_name = "N", requires = "from", value_parser = parse::count::<u64>(0..=u64::MAX))]
    pub savepoint: Option<u64>,
    /// Run this protocol, whatever the scenario says
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<String>,
    /// A thread that shows no sign of life for so long counts as dead
    #[arg(long, value_name = "N", default_value = "30000", value_parser = parse::count::<u64>(200..=3_600_000))]
    pub silence_ms: u64,
    /// Write the trace to this file, as JSON lines, or go on with it
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Write the choices of this process to this file, one a line: DIR/plan.json does the same again under `replay`
    #[arg(long, value_name = "FILE", requires = "trace")]
    pub save_schedule: Option<PathBuf>,
    /// Kill it again and again, and count the output: kills=N, and seed=S, panics=N, hangs=N if wanted
    #[arg(long, value_name = "kills=N,...", value_parser = super::chaos::wanted, conflicts_with_all = ["trace", "save_schedule"])]
    pub chaos: Option<super::chaos::Wanted>,
    /// Subtasks whose threads fail: panic:TASK:RECORD or hang:TASK:RECORD, in the next attempt (for --chaos)
    #[arg(long, value_name = "FAILURE", hide = true, value_parser = super::chaos::failure)]
    pub fail: Vec<super::chaos::Failure>,
    /// Say on stdout what point of the protocol was reached (for --chaos)
    #[arg(long, hide = true)]
    pub points: bool,
    /// Die by SIGKILL at a point of the protocol, when it was reached so often: POINT:N (for --chaos)
    #[arg(long, value_name = "POINT:N", hide = true, requires = "points", value_parser = super::chaos::death)]
    pub die_at: Option<super::chaos::Death>,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
    /// How progress is shown on stderr
    #[arg(long, value_enum, default_value = "auto")]
    pub progress: Progress,
    /// Only the summary
    #[arg(short, long)]
    pub quiet: bool,
}
