//! `cutline run`: many seeds of many scenarios, judged and reported.

use super::args::{self, Format, NoTests, ReportKind};
use super::exit::{Ending, Why};
use super::judge::{Entry, Terms, allowed, row};
use super::output::{self, complain, warn};
use super::parse::{Partition, Range, quoted};
use super::plan::{BASE, Dispenser, Seeds};
use super::progress::Progress;
use super::signals::Signals;
use super::sweep::Sweep;
use super::{find, findings, html as shown, seed};
use crate::digest::Digest;
use crate::protocols;
use crate::report::{self, Finding, Head, Kind, Row, Tail, html, json, junit, text};
use crate::scenario::{Diagnostic, load};
use std::time::{Duration, Instant};

/// Shrunk scenarios that are kept here are run before everything else.
const REGRESSIONS: &str = "regressions";

/// Runs.
pub fn run(args: args::Run) -> Ending {
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return internal(&format!("cannot listen to signals: {error}")),
    };
    if let Some(name) = &args.protocol
        && protocols::find(name).is_none()
    {
        complain(&super::unknown_protocol(name));
        return Ending::bad(Why::BadInput);
    }
    let taken = args.report.iter().filter(|report| report.path.as_os_str() == "-").count();
    if taken > 1 || taken == 1 && args.format != Format::Human {
        complain("stdout can get one thing only: give `-` once, and without `--format`");
        return Ending::bad(Why::BadInput);
    }
    if args.budget.is_none() && args.seeds.is_some_and(|range| range.to.is_none()) {
        complain("a range of seeds without an end needs `--for`");
        return Ending::bad(Why::BadInput);
    }
    let plan = match prepare(&args) {
        Ok(plan) => plan,
        Err(Refused::Path(problem)) => {
            complain(&problem);
            refuse(&args, Vec::new());
            return Ending::bad(Why::BadInput);
        }
        Err(Refused::Scenarios(diagnostics)) => {
            show(&diagnostics);
            refuse(&args, diagnostics);
            return Ending::bad(Why::BadInput);
        }
    };
    seed::hush();
    sweep(&args, &plan, &signals)
}

fn internal(problem: &str) -> Ending {
    complain(problem);
    output::say("this is a defect of cutline itself: please report it, with the lines above\n");
    Ending::bad(Why::Internal)
}

/// Everything that a sweep is made from.
struct Plan {
    entries: Vec<Entry>,
    terms: Terms,
    head: Head,
    warnings: Vec<Diagnostic>,
}

enum Refused {
    Path(String),
    Scenarios(Vec<Diagnostic>),
}

