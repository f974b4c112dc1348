//! One HTML file for people: no network, no script that anything depends on.
//!
//! Everything but the section `timing` is a function of what was asked for. All texts are escaped by `maud`; only
//! pictures, which are made here, go in as they are.

use super::html_story;
use super::html_tables as tables;
use super::{Finding, Kind, Status, Sweep, grouped, many, seed};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeMap;

/// Pictures and explanations may take so many bytes together: the page stays below 5 MB, whatever was found.
const ROOM: usize = 4_000_000;

/// What isn't in a sweep's numbers.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// By the id of a finding.
    pub findings: BTreeMap<String, Shown>,
    /// The smallest failing run as a Mermaid diagram, with the id of its finding.
    pub mermaid: Option<(String, String)>,
    /// The runs with most lines.
    pub slowest: Option<Vec<Slow>>,
    /// What is known of the machine: names and values. It goes to the section that may differ.
    pub machine: Vec<(&'static str, String)>,
    /// Numbers that say what a seed is good for: names and values.
    pub versions: Vec<(&'static str, String)>,
}

/// What there is to see of a finding.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The picture, as SVG that was made here.
    pub picture: Option<String>,
    /// The story.
    pub story: Option<String>,
    /// The folder with its files.
    pub folder: Option<String>,
    /// Why there is nothing to see.
    pub missing: Option<String>,
}

/// A run that took many steps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slow {
    /// Lines of its trace.
    pub events: u64,
    /// The scenario.
    pub scenario: String,
    /// The command that shows it.
    pub reproduce: String,
}

/// Adds a button beside each command. Without scripts the command can be selected.
const SCRIPT: &str = "for(const p of document.querySelectorAll('pre.command')){const b=document.createElement('button');b.type='button';b.className='copy';b.textContent='Copy';b.onclick=async()=>{await navigator.clipboard.writeText(p.textContent);b.textContent='Copied'};if(navigator.clipboard)p.after(b)}";

