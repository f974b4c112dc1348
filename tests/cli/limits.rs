//! Runs that don't end, and a tool that is wrong itself. Engines that hang aren't shipped: the test's own program is the tool
//! here, with protocols of its own.

use super::*;
use cutline::digest::Digest;
use cutline::engine::config::Config;
use cutline::engine::message::{Control, Input, Outbox};
use cutline::engine::process::Process;
use cutline::ids::*;
use cutline::protocols::Protocol;
use cutline::topology::Topology;
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the child is to do, a word a line.
const WORDS: &str = "TOOL_WORDS";

/// Honest, but for how it ends.
struct Odd {
    inner: Box<dyn Process>,
    /// From its 26th record on a partition is never found again.
    hangs: bool,
}

impl Drop for Odd {
    /// That is when the run is over: nothing of it is the engine's any more.
    fn drop(&mut self) {
        assert!(self.hangs || std::thread::panicking(), "nobody lets go of this");
    }
}

impl Process for Odd {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        self.inner.step(input, out);
    }

    fn blocked(&self, input: InputIndex) -> bool {
        self.inner.blocked(input)
    }

    fn holds(&self, input: InputIndex) -> bool {
        self.inner.holds(input)
    }

    fn job(&self) -> Option<Attempt> {
        self.inner.job()
    }

    fn wants(&self, slot: usize) -> Option<(PartitionId, Offset)> {
        let wanted = self.inner.wants(slot);
        while self.hangs && wanted.is_some_and(|(_, offset)| offset.0 >= 25) {
            std::thread::park();
        }
        wanted
    }

    fn deaf(&self, control: &Control) -> bool {
        self.inner.deaf(control)
    }

    fn stopped(&self) -> bool {
        self.inner.stopped()
    }

    fn digest(&self, cell: usize, d: &mut Digest) {
        self.inner.digest(cell, d);
    }

    fn fork(&self) -> Box<dyn Process> {
        Box::new(Odd { inner: self.inner.fork(), hangs: self.hangs })
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

fn hangs(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    Box::new(Odd { inner: cutline::engine::spawn(t, c, who), hangs: true })
}

fn breaks(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    Box::new(Odd { inner: cutline::engine::spawn(t, c, who), hangs: false })
}

static ROWS: [Protocol; 2] = [
    Protocol { name: "hangs", about: "never ends", breaks: None, scenario: "calm", spawn: hangs },
    Protocol { name: "breaks", about: "breaks when all is done", breaks: None, scenario: "calm", spawn: breaks },
];

/// No test: the program that the others start.
#[test]
fn the_tool_itself() {
    let Ok(words) = std::env::var(WORDS) else { return };
    let words = words.lines().map(Into::into).collect();
    cutline::protocols::add(&ROWS);
    let code = match std::env::var("TOOL_PANICS") {
        Ok(said) => cutline::cli::defect::guarded(words, |_| panic!("{said}")),
        Err(_) => cutline::cli::command(words),
    };
    // Exit codes can be compared, and nothing else can be done with them.
    let known = (0..=255).find(|known| code == std::process::ExitCode::from(*known));
    std::process::exit(known.map_or(-1, i32::from));
}

impl Place {
    /// The same command with those protocols.
    fn tool(&self, words: &[&str]) -> Command {
        let sample = self.command(&[]);
        let mut command = Command::new(std::env::current_exe().unwrap());
        for (name, value) in sample.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.args(["--exact", "limits::the_tool_itself", "--nocapture", "--test-threads=1"]);
        command.current_dir(self.dir.path()).env(WORDS, [&["cutline"], words].concat().join("\n"));
        command.stdin(Stdio::null());
        command
    }
}

#[test]
fn a_run_may_take_so_many_steps_and_no_more_wherever_it_runs() {
    let place = Place::calm();
    let run = |steps: &str, jobs: &str| {
        let words = ["run", "--max-steps", steps, "--jobs", jobs, "--seeds", "8", "--no-shrink", "--format", "json"];
        place.run(&words)
    };
    assert_eq!(run("100000", "2").status.code(), Some(0));
    let (one, other) = (run("120", "1"), run("120", "3"));
    assert_eq!(one.status.code(), Some(1), "{}", err(&one));
    assert_eq!(merge::timeless(&one.stdout), merge::timeless(&other.stdout));
    let document = document(&one);
    let found = document["findings"].as_array().unwrap();
    let stuck = found.iter().find(|finding| finding["kind"] == "stuck").unwrap();
    assert_eq!((&stuck["failing_seeds"], &document["scenarios"][0]["status"]), (&8.into(), &"fail".into()));
    assert_eq!(stuck["message"], "not at its end after 120 steps, which is all that it may take");
    // The line that shows it again says how many, and a replay of fewer steps or more is another.
    let again: Vec<&str> = stuck["reproduce"].as_str().unwrap().split(' ').skip(1).collect();
    assert!(again.ends_with(&["--max-steps", "120"]), "{again:?}");
    let replayed = place.run(&again);
    assert_eq!(replayed.status.code(), Some(1), "{}", err(&replayed));
    assert!(out(&replayed).contains("not at its end after 120 steps"), "{}", out(&replayed));
    assert_eq!(place.code(&again[..again.len() - 2]), 0);
    assert_eq!(place.code(&["run", "--max-steps", "0"]), 2);
    let mut command = place.command(&["run", "--seeds", "8", "--no-shrink"]);
    assert_eq!(command.env("CUTLINE_MAX_STEPS", "120").output().unwrap().status.code(), Some(1));
}

#[test]
fn what_takes_too_many_steps_is_made_small_with_its_limit_in_it() {
    let place = Place::calm();
    let run = place.run(&["run", "--max-steps", "120", "--seeds", "2", "--format", "json"]);
    let id = document(&run)["findings"][0]["id"].as_str().unwrap().to_string();
    let folder = format!(".cutline/findings/{id}");
    let small: Value = serde_json::from_slice(&place.bytes(&format!("{folder}/shrunk.json"))).unwrap();
    assert_eq!(small["sim"]["max_steps"], 120);
    assert_eq!(place.code(&["replay", &format!("{folder}/shrunk.json")]), 1);
    assert_eq!(place.code(&["replay", &folder]), 1, "the folder knows how many steps there were");
}

#[cfg(unix)]
#[test]
fn a_seed_that_hangs_within_a_step_ends_the_sweep_with_its_reports() {
    let place = Place::calm();
    let words =
        ["run", "--protocol", "hangs", "--seeds", "40", "--stuck-after", "300ms", "--out", "kept", "--jobs", "2"];
    let began = Instant::now();
    let output =
        place.tool(&[&words[..], &["--report", "json=r.json", "--report", "junit=j.xml"]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let report: Value = serde_json::from_slice(&place.bytes("r.json")).unwrap();
    let stuck = &report["findings"][0];
    assert_eq!(stuck["kind"], "stuck", "{report:#}");
    assert!(stuck["message"].as_str().unwrap().ends_with("and is within a step that doesn't end"), "{stuck:#}");
    assert!(stuck["reproduce"].as_str().unwrap().ends_with("--protocol hangs"), "{stuck:#}");
    assert!(String::from_utf8(place.bytes("j.xml")).unwrap().contains("type=\"stuck\""));
    // The journal knows: the sweep goes on behind it, to the next of its kind or to the end.
    let before = report["summary"]["seeds"].as_u64().unwrap();
    assert_eq!(report["summary"]["resume"][0], "cutline run --resume kept");
    let output = place.tool(&["run", "--resume", "kept", "--report", "json=r.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
    let report: Value = serde_json::from_slice(&place.bytes("r.json")).unwrap();
    assert!(report["summary"]["seeds"].as_u64().unwrap() > before, "{report:#}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_sweep_that_hangs() {
    let place = Place::calm();
    let words = ["run", "--protocol", "hangs", "--seeds", "40", "--report", "json=r.json"];
    let child = place.tool(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(800));
    let began = Instant::now();
    send(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}{}", out(&output), err(&output));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let report: Value = serde_json::from_slice(&place.bytes("r.json")).unwrap();
    assert_eq!((&report["summary"]["signal"], &report["findings"]), (&"SIGINT".into(), &Value::Array(vec![])));
}

/// The folder that a defect left, and its file of this name.
fn bundled(place: &Place, output: &Output, name: &str) -> String {
    assert_eq!(output.status.code(), Some(70), "{}{}", out(output), err(output));
    assert!(err(output).contains("this is a defect of cutline itself: please report it"), "{}", err(output));
    let line =
        err(output).lines().find(|line| line.starts_with("what it takes to look into it is in ")).unwrap().to_string();
    let dir = line.rsplit(' ').next().unwrap().to_string();
    assert!(dir.starts_with(".cutline/bundles/"), "{dir}");
    String::from_utf8(place.bytes(&format!("{dir}/{name}"))).unwrap()
}

#[test]
fn a_defect_of_ours_is_70_and_leaves_what_it_takes_to_report_it() {
    let place = Place::calm();
    let output = place.tool(&["run", "--protocol", "breaks", "--seeds", "3"]).output().unwrap();
    let about = bundled(&place, &output, "problem.txt");
    assert!(about.contains("cutline run --protocol breaks --seeds 3"), "{about}");
    assert!(about.contains("a panic outside of the engine at ") && about.contains("limits.rs:"), "{about}");
    let reproduce = about.lines().find(|line| line.starts_with("reproduce: ")).unwrap();
    assert!(reproduce.contains("cutline replay scenarios/calm.json --seed 0x"), "{about}");
    assert_eq!(bundled(&place, &output, "0-calm.json"), CALM);
    let report: Value = serde_json::from_str(&bundled(&place, &output, "report.json")).unwrap();
    assert!(report["summary"]["internal_error"].as_str().unwrap().contains("a panic outside"));
    let output = place.tool(&["replay", "scenarios/calm.json", "--protocol", "breaks"]).output().unwrap();
    assert_eq!(bundled(&place, &output, "2-calm.json"), CALM);
    // Wherever it is that the tool panics.
    let output = place.tool(&["list", "scenarios/calm.json"]).env("TOOL_PANICS", "on the way").output().unwrap();
    let about = bundled(&place, &output, "problem.txt");
    assert!(about.contains("on the way") && about.contains("limits.rs:"), "{about}");
    assert_eq!(bundled(&place, &output, "2-calm.json"), CALM);
}
