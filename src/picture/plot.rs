//! Plots: measured points over settings, beside the line of a closed form. Drawn with whole numbers.

use super::style;
use super::svg::{escaped, line, text, width};
use std::fmt::Write;

/// A row of points.
pub struct Series {
    /// Its name.
    pub name: String,
    /// What was measured, for each place of the axis.
    pub points: Vec<Option<f64>>,
    /// What theory says, at the same places.
    pub form: Vec<Option<f64>>,
}

/// One diagram.
pub struct Panel {
    /// What it shows, with the unit.
    pub title: String,
    /// Names of the places of the horizontal axis.
    pub places: Vec<String>,
    /// The rows.
    pub series: Vec<Series>,
}

const WIDE: i32 = 430;
const HIGH: i32 = 250;
const LEFT: i32 = 74;
const TOP: i32 = 34;
const BOTTOM: i32 = 46;
const RIGHT: i32 = 16;
/// Colour of a series, and the shape that tells it where colours don't.
const LOOKS: [(&str, Shape); 5] =
    [("s0", Shape::Disc), ("s1", Shape::Square), ("s2", Shape::Triangle), ("s3", Shape::Diamond), ("s4", Shape::Cross)];

/// In the dark: the rest of it is in the attributes of the classes.
const COLOURS: &str = "<style>
@media screen and (prefers-color-scheme:dark){
.cutline .s0{fill:#58a6ff;stroke:#58a6ff}.cutline .s1{fill:#f0883e;stroke:#f0883e}.cutline .s2{fill:#3fb950;stroke:#3fb950}
.cutline .s3{fill:#bc8cff;stroke:#bc8cff}.cutline .s4{fill:none;stroke:#ff6a61}
.cutline .form{fill:none}
}
</style>
";

#[derive(Clone, Copy)]
enum Shape {
    Disc,
    Square,
    Triangle,
    Diamond,
    Cross,
}

impl Shape {
    fn draw(self, out: &mut String, class: &str, (x, y): (i32, i32)) {
        let path = match self {
            Shape::Disc => format!("M{} {y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", x - 4),
            Shape::Square => format!("M{} {}h7v7h-7Z", x - 3, y - 3),
            Shape::Triangle => format!("M{} {}h10l-5 -9Z", x - 5, y + 4),
            Shape::Diamond => format!("M{x} {}l5 5l-5 5l-5 -5Z", y - 5),
            Shape::Cross => format!("M{} {}l8 8m0 -8l-8 8", x - 4, y - 4),
        };
        let _ = write!(out, "<path class=\"{class}\" d=\"{path}\"/>");
    }
}

/// Some diagrams, two beside each other, with one legend.
pub fn plot(title: &str, panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(2) as i32;
    let size = (WIDE * 2 + 24, 40 + rows * (HIGH + 12) + 44);
    let mut out = String::new();
    style::open(&mut out, size, title);
    out.push_str(COLOURS);
    text(&mut out, "h1", 16, 24, title);
    for (i, panel) in (0..).zip(panels) {
        drawn(&mut out, panel, 12 + (i % 2) * WIDE, 40 + (i / 2) * (HIGH + 12));
    }
    legend(&mut out, panels, size.1 - 22);
    out.push_str("</svg>\n");
    style::plain(&out)
}

fn legend(out: &mut String, panels: &[Panel], y: i32) {
    let Some(panel) = panels.first() else { return };
    let mut x = 20;
    for (series, (class, shape)) in panel.series.iter().zip(LOOKS) {
        shape.draw(out, class, (x, y - 4));
        text(out, "", x + 10, y, &series.name);
        x += width(&series.name, 11) + 34;
    }
    if panels.iter().flat_map(|panel| &panel.series).any(|series| series.form.iter().any(Option::is_some)) {
        line(out, "s0 form", (x, y - 4), (x + 26, y - 4));
        text(out, "dim", x + 32, y, "closed form");
    }
}

/// The least round number that is not below `value`: 1, 2 or 5 with zeros.
fn round(value: f64) -> f64 {
    let mut step = 1e-6;
    while step < 1e15 {
        for factor in [1.0, 2.0, 5.0] {
            if step * factor >= value {
                return step * factor;
            }
        }
        step *= 10.0;
    }
    value
}

/// At most three digits after the point, and no zeros at the end.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short.is_empty() { "0".to_string() } else { short.to_string() }
}

fn drawn(out: &mut String, panel: &Panel, left: i32, top: i32) {
    let all = panel.series.iter().flat_map(|series| series.points.iter().chain(&series.form)).flatten();
    let most = round(all.copied().fold(0.0, f64::max).max(1e-6));
    let (x0, x1) = (left + LEFT, left + WIDE - RIGHT);
    let (y0, y1) = (top + HIGH - BOTTOM, top + TOP);
    text(out, "name", x0, top + 16, &panel.title);
    for tick in 0..=4 {
        let y = y0 - (y0 - y1) * tick / 4;
        line(out, "rule", (x0, y), (x1, y));
        let label = number(most * f64::from(tick) / 4.0);
        text(out, "dim", x0 - 8 - width(&label, 11), y + 4, &label);
    }
    let places = panel.places.len().max(1) as i32;
    let x = |place: usize| x0 + (x1 - x0) * (2 * place as i32 + 1) / (2 * places);
    let y = |value: f64| y0 - (f64::from(y0 - y1) * value / most).round() as i32;
    let mut free = i32::MIN;
    for (place, name) in panel.places.iter().enumerate() {
        let begin = x(place) - width(name, 11) / 2;
        if begin >= free {
            text(out, "dim", begin, y0 + 18, name); // where there is room: places may lie close together
            free = begin + width(name, 11) + 4;
        }
    }
    for (series, (class, shape)) in panel.series.iter().zip(LOOKS) {
        let form = series.form.iter().enumerate().filter_map(|(place, value)| Some((x(place), y((*value)?))));
        let steps: Vec<String> = form.map(|(x, y)| format!("{x} {y}")).collect();
        if steps.len() > 1 {
            let _ = writeln!(out, "<path class=\"{class} form\" d=\"M{}\"/>", steps.join("L"));
        }
        for (place, value) in series.points.iter().enumerate() {
            let Some(value) = value else { continue };
            let name = panel.places.get(place).map_or("", String::as_str);
            let _ =
                write!(out, "<g><title>{}</title>", escaped(&format!("{}, {name}: {}", series.name, number(*value))));
            shape.draw(out, class, (x(place), y(*value)));
            out.push_str("</g>\n");
        }
    }
}
