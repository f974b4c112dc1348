//! How one thread wakes another one, and where letters for a life are left.

use crate::engine::message::{Control, Reply, Wish};
use crate::ids::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

/// A panic is a crash of the life whose thread it was; what it left under a lock is whole, for nothing in this room is
/// changed in pieces while it is locked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes one thread. Ringing a bell that nobody sleeps at costs no system call.
#[derive(Debug, Default)]
pub struct Bell {
    rung: AtomicBool,
    asleep: AtomicBool,
    owner: OnceLock<Thread>,
}

impl Bell {
    /// The calling thread is the one that is woken.
    pub fn own(&self) {
        let _ = self.owner.set(thread::current()); // a life has one thread
    }

    /// Wakes the owner, now or as soon as it wants to sleep.
    #[inline]
    pub fn ring(&self) {
        if !self.rung.swap(true, SeqCst)
            && self.asleep.load(SeqCst)
            && let Some(owner) = self.owner.get()
        {
            owner.unpark();
        }
    }

    /// Sleeps until the bell rings, but not for longer than `most`. Only the owner may call it.
    pub fn sleep(&self, most: Duration) {
        self.asleep.store(true, SeqCst);
        if !self.rung.load(SeqCst) {
            thread::park_timeout(most);
        }
        self.asleep.store(false, SeqCst);
        self.rung.store(false, SeqCst);
    }
}

/// Something that a life is to hear of.
#[derive(Debug)]
pub enum Letter {
    /// A control message.
    Told(Incarnation, Control),
    /// What came of the n-th request of this life.
    Answer(u32, Reply),
    /// Coordinators: this life is dead, or seems to be.
    Lost(Incarnation),
    /// Coordinators: an operator wants something.
    Asked(Wish),
}

/// Where letters for one life are left, and what it shows of itself to others.
#[derive(Debug, Default)]
pub struct Mailbox {
    letters: Mutex<VecDeque<Letter>>,
    some: AtomicBool,
    /// Wakes the life.
    pub bell: std::sync::Arc<Bell>,
    beat: AtomicU64,
    /// Was it declared dead for its silence?
    pub suspected: AtomicBool,
}

impl Mailbox {
    /// A mailbox whose owner is woken by this bell.
    pub fn new(bell: std::sync::Arc<Bell>) -> Self {
        Mailbox { bell, ..Mailbox::default() }
    }

    /// Leaves a letter. Letters of one sender arrive in order.
    pub fn post(&self, letter: Letter) {
        lock(&self.letters).push_back(letter);
        self.some.store(true, SeqCst);
        self.bell.ring();
    }

    /// Takes all letters, behind those that are in `into`.
    #[inline]
    pub fn collect(&self, into: &mut VecDeque<Letter>) {
        if self.some.load(Acquire) {
            let mut letters = lock(&self.letters);
            self.some.store(false, SeqCst);
            into.append(&mut letters);
        }
    }

    /// The life goes round once more.
    #[inline]
    pub fn beat(&self) {
        self.beat.store(self.beat.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// How often it went round.
    pub fn beats(&self) -> u64 {
        self.beat.load(Relaxed)
    }
}
