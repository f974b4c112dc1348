//! What people type: seeds, ranges of seeds, durations, partitions. Rejected input says what is wanted.

use crate::digest::Digest;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Which seeds of a scenario's sequence: from the first, up to but without the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub from: u64,
    /// One after the last; none: as many as there is time for.
    pub to: Option<u64>,
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (0, Some(to)) => write!(f, "{to}"),
            (from, Some(to)) => write!(f, "{from}..{to}"),
            (from, None) => write!(f, "{from}.."),
        }
    }
}

/// How a plan is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Round robin over the places of sequences; each scenario begins at another part, so that scenarios of a single
    /// seed are spread too.
    Slice,
    /// By a digest of the scenario's name and the seed: another scenario beside it moves nothing.
    Hash,
}

impl Way {
    /// The word in front of the numbers.
    pub fn word(self) -> &'static str {
        match self {
            Way::Slice => "slice",
            Way::Hash => "hash",
        }
    }
}

/// One of `of` parts of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// How it is divided.
    pub way: Way,
    /// Which, from 1.
    pub part: u64,
    /// How many there are.
    pub of: u64,
}

impl Partition {
    /// The whole plan.
    pub const WHOLE: Partition = Partition { way: Way::Slice, part: 1, of: 1 };

    /// Is it all of the plan?
    pub fn whole(&self) -> bool {
        self.of == 1
    }

    /// Is the seed at this place of this scenario's sequence in this part? `unit` is a number that stands for scenario
    /// and seed.
    pub fn has(&self, scenario: usize, index: u64, unit: impl FnOnce() -> u64) -> bool {
        let number = match self.way {
            _ if self.whole() => return true,
            Way::Slice => index.wrapping_add(scenario as u64),
            Way::Hash => unit(),
        };
        number % self.of == self.part - 1
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.way.word(), self.part, self.of)
    }
}

fn word(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (text, 10),
    };
    // from_str_radix takes a sign, and we take underscores between digits.
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    let clean = digits.starts_with(|c: char| c.is_digit(radix)) && plain.chars().all(|c| c.is_digit(radix));
    clean.then(|| u64::from_str_radix(&plain, radix).ok()).flatten()
}

/// A whole number of a range.
pub fn count<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: Copy + Into<u64> + TryFrom<u64> + Send + Sync + 'static,
{
    let (least, most): (u64, u64) = ((*range.start()).into(), (*range.end()).into());
    move |text| {
        let wanted = || match most {
            u64::MAX => format!("expected a whole number from {least}"),
            most => format!("expected a whole number from {least} to {most}"),
        };
        let found = word(text).filter(|number| (least..=most).contains(number));
        found.and_then(|number| T::try_from(number).ok()).ok_or_else(wanted)
    }
}

/// A seed: decimal or hexadecimal, underscores between digits allowed.
pub fn seed(text: &str) -> Result<u64, String> {
    word(text).ok_or_else(|| "expected decimal or 0x-hex up to 0xffffffffffffffff".to_string())
}

/// A seed, `text:...` or `git:REVISION`. The last two are folded: the first eight bytes of the house's digest of the text,
/// or of the forty hexadecimal digits of the commit.
pub fn seed_base(text: &str) -> Result<u64, String> {
    let folded = |text: &str| {
        let mut digest = Digest::new();
        digest.bytes(text.as_bytes());
        digest.finish64()
    };
    match text.split_once(':') {
        Some(("text", text)) => Ok(folded(text)),
        Some(("git", revision)) => {
            let mut git = std::process::Command::new("git");
            let output = git.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
            let output = output.arg(format!("{revision}^{{commit}}")).output().ok();
            let commit = output.filter(|output| output.status.success()).map(|output| output.stdout);
            let commit = commit.ok_or_else(|| format!("git knows no commit `{revision}` here"))?;
            Ok(folded(String::from_utf8_lossy(&commit).trim()))
        }
        _ => seed(text).map_err(|wanted| format!("{wanted}, text:ANYTHING or git:REVISION")),
    }
}

/// `N`, `A..B` or `A..`.
pub fn range(text: &str) -> Result<Range, String> {
    let number = |text: &str| word(text).ok_or_else(|| format!("`{text}` is no number"));
    let wanted = |problem| format!("{problem}; expected a number of seeds (1000) or a half-open range (1000..2000)");
    let range = match text.split_once("..") {
        None => Range { from: 0, to: Some(number(text).map_err(wanted)?) },
        Some((from, "")) => Range { from: number(from).map_err(wanted)?, to: None },
        Some((from, to)) => Range { from: number(from).map_err(wanted)?, to: Some(number(to).map_err(wanted)?) },
    };
    match range.to {
        Some(to) if to < range.from => Err(wanted(format!("{} lies above {to}", range.from))),
        _ => Ok(range),
    }
}

/// `500ms`, `90s`, `5m`, `1h30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wanted = "expected a duration such as 500ms, 90s, 5m or 1h30m";
    if text.chars().all(|c| c.is_ascii_digit()) && !text.is_empty() {
        return Err(format!("a unit is missing; did you mean `{text}s`? {wanted}"));
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| wanted.to_string())?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let millis: u64 = match &rest[digits..unit] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            other => return Err(format!("`{other}` is no unit of time; {wanted}")),
        };
        total += Duration::from_millis(number.saturating_mul(millis));
        rest = &rest[unit..];
    }
    if total.is_zero() { Err(wanted.to_string()) } else { Ok(total) }
}

