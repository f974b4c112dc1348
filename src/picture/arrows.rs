//! Messages, barriers and what else goes from lane to lane.

use super::bundles::Bundle;
use super::cuts::Crossing;
use super::diagram::Drawing;
use super::past::{Flight, Load};
use super::shapes::Sign;
use super::svg;
use crate::ids::*;
use std::fmt::Write as _;

/// A point, in pixels.
type Point = (i32, i32);

/// More arrows than this are a crowd, in which only what matters has a name.
const CROWD: usize = 8;

/// How an arrow looks.
struct Look {
    class: &'static str,
    head: &'static str,
    sign: Sign,
}

const MESSAGE: Look = Look { class: "msg", head: "msghead", sign: Sign::Message };
const CAPTURED: Look = Look { class: "captured", head: "capturedhead", sign: Sign::Captured };
const WRONG: Look = Look { class: "wrongline", head: "wronghead", sign: Sign::Wrong };
const BARRIER: Look = Look { class: "bar", head: "barhead", sign: Sign::Barrier };
const CANCEL: Look = Look { class: "cancel", head: "barhead", sign: Sign::Cancel };
const END: Look = Look { class: "end", head: "endhead", sign: Sign::End };

/// How a bundle crosses the cut, in words, for a label.
fn said(bundle: &Bundle) -> Option<String> {
    let (crossing, id) = bundle.crossing?;
    Some(match crossing {
        Crossing::Orphan => format!("orphan of {id}"),
        Crossing::Lost => format!("lost by {id}"),
        Crossing::Captured => format!("in {id}"),
    })
}

fn explained(crossing: Crossing) -> &'static str {
    match crossing {
        Crossing::Orphan => "received before the cut, and sent after it",
        Crossing::Lost => "in flight at the cut, and not in its channel state",
        Crossing::Captured => "in flight at the cut, and in its channel state",
    }
}

