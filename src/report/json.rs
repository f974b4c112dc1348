//! For programs: `cutline.run/1`. `cutline schema run` describes it.
//!
//! Everything but `timing` is a function of what was asked for. Numbers that may pass 2^53 are text, and what is
//! absent is left out.

use super::{Cell, Finding, Head, Row, Status, Sweep, seed};
use crate::scenario::{Diagnostic, Severity};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The name of the format.
pub const SCHEMA: &str = "cutline.run/1";

/// The JSON Schema of a document.
pub fn schema() -> &'static str {
    include_str!("run.schema.json")
}

#[derive(Serialize)]
struct Tool {
    version: &'static str,
    stream: u64,
    trace: u64,
}

const TOOL: Tool = Tool { version: env!("CARGO_PKG_VERSION"), stream: 1, trace: 1 };

#[derive(Serialize)]
struct RunPart<'a> {
    id: &'a str,
    command: &'a str,
    plan_digest: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed_base: Option<String>,
}

#[derive(Serialize)]
struct Summary {
    status: &'static str,
    exit_code: u8,
    scenarios: u64,
    seeds: u64,
    failing_seeds: u64,
    findings: u64,
    events: String,
    records_delivered: String,
    faults_planned: u64,
    jobs_failed: u64,
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'static str>,
    out_of_time: bool,
    stopped_by_max_fail: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resume: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_error: Option<String>,
}

#[derive(Serialize)]
struct InvariantPart<'a> {
    verdict: &'static str,
    holds: u64,
    violated: u64,
    undecided: u64,
    inconclusive: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reproduce: Option<&'a str>,
}

#[derive(Serialize)]
struct ExpectedPart<'a> {
    violates: &'a str,
    within_seeds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_place: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
}

#[derive(Serialize)]
struct GoalPart<'a> {
    goal: &'a str,
    counted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    seeds: Option<u64>,
}

#[derive(Serialize)]
struct ScenarioPart<'a> {
    path: &'a str,
    name: &'a str,
    protocol: &'a str,
    guarantee: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_seeds: Option<u64>,
    seeds: u64,
    failing_seeds: u64,
    events: String,
    records_delivered: String,
    faults_planned: u64,
    virtual_ns: String,
    jobs_failed: u64,
    traces_digest: String,
    invariants: BTreeMap<&'static str, InvariantPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<ExpectedPart<'a>>,
    goals: Vec<GoalPart<'a>>,
    reached: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct FindingPart<'a> {
    id: String,
    scenario: &'a str,
    path: &'a str,
    kind: &'static str,
    property: &'a str,
    statement: &'a str,
    message: &'a str,
    failing_seeds: u64,
    seeds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shrunk: Option<&'a str>,
    reproduce: &'a str,
}

#[derive(Serialize)]
struct DiagnosticPart<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    from_byte: usize,
    to_byte: usize,
    pointer: &'a str,
    code: &'a str,
    severity: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replacement: Option<&'a str>,
}

#[derive(Serialize)]
struct Timing<'a> {
    seconds: f64,
    jobs: usize,
    scenarios: BTreeMap<&'a str, f64>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cutline: Tool,
    run: RunPart<'a>,
    summary: Summary,
    scenarios: Vec<ScenarioPart<'a>>,
    findings: Vec<FindingPart<'a>>,
    diagnostics: Vec<DiagnosticPart<'a>>,
    timing: Timing<'a>,
}

/// The whole as one document.
pub fn document(sweep: &Sweep) -> String {
    let document = Document {
        schema: SCHEMA,
        cutline: TOOL,
        run: run_part(&sweep.head),
        summary: summary(sweep),
        scenarios: sweep.scenarios.iter().map(scenario).collect(),
        findings: sweep.findings.iter().map(finding).collect(),
        diagnostics: sweep.diagnostics.iter().map(diagnostic).collect(),
        timing: timing(sweep),
    };
    pretty(&document)
}

fn pretty<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a report has text keys only");
    text.push('\n');
    text
}

/// One line of JSON lines.
fn line<T: Serialize>(kind: &str, name: &str, value: &T) -> String {
    let value = serde_json::to_string(value).expect("a report has text keys only");
    format!("{{\"schema\":\"{SCHEMA}\",\"type\":\"{kind}\",\"{name}\":{value}}}\n")
}

/// The first of the JSON lines.
pub fn head_line(head: &Head) -> String {
    line("run", "run", &run_part(head))
}

/// The line of a scenario.
pub fn row_line(row: &Row) -> String {
    line("scenario", "scenario", &scenario(row))
}

/// What follows the scenarios.
pub fn tail_lines(sweep: &Sweep) -> String {
    let mut out = String::new();
    sweep.diagnostics.iter().for_each(|found| out += &line("diagnostic", "diagnostic", &diagnostic(found)));
    sweep.findings.iter().for_each(|found| out += &line("finding", "finding", &finding(found)));
    out += &line("summary", "summary", &summary(sweep));
    out + &line("timing", "timing", &timing(sweep))
}

/// The whole as JSON lines.
pub fn lines(sweep: &Sweep) -> String {
    let mut out = head_line(&sweep.head);
    sweep.scenarios.iter().for_each(|row| out += &row_line(row));
    out + &tail_lines(sweep)
}

