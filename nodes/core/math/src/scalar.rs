//! A number on a port: an int stays an int, so that sums of ints are exact.

use crate::number::float_text;
use crate::{fail, levee};
use std::cmp::Ordering;

#[derive(Clone, Copy, Debug)]
pub enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// An input of type int or float, or json or any that holds a number.
    pub fn input(port: i32, name: &str) -> Number {
        match levee::type_of(port).as_str() {
            "int" => Number::Int(levee::int(port)),
            "float" => Number::Float(levee::float(port)),
            kind @ ("any" | "json") => Number::held(kind, &levee::bytes(port)).unwrap_or_else(|got| fail!("{name} is {got}; this node takes numbers")),
            other => fail!("{name} is {other}; this node takes int or float"),
        }
    }

    /// The number in an encoded value of any type, or what it is instead.
    fn held(kind: &str, enc: &[u8]) -> Result<Number, String> {
        let word = || enc.try_into().unwrap_or([0; 8]);
        match kind {
            "int" => Ok(Number::Int(i64::from_le_bytes(word()))),
            "float" => Ok(Number::Float(f64::from_le_bytes(word()))),
            "any" => {
                let (kind, enc) = levee::dec_any(enc);
                Number::held(kind, enc)
            }
            "json" => match serde_json::from_slice(enc) {
                Ok(serde_json::Value::Number(n)) => Ok(n.as_i64().map_or_else(|| Number::Float(n.as_f64().unwrap_or(f64::NAN)), Number::Int)),
                _ => Err(format!("the JSON {:.40}", String::from_utf8_lossy(enc))),
            },
            other => Err(format!("of type {other}")),
        }
    }

    /// The numbers of a list input.
    pub fn list(port: i32) -> Vec<Number> {
        let kind = levee::type_of(port);
        let raw = levee::bytes(port);
        let word = |b: &[u8]| b.try_into().unwrap_or([0; 8]);
        match kind.as_str() {
            "list<int>" => levee::items(&raw).into_iter().map(|b| Number::Int(i64::from_le_bytes(word(b)))).collect(),
            "list<float>" => levee::items(&raw).into_iter().map(|b| Number::Float(f64::from_le_bytes(word(b)))).collect(),
            "list<any>" | "list<json>" => {
                let inner = &kind[5..kind.len() - 1];
                let item = |(i, enc)| Number::held(inner, enc).unwrap_or_else(|got| fail!("item {i} is {got}; this node takes numbers"));
                levee::items(&raw).into_iter().enumerate().map(item).collect()
            }
            other => fail!("values is {other}; this node takes list<int> or list<float>"),
        }
    }

    /// Writes the number to output 0 in the type of input 0, or of its items.
    pub fn put(self) {
        let kind = levee::type_of(0);
        let (name, enc) = match self {
            Number::Int(n) => ("int", n.to_le_bytes()),
            Number::Float(f) => ("float", levee::enc_float(f)),
        };
        match kind.as_str() {
            "any" | "list<any>" => levee::write(0, &levee::enc_any(name, &enc)),
            "json" | "list<json>" if !self.float().is_finite() => fail!("the result is {}, which JSON cannot hold", self.text()),
            "json" | "list<json>" => levee::put_str(0, &self.text()),
            "float" | "list<float>" => levee::put_float(0, self.float()),
            _ => levee::write(0, &enc),
        }
    }

    pub fn float(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(f) => f,
        }
    }

    pub fn text(self) -> String {
        match self {
            Number::Int(n) => n.to_string(),
            Number::Float(f) => float_text(f),
        }
    }

    pub fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            _ => {
                let (a, b) = (self.float(), other.float());
                a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
            }
        }
    }

    /// Applies an operation to two ints, or to two floats; an int result over 64 bits ends the invocation.
    pub fn both(a: Number, b: Number, sign: &str, ints: fn(i64, i64) -> Option<i64>, floats: fn(f64, f64) -> f64) -> Number {
        match (a, b) {
            (Number::Int(x), Number::Int(y)) => match ints(x, y) {
                Some(n) => Number::Int(n),
                None => fail!("{x} {sign} {y} does not fit an int (64 bit); use floats"),
            },
            _ => Number::Float(floats(a.float(), b.float())),
        }
    }
}
