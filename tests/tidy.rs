//! The invariants of the architecture, as tests over the source tree. docs/architecture.md says what they are for.
//!
//! Comments and the insides of strings don't count, except where a test is about them.

#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/rooms.rs"]
mod rooms;

use cutline::protocols::PROTOCOLS;
use cutline::verify::Invariant;
use lexer::{code, functions, has_word};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines in a file of Rust, at most.
const FILE_LINES_MAX: usize = 600;
/// Lines in a function, from its name to its last brace, at most.
const FUNCTION_LINES_MAX: usize = 70;

/// A text file of the repository.
struct File {
    /// Relative to the root, with slashes.
    path: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the sources are"))
}

/// Everything under `dirs` that has one of these endings, in the order of the paths.
fn files(dirs: &[&str], endings: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    dirs.iter().for_each(|dir| walk(&root().join(dir), &mut paths));
    paths.sort();
    let wanted = |path: &PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let path = path.strip_prefix(root()).expect("a file of the repository").to_string_lossy().replace('\\', "/");
        File { path, text }
    };
    let files: Vec<File> = paths.into_iter().filter(wanted).map(read).collect();
    assert!(!files.is_empty(), "there are files under {dirs:?}");
    files
}

fn walk(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        return found.push(path.to_path_buf());
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !["target", ".git", ".cutline"].iter().any(|skipped| name == *skipped) {
            walk(&entry.path(), found);
        }
    }
}

fn sources(dirs: &[&str]) -> Vec<File> {
    files(dirs, &[".rs"])
}

/// Lines of code, comments excluded, in which one of the words stands.
fn mentions(files: &[File], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (n, line) in code(&file.text).lines().enumerate() {
            let hits = words.iter().filter(|word| has_word(line, word));
            found.extend(hits.map(|word| format!("{}:{}: {word}", file.path, n + 1)));
        }
    }
    found
}

/// The same, with places where the words may stand: path prefixes.
fn mentions_outside(dirs: &[&str], words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut files = sources(dirs);
    files.retain(|file| !allowed.iter().any(|prefix| file.path.starts_with(prefix)));
    mentions(&files, words)
}

fn none(found: Vec<String>, fact: &str) {
    assert!(found.is_empty(), "{fact}; but:\n  {}", found.join("\n  "));
}

/// The rooms: directories and files right under src.
fn rooms() -> Vec<String> {
    let mut rooms: Vec<String> = fs::read_dir(root().join("src"))
        .expect("there is a src")
        .map(|entry| entry.expect("a readable entry").file_name().to_string_lossy().replace(".rs", ""))
        .filter(|name| name != "lib" && name != "main")
        .collect();
    rooms.sort();
    rooms.dedup();
    rooms
}

fn files_of(room: &str) -> Vec<File> {
    let (dir, file) = (format!("src/{room}/"), format!("src/{room}.rs"));
    sources(&["src"]).into_iter().filter(|f| f.path.starts_with(&dir) || f.path == file).collect()
}

