//! Can the job still end, from everywhere? The edges of a searched space, looked at from its ends.
//!
//! Where it can't, some part of the space is never left: a deadlock has no step, a livelock has steps for ever. That
//! is also so for the reduced space: it keeps every state in which only timers are left, every cycle passes through
//! one, and the ends behind it are the same. A cycle that *could* be left is no finding: whoever can do so for ever
//! does so one day (strong fairness).

/// Edges of a space, by 64 bits of the states' fingerprints.
#[derive(Clone, Debug, Default)]
pub struct Edges {
    edges: Vec<(u64, u64)>,
    full: bool,
}

/// More edges than this aren't kept.
const EDGES_MAX: usize = 12_000_000;

impl Edges {
    /// A move leads from one state to another.
    #[inline]
    pub fn add(&mut self, from: u64, to: u64) {
        if self.edges.len() == EDGES_MAX {
            self.full = true;
            self.edges = Vec::new();
        }
        if !self.full {
            self.edges.push((from, to));
        }
    }

    /// Takes over others.
    pub fn append(&mut self, others: Edges) {
        if others.full {
            self.full = true;
            self.edges = Vec::new();
        }
        others.edges.into_iter().for_each(|(from, to)| self.add(from, to));
    }

    /// Were there too many?
    pub fn too_many(&self) -> bool {
        self.full
    }

    /// States from which none of the ends can be reached, ascending; `ends` are good ends, ascending.
    pub fn trapped(&self, ends: &[u64]) -> Vec<u64> {
        let nodes = Nodes::new(&self.edges, ends);
        let back = Back::new(&nodes, &self.edges);
        let mut reached = vec![false; nodes.keys.len()];
        let mut work: Vec<usize> = ends.iter().map(|end| nodes.index(*end)).collect();
        work.iter().for_each(|end| reached[*end] = true);
        while let Some(at) = work.pop() {
            for from in back.to(at) {
                if !std::mem::replace(&mut reached[*from as usize], true) {
                    work.push(*from as usize);
                }
            }
        }
        nodes.keys.iter().zip(reached).filter(|(_, reached)| !reached).map(|(key, _)| *key).collect()
    }
}

/// The states at the ends of edges, numbered in ascending order.
struct Nodes {
    keys: Vec<u64>,
    /// Where the keys with these upper bits begin. Fingerprints are spread evenly: a key is found within a few steps.
    first: Vec<u32>,
    shift: u32,
}

impl Nodes {
    fn new(edges: &[(u64, u64)], ends: &[u64]) -> Self {
        let mut keys: Vec<u64> = edges.iter().flat_map(|(from, to)| [*from, *to]).chain(ends.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        let bits = keys.len().max(2).ilog2();
        let shift = u64::BITS - bits;
        let mut first = vec![0; (1 << bits) + 1];
        keys.iter().for_each(|key| first[(key >> shift) as usize + 1] += 1);
        (1..first.len()).for_each(|at| first[at] += first[at - 1]);
        Nodes { keys, first, shift }
    }

    fn index(&self, key: u64) -> usize {
        let bucket = (key >> self.shift) as usize;
        let (begin, end) = (self.first[bucket] as usize, self.first[bucket + 1] as usize);
        let at = self.keys[begin..end].iter().position(|known| *known == key);
        begin + at.expect("every end of an edge is a node")
    }
}

/// The edges by where they lead to.
struct Back {
    first: Vec<u32>,
    from: Vec<u32>,
}

impl Back {
    fn new(nodes: &Nodes, edges: &[(u64, u64)]) -> Self {
        let by_index: Vec<(u32, u32)> =
            edges.iter().map(|(from, to)| (nodes.index(*from) as u32, nodes.index(*to) as u32)).collect();
        let mut first = vec![0; nodes.keys.len() + 1];
        by_index.iter().for_each(|(_, to)| first[*to as usize + 1] += 1);
        (1..first.len()).for_each(|at| first[at] += first[at - 1]);
        let mut next = first.clone();
        let mut back = vec![0; edges.len()];
        for (from, to) in by_index {
            let at = &mut next[to as usize];
            back[*at as usize] = from;
            *at += 1;
        }
        Back { first, from: back }
    }

    fn to(&self, at: usize) -> &[u32] {
        &self.from[self.first[at] as usize..self.first[at + 1] as usize]
    }
}
