//! The shipped operators once more, over the ids and values in a trace. Written without a look at the engine.
//!
//! An operator chain is *order-insensitive* if the multiset of (key, value) that it emits does not depend on how
//! its inputs are interleaved. For such jobs one failure-free run speaks for all of them.

use crate::ids::*;
use crate::topology::{JobGraph, OperatorKind, Partitioning, Role, Topology};
use crate::trace::{Datum, Record};
use std::collections::{BTreeMap, VecDeque};

/// Integer keys below this have their counter in a table.
const DENSE_KEYS: usize = 1 << 20;
/// A record that is split numbers its parts in this radix.
const PARTS: u32 = 4096;

/// One operator with its state.
#[derive(Clone, Debug)]
pub struct Operator {
    kind: OperatorKind,
    dense: Vec<i64>,
    keyed: BTreeMap<Datum, Datum>,
    join: BTreeMap<Datum, [Vec<Datum>; 2]>,
}

/// What an operator does with one record, in place.
enum Step {
    Keep,
    Drop,
    Many(Vec<Record>),
    /// It needs the outcome of a choice.
    Stalled,
}

fn int(value: &Datum) -> i64 {
    if let Datum::Int(i) = value { *i } else { 0 }
}

fn part(record: &Record, i: usize, key: Datum, value: Datum) -> Record {
    let part = record.id.part.wrapping_mul(PARTS).wrapping_add(i as u32).wrapping_add(1);
    Record { id: RecordId { part, ..record.id }, key, value }
}

impl Operator {
    /// An operator in its first state.
    pub fn new(kind: OperatorKind) -> Self {
        Operator { kind, dense: Vec::new(), keyed: BTreeMap::new(), join: BTreeMap::new() }
    }

    /// The keyed state, as a snapshot has it.
    pub fn keyed(&self) -> BTreeMap<Datum, Datum> {
        let dense = self.dense.iter().enumerate().filter(|(_, n)| **n != 0);
        let mut all: BTreeMap<_, _> = dense.map(|(k, n)| (Datum::Int(k as i64), Datum::Int(*n))).collect();
        all.extend(self.keyed.clone());
        if self.kind == OperatorKind::Distinct {
            all.values_mut().for_each(|seen| *seen = Datum::Int(1)); // how often is counted here, and not there
        }
        all
    }

    /// One more record of this key: how many are there now?
    #[inline]
    fn count(&mut self, key: &Datum) -> i64 {
        if let Datum::Int(k) = key
            && (*k as u64) < DENSE_KEYS as u64
        {
            return self.dense_count(*k as usize);
        }
        let n = self.keyed.get(key).map_or(0, int) + 1;
        self.keyed.insert(key.clone(), Datum::Int(n));
        n
    }

    /// What records of integers become, keys and values, one after another. Only for kinds that `plain` names, and
    /// keys that have their counter in the table.
    fn integers(&mut self, records: &mut Vec<(i64, i64)>) {
        match self.kind {
            OperatorKind::Map { add } => records.iter_mut().for_each(|(_, value)| *value = value.wrapping_add(add)),
            OperatorKind::Filter { drop_multiples_of } => {
                records.retain(|(key, _)| key.checked_rem(drop_multiples_of).unwrap_or(0) != 0);
            }
            OperatorKind::KeyedCount => {
                records.iter_mut().for_each(|(key, value)| *value = self.dense_count(*key as usize));
            }
            OperatorKind::Distinct => {
                records.retain(|(key, _)| self.dense_count(*key as usize) == 1);
                records.iter_mut().for_each(|(_, value)| *value = 1);
            }
            _ => {}
        }
    }

    #[inline(always)]
    fn dense_count(&mut self, key: usize) -> i64 {
        match self.dense.get_mut(key) {
            Some(count) => {
                *count += 1;
                *count
            }
            None => self.first_count(key),
        }
    }

    #[cold]
    #[inline(never)]
    fn first_count(&mut self, key: usize) -> i64 {
        self.dense.resize((key + 1).next_power_of_two(), 0);
        self.dense[key] = 1;
        1
    }

