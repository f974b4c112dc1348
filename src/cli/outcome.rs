//! What came of one seed, as far as a sweep counts it. It can be written down and read again.

use super::seed::Planned;
use super::tally::Allowed;
use crate::report::{Kind, grouped};
use crate::sim::matrix::Cell;
use crate::sim::run::Run;
use crate::trace::coverage::MET;
use crate::verify::{Invariant, Report, Verdict};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What came of a seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Events.
    pub events: u64,
    /// Records delivered.
    pub delivered: u64,
    /// Faults that were planned.
    pub faults: u64,
    /// Virtual time, in nanoseconds.
    pub virtual_ns: u64,
    /// The job failed for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub job_failed: bool,
    /// The digest of the trace.
    pub digest: u64,
    /// What was met: places in `MET`.
    pub met: Vec<usize>,
    /// Where faults struck: places in the matrix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub struck: Vec<usize>,
    /// A letter for each invariant, in order: holds, violated, undecided, moot. Empty: nothing was judged.
    pub verdicts: String,
    /// Why invariants are undecided, by their places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<(usize, String)>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<Wrong>,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// What.
    #[serde(flatten)]
    pub kind: Kind,
    /// What happened, in words.
    pub message: String,
    /// The scenario minds.
    pub minded: bool,
}

impl Outcome {
    /// What came of a run.
    pub fn of(planned: &Planned, run: &Run, allowed: &Allowed) -> Self {
        let mut outcome = Outcome {
            events: run.events,
            delivered: run.delivered,
            faults: planned.sim.faults.len() as u64,
            virtual_ns: run.time.0,
            job_failed: run.ended == Some(false),
            digest: run.digest,
            met: (0..MET.len()).filter(|at| run.coverage.met(MET[*at].0)).collect(),
            struck: run.matrix.cells().map(Cell::index).collect(),
            ..Outcome::default()
        };
        outcome.judge(run, allowed);
        outcome
    }

    /// What came of a run that was given up because it took too long. It has no digest: it has no end.
    pub fn stuck(planned: &Planned, run: &Run, after: Duration) -> Self {
        let (faults, millis) = (planned.sim.faults.len() as u64, after.as_millis());
        let mut outcome = Outcome { events: run.events, faults, ..Outcome::default() };
        // How far it came depends on the machine, and isn't said.
        let message = format!("given up: it took longer than {}.{:03} s here", millis / 1000, millis % 1000);
        outcome.went_wrong(Kind::Stuck, message, true);
        outcome
    }

    /// What comes of a run that doesn't come back from one of its steps.
    pub fn hung(after: Duration) -> Self {
        let (mut outcome, millis) = (Outcome::default(), after.as_millis());
        let after = format!("{}.{:03} s", millis / 1000, millis % 1000);
        let message = format!("given up: it took longer than {after} here, and is within a step that doesn't end");
        outcome.went_wrong(Kind::Stuck, message, true);
        outcome
    }

    /// The failures of a run that the scenario minds.
    pub fn failures(run: &Run, allowed: &Allowed) -> Vec<Kind> {
        let mut outcome = Outcome::default();
        outcome.judge(run, allowed);
        outcome.wrong.into_iter().filter(|wrong| wrong.minded).map(|wrong| wrong.kind).collect()
    }

    fn judge(&mut self, run: &Run, allowed: &Allowed) {
        if let Some(panic) = &run.panic {
            // What the verifiers say of half a run is of no use.
            return self.went_wrong(Kind::Panic, panic.clone(), true);
        }
        let Some(report) = &run.report else { return };
        self.verdicts(report, allowed);
        if let Some(steps) = run.cut {
            // What it couldn't come to says nothing more than that.
            self.undecided.clear();
            self.verdicts = self.verdicts.replace('u', "m");
            let message = format!("not at its end after {} steps, which is all that it may take", grouped(steps));
            self.went_wrong(Kind::Stuck, message, true);
        }
        if run.ended == Some(false) {
            let message = "the restarts that the scenario allows were used up".to_string();
            self.went_wrong(Kind::JobFailed, message, !allowed.failed_job);
        }
        if run.cut.is_none() && run.ended.is_none() && *report.verdict(Invariant::I12) == Verdict::Holds {
            let message = format!("nothing was left to do after {} events, and the job hadn't ended", run.events);
            self.went_wrong(Kind::Stuck, message, true);
        }
    }

    fn went_wrong(&mut self, kind: Kind, message: String, minded: bool) {
        self.wrong.push(Wrong { kind, message, minded });
    }

    /// Counts what the verifiers say.
    pub fn verdicts(&mut self, report: &Report, allowed: &Allowed) {
        for (at, ((invariant, verdict), required)) in report.verdicts.iter().zip(&report.required).enumerate() {
            let letter = match verdict {
                Verdict::Holds => 'h',
                Verdict::Undecided(why) => {
                    self.undecided.push((at, why.clone()));
                    'u'
                }
                Verdict::Inconclusive(_) => 'm',
                Verdict::Violated(violation) => {
                    let minded = *required && !allowed.violations.contains(invariant);
                    self.went_wrong(Kind::Violation(*invariant, violation.letter), violation.message.clone(), minded);
                    'v'
                }
            };
            self.verdicts.push(letter);
        }
    }
}
