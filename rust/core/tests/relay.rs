//! Rooms over two or three hubs that are joined by FIFO queues, and what each client reads there.
//!
//! A witness at the home of each room reads all that the room hears, in the order that the home gives.
//! Each stay of any other client must be a piece of that order. The piece begins where the home let the
//! client in, and ends where it left. The client's own messages are not in it, and its private frames
//! are in their places.

mod cluster;

use cluster::{actions, Action, Fate, World};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn all_clients_read_pieces_of_one_order(nodes in 2..4_usize, actions in actions(Just(Fate::Arrives))) {
        let mut world = World::new(nodes);
        for action in &actions {
            world.act(action);
        }
        world.settle();
        world.check();
    }

    #[test]
    fn nothing_is_missing_without_a_report(nodes in 2..4_usize, actions in actions(fates())) {
        let mut world = World::new(nodes);
        for action in &actions {
            world.act(action);
        }
        world.settle();
        world.broadcast_last();
        world.settle();
        world.check();
    }
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        20 => Just(Fate::Arrives),
        1 => Just(Fate::IsLost),
        1 => Just(Fate::ComesTwice),
        1 => Just(Fate::ComesAgainLater),
        1 => any::<prop::sample::Index>().prop_map(Fate::IsCut),
    ]
}

#[test]
fn a_stream_without_listeners_is_not_published() {
    let mut world = World::new(2);
    world.act(&Action::Broadcast(0));
    world.settle();
    assert_eq!(world.publications(0), 0);
}
