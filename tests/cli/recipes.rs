//! The recipes of docs/ci.md, taken from the page and run: what they merge is what one run of the whole gives.

use super::merge::timeless;
use super::*;

/// The code block behind a mark.
fn recipe(name: &str) -> String {
    let page = include_str!("../../docs/ci.md");
    let mark = format!("<!-- recipe: {name} -->\n```");
    let (_, rest) = page.split_once(&mark).unwrap_or_else(|| panic!("docs/ci.md has no recipe {name}"));
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("\n```").unwrap().0.to_string() + "\n"
}

/// The scripts in YAML: literal blocks, in order.
fn scripts(yaml: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut found, mut lines) = (Vec::new(), yaml.lines().peekable());
    while let Some(line) = lines.next() {
        if line.ends_with(" |") {
            let mut script = String::new();
            while let Some(more) = lines.next_if(|more| more.trim().is_empty() || indent(more) > indent(line)) {
                script += &format!("{}\n", more.trim());
            }
            found.push(script);
        }
    }
    found
}

/// A place with scenarios that fail now and then, and the profile that all recipes use.
fn place() -> Place {
    let faulty = CALM.replace("\"count\": 0", "\"count\": 2");
    let place = Place::new(&[("a.json", CALM), ("b.json", &faulty)]);
    let profile =
        "[profile.nightly]\nseeds = 20\npaths = [\"scenarios\"]\nno-shrink = true\nprotocol = \"offset-early\"\n";
    std::fs::write(place.path("cutline.toml"), profile).unwrap();
    place
}

fn shell(place: &Place, variables: &[(&str, &str)], script: &str) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_cutline")).parent().unwrap().display().to_string();
    let path = format!("{}:{bin}:{}", place.path("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-ec", script]).current_dir(place.dir.path()).env("PATH", path).stdin(Stdio::null());
    for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"] {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", place.path("nobody")).envs(variables.iter().copied()).output().unwrap()
}

/// A part must succeed, whatever it finds.
fn part(place: &Place, variables: &[(&str, &str)], script: &str) {
    let output = shell(place, variables, script);
    assert_eq!(output.status.code(), Some(0), "{script}: {}", err(&output));
}

/// What was merged is what one run of the whole gives, and the exit code too.
fn same(place: &Place, merged: &Output) {
    let whole = place.run(&["run", "--profile", "nightly", "--format", "json"]);
    assert_eq!((whole.status.code(), merged.status.code()), (Some(1), Some(1)), "{}{}", out(merged), err(merged));
    assert_eq!(timeless(&place.bytes("out/all.json")), timeless(&whole.stdout));
}

/// Is a program there? If not, that is said.
fn there(name: &str, test: &str) -> bool {
    let found = Command::new("sh").args(["-c", test]).output().unwrap().status.success();
    assert!(found || !must_be_there(name), "{name} isn't there");
    if !found {
        eprintln!("SKIPPED: {name} isn't there");
    }
    found
}

#[test]
fn github() {
    let place = place();
    let all = scripts(&recipe("github"));
    for shard in ["1", "2", "3", "4"] {
        part(&place, &[], &all[0].replace("${{ matrix.shard }}", shard));
    }
    same(&place, &shell(&place, &[], &all[1]));
    assert!(place.path("out/junit.xml").exists() && place.path("out/cutline.sarif").exists());
}

#[test]
fn gitlab() {
    let place = place();
    let all = scripts(&recipe("gitlab"));
    for index in ["1", "2", "3", "4"] {
        part(&place, &[("CI_NODE_INDEX", index), ("CI_NODE_TOTAL", "4")], &all[0]);
    }
    same(&place, &shell(&place, &[], &all[1]));
}

#[test]
fn gnu_parallel() {
    if there("GNU parallel", "parallel --version | grep -q GNU") {
        let place = place();
        same(&place, &shell(&place, &[("HOME", place.path(".").to_str().unwrap())], &recipe("parallel")));
        assert!(place.path("out/summary.md").exists());
    }
}

