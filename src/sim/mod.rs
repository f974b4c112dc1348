//! The seeded discrete-event simulation: who picks the next choice, and when it is due. Only this room and
//! `scenario` know random numbers; the world never sees a seed.

pub mod driver;
pub mod follow;
pub mod keep;
pub mod matrix;
pub mod moments;
pub mod queue;
pub mod run;
pub mod schedule;
pub mod setup;
