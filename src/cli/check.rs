//! `cutline check`: every schedule and every bounded fault of small scenarios.

use super::args::{self, ListFormat};
use super::checked::{Checked, Judgement, judge, print};
use super::counterexample;
use super::exit::{Ending, Why};
use super::output::{self, complain};
use super::seed::{self, Planned};
use super::signals::Signals;
use super::watching::Watching;
use super::{defect, find, parse};
use crate::explore::commutation::Learned;
use crate::explore::judge::Property;
use crate::explore::lasso::livelock;
use crate::explore::reduce::Reducer;
use crate::explore::refine::Base;
use crate::explore::rules::*;
use crate::explore::search::{Cut, Found, Limits, Options, search};
use crate::protocols;
use crate::scenario::Loaded;
use crate::scenario::spec::{Exhaust, RecoveryAs, ServicesAre, TimersFire};
use crate::world::setup::Setup;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// States of a job without checkpoints, at most, that recoveries are held against.
const BASE_STATES_MAX: usize = 300_000;

/// Checks.
pub fn check(args: args::Check) -> Ending {
    if let Some(name) = &args.protocol
        && protocols::find(name).is_none()
    {
        complain(&super::unknown_protocol(name));
        return Ending::bad(Why::BadInput);
    }
    let found = match find::good(&args.paths) {
        Ok(found) => found,
        Err(ending) => return ending,
    };
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            return defect::internal(&format!("cannot listen to signals: {error}"));
        }
    };
    seed::hush();
    let mut ending = Ending::good();
    let mut documents = Vec::new();
    let mut watching = Watching::new(args.progress, args.budget, signals.clone());
    for (path, loaded) in &found {
        match seed::aside(|| one(&args, path, loaded, &mut watching)).and_then(|result| result) {
            Ok(checked) => {
                ending.add_all(checked.judgement.why());
                match args.format {
                    ListFormat::Human => {
                        if let Err(ending) = say(&print(&checked)) {
                            return ending;
                        }
                    }
                    ListFormat::Json => documents.push(checked.json()),
                }
            }
            Err(problem) => {
                defect::internal(&problem);
                ending.add(Why::Internal);
            }
        }
        if let Some((why, name)) = signals.end() {
            output::say(&format!("interrupted by {name}: the counts above are what was found until then\n"));
            ending.add(why);
            break;
        }
    }
    if args.format == ListFormat::Json
        && let Err(ending) = say(&format!("{}\n", serde_json::Value::Array(documents)))
    {
        return ending;
    }
    ending
}

fn say(text: &str) -> Result<(), Ending> {
    output::print(text).map(drop).map_err(|error| {
        complain(&format!("cannot write to stdout: {error}"));
        Ending::bad(Why::Internal)
    })
}

/// What may happen in a scenario.
pub fn rules(wanted: &Exhaust) -> Rules {
    let budget = Budget::default()
        .with(Scarce::Trigger, wanted.triggers)
        .with(Scarce::Crash, wanted.crashes)
        .with(Scarce::Failover, wanted.failovers)
        .with(Scarce::Suspicion, wanted.suspicions)
        .with(Scarce::LostReply, wanted.lost_replies)
        .with(Scarce::FailedRequest, wanted.failed_requests)
        .with(Scarce::LostControl, wanted.lost_control)
        .with(Scarce::Stop, wanted.stops)
        .with(Scarce::Expiry, wanted.expiries);
    Rules {
        budget,
        timers: match wanted.timers {
            TimersFire::Patient => Timers::Patient,
            TimersFire::Free => Timers::Free,
        },
        recovery: match wanted.recovery {
            RecoveryAs::Atomic => Recovery::Atomic,
            RecoveryAs::Stepwise => Recovery::Stepwise,
        },
        services: match wanted.services {
            ServicesAre::Travelling => Services::Travel,
            ServicesAre::AtOnce => Services::AtOnce,
        },
        ..Rules::default()
    }
}

