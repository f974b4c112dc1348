//! cutline: deterministic simulation and model checking of asynchronous barrier snapshots.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod cli;
pub mod compare;
pub mod dice;
pub mod digest;
pub mod engine;
pub mod explore;
pub mod folklore;
pub mod ids;
pub mod lines;
pub mod picture;
pub mod protocols;
pub mod report;
pub mod runtime;
pub mod scenario;
pub mod shrink;
pub mod sim;
pub mod topology;
pub mod trace;
pub mod tune;
pub mod vectors;
pub mod verify;
pub mod world;
