//! The seeded discrete-event simulation: who picks the next choice, and when it is due.

pub mod setup;
