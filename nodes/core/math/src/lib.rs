//! Core pack math: numbers, and lists of numbers. Ports and their meaning: node.json.

#[path = "../../shared/exact.rs"]
mod exact;
#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/number.rs"]
mod number;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;

mod arithmetic;
mod logic;
mod many;
mod rounding;
mod scalar;

pack! {
    "node_add" => arithmetic::add,
    "node_subtract" => arithmetic::subtract,
    "node_multiply" => arithmetic::multiply,
    "node_divide" => arithmetic::divide,
    "node_quotient" => arithmetic::quotient,
    "node_modulo" => arithmetic::modulo,
    "node_power" => arithmetic::power,
    "node_abs" => arithmetic::abs,
    "node_clamp" => arithmetic::clamp,
    "node_function" => arithmetic::function,
    "node_round" => rounding::round,
    "node_to_int" => rounding::to_int,
    "node_compare" => logic::compare,
    "node_not" => logic::not,
    "node_all" => logic::all,
    "node_any" => logic::any,
    "node_sum" => many::sum,
    "node_product" => many::product,
    "node_min" => many::min,
    "node_max" => many::max,
    "node_mean" => many::mean,
    "node_statistics" => many::statistics,
    "node_histogram" => many::histogram,
}
