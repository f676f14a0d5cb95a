//! Core pack json: text to JSON and back, looking into documents, making and changing them. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/number.rs"]
mod number;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;
#[path = "../../shared/plain.rs"]
mod plain;

mod change;
mod convert;
mod lookup;
mod objects;
mod path;
mod query;
mod message;
mod text;
mod yaml;

pack! {
    "node_parse" => text::parse,
    "node_format" => text::format,
    "node_get" => lookup::get,
    "node_keys" => lookup::keys,
    "node_length" => lookup::length,
    "node_set" => change::set,
    "node_remove" => change::remove,
    "node_merge" => change::merge,
    "node_from_any" => convert::from_any,
    "node_to_int" => convert::to_int,
    "node_to_float" => convert::to_float,
    "node_to_bool" => convert::to_bool,
    "node_to_string" => convert::to_string,
    "node_to_list" => convert::to_list,
    "node_to_ints" => convert::to_ints,
    "node_to_floats" => convert::to_floats,
    "node_to_strings" => convert::to_strings,
    "node_pick" => objects::pick,
    "node_values" => objects::values,
    "node_object" => objects::object,
    "node_from_lists" => objects::from_lists,
    "node_index" => objects::index,
    "node_largest" => objects::largest,
    "node_path" => query::path,
    "node_to_yaml" => yaml::to_yaml,
    "node_message" => message::message,
    "node_conversation" => message::conversation,
    "node_size" => message::size,
}

/// A json input as a tree.
fn tree(port: i32) -> serde_json::Value {
    serde_json::from_slice(&levee::bytes(port)).unwrap_or_else(|e| fail!("bad JSON: {e}"))
}

/// An any input as a tree.
fn any_tree(port: i32) -> serde_json::Value {
    let raw = levee::bytes(port);
    let (kind, enc) = levee::dec_any(&raw);
    plain::tree(kind, enc).unwrap_or_else(|e| levee::fail(&e))
}
