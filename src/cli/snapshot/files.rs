//! Where snapshots are: `snapshots/NAME@SEED.txt` beside the scenario `NAME.json`.

use crate::cli::parse;
use crate::report::seed as shown;
use std::path::{Path, PathBuf};

/// The folder beside scenarios.
const FOLDER: &str = "snapshots";
/// What files end with.
const ENDING: &str = ".txt";
/// What is behind that, where nobody has said yet that it is right.
const NEW: &str = ".new";

fn folder(scenario: &Path) -> PathBuf {
    scenario.parent().unwrap_or(Path::new("")).join(FOLDER)
}

fn stem(scenario: &Path) -> String {
    scenario.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The snapshot of a scenario under a seed.
pub fn of(scenario: &Path, seed: u64) -> PathBuf {
    folder(scenario).join(format!("{}@{}{ENDING}", stem(scenario), shown(seed)))
}

/// What is new, and not accepted yet.
pub fn fresh(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}{NEW}", file.display()))
}

/// The name of a scenario, and the seed, of a snapshot's file name; none: it is no snapshot's.
fn parts(name: &str) -> Option<(&str, u64)> {
    let (stem, seed) = name.strip_suffix(ENDING)?.rsplit_once('@')?;
    let read = parse::seed(seed).ok()?;
    (shown(read) == seed).then_some((stem, read))
}

/// Names in a folder, in order; nothing, if there is no such folder.
fn names(dir: &Path) -> Result<Vec<String>, String> {
    let problem = |error: std::io::Error| format!("cannot read the directory `{}`: {error}", dir.display());
    match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(problem(error)),
        Ok(entries) => {
            let all: Result<Vec<_>, _> = entries.collect();
            let mut all: Vec<String> =
                all.map_err(problem)?.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            all.sort();
            Ok(all)
        }
    }
}

/// The seeds that are meant: those that were named; or those that have snapshots; or 0.
pub fn seeds(scenario: &Path, named: &[u64]) -> Result<Vec<u64>, String> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let stem = stem(scenario);
    let all = names(&folder(scenario))?;
    let mut found: Vec<u64> =
        all.iter().filter_map(|name| parts(name)).filter(|(of, _)| *of == stem).map(|(_, seed)| seed).collect();
    if found.is_empty() {
        found.push(0);
    }
    Ok(found)
}

/// A snapshot; none: there is none. Line ends don't count: version control may have changed them.
pub fn read(file: &Path) -> Result<Option<String>, String> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", file.display())),
    }
}

/// Nothing is left to be accepted.
pub fn settle(file: &Path, ci: bool) -> Result<(), String> {
    let fresh = fresh(file);
    if ci || !fresh.exists() {
        return Ok(());
    }
    std::fs::remove_file(&fresh).map_err(|error| format!("cannot remove {}: {error}", fresh.display()))
}

/// Snapshots under these paths whose scenario isn't there any more, and those that wait for somebody to accept them.
pub fn unused(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, &mut found)?;
        } else if path.exists() {
            look(&folder(path), &mut found)?;
        } else {
            return Err(format!("there is no file or directory `{}`", path.display()));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    for name in names(dir)? {
        let path = dir.join(&name);
        // Links to directories aren't followed: they may lead in circles.
        if !path.is_dir() || path.is_symlink() || name.starts_with('.') {
            continue;
        }
        if name == FOLDER {
            look(&path, found)?;
        } else {
            walk(&path, found)?;
        }
    }
    Ok(())
}

fn look(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let beside = folder.parent().unwrap_or(Path::new(""));
    for name in names(folder)? {
        let waits = name.strip_suffix(NEW).is_some_and(|name| parts(name).is_some());
        let lost = parts(&name).is_some_and(|(stem, _)| !beside.join(format!("{stem}.json")).is_file());
        if waits || lost {
            found.push(folder.join(&name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_scenario_and_seed() {
        let file = of(Path::new("a/b c@1.json"), 7);
        assert_eq!(file, Path::new("a/snapshots/b c@1@0x0000000000000007.txt"));
        assert_eq!(parts(file.file_name().unwrap().to_str().unwrap()), Some(("b c@1", 7)));
        for other in ["a.txt", "a@7.txt", "a@0x0000000000000007.txt.new", "README.md"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
