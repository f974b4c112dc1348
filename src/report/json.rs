//! For programs: `cutline.run/1`. `cutline schema run` describes it.
//!
//! Everything but `timing` is a function of what was asked for. Numbers that may pass 2^53 are text, and what is
//! absent is left out.

use super::{Basis, Cell, Failing, Finding, Head, Remark, Row, Slowest, Status, Sweep, seed};
use crate::sim::matrix;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The name of the format.
pub const SCHEMA: &str = "cutline.run/1";

/// The JSON Schema of a document.
pub fn schema() -> &'static str {
    include_str!("run.schema.json")
}

/// Which cutline made a document. Commits aren't compared: the versions say what results are good for.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its version.
    pub version: Cow<'static, str>,
    /// The commit that it was built from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Cow<'static, str>>,
    /// Of what seeds mean.
    pub stream: u64,
    /// Of the trace format.
    pub trace: u64,
}

impl PartialEq for Tool {
    fn eq(&self, other: &Self) -> bool {
        (&self.version, self.stream, self.trace) == (&other.version, other.stream, other.trace)
    }
}

/// This one.
pub fn tool() -> Tool {
    let commit = env!("CUTLINE_COMMIT").trim_matches([' ', '(', ')']);
    Tool {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: Some(commit.into()).filter(|_| !commit.is_empty()),
        stream: u64::from(crate::dice::STREAM_VERSION),
        trace: 1,
    }
}

/// What was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunPart<'a> {
    /// The handle of the run.
    pub id: Cow<'a, str>,
    /// The command, for people.
    pub command: Cow<'a, str>,
    /// The same word for word, without `cutline`.
    pub arguments: Cow<'a, [String]>,
    /// The digest of the plan.
    pub plan_digest: Cow<'a, str>,
    /// Which part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Cow<'a, str>>,
    /// Where sequences of seeds begin, if not as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_base: Option<String>,
}

/// How it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary<'a> {
    status: Cow<'static, str>,
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
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Cow<'a, str>>,
    /// Time ran out.
    pub out_of_time: bool,
    /// `--max-fail` ended it.
    pub stopped_by_max_fail: bool,
    /// Scenarios were given up: they would have shown nothing new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<Known>,
    /// Commands that continue.
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    pub resume: Cow<'a, [String]>,
    /// Parts of the plan that are missing.
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    pub missing: Cow<'a, [String]>,
    /// Why nothing was done, where no diagnostic says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Cow<'a, str>>,
    /// What went wrong with cutline itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_error: Option<Cow<'a, str>>,
}

/// What wasn't run, as it would have shown nothing new.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Known {
    scenarios: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seeds_not_run: Option<u64>,
}

/// What came of an invariant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InvariantPart<'a> {
    verdict: Cow<'static, str>,
    /// Seeds for which it held.
    pub holds: u64,
    /// Seeds for which it didn't.
    pub violated: u64,
    /// Seeds whose trace doesn't say enough.
    pub undecided: u64,
    /// Seeds for which the question is moot.
    pub inconclusive: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reproduce: Option<Cow<'a, str>>,
}

/// A violation that was expected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExpectedPart<'a> {
    /// Of which invariant.
    pub violates: Cow<'a, str>,
    /// So many seeds must be enough.
    pub within_seeds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_seed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_place: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
}

/// Something that is wanted to be reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoalPart<'a> {
    /// What.
    pub goal: Cow<'a, str>,
    counted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seeds: Option<u64>,
}

/// What came of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScenarioPart<'a> {
    /// The file.
    pub path: Cow<'a, str>,
    /// The name.
    pub name: Cow<'a, str>,
    /// The protocol.
    pub protocol: Cow<'a, str>,
    /// The guarantee.
    pub guarantee: Cow<'a, str>,
    /// The digest of everything that its runs depend on but the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario_digest: Option<String>,
    /// One word.
    pub status: Cow<'static, str>,
    /// Seeds that were to be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_seeds: Option<u64>,
    /// Seeds that were run.
    pub seeds: u64,
    /// Not all of them were: the rest would show nothing new.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
    /// Seeds that fail.
    pub failing_seeds: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "<[Failing]>::is_empty")]
    pub failing: Cow<'a, [Failing]>,
    /// Those with most events.
    #[serde(default, skip_serializing_if = "<[Slowest]>::is_empty")]
    pub slowest: Cow<'a, [Slowest]>,
    /// Events.
    pub events: String,
    /// Records delivered.
    pub records_delivered: String,
    /// Faults planned.
    pub faults_planned: u64,
    /// Virtual time.
    pub virtual_ns: String,
    /// Runs whose job failed for good.
    pub jobs_failed: u64,
    /// The sum of the digests of all traces.
    pub traces_digest: String,
    /// Every invariant.
    pub invariants: BTreeMap<Cow<'static, str>, InvariantPart<'a>>,
    /// The violation that was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedPart<'a>>,
    /// What was wanted to be reached.
    pub goals: Vec<GoalPart<'a>>,
    /// What was reached.
    pub reached: BTreeMap<Cow<'static, str>, u64>,
    /// Where faults struck, by so many seeds: fault, role and phase; `+` if another checkpoint was pending.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub struck: BTreeMap<Cow<'static, str>, u64>,
    /// What the verdicts rest on.
    pub basis: Cow<'a, Basis>,
}