    #[inline]
    fn step(&mut self, side: u32, record: &mut Record, choices: &mut VecDeque<i64>) -> Step {
        match &self.kind {
            OperatorKind::Map { add } => {
                if let Datum::Int(v) = &mut record.value {
                    *v = v.wrapping_add(*add);
                }
            }
            OperatorKind::Words => return words(record),
            OperatorKind::Filter { drop_multiples_of } => {
                if let Datum::Int(k) = record.key
                    && *drop_multiples_of != 0
                    && k.wrapping_rem(*drop_multiples_of) == 0
                {
                    return Step::Drop;
                }
            }
            OperatorKind::KeyedCount => record.value = Datum::Int(self.count(&record.key)),
            OperatorKind::Distinct => {
                if self.count(&record.key) > 1 {
                    return Step::Drop;
                }
                record.value = Datum::Int(1);
            }
            OperatorKind::Union => {}
            OperatorKind::Choose => {
                let Some(choice) = choices.pop_front() else { return Step::Stalled };
                if let Datum::Int(v) = &mut record.value {
                    *v = v.wrapping_add(choice);
                }
            }
            _ => return self.stateful(side, record),
        }
        Step::Keep
    }

    fn stateful(&mut self, side: u32, record: &mut Record) -> Step {
        let last = self.keyed.get(&record.key);
        match self.kind {
            OperatorKind::KeyedSum => {
                let sum = Datum::Int(last.map_or(0, int).wrapping_add(int(&record.value)));
                self.keyed.insert(record.key.clone(), sum.clone());
                record.value = sum;
            }
            OperatorKind::PassOn { keys } => {
                let (brought, rest) = (int(&record.value), int(&record.value) / 2);
                let kept = last.map_or(0, int).wrapping_add(brought - rest);
                self.keyed.insert(record.key.clone(), Datum::Int(kept));
                if rest == 0 {
                    return Step::Drop;
                }
                if let Datum::Int(key) = &mut record.key {
                    *key = if keys == 0 { 0 } else { key.wrapping_add(1).rem_euclid(keys as i64) };
                }
                (record.id.part, record.value) = (record.id.part.wrapping_add(1), Datum::Int(rest));
            }
            OperatorKind::KeyedMax => {
                if last.is_some_and(|max| record.value <= *max) {
                    return Step::Drop;
                }
                self.keyed.insert(record.key.clone(), record.value.clone());
            }
            OperatorKind::LastValue => {
                let value = record.value.clone();
                let previous = self.keyed.insert(record.key.clone(), value.clone()).unwrap_or(Datum::Int(0));
                record.value = Datum::Pair((previous, value).into());
            }
            OperatorKind::Window { size } => {
                let (n, sum) = match last {
                    Some(Datum::Pair(pair)) => (int(&pair.0), int(&pair.1)),
                    _ => (0, 0),
                };
                let (n, sum) = (n + 1, sum.wrapping_add(int(&record.value)));
                if n < size as i64 {
                    let pair = Datum::Pair((Datum::Int(n), Datum::Int(sum)).into());
                    self.keyed.insert(record.key.clone(), pair);
                    return Step::Drop;
                }
                self.keyed.remove(&record.key);
                record.value = Datum::Int(sum);
            }
            OperatorKind::Join => {
                let sides = self.join.entry(record.key.clone()).or_default();
                let own = (side as usize).min(1);
                sides[own].push(record.value.clone());
                let pair = |other: &Datum| match own {
                    0 => Datum::Pair((record.value.clone(), other.clone()).into()),
                    _ => Datum::Pair((other.clone(), record.value.clone()).into()),
                };
                let matches = sides[1 - own].iter().enumerate();
                return Step::Many(
                    matches.map(|(i, other)| part(record, i, record.key.clone(), pair(other))).collect(),
                );
            }
            _ => {}
        }
        Step::Keep
    }
}

fn words(record: &Record) -> Step {
    let Datum::Text(text) = &record.value else { return Step::Keep };
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).enumerate();
    let one = |(i, word): (usize, &str)| part(record, i, Datum::Text(word.to_lowercase().into()), Datum::Int(1));
    Step::Many(words.map(one).collect())
}

/// An operator chain. A record that needs a choice waits until the choice is known.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The operators.
    pub operators: Vec<Operator>,
    side: u32,
    stack: Vec<(usize, Record)>,
    /// Outcomes that were not used yet.
    pub choices: VecDeque<i64>,
}

impl Chain {
    /// A chain in its first state.
    pub fn new(kinds: &[OperatorKind]) -> Self {
        let operators = kinds.iter().cloned().map(Operator::new).collect();
        Chain { operators, side: 0, stack: Vec::new(), choices: VecDeque::new() }
    }

