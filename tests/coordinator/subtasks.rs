//! What a subtask keeps to itself: uploads, halts, turns.

use crate::rig::*;
use cutline::engine;
use cutline::engine::message::*;
use cutline::engine::process::Process;
use cutline::engine::snapshot::{Manifest, Part, Snapshot};
use cutline::ids::*;
use cutline::topology::*;
use std::sync::Arc;

fn told(process: &mut dyn Process, topology: &Topology, control: Control) -> Effects {
    let mut out = Outbox::default();
    let from = Incarnation { task: topology.coordinator(), attempt: Attempt(1) };
    process.step(Input::Told { from, control }, &mut out);
    out.effects
}

/// The snapshot that waits for its transaction is another checkpoint's.
#[test]
fn a_checkpoint_that_is_cancelled_takes_no_other_with_it() {
    let mut sink = Sink::new(config());
    sink.write(7);
    sink.barrier(1);
    sink.step(Input::Element(InputIndex(0), Element::Cancel(CheckpointId(2))));
    sink.serve();
    assert!(sink.said.contains(&Control::Ack(CheckpointId(1))), "{:?}", sink.said);
}

/// A source that was halted reads on when that very checkpoint came to nothing, and not when an older one did.
#[test]
fn a_halt_outlives_the_end_of_older_checkpoints() {
    let topology = topology(1);
    let me = Incarnation { task: TaskId(0), attempt: Attempt(1) };
    let mut process = engine::spawn(&topology, &Arc::new(config()), me);
    told(&mut *process, &topology, Control::Deploy { restore: None });
    let mut reads_after = |control| {
        told(&mut *process, &topology, control);
        process.wants(0).is_some()
    };
    assert!(!reads_after(Control::TriggerLast(CheckpointId(5))));
    assert!(!reads_after(Control::Abort(CheckpointId(4))));
    assert!(reads_after(Control::Abort(CheckpointId(5))));
}

/// Records that go round go on where they were at the cut.
#[test]
fn whose_turn_it_is_is_restored() {
    let vertex = |name: &str, role, parallelism| Vertex { name: name.into(), role, chain: vec![], parallelism };
    let source = Role::Source { kind: SourceKind::Log, partitions: 1 };
    let vertices = vec![vertex("src", source, 1), vertex("out", Role::Sink(SinkKind::TwoPhase), 3)];
    let (from, to) = (VertexId(0), VertexId(1));
    let edges = vec![Edge { from, to, partitioning: Partitioning::Rebalance, capacity: 8, fifo: true }];
    let topology = Arc::new(Topology::build(JobGraph { vertices, edges }));
    for turn in 0..3 {
        let me = Incarnation { task: TaskId(0), attempt: Attempt(2) };
        let mut process = engine::spawn(&topology, &Arc::new(config()), me);
        let (attempt, checkpoint) = (Attempt(1), CheckpointId(1));
        let parts = (0..4).map(|task| Part::Stored(StoreKey { attempt, checkpoint, task: TaskId(task) })).collect();
        let manifest = Arc::new(Manifest { checkpoint, attempt, parts });
        let asked = told(&mut *process, &topology, Control::Deploy { restore: Some(manifest) });
        let ticket = asked.iter().find_map(|effect| match effect {
            Effect::Ask(ticket, _, Request::Get(_)) => Some(*ticket),
            _ => None,
        });
        let partition = PartitionId(0);
        let (offsets, turns) = (vec![(partition, Offset(1), false)], vec![turn]);
        let snapshot = Arc::new(Snapshot { offsets, turns, ..Snapshot::default() });
        let mut out = Outbox::default();
        process.step(Input::Reply(ticket.expect("it asks for its snapshot"), Reply::Found(snapshot)), &mut out);
        let mut out = Outbox::default();
        let id = RecordId { partition, part: 0, offset: Offset(1) };
        let record = Some(Record { id, key: Datum::Int(0), value: Datum::Int(0) });
        process.step(Input::Read { partition, offset: Offset(1), record }, &mut out);
        let sent: Vec<u32> = out
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Send(channel, _) => Some(channel.0),
                _ => None,
            })
            .collect();
        assert_eq!(sent, [turn], "whose turn it was at the cut");
    }
}
