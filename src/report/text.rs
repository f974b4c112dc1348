//! For people. Colours are always written and taken out where they aren't wanted; nothing is said by them alone.

use super::matrix;
use super::{Cell, Finding, Head, Row, Status, Sweep, grouped, many, seed};
use crate::verify::Invariant;
use std::fmt::Write;

const GREEN: &str = "1;32";
const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const DIM: &str = "2";
const BOLD: &str = "1";

/// Longest lines of running text.
const LINE: usize = 100;

fn paint(style: &str, text: &str) -> String {
    format!("\u{1b}[{style}m{text}\u{1b}[0m")
}

/// Without colours.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    out
}

fn style(status: Status) -> &'static str {
    match status {
        Status::Pass => GREEN,
        Status::Fail | Status::Unreached => RED,
        Status::Undecided | Status::Skip => YELLOW,
    }
}

/// The column of an invariant: its number.
fn column(invariant: Invariant) -> &'static str {
    match invariant {
        Invariant::WellFormed => "wf",
        other => other.name().trim_start_matches('I'),
    }
}

/// What is asked for, and the heads of the columns.
pub fn head(head: &Head, scenarios: usize, seeds: Option<u64>, width: usize) -> String {
    let seeds = seeds.map_or_else(|| "seeds as time allows".to_string(), |seeds| many(seeds, "seed"));
    let mut out = format!(
        "cutline {}  run {}  {}, {seeds}, {}",
        env!("CARGO_PKG_VERSION"),
        head.id,
        many(scenarios as u64, "scenario"),
        many(head.jobs as u64, "thread"),
    );
    if let Some(partition) = &head.partition {
        let _ = write!(out, ", {partition}");
    }
    if let Some(base) = head.seed_base {
        let _ = write!(out, ", seed base {}", seed(base));
    }
    let columns: Vec<&str> = Invariant::ALL.into_iter().map(column).collect();
    let name = "scenario";
    let width = width.max(name.len());
    let heads = format!(
        "   status  {name:<width$}  {:>6}  {:>7}  {:>6}  {:>7}  {:>6}  {:>5}  {}",
        "seeds",
        "time",
        "per s",
        "records",
        "faults",
        "goals",
        columns.join(" ")
    );
    let _ = write!(out, "\n\n{}\n", paint(DIM, &heads));
    out
}

/// The line of a scenario.
pub fn row(row: &Row, width: usize) -> String {
    let busy = row.busy.as_secs_f64();
    let rate = if busy > 0.0 { short((row.seeds as f64 / busy) as u64) } else { String::new() };
    let (reached, wanted) = row.reached();
    let goals = if wanted == 0 { "-".to_string() } else { format!("{reached}/{wanted}") };
    let cells: Vec<String> = row
        .verdicts
        .iter()
        .map(|judged| {
            let width = column(judged.invariant).len();
            let (mark, style) = match judged.cell {
                Cell::Holds => (".", GREEN),
                Cell::Violated => ("X", RED),
                Cell::Expected => ("x", YELLOW),
                Cell::NotClaimed => ("-", DIM),
                Cell::Undecided => ("?", YELLOW),
                Cell::Unjudged => (" ", DIM),
            };
            paint(style, &format!("{mark:>width$}"))
        })
        .collect();
    let width = width.max("scenario".len());
    format!(
        "{}  {:<width$}  {:>6}  {:>7}  {rate:>6}  {:>7}  {:>6}  {goals:>5}  {}\n",
        paint(style(row.status), &format!("{:>9}", row.status.word())),
        row.name,
        grouped(row.seeds),
        format!("{busy:.2}s"),
        short(row.delivered),
        short(row.faults),
        cells.join(" "),
    )
}

