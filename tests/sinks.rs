//! What becomes visible in the real sinks, and what never does.

#[path = "sinks/same.rs"]
mod same;

#[path = "sinks/zombies.rs"]
mod zombies;
