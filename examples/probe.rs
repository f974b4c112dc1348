use cutline::scenario::*;
use cutline::sim::run::*;
use std::sync::Arc;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let loaded = load(std::path::Path::new(&args[1])).unwrap_or_else(|d| panic!("{}", d[0].render(false)));
    let (a, b): (u64, u64) = (args[2].parse().unwrap(), args[3].parse().unwrap());
    let (mut ev, mut del) = (0, 0);
    let t = std::time::Instant::now();
    let mut bad = 0;
    for seed in a..b {
        let closed = draw(&loaded.scenario, seed);
        let built = build(&closed, &loaded, &|n| {
            let _ = n;
            cutline::protocols::find(&std::env::var("P").unwrap_or("engine".into()))
        })
        .unwrap();
        let (setup, plan) = (Arc::new(built.setup), Arc::new(built.sim));
        let verbose = b - a == 1;
        let run = run(&setup, &plan, seed, Keep { trace: verbose, ..Keep::default() });
        ev += run.events;
        del += run.delivered;
        if verbose {
            for e in run.trace.as_ref().unwrap() {
                if !args.get(4).is_some()
                    && matches!(
                        e.kind,
                        cutline::trace::event::Kind::Send { .. }
                            | cutline::trace::event::Kind::Apply { .. }
                            | cutline::trace::event::Kind::Read { .. }
                    )
                {
                    continue;
                }
                println!("{:>9} {:<14} a{} {:?}", e.time.0 / 1000, setup.topology.name(e.process), e.attempt.0, e.kind);
            }
        }
        let violated: Vec<String> = run
            .report
            .iter()
            .flat_map(|r| r.verdicts.iter())
            .filter(|(_, v)| !matches!(v, cutline::verify::Verdict::Holds))
            .map(|(i, v)| format!("{i:?} {v:?}").chars().take(600).collect())
            .collect();
        if verbose || run.panic.is_some() || violated.iter().any(|v| v.contains("Violated")) || run.ended != Some(true)
        {
            bad += 1;
            if bad < 6 {
                println!(
                    "seed {seed} ended {:?} t {}ms ev {} panic {:?} {:#?} {:?}",
                    run.ended,
                    run.time.0 / 1000000,
                    run.events,
                    run.panic,
                    violated,
                    run.coverage.words().collect::<Vec<_>>()
                );
            }
        }
    }
    let s = t.elapsed().as_secs_f64();
    println!(
        "{} seeds bad {bad} events {ev} delivered {del} {:.2}s  {:.1}us/seed {:.2}M ev/s",
        b - a,
        s,
        s * 1e6 / (b - a) as f64,
        ev as f64 / s / 1e6
    );
}
