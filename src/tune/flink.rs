//! Checkpoint settings as Apache Flink's configuration files have them: `flink-conf.yaml` with one dotted key a line, and
//! `config.yaml` with nested keys.

use crate::scenario::spec::Mode;
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

/// What a file says of checkpoints. What it doesn't say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flink {
    /// `execution.checkpointing.interval`, in milliseconds.
    pub interval_ms: Option<u64>,
    /// `execution.checkpointing.timeout`.
    pub timeout_ms: Option<u64>,
    /// `execution.checkpointing.min-pause`.
    pub min_pause_ms: Option<u64>,
    /// `execution.checkpointing.aligned-checkpoint-timeout`.
    pub alignment_timeout_ms: Option<u64>,
    /// `execution.checkpointing.tolerable-failed-checkpoints`.
    pub tolerable_failures: Option<u64>,
    /// `execution.checkpointing.num-retained`, or `state.checkpoints.num-retained`.
    pub retain: Option<u64>,
    /// `execution.checkpointing.mode`, and `.unaligned.enabled` or `.unaligned`, with the timeout of alignments.
    pub mode: Option<Mode>,
    /// What concerns checkpoints and has no counterpart here, in the file's words.
    pub unused: Vec<String>,
}

/// The options that are read, without `execution.checkpointing.` before them.
pub const READ: [&str; 10] = [
    "interval",
    "timeout",
    "min-pause",
    "aligned-checkpoint-timeout",
    "alignment-timeout",
    "tolerable-failed-checkpoints",
    "num-retained",
    "mode",
    "unaligned",
    "unaligned.enabled",
];

/// A mistake in a file, with its place: line and column from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line and column.
    pub at: (usize, usize),
    /// What is wrong, and what was expected.
    pub what: String,
}

/// A value with its dotted key.
struct Pair {
    key: String,
    value: Option<String>,
    at: (usize, usize),
}

/// Reads a file. `flink-conf.yaml` was never read as YAML: with `lines`, what isn't YAML is read as Flink reads that file, one
/// `key: value` a line, the last of a key.
///
/// # Errors
/// The first thing that isn't as it should be.
pub fn read(text: &str, lines: bool) -> Result<Flink, Mistake> {
    shallow(text)?;
    let mut pairs = Vec::new();
    match MarkedYaml::load_from_str(text) {
        Ok(documents) => documents.iter().try_for_each(|document| flatten("", document, &mut pairs))?,
        Err(_) if lines && flat(text) => pairs = by_line(text),
        Err(error) => {
            let at = (error.marker().line(), error.marker().col() + 1);
            return Err(Mistake { at, what: format!("this is not YAML: {}", error.info()) });
        }
    }
    let (mut flink, mut exactly, mut unaligned) = (Flink::default(), None, None);
    for pair in &pairs {
        let Some(key) = pair.key.strip_prefix("execution.checkpointing.") else {
            if pair.key == "state.checkpoints.num-retained" {
                flink.retain = Some(number(pair)?);
            }
            continue;
        };
        match key {
            "interval" => flink.interval_ms = Some(interval(pair)?),
            "timeout" => flink.timeout_ms = Some(duration(pair)?.max(1)),
            "min-pause" => flink.min_pause_ms = Some(duration(pair)?),
            "aligned-checkpoint-timeout" | "alignment-timeout" => flink.alignment_timeout_ms = Some(duration(pair)?),
            "tolerable-failed-checkpoints" => flink.tolerable_failures = Some(number(pair)?),
            "num-retained" => flink.retain = Some(number(pair)?.max(1)),
            "mode" => exactly = Some(one_of(pair, &[("EXACTLY_ONCE", true), ("AT_LEAST_ONCE", false)])?),
            "unaligned" | "unaligned.enabled" => unaligned = Some(one_of(pair, &[("true", true), ("false", false)])?),
            _ => flink.unused.push(pair.key.clone()),
        }
    }
    flink.mode = match (exactly, unaligned) {
        (None, None) => None,
        (Some(false), _) => Some(Mode::AtLeastOnce),
        (_, Some(true)) if flink.alignment_timeout_ms.is_some_and(|ms| ms > 0) => Some(Mode::AlignedThenUnaligned),
        (_, Some(true)) => Some(Mode::Unaligned),
        _ => Some(Mode::Aligned),
    };
    Ok(flink)
}

/// The lines that say something, with their numbers: without remarks.
fn said(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let cut = text.lines().map(|line| line.split_once('#').map_or(line, |(before, _)| before).trim_end());
    (1..).zip(cut).filter(|(_, line)| !line.is_empty())
}

