//! `cutline shrink`: from a failing seed to a small scenario that stands alone.

use super::args;
use super::defect;
use super::exit::{Ending, Why};
use super::find;
use super::judge::{Terms, allowed, small as again};
use super::outcome::Outcome;
use super::output::{self, complain};
use super::recorded;
use super::seed::{self, Planned};
use super::signals::Signals;
use super::tally::Allowed;
use super::verify;
use crate::report::{Kind, grouped, seed as shown};
use crate::scenario::spec::{After, Do, Entry, Open};
use crate::scenario::{Loaded, Scenario, Severity, calm, check_bytes, draw, print};
use crate::shrink::{Oracle, shrink as smaller};
use crate::sim::moments::{Moment, moments};
use crate::sim::run::{Keep, Run, meta};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// A shrunk scenario that fails under all of these seeds needs none.
const OTHER_SEEDS: u64 = 8;

/// A failure made small.
pub struct Small {
    /// What fails.
    pub kind: Kind,
    /// The scenario file.
    pub text: String,
    /// The scenario, closed, with its texts in it.
    pub loaded: Loaded,
    /// One line about each thing that it takes.
    pub decisions: Vec<String>,
    /// Faults among them, and orderings: channels and processes that are slow or stand still.
    pub depth: (usize, usize),
    /// Steps and faults before and after.
    pub from: (usize, usize),
    /// After.
    pub to: (usize, usize),
    /// Runs that it took.
    pub runs: u64,
    /// How long it took.
    pub took: Duration,
    /// Nothing can be taken away; false: the search was cut short.
    pub minimal: bool,
    /// The seed that it needs, if it needs one.
    pub needs: Option<u64>,
    /// Candidates that failed in other ways than the seed does: one for each way, as scenario files.
    pub others: Vec<(Kind, String)>,
}

/// What bounds the search.
#[derive(Clone)]
pub struct Bounds {
    /// So many runs at most.
    pub runs: u64,
    /// Runs of so many events at most, all of them together.
    pub events: u64,
    /// No longer than that.
    pub deadline: Option<Instant>,
    /// Not after a signal.
    pub signals: Signals,
    /// Whatever fails will do.
    pub any: bool,
}

struct Judge<'a> {
    texts: &'a Loaded,
    seed: u64,
    allowed: &'a Allowed,
    kind: Kind,
    bounds: Bounds,
    runs: u64,
    /// Events of all runs.
    spent: u64,
    /// Other failures that candidates had, and the first candidate.
    others: BTreeMap<Kind, Scenario>,
    /// Events of the smallest failing run so far: what takes far more of them is no simpler.
    events: u64,
}

/// Is it the same failure, for a person? The letter of an invariant, and where a panic is, may differ.
pub fn alike(one: &Kind, other: &Kind) -> bool {
    match (one, other) {
        (Kind::Violation(one, _), Kind::Violation(other, _)) => one == other,
        _ => one == other,
    }
}

impl Judge<'_> {
    fn run(&self, scenario: &Scenario, seed: u64, keep: Keep) -> Option<(Planned, Run)> {
        let loaded = Loaded::new(scenario.clone(), &self.texts.name, self.texts.texts.clone());
        seed::simulate(&loaded, seed, keep).ok()
    }

    /// The events of a run that fails in this way.
    fn fails_under(&mut self, scenario: &Scenario, seed: u64) -> Option<u64> {
        let (_, run) = self.run(scenario, seed, Keep { stop: Some(self.bounds.signals.flag()), ..Keep::default() })?;
        if run.stopped {
            return None;
        }
        self.spent = self.spent.saturating_add(run.events);
        let found = Outcome::failures(&run, self.allowed);
        let fails = found.iter().any(|kind| self.bounds.any || alike(kind, &self.kind));
        if !fails {
            for kind in found {
                self.others.entry(kind).or_insert_with(|| scenario.clone());
            }
        }
        fails.then_some(run.events)
    }

    fn steps(&self, scenario: &Scenario) -> usize {
        let run = self.run(scenario, self.seed, Keep { schedule: true, unjudged: true, ..Keep::default() });
        run.and_then(|(_, run)| run.schedule).map_or(0, |moves| moves.len())
    }
}

