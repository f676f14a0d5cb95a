//! Core pack text: templates, pieces, patterns, words, encodings. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
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

mod compare;
mod encoding;
mod format;
mod html;
mod letters;
mod pattern;
mod pieces;
mod words;

pack! {
    "node_format" => format::format,
    "node_split" => pieces::split,
    "node_join" => pieces::join,
    "node_lines" => pieces::lines,
    "node_each_line" => pieces::each_line,
    "node_slice" => pieces::slice,
    "node_upper" => letters::upper,
    "node_lower" => letters::lower,
    "node_trim" => letters::trim,
    "node_length" => letters::length,
    "node_contains" => letters::contains,
    "node_replace" => pattern::replace,
    "node_find_all" => pattern::find_all,
    "node_matches" => pattern::matches,
    "node_words" => words::words,
    "node_count_words" => words::count_words,
    "node_decode" => encoding::decode,
    "node_encode" => encoding::encode,
    "node_chunk" => words::chunk,
    "node_groups" => pattern::groups,
    "node_filter" => pattern::filter,
    "node_compare" => compare::compare,
    "node_find" => compare::find,
    "node_pad" => letters::pad,
    "node_squeeze" => letters::squeeze,
    "node_remove" => letters::remove,
    "node_has_length" => letters::has_length,
    "node_from_html" => html::from_html,
    "node_from_base64" => encoding::from_base64,
    "node_grep" => pattern::grep,
}
