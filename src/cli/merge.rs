//! `cutline merge`: the reports of parts of a sweep, added up and judged as if the whole had been run in one go.

use super::args::{Cli, Command, Format, ReportKind, ReportTo};
use super::exit::{Ending, Why};
use super::findings::FINDINGS;
use super::judge::{Terms, row};
use super::output::{self, complain, warn};
use super::parse::{Partition, Way};
use super::prepare::{headed, terms};
use super::run::verdict;
use super::tally::Tally;
use super::{html, parse, pictured, reports, seed, told};
use crate::report::json::{self, Document, ScenarioPart};
use crate::report::{self, Finding, Kind, Tail, text};
use clap::{Args, Parser};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `cutline merge`.
#[derive(Args, Debug)]
#[command(
    after_long_help = "All parts must be of one plan: the same scenarios, seeds and version. In which order they are named, and whether one is
named twice, changes nothing. What comes out is what the whole plan would have given in one run, but for `timing`, and
so is the exit code. Parts that are missing are named (exit 3), and so are parts that were interrupted.

Examples:
  cutline run --seeds 20 --partition slice:1/2 --exit-zero --report json=out/shard-1.json
  cutline run --seeds 20 --partition slice:2/2 --exit-zero --report json=out/shard-2.json
  cutline merge -o out/all.json --report junit=out/junit.xml out/shard-1.json out/shard-2.json"
)]
pub struct Merge {
    /// Reports of `run --report json=PATH` or `run --format json`, and directories of `run --out`
    #[arg(required = true, value_name = "REPORT")]
    pub parts: Vec<PathBuf>,
    /// Write the whole to this file, as JSON
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write a report too: junit=PATH, markdown=PATH and so on (may be given several times)
    #[arg(long, value_name = "FORMAT=PATH", value_parser = super::args::report)]
    pub report: Vec<ReportTo>,
    /// Where findings are kept: an HTML page shows their pictures. What isn't there is run again, if its scenario is
    #[arg(long, value_name = "DIR", default_value = ".cutline/findings")]
    pub findings: PathBuf,
    /// Parts may be missing
    #[arg(long)]
    pub allow_missing: bool,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Only failures and the summary
    #[arg(short, long)]
    pub quiet: bool,
    /// More: what was reached how often
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// A document with where it is from and which parts of the plan it has.
struct Part {
    path: String,
    parts: Parts,
    document: Document<'static>,
}

/// Some parts of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    way: Way,
    of: u64,
    which: BTreeSet<u64>,
}

impl Parts {
    /// What a document says of itself; nothing: it is the whole.
    fn read(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text else {
            return Ok(Parts { way: Way::Slice, of: 1, which: BTreeSet::from([1]) });
        };
        let wrong = || format!("`{text}` is no part of a plan");
        let (list, of) = text.split_once('/').ok_or_else(wrong)?;
        let (way, list) = list.split_once(':').ok_or_else(wrong)?;
        let mut all = Parts { way: Way::Slice, of: 1, which: BTreeSet::new() };
        for one in list.split(',') {
            let part = parse::partition(&format!("{way}:{one}/{of}")).map_err(|_| wrong())?;
            (all.way, all.of) = (part.way, part.of);
            all.which.insert(part.part);
        }
        Ok(all)
    }

    fn text(&self, which: &BTreeSet<u64>) -> String {
        let list: Vec<String> = which.iter().map(u64::to_string).collect();
        format!("{}:{}/{}", self.way.word(), list.join(","), self.of)
    }
}