/// Everything after the rows: what was expected and reached, what was found, the sum.
pub fn tail(sweep: &Sweep, verbose: u8, quiet: bool) -> String {
    let mut out = String::new();
    if !quiet {
        let legend = ". holds   X violated   x violated as expected   - not claimed   ? undecided";
        let _ = writeln!(out, "{}", paint(DIM, &format!("           {legend}")));
        expected(sweep, &mut out);
        reached(sweep, &mut out);
        out.push_str(&matrix::line(&sweep.scenarios, verbose > 0));
        if verbose > 0 {
            out.push_str(&matrix::table(&sweep.scenarios));
            each(sweep, &mut out);
        }
    }
    for row in &sweep.scenarios {
        for judged in &row.verdicts {
            if let Some((why, reproduce)) = &judged.why {
                let (name, invariant) = (paint(BOLD, &row.name), judged.invariant.name());
                let seeds = many(row.seeds, "seed");
                let head = paint(YELLOW, "UNDECIDED");
                let _ = writeln!(out, "\n{head} {name}  {invariant} by {} of {seeds}", grouped(judged.undecided));
                let _ = writeln!(out, "  {why}\n  reproduce: {reproduce}");
            }
        }
    }
    for found in &sweep.findings {
        let _ = write!(out, "\n{}", finding(found, verbose > 0));
    }
    let known: Vec<String> = sweep.scenarios.iter().filter_map(not_run).collect();
    if !known.is_empty() {
        let _ = write!(out, "\n{}\n{}", paint(YELLOW, "not run, as it would show nothing new"), known.concat());
    }
    for command in &sweep.tail.resume {
        let _ = writeln!(out, "{}", paint(BOLD, &format!("\nthe rest:  {command}")));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out + &summary(sweep)
}

fn expected(sweep: &Sweep, out: &mut String) {
    let mut lines = String::new();
    for row in &sweep.scenarios {
        let Some(expected) = &row.expected else { continue };
        let name = &expected.invariant;
        let _ = match (expected.first, expected.met) {
            (Some((place, first)), Some(true)) => {
                writeln!(lines, "  {}: {name} violated, first by seed {}, number {}", row.name, seed(first), place + 1)
            }
            (None, None) => {
                let within = grouped(expected.within);
                writeln!(lines, "  {}: {name} not violated yet; {within} seeds should be enough", row.name)
            }
            _ => continue,
        };
    }
    if !lines.is_empty() {
        let _ = write!(out, "\nviolated as expected\n{lines}");
    }
}

fn reached(sweep: &Sweep, out: &mut String) {
    let Some(first) = sweep.scenarios.first() else { return };
    let total = |at: usize| sweep.scenarios.iter().map(|row| row.met.get(at).map_or(0, |(_, n)| *n)).sum::<u64>();
    let words: Vec<(&str, u64)> = first.met.iter().enumerate().map(|(i, (word, _))| (*word, total(i))).collect();
    let met: Vec<String> =
        words.iter().filter(|(_, n)| *n > 0).map(|(word, n)| format!("{word} {}", grouped(*n))).collect();
    let never: Vec<String> = words.iter().filter(|(_, n)| *n == 0).map(|(word, _)| word.to_string()).collect();
    let _ = write!(
        out,
        "\nreached, by so many seeds\n{}",
        if met.is_empty() { "  nothing\n".to_string() } else { wrapped(&met) }
    );
    if !never.is_empty() {
        let _ = write!(out, "{}\n{}", paint(YELLOW, "reached by none"), wrapped(&never));
    }
    let mut uncounted: Vec<String> = Vec::new();
    for goal in sweep.scenarios.iter().flat_map(|row| &row.goals).filter(|goal| goal.seeds.is_none()) {
        if !uncounted.contains(&goal.word) {
            uncounted.push(goal.word.clone());
        }
    }
    if !uncounted.is_empty() {
        let _ = write!(out, "{}\n{}", paint(YELLOW, "wanted, but not counted by this version"), wrapped(&uncounted));
    }
}

fn each(sweep: &Sweep, out: &mut String) {
    for row in &sweep.scenarios {
        let met = row.met.iter().filter(|(_, n)| *n > 0).map(|(word, n)| format!("{word} {}", grouped(*n)));
        let met: Vec<String> = met.collect();
        let virtual_s = row.virtual_ns / 1_000_000_000;
        let _ = writeln!(
            out,
            "\n{}: {} protocol, {}; {} events in {} s of virtual time, {}; traces {:016x}",
            row.name,
            row.protocol,
            row.guarantee,
            grouped(row.events),
            grouped(virtual_s),
            many(row.job_failed, "failed job"),
            row.digest,
        );
        out.push_str(&wrapped(&met));
    }
}

/// A finding, with the plan of its run or without. Its last line is the command that shows it again.
pub fn finding(finding: &Finding, planned: bool) -> String {
    let mut out = paint(RED, "FAIL");
    let _ = write!(out, " {}  {}", paint(BOLD, &finding.scenario), finding.kind.title());
    if finding.count > 0 {
        let _ = write!(out, " by {} of {}", grouped(finding.count), many(finding.of, "seed"));
    }
    let _ = writeln!(out, "  [{}]", finding.id());
    let _ = writeln!(out, "  should be: {}", finding.statement);
    match finding.seed {
        Some(smallest) => {
            let message = finding.message.replace('\n', "\n    ");
            let _ = writeln!(out, "  seed {}: {message}", seed(smallest));
        }
        None => {
            let _ = writeln!(out, "  {}", finding.message);
        }
    }
    if let Some(plan) = finding.plan.as_ref().filter(|_| planned) {
        let _ = writeln!(out, "  plan: {plan}");
    }
    if let Some(shrunk) = &finding.shrunk {
        let _ = writeln!(out, "  shrunk to {shrunk}");
    }
    if let Some(smaller) = &finding.smaller {
        let _ = writeln!(out, "  shrunk:    {smaller}");
    }
    let _ = writeln!(out, "  reproduce: {}", finding.reproduce);
    out
}

/// What of a scenario was given up.
fn not_run(row: &Row) -> Option<String> {
    let left = row.not_run().map_or_else(|| "the rest".to_string(), grouped);
    let of = row.planned.map_or_else(|| "its seeds".to_string(), |planned| many(planned, "seed"));
    let hint = "`--repeats all` runs them";
    row.known.then(|| format!("  {}: {left} of {of}, after {} that fail; {hint}\n", row.name, grouped(row.failed)))
}

/// One word for all of it.
pub fn word(sweep: &Sweep) -> &'static str {
    match (sweep.findings.is_empty(), sweep.tail.interrupted) {
        (false, _) => "FAIL",
        (true, Some(_)) => "INTERRUPTED",
        (true, None) if sweep.tail.internal.is_some() => "ERROR",
        (true, None) if sweep.diagnostics.iter().any(super::Remark::is_error) => "REFUSED",
        (true, None) if sweep.scenarios.iter().any(|row| row.status == Status::Undecided) => "UNDECIDED",
        (true, None) => "PASS",
    }
}

