//! I6: what is restored is what was stored, in the newest completed checkpoint.

use super::cut::Cut;
use super::lives::{Begun, Done, Saved};
use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Mode, Topology};
use crate::trace::event::{Event, Kappa, Kind, Outcome};
use std::sync::Arc;

/// What a snapshot consists of, as far as lines tell.
#[derive(Clone, Debug)]
struct Stored {
    digest: u64,
    offsets: Arc<[(PartitionId, Offset)]>,
    kappa: Kappa,
}

/// The fold.
#[derive(Clone, Debug)]
pub struct Restores {
    topology: Arc<Topology>,
    /// What is in flight is in the senders' logs.
    lines: bool,
    saved: Saved<Stored>,
    begun: Begun,
    newest: Option<CheckpointId>,
    unknown: Option<String>,
}

impl Restores {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>, mode: Mode) -> Self {
        Restores {
            lines: mode == Mode::Alone,
            topology: topology.clone(),
            saved: Saved::new(topology.len(), mode),
            begun: Begun::default(),
            newest: None,
            unknown: None,
        }
    }

    /// The next line.
    pub fn observe(&mut self, event: &Event, cut: &Cut) -> Seen {
        match &event.kind {
            Kind::Put { key, digest, offsets, kappa, outcome: Outcome::Ok, .. } => {
                let stored = Stored { digest: *digest, offsets: offsets.clone(), kappa: kappa.clone() };
                self.saved.save(*key, stored);
                Ok(())
            }
            Kind::Complete { checkpoint, job, parts, outcome: Outcome::Ok, .. } => {
                self.saved.complete(*checkpoint, *job, parts, |_| None);
                self.newest = self.newest.max(Some(*checkpoint));
                Ok(())
            }
            Kind::Begin { job, base, outcome: Outcome::Ok, .. } => {
                self.begun.add(*job, *base);
                if *base == self.newest {
                    return Ok(());
                }
                let what = format!("{job} is to restore {}, and {} is the newest", say(*base), say(self.newest));
                Err(Violation::new(Invariant::I6, event, what))
            }
            Kind::Restore { base, digest, offsets, kappa, finished } => self.restore(
                event,
                *base,
                *finished,
                cut,
                &Stored { digest: *digest, offsets: offsets.clone(), kappa: kappa.clone() },
            ),
            _ => Ok(()),
        }
    }

    fn restore(&mut self, event: &Event, base: Option<CheckpointId>, finished: bool, cut: &Cut, now: &Stored) -> Seen {
        let name = self.topology.name(event.process);
        let wrong = |what: String| Err(Violation::new(Invariant::I6, event, format!("{name} {what}")));
        match self.begun.base(event.attempt) {
            Some(begun) if begun != base => {
                return wrong(format!("restores {} where {} restores {}", say(base), event.attempt, say(begun)));
            }
            None => self.unknown = Some(format!("no line says what {} was to restore", event.attempt)),
            _ => {}
        }
        let Some(base) = base else {
            let empty = now.kappa.is_empty() && now.offsets.iter().all(|(_, o)| o.0 == 0 || o.0 == u64::MAX);
            return if empty { Ok(()) } else { wrong("starts from the beginning, and not from nothing".to_string()) };
        };
        let Some(done) = self.saved.done(base) else {
            self.unknown = Some(format!("{base} is restored and the trace doesn't have its content"));
            return Ok(());
        };
        let Some(stored) = &done.parts[event.process.index()] else {
            // It had finished: there is nothing to compare with.
            return if finished { Ok(()) } else { wrong(format!("runs again, and had finished before {base}")) };
        };
        if stored.digest != now.digest {
            return wrong(format!("restores a state of {base} that is not the stored one"));
        }
        if sorted(&stored.offsets) != sorted(&now.offsets) {
            return wrong(format!("restores source positions of {base} that are not the stored ones"));
        }
        let kappa = if self.lines { self.logged(base, event.process, done, cut) } else { stored.kappa.to_vec() };
        if sorted(&kappa) != sorted(&now.kappa) {
            return wrong(format!("restores a channel state of {base} that is not the stored one"));
        }
        Ok(())
    }

    /// What the senders have logged of what was in flight to a subtask.
    fn logged(
        &self,
        base: CheckpointId,
        task: TaskId,
        done: &Done<Stored>,
        cut: &Cut,
    ) -> Vec<(ChannelId, Vec<RecordId>)> {
        let flying = |channel: &ChannelId| {
            let from = done.parts[self.topology.channels[channel.index()].from.index()].as_ref()?;
            let log = from.kappa.iter().find(|(c, _)| c == channel).map_or(&[][..], |(_, ids)| &ids[..]);
            let count = cut.in_flight(base, *channel)?;
            (count > 0).then(|| (*channel, log[log.len().saturating_sub(count)..].to_vec()))
        };
        self.topology.subtasks[task.index()].inputs.iter().filter_map(flying).collect()
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        vec![(Invariant::I6, self.unknown.clone().map_or(Verdict::Holds, Verdict::Undecided))]
    }
}

fn say(base: Option<CheckpointId>) -> String {
    base.map_or("the beginning".to_string(), |id| id.to_string())
}

fn sorted<T: Clone + Ord>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}