impl Drawing<'_> {
    /// The two ends of an arrow, as far as they are shown. The second value: nobody took it.
    fn ends(
        &self,
        from: Incarnation,
        to: Incarnation,
        sent: Option<usize>,
        taken: Option<usize>,
    ) -> Option<(Point, Point, bool)> {
        let (a, b) = (self.layout.lanes.x(from)?, self.layout.lanes.x(to)?);
        let rows = &self.chosen.rows;
        Some(match (sent, taken) {
            (Some(sent), Some(taken)) => ((a, self.layout.y(sent)), (b, self.layout.y(taken)), false),
            // Where it came from isn't in the trace: a stub.
            (None, Some(taken)) => {
                let y = self.layout.y(taken);
                ((b - (b - a).signum() * 26, y - 7), (b, y), false)
            }
            (Some(sent), None) => {
                let y = self.layout.y(sent);
                ((a, y), (a + (b - a).signum() * 34, y + 2), true)
            }
            (None, None) => return None,
        })
        .filter(|_| sent.is_none_or(|row| row < rows.end) && taken.is_none_or(|row| row >= rows.start))
    }

    fn arrow(&mut self, look: &Look, from: Point, to: Point, lone: bool) {
        if from.0 == to.0 {
            // Between two processes of one lane.
            let (x, out, y1, y2, class) = (from.0, from.0 + 26, from.1, to.1, look.class);
            let _ = write!(self.over, "<path class=\"{class}\" d=\"M{x} {y1}C{out} {y1} {out} {y2} {x} {y2}\"/>");
            svg::head(&mut self.over, look.head, (x + 9, y2), to, 7);
        } else {
            svg::line(&mut self.over, look.class, from, to);
            match lone {
                true => {
                    self.signs.insert(Sign::Lone);
                    let (x, y) = to;
                    let _ = write!(self.over, "<circle class=\"lone\" cx=\"{x}\" cy=\"{y}\" r=\"3\"/>");
                }
                false => svg::head(&mut self.over, look.head, from, to, if look.sign == Sign::Wrong { 11 } else { 7 }),
            }
        }
        self.signs.insert(look.sign);
    }

    /// Writes a label beside an arrow, if there is room; with `must`, in any case.
    fn beside(&mut self, class: &str, label: &str, from: Point, to: Point, must: bool) {
        let width = svg::width(label, svg::FONT);
        let along = |tenth: i32| (from.0 + (to.0 - from.0) * tenth / 10, from.1 + (to.1 - from.1) * tenth / 10);
        let height =
            |x: i32| from.1 + (to.1 - from.1) * (x - from.0) / (to.0 - from.0).abs().max(1) * (to.0 - from.0).signum();
        // Above the line and below it, so that the text doesn't touch it; right of an arrow that ends on its own lane.
        let beside = |(x, y): Point| {
            if from.0 == to.0 {
                return [(x + 23, y + 4), (x + 23, y - 1), (x + 23, y + 9)];
            }
            let left = x - width / 2;
            let (one, other) = (height(left), height(left + width));
            [(left, one.min(other) - 4), (left, one.max(other) + 12), (x + 4, height(x) + 4)]
        };
        let spots = [5, 4, 6, 3, 7, 2, 8].into_iter().map(along).flat_map(beside);
        let inside = |(x, _): &Point| *x >= self.layout.left - 20;
        let mut spots: Vec<Point> = spots.filter(inside).collect();
        if must {
            let (x, y) = along(5);
            let x = (x - width / 2).max(self.layout.left);
            spots.extend((1..60).flat_map(|step| [(x, y + 4 + step * 7), (x, (y + 4 - step * 7).max(14))]));
        }
        if let Some((x, y)) = self.places.first(label, svg::FONT, spots) {
            self.label(class, x, y, label);
            self.reach = self.reach.max(x + width);
        }
    }

    /// Records.
    pub(super) fn records(&mut self) {
        let bundles = self.layout.bundles.clone();
        let named = bundles.len() <= 24;
        // What is wrong is drawn last, over everything, but its labels come first.
        let (wrong, usual): (Vec<&Bundle>, Vec<&Bundle>) = bundles.iter().partition(|bundle| bundle.wrong());
        let blamed: Vec<RecordId> = wrong.iter().flat_map(|bundle| self.loaded(bundle)).collect();
        // In a crowd, what has nothing to do with it stays behind it.
        let aside = |all: &Self, bundle: &Bundle| {
            let same = all.loaded(bundle).iter().any(|id| blamed.contains(id));
            bundles.len() > CROWD && !wrong.is_empty() && bundle.crossing.is_none() && !same
        };
        wrong.iter().for_each(|bundle| self.named(bundle, true));
        for bundle in &usual {
            let group = if aside(self, bundle) { "<g class=\"aside\">" } else { "<g>" };
            self.bundle(bundle, group);
        }
        wrong.iter().for_each(|bundle| self.bundle(bundle, "<g class=\"wrongmsg\">"));
        for bundle in &usual {
            if !aside(self, bundle) {
                self.named(bundle, named);
            }
        }
    }

    /// The records of a bundle, where they are known.
    fn loaded(&self, bundle: &Bundle) -> Vec<RecordId> {
        bundle.flights.iter().filter_map(|flight| self.past.flights[*flight].record).collect()
    }

    fn named(&mut self, bundle: &Bundle, named: bool) {
        let first = |span: Option<(usize, usize)>| span.map(|(first, _)| first);
        let ends = self.ends(bundle.from, bundle.to, first(bundle.sent), first(bundle.taken));
        let Some((from, to, _)) = ends else { return };
        let flight = &self.past.flights[bundle.flights[0]];
        let label = match (said(bundle), bundle.flights.len(), flight.record) {
            (Some(said), 1, Some(id)) => format!("{said}: {id}"),
            (Some(said), 1, None) => said,
            (Some(said), n, _) => format!("{said}: {n} records"),
            (None, 1, Some(id)) if named => id.to_string(),
            (None, 1, _) => return,
            (None, n, _) => format!("×{n}"),
        };
        let class = match bundle.crossing {
            Some((Crossing::Captured, _)) => "good",
            Some(_) => "wrong",
            None => "dim",
        };
        self.beside(class, &label, from, to, bundle.wrong());
    }

    fn bundle(&mut self, bundle: &Bundle, group: &str) {
        let look = match bundle.crossing {
            Some((Crossing::Captured, _)) => &CAPTURED,
            Some(_) => &WRONG,
            None => &MESSAGE,
        };
        let end = |span: Option<(usize, usize)>, last: bool| span.map(|(a, z)| if last { z } else { a });
        let first = self.ends(bundle.from, bundle.to, end(bundle.sent, false), end(bundle.taken, false));
        let last = self.ends(bundle.from, bundle.to, end(bundle.sent, true), end(bundle.taken, true));
        let (Some((a, b, lone)), Some((c, d, _))) = (first, last) else { return };
        self.over.push_str(group);
        let title = self.told(bundle);
        svg::title(&mut self.over, &title);
        if bundle.flights.len() > 1 && a.0 != b.0 {
            let ((x1, y1), (x2, y2), (y3, y4)) = (a, b, (c.1, d.1));
            let _ = write!(self.over, "<path class=\"band\" d=\"M{x1} {y1}L{x2} {y2}L{x2} {y4}L{x1} {y3}Z\"/>");
            self.signs.insert(Sign::Band);
            self.arrow(look, c, d, lone);
        }
        self.arrow(look, a, b, lone);
        self.over.push_str("</g>\n");
    }

    fn told(&self, bundle: &Bundle) -> String {
        let flights = bundle.flights.iter().map(|flight| &self.past.flights[*flight]);
        let mut parts: Vec<String> = flights.clone().take(12).map(|flight| self.flight(flight)).collect();
        if bundle.flights.len() > parts.len() {
            parts.push(format!("and {} more", bundle.flights.len() - parts.len()));
        }
        if let Some((crossing, id)) = bundle.crossing {
            parts.insert(0, format!("{id}: {}", explained(crossing)));
        }
        parts.join("; ")
    }

    fn flight(&self, flight: &Flight) -> String {
        let channel = self.past.topology.channel_name(flight.channel);
        let what = match flight.load {
            Load::Record(m) => {
                let id = flight.record.map_or_else(String::new, |id| format!(" {id}"));
                format!("{channel} #{m}{id}")
            }
            Load::Barrier(id) => format!("barrier of {id}, {channel}"),
            Load::Cancel(id) => format!("cancellation of {id}, {channel}"),
            Load::End => format!("end of {channel}"),
        };
        let step = |row: Option<usize>, word: &str| match row {
            Some(row) => format!("{word} at step {row}"),
            None => format!("not {word} in this trace"),
        };
        let passed = match flight.passed {
            0 => String::new(),
            n => format!(", passed {n} records"),
        };
        format!("{what}: {}, {}{passed}", step(flight.sent, "sent"), step(flight.taken, "taken"))
    }

    /// Barriers, cancellations, ends.
    pub(super) fn others(&mut self) {
        for at in self.layout.others.clone() {
            let flight = &self.past.flights[at];
            let Some((from, to)) = self.past.ends(flight.channel) else { continue };
            let who = |task| Incarnation { task, attempt: flight.attempt };
            let Some((a, b, lone)) = self.ends(who(from), who(to), flight.sent, flight.taken) else { continue };
            let look = match flight.load {
                Load::Barrier(_) => &BARRIER,
                Load::Cancel(_) => &CANCEL,
                _ => &END,
            };
            self.over.push_str("<g>");
            let title = self.flight(flight);
            svg::title(&mut self.over, &title);
            self.arrow(look, a, b, lone);
            self.over.push_str("</g>\n");
        }
    }

    /// The labels of barriers, after all labels that say more.
    pub(super) fn barriers(&mut self) {
        for at in self.layout.others.clone() {
            let flight = &self.past.flights[at];
            let (Load::Barrier(id), Some((from, to))) = (flight.load, self.past.ends(flight.channel)) else { continue };
            let who = |task| Incarnation { task, attempt: flight.attempt };
            if let Some((a, b, _)) = self.ends(who(from), who(to), flight.sent, flight.taken) {
                let label = match self.layout.counts.get(&at) {
                    Some(count) if *count > 1 => format!("{id} ×{count}"),
                    _ => id.to_string(),
                };
                self.beside("bartext", &label, a, b, false);
            }
        }
    }
}
