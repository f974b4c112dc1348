//! What a step of a process becomes: lines of the log, and deeds.

use super::bell::{Letter, lock};
use super::book::Book;
use super::clerk::{Errand, Left};
use super::life::Life;
use super::pipe::Inlet;
use super::tally::Note;
use crate::engine::message::*;
use crate::engine::snapshot::{Part, Snapshot};
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::trace::event::{Kind, Notice};
use crate::trace::record::{self, Shadow};
use crate::world::choice::Choice;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering::*;
use std::time::{Duration, Instant};

/// So many records of an open transaction are written together.
const AHEAD: usize = 4096;

/// The book, if somebody needs it in this step.
type Open<'a> = Option<MutexGuard<'a, Book>>;

impl Life {
    /// Hands an input to the process and does what it asks for. `choice` and `before`: what the log says first. All
    /// lines of the step are written before anybody else can see what it did.
    pub(super) fn act(&mut self, choice: Option<Choice>, before: impl FnOnce(&mut Life, &mut Book), input: Input) {
        let mut outbox = std::mem::take(&mut self.outbox);
        self.process.step(input, &mut outbox);
        let settles = std::mem::take(&mut outbox.gate_changed) || self.is_leader();
        let restored = settles.then(|| self.shadow_to_restore(&outbox)).flatten();
        let marked = |effect: &Effect| matches!(effect, Effect::Mark(Mark::Restored(..)));
        let ready = settles && outbox.effects.iter().any(marked);
        let hub = self.hub.clone();
        let shared = hub.traced || settles || outbox.effects.iter().any(|effect| matches!(effect, Effect::Tell(..)));
        let mut book: Open = shared.then(|| lock(&hub.book));
        if let Some(book) = &mut book {
            if let (Some(log), Some(choice)) = (book.log(), choice) {
                log.choice(choice);
            }
            before(self, book);
        }
        for effect in outbox.effects.drain(..) {
            self.effect(effect, &mut book, &restored);
        }
        self.outbox = outbox;
        if ready {
            self.inlets.iter_mut().for_each(Inlet::open); // what was in flight has been put back
        }
        if let (true, Some(book)) = (settles, &mut book) {
            self.settle(book);
        }
    }

    fn is_leader(&self) -> bool {
        self.who.task == self.hub.topology.coordinator()
    }

    /// Writes a line of this life.
    pub(super) fn line(&mut self, book: &mut Book, kind: impl FnOnce() -> Kind) {
        let spot = self.recorder.spot(Nanos(0));
        if let Some(log) = book.log() {
            log.event(&spot.event(kind()));
        }
    }

    fn line_if(&mut self, book: &mut Open, kind: impl FnOnce() -> Kind) {
        match book {
            Some(book) => self.line(book, kind),
            None => drop(self.recorder.spot(Nanos(0))),
        }
    }

    fn effect(&mut self, effect: Effect, book: &mut Open, restored: &Option<Shadow>) {
        match effect {
            Effect::Send(channel, element) => self.send(channel, element, book),
            Effect::Refill(input, records) => self.inlets[input.index()].refill(&records),
            Effect::Tell(to, control) => self.tell(to, control, book),
            Effect::Ask(ticket, token, request) => self.ask(ticket, token, request, true, book),
            Effect::AskLedger(ticket, _, request) => self.ask(ticket, FencingToken(0), request, false, book),
            Effect::Arm(timer, after) => {
                self.timers.retain(|(armed, _)| *armed != timer);
                self.timers.push((timer, Instant::now() + Duration::from_nanos(after.0)));
            }
            Effect::Disarm(timer) => self.timers.retain(|(armed, _)| *armed != timer),
            Effect::Mark(mark) => self.mark(mark, book, restored),
        }
    }

    fn send(&mut self, channel: ChannelId, element: Element<Record>, book: &mut Open) {
        let output = self.hub.topology.channels[channel.index()].output;
        match &element {
            Element::Record(record) => {
                let m = self.recorder.send(output);
                self.line_if(book, || Kind::Send { channel, m, record: record.clone() });
            }
            Element::Barrier(Barrier { id, overtakes }) => {
                self.line_if(book, || Kind::BarOut { channel, checkpoint: *id, overtakes: *overtakes });
            }
            Element::Cancel(id) => self.line_if(book, || Kind::CancelOut { channel, checkpoint: *id }),
            Element::End => self.line_if(book, || Kind::EndOut { channel }),
            Element::Noted(_) => unreachable!("nobody who writes on records is run for real"),
        }
        if self.outlets[output as usize].push(element) && !self.full.contains(&output) {
            self.full.push(output);
        }
    }

