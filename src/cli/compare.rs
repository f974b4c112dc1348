//! `cutline compare`: one job under one checkpoint protocol after another, and what each costs.

use super::args::ScoreFormat;
use super::exit::{Ending, Why};
use super::output::{self, complain};
use super::plan::{BASE, seed_at};
use super::{defect, find, list, parse, seed};
use crate::compare::{Column, FIGURES, Measure, Shown, WAYS, Way, Weather, compare as run};
use crate::report;
use crate::scenario::Loaded;
use crate::scenario::diagnose::nearest;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// `cutline compare`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "The same records, delays and faults under each protocol: once with nothing going wrong, once with the scenario's faults.
Exits with 1 if a protocol doesn't keep what it claims, or a count isn't what its closed form says.

Examples:
  cutline compare
  cutline compare scenarios/diamond.json --seeds 100 --protocols aligned,unaligned
  cutline compare --format json"
)]
pub struct Compare {
    /// Scenario files, and directories that are searched for them
    #[arg(value_name = "PATHS", default_value = "scenarios/compare")]
    pub paths: Vec<PathBuf>,
    /// So many seeds of each, instead of as many as the scenario says
    #[arg(long, value_name = "N", value_parser = parse::count::<u64>(1..=1_000_000))]
    pub seeds: Option<u64>,
    /// Only these
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub protocols: Vec<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = ScoreFormat::Human)]
    pub format: ScoreFormat,
}

/// What came of one scenario in one weather.
struct Block {
    path: PathBuf,
    name: String,
    weather: Weather,
    seeds: usize,
    columns: Vec<Column>,
}

impl Block {
    fn weather(&self) -> &'static str {
        match self.weather {
            Weather::Calm => "nothing goes wrong",
            Weather::Faults => "with the scenario's faults",
        }
    }

    /// Does a protocol not keep what it claims, or a closed form not hold?
    fn bad(&self) -> bool {
        let differs = |column: &Column| {
            column.measure.as_ref().is_ok_and(|measure| FIGURES.iter().any(|figure| figure.of(measure).differs))
        };
        self.columns.iter().any(|column| !column.broken.is_empty() || differs(column))
    }
}

/// Compares.
pub fn compare(args: Compare) -> Ending {
    let ways = match ways(&args.protocols, WAYS.iter().collect()) {
        Ok(ways) => ways,
        Err(problem) => {
            complain(&problem);
            return Ending::bad(Why::BadInput);
        }
    };
    let scenarios = match find::good(&args.paths) {
        Ok(scenarios) => scenarios,
        Err(ending) => return ending,
    };
    seed::hush();
    let (mut blocks, mut ending) = (Vec::new(), Ending::good());
    for (path, loaded) in &scenarios {
        for weather in [Weather::Calm, Weather::Faults] {
            let block = match block(path, loaded, args.seeds, &ways, weather) {
                Ok(block) => block,
                Err(problem) => {
                    return defect::internal(&format!("{}: {problem}", path.display()));
                }
            };
            if block.bad() {
                ending.add(Why::Violated);
            }
            if args.format == ScoreFormat::Human
                && let Err(error) = output::print(&human(&block))
            {
                return super::printed(Err(error), ending);
            }
            blocks.push(block);
        }
    }
    let text = match args.format {
        ScoreFormat::Human => LEGEND.to_string(),
        ScoreFormat::Json => list::pretty(&machine(&ways, &blocks)),
    };
    super::printed(output::print(&text), ending)
}

const LEGEND: &str = "\
Averages over all seeds, in virtual time. In brackets: the closed form of the same. A mark of exclamation: it is another
number, and the trace doesn't say why. `cutline help compare` and docs/compare.md say more.
";

