//! Who carries requests out: a thread for each life's way to the store, and one for a sink's way to its ledger. What
//! one life asks is done in the order in which it asked; the life goes on meanwhile.

use super::bell::{Letter, Mailbox, lock};
use super::hub::Hub;
use super::outside::{Batch, Consumer, Ledger, Served};
use crate::engine::message::{Record, Reply, Request, Txn};
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::topology::SinkKind;
use crate::trace::record::Shadow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// One request.
#[derive(Debug)]
pub struct Errand {
    /// Which of its life's.
    pub n: u32,
    /// The asker's number for it.
    pub ticket: Ticket,
    /// The asker's right to ask.
    pub token: FencingToken,
    /// What is asked.
    pub request: Request,
    /// For a snapshot: the counts at its cut.
    pub shadow: Option<Arc<Shadow>>,
}

/// Where errands are left for one clerk.
pub type Desk = Sender<Errand>;

/// What is left for the one who goes to the ledger.
#[derive(Debug)]
pub enum Left {
    /// A request.
    Errand(Errand),
    /// Records of a transaction that is open, from the one of this number on.
    Ahead(Txn, usize, Vec<Record>),
}

/// Where that is left.
pub type LedgerDesk = Sender<Left>;

/// Hires the one who goes to the store for a life. Whatever was left is done, also when the life is over.
pub fn for_store(hub: &Arc<Hub>, who: Incarnation, mailbox: &Arc<Mailbox>) -> Desk {
    let (desk, errands) = channel();
    let (at, mailbox) = (hub.clone(), mailbox.clone());
    hub.thread(format!("{} store", hub.called(who)), move || {
        for errand in errands {
            let served = store(&at, who, &errand);
            at.tally.served(&errand.request, &served);
            if let (Reply::Missing, Some(trouble)) = (&served.reply, &served.trouble)
                && at.newest(who.attempt)
            {
                // What the newest attempt restores is what there is. It doesn't come back.
                at.give_up(format!("cannot restore: {trouble}"));
            }
            answer(&at, &mailbox, &errand, served);
        }
    });
    desk
}

fn store(hub: &Hub, who: Incarnation, errand: &Errand) -> Served {
    let serve = || hub.outside.store().serve(errand.token, &errand.request, errand.shadow.as_ref());
    if !hub.traced {
        return caught(serve);
    }
    let _one_at_a_time = lock(&hub.store_turn); // their order in the log is the durable one
    hub.write_ahead();
    let mut served = caught(serve);
    let mut book = lock(&hub.book);
    if let Some(log) = book.log() {
        log.applied(who, errand.n, served.trouble.is_some());
        served.lines.drain(..).for_each(|kind| log.line(hub.topology.store(), kind));
    }
    served
}

/// Hires the one who goes to the ledger for a life of a sink subtask.
pub fn for_ledger(hub: &Arc<Hub>, who: Incarnation, mailbox: &Arc<Mailbox>) -> LedgerDesk {
    let (desk, errands) = channel();
    let (at, mailbox) = (hub.clone(), mailbox.clone());
    hub.thread(format!("{} ledger", hub.called(who)), move || keep_ledger(&at, who, &mailbox, errands));
    desk
}

fn keep_ledger(hub: &Hub, who: Incarnation, mailbox: &Mailbox, errands: Receiver<Left>) {
    let vertex = hub.topology.subtasks[who.task.index()].vertex;
    let mut ledger: Option<Box<dyn Ledger>> = None;
    for left in errands {
        let errand = match left {
            Left::Errand(errand) => errand,
            Left::Ahead(txn, from, records) => {
                // Whoever panics here says so when the whole is asked for.
                let ahead = |ledger: &mut Box<dyn Ledger>| ledger.ahead(who, &txn, from, &records);
                let _ = catch_unwind(AssertUnwindSafe(|| ledger.as_mut().map(ahead)));
                continue;
            }
        };
        if ledger.is_none() {
            match hub.outside.ledger(vertex, who) {
                Ok(opened) => ledger = Some(opened),
                Err(trouble) => {
                    if hub.traced {
                        lock(&hub.book).log().into_iter().for_each(|log| log.applied(who, errand.n, true));
                    }
                    let served = Served { reply: Reply::Failed, lines: Vec::new(), bytes: 0, trouble: Some(trouble) };
                    answer(hub, mailbox, &errand, served);
                    continue;
                }
            }
        }
        let ledger = ledger.as_mut().expect("it was just opened");
        let served = at_ledger(hub, who, vertex, ledger.as_mut(), &errand);
        hub.tally.served(&errand.request, &served);
        answer(hub, mailbox, &errand, served);
    }
}

