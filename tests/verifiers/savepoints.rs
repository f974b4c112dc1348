//! Savepoints: judged as cuts and as records, restored by nobody, deleted by nobody.

use super::*;

/// A trace whose second checkpoint turned out to be a savepoint, up to its record.
fn saved() -> Trace {
    let mut trace = good();
    let at = find(&trace.1, |e| is_complete(e, 2));
    trace.1.truncate(at + 1);
    let Kind::Complete { checkpoint, job, token, parts, outcome } = trace.1[at].kind.clone() else { unreachable!() };
    trace.1[at].kind = Kind::Savepoint { checkpoint, job, token, parts, outcome };
    trace
}

#[track_caller]
fn after(edit: impl FnOnce(&mut Vec<Event>)) -> Vec<Invariant> {
    let mut trace = saved();
    edit(&mut trace.1);
    renumber(&mut trace.1);
    judge(&trace).violated()
}

fn is_saved(e: &Event) -> bool {
    matches!(e.kind, Kind::Savepoint { .. })
}

#[test]
fn a_savepoint_breaks_nothing() {
    assert_eq!(after(|_| ()), []);
    let report = judge(&saved());
    for invariant in [I1, I2, I4, I5, I13, I14, I15] {
        assert_eq!(*report.verdict(invariant), Verdict::Holds, "{invariant:?}");
    }
}

#[test]
fn its_cut_is_judged() {
    let orphan = |events: &mut Vec<Event>| {
        let to = |e: &Event| e.process == SRC[1] && matches!(e.kind, Kind::Send { m: 3, .. });
        shift(events, |e| is_snap(e, SRC[1], 2), to);
    };
    assert_eq!(after(orphan), [I1]);
    let loss = |events: &mut Vec<Event>| {
        let to = |e: &Event| e.process == MID && matches!(e.kind, Kind::Apply { channel: ChannelId(1), m: 3 });
        shift(events, |e| is_snap(e, MID, 2), to);
    };
    assert_eq!(after(loss), [I1, I2]);
}

#[test]
fn its_parts_are_acknowledged_and_its_writer_leads() {
    let unsaid = |events: &mut Vec<Event>| {
        let ack = |e: &Event| e.process == MID && matches!(e.kind, Kind::Ack { checkpoint: CheckpointId(2) });
        events.remove(find(events, ack));
    };
    assert_eq!(after(unsaid), [I4]);
    let deposed = |events: &mut Vec<Event>| {
        let at = find(events, is_saved);
        events.insert(at, line(STORE, 1, Kind::Lead { token: FencingToken(2), outcome: Outcome::Ok }));
    };
    assert_eq!(after(deposed), [I14]);
}

#[test]
fn nobody_is_told_that_it_is_complete_and_nobody_goes_back_to_it() {
    let told = |events: &mut Vec<Event>| {
        let to = Incarnation { task: OUT, attempt: Attempt(2) };
        events.push(line(COORD, 1, Kind::Notify { checkpoint: CheckpointId(2), to, what: Notice::Complete }));
    };
    assert_eq!(after(told), [I5]);
    let back = |events: &mut Vec<Event>| {
        let (job, token, base) = (Attempt(3), FencingToken(1), Some(CheckpointId(2)));
        events.push(line(STORE, 1, Kind::Begin { job, token, base, outcome: Outcome::Ok }));
    };
    assert_eq!(after(back), [I5, I6]);
}

#[test]
fn nothing_of_it_is_deleted_and_its_number_is_used() {
    let part = StoreKey { attempt: Attempt(2), checkpoint: CheckpointId(2), task: MID };
    let deleted = |events: &mut Vec<Event>| events.push(line(STORE, 1, Kind::Delete { key: part }));
    assert_eq!(after(deleted), [I13]);
    let before = |events: &mut Vec<Event>| {
        let at = find(events, is_saved);
        events.insert(at, line(STORE, 1, Kind::Delete { key: part }));
    };
    assert_eq!(after(before), [I13]);
    let again = |events: &mut Vec<Event>| {
        let (job, token, base) = (Attempt(3), FencingToken(1), Some(CheckpointId(1)));
        events.push(line(STORE, 1, Kind::Begin { job, token, base, outcome: Outcome::Ok }));
        let required = [SRC[0], SRC[1], MID, OUT].into();
        events.push(line(COORD, 1, Kind::Trigger { checkpoint: CheckpointId(2), required, job }));
    };
    assert_eq!(after(again), [I15]);
}
