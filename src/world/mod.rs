//! The deterministic environment: channels, store, ledgers, timers, lives. It knows no random number, no clock
//! and no verifier.

pub mod setup;
