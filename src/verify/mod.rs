//! Judges traces. The room reads events and nothing else: it knows neither engine state nor world nor driver.
//!
//! Every property is a fold over events, alone in its file. [`Verifier`] is all of them, wired so that the three
//! kinds of line that make up nearly all of a trace (`read`, `send`, `apply`) touch only the folds that need them.

pub(crate) mod balance;
pub mod clocks;
pub(crate) mod counts;
pub mod cut;
pub mod durability;
pub mod encoding;
pub mod exactly_once;
pub mod fencing;
mod hot;
pub mod identity;
pub(crate) mod lives;
pub mod offsets;
pub mod progress;
pub mod reference;
mod regions;
pub mod replay;
pub mod restore;
pub mod retention;
pub mod story;
mod taken;
pub mod transactions;
pub mod verdict;
pub mod visible;
pub mod wellformed;

pub use exactly_once::Depth;
pub use verdict::{At, Invariant, Message, Report, Seen, Verdict, Violation, Wait, required};

use crate::topology::{Mode, Topology};
use crate::trace::event::{Event, Guarantee, Kind, Meta, Shown};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kinds of line that a trace may lack: 0 effects, 1 control, 2 messages and cuts.
const TIERS: usize = 3;

/// What is judged about state and output: by a reference run, or by replay.
#[derive(Clone, Debug)]
enum Output {
    Reference(Box<exactly_once::ExactlyOnce>),
    Replay(Box<replay::Replay>),
}

/// All folds.
#[derive(Clone, Debug)]
pub struct Verifier {
    guarantee: Guarantee,
    mode: Mode,
    wellformed: wellformed::WellFormed,
    cut: cut::Cut,
    offsets: offsets::Offsets,
    durability: durability::Durability,
    restore: restore::Restores,
    output: Output,
    visible: visible::Visible,
    transactions: transactions::Transactions,
    progress: progress::Progress,
    retention: retention::Retention,
    fencing: fencing::Fencing,
    identity: identity::Identity,
    violations: BTreeMap<Invariant, Box<Violation>>,
    seen: [bool; TIERS],
    events: u64,
    undefined: u64,
    /// Output is judged by a reference run.
    reference: bool,
    /// Some fold wants to see every message.
    slow: bool,
}

impl Verifier {
    /// Folds that have seen nothing, in full depth.
    pub fn new(meta: &Meta) -> Self {
        Self::with_depth(meta, Depth::Full)
    }

    /// Folds that have seen nothing. `Depth::Sums` is for long runs that are expected to hold.
    pub fn with_depth(meta: &Meta, depth: Depth) -> Self {
        Self::for_topology(&Arc::new(Topology::build(meta.graph.clone())), meta, depth)
    }

    /// The same for a caller that has the tables of `meta.graph` already.
    pub fn for_topology(topology: &Arc<Topology>, meta: &Meta, depth: Depth) -> Self {
        let shape = reference::shape(&meta.graph);
        let output = if exactly_once::ExactlyOnce::judges(&shape, topology) {
            Output::Reference(Box::new(exactly_once::ExactlyOnce::new(
                topology,
                &shape,
                meta.guarantee,
                meta.mode,
                depth,
            )))
        } else {
            Output::Replay(Box::new(replay::Replay::new(topology, &shape, meta.guarantee, meta.mode)))
        };
        let reference = matches!(output, Output::Reference(_));
        let cut = cut::Cut::new(topology, meta.mode);
        Verifier {
            reference,
            slow: !reference || cut.logs(),
            guarantee: meta.guarantee,
            mode: meta.mode,
            wellformed: wellformed::WellFormed::new(topology),
            cut,
            offsets: offsets::Offsets::new(topology),
            durability: durability::Durability::new(topology, meta.mode, meta.regions),
            restore: restore::Restores::new(topology, meta.mode),
            output,
            visible: visible::Visible::new(topology),
            transactions: transactions::Transactions::new(topology, meta.mode),
            progress: progress::Progress::new(topology, meta.healed_events_max),
            retention: retention::Retention::new(topology, meta.mode),
            fencing: fencing::Fencing::new(topology, meta.mode),
            identity: identity::Identity::default(),
            violations: BTreeMap::new(),
            seen: [false; TIERS],
            events: 0,
            undefined: 0,
        }
    }

    /// The next line. True if it showed a violation of an invariant that was not known to be violated.
    #[inline]
    pub fn observe(&mut self, event: &Event) -> bool {
        let at = event.spot();
        match &event.kind {
            Kind::Send { channel, m, record } => self.send(at, *channel, *m, record),
            Kind::Apply { channel, m } => self.apply(at, *channel, *m),
            Kind::Read { partition, record } => self.read(at, *partition, record),
            Kind::Visible { position, from, record, txn } => {
                self.visible(at, &Shown { position: *position, from: *from, txn: *txn }, record)
            }
            _ => self.rare(event),
        }
    }

    /// The line names something that no table has a place for: no other fold sees it.
    #[cold]
    fn undefined(&mut self, violation: Box<Violation>) -> bool {
        self.undefined += 1;
        self.keep(violation)
    }

    #[inline(never)]
    fn output(&mut self, event: &Event) -> bool {
        let seen = match &mut self.output {
            Output::Reference(fold) => fold.observe(event, &mut self.cut),
            Output::Replay(fold) => fold.observe(event),
        };
        self.note(seen)
    }

