//! Keyed state on disk: operators, runs and stored snapshots are the same as with all of it in memory.

use crate::job::{key, shadow, topology};
use cutline::engine;
use cutline::engine::config::Config;
use cutline::engine::keyed::Tables as _;
use cutline::engine::message::{Datum, Record, Reply, Request};
use cutline::engine::operator::Chain;
use cutline::engine::process::Process;
use cutline::engine::snapshot::Snapshot;
use cutline::ids::*;
use cutline::runtime::outside::Store as _;
use cutline::runtime::storage::blobs::Blobs;
use cutline::runtime::storage::keeper::Keeper;
use cutline::runtime::storage::{Options, memory::Memory};
use cutline::runtime::tables::{Disk, Lender};
use cutline::scenario::{build, draw, load};
use cutline::sim::run::{Keep, Run, run};
use cutline::topology::{OperatorKind, Topology};
use cutline::trace::event::Kind;
use cutline::world::setup::Setup;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// Tables of which so few keys are in memory that most operations go to disk.
fn tables(room: usize) -> (Lender, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Lender(Disk::open(&folder.path().join("state"), room).unwrap()), folder)
}

/// A sequence of numbers.
fn numbers(mut n: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        n = cutline::digest::mix(n + 1);
        n % below
    }
}

fn datum(n: u64) -> Datum {
    match n % 4 {
        0 => Datum::Int(n as i64 - 20),
        1 => Datum::Text(format!("key\0{n}").into()),
        2 => Datum::Bytes(vec![n as u8, 0, 255].into()),
        _ => Datum::Pair((Datum::Int(n as i64), Datum::Text("half".into())).into()),
    }
}

fn pairs(chain: &Chain) -> Vec<(Datum, Datum)> {
    let mut pairs = Vec::new();
    let state = &chain.state()[0];
    state.each(None, &mut |key, value| pairs.push((key.clone(), value.clone())));
    assert_eq!(state.keys(), pairs.len() as u64);
    pairs
}

#[test]
fn every_operator_does_the_same_with_its_state_on_disk() {
    use OperatorKind::*;
    let kinds = [KeyedCount, KeyedSum, KeyedMax, Distinct, Window { size: 3 }, Join, LastValue, PassOn { keys: 40 }];
    let (tables, _folder) = tables(3);
    for kind in kinds {
        let (mut memory, mut disk) = (Chain::new(std::slice::from_ref(&kind)), Chain::new(std::slice::from_ref(&kind)));
        disk.lend(&tables);
        let mut below = numbers(7);
        let mut kept = None;
        for n in 0..600 {
            let id = RecordId { offset: Offset(n), ..RecordId::default() };
            let record = Record { id, key: datum(below(40)), value: Datum::Int(below(9) as i64 + 1) };
            let (side, mut made) = (below(2) as u32, [Vec::new(), Vec::new()]);
            memory.apply(side, record.clone(), 0, &mut |record| made[0].push(record));
            disk.apply(side, record, 0, &mut |record| made[1].push(record));
            assert_eq!(made[0], made[1], "{kind:?}, record {n}");
            match below(40) {
                0 => kept = Some((memory.state(), disk.state(), pairs(&memory))),
                1 if kept.is_some() => {
                    // Back to what it was, with the table that has gone on meanwhile.
                    let (one, other, all) = kept.take().unwrap();
                    memory.restore(&one);
                    disk.restore(&other);
                    assert_eq!(pairs(&disk), all, "{kind:?}, record {n}");
                }
                2 => disk = disk.clone(),
                _ => {}
            }
        }
        assert_eq!(pairs(&memory), pairs(&disk), "{kind:?}");
        assert!(disk.state()[0].keyed.len() <= 3 && disk.state()[0].keys() > 20, "{kind:?}: it lies on disk");
        let whole = |chain: &Chain| Snapshot { operators: chain.state(), ..Snapshot::default() }.digest();
        assert_eq!(whole(&memory), whole(&disk), "{kind:?}");
    }
}

/// What the tables of simulated lives are in.
static LENT: OnceLock<Lender> = OnceLock::new();

/// The engine, with its state on disk.
fn lent(topology: &Arc<Topology>, config: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    let mut process = engine::spawn(topology, config, who);
    process.lend(LENT.get().expect("it was opened"));
    process
}

