//! The keeper does what the simulated store does: the same replies, the same lines, for any sequence of requests.

use crate::job::*;
use cutline::engine::message::{Reply, Request};
use cutline::ids::*;
use cutline::runtime::outside::{Served, Store as _};
use cutline::runtime::storage::files::Files;
use cutline::runtime::storage::keeper::Keeper;
use cutline::runtime::storage::memory::Memory;
use cutline::runtime::storage::{Options, blobs::Blobs};
use cutline::world::store::Store;
use proptest::prelude::*;
use std::fmt;
use std::sync::Arc;

#[derive(Clone)]
struct Ask {
    token: u32,
    request: Request,
    shadow: Option<u64>,
}

/// Snapshots are long.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} ", self.token, self.shadow)?;
        match &self.request {
            Request::Put(key, snapshot) => write!(f, "Put({key:?}, {:x})", snapshot.digest()),
            other => write!(f, "{other:?}"),
        }
    }
}

fn request() -> impl Strategy<Value = Request> {
    let stored = (0..3u32, 1..5u64, 2..5u32).prop_map(|(attempt, checkpoint, task)| key(attempt, checkpoint, task));
    let attempt = (0..4u32).prop_map(Attempt);
    prop_oneof![
        2 => Just(Request::Lead),
        3 => attempt.prop_map(Request::BeginAttempt),
        1 => stored.clone().prop_map(Request::Open),
        5 => (stored.clone(), 0..3i64).prop_map(|(key, n)| Request::Put(key, Arc::new(mixed(n)))),
        3 => (stored.clone(), 1..4i64).prop_map(|(key, n)| Request::Put(key, Arc::new(counting(400, n * 90, n)))),
        3 => stored.clone().prop_map(Request::Get),
        4 => (0..4u32, 1..5u64, 0..3u32).prop_map(|(a, c, stored)| Request::Publish(manifest(a, c, stored))),
        2 => (0..4u32, 1..5u64, 0..3u32).prop_map(|(a, c, stored)| Request::Save(manifest(a, c, stored))),
        3 => stored.prop_map(|key| Request::Discard(key.attempt, key.checkpoint)),
        1 => any::<u8>().prop_map(|n| if n < 64 { Request::EndJob(n % 2 == 0) } else { Request::Lead }),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let shadow = proptest::option::of(0..3u64);
    (0..4u32, request(), shadow).prop_map(|(token, request, shadow)| Ask { token, request, shadow })
}

fn compare(asks: &[Ask], blobs: Arc<dyn Blobs>) {
    let topology = topology();
    let mut world = Store::default();
    let mut keeper = Keeper::open(blobs.clone(), &topology, &Options::default()).unwrap();
    for (n, Ask { token, request, shadow: counts }) in asks.iter().enumerate() {
        let counts = counts.map(shadow);
        let mut lines = Vec::new();
        let reply = world.apply(&topology, FencingToken(*token), request, counts.as_ref(), false, &mut lines);
        let served = keeper.serve(FencingToken(*token), request, counts.as_ref());
        assert_eq!(served.lines, lines, "request {n}: {:?}: {:?}", asks[n], served.trouble);
        assert!(served.reply == reply, "request {n}: {:?}: {:?}", asks[n], served.trouble);
        if let Request::Put(key, _) | Request::Get(key) = request {
            assert_eq!(keeper.shadow(key), world.shadow(key).cloned(), "request {n}");
        }
        // Nothing is only in memory. Leading again with the same token is another writer's, so it is left alone.
        if n % 7 == 6 && !asks[n..].iter().any(|ask| matches!(ask.request, Request::Lead)) {
            keeper = Keeper::open(blobs.clone(), &topology, &Options::default()).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn the_keeper_answers_like_the_simulated_store(asks in proptest::collection::vec(ask(), 1..60)) {
        compare(&asks, Arc::new(Memory::default()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn so_does_one_over_files(asks in proptest::collection::vec(ask(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        compare(&asks, Arc::new(Files::open(folder.path()).unwrap()));
    }
}

#[test]
fn what_is_put_comes_back() {
    let keeper = Keeper::open(Arc::new(Memory::default()), &topology(), &Options::default()).unwrap();
    for snapshot in [mixed(0), mixed(5), counting(0, 0, 0), counting(1, 1, 1), counting(100_000, 5, 7)] {
        let key = key(1, snapshot.digest(), 2);
        let put = keeper.serve(FencingToken(0), &Request::Put(key, Arc::new(snapshot.clone())), Some(&shadow(9)));
        assert_eq!(put.reply, Reply::Done);
        let Served { reply, .. } = keeper.serve(FencingToken(0), &Request::Get(key), None);
        assert_eq!(reply, Reply::Found(Arc::new(snapshot)));
        assert_eq!(keeper.shadow(&key), Some(shadow(9)));
    }
}