    /// What records of integers become, keys and values, if all operators are plain. All go through one operator
    /// before any goes through the next, which makes no difference to what comes out.
    pub fn integers(&mut self, records: &mut Vec<(i64, i64)>) {
        self.operators.iter_mut().for_each(|operator| operator.integers(records));
    }

    /// Takes a record and gives what comes out. What still waits for a choice of an earlier record is gone.
    #[inline]
    pub fn take(&mut self, side: u32, record: Record, mut out: impl FnMut(Record)) {
        self.stack.clear();
        self.side = side;
        self.from(0, record, &mut out);
        if !self.stack.is_empty() {
            self.go_on(out);
        }
    }

    /// Gives what comes out now that more choices are known.
    pub fn go_on(&mut self, mut out: impl FnMut(Record)) {
        while let Some((i, record)) = self.stack.pop() {
            if !self.from(i, record, &mut out) {
                return;
            }
        }
    }

    /// Lets a record go through the operators from `i` on; false if it waits for a choice.
    #[inline]
    fn from(&mut self, i: usize, mut record: Record, out: &mut impl FnMut(Record)) -> bool {
        for (i, operator) in self.operators.iter_mut().enumerate().skip(i) {
            match operator.step(self.side, &mut record, &mut self.choices) {
                Step::Keep => {}
                Step::Drop => return true,
                Step::Many(list) => {
                    self.stack.extend(list.into_iter().rev().map(|r| (i + 1, r)));
                    return true;
                }
                Step::Stalled => {
                    self.stack.push((i, record));
                    return false;
                }
            }
        }
        out(record);
        true
    }
}

/// What can be said about a job without knowing an interleaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// One failure-free run speaks for all of them.
    pub insensitive: bool,
    /// Some operator leaves a choice to the environment.
    pub chooses: bool,
    /// For each vertex: all records of a key meet in one subtask, and values of a key only grow.
    pub rising: Vec<bool>,
}

/// Vertices in an order in which senders come before receivers.
fn sorted(graph: &JobGraph) -> Vec<usize> {
    let n = graph.vertices.len();
    let mut missing = vec![0; n];
    graph.edges.iter().for_each(|e| missing[e.to.index()] += 1);
    let mut ready: VecDeque<usize> = (0..n).filter(|v| missing[*v] == 0).collect();
    let mut order = Vec::new();
    while let Some(v) = ready.pop_front() {
        order.push(v);
        for e in graph.edges.iter().filter(|e| e.from.index() == v) {
            missing[e.to.index()] -= 1;
            if missing[e.to.index()] == 0 {
                ready.push_back(e.to.index());
            }
        }
    }
    order
}

/// Looks at a job.
pub fn shape(graph: &JobGraph) -> Shape {
    let n = graph.vertices.len();
    let (mut grouped_out, mut rising) = (vec![false; n], vec![false; n]);
    let mut insensitive = true;
    let chooses = graph.vertices.iter().any(|v| v.chain.contains(&OperatorKind::Choose));
    let order = sorted(graph);
    insensitive &= order.len() == n; // what goes round comes in some order
    for v in order {
        let vertex = &graph.vertices[v];
        let ins: Vec<_> = graph.edges.iter().filter(|e| e.to.index() == v).collect();
        let by_key = |e: &&crate::topology::Edge| match e.partitioning {
            Partitioning::Hash => true,
            Partitioning::Forward => grouped_out[e.from.index()],
            _ => false,
        };
        let mut grouped = vertex.parallelism == 1 || (!ins.is_empty() && ins.iter().all(by_key));
        let spread = |e: &&crate::topology::Edge| e.partitioning == Partitioning::Broadcast && vertex.parallelism > 1;
        let mut up = ins.len() == 1 && grouped && rising[ins[0].from.index()];
        insensitive &= !ins.iter().any(spread);
        for kind in &vertex.chain {
            use OperatorKind::*;
            match kind {
                Map { .. } | Filter { .. } | Union => {}
                Words => (grouped, up) = (vertex.parallelism == 1, false),
                KeyedCount | Distinct => {
                    insensitive &= grouped;
                    up = grouped;
                }
                Join => {
                    insensitive &= grouped;
                    up = false;
                }
                KeyedSum | KeyedMax | Window { .. } | LastValue | PassOn { .. } | Choose => {
                    (insensitive, up) = (false, false)
                }
            }
        }
        grouped_out[v] = grouped;
        rising[v] = up;
    }
    Shape { insensitive, chooses, rising }
}