/// The same with what was asked for on the command line.
fn changed(args: &args::Check, rules: Rules) -> Rules {
    let asked = [(Scarce::Trigger, args.triggers), (Scarce::Crash, args.crashes), (Scarce::Delay, args.delays)];
    let asked = asked.into_iter().filter_map(|(kind, much)| Some((kind, much?)));
    Rules {
        budget: asked.fold(rules.budget, |budget, (kind, much)| budget.with(kind, much)),
        timers: if args.free_timers { Timers::Free } else { rules.timers },
        recovery: if args.stepwise { Recovery::Stepwise } else { rules.recovery },
        services: if args.services_at_once { Services::AtOnce } else { rules.services },
        delay_bounded: args.delays.is_some(),
        ..rules
    }
}

fn one(args: &args::Check, path: &Path, loaded: &Loaded, watching: &mut Watching) -> Result<Checked, String> {
    let began = Instant::now();
    let mut loaded = loaded.clone();
    if let Some(protocol) = &args.protocol {
        loaded.scenario.protocol = protocol.clone();
    }
    let planned = seed::plan(&loaded, args.seed)?;
    let setup = Arc::new(Setup { remember: true, ..Setup::clone(&planned.setup) });
    let wanted = loaded.scenario.check.clone().unwrap_or_default();
    let rules = changed(args, rules(&wanted));
    // What the job must come to is for the engine that ships to say, whoever runs it here.
    let spawn = protocols::find("engine").expect("the engine is in the table");
    let honest = Arc::new(Setup { spawn, ..Setup::clone(&setup) });
    let base = Base::new(&honest, BASE_STATES_MAX).map(Arc::new);
    let mut options = options(args, reducer(args, &setup, &planned, &rules), rules);
    watching.begin(&loaded.name);
    let mut found = search(&setup, options.clone(), base.as_ref().ok(), &mut |progress| watching.look(progress));
    if found.denied.is_some() && !found.strange {
        options.reduce = None; // as the search did
    }
    if let Some(violation) = livelock(&setup, &options, base.as_ref().ok(), &found) {
        found.violations.insert(Property::NoLivelock, violation);
    }
    let judgement = judge(&wanted, &found, is_plain(args));
    let shown = shown(args, path, loaded.scenario.protocol.as_str());
    let mut examples = Vec::new();
    for property in found.violations.keys() {
        let file = args.out.join(format!("{}-{}.{property}", loaded.name, loaded.scenario.protocol));
        let example = Example { args, shown: &shown, loaded: &loaded, planned: &planned, setup: &setup };
        examples.push(example.write(&options, base.as_ref().ok(), *property, &found, &file)?);
    }
    watching.end();
    Ok(Checked {
        name: loaded.name.clone(),
        protocol: loaded.scenario.protocol.clone(),
        open: is_open(&loaded, &setup, args.seed),
        seed: args.seed,
        setup,
        options,
        base: base.map(|base| (base.states, base.refines())),
        seconds: began.elapsed().as_secs_f64(),
        found,
        judgement,
        examples,
    })
}

/// How it is searched.
fn options(args: &args::Check, reduce: Option<Arc<Reducer>>, rules: Rules) -> Options {
    Options {
        reduce,
        dominance: !args.no_dominance,
        jobs: jobs(args),
        limits: Limits {
            states: args.max_states.unwrap_or(u64::MAX),
            depth: args.max_depth.unwrap_or(u32::MAX),
            bytes: args.max_memory.unwrap_or(u64::MAX),
        },
        keep_going: args.keep_going,
        liveness: true,
        or_in_full: true,
        ..Options::new(rules)
    }
}

/// Does another seed stand for another job, as far as a search can tell?
fn is_open(loaded: &Loaded, setup: &Setup, seed: u64) -> bool {
    let Ok(other) = seed::plan(loaded, seed ^ 1) else { return false };
    let told = |setup: &Setup| {
        let config = &setup.config;
        (config.mode, config.max_concurrent, config.retain, config.tolerable_failures, config.min_pause.0 > 0)
    };
    let other = &other.setup;
    setup.topology.graph != other.topology.graph || setup.logs != other.logs || told(setup) != told(other)
}

