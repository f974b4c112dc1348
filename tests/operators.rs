//! What each operator means (`docs/operators.md`), that a snapshot in mid-stream changes nothing, and where state goes
//! when the parallelism changes.

#[path = "operators/chunks.rs"]
mod chunks;

use cutline::engine::message::{Datum, Record};
use cutline::engine::operator::Chain;
use cutline::engine::redistribute::{broadcast, keyed, redistribute, split, union};
use cutline::engine::snapshot::OperatorState;
use cutline::ids::*;
use cutline::topology::{KEY_GROUPS, OperatorKind, Topology};
use std::collections::BTreeMap;

fn int(i: i64) -> Datum {
    Datum::Int(i)
}

fn text(text: &str) -> Datum {
    Datum::Text(text.into())
}

fn pair(left: Datum, right: Datum) -> Datum {
    Datum::Pair((left, right).into())
}

fn record(offset: u64, key: Datum, value: Datum) -> Record {
    Record { id: RecordId { offset: Offset(offset), ..RecordId::default() }, key, value }
}

fn apply(chain: &mut Chain, side: u32, record: Record, chosen: i64) -> Vec<Record> {
    let mut out = Vec::new();
    chain.apply(side, record, chosen, &mut |record| out.push(record));
    out
}

/// Key and value of everything that comes of these.
fn run(kind: OperatorKind, input: &[(i64, i64)]) -> Vec<(i64, Datum)> {
    let mut chain = Chain::new(&[kind]);
    let mut out = Vec::new();
    for (offset, (key, value)) in input.iter().enumerate() {
        for made in apply(&mut chain, 0, record(offset as u64, int(*key), int(*value)), 0) {
            assert_eq!(made.id, RecordId { offset: Offset(offset as u64), ..RecordId::default() }, "it keeps its id");
            let Datum::Int(key) = made.key else { panic!("it keeps its key") };
            out.push((key, made.value));
        }
    }
    out
}

fn ints(out: Vec<(i64, Datum)>) -> Vec<(i64, i64)> {
    let plain = |(key, value)| match value {
        Datum::Int(value) => (key, value),
        other => panic!("{other:?} is no integer"),
    };
    out.into_iter().map(plain).collect()
}

const INPUT: [(i64, i64); 6] = [(1, 5), (2, 7), (1, 5), (1, -3), (2, 9), (1, 8)];

#[test]
fn map_adds_and_wraps_around() {
    assert_eq!(ints(run(OperatorKind::Map { add: 2 }, &[(1, 5), (1, i64::MAX)])), [(1, 7), (1, i64::MIN + 1)]);
    let mut chain = Chain::new(&[OperatorKind::Map { add: 2 }]);
    assert_eq!(apply(&mut chain, 0, record(0, int(1), text("a")), 0), [record(0, int(1), text("a"))]);
}

