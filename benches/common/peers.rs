//! The same workload by other programs, measured in the same rounds: each prints one line of JSON with what it
//! delivered and its user CPU time, and fails if its sum is wrong.

use std::path::Path;
use std::process::Command;

/// Name of the row, program, arguments. The shapes are those of the workload: records in batches of 32 (`b32`), 1,000
/// delivered messages a run with set-up included (`short`).
const PEERS: [(&str, &str, &str); 15] = [
    ("tight loop, calendar queue", "bare", "counter --queue wheel --sched head --trace off --n 5000000"),
    ("tight loop, calendar queue, digest", "bare", "counter --queue wheel --sched head --trace hash --n 5000000"),
    (
        "engine-shaped, calendar queue",
        "bare",
        "counter --dispatch dyn --queue wheel --sched head --trace hash --n 3000000",
    ),
    (BOUND, "bare", "counter --dispatch dyn --queue quad --sched head --trace hash --n 3000000"),
    (
        "engine-shaped, 4-ary heap, short",
        "bare",
        "counter --dispatch dyn --queue quad --sched head --trace hash --n 250 --iters 10000",
    ),
    ("shuttle, random, short", "shuttle", "--sched random --n 250 --iters 4000"),
    ("shuttle, random, 20,000 messages a run", "shuttle", "--sched random --n 5000 --iters 200"),
    ("shuttle, PCT, short", "shuttle", "--sched pct --n 250 --iters 4000"),
    ("turmoil, UDP, b32", "turmoil", "--net udp --batch 32 --n 400000"),
    ("turmoil, TCP, b32", "turmoil", "--net tcp --batch 32 --n 400000"),
    ("turmoil, UDP, short", "turmoil", "--net udp --batch 32 --n 250 --iters 600"),
    ("turmoil, TCP, short", "turmoil", "--net tcp --batch 32 --n 250 --iters 600"),
    ("madsim, b32", "madsim", "--batch 32 --n 200000"),
    ("madsim, short", "madsim", "--batch 32 --n 250 --iters 800"),
    ("stateright, simulation, short", "stateright", "--n 250 --iters 800"),
];

/// The row that the others are compared with.
const BOUND: &str = "engine-shaped, 4-ary heap (the bound)";

/// This program's rows.
const OWN: [(&str, &str); 3] = [
    ("**cutline, judged, b32**", "--n 1000000"),
    ("cutline, un-judged, b32", "--n 1000000 --bare"),
    ("**cutline, judged, short**", "--n 250 --runs 1000"),
];

/// CPU nanoseconds of a delivered message, by what the program's last line says.
fn measure(program: &Path, arguments: &str) -> f64 {
    let output = Command::new(program).args(arguments.split(' ')).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{} {arguments}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    let line = text.lines().rfind(|line| line.starts_with('{')).expect("a line of JSON");
    let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let number = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} is missing: {line}"));
    if let Some(want) = line.get("want") {
        assert_eq!(line["check"], *want, "the sum is right");
    }
    number("user_s") * 1e9 / number("delivered")
}

/// Runs everything `rounds` times, one after another in each round, and prints the least CPU time of each as a table.
/// `folder` has the built programs, `NAME/release/des-NAME`; one that isn't there is left out, and said to be.
pub fn table(folder: &Path, rounds: u64) {
    let own = std::env::current_exe().expect("this program has a path");
    let mut rows: Vec<_> = OWN.iter().map(|(name, arguments)| (*name, own.clone(), *arguments)).collect();
    for (name, peer, arguments) in PEERS {
        let program = folder.join(peer).join("release").join(format!("des-{peer}"));
        if program.is_file() {
            rows.push((name, program, arguments));
        } else {
            println!("not measured, for there is no {}: {name}", program.display());
        }
    }
    let mut times = vec![Vec::new(); rows.len()];
    for _ in 0..rounds {
        for ((_, program, arguments), times) in rows.iter().zip(&mut times) {
            times.push(measure(program, arguments));
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    let bound = rows.iter().position(|(name, ..)| *name == BOUND).map(|at| times[at][0]);
    println!("| program | million messages a CPU-second | ns a message | median / least | of the bound |");
    println!("| --- | --- | --- | --- | --- |");
    for ((name, ..), times) in rows.iter().zip(&times) {
        let (least, median) = (times[0], times[times.len() / 2]);
        let share = bound.map_or("".to_string(), |bound| format!("{:.2}", bound / least));
        println!("| {name} | {:.2} | {least:.1} | {:.2} | {share} |", 1e3 / least, median / least);
    }
}
