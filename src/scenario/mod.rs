//! From a scenario file to what a world and a simulation are made from.
//!
//! `load` reads and checks a file, `draw` closes everything that it leaves open, `build` turns a closed
//! scenario into tables. The room knows nothing of how a run goes, and nothing of how it is judged.

pub mod build;
pub mod dice;
pub mod draw;
pub mod faults;
pub mod load;
pub mod open;
pub mod spec;

mod draw_faults;
mod names;

pub use build::{BuildError, Built, Protocols, build};
pub use dice::Dice;
pub use draw::{Style, draw};
pub use load::Loaded;
pub use spec::Scenario;
