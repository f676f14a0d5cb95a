//! Values of any type as JSON trees and as text.

#![allow(dead_code)] // no pack needs all of it

use crate::levee;
use crate::number::float_text;
use serde_json::{Map, Value};

/// The element type of list<T> or map<T>.
pub fn element(type_text: &str) -> &str {
    let inner = type_text.strip_prefix("list<").or_else(|| type_text.strip_prefix("map<"));
    inner.and_then(|t| t.strip_suffix('>')).unwrap_or("any")
}

fn eight(enc: &[u8]) -> Result<[u8; 8], String> {
    enc.try_into().map_err(|_| "a number of the wrong size".to_string())
}

/// The JSON tree of an encoded value. Pictures, tables and bytes have none.
pub fn tree(type_text: &str, enc: &[u8]) -> Result<Value, String> {
    Ok(match type_text {
        "bool" => Value::Bool(enc == [1]),
        "int" => Value::Number(i64::from_le_bytes(eight(enc)?).into()),
        "float" => number(f64::from_le_bytes(eight(enc)?)),
        "string" => Value::String(String::from_utf8_lossy(enc).into_owned()),
        "json" => serde_json::from_slice(enc).map_err(|e| e.to_string())?,
        "any" => {
            let (inner, enc) = levee::dec_any(enc);
            tree(inner, enc)?
        }
        "file" if enc.len() > 40 => {
            let size = i64::from_le_bytes(eight(&enc[32..40])?);
            let mut m = Map::new();
            m.insert("path".into(), Value::String(String::from_utf8_lossy(&enc[40..]).into_owned()));
            m.insert("size".into(), Value::Number(size.into()));
            Value::Object(m)
        }
        t if t.starts_with("list<") => {
            Value::Array(levee::items(enc).into_iter().map(|item| tree(element(t), item)).collect::<Result<_, _>>()?)
        }
        t if t.starts_with("map<") => {
            let mut m = Map::new();
            for pair in levee::items(enc).chunks_exact(2) {
                m.insert(String::from_utf8_lossy(pair[0]).into_owned(), tree(element(t), pair[1])?);
            }
            Value::Object(m)
        }
        "bytes" => return Err("bytes have no text of their own; decode them with text/decode".to_string()),
        "table" => return Err("a table has no text of its own; use table/to_json, table/to_text or table/write_csv".to_string()),
        "image" => return Err("a picture has no text of its own; use image/info or image/encode".to_string()),
        t => return Err(format!("a value of type {t} has no JSON form")),
    })
}

/// A float as a JSON number; NaN and the infinities become null.
pub fn number(f: f64) -> Value {
    if !f.is_finite() {
        return Value::Null;
    }
    serde_json::from_str(&float_text(f)).unwrap_or(Value::Null)
}

/// How a tree reads inside a sentence: texts as they are, null as nothing, lists and objects as compact JSON.
pub fn text(v: &Value) -> String {
    match v {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

/// A tree as a text that says what it is: as text does, and null too.
pub fn written(v: &Value) -> String {
    if v.is_null() { "null".to_string() } else { text(v) }
}

/// The value behind a key of an object, or at a number (from the end when negative) of a list.
pub fn child<'v>(v: &'v Value, step: &str) -> Option<&'v Value> {
    match v {
        Value::Object(m) => m.get(step),
        Value::Array(list) => {
            let i: i64 = step.parse().ok()?;
            list.get(usize::try_from(if i < 0 { i + list.len() as i64 } else { i }).ok()?)
        }
        _ => None,
    }
}
