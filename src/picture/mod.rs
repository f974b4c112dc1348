//! Pictures of traces. The room reads events and verdicts, and gives bytes; it opens no file.
//!
//! [`past::Past`] puts the lines of a trace together, [`cuts`] finds the checkpoints in it; all pictures and exports
//! begin there. Any line may be missing: what isn't known is left open, and nothing panics.

mod arrows;
mod bundles;
pub mod cuts;
pub mod diagram;
pub mod export;
mod gathering;
pub mod history;
mod lanes;
mod layout;
mod marks;
pub mod past;
pub mod plot;
mod shapes;
mod style;
pub mod svg;
pub mod view;
pub mod words;

pub use diagram::diagram;
pub use view::{Fold, Scale, View, Window};