fn summary(sweep: &Sweep) -> String {
    let word = word(sweep);
    let color = match word {
        "PASS" => GREEN,
        "INTERRUPTED" | "UNDECIDED" => YELLOW,
        _ => RED,
    };
    let seeds = sweep.scenarios.iter().map(|row| row.seeds).sum();
    let mut out = format!("{}  {}", paint(color, word), sum(sweep));
    let _ = writeln!(out, "  [{:.1}s]", sweep.tail.elapsed.as_secs_f64());
    // Of fewer seeds nothing can be said that anybody wants to know.
    if word == "PASS" && seeds >= 6 {
        let _ = writeln!(out, "{}", paint(DIM, &risk(seeds)));
    }
    out
}

/// What was done and found, in one line.
pub fn sum(sweep: &Sweep) -> String {
    let sum = |of: &dyn Fn(&Row) -> u64| sweep.scenarios.iter().map(of).sum::<u64>();
    let seeds = sum(&|row| row.seeds);
    let mut out = many(sweep.scenarios.len() as u64, "scenario");
    let _ = write!(out, ", {}, {} records delivered", many(seeds, "seed"), grouped(sum(&|row| row.delivered)));
    let _ = write!(out, ", {}", many(sum(&|row| row.faults), "fault"));
    if sweep.findings.is_empty() {
        out.push_str("; nothing found");
    } else {
        let failed = sum(&|row| row.failed);
        let _ = write!(out, "; {} in {}", many(sweep.findings.len() as u64, "finding"), many(failed, "failing seed"));
    }
    if sweep.scenarios.iter().any(|row| row.known) {
        let left: Option<u64> = sweep.scenarios.iter().map(Row::not_run).sum();
        let left = left.map_or_else(|| "the rest".to_string(), |left| many(left, "seed"));
        let _ = write!(out, "; {left} not run (nothing new)");
    }
    let failed_jobs = sum(&|row| row.job_failed);
    if failed_jobs > 0 {
        let _ = write!(out, "; {} inconclusive (job failed for good)", grouped(failed_jobs));
    }
    if let Some(signal) = sweep.tail.interrupted {
        let _ = write!(out, "; interrupted by {signal}");
    } else if sweep.tail.out_of_time {
        out.push_str("; time is up");
    } else if sweep.tail.enough {
        out.push_str("; enough failures");
    }
    if let Some(base) = sweep.head.seed_base {
        let _ = write!(out, "; seed base {}", seed(base));
    }
    out
}

/// What it means that so many seeds hold, by the rule of three: 1 - 3/n to the n is 5 percent.
fn risk(seeds: u64) -> String {
    let (one_in, seeds) = (grouped(seeds / 3), grouped(seeds));
    format!(
        "      residual risk: that {seeds} seeds hold says, with 95 % confidence, that of other seeds of these scenarios\n      \
         fewer than 1 in {one_in} fail. It says nothing of other scenarios."
    )
}

fn wrapped(words: &[String]) -> String {
    let mut out = String::new();
    let mut line = String::from(" ");
    for (i, word) in words.iter().enumerate() {
        let comma = if i + 1 < words.len() { "," } else { "" };
        if line.len() + word.len() + 2 > LINE {
            let _ = writeln!(out, "{line}");
            line = String::from(" ");
        }
        let _ = write!(line, " {word}{comma}");
    }
    let _ = writeln!(out, "{line}");
    out
}

/// A number in few characters: 812, 12.3k, 1.23M.
fn short(number: u64) -> String {
    let value = number as f64;
    match number {
        0..=9999 => grouped(number),
        10_000..=99_949 => format!("{:.1}k", value / 1e3),
        99_950..=999_499 => format!("{:.0}k", value / 1e3),
        999_500..=9_994_999 => format!("{:.2}M", value / 1e6),
        9_995_000..=99_949_999 => format!("{:.1}M", value / 1e6),
        99_950_000..=999_499_999 => format!("{:.0}M", value / 1e6),
        _ => format!("{:.2}G", value / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        let all = [0, 999, 9999, 10_000, 99_949, 99_950, 999_500, 12_345_678, 123_456_789, 5_000_000_000];
        let texts: Vec<String> = all.into_iter().map(short).collect();
        assert_eq!(
            texts,
            ["0", "999", "9,999", "10.0k", "99.9k", "100k", "1.00M", "12.3M", "123M", "5.00G"].map(String::from)
        );
    }
}
