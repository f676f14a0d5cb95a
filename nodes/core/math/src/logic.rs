//! Truth: comparing, and joining what was compared.

use crate::scalar::Number;
use crate::{fail, levee};
use serde_json::Value as Json;
use std::cmp::Ordering;

enum Value {
    Number(Number),
    Text(String),
    Bool(bool),
}

impl Value {
    fn input(port: i32, name: &str) -> Value {
        let raw = levee::bytes(port);
        let (kind, enc) = levee::dec_any(&raw);
        let word = || enc.try_into().unwrap_or([0; 8]);
        match kind {
            "int" => Value::Number(Number::Int(i64::from_le_bytes(word()))),
            "float" => Value::Number(Number::Float(f64::from_le_bytes(word()))),
            "string" => Value::Text(String::from_utf8_lossy(enc).into_owned()),
            "bool" => Value::Bool(enc == [1]),
            "json" => Value::json(enc, name),
            other => fail!("{name} is {other}; only numbers, texts and bools can be compared"),
        }
    }
    fn json(doc: &[u8], name: &str) -> Value {
        match serde_json::from_slice(doc) {
            Ok(Json::Bool(b)) => Value::Bool(b),
            Ok(Json::String(s)) => Value::Text(s),
            Ok(Json::Number(n)) => Value::Number(n.as_i64().map_or_else(|| Number::Float(n.as_f64().unwrap_or(f64::NAN)), Number::Int)),
            _ => fail!("{name} is JSON, but no number, text or bool; only these can be compared"),
        }
    }
    fn kind(&self) -> &'static str {
        match self {
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Bool(_) => "a bool",
        }
    }
}

/// Inputs: a, b, op. Outputs: result, order (-1, 0, 1).
pub fn compare() {
    let (a, b) = (Value::input(0, "a"), Value::input(1, "b"));
    let order = match (&a, &b) {
        (Value::Number(x), Value::Number(y)) => x.order(*y),
        (Value::Text(x), Value::Text(y)) => x.cmp(y),
        (Value::Bool(x), Value::Bool(y)) => x.cmp(y),
        _ => fail!("a is {}, b is {}: they cannot be compared", a.kind(), b.kind()),
    };
    let result = match levee::string(2).as_str() {
        "eq" => order == Ordering::Equal,
        "ne" => order != Ordering::Equal,
        "lt" => order == Ordering::Less,
        "le" => order != Ordering::Greater,
        "gt" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    };
    levee::put_bool(0, result);
    levee::put_int(1, order as i64);
}

pub fn not() {
    levee::put_bool(0, !levee::boolean(0));
}

pub fn all() {
    levee::put_bool(0, levee::list(0).iter().all(|b| b == &[1]));
}

pub fn any() {
    levee::put_bool(0, levee::list(0).iter().any(|b| b == &[1]));
}
