//! Core pack date: dates and times that are given; there is no clock here. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;
#[path = "../../shared/short.rs"]
mod short;

mod calendar;
mod stamp;
mod text;

pack! {
    "node_parse" => text::parse,
    "node_format" => text::format,
    "node_make" => text::make,
    "node_parts" => text::parts,
    "node_add" => calendar::add,
    "node_difference" => calendar::difference,
    "node_between" => calendar::between,
    "node_range" => calendar::range,
    "node_boundary" => calendar::boundary,
}
