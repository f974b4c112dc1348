//! Work on parts of a layer at once. The only place of the room that knows threads.

/// Does something for every part of `from..to`, each in a thread of its own; what came of it, in the order of the parts.
///
/// # Panics
/// If one of them does, or if a thread can't be started.
pub fn in_parts<T: Send>(from: usize, to: usize, jobs: usize, work: impl Fn(usize, usize) -> T + Sync) -> Vec<T> {
    if jobs < 2 {
        return vec![work(from, to)];
    }
    let part = (to - from).div_ceil(jobs);
    std::thread::scope(|scope| {
        let start = |job: usize| {
            let (a, b) = ((from + job * part).min(to), (from + (job + 1) * part).min(to));
            // Threads are called what their parent is called: whoever silences its panics silences theirs.
            let name = std::thread::current().name().unwrap_or("search").to_string();
            let work = &work;
            let thread = std::thread::Builder::new().name(name);
            thread.spawn_scoped(scope, move || work(a, b)).expect("threads can be started")
        };
        let threads: Vec<_> = (0..jobs).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("a search thread doesn't panic")).collect()
    })
}
