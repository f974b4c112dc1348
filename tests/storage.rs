//! What the real store keeps, and what becomes of it when files are damaged, processes race and machines stop.

#[path = "storage/chunks.rs"]
mod chunks;
#[path = "storage/damage.rs"]
mod damage;
#[path = "storage/job.rs"]
mod job;
#[path = "storage/places.rs"]
mod places;
#[path = "storage/races.rs"]
mod races;
#[path = "storage/same.rs"]
mod same;
#[path = "storage/tables.rs"]
mod tables;
