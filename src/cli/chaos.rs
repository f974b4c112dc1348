//! `cutline exec --chaos`: runs a job as a child process, kills it again and again at bad moments, and counts the output.
//!
//! Kills are SIGKILL: at a random time, or by the child itself at a point of the protocol that it was told. Threads
//! of the child may panic or hang besides. A job that ends is begun anew in another folder until there were enough kills.

use super::args;
use super::count::{self, Pairs};
use super::exec_args::State;
use super::exec_plan::Planned;
use super::exit::{Ending, Why};
use super::output::{self, complain};
use super::signals::Signals;
use crate::digest::mix;
use crate::engine::process::Process;
use crate::ids::*;
use crate::report::grouped;
use crate::runtime::frail::{Failing, Frail};
use crate::runtime::sinks;
use crate::topology::Role;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What is to go wrong, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How many kills.
    pub kills: u64,
    /// Decides when.
    pub seed: u64,
    /// How many threads panic.
    pub panics: u64,
    /// How many threads hang, and come back.
    pub hangs: u64,
}

/// `kills=N,seed=S,panics=N,hangs=N`.
pub fn wanted(text: &str) -> Result<Wanted, String> {
    let expected = "expected kills=N, and seed=S, panics=N or hangs=N behind commas";
    let mut wanted = Wanted { kills: 0, seed: 0, panics: 0, hangs: 0 };
    for part in text.split(',') {
        let (name, number) = part.split_once('=').ok_or(expected)?;
        let number = number.parse().map_err(|_| format!("`{number}` is no number: {expected}"))?;
        match name {
            "kills" => wanted.kills = number,
            "seed" => wanted.seed = number,
            "panics" => wanted.panics = number,
            "hangs" => wanted.hangs = number,
            _ => return Err(format!("`{name}` is unknown: {expected}")),
        }
    }
    Ok(wanted)
}

/// A thread that is to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    task: TaskId,
    record: u64,
    what: Failing,
}

/// So long a thread hangs, and so many records it is deaf afterwards.
const HANG: Failing = Failing::Hang(Duration::from_secs(2), 50);
/// In the child, a thread that is silent for so long counts as dead.
const SILENCE_MS: u64 = 400;

/// `panic:TASK:RECORD` or `hang:TASK:RECORD`.
pub fn failure(text: &str) -> Result<Failure, String> {
    let expected = || "expected panic:TASK:RECORD or hang:TASK:RECORD".to_string();
    let parts: Vec<&str> = text.split(':').collect();
    let [what, task, record] = parts[..] else { return Err(expected()) };
    let what = match what {
        "panic" => Failing::Panic,
        "hang" => HANG,
        _ => return Err(expected()),
    };
    let task = TaskId(task.parse().map_err(|_| expected())?);
    Ok(Failure { task, record: record.parse().map_err(|_| expected())?, what })
}

/// Threads that are to fail, each in the first life of its task.
pub struct Failures(Vec<(Failure, AtomicBool)>);

impl Failures {
    /// None has failed yet.
    pub fn new(failures: &[Failure]) -> Self {
        Failures(failures.iter().map(|failure| (*failure, AtomicBool::new(false))).collect())
    }

    /// A process that fails, if it is its turn.
    pub fn wrap(&self, who: Incarnation, process: Box<dyn Process>) -> Box<dyn Process> {
        let mine = self.0.iter().find(|(failure, begun)| {
            failure.task == who.task && !begun.swap(true, Ordering::Relaxed) // the first that asks
        });
        match mine {
            Some((failure, _)) => Frail::boxed(process, failure.record, failure.what),
            None => process,
        }
    }
}

/// A process that dies at a point of the protocol. Its supervisor could only kill it when it has heard of the point, which on
/// a busy machine is long after it: nothing would be done between the two.
#[derive(Clone, Debug)]
pub struct Death {
    point: &'static str,
    /// So often it is still to be reached.
    left: Arc<AtomicU64>,
}