/// The page.
pub fn page(sweep: &Sweep, extras: &Extras) -> String {
    let (word, class) = verdict(sweep);
    let title = format!("{word}: cutline run {}", sweep.head.id);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(include_str!("html.css"))) }
            }
            body {
                a.skip href="#findings" { "To the findings" }
                header {
                    h1 { span.word.(class) { (word) } " " (said(sweep)) }
                    (numbers(sweep))
                    nav aria-label="Sections" { ul { @for (id, name) in SECTIONS { li { a href={ "#" (id) } { (name) } } } } }
                }
                main {
                    (findings(sweep, extras))
                    (tables::goals(sweep))
                    (tables::coverage(sweep))
                    (tables::scenarios(sweep))
                    (tables::faults(sweep))
                    (tables::slowest(extras))
                    (environment(sweep, extras))
                    (timing(sweep, extras))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

const SECTIONS: [(&str, &str); 8] = [
    ("findings", "Findings"),
    ("goals", "Goals"),
    ("coverage", "Coverage"),
    ("scenarios", "Scenarios"),
    ("faults", "Faults"),
    ("slowest", "Slowest seeds"),
    ("environment", "Environment"),
    ("timing", "Timing"),
];

fn verdict(sweep: &Sweep) -> (&'static str, &'static str) {
    let undecided = sweep.scenarios.iter().any(|row| row.status == Status::Undecided);
    match () {
        () if sweep.tail.internal.is_some() => ("ERROR", "bad"),
        () if !sweep.findings.is_empty() => ("FAIL", "bad"),
        () if sweep.tail.interrupted.is_some() => ("INTERRUPTED", "warn"),
        () if sweep.scenarios.is_empty() => ("NOTHING RUN", "warn"),
        () if undecided => ("UNDECIDED", "warn"),
        () => ("PASS", "good"),
    }
}

fn sum(sweep: &Sweep, of: impl Fn(&super::Row) -> u64) -> u64 {
    sweep.scenarios.iter().map(of).sum()
}

fn said(sweep: &Sweep) -> String {
    let failed = sum(sweep, |row| row.failed);
    let all = many(sum(sweep, |row| row.seeds), "seed");
    match sweep.findings.len() as u64 {
        0 if failed > 0 => format!("nothing found that isn't expected, in {all}"),
        0 => format!("nothing found in {all}"),
        n => format!("{} in {} of {all}", many(n, "finding"), grouped(failed)),
    }
}

fn numbers(sweep: &Sweep) -> Markup {
    let numbers = [
        ("scenarios", sweep.scenarios.len() as u64),
        ("seeds", sum(sweep, |row| row.seeds)),
        ("failing seeds", sum(sweep, |row| row.failed)),
        ("findings", sweep.findings.len() as u64),
        ("records delivered", sum(sweep, |row| row.delivered)),
        ("faults planned", sum(sweep, |row| row.faults)),
        ("trace lines", sum(sweep, |row| row.events)),
    ];
    let failed = sum(sweep, |row| row.job_failed);
    html! {
        dl.numbers { @for (name, number) in numbers { div { dt { (name) } dd { (grouped(number)) } } } }
        @if failed > 0 { p { (many(failed, "run")) " inconclusive: the job failed for good." } }
        @if let Some(signal) = sweep.tail.interrupted { p.warn { "Interrupted by " (signal) ": this is what was done until then." } }
        @if sweep.tail.out_of_time { p.warn { "Time was up before all seeds were run." } }
        @if sweep.tail.enough { p.warn { "Stopped after as many failing seeds as `--max-fail` says." } }
        @for row in sweep.scenarios.iter().filter(|row| row.known) {
            p.warn { (row.name) " was given up after " (many(row.failed, "failing seed")) ", as they showed nothing new"
                @if let Some(left) = row.not_run() { ": " (many(left, "seed")) " weren't run" } ". `--repeats all` runs them." }
        }
        @if let Some(problem) = &sweep.tail.internal { p.bad { "Internal error: " (problem) } }
        @for command in &sweep.tail.resume { p { "The rest:" } pre.command { code { (command) } } }
    }
}

fn findings(sweep: &Sweep, extras: &Extras) -> Markup {
    let mut room = ROOM;
    html! {
        section #findings {
            h2 { "Findings" }
            @if sweep.findings.is_empty() { p { "None." } }
            @for finding in &sweep.findings { (self::finding(finding, extras.findings.get(&finding.id()), &mut room)) }
        }
    }
}

/// A piece, if there is room left for it.
fn fits(text: Option<&String>, room: &mut usize) -> Option<String> {
    let text = text.filter(|text| text.len() <= *room)?;
    *room -= text.len();
    Some(text.clone())
}

fn finding(finding: &Finding, shown: Option<&Shown>, room: &mut usize) -> Markup {
    let weak = matches!(finding.kind, Kind::Unreached | Kind::NotViolated);
    let picture = fits(shown.and_then(|shown| shown.picture.as_ref()), room);
    let story = fits(shown.and_then(|shown| shown.story.as_ref()), room);
    let elided = shown.is_some_and(|shown| shown.picture.is_some() && picture.is_none());
    html! {
        article.weak[weak] id={ "finding-" (finding.id()) } {
            h3 {
                span.word.(if weak { "warn" } else { "bad" }) { @if weak { "MISSING" } @else { "FAIL" } }
                " " (finding.scenario) ": " (finding.kind.title()) " "
                a.dim href={ "#finding-" (finding.id()) } aria-label="permanent link to this finding" { "[" (finding.id()) "]" }
            }
            p { b { "Should be: " } (finding.statement) "." }
            p { b { "Is: " } (finding.message) }
            p {
                @if finding.count > 0 { (grouped(finding.count)) " of " (many(finding.of, "seed")) }
                @if let Some(smallest) = finding.seed { ", the smallest " code { (seed(smallest)) } }
                @if finding.count > 0 { ". Scenario " code { (finding.path) } "." }
            }
            p { b { "Reproduce:" } }
            pre.command { code { (finding.reproduce) } }
            @if let Some(shrunk) = &finding.shrunk { p { b { "Shrunk to " } (shrunk) } }
            @if let Some(smaller) = &finding.smaller { pre.command { code { (smaller) } } }
            @if let Some(picture) = picture {
                div.picture.scroll tabindex="0" role="group" aria-label="space-time diagram of the failing run" { (PreEscaped(picture)) }
            }
            @if let Some(why) = shown.and_then(|shown| shown.missing.as_ref()) { p.warn { "No picture: " (why) } }
            @if elided {
                p.warn { "The picture is left out: this page would be larger than 5 MB."
                    @if let Some(folder) = shown.and_then(|shown| shown.folder.as_ref()) { " It is in " code { (folder) } "." } }
            }
            @if let Some(story) = story { (html_story::story(finding, &story)) }
            @if let Some(plan) = &finding.plan { details { summary { "The plan of the run" } pre.command { (plan) } } }
        }
    }
}

fn environment(sweep: &Sweep, extras: &Extras) -> Markup {
    let mut rows: Vec<(&str, String)> = vec![
        ("command", sweep.head.command()),
        ("plan digest", sweep.head.plan.clone()),
        ("run", sweep.head.id.clone()),
        ("exit code", sweep.tail.exit.to_string()),
    ];
    rows.extend(sweep.head.partition.clone().map(|partition| ("part of the plan", partition)));
    rows.extend(sweep.head.seed_base.map(|base| ("seed base", seed(base))));
    rows.extend(extras.versions.iter().cloned());
    html! {
        section #environment {
            h2 { "Environment" }
            div.scroll { table { tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td.mono { (value) } } } } } }
        }
    }
}

/// The only part of the page that differs from run to run.
fn timing(sweep: &Sweep, extras: &Extras) -> Markup {
    let tenths = sweep.tail.elapsed.as_millis() / 100;
    html! {
        section #timing {
            h2 { "Timing" }
            p.dim { "This section differs from run to run; nothing above does." }
            div.scroll { table { tbody {
                tr { th scope="row" { "wall time" } td.n { (tenths / 10) "." (tenths % 10) " s" } }
                tr { th scope="row" { "threads" } td.n { (sweep.head.jobs) } }
                @for (name, value) in &extras.machine { tr { th scope="row" { (name) } td.n { (value) } } }
            } } }
        }
    }
}
