//! `cutline folklore`: what is told about checkpoints, and what is so, decided now.

use super::args::{self, ScoreFormat};
use super::defect;
use super::exit::{Ending, Why};
use super::judge::{Terms, reproduce};
use super::output::{self, complain};
use super::plan::{BASE, seed_at};
use super::seed;
use crate::folklore::{CLAIMS, Claim, Lab, Outcome, decide};
use crate::scenario::load;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Decides.
pub fn folklore(args: args::Folklore) -> Ending {
    let known = |id: &String| CLAIMS.iter().any(|claim| claim.id.eq_ignore_ascii_case(id));
    if let Some(id) = args.claims.iter().find(|id| !known(id)) {
        complain(&format!("no claim is called `{id}`: they are X1 to X{}", CLAIMS.len()));
        return Ending::bad(Why::BadInput);
    }
    let wanted =
        |claim: &&Claim| args.claims.is_empty() || args.claims.iter().any(|id| claim.id.eq_ignore_ascii_case(id));
    seed::hush();
    let (mut told, mut ending) = (Vec::new(), Ending::good());
    for claim in CLAIMS.iter().filter(wanted) {
        let path = args.dir.join(format!("{}.json", claim.scenario));
        let loaded = match load::load(&path) {
            Ok(loaded) => loaded,
            Err(found) => {
                output::say(&format!("{}\n", load::render(&found, true)));
                return Ending::bad(Why::BadInput);
            }
        };
        let seeds = (0..loaded.scenario.seeds).map(|i| seed_at(BASE, &loaded.name, i)).collect();
        let lab = Lab { loaded, seeds };
        let outcome = match seed::aside(|| decide(claim, &lab)).and_then(|result| result) {
            Ok(outcome) => outcome,
            Err(problem) => {
                return defect::internal(&format!("{}: {problem}", claim.id));
            }
        };
        if !outcome.confirmed {
            ending.add(Why::Violated);
        }
        if args.format == ScoreFormat::Human
            && let Err(error) = output::print(&human(claim, &path, &outcome))
        {
            return super::printed(Err(error), ending);
        }
        told.push((claim, path, outcome));
    }
    let text = match args.format {
        ScoreFormat::Human => {
            let confirmed = told.iter().filter(|(_, _, outcome)| outcome.confirmed).count();
            format!("{confirmed} of {} decided as expected\n", told.len())
        }
        ScoreFormat::Json => machine(&told),
    };
    super::printed(output::print(&text), ending)
}

fn again(path: &std::path::Path, protocol: &str, seed: u64) -> String {
    let terms = Terms::whole(Some(protocol.to_string()), None);
    reproduce(&path.display().to_string(), seed, &terms)
}

fn human(claim: &Claim, path: &std::path::Path, outcome: &Outcome) -> String {
    let verdict = if outcome.confirmed { "decided" } else { "NOT AS EXPECTED" };
    let mut out =
        format!("{:4} {}\n     so: {}\n     {verdict} by {}\n", claim.id, claim.said, claim.so, path.display());
    outcome.lines.iter().for_each(|line| _ = writeln!(out, "       {line}"));
    for (protocol, seed) in &outcome.examples {
        let _ = writeln!(out, "     reproduce: {}", again(path, protocol, *seed));
    }
    out.push('\n');
    out
}

fn machine(told: &[(&Claim, PathBuf, Outcome)]) -> String {
    let one = |(claim, path, outcome): &(&Claim, PathBuf, Outcome)| {
        json!({
            "id": claim.id,
            "said": claim.said,
            "so": claim.so,
            "scenario": path.display().to_string(),
            "as_expected": outcome.confirmed,
            "seen": outcome.lines,
            "reproduce": outcome.examples.iter().map(|(p, s)| again(path, p, *s)).collect::<Vec<_>>(),
        })
    };
    format!("{:#}\n", json!({ "claims": told.iter().map(one).collect::<Vec<_>>() }))
}