/// Merges.
pub fn merge(args: Merge) -> Ending {
    let taken = args.report.iter().map(|report| &report.path).chain(&args.output);
    if taken.filter(|path| path.as_os_str() == "-").count() + usize::from(!args.format.people()) > 1 {
        complain("stdout can get one thing only: give `-` once, and without `--format`");
        return Ending::bad(Why::BadInput);
    }
    let put = args.parts.iter().map(|path| read(path)).collect::<Result<Vec<Part>, String>>();
    let (mut done, terms, missing) = match put.map_err(|problem| (Why::BadInput, problem)).and_then(together) {
        Ok(done) => done,
        Err((why, problem)) => {
            complain(&problem);
            return Ending::bad(why);
        }
    };
    if args.report.iter().any(|report| report.kind == ReportKind::Html) {
        seed::hush();
        pictured::add(&mut done, &args.findings, &terms);
        let slowest = html::slowest(&done.scenarios, &terms);
        done.tail.extras.slowest = Some(slowest).filter(|slowest| !slowest.is_empty()); // older reports don't say
    }
    if reports::markdown(&args.report) {
        done.tail.extras.mermaid = html::mermaid(&args.findings, &done.findings);
    }
    finish(&args, done, missing)
}

fn finish(args: &Merge, mut done: report::Sweep, missing: bool) -> Ending {
    let mut ending = verdict(&done, false);
    if missing {
        let say = if args.allow_missing { warn } else { complain };
        say(&format!("parts of the plan are missing: {}", done.tail.missing.join(", ")));
    }
    if missing && !args.allow_missing || done.tail.interrupted.is_some() {
        ending.add(Why::Incomplete);
    }
    done.tail.exit = ending.code();
    let whole = args.output.iter().map(|path| ReportTo { kind: ReportKind::Json, path: path.clone() });
    let wanted: Vec<ReportTo> = whole.chain(args.report.iter().cloned()).collect();
    let written = reports::write(&wanted, &done);
    let width = done.scenarios.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let out = match args.format {
        _ if wanted.iter().any(|report| report.path.as_os_str() == "-") => String::new(),
        Format::Json => json::document(&done),
        Format::Jsonl => json::lines(&done),
        _ if args.quiet => text::tail(&done, args.verbose, true),
        Format::Human | Format::Github => {
            let planned = done.scenarios.iter().map(|row| row.planned).sum();
            let rows: String = done.scenarios.iter().map(|row| text::row(row, width)).collect();
            text::head(&done.head, done.scenarios.len(), planned, width)
                + &rows
                + &text::tail(&done, args.verbose, false)
        }
    };
    let printed = if args.format.people() { output::print(&out) } else { output::raw(out.as_bytes()) };
    let printed = printed.map(drop).map_err(|error| format!("cannot write to stdout: {error}"));
    let shown = reports::github(args.format, &args.report, &done);
    for problem in [written.err(), printed.err(), shown.err()].into_iter().flatten() {
        complain(&problem);
        ending.add(Why::Internal);
    }
    ending
}

fn read(path: &Path) -> Result<Part, String> {
    let file = if path.is_dir() { path.join("report.json") } else { path.to_path_buf() };
    let shown = file.display();
    let text = std::fs::read_to_string(&file).map_err(|error| match path.is_dir() {
        true => format!("cannot read {shown}: {error}; `cutline run --resume {}` finishes a sweep", path.display()),
        false => format!("cannot read {shown}: {error}"),
    })?;
    let document = json::read(&text).map_err(|problem| format!("{shown}:{problem}"))?;
    let parts = Parts::read(document.run.partition.as_deref()).map_err(|problem| format!("{shown}: {problem}"))?;
    if document.summary.internal_error.is_some() {
        return Err(format!("{shown}: this sweep ended with an internal error: it can't be put together with others"));
    }
    Ok(Part { path: shown.to_string(), parts, document })
}

type Refused = (Why, String);