/// Has every line that says something a key at its beginning, and a value?
fn flat(text: &str) -> bool {
    said(text).all(|(_, line)| line.split_once(": ").is_some_and(|(key, _)| !key.contains(char::is_whitespace)))
}

fn by_line(text: &str) -> Vec<Pair> {
    let pair = |(number, line): (usize, &str)| {
        let (key, value) = line.split_once(": ").unwrap_or((line, ""));
        let at = (number, key.chars().count() + 3);
        Pair { key: key.trim().to_string(), value: Some(value.trim().to_string()), at }
    };
    said(text).map(pair).collect()
}

/// Each level of block structures takes a column at least, and a part of the parser's stack: settings have a handful.
/// (Of brackets the parser itself bears only so many.)
fn shallow(text: &str) -> Result<(), Mistake> {
    const DEEPEST: usize = 64;
    for (number, line) in text.lines().enumerate() {
        let inside = line.trim_start_matches([' ', '\t', '-', '?', ':']);
        if line.len() - inside.len() > DEEPEST {
            let what = format!("nothing is expected to be nested deeper than {DEEPEST} columns");
            return Err(Mistake { at: (number + 1, DEEPEST + 1), what });
        }
    }
    Ok(())
}

fn flatten(prefix: &str, node: &MarkedYaml, pairs: &mut Vec<Pair>) -> Result<(), Mistake> {
    let at = (node.span.start.line(), node.span.start.col() + 1);
    match &node.data {
        YamlData::Mapping(mapping) => {
            for (key, value) in mapping {
                let Some(name) = scalar(key) else {
                    let at = (key.span.start.line(), key.span.start.col() + 1);
                    return Err(Mistake { at, what: "a key is expected to be a name".to_string() });
                };
                let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                flatten(&key, value, pairs)?;
            }
            Ok(())
        }
        YamlData::Value(Scalar::Null) if prefix.is_empty() => Ok(()), // an empty file
        _ if prefix.is_empty() => Err(Mistake { at, what: "options are expected, `name: value`".to_string() }),
        _ => {
            pairs.push(Pair { key: prefix.to_string(), value: scalar(node), at });
            Ok(())
        }
    }
}

fn scalar(node: &MarkedYaml) -> Option<String> {
    match &node.data {
        YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::Boolean(value)) => Some(value.to_string()),
        YamlData::Representation(text, ..) => Some(text.to_string()),
        _ => None,
    }
}

fn wrong<T>(pair: &Pair, expected: &str) -> Result<T, Mistake> {
    let found = pair.value.as_ref().map_or_else(|| "something else".to_string(), |value| format!("`{value}`"));
    Err(Mistake { at: pair.at, what: format!("`{}` is expected to be {expected}, and is {found}", pair.key) })
}

fn number(pair: &Pair) -> Result<u64, Mistake> {
    match pair.value.as_ref().and_then(|value| value.parse().ok()) {
        Some(number) => Ok(number),
        None => wrong(pair, "a whole number"),
    }
}

fn one_of(pair: &Pair, words: &[(&str, bool)]) -> Result<bool, Mistake> {
    let value = pair.value.as_deref().unwrap_or("");
    match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)) {
        Some((_, meaning)) => Ok(*meaning),
        None => wrong(pair, &words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or ")),
    }
}

/// The time between checkpoints; with none Flink takes no checkpoints.
fn interval(pair: &Pair) -> Result<u64, Mistake> {
    match duration(pair)? {
        0 => wrong(pair, "longer than nothing (0 switches checkpoints off: leave it out, and see what is recommended)"),
        ms => Ok(ms),
    }
}

