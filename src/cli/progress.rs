//! How far it is, for whoever watches stderr.

use super::args;
use super::output::say;
use super::sweep::Sweep;
use crate::report::{self, grouped};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// The first line comes after this time, where there is no bar.
const FIRST: Duration = Duration::from_secs(10);
/// The others follow at this distance.
const EVERY: Duration = Duration::from_secs(30);

enum Shown {
    Bar(ProgressBar),
    Lines { next: Duration },
    Nothing,
}

/// Shows progress.
pub struct Progress {
    began: Instant,
    planned: Option<u64>,
    budget: Option<Duration>,
    shown: Shown,
}

impl Progress {
    /// Shows what is wanted, where it can be shown.
    pub fn new(wanted: args::Progress, planned: Option<u64>, budget: Option<Duration>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let shown = match wanted {
            args::Progress::None => Shown::Nothing,
            args::Progress::Bar | args::Progress::Auto if terminal && !dumb => {
                let target = ProgressDrawTarget::stderr_with_hz(10);
                let bar = ProgressBar::with_draw_target(planned, target);
                // Without a template of ours the bar would colour itself, whatever --color says.
                let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
                Shown::Bar(bar.with_style(style))
            }
            _ => Shown::Lines { next: FIRST },
        };
        Progress { began: Instant::now(), planned, budget, shown }
    }

    /// Has a look.
    pub fn look(&mut self, sweep: &Sweep, asked: bool) {
        let news = sweep.news();
        let elapsed = self.began.elapsed();
        let line = self.line(sweep, elapsed);
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_message(line.clone());
                bar.tick();
                news.iter().for_each(|news| bar.suspend(|| say(&format!("FAIL {news}\n"))));
            }
            Shown::Lines { next } => {
                news.iter().for_each(|news| say(&format!("FAIL {news}\n")));
                if elapsed >= *next {
                    *next = elapsed + EVERY;
                    say(&format!("{line}\n"));
                }
            }
            Shown::Nothing => {}
        }
        if asked {
            self.aside(|| say(&format!("{line}\n")));
        }
    }

    /// Does something while the bar is away.
    pub fn aside<T>(&self, what: impl FnOnce() -> T) -> T {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(what),
            _ => what(),
        }
    }

    /// Nothing is shown any more.
    pub fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    fn line(&self, sweep: &Sweep, elapsed: Duration) -> String {
        let done = sweep.done();
        let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
        let of = self.planned.map_or_else(String::new, |planned| format!("/{}", grouped(planned)));
        let left = self.planned.map(|planned| planned.saturating_sub(done) as f64 / rate.max(0.001));
        let end = left.map(|left| elapsed.as_secs_f64() + left).into_iter();
        let end = end.chain(self.budget.map(|budget| budget.as_secs_f64())).fold(f64::INFINITY, f64::min);
        let mut line = format!("{}{of} seeds  {}/s  ", grouped(done), grouped(rate as u64));
        line += &format!("{} failing  {}", grouped(sweep.failed()), clock(elapsed.as_secs()));
        if end.is_finite() && done > 0 {
            line += &format!("<{}", clock(end as u64));
        }
        if let Some(slowest) = sweep.slowest() {
            let seed = report::seed(slowest.seed);
            // The time first: the line may be cut off where a terminal ends.
            line += &format!("  slowest: {:.1}s {} {seed}", slowest.took.as_secs_f64(), slowest.scenario);
        }
        line
    }
}

fn clock(seconds: u64) -> String {
    match seconds / 3600 {
        0 => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}