/// All of one plan, added up. True: parts are missing.
fn together(mut all: Vec<Part>) -> Result<(report::Sweep, Terms, bool), Refused> {
    // The order must not matter, nor that a part is there twice.
    all.sort_by_cached_key(|part| (part.parts.which.clone(), part.path.clone()));
    for pair in all.windows(2) {
        of_one_plan(&pair[0], &pair[1]).map_err(|problem| (Why::BadInput, problem))?;
    }
    let parts = distinct(all)?;
    let sample = parts[0].parts.clone();
    let have: BTreeSet<u64> = parts.iter().flat_map(|part| part.parts.which.iter().copied()).collect();
    let missing: BTreeSet<u64> = (1..=sample.of).filter(|part| !have.contains(part)).collect();
    let documents: Vec<Document> = parts.into_iter().map(|part| part.document).collect();
    let problem = |problem: String| (Why::BadInput, problem);
    let (mut head, terms) = head(&documents, missing.is_empty()).map_err(problem)?;
    if !missing.is_empty() {
        head.partition = Some(sample.text(&have));
    }
    let mut done = judged(head, &terms, &documents).map_err(problem)?;
    done.tail.missing = missing.iter().map(|part| sample.text(&BTreeSet::from([*part]))).collect();
    Ok((done, terms, !missing.is_empty()))
}

fn of_one_plan(one: &Part, other: &Part) -> Result<(), String> {
    let (first, second) = (&one.document, &other.document);
    let differ = |what: &str, a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| {
        Err(format!("{} and {} are no parts of one plan: {what} {a} and {b}", one.path, other.path))
    };
    if first.cutline != second.cutline {
        let (a, b) = (&first.cutline, &second.cutline);
        let shown = |tool: &json::Tool| format!("{} stream {}", tool.version, tool.stream);
        return differ("cutline", &shown(a), &shown(b));
    }
    if first.run.plan_digest != second.run.plan_digest {
        return differ("plan digests", &first.run.plan_digest, &second.run.plan_digest);
    }
    if (one.parts.of, one.parts.way) != (other.parts.of, other.parts.way) {
        return differ("partitions", &one.parts.text(&one.parts.which), &other.parts.text(&other.parts.which));
    }
    let scenarios = |document: &Document| document.scenarios.iter().map(|part| part.path.to_string()).collect();
    let (a, b): (Vec<String>, Vec<String>) = (scenarios(first), scenarios(second));
    if a != b {
        return differ("scenarios", &a.join(", "), &b.join(", "));
    }
    Ok(())
}

/// Everything but wall time and who asked.
fn results(document: &Document) -> String {
    let parts = (&document.scenarios, &document.diagnostics, document.summary.signal.is_some());
    serde_json::to_string(&parts).unwrap_or_default()
}

/// Each part once. Of two documents of a part the one that was interrupted gives way.
fn distinct(all: Vec<Part>) -> Result<Vec<Part>, Refused> {
    let mut kept: Vec<Part> = Vec::new();
    let seeds = |part: &Part| part.document.scenarios.iter().map(|scenario| scenario.seeds).sum::<u64>();
    for part in all {
        let Some(at) = kept.iter().position(|known| !known.parts.which.is_disjoint(&part.parts.which)) else {
            kept.push(part);
            continue;
        };
        let known = &mut kept[at];
        if known.parts != part.parts {
            let (a, b) = (known.parts.text(&known.parts.which), part.parts.text(&part.parts.which));
            let problem = format!("{} has {a} and {} has {b}: these overlap", known.path, part.path);
            return Err((Why::BadInput, problem));
        }
        let cut = |part: &Part| part.document.summary.signal.is_some() || part.document.summary.out_of_time;
        if results(&known.document) == results(&part.document) {
            // Which of two equal documents is taken shows in its timing only; it must not depend on their order.
            let timing = |part: &Part| serde_json::to_string(&part.document.timing).unwrap_or_default();
            if timing(&part) < timing(known) {
                *known = part;
            }
        } else if cut(known) || cut(&part) {
            if (!cut(&part), seeds(&part), results(&part.document))
                > (!cut(known), seeds(known), results(&known.document))
            {
                *known = part;
            }
        } else {
            let problem = format!("{} and {} are of the same part and say different things", known.path, part.path);
            return Err((Why::Nondeterminism, problem));
        }
    }
    Ok(kept)
}

