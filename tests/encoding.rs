//! The digest of a snapshot, by the engine and by the verifiers: the same on vectors that neither of them made, and on
//! whatever else there is.

use cutline::engine::message::{Datum, Record, Txn};
use cutline::engine::snapshot::{OperatorState, Snapshot};
use cutline::ids::*;
use cutline::verify::encoding::{Operator, State, digest};
use proptest::prelude::*;
use serde_json::Value;

/// What the verifiers are told of a snapshot; keyed state in another order.
fn told(snapshot: &Snapshot) -> State {
    let operator = |state: &OperatorState| Operator {
        keyed: state.keyed.iter().rev().map(|(key, value)| (key.clone(), value.clone())).collect(),
        split: state.split.clone(),
        union: state.union.clone(),
        broadcast: state.broadcast.clone(),
    };
    State {
        operators: snapshot.operators.iter().map(operator).collect(),
        positions: snapshot.offsets.clone(),
        transactions: snapshot.transactions.clone(),
        turns: snapshot.turns.clone(),
        finished: snapshot.finished,
    }
}

/// The entries of a list; none if it is left out.
fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Object(wide) => wide["int"].as_str().expect("a wide number is a text").parse().expect("a number"),
        plain => plain.as_u64().expect("a number"),
    }
}

fn small(value: &Value) -> u32 {
    number(value).try_into().expect("32 bits")
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// As traces have keys and values.
fn datum(value: &Value) -> Datum {
    match value {
        Value::String(text) => Datum::Text(text.as_str().into()),
        Value::Array(pair) => Datum::Pair((datum(&pair[0]), datum(&pair[1])).into()),
        Value::Object(fields) => match fields.get("bytes") {
            Some(bytes) => Datum::Bytes(unhex(bytes.as_str().expect("hex")).into()),
            None => Datum::Int(fields["int"].as_str().expect("a wide number is a text").parse().expect("a number")),
        },
        plain => Datum::Int(plain.as_i64().expect("a number")),
    }
}

fn operator(value: &Value) -> OperatorState {
    OperatorState {
        keyed: list(value, "keyed").map(|pair| (datum(&pair[0]), datum(&pair[1]))).collect(),
        split: list(value, "split").map(datum).collect(),
        union: list(value, "union").map(datum).collect(),
        broadcast: value.get("broadcast").map(datum),
        below: None,
    }
}

fn snapshot(value: &Value) -> Snapshot {
    let position = |p: &Value| (PartitionId(small(&p[0])), Offset(number(&p[1])), p[2] == true);
    let txn = |t: &Value| Txn { attempt: Attempt(small(&t[0])), task: TaskId(small(&t[1])), number: number(&t[2]) };
    let record = |r: &Value| Record { id: RecordId::default(), key: datum(&r[0]), value: datum(&r[1]) };
    let channel = |c: &Value| {
        let records = c.as_array().expect("an input and its records")[1..].iter().map(record);
        (InputIndex(small(&c[0])), records.collect())
    };
    Snapshot {
        operators: list(value, "operators").map(operator).collect(),
        offsets: list(value, "positions").map(position).collect(),
        channels: list(value, "in_flight").map(channel).collect(),
        transactions: list(value, "transactions").map(txn).collect(),
        turns: list(value, "turns").map(small).collect(),
        logs: None,
        finished: value["finished"] == true,
    }
}

#[test]
fn both_agree_with_the_golden_vectors() {
    let vectors: Value = serde_json::from_str(include_str!("golden/snapshots.json")).expect("JSON");
    let vectors = vectors.as_array().expect("a list");
    assert!(vectors.len() >= 12);
    for vector in vectors {
        let (name, snapshot) = (&vector["name"], snapshot(&vector["state"]));
        let bytes: Vec<u8> = list(vector, "bytes").flat_map(|row| unhex(row.as_str().expect("hex"))).collect();
        let wanted = vector["digest"].as_str().expect("hex");
        let state = told(&snapshot);
        assert!(state.bytes() == bytes, "{name}: {:02x?}", state.bytes());
        assert_eq!(format!("{:016x}", digest(&bytes)), wanted, "{name}: of the bytes in the file");
        assert_eq!(format!("{:016x}", state.digest()), wanted, "{name}: by the verifiers");
        assert_eq!(format!("{:016x}", snapshot.digest()), wanted, "{name}: by the engine");
    }
}

/// No two vectors that mean something else have the same bytes. The one that differs in records in flight has.
#[test]
fn the_encoding_is_unambiguous() {
    let vectors: Value = serde_json::from_str(include_str!("golden/snapshots.json")).expect("JSON");
    let mut all: Vec<Vec<u8>> =
        vectors.as_array().expect("a list").iter().map(|vector| told(&snapshot(&vector["state"])).bytes()).collect();
    let before = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), before - 1);
}

fn data() -> impl Strategy<Value = Datum> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Datum::Int),
        (-2i64..3).prop_map(Datum::Int),
        "[a-cä🙂]{0,9}".prop_map(|text| Datum::Text(text.into())),
        proptest::collection::vec(any::<u8>(), 0..18).prop_map(|bytes| Datum::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), inner).prop_map(|(left, right)| Datum::Pair((left, right).into()))
    })
}

fn operators() -> impl Strategy<Value = OperatorState> {
    use proptest::collection::{btree_map, vec};
    (btree_map(data(), data(), 0..7), vec(data(), 0..4), vec(data(), 0..4), proptest::option::of(data())).prop_map(
        |(keyed, split, union, broadcast)| OperatorState { keyed: keyed.into(), split, union, broadcast, below: None },
    )
}

fn snapshots() -> impl Strategy<Value = Snapshot> {
    use proptest::collection::vec;
    let positions = vec((any::<u32>().prop_map(PartitionId), any::<u64>().prop_map(Offset), any::<bool>()), 0..4);
    let txn = (any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(attempt, task, number)| Txn {
        attempt: Attempt(attempt),
        task: TaskId(task),
        number,
    });
    let record = (data(), data()).prop_map(|(key, value)| Record { id: RecordId::default(), key, value });
    let channel = (any::<u32>().prop_map(InputIndex), vec(record, 0..3).prop_map(Into::into));
    let rest = (vec(channel, 0..3), vec(txn, 0..4), vec(any::<u32>(), 0..4), any::<bool>());
    (vec(operators(), 0..4), positions, rest).prop_map(
        |(operators, offsets, (channels, transactions, turns, finished))| Snapshot {
            operators,
            offsets,
            channels,
            transactions,
            turns,
            logs: None,
            finished,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_agree_on_whatever_there_is(snapshot in snapshots()) {
        prop_assert_eq!(told(&snapshot).digest(), snapshot.digest());
    }
}
