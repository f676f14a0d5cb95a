//! Core pack list: lists of any type. Items are copied as they are encoded, so that pictures pass as well as numbers, and lists
//! larger than memory too. Ports and their meaning: node.json.

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
#[path = "../../shared/places.rs"]
mod places;
#[path = "../../shared/plain.rs"]
mod plain;

mod items;
mod key;
mod make;
mod members;
mod order;
mod nested;
mod pick;
mod sets;
mod test;

pack! {
    "node_length" => pick::length,
    "node_get" => pick::get,
    "node_slice" => pick::slice,
    "node_reverse" => pick::reverse,
    "node_unique" => pick::unique,
    "node_range" => make::range,
    "node_count" => make::count,
    "node_repeat" => make::repeat,
    "node_collect" => make::collect,
    "node_concat" => make::concat,
    "node_flatten" => make::flatten,
    "node_chunk" => make::chunk,
    "node_zip" => make::zip,
    "node_sort" => order::sort,
    "node_filter" => test::filter,
    "node_contains" => test::contains,
    "node_pick" => pick::pick,
    "node_append" => make::append,
    "node_union" => sets::union,
    "node_intersect" => sets::intersect,
    "node_subtract" => sets::subtract,
    "node_between" => test::between,
    "node_flatten_deep" => nested::flatten_deep,
    "node_shuffle" => order::shuffle,
    "node_cross" => make::cross,
    "node_tile" => make::tile,
    "node_repeat_each" => make::repeat_each,
    "node_first" => pick::first,
    "node_match" => members::matching,
}