fn prepare(args: &args::Run) -> Result<Plan, Refused> {
    let read = find::scenarios(&args.paths).map_err(|problem| match args.paths.as_slice() {
        [only] if only.as_os_str() == "scenarios" => {
            Refused::Path(format!("{problem}; name the scenarios to run, or run where `scenarios/` is"))
        }
        _ => Refused::Path(problem),
    })?;
    let mut read = read;
    let kept = std::path::Path::new(REGRESSIONS);
    if kept.is_dir()
        && !args.no_regressions
        && args.protocol.is_none()
        && !args.paths.iter().any(|p| p.starts_with(kept))
    {
        let first = find::scenarios(&[kept.to_path_buf()]).map_err(Refused::Path)?;
        read.splice(0..0, first);
    }
    let base = args.fresh.then(fresh).or(args.seed_base);
    if let Some(base) = base.filter(|_| args.fresh) {
        output::say(&format!("seed base {}\n", report::seed(base)));
    }
    let terms = terms(args, base);
    let (mut entries, mut warnings, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for (path, loaded) in read {
        match loaded {
            Err(found) => errors.extend(found),
            Ok(mut loaded) => {
                warnings.append(&mut loaded.warnings);
                if let Some(protocol) = &args.protocol {
                    loaded.scenario.protocol = protocol.clone();
                }
                let seeds = seeds(args, base.unwrap_or(BASE), &loaded);
                let allowed = allowed(&loaded.scenario);
                entries.push(Entry { path: path.display().to_string(), loaded, seeds, allowed });
            }
        }
    }
    if !errors.is_empty() {
        return Err(Refused::Scenarios(errors));
    }
    let head = head(args, &entries, &terms, base);
    Ok(Plan { entries, terms, head, warnings })
}

fn seeds(args: &args::Run, base: u64, loaded: &load::Loaded) -> Seeds {
    if !args.seed.is_empty() {
        return Seeds::These(args.seed.clone());
    }
    let usual = if args.budget.is_some() { None } else { Some(loaded.scenario.seeds) };
    let range = args.seeds.unwrap_or(Range { from: 0, to: usual });
    Seeds::Sequence { base, name: loaded.name.clone(), range }
}

/// A base that nobody could know: what the operating system gives to hash tables.
fn fresh() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

fn terms(args: &args::Run, base: Option<u64>) -> Terms {
    let mut flags = String::new();
    if let Some(base) = base {
        flags += &format!(" --seed-base {}", report::seed(base));
    }
    if let Some(protocol) = &args.protocol {
        flags += &format!(" --protocol {}", quoted(protocol));
    }
    let partition = args.partition.unwrap_or(Partition::WHOLE);
    Terms { partition, protocol: args.protocol.clone(), flags }
}

fn head(args: &args::Run, entries: &[Entry], terms: &Terms, base: Option<u64>) -> Head {
    let paths: Vec<String> = args.paths.iter().map(|path| quoted(&path.display().to_string())).collect();
    let mut command = format!("cutline run {}", paths.join(" "));
    if let Some(range) = args.seeds {
        command += &format!(" --seeds {range}");
    }
    args.seed.iter().for_each(|seed| command += &format!(" --seed {}", report::seed(*seed)));
    if let Some(budget) = args.budget {
        command += &format!(" --for {}ms", budget.as_millis());
    }
    command += &terms.flags;
    let mut digest = Digest::new();
    digest.word(args::STREAM);
    for entry in entries {
        digest.bytes(entry.path.as_bytes());
        digest.bytes(serde_json::to_string(&entry.loaded.scenario).unwrap_or_default().as_bytes());
        digest.bytes(format!("{:?}", entry.seeds).as_bytes());
    }
    let plan = format!("{:032x}", digest.finish128());
    let partition = (terms.partition != Partition::WHOLE).then(|| terms.partition.to_string());
    digest.bytes(partition.as_deref().unwrap_or_default().as_bytes());
    if let Some(partition) = &partition {
        command += &format!(" --partition {partition}");
    }
    let id = format!("{:08x}", digest.finish64() as u32);
    Head { id, command, plan, partition, seed_base: base, jobs: threads(args.jobs) }
}

/// How many threads: those that are asked for, or as many as this process may use.
pub fn threads(jobs: Option<u16>) -> usize {
    match jobs {
        Some(jobs) => usize::from(jobs),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

fn show(diagnostics: &[Diagnostic]) {
    for file in diagnostics.chunk_by(|a, b| a.path() == b.path()) {
        output::say(&format!("{}\n\n", load::render(file, true)));
    }
}

/// `--format json` gives a document whatever happens.
fn refuse(args: &args::Run, diagnostics: Vec<Diagnostic>) {
    let tail = Tail { exit: Why::BadInput.code(), ..Tail::default() };
    let head = head(args, &[], &terms(args, args.seed_base), args.seed_base);
    let sweep = report::Sweep { head, scenarios: Vec::new(), findings: Vec::new(), diagnostics, tail };
    let text = match args.format {
        Format::Human => return,
        Format::Json => json::document(&sweep),
        Format::Jsonl => json::lines(&sweep),
    };
    // Whether anybody reads it changes nothing any more.
    let _ = output::raw(text.as_bytes());
}

/// Prints rows as soon as their scenario is done, in order.
struct Rows<'a> {
    args: &'a args::Run,
    plan: &'a Plan,
    next: usize,
    width: usize,
    /// Why nothing can be printed any more, if it was something worse than a reader who went away.
    problem: Option<String>,
    gone: bool,
}

impl<'a> Rows<'a> {
    fn print(&mut self, text: &str) {
        // A report that goes to stdout is all that goes there.
        let taken = self.args.report.iter().any(|report| report.path.as_os_str() == "-");
        if self.gone || self.problem.is_some() || text.is_empty() || taken {
            return;
        }
        let printed = match self.args.format {
            Format::Human => output::print(text),
            Format::Json | Format::Jsonl => output::raw(text.as_bytes()),
        };
        match printed {
            Ok(read) => self.gone = !read,
            Err(error) => self.problem = Some(format!("cannot write to stdout: {error}")),
        }
    }

    fn look(&mut self, sweep: &Sweep, progress: &Progress) {
        while let Some(entry) = self.plan.entries.get(self.next) {
            let planned = entry.seeds.count(self.next, self.plan.terms.partition);
            if planned != Some(sweep.seeds(self.next)) || self.args.budget.is_some() {
                return;
            }
            let (row, _) = row(entry, self.next, &sweep.tally(self.next), &self.plan.terms);
            progress.aside(|| self.row(&row));
            self.next += 1;
        }
    }

    fn row(&mut self, row: &Row) {
        let line = match self.args.format {
            Format::Human if self.args.quiet => return,
            Format::Human => text::row(row, self.width),
            Format::Json => return,
            Format::Jsonl => json::row_line(row),
        };
        self.print(&line);
    }
}

fn sweep(args: &args::Run, plan: &Plan, signals: &Signals) -> Ending {
    let began = Instant::now();
    let seeds: Vec<Seeds> = plan.entries.iter().map(|entry| entry.seeds.clone()).collect();
    if seeds.iter().all(|seeds| seeds.range().to.is_some_and(|to| to <= seeds.range().from)) {
        return nothing(args, plan);
    }
    if !args.quiet {
        show(&plan.warnings);
    }
    let max_fail = if args.fail_fast { Some(1) } else { args.max_fail };
    let dispenser = Dispenser::new(&seeds, args.budget.map(|budget| began + budget), max_fail.is_some());
    let running = Sweep::new(&plan.entries, &plan.terms, &dispenser, signals, args.check_determinism);
    let counts = plan.entries.iter().enumerate().map(|(i, entry)| entry.seeds.count(i, plan.terms.partition));
    let planned: Option<u64> = counts.sum();
    let shown = if args.quiet { args::Progress::None } else { args.progress };
    let mut progress = Progress::new(shown, planned, args.budget);
    let width = plan.entries.iter().map(|entry| entry.loaded.name.chars().count()).max().unwrap_or(0);
    let mut rows = Rows { args, plan, next: 0, width, problem: None, gone: false };
    if args.format == Format::Human && !args.quiet {
        rows.print(&text::head(&plan.head, plan.entries.len(), planned, width));
    } else if args.format == Format::Jsonl {
        rows.print(&json::head_line(&plan.head));
    }
    let mut problem = None;
    loop {
        let result = running.run(plan.head.jobs, |running| {
            progress.look(running, signals.asked());
            rows.look(running, &progress);
        });
        problem = problem.or(result.err());
        let enough = max_fail.is_some_and(|most| running.failed() >= most);
        let stop = signals.end().is_some() || running.internal().is_some() || problem.is_some();
        if enough || stop || !dispenser.next_wave() {
            break;
        }
    }
    progress.finish();
    let mut done = judge(plan, &running);
    done.tail.internal = running.internal().or(problem).or(done.tail.internal);
    done.tail.elapsed = began.elapsed();
    done.tail.interrupted = signals.end().map(|(_, name)| name);
    done.tail.out_of_time = dispenser.out_of_time();
    done.tail.enough = max_fail.is_some_and(|most| running.failed() >= most);
    done.tail.resume = resume(args, plan, &dispenser);
    if args.verbose > 0 {
        plans(plan, &mut done.findings);
    }
    if !args.no_shrink && signals.end().is_none() {
        findings::keep(&args.findings, &plan.entries, &mut done.findings, signals);
    }
    if args.report.iter().any(|report| report.kind == ReportKind::Html) {
        let tallies = plan.entries.iter().enumerate().map(|(i, entry)| (entry, running.tally(i)));
        let mut extras = shown::environment();
        extras.slowest = Some(shown::slowest(tallies, &plan.terms));
        shown::shown(&mut extras, &args.findings, &plan.entries, &done.findings);
        done.tail.extras = extras;
    }
    finish(args, done, rows, signals)
}

fn nothing(args: &args::Run, plan: &Plan) -> Ending {
    let ending = match args.no_tests {
        NoTests::Pass => Ending::good(),
        NoTests::Warn => {
            warn("nothing to run");
            Ending::good()
        }
        NoTests::Fail => {
            let what = if plan.entries.is_empty() { "no scenario was found" } else { "no seed is left to run" };
            complain(&format!("nothing to run: {what} (`--no-tests pass` allows that)"));
            Ending::bad(Why::NothingToRun)
        }
    };
    let tail = Tail { exit: ending.code(), ..Tail::default() };
    let (head, diagnostics) = (plan.head.clone(), plan.warnings.clone());
    let done = report::Sweep { head, scenarios: Vec::new(), findings: Vec::new(), diagnostics, tail };
    let mut rows = Rows { args, plan, next: 0, width: 0, problem: None, gone: false };
    match args.format {
        Format::Human => {}
        Format::Json => rows.print(&json::document(&done)),
        Format::Jsonl => rows.print(&json::lines(&done)),
    }
    match write(args, &done) {
        Ok(()) => ending,
        Err(problem) => internal(&problem),
    }
}

/// Judges everything, and runs the smallest seed of every finding again.
fn judge(plan: &Plan, running: &Sweep) -> report::Sweep {
    let (mut scenarios, mut findings, mut tail) = (Vec::new(), Vec::new(), Tail::default());
    for (number, entry) in plan.entries.iter().enumerate() {
        let (mut row, mut found) = row(entry, number, &running.tally(number), &plan.terms);
        let mut differing = Vec::new();
        for finding in &found {
            let (Some(seed), Some(digest)) = (finding.seed, finding.digest) else { continue };
            match seed::aside(|| seed::differs(&entry.loaded, seed, digest)).and_then(|differs| differs) {
                Ok(None) => {}
                Ok(Some(message)) => differing.push(Finding {
                    kind: Kind::Nondeterminism,
                    property: Kind::Nondeterminism.word().to_string(),
                    statement: "the same seed gives the same trace".to_string(),
                    message,
                    count: 1,
                    ..finding.clone()
                }),
                Err(problem) => tail.internal = Some(problem),
            }
        }
        differing.truncate(1);
        if found.iter().all(|finding| finding.kind != Kind::Nondeterminism) && !differing.is_empty() {
            found.splice(0..0, differing);
            row.status = report::Status::Fail;
        }
        scenarios.push(row);
        findings.extend(found);
    }
    report::Sweep { head: plan.head.clone(), scenarios, findings, diagnostics: plan.warnings.clone(), tail }
}

/// Adds the plan that each finding's seed draws.
fn plans(plan: &Plan, findings: &mut [Finding]) {
    for finding in findings {
        let entry = plan.entries.iter().find(|entry| entry.path == finding.path);
        if let (Some(entry), Some(seed)) = (entry, finding.seed)
            && let Ok(Ok(planned)) = seed::aside(|| seed::plan(&entry.loaded, seed))
        {
            finding.plan = serde_json::to_string(&planned.plan).ok();
        }
    }
}

/// Commands that run what was left out: scenarios with the same rest share one.
fn resume(args: &args::Run, plan: &Plan, dispenser: &Dispenser) -> Vec<String> {
    if !args.seed.is_empty() {
        return Vec::new();
    }
    let mut left: Vec<(Range, Vec<&str>)> = Vec::new();
    let mut rests = dispenser.left();
    if args.budget.is_some() && rests.iter().all(|rest| rest.to == rests[0].to) {
        // In turn, they have come equally far but for a few: running those again is simpler.
        let least = rests.iter().map(|rest| rest.from).min().unwrap_or(0);
        rests.iter_mut().for_each(|rest| rest.from = least);
    }
    for (rest, entry) in rests.into_iter().zip(&plan.entries) {
        if rest.to.is_none_or(|to| rest.from < to) {
            match left.iter_mut().find(|(range, _)| *range == rest) {
                Some((_, paths)) => paths.push(&entry.path),
                None => left.push((rest, vec![&entry.path])),
            }
        }
    }
    let partition = plan.head.partition.as_ref().map_or_else(String::new, |part| format!(" --partition {part}"));
    let command = |(range, paths): (Range, Vec<&str>)| {
        let all = paths.len() == plan.entries.len();
        let paths: Vec<String> = match all {
            true => args.paths.iter().map(|path| quoted(&path.display().to_string())).collect(),
            false => paths.into_iter().map(quoted).collect(),
        };
        // A range that begins at 0 would be written as a number, which is right, too.
        let time = match (range.to, args.budget) {
            (None, Some(budget)) => format!(" --for {}", span(budget)),
            _ => String::new(),
        };
        format!("cutline run {} --seeds {range}{time}{}{partition}", paths.join(" "), plan.terms.flags)
    };
    left.into_iter().map(command).collect()
}

fn span(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

fn ending(args: &args::Run, done: &report::Sweep, signals: &Signals) -> Ending {
    let mut ending = Ending::good();
    if done.findings.iter().any(|finding| finding.kind == Kind::Nondeterminism) {
        ending.add(Why::Nondeterminism);
    }
    if done.findings.iter().any(|finding| finding.kind != Kind::Nondeterminism) && !args.exit_zero {
        ending.add(Why::Violated);
    }
    if done.scenarios.iter().any(|row| row.status == report::Status::Undecided) {
        ending.add(Why::Incomplete);
    }
    if let Some((why, _)) = signals.end() {
        ending.add(why);
    }
    if done.tail.internal.is_some() {
        ending.add(Why::Internal);
    }
    ending
}

fn finish(args: &args::Run, mut done: report::Sweep, mut rows: Rows, signals: &Signals) -> Ending {
    let mut ending = ending(args, &done, signals);
    done.tail.exit = ending.code();
    let written = write(args, &done);
    for row in &done.scenarios[rows.next..] {
        rows.row(row);
    }
    match args.format {
        Format::Human => rows.print(&text::tail(&done, args.verbose, args.quiet)),
        Format::Json => rows.print(&json::document(&done)),
        Format::Jsonl => rows.print(&json::tail_lines(&done)),
    }
    for problem in [rows.problem, written.err(), done.tail.internal].into_iter().flatten() {
        internal(&problem);
        ending.add(Why::Internal);
    }
    ending
}

/// Writes the reports that are wanted in files.
fn write(args: &args::Run, done: &report::Sweep) -> Result<(), String> {
    let mut problems = Vec::new();
    for wanted in &args.report {
        let bytes = match wanted.kind {
            ReportKind::Junit => junit::document(done),
            ReportKind::Json => Ok(json::document(done)),
            ReportKind::Jsonl => Ok(json::lines(done)),
            ReportKind::Html => Ok(html::page(done, &done.tail.extras)),
        };
        let written = bytes.and_then(|bytes| match wanted.path.as_os_str() == "-" {
            true => output::raw(bytes.as_bytes()).map(drop).map_err(|error| format!("cannot write to stdout: {error}")),
            false => output::file(&wanted.path, bytes.as_bytes()),
        });
        problems.extend(written.err());
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}
