//! JUnit XML: a suite a scenario, a test case a property. Names depend on the scenario file alone, so that a CI
//! server can follow them; seeds are in the text of failures.

use super::{Cell, Finding, Kind, Row, Status, Sweep, text};
use crate::verify::Invariant;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// The document.
pub fn document(sweep: &Sweep) -> Result<String, String> {
    let mut report = Report::new("cutline");
    report.set_time(sweep.tail.elapsed);
    for row in &sweep.scenarios {
        let mut suite = TestSuite::new(row.path.as_str());
        suite.set_time(row.busy);
        suite.add_test_cases(cases(row, sweep));
        report.add_test_suite(suite);
    }
    let text = report.to_string().map_err(|error| format!("cannot make JUnit XML: {error}"))?;
    // What is skipped is counted by suites. In the dialect of Jenkins the whole has no such count.
    let Some((head, rest)) = text.split_once("<testsuite ") else { return Ok(text) };
    let (before, after) = head.split_once(" skipped=\"").unwrap_or((head, ""));
    let after = after.split_once('"').map_or(after, |(_, after)| after);
    Ok(format!("{before}{after}<testsuite {rest}"))
}

fn cases(row: &Row, sweep: &Sweep) -> Vec<TestCase> {
    let mine: Vec<&Finding> = sweep.findings.iter().filter(|finding| finding.path == row.path).collect();
    let mut cases = Vec::new();
    for judged in &row.verdicts {
        if judged.cell == Cell::NotClaimed {
            continue;
        }
        let invariant = judged.invariant;
        let name = name(invariant);
        let about = |finding: &Finding| matches!(finding.kind, Kind::Violation(i, _) if i == invariant);
        let undecided = judged.cell == Cell::Undecided;
        cases.push(case(row, &name, mine.iter().copied().filter(|finding| about(finding)), undecided));
    }
    let of = |kind: Kind| mine.iter().copied().filter(move |finding| finding.kind == kind);
    cases.push(case(row, "the engine's own assertions hold", of(Kind::Panic), false));
    cases.push(case(row, "every run ends", of(Kind::Stuck), false));
    cases.push(case(row, "the job survives", of(Kind::JobFailed), false));
    cases.push(case(row, "the same seed gives the same trace", of(Kind::Nondeterminism), false));
    for goal in &row.goals {
        let about = of(Kind::Unreached).filter(|finding| finding.property == goal.word);
        cases.push(case(row, &format!("reached {}", goal.word), about, false));
    }
    if let Some(expected) = &row.expected {
        let name = format!("{} is seen to be violated", expected.invariant);
        cases.push(case(row, &name, of(Kind::NotViolated), false));
    }
    cases
}

fn case<'a>(row: &Row, name: &str, findings: impl Iterator<Item = &'a Finding>, undecided: bool) -> TestCase {
    let found: Vec<&Finding> = findings.collect();
    let status = match found.as_slice() {
        _ if row.status == Status::Skip => TestCaseStatus::skipped(),
        [] if undecided => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("undecided").set_message("the traces don't say enough to decide");
            status
        }
        [] => TestCaseStatus::success(),
        [first, ..] => {
            let panicked = matches!(first.kind, Kind::Panic | Kind::Nondeterminism);
            let kind = if panicked { NonSuccessKind::Error } else { NonSuccessKind::Failure };
            let mut status = TestCaseStatus::non_success(kind);
            let whole: Vec<String> = found.iter().map(|finding| text::plain(&text::finding(finding, false))).collect();
            status.set_type(first.kind.word()).set_message(first.message.as_str()).set_description(whole.join("\n"));
            status
        }
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(row.path.as_str());
    case.extra.insert("file".into(), row.path.as_str().into());
    case
}

fn name(invariant: Invariant) -> String {
    format!("{} {}", invariant.name(), invariant.statement())
}
