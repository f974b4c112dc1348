//! Numbers in words.

/// A duration of virtual time, in the unit that suits it.
pub fn time(ns: u64) -> String {
    let (unit, name) = match ns {
        0..=999 => return format!("{ns} ns"),
        1_000..=999_999 => (1_000, "us"),
        1_000_000..=9_999_999_999 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    format!("{}.{:03} {name}", ns / unit, ns % unit / (unit / 1000))
}
