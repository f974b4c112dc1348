//! Pictures for a page that is made from reports: what the reports don't have is run again, where its scenario is there.

use super::html;
use super::judge::Terms;
use super::prepare::scenario;
use super::recorded;
use crate::protocols;
use crate::report::html::Shown;
use crate::report::{Finding, Sweep};
use crate::scenario::{Loaded, load_knowing};
use std::collections::BTreeMap;
use std::path::Path;

/// Adds what there is to see of the findings, or why there is nothing. Folders of findings are looked for under `kept`.
pub fn add(done: &mut Sweep, kept: &Path, terms: &Terms) {
    let mut loaded: BTreeMap<String, Result<Loaded, String>> = BTreeMap::new();
    for finding in &done.findings {
        let row = done.scenarios.iter().find(|row| row.path == finding.path);
        let digest = row.and_then(|row| row.scenario_digest);
        let read = || read(&finding.path, digest, terms);
        let shown = match loaded.entry(finding.path.clone()).or_insert_with(read) {
            Ok(loaded) => seen(finding, loaded, kept),
            Err(why) => Shown { missing: Some(why.clone()), ..Shown::default() },
        };
        done.tail.extras.findings.insert(finding.id(), shown);
    }
}

/// The scenario that the reports are of; or why it isn't there.
fn read(path: &str, digest: Option<u64>, terms: &Terms) -> Result<Loaded, String> {
    let known: Vec<&str> = protocols::names().collect();
    let Ok(mut loaded) = load_knowing(Path::new(path), &known) else {
        return Err(format!("there is no scenario {path} where the reports were put together, or it has mistakes"));
    };
    terms.apply(&mut loaded.scenario);
    let is = scenario(&loaded);
    match digest {
        Some(was) if was == is => Ok(loaded),
        Some(was) => Err(format!("{path} has changed since it was run: its digest was {was:016x}, and is {is:016x}")),
        None => Err(format!("the reports don't say which version of {path} was run")),
    }
}

fn seen(finding: &Finding, loaded: &Loaded, kept: &Path) -> Shown {
    // A folder of that name may be of another sweep.
    let folder = kept.join(finding.id());
    let same = recorded::read(&folder)
        .is_ok_and(|found| Some(found.seed) == finding.seed && found.digest == format!("{:016x}", scenario(loaded)));
    match finding.shrunk.is_some() && same {
        true => html::kept(&folder),
        false => html::again(loaded, finding).unwrap_or_default(),
    }
}
