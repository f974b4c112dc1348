//! What happened, for the HTML page: the lines that prove a violation stand open, and lead to their steps.

use super::{Finding, Kind};
use crate::verify::Invariant;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The number of the step that a line of a story is about: it is followed by a time.
fn step(line: &str) -> Option<u64> {
    let mut words = line.strip_prefix(' ')?.split_whitespace();
    let number = words.next()?.parse().ok()?;
    words.next()?.strip_suffix("ms")?.parse::<f64>().ok()?;
    Some(number)
}

/// Does the story of a violation begin here?
fn begins(line: &str) -> Option<&'static str> {
    let named = |invariant: &Invariant| line.strip_prefix(invariant.name()).is_some_and(|rest| rest.starts_with(": "));
    Invariant::ALL.iter().find(|invariant| named(invariant)).map(|invariant| invariant.name())
}

/// The part of a story that is about the finding, without its first line, which the finding has itself.
fn proof<'a>(finding: &Finding, story: &'a str) -> Vec<&'a str> {
    let Kind::Violation(invariant, _) = finding.kind else { return Vec::new() };
    let lines = story.lines().skip_while(|line| begins(line) != Some(invariant.name()));
    lines.skip(1).take_while(|line| !line.trim().is_empty() && begins(line).is_none()).collect()
}

/// The story of a finding: why, in a few lines, and every step.
pub fn story(finding: &Finding, story: &str) -> Markup {
    let id = finding.id();
    let proof = proof(finding, story);
    let listed: BTreeSet<u64> = story.lines().take_while(|line| begins(line).is_none()).filter_map(step).collect();
    html! {
        @if !proof.is_empty() {
            p { b { @if finding.shrunk.is_some() { "Why, in the small run:" } @else { "Why:" } } }
            pre.why tabindex="0" { @for line in proof {
                @match step(line).filter(|step| listed.contains(step)) {
                    Some(step) => a href={ "#finding-" (id) "-step-" (step) } { (line) },
                    None => (line),
                }
                "\n"
            } }
        }
        details { summary { "Step by step" } pre tabindex="0" { (steps(&id, story)) } }
    }
}

/// Each line; those of steps can be pointed at.
fn steps(id: &str, story: &str) -> Markup {
    let mut seen = BTreeSet::new();
    html! { @for line in story.lines() {
        @match step(line).filter(|step| seen.insert(*step)) {
            Some(step) => span id={ "finding-" (id) "-step-" (step) } { (line) },
            None => (line),
        }
        "\n"
    } }
}
