//! SIGUSR2: a savepoint that is somebody's own, while the job goes on; and jobs that begin from it.

use crate::killed::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// A life of a job, and what it says.
struct Life {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Life {
    fn begin(job: &Job) -> Life {
        let mut child =
            job.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let said = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        Life { child, said }
    }

    /// What follows these words in the next line that begins so.
    fn says(&mut self, words: &str) -> String {
        let line =
            self.said.by_ref().map_while(Result::ok).find_map(|line| Some(line.strip_prefix(words)?.to_string()));
        line.unwrap_or_else(|| panic!("it doesn't say `{words}`"))
    }

    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill starts").success()
        );
    }

    /// A savepoint is asked for behind these words, and taken.
    fn saves(&mut self, behind: &str) -> u64 {
        self.says(behind);
        self.signal("-USR2");
        let said = self.says("savepoint ");
        said.split_once(':').and_then(|(id, _)| id.parse().ok()).unwrap_or_else(|| panic!("{said}"))
    }

    fn ends(self) -> Output {
        self.said.for_each(drop);
        self.child.wait_with_output().expect("it has ended")
    }
}

fn other(job: &Job, name: &str, more: &[&str]) -> (PathBuf, Output) {
    let dir = job.folder.path().join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutline"));
    command.arg("exec").arg(job.folder.path().join("job.json")).arg("--dir").arg(&dir).args(&job.args);
    let output = command.arg("--from").arg(job.dir()).args(more).output().expect("the program starts");
    (dir, output)
}

/// How much of each word a job counted that began behind a savepoint: up to the end, once.
fn behind(job: &Job, seen: &Counts) -> BTreeMap<String, u64> {
    let mut behind = BTreeMap::new();
    for (word, counts) in seen {
        let total = job.words[word];
        let first = *counts.keys().next().expect("a word that was counted");
        let all = (first..=total).map(|count| (count, 1));
        assert!(counts.iter().map(|(count, times)| (*count, *times)).eq(all), "{word}: {counts:?} of {total}");
        behind.insert(word.clone(), total - first + 1);
    }
    behind
}

#[test]
fn a_job_goes_on_behind_a_savepoint_and_others_begin_from_it() {
    let job = Job::new(2_000, "two_phase", &["--format", "json", "--rate", "2000"]);
    let mut life = Life::begin(&job);
    let savepoint = life.saves("attempt 1 begins");
    let ended = life.ends();
    good(&ended);
    assert_eq!(job.wrong(&job.published()), None);
    let summary: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(summary["savepoints"], serde_json::json!([savepoint]));
    // The job has ended and deleted its checkpoints; its savepoint is there, as often as it is wanted.
    let mut counted = Vec::new();
    for name in ["second", "third"] {
        let (dir, ended) = other(&job, name, &[]);
        good(&ended);
        let summary: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        let mut records = summary["records"]["read"].as_u64().unwrap();
        assert!(0 < records && records < 4_000, "{records} of 4,000 lines are behind the savepoint");
        let behind = behind(&job, &published(&dir));
        records -= behind.values().sum::<u64>() / 6; // six words a line
        assert_eq!(records, 0, "what is read behind the savepoint is counted, and nothing else");
        counted.push(behind);
    }
    assert_eq!(counted[0], counted[1]);
    assert_eq!(job.wrong(&job.published()), None, "the first job's output is as it was");
    // A job that has begun goes on, as by any other command.
    let (_, again) = other(&job, "third", &[]);
    good(&again);
    assert!(String::from_utf8_lossy(&again.stderr).contains("has begun"));
    let (_, refused) = other(&job, "fourth", &["--savepoint", "100000"]);
    let said = String::from_utf8_lossy(&refused.stderr).to_string();
    assert!(refused.status.code() == Some(2) && said.contains("there is no savepoint or checkpoint 100000"), "{said}");
}

/// A killed job goes back to its newest checkpoint, whatever savepoint is newer; in each kind of store.
#[test]
fn no_restart_goes_back_to_a_savepoint() {
    for store in ["files", "embedded"] {
        let job = Job::new(2_000, "two_phase", &["--store", store, "--rate", "2000"]);
        let mut life = Life::begin(&job);
        let savepoint = life.saves("checkpoint 1: ");
        life.child.kill().unwrap();
        life.ends();
        let mut life = Life::begin(&job);
        let from: u64 = life.says("attempt 2 begins from checkpoint ").parse().unwrap();
        assert_ne!(from, savepoint);
        good(&life.ends());
        assert_eq!(job.wrong(&job.published()), None);
        let (dir, ended) = other(&job, "other", &[]);
        good(&ended);
        behind(&job, &published(&dir));
    }
}

/// Whoever asks when all is done already hears that nothing came of it.
#[test]
fn a_savepoint_that_comes_too_late_is_told_of() {
    let job = Job::new(10, "two_phase", &[]);
    let mut life = Life::begin(&job);
    life.says("attempt 1 begins");
    while life.child.try_wait().expect("it is a child").is_none() {
        life.signal("-USR2");
    }
    life.says("warning: the job was over before the savepoint was taken");
}

#[test]
fn who_begins_from_nothing_is_refused() {
    let job = Job::new(10, "two_phase", &[]);
    let refused = |words: &str| {
        let (_, output) = other(&job, "other", &[]);
        let said = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(output.status.code() == Some(2) && said.contains(words) && !said.contains("panicked"), "{said}");
    };
    refused("is not there");
    good(&job.command().output().unwrap());
    refused("nothing was saved there");
}
