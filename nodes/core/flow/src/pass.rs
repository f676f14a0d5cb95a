//! Nodes that let a value through.

use crate::{fail, levee};

const STEP: usize = 64 << 10;

/// Copies an input to an output of the same type, in pieces.
pub fn copy(from: i32, to: i32) {
    let size = levee::len(from).unwrap_or(0);
    let mut buf = vec![0; STEP.min(size as usize)];
    let mut at = 0;
    while at < size {
        let n = levee::read_at(from, at, &mut buf);
        levee::write(to, &buf[..n]);
        at += n as u64;
    }
    levee::write(to, &[]); // a value of no bytes is a value too
}

/// Input: value. Output: value.
pub fn value() {
    copy(0, 0);
}

/// Inputs: condition, message, value. Output: value.
pub fn require() {
    if !levee::boolean(0) {
        levee::fail(&levee::string(1));
    }
    copy(2, 0);
}

/// Inputs: question, answer. Output: answer. levee runs it when it has an answer; called without one it cannot go on.
pub fn ask() {
    if !levee::given(1) {
        fail!("there is no answer to {:?}", levee::string(0));
    }
    copy(1, 0);
}
