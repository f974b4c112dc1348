//! `cutline mutants`: how many seeds it takes to see each planted defect. A score of the harness, not of the engine.

use super::args::{self, ScoreFormat};
use super::cpu::Stopwatch;
use super::exit::{Ending, Why};
use super::judge::{Terms, allowed, reproduce};
use super::outcome::Outcome;
use super::output::{self, complain, warn};
use super::plan::{BASE, seed_at};
use super::seed::{self, THREAD, simulate};
use super::shrink::{Bounds, Small, small};
use super::signals::Signals;
use super::tally::Allowed;
use super::{defect, find, prepare};
use crate::digest::mix;
use crate::protocols::{PROTOCOLS, Protocol};
use crate::report::{Kind, grouped, seed as shown};
use crate::scenario::Loaded;
use crate::sim::run::Keep;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A detected defect is made small with so many runs at most.
const RUNS: u64 = 4000;
/// The honest engine gets so many times the seeds that the worst defect took.
const HONEST: u64 = 2;
/// A defect that takes so many faults and orderings or less is to be seen soon.
const SHALLOW: usize = 2;
/// In so many seeds.
const SOON: u64 = 200;

/// A scenario of the sweep.
struct Entry {
    path: String,
    loaded: Loaded,
    allowed: Allowed,
}

/// A search for a defect, from one base of seeds.
#[derive(Clone, Debug, Default)]
struct Hunt {
    /// Seeds that were run.
    seeds: u64,
    /// Thread time.
    took: Duration,
    /// Where it ended: scenario and seed, and every kind of failure there. None: nothing was found.
    caught: Option<(usize, u64, Vec<Kind>)>,
}

/// What is left of the first failure.
#[derive(Clone, Copy)]
struct Shrunk {
    /// What the scenario says beside its job, a line each.
    lines: usize,
    /// Nothing can be taken away from it.
    minimal: bool,
    /// Faults, and orderings.
    depth: (usize, usize),
}

impl Shrunk {
    fn depth(&self) -> usize {
        self.depth.0 + self.depth.1
    }
}

/// What came of all hunts for one defect.
struct Score {
    name: &'static str,
    hunts: Vec<Hunt>,
    shrunk: Option<Shrunk>,
}

impl Score {
    fn caught(&self) -> bool {
        self.hunts.iter().all(|hunt| hunt.caught.is_some())
    }

    fn seeds(&self) -> Vec<u64> {
        sorted(self.hunts.iter().map(|hunt| hunt.seeds))
    }

    fn micros(&self) -> Vec<u64> {
        sorted(self.hunts.iter().map(|hunt| hunt.took.as_micros() as u64))
    }

    /// The names of what caught it, from any base.
    fn by(&self) -> Vec<String> {
        let kinds = self.hunts.iter().filter_map(|hunt| hunt.caught.as_ref()).flat_map(|(_, _, kinds)| kinds);
        let names = kinds.map(|kind| match kind {
            Kind::Violation(invariant, _) => (*kind, invariant.name().to_string()),
            other => (*other, other.word().to_string()),
        });
        let mut names: Vec<String> = names.collect::<BTreeSet<_>>().into_iter().map(|(_, name)| name).collect();
        names.dedup();
        names
    }
}

fn sorted(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
}

fn median(sorted: &[u64]) -> u64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

fn worst(sorted: &[u64]) -> u64 {
    sorted.last().copied().unwrap_or(0)
}

/// For the last line of a table only: no verdict depends on it.
fn geometric(values: impl Iterator<Item = u64>) -> f64 {
    let logs: Vec<f64> = values.map(|value| (value.max(1) as f64).ln()).collect();
    (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp()
}

/// Everything that hunts share.
struct Field<'a> {
    entries: Vec<Entry>,
    bases: Vec<u64>,
    most: u64,
    jobs: usize,
    signals: &'a Signals,
}

