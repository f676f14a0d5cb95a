//! list/flatten_deep.

use crate::natural::{as_any, natural};
use crate::{fail, levee, plain};
use serde_json::Value;

const MOST: usize = 1 << 24; // items of a list, as the host has it

/// Inputs: list, depth. Outputs: list, count.
pub fn flatten_deep() {
    let raw = levee::bytes(0);
    let depth = levee::int(1);
    let mut out = Vec::new();
    let (kind, enc) = levee::dec_any(&raw);
    if !kind.starts_with("list<") && !(kind == "json" && enc.starts_with(b"[")) {
        fail!("list is of type {kind}, and no list");
    }
    // The list itself is opened always, those inside of it depth deep.
    open(kind, enc, if depth < 0 { i64::MAX } else { depth + 1 }, &mut out);
    levee::put_list(0, &out);
    levee::put_int(1, out.len() as i64);
}

fn open(kind: &str, enc: &[u8], depth: i64, out: &mut Vec<Vec<u8>>) {
    if kind == "any" {
        let (kind, enc) = levee::dec_any(enc);
        return open(kind, enc, depth, out);
    }
    if depth > 0 && kind.starts_with("list<") {
        return levee::items(enc).into_iter().for_each(|item| open(plain::element(kind), item, depth - 1, out));
    }
    if depth > 0 && kind == "json" && enc.starts_with(b"[") {
        let tree = serde_json::from_slice(enc).unwrap_or_else(|e| fail!("bad JSON: {e}"));
        return open_json(&tree, depth, out);
    }
    push(if kind == "json" { plain::tree(kind, enc).map_or_else(|e| levee::fail(&e), |v| natural(&v)) } else { as_any(kind, enc) }, out);
}

fn open_json(v: &Value, depth: i64, out: &mut Vec<Vec<u8>>) {
    match v {
        Value::Array(list) if depth > 0 => list.iter().for_each(|item| open_json(item, depth - 1, out)),
        other => push(natural(other), out),
    }
}

fn push(item: Vec<u8>, out: &mut Vec<Vec<u8>>) {
    if out.len() == MOST {
        fail!("more than {MOST} items together; a list has at most so many");
    }
    out.push(item);
}
