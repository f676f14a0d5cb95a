//! list/sort.

use crate::items::{put_some, Items};
use crate::key::Key;
use crate::{levee, plain};

/// Inputs: list, descending, natural, by. Output: list. Equal items keep their order; items without a key come last.
pub fn sort() {
    let (items, kind) = (Items::of(0), levee::type_of(0));
    let (descending, natural, by) = (levee::boolean(1), levee::boolean(2), levee::string(3));
    let keys: Vec<Key> = (0..items.len()).map(|i| Key::of(plain::element(&kind), &items.item(i), &by, i)).collect();
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|a, b| {
        let (x, y) = (&keys[*a], &keys[*b]);
        if descending && *x != Key::Nothing && *y != Key::Nothing { y.order(x, natural) } else { x.order(y, natural) }
    });
    put_some(&items, order.into_iter());
}