/// What was asked for, of the whole, and what that means for its scenarios.
fn head(documents: &[Document], whole: bool) -> Result<(report::Head, Terms), String> {
    let asked = documents.iter().map(|document| {
        let mut words = document.run.arguments.to_vec();
        if document.run.partition.is_some()
            && let Some(at) = words.iter().position(|word| word == "--partition")
        {
            words.drain(at..words.len().min(at + 2));
        }
        words
    });
    let words = asked.min().unwrap_or_default();
    let line = std::iter::once("cutline".to_string()).chain(words.iter().cloned());
    let Ok(Cli { command: Command::Run(args), .. }) = Cli::try_parse_from(line) else {
        return Err(format!("what was asked for can't be read: {}", words.join(" ")));
    };
    let jobs = documents.iter().map(|document| document.timing.jobs).sum();
    let plan = documents.first().map(|document| document.run.plan_digest.to_string()).unwrap_or_default();
    let mut terms = terms(&args, args.seed_base);
    // What some of the parts say isn't said of the whole.
    terms.partition = if whole { Partition::WHOLE } else { Partition { way: Way::Slice, part: 1, of: 2 } };
    Ok((headed(words, plan, Partition::WHOLE, args.seed_base, jobs), terms))
}

fn judged(head: report::Head, terms: &Terms, documents: &[Document]) -> Result<report::Sweep, String> {
    let (mut scenarios, mut findings) = (Vec::new(), Vec::new());
    let first = documents.first().ok_or("there is nothing to put together")?;
    for at in 0..first.scenarios.len() {
        let (mut tally, mut planned) = (Tally::default(), Some(0));
        for document in documents {
            let part: &ScenarioPart = &document.scenarios[at];
            let busy = document.timing.scenarios.get(&part.path).copied().unwrap_or(0.0);
            tally.add(told::tally(part, busy)?);
            planned = planned.zip(part.planned_seeds).map(|(sum, more): (u64, u64)| sum + more);
        }
        let (row, found) = row(&told::facts(&first.scenarios[at])?, planned, &tally, terms);
        scenarios.push(row);
        findings.extend(found);
    }
    known(&mut findings, documents);
    let diagnostics = first.diagnostics.to_vec();
    Ok(report::Sweep { head, scenarios, findings, diagnostics, tail: tail(documents) })
}

/// Adds what parts know of the seed of a finding.
fn known(findings: &mut [Finding], documents: &[Document]) {
    let mut small = 0;
    for finding in findings {
        let (id, seed) = (finding.id(), finding.seed.map(report::seed));
        let all = documents.iter().flat_map(|document| &document.findings);
        let mut same = all.filter(|part| part.id == id && part.path == finding.path && part.seed == seed);
        let Some(part) = same.next() else { continue };
        finding.plan = part.plan.as_ref().map(|plan| plan.to_string());
        // A sweep makes so many small and no more.
        let shrinks = matches!(finding.kind, Kind::Violation(..) | Kind::Panic | Kind::Stuck | Kind::JobFailed);
        small += usize::from(shrinks);
        let kept = |text: &Option<Cow<str>>| text.as_ref().filter(|_| small <= FINDINGS).map(|text| text.to_string());
        (finding.shrunk, finding.smaller) = (kept(&part.shrunk), kept(&part.shrunk_command));
    }
}

fn tail(documents: &[Document]) -> Tail {
    let signals: BTreeSet<&str> = documents.iter().filter_map(|document| document.summary.signal.as_deref()).collect();
    let interrupted = ["SIGTERM", "SIGINT"].into_iter().find(|name| signals.contains(name));
    let seconds = documents.iter().map(|document| document.timing.seconds).fold(0.0, f64::max);
    Tail {
        elapsed: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
        interrupted,
        out_of_time: documents.iter().any(|document| document.summary.out_of_time),
        enough: documents.iter().any(|document| document.summary.stopped_by_max_fail),
        resume: documents.iter().flat_map(|document| document.summary.resume.iter().cloned()).collect(),
        ..Tail::default()
    }
}
