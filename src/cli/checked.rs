//! What a search has shown, in words; and what its claim rests on.

use super::check::cut;
use super::judge::word;
use crate::explore::judge::Property;
use crate::explore::refine::NoBase;
use crate::explore::rules::*;
use crate::explore::search::{Found, Options};
use crate::report::grouped;
use crate::scenario::spec::{Broken, Exhaust, SearchProperty};
use crate::trace::coverage::Met;
use crate::world::setup::Setup;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// One scenario, searched.
pub struct Checked {
    /// Its name.
    pub name: String,
    /// Who ran the job.
    pub protocol: String,
    /// Were values left open, and drawn?
    pub open: bool,
    /// From which seed.
    pub seed: u64,
    /// What the worlds were made from.
    pub setup: Arc<Setup>,
    /// How it was searched.
    pub options: Options,
    /// States that recoveries were held against, or why they weren't.
    pub base: Result<(usize, bool), NoBase>,
    /// How long it took.
    pub seconds: f64,
    /// What was found.
    pub found: Found,
    /// What is made of that.
    pub judgement: Judgement,
    /// Counterexamples, in words.
    pub examples: Vec<String>,
}

/// What is made of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Properties that are violated and shouldn't be.
    pub unexpected: Vec<Property>,
    /// A property that should have been seen violated.
    pub missing: Option<String>,
    /// Goals that were never reached.
    pub unreached: Vec<String>,
    /// Another number of states than the scenario says.
    pub miscounted: Option<u64>,
    /// Not everything was decided.
    pub incomplete: bool,
}

/// Holds what was found against what was wanted.
pub fn judge(wanted: &Exhaust, found: &Found, plain: bool) -> Judgement {
    let expected = wanted.violates.as_ref().map(broken);
    let violated = found.violations.keys().map(|property| property.to_string());
    let is_expected = |property: &Property| Some(property.to_string()) == expected;
    let goals: Vec<String> = wanted.reached.iter().map(word).collect();
    let met: Vec<&str> = found.met.words().collect();
    Judgement {
        unexpected: found.violations.keys().filter(|property| !is_expected(property)).copied().collect(),
        missing: expected.filter(|expected| !violated.clone().any(|property| property == *expected)),
        unreached: goals
            .into_iter()
            .filter(|goal| found.violations.is_empty() && found.cut.is_none() && !met.contains(&goal.as_str()))
            .collect(),
        miscounted: wanted.states.filter(|states| plain && found.cut.is_none() && *states != found.states),
        incomplete: (found.cut.is_some() || found.strange) && found.violations.is_empty(),
    }
}

fn broken(broken: &Broken) -> String {
    match broken {
        Broken::Invariant(invariant) => word(invariant),
        Broken::Search(property) => match property {
            SearchProperty::NoPanic => Property::NoPanic,
            SearchProperty::NoDeadlock => Property::NoDeadlock,
            SearchProperty::NoLivelock => Property::NoLivelock,
            SearchProperty::RecoveryRefinement => Property::Refinement,
        }
        .to_string(),
    }
}

/// What may happen, in words.
fn bounds(rules: &Rules) -> String {
    let kinds = [
        (Scarce::Trigger, "early checkpoint"),
        (Scarce::Crash, "crash"),
        (Scarce::Failover, "failover"),
        (Scarce::Suspicion, "suspicion"),
        (Scarce::LostReply, "lost reply"),
        (Scarce::FailedRequest, "failed request"),
        (Scarce::LostControl, "lost message"),
        (Scarce::Stop, "stop"),
        (Scarce::Expiry, "expiry"),
    ];
    let some = kinds.iter().filter(|(kind, _)| rules.budget.of(*kind) > 0);
    let mut words: Vec<String> = some.map(|(kind, name)| counted(rules.budget.of(*kind), name)).collect();
    if rules.delay_bounded {
        words.push(format!("{} delays", rules.budget.of(Scarce::Delay)));
    }
    if words.is_empty() { "no fault".to_string() } else { format!("at most {}", words.join(", ")) }
}

fn counted(n: u8, name: &str) -> String {
    match (n, name.strip_suffix('y'), name.ends_with("sh")) {
        (1, ..) => format!("1 {name}"),
        (_, Some(stem), _) => format!("{n} {stem}ies"),
        (_, _, true) => format!("{n} {name}es"),
        _ => format!("{n} {name}s"),
    }
}

/// Everything about one scenario.
pub fn print(checked: &Checked) -> String {
    let Checked { found, options, judgement, setup, .. } = checked;
    let mut out = format!(
        "{}  protocol {}  {}, {}  {}\n",
        checked.name,
        checked.protocol,
        word(&setup.guarantee),
        word(&setup.config.mode),
        bounds(&options.rules)
    );
    let counts =
        format!("{} states, {} transitions, depth {}", grouped(found.states), grouped(found.transitions), found.depth);
    let verdict = match found.violations.keys().next() {
        Some(property) => format!("VIOLATED: {property} ({counts} visited until then)"),
        None => match (found.cut, found.strange) {
            (Some(why), _) => format!("NOT EXHAUSTED ({}): {counts}; nothing is violated so far", cut(why)),
            (None, true) => {
                let denied = found.denied.as_deref().unwrap_or("steps were met of which nothing was learned");
                format!("NOT EXHAUSTED ({denied}): {counts}")
            }
            (None, false) => format!("exhausted: {counts}, all properties hold"),
        },
    };
    let _ = writeln!(out, "  {verdict}  ({:.2} s)", checked.seconds);
    checked.examples.iter().for_each(|example| out.push_str(example));
    for property in &judgement.unexpected {
        let _ = writeln!(out, "  {property} is claimed and doesn't hold");
    }
    if let Some(missing) = &judgement.missing {
        let _ = writeln!(out, "  {missing} was expected to be violated, and isn't");
    }
    if let Some(states) = judgement.miscounted {
        let _ = writeln!(out, "  MISCOUNTED: the scenario says {} states", grouped(states));
    }
    if !judgement.unreached.is_empty() {
        let _ = writeln!(out, "  NEVER REACHED: {}", judgement.unreached.join(", "));
    }
    let met: Vec<&str> = found.met.words().collect();
    let _ = writeln!(out, "  reached: {}", met.join(", "));
    out.push_str(&soundness(checked));
    out
}

