//! The state of a job as a trace tells it, and what each line changes of it: what was, and what is.

use crate::ids::*;
use crate::topology::Topology;
use crate::trace::Txn;
use crate::trace::event::{Event, Kind, Outcome, TxnOp};
use std::collections::BTreeMap;

/// What is known after some lines.
#[derive(Debug, Default)]
pub struct State {
    /// Records under way, by channel and attempt: old lives have channels of their own.
    flying: BTreeMap<(ChannelId, Attempt), u64>,
    /// What a channel, a checkpoint, a transaction or a process is at the moment.
    words: BTreeMap<Thing, String>,
    /// Who has acknowledged a checkpoint, of how many.
    acknowledged: BTreeMap<CheckpointId, (u64, usize)>,
}

/// Something whose state is a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Channel(ChannelId),
    Checkpoint(CheckpointId),
    Txn(Txn),
    Process(TaskId),
    Newest,
    Job,
    Leader,
}

impl State {
    /// Takes a line. What it changes, one thing each: `c1: 1 of 3 acknowledged -> 2 of 3 acknowledged`.
    pub fn take(&mut self, topology: &Topology, event: &Event) -> Vec<String> {
        let mut said = Vec::new();
        let mut say = |this: &mut Self, thing, is: &str| said.extend(this.becomes(topology, thing, is));
        let took = |outcome: &Outcome| *outcome == Outcome::Ok;
        match &event.kind {
            Kind::Send { channel, .. } => said.push(self.flies(topology, *channel, event.attempt, true)),
            Kind::Apply { channel, .. } => said.push(self.flies(topology, *channel, event.attempt, false)),
            Kind::Hold { channel } => say(self, Thing::Channel(*channel), "held"),
            Kind::Release { channel } => say(self, Thing::Channel(*channel), "read"),
            Kind::Trigger { checkpoint, required, .. } => {
                self.acknowledged.insert(*checkpoint, (0, required.len()));
                say(self, Thing::Checkpoint(*checkpoint), &format!("0 of {} acknowledged", required.len()));
            }
            Kind::Ack { checkpoint } => {
                if let Some((acks, of)) = self.acknowledged.get_mut(checkpoint) {
                    *acks += 1;
                    let is = format!("{acks} of {of} acknowledged");
                    say(self, Thing::Checkpoint(*checkpoint), &is);
                }
            }
            Kind::Complete { checkpoint, outcome, .. } if took(outcome) => {
                say(self, Thing::Checkpoint(*checkpoint), "complete");
                say(self, Thing::Newest, &checkpoint.to_string());
            }
            Kind::Savepoint { checkpoint, outcome, .. } if took(outcome) => {
                say(self, Thing::Checkpoint(*checkpoint), "complete, as a savepoint");
            }
            Kind::Abort { checkpoint, .. } => say(self, Thing::Checkpoint(*checkpoint), "given up"),
            Kind::Txn { op, txn, outcome, .. } if took(outcome) => {
                let is = match op {
                    TxnOp::Begin => "open",
                    TxnOp::Prepare => "prepared",
                    TxnOp::Commit => "committed",
                    TxnOp::Abort => "aborted",
                    TxnOp::Expire => "expired",
                };
                say(self, Thing::Txn(*txn), is);
            }
            Kind::Lead { token, outcome } if took(outcome) => say(self, Thing::Leader, &token.to_string()),
            Kind::Begin { job, base, outcome, .. } if took(outcome) => {
                let base = base.map_or_else(|| "nothing".to_string(), |base| base.to_string());
                say(self, Thing::Job, &format!("attempt {job} from {base}"));
            }
            Kind::Start => say(self, Thing::Process(event.process), &format!("running as {}", event.attempt)),
            Kind::Finish { complete: true } => say(self, Thing::Process(event.process), "finished"),
            Kind::Finish { complete: false } => say(self, Thing::Process(event.process), "failed for good"),
            Kind::Crash => say(self, Thing::Process(event.process), "crashed"),
            Kind::Stop => say(self, Thing::Process(event.process), "stopped"),
            _ => {}
        }
        said
    }

    fn flies(&mut self, topology: &Topology, channel: ChannelId, attempt: Attempt, more: bool) -> String {
        let count = self.flying.entry((channel, attempt)).or_insert(0);
        let was = *count;
        // What was restored is taken without having been sent again.
        *count = if more { was + 1 } else { was.saturating_sub(1) };
        format!("{}: {was} -> {count} under way", topology.channel_name(channel))
    }

    fn becomes(&mut self, topology: &Topology, thing: Thing, is: &str) -> Option<String> {
        let was = self.words.insert(thing, is.to_string());
        if was.as_deref() == Some(is) {
            return None;
        }
        let name = match thing {
            Thing::Channel(channel) => topology.channel_name(channel),
            Thing::Checkpoint(id) => id.to_string(),
            Thing::Txn(txn) => format!("x{} of {} {}", txn.number, topology.name(txn.task), txn.attempt),
            Thing::Process(task) => topology.name(task).to_string(),
            Thing::Newest => "newest complete checkpoint".to_string(),
            Thing::Job => "job".to_string(),
            Thing::Leader => "leader".to_string(),
        };
        Some(format!("{name}: {} -> {is}", was.as_deref().unwrap_or("nothing")))
    }
}
