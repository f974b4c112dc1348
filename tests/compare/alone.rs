//! Everybody takes checkpoints alone: which are useless, and how far a failure reaches. Held against definitions, over
//! all cuts of small made-up runs.

use super::{bank, lines, of, scenario, seeds, useless};
use cutline::compare::induced::induce;
use cutline::compare::rollback::{History, Line, Logs};
use cutline::compare::zigzag::Zigzag;
use cutline::compare::{Weather, compare, find};
use cutline::digest::mix;
use cutline::ids::*;
use cutline::protocols::alone::rule::Rule;
use cutline::trace::event::{Event, Kind};

/// So many processes have made-up runs.
const PROCESSES: u32 = 3;

/// A made-up run: everybody sends to everybody, messages wait for a while, checkpoints come at any time.
fn made_up(seed: u64) -> Vec<Event> {
    let (mut words, mut waiting, mut numbers) = (Vec::new(), Vec::new(), [0; 9]);
    for step in 0..26 {
        let h = mix(mix(seed) ^ step);
        let (process, other) = (h as u32 % PROCESSES, (h >> 8) as u32 % PROCESSES);
        match (h >> 16) % 5 {
            0 => words.push(format!("snap {process}")),
            1 | 2 if process != other => {
                let channel = process * PROCESSES + other;
                words.push(format!("send {process} {channel} {}", numbers[channel as usize]));
                waiting.push((other, channel, numbers[channel as usize]));
                numbers[channel as usize] += 1;
            }
            _ => {
                if let Some(at) = waiting.iter().position(|(to, ..)| *to == process) {
                    let (to, channel, m) = waiting.remove(at);
                    words.push(format!("take {to} {channel} {m}"));
                }
            }
        }
    }
    lines(&words.join(","))
}

/// The intervals of the messages of a run, from and to, and how many checkpoints everybody took.
type Messages = Vec<((u32, u32), (u32, u32))>;

fn pattern(run: &[Event]) -> (Messages, [u32; PROCESSES as usize]) {
    let (mut at, mut sent, mut messages) = ([0; PROCESSES as usize], Vec::new(), Messages::new());
    for event in run {
        let place = (event.process.0, at[event.process.index()]);
        match event.kind {
            Kind::Snap { .. } => at[event.process.index()] += 1,
            Kind::Send { channel, m, .. } => sent.push((channel, m, place)),
            Kind::Apply { channel, m } => {
                let (.., from) = sent.iter().find(|(c, n, _)| (*c, *n) == (channel, m)).unwrap();
                messages.push((*from, place));
            }
            _ => {}
        }
    }
    (messages, at)
}

/// All ways to choose one of 0..=most for each process.
fn choices(most: &[u32]) -> Vec<Vec<u32>> {
    most.iter().fold(vec![Vec::new()], |all, most| {
        let longer = |one: &Vec<u32>| (0..=*most).map(|n| [&one[..], &[n]].concat()).collect::<Vec<_>>();
        all.iter().flat_map(longer).collect()
    })
}

/// Netzer and Xu's theorem: what is on a zigzag cycle is in no consistent cut, and everything else is in one. A cut takes
/// of everybody a checkpoint, its beginning or its end.
#[test]
fn useless_is_what_no_consistent_cut_has() {
    let mut all = 0;
    for seed in 0..400 {
        let run = made_up(seed);
        let (messages, at) = pattern(&run);
        let before = |cut: &[u32], (process, interval): (u32, u32)| interval < cut[process as usize];
        let consistent = |cut: &Vec<u32>| messages.iter().all(|(from, to)| before(cut, *from) || !before(cut, *to));
        let cuts: Vec<Vec<u32>> = choices(&at.map(|n| n + 1)).into_iter().filter(consistent).collect();
        let in_none = |process: usize, n: u32| !cuts.iter().any(|cut| cut[process] == n);
        let expected: usize = (0..PROCESSES as usize).map(|p| (1..=at[p]).filter(|n| in_none(p, *n)).count()).sum();
        let mut zigzag = Zigzag::default();
        run.iter().for_each(|event| zigzag.observe(event));
        assert_eq!(zigzag.useless(), expected as u64, "seed {seed}");
        all += expected;
    }
    assert!(all > 20, "{all} are useless in all runs together");
}

fn history(run: &[Event]) -> History {
    let mut history = History::default();
    run.iter().for_each(|event| history.observe(event));
    history
}

fn receiver(channel: ChannelId) -> TaskId {
    TaskId(channel.0 % PROCESSES)
}

