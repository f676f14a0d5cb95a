//! Core pack table: CSV and JSON in and out, choosing, sorting, grouping, joining. Ports and their meaning: node.json.

#[path = "../../shared/build.rs"]
mod build;
#[path = "../../shared/cell.rs"]
mod cell;
#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/exact.rs"]
mod exact;
#[path = "../../shared/frame.rs"]
mod frame;
#[path = "../../shared/number.rs"]
mod number;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;
#[path = "../../shared/short.rs"]
mod short;

mod aggregate;
mod arrange;
mod csvread;
mod csvrows;
mod csvwrite;
mod describe;
mod fill;
mod filter;
mod fromjson;
mod group;
mod join;
mod lists;
mod pivot;
mod rows;
mod statistics;
mod tojson;
mod totext;

pack! {
    "node_read_csv" => csvread::read_csv,
    "node_write_csv" => csvwrite::write_csv,
    "node_from_json" => fromjson::from_json,
    "node_to_json" => tojson::to_json,
    "node_from_lists" => lists::from_lists,
    "node_select" => arrange::select,
    "node_rename" => arrange::rename,
    "node_filter" => filter::filter,
    "node_sort" => arrange::sort,
    "node_head" => arrange::head,
    "node_concat" => arrange::concat,
    "node_group" => group::group,
    "node_join" => join::join,
    "node_describe" => describe::describe,
    "node_size" => lists::size,
    "node_ints" => lists::ints,
    "node_floats" => lists::floats,
    "node_strings" => lists::strings,
    "node_to_text" => totext::to_text,
    "node_column" => lists::column,
    "node_slice" => rows::slice,
    "node_unique" => rows::unique,
    "node_drop_missing" => rows::drop_missing,
    "node_fill_missing" => fill::fill_missing,
    "node_csv_rows" => csvrows::csv_rows,
    "node_rows_csv" => csvrows::rows_csv,
    "node_pivot" => pivot::pivot,
    "node_set_column" => lists::set_column,
    "node_beside" => join::beside,
    "node_statistics" => statistics::statistics,
}
