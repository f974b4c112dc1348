//! Exhausting small instances. The room knows no random number and no clock.

pub mod anchor;
pub mod naive;
pub mod recovery;
