//! What is drawn of the chosen lines, and where. Everything is in whole pixels.

use super::bundles::{Bundle, bundles};
use super::cuts::Cut;
use super::gathering::{gathered, thinned};
use super::lanes::Lanes;
use super::marks::{Mark, Weight, mark, merged};
use super::past::{Load, Past};
use super::svg::{FONT, clipped, width};
use super::view::{Chosen, Scale, View};
use crate::ids::*;
use crate::trace::event::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The distance of lives side by side.
pub const SLOT: i32 = 18;
/// More messages than this are drawn in bundles.
const EACH: usize = 60;
/// More labelled rows than this, and what matters least is left out.
const BUDGET: usize = 150;
/// A label has so many characters at most; all of it is in its title.
pub const LABEL: usize = 27;
/// Where the first row is.
const TOP: i32 = 28;
/// In time: a distance is no longer than this.
const FAR: i32 = 110;

/// A line, or several of one kind, on their lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The first of the rows.
    pub row: usize,
    /// Whose.
    pub who: Incarnation,
    /// The lane.
    pub lane: usize,
    /// How it looks.
    pub mark: Mark,
    /// How many lines it stands for.
    pub count: usize,
}

/// What is drawn, and where.
#[derive(Debug, Default)]
pub struct Layout {
    /// The lanes.
    pub lanes: Lanes,
    /// Marks on lanes.
    pub marks: Vec<Placed>,
    /// Records between lanes.
    pub bundles: Vec<Bundle>,
    /// Barriers, cancellations and ends, as places in `past.flights`.
    pub others: Vec<usize>,
    /// Of those that stand for several: how many.
    pub counts: BTreeMap<usize, usize>,
    /// Where lines were left out: the place, and how many or how long.
    pub breaks: Vec<(i32, String)>,
    /// What kinds of lines were left out altogether.
    pub without: Option<&'static str>,
    /// The vertical place of every row that has one.
    pub y: BTreeMap<usize, i32>,
    /// Below the last row.
    pub bottom: i32,
    /// Right of the last lane and its labels.
    pub right: i32,
    /// Left of the first lane.
    pub left: i32,
}

impl Layout {
    /// Lays out the chosen rows. `focus` is the row that matters most.
    pub fn new(past: &Past, cuts: &[&Cut], chosen: &Chosen, view: View, focus: Option<usize>) -> Self {
        let rows = chosen.rows.clone();
        let mut layout = Layout { lanes: Lanes::new(past, &rows, view.fold), ..Layout::default() };
        let shown = |row: Option<usize>| row.is_some_and(|row| rows.contains(&row));
        let flights = past.flights.iter().enumerate().filter(|(_, f)| shown(f.sent) || shown(f.taken));
        let (records, others): (Vec<_>, Vec<_>) = flights.partition(|(_, f)| matches!(f.load, Load::Record(_)));
        layout.others = others.into_iter().map(|(i, _)| i).collect();
        let each = view.all || records.len() <= EACH;
        let all = |row: usize| mark(past, row, layout.lanes.shared(past.events[row].process));
        let weights: Vec<Weight> = (0..past.events.len()).map(|row| all(row).weight).collect();
        layout.marks = layout.marks(past, &rows, (each, view.all), focus);
        if !view.all {
            layout.marks = gathered(past, &layout.lanes, std::mem::take(&mut layout.marks), focus);
            (layout.others, layout.counts) = thinned(past, &layout.lanes, std::mem::take(&mut layout.others));
        }
        layout.bundles = bundles(past, &layout.lanes, cuts, &rows, &weights, each);
        let breaks = layout.reduce(past, &rows, view, focus);
        layout.across(past);
        layout.down(past, view, &rows, &breaks);
        layout
    }

