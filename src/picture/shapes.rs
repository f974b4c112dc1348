//! The shapes of marks, and the legend, which shows only what occurs.

use super::marks::Shape;
use super::svg::{self, FONT};
use std::fmt::Write as _;

/// What a legend may have to explain, beside the shapes of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// A mark.
    Mark(Shape),
    /// A message.
    Message,
    /// Several messages as one.
    Band,
    /// A message that is in a cut's channel state.
    Captured,
    /// A message that crosses a cut the wrong way.
    Wrong,
    /// A barrier.
    Barrier,
    /// A cancellation.
    Cancel,
    /// The end of a channel.
    End,
    /// A message that nobody took.
    Lone,
    /// A channel that isn't read.
    Blocked,
    /// A cut.
    Cut,
    /// A cut of a checkpoint that was never complete.
    OpenCut,
    /// A cut that isn't consistent.
    BadCut,
    /// A life that goes on beside a newer one.
    Zombie,
}

/// Draws a mark.
pub fn shape(out: &mut String, shape: Shape, x: i32, y: i32) {
    let _ = match shape {
        Shape::Dot => write!(out, "<circle class=\"mark\" cx=\"{x}\" cy=\"{y}\" r=\"2.5\"/>"),
        Shape::Snapshot => {
            write!(out, "<rect class=\"snapshot\" x=\"{}\" y=\"{}\" width=\"9\" height=\"9\"/>", x - 4, y - 4)
        }
        Shape::Trigger => {
            write!(out, "<path class=\"trigger\" d=\"M{} {}L{} {y}L{} {}Z\"/>", x - 4, y - 5, x + 5, x - 4, y + 5)
        }
        Shape::Complete => write!(
            out,
            "<circle class=\"complete\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/><circle class=\"completedot\" cx=\"{x}\" cy=\"{y}\" r=\"2\"/>"
        ),
        Shape::Abort => write!(
            out,
            "<circle class=\"abort\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/><path class=\"abort\" d=\"M{} {}L{} {}\"/>",
            x - 3,
            y + 3,
            x + 3,
            y - 3
        ),
        Shape::Crash => {
            write!(out, "<path class=\"crash\" d=\"M{0} {2}L{1} {3}M{0} {3}L{1} {2}\"/>", x - 5, x + 5, y - 5, y + 5)
        }
        Shape::Bar => write!(out, "<rect class=\"mark\" x=\"{}\" y=\"{}\" width=\"9\" height=\"2\"/>", x - 4, y - 1),
        Shape::Restore => write!(
            out,
            "<path class=\"restore\" d=\"M{x} {}L{x} {}M{} {}L{x} {}L{} {}\"/>",
            y + 5,
            y - 5,
            x - 4,
            y - 1,
            y - 5,
            x + 4,
            y - 1
        ),
        Shape::Commit => write!(
            out,
            "<path class=\"commit\" d=\"M{x} {}L{} {y}L{x} {}L{} {y}Z\"/><circle class=\"commitdot\" cx=\"{x}\" cy=\"{y}\" r=\"1.5\"/>",
            y - 6,
            x + 6,
            y + 6,
            x - 6
        ),
        Shape::Fault => write!(
            out,
            "<path class=\"fault\" d=\"M{} {}L{} {y}L{} {y}L{} {}\"/>",
            x + 3,
            y - 6,
            x - 2,
            x + 3,
            x - 2,
            y + 6
        ),
        Shape::Fenced => write!(
            out,
            "<path class=\"fenced\" d=\"M{} {}L{} {}L{} {y}L{x} {}L{} {y}Z\"/>",
            x - 5,
            y - 5,
            x + 5,
            y - 5,
            x + 5,
            y + 6,
            x - 5
        ),
    };
}

