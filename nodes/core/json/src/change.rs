//! Nodes that make a changed document.

use crate::path::{asked, index, kind};
use crate::{any_tree, fail, levee, tree};
use serde_json::{Map, Value};

/// Inputs: value, path, to (any), literal. Output: value. Objects on the way are made; in a list "-" is the place behind the end.
pub fn set() {
    let mut doc = tree(0);
    let mut here = &mut doc;
    for step in asked(3) {
        if here.is_null() {
            *here = Value::Object(Map::new());
        }
        here = match here {
            Value::Object(m) => m.entry(step).or_insert(Value::Null),
            Value::Array(list) => {
                if step == "-" {
                    list.push(Value::Null);
                }
                let n = list.len();
                let at = if step == "-" { Some(n - 1) } else { index(&step, n) };
                &mut list[at.unwrap_or_else(|| fail!("there is no item {step:?} in a list of {n}; - adds one"))]
            }
            other => fail!("cannot set {step:?} inside of {}", kind(other)),
        };
    }
    *here = any_tree(2);
    levee::put_str(0, &doc.to_string());
}

/// Inputs: value, path, literal, missing. Outputs: value, removed.
pub fn remove() {
    let mut doc = tree(0);
    let mut path = asked(2);
    let Some(last) = path.pop() else { levee::fail("path is empty: the whole document cannot be removed") };
    let mut here = Some(&mut doc);
    for step in path {
        here = match here {
            Some(Value::Object(m)) => m.get_mut(&step),
            Some(Value::Array(list)) => index(&step, list.len()).and_then(|i| list.get_mut(i)),
            _ => None,
        };
    }
    let removed = match here {
        Some(Value::Object(m)) => m.remove(&last).is_some(),
        Some(Value::Array(list)) => index(&last, list.len()).map(|i| list.remove(i)).is_some(),
        _ => false,
    };
    if !removed && levee::string(3) == "fail" {
        fail!("value has no {:?}", levee::string(1));
    }
    levee::put_str(0, &doc.to_string());
    levee::put_bool(1, removed);
}

/// Inputs: values (list), deep, a, b. Output: value.
pub fn merge() {
    let deep = levee::boolean(1);
    let mut out = Map::new();
    let mut merge = |what: &str, doc: &[u8]| match serde_json::from_slice(doc) {
        Ok(Value::Object(m)) => add(&mut out, m, deep),
        Ok(other) => fail!("{what} is {}; only objects can be merged", kind(&other)),
        Err(e) => fail!("{what}: {e}"),
    };
    for (port, name) in [(2, "a"), (3, "b")] {
        if levee::given(port) {
            merge(name, &levee::bytes(port));
        }
    }
    if levee::given(0) {
        for (i, item) in levee::list(0).iter().enumerate() {
            merge(&format!("item {i}"), item);
        }
    }
    levee::put_str(0, &Value::Object(out).to_string());
}

fn add(to: &mut Map<String, Value>, from: Map<String, Value>, deep: bool) {
    for (key, v) in from {
        match (to.get_mut(&key), v) {
            (Some(Value::Object(old)), Value::Object(new)) if deep => add(old, new, deep),
            (_, v) => drop(to.insert(key, v)),
        }
    }
}
