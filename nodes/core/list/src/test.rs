//! Nodes that test items: filter, between, contains.

use crate::items::{put_some, Items};
use crate::key::{steps, Key};
use crate::{fail, levee, plain};
use serde_json::Value;
use std::cmp::Ordering;

/// The items of a test: what each is tested by, and what becomes of those that have nothing of that kind.
struct Tested {
    items: Items,
    kind: String,
    by: String,
    literal: bool,
    drop: bool,
}

impl Tested {
    /// Of a node whose port by is this one, then literal and others.
    fn of(by: i32) -> Tested {
        Tested { items: Items::of(0), kind: levee::type_of(0), by: levee::string(by), literal: levee::boolean(by + 1), drop: levee::string(by + 2) == "drop" }
    }

    fn key(&self, i: usize) -> Key {
        let by = steps(&self.by, self.literal);
        match Key::find(plain::element(&self.kind), &self.items.item(i), &by) {
            Ok(key) => key,
            Err(_) if self.drop => Key::Nothing,
            Err(e) => fail!("item {i}{e}"),
        }
    }

    /// An item of another kind than the test is for: it is left out, or an error.
    fn other(&self, message: impl FnOnce() -> String) -> bool {
        if !self.drop {
            levee::fail(&message());
        }
        false
    }

    fn put(&self, passes: impl Fn(usize) -> bool) {
        let keep: Vec<usize> = (0..self.items.len()).filter(|i| passes(*i)).collect();
        put_some(&self.items, keep.iter().copied());
        levee::put_int(1, keep.len() as i64);
    }
}

/// Inputs: list, mask, op, value, by, literal, others. Outputs: list, count.
pub fn filter() {
    let t = Tested::of(4);
    let op = levee::string(2);
    match (levee::given(1), levee::given(3)) {
        (true, false) => by_mask(&t),
        (false, _) if ALONE.contains(&op.as_str()) => t.put(|i| by_itself(&t, &op, i)),
        (false, true) => by_value(&t, &op),
        (false, false) => t.put(|i| truthy(&t.key(i))),
        (true, true) => levee::fail("give mask, or op and value, not both"),
    }
}

fn by_mask(t: &Tested) {
    let mask = levee::list(1);
    if mask.len() != t.items.len() {
        fail!("list has {} items, mask has {}", t.items.len(), mask.len());
    }
    t.put(|i| mask[i] == [1]);
}

/// The ops that need no value.
const ALONE: [&str; 5] = ["not_null", "even", "odd", "positive", "negative"];

fn by_itself(t: &Tested, op: &str, i: usize) -> bool {
    if op == "not_null" && t.by.is_empty() {
        return plain::tree(plain::element(&t.kind), &t.items.item(i)) != Ok(Value::Null);
    }
    let key = t.key(i);
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
        _ => t.other(|| format!("op {op} is for numbers; item {i} is {}", key.show())),
    }
}

/// Inputs: list, low, high, inclusive, by, literal, others. Outputs: list, count.
pub fn between() {
    let t = Tested::of(4);
    let (low, high, inclusive) = (levee::float(1), levee::float(2), levee::boolean(3));
    t.put(|i| {
        let f = match t.key(i) {
            Key::Int(n) => n as f64,
            Key::Float(f) => f,
            Key::Nothing => return false,
            other => return t.other(|| format!("item {i} is {}, which is no number", other.show())),
        };
        if inclusive { (low..=high).contains(&f) } else { low < f && f < high }
    });
}

/// The length that a value port names: a whole number, or a text that holds one. Where others are left out it may have a fraction,
/// and what is none fits nothing.
pub fn length(text: Option<&str>, drop: bool) -> Option<f64> {
    let text = text.map(str::trim);
    if drop {
        return text.and_then(|s| s.parse().ok()).filter(|f: &f64| f.is_finite());
    }
    let n: Option<i64> = text.and_then(|s| s.parse().ok());
    Some(n.unwrap_or_else(|| fail!("value is {:?}; a length is a whole number", text.unwrap_or(""))) as f64)
}

/// Whether a number of characters or items passes.
pub fn measured(op: &str, n: usize, want: f64) -> bool {
    match op {
        "longer" => n as f64 > want,
        "shorter" => (n as f64) < want,
        _ => n as f64 == want,
    }
}

fn truthy(key: &Key) -> bool {
    match key {
        Key::Bool(b) => *b,
        Key::Int(n) => *n != 0,
        Key::Float(f) => *f != 0.0,
        Key::Text(s) => !s.is_empty(),
        Key::Nothing => false,
    }
}

fn wanted(port: i32) -> Key {
    let raw = levee::bytes(port);
    let (kind, enc) = levee::dec_any(&raw);
    Key::of(kind, enc, &[], 0)
}

/// A value as a tree in which equal numbers are equal.
fn same(kind: &str, enc: &[u8]) -> Result<Value, String> {
    fn even(v: Value) -> Value {
        match v {
            Value::Number(n) => n.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map_or(Value::Number(n), |f| Value::from(f as i64)),
            Value::Array(list) => list.into_iter().map(even).collect(),
            Value::Object(m) => m.into_iter().map(|(k, v)| (k, even(v))).collect(),
            other => other,
        }
    }
    plain::tree(kind, enc).map(even)
}

/// The value on a port, as same has it.
fn wanted_same(port: i32) -> Value {
    let raw = levee::bytes(port);
    let (kind, enc) = levee::dec_any(&raw);
    same(kind, enc).unwrap_or_else(|e| fail!("value: {e}"))
}

/// Whether item i, or the part of it to go by, is this value, whatever it is: null for a part that it lacks.
fn is(t: &Tested, i: usize, want: &Value) -> bool {
    let tree = same(plain::element(&t.kind), &t.items.item(i)).unwrap_or_else(|e| fail!("item {i}: {e}"));
    steps(&t.by, t.literal).into_iter().try_fold(&tree, plain::child).unwrap_or(&Value::Null) == want
}

fn by_value(t: &Tested, op: &str) {
    if op == "is" || op == "is_not" {
        let want = wanted_same(3);
        return t.put(|i| is(t, i, &want) == (op == "is"));
    }
    let want = wanted(3);
    if ["longer", "shorter", "length"].contains(&op) {
        let text = match &want {
            Key::Int(n) => Some(n.to_string()),
            Key::Text(s) => Some(s.clone()),
            _ => None,
        };
        let Some(n) = length(text.as_deref(), t.drop) else { return t.put(|_| false) };
        return t.put(|i| match t.key(i) {
            Key::Text(s) => measured(op, s.chars().count(), n),
            Key::Nothing => false,
            other => t.other(|| format!("op {op} is for texts; item {i} is {}", other.show())),
        });
    }
    t.put(|i| {
        let key = t.key(i);
        if key == Key::Nothing {
            return op == "ne" && !t.drop;
        }
        if key.rank() != want.rank() {
            return t.other(|| format!("item {i} is {}; it cannot be compared with {}", key.show(), want.show()));
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
            _ => t.other(|| format!("op {op} is for texts; item {i} is {}", key.show())),
        }
    });
}

/// Inputs: list, value. Outputs: found, index (-1 when it is not there).
pub fn contains() {
    let (items, kind, want) = (Items::of(0), levee::type_of(0), wanted_same(1));
    let found = |i: &usize| same(plain::element(&kind), &items.item(*i)).unwrap_or_else(|e| fail!("item {i}: {e}")) == want;
    let at = (0..items.len()).find(found);
    levee::put_bool(0, at.is_some());
    levee::put_int(1, at.map_or(-1, |i| i as i64));
}
