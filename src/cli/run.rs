//! `cutline run`: many seeds of many scenarios, judged and reported.

use super::args::{self, Format, ListFormat, NoTests, ReportKind, ReportTo};
use super::exit::{Ending, Why};
use super::journal::{self, Journal};
use super::judge::row;
use super::output::{self, complain, warn};
use super::parse::{Range, Repeats, quoted};
use super::plan::{Dispenser, Seeds};
use super::prepare::{Plan, REGRESSIONS, Refused, head, prepare, span, terms};
use super::progress::Progress;
use super::run_args::beside;
use super::signals::Signals;
use super::sweep::Sweep;
use super::tally::{Failure, Tally};
use super::{defect, findings, html as shown, list, reports, resume, seed};
use crate::protocols;
use crate::report::{self, Finding, Kind, Remark, Row, Tail, json, text};
use crate::scenario::{Diagnostic, load};
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs.
pub fn run(mut args: args::Run) -> Ending {
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return defect::internal(&format!("cannot listen to signals: {error}")),
    };
    args = match with_earlier(&args) {
        Ok(earlier) => earlier,
        Err(problem) => return wrong(&args, &problem),
    };
    if let Some(problem) = unfit(&args) {
        return wrong(&args, &problem);
    }
    let plan = match prepare(&args) {
        Ok(plan) => plan,
        Err(Refused::Path(problem)) => return wrong(&args, &problem),
        Err(Refused::Scenarios(diagnostics)) => {
            show(&diagnostics);
            refuse(&args, diagnostics, None);
            return Ending::bad(Why::BadInput);
        }
    };
    if args.dry_run {
        let format = if args.format.people() { ListFormat::Human } else { ListFormat::Json };
        let ending = if plan.entries.is_empty() { Ending::bad(Why::NothingToRun) } else { Ending::good() };
        return super::printed(output::print(&list::text(&plan.entries, args.partition, format)), ending);
    }
    let journal = match journal(&args, &plan) {
        Ok(journal) => journal,
        Err(problem) => return wrong(&args, &problem),
    };
    seed::hush();
    sweep(&args, &plan, journal.as_ref(), &signals)
}

/// Options that don't go together.
fn unfit(args: &args::Run) -> Option<String> {
    if let Some(name) = args.protocol.as_ref().filter(|name| protocols::find(name).is_none()) {
        return Some(super::unknown_protocol(name));
    }
    let taken = args.report.iter().filter(|report| report.path.as_os_str() == "-").count();
    if taken > 1 || taken == 1 && !args.format.people() {
        return Some("stdout can get one thing only: give `-` once, and without `--format`".to_string());
    }
    let part = args.partition.is_some_and(|part| !part.whole());
    if part && args.kept.given.iter().any(|given| given == "repeats") && args.enough.repeats != Some(Repeats::All) {
        return Some("a part of a plan can't know what the others find: it takes `--repeats all` only".to_string());
    }
    let endless = args.budget.is_none() && args.seeds.is_some_and(|range| range.to.is_none());
    endless.then(|| "a range of seeds without an end needs `--for`".to_string())
}

fn wrong(args: &args::Run, problem: &str) -> Ending {
    complain(problem);
    refuse(args, Vec::new(), Some(problem.to_string()));
    Ending::bad(Why::BadInput)
}

/// The arguments, with those of the run that goes on, or that is run again.
fn with_earlier(args: &args::Run) -> Result<args::Run, String> {
    if let Some(name) = args.kept.rerun.clone() {
        return resume::only_failed(args.clone(), &name);
    }
    let Some(dir) = args.kept.resume.clone() else { return Ok(args.clone()) };
    if args.kept.out.as_ref().is_some_and(|out| *out != dir) {
        return Err("--out and --resume name different directories: what goes on stays where it is".to_string());
    }
    let begins = args.kept.out.is_some() && !journal::path(&dir).exists();
    if begins { Ok(args.clone()) } else { resume::taken_up(args.clone(), &dir) }
}

