//! What `cutline exec` says to what it can't do: a reason, exit code 2, and no panic.

#[path = "support/killed.rs"]
mod killed;

use killed::*;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Asserts that it was refused with these words.
fn refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(words) && !said.contains("panicked"), "{said}");
}

fn exec(scenario: &Path, dir: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutline"));
    command.arg("exec").arg(scenario).arg("--dir").arg(dir).args(more).output().expect("the program starts")
}

#[test]
fn what_cannot_be_run_is_refused() {
    let job = Job::new(10, "two_phase", &[]);
    let scenario = job.folder.path().join("job.json");
    refused(&exec(&scenario, &scenario, &[]), "cannot use the folder");
    refused(&exec(&scenario, Path::new("/proc/nowhere/dir"), &[]), "cannot use the folder");
    refused(&exec(&job.folder.path().join("none.json"), &job.dir(), &[]), "there is no such file");
    refused(&exec(&scenario, &job.dir(), &["--store", "fils"]), "did you mean `files`?");
    refused(&exec(&scenario, &job.dir(), &["--sink", "kafka"]), "there is no sink `kafka`");
    refused(&exec(&scenario, &job.dir(), &["--protocol", "hope"]), "hope");
    let socket = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/socket_source.json");
    refused(&exec(&socket, &job.dir(), &[]), "reads a socket");
    fs::remove_file(job.folder.path().join("1.txt")).unwrap();
    refused(&exec(&scenario, &job.dir(), &[]), "1.txt");
    assert!(!job.dir().exists(), "nothing is made of what can't be run");
}

#[test]
fn a_folder_belongs_to_one_job_and_one_process() {
    let job = Job::new(60_000, "two_phase", &["--rate", "5000"]); // it won't be over before the second one begins
    let mut first = job.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !job.dir().join("sinks/out").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // It stands still meanwhile, or it might have ended before the second one gives up.
    assert!(Command::new("kill").args(["-STOP", &first.id().to_string()]).status().unwrap().success());
    let second = job.command().output().unwrap();
    first.kill().and_then(|()| first.wait()).unwrap();
    refused(&second, "another process runs the job");
}

/// What of the store is done to, and what is said then. An early checkpoint may not need what is damaged, for there is
/// no state yet; then the output must be right, and another job shows it.
fn damaged(folder: &str, what: impl Fn(&Path), words: &str) {
    for _ in 0..8 {
        let job = Job::new(20_000, "two_phase", &[]);
        assert!(job.life(Kill::At("published", 2)).is_none());
        for file in fs::read_dir(job.dir().join("store").join(folder)).unwrap() {
            what(&file.unwrap().path());
        }
        let before = job.published();
        let output = job.command().output().unwrap();
        if output.status.success() {
            assert_eq!(job.wrong(&job.published()), None, "damage was loaded");
            continue;
        }
        refused(&output, words);
        refused(&output, &format!("store/{folder}/"));
        assert_eq!(job.published(), before, "nothing was written");
        return;
    }
    panic!("what is in {folder} was never needed");
}

#[test]
fn damage_is_named_and_never_loaded() {
    let shorten = |path: &Path| fs::File::options().write(true).open(path).unwrap().set_len(30).unwrap();
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 4;
        fs::write(path, bytes).unwrap();
    };
    damaged("snapshots", shorten, "is torn");
    damaged("snapshots", flip, "is damaged: its checksum is wrong");
    damaged("packs", |path| fs::remove_file(path).unwrap(), "is not there");
    damaged("log", flip, "is damaged: its checksum is wrong");
}

/// A job in the middle of its work.
fn running(job: &Job) -> Child {
    let child = job.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !job.dir().join("store/log").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Otherwise it would ask a store that isn't there again and again, with pauses of half an hour in the end.
#[test]
fn a_job_whose_folder_is_deleted_ends() {
    let job = Job::new(60_000, "two_phase", &[]);
    let child = running(&job);
    let until = Instant::now() + Duration::from_secs(20);
    while fs::remove_dir_all(job.dir()).is_err() || job.dir().exists() {
        assert!(Instant::now() < until, "it makes its folder anew");
    }
    refused(&child.wait_with_output().unwrap(), "was deleted or replaced while the job ran");
}

/// Whoever kills jobs on purpose leaves none behind, whether he is asked to stop or killed himself.
#[test]
fn an_interrupted_chaos_leaves_no_job_behind() {
    for (signal, code) in [("-TERM", Some(143)), ("-KILL", None)] {
        let job = Job::new(60_000, "two_phase", &["--chaos", "kills=1000,seed=1"]);
        let mut chaos = job.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lock = job.dir().join("job-1/lock");
        while !lock.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(300));
        assert!(Command::new("kill").args([signal, &chaos.id().to_string()]).status().unwrap().success());
        assert_eq!(chaos.wait().unwrap().code(), code);
        // A job that lives has the lock of its folder, and one that is about to begin takes it soon.
        let (lock, until) = (fs::File::open(lock).unwrap(), Instant::now() + Duration::from_secs(20));
        let mut free = 0;
        while free < 20 {
            assert!(Instant::now() < until, "{signal}: a job is still there");
            free = if lock.try_lock().is_ok() { free + 1 } else { 0 };
            let _ = lock.unlock();
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
