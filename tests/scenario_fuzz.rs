//! Whatever is in a scenario file: it is refused or accepted, never a panic, and what is accepted can be run.

mod common;

use common::fuzz::{one_try, seeds};
use proptest::prelude::*;

#[test]
fn mutated_files_never_panic() {
    let tries = std::env::var("CUTLINE_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(3_000);
    let files = seeds();
    let accepted = (0..tries).filter(|n| one_try(&files, *n)).count();
    println!("{accepted} of {tries} accepted");
    assert!(tries < 1_000 || accepted > 0, "mutations that break everything test too little");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for diagnostic in cutline::scenario::check_bytes("bytes.json", &bytes) {
            diagnostic.render(true);
        }
    }

    #[test]
    fn text_never_panics(text in "[\\[\\]{}\":,0-9a-z\\\\ \n\té\u{1F980}-]{0,120}") {
        for diagnostic in cutline::scenario::check_bytes("text.json", text.as_bytes()) {
            diagnostic.render(false);
        }
    }
}
