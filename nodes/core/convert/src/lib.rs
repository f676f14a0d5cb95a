//! Core pack convert: out of values whose type is known only when they are there. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/natural.rs"]
mod natural;
#[path = "../../shared/number.rs"]
mod number;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;
#[path = "../../shared/short.rs"]
mod short;
#[path = "../../shared/plain.rs"]
mod plain;

mod many;
mod single;
mod take;

pack! {
    "node_to_bool" => single::to_bool,
    "node_to_int" => single::to_int,
    "node_to_float" => single::to_float,
    "node_to_string" => single::to_string,
    "node_to_list" => many::to_list,
    "node_to_map" => many::to_map,
    "node_to_bools" => many::to_bools,
    "node_to_ints" => many::to_ints,
    "node_to_floats" => many::to_floats,
    "node_to_strings" => many::to_strings,
    "node_each" => many::convert_each,
    "node_to_bytes" => take::to_bytes,
    "node_to_image" => take::to_image,
    "node_to_table" => take::to_table,
}

/// A tree in a message: what it is, and a short text at most.
fn show(v: &serde_json::Value) -> String {
    match v {
        serde_json::Value::Null => "null".to_string(),
        serde_json::Value::Object(_) => "an object".to_string(),
        serde_json::Value::Array(_) => "a list".to_string(),
        serde_json::Value::String(s) => format!("the text {}", short::short(s)),
        other => format!("{:.40}", other.to_string()),
    }
}
