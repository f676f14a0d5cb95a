//! Nodes that make objects, and take them apart.

use crate::path::{find, kind};
use crate::{fail, levee, plain, tree};
use serde_json::{Map, Value};

fn put(m: Map<String, Value>) {
    levee::put_str(0, &Value::Object(m).to_string());
}

/// Inputs: value, keys, missing. Output: value.
pub fn pick() {
    let Value::Object(mut from) = tree(0) else { levee::fail("value is no object; only objects have keys") };
    let (keys, must) = (levee::strings(1), levee::string(2) == "fail");
    if let Some(k) = keys.iter().find(|k| must && !from.contains_key(*k)) {
        fail!("value has no {k:?}");
    }
    put(keys.into_iter().filter_map(|k| from.remove_entry(&k)).collect());
}

/// Inputs: value, path. Outputs: values, count.
pub fn values() {
    let doc = tree(0);
    let path = levee::string(1);
    match find(&doc, &path) {
        Ok(Value::Object(m)) => {
            let values: Vec<String> = m.values().map(Value::to_string).collect();
            levee::put_list(0, &values);
            levee::put_int(1, values.len() as i64);
        }
        Ok(other) => fail!("{path:?} is {}, only objects have values", kind(other)),
        Err(e) => levee::fail(&e),
    }
}

/// Input: values (map). Output: value.
pub fn object() {
    let part = |(k, raw): (String, Vec<u8>)| {
        let v = plain::tree("any", &raw).unwrap_or_else(|e| fail!("{k}: {e}"));
        (k, v)
    };
    put(levee::map(0).into_iter().map(part).collect());
}

/// The items of a list input as trees.
fn trees(port: i32) -> Vec<Value> {
    let (kind, raw) = (levee::type_of(port), levee::bytes(port));
    let item = |(i, enc): (usize, &[u8])| plain::tree(plain::element(&kind), enc).unwrap_or_else(|e| fail!("item {i}: {e}"));
    levee::items(&raw).into_iter().enumerate().map(item).collect()
}

/// Inputs: keys, values, shorter. Output: value.
pub fn from_lists() {
    let (keys, values) = (trees(0), trees(1));
    if keys.len() != values.len() && !levee::boolean(2) {
        fail!("there are {} keys and {} values", keys.len(), values.len());
    }
    put(keys.iter().zip(values).map(|(k, v)| (plain::text(k), v)).collect());
}

/// Inputs: list, key, value, duplicates. Output: value.
pub fn index() {
    let (key, field, rule) = (levee::string(1), levee::string(2), levee::string(3));
    let mut out = Map::new();
    for (i, item) in trees(0).into_iter().enumerate() {
        let Value::Object(mut m) = item else { fail!("item {i} is {}; only objects can be indexed", kind(&item)) };
        let name = plain::text(&m.remove(&key).unwrap_or_else(|| fail!("item {i} has no {key:?}")));
        if out.contains_key(&name) {
            match rule.as_str() {
                "first" => continue,
                "last" => {}
                _ => fail!("item {i}: {name:?} is the {key} of an earlier item too"),
            }
        }
        let v = if field.is_empty() { Value::Object(m) } else { m.remove(&field).unwrap_or_else(|| fail!("item {i} has no {field:?}")) };
        out.insert(name, v);
    }
    put(out);
}

/// Input: value. Outputs: key, value.
pub fn largest() {
    let Value::Object(m) = tree(0) else { levee::fail("value is no object; only objects have keys") };
    let number = |k: &str, v: &Value| v.as_f64().unwrap_or_else(|| fail!("{k:?} is {}, which is no number", kind(v)));
    let mut best: Option<(&str, f64)> = None;
    for (k, v) in &m {
        let f = number(k, v);
        if best.is_none_or(|(_, most)| f > most) {
            best = Some((k, f));
        }
    }
    let Some((k, f)) = best else { levee::fail("value is an empty object") };
    levee::put_str(0, k);
    levee::put_float(1, f);
}