#[test]
fn words_are_lower_case_keys_with_ids_of_their_own() {
    let mut chain = Chain::new(&[OperatorKind::Words]);
    let made = apply(&mut chain, 0, record(4, int(0), text("In the--the 2nd: Übel,")), 0);
    let words: Vec<_> = made.iter().map(|record| record.key.clone()).collect();
    assert_eq!(words, ["in", "the", "the", "2nd", "übel"].map(text));
    assert!(made.iter().all(|record| record.value == int(1) && record.id.offset == Offset(4)));
    assert_eq!(made.iter().map(|record| record.id.part).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(apply(&mut chain, 0, record(5, int(0), text(" ,. ")), 0).is_empty());
    assert_eq!(apply(&mut chain, 0, record(6, int(1), int(2)), 0), [record(6, int(1), int(2))]);
}

#[test]
fn filter_drops_multiples() {
    let input = [(-4, 0), (-3, 0), (0, 0), (1, 0), (2, 0), (i64::MIN, 0)];
    assert_eq!(ints(run(OperatorKind::Filter { drop_multiples_of: 2 }, &input)), [(-3, 0), (1, 0)]);
    assert_eq!(run(OperatorKind::Filter { drop_multiples_of: -1 }, &input).len(), 0);
    assert_eq!(run(OperatorKind::Filter { drop_multiples_of: 0 }, &input).len(), 6, "0 drops nothing");
    let mut chain = Chain::new(&[OperatorKind::Filter { drop_multiples_of: 1 }]);
    assert_eq!(apply(&mut chain, 0, record(0, text("a"), int(0)), 0).len(), 1, "a text is no multiple");
}

#[test]
fn keyed_operators_follow_each_key_for_itself() {
    use OperatorKind::*;
    assert_eq!(ints(run(KeyedCount, &INPUT)), [(1, 1), (2, 1), (1, 2), (1, 3), (2, 2), (1, 4)]);
    assert_eq!(ints(run(KeyedSum, &INPUT)), [(1, 5), (2, 7), (1, 10), (1, 7), (2, 16), (1, 15)]);
    assert_eq!(ints(run(KeyedSum, &[(1, i64::MAX), (1, 1)]))[1], (1, i64::MIN));
    assert_eq!(ints(run(KeyedMax, &INPUT)), [(1, 5), (2, 7), (2, 9), (1, 8)]);
    assert_eq!(ints(run(KeyedMax, &[(1, -5), (1, -7), (1, -4)])), [(1, -5), (1, -4)], "the first one counts");
    assert_eq!(ints(run(Distinct, &INPUT)), [(1, 1), (2, 1)]);
    assert_eq!(ints(run(Union, &INPUT)), INPUT);
    let last: Vec<_> = [(1, 0, 5), (2, 0, 7), (1, 5, 5), (1, 5, -3), (2, 7, 9), (1, -3, 8)]
        .map(|(key, before, own)| (key, pair(int(before), int(own))))
        .into();
    assert_eq!(run(LastValue, &INPUT), last);
}

#[test]
fn a_window_emits_when_it_is_full_and_begins_anew() {
    assert_eq!(ints(run(OperatorKind::Window { size: 2 }, &INPUT)), [(1, 10), (2, 16), (1, 5)]);
    assert_eq!(ints(run(OperatorKind::Window { size: 1 }, &INPUT)), INPUT);
    assert_eq!(run(OperatorKind::Window { size: 5 }, &INPUT).len(), 0, "what isn't full is dropped");
}

#[test]
fn a_join_emits_each_match_when_its_later_half_comes() {
    let mut chain = Chain::new(&[OperatorKind::Join]);
    let mut step = |side, offset, key, value: &str| {
        let made = apply(&mut chain, side, record(offset, int(key), text(value)), 0);
        made.into_iter().map(|r| (r.id.offset.0, r.id.part, r.key, r.value)).collect::<Vec<_>>()
    };
    assert!(step(0, 0, 1, "a").is_empty());
    assert!(step(1, 1, 2, "x").is_empty(), "another key");
    assert_eq!(step(1, 2, 1, "y"), [(2, 1, int(1), pair(text("a"), text("y")))]);
    assert_eq!(step(1, 3, 1, "y"), [(3, 1, int(1), pair(text("a"), text("y")))], "duplicates match too");
    let both = [(4, 1, int(1), pair(text("b"), text("y"))), (4, 2, int(1), pair(text("b"), text("y")))];
    assert_eq!(step(0, 4, 1, "b"), both);
}

#[test]
fn choose_adds_what_was_chosen() {
    let mut chain = Chain::new(&[OperatorKind::Choose]);
    assert!(chain.chooses() && !Chain::new(&[OperatorKind::Union]).chooses());
    assert_eq!(apply(&mut chain, 0, record(0, int(1), int(5)), 7), [record(0, int(1), int(12))]);
}

#[test]
fn a_chain_hands_on_from_operator_to_operator() {
    use OperatorKind::*;
    let mut chain = Chain::new(&[Words, KeyedCount, Map { add: 10 }]);
    let made = apply(&mut chain, 0, record(0, int(0), text("a b a")), 0);
    let made: Vec<_> = made.into_iter().map(|record| (record.key, record.value)).collect();
    assert_eq!(made, [(text("a"), int(11)), (text("b"), int(11)), (text("a"), int(12))]);
    assert_eq!(chain.state().len(), 3);
}

/// What comes round again and again until nothing is left stays on the accounts, one after another, to the last.
#[test]
fn pass_on_keeps_half_and_hands_the_rest_to_the_next_account() {
    let mut chain = Chain::new(&[OperatorKind::PassOn { keys: 3 }]);
    let (mut next, mut way) = (Some(record(0, int(1), int(13))), Vec::new());
    while let Some(one) = next {
        way.push((one.id.part, one.key.clone(), one.value.clone()));
        next = apply(&mut chain, 0, one, 0).pop();
    }
    let expected = [(0, 1, 13), (1, 2, 6), (2, 0, 3), (3, 1, 1)];
    assert_eq!(way, expected.map(|(part, key, value)| (part, int(key), int(value))));
    let kept: Vec<_> = chain.state()[0].keyed.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!(kept, [(int(0), int(2)), (int(1), int(7 + 1)), (int(2), int(3))]);
    let once = |key: Datum, value: Datum| {
        apply(&mut Chain::new(&[OperatorKind::PassOn { keys: 3 }]), 0, record(0, key, value), 0)
    };
    assert!(once(int(0), int(0)).is_empty() && once(int(0), text("words")).is_empty());
    assert_eq!(once(text("key"), int(-5))[0].value, int(-2), "a key that is no integer stays");
}

fn every_kind() -> Vec<OperatorKind> {
    use OperatorKind::*;
    let all = vec![
        Map { add: 3 },
        Words,
        Filter { drop_multiples_of: 3 },
        KeyedCount,
        KeyedSum,
        KeyedMax,
        Distinct,
        Window { size: 3 },
        Union,
        Join,
        LastValue,
        PassOn { keys: 4 },
        Choose,
    ];
    for kind in &all {
        // A new operator doesn't compile here until it is in the list above.
        match kind {
            Map { .. } | Words | Filter { .. } | KeyedCount | KeyedSum | KeyedMax | Distinct => {}
            Window { .. } | Union | Join | LastValue | PassOn { .. } | Choose => {}
        }
    }
    all
}

/// Forty records of all kinds of data, on both sides.
fn stream() -> Vec<(u32, Record, i64)> {
    let one = |i: u64| {
        let h = cutline::digest::mix(i);
        let key = if h & 1 == 0 { int((h >> 8) as i64 % 5) } else { text(["a", "b"][(h >> 8) as usize % 2]) };
        let value = if h & 6 == 0 { text("Some words, some") } else { int((h >> 20) as i64 % 9) };
        ((h >> 40) as u32 % 2, record(i, key, value), (h >> 50) as i64 % 8)
    };
    (0..40).map(one).collect()
}

#[test]
fn a_snapshot_in_mid_stream_changes_nothing_for_any_operator() {
    let mut chains: Vec<Vec<OperatorKind>> = every_kind().into_iter().map(|kind| vec![kind]).collect();
    chains.push(vec![OperatorKind::Words, OperatorKind::KeyedCount, OperatorKind::Window { size: 2 }]);
    for kinds in chains {
        let mut whole = Chain::new(&kinds);
        let mut expected = Vec::new();
        for (side, record, chosen) in stream() {
            expected.push(apply(&mut whole, side, record, chosen));
        }
        assert!(expected.iter().any(|made| !made.is_empty()));
        for cut in 0..=40 {
            let mut first = Chain::new(&kinds);
            let mut made = Vec::new();
            for (side, record, chosen) in stream().into_iter().take(cut) {
                made.push(apply(&mut first, side, record, chosen));
            }
            // Into a chain that has gone astray meanwhile: nothing of what it did may remain.
            let mut second = Chain::new(&kinds);
            for (side, record, chosen) in stream().into_iter().rev().take(7) {
                apply(&mut second, side, record, chosen);
            }
            let state = first.state();
            second.restore(&state);
            assert_eq!(second.state(), state, "{kinds:?} cut at {cut}");
            for (side, record, chosen) in stream().into_iter().skip(cut) {
                made.push(apply(&mut second, side, record, chosen));
            }
            assert_eq!(made, expected, "{kinds:?} cut at {cut}");
            assert_eq!(second.state(), whole.state(), "{kinds:?} cut at {cut}");
        }
    }
}

/// The state is the same however the keys came: a canonical form shows no order of insertion.
/// The state is large enough to be shared with its snapshots, which stay as they were while records change it, and are what
/// copies are that were made at once.
#[test]
fn a_snapshot_of_much_state_stays_as_it_was() {
    for kind in every_kind() {
        let mut chain = Chain::new(std::slice::from_ref(&kind));
        let mut taken = Vec::new();
        for n in 0..6_000u64 {
            let key = (n * 7 + n * n % 13) % 1_500;
            apply(&mut chain, n as u32 % 2, record(n, int(key as i64), int(n as i64)), 1);
            if n % 500 == 499 {
                let copy = chain.state();
                taken.push((chain.cut(), copy));
            }
        }
        for (cut, copy) in &taken {
            assert_eq!(cut, copy, "{kind:?}");
            let mut again = Chain::new(std::slice::from_ref(&kind));
            again.restore(cut);
            assert_eq!(again.state(), *copy, "{kind:?}");
        }
        let distinct = taken.iter().skip(1).zip(&taken).filter(|(one, other)| one.0 != other.0).count();
        assert!(distinct == 0 || distinct > 3, "{kind:?}: the state changes between them, or there is none");
    }
}

#[test]
fn the_order_of_the_keys_does_not_show_in_the_state() {
    let forth: Vec<(i64, i64)> = (0..100).map(|key| (key, key)).collect();
    let back: Vec<(i64, i64)> = forth.iter().rev().copied().collect();
    let state = |input: &[(i64, i64)]| {
        let mut chain = Chain::new(&[OperatorKind::KeyedSum]);
        input.iter().for_each(|(key, value)| drop(apply(&mut chain, 0, record(0, int(*key), int(*value)), 0)));
        chain.state()
    };
    assert_eq!(state(&forth), state(&back));
    assert_eq!(state(&forth)[0].keyed.len(), 100);
}

#[test]
fn row_68_key_groups_are_owned_in_contiguous_even_ranges() {
    for parallelism in 1..=KEY_GROUPS {
        let owners: Vec<u32> = (0..KEY_GROUPS).map(|group| Topology::owner(group, parallelism)).collect();
        assert!(owners.is_sorted(), "contiguous at {parallelism}");
        let mut sizes = vec![0; parallelism as usize];
        owners.iter().for_each(|owner| sizes[*owner as usize] += 1);
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        assert!(*least > 0 && most - least <= 1, "even at {parallelism}: {sizes:?}");
    }
}

/// `parallelism` subtasks that between them hold the keys 0 to 99, each at its owner.
fn keyed_states(parallelism: u32) -> Vec<OperatorState> {
    let mut states = vec![OperatorState::default(); parallelism as usize];
    for key in (0..100).map(int) {
        let owner = Topology::owner(key.key_group(), parallelism) as usize;
        states[owner].keyed.insert(key.clone(), pair(key, int(1)));
    }
    states
}

#[test]
fn row_68_keyed_state_goes_to_the_owner_of_its_group() {
    for (from, to) in [(1, 3), (3, 2), (2, 5), (4, 4), (5, 1), (128, 127)] {
        let new: Vec<BTreeMap<Datum, Datum>> = keyed(&keyed_states(from), to);
        let expected: Vec<_> = keyed_states(to).iter().map(|state| BTreeMap::clone(&state.keyed)).collect();
        assert_eq!(new, expected, "{from} to {to}");
    }
}

#[test]
#[should_panic(expected = "a key has one owner")]
fn row_68_a_key_with_two_owners_is_refused() {
    let twice = keyed_states(1).remove(0);
    keyed(&[twice.clone(), twice], 2);
}

#[test]
fn row_70_split_lists_are_dealt_out_evenly_once() {
    for sizes in [vec![5, 0, 1], vec![0], vec![0, 0], vec![3, 3, 3, 3], vec![1, 17], vec![]] {
        let mut next = 0..;
        let old: Vec<Vec<Datum>> = sizes.iter().map(|n| next.by_ref().take(*n).map(int).collect()).collect();
        let lists: Vec<&[Datum]> = old.iter().map(Vec::as_slice).collect();
        for parallelism in 1..=7 {
            let new = split(&lists, parallelism);
            assert_eq!(new.len(), parallelism as usize);
            assert_eq!(new.concat(), old.concat(), "every element once: {sizes:?} to {parallelism}");
            if parallelism as usize == sizes.len() {
                assert_eq!(new, old, "not moved");
                continue;
            }
            let loads: Vec<usize> = new.iter().map(Vec::len).collect();
            let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
            assert!(most - least <= 1, "{sizes:?} to {parallelism}: {loads:?}");
        }
    }
}

#[test]
fn row_71_everybody_gets_the_whole_union_list() {
    let state = |list: &[i64]| OperatorState { union: list.iter().copied().map(int).collect(), ..Default::default() };
    let old = [state(&[1, 2]), state(&[]), state(&[2, 3])];
    let all: Vec<Datum> = [1, 2, 2, 3].map(int).into();
    assert_eq!(union(&old), all, "also what two of them have");
    for parallelism in [1, 2, 3, 5] {
        let new = redistribute(&old, parallelism);
        assert_eq!(new.len(), parallelism as usize);
        assert!(new.iter().all(|state| state.union == all), "{parallelism}");
    }
}

#[test]
fn row_72_everybody_gets_one_copy_of_the_broadcast_state() {
    let state = |value: Option<i64>| OperatorState { broadcast: value.map(int), ..Default::default() };
    for old in [vec![state(Some(4)), state(Some(4))], vec![state(None), state(Some(4))]] {
        for parallelism in [1, 2, 3] {
            let new = redistribute(&old, parallelism);
            assert_eq!(new.len(), parallelism as usize);
            assert!(new.iter().all(|state| state.broadcast == Some(int(4))), "{old:?} to {parallelism}");
        }
    }
    assert_eq!(broadcast(&[state(None), state(None)]), None);
}
