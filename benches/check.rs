//! The search, measured on the anchor: `cargo bench --bench check`, with `-- --json` as lines of JSON, with
//! `-- S R M K F jobs reduction` one row alone. With `-- --peers DIR SETS` the other checkers follow in the same run:
//! the folder has the model for each of them and a `bench.py` that runs them. reports/check.md has the figures.
//!
//! Every row is a process of its own: what it takes in memory and on the processor is what the system says of it.

use cutline::explore::anchor::setup;
use cutline::explore::commutation::Learned;
use cutline::explore::reduce::Reducer;
use cutline::explore::rules::*;
use cutline::explore::search::{Found, Options, search};
use cutline::protocols::anchor::Instance;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

/// How often each row is run; the least counts.
const REPEAT: usize = 3;

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reduction {
    None,
    /// Any two steps of one process conflict, and any two that reach storage.
    Processes,
    /// What was learned.
    Learned,
}

const REDUCTIONS: [(&str, Reduction); 3] =
    [("none", Reduction::None), ("processes", Reduction::Processes), ("learned", Reduction::Learned)];

/// A row: sources, records, middles, checkpoints, crashes, threads.
type Row = ([u32; 6], &'static str);

const ROWS: &[Row] = &[
    ([2, 2, 2, 1, 0, 1], "none"),
    ([2, 2, 2, 1, 1, 1], "none"),
    ([2, 2, 2, 2, 0, 1], "none"),
    ([2, 3, 2, 1, 0, 1], "none"),
    ([2, 3, 2, 1, 1, 1], "none"),
    ([2, 4, 2, 1, 0, 1], "none"),
    ([2, 4, 2, 1, 0, 2], "none"),
    ([2, 3, 2, 1, 0, 1], "processes"),
    ([2, 4, 2, 1, 0, 1], "processes"),
    ([2, 2, 2, 1, 0, 1], "learned"),
    ([2, 2, 2, 1, 1, 1], "learned"),
    ([2, 3, 2, 1, 0, 1], "learned"),
    ([2, 3, 2, 1, 1, 1], "learned"),
    ([2, 4, 2, 1, 0, 1], "learned"),
    ([2, 4, 2, 1, 1, 1], "learned"),
    ([3, 3, 2, 1, 0, 1], "learned"),
    ([3, 3, 2, 1, 0, 2], "learned"),
    ([3, 3, 2, 1, 1, 1], "learned"),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let json = words.iter().any(|word| word == "--json");
    let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
    if let [sources, records, middles, checkpoints, crashes, jobs] = numbers[..] {
        let named = |(name, _): &&(&str, Reduction)| words.iter().any(|word| word == name);
        let reduction = REDUCTIONS.iter().find(named).map_or(Reduction::None, |(_, reduction)| *reduction);
        return one(&Instance::new(sources, records as u64, middles, checkpoints as u64), crashes, jobs, reduction);
    }
    if !json {
        println!(
            "| instance | reduction | threads | states | transitions | CPU s | wall s | M states/CPU s | engine ran | table B/state | peak B/state |"
        );
        println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    }
    for (sizes, reduction) in ROWS {
        row(sizes, reduction, json);
    }
    if let Some(at) = words.iter().position(|word| word == "--peers") {
        peers(&words[at + 1..]);
    }
}

/// Spin, stateright and a bare loop, by their own runner.
fn peers(words: &[String]) {
    let [folder, sets] = words else { panic!("--peers takes a folder and sets, such as `small,medium`") };
    let runner = std::path::Path::new(folder).join("bench.py");
    let repeat = REPEAT.to_string();
    println!();
    let mut command = Command::new("python3");
    command.arg(runner).args(["--sets", sets, "--only", "spin,sr,bare", "--repeat", &repeat]);
    assert!(command.status().expect("python3 is installed").success());
}

/// One search, told in one line of JSON.
fn one(instance: &Instance, crashes: u32, jobs: u32, reduction: Reduction) {
    let setup = setup(instance).expect("an instance of a size that there is");
    let budget = Budget::default().with(Scarce::Crash, crashes as u8);
    let rules = Rules { budget, timers: Timers::Free, ..Rules::default() };
    let reduce = (reduction != Reduction::None).then(|| {
        let mut reducer = Reducer::new(&setup.topology, "anchor", "aligned", &Learned::shipped(), &rules);
        if reduction == Reduction::Processes {
            reducer.distrust();
        }
        Arc::new(reducer)
    });
    let options = Options { reduce, jobs: jobs as usize, ..Options::new(rules) };
    // A small one is searched until it has taken a while: the system counts in hundredths of a second.
    let (mut times, mut found) = (0, Found::default());
    let before = cpu();
    let start = Instant::now();
    while times == 0 || start.elapsed().as_secs_f64() < 0.5 {
        found = search(&setup, options.clone(), None, &mut |_| true);
        times += 1;
    }
    let (cpu, wall) = ((cpu() - before) / times as f64, start.elapsed().as_secs_f64() / times as f64);
    assert!(found.cut.is_none() && found.violations.is_empty() && !found.strange);
    let line = serde_json::json!({
        "instance": format!("S{} R{} M{} K{} F{crashes}", instance.sources, instance.records, instance.middles, instance.checkpoints),
        "reduction": format!("{reduction:?}").to_lowercase(),
        "jobs": jobs,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "ends": found.quiescent.len(),
        "completed": found.completed.len(),
        "cpu_s": cpu,
        "wall_s": wall,
        "misses": found.misses + found.whole,
        "bytes": found.bytes,
        "peak_bytes": peak(),
    });
    println!("{line}");
}

/// Runs a row a few times, and prints the best.
fn row(sizes: &[u32; 6], reduction: &str, json: bool) {
    let me = std::env::current_exe().expect("a process knows its program");
    let runs = (0..REPEAT).map(|_| {
        let words = sizes.iter().map(u32::to_string);
        let output = Command::new(&me).args(words).arg(reduction).output().expect("the bench can start itself");
        serde_json::from_slice(&output.stdout).expect("a row is a line of JSON")
    });
    let cpu = |run: &serde_json::Value| run["cpu_s"].as_f64().unwrap_or(f64::MAX);
    let best: serde_json::Value = runs.min_by(|a, b| cpu(a).total_cmp(&cpu(b))).expect("it is run at least once");
    if json {
        return println!("{best}");
    }
    let number = |name: &str| best[name].as_f64().unwrap_or(0.0);
    let states = number("states");
    let engine = number("transitions") / number("misses");
    println!(
        "| {} | {reduction} | {} | {states} | {} | {:.4} | {:.4} | {:.2} | 1 in {engine:.0} | {:.0} | {:.0} |",
        best["instance"].as_str().unwrap_or(""),
        sizes[5],
        best["transitions"],
        cpu(&best),
        number("wall_s"),
        states / cpu(&best) / 1e6,
        number("bytes") / states,
        number("peak_bytes") / states,
    );
}

/// Seconds on the processor, as far as the system tells.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |i: usize| after_name.split_whitespace().nth(i).and_then(|word| word.parse::<f64>().ok());
    (ticks(11).unwrap_or(f64::NAN) + ticks(12).unwrap_or(f64::NAN)) / 100.0
}

/// The most memory that this process ever had, as far as the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
