//! One value out of an any.

use crate::{fail, levee, plain, show};
use serde_json::Value;

/// The any on port 0 as a tree.
fn tree() -> Value {
    let raw = levee::bytes(0);
    let (kind, enc) = levee::dec_any(&raw);
    plain::tree(kind, enc).unwrap_or_else(|e| levee::fail(&e))
}

fn need<T>(v: &Value, found: Option<T>, what: &str) -> T {
    found.unwrap_or_else(|| fail!("the value is {}, {what}", show(v)))
}

pub const NO_BOOL: &str = "which is no bool: true, false, 1, 0, or a text that says true or false";
pub const NO_INT: &str = "which is no whole number of 64 bits (math/to_int rounds)";
pub const NO_FLOAT: &str = "which is no number";

/// Inputs: value, truth. Output: value.
pub fn to_bool() {
    let v = tree();
    levee::put_bool(0, if levee::boolean(1) { truth(&v) } else { need(&v, bool_of(&v), NO_BOOL) });
}

/// Input: value. Output: value.
pub fn to_int() {
    let v = tree();
    levee::put_int(0, need(&v, int_of(&v), NO_INT));
}

/// Input: value. Output: value.
pub fn to_float() {
    let v = tree();
    levee::put_float(0, need(&v, float_of(&v), NO_FLOAT));
}

/// Input: value. Output: value.
pub fn to_string() {
    levee::put_str(0, &plain::text(&tree()));
}

/// What `if:` of a workflow takes for true: not false, 0, empty or null.
fn truth(v: &Value) -> bool {
    match v {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(m) => !m.is_empty(),
    }
}

pub fn bool_of(v: &Value) -> Option<bool> {
    match v {
        Value::Bool(b) => Some(*b),
        Value::Number(n) => [0.0, 1.0].iter().position(|x| n.as_f64() == Some(*x)).map(|i| i == 1),
        Value::String(s) if s.eq_ignore_ascii_case("true") => Some(true),
        Value::String(s) if s.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

pub fn int_of(v: &Value) -> Option<i64> {
    match v {
        Value::Number(n) => n.as_i64().or_else(|| whole(n.as_f64()?)),
        Value::String(s) => s.trim().parse().ok(),
        Value::Bool(b) => Some(*b as i64),
        _ => None,
    }
}

// Over 2^53 a float no longer says which int was meant.
fn whole(f: f64) -> Option<i64> {
    (f.trunc() == f && f.abs() <= 9_007_199_254_740_992.0).then_some(f as i64)
}

pub fn float_of(v: &Value) -> Option<f64> {
    match v {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse().ok().filter(|f: &f64| f.is_finite()),
        Value::Bool(b) => Some(*b as i64 as f64),
        _ => None,
    }
}
