//! Core pack logic: truth about values of any type. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/number.rs"]
mod number;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;
#[path = "../../shared/plain.rs"]
mod plain;

mod equal;

pack! {
    "node_combine" => combine,
    "node_equal" => equal::equal,
    "node_is_null" => is_null,
}

/// Inputs: a, b, op. Output: result.
fn combine() {
    let (a, b) = (levee::boolean(0), levee::boolean(1));
    let result = match levee::string(2).as_str() {
        "and" => a && b,
        "or" => a || b,
        "xor" => a != b,
        "nand" => !(a && b),
        _ => !(a || b),
    };
    levee::put_bool(0, result);
}

/// Input: value. Output: result.
fn is_null() {
    let raw = levee::bytes(0);
    levee::put_bool(0, raw.is_empty() || levee::dec_any(&raw) == ("json", b"null"));
}