    fn tell(&mut self, to: Incarnation, control: Control, book: &mut Open) {
        let book = book.as_mut().expect("a step that tells has the book");
        let said = match &control {
            Control::Ack(checkpoint) => Some(Kind::Ack { checkpoint: *checkpoint }),
            Control::Decline(checkpoint, reason) => Some(Kind::Decline { checkpoint: *checkpoint, reason: *reason }),
            Control::Complete(checkpoint) => {
                self.hub.tally.complete(*checkpoint, Instant::now());
                Some(Kind::Notify { checkpoint: *checkpoint, to, what: Notice::Complete })
            }
            Control::Abort(checkpoint) => Some(Kind::Notify { checkpoint: *checkpoint, to, what: Notice::Abort }),
            _ => None,
        };
        if let Some(kind) = said {
            self.line(book, || kind);
        }
        if let Control::Ack(checkpoint) | Control::Decline(checkpoint, _) = &control {
            self.cut_is_over(*checkpoint, matches!(control, Control::Ack(_)));
        }
        self.hub.said(&control);
        if book.reachable(to, &control) {
            self.hub.post(to, Letter::Told(self.who, control));
        }
    }

    fn ask(&mut self, ticket: Ticket, token: FencingToken, request: Request, store: bool, book: &mut Open) {
        let n = self.next_ask;
        self.next_ask += 1;
        if ticket != NO_TICKET {
            self.asked.retain(|(_, open)| *open != ticket); // asked again: the older answer is nobody's
            self.asked.push((n, ticket));
        }
        let shadow = match &request {
            Request::Put(key, _) => self.offer_cut(key.checkpoint),
            _ => None,
        };
        if let Some(log) = book.as_mut().and_then(|book| book.log()) {
            log.asked(self.who, n, ticket);
        }
        let errand = Errand { n, ticket, token, request, shadow };
        // A clerk that is gone doesn't answer: it is asked again.
        if store {
            let _ = self.to_store.send(errand);
        } else {
            let _ = self.to_ledger.as_ref().expect("only sinks have ledgers").send(Left::Errand(errand));
        }
    }

    fn offer_cut(&mut self, checkpoint: CheckpointId) -> Option<Arc<Shadow>> {
        if !self.offered.contains(&checkpoint) {
            self.offered.push(checkpoint);
        }
        self.cuts.iter().find(|(id, _)| *id == checkpoint).map(|(_, shadow)| shadow.clone())
    }

    /// What was written into an open transaction goes to the ledger's clerk when there is enough of it. In a traced run
    /// nothing happens but what is in the log.
    pub(super) fn write_ahead(&mut self) {
        let (Some(desk), false) = (&self.to_ledger, self.hub.traced) else { return };
        let Some((txn, records)) = self.process.writing() else { return };
        let from = self.ahead.filter(|(known, _)| *known == txn).map_or(0, |(_, from)| from);
        if records.len() >= from + AHEAD {
            let _ = desk.send(Left::Ahead(txn, from, records[from..].to_vec()));
            self.ahead = Some((txn, records.len()));
        }
    }

    /// What came of a cut is known: its counts are of no use any more, unless it was acknowledged before it was stored.
    fn cut_is_over(&mut self, checkpoint: CheckpointId, acknowledged: bool) {
        if !acknowledged || self.offered.contains(&checkpoint) {
            self.cuts.retain(|(id, _)| *id != checkpoint);
            self.offered.retain(|id| *id != checkpoint);
        }
    }

