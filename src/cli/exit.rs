//! What a command has to say to whoever started it.

use std::process::ExitCode;

/// Why a command may not end with 0. The worst comes first: see [`Ending::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// An internal error, or an output that couldn't be written.
    Internal,
    /// One seed gave two traces.
    Nondeterminism,
    /// A property is violated, or a goal was never reached.
    Violated,
    /// The input is wrong.
    BadInput,
    /// Interrupted by SIGTERM.
    Terminated,
    /// Interrupted by SIGINT.
    Interrupted,
    /// Nothing is violated, but not everything was decided.
    Incomplete,
    /// There was nothing to run.
    NothingToRun,
}

impl Why {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Why::Internal => 70,
            Why::BadInput => 2,
            Why::Nondeterminism => 5,
            Why::Violated => 1,
            Why::Terminated => 143,
            Why::Interrupted => 130,
            Why::Incomplete => 3,
            Why::NothingToRun => 4,
        }
    }
}

/// Everything that speaks against 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    why: Vec<Why>,
}

impl Ending {
    /// Nothing speaks against 0.
    pub fn good() -> Self {
        Self::default()
    }

    /// This does.
    pub fn bad(why: Why) -> Self {
        Ending { why: vec![why] }
    }

    /// This does, too.
    pub fn add(&mut self, why: Why) {
        self.why.push(why);
    }

    /// All of this does, too.
    pub fn add_all(&mut self, why: Vec<Why>) {
        self.why.extend(why);
    }

    /// For `git bisect`: 0 is good, 1 is bad, a commit that says nothing of use is skipped, and an interrupt ends it all.
    pub fn bisecting(&self) -> u8 {
        match self.code() {
            known @ (0 | 1 | 130 | 143) => known,
            _ => 125,
        }
    }

    /// The code of the worst: 70, 5, 1, 2, 143, 130, 3, 4, 0 in this order.
    pub fn code(&self) -> u8 {
        self.why.iter().min().map_or(0, |why| why.code())
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> ExitCode {
        ExitCode::from(ending.code())
    }
}

/// What exit codes mean, by code.
pub const CODES: &[(&str, &str)] = &[
    (
        "0",
        "everything that was asked for was done, and nothing was violated; `--for` that ran out is no failure;\n\
         replay: the run violates nothing",
    ),
    (
        "1",
        "a property is violated, or a goal was never reached, or an expected violation wasn't found;\n\
         replay: the failure was reproduced; verify: the trace is not accepted; diff: the traces differ;\n\
         snapshot: a trace differs from its snapshot, or has none;\n\
         gate: the gate does something else;\n\
         exec: the job failed for good or can't go on, or output was lost or doubled under --chaos",
    ),
    ("2", "usage error or bad scenario, trace, vector or settings; nothing was simulated"),
    (
        "3",
        "incomplete: nothing is violated, but an invariant that the claimed guarantee needs is undecided;\n\
         check: the search was cut short; run: --min-seeds wasn't reached; merge: parts of the plan are missing, or were interrupted",
    ),
    ("4", "nothing to run (see `run --no-tests`)"),
    ("5", "nondeterminism: one seed gave two traces, or two documents of one part differ; no result can be trusted"),
    ("70", "internal error of cutline, or an output couldn't be written"),
    (
        "125",
        "replay --bisect: this commit can't run the scenario, or nothing it says can be trusted; `git bisect` skips it",
    ),
    (
        "130 / 143",
        "interrupted by SIGINT / SIGTERM; reports say what was done until then. Seeds that were begun are given up at\n\
         their next step; a second signal ends everything at once, and there may be no reports then",
    ),
];

/// The table that `cutline help exit-codes` prints.
pub fn table() -> String {
    let mut out = String::from("exit code  meaning\n");
    for (code, text) in CODES {
        out.push_str(&format!("{code:>9}  {}\n", text.replace('\n', "\n           ")));
    }
    out.push_str(
        "\nWhen several apply: 70, 5, 1, 2, 130 or 143, 3, 4, 0. `run --exit-zero` gives 0 instead of 1.\n\
         A panic of the engine under simulation is a finding (1), not an internal error (70).\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides() {
        let mut ending = Ending::good();
        assert_eq!(ending.code(), 0);
        let order = [
            Why::NothingToRun,
            Why::Incomplete,
            Why::Interrupted,
            Why::Terminated,
            Why::BadInput,
            Why::Violated,
            Why::Nondeterminism,
            Why::Internal,
        ];
        for why in order {
            ending.add(why);
            assert_eq!(ending.code(), why.code());
            assert!(table().contains(&why.code().to_string()));
        }
    }
}
