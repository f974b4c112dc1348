//! For pull requests and step summaries.

use super::{Finding, Row, Status, Sweep, grouped, seed, text};
use std::fmt::Write;

/// A step summary of GitHub takes a mebibyte; what is longer than this is cut, and says so.
pub const MOST: usize = 900 * 1024;
/// Room for the note that something was cut.
const NOTE: usize = 256;

/// The document.
pub fn document(sweep: &Sweep) -> String {
    let mut out = format!("## cutline: {}\n\n", text::word(sweep));
    let _ = writeln!(out, "{}\n", escaped(text::plain(&text::sum(sweep)).trim()));
    if !sweep.findings.is_empty() {
        out.push_str("| finding | scenario | what | seeds |\n| --- | --- | --- | ---: |\n");
    }
    for finding in &sweep.findings {
        let (scenario, title) = (escaped(&finding.scenario), escaped(&finding.kind.title()));
        let more = format!("| `{}` | {scenario} | {title} | {} |\n", finding.id(), grouped(finding.count));
        out.push_str(if out.len() + more.len() + NOTE > MOST / 4 { "" } else { &more });
    }
    out.push('\n');
    let mut lost = 0;
    for finding in &sweep.findings {
        let mut more = one(finding);
        if let Some((_, mermaid)) = sweep.tail.extras.mermaid.as_ref().filter(|(id, _)| *id == finding.id()) {
            let _ = writeln!(more, "Its small run:\n\n```mermaid\n{}\n```\n", mermaid.trim_end());
        }
        if out.len() + more.len() + NOTE > MOST {
            lost += 1;
        } else {
            out.push_str(&more);
        }
    }
    if lost > 0 {
        let _ = writeln!(out, "... and {lost} more findings: this summary is as long as it may be.\n");
    }
    for missing in &sweep.tail.missing {
        let _ = writeln!(out, "Missing: `{missing}`\n");
    }
    if !sweep.tail.resume.is_empty() {
        let _ = writeln!(out, "The rest:\n\n```sh\n{}\n```\n", sweep.tail.resume.join("\n"));
    }
    let mut cut = false;
    let head = "| status | scenario | seeds | failing | goals | violated |\n| --- | --- | ---: | ---: | ---: | --- |\n";
    out.push_str(if sweep.scenarios.is_empty() { "" } else { head });
    for row in &sweep.scenarios {
        let more = line(row);
        cut |= out.len() + more.len() + NOTE > MOST;
        out.push_str(if cut { "" } else { &more });
    }
    if cut {
        out.push_str("\n... and more scenarios: this summary is as long as it may be.\n");
    }
    for remark in &sweep.diagnostics {
        let place = format!("{}:{}:{}", remark.file, remark.line, remark.column);
        let more = format!("\n- {} {} `{place}`: {}\n", remark.severity, remark.code, escaped(&remark.message));
        out.push_str(if out.len() + more.len() + NOTE > MOST { "" } else { &more });
    }
    let _ =
        writeln!(out, "\n`{}` · run {} · cutline {}", sweep.head.command(), sweep.head.id, env!("CARGO_PKG_VERSION"));
    out
}

fn one(finding: &Finding) -> String {
    let mut out = format!("### {}: {}", escaped(&finding.scenario), escaped(&finding.kind.title()));
    if finding.count > 0 {
        let _ = write!(out, " by {} of {} seeds", grouped(finding.count), grouped(finding.of));
    }
    let _ = write!(out, " `{}`\n\nShould be: {}.\n\n", finding.id(), escaped(&finding.statement));
    if let Some(smallest) = finding.seed {
        let _ = write!(out, "Seed `{}`: ", seed(smallest));
    }
    let _ = writeln!(out, "{}\n", escaped(&finding.message));
    if let Some(shrunk) = &finding.shrunk {
        let _ = writeln!(out, "Shrunk to {}\n", escaped(shrunk));
    }
    let smaller = finding.smaller.as_ref().map_or_else(String::new, |smaller| format!("{smaller}\n"));
    let _ = writeln!(out, "```sh\n{smaller}{}\n```\n", finding.reproduce);
    out
}

fn line(row: &Row) -> String {
    let (reached, goals) = row.reached();
    let violated = row.verdicts.iter().filter(|judged| judged.violated > 0).map(|judged| judged.invariant.name());
    let status = match row.status {
        Status::Fail | Status::Unreached => format!("**{}**", row.status.word()),
        other => other.word().to_string(),
    };
    format!(
        "| {status} | {} | {} | {} | {reached}/{goals} | {} |\n",
        escaped(&row.name),
        grouped(row.seeds),
        grouped(row.failed),
        violated.collect::<Vec<_>>().join(", ")
    )
}

/// Text that Markdown takes as it is, in a table, too.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '@' => out.extend(['\\', c]),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
