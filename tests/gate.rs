//! The gate against its vectors, against an obvious interpreter of the rules, and wrong gates against the vectors.

#[path = "gate/calls.rs"]
mod calls;
#[path = "gate/model.rs"]
mod model;
#[path = "gate/own.rs"]
mod own;
#[path = "gate/random.rs"]
mod random;
#[path = "gate/reading.rs"]
mod reading;
#[path = "gate/twists.rs"]
mod twists;
#[path = "gate/wrong.rs"]
mod wrong;

use cutline::vectors;
use std::collections::BTreeSet;
use std::path::Path;

/// File name and text of every vector, by name.
fn all() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn every_vector_is_passed() {
    let files = all();
    assert!(files.len() >= 50, "a folder of vectors is there: {}", files.len());
    let mut names = BTreeSet::new();
    let mut failures = String::new();
    for (path, text) in &files {
        match vectors::check(path, text) {
            Ok(passed) => assert!(names.insert(passed.name), "a name is given once: {path}"),
            Err(failure) => failures += &failure.to_string(),
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_vector_says_where_it_is_from() {
    for (path, text) in all() {
        let vector = vectors::Vector::parse(&path, &text).unwrap();
        assert!(!vector.origin.is_empty(), "{path}");
    }
}
