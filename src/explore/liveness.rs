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
        let mut nodes: Vec<u64> =
            self.edges.iter().flat_map(|(from, to)| [*from, *to]).chain(ends.iter().copied()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let index = |key: u64| nodes.binary_search(&key).expect("every end of an edge is a node");
        let mut back: Vec<(u32, u32)> =
            self.edges.iter().map(|(from, to)| (index(*to) as u32, index(*from) as u32)).collect();
        back.sort_unstable();
        let mut reached = vec![false; nodes.len()];
        let mut work: Vec<usize> = ends.iter().map(|end| index(*end)).collect();
        work.iter().for_each(|end| reached[*end] = true);
        while let Some(at) = work.pop() {
            let first = back.partition_point(|(to, _)| (*to as usize) < at);
            for (_, from) in back[first..].iter().take_while(|(to, _)| *to as usize == at) {
                if !std::mem::replace(&mut reached[*from as usize], true) {
                    work.push(*from as usize);
                }
            }
        }
        nodes.iter().zip(reached).filter(|(_, reached)| !reached).map(|(key, _)| *key).collect()
    }
}