    fn mark(&mut self, mark: Mark, book: &mut Open, restored: &Option<Shadow>) {
        match mark {
            Mark::Cut(checkpoint, snapshot) => {
                self.cuts.push((checkpoint, Arc::new(self.recorder.shadow.clone())));
                if let Some((id, since)) = self.aligning
                    && id == checkpoint
                {
                    self.hub.tally.aligned(id, since.elapsed());
                }
                self.line_if(book, || Kind::Snap { checkpoint, digest: snapshot.digest() });
            }
            Mark::Restored(base, snapshot) => self.restored(base, &snapshot, book, restored),
            Mark::Abandoned(checkpoint, reason) => self.line_if(book, || Kind::Abandon { checkpoint, reason }),
            Mark::Finished => self.line_if(book, || Kind::Finish { complete: true }),
            Mark::Chose(value) => self.line_if(book, || Kind::Choice { value }),
            Mark::Triggered(checkpoint, required) => {
                self.hub.tally.triggered(checkpoint, Instant::now());
                let job = self.process.job().unwrap_or_default();
                self.line_if(book, || Kind::Trigger { checkpoint, required, job });
            }
            Mark::Aborted(checkpoint, reason) => {
                self.hub.tally.aborted(checkpoint, reason);
                self.line_if(book, || Kind::Abort { checkpoint, reason });
            }
            Mark::JobEnded(complete) => {
                self.line_if(book, || Kind::Finish { complete });
                *lock(&self.hub.ended) = Some(complete);
            }
            Mark::Suspended(checkpoint) => {
                self.line_if(book, || Kind::Suspend { checkpoint });
                *lock(&self.hub.suspended) = Some(checkpoint);
            }
            Mark::Saved(id) => self.hub.tally.saved(id, Instant::now()),
            Mark::SavepointFailed => self.hub.tally.note(Note::SavepointFailed),
            Mark::StopFailed(savepoint) => self.hub.tally.note(Note::StopFailed(savepoint)),
            Mark::Restarting(attempt, base) => {
                self.hub.tally.attempts.fetch_add(1, Relaxed);
                self.hub.tally.note(Note::Attempt(attempt, base));
            }
            _ => {}
        }
    }

    fn restored(&mut self, base: Option<CheckpointId>, snapshot: &Snapshot, book: &mut Open, shadow: &Option<Shadow>) {
        if let Some(shadow) = shadow {
            self.recorder.restore(shadow);
        }
        let there = base.is_some() && !snapshot.finished;
        let topology = self.hub.topology.clone();
        let task = self.who.task;
        self.line_if(book, || Kind::Restore {
            base,
            digest: if there { snapshot.digest() } else { 0 },
            offsets: record::offsets(snapshot),
            kappa: record::kappa(&topology, task, snapshot),
            finished: base.is_some() && !there,
        });
    }

    /// Counting goes on from the restored cut. What comes next on a channel is what its sender sends next, after the
    /// records that were put back: where barriers don't align, a receiver's cut can be ahead of its sender's.
    fn shadow_to_restore(&self, outbox: &Outbox) -> Option<Shadow> {
        let snapshot = outbox.effects.iter().find_map(|effect| match effect {
            Effect::Mark(Mark::Restored(Some(_), snapshot)) if !snapshot.finished => Some(snapshot),
            _ => None,
        })?;
        let Part::Stored(key) = self.base.as_ref()?.parts[self.who.task.index()] else { return None };
        let store = self.hub.outside.store();
        let mut shadow = Shadow::clone(store.shadow(&key)?.as_ref());
        let topology = &self.hub.topology;
        for (i, channel) in topology.subtasks[self.who.task.index()].inputs.iter().enumerate() {
            let table = &topology.channels[channel.index()];
            let sender = store.shadow(&StoreKey { task: table.from, ..key });
            let Some(sent) = sender.map(|sender| sender.sent[table.output as usize]) else { continue };
            let input = InputIndex(i as u32);
            let put_back = snapshot.channels.iter().find(|(at, _)| *at == input).map_or(0, |(_, r)| r.len() as u64);
            if shadow.taken[i] > sent {
                shadow.taken[i] = sent.saturating_sub(put_back);
            }
        }
        Some(shadow)
    }

    /// After a step that changed what the process takes: who is held, does it choose, has it stopped?
    fn settle(&mut self, book: &mut Book) {
        if self.process.stopped() {
            self.line(book, || Kind::Stop);
            book.death(self.who);
            self.over = true;
            if self.is_leader() && lock(&self.hub.suspended).is_none() && !self.hub.replaced(self.who) {
                self.hub.deposed.store(true, SeqCst);
            }
            return;
        }
        self.choosing = self.process.chooses();
        self.flowing = self.process.flowing();
        if self.is_leader() {
            let settled = self.asked.is_empty() && lock(&self.hub.ended).is_some();
            self.hub.settled.store(settled, SeqCst);
            if settled {
                self.hub.bell.ring();
            }
            return;
        }
        if self.choosing {
            return;
        }
        for input in (0..self.inlets.len() as u32).map(InputIndex) {
            let held = self.process.holds(input);
            if held == self.held.contains(input) {
                continue;
            }
            let channel = self.input_channel(input);
            if held {
                self.held.insert(input);
                self.line(book, || Kind::Hold { channel });
            } else {
                self.held.remove(input);
                self.line(book, || Kind::Release { channel });
            }
        }
    }
}
