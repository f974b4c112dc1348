//! What is wrong with a line of a trace, where, and what would be right.

use std::fmt;
use std::ops::Range;

/// Why a trace can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in characters.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What else there is to say: for whoever shows the line.
    pub more: Box<More>,
}

/// An error's kind, its place and its cure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct More {
    /// Which kind of mistake: `T0103`. [`CODES`] says more.
    pub code: &'static str,
    /// The line; empty if it is no text.
    pub text: String,
    /// The place in it, in bytes.
    pub span: Range<usize>,
    /// What to say at the place.
    pub label: String,
    /// What would help.
    pub help: Option<String>,
    /// What would probably be right at the place.
    pub replacement: Option<String>,
}

impl Error {
    /// An error at a place of a line.
    pub(super) fn at(code: &'static str, line: u64, text: &str, span: Range<usize>, message: String) -> Self {
        let column = text.get(..span.start).map_or(1, |before| before.chars().count() as u64 + 1);
        let more = More { code, text: text.to_string(), span, ..More::default() };
        Error { line, column, message, more: Box::new(more) }
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.more.label = label.into();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.more.help = Some(help.into());
        self
    }

    /// What was probably meant at the place.
    pub(super) fn meant(mut self, help: &str, replacement: String) -> Self {
        self.more.replacement = Some(replacement);
        self.help(help)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Error {}

/// All codes with their explanations.
pub const CODES: &[(&str, &str)] = &[
    ("T0101", "The trace can't be read: the file doesn't exist, is a directory, or the system refuses it."),
    (
        "T0102",
        "A line isn't a JSON object. A trace is JSON lines: every line is one object, on one line, without a comma behind \
         it. A last line that ends in the middle is one of a writer that was killed: take it away, and what depends on the \
         missing lines is undecided.",
    ),
    (
        "T0103",
        "A line has a field that lines of its kind don't have. Unknown fields are errors, because a misspelt one that is \
         silently ignored would change the verdict. Lines of an unknown kind are passed over, and counted.",
    ),
    ("T0104", "A field is missing that lines of this kind need. docs/trace.md has a table of kinds and their fields."),
    (
        "T0105",
        "A value is of another type than its field: a text where a whole number is wanted, for example. Numbers above 2^53 \
         are written as text, and taken in both ways.",
    ),
    ("T0106", "A number is negative, has a fraction, or is larger than its field takes."),
    ("T0107", "A field takes one of a closed list of words, and this is none of them."),
    (
        "T0108",
        "A line names a process or a channel that the job of the first line doesn't have. Subtasks are called `map/1`, \
         channels `src/0>map/1`; `coordinator`, `store`, `ledger` and `environment` are there in every job. `#3` stands for \
         the third of those that have no name of their own, counted from 0.",
    ),
    (
        "T0109",
        "The line is of a version of the trace format that this cutline doesn't read. `v` is 1 in all lines so far.",
    ),
    (
        "T0110",
        "The first line of a trace is its header, of the kind `meta`: it names the job, and everything else is read by it. \
         There is one, and it comes first.",
    ),
    (
        "T0111",
        "The job of the header can't be: an edge names a vertex that isn't there, the graph has a cycle, a vertex has no \
         subtasks, or the job is larger than anything that can be judged.",
    ),
    ("T0112", "A line is longer than 16 MiB. Lines of traces are some hundred bytes long."),
    ("T0113", "A line isn't UTF-8 text. Bytes that are no text are written as {\"bytes\": \"00ff\"}."),
];

/// The candidate that is so near to a word that it was probably meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > 100 {
        return None;
    }
    let near = candidates.into_iter().filter(|candidate| candidate.len() <= 200);
    let (distance, best) = near.map(|near| (strsim::damerau_levenshtein(word, near), near)).min()?;
    (distance <= (length.max(best.chars().count()) / 3).max(1) && distance < length.max(2)).then_some(best)
}
