//! Where bytes go. A reader who has gone away is no error.

use anstream::{AutoStream, ColorChoice};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

/// Writes to stdout; colours are taken out where they aren't wanted. False: nobody reads any more.
pub fn print(text: &str) -> std::io::Result<bool> {
    let out = std::io::stdout().lock();
    let mut out = AutoStream::new(out, choice(std::io::stdout().is_terminal()));
    gone(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// The same for bytes that must stay as they are.
pub fn raw(bytes: &[u8]) -> std::io::Result<bool> {
    let mut out = std::io::stdout().lock();
    gone(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Says something on stderr. If that doesn't work, nobody can be told.
pub fn say(text: &str) {
    let err = std::io::stderr().lock();
    let mut err = AutoStream::new(err, choice(std::io::stderr().is_terminal()));
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// An error message.
pub fn complain(text: &str) {
    say(&format!("\u{1b}[1;31merror\u{1b}[0m: {text}\n"));
}

/// A warning.
pub fn warn(text: &str) {
    say(&format!("\u{1b}[1;33mwarning\u{1b}[0m: {text}\n"));
}

/// Writes a file as a whole: a reader sees the old one or the new one, never half of it.
pub fn file(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let problem = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if path.file_name().is_none() || path.is_dir() {
        return Err(format!("cannot write {}: it is a directory", path.display()));
    }
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(problem)?;
    }
    // Devices and pipes can't be renamed over.
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return std::fs::write(path, bytes).map_err(problem);
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        problem(error)
    })
}

/// Sets what colours are done with.
pub fn colors(choice: super::args::Color) {
    match choice {
        super::args::Color::Auto => ColorChoice::Auto.write_global(),
        super::args::Color::Always => ColorChoice::Always.write_global(),
        super::args::Color::Never => ColorChoice::Never.write_global(),
    }
}

/// What becomes of colours: as the flag says; if it says nothing, as variables do; if they say nothing, as a terminal wants.
/// The stream library would take CLICOLOR_FORCE=0 for a wish for colours.
fn choice(terminal: bool) -> ColorChoice {
    let says = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match ColorChoice::global() {
        ColorChoice::Auto if says("NO_COLOR").is_some() => ColorChoice::Never,
        ColorChoice::Auto if says("CLICOLOR_FORCE").is_some_and(|value| value != "0") => ColorChoice::Always,
        ColorChoice::Auto if says("CLICOLOR").is_some_and(|value| value == "0") => ColorChoice::Never,
        ColorChoice::Auto if terminal && says("TERM").is_none_or(|term| term != "dumb") => ColorChoice::Always,
        ColorChoice::Auto => ColorChoice::Never,
        said => said,
    }
}

fn gone(written: std::io::Result<()>) -> std::io::Result<bool> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}
