//! Lanes: one for each process, or for each vertex where there are too many. A life that goes on beside a newer one has
//! a place of its own in the lane.

use super::past::Past;
use super::view::Fold;
use crate::ids::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// More subtasks than this share lanes, if nobody says otherwise.
const SUBTASKS: usize = 24;

/// One lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// What stands above it.
    pub name: String,
    /// Its processes.
    pub tasks: Vec<TaskId>,
    /// Lives side by side, at most.
    pub slots: u32,
    /// Its middle, in pixels; set when its labels are known.
    pub x: i32,
}

/// All lanes, from left to right.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    /// The lanes.
    pub list: Vec<Lane>,
    of: BTreeMap<TaskId, usize>,
    slot: BTreeMap<(usize, Attempt), u32>,
}

impl Lanes {
    /// The lanes of the rows: those of all subtasks, and of whoever else has a line there.
    pub fn new(past: &Past, rows: &Range<usize>, fold: Fold) -> Self {
        let topology = &past.topology;
        let subtasks = topology.len();
        let folded = fold == Fold::Always || fold == Fold::Auto && subtasks > SUBTASKS;
        let mut lanes = Lanes::default();
        let mut seen: Vec<TaskId> = past.events[rows.clone()].iter().map(|event| event.process).collect();
        seen.sort_unstable();
        seen.dedup();
        let others: Vec<TaskId> = seen.into_iter().filter(|task| task.index() >= subtasks).collect();
        let before = |task: &&TaskId| [topology.environment(), topology.coordinator(), topology.store()].contains(task);
        let left = [topology.environment(), topology.coordinator(), topology.store()];
        left.iter().filter(|task| others.contains(task)).for_each(|task| lanes.add(topology.name(*task), vec![*task]));
        for (v, vertex) in topology.graph.vertices.iter().enumerate() {
            let tasks: Vec<TaskId> = topology.subtasks_of(VertexId(v as u32)).map(TaskId).collect();
            match folded && tasks.len() > 1 {
                true => lanes.add(format!("{}/0..{}", vertex.name, tasks.len() - 1), tasks),
                false => tasks.into_iter().for_each(|task| lanes.add(topology.name(task), vec![task])),
            }
        }
        others.iter().filter(|t| !before(t)).for_each(|task| lanes.add(topology.name(*task), vec![*task]));
        lanes.place(past, rows);
        lanes
    }

    fn add(&mut self, name: String, tasks: Vec<TaskId>) {
        self.of.extend(tasks.iter().map(|task| (*task, self.list.len())));
        self.list.push(Lane { name, tasks, slots: 1, x: 0 });
    }

    /// Gives each attempt of a lane a place that is free for as long as it has lines. The newest is in the middle: who
    /// goes on beside a newer one stands aside.
    fn place(&mut self, past: &Past, rows: &Range<usize>) {
        let mut spans: BTreeMap<(usize, Attempt), (usize, usize)> = BTreeMap::new();
        for life in &past.lives {
            let Some(lane) = self.of.get(&life.who.task) else { continue };
            let span = spans.entry((*lane, life.who.attempt)).or_insert((life.first, life.last));
            *span = (span.0.min(life.first), span.1.max(life.last));
        }
        let mut taken: BTreeMap<usize, Vec<(u32, usize, usize)>> = BTreeMap::new();
        for ((lane, attempt), (first, last)) in spans.into_iter().rev() {
            let newer = taken.entry(lane).or_default();
            let free = |slot: &u32| !newer.iter().any(|(s, from, to)| s == slot && *from <= last && first <= *to);
            let slot = (0..).find(free).unwrap_or(0);
            newer.push((slot, first, last));
            self.slot.insert((lane, attempt), slot);
            if first < rows.end && rows.start <= last {
                self.list[lane].slots = self.list[lane].slots.max(slot + 1);
            }
        }
    }

    /// The lane of a process, if it has one.
    pub fn lane(&self, task: TaskId) -> Option<usize> {
        self.of.get(&task).copied()
    }

    /// Does it share its lane?
    pub fn shared(&self, task: TaskId) -> bool {
        self.lane(task).is_some_and(|lane| self.list[lane].tasks.len() > 1)
    }

    /// Where a life is, in pixels.
    pub fn x(&self, who: Incarnation) -> Option<i32> {
        let lane = self.lane(who.task)?;
        let slot = self.slot.get(&(lane, who.attempt)).copied().unwrap_or(0);
        Some(self.list[lane].x + slot as i32 * super::layout::SLOT)
    }

    /// Is it beside a newer life, or a newer one beside it?
    pub fn beside(&self, who: Incarnation) -> bool {
        let slot = |lane| self.slot.get(&(lane, who.attempt)).copied().unwrap_or(0);
        self.lane(who.task).is_some_and(|lane| slot(lane) > 0)
    }
}
