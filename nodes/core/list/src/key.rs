//! Keys of items: what sorting and testing compare.

use crate::short::short;
use crate::{fail, plain};
use serde_json::Value;
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Nothing,
}

/// The steps of a path with dots into JSON items; with literal it is one key, whatever dots are in it.
pub fn steps(by: &str, literal: bool) -> Vec<&str> {
    match (by, literal) {
        ("", _) => Vec::new(),
        (key, true) => vec![key],
        (path, false) => path.split('.').filter(|s| !s.is_empty()).collect(),
    }
}

impl Key {
    /// The key of an item; by are the steps into JSON items.
    pub fn of(kind: &str, item: &[u8], by: &[&str], place: usize) -> Key {
        Key::find(kind, item, by).unwrap_or_else(|e| fail!("item {place}{e}"))
    }

    /// The key of an item, or why it has none.
    pub fn find(kind: &str, item: &[u8], by: &[&str]) -> Result<Key, String> {
        let tree = match (kind, item.len()) {
            ("int", 8) | ("float", 8) | ("string", _) | ("bool", 1) if by.is_empty() => return Ok(Key::plain(kind, item)),
            _ => plain::tree(kind, item).map_err(|e| format!(": {e}"))?,
        };
        let mut here = Some(&tree);
        for step in by {
            here = here.and_then(|v| plain::child(v, step));
        }
        Ok(match here.unwrap_or(&Value::Null) {
            Value::Null => Key::Nothing,
            Value::Bool(b) => Key::Bool(*b),
            Value::Number(n) => n.as_i64().map_or_else(|| Key::Float(n.as_f64().unwrap_or(f64::NAN)), Key::Int),
            Value::String(s) => Key::Text(s.clone()),
            _ => return Err(" is a list or object, which has no order; by: names the part to go by".to_string()),
        })
    }

    fn plain(kind: &str, item: &[u8]) -> Key {
        let mut word = [0; 8];
        if item.len() == 8 {
            word.copy_from_slice(item);
        }
        match kind {
            "int" => Key::Int(i64::from_le_bytes(word)),
            "float" => Key::Float(f64::from_le_bytes(word)),
            "bool" => Key::Bool(item == [1]),
            _ => Key::Text(String::from_utf8_lossy(item).into_owned()),
        }
    }

    /// Bools, then numbers (NaN last), then texts, then nothing.
    pub fn order(&self, other: &Key, natural: bool) -> Ordering {
        match (self, other) {
            (Key::Bool(a), Key::Bool(b)) => a.cmp(b),
            (Key::Int(a), Key::Int(b)) => a.cmp(b),
            (Key::Text(a), Key::Text(b)) if natural => natural_order(a, b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            (Key::Int(_) | Key::Float(_), Key::Int(_) | Key::Float(_)) => {
                let (a, b) = (self.number(), other.number());
                a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// The key in a message.
    pub fn show(&self) -> String {
        match self {
            Key::Bool(b) => b.to_string(),
            Key::Int(n) => n.to_string(),
            Key::Float(f) => crate::number::float_text(*f),
            Key::Text(s) => short(s),
            Key::Nothing => "nothing".to_string(),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Key::Int(n) => *n as f64,
            Key::Float(f) => *f,
            _ => f64::NAN,
        }
    }

    pub fn rank(&self) -> u8 {
        match self {
            Key::Bool(_) => 0,
            Key::Int(_) | Key::Float(_) => 1,
            Key::Text(_) => 2,
            Key::Nothing => 3,
        }
    }
}

/// Digits inside texts compare as numbers, letters without regard to case: img2 before IMG10. Ties go bytewise.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    loop {
        match (run(x), run(y)) {
            (("", _), ("", _)) => return a.cmp(b),
            ((p, rest_x), (q, rest_y)) => {
                let order = if is_number(p) && is_number(q) {
                    let (p, q) = (p.trim_start_matches('0'), q.trim_start_matches('0'));
                    p.len().cmp(&q.len()).then_with(|| p.cmp(q))
                } else {
                    p.to_lowercase().cmp(&q.to_lowercase())
                };
                if order.is_ne() {
                    return order;
                }
                (x, y) = (rest_x, rest_y);
            }
        }
    }
}

fn is_number(s: &str) -> bool {
    s.starts_with(|c: char| c.is_ascii_digit())
}

/// Splits off the digits, or the other characters, with which a text begins.
fn run(s: &str) -> (&str, &str) {
    let digits = is_number(s);
    s.split_at(s.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(s.len()))
}
