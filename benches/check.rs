//! The search, measured on the anchor: `cargo bench --bench check -- S R M K [F] [jobs]`.

use cutline::explore::anchor::setup;
use cutline::explore::rules::*;
use cutline::explore::search::{Options, search};
use cutline::protocols::anchor::Instance;

fn main() {
    let words: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let word = |i: usize, or: u64| words.get(i).copied().unwrap_or(or);
    let instance = Instance::new(word(0, 2) as u32, word(1, 2), word(2, 2) as u32, word(3, 1));
    let setup = setup(&instance).expect("an instance of a size that there is");
    let budget = Budget::default().with(Scarce::Crash, word(4, 0) as u8);
    let rules = Rules { budget, timers: Timers::Free, ..Rules::default() };
    if std::env::var("LEARN").is_ok() {
        let roles = cutline::explore::classes::Roles::new(&setup.topology, "anchor", "aligned");
        let lesson = cutline::explore::learn::learn(&setup, &roles, &Rules { timers: Timers::Free, ..Rules::default() }, 3_000_000);
        println!("{}", lesson.learned.print());
        println!("{} states {} pairs {:?} {}", lesson.states, lesson.pairs, lesson.broken, lesson.exhausted);
        std::fs::write("/tmp/learned.txt", lesson.learned.print()).unwrap();
        return;
    }
    let reduce = std::env::var("REDUCE").ok().map(|_| {
        let learned = cutline::explore::commutation::Learned::parse(&std::fs::read_to_string("/tmp/learned.txt").unwrap()).unwrap();
        std::sync::Arc::new(cutline::explore::reduce::Reducer::new(&setup.topology, "anchor", "aligned", &learned, word(4, 0) > 0))
    });
    let dominance = std::env::var("NODOM").is_err();
    let options = Options { reduce, dominance, jobs: word(5, 1) as usize, ..Options::new(rules) };
    let start = std::time::Instant::now();
    let found = search(&setup, options, None, &mut |_| true);
    let seconds = start.elapsed().as_secs_f64();
    println!("{} states, {} transitions, depth {}, {seconds:.2} s, {:.2} M states/s", found.states, found.transitions, found.depth, found.states as f64 / seconds / 1e6);
    println!("misses {} whole {} audits {} parts {} bytes/state {:.1}", found.misses, found.whole, found.audits, found.parts, found.bytes as f64 / found.states as f64);
    println!("{:x?}", found.quiescent);
    println!("ends {} cuts {} waves {:?} {:?} {:?}", found.quiescent.len(), found.completed.len(), found.waves.iter().map(|w| w.1).collect::<Vec<_>>(), found.violations, found.cut);
}
