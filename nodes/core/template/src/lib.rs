//! Core pack template: texts with places in them. It is a pack of its own because its language is large. Ports and their meaning: node.json.

#[path = "../../shared/build.rs"]
mod build;
#[path = "../../shared/cell.rs"]
mod cell;
#[path = "../../shared/frame.rs"]
mod frame;
#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/number.rs"]
mod number;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;
#[path = "../../shared/short.rs"]
mod short;
#[path = "../../shared/plain.rs"]
mod plain;

mod condition;
mod template;

pack! {
    "node_render" => template::render,
    "node_render_each" => template::render_each,
    "node_filter" => condition::filter,
    "node_filter_table" => condition::filter_table,
}