/// Those of these names among some; without names all of these.
pub(super) fn ways(names: &[String], among: Vec<&'static Way>) -> Result<Vec<&'static Way>, String> {
    if names.is_empty() {
        return Ok(among);
    }
    let find = |name: &String| {
        among.iter().find(|way| way.name == name).copied().ok_or_else(|| {
            let near = nearest(name, among.iter().map(|way| way.name));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let all: Vec<&str> = among.iter().map(|way| way.name).collect();
            format!("`{name}` is none of those that can be had here{hint} (there are {})", all.join(", "))
        })
    };
    names.iter().map(find).collect()
}

fn block(
    path: &Path,
    loaded: &Loaded,
    seeds: Option<u64>,
    ways: &[&'static Way],
    weather: Weather,
) -> Result<Block, String> {
    let seeds: Vec<u64> = (0..seeds.unwrap_or(loaded.scenario.seeds)).map(|i| seed_at(BASE, &loaded.name, i)).collect();
    let columns = seed::aside(|| run(loaded, &seeds, ways, weather)).and_then(|result| result)?;
    Ok(Block { path: path.to_path_buf(), name: loaded.name.clone(), weather, seeds: seeds.len(), columns })
}

fn number(tenths: Option<u64>) -> String {
    tenths.map_or_else(|| "-".to_string(), |tenths| format!("{}.{}", report::grouped(tenths / 10), tenths % 10))
}

fn cell(shown: &Shown) -> String {
    let (value, form) = (number(shown.tenths()), number(shown.form_tenths()));
    let form = if shown.form.is_none() || shown.of == 0 { String::new() } else { format!(" ({form})") };
    format!("{value}{form}{}", if shown.differs { " !" } else { "" })
}

fn human(block: &Block) -> String {
    let mut out = format!("{}: {} seeds, {}\n", block.path.display(), block.seeds, block.weather());
    let able = block.columns.iter().filter_map(|column| Some((column, column.measure.as_ref().ok()?)));
    // Other rows make sense where everybody is alone.
    let (together, alone): (Vec<_>, Vec<_>) = able.partition(|(_, measure)| measure.alone == 0);
    [together, alone].iter().filter(|columns| !columns.is_empty()).for_each(|columns| table(columns, &mut out));
    for column in &block.columns {
        if let Err(why) = &column.measure {
            let _ = writeln!(out, "  {} can't run this job: {why}", column.way);
        }
        if let Some((seed, what)) = column.broken.first() {
            let (count, seed) = (column.broken.len(), report::seed(*seed));
            let _ = writeln!(out, "  {} doesn't keep what it claims, {count} times; seed {seed}: {what}", column.way);
        }
    }
    out.push('\n');
    out
}

fn table(columns: &[(&Column, &Measure)], out: &mut String) {
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    rows.push(("", columns.iter().map(|(column, _)| column.way.to_string()).collect()));
    let mut group = "";
    for figure in FIGURES {
        if columns.iter().all(|(_, measure)| figure.of(measure).of == 0) {
            continue;
        }
        if figure.group != group {
            group = figure.group;
            rows.push((group, Vec::new()));
        }
        rows.push((figure.title, columns.iter().map(|(_, measure)| cell(&figure.of(measure))).collect()));
    }
    let width = |c| rows.iter().filter_map(|(_, cells)| cells.get(c)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for (title, cells) in &rows {
        let indent = if cells.is_empty() || title.is_empty() { "" } else { "  " };
        let mut line = format!("  {:<30}", format!("{indent}{title}"));
        cells.iter().zip(&widths).for_each(|(cell, width)| _ = write!(line, "  {cell:>width$}"));
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn machine(ways: &[&'static Way], blocks: &[Block]) -> Value {
    let figure = |shown: Shown| {
        let mut value = json!({ "sum": shown.sum, "of": shown.of, "tenths": shown.tenths() });
        if let Some(form) = shown.form {
            value["closed_form"] = json!({ "sum": form, "tenths": shown.form_tenths(), "agrees": !shown.differs });
        }
        value
    };
    let column = |column: &Column| {
        let broken: Vec<_> =
            column.broken.iter().map(|(seed, what)| json!({ "seed": report::seed(*seed), "what": what })).collect();
        let mut value = json!({ "protocol": column.way, "broken": broken });
        match &column.measure {
            Ok(measure) => {
                let figures = FIGURES.iter().map(|f| (f.key.to_string(), figure(f.of(measure))));
                value["figures"] = Value::Object(figures.collect());
            }
            Err(why) => value["cannot_run"] = json!(why),
        }
        value
    };
    let block = |block: &Block| {
        json!({
            "scenario": block.name,
            "path": block.path.display().to_string(),
            "faults": block.weather == Weather::Faults,
            "seeds": block.seeds,
            "protocols": block.columns.iter().map(column).collect::<Vec<_>>(),
        })
    };
    let ways: Vec<_> = ways.iter().map(|way| json!({ "name": way.name, "about": way.about })).collect();
    let units: serde_json::Map<_, _> =
        FIGURES.iter().map(|f| (f.key.to_string(), json!(format!("{}: {}", f.group, f.title.trim())))).collect();
    json!({
        "schema": "cutline.compare/1",
        "protocols": ways,
        "figures": units,
        "comparisons": blocks.iter().map(block).collect::<Vec<_>>(),
    })
}
