//! Core pack flow: values of any type, which way they go. Values are copied as they are encoded. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;

mod branch;
mod pass;

pack! {
    "node_value" => pass::value,
    "node_if" => branch::if_,
    "node_switch" => branch::switch,
    "node_select" => branch::select,
    "node_first" => branch::first,
    "node_require" => pass::require,
    "node_ask" => pass::ask,
    "node_fallback" => branch::fallback,
}