fn journal(args: &args::Run, plan: &Plan) -> Result<Option<Journal>, String> {
    let begin = |dir: &Path| Journal::begin(dir, plan, beside(args)).map(Some);
    match (&args.kept.resume, &args.kept.out) {
        (None, None) => Ok(None),
        (None, Some(dir)) => begin(dir),
        (Some(dir), Some(_)) if !journal::path(dir).exists() => begin(dir),
        (Some(dir), _) => {
            let journal = Journal::resume(dir, plan)?;
            if !args.quiet {
                output::say(&format!("{} seeds were done before\n", report::grouped(journal.before() as u64)));
            }
            Ok(Some(journal))
        }
    }
}

/// That something couldn't be written.
pub fn unwritten(problem: &str) -> Ending {
    complain(problem);
    Ending::bad(Why::Internal)
}

fn show(diagnostics: &[Diagnostic]) {
    for file in diagnostics.chunk_by(|a, b| a.path() == b.path()) {
        output::say(&format!("{}\n\n", load::render(file, true)));
    }
}

fn remarks(found: &[Diagnostic]) -> Vec<Remark> {
    found.iter().map(Remark::from).collect()
}

/// `--format json` gives a document whatever happens.
fn refuse(args: &args::Run, diagnostics: Vec<Diagnostic>, refused: Option<String>) {
    let tail = Tail { exit: Why::BadInput.code(), refused, ..Tail::default() };
    let head = head(args, &[], &terms(args, args.seed_base), args.seed_base);
    let diagnostics = remarks(&diagnostics);
    let sweep = report::Sweep { head, scenarios: Vec::new(), findings: Vec::new(), diagnostics, tail };
    let text = match args.format {
        Format::Human | Format::Github => String::new(),
        Format::Json => json::document(&sweep),
        Format::Jsonl => json::lines(&sweep),
    };
    // Tests of nothing would look like success to whoever reads JUnit.
    let reports: Vec<ReportTo> =
        args.report.iter().filter(|report| report.kind != ReportKind::Junit).cloned().collect();
    let written = reports::write(&reports, &sweep).and(reports::github(args.format, &args.report, &sweep));
    written.unwrap_or_else(|problem| complain(&problem));
    // Whether anybody reads it changes nothing any more.
    let _ = output::raw(text.as_bytes());
}

/// Prints rows as soon as their scenario is done, in order.
struct Rows<'a> {
    args: &'a args::Run,
    plan: &'a Plan,
    /// Seeds of each scenario, in this part of the plan.
    planned: &'a [Option<u64>],
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
            Format::Human | Format::Github => output::print(text),
            Format::Json | Format::Jsonl => output::raw(text.as_bytes()),
        };
        match printed {
            Ok(read) => self.gone = !read,
            Err(error) => self.problem = Some(format!("cannot write to stdout: {error}")),
        }
    }

    fn look(&mut self, sweep: &Sweep, progress: &Progress) {
        while let Some(entry) = self.plan.entries.get(self.next) {
            let planned = self.planned[self.next];
            let all = planned == Some(sweep.seeds(self.next)) || sweep.known(self.next);
            if !all || self.args.budget.is_some() {
                return;
            }
            let (row, _) = row(&entry.facts(), planned, &sweep.tally(self.next), &self.plan.terms);
            progress.aside(|| self.row(&row));
            self.next += 1;
        }
    }

    fn row(&mut self, row: &Row) {
        let line = match self.args.format {
            Format::Human | Format::Github if self.args.quiet => return,
            Format::Human | Format::Github => text::row(row, self.width),
            Format::Json => return,
            Format::Jsonl => json::row_line(row),
        };
        self.print(&line);
    }
}

