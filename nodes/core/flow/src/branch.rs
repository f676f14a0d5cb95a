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

const NAMES: &str = "abcdefgh";

/// Inputs: a to h. Outputs: value, from.
pub fn first() {
    let Some(at) = (0..NAMES.len() as i32).find(|port| levee::given(*port)) else {
        levee::fail("none of a to h is there");
    };
    copy(at, 0);
    levee::put_str(1, &NAMES[at as usize..][..1]);
}