/// A finding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindingPart<'a> {
    /// Its handle.
    pub id: String,
    scenario: Cow<'a, str>,
    /// The scenario's file.
    pub path: Cow<'a, str>,
    /// The kind, as a word.
    pub kind: Cow<'static, str>,
    property: Cow<'a, str>,
    statement: Cow<'a, str>,
    message: Cow<'a, str>,
    failing_seeds: u64,
    seeds: u64,
    /// The smallest seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// The plan of that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Value>,
    /// How small it could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Cow<'a, str>>,
    /// The command that shows the small one fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk_command: Option<Cow<'a, str>>,
    reproduce: Cow<'a, str>,
}

/// Wall time, and what has to do with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timing<'a> {
    /// All in all.
    pub seconds: f64,
    /// Threads.
    pub jobs: usize,
    /// Thread time by scenario.
    pub scenarios: BTreeMap<Cow<'a, str>, f64>,
}

/// `cutline.run/1`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document<'a> {
    schema: Cow<'static, str>,
    /// Who made it.
    pub cutline: Tool,
    /// What was asked for.
    pub run: RunPart<'a>,
    /// How it ended.
    pub summary: Summary<'a>,
    /// By scenario.
    pub scenarios: Vec<ScenarioPart<'a>>,
    /// What was found.
    pub findings: Vec<FindingPart<'a>>,
    /// What is wrong with files.
    pub diagnostics: Cow<'a, [Remark]>,
    /// Wall time.
    pub timing: Timing<'a>,
}

/// Reads a document. The error says what is wrong with it.
pub fn read(text: &str) -> Result<Document<'static>, String> {
    #[derive(Deserialize)]
    struct Named {
        schema: Option<String>,
    }
    let problem = |error: serde_json::Error| {
        let (place, said) = (format!(" at line {} column {}", error.line(), error.column()), error.to_string());
        let said = match said.trim_end_matches(&place) {
            "trailing characters" => "there is more after the document; it has to be of `--format json`, not of jsonl",
            said => said,
        };
        format!("{}:{}: {said}", error.line(), error.column().max(1))
    };
    let named: Named = serde_json::from_str(text).map_err(problem)?;
    match named.schema.as_deref() {
        Some(SCHEMA) => serde_json::from_str(text).map_err(problem),
        Some(other) => Err(format!("1:1: it says that it is `{other}`, and `{SCHEMA}` is wanted")),
        None => Err(format!("1:1: it doesn't say what it is; `\"schema\": \"{SCHEMA}\"` is wanted")),
    }
}

/// The whole as one document.
pub fn document(sweep: &Sweep) -> String {
    let document = Document {
        schema: SCHEMA.into(),
        cutline: tool(),
        run: run_part(&sweep.head),
        summary: summary(sweep),
        scenarios: sweep.scenarios.iter().map(scenario).collect(),
        findings: sweep.findings.iter().map(finding).collect(),
        diagnostics: (&sweep.diagnostics).into(),
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
    sweep.diagnostics.iter().for_each(|found| out += &line("diagnostic", "diagnostic", found));
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

/// A finding by itself, with what its seed is good for: the file in its folder.
pub fn finding_document(found: &Finding, protocol: &str, max_steps: Option<u64>, scenario_digest: u64) -> String {
    #[derive(Serialize)]
    struct Kept<'a> {
        schema: &'static str,
        cutline: Tool,
        protocol: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_steps: Option<u64>,
        scenario_digest: String,
        finding: FindingPart<'a>,
    }
    let (cutline, scenario_digest, finding) = (tool(), format!("{scenario_digest:016x}"), finding(found));
    pretty(&Kept { schema: "cutline.finding/1", cutline, protocol, max_steps, scenario_digest, finding })
}

/// A seed of a document.
pub fn seed_of(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn run_part(head: &Head) -> RunPart<'_> {
    RunPart {
        id: (&head.id).into(),
        command: head.command().into(),
        arguments: (&head.arguments).into(),
        plan_digest: (&head.plan).into(),
        partition: head.partition.as_deref().map(Cow::from),
        seed_base: head.seed_base.map(seed),
    }
}

fn summary(sweep: &Sweep) -> Summary<'_> {
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
        status: status.into(),
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
        signal: sweep.tail.interrupted.map(Cow::from),
        out_of_time: sweep.tail.out_of_time,
        stopped_by_max_fail: sweep.tail.enough,
        known: known(sweep),
        resume: (&sweep.tail.resume).into(),
        missing: (&sweep.tail.missing).into(),
        refused: sweep.tail.refused.as_deref().map(Cow::from),
        internal_error: sweep.tail.internal.as_deref().map(Cow::from),
    }
}

