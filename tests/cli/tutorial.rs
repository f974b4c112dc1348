//! Pages of the documentation, command by command: what they say is printed is printed.

use super::*;

/// Commands with what they print.
fn steps(page: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for block in page.split("```console\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()) {
        for line in block.lines() {
            match (line.strip_prefix("$ "), all.last_mut()) {
                (Some(command), _) => all.push((command.to_string(), String::new())),
                (None, Some((_, output))) => *output += &format!("{line}\n"),
                (None, None) => panic!("a block begins without a command: {block}"),
            }
        }
    }
    all
}

/// Does a text look like a pattern, in which `...` is anything at all?
fn alike(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.trim_end().split("...").collect();
    let text = text.trim_end();
    let [only] = parts.as_slice() else {
        let (first, last) = (parts[0], parts[parts.len() - 1]);
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        for part in &parts[1..parts.len() - 1] {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        return rest.ends_with(last);
    };
    *only == text
}

/// Runs every command of a page, of which there are so many, in a fresh place that has these folders of the repository.
#[cfg(unix)]
fn walk(page: &str, least: usize, folders: &[&str]) {
    let place = Place::new(&[]);
    std::fs::remove_dir(place.path("scenarios")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    folders.iter().for_each(|dir| std::os::unix::fs::symlink(root.join(dir), place.path(dir)).unwrap());
    let bin = Path::new(env!("CARGO_BIN_EXE_cutline")).parent().unwrap().display().to_string();
    let path = format!("{bin}:{bin}/examples:{}", std::env::var("PATH").unwrap());
    let steps = steps(page);
    assert!(steps.len() >= least);
    for (command, wanted) in steps {
        let mut shell = place.command(&[]);
        // The environment of the tool is that of all tests; a shell stands before it.
        let variables: Vec<_> =
            shell.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        shell = Command::new("sh");
        for (name, value) in variables {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.args(["-c", &format!("{command} 2>&1")]).current_dir(place.dir.path()).env("PATH", &path);
        let said = out(&shell.env("CUTLINE_PROGRESS", "none").stdin(Stdio::null()).output().unwrap());
        assert!(alike(&wanted, &said), "$ {command}\n{said}\nis not\n{wanted}");
    }
}

#[cfg(unix)]
#[test]
fn what_the_tutorial_says_is_so() {
    walk(include_str!("../../docs/tutorial.md"), 10, &["scenarios"]);
}

#[cfg(unix)]
#[test]
fn what_the_first_page_shows_is_so() {
    walk(include_str!("../../README.md"), 2, &["scenarios"]);
}

#[cfg(unix)]
#[test]
fn what_is_said_of_the_protocol_is_so() {
    let page = include_str!("../../docs/protocol.md");
    for section in page.split("\n## ").skip(1) {
        let end = section.rsplit("```console\n").next().unwrap();
        let told = section.contains("```console\n$ cutline ") && end.lines().count() < 20;
        assert!(told, "a section ends with the command that shows it: {}", section.lines().next().unwrap());
    }
    walk(page, 11, &["docs", "scenarios"]);
}

/// The examples are built by `cargo test`, and by nothing less.
#[cfg(unix)]
#[test]
fn engines_and_traces_of_ones_own_do_what_is_said_of_them() {
    let bin = Path::new(env!("CARGO_BIN_EXE_cutline")).parent().unwrap();
    if !["own_engine", "own_trace"].iter().all(|name| bin.join("examples").join(name).exists()) {
        assert!(std::env::var_os("CUTLINE_NO_SKIP").is_none(), "the examples aren't built");
        return eprintln!("SKIPPED: the examples aren't built; `cargo build --examples` does that");
    }
    walk(include_str!("../../docs/your-engine.md"), 10, &["scenarios", "examples"]);
}

#[test]
fn patterns_are_no_blank_cheques() {
    assert!(alike("a\n...\nd", "a\nb\nc\nd\n") && alike("x ... y", "x 1 y") && alike("same\n", "same"));
    assert!(!alike("a\n...\nd", "a\nb\nc\n") && !alike("a ... c ... b", "a b c") && !alike("x", "x\ny"));
}