impl Oracle for Judge<'_> {
    fn fails(&mut self, candidate: &Scenario) -> bool {
        self.runs += 1;
        let text = serde_json::to_vec(candidate).unwrap_or_default();
        if check_bytes("", &text).iter().any(|found| found.severity == Severity::Error) {
            return false; // nobody could load it
        }
        let Some(events) = self.fails_under(candidate, self.seed) else { return false };
        let simple = events <= self.events.saturating_mul(2);
        if simple {
            self.events = events;
        }
        simple
    }

    fn tired(&self) -> bool {
        let late = self.bounds.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        late || self.runs >= self.bounds.runs || self.spent >= self.bounds.events || self.bounds.signals.end().is_some()
    }

    fn moments(&mut self, scenario: &Scenario) -> Vec<(u64, After)> {
        let keep = Keep { trace: true, unjudged: true, ..Keep::default() };
        let Some((planned, run)) = self.run(scenario, self.seed, keep) else { return Vec::new() };
        let topology = &planned.setup.topology;
        let after = |moment: Moment| After {
            event: moment.point.what,
            process: moment.point.process.map(|process| topology.name(process).to_string()),
            checkpoint: moment.point.checkpoint.map(|id| Open::Fixed(id.0)),
            nth: Open::Fixed(u64::from(moment.point.nth)),
        };
        let found = moments(run.trace.as_deref().unwrap_or_default());
        found.into_iter().map(|moment| (moment.time.0 / 1000, after(moment))).collect()
    }
}

/// Makes a failing seed small. None: the seed doesn't fail. An error is one of ours.
pub fn small(loaded: &Loaded, seed: u64, kind: Option<&Kind>, bounds: Bounds) -> Result<Option<Small>, String> {
    let began = Instant::now();
    let allowed = allowed(&loaded.scenario);
    let (planned, run) = seed::simulate(loaded, seed, Keep::default())?;
    let found = Outcome::failures(&run, &allowed);
    let wanted = |found: &&Kind| kind.is_none_or(|kind| alike(kind, found));
    let Some(kind) = found.iter().find(wanted).cloned() else { return Ok(None) };
    let mut start = draw(&loaded.inlined(&planned.plan), seed);
    start.expect.reached.clear();
    let mut judge = Judge {
        texts: loaded,
        seed,
        allowed: &allowed,
        kind,
        bounds,
        runs: 0,
        spent: 0,
        others: BTreeMap::new(),
        events: run.events,
    };
    let from = (judge.steps(&start), start.faults.script.len());
    let shrunk = smaller(&start, &mut judge);
    let mut scenario = shrunk.scenario;
    if judge.bounds.any {
        // What fails in the end may be another property than in the beginning.
        let last = judge.run(&scenario, seed, Keep::default()).map(|(_, run)| Outcome::failures(&run, &allowed));
        judge.kind = last.and_then(|found| found.first().copied()).unwrap_or(judge.kind);
    }
    let standalone = (0..OTHER_SEEDS).all(|other| judge.fails_under(&scenario, other).is_some());
    scenario.name = Some(format!("{}-{}", loaded.name, short(&judge.kind)));
    scenario.about = format!("Shrunk from {} seed {}: {}.", loaded.name, shown(seed), judge.kind.title());
    scenario.seeds = 1;
    let to = (judge.steps(&scenario), scenario.faults.script.len());
    let new = |kind: &Kind| !found.iter().any(|known| alike(known, kind));
    let others = judge.others.iter().filter(|(kind, _)| new(kind));
    let others =
        others.map(|(kind, scenario)| (*kind, print::print(&calm::terse(&loaded.inlined(scenario))))).collect();
    let small = Small {
        text: print::print(&calm::terse(&scenario)),
        decisions: decisions(&scenario),
        depth: depth(&scenario),
        from,
        to,
        runs: judge.runs,
        took: began.elapsed(),
        minimal: shrunk.minimal,
        needs: (!standalone).then_some(seed),
        others,
        kind: judge.kind,
        loaded: Loaded::new(scenario, &loaded.name, BTreeMap::new()),
    };
    Ok(Some(small))
}

