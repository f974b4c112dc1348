//! The space-time diagram: a lane for each process, time downward, messages slanted, checkpoints as lines through the
//! lanes.

use super::cuts::{Crossing, Cut, cuts};
use super::layout::{LABEL, Layout};
use super::marks::Shape;
use super::past::{Hold, Past};
use super::shapes::{self, Sign};
use super::svg::{self, Area, FONT, Places, clipped};
use super::view::{self, Chosen, View};
use super::{style, words};
use crate::ids::*;
use crate::trace::event::{Event, Meta};
use crate::trace::text;
use crate::verify::{Report, Violation};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Text of the head is broken so that pictures of few lanes stay narrow.
const NARROW: i32 = 620;

/// A picture that is being drawn.
pub(super) struct Drawing<'a> {
    pub past: &'a Past<'a>,
    pub chosen: &'a Chosen,
    pub layout: Layout,
    /// Where texts are.
    pub places: Places,
    /// Lines and shapes: what comes later lies above.
    pub over: String,
    /// Texts: above all of that.
    texts: String,
    /// What the legend explains.
    pub signs: BTreeSet<Sign>,
    /// The rightmost place that is drawn at.
    pub reach: i32,
    violation: Option<&'a Violation>,
    focus: Option<usize>,
}

/// Draws a trace as SVG. `report` is what the verifiers say of it.
///
/// # Errors
/// What is to be shown isn't in the trace.
pub fn diagram(meta: &Meta, events: &[Event], report: &Report, view: View) -> Result<String, String> {
    let past = Past::new(meta, events);
    let cuts = cuts(&past);
    let chosen = view::choose(&past, &cuts, report, view.window)?;
    let violation = view::violation(report);
    let focus = violation.and_then(|violation| view::row_of(&past, violation));
    let focus = focus.filter(|row| chosen.rows.contains(row));
    // Of a cut that is mostly elsewhere there is nothing to see.
    let within = |cut: &&Cut| cut.snaps.values().filter(|row| chosen.rows.contains(row)).count();
    let shown: Vec<&Cut> = cuts.iter().filter(|cut| within(cut) > 0 && 2 * within(cut) >= cut.snaps.len()).collect();
    let layout = Layout::new(&past, &shown, &chosen, view, focus);
    let reach = layout.right;
    let mut drawing = Drawing {
        past: &past,
        chosen: &chosen,
        layout,
        places: Places::default(),
        over: String::new(),
        texts: String::new(),
        signs: BTreeSet::new(),
        reach,
        violation,
        focus,
    };
    drawing.lanes();
    drawing.holds();
    drawing.marks();
    drawing.gaps();
    shown.iter().for_each(|cut| drawing.cut(cut));
    drawing.others();
    drawing.records();
    drawing.barriers();
    Ok(drawing.page(view))
}

