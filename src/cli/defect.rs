//! When cutline itself is wrong: it says so, keeps what a report of it needs, and ends with 70.

use super::args;
use super::exit::{Ending, Why};
use super::output::{self, complain, warn};
use crate::digest::Digest;
use std::cell::RefCell;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

/// Where what is known of a defect of ours is kept.
const BUNDLES: &str = ".cutline/bundles";
/// Larger files that a command names are left out.
const LARGEST: u64 = 4 << 20;

/// The command line, for whoever looks into it.
static COMMAND: OnceLock<Vec<OsString>> = OnceLock::new();

thread_local! {
    /// What this thread's last panic was, and where.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs a command. A panic of ours is told of like every other defect of ours.
pub fn guarded(words: Vec<OsString>, command: impl FnOnce(&[OsString]) -> ExitCode) -> ExitCode {
    let words = COMMAND.get_or_init(|| words);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        LAST.with_borrow_mut(|last| *last = info.to_string());
        usual(info);
    }));
    let done = catch_unwind(AssertUnwindSafe(|| command(words)));
    done.unwrap_or_else(|_| internal(&LAST.with_borrow(|last| last.replace('\n', " "))).into())
}

/// That something went wrong that is no fault of the user. The files that the command line names are kept beside it.
pub fn internal(problem: &str) -> Ending {
    let mut files = Vec::new();
    for (number, word) in COMMAND.get().into_iter().flatten().enumerate().skip(1) {
        let path = Path::new(word);
        if std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST)
            && let (Some(name), Ok(bytes)) = (path.file_name(), std::fs::read(path))
        {
            files.push((format!("{number}-{}", name.display()), bytes));
        }
    }
    told(problem, files)
}

/// The same with these files, by their names in the bundle.
pub fn told(problem: &str, files: Vec<(String, Vec<u8>)>) -> Ending {
    complain(problem);
    output::say("this is a defect of cutline itself: please report it, with the lines above\n");
    let words = COMMAND.get().into_iter().flatten().skip(1);
    let line: Vec<String> = words.map(|word| crate::report::quoted(&word.to_string_lossy())).collect();
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    let about = format!("cutline {}\n{system} {machine}\ncutline {}\n\n{problem}\n", args::VERSION, line.join(" "));
    let mut digest = Digest::new();
    digest.bytes(about.as_bytes());
    let dir = Path::new(BUNDLES).join(format!("{:08x}", digest.finish64() as u32));
    let about = ("problem.txt".to_string(), about.into_bytes());
    let keep = |(name, bytes): &(String, Vec<u8>)| output::file(&dir.join(name), bytes);
    match std::iter::once(&about).chain(&files).try_for_each(keep) {
        Ok(()) => output::say(&format!("what it takes to look into it is in {}\n", dir.display())),
        Err(problem) => warn(&problem),
    }
    Ending::bad(Why::Internal)
}
