//! A damaged file is told from a whole one, in words, and never loaded.

use crate::job::*;
use cutline::engine::message::{Reply, Request};
use cutline::ids::*;
use cutline::runtime::outside::Store as _;
use cutline::runtime::storage::format::{FileKind, decode, seal, unseal};
use cutline::runtime::storage::mirror::{Atom, Data, Head, Marker, Operator, Pack, StateRecord};
use cutline::runtime::storage::{Options, keeper::Keeper, mirror, open};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { found.extend(files(&entry)) } else { found.push(entry) }
    }
    found.sort();
    found
}

/// A store with one complete checkpoint of one part.
fn store(folder: &Path, compress: bool) -> Arc<Keeper> {
    let options = Options { compress, ..Options::default() };
    let keeper = open("files", folder, &topology(), &options).unwrap();
    let ask = |request| keeper.serve(FencingToken(1), &request, Some(&shadow(3))).reply;
    assert_eq!(ask(Request::Lead), Reply::Led(Attempt(0)));
    assert!(matches!(ask(Request::BeginAttempt(Attempt(1))), Reply::Began { .. }));
    assert_eq!(ask(Request::Put(key(1, 1, 2), Arc::new(mixed(1)))), Reply::Done);
    assert_eq!(ask(Request::Publish(manifest(1, 1, 1))), Reply::Done);
    keeper
}

/// Everything that somebody could load; what he was told of damage.
fn load(folder: &Path) -> Vec<String> {
    let mut told = Vec::new();
    let keeper = match open("files", folder, &topology(), &Options::default()) {
        Ok(keeper) => keeper,
        Err(trouble) => return vec![trouble],
    };
    for request in [Request::Lead, Request::Get(key(1, 1, 2))] {
        let served = keeper.serve(FencingToken(1), &request, None);
        match served.reply {
            Reply::Found(snapshot) => assert_eq!(*snapshot, mixed(1), "what is loaded is what was stored"),
            Reply::Fenced => {} // somebody else led with this token: the log could be read
            _ => told.push(served.trouble.expect("trouble has a reason")),
        }
    }
    told
}

fn damage(compress: bool) {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), compress);
    let all = files(folder.path());
    // The marker, four records of the log less the one that the first request needs not, a head, a pack.
    assert_eq!(all.len(), 6, "{all:?}");
    let mut tried = 0;
    for path in &all {
        let whole = fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().to_string();
        let old = name.len() == 20 && !name.ends_with('3'); // a record that isn't the newest: nobody reads it
        let mut attempt = |bytes: &[u8], what: &str| {
            fs::write(path, bytes).unwrap();
            let told = load(folder.path());
            assert!(old || told.iter().any(|told| told.contains(&name)), "{name}, {what}: {told:?}");
            tried += 1;
        };
        for bit in (0..whole.len() * 8).filter(|bit| !old || bit % 64 == 0) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            attempt(&bytes, &format!("bit {bit} flipped"));
        }
        for length in (0..whole.len()).filter(|length| !old || length % 16 == 0) {
            attempt(&whole[..length], &format!("cut at {length}"));
        }
        attempt(&[&whole[..], b"x"].concat(), "one byte more");
        attempt(b"GIF89a, a file of somebody else, which is long enough", "foreign");
        fs::write(path, &whole).unwrap();
    }
    assert!(tried > 1000);
    assert_eq!(load(folder.path()), Vec::<String>::new());
}

#[test]
fn every_flipped_bit_and_every_cut_is_told() {
    damage(false);
}

#[test]
fn so_is_one_of_a_compressed_file() {
    damage(true);
}

#[test]
fn a_missing_or_misplaced_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), true);
    let keeper = open("files", folder.path(), &topology(), &Options::default()).unwrap();
    let told = |task| keeper.serve(FencingToken(1), &Request::Get(key(1, 1, task)), None).trouble.unwrap();
    let head = folder.path().join("snapshots/a1-c1-p2");
    fs::copy(&head, folder.path().join("snapshots/a1-c1-p3")).unwrap();
    assert!(told(3).contains("a1-c1-p3 is the snapshot of checkpoint 1 of task 2 of attempt 1"), "{}", told(3));
    assert!(told(4).contains("a1-c1-p4 is not there"), "{}", told(4));
    let pack = files(&folder.path().join("packs"))[0].clone();
    fs::copy(&head, &pack).unwrap();
    assert!(told(2).contains("is a snapshot, and not a pack of chunks"), "{}", told(2));
    let other = seal(FileKind::Pack, &Pack { chunks: vec![&[1, 0, 2], &[1, 0, 2]] }, false).unwrap();
    fs::write(&pack, other).unwrap();
    assert!(told(2).contains("a1-c1-p2 needs a chunk that isn't in"), "{}", told(2));
    fs::remove_file(&pack).unwrap();
    assert!(told(2).contains("is not there, and") && told(2).contains("a1-c1-p2 needs it"), "{}", told(2));
    let log = files(&folder.path().join("log"));
    fs::copy(log.last().unwrap(), folder.path().join("log/00000000000000000009")).unwrap();
    let served = keeper.serve(FencingToken(1), &Request::Lead, None);
    assert_eq!(served.reply, Reply::Failed, "a damaged record is not passed over");
    assert!(served.trouble.unwrap().contains("is record 3 of the log, under the name of record 9"));
}

#[test]
fn another_jobs_store_is_told() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), true);
    let mut graph = topology().graph.clone();
    graph.vertices[1].parallelism = 3;
    let other = Arc::new(cutline::topology::Topology::build(graph));
    let told = open("files", folder.path(), &other, &Options::default()).map(|_| ()).unwrap_err();
    assert!(told.contains("the store of another job") && told.contains("x3") && told.contains("x2"), "{told}");
}

