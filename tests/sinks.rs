//! What becomes visible in the real sinks, and what never does.

#[cfg(feature = "postgres")]
#[path = "support/cluster.rs"]
mod cluster;

#[cfg(feature = "postgres")]
#[path = "sinks/postgres.rs"]
mod postgres_sink;

#[path = "sinks/same.rs"]
mod same;

#[path = "sinks/zombies.rs"]
mod zombies;
