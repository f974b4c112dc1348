//! The two-phase sink against a real ledger: rows 79 to 84. The values that were written are the transactions'
//! contents: 0 in transaction 0, and so on.

use crate::rig::*;
use cutline::engine::config::Config;
use cutline::engine::message::*;
use cutline::ids::*;
use cutline::topology::SinkKind;

/// Transactions 0, 1 and 2 are prepared by checkpoints 1, 1 (through an aborted one) and 2; 3 is open.
fn three_prepared() -> Sink {
    let mut sink = Sink::new(config());
    sink.write(0);
    sink.checkpoint(1);
    sink.told(Control::Abort(CheckpointId(1))); // rolls nothing back
    sink.write(1);
    sink.checkpoint(2);
    sink.write(2);
    sink.checkpoint(3);
    sink.write(3);
    assert_eq!((sink.unsettled(), sink.visible.len()), (vec![0, 1, 2, 3], 0));
    sink
}

#[test]
fn row_79_a_completion_commits_what_was_prepared_up_to_it() {
    let mut sink = three_prepared();
    sink.complete(2);
    assert_eq!((sink.visible.clone(), sink.unsettled()), (vec![0, 1], vec![2, 3]));
    assert_eq!(sink.said.last(), Some(&Control::Noted(CheckpointId(2))));
}

#[test]
fn row_80_a_late_or_repeated_completion_commits_nothing_twice() {
    let mut sink = three_prepared();
    sink.complete(3);
    sink.complete(2);
    sink.complete(3);
    assert_eq!((sink.visible.clone(), sink.unsettled()), (vec![0, 1, 2], vec![3]));
    assert!(!sink.said.contains(&Control::Failed) && !sink.process.stopped());
}

/// Nor does one that is repeated while the commit is under way.
#[test]
fn row_80_a_completion_repeated_during_the_commit_commits_nothing_twice() {
    let mut sink = three_prepared();
    sink.told(Control::Complete(CheckpointId(3)));
    sink.told(Control::Complete(CheckpointId(3)));
    assert_eq!(sink.asks.len(), 3);
    assert!(!sink.said.contains(&Control::Noted(CheckpointId(3))), "not acted upon yet");
    sink.serve();
    assert_eq!(sink.visible, [0, 1, 2]);
}

#[test]
fn row_81_a_restore_commits_what_the_checkpoint_contains_and_aborts_the_rest() {
    let mut sink = Sink::new(config());
    sink.write(0);
    sink.checkpoint(1);
    sink.write(1);
    sink.checkpoint(2);
    sink.write(2);
    sink.checkpoint(3);
    sink.write(3);
    sink.restore(2);
    assert!(sink.visible.is_empty());
    sink.serve();
    assert_eq!((sink.visible.clone(), sink.unsettled()), (vec![0, 1], vec![]));
    assert_eq!(sink.said, [Control::Running], "only now it runs");
    // What the dead attempt still wanted is refused.
    let dead = Incarnation { attempt: Attempt(1), ..sink.me };
    let txn = Txn { attempt: Attempt(1), task: TaskId(1), number: 2 };
    let reply = sink.ledger.apply(dead, &Request::Commit(txn), false, &mut Vec::new(), &mut None);
    assert_eq!(reply, Reply::Fenced);
}

/// "Before or after the timeout" is the ledger's to know: a transaction is there, or it has expired. A request that
/// failed without that is asked again.
#[test]
fn row_82_a_transaction_that_expired_before_the_restore_fails_it_or_is_passed_over() {
    for ignore_expired in [false, true] {
        let mut sink = Sink::new(Config { ignore_expired, ..config() });
        sink.write(0);
        sink.checkpoint(1);
        sink.write(1);
        sink.checkpoint(2);
        let lost = Txn { attempt: Attempt(1), task: TaskId(1), number: 0 };
        sink.expire(lost);
        sink.restore(2);
        sink.serve();
        assert!(sink.marks.contains(&Mark::CommitLost(lost)), "a loss is never silent");
        let said = if ignore_expired { Control::Running } else { Control::Failed };
        assert_eq!(sink.said, [said]);
        assert_eq!(sink.process.stopped(), !ignore_expired);
    }
}

