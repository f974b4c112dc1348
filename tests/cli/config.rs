//! Settings that aren't typed, and who wins.

use super::*;

const FILE: &str = r#"[default]
seeds = 3
jobs = 1
paths = ["scenarios/calm.json"]
[profile.ci]
seeds = "2..6"
report = ["json=out/r.json"]
no-shrink = true
[profile.bad-for-nobody]
fail-fast = true
"#;

fn with(file: &str, text: &str) -> Place {
    let place = Place::calm();
    std::fs::create_dir_all(place.path("below/.config")).unwrap();
    std::fs::create_dir_all(place.path(".config")).unwrap();
    std::fs::write(place.path(file), text).unwrap();
    place
}

/// The settings, from some directory, with variables: values and origins.
fn shown(place: &Place, dir: &str, words: &[&str], variables: &[(&str, &str)]) -> Value {
    let mut command = place.command(&[&["config", "show", "--format", "json"], words].concat());
    command.current_dir(place.path(dir)).envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let all = document(&output)["settings"].as_array().unwrap().clone();
    let map = all.into_iter().map(|row| (row["setting"].as_str().unwrap().to_string(), row));
    Value::Object(map.collect())
}

#[test]
fn flags_beat_variables_those_beat_profiles_and_those_the_default() {
    let place = with("cutline.toml", FILE);
    let seeds = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = place.command(&[&["run", "--format", "json"], words].concat());
        let output = command.envs(variables.iter().copied()).output().unwrap();
        document(&output)["summary"]["seeds"].as_u64().unwrap()
    };
    assert_eq!(seeds(&["--no-config"], &[]), 20, "built in: as the scenario says");
    assert_eq!(seeds(&[], &[]), 3);
    assert_eq!(seeds(&["--profile", "ci"], &[]), 4);
    assert_eq!(seeds(&[], &[("CUTLINE_PROFILE", "ci")]), 4);
    assert_eq!(seeds(&["--profile", "ci"], &[("CUTLINE_SEEDS", "5")]), 5);
    assert_eq!(seeds(&["--profile", "ci", "--seeds", "1"], &[("CUTLINE_SEEDS", "5")]), 1);
    assert_eq!(seeds(&["--seed", "9"], &[("CUTLINE_SEEDS", "5")]), 1, "what goes against a setting replaces it");
    assert_eq!(seeds(&[], &[("CUTLINE_SEEDS", "")]), 3, "an empty variable says nothing");
    assert!(place.path("out/r.json").exists(), "reports of the profile");
}

#[test]
fn every_setting_says_where_it_comes_from() {
    let place = with("cutline.toml", FILE);
    let all = shown(&place, ".", &["--profile", "ci"], &[("CUTLINE_JOBS", "7")]);
    let says =
        |name: &str| (all[name]["values"][0].as_str().unwrap_or_default(), all[name]["origin"].as_str().unwrap());
    assert_eq!(says("seeds"), ("2..6", "cutline.toml:6:1 [profile.ci]"));
    assert_eq!(says("paths"), ("scenarios/calm.json", "cutline.toml:4:1 [default]"));
    assert_eq!(says("jobs"), ("7", "CUTLINE_JOBS"));
    assert_eq!(says("no-shrink"), ("true", "cutline.toml:8:1 [profile.ci]"));
    assert_eq!(says("fail-fast"), ("false", "built in"));
    assert_eq!(says("findings"), (".cutline/findings", "built in"));

    // Further up it is found, too, and its paths are its own.
    let below = shown(&place, "below", &["--profile", "ci"], &[]);
    assert_eq!(below["paths"]["values"][0], "../scenarios/calm.json");
    assert_eq!(below["report"]["values"][0], "json=../out/r.json");
    assert_eq!(below["seeds"]["origin"], "../cutline.toml:6:1 [profile.ci]");
    // Not beyond the root of a repository; and the other name is one, too.
    std::fs::create_dir(place.path("below/.git")).unwrap();
    assert_eq!(shown(&place, "below", &[], &[])["seeds"]["origin"], "built in");
    std::fs::write(place.path("below/.config/cutline.toml"), "[default]\nseeds = 8\n").unwrap();
    assert_eq!(shown(&place, "below", &[], &[])["seeds"]["origin"], ".config/cutline.toml:2:1 [default]");
    assert_eq!(shown(&place, "below", &["--config", "../cutline.toml"], &[])["seeds"]["values"][0], "3");
}

#[test]
fn mistakes_are_all_shown_at_their_places() {
    let text = "[default]\nsedes = 3\njobs = 0\nprogress = \"fancy\"\nquiet = \"yes\"\n[profil.x]\n[profile.ci]\n\
        seeds = \"6..2\"\nreport = [\"xml=x\", 3]\n";
    let place = with("cutline.toml", text);
    let output = place.run(&["run"]);
    let said = err(&output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    for wanted in [
        "error[C0103]: unknown setting `sedes`",
        "--> cutline.toml:2:1",
        "+ seeds = 3",
        "cutline.toml:3:8",
        "expected one of auto, bar, lines, none",
        "cutline.toml:5:9",
        "error[C0103]: unknown setting `profil`",
        "6 lies above 2",
        "error[C0104]: a number where a text is wanted",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(said.matches("error[").count(), 7, "all of them, once: {said}");
    assert_eq!(place.code(&["explain", "C0103"]), 0, "whoever explains must work meanwhile");
    assert_eq!(place.code(&["run", "--no-config", "--seeds", "1"]), 0);

    let says = |text: &str, words: &[&str], wanted: &str| {
        std::fs::write(place.path("cutline.toml"), text).unwrap();
        let output = place.run(words);
        assert!(output.status.code() == Some(2) && err(&output).contains(wanted), "{}", err(&output));
    };
    says("[default\n", &["run"], "error[C0102]");
    says(FILE, &["run", "--profile", "cii"], "did you mean `ci`?");
    says(FILE, &["run", "--config", "nowhere.toml"], "cannot read nowhere.toml");
    says(FILE, &["run", "--config", "nowhere.toml", "--no-config"], "--no-config");
    let output = place.command(&["run"]).env("CUTLINE_QUIET", "perhaps").output().unwrap();
    assert!(output.status.code() == Some(2) && err(&output).contains("CUTLINE_QUIET: expected true or false"));
    let output = place.command(&["run"]).env("CUTLINE_FOR", "60").output().unwrap();
    assert!(output.status.code() == Some(2) && err(&output).contains("did you mean `60s`"), "{}", err(&output));
}

#[test]
fn preferences_change_what_is_shown_and_nothing_else() {
    let place = with("cutline.toml", "");
    std::fs::create_dir_all(place.path("home/cutline")).unwrap();
    let run = |preferences: &str, words: &[&str]| {
        std::fs::write(place.path("home/cutline/preferences.toml"), preferences).unwrap();
        let mut command = place.command(&[&["run", "--seeds", "2"], words].concat());
        command.env("XDG_CONFIG_HOME", place.path("home")).output().unwrap()
    };
    assert!(out(&run("color = \"always\"\n", &[])).contains('\u{1b}'));
    assert!(!out(&run("color = \"always\"\n", &["--color", "never"])).contains('\u{1b}'));
    let refused = run("color = \"always\"\nseeds = 3\n", &[]);
    assert!(refused.status.code() == Some(2) && err(&refused).contains("error[C0107]"), "{}", err(&refused));
}
