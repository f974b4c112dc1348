//! What a state offers: the world's menu, read off a row without making the world. `tests/check.rs` holds it against
//! [`World::menu`](crate::world::World::menu) state by state.

use super::rules::*;
use super::space::*;
use crate::engine::message::{Timer, Wish};
use crate::ids::*;
use crate::world::choice::{AskId, Choice, Fault};
use crate::world::menu::OUTCOMES;
use crate::world::parts::{Part, Slot};

/// Variants of one column: reads from 0, choices, timers.
const CHOOSE: u32 = 1024;
const FIRE: u32 = 1536;
/// The most variants that a column has.
pub const VARIANTS: u32 = 4096;

impl Space {
    /// Lists what can happen next under these rules, with what is left to spend.
    pub fn offers(&self, row: &[u32], rules: &Rules, left: &Budget, offers: &mut Vec<Offer>) {
        offers.clear();
        let ended = self.ended(row);
        self.plain(row, offers);
        if rules.services == Services::AtOnce
            && let Some(first) = offers.iter().copied().find(serves)
        {
            return self.only(first, row, rules, left, offers);
        }
        let quiet = offers.is_empty();
        if !ended {
            self.timers(row, rules, left, quiet, offers);
            self.faults(row, rules, left, offers);
        }
        if rules.delay_bounded {
            delay(left, offers);
        }
    }

    /// A request is done or answered, or goes wrong; everything else waits.
    fn only(&self, first: Offer, row: &[u32], rules: &Rules, left: &Budget, offers: &mut Vec<Offer>) {
        offers.clear();
        if !self.ended(row) {
            self.faults(row, rules, left, offers);
            offers.retain(|offer| offer.ask() == first.ask());
        }
        offers.push(first);
    }

    /// Has the job ended?
    pub fn ended(&self, row: &[u32]) -> bool {
        let roster = self.at(row, 0);
        matches!(self.facts(roster), Facts::Roster(facts) if facts.ended)
    }

    fn plain(&self, row: &[u32], offers: &mut Vec<Offer>) {
        for (col, id) in row[HEAD..].iter().enumerate().filter(|(_, id)| **id != 0) {
            let mut offer = |choice, variant| {
                offers.push(Offer { what: Move::Choice(choice), col, variant, cost: None });
            };
            match (self.slots()[col], self.facts(*id)) {
                (Slot::Channel(job, channel), Facts::Queue(queue)) => {
                    self.channel(row, col, job, channel, queue, offer)
                }
                (Slot::Control(from, to), Facts::Queue(queue)) => {
                    let listens = self.listens(self.at(row, self.wire(col).actor), queue);
                    if listens {
                        offer(Choice::Tell(from, to), 0);
                    }
                }
                (Slot::Asks(asker), Facts::Asks(asks)) => {
                    let actor = self.at(row, self.wire(col).actor);
                    let listens = matches!(self.facts(actor), Facts::Life(life) if !life.choosing);
                    for AskFacts { serial, doable, answered, .. } in asks {
                        let ask = AskId { asker, serial: *serial };
                        if *doable {
                            offer(Choice::Apply(ask), serial * 4);
                        }
                        if *answered && listens {
                            offer(Choice::Answer(ask), serial * 4 + 1);
                        }
                    }
                }
                (Slot::Life(who), Facts::Life(life)) => self.reads(row, col, who, life, offer),
                (Slot::Roster, Facts::Roster(roster)) => {
                    for (i, (by, lost)) in roster.deaths.iter().enumerate() {
                        offer(Choice::Detect(*by, *lost), 1 + i as u32);
                    }
                    if roster.headless && !roster.ended {
                        offer(Choice::Revive, 0);
                    }
                }
                _ => {}
            }
        }
    }

    /// Does this process, if it lives, take the head of a control queue now?
    fn listens(&self, actor: Id, queue: &QueueFacts) -> bool {
        let Some(life) = self.life(actor) else { return true };
        let deaf = |part: &Part| match part {
            Part::Control(one) => one.iter().any(|control| life.process.deaf(control)),
            _ => false,
        };
        !life.choosing && !deaf(self.item(queue.head))
    }

    fn channel(
        &self,
        row: &[u32],
        col: Col,
        job: Attempt,
        channel: ChannelId,
        queue: &QueueFacts,
        mut offer: impl FnMut(Choice, u32),
    ) {
        let actor = self.wire(col).actor;
        let id = self.at(row, actor);
        let Facts::Life(life) = self.facts(id) else { return };
        let table = self.setup().topology.channels[channel.index()];
        if life.choosing || life.blocked.contains(table.input) {
            return;
        }
        if !self.full(row, actor) {
            offer(Choice::Deliver(job, channel), 0);
            if let Some(Part::Channel(queue)) = self.part(self.at(row, col)).filter(|_| !table.fifo) {
                let places = (1..queue.len()).filter(|at| queue.can_jump(*at)).map(|at| at as u32);
                places.for_each(|at| offer(Choice::Jump(job, channel, at), 1 + at));
            }
        }
        if let Some(barrier) = queue.jumper
            && (barrier.overtakes || self.life(id).is_some_and(|life| life.process.hastens(barrier.id)))
        {
            offer(Choice::Overtake(job, channel), 1);
        }
    }

    /// Has an output of this process no room?
    pub fn full(&self, row: &[u32], actor: Col) -> bool {
        let full = |(col, capacity): &(Col, u32)| match self.facts(self.at(row, *col)) {
            Facts::Queue(queue) => queue.len >= *capacity,
            _ => false,
        };
        self.wire(actor).outputs.iter().any(full)
    }

