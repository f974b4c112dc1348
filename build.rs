//! Tells the program from which commit it is built, where that is known: `--version` says it.

use std::process::Command;

fn main() {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
    };
    println!("cargo::rerun-if-changed=build.rs");
    // Only a repository of this very package counts: sources that were unpacked somewhere inside another have no commit.
    let root = git(&["rev-parse", "--show-toplevel"]).and_then(|root| std::fs::canonicalize(root).ok());
    let here = std::env::var("CARGO_MANIFEST_DIR").ok().and_then(|here| std::fs::canonicalize(here).ok());
    let commit = git(&["rev-parse", "--short=7", "HEAD"]).filter(|_| root.is_some() && root == here);
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|_| commit.is_some()) {
        println!("cargo::rerun-if-changed={log}");
    }
    let shown = commit.map_or_else(String::new, |commit| format!(" ({commit})"));
    println!("cargo::rustc-env=CUTLINE_COMMIT={shown}");
}
