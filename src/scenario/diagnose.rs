//! What is wrong with a scenario file, where, and what would be right.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file can't be used.
    Error,
    /// It can, but surely something else was meant.
    Warning,
}

/// A file as it was read: what diagnostics point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path, as the user gave it.
    pub path: String,
    /// Its text; bytes that aren't UTF-8 are replaced.
    pub text: String,
}

impl Source {
    /// The line and the column of a byte, both from 1; the column in characters.
    pub fn place(&self, byte: usize) -> (usize, usize) {
        let before = &self.text[..self.boundary(byte)];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.bytes().filter(|b| *b == b'\n').count() + 1, before[start..].chars().count() + 1)
    }

    /// The character boundary at or before a byte.
    pub fn boundary(&self, byte: usize) -> usize {
        boundary(&self.text, byte)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of mistake: `S0103`. `explain` tells more.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The file.
    pub source: Arc<Source>,
    /// Where in it, in bytes.
    pub span: Range<usize>,
    /// What to say at that place.
    pub label: String,
    /// The place as a JSON pointer.
    pub pointer: String,
    /// Another place that has to do with it.
    pub other: Option<(Range<usize>, String)>,
    /// What would help.
    pub help: Option<String>,
    /// What would probably be right: replace this by that.
    pub replacement: Option<(Range<usize>, String)>,
}

impl Diagnostic {
    /// An error without frills.
    pub fn error(code: &'static str, source: &Arc<Source>, span: Range<usize>, message: String) -> Self {
        let span = source.boundary(span.start)..source.boundary(span.end.max(span.start));
        Diagnostic {
            code,
            severity: Severity::Error,
            message,
            source: source.clone(),
            span,
            label: String::new(),
            pointer: String::new(),
            other: None,
            help: None,
            replacement: None,
        }
    }

    /// Sets what is said at the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets what would help.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The file, as the user named it.
    pub fn path(&self) -> &str {
        &self.source.path
    }

    /// Line and column where it begins, both from 1.
    pub fn start(&self) -> (usize, usize) {
        self.source.place(self.span.start)
    }

    /// Line and column after its end.
    pub fn end(&self) -> (usize, usize) {
        self.source.place(self.span.end)
    }

    /// The message with its place in the file, as a compiler shows it.
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut all = self.span.clone();
        if let Some((other, _)) = &self.other {
            all = all.start.min(other.start)..all.end.max(other.end);
        }
        if let Some((patch, _)) = &self.replacement {
            all = all.start.min(patch.start)..all.end.max(patch.end);
        }
        let window = Window::around(&self.source, all);
        let mut title = level.primary_title(&self.message);
        if self.code.starts_with(['S', 'C', 'T']) {
            title = title.id(self.code);
        }
        if self.source.text.is_empty() {
            let group = title.element(annotate_snippets::Origin::path(self.source.path.as_str()));
            let renderer = if color { Renderer::styled() } else { Renderer::plain() };
            return renderer.render(&[group]);
        }
        let mut snippet = window.snippet(&self.source);
        snippet = snippet.annotation(AnnotationKind::Primary.span(window.inside(&self.span)).label(&self.label));
        if let Some((span, label)) = &self.other {
            snippet = snippet.annotation(AnnotationKind::Context.span(window.inside(span)).label(label));
        }
        let group = title.element(snippet);
        let mut report = Vec::with_capacity(2);
        match (&self.help, &self.replacement) {
            (help, Some((span, new))) => {
                let text = help.as_deref().unwrap_or("perhaps this was meant");
                let patch = window.snippet(&self.source).patch(Patch::new(window.inside(span), new));
                report.push(group);
                report.push(Group::with_title(Level::HELP.secondary_title(clean(text))).element(patch));
            }
            (Some(help), None) => report.push(group.element(Level::HELP.message(clean(help)))),
            (None, None) => report.push(group),
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&report)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.start();
        write!(f, "{}:{line}:{column}: [{}] {}", self.source.path, self.code, self.message)
    }
}

fn boundary(text: &str, byte: usize) -> usize {
    let byte = byte.min(text.len());
    (0..=byte).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Control characters would reach the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The part of a file that is shown. A file can be one line of a megabyte: that is cut, too.
struct Window<'a> {
    text: &'a str,
    start: usize,
    first_line: usize,
}

impl<'a> Window<'a> {
    const MOST: usize = 4000;

    fn around(source: &'a Source, span: Range<usize>) -> Self {
        let text = &source.text;
        let from = source.boundary(span.start);
        let line = text[..from].rfind('\n').map_or(0, |newline| newline + 1);
        let start = if from - line > Self::MOST / 2 { source.boundary(from - Self::MOST / 2) } else { line };
        let to = source.boundary(span.end.min(start + 16 * Self::MOST).max(from));
        let line_end = text[to..].find('\n').map_or(text.len(), |newline| to + newline);
        let end = if line_end - to > Self::MOST / 2 { source.boundary(to + Self::MOST / 2) } else { line_end };
        Window { text: &text[start..end], start, first_line: source.place(start).0 }
    }

    fn snippet<T: Clone>(&self, source: &'a Source) -> Snippet<'a, T> {
        Snippet::source(self.text).line_start(self.first_line).path(source.path.as_str())
    }

    fn inside(&self, span: &Range<usize>) -> Range<usize> {
        let clip = |byte: usize| {
            let byte = byte.saturating_sub(self.start).min(self.text.len());
            boundary(self.text, byte)
        };
        let start = clip(span.start);
        start..clip(span.end).max(start)
    }
}

/// The candidate that is so near to a word that it was probably meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > 100 {
        return None;
    }
    let scored = candidates.into_iter().filter(|c| c.len() <= 200).map(|c| (strsim::damerau_levenshtein(word, c), c));
    let (distance, best) = scored.min()?;
    (distance <= (length.max(best.chars().count()) / 3).max(1) && distance < length.max(2)).then_some(best)
}

/// Words as a list: `a`, `b` or `c`.
pub fn either<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    match quoted.as_slice() {
        [] => "nothing".to_string(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
