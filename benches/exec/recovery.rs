//! From SIGKILL to the first record and the first output of the process that goes on.
//!
//! The job is one of the command: words of a file are counted, with as many different words as there are keys, a checkpoint
//! every 100 ms. It is killed when three checkpoints of a life were complete, and started at once by the same command.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// So long the file of words is, in times the number of keys: no life may come to its end.
const TIMES: u64 = 150;

struct Life {
    child: Child,
    points: Receiver<String>,
}

impl Life {
    fn begin(folder: &Path) -> Life {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutline"));
        command.arg("exec").arg(folder.join("job.json")).arg("--dir").arg(folder.join("dir"));
        command.args(["--points", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, points) = channel();
        let read = move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line));
        std::thread::Builder::new().name("points".to_string()).spawn(read).expect("a thread");
        Life { child, points }
    }

    /// Waits until it has come to this point so often.
    fn comes_to(&self, point: &str, times: usize) {
        let comes = std::iter::from_fn(|| self.points.recv_timeout(Duration::from_secs(60)).ok());
        assert_eq!(comes.filter(|at| at == point).take(times).count(), times, "it didn't come to `{point}`");
    }
}

/// The attempts that have output of their own.
fn attempts(output: &Path) -> BTreeSet<u32> {
    let names = fs::read_dir(output).expect("there is output");
    let of = |name: String| name.strip_prefix('a')?.split('-').next()?.parse().ok();
    names.filter_map(|entry| of(entry.ok()?.file_name().into_string().ok()?)).collect()
}

fn job(folder: &Path, keys: u64) {
    let mut words = std::io::BufWriter::new(fs::File::create(folder.join("words.txt")).expect("a file"));
    for n in 0..keys * TIMES {
        writeln!(words, "word{}", n % keys).expect("it is written");
    }
    let scenario = r#"{ "format": "cutline-scenario/1", "guarantee": "exactly-once", "job": { "vertices": [
        { "id": "lines", "source": { "kind": "log", "data": { "files": ["words.txt"] } } },
        { "id": "words", "operators": ["words"], "inputs": [{ "from": "lines", "by": "forward" }] },
        { "id": "count", "operators": ["keyed_count"], "inputs": [{ "from": "words", "by": "hash" }] },
        { "id": "out", "sink": "two_phase", "inputs": [{ "from": "count", "by": "hash" }] }] },
        "checkpoints": { "interval_ms": 100 } }"#;
    fs::write(folder.join("job.json"), scenario).expect("a file");
}

/// Kills it so often; prints a line.
pub fn recovery(keys: u64, kills: u64) {
    if kills == 0 {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    job(folder.path(), keys);
    let output = folder.path().join("dir/sinks/out/output");
    let mut life = Life::begin(folder.path());
    let (mut read, mut shown) = (Vec::new(), Vec::new());
    for _ in 0..kills {
        life.comes_to("published", 3);
        let before = attempts(&output);
        let killed = Instant::now();
        life.child.kill().and_then(|()| life.child.wait()).expect("it can be killed");
        life = Life::begin(folder.path());
        life.comes_to("read", 1);
        read.push(killed.elapsed());
        while attempts(&output).is_subset(&before) {
            assert!(killed.elapsed() < Duration::from_secs(60), "nothing is shown");
            std::thread::sleep(Duration::from_micros(500));
        }
        shown.push(killed.elapsed());
    }
    life.child.kill().and_then(|()| life.child.wait()).expect("it can be killed");
    let ms = |mut times: Vec<Duration>| {
        times.sort();
        let at = |at: usize| times[at].as_secs_f64() * 1e3;
        format!("{{\"median\":{:.1},\"worst\":{:.1}}}", at(times.len() / 2), at(times.len() - 1))
    };
    println!(
        "{{\"bench\":\"recovery\",\"keys\":{keys},\"kills\":{kills},\"first_record_ms\":{},\"first_output_ms\":{}}}",
        ms(read),
        ms(shown)
    );
}
