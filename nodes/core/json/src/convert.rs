//! JSON to the other types, and any value to JSON. Each takes a path, so that looking up and converting are one node.

use crate::path::{find, kind};
use crate::{any_tree, fail, levee, plain, tree};
use serde_json::Value;

/// Input: value (any). Output: value.
pub fn from_any() {
    levee::put_str(0, &any_tree(0).to_string());
}

/// What a path leads to, converted; the default port stands in for what is not there or null.
fn single<T>(convert: impl Fn(&Value) -> Option<T>, name: &str, default: impl Fn() -> T) -> T {
    let doc = tree(0);
    let path = levee::string(1);
    match find(&doc, &path) {
        Err(_) | Ok(Value::Null) if levee::given(2) => default(),
        Err(e) => levee::fail(&e),
        Ok(v) => convert(v).unwrap_or_else(|| fail!("{} is {}, which is no {name}", place(&path), kind(v))),
    }
}

fn place(path: &str) -> &str {
    if path.is_empty() { "the document" } else { path }
}

fn int(v: &Value) -> Option<i64> {
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

fn float(v: &Value) -> Option<f64> {
    match v {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

fn text(v: &Value) -> Option<String> {
    Some(plain::text(v))
}

/// Inputs: value, path, default. Output: value.
pub fn to_int() {
    levee::put_int(0, single(int, "int (64 bit)", || levee::int(2)));
}

/// Inputs: value, path, default. Output: value.
pub fn to_float() {
    levee::put_float(0, single(float, "number", || levee::float(2)));
}

/// Inputs: value, path, default. Output: value.
pub fn to_bool() {
    let bool = |v: &Value| match v {
        Value::Bool(b) => Some(*b),
        Value::String(s) if s == "true" => Some(true),
        Value::String(s) if s == "false" => Some(false),
        _ => None,
    };
    levee::put_bool(0, single(bool, "bool", || levee::boolean(2)));
}

/// Inputs: value, path, default. Output: value.
pub fn to_string() {
    levee::put_str(0, &single(text, "text", || levee::string(2)));
}

/// The items of the list that a path leads to, converted.
fn many<T>(convert: impl Fn(&Value) -> Option<T>, name: &str) -> Vec<T> {
    many_or(convert, name, None)
}

/// The same with a value for items without the field.
fn many_or<T>(convert: impl Fn(&Value) -> Option<T>, name: &str, default: Option<&Value>) -> Vec<T> {
    let doc = tree(0);
    let path = levee::string(1);
    let list = match find(&doc, &path) {
        Ok(Value::Array(list)) => list,
        Ok(other) => fail!("{} is {}, which is no list", place(&path), kind(other)),
        Err(e) => levee::fail(&e),
    };
    // With each, a field of every item is taken.
    let field = levee::string(2);
    let item = |(i, v): (usize, &Value)| {
        let v = find(v, &field).or_else(|e| default.ok_or(e)).unwrap_or_else(|e| fail!("item {i}: {e}"));
        convert(v).unwrap_or_else(|| fail!("item {i} is {}, which is no {name}", kind(v)))
    };
    list.iter().enumerate().map(item).collect()
}

/// Inputs: value, path, each, default. Output: list.
pub fn to_list() {
    let default = levee::given(3).then(|| tree(3));
    levee::put_list(0, &many_or(|v| Some(v.to_string()), "value", default.as_ref()));
}

/// Inputs: value, path, each. Output: list.
pub fn to_ints() {
    let items: Vec<[u8; 8]> = many(int, "int (64 bit)").into_iter().map(i64::to_le_bytes).collect();
    levee::put_list(0, &items);
}

/// Inputs: value, path, each. Output: list.
pub fn to_floats() {
    let items: Vec<[u8; 8]> = many(float, "number").into_iter().map(levee::enc_float).collect();
    levee::put_list(0, &items);
}

/// Inputs: value, path, each. Output: list.
pub fn to_strings() {
    levee::put_list(0, &many(text, "text"));
}