/// Hunts.
pub fn mutants(args: args::Mutants) -> Ending {
    if args.known {
        return super::known::known(args.format);
    }
    let wanted = |row: &&'static Protocol| args.mutant.is_empty() || args.mutant.iter().any(|name| name == row.name);
    for name in &args.mutant {
        if !PROTOCOLS.iter().any(|row| row.name == name && row.breaks.is_some()) {
            complain(&match crate::protocols::find(name) {
                Some(_) => format!("`{name}` has no defect: there is nothing to catch"),
                None => super::unknown_protocol(name),
            });
            return Ending::bad(Why::BadInput);
        }
    }
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            return defect::internal(&format!("cannot listen to signals: {error}"));
        }
    };
    let entries = match entries(&args) {
        Ok(entries) => entries,
        Err(ending) => return ending,
    };
    seed::hush();
    let first = args.seed_base.unwrap_or(BASE);
    let bases = (0..args.bases).map(|i| if i == 0 { first } else { mix(first.wrapping_add(i)) }).collect();
    let field = Field { entries, bases, most: args.max_seeds, jobs: prepare::threads(args.jobs), signals: &signals };
    let rows: Vec<&'static Protocol> = PROTOCOLS.iter().filter(|row| row.breaks.is_some()).filter(wanted).collect();
    match field.all(&rows, args.no_shrink) {
        Ok((scores, honest)) => field.told(&args, &scores, &honest),
        Err(problem) => defect::internal(&problem),
    }
}

fn entries(args: &args::Mutants) -> Result<Vec<Entry>, Ending> {
    let mut entries = Vec::new();
    for (path, loaded) in find::good(&args.paths)? {
        // A scenario with a protocol of another kind may not be a job that the engine can run.
        let honest = |row: &Protocol| row.breaks.is_none() && row.name == loaded.scenario.protocol;
        if PROTOCOLS.iter().any(honest) {
            let allowed = allowed(&loaded.scenario);
            entries.push(Entry { path: path.display().to_string(), loaded, allowed });
        }
    }
    if entries.is_empty() {
        complain("no scenario was found that runs the engine");
        return Err(Ending::bad(Why::NothingToRun));
    }
    Ok(entries)
}