/// A duration as Flink's `TimeUtils` reads it: a number and a unit, milliseconds without one. What is less than one is rounded
/// down, as it is there.
fn duration(pair: &Pair) -> Result<u64, Mistake> {
    const EXPECTED: &str = "a duration such as `500 ms`, `10 s` or `3 min`";
    let value = pair.value.as_deref().unwrap_or("").trim();
    let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (times, parts) = match value[digits..].trim().to_lowercase().as_str() {
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => (1, 1_000_000),
        "µs" | "μs" | "micro" | "micros" | "microsecond" | "microseconds" => (1, 1000),
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => (1, 1),
        "s" | "sec" | "secs" | "second" | "seconds" => (1000, 1),
        "m" | "min" | "minute" | "minutes" => (60_000, 1),
        "h" | "hour" | "hours" => (3_600_000, 1),
        "d" | "day" | "days" => (86_400_000, 1),
        unit if digits == 0 && unit.starts_with('p') => {
            return wrong(pair, &format!("{EXPECTED} (Flink takes none as ISO 8601 writes them)"));
        }
        _ => return wrong(pair, EXPECTED),
    };
    match value[..digits].parse::<u64>().ok().and_then(|number| number.checked_mul(times)) {
        Some(ms) => Ok(ms / parts),
        None => wrong(pair, EXPECTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_files_are_read() {
        let flat = "# a comment\nexecution.checkpointing.interval: 10 s\nexecution.checkpointing.mode: EXACTLY_ONCE\n\
                    execution.checkpointing.unaligned: true\nexecution.checkpointing.aligned-checkpoint-timeout: 500ms\n\
                    execution.checkpointing.dir: s3://somewhere\nparallelism.default: 4\n";
        let nested = "execution:\n  checkpointing:\n    interval: 10000\n    mode: exactly_once\n    \
                      unaligned:\n      enabled: true\n    aligned-checkpoint-timeout: 500 ms\n    dir: s3://somewhere\n";
        let read = |text: &str| super::read(text, false).unwrap();
        let expected = Flink {
            interval_ms: Some(10_000),
            alignment_timeout_ms: Some(500),
            mode: Some(Mode::AlignedThenUnaligned),
            unused: vec!["execution.checkpointing.dir".to_string()],
            ..Flink::default()
        };
        assert_eq!(read(flat), expected);
        assert_eq!(read(nested), expected);
        assert_eq!(read(""), Flink::default());
        assert_eq!(read("execution.checkpointing.mode: AT_LEAST_ONCE").mode, Some(Mode::AtLeastOnce));
    }

    #[test]
    fn mistakes_have_their_place() {
        let read = |text: &str| super::read(text, false);
        let place = |text: &str| read(text).unwrap_err();
        let wrong = place("parallelism.default: 4\nexecution.checkpointing.interval: ten seconds\n");
        assert_eq!(wrong.at, (2, 35));
        assert!(wrong.what.contains("a duration such as"), "{}", wrong.what);
        assert_eq!(place("execution.checkpointing.mode: TWICE").at.0, 1);
        assert_eq!(place("- a\n- b\n").at, (1, 1));
        for opener in ["- ", "? ", ": ", "- ? ", "["] {
            assert!(read(&opener.repeat(20_000)).is_err(), "{opener}");
        }
        let stairs: String = (0..5000).map(|depth| format!("{:depth$}a:\n", "")).collect();
        assert_eq!(place(&stairs).at, (66, 65));
        assert!(read("a: [1, 2").is_err() && read("execution.checkpointing.timeout: 99999999999999999999 d").is_err());
    }

    #[test]
    fn durations_are_those_that_flink_takes() {
        let of = |value: &str| read(&format!("execution.checkpointing.timeout: {value}"), false).map(|f| f.timeout_ms);
        for (value, ms) in [
            ("10 s", 10_000),
            ("1min", 60_000),
            ("1 m", 60_000),
            ("2h", 7_200_000),
            ("1 day", 86_400_000),
            ("10000", 10_000),
            ("7 MILLIS", 7),
            ("2500 µs", 2),
            ("3000000 nanos", 3),
        ] {
            assert_eq!(of(value), Ok(Some(ms)), "{value}");
        }
        for value in ["ten s", "10 mins", "-1", "1.5 s", "PT10S", "10 s 5 ms", "", "18446744073709551615 s"] {
            assert!(of(value).is_err(), "{value}");
        }
        assert!(of("PT10S").unwrap_err().what.contains("ISO 8601"));
        assert!(
            read("execution.checkpointing.interval: 0", false).unwrap_err().what.contains("switches checkpoints off")
        );
    }

    /// `flink-conf.yaml` may have what is no YAML, and what is there twice; `config.yaml` may not.
    #[test]
    fn the_old_file_is_read_by_line() {
        let old = "# old\nexecution.checkpointing.interval: 10 s # was 5\nmetrics.scope.jm: %h.jobmanager\n\
                   env.java.opts: -Dx: @y `z`\n\nexecution.checkpointing.interval: 20 s\n";
        assert_eq!(read(old, true).map(|flink| flink.interval_ms), Ok(Some(20_000)));
        assert!(read(old, false).unwrap_err().what.contains("not YAML"));
        let wrong = old.replace("20 s", "20 parsecs");
        assert_eq!(read(&wrong, true).unwrap_err().at, (6, 35));
        assert!(
            read("a: {\n  b: [\n", true).unwrap_err().what.contains("not YAML"),
            "it is indented: nobody means lines"
        );
    }
}
