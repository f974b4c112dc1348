//! The product: barrier alignment, snapshots, coordinator, recovery and two-phase sinks as pure state
//! machines. The room knows no driver, no clock, no file, no thread and no random number.

pub mod asks;
pub mod checkpoints;
pub mod config;
pub mod coordinator;
pub mod gate;
pub mod keyed;
pub mod message;
pub mod operator;
pub mod operators;
pub mod process;
pub mod router;
pub mod sink;
pub mod snapshot;
pub mod source;
pub mod subtask;
pub mod subtask_control;
