//! Nodes that test items: filter, contains.

use crate::items::{put_some, Items};
use crate::key::Key;
use crate::{fail, levee, plain};
use std::cmp::Ordering;

/// Inputs: list, mask, op, value, by. Outputs: list, count.
pub fn filter() {
    let items = Items::of(0);
    let keep: Vec<usize> = match (levee::given(1), levee::given(3)) {
        (true, false) => by_mask(&items),
        (false, true) => by_value(&items),
        (false, false) => truthy(&items),
        (true, true) => levee::fail("give mask, or op and value, not both"),
    };
    put_some(&items, keep.iter().copied());
    levee::put_int(1, keep.len() as i64);
}

fn by_mask(items: &Items) -> Vec<usize> {
    let mask = levee::list(1);
    if mask.len() != items.len() {
        fail!("list has {} items, mask has {}", items.len(), mask.len());
    }
    (0..items.len()).filter(|i| mask[*i] == [1]).collect()
}

fn truthy(items: &Items) -> Vec<usize> {
    let (kind, by) = (levee::type_of(0), levee::string(4));
    let keep = |i: &usize| match Key::of(plain::element(&kind), &items.item(*i), &by, *i) {
        Key::Bool(b) => b,
        Key::Int(n) => n != 0,
        Key::Float(f) => f != 0.0,
        Key::Text(s) => !s.is_empty(),
        Key::Nothing => false,
    };
    (0..items.len()).filter(keep).collect()
}

fn wanted(port: i32) -> Key {
    let raw = levee::bytes(port);
    let (kind, enc) = levee::dec_any(&raw);
    Key::of(kind, enc, "", 0)
}

fn by_value(items: &Items) -> Vec<usize> {
    let (kind, op, by) = (levee::type_of(0), levee::string(2), levee::string(4));
    let want = wanted(3);
    let passes = |i: &usize| {
        let key = Key::of(plain::element(&kind), &items.item(*i), &by, *i);
        if key == Key::Nothing {
            return op == "ne";
        }
        if key.rank() != want.rank() {
            fail!("item {i} is {}; it cannot be compared with {}", key.show(), want.show());
        }
        let order = key.order(&want, false);
        match (op.as_str(), &key, &want) {
            ("eq", ..) => order == Ordering::Equal,
            ("ne", ..) => order != Ordering::Equal,
            ("lt", ..) => order == Ordering::Less,
            ("le", ..) => order != Ordering::Greater,
            ("gt", ..) => order == Ordering::Greater,
            ("ge", ..) => order != Ordering::Less,
            ("contains", Key::Text(s), Key::Text(part)) => s.contains(part.as_str()),
            ("starts_with", Key::Text(s), Key::Text(part)) => s.starts_with(part.as_str()),
            ("ends_with", Key::Text(s), Key::Text(part)) => s.ends_with(part.as_str()),
            _ => fail!("op {op} is for texts; item {i} is {}", key.show()),
        }
    };
    (0..items.len()).filter(passes).collect()
}

/// Inputs: list, value. Outputs: found, index (-1 when it is not there).
pub fn contains() {
    let (items, kind) = (Items::of(0), levee::type_of(0));
    let want = wanted(1);
    let same = |i: &usize| {
        let key = Key::of(plain::element(&kind), &items.item(*i), "", *i);
        key.rank() == want.rank() && key.order(&want, false) == Ordering::Equal
    };
    let at = (0..items.len()).find(same);
    levee::put_bool(0, at.is_some());
    levee::put_int(1, at.map_or(-1, |i| i as i64));
}
