//! Wrong gates, each an honest one with a twist. Every one of them must fail at least one vector.

use super::twists::*;
use cutline::engine::gate::{BarrierGate, Gate, GateEffect};
use cutline::engine::message::Barrier;
use cutline::ids::*;
use cutline::topology::Mode;
use cutline::vectors::{self, Failure, Text, Vector};

pub type Honest = Gate<Text>;
pub type Out = Vec<GateEffect<Text>>;

/// What a wrong gate does in another way; the rest is honest.
pub trait Twist: Send + Sync + 'static {
    fn record(&mut self, honest: &mut Honest, input: InputIndex, record: &Text) {
        honest.record(input, record);
    }
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        honest.barrier(input, barrier, out);
    }
    fn cancel(&mut self, honest: &mut Honest, input: InputIndex, checkpoint: CheckpointId, out: &mut Out) {
        honest.cancel(input, checkpoint, out);
    }
    fn end(&mut self, honest: &mut Honest, input: InputIndex, out: &mut Out) {
        honest.end(input, out);
    }
    fn expire(&mut self, honest: &mut Honest, checkpoint: CheckpointId, out: &mut Out) {
        honest.expire(checkpoint, out);
    }
    fn blocked(&self, honest: &Honest, input: InputIndex) -> bool {
        honest.blocked(input)
    }
    /// Sees, and may change, what every call asks for.
    fn after(&mut self, _honest: &mut Honest, _out: &mut Out) {}
}

struct Bent {
    honest: Honest,
    twist: Box<dyn Twist>,
}

impl Bent {
    fn call(&mut self, out: &mut Out, call: impl FnOnce(&mut dyn Twist, &mut Honest, &mut Out)) {
        let mut mine = Vec::new();
        call(&mut *self.twist, &mut self.honest, &mut mine);
        self.twist.after(&mut self.honest, &mut mine);
        out.append(&mut mine);
    }
}

impl BarrierGate<Text> for Bent {
    fn record(&mut self, input: InputIndex, record: &Text) {
        self.twist.record(&mut self.honest, input, record);
    }
    fn barrier(&mut self, input: InputIndex, barrier: Barrier, out: &mut Out) {
        self.call(out, |twist, honest, out| twist.barrier(honest, input, barrier, out));
    }
    fn overtook(&mut self, input: InputIndex, barrier: Barrier, passed: Vec<Text>, out: &mut Out) {
        self.call(out, |_, honest, out| honest.overtook(input, barrier, passed, out));
    }
    fn trigger(&mut self, checkpoint: CheckpointId, out: &mut Out) {
        self.call(out, |_, honest, out| honest.trigger(checkpoint, out));
    }
    fn cancel(&mut self, input: InputIndex, checkpoint: CheckpointId, out: &mut Out) {
        self.call(out, |twist, honest, out| twist.cancel(honest, input, checkpoint, out));
    }
    fn abort(&mut self, checkpoint: CheckpointId, out: &mut Out) {
        self.call(out, |_, honest, out| honest.abort(checkpoint, out));
    }
    fn end(&mut self, input: InputIndex, out: &mut Out) {
        self.call(out, |twist, honest, out| twist.end(honest, input, out));
    }
    fn expire(&mut self, checkpoint: CheckpointId, out: &mut Out) {
        self.call(out, |twist, honest, out| twist.expire(honest, checkpoint, out));
    }
    fn blocked(&self, input: InputIndex) -> bool {
        self.twist.blocked(&self.honest, input)
    }
    fn blocks(&self) -> bool {
        self.honest.blocks()
    }
    fn hastens(&self, checkpoint: CheckpointId) -> bool {
        self.honest.hastens(checkpoint)
    }
}

fn bent(vector: &Vector, twist: impl Twist) -> Bent {
    Bent { honest: vectors::own_gate(vector), twist: Box::new(twist) }
}

/// An honest gate of other settings.
fn other(vector: &Vector, change: impl FnOnce(&mut Vector)) -> Bent {
    struct Nothing;
    impl Twist for Nothing {}
    let mut vector = vector.clone();
    change(&mut vector);
    Bent { honest: vectors::own_gate(&vector), twist: Box::new(Nothing) }
}

/// Makes a gate for a vector.
type Make = Box<dyn Fn(&Vector) -> Bent>;