/// What a sign means; nothing for marks that have their words beside them always.
fn meaning(sign: Sign) -> Option<&'static str> {
    Some(match sign {
        Sign::Mark(Shape::Snapshot) => "snapshot",
        Sign::Mark(Shape::Trigger) => "checkpoint begins",
        Sign::Mark(Shape::Complete) => "checkpoint complete",
        Sign::Mark(Shape::Abort) => "given up, or an error",
        Sign::Mark(Shape::Crash) => "ends by a fault",
        Sign::Mark(Shape::Restore) => "restore",
        Sign::Mark(Shape::Commit) => "output becomes visible",
        Sign::Mark(Shape::Fault) => "fault",
        Sign::Mark(Shape::Fenced) => "fence, or refused by one",
        Sign::Mark(Shape::Dot | Shape::Bar) => return None,
        Sign::Message => "message",
        Sign::Band => "so many messages",
        Sign::Captured => "in flight, in channel state",
        Sign::Wrong => "crosses the cut wrongly",
        Sign::Barrier => "barrier",
        Sign::Cancel => "cancellation",
        Sign::End => "end of the channel",
        Sign::Lone => "never taken",
        Sign::Blocked => "blocked",
        Sign::Cut => "cut of a checkpoint",
        Sign::OpenCut => "cut, never complete",
        Sign::BadCut => "cut that isn't consistent",
        Sign::Zombie => "a life beside a newer one",
    })
}

fn example(out: &mut String, sign: Sign, x: i32, y: i32) {
    let mut arrow = |class: &str, head: &str| {
        svg::line(out, class, (x, y - 4), (x + 22, y + 2));
        if !head.is_empty() {
            svg::head(out, head, (x, y - 4), (x + 22, y + 2), 7);
        }
    };
    match sign {
        Sign::Mark(mark) => shape(out, mark, x + 10, y),
        Sign::Message => arrow("msg", "msghead"),
        Sign::Captured => arrow("captured", "capturedhead"),
        Sign::Wrong => arrow("wrongline", "wronghead"),
        Sign::Barrier => arrow("bar", "barhead"),
        Sign::Cancel => arrow("cancel", "barhead"),
        Sign::End => arrow("end", "endhead"),
        Sign::Cut => svg::line(out, "cut", (x - 2, y), (x + 24, y)),
        Sign::OpenCut => svg::line(out, "cut open", (x - 2, y), (x + 24, y)),
        Sign::BadCut => svg::line(out, "cut bad", (x - 2, y), (x + 24, y)),
        Sign::Zombie => svg::line(out, "lane zombie", (x + 10, y - 7), (x + 10, y + 7)),
        Sign::Lone => {
            svg::line(out, "msg", (x, y - 3), (x + 14, y + 1));
            let _ = write!(out, "<circle class=\"lone\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", x + 17, y + 2);
        }
        Sign::Band => {
            let (right, y1, y2, y3) = (x + 22, y - 6, y - 1, y + 6);
            let _ = write!(out, "<path class=\"band\" d=\"M{x} {y1}L{right} {y2}L{right} {y3}L{x} {y}Z\"/>");
        }
        Sign::Blocked => {
            let _ = write!(out, "<rect class=\"blocked\" x=\"{}\" y=\"{}\" width=\"10\" height=\"14\"/>", x + 5, y - 7);
        }
    }
}

/// Draws the legend of these signs in rows below `y`, no wider than `right`; gives where it ends.
pub fn legend(out: &mut String, signs: impl IntoIterator<Item = Sign>, left: i32, right: i32, y: i32) -> i32 {
    let (mut x, mut y) = (left, y);
    for sign in signs {
        let Some(meaning) = meaning(sign) else { continue };
        let wide = 32 + svg::width(meaning, FONT) + 18;
        if x > left && x + wide > right {
            (x, y) = (left, y + 20);
        }
        out.push_str("<g class=\"key\">");
        example(out, sign, x, y);
        svg::text(out, "dim", x + 30, y + 4, meaning);
        out.push_str("</g>\n");
        x += wide;
    }
    y + 18
}