fn sweep(args: &args::Run, plan: &Plan, journal: Option<&Journal>, signals: &Signals) -> Ending {
    let began = Instant::now();
    let seeds: Vec<Seeds> = plan.entries.iter().map(|entry| entry.seeds.clone()).collect();
    if seeds.iter().all(|seeds| seeds.range().to.is_some_and(|to| to <= seeds.range().from)) {
        return nothing(args, plan);
    }
    if !args.quiet {
        show(&plan.warnings);
    }
    let max_fail = args.enough.most();
    let repeats = args.enough.repeats(plan.terms.partition.whole());
    let dispenser = Dispenser::new(&seeds, args.budget.map(|budget| began + budget), max_fail.is_some());
    let dispenser = dispenser.repeats(repeats, &seeds);
    let running = Sweep::new(&plan.entries, &plan.terms, &dispenser, signals).twice(args.check_determinism);
    let running = running
        .stuck_after(args.enough.stuck_after)
        .at_once(max_fail.filter(|enough| enough.immediate).map(|enough| enough.most));
    let running = running.journal(journal).patience(args.budget.map(|budget| began + budget + grace(budget)));
    let count = |(i, entry): (usize, &super::judge::Entry)| entry.seeds.count(i, plan.terms.partition);
    let counts: Vec<Option<u64>> = plan.entries.iter().enumerate().map(count).collect();
    let planned: Option<u64> = counts.iter().copied().sum();
    let shown = if args.quiet { args::Progress::None } else { args.progress };
    let mut progress = Progress::new(shown, planned, args.budget);
    let width = plan.entries.iter().map(|entry| entry.label.chars().count()).max().unwrap_or(0);
    let mut rows = Rows { args, plan, planned: &counts, next: 0, width, problem: None, gone: false };
    if args.format.people() && !args.quiet {
        rows.print(&text::head(&plan.head, plan.entries.len(), planned, width));
    } else if args.format == Format::Jsonl {
        rows.print(&json::head_line(&plan.head));
    }
    let going = Going { args, plan, began, dispenser: &dispenser, journal, signals };
    let mut problem = None;
    loop {
        // Nobody needs more threads than there are seeds.
        let jobs = planned.map_or(plan.head.jobs as u64, |seeds| seeds.clamp(1, plan.head.jobs as u64));
        let result = running.run(jobs as usize, |running, hung| {
            progress.look(running, signals.asked());
            rows.look(running, &progress);
            if hung {
                progress.finish();
                std::process::exit(going.conclude(running, &mut rows, None, true).code().into());
            }
        });
        problem = problem.or(result.err());
        let enough = max_fail.is_some_and(|enough| running.failed() >= enough.most);
        let stop = signals.end().is_some() || running.internal().is_some() || problem.is_some();
        if enough || stop || !dispenser.next_wave() {
            break;
        }
    }
    progress.finish();
    going.conclude(&running, &mut rows, problem, false)
}

/// What it takes to end a sweep, whoever ends it.
struct Going<'a> {
    args: &'a args::Run,
    plan: &'a Plan,
    began: Instant,
    dispenser: &'a Dispenser,
    journal: Option<&'a Journal>,
    signals: &'a Signals,
}

impl Going<'_> {
    /// Judges, and tells. With `hung`, a thread is still within a step that has no end: nothing like it is tried again.
    fn conclude(&self, running: &Sweep, rows: &mut Rows, problem: Option<String>, hung: bool) -> Ending {
        let Going { args, plan, dispenser, journal, signals, .. } = *self;
        let mut done = judge(plan, rows.planned, running, signals);
        done.tail.internal = running.internal().or(problem).or(done.tail.internal);
        done.tail.elapsed = self.began.elapsed();
        done.tail.interrupted = signals.end().map(|(_, name)| name);
        let given_up = args.budget.is_some() && signals.end().is_none() && !running.abandoned().is_empty();
        done.tail.out_of_time = dispenser.out_of_time() || given_up;
        done.tail.enough = args.enough.most().is_some_and(|enough| running.failed() >= enough.most);
        done.tail.resume = rest(args, plan, dispenser, running, journal);
        plans(plan, &mut done.findings);
        if !args.no_shrink && !hung && signals.end().is_none() {
            let saved = args.kept.save_regressions.then_some(Path::new(REGRESSIONS));
            findings::keep(&args.findings, saved, &plan.entries, &mut done.findings, signals);
        }
        if args.report.iter().any(|report| report.kind == ReportKind::Html) {
            done.tail.extras.slowest = Some(shown::slowest(&done.scenarios, &plan.terms));
            shown::shown(&mut done.tail.extras, &args.findings, &plan.entries, &done.findings);
        }
        if reports::markdown(&args.report) {
            done.tail.extras.mermaid = shown::mermaid(&args.findings, &done.findings);
        }
        finish(args, done, rows, journal, signals)
    }
}