/// Is everything searched as the scenarios say?
fn is_plain(args: &args::Check) -> bool {
    let changed = args.protocol.is_some() || args.triggers.is_some() || args.crashes.is_some() || args.delays.is_some();
    let left_out = args.no_reduction || args.no_dominance;
    let otherwise = args.stepwise || args.free_timers || args.services_at_once;
    !changed && !left_out && !otherwise && args.seed == 0
}

/// What says again what was checked, in a shell.
fn shown(args: &args::Check, path: &Path, protocol: &str) -> String {
    let mut words = parse::quoted(&path.display().to_string());
    words += &format!(" --seed {}", crate::report::seed(args.seed));
    if args.protocol.is_some() {
        words += &format!(" --protocol {}", parse::quoted(protocol));
    }
    words
}

fn jobs(args: &args::Check) -> usize {
    let usable = || std::thread::available_parallelism().map_or(1, |n| n.get());
    args.jobs.map_or_else(usable, usize::from)
}

/// What leaves out moves; none if that isn't wanted, if it may not be, or if nothing was learned of this protocol.
fn reducer(args: &args::Check, setup: &Setup, planned: &Planned, rules: &Rules) -> Option<Arc<Reducer>> {
    if args.no_reduction || !rules.reducible() {
        return None;
    }
    let mode = super::judge::word(&setup.config.mode);
    let reducer = Reducer::new(&setup.topology, &planned.plan.protocol, &mode, &Learned::shipped(), rules);
    reducer.knows_something().then(|| Arc::new(reducer))
}

/// What a counterexample is made from.
struct Example<'a> {
    args: &'a args::Check,
    shown: &'a str,
    loaded: &'a Loaded,
    planned: &'a Planned,
    setup: &'a Arc<Setup>,
}

impl Example<'_> {
    /// Finds the way to a violation again, one thread and every step kept, and writes it down.
    fn write(
        &self,
        options: &Options,
        base: Option<&Arc<Base>>,
        property: Property,
        found: &Found,
        file: &Path,
    ) -> Result<String, String> {
        let violation = &found.violations[&property];
        let path = match &violation.path {
            Some(path) => path.clone(),
            None => {
                let limits = Limits { depth: violation.depth.max(1), ..Limits::default() };
                let wanted = found.violations.len() > 1 || self.args.keep_going;
                let options = Options {
                    track: true,
                    jobs: 1,
                    walks: 0,
                    liveness: false,
                    keep_going: wanted,
                    limits,
                    ..options.clone()
                };
                let again = search(self.setup, options, base, &mut |_| true);
                let path = again.violations.get(&property).and_then(|violation| violation.path.clone());
                path.ok_or_else(|| format!("the way to the violation of {property} isn't found again"))?
            }
        };
        let about = format!("{} seed {} check {property}", self.loaded.name, crate::report::seed(self.args.seed));
        counterexample::write(&self.planned.setup, &options.rules, &path, violation, &about, self.shown, file)
    }
}

impl Judgement {
    /// What speaks against 0.
    pub fn why(&self) -> Vec<Why> {
        let mut why = Vec::new();
        let wrong = !self.unexpected.is_empty() || self.missing.is_some() || self.miscounted.is_some();
        if wrong || !self.unreached.is_empty() {
            why.push(Why::Violated);
        }
        if self.incomplete {
            why.push(Why::Incomplete);
        }
        why
    }
}

/// Why a search was cut short, in words.
pub fn cut(cut: Cut) -> &'static str {
    match cut {
        Cut::States => "as many states as allowed",
        Cut::Depth => "as deep as allowed",
        Cut::Memory => "as much memory as allowed",
        Cut::Stopped => "stopped: out of time, or interrupted",
    }
}
