//! What is wrong with a trace, shown as mistakes in scenarios are.

use super::output;
use crate::scenario::Diagnostic;
use crate::scenario::diagnose::Source;
use crate::trace::json::Error;
use std::path::Path;
use std::sync::Arc;

/// The trace can't be had at all.
pub fn unreadable(path: &Path, problem: &str) -> Box<Diagnostic> {
    let source = Arc::new(Source { path: path.display().to_string(), text: String::new() });
    Box::new(Diagnostic::error("T0101", &source, 0..0, problem.to_string()))
}

/// A line is wrong.
pub fn in_line(path: &Path, error: &Error) -> Box<Diagnostic> {
    let more = &error.more;
    // A trace may be far larger than memory and is gone once it was read from a pipe: lines before the wrong one are left
    // empty, so that places are right.
    let before = (error.line.max(1) - 1) as usize;
    let text = if more.text.is_empty() { " " } else { &more.text };
    let source = Source { path: path.display().to_string(), text: format!("{}{text}", "\n".repeat(before)) };
    let span = before + more.span.start..before + more.span.end.max(more.span.start);
    let mut found = Diagnostic::error(more.code, &Arc::new(source), span.clone(), error.message.clone());
    found.label = more.label.clone();
    found.help = more.help.clone();
    found.replacement = more.replacement.clone().map(|new| (span, new));
    Box::new(found)
}

/// Says it.
pub fn say(found: &Diagnostic) {
    output::say(&format!("{}\n", found.render(true)));
}
