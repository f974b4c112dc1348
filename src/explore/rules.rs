//! What a search lets happen: when timers may fire, what may go wrong and how often, how a crash is recovered from.

use crate::ids::Incarnation;
use crate::world::choice::{AskId, Choice, Fault};

/// What may happen only so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scarce {
    /// A periodic trigger that comes while something else could happen.
    Trigger,
    /// A process dies; with atomic recovery: everything does.
    Crash,
    /// Another coordinator starts while one lives.
    Failover,
    /// A coordinator believes that a living subtask has died.
    Suspicion,
    /// A request takes effect and its reply is lost.
    LostReply,
    /// A request fails without effect.
    FailedRequest,
    /// A control message is lost.
    LostControl,
    /// An operator wants the job to stop with a savepoint.
    Stop,
    /// A ledger gives a transaction up.
    Expiry,
    /// A choice that isn't the first one on the menu.
    Delay,
}

/// How many kinds of scarce things there are.
pub const SCARCE: usize = 10;

/// How much of everything scarce: by [`Scarce`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Budget(pub [u8; SCARCE]);

impl Budget {
    /// How much of one kind.
    pub fn of(&self, kind: Scarce) -> u8 {
        self.0[kind as usize]
    }

    /// With so much of one kind.
    pub fn with(mut self, kind: Scarce, much: u8) -> Self {
        self.0[kind as usize] = much;
        self
    }

    /// One more of a kind.
    pub fn plus(mut self, kind: Scarce) -> Self {
        self.0[kind as usize] += 1;
        self
    }

    /// At most as much in every kind?
    pub fn within(&self, other: &Budget) -> bool {
        self.0.iter().zip(other.0).all(|(mine, theirs)| *mine <= theirs)
    }

    /// Faults in it: everything but triggers and delays.
    pub fn faults(&self) -> u32 {
        let all: u32 = self.0.iter().map(|n| *n as u32).sum();
        all - self.of(Scarce::Trigger) as u32 - self.of(Scarce::Delay) as u32
    }

    /// Everything in it.
    pub fn sum(&self) -> u32 {
        self.0.iter().map(|n| *n as u32).sum()
    }
}

/// When timers fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timers {
    /// Only where nothing else can happen, but for the periodic trigger, which has a budget.
    #[default]
    Patient,
    /// At any time.
    Free,
}

/// What a crash is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// One choice: everything that isn't durable is gone, and the job runs again from its newest checkpoint. An
    /// abstraction: nothing of the old attempt is under way any more, and attempts are numbered anew.
    #[default]
    Atomic,
    /// One process dies; detection, restart and restore are choices like any other, and zombies live on.
    Stepwise,
}

/// When the store and the ledgers do what they are asked, and their replies arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Services {
    /// At any time: requests and replies travel.
    #[default]
    Travel,
    /// Before anything else happens. An abstraction: nothing comes between a request and its reply.
    AtOnce,
}

/// The rules of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What may happen only so often.
    pub budget: Budget,
    /// When timers fire.
    pub timers: Timers,
    /// What a crash is.
    pub recovery: Recovery,
    /// When requests are done and answered.
    pub services: Services,
    /// No checkpoint at all: the periodic trigger never fires.
    pub untriggered: bool,
    /// Choices that aren't the first on the menu have a budget too.
    pub delay_bounded: bool,
}

impl Rules {
    /// May moves be left out? Only where no process dies, is replaced or is disturbed alone: everything that a
    /// reduction rests on is about one life of each process. And only where no move has to wait for another's end.
    pub fn reducible(&self) -> bool {
        let crashes = self.budget.of(Scarce::Crash) as u32;
        let free = self.services == Services::Travel;
        free && self.recovery == Recovery::Atomic && self.budget.faults() == crashes && !self.delay_bounded
    }
}

/// What leads from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Move {
    /// A choice of the world's menu.
    Choice(Choice),
    /// Everything dies and is restored: many choices of the world's menu, in a fixed order.
    PowerFailure,
}

/// A move that a state offers.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// What would happen.
    pub what: Move,
    /// The column it comes from: the queue, the requests, the process.
    pub col: usize,
    /// Which of the moves that come from there.
    pub variant: u32,
    /// What it costs.
    pub cost: Option<Scarce>,
}

impl Offer {
    /// The request that it is about.
    pub fn ask(&self) -> Option<AskId> {
        match self.what {
            Move::Choice(
                Choice::Apply(ask)
                | Choice::Answer(ask)
                | Choice::Fault(Fault::FailRequest(ask) | Fault::LoseReply(ask)),
            ) => Some(ask),
            _ => None,
        }
    }

    /// Is it a timer of this life?
    pub fn fires(&self) -> Option<Incarnation> {
        match self.what {
            Move::Choice(Choice::Fire(who, _)) => Some(who),
            _ => None,
        }
    }
}
