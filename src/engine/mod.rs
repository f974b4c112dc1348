//! The product: barrier alignment, snapshots, coordinator, recovery and two-phase sinks as pure state
//! machines. The room knows no driver, no clock, no file, no thread and no random number.

pub mod config;
pub mod gate;
pub mod inbox;
pub mod message;
pub mod process;
pub mod snapshot;
mod tracker;