/// How long seeds that are being run when time is up may take yet.
fn grace(budget: Duration) -> Duration {
    (budget / 10).min(Duration::from_secs(5))
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
    let (head, diagnostics) = (plan.head.clone(), remarks(&plan.warnings));
    let done = report::Sweep { head, scenarios: Vec::new(), findings: Vec::new(), diagnostics, tail };
    let mut rows = Rows { args, plan, planned: &[], next: 0, width: 0, problem: None, gone: false };
    match args.format {
        Format::Human | Format::Github => {}
        Format::Json => rows.print(&json::document(&done)),
        Format::Jsonl => rows.print(&json::lines(&done)),
    }
    match reports::write(&args.report, &done) {
        Ok(()) => ending,
        Err(problem) => unwritten(&problem),
    }
}

/// Judges everything, and runs the smallest seed of every finding again.
fn judge(plan: &Plan, planned: &[Option<u64>], running: &Sweep, signals: &Signals) -> report::Sweep {
    let (mut scenarios, mut findings, mut tail) = (Vec::new(), Vec::new(), Tail::default());
    for (number, entry) in plan.entries.iter().enumerate() {
        let (facts, mut tally) = (entry.facts(), running.tally(number));
        let (mut first, mut found) = row(&facts, planned[number], &tally, &plan.terms);
        if again(entry, &found, &mut tally, &mut tail, signals) {
            (first, found) = row(&facts, planned[number], &tally, &plan.terms);
        }
        scenarios.push(first);
        findings.extend(found);
    }
    let diagnostics = remarks(&plan.warnings);
    report::Sweep { head: plan.head.clone(), scenarios, findings, diagnostics, tail }
}

