//! Exhaustive search: every schedule and every bounded fault of a small job, over the same world and the same engine
//! code that the simulator drives. The room knows no scenario file and no random number.

pub mod anchor;
pub mod chandy_lamport;
pub mod classes;
pub mod commutation;
pub mod expected;
pub mod judge;
pub mod lasso;
mod layer;
pub mod learn;
pub mod liveness;
pub mod naive;
pub mod offers;
pub mod path;
pub mod persist;
pub mod recovery;
pub mod reduce;
pub mod refine;
pub mod rules;
pub mod search;
pub mod space;
pub mod steps;
pub mod table;
pub mod terms;
mod threads;