fn nothing_panics(kind: FileKind, bytes: &[u8]) {
    let Ok(body) = unseal(kind, bytes) else { return };
    let _ = decode::<Marker>(&body);
    let _ = decode::<StateRecord>(&body);
    if let Ok(head) = decode::<Head>(&body) {
        let mut data = Data::new(head.data);
        while data.take().is_ok() {}
    }
    if let Ok(pack) = decode::<Pack>(&body) {
        for chunk in pack.chunks {
            let _ = decode::<Vec<Atom>>(chunk).map(|atoms| Data::new(atoms).take());
        }
    }
}

/// A frame whose checksum is right around any body.
fn framed(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"cutline\n\x01\x00".to_vec();
    bytes.extend([FileKind::Snapshot as u8, flags]);
    bytes.extend((body.len() as u64).to_le_bytes());
    let sum = crc32c::crc32c_append(crc32c::crc32c(&bytes), body);
    bytes.extend(sum.to_le_bytes());
    bytes.extend(body);
    bytes
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), flags in 0..3u8) {
        nothing_panics(FileKind::Snapshot, &bytes);
        nothing_panics(FileKind::Snapshot, &framed(flags, &bytes));
    }

    #[test]
    fn nor_do_changed_ones(at in 0..400usize, with in any::<u8>(), cut in 0..400usize) {
        let whole = seal(FileKind::Snapshot, &head(), false).unwrap();
        let mut body = whole[24..].to_vec();
        let at = at % body.len();
        body[at] = with;
        body.truncate(cut);
        nothing_panics(FileKind::Snapshot, &framed(0, &body));
    }
}

fn head() -> Head<'static> {
    Head {
        key: (1, 2, 3),
        digest: 0x0123_4567_89ab_cdef,
        operators: vec![Operator {
            split: 1,
            union: 0,
            broadcast: true,
            chunks: vec![mirror::Chunk { hash: [7; 32], pack: 0, index: 1, bytes: 300 }],
        }],
        offsets: vec![(0, u64::MAX, true)],
        channels: vec![(1, vec![(0, 5, 2)])],
        transactions: vec![(1, 4, 9)],
        turns: vec![3],
        finished: false,
        packs: vec!["packs/a1-c2-p3-ff-0".to_string()],
        sent: vec![10, 300],
        taken: vec![],
        data: vec![Atom::Int(-1), Atom::Pair, Atom::Text("text"), Atom::Bytes(&[0, 255]), Atom::Int(5), Atom::Int(6)],
    }
}

#[test]
fn pairs_that_are_too_deep_are_refused() {
    let atoms = vec![Atom::Pair; 100_000];
    assert!(Data::new(atoms).take().is_err());
    let mut datum = cutline::engine::message::Datum::Int(1);
    for _ in 0..100 {
        datum = cutline::engine::message::Datum::Pair(Arc::new((datum.clone(), datum)));
    }
    assert!(mirror::flatten(&datum, &mut Vec::new()).is_err());
}

/// Each kind of file, byte for byte as its version writes it. When one of these has to change, so has its version.
#[test]
fn the_format_is_what_it_was() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/storage/golden");
    let state = StateRecord {
        seq: 7,
        before: [9; 32],
        writer: 1 << 60,
        leader: 3,
        led_by: 300,
        attempt: 2,
        begun_by: 3,
        base: Some(4),
        ended: Some(false),
        newest: 5,
        unclaimed: None,
        completed: vec![mirror::completed(&manifest(2, 5, 2), FencingToken(3))],
        saved: vec![mirror::completed(&manifest(1, 3, 1), FencingToken(2))],
    };
    let marker = Marker { job: 1 << 40, about: "in, out".to_string() };
    let long = vec![b'z'; 400];
    let pack = Pack { chunks: vec![&[1, 0, 2], &long] };
    let kinds = [
        ("marker", seal(FileKind::Marker, &marker, false)),
        ("state", seal(FileKind::State, &state, false)),
        ("snapshot", seal(FileKind::Snapshot, &head(), false)),
        ("pack", seal(FileKind::Pack, &pack, false)),
        ("pack-lz4", seal(FileKind::Pack, &pack, true)),
    ];
    for (name, bytes) in kinds {
        let (path, bytes) = (golden.join(name), bytes.unwrap());
        if std::env::var_os("GOLDEN").is_some() {
            fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(fs::read(&path).ok(), Some(bytes), "{name}");
    }
    let read = |name: &str| fs::read(golden.join(name)).unwrap();
    assert_eq!(decode::<Marker>(&unseal(FileKind::Marker, &read("marker")).unwrap()), Ok(marker));
    assert_eq!(decode::<StateRecord>(&unseal(FileKind::State, &read("state")).unwrap()), Ok(state));
    assert_eq!(decode::<Head>(&unseal(FileKind::Snapshot, &read("snapshot")).unwrap()), Ok(head()));
    assert_eq!(decode::<Pack>(&unseal(FileKind::Pack, &read("pack")).unwrap()), Ok(pack.clone()));
    assert_eq!(decode::<Pack>(&unseal(FileKind::Pack, &read("pack-lz4")).unwrap()), Ok(pack));
    let mut newer = read("marker");
    newer[8] = 2;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&newer[..20]), &newer[24..]);
    newer[20..24].copy_from_slice(&sum.to_le_bytes());
    let told = unseal(FileKind::Marker, &newer).unwrap_err();
    assert_eq!(told, "has version 2 of the format of a store's marker, and only 1 is known");
}
