//! What can be set, which is most options of `run`.

/// What a setting looks like in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text, or a number.
    Text,
    /// True or false.
    Flag,
    /// A path, relative to the file.
    Path,
    /// A list of paths.
    Paths,
    /// A list of FORMAT=PATH.
    Reports,
}

/// A setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// The long name of the option.
    pub name: &'static str,
    /// The name of the argument.
    pub id: &'static str,
    /// What it looks like.
    pub shape: Shape,
    /// Arguments that, if they are typed, replace it.
    pub against: &'static [&'static str],
}

const fn key(name: &'static str, id: &'static str, shape: Shape) -> Key {
    Key { name, id, shape, against: &[] }
}

const fn unless(name: &'static str, id: &'static str, shape: Shape, against: &'static [&'static str]) -> Key {
    Key { name, id, shape, against }
}

/// All of them.
pub static KEYS: &[Key] = &[
    unless("paths", "paths", Shape::Paths, &["rerun"]),
    unless("seeds", "seeds", Shape::Text, &["seed", "rerun"]),
    unless("seed-base", "seed_base", Shape::Text, &["seed", "fresh", "rerun"]),
    key("for", "budget", Shape::Text),
    key("jobs", "jobs", Shape::Text),
    key("partition", "partition", Shape::Text),
    unless("filter", "filter", Shape::Text, &["rerun"]),
    unless("protocol", "protocol", Shape::Text, &["rerun"]),
    unless("max-fail", "max_fail", Shape::Text, &["fail_fast", "no_fail_fast"]),
    unless("fail-fast", "fail_fast", Shape::Flag, &["max_fail", "no_fail_fast"]),
    unless("no-fail-fast", "no_fail_fast", Shape::Flag, &["max_fail", "fail_fast"]),
    key("repeats", "repeats", Shape::Text),
    key("max-steps", "max_steps", Shape::Text),
    key("stuck-after", "stuck_after", Shape::Text),
    key("check-determinism", "check_determinism", Shape::Flag),
    key("no-regressions", "no_regressions", Shape::Flag),
    key("format", "format", Shape::Text),
    key("report", "report", Shape::Reports),
    key("progress", "progress", Shape::Text),
    key("color", "color", Shape::Text),
    key("no-tests", "no_tests", Shape::Text),
    key("exit-zero", "exit_zero", Shape::Flag),
    unless("no-shrink", "no_shrink", Shape::Flag, &["save_regressions"]),
    key("min-seeds", "min_seeds", Shape::Text),
    key("findings", "findings", Shape::Path),
    key("quiet", "quiet", Shape::Flag),
];

/// What may stand in a person's own file: nothing that could change a verdict.
pub const PREFERENCES: [&str; 2] = ["color", "progress"];

/// What is wrong with a file of settings, by code.
pub const CODES: &[(&str, &str)] = &[
    ("C0101", "The file of settings can't be read."),
    ("C0102", "The text isn't TOML."),
    (
        "C0103",
        "A setting that isn't known. Unknown settings are errors, because a misspelt one that is silently ignored changes \
         what is tested. Settings are the long names of options of `cutline run`, in [default] or [profile.NAME].",
    ),
    ("C0104", "A value is of another type than its setting: a list where a text is wanted, for example."),
    ("C0105", "The option doesn't take this value: what it wants is what it wants when it is typed."),
    ("C0106", "No profile has this name. A profile is a table [profile.NAME] of the file of settings."),
    (
        "C0107",
        "A person's own file has preferences, color and progress, and nothing else: what others get for the same command \
         must not depend on it.",
    ),
];
