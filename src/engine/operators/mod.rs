//! The operators that ship, a file each. Their meaning is fixed in `docs/operators.md` and implemented a second
//! time, independently, in `verify/reference.rs`.

pub mod choose;
pub mod count;
pub mod distinct;
pub mod filter;
pub mod join;
pub mod last_value;
pub mod map;
pub mod max;
pub mod pass_on;
pub mod sum;
pub mod union;
pub mod window;
pub mod words;