/// Runs the smallest seed of every finding again. True: some trace differs, and the tally says so now.
fn again(
    entry: &super::judge::Entry,
    found: &[Finding],
    tally: &mut Tally,
    tail: &mut Tail,
    signals: &Signals,
) -> bool {
    if tally.failures.contains_key(&Kind::Nondeterminism) {
        return false;
    }
    for finding in found {
        let (Some(seed), Some(digest)) = (finding.seed, finding.digest) else { continue };
        match seed::aside(|| seed::differs(&entry.loaded, seed, digest, signals.flag())).and_then(|differs| differs) {
            Ok(None) => {}
            Ok(Some(message)) => {
                let first = tally.failures.get(&finding.kind).map_or((0, seed), |failure| failure.first);
                tally.fail(Kind::Nondeterminism, Failure { count: 1, seed, message, digest, first });
                return true;
            }
            Err(problem) => tail.internal = Some(problem),
        }
    }
    false
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
fn rest(args: &args::Run, plan: &Plan, from: &Dispenser, running: &Sweep, journal: Option<&Journal>) -> Vec<String> {
    let mut rests = from.left();
    for given_up in running.abandoned() {
        let rest = &mut rests[given_up.scenario];
        rest.from = rest.from.min(given_up.from);
    }
    let left = |rest: &Range| rest.to.is_none_or(|to| rest.from < to);
    if let Some(journal) = journal.filter(|_| rests.iter().any(left)) {
        return vec![journal.command()];
    }
    if !plan.entries.iter().all(|entry| matches!(entry.seeds, Seeds::Sequence { .. })) {
        return Vec::new();
    }
    let mut groups: Vec<(Range, Vec<&str>)> = Vec::new();
    if args.budget.is_some() && rests.iter().all(|rest| rest.to == rests[0].to) {
        // In turn, they have come equally far but for a few: running those again is simpler.
        let least = rests.iter().map(|rest| rest.from).min().unwrap_or(0);
        rests.iter_mut().for_each(|rest| rest.from = least);
    }
    for (rest, entry) in rests.into_iter().zip(&plan.entries) {
        if left(&rest) {
            match groups.iter_mut().find(|(range, _)| *range == rest) {
                Some((_, paths)) => paths.push(&entry.path),
                None => groups.push((rest, vec![&entry.path])),
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
    groups.into_iter().map(command).collect()
}

fn ending(args: &args::Run, done: &report::Sweep, signals: &Signals) -> Ending {
    let mut ending = verdict(done, args.exit_zero);
    if let Some((why, _)) = signals.end() {
        ending.add(why);
    }
    if args.kept.min_seeds.is_some_and(|least| done.scenarios.iter().any(|row| row.seeds < least)) {
        ending.add(Why::Incomplete);
    }
    ending
}

/// What a judged sweep ends with. With `exit_zero`, findings are only reported.
pub fn verdict(done: &report::Sweep, exit_zero: bool) -> Ending {
    let mut ending = Ending::good();
    if done.findings.iter().any(|finding| finding.kind == Kind::Nondeterminism) {
        ending.add(Why::Nondeterminism);
    }
    if done.findings.iter().any(|finding| finding.kind != Kind::Nondeterminism) && !exit_zero {
        ending.add(Why::Violated);
    }
    if done.scenarios.iter().any(|row| row.status == report::Status::Undecided) {
        ending.add(Why::Incomplete);
    }
    if done.tail.internal.is_some() {
        ending.add(Why::Internal);
    }
    ending
}

/// What a report of a defect of ours needs: the scenarios, and what was found until then.
fn bundle(plan: &Plan, done: &report::Sweep) -> Vec<(String, Vec<u8>)> {
    let scenario = |(number, entry): (usize, &super::judge::Entry)| {
        (format!("{number}-{}.json", entry.loaded.name), std::fs::read(&entry.path).unwrap_or_default())
    };
    let report = ("report.json".to_string(), json::document(done).into_bytes());
    plan.entries.iter().enumerate().map(scenario).chain([report]).collect()
}

fn finish(
    args: &args::Run,
    mut done: report::Sweep,
    rows: &mut Rows,
    journal: Option<&Journal>,
    signals: &Signals,
) -> Ending {
    let mut ending = ending(args, &done, signals);
    done.tail.exit = ending.code();
    let mut wanted = args.report.clone();
    wanted.extend(journal.map(|journal| ReportTo { kind: ReportKind::Json, path: journal.report() }));
    let written = reports::write(&wanted, &done);
    resume::record(&done);
    for row in &done.scenarios[rows.next..] {
        rows.row(row);
    }
    match args.format {
        Format::Human | Format::Github => rows.print(&text::tail(&done, args.verbose, args.quiet)),
        Format::Json => rows.print(&json::document(&done)),
        Format::Jsonl => rows.print(&json::tail_lines(&done)),
    }
    let shown = reports::github(args.format, &args.report, &done);
    // A place that can't be written to is no defect of ours.
    let problems: Vec<String> = [rows.problem.take(), written.err(), shown.err()].into_iter().flatten().collect();
    for problem in &problems {
        complain(problem);
        ending.add(Why::Internal);
    }
    if let Some(problem) = &done.tail.internal {
        defect::told(problem, bundle(rows.plan, &done));
        ending.add(Why::Internal);
    }
    ending
}