impl Drawing<'_> {
    /// A text above the lines.
    pub(super) fn label(&mut self, class: &str, x: i32, y: i32, text: &str) {
        svg::text(&mut self.texts, class, x, y, text);
    }

    fn lanes(&mut self) {
        let bottom = self.layout.bottom;
        for lane in &self.layout.lanes.list {
            svg::line(&mut self.over, "lane dead", (lane.x, 8), (lane.x, bottom));
            svg::text(&mut self.texts, "name", lane.x - 8, 2, &lane.name);
            self.places.take(Area::text(lane.x - 8, 2, &lane.name, FONT + 1));
            self.reach = self.reach.max(lane.x + svg::width(&lane.name, FONT + 1));
        }
        self.over.push('\n');
        for life in &self.past.lives {
            let rows = &self.chosen.rows;
            let Some(x) = self.layout.lanes.x(life.who) else { continue };
            if life.last < rows.start || life.first >= rows.end {
                continue;
            }
            let top = if life.first < rows.start { 8 } else { self.layout.y(life.first) };
            // A life that nothing has ended goes on, as far as the trace tells.
            let open = life.last >= rows.end || life.crashed.is_none();
            let end = if open && !self.layout.lanes.beside(life.who) { bottom } else { self.layout.y(life.last) };
            let zombie = self.layout.lanes.beside(life.who);
            if zombie {
                self.signs.insert(Sign::Zombie);
            }
            self.over.push_str("<g>");
            let ended = match life.crashed {
                Some(true) => format!("ends by a fault at step {}", life.last),
                Some(false) => format!("stops at step {}", life.last),
                None => format!("last heard of at step {}", life.last),
            };
            let name = self.past.topology.name(life.who.task);
            svg::title(&mut self.over, &format!("{name} {}: from step {}, {ended}", life.who.attempt, life.first));
            svg::line(&mut self.over, if zombie { "lane zombie" } else { "lane" }, (x, top), (x, end.max(top + 4)));
            self.over.push_str("</g>\n");
        }
    }

    /// Blocked channels. Those that overlap on a lane are one stretch.
    fn holds(&mut self) {
        let rows = self.chosen.rows.clone();
        let mut spans: Vec<(i32, usize, usize, Vec<&Hold>)> = Vec::new();
        let shown = self.past.holds.iter().filter(|hold| hold.to >= rows.start && hold.from < rows.end);
        for hold in shown {
            let Some(x) = self.layout.lanes.x(hold.who) else { continue };
            match spans.iter_mut().rev().find(|(other, ..)| *other == x).filter(|(_, _, to, _)| hold.from <= *to) {
                Some((_, _, to, holds)) => {
                    *to = hold.to.max(*to);
                    holds.push(hold);
                }
                None => spans.push((x, hold.from, hold.to, vec![hold])),
            }
        }
        for (x, from, to, holds) in spans {
            let top = if from < rows.start { 8 } else { self.layout.y(from) };
            let end = if to >= rows.end { self.layout.bottom } else { self.layout.y(to) };
            let mut said: Vec<String> = holds.iter().take(8).map(|hold| self.held(hold)).collect();
            if holds.len() > said.len() {
                said.push(format!("and {} more", holds.len() - said.len()));
            }
            self.over.push_str("<g>");
            svg::title(&mut self.over, &said.join("; "));
            let (left, height) = (x - 6, (end - top).max(4));
            let _ = writeln!(
                self.over,
                "<rect class=\"blocked\" x=\"{left}\" y=\"{top}\" width=\"12\" height=\"{height}\"/></g>"
            );
            self.signs.insert(Sign::Blocked);
        }
    }

    fn held(&self, hold: &Hold) -> String {
        let channel = self.past.topology.channel_name(hold.channel);
        match hold.released {
            true => format!("{channel} is blocked from step {} until step {}", hold.from, hold.to),
            false => format!("{channel} is blocked from step {} and never read again in this trace", hold.from),
        }
    }

    fn marks(&mut self) {
        let mut told = None;
        for placed in std::mem::take(&mut self.layout.marks) {
            let Some(x) = self.layout.lanes.x(placed.who) else { continue };
            let y = self.layout.y(placed.row);
            self.over.push_str("<g>");
            let line = text::line(&self.past.topology, placed.row as u64, &self.past.events[placed.row]);
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            let more = if placed.count > 1 { format!(", and {} like it", placed.count - 1) } else { String::new() };
            svg::title(&mut self.over, &format!("{line}{more}"));
            shapes::shape(&mut self.over, placed.mark.shape, x, y);
            self.over.push_str("</g>\n");
            self.signs.insert(Sign::Mark(placed.mark.shape));
            let label = clipped(&placed.mark.label, LABEL);
            let mut class = match placed.mark.shape {
                Shape::Snapshot => "cuttext",
                Shape::Crash | Shape::Abort | Shape::Fault => "wrong",
                _ => "",
            };
            if self.focus == Some(placed.row) {
                let _ = writeln!(self.over, "<circle class=\"ring\" cx=\"{x}\" cy=\"{y}\" r=\"9\"/>");
                class = "wrong";
            }
            let words = Area::text(x + 9, y + 4, &label, FONT);
            self.places.take(Area(x - 5, words.1, words.2, words.3));
            self.reach = self.reach.max(x + 9 + svg::width(&label, FONT));
            self.label(class, x + 9, y + 4, &label);
            let step = placed.row.to_string();
            svg::text(&mut self.texts, "dim", 50 - svg::width(&step, FONT), y + 4, &step);
            let time = self.past.time(placed.row);
            if time != told
                && let Some(time) = time
            {
                let time = words::time(time);
                svg::text(&mut self.texts, "dim", 134 - svg::width(&time, FONT), y + 4, &time);
                told = Some(self.past.time(placed.row).unwrap_or(0));
            }
        }
    }

    /// Where lines were left out.
    fn gaps(&mut self) {
        for (y, said) in self.layout.breaks.clone() {
            svg::line(&mut self.over, "gap", (self.layout.left - 14, y), (self.layout.right, y));
            self.over.push('\n');
            let x = self.layout.left + 12;
            if let Some((x, y)) = self.places.first(&said, FONT, [(x, y - 3), (x + 80, y - 3), (x + 160, y - 3)]) {
                self.label("dim", x, y, &said);
            }
        }
    }

    /// A checkpoint's cut, as a line through the lanes of the subtasks.
    fn cut(&mut self, cut: &Cut) {
        let mut points: Vec<(i32, i32)> = Vec::new();
        let before = cut.trigger.filter(|row| *row >= self.chosen.rows.start);
        let finished = before.map_or(10, |row| self.layout.y(row));
        for lane in &self.layout.lanes.list {
            let subtasks = lane.tasks.iter().filter(|task| task.index() < self.past.topology.len());
            let through = subtasks.filter_map(|task| Some((*task, cut.through(*task)?)));
            let Some((task, row)) = through.max_by_key(|(_, row)| if *row == usize::MAX { 0 } else { row + 1 }) else {
                continue;
            };
            let Some(x) = self.layout.lanes.x(Incarnation { task, attempt: cut.job }) else { continue };
            let y = match row {
                usize::MAX => finished,
                row if row < self.chosen.rows.start => 10,
                row => self.layout.y(row),
            };
            points.push((x, y));
        }
        let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) else { return };
        let crossings = cut.crossings(self.past);
        let count = |how: Crossing| crossings.values().filter(|crossing| **crossing == how).count();
        let (orphans, lost) = (count(Crossing::Orphan), count(Crossing::Lost));
        let (class, sign) = match cut.complete {
            None => ("cut open", Sign::OpenCut),
            Some(_) if orphans + lost > 0 => ("cut bad", Sign::BadCut),
            Some(_) => ("cut", Sign::Cut),
        };
        self.signs.insert(sign);
        let mut path = format!("M{} {}", first.0 - 12, first.1);
        for (x, y) in &points {
            let _ = write!(path, "L{x} {y}");
        }
        let _ = write!(path, "L{} {}", last.0 + 12, last.1);
        self.over.push_str("<g class=\"cutline-cut\">");
        let said = match (cut.complete, cut.abort) {
            (Some(row), _) => format!("complete at step {row}; {orphans} orphans, {lost} messages lost"),
            (None, Some(row)) => format!("given up at step {row}"),
            (None, None) => "never complete in this trace".to_string(),
        };
        svg::title(&mut self.over, &format!("cut of {} of attempt {}: {said}", cut.id, cut.job));
        let _ = writeln!(self.over, "<path class=\"{class}\" d=\"{path}\"/></g>");
        let label = match (sign, orphans + lost) {
            (Sign::BadCut, n) => format!("cut of {}: {n} wrong", cut.id),
            (Sign::OpenCut, _) if cut.abort.is_some() => format!("{}: given up", cut.id),
            (Sign::OpenCut, _) => format!("{}: never complete", cut.id),
            _ => format!("cut of {}", cut.id),
        };
        let x = self.layout.right;
        let spots = (0..40).flat_map(|i| [(x, last.1 + 4 + i * 7), (x, (last.1 + 4 - i * 7).max(18))]);
        if let Some((x, y)) = self.places.first(&label, FONT, spots) {
            svg::line(&mut self.over, "rule", (last.0 + 12, last.1), (x - 4, y - 4));
            self.label(if sign == Sign::BadCut { "wrong" } else { "cuttext" }, x, y, &label);
            self.reach = self.reach.max(x + svg::width(&label, FONT));
        }
    }

    /// Head, picture and legend together.
    fn page(mut self, view: View) -> String {
        let right = (self.reach + 12).max(NARROW);
        let (head, said) = self.head(view, right);
        let top = head.1 + 26;
        let mut foot = String::new();
        let signs = std::mem::take(&mut self.signs);
        let legend = top + self.layout.bottom + 22;
        let bottom = shapes::legend(&mut foot, signs, 16, right - 8, legend);
        let mut out = String::with_capacity(self.over.len() + self.texts.len() + 8000);
        style::open(&mut out, (right, bottom + 4), &said);
        out.push_str(&head.0);
        let _ = writeln!(out, "<g transform=\"translate(0 {top})\">");
        out.push_str(&self.over);
        // Letters have an edge in the colour of the ground, so that lines don't run through them.
        out.push_str("<g class=\"texts\">");
        out.push_str(&self.texts);
        out.push_str("</g></g>\n");
        svg::line(&mut out, "rule", (16, legend - 18), (right - 16, legend - 18));
        out.push('\n');
        out.push_str(&foot);
        out.push_str("</svg>\n");
        style::plain(&out)
    }

    /// The lines above the picture, where they end, and all of it as a sentence.
    fn head(&self, view: View, right: i32) -> ((String, i32), String) {
        let meta = self.past.meta;
        let seed = meta.seed.map_or_else(String::new, |seed| format!(", seed 0x{seed:016x}"));
        let title = format!("{}{seed}", meta.scenario);
        let rows = &self.chosen.rows;
        let steps = match &self.chosen.why {
            None => format!("all {} steps", rows.len()),
            Some(why) => {
                format!("steps {} to {} of {}: {why}", rows.start, rows.end - 1, self.past.events.len())
            }
        };
        let mut notes = vec![steps];
        notes.extend(self.layout.without.map(str::to_string));
        if view.scale == super::view::Scale::Time {
            let timed = if self.past.timed() { "distances are virtual time" } else { "the trace has no times" };
            notes.push(timed.to_string());
        }
        let wrong = self.violation.map(|v| format!("{} violated: {}", v.invariant.name(), v.message));
        let mut out = String::new();
        let mut y = 4;
        let mut put = |class: &str, size: i32, text: &str| {
            for line in svg::lines(text, ((right - 32) * 100 / (size * 61)) as usize) {
                y += size + 6;
                svg::text(&mut out, class, 16, y, &line);
            }
        };
        put("h1", 14, &title);
        if let Some(wrong) = &wrong {
            put("wrong", FONT, wrong);
        }
        put("dim", FONT, &notes.join("; "));
        let said = format!("Space-time diagram of {title}. {} {}", wrong.unwrap_or_default(), notes.join("; "));
        ((out, y + 8), said)
    }
}