fn known(sweep: &Sweep) -> Option<Known> {
    let given_up: Vec<&Row> = sweep.scenarios.iter().filter(|row| row.known).collect();
    let not_run = given_up.iter().map(|row| row.not_run()).sum();
    (!given_up.is_empty()).then_some(Known { scenarios: given_up.len() as u64, seeds_not_run: not_run })
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
            verdict: verdict.into(),
            holds: judged.holds,
            violated: judged.violated,
            undecided: judged.undecided,
            inconclusive: judged.inconclusive,
            why: judged.why.as_ref().map(|(why, _)| why.into()),
            reproduce: judged.why.as_ref().map(|(_, reproduce)| reproduce.into()),
        };
        (judged.invariant.name().into(), part)
    });
    let expected = row.expected.as_ref().map(|expected| ExpectedPart {
        violates: (&expected.invariant).into(),
        within_seeds: expected.within,
        first_seed: expected.first.map(|(_, first)| seed(first)),
        first_place: expected.first.map(|(place, _)| place),
        met: expected.met,
    });
    ScenarioPart {
        path: (&row.path).into(),
        name: (&row.name).into(),
        protocol: (&row.protocol).into(),
        guarantee: (&row.guarantee).into(),
        scenario_digest: row.scenario_digest.map(|digest| format!("{digest:016x}")),
        status: match row.status {
            Status::Pass => "pass",
            Status::Fail => "fail",
            Status::Unreached => "unreached",
            Status::Undecided => "undecided",
            Status::Skip => "skip",
        }
        .into(),
        planned_seeds: row.planned,
        seeds: row.seeds,
        known: row.known,
        failing_seeds: row.failed,
        failing: (&row.failing).into(),
        slowest: (&row.slowest).into(),
        events: row.events.to_string(),
        records_delivered: row.delivered.to_string(),
        faults_planned: row.faults,
        virtual_ns: row.virtual_ns.to_string(),
        jobs_failed: row.job_failed,
        traces_digest: format!("{:016x}", row.digest),
        invariants: invariants.collect(),
        expected,
        goals: row.goals.iter().map(goal).collect(),
        reached: row.met.iter().filter(|(_, n)| *n > 0).map(|(word, n)| ((*word).into(), *n)).collect(),
        struck: row.struck.iter().map(|(cell, seeds)| (matrix::Cell::at(*cell).name().into(), *seeds)).collect(),
        basis: Cow::Borrowed(&row.basis),
    }
}

fn goal(goal: &super::Goal) -> GoalPart<'_> {
    GoalPart { goal: (&goal.word).into(), counted: goal.seeds.is_some(), seeds: goal.seeds }
}

fn finding(finding: &Finding) -> FindingPart<'_> {
    FindingPart {
        id: finding.id(),
        scenario: (&finding.scenario).into(),
        path: (&finding.path).into(),
        kind: finding.kind.word().into(),
        property: (&finding.property).into(),
        statement: (&finding.statement).into(),
        message: (&finding.message).into(),
        failing_seeds: finding.count,
        seeds: finding.of,
        seed: finding.seed.map(seed),
        digest: finding.digest.map(|digest| format!("{digest:016x}")),
        plan: finding.plan.as_ref().and_then(|plan| serde_json::from_str(plan).ok()),
        shrunk: finding.shrunk.as_deref().map(Cow::from),
        shrunk_command: finding.smaller.as_deref().map(Cow::from),
        reproduce: (&finding.reproduce).into(),
    }
}

fn timing(sweep: &Sweep) -> Timing<'_> {
    Timing {
        seconds: sweep.tail.elapsed.as_secs_f64(),
        jobs: sweep.head.jobs,
        scenarios: sweep.scenarios.iter().map(|row| ((&row.path).into(), row.busy.as_secs_f64())).collect(),
    }
}
