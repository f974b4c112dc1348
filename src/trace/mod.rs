//! What happened, as lines. The room doesn't know who drove the processes, nor what is right.

pub mod digest;
pub mod event;
pub mod record;