/// Every wrong kind with what it does.
fn table() -> Vec<(&'static str, Make)> {
    fn each<T: Twist + Default>() -> Make {
        Box::new(|vector| bent(vector, T::default()))
    }
    vec![
        ("a late barrier counts", each::<LateCounts>()),
        ("a late barrier blocks", each::<LateBlocks>()),
        ("a late barrier stops the capture", each::<LateStopsCapture>()),
        ("a cancel counts after the own barrier only", each::<CancelAfterOwn>()),
        ("a cancel needs a barrier before it", each::<CancelNeedsBarrier>()),
        ("a cancelled id is forgotten", each::<CancelForgets>()),
        ("an older cancel counts", each::<OlderCancelCounts>()),
        ("a newer cancel reports both", each::<CancelReportsBoth>()),
        ("a cancel leaves older ones alone", Box::new(|vector| bent(vector, CancelAlone))),
        ("a cancel aborts descending", Box::new(|vector| bent(vector, CancelDescending))),
        ("a given-up checkpoint releases nothing", each::<NeverReleases>()),
        ("a newer barrier is ignored", each::<NewerIgnored>()),
        ("subsumes in silence", Box::new(|vector| bent(vector, SubsumesInSilence))),
        ("an end is not counted", Box::new(|vector| bent(vector, EndNotCounted(Vec::new(), vector.channels as usize)))),
        ("ended channels are in the quorum", Box::new(|vector| bent(vector, QuorumOfAll(0, vector.channels as usize)))),
        ("an end gives up always", Box::new(|vector| other(vector, |v| v.checkpoint_after_end = false))),
        ("an end gives up never", Box::new(|vector| other(vector, |v| v.checkpoint_after_end = true))),
        ("end_of_input comes first", Box::new(|vector| bent(vector, EndOfInputFirst))),
        ("blocks nothing", Box::new(|vector| bent(vector, BlocksNothing))),
        ("at least once blocks", Box::new(|vector| other(vector, |v| swap(v, Mode::AtLeastOnce, Mode::Aligned)))),
        ("aligned is only counted", Box::new(|vector| other(vector, |v| swap(v, Mode::Aligned, Mode::AtLeastOnce)))),
        ("unaligned is aligned", Box::new(|vector| other(vector, |v| swap(v, Mode::Unaligned, Mode::Aligned)))),
        ("never switches", Box::new(|vector| other(vector, |v| swap(v, Mode::AlignedThenUnaligned, Mode::Aligned)))),
        (
            "switches at once",
            Box::new(|vector| other(vector, |v| swap(v, Mode::AlignedThenUnaligned, Mode::Unaligned))),
        ),
        ("the switch releases", each::<SwitchReleases>()),
        ("a switch upstream is ignored", Box::new(|vector| bent(vector, SwitchedUpstreamIgnored))),
        ("stays switched", each::<StaysSwitched>()),
        ("the clock is not stopped", each::<ClockNotStopped>()),
        ("every barrier starts the clock", Box::new(|vector| bent(vector, ClockAnew))),
        ("the newest clock is stopped", Box::new(|vector| bent(vector, StopsNewestClock))),
        ("captures after the own barrier", each::<CapturesOn>()),
        ("captures nothing", Box::new(|vector| bent(vector, CapturesNothing))),
        ("the snapshot comes last", Box::new(|vector| bent(vector, SnapshotAtLast))),
        ("given-up channel state is listed", each::<ListsGivenUp>()),
        ("channels are listed descending", Box::new(|vector| bent(vector, ListsDescending))),
        ("the snapshot comes twice", Box::new(|vector| bent(vector, SnapshotTwice))),
        ("a channel counts twice", each::<CountsTwice>()),
    ]
}

fn swap(vector: &mut Vector, from: Mode, to: Mode) {
    if vector.mode == from {
        vector.mode = to;
    }
}

#[test]
fn every_wrong_gate_is_caught() {
    let files = super::all();
    let mut missed = Vec::new();
    for (name, make) in table() {
        let caught = files.iter().filter(|(path, text)| match vectors::check_with(path, text, &make) {
            Ok(_) => false,
            Err(Failure::Mismatch(_)) => true,
            Err(bad) => panic!("{bad}"),
        });
        let caught = caught.count();
        println!("{caught:3} {name}");
        if caught == 0 {
            missed.push(name);
        }
    }
    assert!(missed.is_empty(), "no vector catches: {missed:?}");
}
