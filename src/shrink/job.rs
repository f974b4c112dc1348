//! A smaller job: fewer vertices, operators, subtasks, partitions, hosts, records.

use super::Search;
use super::faults::slot;
use crate::scenario::spec::*;

impl Search<'_> {
    /// A smaller job.
    pub(super) fn job(&mut self) {
        self.vertices();
        self.edit(|s| s.job.vertices.iter_mut().for_each(|v| v.parallelism = Open::Fixed(1)));
        self.edit(|s| s.job.vertices.iter_mut().flat_map(|v| &mut v.inputs).for_each(|input| input.fifo = true));
        for v in 0..self.best.job.vertices.len() {
            self.fewer(
                |s| s.job.vertices[v].operators.len(),
                |s, from, to| drop(s.job.vertices[v].operators.drain(from..to)),
            );
            self.lower(1, |s| slot(&mut s.job.vertices[v].parallelism));
            self.edit(|s| s.job.vertices[v].on_hosts = None);
            if self.best.job.vertices[v].source.is_some() {
                self.source(v);
            }
        }
        self.lower(1, |s| slot(&mut s.job.hosts));
    }

    fn vertices(&mut self) {
        let mut v = self.best.job.vertices.len();
        while v > 0 {
            v -= 1;
            self.edit(|s| bypass(&mut s.job, v));
        }
        for v in 0..self.best.job.vertices.len() {
            self.fewer(
                |s| s.job.vertices[v].inputs.len(),
                |s, from, to| {
                    if to - from < s.job.vertices[v].inputs.len() {
                        s.job.vertices[v].inputs.drain(from..to);
                    }
                },
            );
        }
    }

    fn source(&mut self, v: usize) {
        let edits: [fn(&mut SourceSpec, &Sim); 4] = [
            |source, _| source.partitions = None,
            |source, _| source.slow = None,
            |source, _| source.empty.clear(),
            |source, sim| source.pace = Some(sim.pace.clone()),
        ];
        for edit in edits {
            self.edit(|s| {
                if let Some(source) = &mut s.job.vertices[v].source {
                    edit(source, &s.sim);
                }
            });
        }
        self.lower(1, |s| slot(s.job.vertices[v].source.as_mut()?.partitions.as_mut()?));
        for (least, number) in NUMBERS {
            self.lower(least, |s| number(&mut s.job.vertices[v].source.as_mut()?.data));
        }
        let lines = move |s: &Scenario| match &s.job.vertices[v].source {
            Some(SourceSpec { data: Data::Inline { inline }, .. }) => inline.len(),
            _ => 0,
        };
        self.fewer(lines, move |s, from, to| {
            if let Some(SourceSpec { data: Data::Inline { inline }, .. }) = &mut s.job.vertices[v].source {
                inline.drain(from..to);
            }
        });
    }
}

/// Where a number of a description of data stands, if it has it.
type Number = fn(&mut Data) -> Option<&mut u64>;

/// The numbers of a source's data, and how small each may become: records, keys, values, skew, salt.
const NUMBERS: [(u64, Number); 5] = [
    (0, |data| if let Data::Numbers { records, .. } = data { slot(records) } else { None }),
    (1, |data| if let Data::Numbers { keys, .. } = data { slot(keys) } else { None }),
    (1, |data| if let Data::Numbers { values, .. } = data { slot(values) } else { None }),
    (0, |data| if let Data::Numbers { skew_tenths, .. } = data { slot(skew_tenths) } else { None }),
    (0, |data| if let Data::Numbers { salt, .. } = data { salt.as_mut().and_then(slot) } else { None }),
];

/// Takes a vertex out; whoever read from it reads from whom it read from.
fn bypass(job: &mut Job, v: usize) {
    let gone = job.vertices.remove(v);
    for vertex in &mut job.vertices {
        let inputs = std::mem::take(&mut vertex.inputs);
        for input in inputs {
            if input.from != gone.id {
                vertex.inputs.push(input);
                continue;
            }
            for before in &gone.inputs {
                let by = if before.by == Partitioning::Forward { input.by } else { before.by };
                let (from, capacity) = (before.from.clone(), input.capacity.clone());
                vertex.inputs.push(InputSpec { from, by, capacity, fifo: input.fifo && before.fifo });
            }
        }
    }
}
