//! The gate of `examples/own_engine`, held against the gate vectors: whoever writes a gate can do the same.

#[path = "../../examples/own_engine/gate.rs"]
mod table;

use super::*;
use cutline::topology::Mode;
use cutline::vectors::{Vector, run};
use table::TableGate;

#[test]
fn a_gate_of_ones_own_passes_the_vectors_and_its_mistake_is_found() {
    let (mut passed, mut found) = (0, 0);
    for (path, text) in all() {
        let vector = Vector::parse(&path, &text).unwrap();
        if vector.mode == Mode::Aligned && vector.checkpoint_after_end {
            let run = |mistake| run(&path, &vector, TableGate::new(vector.channels as usize, mistake));
            run(false).unwrap_or_else(|mismatch| panic!("{mismatch}"));
            passed += 1;
            found += usize::from(run(true).is_err());
        }
    }
    assert!(passed >= 20 && found >= 1, "{passed} vectors are for such gates, {found} find the mistake");
}
