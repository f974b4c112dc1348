//! One test for every place that objects can be in.

use cutline::runtime::storage::blobs::{Blobs, Created};
use cutline::runtime::storage::{self, embedded::Embedded, files::Files, memory::Memory};
use std::sync::Arc;

/// What a place must do. `reopen` gives the same place anew.
pub fn conforms(mut place: Arc<dyn Blobs>, reopen: impl Fn(Arc<dyn Blobs>) -> Arc<dyn Blobs>) {
    assert_eq!(place.list("log/"), Ok(vec![]));
    assert_eq!(place.get("log/1"), Ok(None));
    assert_eq!(place.create("log/1", b"one"), Ok(Created::New));
    assert_eq!(place.create("log/1", b"other"), Ok(Created::Exists));
    assert_eq!(place.get("log/1"), Ok(Some(b"one".to_vec())), "what was there stays");
    assert_eq!(place.put("packs/a", b"1"), Ok(()));
    assert_eq!(place.put("packs/a", &vec![7; 3_000_000]), Ok(()), "in place of what was there");
    assert_eq!(place.put("packs/empty", b""), Ok(()));
    assert_eq!(place.create("packs/a", b"2"), Ok(Created::Exists));
    for n in [10, 2, 33] {
        assert_eq!(place.create(&format!("log/{n:03}-x"), &[n]), Ok(Created::New));
    }
    place = reopen(place);
    assert_eq!(place.get("packs/a").map(|found| found.map(|bytes| bytes.len())), Ok(Some(3_000_000)));
    assert_eq!(place.get("packs/empty"), Ok(Some(vec![])));
    assert_eq!(place.list("log/"), Ok(["log/002-x", "log/010-x", "log/033-x", "log/1"].map(str::to_string).to_vec()));
    assert_eq!(place.list("log/0"), Ok(["log/002-x", "log/010-x", "log/033-x"].map(str::to_string).to_vec()));
    assert_eq!(place.list("nothing/"), Ok(vec![]));
    let gone = ["log/1".to_string(), "log/2".to_string(), "packs/a".to_string()];
    assert_eq!(place.delete(&gone), Ok(()));
    assert_eq!(place.delete(&gone), Ok(()), "gone is gone");
    assert_eq!(place.get("log/1"), Ok(None));
    assert_eq!(place.create("log/1", b"new"), Ok(Created::New));
    one_of_many_creates(&*place);
}

/// Of eight who make the same name, one does, and all then read his bytes.
fn one_of_many_creates(place: &dyn Blobs) {
    for round in 0..20 {
        let name = format!("race/{round}");
        let made: Vec<(u8, Created)> = std::thread::scope(|scope| {
            let racer = |n: u8| {
                (
                    n,
                    scope.spawn({
                        let name = name.clone();
                        move || place.create(&name, &[n; 1000]).unwrap()
                    }),
                )
            };
            let racers: Vec<_> = (0..8).map(racer).collect();
            racers.into_iter().map(|(n, thread)| (n, thread.join().unwrap())).collect()
        });
        let winners: Vec<u8> = made.iter().filter(|(_, made)| *made == Created::New).map(|(n, _)| *n).collect();
        assert_eq!(winners.len(), 1, "{made:?}");
        assert_eq!(place.get(&name), Ok(Some(vec![winners[0]; 1000])));
    }
}

#[test]
fn memory_is_a_place() {
    conforms(Arc::new(Memory::default()), |place| place);
}

#[test]
fn files_are_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(Files::open(&folder.path().join("deep/down")).unwrap());
    conforms(open(), |_| open());
    let left = std::fs::read_dir(folder.path().join("deep/down/tmp")).unwrap().count();
    assert_eq!(left, 0, "no temporary file is left");
}

#[test]
fn an_embedded_database_is_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/store.redb");
    conforms(Arc::new(Embedded::open(&path).unwrap()), |place| {
        let second = Embedded::open(&path).unwrap_err();
        assert!(second.contains("is used by another process"), "{second}");
        drop(place);
        Arc::new(Embedded::open(&path).unwrap())
    });
}

#[test]
fn a_file_that_is_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("store.redb"), "not a database, but long enough to look at").unwrap();
    let told = storage::blobs("embedded", folder.path()).map(|_| ()).unwrap_err();
    assert!(told.contains("cannot open") && told.contains("store.redb"), "{told}");
}

#[cfg(feature = "s3")]
#[test]
fn an_object_store_in_a_folder_is_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let open = || storage::blobs("objects", &folder.path().join("objects")).unwrap();
    conforms(open(), |_| open());
}

#[test]
fn a_wrong_name_is_told_with_the_right_ones() {
    let folder = tempfile::tempdir().unwrap();
    let told = storage::blobs("fles", folder.path()).map(|_| ()).unwrap_err();
    assert!(told.contains("no store `fles`, did you mean `files`?") && told.contains("embedded"), "{told}");
    std::fs::write(folder.path().join("file"), "").unwrap();
    let told = storage::blobs("files", &folder.path().join("file")).map(|_| ()).unwrap_err();
    assert!(told.ends_with("/file is no folder"), "{told}");
}