impl Field<'_> {
    /// The scenarios in an order of this base's own, for whichever came first would make its defects look easy.
    fn order(&self, base: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|at| seed_at(!base, &self.entries[*at].loaded.name, 0));
        order
    }

    /// One seed of each scenario after the other, again and again, until a seed fails.
    fn hunt(&self, protocol: &str, base: u64, most: u64) -> Result<Hunt, String> {
        let order = self.order(base);
        let with = |entry: &Entry| {
            let mut loaded = entry.loaded.clone();
            loaded.scenario.protocol = protocol.to_string();
            loaded
        };
        let loaded: Vec<Loaded> = self.entries.iter().map(with).collect();
        let began = Stopwatch::start();
        let mut hunt = Hunt::default();
        while hunt.caught.is_none() && hunt.seeds < most && self.signals.end().is_none() {
            let at = order[(hunt.seeds % order.len() as u64) as usize];
            let seed = seed_at(base, &loaded[at].name, hunt.seeds / order.len() as u64);
            let (_, run) = simulate(&loaded[at], seed, Keep::default())?;
            hunt.seeds += 1;
            let failures = Outcome::failures(&run, &self.entries[at].allowed);
            if !failures.is_empty() {
                hunt.caught = Some((at, seed, failures));
            }
        }
        hunt.took = began.elapsed();
        Ok(hunt)
    }

    /// Does things side by side; the results are in the order of the things.
    fn each<T: Send>(&self, count: usize, thing: impl Fn(usize) -> Result<T, String> + Sync) -> Result<Vec<T>, String> {
        let next = AtomicUsize::new(0);
        let done: Vec<Mutex<Option<Result<T, String>>>> = (0..count).map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(count) {
                let work = || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(slot) = done.get(at) else { return };
                        *slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(thing(at));
                    }
                };
                let thread = std::thread::Builder::new().name(THREAD.to_string());
                thread.spawn_scoped(scope, work).map_err(|error| format!("cannot start a thread: {error}"))?;
            }
            Ok::<_, String>(())
        })?;
        let taken = |slot: Mutex<Option<_>>| slot.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        done.into_iter().map(|slot| taken(slot).unwrap_or_else(|| Err("a thread panicked".to_string()))).collect()
    }

    fn all(&self, rows: &[&'static Protocol], no_shrink: bool) -> Result<(Vec<Score>, Vec<Hunt>), String> {
        let bases = self.bases.len();
        let hunts =
            self.each(rows.len() * bases, |at| self.hunt(rows[at / bases].name, self.bases[at % bases], self.most))?;
        let most = hunts.iter().filter(|hunt| hunt.caught.is_some()).map(|hunt| hunt.seeds).max().unwrap_or(0);
        let most = (most * HONEST).max(self.entries.len() as u64);
        let honest = self.each(bases, |at| self.hunt(PROTOCOLS[0].name, self.bases[at], most))?;
        let shrunk = self.each(rows.len(), |at| match &hunts[at * bases].caught {
            Some(caught) if !no_shrink => self.shrink(rows[at].name, caught),
            _ => Ok(None),
        })?;
        let of = |at: usize| hunts[at * bases..(at + 1) * bases].to_vec();
        let score = |(at, shrunk): (usize, _)| Score { name: rows[at].name, hunts: of(at), shrunk };
        Ok((shrunk.into_iter().enumerate().map(score).collect(), honest))
    }

    fn shrink(&self, protocol: &str, caught: &(usize, u64, Vec<Kind>)) -> Result<Option<Shrunk>, String> {
        let (at, seed, kinds) = caught;
        let mut loaded = self.entries[*at].loaded.clone();
        loaded.scenario.protocol = protocol.to_string();
        let bounds = Bounds { runs: RUNS, events: u64::MAX, deadline: None, signals: self.signals.clone(), any: false };
        let small = small(&loaded, *seed, kinds.first(), bounds)?;
        Ok(small.map(|Small { decisions, minimal, depth, .. }| Shrunk { lines: decisions.len(), minimal, depth }))
    }

    fn told(&self, args: &args::Mutants, scores: &[Score], honest: &[Hunt]) -> Ending {
        let text = match args.format {
            ScoreFormat::Human => self.human(scores, honest),
            ScoreFormat::Json => self.machine(scores, honest),
        };
        let mut ending = Ending::good();
        if let Some((why, name)) = self.signals.end() {
            warn(&format!("{name}: hunts that had not found anything by then count as missed"));
            ending.add(why);
        }
        if scores.iter().any(|score| !score.caught()) || honest.iter().any(|hunt| hunt.caught.is_some()) {
            ending.add(Why::Violated);
        }
        super::printed(output::print(&text), ending)
    }

    fn again(&self, protocol: &str, caught: &(usize, u64, Vec<Kind>)) -> String {
        let terms = Terms::whole(Some(protocol.to_string()), None);
        reproduce(&self.entries[caught.0].path, caught.1, &terms)
    }

    fn human(&self, scores: &[Score], honest: &[Hunt]) -> String {
        let mut out = format!(
            "{} defects, {} scenarios in turn, {} bases from {}, at most {} seeds each\n\n",
            scores.len(),
            self.entries.len(),
            self.bases.len(),
            shown(self.bases[0]),
            grouped(self.most)
        );
        let width = scores.iter().map(|score| score.name.len()).max().unwrap_or(0).max("defect".len());
        let _ = writeln!(
            out,
            "{:width$}  {:>6}  {:>7}  {:>7}  {:>9}  {:>9}  {:>6}  {:>5}  by",
            "defect", "caught", "seeds", "worst", "ms", "worst", "lines", "depth"
        );
        for score in scores {
            let (seeds, micros) = (score.seeds(), score.micros());
            let found = score.hunts.iter().filter(|hunt| hunt.caught.is_some()).count();
            let (lines, depth) = match score.shrunk {
                None => ("-".to_string(), "-".to_string()),
                Some(small) => {
                    let more = if small.minimal { "" } else { "+" };
                    (format!("{}{more}", small.lines), format!("{}{more}", small.depth()))
                }
            };
            let _ = writeln!(
                out,
                "{:width$}  {:>6}  {:>7}  {:>7}  {:>9}  {:>9}  {lines:>6}  {depth:>5}  {}",
                score.name,
                format!("{found}/{}", score.hunts.len()),
                grouped(median(&seeds)),
                grouped(worst(&seeds)),
                millis(median(&micros)),
                millis(worst(&micros)),
                score.by().join(" ")
            );
        }
        self.sums(&mut out, scores, honest);
        out
    }

    fn sums(&self, out: &mut String, scores: &[Score], honest: &[Hunt]) {
        let caught = scores.iter().filter(|score| score.caught()).count();
        let _ = writeln!(out, "\ncaught from every base: {caught} of {}", scores.len());
        let _ = writeln!(
            out,
            "geometric mean of the medians: {:.1} seeds, {:.2} ms",
            geometric(scores.iter().map(|score| median(&score.seeds()))),
            geometric(scores.iter().map(|score| median(&score.micros()))) / 1000.0
        );
        smalls(out, scores);
        let seeds: u64 = honest.iter().map(|hunt| hunt.seeds).sum();
        let _ = match honest.iter().find_map(|hunt| hunt.caught.as_ref()) {
            None => writeln!(out, "the honest engine: {} seeds, never caught", grouped(seeds)),
            Some(caught) => {
                writeln!(out, "the honest engine FAILS\n  reproduce: {}", self.again(PROTOCOLS[0].name, caught))
            }
        };
        for score in scores.iter().filter(|score| !score.caught()) {
            let _ = writeln!(out, "MISSED: {}", score.name);
        }
    }

    fn machine(&self, scores: &[Score], honest: &[Hunt]) -> String {
        let hunt = |protocol: &str, hunt: &Hunt| {
            json!({
                "seeds": hunt.seeds,
                "micros": hunt.took.as_micros() as u64,
                "reproduce": hunt.caught.as_ref().map(|caught| self.again(protocol, caught)),
            })
        };
        let score = |score: &Score| {
            json!({
                "name": score.name,
                "caught": score.caught(),
                "by": score.by(),
                "hunts": score.hunts.iter().map(|one| hunt(score.name, one)).collect::<Vec<_>>(),
                "lines": score.shrunk.map(|small| small.lines),
                "minimal": score.shrunk.map(|small| small.minimal),
                "faults": score.shrunk.map(|small| small.depth.0),
                "orderings": score.shrunk.map(|small| small.depth.1),
            })
        };
        let honest: Vec<_> = honest.iter().map(|one| hunt(PROTOCOLS[0].name, one)).collect();
        let value = json!({
            "bases": self.bases.iter().map(|base| shown(*base)).collect::<Vec<_>>(),
            "scenarios": self.entries.len(),
            "max_seeds": self.most,
            "defects": scores.iter().map(score).collect::<Vec<_>>(),
            "honest": honest,
        });
        format!("{value:#}\n")
    }
}

/// How small failures became, and how long those took that need little. Nothing if nothing was shrunk.
fn smalls(out: &mut String, scores: &[Score]) {
    let small: Vec<(&Score, Shrunk)> = scores.iter().filter_map(|score| Some((score, score.shrunk?))).collect();
    if small.is_empty() {
        return;
    }
    let lines = sorted(small.iter().map(|(_, small)| small.lines as u64));
    let _ = writeln!(out, "shrunk, lines beside the job: {} at the median, {} at most", median(&lines), worst(&lines));
    let shallow = small.iter().filter(|(_, small)| small.depth() <= SHALLOW);
    let seeds = sorted(shallow.map(|(score, _)| median(&score.seeds())));
    let late = seeds.iter().filter(|seeds| **seeds > SOON).count();
    let _ = writeln!(
        out,
        "of depth {SHALLOW} or less (faults and orderings that it takes): {}, of which {late} after more than {SOON} seeds at the median",
        seeds.len()
    );
}

fn millis(micros: u64) -> String {
    format!("{}.{:02}", grouped(micros / 1000), micros % 1000 / 10)
}
