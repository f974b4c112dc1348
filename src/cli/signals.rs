//! SIGINT and SIGTERM ask for an end; SIGUSR1 asks how it goes; SIGUSR2 asks for a savepoint, where there is such a thing.

use super::exit::Why;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What signals have come.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    ended_by: Arc<AtomicUsize>,
    asked: Arc<AtomicBool>,
    saves: Arc<AtomicBool>,
    ending: Arc<AtomicBool>,
}

impl Signals {
    /// From here on signals are noted. The second one that asks for an end, of either kind, gets it at once: files are
    /// renamed into place, so that there is nothing to clean up.
    pub fn listen() -> std::io::Result<Self> {
        let signals = Signals::default();
        let seen = Arc::new(AtomicBool::new(false));
        for (signal, why) in [(SIGINT, Why::Interrupted), (SIGTERM, Why::Terminated)] {
            flag::register_conditional_shutdown(signal, i32::from(why.code()), seen.clone())?;
            flag::register(signal, seen.clone())?;
            flag::register(signal, signals.ending.clone())?;
            flag::register_usize(signal, signals.ended_by.clone(), usize::from(why.code()))?;
        }
        flag::register(SIGUSR1, signals.asked.clone())?;
        Ok(signals)
    }

    /// Why it must end, if it must, and the signal's name.
    pub fn end(&self) -> Option<(Why, &'static str)> {
        match self.ended_by.load(Ordering::Relaxed) {
            0 => None,
            143 => Some((Why::Terminated, "SIGTERM")),
            _ => Some((Why::Interrupted, "SIGINT")),
        }
    }

    /// Is set as soon as it must end.
    pub fn flag(&self) -> &AtomicBool {
        &self.ending
    }

    /// From here on SIGUSR2 is noted; it ends whoever doesn't call this.
    pub fn listen_for_savepoints(&self) -> std::io::Result<()> {
        flag::register(SIGUSR2, self.saves.clone()).map(drop)
    }

    /// Has somebody asked for a savepoint, since this was last looked at?
    pub fn saves(&self) -> bool {
        self.saves.swap(false, Ordering::Relaxed)
    }

    /// Has somebody asked how it goes, since this was last looked at?
    pub fn asked(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }
}
