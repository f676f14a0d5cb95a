//! Core pack script: a few lines of JavaScript in a workflow, interpreted by Boa. Ports and their meaning: node.json.
//!
//! The code can reach nothing but its inputs: there is no clock, no randomness, no module to import and no timer, so that the
//! node is as pure as every other one.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/number.rs"]
mod number;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;

mod code;
mod encoding;
mod engine;
mod filter;
mod into;
mod javascript;
mod log;
mod out;
mod trouble;

pack! {
    "node_javascript" => javascript::run,
    "node_filter" => filter::run,
}

/// Boa's crates ask for random bytes in one place, Math.random, which `engine` replaces.
#[no_mangle]
unsafe extern "Rust" fn __getrandom_v03_custom(_: *mut u8, _: usize) -> Result<(), getrandom::Error> {
    Err(getrandom::Error::UNSUPPORTED)
}
