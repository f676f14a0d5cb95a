//! list/match: objects whose member passes a test on its text, its length or its type.

use crate::items::{put_some, Items};
use crate::test::{length, measured};
use crate::{fail, levee, plain};
use serde_json::Value;

/// Inputs: list, key, op, value, others. Outputs: list, count.
pub fn matching() {
    let (items, kind) = (Items::of(0), levee::type_of(0));
    let (key, op, value, drop) = (levee::string(1), levee::string(2), levee::string(3), levee::string(4) == "drop");
    let measures = ["longer", "shorter", "length"].contains(&op.as_str());
    let size = if measures { length(Some(&value), drop) } else { None };
    let passes = |i: &usize| {
        let tree = plain::tree(plain::element(&kind), &items.item(*i)).unwrap_or_else(|e| fail!("item {i}: {e}"));
        let Value::Object(m) = tree else {
            if drop {
                return false;
            }
            fail!("item {i} is {:.40}, which is no object", plain::written(&tree))
        };
        match m.get(&key) {
            None => false,
            Some(v) if measures => size.is_some_and(|n| parts(v).is_some_and(|have| measured(&op, have, n))),
            Some(v) if op == "type" => names(v).contains(&value.as_str()),
            Some(v) => textual(&op, &plain::written(v), &value),
        }
    };
    let keep: Vec<usize> = (0..items.len()).filter(passes).collect();
    put_some(&items, keep.iter().copied());
    levee::put_int(1, keep.len() as i64);
}

fn textual(op: &str, text: &str, value: &str) -> bool {
    match op {
        "contains" => text.contains(value),
        "starts_with" => text.starts_with(value),
        "ends_with" => text.ends_with(value),
        _ => text == value,
    }
}

/// How many characters, items or keys a value has.
fn parts(v: &Value) -> Option<usize> {
    match v {
        Value::String(s) => Some(s.chars().count()),
        Value::Array(list) => Some(list.len()),
        Value::Object(m) => Some(m.len()),
        _ => None,
    }
}

/// What a value's type is called: in JSON, in Python and in JavaScript.
fn names(v: &Value) -> &'static [&'static str] {
    match v {
        Value::Null => &["null", "NoneType"],
        Value::Bool(_) => &["boolean", "bool"],
        Value::Number(n) if n.is_f64() => &["number", "float"],
        Value::Number(_) => &["number", "int"],
        Value::String(_) => &["string", "str"],
        Value::Array(_) => &["array", "list"],
        Value::Object(_) => &["object", "dict"],
    }
}
