//! Jobs of the built program that are killed, and their output counted without it.
#![allow(dead_code)] // every test uses a part of it

use cutline::digest::mix;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SIGKILL: i32 = 9;

/// The points at which a job says that it is.
pub const POINTS: [&str; 5] = ["staged", "stored", "acked", "published", "committed"];

/// Those that every life of every job comes to, before its first checkpoint is complete: so the next life, too, has
/// something left to do.
const FIRST: [&str; 2] = ["stored", "acked"];

/// Nothing that a test starts takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// When a life of a job ends.
#[derive(Clone, Copy, Debug)]
pub enum Kill {
    Never,
    After(Duration),
    /// When it has come so often to this point.
    At(&'static str, u64),
}

/// A job in a folder of its own: words of two files are counted.
pub struct Job {
    pub folder: TempDir,
    /// How often each word is in the input, counted while it was made up.
    pub words: BTreeMap<String, u64>,
    /// What follows `cutline exec SCENARIO --dir DIR` in each life.
    pub args: Vec<String>,
    /// What it finds in its environment.
    pub environment: Vec<(&'static str, String)>,
}

/// How many times a key had each count.
pub type Counts = BTreeMap<String, BTreeMap<u64, u64>>;

impl Job {
    /// `lines` lines of six words in each of two files, and a sink of this kind.
    pub fn new(lines: u64, sink: &str, args: &[&str]) -> Job {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let mut words = BTreeMap::new();
        for file in 0..2u64 {
            let mut text = String::new();
            for n in 0..lines * 6 {
                let word = format!("w{}", mix(file << 32 | n) % 1500);
                *words.entry(word.clone()).or_default() += 1;
                text.push_str(&word);
                text.push(if n % 6 == 5 { '\n' } else { ' ' });
            }
            fs::write(folder.path().join(format!("{file}.txt")), text).expect("a file for a test");
        }
        let scenario = format!(
            r#"{{ "format": "cutline-scenario/1", "about": "words of files", "guarantee": "exactly-once", "job": {{ "vertices": [
            {{ "id": "lines", "source": {{ "kind": "log", "data": {{ "files": ["0.txt", "1.txt"] }} }}, "parallelism": 2 }},
            {{ "id": "words", "operators": ["words"], "parallelism": 2, "inputs": [{{ "from": "lines", "by": "forward" }}] }},
            {{ "id": "count", "operators": ["keyed_count"], "parallelism": 2, "inputs": [{{ "from": "words", "by": "hash" }}] }},
            {{ "id": "out", "sink": "{sink}", "parallelism": 2, "inputs": [{{ "from": "count", "by": "hash" }}] }}] }},
            "checkpoints": {{ "interval_ms": 15, "retry_ms": 200, "restart": {{ "fixed": {{ "attempts": 1000, "delay_ms": 1 }} }} }} }}"#
        );
        fs::write(folder.path().join("job.json"), scenario).expect("a file for a test");
        let args = args.iter().map(|arg| arg.to_string()).collect();
        Job { folder, words, args, environment: Vec::new() }
    }

    /// The folder that the job keeps its things in.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("dir")
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutline"));
        command.arg("exec").arg(self.folder.path().join("job.json")).arg("--dir").arg(self.dir()).args(&self.args);
        command.envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// One life; none: it was killed.
    pub fn life(&self, kill: Kill) -> Option<Output> {
        let mut command = self.command();
        if let Kill::At(point, times) = kill {
            command.args(["--die-at", &format!("{point}:{times}")]);
        }
        command.args(["--points", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, points) = channel();
        let read = move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line));
        std::thread::Builder::new().name("points".to_string()).spawn(read).expect("a thread");
        let begun = Instant::now();
        let until = match kill {
            Kill::After(time) => begun + time,
            Kill::At(..) | Kill::Never => begun + PATIENCE,
        };
        loop {
            match points.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let output = child.wait_with_output().expect("it has ended");
                    let died = matches!(kill, Kill::At(..)) && output.status.signal() == Some(SIGKILL);
                    return (!died).then_some(output);
                }
                Err(RecvTimeoutError::Timeout) => {
                    assert!(matches!(kill, Kill::After(_)), "it didn't end, nor come to {kill:?}");
                    child.kill().and_then(|()| child.wait()).expect("it can be killed");
                    return None;
                }
            }
        }
    }

    /// One life that is asked to stop soon after it began.
    pub fn stopped(&self, signal: &str) -> Output {
        let mut command = self.command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        assert!(said.any(|line| line.starts_with("attempt 1 begins")), "it doesn't begin");
        std::thread::sleep(Duration::from_millis(60));
        let asked = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(asked.expect("kill starts").success());
        said.for_each(drop);
        child.wait_with_output().expect("it has ended")
    }

    /// Kills it so often, at random and at points, as the seed decides; then it runs to its end. How often it was killed. The
    /// first half of the kills are at points that every life comes to, however fast or busy the machine.
    pub fn killed(&self, kills: u64, seed: u64) -> u64 {
        for n in 0..kills {
            let dice = mix(seed << 16 | n);
            let kill = match dice % 2 {
                _ if n < kills.div_ceil(2) => Kill::At(FIRST[(dice / 2 % 2) as usize], 1),
                0 => Kill::After(Duration::from_micros(dice / 16 % 100_000)),
                _ => Kill::At(POINTS[(dice / 2 % 5) as usize], 1 + dice / 16 % 2),
            };
            if let Some(output) = self.life(kill) {
                good(&output);
                return n;
            }
        }
        good(&self.life(Kill::Never).expect("nobody kills it"));
        kills
    }

    /// What is wrong with these counts for a sink that shows every change; none: nothing.
    pub fn wrong(&self, seen: &Counts) -> Option<String> {
        for (word, total) in &self.words {
            let counts = seen.get(word).ok_or(format!("{word} is lost")).map_err(Some);
            let counts = match counts {
                Ok(counts) => counts,
                Err(lost) => return lost,
            };
            if !counts.iter().map(|(count, times)| (*count, *times)).eq((1..=*total).map(|count| (count, 1))) {
                return Some(format!("{word} is there {total} times, but counted {counts:?}"));
            }
        }
        seen.keys().find(|word| !self.words.contains_key(*word)).map(|word| format!("{word} was never there"))
    }

    /// The counts in the files of a two-phase sink.
    pub fn published(&self) -> Counts {
        published(&self.dir())
    }

    /// Runs `cutline verify` over a trace.
    pub fn verify(&self, trace: &Path) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cutline")).arg("verify").arg(trace).output().expect("the program starts")
    }
}

/// The counts in the files of a two-phase sink of the job of a folder.
pub fn published(dir: &Path) -> Counts {
    let mut counts = Counts::new();
    for file in fs::read_dir(dir.join("sinks/out/output")).expect("there is output") {
        let path = file.expect("there is output").path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            count(&mut counts, &path);
        }
    }
    counts
}

fn count(counts: &mut Counts, path: &Path) {
    for line in fs::read_to_string(path).expect("it is text").lines() {
        add(counts, line);
    }
}

/// One line of output.
pub fn add(counts: &mut Counts, line: &str) {
    let record: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
    let word = record["key"].as_str().expect("keys are words").to_string();
    let count = record["value"].as_u64().expect("values are counts");
    *counts.entry(word).or_default().entry(count).or_default() += 1;
}

/// Asserts that the program said so.
pub fn good(output: &Output) {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}
