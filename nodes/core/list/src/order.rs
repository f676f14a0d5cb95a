//! Nodes that change the order.

use crate::items::{put_some, Items};
use crate::key::{steps, Key};
use crate::{levee, plain};

/// Inputs: list, descending, natural, by. Output: list. Equal items keep their order; items without a key come last.
pub fn sort() {
    let (items, kind) = (Items::of(0), levee::type_of(0));
    let (descending, natural, by) = (levee::boolean(1), levee::boolean(2), levee::string(3));
    let by = steps(&by, false);
    let keys: Vec<Key> = (0..items.len()).map(|i| Key::of(plain::element(&kind), &items.item(i), &by, i)).collect();
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|a, b| {
        let (x, y) = (&keys[*a], &keys[*b]);
        if descending && *x != Key::Nothing && *y != Key::Nothing { y.order(x, natural) } else { x.order(y, natural) }
    });
    put_some(&items, order.into_iter());
}

/// Inputs: list, seed. Output: list. Fisher and Yates's shuffle on Vigna's splitmix64: the same seed, the same order, on every machine.
pub fn shuffle() {
    let items = Items::of(0);
    let mut state = levee::int(1) as u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut order: Vec<usize> = (0..items.len()).collect();
    for i in (1..order.len()).rev() {
        // The high half of a product is an even choice: a list is far shorter than 2^64.
        let j = ((next() as u128 * (i as u128 + 1)) >> 64) as usize;
        order.swap(i, j);
    }
    put_some(&items, order.into_iter());
}
