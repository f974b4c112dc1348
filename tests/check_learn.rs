//! The tables of what commutes, `src/explore/commutation*.txt`, are what is learned again here, pair by pair and in
//! both orders.
//!
//! - `CUTLINE_WRITE=1 cargo test --profile fast --test check_learn the_table_is_what_is_learned` writes the anchor's.
//! - `CUTLINE_WRITE=1 cargo test --profile fast --test check_learn -- --ignored the_engines_table` writes the engine's.

mod support;
use cutline::explore::classes::Roles;
use cutline::explore::commutation::{Learned, Pair};
use cutline::explore::learn::{Effort, Lesson, learn};
use support::lessons::{Subject, engines, larger, subjects};

const ANCHORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/explore/commutation.txt");
const ENGINES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/explore/commutation_engine.txt");

/// More states than any of the subjects has.
const ALL: Effort = Effort { states: 10_000_000, walks: 0 };
/// What a test has time for.
const SOME: Effort = Effort { states: 1_500, walks: 12 };

fn study(subject: &Subject, effort: Effort) -> Lesson {
    let roles = Roles::new(&subject.setup.topology, subject.protocol, &subject.mode);
    let lesson = learn(&subject.setup, &roles, &subject.rules, effort);
    let Lesson { states, pairs, .. } = lesson;
    println!("{}: {states} states, {pairs} pairs", subject.name);
    // Steps of different processes that don't reach the same service commute by construction.
    assert!(lesson.broken.is_empty(), "{}: the checker is wrong: {:#?}", subject.name, lesson.broken);
    lesson
}

/// All of it, from all states.
fn whole(subjects: &[Subject]) -> Learned {
    let mut all = Learned::default();
    for subject in subjects {
        let mut lesson = study(subject, ALL);
        assert!(lesson.exhausted, "{} has more than {} states", subject.name, ALL.states);
        lesson.learned.instances.insert(format!("{}: all {} states", subject.name, lesson.states));
        all.add(&lesson.learned);
    }
    all
}

fn compare(learned: &Learned, shipped: &Learned, file: &str) {
    let printed = learned.print();
    if std::env::var_os("CUTLINE_WRITE").is_some() {
        return std::fs::write(file, printed).expect("the table can be written");
    }
    let shipped = shipped.print();
    let differs = printed.lines().zip(shipped.lines()).find(|(learned, shipped)| learned != shipped);
    assert!(printed == shipped, "{file} is out of date, write it again; first: {differs:?}");
}

#[test]
fn the_table_is_what_is_learned() {
    compare(&whole(&subjects()), &Learned::anchors(), ANCHORS);
}

/// The reduced searches of scenarios/small rest on this: every pair in every state of the very same instances.
#[test]
#[ignore = "seventeen minutes of CPU: 5 million states, 28 million pairs, each in both orders; the test after this one holds a bounded look at the same instances against the table each time"]
fn the_engines_table_is_what_is_learned() {
    compare(&whole(&engines()), &Learned::engines(), ENGINES);
}

/// What a bounded look at the same instances sees is nothing that the engine's table denies.
#[test]
fn nothing_contradicts_the_engines_table() {
    let (shipped, mut pairs) = (Learned::engines(), 0);
    for subject in engines() {
        let seen = study(&subject, SOME).learned;
        pairs += seen.pairs.len();
        assert_eq!(shipped.contradicted_by(&seen), [""; 0], "{}", subject.name);
    }
    assert!(pairs > 400, "{pairs} different pairs are met");
}

/// Instances that the anchor's table was not learned from: a class that is met only there would be missing from it,
/// and a pair that conflicts only there would be wrong in it.
#[test]
fn other_instances_contradict_nothing() {
    let shipped = Learned::anchors();
    for subject in larger() {
        let seen = study(&subject, SOME).learned;
        assert_eq!(shipped.contradicted_by(&seen), [""; 0], "{}", subject.name);
    }
}

/// The same in all of their states.
#[test]
#[ignore = "two minutes of CPU: a million states; the short form is the test before this one"]
fn all_states_of_other_instances_contradict_nothing() {
    let (shipped, seen) = (Learned::anchors(), whole(&larger()));
    assert_eq!(shipped.contradicted_by(&seen), [""; 0]);
}

/// Whatever is falsely claimed to commute is contradicted by executing it, line by line, and nothing else is.
#[test]
fn a_false_claim_is_contradicted() {
    let seen = whole(&subjects());
    let shipped = Learned::anchors();
    assert_eq!(shipped.contradicted_by(&seen), [""; 0]);
    let conflicting = |(_, pair): &(&(String, String), &Pair)| **pair != Pair::Commutes;
    let claims: Vec<_> = shipped.pairs.iter().filter(conflicting).collect();
    assert!(claims.len() >= 15, "{} lines", claims.len());
    for ((a, b), pair) in claims {
        let mut claimed = shipped.clone();
        claimed.pairs.insert((a.clone(), b.clone()), Pair::Commutes);
        assert_eq!(claimed.contradicted_by(&seen), [format!("{a} | {b}: {pair:?}, and not Commutes")]);
    }
}

/// The same of the engine, by a bounded look alone: as many of the lines as it meets, 111 of 155 when this was written.
/// All of them are met by `the_engines_table_is_what_is_learned`.
#[test]
fn a_false_claim_about_the_engine_is_contradicted() {
    let mut seen = Learned::default();
    let effort = Effort { states: 3_000, walks: 60 };
    engines().iter().for_each(|subject| seen.add(&study(subject, effort).learned));
    let shipped = Learned::engines();
    let conflicting = |(_, pair): &(&(String, String), &Pair)| **pair == Pair::Conflicts;
    let (mut noticed, mut missed) = (0, Vec::new());
    for (words, _) in shipped.pairs.iter().filter(conflicting) {
        let mut claimed = shipped.clone();
        claimed.pairs.insert(words.clone(), Pair::Commutes);
        match claimed.contradicted_by(&seen).len() {
            0 => missed.push(words),
            _ => noticed += 1,
        }
    }
    println!("{noticed} noticed, missed: {missed:#?}");
    assert!(noticed > 2 * missed.len(), "{noticed} false claims are noticed, {} are not", missed.len());
}
