//! Nodes that test items: filter, between, contains.

use crate::items::{put_some, Items};
use crate::key::Key;
use crate::{fail, levee, plain};
use serde_json::Value;
use std::cmp::Ordering;

/// Inputs: list, mask, op, value, by. Outputs: list, count.
pub fn filter() {
    let items = Items::of(0);
    let op = levee::string(2);
    let keep: Vec<usize> = match (levee::given(1), levee::given(3)) {
        (true, false) => by_mask(&items),
        (false, _) if ALONE.contains(&op.as_str()) => by_itself(&items, &op),
        (false, true) => by_value(&items, &op),
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

/// The ops that need no value.
const ALONE: [&str; 5] = ["not_null", "even", "odd", "positive", "negative"];

fn by_itself(items: &Items, op: &str) -> Vec<usize> {
    let (kind, by) = (levee::type_of(0), levee::string(4));
    let passes = |i: &usize| {
        let raw = items.item(*i);
        if op == "not_null" && by.is_empty() {
            return plain::tree(plain::element(&kind), &raw) != Ok(Value::Null);
        }
        let key = Key::of(plain::element(&kind), &raw, &by, *i);
        match (op, &key) {
            (_, Key::Nothing) => false,
            ("not_null", _) => true,
            ("even", Key::Int(n)) => n % 2 == 0,
            ("odd", Key::Int(n)) => n % 2 != 0,
            ("even", Key::Float(f)) => f % 2.0 == 0.0,
            ("odd", Key::Float(f)) => (f % 2.0).abs() == 1.0,
            ("positive", Key::Int(n)) => *n > 0,
            ("positive", Key::Float(f)) => *f > 0.0,
            ("negative", Key::Int(n)) => *n < 0,
            ("negative", Key::Float(f)) => *f < 0.0,
            _ => fail!("op {op} is for numbers; item {i} is {}", key.show()),
        }
    };
    (0..items.len()).filter(passes).collect()
}

/// Inputs: list, low, high, inclusive, by. Outputs: list, count.
pub fn between() {
    let items = Items::of(0);
    let (kind, by) = (levee::type_of(0), levee::string(4));
    let (low, high, inclusive) = (levee::float(1), levee::float(2), levee::boolean(3));
    let passes = |i: &usize| {
        let f = match Key::of(plain::element(&kind), &items.item(*i), &by, *i) {
            Key::Int(n) => n as f64,
            Key::Float(f) => f,
            Key::Nothing => return false,
            other => fail!("item {i} is {}, which is no number", other.show()),
        };
        if inclusive { (low..=high).contains(&f) } else { low < f && f < high }
    };
    let keep: Vec<usize> = (0..items.len()).filter(passes).collect();
    put_some(&items, keep.iter().copied());
    levee::put_int(1, keep.len() as i64);
}

/// The length that a value port names: a whole number, or a text that holds one.
fn wanted_length(want: &Key) -> usize {
    let n = match want {
        Key::Int(n) => usize::try_from(*n).ok(),
        Key::Text(s) => s.trim().parse().ok(),
        _ => None,
    };
    n.unwrap_or_else(|| fail!("value is {}; a length is a whole number", want.show()))
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

fn by_value(items: &Items, op: &str) -> Vec<usize> {
    let (kind, by) = (levee::type_of(0), levee::string(4));
    let want = wanted(3);
    let length = if ["longer", "shorter", "length"].contains(&op) { Some(wanted_length(&want)) } else { None };
    let passes = |i: &usize| {
        let key = Key::of(plain::element(&kind), &items.item(*i), &by, *i);
        if key == Key::Nothing {
            return op == "ne";
        }
        if let (Some(n), Key::Text(s)) = (length, &key) {
            return match op {
                "longer" => s.chars().count() > n,
                "shorter" => s.chars().count() < n,
                _ => s.chars().count() == n,
            };
        }
        if length.is_none() && key.rank() != want.rank() {
            fail!("item {i} is {}; it cannot be compared with {}", key.show(), want.show());
        }
        let order = key.order(&want, false);
        match (op, &key, &want) {
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
