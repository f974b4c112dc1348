//! Reports in files.

use super::args::{Format, ReportKind, ReportTo};
use super::output;
use crate::report::{self, github, html, json, junit, markdown, sarif};
use std::io::Write;

/// Writes the reports that are wanted in files.
pub fn write(reports: &[ReportTo], done: &report::Sweep) -> Result<(), String> {
    let mut problems = Vec::new();
    for wanted in reports {
        let bytes = match wanted.kind {
            ReportKind::Junit => junit::document(done),
            ReportKind::Json => Ok(json::document(done)),
            ReportKind::Jsonl => Ok(json::lines(done)),
            ReportKind::Markdown => Ok(markdown::document(done)),
            ReportKind::Sarif => Ok(sarif::document(done)),
            ReportKind::Html => Ok(html::page(done, &super::html::complete(&done.tail.extras))),
        };
        let written = bytes.and_then(|bytes| match wanted.path.as_os_str() == "-" {
            true => output::raw(bytes.as_bytes()).map(drop).map_err(|error| format!("cannot write to stdout: {error}")),
            false => output::file(&wanted.path, bytes.as_bytes()),
        });
        problems.extend(written.err());
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// Does anybody want Markdown? On GitHub the summary of a step is some.
pub fn markdown(reports: &[ReportTo]) -> bool {
    let step = std::env::var_os("GITHUB_STEP_SUMMARY").is_some_and(|path| !path.is_empty());
    step || reports.iter().any(|report| report.kind == ReportKind::Markdown)
}

/// On GitHub: annotations on stdout, where people read, and a summary of the step. The environment changes what is shown
/// and nothing else.
pub fn github(format: Format, reports: &[ReportTo], done: &report::Sweep) -> Result<(), String> {
    let there = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    let free = reports.iter().all(|report| report.path.as_os_str() != "-");
    if free && (format == Format::Github || there && format == Format::Human) {
        let printed = output::raw(github::annotations(done).as_bytes());
        printed.map_err(|error| format!("cannot write to stdout: {error}"))?;
    }
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| there && !path.is_empty()) else {
        return Ok(());
    };
    let shown = path.to_string_lossy().into_owned();
    let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| {
        // What other commands of the step have written counts, too.
        let before = file.metadata()?.len() as usize;
        let text = markdown::document(done);
        let fits = before + text.len() <= markdown::MOST;
        let note = "\ncutline: there is no room left for its summary in this step.\n";
        file.write_all(if fits { text.as_bytes() } else { note.as_bytes() })
    });
    written.map_err(|error| format!("cannot write {shown}: {error}"))
}
