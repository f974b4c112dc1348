//! What the real store keeps, and what becomes of it when files are damaged, processes race and machines stop.

#[path = "storage/job.rs"]
mod job;
#[path = "storage/same.rs"]
mod same;