    fn reads(&self, row: &[u32], col: Col, who: Incarnation, life: &LifeFacts, mut offer: impl FnMut(Choice, u32)) {
        if life.choosing {
            (0..OUTCOMES).for_each(|value| offer(Choice::Choose(who, value), CHOOSE + value as u32));
        } else if !life.reads.is_empty() && !self.full(row, col) {
            life.reads.iter().for_each(|slot| offer(Choice::Read(who, *slot), *slot));
        }
    }

    fn timers(&self, row: &[u32], rules: &Rules, left: &Budget, quiet: bool, offers: &mut Vec<Offer>) {
        let mut triggers = Vec::new();
        let before = offers.len();
        for (col, id) in row[HEAD..].iter().enumerate() {
            let (Slot::Life(who), Facts::Life(life)) = (self.slots()[col], self.facts(*id)) else { continue };
            if life.choosing {
                continue;
            }
            for (i, timer) in life.timers.iter().enumerate() {
                let what = Move::Choice(Choice::Fire(who, *timer));
                let offer = Offer { what, col, variant: FIRE + i as u32, cost: None };
                match timer {
                    Timer::Interval => triggers.push(offer),
                    _ if quiet || rules.timers == Timers::Free => offers.push(offer),
                    _ => {}
                }
            }
        }
        // The periodic trigger is the most patient of all: otherwise it could keep every other timer waiting for
        // ever. What it may do before its turn, it pays for.
        let turn = rules.timers == Timers::Free || (quiet && offers.len() == before);
        let cost = if turn { None } else { Some(Scarce::Trigger) };
        if !rules.untriggered && (turn || left.of(Scarce::Trigger) > 0) {
            offers.extend(triggers.into_iter().map(|offer| Offer { cost, ..offer }));
        }
    }

    fn faults(&self, row: &[u32], rules: &Rules, left: &Budget, offers: &mut Vec<Offer>) {
        if left.faults() == 0 {
            return;
        }
        if left.of(Scarce::Crash) > 0 && rules.recovery == Recovery::Atomic {
            offers.push(Offer { what: Move::PowerFailure, col: 0, variant: VARIANTS - 1, cost: Some(Scarce::Crash) });
        }
        let mut menu = Vec::new();
        for (col, id) in row[HEAD..].iter().enumerate().filter(|(_, id)| **id != 0) {
            match (self.slots()[col], self.facts(*id)) {
                (Slot::Life(who), _) if rules.recovery == Recovery::Stepwise => {
                    menu.push((Fault::Crash(who), Scarce::Crash, col, VARIANTS - 1));
                    let coordinator = self.setup().topology.coordinator();
                    if who.task == coordinator {
                        menu.push((Fault::Failover, Scarce::Failover, col, VARIANTS - 2));
                        let stop = Fault::Wish(who, Wish::StopWithSavepoint);
                        menu.push((stop, Scarce::Stop, col, VARIANTS - 3));
                    }
                    for (slot, lost) in self.slots().iter().enumerate().filter(|(c, _)| self.at(row, *c) != 0) {
                        if let (Slot::Life(lost), true) = (lost, who.task == coordinator)
                            && lost.task != coordinator
                        {
                            menu.push((Fault::Suspect(who, *lost), Scarce::Suspicion, col, VARIANTS - 4 - slot as u32));
                        }
                    }
                }
                (Slot::Control(from, to), _) => {
                    menu.push((Fault::LoseControl(from, to), Scarce::LostControl, col, VARIANTS - 1));
                }
                (Slot::Asks(asker), Facts::Asks(asks)) => {
                    for AskFacts { serial, fails, .. } in asks.iter().filter(|ask| ask.doable) {
                        let ask = AskId { asker, serial: *serial };
                        menu.push((Fault::LoseReply(ask), Scarce::LostReply, col, serial * 4 + 2));
                        if *fails {
                            menu.push((Fault::FailRequest(ask), Scarce::FailedRequest, col, serial * 4 + 3));
                        }
                    }
                }
                _ => {}
            }
        }
        let affordable = menu.into_iter().filter(|(_, kind, _, _)| left.of(*kind) > 0);
        offers.extend(affordable.map(|(fault, kind, col, variant)| Offer {
            what: Move::Choice(Choice::Fault(fault)),
            col,
            variant,
            cost: Some(kind),
        }));
        self.expiries(row, left, offers);
    }

    fn expiries(&self, row: &[u32], left: &Budget, offers: &mut Vec<Offer>) {
        if left.of(Scarce::Expiry) == 0 || self.setup().transaction_timeout.is_none() {
            return;
        }
        for (col, id) in row[HEAD..].iter().enumerate() {
            let (Slot::Ledger(vertex), Facts::Ledger(open)) = (self.slots()[col], self.facts(*id)) else { continue };
            for (i, txn) in open.iter().enumerate() {
                let what = Move::Choice(Choice::Expire(vertex, *txn));
                offers.push(Offer { what, col, variant: i as u32, cost: Some(Scarce::Expiry) });
            }
        }
    }
}

/// Is a request done, or a reply taken?
fn serves(offer: &Offer) -> bool {
    matches!(offer.what, Move::Choice(Choice::Apply(_) | Choice::Answer(_)))
}

/// Every choice but the first one of the menu delays what would have come first (Emmi, Qadeer & Rakamaric 2011).
fn delay(left: &Budget, offers: &mut Vec<Offer>) {
    offers.sort_by_key(|offer| (offer.cost.is_some(), offer.what));
    let may = left.of(Scarce::Delay) > 0;
    let mut at = 0;
    offers.retain_mut(|offer| {
        at += 1;
        if at > 1 && offer.cost.is_none() {
            offer.cost = Some(Scarce::Delay);
            return may;
        }
        true
    });
}
