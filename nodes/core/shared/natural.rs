//! Values as any.

use crate::levee;
use serde_json::Value;

/// An encoded value as an any.
pub fn as_any(kind: &str, enc: &[u8]) -> Vec<u8> {
    if kind == "any" { enc.to_vec() } else { levee::enc_any(kind, enc) }
}

/// JSON as an any of the type that the same literal has in a workflow file.
pub fn natural(v: &Value) -> Vec<u8> {
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
