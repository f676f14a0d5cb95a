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

/// Inputs: text, part, ignore_case, last, start, end. Outputs: index, found.
pub fn find() {
    let (mut text, mut part) = (levee::string(0), levee::string(1));
    if levee::boolean(2) {
        (text, part) = (text.to_lowercase(), part.to_lowercase());
    }
    let n = text.chars().count() as i64;
    let place = |at: i64| if at < 0 { (at + n).max(0) } else { at.min(n) } as usize;
    let start = place(levee::int(4));
    let end = if levee::given(5) { place(levee::int(5)).max(start) } else { n as usize };
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(i, _)| i);
    let within = &text[byte(start)..byte(end.max(start))];
    let at = if levee::boolean(3) { within.rfind(&part) } else { within.find(&part) };
    levee::put_int(0, at.map_or(-1, |i| (start + within[..i].chars().count()) as i64));
    levee::put_bool(1, at.is_some());
}
