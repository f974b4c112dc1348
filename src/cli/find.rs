//! Which files a command means.

use super::exit::{Ending, Why};
use super::fit;
use super::judge::Terms;
use super::output::{self, complain};
use crate::protocols;
use crate::scenario::{Diagnostic, Loaded, load, load_knowing};
use std::path::{Path, PathBuf};

/// A problem with a path that isn't one of a file's content.
pub type Problem = String;

/// All JSON files that are meant: files that are named, and those under directories, in the order of the bytes
/// of their paths. `wanted` says of a file that was come across whether it is one of those looked for.
pub fn files(paths: &[PathBuf], wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>, Problem> {
    let mut found = Vec::new();
    for path in paths {
        let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no file or directory `{}`", path.display()),
            _ => format!("cannot read `{}`: {error}", path.display()),
        })?;
        if meta.is_dir() {
            walk(path, wanted, &mut found)?;
        } else {
            found.push(tidy(path));
        }
    }
    found.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    found.dedup();
    Ok(found)
}

fn walk(dir: &Path, wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let problem = |error| format!("cannot read the directory `{}`: {error}", dir.display());
    for entry in std::fs::read_dir(dir).map_err(problem)? {
        let entry = entry.map_err(problem)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(problem)?);
        // Links to directories aren't followed: they may lead in circles.
        if kind.is_dir() {
            let name = entry.file_name();
            if name != "data" && !name.as_encoded_bytes().starts_with(b".") {
                walk(&path, wanted, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "json") && wanted(&path) {
            found.push(tidy(&path));
        }
    }
    Ok(())
}

/// `./a` is `a`.
pub fn tidy(path: &Path) -> PathBuf {
    path.strip_prefix("./").unwrap_or(path).to_path_buf()
}

/// Is this a scenario, or meant to be one? Only files that say that they are something else are passed over: one
/// with a mistake in it must not be left out silently.
pub fn is_scenario(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return true };
    let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { return true };
    match value.get("format").and_then(|format| format.as_str()) {
        Some(format) => !format.starts_with("cutline-") || format.starts_with("cutline-scenario"),
        None => value.get("job").is_some(),
    }
}

/// The same for gate vectors.
pub fn is_vector(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return true };
    let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { return true };
    let format = value.get("format").and_then(|format| format.as_str());
    format.is_some_and(|format| format.starts_with("cutline-gate"))
}

/// A scenario file with what came of reading it.
pub type Read = (PathBuf, Result<Loaded, Vec<Diagnostic>>);

/// Finds and reads scenarios for a command that needs them all to be good. What is wrong has been said.
pub fn good(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Loaded)>, Ending> {
    let read = scenarios(paths).map_err(|problem| {
        complain(&problem);
        Ending::bad(Why::BadInput)
    })?;
    if read.is_empty() {
        complain("no scenario was found");
        return Err(Ending::bad(Why::NothingToRun));
    }
    let (mut good, mut mistakes) = (Vec::new(), Vec::new());
    for (path, loaded) in read {
        match loaded {
            Ok(loaded) => good.push((path, loaded)),
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() {
        return Ok(good);
    }
    output::say(&format!("{}\n", load::render(&mistakes, true)));
    Err(Ending::bad(Why::BadInput))
}

/// Reads one scenario, as these terms have it run. What is wrong has been said.
pub fn one(path: &Path, terms: &Terms) -> Result<Loaded, Ending> {
    let known: Vec<&str> = protocols::names().collect();
    if let Some(name) = terms.protocol.as_deref().filter(|name| !known.contains(name)) {
        complain(&super::unknown_protocol(name));
        return Err(Ending::bad(Why::BadInput));
    }
    let mut loaded = load_knowing(path, &known).map_err(|found| {
        output::say(&format!("{}\n", load::render(&found, true)));
        Ending::bad(Why::BadInput)
    })?;
    terms.apply(&mut loaded.scenario);
    Ok(loaded)
}

/// Finds and reads scenarios.
pub fn scenarios(paths: &[PathBuf]) -> Result<Vec<Read>, Problem> {
    let known: Vec<&str> = protocols::names().collect();
    let files = files(paths, &is_scenario)?;
    let read = |path: PathBuf| {
        let loaded = load_knowing(&path, &known).map(|mut loaded| {
            fit::remark(&path, &mut loaded);
            loaded
        });
        (path, loaded)
    };
    Ok(files.into_iter().map(read).collect())
}
