//! Core pack map: maps of any type; the json pack is for objects whose values differ. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;

use std::collections::BTreeMap;

pack! {
    "node_collect" => collect,
    "node_from_lists" => from_lists,
    "node_get" => get,
    "node_set" => set,
    "node_remove" => remove,
    "node_merge" => merge,
    "node_pick" => pick,
    "node_keys" => keys,
    "node_values" => values,
}

type Entries = BTreeMap<String, Vec<u8>>;

fn put(m: &Entries) {
    levee::put_map(0, m);
}

/// Input: values. Output: map.
fn collect() {
    levee::write(0, &levee::bytes(0));
}

/// Inputs: keys, values. Output: map.
fn from_lists() {
    let (keys, values) = (levee::strings(0), levee::list(1));
    if keys.len() != values.len() {
        fail!("there are {} keys and {} values", keys.len(), values.len());
    }
    let mut m = Entries::new();
    for (i, (key, v)) in keys.into_iter().zip(values).enumerate() {
        if m.contains_key(&key) {
            fail!("item {i}: the key {key:?} is there twice");
        }
        m.insert(key, v);
    }
    put(&m);
}

/// Inputs: map, key, default. Outputs: value, found.
fn get() {
    let (m, key) = (levee::map(0), levee::string(1));
    levee::put_bool(1, m.contains_key(&key));
    match m.get(&key) {
        Some(v) => levee::write(0, v),
        None if levee::given(2) => levee::write(0, &levee::bytes(2)),
        None => {
            let known: Vec<&str> = m.keys().take(20).map(String::as_str).collect();
            fail!("there is no key {key:?}; the map has {}", if known.is_empty() { "none".to_string() } else { known.join(", ") })
        }
    }
}

/// Inputs: map, key, value. Output: map.
fn set() {
    let mut m = levee::map(0);
    m.insert(levee::string(1), levee::bytes(2));
    put(&m);
}

/// Inputs: map, key. Outputs: map, removed.
fn remove() {
    let mut m = levee::map(0);
    let removed = m.remove(&levee::string(1)).is_some();
    put(&m);
    levee::put_bool(1, removed);
}

/// Inputs: a, b, c, d. Output: map.
fn merge() {
    let mut m = Entries::new();
    for port in (0..4).filter(|p| levee::given(*p)) {
        m.extend(levee::map(port));
    }
    put(&m);
}

/// Inputs: map, keys. Output: map.
fn pick() {
    let mut from = levee::map(0);
    put(&levee::strings(1).into_iter().filter_map(|k| from.remove_entry(&k)).collect());
}

/// Input: map. Outputs: keys, count.
fn keys() {
    let m = levee::map(0);
    let keys: Vec<&String> = m.keys().collect();
    levee::put_list(0, &keys);
    levee::put_int(1, keys.len() as i64);
}

/// Input: map. Outputs: values, count.
fn values() {
    let m = levee::map(0);
    let values: Vec<&Vec<u8>> = m.values().collect();
    levee::put_list(0, &values);
    levee::put_int(1, values.len() as i64);
}