#[test]
fn the_engine_knows_no_driver() {
    let words = ["world", "sim", "trace", "verify", "scenario", "protocols", "vectors", "report", "cli"];
    let paths: Vec<String> = words.iter().map(|room| format!("crate::{room}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    none(mentions(&sources(&["src/engine"]), &paths), "the engine imports nobody who drives or judges it");
}

/// The story of a violation is told by a second pass, after the verdict: it may use a graph library.
#[test]
fn engine_world_and_folds_are_pure() {
    let words = [
        "std::time",
        "std::fs",
        "std::thread",
        "std::env",
        "std::net",
        "std::process",
        "std::io",
        "sync::Mutex",
        "sync::RwLock",
        "sync::atomic",
        "rand",
        "rand_chacha",
        "serde",
        "serde_json",
        "schemars",
        "petgraph",
        "HashMap",
        "HashSet",
        "Instant",
        "SystemTime",
        "f32",
        "f64",
        "unsafe",
        "thread_local",
        "println",
        "eprintln",
        "static mut",
    ];
    let found = mentions_outside(&["src/engine", "src/world", "src/verify"], &words, &["src/verify/story.rs"]);
    none(found, "engine, world and verify are functions of what they are given");
}

#[test]
fn randomness_has_one_door() {
    let words = ["rand", "rand_chacha", "getrandom", "fastrand"];
    none(mentions_outside(&["src"], &words, &["src/dice.rs"]), "random numbers come from dice alone");
    // `run --fresh` asks the operating system for a base of seeds, and prints it.
    none(mentions_outside(&["src"], &["RandomState"], &["src/cli/prepare.rs"]), "a seed is given, or printed");
}

#[test]
fn verifiers_read_traces_alone() {
    let words = ["crate::engine", "crate::world", "crate::sim", "crate::scenario", "crate::protocols"];
    none(mentions(&sources(&["src/verify"]), &words), "verifiers know neither engine nor world nor driver");
}

#[test]
fn the_product_has_no_switches() {
    let mut found = Vec::new();
    for file in sources(&["src/engine"]) {
        let text = file.text.to_lowercase();
        let words = ["mutant", "cfg(feature", "inject", "cfg(test"].iter().filter(|word| text.contains(**word));
        found.extend(words.map(|word| format!("{}: {word}", file.path)));
    }
    none(found, "the engine that is tested is the engine that ships: no switch, no defect, no hook");
}

/// Simulated and real runs must not differ in how they tell what happened.
#[test]
fn events_are_made_in_trace_alone() {
    let mut found = Vec::new();
    for file in sources(&["src"]).into_iter().filter(|file| !file.path.starts_with("src/trace/")) {
        let code = code(&file.text);
        let made = code.lines().enumerate().filter(|(_, line)| line.contains("Event { process"));
        found.extend(made.map(|(n, _)| format!("{}:{}", file.path, n + 1)));
    }
    none(found, "only trace makes events");
}

#[test]
fn hash_maps_are_nowhere() {
    none(mentions(&sources(&["src"]), &["HashMap", "HashSet"]), "no order depends on a hash");
}

#[test]
fn clocks_files_and_threads_are_at_the_edge() {
    let outside = |words: &[&str], allowed: &[&str]| mentions_outside(&["src"], words, allowed);
    none(
        outside(&["Instant", "SystemTime"], &["src/cli/", "src/runtime/"]),
        "only the command line and the real runtime have a clock",
    );
    none(
        outside(
            &["std::thread", "std::process", "std::env"],
            &["src/cli/", "src/main.rs", "src/explore/threads.rs", "src/runtime/"],
        ),
        "only cli, the runtime and one file of explore have threads",
    );
    none(
        outside(&["std::fs", "fs::"], &["src/cli/", "src/scenario/load.rs", "src/runtime/"]),
        "files are opened by cli, load and the runtime alone",
    );
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut found = Vec::new();
    for room in rooms() {
        let Some(row) = rooms::TABLE.iter().find(|row| row.room == room) else {
            found.push(format!("src/{room} has no row in tests/tidy/rooms.rs"));
            continue;
        };
        for file in files_of(&room) {
            for import in lexer::imports(&code(&file.text)) {
                if !row.allows(&import) {
                    found.push(format!("{}: crate::{import}", file.path));
                }
            }
        }
    }
    none(found, "arrows between rooms point one way");
}

/// A row of the table imports rooms of rows above it and of no others. So there is no circle, however narrow its arrows.
#[test]
fn rooms_have_one_direction_of_flow() {
    let place = |room: &str| rooms::TABLE.iter().position(|row| row.room == room);
    let mut found = Vec::new();
    for (at, row) in rooms::TABLE.iter().enumerate() {
        let upward = |other: &&str| place(other).is_none_or(|other| other >= at);
        found.extend(row.rooms().filter(upward).map(|other| format!("{} imports {other}", row.room)));
    }
    none(found, "every room stands below all that it imports");
}

#[test]
fn files_are_short() {
    let long = |file: &File| file.text.lines().count() > FILE_LINES_MAX;
    let found =
        sources(&["src", "tests", "benches", "examples"]).into_iter().filter(long).map(|file| file.path).collect();
    none(found, "a file has 600 lines at most");
}

#[test]
fn functions_are_short() {
    let mut found = Vec::new();
    for file in sources(&["src", "tests", "benches", "examples"]) {
        for function in functions(&code(&file.text)) {
            if function.lines > FUNCTION_LINES_MAX {
                found.push(format!("{}:{}: {} has {}", file.path, function.line, function.name, function.lines));
            }
        }
    }
    none(found, "a function has 70 lines at most");
}

#[test]
fn the_crate_is_safe_and_documented() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("there is a src/lib.rs");
    for attribute in ["#![forbid(unsafe_code)]", "#![deny(missing_docs)]"] {
        assert!(lib.lines().any(|line| line == attribute), "src/lib.rs says {attribute}");
    }
}

#[test]
fn main_has_no_logic() {
    let main = fs::read_to_string(root().join("src/main.rs")).expect("there is a src/main.rs");
    assert!(main.lines().count() < 30, "main.rs parses, calls and exits");
}

#[test]
fn every_protocol_has_a_scenario_and_an_invariant() {
    let mut found = Vec::new();
    for protocol in PROTOCOLS {
        let path = format!("scenarios/{}.json", protocol.scenario);
        if !root().join(&path).is_file() {
            found.push(format!("{}: there is no {path}", protocol.name));
        }
        let known = |name: &str| Invariant::ALL.iter().any(|invariant| invariant.name() == name);
        if protocol.breaks.is_some_and(|name| !known(name)) {
            found.push(format!("{}: there is no invariant {:?}", protocol.name, protocol.breaks));
        }
    }
    none(found, "a row of PROTOCOLS can be run and judged");
}

#[test]
fn every_scenario_says_what_it_is_about() {
    let mut found = Vec::new();
    for file in files(&["scenarios"], &[".json"]) {
        let value: serde_json::Value = serde_json::from_str(&file.text).expect("scenarios are JSON");
        if value["about"].as_str().is_none_or(|about| about.trim().is_empty()) {
            found.push(file.path);
        }
    }
    none(found, "a newcomer reads what a scenario shows");
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    let places = ["home", "tmp", "root", "Users", "work", "mnt"].map(|dir| format!("/{dir}/"));
    let mut all = files(&["."], &[".rs", ".md", ".json", ".toml", ".snap", ".yml", ".txt", ".ci/run"]);
    all.retain(|file| !file.path.starts_with("scenarios/data/"));
    let mut found = Vec::new();
    for file in all {
        for (n, line) in file.text.lines().enumerate() {
            let mut words = line.split(|c: char| c.is_whitespace() || "\"'`(=".contains(c));
            if words.any(|word| places.iter().any(|place| word.starts_with(place.as_str()))) {
                found.push(format!("{}:{}", file.path, n + 1));
            }
        }
    }
    none(found, "a clone works anywhere");
}

#[test]
fn the_architecture_names_every_room() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("there is a docs/architecture.md");
    let unnamed = rooms().into_iter().filter(|room| !text.contains(&format!("`{room}`"))).collect();
    none(unnamed, "docs/architecture.md names every room");
}

#[test]
fn files_that_comments_name_exist() {
    let mut found = Vec::new();
    for file in sources(&["src"]) {
        for (n, line) in file.text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("//")) {
            let words = line.split(|c: char| !(c.is_alphanumeric() || "/._-".contains(c)));
            for word in words.map(|word| word.trim_end_matches('.')) {
                let named = ["docs/", "tests/", "scenarios/"].iter().any(|dir| word.starts_with(dir));
                if named && word.contains('.') && !root().join(word).exists() {
                    found.push(format!("{}:{}: {word}", file.path, n + 1));
                }
            }
        }
    }
    none(found, "comments name files that exist");
}
