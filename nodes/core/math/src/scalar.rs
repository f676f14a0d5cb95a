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
    /// An input of type int or float.
    pub fn input(port: i32, name: &str) -> Number {
        match levee::type_of(port).as_str() {
            "int" => Number::Int(levee::int(port)),
            "float" => Number::Float(levee::float(port)),
            other => fail!("{name} is {other}; this node takes int or float"),
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
            other => fail!("values is {other}; this node takes list<int> or list<float>"),
        }
    }

    pub fn put(self, port: i32) {
        match self {
            Number::Int(n) => levee::put_int(port, n),
            Number::Float(f) => levee::put_float(port, f),
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
