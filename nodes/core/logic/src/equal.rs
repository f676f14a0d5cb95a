//! logic/equal.

use crate::{levee, plain};
use serde_json::Value;

/// Inputs: a, b. Output: result.
pub fn equal() {
    let (a, b) = (levee::bytes(0), levee::bytes(1));
    levee::put_bool(0, a == b || same_tree(&a, &b));
}

/// Values of different types are equal when their JSON is: 1 and 1.0, a list and a JSON list. What has no JSON form equals
/// only its like.
fn same_tree(a: &[u8], b: &[u8]) -> bool {
    let tree = |raw| {
        let (kind, enc) = levee::dec_any(raw);
        plain::tree(kind, enc).ok()
    };
    matches!((tree(a), tree(b)), (Some(x), Some(y)) if same(&x, &y))
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(p), Some(q)) => p == q,
            _ => x == y || x.as_f64() == y.as_f64(),
        },
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(p, q)| same(p, q)),
        (Value::Object(x), Value::Object(y)) => x.len() == y.len() && x.iter().zip(y).all(|((j, p), (k, q))| j == k && same(p, q)),
        _ => a == b,
    }
}
