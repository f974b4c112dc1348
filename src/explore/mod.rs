//! Exhausting small instances. The room knows no random number and no clock.

pub mod naive;
