//! One cell of a table: its order, its text, and cells made of other values.

#![allow(dead_code)] // no pack needs all of it

use crate::levee;
use crate::number::float_text;
use std::borrow::Cow;
use std::cmp::Ordering;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

impl<'a> Cell<'a> {
    /// Order within and across kinds: false, true; numbers by value, NaN last; texts bytewise; missing behind everything.
    pub fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
            (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
            (Cell::Float(a), Cell::Float(b)) => floats(*a, *b),
            (Cell::Int(a), Cell::Float(b)) => int_float(*a, *b),
            (Cell::Float(a), Cell::Int(b)) => int_float(*b, *a).reverse(),
            (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
    fn rank(&self) -> u8 {
        match self {
            Cell::Bool(_) => 0,
            Cell::Int(_) | Cell::Float(_) => 1,
            Cell::Text(_) => 2,
            Cell::Missing => 3,
        }
    }
    pub fn is_missing(&self) -> bool {
        matches!(self, Cell::Missing)
    }
    /// How the cell is written in CSV and in text; a missing one is empty.
    pub fn text(&self) -> Cow<'a, str> {
        match self {
            Cell::Missing => Cow::Borrowed(""),
            Cell::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
            Cell::Int(n) => Cow::Owned(n.to_string()),
            Cell::Float(f) => Cow::Owned(float_text(*f)),
            Cell::Text(s) => Cow::Borrowed(s),
        }
    }
}

fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

// An i64 does not fit a float in general, so the comparison is made on the side that loses nothing.
fn int_float(a: i64, b: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if b.is_nan() || b >= LIMIT {
        return Ordering::Less;
    }
    if b < -LIMIT {
        return Ordering::Greater;
    }
    a.cmp(&(b.trunc() as i64)).then_with(|| 0.0f64.partial_cmp(&b.fract()).unwrap_or(Ordering::Equal))
}

/// The cell of an encoded value of a type that has one.
pub fn decode<'a>(type_text: &str, enc: &'a [u8]) -> Option<Cell<'a>> {
    let eight = || enc.try_into().ok();
    Some(match type_text {
        "bool" => Cell::Bool(enc == [1]),
        "int" => Cell::Int(i64::from_le_bytes(eight()?)),
        "float" => Cell::Float(f64::from_le_bytes(eight()?)),
        "string" => Cell::Text(std::str::from_utf8(enc).ok()?),
        "any" => {
            let (inner, enc) = levee::dec_any(enc);
            decode(inner, enc)?
        }
        "json" if enc == b"null" => Cell::Missing,
        _ => return None,
    })
}
