//! Reports in files.

use super::args::{ReportKind, ReportTo};
use super::output;
use crate::report::{self, json, junit};

/// Writes the reports that are wanted in files.
pub fn write(reports: &[ReportTo], done: &report::Sweep) -> Result<(), String> {
    let mut problems = Vec::new();
    for wanted in reports {
        let bytes = match wanted.kind {
            ReportKind::Junit => junit::document(done),
            ReportKind::Json => Ok(json::document(done)),
            ReportKind::Jsonl => Ok(json::lines(done)),
        };
        let written = bytes.and_then(|bytes| match wanted.path.as_os_str() == "-" {
            true => output::raw(bytes.as_bytes()).map(drop).map_err(|error| format!("cannot write to stdout: {error}")),
            false => output::file(&wanted.path, bytes.as_bytes()),
        });
        problems.extend(written.err());
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}