fn run_part(head: &Head) -> RunPart<'_> {
    RunPart {
        id: &head.id,
        command: &head.command,
        plan_digest: &head.plan,
        partition: head.partition.as_deref(),
        seed_base: head.seed_base.map(seed),
    }
}

fn summary(sweep: &Sweep) -> Summary {
    let sum = |of: &dyn Fn(&Row) -> u64| sweep.scenarios.iter().map(of).sum::<u64>();
    let failed = !sweep.findings.is_empty();
    let undecided = sweep.scenarios.iter().any(|row| row.status == Status::Undecided);
    let status = match sweep.tail.exit {
        2 => "refused",
        70 => "error",
        _ if failed => "fail",
        130 | 143 => "interrupted",
        4 => "nothing_to_run",
        _ if undecided => "undecided",
        _ => "pass",
    };
    Summary {
        status,
        exit_code: sweep.tail.exit,
        scenarios: sweep.scenarios.len() as u64,
        seeds: sum(&|row| row.seeds),
        failing_seeds: sum(&|row| row.failed),
        findings: sweep.findings.len() as u64,
        events: sum(&|row| row.events).to_string(),
        records_delivered: sum(&|row| row.delivered).to_string(),
        faults_planned: sum(&|row| row.faults),
        jobs_failed: sum(&|row| row.job_failed),
        interrupted: sweep.tail.interrupted.is_some(),
        signal: sweep.tail.interrupted,
        out_of_time: sweep.tail.out_of_time,
        stopped_by_max_fail: sweep.tail.enough,
        resume: sweep.tail.resume.clone(),
        internal_error: sweep.tail.internal.clone(),
    }
}

fn scenario(row: &Row) -> ScenarioPart<'_> {
    let invariants = row.verdicts.iter().map(|judged| {
        let verdict = match judged.cell {
            Cell::Holds => "holds",
            Cell::Violated => "violated",
            Cell::Expected => "violated_as_expected",
            Cell::NotClaimed => "not_claimed",
            Cell::Undecided => "undecided",
            Cell::Unjudged => "unjudged",
        };
        let part = InvariantPart {
            verdict,
            holds: judged.holds,
            violated: judged.violated,
            undecided: judged.undecided,
            inconclusive: judged.inconclusive,
            why: judged.why.as_ref().map(|(why, _)| why.as_str()),
            reproduce: judged.why.as_ref().map(|(_, reproduce)| reproduce.as_str()),
        };
        (judged.invariant.name(), part)
    });
    let expected = row.expected.as_ref().map(|expected| ExpectedPart {
        violates: &expected.invariant,
        within_seeds: expected.within,
        first_seed: expected.first.map(|(_, first)| seed(first)),
        first_place: expected.first.map(|(place, _)| place),
        met: expected.met,
    });
    ScenarioPart {
        path: &row.path,
        name: &row.name,
        protocol: &row.protocol,
        guarantee: &row.guarantee,
        status: match row.status {
            Status::Pass => "pass",
            Status::Fail => "fail",
            Status::Unreached => "unreached",
            Status::Undecided => "undecided",
            Status::Skip => "skip",
        },
        planned_seeds: row.planned,
        seeds: row.seeds,
        failing_seeds: row.failed,
        events: row.events.to_string(),
        records_delivered: row.delivered.to_string(),
        faults_planned: row.faults,
        virtual_ns: row.virtual_ns.to_string(),
        jobs_failed: row.job_failed,
        traces_digest: format!("{:016x}", row.digest),
        invariants: invariants.collect(),
        expected,
        goals: row.goals.iter().map(goal).collect(),
        reached: row.met.iter().filter(|(_, n)| *n > 0).copied().collect(),
    }
}

fn goal(goal: &super::Goal) -> GoalPart<'_> {
    GoalPart { goal: &goal.word, counted: goal.seeds.is_some(), seeds: goal.seeds }
}

fn finding(finding: &Finding) -> FindingPart<'_> {
    FindingPart {
        id: finding.id(),
        scenario: &finding.scenario,
        path: &finding.path,
        kind: finding.kind.word(),
        property: &finding.property,
        statement: &finding.statement,
        message: &finding.message,
        failing_seeds: finding.count,
        seeds: finding.of,
        seed: finding.seed.map(seed),
        digest: finding.digest.map(|digest| format!("{digest:016x}")),
        plan: finding.plan.as_ref().and_then(|plan| serde_json::from_str(plan).ok()),
        shrunk: finding.shrunk.as_deref(),
        reproduce: &finding.reproduce,
    }
}

fn diagnostic(found: &Diagnostic) -> DiagnosticPart<'_> {
    let ((line, column), (end_line, end_column)) = (found.start(), found.end());
    DiagnosticPart {
        file: found.path(),
        line,
        column,
        end_line,
        end_column,
        from_byte: found.span.start,
        to_byte: found.span.end,
        pointer: &found.pointer,
        code: found.code,
        severity: match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: &found.message,
        label: &found.label,
        help: found.help.as_deref(),
        replacement: found.replacement.as_ref().map(|(_, new)| new.as_str()),
    }
}

fn timing(sweep: &Sweep) -> Timing<'_> {
    Timing {
        seconds: sweep.tail.elapsed.as_secs_f64(),
        jobs: sweep.head.jobs,
        scenarios: sweep.scenarios.iter().map(|row| (row.path.as_str(), row.busy.as_secs_f64())).collect(),
    }
}
