//! Numbers in words.

/// The same for running text: `0.8 ms`, without zeros that say nothing.
pub fn short(ns: u64) -> String {
    let (unit, name) = match ns {
        0 => return "0".to_string(),
        1..=999 => (1, "ns"),
        1_000..=99_999 => (1_000, "µs"),
        100_000..=9_999_999_999 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let rest = if unit == 1 { 0 } else { ns % unit / (unit / 1000) };
    let text = format!("{}.{rest:03}", ns / unit);
    format!("{} {name}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A duration of virtual time, in the unit that suits it; always as wide, for columns.
pub fn time(ns: u64) -> String {
    let (unit, name) = match ns {
        0..=999 => return format!("{ns} ns"),
        1_000..=999_999 => (1_000, "us"),
        1_000_000..=9_999_999_999 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    format!("{}.{:03} {name}", ns / unit, ns % unit / (unit / 1000))
}