/// What the claim rests on.
fn soundness(checked: &Checked) -> String {
    let Checked { found, options, .. } = checked;
    let n = found.states as f64;
    let missed = n * n / 2f64.powi(65);
    let mut out = format!("  rests on: 64-bit fingerprints, {missed:.1e} states expected to be missed; ");
    let _ = write!(out, "{} remembered steps compared with the engine; ", grouped(found.audits));
    let _ = match &options.reduce {
        Some(_) => write!(
            out,
            "stubborn sets with learned commutation, {} pairs of steps executed in both orders on {} walks; ",
            grouped(found.walked),
            options.walks
        ),
        None => match &found.denied {
            Some(denied) => write!(out, "no reduction, of which too little was learned here ({denied}); "),
            None => write!(out, "no reduction; "),
        },
    };
    let _ = writeln!(out, "dominance {}", if options.dominance { "on" } else { "off" });
    let mut abstractions = Vec::new();
    if options.rules.timers == Timers::Patient {
        abstractions.push("timers are patient");
    }
    if options.rules.services == Services::AtOnce {
        abstractions.push("nothing comes between a request and its reply");
    }
    if options.rules.recovery == Recovery::Atomic {
        abstractions.push("the start of the job is one step");
        if options.rules.budget.of(Scarce::Crash) > 0 {
            abstractions.push("a crash and its recovery are one step after which attempts are numbered anew");
        }
    }
    if !abstractions.is_empty() {
        let _ = writeln!(out, "  abstractions: {}", abstractions.join("; "));
    }
    let refinement = match (&checked.base, options.rules.budget.of(Scarce::Crash), options.rules.recovery) {
        (_, 0, _) => "no crash, so nothing to decide".to_string(),
        (_, _, Recovery::Stepwise) => "undecided where recovery is stepwise".to_string(),
        (Ok((_, false)), _, _) => "undecided: a sink without transactions shows what a crash doesn't undo".to_string(),
        (Ok((states, true)), _, _) => {
            format!("against {} states without checkpoints and faults", grouped(*states as u64))
        }
        (Err(why), _, _) => unheld(*why).to_string(),
    };
    let output = match &checked.base {
        Ok(_) => "against all ends of a run without checkpoints and faults",
        Err(why) => unheld(*why),
    };
    let liveness = match (found.cut.is_some() || !found.violations.is_empty(), found.edges.too_many()) {
        (true, _) => "undecided",
        (_, true) => "undecided: too many transitions to keep",
        _ if found.good_ends.is_empty() => "undecided: no end was reached",
        _ => "the job can still end from every state",
    };
    let _ = writeln!(out, "  recovery refinement: {refinement}");
    let _ = writeln!(out, "  output: {output}");
    let _ = writeln!(out, "  liveness: {liveness}");
    let _ = writeln!(
        out,
        "  work: {} steps of the engine, {} in the whole world, {} different parts, {} bytes a state",
        grouped(found.misses),
        grouped(found.whole),
        grouped(found.parts as u64),
        found.bytes / found.states.max(1)
    );
    if checked.open {
        let _ = writeln!(out, "  open values are those of seed {}", crate::report::seed(checked.seed));
    }
    out
}

impl Checked {
    /// The same for machines.
    pub fn json(&self) -> Value {
        let found = &self.found;
        let violations: Vec<Value> = found
            .violations
            .iter()
            .map(|(property, violation)| {
                json!({"property": property.to_string(), "message": violation.wrong.message, "depth": violation.depth})
            })
            .collect();
        let verdict = match () {
            _ if !found.violations.is_empty() => "violated",
            _ if found.cut.is_some() || found.strange => "not exhausted",
            _ => "exhausted",
        };
        json!({
            "scenario": self.name,
            "protocol": self.protocol,
            "verdict": verdict,
            "as_expected": self.judgement == Judgement::default(),
            "bounds": bounds(&self.options.rules),
            "states": found.states,
            "transitions": found.transitions,
            "depth": found.depth,
            "quiescent": found.quiescent.len(),
            "completed_checkpoints": found.completed.len(),
            "violations": violations,
            "unreached": self.judgement.unreached,
            "job_finished": found.met.met(Met::JobFinished),
            "reduction": self.options.reduce.is_some(),
            "dominance": self.options.dominance,
            "fingerprint_bits": 64,
            "audited": found.audits,
            "walked": found.walked,
            "denied": found.denied,
            "misses": found.misses,
        })
    }
}

/// Why the output, or what a recovery restores, is held against nothing.
fn unheld(why: NoBase) -> &'static str {
    match why {
        NoBase::NotClaimed => "not judged: the job doesn't claim exactly once",
        NoBase::Overwrites => "undecided: a sink overwrites what it has shown",
        NoBase::Unseen => "undecided: these processes don't show their states",
        NoBase::TooLarge => "undecided: too many states without checkpoints",
    }
}