/// A word for a kind, for names of files.
fn short(kind: &Kind) -> String {
    match kind {
        Kind::Violation(invariant, _) => invariant.name().to_lowercase(),
        other => other.word().to_string(),
    }
}

/// Faults, and what only puts things into another order.
fn depth(scenario: &Scenario) -> (usize, usize) {
    let order = |what: &Do| {
        matches!(
            what,
            Do::PauseHost { .. }
                | Do::Stall { .. }
                | Do::PauseLink { .. }
                | Do::SlowLink { .. }
                | Do::DelayControl { .. }
                | Do::PauseStore { .. }
        )
    };
    let orders = scenario.faults.script.iter().filter(|entry| order(&entry.what)).count();
    (scenario.faults.script.len() - orders, orders + scenario.sim.slower.len())
}

/// Everything that a shrunk scenario says beside its job, a line each.
fn decisions(scenario: &Scenario) -> Vec<String> {
    let terse = calm::terse(scenario);
    let mut lines = Vec::new();
    for part in ["checkpoints", "sim"] {
        for (key, value) in terse[part].as_object().into_iter().flatten() {
            match (key.as_str(), value.as_object()) {
                ("slower", Some(channels)) => {
                    lines.extend(channels.iter().map(|(name, factor)| format!("{name} is {factor} times slower")));
                }
                _ => lines.push(match delay(value) {
                    Some(took) => format!("{part}.{key} takes {took}"),
                    None => format!("{part}.{key} = {value}"),
                }),
            }
        }
    }
    lines.extend(scenario.faults.script.iter().map(fault));
    lines
}

/// A closed delay in words; none: it is something else.
fn delay(value: &serde_json::Value) -> Option<String> {
    let number = |key: &str| value.get(key)?.as_u64();
    let time = |us: u64| if us.is_multiple_of(1000) { format!("{} ms", us / 1000) } else { format!("{us} us") };
    Some(match (number("min_us")?, number("max_us")?, number("one_in")?) {
        (min, max, _) if min == max => time(min),
        (min, max, 0) => format!("{} to {}", time(min), time(max)),
        (min, max, one_in) => format!("{}, and one of {one_in} up to {}", time(min), time(max)),
    })
}

/// A fault of a closed script in words.
fn fault(entry: &Entry) -> String {
    let what = serde_json::to_value(&entry.what).unwrap_or_default().to_string();
    let what: String = what.chars().filter(|c| !"\"{}".contains(*c)).collect::<String>().replace([':', ','], " ");
    match (&entry.after, &entry.at_us, &entry.at_ms) {
        (Some(after), _, _) => {
            let of = after.checkpoint.as_ref().map_or_else(String::new, |id| format!(" of c{}", id.least()));
            let at = after.process.as_ref().map_or_else(String::new, |process| format!(" at {process}"));
            let nth = match after.nth.least() {
                0 => String::new(),
                n => format!(", the {} before it let pass", some(n as usize, "time")),
            };
            format!("{what}, right after {}{of}{at}{nth}", super::judge::word(&after.event))
        }
        (None, Some(us), _) => format!("{what}, at {} us", us.least()),
        (None, None, Some(ms)) => format!("{what}, at {} ms", ms.least()),
        (None, None, None) => what,
    }
}

