//! Mutated traces: the reader and the verifiers take any bytes without a panic. A short form for every test run; for
//! long ones `CUTLINE_FUZZ=10000000 cargo test --release --test trace_fuzz`.

mod support;

use cutline::dice::Dice;
use cutline::sim::run::{Keep, meta};
use cutline::trace::json;
use cutline::verify::Verifier;
use support::Job;

/// Short traces of several kinds of job, as files.
fn traces() -> Vec<Vec<u8>> {
    let scenarios = ["diamond", "unaligned", "choices", "transaction_timeout", "print_sink", "join", "bounded_job"];
    let trace = |scenario: &&str| {
        let job = Job::of(scenario, "engine");
        let (setup, _) = job.plan(2);
        let run = job.run_keeping(2, Keep { trace: true, ..Keep::default() }).run;
        let mut writer = json::Writer::new(Vec::new(), &meta(&setup, Some(2))).expect("memory takes it");
        // The beginning is enough: what breaks a reader breaks it anywhere.
        run.trace
            .expect("it was kept")
            .iter()
            .take(120)
            .for_each(|event| writer.event(event).expect("memory takes it"));
        writer.finish().expect("memory takes it")
    };
    scenarios.iter().map(trace).collect()
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.below(bytes.len() as u64) as usize;
    match dice.below(7) {
        0 => bytes[at] = dice.below(256) as u8,
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, b"0123456789\"{}[],:-e"[dice.below(19) as usize]),
        3 => {
            // A digit becomes another: ids, counts and attempts that don't fit.
            if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                bytes[at + digit] = b'0' + dice.below(10) as u8;
            }
        }
        4 => bytes.truncate(at),
        5 => {
            // Two lines change places, or one is said twice.
            let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let (a, b) = (dice.below(lines.len() as u64) as usize, dice.below(lines.len() as u64) as usize);
            if dice.chance(1, 2) {
                lines.swap(a, b)
            } else {
                lines[a] = lines[b].clone()
            }
            *bytes = lines.join(&b'\n');
        }
        _ => {
            let length = dice.below(40) as usize;
            let end = (at + length).min(bytes.len());
            bytes.drain(at..end);
        }
    }
}

/// One mutated trace, read and judged as far as it goes. True if it was read to the end.
fn one_try(traces: &[Vec<u8>], n: u64) -> bool {
    let mut dice = Dice::new(n, 98);
    let mut bytes = dice.pick(traces).expect("there are traces").clone();
    for _ in 0..=dice.below(3) {
        mutate(&mut bytes, &mut dice);
    }
    let Ok(mut read) = json::read(bytes.as_slice()) else { return false };
    let mut verifier = Verifier::new(&read.meta);
    for event in read.by_ref() {
        match event {
            Ok(event) => drop(verifier.observe(&event)),
            Err(error) => {
                assert!(error.line > 0 && error.column > 0, "an error has a place");
                return false;
            }
        }
    }
    verifier.finish();
    true
}

#[test]
fn mutated_traces_never_panic() {
    let tries: u64 = std::env::var("CUTLINE_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(3_000);
    let traces = traces();
    let accepted = (0..tries).filter(|n| one_try(&traces, *n)).count();
    println!("{tries} mutated traces, {accepted} read to the end, no panic");
    assert!(accepted > 0 && (accepted as u64) < tries, "both ways are taken");
}
