//! Small pieces of SVG: text that is escaped, boxes that don't meet, arrow heads.

use std::fmt::Write as _;

/// The size of letters, in pixels. All of them are as wide as each other: only so the width of a text is known without
/// the fonts of whoever will look.
pub const FONT: i32 = 11;

/// How wide a text is at most, in pixels, at this size.
pub fn width(text: &str, size: i32) -> i32 {
    (text.chars().count() as i32 * size * 61 + 99) / 100
}

/// A text as XML takes it. Characters that XML doesn't have become the replacement character.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// At most so many characters.
pub fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_string(),
    }
}

/// A text in lines of at most so many characters, broken at spaces where there are any.
pub fn lines(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let free = lines.last().map_or(0, |line| most.saturating_sub(line.chars().count() + 1));
        if word.len() <= free
            && let Some(line) = lines.last_mut()
        {
            line.push(' ');
            line.extend(word);
            continue;
        }
        while word.len() > most {
            lines.push(word.drain(..most).collect());
        }
        lines.push(word.into_iter().collect());
    }
    lines
}

/// A box: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area(pub i32, pub i32, pub i32, pub i32);

impl Area {
    /// The box of a text that begins at x with its base line at y.
    pub fn text(x: i32, y: i32, text: &str, size: i32) -> Area {
        Area(x, y - size, x + width(text, size), y + size / 4 + 1)
    }

    /// Do they share a point?
    pub fn meets(&self, other: &Area) -> bool {
        self.0 < other.2 && other.0 < self.2 && self.1 < other.3 && other.1 < self.3
    }
}

/// Where texts are, so that no two of them meet.
#[derive(Clone, Debug, Default)]
pub struct Places {
    taken: Vec<Area>,
}

impl Places {
    /// This place is taken, whatever is there.
    pub fn take(&mut self, area: Area) {
        self.taken.push(area);
    }

    /// Is it free?
    pub fn free(&self, area: &Area) -> bool {
        // What was placed last is nearest, mostly.
        !self.taken.iter().rev().any(|taken| taken.meets(area))
    }

    /// The first of these base lines at which the text meets no other; it is taken.
    pub fn first(&mut self, text: &str, size: i32, at: impl IntoIterator<Item = (i32, i32)>) -> Option<(i32, i32)> {
        let found = at.into_iter().find(|(x, y)| self.free(&Area::text(*x, *y, text, size)))?;
        self.take(Area::text(found.0, found.1, text, size));
        Some(found)
    }
}

/// A text with its base line at (x, y).
pub fn text(out: &mut String, class: &str, x: i32, y: i32, text: &str) {
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
}

/// What is shown when the pointer rests on the element that is open.
pub fn title(out: &mut String, text: &str) {
    let _ = write!(out, "<title>{}</title>", escaped(text));
}

/// A line.
pub fn line(out: &mut String, class: &str, from: (i32, i32), to: (i32, i32)) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = write!(out, "<path class=\"{class}\" d=\"M{x1} {y1}L{x2} {y2}\"/>");
}

/// The head of an arrow that ends at `to`.
pub fn head(out: &mut String, class: &str, from: (i32, i32), to: (i32, i32), size: i32) {
    let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    // Correctly rounded everywhere, as IEEE 754 wants it: the same bytes on every machine.
    let length = (dx * dx + dy * dy).sqrt();
    if length < 1.0 {
        return;
    }
    let (ux, uy) = (dx / length, dy / length);
    let (back, side) = (f64::from(size), f64::from(size) * 0.45);
    let point = |along: f64, across: f64| {
        let x = f64::from(to.0) - ux * along - uy * across;
        let y = f64::from(to.1) - uy * along + ux * across;
        (tenths(x), tenths(y))
    };
    let ((ax, ay), (bx, by)) = (point(back, side), point(back, -side));
    let _ = write!(out, "<path class=\"{class}\" d=\"M{} {}L{ax} {ay}L{bx} {by}Z\"/>", to.0, to.1);
}

fn tenths(value: f64) -> String {
    let tenths = (value * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}