fn at_ledger(hub: &Hub, who: Incarnation, vertex: VertexId, ledger: &mut dyn Ledger, errand: &Errand) -> Served {
    if !hub.traced {
        return caught(|| ledger.serve(who, &errand.request));
    }
    // What becomes visible is told by somebody who looks, before anybody else can do anything.
    let mut consumer = lock(&hub.consumers[vertex.index()]);
    hub.write_ahead();
    let served = caught(|| ledger.serve(who, &errand.request));
    let shows = match errand.request {
        Request::Commit(_) => true,
        Request::Write(_) | Request::Flush => hub.sink_kind(vertex) != Some(SinkKind::TwoPhase),
        _ => false,
    };
    let seen = if shows { look(hub, consumer.as_deref_mut()) } else { Vec::new() };
    let mut book = lock(&hub.book);
    if let Some(log) = book.log() {
        log.applied(who, errand.n, served.trouble.is_some());
        let process = hub.topology.ledger(vertex);
        served.lines.iter().for_each(|kind| log.unsaid(process, kind)); // before a fence is told of
        served.lines.iter().cloned().for_each(|kind| log.line(process, kind));
        seen.iter().for_each(|batch| log.visible(vertex, batch));
    }
    served
}

fn look(hub: &Hub, consumer: Option<&mut (dyn Consumer + 'static)>) -> Vec<Batch> {
    let Some(consumer) = consumer else { return Vec::new() };
    consumer.look().unwrap_or_else(|problem| {
        hub.give_up(format!("cannot read the sink, and so cannot trace it: {problem}"));
        Vec::new()
    })
}

/// A defect of a store or a ledger is trouble like any other: the request wasn't done, as far as anybody knows.
fn caught(serve: impl FnOnce() -> Served) -> Served {
    catch_unwind(AssertUnwindSafe(serve)).unwrap_or_else(|_| {
        let trouble = Some("it panicked".to_string());
        Served { reply: Reply::Failed, lines: Vec::new(), bytes: 0, trouble }
    })
}

fn answer(hub: &Hub, mailbox: &Mailbox, errand: &Errand, served: Served) {
    if let Some(trouble) = served.trouble {
        hub.tally.trouble(format!("{}: {trouble}", name(&errand.request)));
    }
    if errand.ticket != NO_TICKET {
        hub.point(&errand.request, &served.reply);
        mailbox.post(Letter::Answer(errand.n, served.reply));
    }
}

/// What a request is called when it didn't work.
fn name(request: &Request) -> &'static str {
    match request {
        Request::Lead => "cannot take the lead",
        Request::BeginAttempt(_) => "cannot begin an attempt",
        Request::Open(_) => "cannot prepare a checkpoint",
        Request::Put(..) => "cannot store a snapshot",
        Request::Get(_) => "cannot fetch a snapshot",
        Request::Publish(_) => "cannot complete a checkpoint",
        Request::Save(_) => "cannot complete a savepoint",
        Request::EndJob(_) => "cannot write down that the job has ended",
        Request::Discard(..) => "cannot delete an old checkpoint",
        Request::Begin(_) => "cannot open a transaction",
        Request::Stage(..) => "cannot prepare a transaction",
        Request::Commit(_) => "cannot commit a transaction",
        Request::Fence { .. } => "cannot fence older attempts",
        Request::Write(_) | Request::Flush => "cannot write output",
    }
}
