//! How far a search is, and whether it is to go on.

use super::args;
use super::output::say;
use super::signals::Signals;
use crate::explore::search::Progress;
use crate::report::grouped;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// The first line comes after this time, where there is no bar; the others follow at the second distance.
const LINES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));

/// Watches searches, one after another.
pub struct Watching {
    wanted: args::Progress,
    budget: Option<Duration>,
    signals: Signals,
    name: String,
    began: Instant,
    next: Duration,
    bar: Option<ProgressBar>,
}

impl Watching {
    /// Every search may take so long.
    pub fn new(wanted: args::Progress, budget: Option<Duration>, signals: Signals) -> Self {
        Watching { wanted, budget, signals, name: String::new(), began: Instant::now(), next: LINES.0, bar: None }
    }

    /// A search begins.
    pub fn begin(&mut self, name: &str) {
        self.name = name.to_string();
        self.began = Instant::now();
        self.next = LINES.0;
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let shows = matches!(self.wanted, args::Progress::Auto | args::Progress::Bar);
        if shows && std::io::stderr().is_terminal() && !dumb {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar = Some(bar.with_style(style));
        }
    }

    /// Is it to go on?
    pub fn look(&mut self, progress: &Progress) -> bool {
        let elapsed = self.began.elapsed();
        if let Some(bar) = &self.bar {
            bar.set_message(self.line(progress, elapsed));
            bar.tick();
        } else if elapsed >= self.next && self.wanted != args::Progress::None {
            self.next = elapsed + LINES.1;
            say(&format!("{}\n", self.line(progress, elapsed)));
        }
        if self.signals.asked() {
            say(&format!("{}\n", self.line(progress, elapsed)));
        }
        self.signals.end().is_none() && self.budget.is_none_or(|budget| elapsed < budget)
    }

    /// The search is over.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, progress: &Progress, elapsed: Duration) -> String {
        let rate = progress.states as f64 / elapsed.as_secs_f64().max(0.001);
        format!(
            "{}  {} distinct  {} generated  {} queued  depth {}  {} states/s  {} MiB  {:02}:{:02}",
            self.name,
            grouped(progress.states),
            grouped(progress.transitions),
            grouped(progress.queue as u64),
            progress.depth,
            grouped(rate as u64),
            progress.bytes >> 20,
            elapsed.as_secs() / 60,
            elapsed.as_secs() % 60,
        )
    }
}
