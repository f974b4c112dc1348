//! Workflow commands of GitHub: annotations on scenario files. They go to stdout, behind everything else.

use super::{Sweep, text};

/// A step shows so many; the rest is only counted.
const MOST: usize = 10;

/// The lines.
pub fn annotations(sweep: &Sweep) -> String {
    let mut out = String::new();
    let errors = sweep.diagnostics.iter().filter(|remark| remark.is_error()).map(|remark| {
        let place = format!(
            "line={},col={},endLine={},endColumn={}",
            remark.line, remark.column, remark.end_line, remark.end_column
        );
        let title = property(&format!("cutline {}", remark.code));
        format!("::error file={},{place},title={title}::{}\n", property(&remark.file), data(&remark.message))
    });
    let found = sweep.findings.iter().map(|finding| {
        let title = format!("{}: {} [{}]", finding.scenario, finding.kind.title(), finding.id());
        let smaller = finding.smaller.as_ref().map_or_else(String::new, |smaller| format!("\nshrunk:    {smaller}"));
        let (message, reproduce) = (&finding.message, &finding.reproduce);
        let body = format!("{message}\nshould be: {}{smaller}\nreproduce: {reproduce}", finding.statement);
        format!("::error file={},line=1,title={}::{}\n", property(&finding.path), property(&title), data(&body))
    });
    let all: Vec<String> = errors.chain(found).collect();
    out.extend(all.iter().take(MOST).map(String::as_str));
    if all.len() > MOST {
        let (more, word) = (all.len() - MOST, text::word(sweep));
        out.push_str(&format!("::notice title=cutline::{word}: and {more} more, see the summary of this step\n"));
    }
    out
}

/// Text behind the colons.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_github_is_escaped() {
        assert_eq!(data("a%b\r\n::error::x"), "a%25b%0D%0A::error::x");
        assert_eq!(property("a,b:c\n"), "a%2Cb%3Ac%0A");
    }
}
