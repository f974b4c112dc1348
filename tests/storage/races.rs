//! Two processes, or one and its ghost, use one store at a time. A second keeper is to the store what a second process
//! is: they share nothing but the place.

use crate::job::*;
use cutline::engine::message::{Reply, Request};
use cutline::ids::*;
use cutline::runtime::outside::Store as _;
use cutline::runtime::storage::blobs::{Blobs, Created};
use cutline::runtime::storage::keeper::Keeper;
use cutline::runtime::storage::{Options, files::Files, memory::Memory};
use cutline::trace::event::{Kind, Outcome};
use std::sync::Arc;

fn keeper(blobs: &Arc<dyn Blobs>) -> Keeper {
    Keeper::open(blobs.clone(), &topology(), &Options::default()).unwrap()
}

fn ask(keeper: &Keeper, token: u32, request: Request) -> Reply {
    keeper.serve(FencingToken(token), &request, Some(&shadow(1))).reply
}

#[test]
fn a_zombie_completes_nothing() {
    let blobs: Arc<dyn Blobs> = Arc::new(Memory::default());
    let (old, new) = (keeper(&blobs), keeper(&blobs));
    ask(&old, 1, Request::Lead);
    ask(&old, 1, Request::BeginAttempt(Attempt(1)));
    ask(&old, 1, Request::Put(key(1, 1, 2), Arc::new(mixed(1))));
    assert_eq!(ask(&old, 1, Request::Publish(manifest(1, 1, 1))), Reply::Done);
    ask(&old, 1, Request::Put(key(1, 2, 2), Arc::new(mixed(2))));
    // Another process takes over; the old one doesn't know.
    assert_eq!(ask(&new, 2, Request::Lead), Reply::Led(Attempt(1)));
    assert_eq!(ask(&old, 1, Request::Publish(manifest(1, 2, 1))), Reply::Fenced);
    assert_eq!(ask(&old, 1, Request::BeginAttempt(Attempt(2))), Reply::Fenced);
    assert!(matches!(ask(&new, 2, Request::BeginAttempt(Attempt(2))), Reply::Began { .. }));
    assert_eq!(ask(&old, 2, Request::Publish(manifest(1, 2, 1))), Reply::Failed, "its attempt is over, whatever token");
    assert_eq!(ask(&old, 1, Request::Discard(Attempt(1), CheckpointId(1))), Reply::Fenced);
    assert_eq!(ask(&old, 1, Request::EndJob(true)), Reply::Fenced);
    assert_eq!(ask(&old, 1, Request::Open(key(1, 3, 2))), Reply::Fenced);
    assert_eq!(ask(&old, 1, Request::Lead), Reply::Fenced);
    assert_eq!(ask(&old, 2, Request::Lead), Reply::Fenced, "the same number, and another process's");
    assert_eq!(ask(&new, 2, Request::Lead), Reply::Led(Attempt(2)), "asked again by the one who leads");
    assert_eq!(new.leader(), Ok(FencingToken(2)));
    let Reply::Found(found) = ask(&new, 2, Request::Get(key(1, 1, 2))) else { panic!("checkpoint 1 is there") };
    assert_eq!(*found, mixed(1));
}