#[test]
fn row_82_a_commit_that_fails_at_restore_is_asked_again() {
    let mut sink = Sink::new(config());
    sink.write(0);
    sink.checkpoint(1);
    sink.restore(1);
    sink.serve_one(|request| matches!(request, Request::Get(_)));
    sink.serve_one(|request| matches!(request, Request::Fence { .. }));
    let (ticket, _, _) = sink.asks.remove(0);
    sink.step(Input::Reply(ticket, Reply::Failed));
    assert!(sink.said.is_empty(), "neither running nor failed");
    assert!(sink.armed);
    sink.step(Input::Timer(Timer::Retry));
    sink.serve();
    assert_eq!((sink.visible.clone(), sink.said.clone()), (vec![0], vec![Control::Running]));
    assert!(!sink.armed, "nothing is left to ask for");
}

#[test]
fn row_83_after_the_end_the_last_data_is_prepared_once_and_no_empty_transaction_is_made() {
    let mut sink = Sink::new(config());
    sink.write(0);
    sink.end();
    assert!(!sink.said.contains(&Control::Finished), "its output waits for a checkpoint");
    assert!(sink.process.blocked(InputIndex(0)), "no record is accepted");
    for id in 1..=3 {
        sink.told(Control::Trigger(CheckpointId(id)));
        sink.serve();
        assert!(sink.said.contains(&Control::Ack(CheckpointId(id))));
        assert_eq!(sink.unsettled(), [0], "checkpoint {id}");
    }
    sink.complete(3);
    assert_eq!((sink.visible.clone(), sink.unsettled()), (vec![0], vec![]));
    assert_eq!(sink.said.last(), Some(&Control::Finished));
}

#[test]
fn row_83_a_sink_without_output_makes_no_transaction_at_all() {
    let mut sink = Sink::new(config());
    sink.barrier(1);
    assert!(sink.asks.iter().all(|(_, request, _)| matches!(request, Request::Put(..))));
    sink.serve();
    sink.complete(1);
    sink.end();
    assert_eq!(sink.said.last(), Some(&Control::Finished));
}

#[test]
fn row_84_a_restore_from_a_checkpoint_after_the_end_aborts_nothing() {
    let mut sink = Sink::new(config());
    sink.write(0);
    sink.end();
    sink.told(Control::Trigger(CheckpointId(1)));
    sink.serve();
    sink.restore(1);
    sink.serve();
    assert_eq!((sink.visible.clone(), sink.unsettled()), (vec![0], vec![]));
    sink.end(); // its upstream ends again
    assert_eq!(sink.said, [Control::Running, Control::Finished]);
}

/// What a sink that overwrites wrote before the end of its input may be on its way when one more checkpoint comes. Who
/// restores from that one writes nothing again: it must not be stored before all of that has arrived.
#[test]
fn a_checkpoint_behind_the_end_waits_for_what_was_written_before_it() {
    let mut sink = Sink::of(SinkKind::Upsert, config());
    let stored = |sink: &Sink| sink.asks.iter().any(|(_, request, _)| matches!(request, Request::Put(..)));
    let record = Record { id: RecordId::default(), key: Datum::Int(0), value: Datum::Int(7) };
    sink.step(Input::Element(InputIndex(0), Element::Record(record)));
    sink.step(Input::Element(InputIndex(0), Element::End));
    sink.told(Control::Trigger(CheckpointId(1)));
    assert!(!stored(&sink), "nothing has been written yet: {:?}", sink.asks);
    sink.serve_one(|request| matches!(request, Request::Write(_)));
    while sink.asks.iter().any(|(_, request, _)| *request == Request::Flush) {
        assert!(!stored(&sink), "a flush is under way");
        sink.serve_one(|request| *request == Request::Flush);
    }
    assert!(stored(&sink) && sink.ledger.visible() == 1);
    sink.serve();
    assert!(sink.said.contains(&Control::Ack(CheckpointId(1))) && sink.said.contains(&Control::Finished));
}