/// `POINT:N`.
pub fn death(text: &str) -> Result<Death, String> {
    let expected = || format!("expected POINT:N, where POINT is one of {}, and N at least 1", POINTS.join(", "));
    let (point, times) = text.split_once(':').ok_or_else(expected)?;
    let point = POINTS.into_iter().find(|known| *known == point).ok_or_else(expected)?;
    let left = times.parse().ok().filter(|times| *times > 0).ok_or_else(expected)?;
    Ok(Death { point, left: Arc::new(AtomicU64::new(left)) })
}

impl Death {
    /// The process has come to this point.
    pub fn reached(&self, point: &str) {
        if point == self.point && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL); // where there is none, it lives on
        }
    }
}

/// A sequence of numbers that a seed decides.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % n.max(1)
    }
}

/// When a child is killed.
#[derive(Clone, Copy, Debug)]
enum When {
    Never,
    After(Duration),
    /// At a point, when it was reached so often.
    At(&'static str, u64),
}

/// The points of the protocol that the runtime tells of.
const POINTS: [&str; 5] = ["staged", "stored", "acked", "published", "committed"];
/// A child that has neither ended nor come to its point in so long is taken to be stuck.
const STUCK: Duration = Duration::from_secs(60);

/// How often is looked whether somebody wants an end.
const LOOK: Duration = Duration::from_millis(50);

struct Chaos<'a> {
    args: &'a args::Exec,
    signals: Signals,
    planned: &'a Planned,
    numbers: Numbers,
    left: Wanted,
    expected: Pairs,
    killed: BTreeMap<&'static str, u64>,
    rounds: u64,
    records: u64,
}

/// Kills and counts.
pub fn chaos(args: &args::Exec, planned: &Planned) -> Ending {
    let wanted = args.chaos.expect("it was asked for");
    let setup = &planned.setup;
    let expected = match count::expected(&setup.topology, &setup.logs) {
        Ok(expected) => expected,
        Err(problem) => {
            complain(&format!("--chaos: {problem}"));
            return Ending::bad(Why::BadInput);
        }
    };
    if args.dir.exists() {
        complain(&format!(
            "{} is there already: chaos begins jobs anew, and takes a folder of its own",
            args.dir.display()
        ));
        return Ending::bad(Why::BadInput);
    }
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&format!("cannot listen to signals: {error}"));
            return Ending::bad(Why::Internal);
        }
    };
    let (numbers, killed) = (Numbers(mix(wanted.seed)), BTreeMap::new());
    let mut chaos = Chaos { args, signals, planned, numbers, left: wanted, expected, killed, rounds: 0, records: 0 };
    let begun = Instant::now();
    let outcome = chaos.all();
    let said = chaos.words(begun.elapsed());
    match outcome {
        Ok(None) => {
            let _ = std::fs::remove_dir(&args.dir);
            super::printed(output::print(&format!("{said}nothing lost, nothing twice\n")), Ending::good())
        }
        Ok(Some(Finding::Ended(why))) => {
            output::say(&said);
            output::say(&format!("interrupted: {} is left as it was\n", args.dir.display()));
            Ending::bad(why)
        }
        Ok(Some(Finding::Wrong(finding))) => {
            super::printed(output::print(&format!("{said}{finding}\n")), Ending::bad(Why::Violated))
        }
        Err(problem) => {
            complain(&problem);
            Ending::bad(Why::Internal)
        }
    }
}