/// Everybody tries everything at a time. What took effect is one history, and it is told in one order.
fn race(blobs: Arc<dyn Blobs>, rounds: u32) {
    let racers: Vec<Keeper> = (0..3).map(|_| keeper(&blobs)).collect();
    let mut tokens: Vec<u32> = std::thread::scope(|scope| {
        let start = |(i, keeper)| scope.spawn(move || racer(i, keeper, rounds));
        let threads: Vec<_> = (0u32..).zip(&racers).map(start).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    tokens.sort();
    let all = tokens.len();
    tokens.dedup();
    assert_eq!(tokens.len(), all, "nobody leads with the token of another one");
    one_history(&racers[0].inventory().unwrap());
}

/// Takes the lead, begins an attempt and completes a checkpoint, again and again; the tokens that it led with.
fn racer(i: u32, keeper: &Keeper, rounds: u32) -> Vec<u32> {
    let mut led = Vec::new();
    for round in 0..rounds {
        let token = 1 + round * 2 + i / 2; // two of three use the same numbers
        let Reply::Led(newest) = ask(keeper, token, Request::Lead) else { continue };
        led.push(token);
        let attempt = newest.next();
        if matches!(ask(keeper, token, Request::BeginAttempt(attempt)), Reply::Began { .. }) {
            ask(keeper, token, Request::Publish(manifest(attempt.0, 1 + round as u64 * 3 + i as u64, 0)));
        }
    }
    led
}

/// Tokens and attempts only grow, and nobody completes anything who isn't in charge.
fn one_history(lines: &[Kind]) {
    let (mut leader, mut newest) = (FencingToken(0), Attempt(0));
    let mut first = true; // of what was before the oldest record, only a part is told
    for line in lines {
        match line {
            Kind::Lead { token, outcome: Outcome::Ok } => {
                assert!(*token > leader, "{lines:?}");
                (leader, first) = (*token, false);
            }
            Kind::Begin { job, token, outcome: Outcome::Ok, .. } => {
                assert_eq!(*token, leader, "{lines:?}");
                assert!(newest == Attempt(0) || *job == newest.next(), "{lines:?}");
                newest = *job;
            }
            Kind::Complete { job, token, outcome: Outcome::Ok, .. } if !first => {
                assert_eq!((*job, *token), (newest, leader), "{lines:?}");
            }
            _ => {}
        }
    }
    assert!(leader > FencingToken(0) && newest > Attempt(0), "something happened");
}

#[test]
fn three_keepers_race_for_one_history() {
    race(Arc::new(Memory::default()), 60);
}

#[test]
fn three_keepers_race_over_files() {
    let folder = tempfile::tempdir().unwrap();
    race(Arc::new(Files::open(folder.path()).unwrap()), 8);
}

/// Wherever the log was cut off, what is left of it is one history: also before a leader who has begun nothing yet.
#[test]
fn what_is_left_of_a_log_is_one_history() {
    let blobs: Arc<dyn Blobs> = Arc::new(Memory::default());
    let one = keeper(&blobs);
    let mut attempt = 0;
    for round in 0..120 {
        let token = 1 + 2 * round;
        ask(&one, token, Request::Lead);
        ask(&one, token + 1, Request::Lead); // two leaders in a row; the first one has begun nothing
        attempt += 1;
        assert!(matches!(ask(&one, token + 1, Request::BeginAttempt(Attempt(attempt))), Reply::Began { .. }));
        ask(&one, token + 1, Request::Publish(manifest(attempt, 1 + round as u64, 0)));
        if round % 10 == 9 {
            one_history(&one.inventory().unwrap());
        }
    }
    for token in 1000..1160 {
        ask(&one, token, Request::Lead); // in the end the oldest state is that of such a leader
    }
    one_history(&one.inventory().unwrap());
}

/// Shows a stale list of the log once, as if its reader had slept since.
struct Sleeper {
    within: Arc<Memory>,
    stale: std::sync::Mutex<Option<Vec<String>>>,
}

impl Blobs for Sleeper {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        self.within.put(name, bytes)
    }
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Created, String> {
        self.within.create(name, bytes)
    }
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        self.within.get(name)
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>, String> {
        match self.stale.lock().unwrap().take() {
            Some(stale) if prefix == "log/" => Ok(stale),
            _ => self.within.list(prefix),
        }
    }
    fn delete(&self, names: &[String]) -> Result<(), String> {
        self.within.delete(names)
    }
    fn show(&self, name: &str) -> String {
        self.within.show(name)
    }
}

/// Who slept for so long that the place after his record is empty again, because old records are deleted, may fill that
/// place; but it doesn't count, and he is told so.
#[test]
fn one_who_slept_while_the_log_was_cleaned_up_completes_nothing() {
    let memory = Arc::new(Memory::default());
    let sleeper = Arc::new(Sleeper { within: memory.clone(), stale: std::sync::Mutex::new(None) });
    let (place, slow): (Arc<dyn Blobs>, Arc<dyn Blobs>) = (memory.clone(), sleeper.clone());
    let (old, new) = (keeper(&slow), keeper(&place));
    assert_eq!(ask(&old, 1, Request::Lead), Reply::Led(Attempt(0)));
    assert!(matches!(ask(&old, 1, Request::BeginAttempt(Attempt(1))), Reply::Began { .. }));
    let stale = memory.list("log/").unwrap();
    assert_eq!(ask(&new, 2, Request::Lead), Reply::Led(Attempt(1)));
    for attempt in 2..400 {
        assert!(matches!(ask(&new, 2, Request::BeginAttempt(Attempt(attempt))), Reply::Began { .. }));
    }
    assert!(memory.list("log/").unwrap().len() < 200, "the log is cleaned up");
    *sleeper.stale.lock().unwrap() = Some(stale);
    let reply = ask(&old, 1, Request::Publish(manifest(1, 1, 0)));
    assert!(matches!(reply, Reply::Failed | Reply::Fenced), "{reply:?}");
    assert_eq!(ask(&old, 1, Request::Publish(manifest(1, 1, 0))), Reply::Fenced);
    let Reply::Began { completed, .. } = ask(&new, 2, Request::BeginAttempt(Attempt(400))) else { panic!("begun") };
    assert_eq!(completed.len(), 0);
}

#[test]
fn the_inventory_tells_what_is_durable() {
    let blobs: Arc<dyn Blobs> = Arc::new(Memory::default());
    let one = keeper(&blobs);
    let mut told = Vec::new();
    let mut tell = |token: u32, request: Request| {
        let lines = one.serve(FencingToken(token), &request, Some(&shadow(1))).lines;
        told.extend(lines);
    };
    tell(1, Request::Lead);
    tell(1, Request::BeginAttempt(Attempt(1)));
    for id in 1..4 {
        tell(1, Request::Put(key(1, id, 2), Arc::new(mixed(id as i64))));
        tell(1, Request::Publish(manifest(1, id, 1)));
    }
    tell(2, Request::Lead);
    tell(2, Request::BeginAttempt(Attempt(2)));
    tell(2, Request::Put(key(2, 4, 2), Arc::new(mixed(9))));
    assert_eq!(keeper(&blobs).inventory().unwrap(), told);
}
