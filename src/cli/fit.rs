//! Does a protocol make sense in the mode of a scenario?

use crate::protocols;
use crate::scenario::{Loaded, Scenario, warning};
use crate::topology::Mode;
use std::path::Path;

/// Where it says that it doesn't, why, and what to do about it; none: it does, for some seeds at least.
fn misplaced(scenario: &Scenario) -> Option<(&'static str, String, &'static str)> {
    let (name, modes) = (&scenario.protocol, scenario.checkpoints.mode.candidates());
    if name == "regional" && !modes.contains(&Mode::Regional) {
        let message = "`regional` is the engine, and in this mode its checkpoints are of everybody".to_string();
        return Some(("/protocol", message, "say `\"mode\": \"regional\"`"));
    }
    let (alone, can) = (protocols::alone(name), modes.contains(&Mode::Alone));
    match (alone, can) {
        (true, false) => Some((
            "/protocol",
            format!(
                "under `{name}` everybody takes checkpoints alone, and verdicts of this mode take them for one cut"
            ),
            "say `\"mode\": \"alone\"`, or take another protocol",
        )),
        (false, true) if modes.len() == 1 => Some((
            "/checkpoints/mode",
            format!("in the mode `alone` everybody takes checkpoints alone, and `{name}` coordinates them"),
            "the protocols of this mode are `uncoordinated`, `bcs` and `hmnr`",
        )),
        _ => None,
    }
}

/// Adds a warning to a scenario that was read from a file.
pub fn remark(path: &Path, loaded: &mut Loaded) {
    if let Some((pointer, message, help)) = misplaced(&loaded.scenario) {
        loaded.warnings.extend(warning(path, "S0225", pointer, message, help));
    }
}

/// What a protocol that was asked for on the command line doesn't fit; none: it fits all, or nothing was asked for.
pub fn warned<'a>(asked: Option<&str>, scenarios: impl Iterator<Item = &'a Scenario>) -> Option<String> {
    asked?;
    let odd: Vec<&Scenario> = scenarios.filter(|scenario| misplaced(scenario).is_some()).collect();
    let (_, message, help) = misplaced(odd.first()?)?;
    let all = if odd.len() == 1 { String::new() } else { format!(" (so it is in {} scenarios)", odd.len()) };
    Some(format!("{message}{all}: {help}"))
}