    /// What a fold says is kept. True if it is a violation of an invariant that was not known to be violated.
    #[inline(always)]
    fn note(&mut self, seen: Seen) -> bool {
        match seen {
            Ok(()) => false,
            Err(violation) => self.keep(violation),
        }
    }

    #[cold]
    fn keep(&mut self, violation: Box<Violation>) -> bool {
        let known = self.violations.len();
        self.violations.entry(violation.invariant).or_insert(violation);
        self.violations.len() > known
    }

    #[cold]
    fn rare(&mut self, event: &Event) -> bool {
        use Invariant::*;
        self.events += 1;
        let mut new = match self.wellformed.observe(event) {
            Err(violation) if !self.wellformed.defined(event) => return self.undefined(violation),
            seen => self.note(seen),
        };
        match &event.kind {
            Kind::Quiesce => self.seen[0] = true,
            Kind::Fault { .. } | Kind::Clear => {}
            Kind::Snap { .. } | Kind::Choice { .. } | Kind::BarOut { .. } | Kind::BarIn { .. } => self.seen[2] = true,
            Kind::EndOut { .. } | Kind::EndIn { .. } | Kind::Hold { .. } | Kind::Release { .. } => self.seen[2] = true,
            Kind::CancelOut { .. } | Kind::CancelIn { .. } => self.seen[2] = true,
            _ => self.seen[1] = true,
        }
        let stopped = |invariant: Invariant| self.violations.contains_key(&invariant);
        let mut found: Vec<Box<Violation>> = Vec::new();
        let mut run = |skip: bool, fold: &mut dyn FnMut(&Event) -> Seen| {
            if !skip && let Err(violation) = fold(event) {
                found.push(violation);
            }
        };
        let line = self.events - self.undefined;
        run(false, &mut |e| self.cut.observe(e)); // others count with it
        run(stopped(I3), &mut |e| self.offsets.observe(e));
        run(self.durability.over(), &mut |e| self.durability.observe(e));
        run(stopped(I6), &mut |e| self.restore.observe(e, &self.cut));
        run(stopped(I11), &mut |e| self.transactions.observe(e));
        run(stopped(I12), &mut |e| self.progress.observe(e, line));
        run(stopped(I13), &mut |e| self.retention.observe(e));
        run(stopped(I14), &mut |e| self.fencing.observe(e));
        run(stopped(I15), &mut |e| self.identity.observe(e));
        found.into_iter().for_each(|violation| new |= self.keep(violation));
        self.output(event) || new
    }

    /// Output that depends on the order of records is replayed, which takes all there is.
    fn rests_on(&self, invariant: Invariant, tier: usize) -> bool {
        let replayed = !self.reference && matches!(invariant, Invariant::I9 | Invariant::I9n);
        replayed || tiers(invariant).contains(&tier)
    }

    /// Is any invariant known to be violated by now?
    pub fn any_violated(&self) -> bool {
        !self.violations.is_empty()
    }

    /// What is said at the end. Violations that were seen stand; the rest is what each fold says, unless lines of
    /// a kind that it needs are missing altogether.
    pub fn finish(&self) -> Report {
        let mut said: BTreeMap<Invariant, Verdict> = BTreeMap::new();
        let output = match &self.output {
            Output::Reference(fold) => fold.finish(),
            Output::Replay(fold) => fold.finish(),
        };
        said.extend(self.wellformed.finish());
        said.extend(self.cut.finish());
        said.extend(self.offsets.finish());
        said.extend(self.durability.finish());
        said.extend(self.restore.finish());
        said.extend(output);
        said.extend(self.visible.finish());
        said.extend(self.transactions.finish());
        said.extend(self.progress.finish(self.events - self.undefined));
        said.extend(self.retention.finish());
        said.extend(self.fencing.finish());
        said.extend(self.identity.finish());
        for (invariant, verdict) in &mut said {
            let missing = (0..TIERS).find(|tier| self.rests_on(*invariant, *tier) && !self.seen[*tier]);
            match (self.violations.get(invariant), missing) {
                // What looks wrong may only look so because the lines that explain it are missing.
                (_, Some(tier)) => *verdict = Verdict::Undecided(format!("the trace has no lines of tier {tier}")),
                (Some(violation), None) => *verdict = Verdict::Violated(violation.clone()),
                (None, None) => {}
            }
        }
        let required = |invariant: &Invariant| required(*invariant, self.guarantee, self.mode);
        Report {
            required: said.keys().map(required).collect(),
            verdicts: said.into_iter().collect(),
            notes: self.visible.notes(),
            events: self.events,
        }
    }
}

/// The tiers of lines that a verdict rests on. Where output depends on the order of records, I9 and I9n rest on all.
pub fn tiers(invariant: Invariant) -> &'static [usize] {
    match invariant {
        Invariant::WellFormed => &[],
        Invariant::I1 | Invariant::I2 | Invariant::I6 => &[1, 2],
        Invariant::I3 | Invariant::I8 => &[0, 1, 2],
        Invariant::I4 | Invariant::I5 | Invariant::I13 | Invariant::I14 | Invariant::I15 => &[1],
        Invariant::I9 | Invariant::I10 => &[0],
        Invariant::I9n => &[0, 1],
        Invariant::I11 | Invariant::I12 => &[0, 1],
    }
}

/// Judges a whole trace.
pub fn verify(meta: &Meta, events: &[Event]) -> Report {
    let mut verifier = Verifier::new(meta);
    for event in events {
        verifier.observe(event);
    }
    verifier.finish()
}
