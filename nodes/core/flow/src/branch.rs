//! Nodes that choose a way. The way that is not taken stays unwritten, so what hangs on it is skipped.

use crate::pass::copy;
use crate::{fail, levee};

/// Inputs: condition, value. Outputs: if_true, if_false.
pub fn if_() {
    copy(1, if levee::boolean(0) { 0 } else { 1 });
}

const WAYS: usize = 8; // outputs case_0 to case_7
const DEFAULT: i32 = 8;
const INDEX: i32 = 9;
const MATCHED: i32 = 10;

/// Inputs: value, cases, data. Outputs: case_0 to case_7, default, index, matched.
pub fn switch() {
    let (value, cases) = (levee::string(0), levee::strings(1));
    if cases.len() > WAYS {
        fail!("cases has {} texts, at most {WAYS}", cases.len());
    }
    if let Some(twice) = cases.iter().enumerate().find(|(i, c)| cases[..*i].contains(c)) {
        fail!("cases has {:?} twice", twice.1);
    }
    let way = cases.iter().position(|c| *c == value);
    copy(2, way.map_or(DEFAULT, |i| i as i32));
    if way.is_some() {
        copy(2, MATCHED);
    }
    levee::put_int(INDEX, way.map_or(-1, |i| i as i64));
}

/// Inputs: condition, if_true, if_false. Output: value; it stays unwritten when the chosen input is absent.
pub fn select() {
    let chosen = if levee::boolean(0) { 1 } else { 2 };
    if levee::given(chosen) {
        copy(chosen, 0);
    }
}

/// Inputs: value, fallback. Outputs: value, missing, reason.
pub fn fallback() {
    let reason = match levee::given(0) {
        false => "there is no value",
        true if is_null(0) => "the value is null",
        true => "",
    };
    let chosen = if reason.is_empty() { 0 } else { 1 };
    if levee::given(chosen) {
        copy(chosen, 0);
    }
    levee::put_bool(1, !reason.is_empty());
    levee::put_str(2, reason);
}

/// Whether an input is null: of the types that a value can have, JSON alone knows it, also inside of any.
fn is_null(port: i32) -> bool {
    if levee::len(port).is_none_or(|size| size > 16) {
        return false;
    }
    let enc = levee::bytes(port);
    match levee::type_of(port).as_str() {
        "json" => enc == b"null",
        "any" => levee::dec_any(&enc) == ("json", b"null"),
        _ => false,
    }
}

const NAMES: &str = "abcdefgh";

/// Inputs: a to h. Outputs: value, from.
pub fn first() {
    let Some(at) = (0..NAMES.len() as i32).find(|port| levee::given(*port)) else {
        levee::fail("none of a to h is there");
    };
    copy(at, 0);
    levee::put_str(1, &NAMES[at as usize..][..1]);
}
