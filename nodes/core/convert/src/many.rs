//! Lists and maps out of an any.

use crate::single::{bool_of, float_of, int_of, NO_BOOL, NO_FLOAT, NO_INT};
use crate::{fail, levee, plain, show};
use serde_json::Value;
use std::collections::BTreeMap;

/// The items of a list, or of a JSON list, each as an any.
fn items(raw: &[u8]) -> Vec<Vec<u8>> {
    match levee::dec_any(raw) {
        ("json", doc) => match json(doc) {
            Value::Array(list) => list.iter().map(natural).collect(),
            other => fail!("the value is {}, which is no list", show(&other)),
        },
        (kind, enc) if kind.starts_with("list<") => {
            levee::items(enc).into_iter().map(|item| as_any(plain::element(kind), item)).collect()
        }
        (kind, _) => fail!("the value is of type {kind}, which is no list"),
    }
}

fn json(doc: &[u8]) -> Value {
    serde_json::from_slice(doc).unwrap_or_else(|e| fail!("bad JSON: {e}"))
}

fn as_any(kind: &str, enc: &[u8]) -> Vec<u8> {
    if kind == "any" { enc.to_vec() } else { levee::enc_any(kind, enc) }
}

/// An any of the type that the same literal has in a workflow file.
fn natural(v: &Value) -> Vec<u8> {
    match v {
        Value::Bool(b) => levee::enc_any("bool", &[*b as u8]),
        Value::String(s) => levee::enc_any("string", s.as_bytes()),
        Value::Number(n) => match (n.as_i64(), n.as_f64().filter(|f| f.is_finite())) {
            (Some(i), _) => levee::enc_any("int", &i.to_le_bytes()),
            (None, Some(f)) => levee::enc_any("float", &levee::enc_float(f)),
            _ => levee::enc_any("json", v.to_string().as_bytes()),
        },
        other => levee::enc_any("json", other.to_string().as_bytes()),
    }
}

/// Input: value. Output: list.
pub fn to_list() {
    levee::put_list(0, &items(&levee::bytes(0)));
}

/// Input: value. Output: map.
pub fn to_map() {
    levee::put_map(0, &entries(&levee::bytes(0)));
}

fn entries(raw: &[u8]) -> BTreeMap<String, Vec<u8>> {
    match levee::dec_any(raw) {
        ("json", doc) => match json(doc) {
            Value::Object(m) => m.iter().map(|(k, v)| (k.clone(), natural(v))).collect(),
            other => fail!("the value is {}, which is no map", show(&other)),
        },
        (kind, enc) if kind.starts_with("map<") => {
            let pair = |p: &[&[u8]]| (String::from_utf8_lossy(p[0]).into_owned(), as_any(plain::element(kind), p[1]));
            levee::items(enc).chunks_exact(2).map(pair).collect()
        }
        (kind, _) => fail!("the value is of type {kind}, which is no map"),
    }
}

/// The items converted one by one.
fn each<T>(convert: impl Fn(&Value) -> Option<T>, what: &str) -> Vec<T> {
    let tree = |(i, item): (usize, Vec<u8>)| {
        let v = plain::tree("any", &item).unwrap_or_else(|e| fail!("item {i}: {e}"));
        convert(&v).unwrap_or_else(|| fail!("item {i} is {}, {what}", show(&v)))
    };
    items(&levee::bytes(0)).into_iter().enumerate().map(tree).collect()
}

/// Input: value. Output: list.
pub fn to_bools() {
    let items: Vec<[u8; 1]> = each(bool_of, NO_BOOL).into_iter().map(|b| [b as u8]).collect();
    levee::put_list(0, &items);
}

/// Input: value. Output: list.
pub fn to_ints() {
    let items: Vec<[u8; 8]> = each(int_of, NO_INT).into_iter().map(i64::to_le_bytes).collect();
    levee::put_list(0, &items);
}

/// Input: value. Output: list.
pub fn to_floats() {
    let items: Vec<[u8; 8]> = each(float_of, NO_FLOAT).into_iter().map(levee::enc_float).collect();
    levee::put_list(0, &items);
}

/// Input: value. Output: list.
pub fn to_strings() {
    levee::put_list(0, &each(|v| Some(plain::text(v)), ""));
}
