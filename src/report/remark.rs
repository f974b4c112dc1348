//! What is wrong with a scenario file, or odd about it, as documents say it.

use crate::scenario::{Diagnostic, Severity};
use serde::{Deserialize, Serialize};

/// A diagnostic with its place worked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Where it ends.
    pub end_line: usize,
    /// The column after its end.
    pub end_column: usize,
    /// The same in bytes.
    pub from_byte: usize,
    /// The byte after its end.
    pub to_byte: usize,
    /// The place as a JSON pointer.
    pub pointer: String,
    /// Which kind of mistake; `cutline explain` tells more.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// What to say at the place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// What would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What would probably be right there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
}

impl Remark {
    /// Is it an error?
    pub fn is_error(&self) -> bool {
        self.severity == "error"
    }
}

impl From<&Diagnostic> for Remark {
    fn from(found: &Diagnostic) -> Remark {
        let ((line, column), (end_line, end_column)) = (found.start(), found.end());
        let severity = match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Remark {
            file: found.path().to_string(),
            line,
            column,
            end_line,
            end_column,
            from_byte: found.span.start,
            to_byte: found.span.end,
            pointer: found.pointer.clone(),
            code: found.code.to_string(),
            severity: severity.to_string(),
            message: found.message.clone(),
            label: found.label.clone(),
            help: found.help.clone(),
            replacement: found.replacement.as_ref().map(|(_, new)| new.clone()),
        }
    }
}
