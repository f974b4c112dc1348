//! The real world: the engine's processes on threads, their requests carried out on disks and in databases.
//!
//! The room feeds inputs and carries out effects. It decides nothing about the protocol: what a process may take, and
//! what its effects mean, is said in [`crate::engine::process`] and [`crate::engine::message`].

mod acts;
pub mod bell;
pub mod book;
pub mod clerk;
pub mod drive;
pub mod feed;
pub mod frail;
pub mod history;
pub mod hub;
pub mod life;
pub mod outside;
pub mod pace;
pub mod pipe;
pub mod place;
pub mod sinks;
pub mod storage;
pub mod tables;
pub mod tally;

/// What is said of a name that isn't in a table.
fn unknown(what: &str, name: &str, table: &[(&str, &str)]) -> String {
    let near = table.iter().map(|(word, _)| (strsim::damerau_levenshtein(word, name), word)).min();
    let hint = near.filter(|(distance, _)| *distance <= 2).map(|(_, word)| format!(", did you mean `{word}`?"));
    let rows: Vec<String> = table.iter().map(|(word, about)| format!("\n  {word}: {about}")).collect();
    format!("there is no {what} `{name}`{}{}", hint.unwrap_or_default(), rows.concat())
}

/// What is said of a name that this program was built without.
fn not_built(what: &str, name: &str, feature: &str) -> String {
    format!("this cutline was built without the {what} `{name}`: build it with `--features {feature}`")
}