/// A failure-free run of an order-insensitive job: every source record once, all the way down.
#[derive(Clone, Debug)]
pub struct Reference {
    chains: Vec<Chain>,
    edges: Vec<Vec<(usize, u32)>>,
    sources: Vec<usize>,
    /// For each partition the vertices that its records pass one after another, if they pass in single file.
    lines: Vec<Box<[usize]>>,
    work: Vec<(usize, u32, Record)>,
}

/// Does this operator make at most one record of integers out of one, whatever side it comes from?
fn plain(kind: &OperatorKind) -> bool {
    use OperatorKind::*;
    matches!(kind, Map { .. } | Filter { .. } | KeyedCount | Distinct | Union)
}

/// The vertices from `v` on, if each feeds at most one other and all their operators are plain; otherwise none.
fn line(graph: &JobGraph, edges: &[Vec<(usize, u32)>], mut v: usize) -> Box<[usize]> {
    let mut line = Vec::new();
    loop {
        if edges[v].len() > 1 || !graph.vertices[v].chain.iter().all(plain) {
            return Box::default();
        }
        line.push(v);
        match edges[v].first() {
            Some((to, _)) => v = *to,
            None => return line.into(),
        }
    }
}

impl Reference {
    /// A run that has read nothing.
    pub fn new(topology: &Topology) -> Self {
        let graph = &topology.graph;
        let mut edges = vec![Vec::new(); graph.vertices.len()];
        let mut sides = vec![0; graph.vertices.len()];
        for edge in &graph.edges {
            edges[edge.from.index()].push((edge.to.index(), sides[edge.to.index()]));
            sides[edge.to.index()] += 1;
        }
        let mut sources = vec![0; topology.partitions as usize];
        for subtask in &topology.subtasks {
            subtask.partitions.iter().for_each(|p| sources[p.index()] = subtask.vertex.index());
        }
        let chains = graph.vertices.iter().map(|v| Chain::new(&v.chain)).collect();
        let lines = sources.iter().map(|v| line(graph, &edges, *v)).collect();
        Reference { chains, edges, sources, lines, work: Vec::new() }
    }

    /// Do records of this partition with this key go in single file, as integers?
    #[inline(always)]
    pub fn in_file(&self, partition: PartitionId, key: i64) -> bool {
        (key as u64) < DENSE_KEYS as u64 && !self.lines[partition.index()].is_empty()
    }

    /// Do records of these partitions go the same way?
    #[inline(always)]
    pub fn together(&self, one: PartitionId, other: PartitionId) -> bool {
        self.sources[one.index()] == self.sources[other.index()]
    }

    /// The vertices that records of a partition pass one after another, where they go in single file, and the chains
    /// of all vertices.
    pub fn line(&mut self, partition: PartitionId) -> (&[usize], &mut [Chain]) {
        (&self.lines[partition.index()], &mut self.chains)
    }

    /// A record is read. `out` gets key and value of everything that any vertex emits because of it.
    #[inline(never)]
    pub fn read(&mut self, partition: PartitionId, record: &Record, out: &mut dyn FnMut(usize, &Datum, &Datum)) {
        let mut next = Some((self.sources[partition.index()], 0, record.clone()));
        while let Some((v, side, record)) = next.take() {
            let (edges, work) = (&self.edges[v], &mut self.work);
            self.chains[v].take(side, record, |record| {
                out(v, &record.key, &record.value);
                if let Some(((to, side), rest)) = edges.split_last() {
                    rest.iter().for_each(|(to, side)| work.push((*to, *side, record.clone())));
                    // Nearly always there is one edge and one record: no need to go through the list.
                    if let Some(waiting) = next.replace((*to, *side, record)) {
                        work.push(waiting);
                    }
                }
            });
            next = next.or_else(|| self.work.pop());
        }
    }

    /// The keyed state of an operator of a vertex, over all subtasks.
    pub fn keyed(&self, vertex: VertexId, operator: usize) -> BTreeMap<Datum, Datum> {
        self.chains[vertex.index()].operators[operator].keyed()
    }
}

/// Is this vertex a sink?
pub fn is_sink(role: &Role) -> bool {
    matches!(role, Role::Sink(_))
}
