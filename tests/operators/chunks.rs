//! Entries that are shared with snapshots until they change.

use cutline::digest::mix;
use cutline::engine::chunks::{CHUNK, Chunks, Still};
use std::sync::Arc;

/// A list that was cut, and what was in it then.
type Cut = (Vec<Still<u64, u64>>, Vec<(u64, u64)>);

#[test]
fn a_cut_stays_as_it_was() {
    let (mut chunks, mut plain) = (Chunks::default(), Vec::new());
    let mut cuts: Vec<Cut> = Vec::new();
    for n in 0..20_000u64 {
        let dice = mix(n);
        match dice % 1000 {
            0..3 => cuts.push((chunks.cut(), plain.clone())),
            3 => drop(cuts.pop()),
            4..200 => {
                chunks.push(n, dice);
                plain.push((n, dice));
            }
            _ if plain.is_empty() => {}
            _ => {
                let at = (dice >> 10) as usize % plain.len();
                assert_eq!(*chunks.key(at), plain[at].0);
                *chunks.value(at) ^= dice;
                plain[at].1 ^= dice;
            }
        }
    }
    assert!(cuts.len() > 20 && plain.len() > 10 * CHUNK);
    cuts.push((chunks.cut(), plain.clone()));
    for (cut, plain) in &cuts {
        assert!(cut.iter().flat_map(|chunk| chunk.iter()).eq(plain));
    }
    assert!(chunks.iter().eq(&plain) && chunks.count() == plain.len());
    assert_eq!(chunks.drain().collect::<Vec<_>>(), plain);
    assert_eq!((chunks.count(), chunks.iter().next()), (0, None));
}

/// What isn't changed isn't copied, and what nobody looks at any more isn't either.
#[test]
fn only_chunks_that_change_are_copied() {
    let mut chunks = Chunks::default();
    (0..10 * CHUNK).for_each(|n| chunks.push(n, 0));
    let first = chunks.cut();
    *chunks.value(5 * CHUNK + 3) = 7;
    *chunks.value(5 * CHUNK + 4) = 7;
    let second = chunks.cut();
    let same: Vec<bool> = first.iter().zip(&second).map(|(one, other)| Arc::ptr_eq(one, other)).collect();
    assert_eq!(same, (0..10).map(|chunk| chunk != 5).collect::<Vec<_>>());
    let place = second[5].as_ptr();
    drop((first, second));
    *chunks.value(5 * CHUNK) = 8;
    assert_eq!(chunks.cut()[5].as_ptr(), place, "nobody had it: it was changed where it was");
}