/// `slice:m/n`, `hash:m/n`, or `m/n`.
pub fn partition(text: &str) -> Result<Partition, String> {
    let wanted = "expected slice:M/N or hash:M/N with 1 <= M <= N, such as slice:2/8";
    let (way, plain) = match text.split_once(':') {
        None => (Way::Slice, text),
        Some(("slice", plain)) => (Way::Slice, plain),
        Some(("hash", plain)) => (Way::Hash, plain),
        Some(_) => return Err(wanted.to_string()),
    };
    let (part, of) = plain.split_once('/').ok_or(wanted)?;
    match (word(part), word(of)) {
        (Some(part), Some(of)) if 1 <= part && part <= of => Ok(Partition { way, part, of }),
        _ => Err(wanted.to_string()),
    }
}

/// When a sweep has seen enough failing seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxFail {
    /// So many.
    pub most: u64,
    /// What is being run then is given up.
    pub immediate: bool,
}

impl fmt::Display for MaxFail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.most, if self.immediate { ":immediate" } else { "" })
    }
}

/// `N`, `N:wait` or `N:immediate`.
pub fn max_fail(text: &str) -> Result<MaxFail, String> {
    let (number, immediate) = match text.split_once(':') {
        None => (text, false),
        Some((number, "wait")) => (number, false),
        Some((number, "immediate")) => (number, true),
        Some(_) => ("", false),
    };
    let most = word(number).filter(|most| *most > 0);
    let most = most.ok_or("expected a number of failing seeds from 1, such as 3, 3:wait or 3:immediate")?;
    Ok(MaxFail { most, immediate })
}

/// After how many failing seeds that show nothing new a scenario is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// After so many.
    After(u64),
    /// Never.
    All,
}

impl fmt::Display for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Repeats::After(most) => write!(f, "{most}"),
            Repeats::All => f.write_str("all"),
        }
    }
}

/// `N` or `all`.
pub fn repeats(text: &str) -> Result<Repeats, String> {
    let wanted = "expected a number of failing seeds from 1, such as 64, or all";
    match text {
        "all" => Ok(Repeats::All),
        number => word(number).filter(|most| *most > 0).map(Repeats::After).ok_or_else(|| wanted.to_string()),
    }
}

pub use crate::report::quoted;

/// `512M`, `4G`: bytes.
pub fn size(text: &str) -> Result<u64, String> {
    let wanted = "expected a size such as 512M or 4G";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wanted.to_string())?;
    let unit = match text[digits..].to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err(wanted.to_string()),
    };
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(|| wanted.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_in_every_form() {
        assert_eq!(seed("42"), Ok(42));
        assert_eq!(seed("0x2a"), Ok(42));
        assert_eq!(seed("0x0000_0000_0000_002a"), Ok(42));
        assert_eq!(seed("0xffffffffffffffff"), Ok(u64::MAX));
        for bad in ["", "0x", "0xZZ", "-1", "+1", "0x1ffffffffffffffff", "_1", "1.5", " 1"] {
            assert!(seed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_are_half_open() {
        assert_eq!(range("7"), Ok(Range { from: 0, to: Some(7) }));
        assert_eq!(range("5..7"), Ok(Range { from: 5, to: Some(7) }));
        assert_eq!(range("5.."), Ok(Range { from: 5, to: None }));
        assert!(range("7..5").is_err() && range("..5").is_err() && range("x").is_err());
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(duration("60").unwrap_err().contains("60s"));
        for bad in ["", "s", "5 s", "5d", "0s", "-5s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn enough_failures_are_said_as_nextest_says_them() {
        assert_eq!(max_fail("3"), Ok(MaxFail { most: 3, immediate: false }));
        assert_eq!(max_fail("3:wait"), max_fail("3"));
        assert_eq!(max_fail("1:immediate").map(|most| most.to_string()), Ok("1:immediate".to_string()));
        assert_eq!((repeats("all"), repeats("7")), (Ok(Repeats::All), Ok(Repeats::After(7))));
        for bad in ["", "0", "x", "3:", "3:soon", ":immediate", "3:immediate:wait"] {
            assert!(max_fail(bad).is_err() && repeats(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parts_are_disjoint_and_make_up_the_whole() {
        for way in ["slice", "hash"] {
            let parts: Vec<Partition> = (1..=3).map(|m| partition(&format!("{way}:{m}/3")).unwrap()).collect();
            for scenario in 0..4 {
                for index in 0..20 {
                    let unit = || index * 7 + scenario as u64;
                    assert_eq!(parts.iter().filter(|part| part.has(scenario, index, unit)).count(), 1);
                }
            }
            assert_eq!(parts[1].to_string(), format!("{way}:2/3"));
        }
        assert!(partition("hush:1/2").is_err());
        assert!(partition("0/3").is_err() && partition("4/3").is_err() && partition("slice:x").is_err());
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("scenarios/a-b.json"), "scenarios/a-b.json");
        assert_eq!(quoted("my dir/it's.json"), r"'my dir/it'\''s.json'");
    }
}
