//! The real world: the engine's processes on threads, their requests carried out on disks and in databases.
//!
//! The room feeds inputs and carries out effects. It decides nothing about the protocol: what a process may take, and
//! what its effects mean, is said in [`crate::engine::process`] and [`crate::engine::message`].

mod acts;
pub mod bell;
pub mod book;
pub mod clerk;
pub mod drive;
pub mod feed;
pub mod frail;
pub mod history;
pub mod hub;
pub mod life;
pub mod outside;
pub mod pipe;
pub mod place;
pub mod tally;