impl Chaos<'_> {
    /// Jobs until there were enough kills; what came in between, if something did.
    fn all(&mut self) -> Result<Option<Finding>, String> {
        while self.rounds == 0 || self.left.kills > 0 || self.left.panics > 0 || self.left.hangs > 0 {
            self.rounds += 1;
            let dir = self.args.dir.join(format!("job-{}", self.rounds));
            match self.job(&dir)? {
                Some(Finding::Wrong(finding)) => {
                    return Ok(Some(Finding::Wrong(format!("{}: {finding}", dir.display()))));
                }
                Some(ended) => return Ok(Some(ended)),
                None => {}
            }
            std::fs::remove_dir_all(&dir).map_err(|error| format!("cannot delete {}: {error}", dir.display()))?;
            if !self.args.quiet {
                output::say(&format!("{} jobs, {} kills to go\n", self.rounds, grouped(self.left.kills)));
            }
        }
        Ok(None)
    }

    /// One job from its beginning to its end.
    fn job(&mut self, dir: &Path) -> Result<Option<Finding>, String> {
        let wrong = |what| Ok(Some(Finding::Wrong(what)));
        loop {
            let when = self.when();
            let (mut child, points) = self.child(dir, when)?;
            match watch(&mut child, &points, when, &self.signals)? {
                Watched::Interrupted(why) => return Ok(Some(Finding::Ended(why))),
                Watched::Killed(point) => {
                    *self.killed.entry(point).or_default() += 1;
                    self.left.kills -= 1;
                }
                Watched::Stuck => return wrong(format!("the job did not end in {} s", STUCK.as_secs())),
                Watched::Ended => {
                    let status = child.wait().map_err(|error| error.to_string())?;
                    if !status.success() {
                        return wrong(format!("the job ended with {status}"));
                    }
                    return Ok(self.judge(dir)?.map(Finding::Wrong));
                }
            }
        }
    }

    fn when(&mut self) -> When {
        if self.left.kills == 0 {
            return When::Never;
        }
        match self.numbers.below(2) {
            0 => When::After(Duration::from_micros(self.numbers.below(300_000))),
            _ => When::At(POINTS[self.numbers.below(POINTS.len() as u64) as usize], 1 + self.numbers.below(3)),
        }
    }

    fn child(&mut self, dir: &Path, when: When) -> Result<(Child, Receiver<String>), String> {
        let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let mut command = Command::new(program);
        command.arg("exec").arg(&self.args.scenario).arg("--dir").arg(dir);
        command.args(["--store", &self.store(), "--sink", &self.args.sink, "--points", "--quiet"]);
        command.args(["--silence-ms", &SILENCE_MS.to_string()]);
        if self.args.state == State::Disk {
            command.args(["--state", "disk", "--state-keys", &self.args.state_keys.to_string()]);
        }
        if let Some(rate) = self.args.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        if let Some(interval) = self.args.interval_ms {
            command.args(["--interval-ms", &interval.to_string()]);
        }
        if let Some(protocol) = &self.args.protocol {
            command.args(["--protocol", protocol]);
        }
        if let When::At(point, times) = when {
            command.args(["--die-at", &format!("{point}:{times}")]);
        }
        if let Some(failure) = self.failure() {
            command.args(["--fail", &failure]);
        }
        // What it is told is nothing. But it hears when there is nobody to tell it anything any more.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("cannot start the job: {error}"))?;
        let out = child.stdout.take().expect("it is piped");
        let (sender, points) = channel();
        let reader = std::thread::Builder::new().name("points".to_string());
        let read = move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line));
        reader.spawn(read).map_err(|error| format!("cannot begin a thread: {error}"))?;
        Ok((child, points))
    }

    /// The store of this job: a bucket is shared by all of them, a folder is its own.
    fn store(&self) -> String {
        match self.args.store.strip_prefix("s3://") {
            Some(bucket) => format!("s3://{}/job-{}", bucket.trim_end_matches('/'), self.rounds),
            None => self.args.store.clone(),
        }
    }

    /// A thread of the next child that fails, now and then.
    fn failure(&mut self) -> Option<String> {
        let kind = match (self.left.panics, self.left.hangs) {
            (0, 0) => return None,
            (0, _) => "hang",
            (_, 0) => "panic",
            _ => ["panic", "hang"][self.numbers.below(2) as usize],
        };
        if self.left.kills > 0 && self.numbers.below(3) > 0 {
            return None;
        }
        let left = if kind == "panic" { &mut self.left.panics } else { &mut self.left.hangs };
        *left -= 1;
        let task = self.numbers.below(self.planned.setup.topology.len() as u64);
        *self.killed.entry(if kind == "panic" { "panics" } else { "hangs" }).or_default() += 1;
        Some(format!("{kind}:{task}:{}", self.numbers.below(5000)))
    }

    /// Counts what the job has written.
    fn judge(&mut self, dir: &Path) -> Result<Option<String>, String> {
        let vertices = &self.planned.setup.topology.graph.vertices;
        let sink = vertices.iter().find_map(|vertex| match vertex.role {
            Role::Sink(kind) => Some((kind, &vertex.name)),
            _ => None,
        });
        let (kind, name) = sink.expect("a job has a sink");
        let folder: PathBuf = crate::runtime::place::sink_folder(dir, name);
        let sink = sinks::open(&self.args.sink, &folder, kind)?;
        let batches = sink.consumer()?.look()?;
        self.records += batches.iter().map(|batch| batch.records.len() as u64).sum::<u64>();
        let difference = count::compare(&self.expected, &count::seen(kind, &batches));
        if difference.is_none() {
            sink.remove()?;
        }
        Ok(difference.map(|difference| difference.words()))
    }

    fn words(&self, took: Duration) -> String {
        let of = |names: &[&str]| names.iter().filter_map(|name| self.killed.get(name)).sum::<u64>();
        let points: Vec<String> =
            POINTS.iter().map(|point| format!("{} when {point}", self.killed.get(point).unwrap_or(&0))).collect();
        let kills = of(&POINTS) + of(&["at a time"]);
        format!(
            "{}, store {}, sink {}, protocol {}: {} kills ({} at a random time, {}), {} panics, {} hangs; {} jobs, {} records \
             of output, {} s\n",
            self.planned.setup.name,
            self.args.store,
            self.args.sink.split(':').next().unwrap_or_default(), // the address of a database may hold a password
            self.planned.plan.protocol,
            grouped(kills),
            of(&["at a time"]),
            points.join(", "),
            of(&["panics"]),
            of(&["hangs"]),
            grouped(self.rounds),
            grouped(self.records),
            took.as_secs(),
        )
    }
}

