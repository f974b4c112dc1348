//! What `cutline tune` shows: a table, a recommendation, plots.

use super::tune::Told;
use crate::picture::plot::{Panel, Series, plot};
use crate::report::many;
use crate::scenario::diagnose::nearest;
use crate::scenario::spec::Mode;
use crate::tune::flink::READ;
use crate::tune::{Figures, Point, Value, theory};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::fmt::Write;

const MS: f64 = 1e6;

fn ms(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_string(), |value| format!("{:.1}", value / MS))
}

fn beside(value: Value, show: impl Fn(Option<f64>) -> String) -> String {
    match value.form {
        Some(_) => format!("{} ({})", show(value.measured), show(value.form)),
        None => show(value.measured),
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_string(), |share| format!("{:.1}", share / 1e4))
}

fn count(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_string(), |value| format!("{value:.0}"))
}

fn interval(ms: u64) -> String {
    match ms {
        _ if ms >= 60_000 && ms.is_multiple_of(60_000) => format!("{}min", ms / 60_000),
        _ if ms >= 1000 && ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

fn mode(point: &Point) -> String {
    match point.setting.alignment_timeout_ms {
        Some(ms) => format!("{} {}", point.setting.way.name, interval(ms)),
        None => point.setting.way.name.to_string(),
    }
}

/// The table and what follows from it.
pub fn human(told: &Told) -> String {
    let failures = match told.mtbf_ms {
        Some(ms) => format!("a crash every {} on average", interval(ms)),
        None => "the scenario's own faults".to_string(),
    };
    let mut out = format!(
        "{}: {}, {failures}; times in ms of virtual time\n\n",
        told.path.display(),
        many(told.seeds as u64, "seed")
    );
    let header =
        ["mode", "interval", "ckpts", "takes", "costs", "reads again", "down", "caught up", "latency", "worst"];
    let mut rows: Vec<Vec<String>> = vec![header.iter().chain(&["useful %"]).map(|word| word.to_string()).collect()];
    for point in &told.sweep.points {
        let figures = told.sweep.figures(point);
        rows.push(vec![
            mode(point),
            interval(point.setting.interval_ms),
            format!("{}.{}", figures.checkpoints_tenths / 10, figures.checkpoints_tenths % 10),
            ms(figures.duration),
            ms(figures.cost),
            beside(figures.replayed, count),
            ms(figures.down),
            beside(figures.recovery, ms),
            beside(figures.latency, ms),
            ms(figures.worst_latency),
            beside(figures.useful, percent),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in &rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(out, "  {cell:<width$}"),
                _ => write!(out, "  {cell:>width$}"),
            };
        }
        out.push('\n');
    }
    out.push_str("\nin brackets: the closed form of the same, as docs/tune.md has it\n");
    advice(told, &mut out);
    out
}

fn advice(told: &Told, out: &mut String) {
    let few = told.sweep.points.iter().filter(|p| p.calm.measure.completed < 3 * p.calm.measure.runs);
    let few: BTreeSet<u64> = few.map(|point| point.setting.interval_ms).collect();
    if !few.is_empty() {
        let few: Vec<String> = few.into_iter().map(interval).collect();
        let _ = writeln!(out, "too few checkpoints in a run to say much of {}: see --records", few.join(", "));
    }
    for point in &told.sweep.points {
        for (seed, what) in point.calm.broken.iter().chain(&point.rough.broken).take(1) {
            let place = format!("{} {}", mode(point), interval(point.setting.interval_ms));
            let _ = writeln!(out, "BROKEN  {place}, seed {seed:#x}: {what}");
        }
    }
    let Some(best) = told.sweep.best(told.limit) else {
        out.push_str(match told.limit {
            Some(_) => "\nno setting keeps the mean latency under the limit\n",
            None => "\nno setting got to the end with every seed: nothing is recommended\n",
        });
        return;
    };
    let figures = told.sweep.figures(best);
    let under =
        told.limit.map_or_else(String::new, |limit| format!(", of those under {} ms of mean latency", ms(Some(limit))));
    let _ = writeln!(
        out,
        "\nrecommended: {}, every {}: most of the time is useful{under} ({} %)",
        mode(best),
        interval(best.setting.interval_ms),
        percent(figures.useful.measured)
    );
    if let (Some(cost), Some(mtbf)) = (figures.cost.filter(|cost| *cost > 0.0), figures.mtbf) {
        let period = |value: f64| ms(Some(value));
        let _ = writeln!(
            out,
            "theory, with a cost of {} ms and {} ms between failures: Young {}, Daly {}, exact {} ms",
            ms(Some(cost)),
            ms(Some(mtbf)),
            period(theory::young(cost, mtbf)),
            period(theory::daly(cost, mtbf) + cost),
            period(theory::best_period(cost, mtbf))
        );
    }
    if let (true, Some(worst)) = (told.sweep.transactional, figures.worst_latency) {
        let timeout = ms(Some(worst.max(best.setting.interval_ms as f64 * MS + figures.duration.unwrap_or(0.0))));
        let _ = writeln!(
            out,
            "transactions must not time out within {timeout} ms, the longest wait seen, and any longer outage"
        );
    }
    out.push_str("in Flink's words:\n");
    flink(best, told, out);
}

fn flink(best: &Point, told: &Told, out: &mut String) {
    let mode = best.setting.way.setting();
    let exactly = if mode == Some(Mode::AtLeastOnce) { "AT_LEAST_ONCE" } else { "EXACTLY_ONCE" };
    let overtakes = matches!(mode, Some(Mode::Unaligned | Mode::AlignedThenUnaligned));
    let _ = writeln!(out, "  execution.checkpointing.interval: {} ms", best.setting.interval_ms);
    let _ = writeln!(out, "  execution.checkpointing.mode: {exactly}");
    let _ = writeln!(out, "  execution.checkpointing.unaligned.enabled: {overtakes}");
    if let Some(timeout) = best.setting.alignment_timeout_ms {
        let _ = writeln!(out, "  execution.checkpointing.aligned-checkpoint-timeout: {timeout} ms");
    }
    for unused in told.flink.iter().flat_map(|flink| &flink.unused) {
        let option = unused.rsplit_once("checkpointing.").map_or(unused.as_str(), |(_, option)| option);
        let _ = match nearest(option, READ) {
            Some(near) => writeln!(out, "  {unused}: nothing here is called that; did you mean `{near}`?"),
            None => writeln!(out, "  {unused}: as it is; nothing here depends on it"),
        };
    }
}

fn value(value: Value) -> Json {
    json!({ "measured": rounded(value.measured), "form": rounded(value.form) })
}

fn rounded(value: Option<f64>) -> Option<u64> {
    value.map(|value| value.round().max(0.0) as u64)
}

/// The table as a document: times in nanoseconds, shares of a million.
pub fn machine(told: &Told) -> Json {
    let row = |point: &Point| {
        let Figures { duration, cost, replayed, down, recovery, latency, worst_latency, useful, .. } =
            told.sweep.figures(point);
        json!({
            "mode": point.setting.way.name,
            "interval_ms": point.setting.interval_ms,
            "alignment_timeout_ms": point.setting.alignment_timeout_ms,
            "checkpoints": point.calm.measure.completed,
            "failures": point.rough.measure.recoveries,
            "duration_ns": rounded(duration),
            "cost_ns": rounded(cost),
            "replayed": value(replayed),
            "down_ns": rounded(down),
            "recovery_ns": value(recovery),
            "latency_ns": value(latency),
            "worst_latency_ns": rounded(worst_latency),
            "useful_ppm": value(useful),
            "broken": point.calm.broken.len() + point.rough.broken.len(),
        })
    };
    let best = told.sweep.best(told.limit).map(|best| {
        json!({
            "mode": best.setting.way.name,
            "interval_ms": best.setting.interval_ms,
            "alignment_timeout_ms": best.setting.alignment_timeout_ms,
        })
    });
    json!({
        "schema": "cutline.tune/1",
        "scenario": told.path.display().to_string(),
        "seeds": told.seeds,
        "mtbf_ms": told.mtbf_ms,
        "points": told.sweep.points.iter().map(row).collect::<Vec<_>>(),
        "recommended": best,
    })
}

/// The plots: one for each kind of figure.
pub fn plots(told: &Told) -> String {
    let mut intervals: Vec<u64> = told.sweep.points.iter().map(|point| point.setting.interval_ms).collect();
    intervals.sort_unstable();
    intervals.dedup();
    let mut modes: Vec<String> = Vec::new();
    for point in &told.sweep.points {
        if !modes.contains(&mode(point)) {
            modes.push(mode(point));
        }
    }
    let panel = |title: &str, unit: f64, figure: &dyn Fn(&Figures) -> Value| {
        let series = modes.iter().map(|name| {
            let at = |ms: &u64| told.sweep.points.iter().find(|p| mode(p) == *name && p.setting.interval_ms == *ms);
            let values: Vec<Value> = intervals
                .iter()
                .map(|ms| at(ms).map_or_else(Value::default, |p| figure(&told.sweep.figures(p))))
                .collect();
            let scaled = |value: Option<f64>| value.map(|value| value / unit);
            Series {
                name: name.clone(),
                points: values.iter().map(|value| scaled(value.measured)).collect(),
                form: values.iter().map(|value| scaled(value.form)).collect(),
            }
        });
        let places = intervals.iter().map(|ms| interval(*ms)).collect();
        Panel { title: title.to_string(), places, series: series.collect() }
    };
    let alone = |measured: Option<f64>| Value { measured, form: None };
    let panels = [
        panel("a checkpoint's cost, ms", MS, &|f| alone(f.cost)),
        panel("a checkpoint's duration, ms", MS, &|f| alone(f.duration)),
        panel("records read again after a failure", 1.0, &|f| f.replayed),
        panel("from a failure until caught up, ms", MS, &|f| f.recovery),
        panel("mean latency of output, ms", MS, &|f| f.latency),
        panel("useful time, %", 1e4, &|f| f.useful),
    ];
    let file = told.path.file_stem().map(|name| name.to_string_lossy().to_string()).unwrap_or_default();
    plot(&format!("{file}: checkpoints by interval"), &panels)
}
