//! Lists and maps out of an any.

use crate::natural::{as_any, natural};
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

/// Inputs: list, to. Output: list.
pub fn convert_each() {
    let to = levee::string(1);
    let words = |v: &Value| Some(plain::text(v));
    let items: Vec<Vec<u8>> = match to.as_str() {
        "int" => each(int_of, NO_INT).into_iter().map(|i| levee::enc_any("int", &i.to_le_bytes())).collect(),
        "cut" => each(cut, NO_INT).into_iter().map(|i| levee::enc_any("int", &i.to_le_bytes())).collect(),
        "float" => each(float_of, NO_FLOAT).into_iter().map(|f| levee::enc_any("float", &levee::enc_float(f))).collect(),
        "bool" => each(bool_of, NO_BOOL).into_iter().map(|b| levee::enc_any("bool", &[b as u8])).collect(),
        _ => each(words, "").into_iter().map(|s| levee::enc_any("string", styled(&s, &to).as_bytes())).collect(),
    };
    levee::put_list(0, &items);
}

/// A number as an int, without its fraction; other values as int_of has it.
fn cut(v: &Value) -> Option<i64> {
    let whole = |f: f64| f.is_finite() && f.abs() < 9e18;
    match v {
        Value::Number(n) if n.as_i64().is_none() => n.as_f64().filter(|f| whole(*f)).map(|f| f as i64),
        _ => int_of(v),
    }
}

fn styled(s: &str, to: &str) -> String {
    match to {
        "upper" => s.to_uppercase(),
        "lower" => s.to_lowercase(),
        "trimmed" => s.trim().to_string(),
        _ => s.to_string(),
    }
}
