//! From a scenario file to what a world and a simulation are made from.
//!
//! `load` reads and checks a file, `draw` closes everything that it leaves open, `build` turns a closed
//! scenario into tables. The room knows nothing of how a run goes, and nothing of how it is judged.

pub mod build;
pub mod calm;
pub mod diagnose;
pub mod draw;
pub mod exhaust;
pub mod expect;
pub mod explain;
pub mod faults;
pub mod load;
pub mod open;
pub mod print;
pub mod rate;
pub mod schema;
pub mod spec;
pub mod token;

mod check;
mod check_faults;
mod draw_faults;
mod names;
mod shape;
mod tree;

pub use build::{BuildError, Built, Protocols, build};
pub use diagnose::{Diagnostic, Severity};
pub use draw::{Style, draw};
pub use explain::explain;
pub use load::{Loaded, check_bytes, load, load_knowing, load_unread, render, warning};
pub use schema::schema;
pub use spec::Scenario;
