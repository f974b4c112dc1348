//! The table of what commutes, `src/explore/commutation.txt`, is what is learned again here, pair by pair and in both
//! orders. `CUTLINE_WRITE=1 cargo test --release --test check_learn` writes it.

mod support;
use cutline::explore::classes::Roles;
use cutline::explore::commutation::{Learned, Pair};
use cutline::explore::learn::{Lesson, learn};
use support::lessons::{Subject, subjects};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/explore/commutation.txt");

/// More states than any of the subjects has.
const MOST: usize = 1_000_000;

fn study(subject: &Subject) -> Lesson {
    let roles = Roles::new(&subject.setup.topology, subject.protocol, subject.mode);
    let lesson = learn(&subject.setup, &roles, &subject.rules, MOST);
    let Lesson { states, pairs, .. } = lesson;
    println!("{}: {states} states, {pairs} pairs", subject.name);
    // Steps of different processes that don't reach the same service commute by construction.
    assert!(lesson.broken.is_empty(), "{}: the checker is wrong: {:#?}", subject.name, lesson.broken);
    assert!(lesson.exhausted, "{} has more than {MOST} states", subject.name);
    lesson
}

#[test]
fn the_table_is_what_is_learned() {
    let mut all = Learned::default();
    for subject in subjects() {
        let mut learned = study(&subject).learned;
        learned.instances.insert(subject.name.clone());
        all.add(&learned);
    }
    let printed = all.print();
    if std::env::var_os("CUTLINE_WRITE").is_some() {
        return std::fs::write(TABLE, printed).expect("the table can be written");
    }
    let shipped = Learned::anchors().print();
    let differs = printed.lines().zip(shipped.lines()).find(|(learned, shipped)| learned != shipped);
    assert!(printed == shipped, "commutation.txt is out of date, write it again; first: {differs:?}");
}

/// A class that is met only in larger instances would be missing from the table, and one that only there conflicts
/// would be wrong in it.
#[test]
#[ignore = "minutes: larger instances teach nothing new"]
fn larger_instances_teach_nothing_new() {
    let shipped = Learned::anchors();
    for subject in support::lessons::larger() {
        let mut both = shipped.clone();
        both.add(&study(&subject).learned);
        let (known, both) = (shipped.print(), both.print());
        let new: Vec<&str> = both.lines().filter(|line| known.lines().all(|known| known != *line)).collect();
        assert!(new.is_empty(), "{} teaches {new:#?}", subject.name);
    }
}

/// Whatever is falsely claimed to commute is contradicted by executing it: the comparison above isn't blind to any
/// line of the table.
#[test]
fn a_false_claim_is_contradicted() {
    let shipped = Learned::anchors();
    let mut again = Learned::default();
    subjects().iter().for_each(|subject| again.add(&study(subject).learned));
    for (pair, seen) in shipped.pairs.iter().filter(|(_, seen)| **seen != Pair::Commutes) {
        let mut claimed = shipped.clone();
        claimed.pairs.insert(pair.clone(), Pair::Commutes);
        assert!(again.pairs[pair] == *seen && claimed.pairs[pair] != again.pairs[pair], "{pair:?}");
    }
}
