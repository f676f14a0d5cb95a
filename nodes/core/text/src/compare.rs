//! Nodes that look at two texts.

use crate::levee;
use std::cmp::Ordering;

/// Inputs: a, b, ignore_case, trim. Outputs: result, equal, order.
pub fn compare() {
    let text = |port| {
        let s = levee::string(port);
        let s = if levee::boolean(3) { s.trim().to_string() } else { s };
        if levee::boolean(2) { s.to_lowercase() } else { s }
    };
    let order = text(0).cmp(&text(1));
    let name = match order {
        Ordering::Less => "less",
        Ordering::Equal => "equal",
        Ordering::Greater => "greater",
    };
    levee::put_str(0, name);
    levee::put_bool(1, order == Ordering::Equal);
    levee::put_int(2, order as i64);
}

/// Inputs: text, part, ignore_case, last. Outputs: index, found.
pub fn find() {
    let (mut text, mut part) = (levee::string(0), levee::string(1));
    if levee::boolean(2) {
        (text, part) = (text.to_lowercase(), part.to_lowercase());
    }
    let at = if levee::boolean(3) { text.rfind(&part) } else { text.find(&part) };
    levee::put_int(0, at.map_or(-1, |i| text[..i].chars().count() as i64));
    levee::put_bool(1, at.is_some());
}