#[test]
fn kubernetes() {
    let place = place();
    let script = &scripts(&recipe("kubernetes"))[0];
    for index in ["4", "0", "1", "5", "3", "2", "1"] {
        // The last one is a pod that was started again.
        part(&place, &[("JOB_COMPLETION_INDEX", index)], script);
    }
    same(&place, &shell(&place, &[], &recipe("kubernetes-merge")));
}

/// The script in Slurm where one answers; otherwise as Slurm runs it, with the variables that it sets.
#[test]
fn slurm() {
    let place = place();
    let script = recipe("slurm");
    if Command::new("sh").args(["-c", "timeout 10 sinfo"]).output().unwrap().status.success() {
        std::fs::write(place.path("job.sh"), script).unwrap();
        part(&place, &[], "sbatch -W job.sh");
    } else {
        assert!(!must_be_there("slurm"), "Slurm doesn't answer");
        eprintln!("SKIPPED in Slurm itself: none answers");
        for task in ["1", "2", "3", "4", "5"] {
            part(&place, &[("SLURM_ARRAY_TASK_ID", task), ("SLURM_CPUS_PER_TASK", "2")], &script);
        }
    }
    same(&place, &shell(&place, &[], &recipe("kubernetes-merge")));
}

fn python(name: &str, module: &str) {
    let python = std::env::var("CUTLINE_PYTHON").unwrap_or_else(|_| "python3".to_string());
    if there(name, &format!("'{python}' -c 'import {module}'")) {
        let place = place();
        std::fs::write(place.path("sweep.py"), recipe("python")).unwrap();
        same(&place, &shell(&place, &[], &format!("'{python}' sweep.py {name}")));
    }
}

#[test]
fn dask() {
    python("dask", "dask.distributed");
}

#[test]
fn ray() {
    python("ray", "ray");
}

/// A history in which the fourth of six commits brings the bug, and the second can't be built.
#[test]
fn bisect() {
    if !there("git", "git --version") {
        return;
    }
    let place = place();
    let broken = CALM.replace("\"guarantee\"", "\"protocol\": \"drops-one\",\n  \"guarantee\"");
    // Building takes a compiler and minutes; here it takes a file that says whether it works.
    let cargo = "#!/bin/sh\ntest ! -e unbuildable\n";
    std::fs::create_dir_all(place.path("bin")).unwrap();
    std::fs::write(place.path("bin/cargo"), cargo).unwrap();
    std::fs::create_dir_all(place.path("regressions")).unwrap();
    std::fs::create_dir_all(place.path("target/release")).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_cutline"), place.path("target/release/cutline")).unwrap();
    let git = |words: &str| {
        let script =
            format!("chmod +x bin/cargo; git -c user.name=a -c user.email=a@b -c init.defaultBranch=main {words}");
        part(&place, &[("GIT_CONFIG_GLOBAL", "nothing")], &script);
    };
    git("init -q");
    let mut commits = Vec::new();
    for n in 1..=6 {
        std::fs::write(place.path("regressions/lost-record.json"), if n < 4 { CALM } else { &broken }).unwrap();
        std::fs::write(place.path("version"), n.to_string()).unwrap();
        match n {
            2 => std::fs::write(place.path("unbuildable"), "").unwrap(),
            3 => std::fs::remove_file(place.path("unbuildable")).unwrap(),
            _ => {}
        }
        git("add version regressions");
        git("add -A unbuildable 2>/dev/null || true");
        git(&format!("commit -q -m {n}"));
        if n == 1 {
            git("tag v1");
        }
        commits.push(out(&shell(&place, &[], "git rev-parse HEAD")).trim().to_string());
    }
    let output = shell(&place, &[("GIT_CONFIG_GLOBAL", "nothing")], &recipe("bisect"));
    let said = out(&output);
    assert!(said.contains(&format!("{} is the first bad commit", commits[3])), "{said}{}", err(&output));
}
