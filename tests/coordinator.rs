//! The coordinator, the store behind it and the two-phase sink, row by row against what the tests of a mature
//! coordinator demand. `row_35_...` is row 35 of that table.

#[path = "coordinator/adverse.rs"]
mod adverse;
#[path = "coordinator/asks.rs"]
mod asks;
#[path = "coordinator/completed.rs"]
mod completed;
#[path = "coordinator/digests.rs"]
mod digests;
#[path = "coordinator/failures.rs"]
mod failures;
#[path = "coordinator/regions.rs"]
mod regions;
#[path = "coordinator/rig.rs"]
mod rig;
#[path = "coordinator/savepoints.rs"]
mod savepoints;
#[path = "coordinator/settling.rs"]
mod settling;
#[path = "coordinator/sinks.rs"]
mod sinks;
#[path = "coordinator/subtasks.rs"]
mod subtasks;
#[path = "coordinator/triggers.rs"]
mod triggers;
#[path = "coordinator/wishes.rs"]
mod wishes;