    /// The marks of the rows; lines of one kind that follow each other on a lane are one. `each`: not records; not even
    /// those that become visible.
    fn marks(&self, past: &Past, rows: &Range<usize>, each: (bool, bool), focus: Option<usize>) -> Vec<Placed> {
        let mut marks: Vec<Placed> = Vec::new();
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for row in rows.clone() {
            let who = past.who(row);
            let Some(lane) = self.lanes.lane(who.task) else { continue };
            let mut mark = mark(past, row, self.lanes.shared(who.task));
            if mark.label.is_empty() {
                continue; // an arrow says it, or nothing has to
            }
            // What a commit shows is one thing, unless everything is wanted.
            let each = if matches!(past.events[row].kind, Kind::Visible { .. }) { each.1 } else { each.0 };
            let merges = mark.merges && !(each && mark.weight == Weight::Record) && Some(row) != focus;
            if Some(row) == focus {
                mark.weight = Weight::Key;
            }
            let before = last.get(&lane).map(|at| &mut marks[*at]);
            let same = |placed: &&mut Placed| {
                placed.who == who && kind(past, placed.row) == kind(past, row) && Some(placed.row) != focus
            };
            if let Some(before) = before.filter(|placed| merges && same(placed)) {
                before.count += 1;
                before.mark.label = merged(past, before.row, before.count, &mark.label);
                continue;
            }
            last.insert(lane, marks.len());
            marks.push(Placed { row, who, lane, mark, count: 1 });
        }
        marks
    }

    /// The rows that something is drawn at, and whether a label stands there.
    fn anchors(&self, past: &Past, rows: &Range<usize>) -> BTreeMap<usize, bool> {
        let ends = self.others.iter().map(|flight| &past.flights[*flight]);
        let ends = ends.flat_map(|flight| flight.sent.into_iter().chain(flight.taken));
        let ends = ends.chain(self.bundles.iter().flat_map(|bundle| bundle.rows()));
        let ends = ends.filter(|row| rows.contains(row)).map(|row| (row, false));
        ends.chain(self.marks.iter().map(|placed| (placed.row, true))).collect()
    }

    /// Leaves out what matters least, until the rest can be read. Gives the rows before which there are gaps.
    fn reduce(&mut self, past: &Past, rows: &Range<usize>, view: View, focus: Option<usize>) -> BTreeSet<usize> {
        let labels = |layout: &Self| layout.marks.len() + layout.bundles.len() / 4 + layout.others.len() / 8;
        if view.all || labels(self) <= BUDGET {
            return BTreeSet::new();
        }
        self.marks.retain(|placed| placed.mark.weight != Weight::Detail);
        self.others.retain(|flight| past.flights[*flight].load != Load::End);
        self.without = Some("requests, notices, starts and ends are left out");
        if labels(self) <= BUDGET {
            return BTreeSet::new();
        }
        self.marks.retain(|placed| placed.mark.weight <= Weight::Protocol);
        self.bundles.retain(|bundle| bundle.crossing.is_some());
        self.without = Some("requests, notices, starts, ends, and records that cross no cut are left out");
        if labels(self) <= BUDGET {
            return BTreeSet::new();
        }
        self.stretches(past, rows, focus)
    }

    /// Keeps what is near to something that matters.
    fn stretches(&mut self, past: &Past, rows: &Range<usize>, focus: Option<usize>) -> BTreeSet<usize> {
        let anchors = self.anchors(past, rows);
        let order: Vec<usize> = anchors.keys().copied().collect();
        let place = |row: usize| order.partition_point(|other| *other < row);
        let key = self.marks.iter().filter(|placed| placed.mark.weight == Weight::Key).map(|placed| placed.row);
        let wrong = self.bundles.iter().filter(|bundle| bundle.wrong()).flat_map(|bundle| bundle.rows());
        let keys: Vec<usize> = key.chain(wrong).filter(|row| anchors.contains_key(row)).map(place).collect();
        let near = |reach: usize| -> BTreeSet<usize> {
            let around = |at: &usize| at.saturating_sub(reach)..(at + reach + 1).min(order.len());
            keys.iter().flat_map(around).collect()
        };
        let labels = |kept: &BTreeSet<usize>| kept.iter().filter(|at| anchors[&order[**at]]).count();
        let mut kept =
            [16, 8, 4, 2, 1, 0].into_iter().map(near).find(|kept| labels(kept) <= BUDGET).unwrap_or_default();
        if kept.is_empty() {
            let focus = focus.map_or(0, place);
            let from = focus.saturating_sub(BUDGET * 2 / 3);
            kept = near(0).into_iter().filter(|at| *at >= from).take(BUDGET).collect();
        }
        let stays: BTreeSet<usize> = kept.iter().map(|at| order[*at]).collect();
        self.marks.retain(|placed| stays.contains(&placed.row));
        self.bundles.retain(|bundle| bundle.rows().any(|row| stays.contains(&row)));
        self.others.retain(|flight| {
            let flight = &past.flights[*flight];
            flight.sent.into_iter().chain(flight.taken).any(|row| stays.contains(&row))
        });
        // An end that isn't kept lies in a gap.
        self.y = stays.iter().map(|row| (*row, 0)).collect();
        let gap = |at: &&usize| **at > 0 && !kept.contains(&(**at - 1));
        kept.iter().filter(gap).map(|at| order[*at]).collect()
    }