/// What there is to tell before there were enough kills.
enum Finding {
    /// A job ended wrongly.
    Wrong(String),
    /// Somebody wants an end.
    Ended(Why),
}

/// What became of a child.
enum Watched {
    /// It was killed, because a signal wants an end of it all.
    Interrupted(Why),
    /// It was killed then.
    Killed(&'static str),
    /// It ended by itself.
    Ended,
    /// It didn't, in a long time, and was killed for that.
    Stuck,
}

/// Waits for the moment, and kills, unless the child does so itself. What it says of points it came to is read all the time.
fn watch(child: &mut Child, points: &Receiver<String>, when: When, signals: &Signals) -> Result<Watched, String> {
    let begun = Instant::now();
    let deadline = match when {
        When::After(time) => begun + time,
        When::At(..) | When::Never => begun + STUCK,
    };
    loop {
        if let Some((why, _)) = signals.end() {
            return kill(child).map(|()| Watched::Interrupted(why));
        }
        match points.recv_timeout(deadline.saturating_duration_since(Instant::now()).min(LOOK)) {
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(RecvTimeoutError::Timeout) => {
                kill(child)?;
                return Ok(if matches!(when, When::After(_)) { Watched::Killed("at a time") } else { Watched::Stuck });
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.wait().map_err(|error| error.to_string())?;
                return Ok(match when {
                    When::At(point, _) if by_sigkill(status) => Watched::Killed(point),
                    _ => Watched::Ended,
                });
            }
        }
    }
}

#[cfg(unix)]
fn by_sigkill(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(signal_hook::consts::SIGKILL)
}

#[cfg(not(unix))]
fn by_sigkill(_: ExitStatus) -> bool {
    false
}

fn kill(child: &mut Child) -> Result<(), String> {
    child.kill().and_then(|()| child.wait()).map(drop).map_err(|error| format!("cannot kill the job: {error}"))
}
