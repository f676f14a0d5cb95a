//! Core pack template: texts with places in them. It is a pack of its own because its language is large. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/number.rs"]
mod number;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;
#[path = "../../shared/plain.rs"]
mod plain;

mod template;

pack! {
    "node_render" => template::render,
    "node_render_each" => template::render_each,
    "node_filter" => template::filter,
}
