//! What happened, as lines. The room doesn't know who drove the processes, nor what is right.

pub mod coverage;
pub mod digest;
pub mod event;
pub mod json;
pub mod record;
pub mod text;
pub mod words;

pub use crate::engine::message::{AbortReason, Datum, DeclineReason, Record, StoreKey, Txn};