/// Shrinks.
pub fn shrink(args: args::Shrink) -> Ending {
    let loaded = match find::one(&args.scenario, &Terms::whole(args.protocol.clone(), args.max_steps)) {
        Ok(loaded) => loaded,
        Err(ending) => return ending,
    };
    let other = recorded::other_stream(args.stream);
    other.iter().for_each(|said| output::warn(said));
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            return defect::internal(&format!("cannot listen to signals: {error}"));
        }
    };
    seed::hush();
    let deadline = args.budget.map(|budget| Instant::now() + budget);
    let any = args.any_failure;
    let bounds = Bounds { runs: args.runs, events: u64::MAX, deadline, signals: signals.clone(), any };
    match seed::aside(|| small(&loaded, args.seed, None, bounds)).and_then(|result| result) {
        Err(problem) => defect::internal(&problem),
        Ok(None) => {
            let seed = shown(args.seed);
            let hint = if other.is_some() { "; it was recorded under another stream version" } else { "" };
            complain(&format!("{} seed {seed} violates nothing that the scenario claims{hint}", loaded.name));
            Ending::bad(Why::NothingToRun)
        }
        Ok(Some(small)) => tell(&args, &loaded, &small, &signals),
    }
}

/// A count with its word.
fn some(n: usize, word: &str) -> String {
    format!("{} {word}{}", grouped(n as u64), if n == 1 { "" } else { "s" })
}

/// What came of it, in words.
pub fn summary(small: &Small) -> String {
    let mut out = String::new();
    let (from, to) = (small.from, small.to);
    let (millis, runs) = (small.took.as_millis(), some(small.runs as usize, "run"));
    let _ = writeln!(
        out,
        "shrunk {}, {} -> {}, {} ({runs}, {}.{} s)",
        some(from.0, "step"),
        some(from.1, "fault"),
        some(to.0, "step"),
        some(to.1, "fault"),
        millis / 1000,
        millis % 1000 / 100,
    );
    let _ = writeln!(out, "depth: {}, {}", some(small.depth.0, "fault"), some(small.depth.1, "ordering"));
    let _ = match small.minimal {
        true => writeln!(out, "one-minimal: without any one of its faults, orderings, settings and records it passes"),
        false => writeln!(out, "not minimal: the search was cut short"),
    };
    let _ = match small.needs {
        None => writeln!(out, "it needs no seed"),
        Some(seed) => writeln!(out, "it still needs its seed, {}: random delays matter", shown(seed)),
    };
    for line in &small.decisions {
        let _ = writeln!(out, "  {line}");
    }
    out
}

fn tell(args: &args::Shrink, loaded: &Loaded, small: &Small, signals: &Signals) -> Ending {
    let mut out = format!("{}  seed {}  {}\n", loaded.name, shown(args.seed), small.kind.title());
    out.push_str(&summary(small));
    out.push('\n');
    let seed = small.needs.unwrap_or(0);
    match seed::aside(|| seed::simulate(&small.loaded, seed, Keep { trace: true, ..Keep::default() })) {
        Ok(Ok((planned, run))) => {
            if let Some(report) = &run.report {
                let excused = |_: &crate::verify::Invariant| false;
                let meta = meta(&planned.setup, Some(seed));
                verify::verdicts(&mut out, &meta, run.trace.as_deref().unwrap_or_default(), report, &excused);
            }
        }
        Ok(Err(problem)) | Err(problem) => complain(&problem),
    }
    let path = args.output.clone().unwrap_or_else(|| format!("{}.shrunk.json", loaded.name).into());
    if let Err(problem) = output::file(&path, small.text.as_bytes()) {
        complain(&problem);
        return Ending::bad(Why::Internal);
    }
    let _ = writeln!(out, "written to {}", path.display());
    let _ = writeln!(out, "reproduce: {}", again(&path.display().to_string(), small.needs));
    for (kind, text) in &small.others {
        let other = path.with_extension(format!("{}.json", short(kind)));
        if let Err(problem) = output::file(&other, text.as_bytes()) {
            complain(&problem);
            return Ending::bad(Why::Internal);
        }
        let (title, again) = (kind.title(), again(&other.display().to_string(), Some(args.seed)));
        let _ = writeln!(out, "another failure was met on the way: {title}\n  reproduce: {again}");
    }
    let mut ending = Ending::good();
    if let Some((why, _)) = signals.end() {
        ending.add(why);
    } else if !small.minimal {
        ending.add(Why::Incomplete);
    }
    super::printed(output::print(&out), ending)
}
