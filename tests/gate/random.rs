//! Random interleavings through the gate and through the model: the same entries and the same blocked channels
//! after every step.

use super::model::Model;
use cutline::engine::gate::Gate;
use cutline::ids::InputSet;
use cutline::topology::Mode;
use cutline::vectors::{Arrival, Bench, Element};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Move {
    Record,
    /// The channel's next barrier, so many ids on.
    Barrier(u64, bool),
    /// Any barrier at all: also repeated and stale ones.
    Stray(u64, bool),
    /// A cancel, so many ids from the channel's last barrier.
    Cancel(u64),
    End,
    Advance(u64),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => Just(Move::Record),
        8 => (prop_oneof![6 => Just(1u64), 1 => 2u64..4], prop::bool::weighted(0.15)).prop_map(|(on, u)| Move::Barrier(on, u)),
        2 => (1u64..7, prop::bool::weighted(0.15)).prop_map(|(id, u)| Move::Stray(id, u)),
        2 => (0u64..3).prop_map(Move::Cancel),
        1 => Just(Move::End),
        3 => (0u64..5).prop_map(Move::Advance),
    ]
}

fn modes() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![Mode::Aligned, Mode::AtLeastOnce, Mode::Unaligned, Mode::AlignedThenUnaligned])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_does_what_the_model_does(
        mode in modes(),
        channels in 1u32..5,
        after_end in prop::bool::weighted(0.7),
        timeout_ms in 1u64..7,
        script in prop::collection::vec((0u32..4, moves()), 1..60),
    ) {
        let gate = Gate::new(mode, channels as usize, after_end, &InputSet::new());
        let mut bench = Bench::new(gate, channels as usize, Some(timeout_ms));
        let mut model = Model::new(mode, channels, after_end, timeout_ms);
        let mut last = [0u64; 4];
        let mut ended = [false; 4];
        for (at, (channel, step)) in script.into_iter().enumerate() {
            let channel = channel % channels;
            let last = &mut last[channel as usize];
            let may = |unaligned: bool| unaligned && mode == Mode::AlignedThenUnaligned;
            let element = match step {
                Move::Advance(ms) => {
                    bench.advance(ms);
                    model.advance(ms);
                    None
                }
                _ if ended[channel as usize] => None,
                Move::Record => Some(Element::Record(format!("r{at}").into())),
                Move::Barrier(on, unaligned) => {
                    *last += on;
                    Some(Element::Barrier { id: *last, unaligned: may(unaligned) })
                }
                Move::Stray(id, unaligned) => Some(Element::Barrier { id, unaligned: may(unaligned) }),
                Move::Cancel(on) => {
                    *last = (*last + on).max(1);
                    Some(Element::Cancel(*last))
                }
                Move::End => {
                    ended[channel as usize] = true;
                    Some(Element::End)
                }
            };
            if let Some(element) = element {
                let arrival = Arrival { channel, element };
                bench.arrive(&arrival);
                model.arrive(arrival);
            }
            prop_assert_eq!(&bench.done(), &std::mem::take(&mut model.done), "step {}", at);
            prop_assert_eq!(bench.blocked(), model.blocked(), "step {}", at);
        }
    }
}