    /// Sets the lanes side by side.
    fn across(&mut self, past: &Past) {
        let mut widest = vec![0; self.lanes.list.len()];
        for placed in &self.marks {
            let label = width(&clipped(&placed.mark.label, LABEL), FONT);
            widest[placed.lane] = widest[placed.lane].max(label);
        }
        self.left = if past.timed() { 150 } else { 76 };
        let mut x = self.left;
        for (lane, widest) in self.lanes.list.iter_mut().zip(widest) {
            lane.x = x;
            let labels = widest + 14 + (lane.slots as i32 - 1) * SLOT;
            x += labels.max(width(&lane.name, FONT + 1)).max(56) + 14;
        }
        self.right = x;
    }

    /// Sets the rows below one another.
    fn down(&mut self, past: &Past, view: View, rows: &Range<usize>, gaps: &BTreeSet<usize>) {
        let mut anchors = self.anchors(past, rows);
        if !self.y.is_empty() {
            anchors.retain(|row, _| self.y.contains_key(row));
        }
        let times: Vec<u64> = anchors.keys().filter_map(|row| past.time(*row)).collect();
        let span = times.iter().max().zip(times.iter().min()).map_or(0, |(last, first)| last - first);
        let scaled = |ns: u64| (u128::from(ns) * 1400).checked_div(u128::from(span)).unwrap_or(0) as i32;
        let mut y = TOP;
        let mut before: Option<(usize, bool)> = None;
        for (row, labelled) in anchors {
            if let Some((last, was)) = before {
                y += match (was, labelled) {
                    (true, true) => 15,
                    (false, false) => 6,
                    _ => 10,
                };
                let passed = past.time(row).zip(past.time(last)).map(|(now, then)| now.saturating_sub(then));
                if view.scale == Scale::Time
                    && let Some(passed) = passed
                {
                    let step = scaled(passed);
                    y += step.min(FAR);
                    if step > FAR {
                        self.breaks.push((y - FAR / 2 + 4, format!("{} pass", super::words::time(passed))));
                    }
                }
                if gaps.contains(&row) {
                    y += 24;
                    self.breaks.push((y - 12, format!("{} lines left out", row - last - 1)));
                }
            }
            self.y.insert(row, y);
            before = Some((row, labelled));
        }
        self.bottom = y + 16;
    }

    /// The vertical place of any row: one that nothing is drawn at lies behind the one before it.
    pub fn y(&self, row: usize) -> i32 {
        if let Some(y) = self.y.get(&row) {
            return *y;
        }
        let before = self.y.range(..row).next_back().map(|(_, y)| *y);
        let after = self.y.range(row..).next().map(|(_, y)| *y);
        match (before, after) {
            (Some(before), Some(after)) => (before + 3).min(after),
            (Some(_), None) => self.bottom,
            _ => TOP - 12,
        }
    }
}

/// The word of a row's kind.
fn kind(past: &Past, row: usize) -> &'static str {
    crate::trace::words::kind(&past.events[row].kind)
}
