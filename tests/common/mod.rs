//! What several tests share.

pub mod fuzz;