/// The line is the newest without orphans, and without logs without losses: no other one has anybody further on.
#[test]
fn the_recovery_line_is_the_newest_that_is_right() {
    for seed in 0..300 {
        let mut run = made_up(seed);
        // What is under way at the end is lost to whoever goes back; here everything arrives before.
        let (history_of, failed) = (history, TaskId(seed as u32 % PROCESSES));
        let arrived: Vec<(ChannelId, u64)> = run
            .iter()
            .filter_map(|event| match event.kind {
                Kind::Apply { channel, m } => Some((channel, m)),
                _ => None,
            })
            .collect();
        run.retain(|event| match event.kind {
            Kind::Send { channel, m, .. } => arrived.contains(&(channel, m)),
            _ => true,
        });
        let (_, at) = pattern(&run);
        let history = history_of(&run);
        for logs in [Logs::None, Logs::Channels] {
            let line = history.line(&[failed], logs, receiver);
            let right = |line: &Line| match history.flaws(line) {
                (0, lost) => lost == 0 || logs == Logs::Channels,
                _ => false,
            };
            assert!(right(&line), "seed {seed}: {line:?}");
            let most: Vec<u32> = (0..PROCESSES).map(|p| at[p as usize] + u32::from(TaskId(p) != failed)).collect();
            let whole = |cut: &Vec<u32>| -> Line {
                let back = |p: &u32| cut[*p as usize] <= at[*p as usize];
                (0..PROCESSES).filter(back).map(|p| (TaskId(p), cut[p as usize])).collect()
            };
            for other in choices(&most).iter().map(whole).filter(right) {
                let newer = line.iter().find(|(task, first)| other.get(task).is_none_or(|other| other > first));
                assert_eq!(newer, None, "seed {seed}, {logs:?}: {other:?} is right, too");
            }
        }
    }
}

/// A line for channels that can be played again, taken where they can't: what was under way across it is lost.
#[test]
fn a_line_that_ignores_what_is_in_transit_is_told_from_a_right_one() {
    let run = lines("send 0 1 0, snap 0, snap 1, take 1 1 0");
    let history = history(&run);
    let ignoring = history.line(&[TaskId(1)], Logs::Channels, receiver);
    assert_eq!((ignoring.clone(), history.flaws(&ignoring)), (Line::from([(TaskId(1), 1)]), (0, 1)));
    let right = history.line(&[TaskId(1)], Logs::None, receiver);
    assert_eq!((right.clone(), history.flaws(&right)), (Line::from([(TaskId(0), 0), (TaskId(1), 1)]), (0, 0)));
}

/// Randell's picture: two processes answer one another, and each takes its checkpoint between a question and the answer.
/// One failure throws them back to the beginning, past all checkpoints.
#[test]
fn the_domino_effect() {
    let mut words = Vec::new();
    for round in 0..5 {
        words.extend([format!("send 0 1 {round}"), "snap 0".into(), format!("take 1 1 {round}")]);
        words.extend([format!("send 1 3 {round}"), "snap 1".into(), format!("take 0 3 {round}")]);
    }
    let (run, everybody) = (words.join(","), Line::from([(TaskId(0), 0), (TaskId(1), 0)]));
    let history = history(&lines(&run));
    assert_eq!(history.line(&[TaskId(0)], Logs::None, receiver), everybody);
    assert_eq!((history.discarded(&everybody), history.at_the_beginning(&everybody)), (10, 2));
    // Played again, what was taken is no loss; and nobody has taken what is undone.
    assert_eq!(history.line(&[TaskId(0)], Logs::Channels, receiver), Line::from([(TaskId(0), 5)]));
    assert_eq!(useless(&run), 0, "each is in a consistent cut; it is losses that push them back");
}

#[test]
fn forced_checkpoints_leave_none_useless_and_forgotten_ones_do() {
    let [mut forced, mut carried] = [[0u64; 5], [0u64; 5]];
    let mut none = [0u64; 5];
    let rules = [Rule::Never, Rule::Index, Rule::Vectors, Rule::IndexIgnored, Rule::VectorsByHalf];
    for seed in 0..8 {
        let (topology, run) = bank("chandy-lamport", seed);
        let trace = run.trace.expect("it was kept");
        for (i, rule) in rules.into_iter().enumerate() {
            let induced = induce(&topology, &trace, rule, Nanos::from_ms(4));
            let mut zigzag = Zigzag::default();
            induced.trace.iter().for_each(|event| zigzag.observe(event));
            none[i] += zigzag.useless();
            (forced[i], carried[i]) = (forced[i] + induced.forced, carried[i] + induced.carried);
        }
    }
    assert!(none[0] > 0 && none[3] > 0 && none[4] > 0, "{none:?}");
    assert_eq!([none[1], none[2]], [0, 0]);
    assert!(forced[0] == 0 && 0 < forced[2] && forced[2] < forced[1], "vectors force less: {forced:?}");
    assert!(carried[0] == 0 && carried[1] < carried[2], "and carry more: {carried:?}");
}

#[test]
fn the_table_shows_what_it_is_to_be_alone() {
    let loaded = scenario("compare/circle");
    let ways: Vec<_> = ["uncoordinated", "bcs", "hmnr"].map(|name| find(name).unwrap()).into();
    let columns = compare(&loaded, &seeds(&loaded, 4), &ways, Weather::Faults).unwrap();
    assert!(columns.iter().all(|column| column.broken.is_empty()), "{columns:?}");
    let [alone, index, vectors] = ["uncoordinated", "bcs", "hmnr"].map(|way| of(&columns, way));
    assert!(alone.useless > 0 && index.useless == 0 && vectors.useless == 0);
    assert!(alone.failures > 0 && alone.beginnings[0] > alone.beginnings[1]);
    assert!(alone.undone[0] > index.undone[1] && alone.undone[1] > index.undone[1]);
    assert!(index.since < index.undone[1]);
    assert!(index.lines > 4 * alone.lines && vectors.lines > 4 * alone.lines, "lines hardly come about by themselves");
}
