//! Core pack tensor: matrices, neighbours, signals and pictures, on a GPU where there is one. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../../sdk/rust/levee_gpu.rs"]
mod levee_gpu;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;

mod algebra;
mod convert;
mod emit;
mod expression;
mod kernels;
mod near;
mod parse;
mod picture;
mod signal;

pack! {
    "node_from_table" => convert::from_table,
    "node_to_table" => convert::to_table,
    "node_from_lists" => convert::from_lists,
    "node_to_lists" => convert::to_lists,
    "node_from_image" => convert::from_image,
    "node_stack" => convert::stack,
    "node_multiply" => algebra::multiply,
    "node_reduce" => algebra::reduce,
    "node_softmax" => algebra::softmax,
    "node_expression" => expression::expression,
    "node_nearest" => near::nearest,
    "node_similar" => near::similar,
    "node_spectrum" => signal::spectrum,
    "node_resize_image" => picture::resize,
    "node_filter_image" => picture::filter,
}