#[test]
fn a_run_is_the_same_to_the_last_byte() {
    let (tables, _folder) = tables(2);
    assert!(LENT.set(tables).is_ok());
    let mut restored = 0;
    let runs = [("word_count", 1), ("join", 2), ("order_sensitive", 2), ("windows", 10), ("windows", 12)];
    for (scenario, seed) in runs.into_iter().chain([("idle_stream", 12), ("upsert_sink", 12), ("bounded_job", 10)]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{scenario}.json"));
        let loaded = load(&path).unwrap_or_else(|found| panic!("{}", found[0].render(false)));
        let closed = draw(&loaded.scenario, seed);
        let built = build(&closed, &loaded, &cutline::protocols::find).expect("a drawn plan builds");
        let (memory, plan) = (Arc::new(built.setup), Arc::new(built.sim));
        let disk = Arc::new(Setup { spawn: lent, ..Setup::clone(&memory) });
        let traced = |setup| -> Run { run(setup, &plan, seed, Keep { trace: true, ..Keep::default() }) };
        let (one, other) = (traced(&memory), traced(&disk));
        let (one, other) = (one.trace.expect("it was kept"), other.trace.expect("it was kept"));
        assert!(one == other, "{scenario}, seed {seed}");
        let back = |kind: &Kind| matches!(kind, Kind::Restore { base: Some(_), finished: false, .. });
        restored += other.iter().filter(|event| back(&event.kind)).count();
    }
    assert!(restored > 20, "{restored} subtasks went back to a snapshot");
}

/// Counts of so many keys, by a chain.
fn counted(chain: &mut Chain, keys: u64, times: u64) {
    for n in 0..keys * times {
        let record = Record { id: RecordId::default(), key: datum(n % keys), value: Datum::Int(1) };
        chain.apply(0, record, 0, &mut |_| {});
    }
}

fn content(blobs: &Memory, folder: &str) -> Vec<Vec<u8>> {
    let mut content: Vec<Vec<u8>> =
        blobs.list(folder).unwrap().iter().map(|name| blobs.get(name).unwrap().unwrap()).collect();
    content.sort();
    content
}

#[test]
fn what_is_stored_is_the_same_and_goes_back_to_either() {
    let (tables, _folder) = tables(500);
    let (tables, options) = (Arc::new(tables), Options { compress: false, claim: true });
    let (in_memory, on_disk) = (Arc::new(Memory::default()), Arc::new(Memory::default()));
    let keepers = [&in_memory, &on_disk].map(|blobs| Keeper::open(blobs.clone(), &topology(), &options).unwrap());
    keepers[1].lend(tables.clone());
    let kinds = [OperatorKind::KeyedCount];
    let mut chains = [Chain::new(&kinds), Chain::new(&kinds)];
    chains[1].lend(tables.as_ref());
    for round in 1..4 {
        for (chain, keeper) in chains.iter_mut().zip(&keepers) {
            counted(chain, 20_000 / round, round);
            let snapshot = Snapshot { operators: chain.state(), ..Snapshot::default() };
            let put = Request::Put(key(1, round, 2), Arc::new(snapshot));
            for _ in 0..2 {
                let served = keeper.serve(FencingToken(1), &put, Some(&shadow(round)));
                assert_eq!(served.reply, Reply::Done, "{:?}", served.trouble);
            }
            let found = keeper.serve(FencingToken(1), &Request::Get(key(1, round, 2)), None);
            let Reply::Found(found) = found.reply else { panic!("{:?}", found.trouble) };
            chain.restore(&found.operators);
        }
        assert_eq!(content(&in_memory, "packs/"), content(&on_disk, "packs/"), "round {round}");
        assert_eq!(pairs(&chains[0]), pairs(&chains[1]), "round {round}");
        assert!(chains[1].state()[0].keyed.is_empty(), "what is restored lies on disk");
    }
    // What one of them stored, the other one restores.
    let crossed = Keeper::open(in_memory.clone(), &topology(), &options).unwrap();
    crossed.lend(tables.clone());
    let found = crossed.serve(FencingToken(1), &Request::Get(key(1, 3, 2)), None);
    let Reply::Found(found) = found.reply else { panic!("{:?}", found.trouble) };
    let mut chain = Chain::new(&kinds);
    chain.restore(&found.operators);
    assert_eq!(pairs(&chain), pairs(&chains[0]));
}

/// A table that is full of other lives' garbage can't hurt: each life has its own, and it goes with the life.
#[test]
fn tables_are_apart_and_go_with_their_owners() {
    let (tables, folder) = tables(1);
    let state = folder.path().join("state");
    let partitions = || std::fs::read_dir(state.join("partitions")).map_or(0, |entries| entries.count());
    let before = partitions();
    {
        let (mut one, mut other) = (tables.table(), tables.table());
        let pair = |n| (Datum::Int(1), Datum::Int(n));
        one.put(&mut [pair(1)].into_iter());
        other.put(&mut [pair(2)].into_iter());
        let frozen = one.freeze();
        one.put(&mut [pair(3)].into_iter());
        assert_eq!([one.get(&Datum::Int(1)), other.get(&Datum::Int(1))], [3, 2].map(|n| Some(Datum::Int(n))));
        let thawed = frozen.thaw();
        assert_eq!((thawed.get(&Datum::Int(1)), one.get(&Datum::Int(1))), (Some(Datum::Int(1)), Some(Datum::Int(3))));
        assert!(partitions() >= before + 3);
    }
    assert_eq!(partitions(), before);
    drop(tables);
    Disk::open(&state, 1).unwrap();
}
