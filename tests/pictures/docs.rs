//! The pictures of the documentation are those that the commands give. `docs/pictures/make` makes them again.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Name, command, and what comes after it.
const PICTURES: &[(&str, &str, &[&str])] = &[
    ("aligned", "diagram", &["aligned.json", "--seed", "0"]),
    ("orphan", "diagram", &["orphan.json", "--seed", "0"]),
    ("unaligned", "diagram", &["unaligned.json", "--seed", "0"]),
    ("zombie", "diagram", &["zombie.json", "--seed", "0", "--from", "46", "--to", "97"]),
    ("completion", "diagram", &["completion.json", "--seed", "0", "--from", "20", "--to", "43", "--all"]),
    ("recovery", "diagram", &["recovery.json", "--seed", "0", "--from", "35", "--to", "112"]),
    ("two_phase", "diagram", &["two_phase.json", "--seed", "0", "--from", "21", "--to", "60"]),
    ("at_least_once", "diagram", &["at_least_once.json", "--seed", "0"]),
    ("timeout", "diagram", &["timeout.json", "--seed", "0"]),
    ("end", "diagram", &["end.json", "--seed", "0", "--from", "53"]),
    ("circle", "diagram", &["circle.json", "--seed", "0", "--checkpoint", "1"]),
    ("history", "checkpoints", &["zombie.json", "--seed", "0", "--format", "json", "--svg"]),
];

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures")
}

fn make(name: &str, command: &str, words: &[&str], into: &Path) {
    let to = into.join(format!("{name}.svg"));
    let mut cutline = Command::new(env!("CARGO_BIN_EXE_cutline"));
    cutline.arg(command).args(words).current_dir(dir());
    match command {
        "diagram" => cutline.arg("-o").arg(&to),
        _ => cutline.arg(&to),
    };
    let output = cutline.output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn pictures_of_the_documentation_are_up_to_date() {
    let temporary = tempfile::tempdir().unwrap();
    let write = std::env::var_os("CUTLINE_PICTURES").is_some_and(|word| word == "write");
    let mut stale = Vec::new();
    for (name, command, words) in PICTURES {
        make(name, command, words, if write { dir() } else { temporary.path().into() }.as_path());
        let kept = std::fs::read_to_string(dir().join(format!("{name}.svg"))).unwrap_or_default();
        if !write && kept != std::fs::read_to_string(temporary.path().join(format!("{name}.svg"))).unwrap() {
            stale.push(*name);
        }
        super::sheet::Sheet::read(&kept).check(name);
    }
    assert!(stale.is_empty(), "stale: {stale:?}; docs/pictures/make makes them again, and then look at them");
}

/// What each picture is there to show.
#[test]
fn pictures_of_the_documentation_show_what_they_are_for() {
    let picture = |name: &str| std::fs::read_to_string(dir().join(format!("{name}.svg"))).unwrap();
    for (name, parts) in [
        ("aligned", &["class=\"blocked\"", ">cut of c1<", ">barrier<"][..]),
        ("orphan", &[">orphan of c1: s0:4<", "class=\"cut bad\"", "I1 violated"]),
        ("unaligned", &["class=\"captured\"", ">in c1: s0:3<"]),
        ("zombie", &["c2 complete: refused", "restores c1", "a life beside a newer one"]),
        ("completion", &["put c1 src/0", "put c1 out/0", "c1 complete", "prepare x0 out/0", "commit x0 out/0"]),
        ("recovery", &["a1 crashes", "abort c2", "begin a2 from c1", "a2 restores c1", "abort x1 out/0"]),
        ("two_phase", &["c1 complete", "a1 crashes", "fence out/0 a2", "abort x1 out/0", "commit x0 out/0 (4)"]),
        ("at_least_once", &[">orphan of c1: s0:4<", "class=\"cut bad\"", "I1 violated"]),
        ("timeout", &["class=\"blocked\"", ">in c1: s0:3<", ">cut of c1<"]),
        ("end", &["input is over", ">cut of c3<", "commit x2 out/0", "job has ended"]),
        ("circle", &["class=\"captured\"", ">in c1: s0:2.3<", ">cut of c1<"]),
        ("history", &["recovery a2 from c1", "complete, "]),
    ] {
        let svg = picture(name);
        parts.iter().for_each(|part| assert!(svg.contains(part), "{name} shows {part}"));
    }
}

#[test]
fn documents_name_pictures_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for file in ["README.md", "docs/pictures.md", "docs/protocol.md"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for part in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if part.ends_with(".svg") {
                assert!(root.join(file).parent().unwrap().join(part).is_file(), "{file} names {part}");
                named += 1;
            }
        }
    }
    assert!(named > PICTURES.len(), "{named}: each is shown somewhere");
}
