//! Nodes that look at the characters of one text.

use crate::levee;

pub fn upper() {
    levee::put_str(0, &levee::string(0).to_uppercase());
}

pub fn lower() {
    levee::put_str(0, &levee::string(0).to_lowercase());
}

/// Inputs: text, characters (absent: white space), side.
pub fn trim() {
    let (text, side) = (levee::string(0), levee::string(2));
    let set = levee::given(1).then(|| levee::string(1));
    let cut = |c: char| set.as_ref().map_or(c.is_whitespace(), |s| s.contains(c));
    let out = match side.as_str() {
        "start" => text.trim_start_matches(cut),
        "end" => text.trim_end_matches(cut),
        _ => text.trim_matches(cut),
    };
    levee::put_str(0, out);
}

/// Outputs: characters, bytes, words, lines.
pub fn length() {
    let text = levee::string(0);
    levee::put_int(0, text.chars().count() as i64);
    levee::put_int(1, text.len() as i64);
    levee::put_int(2, crate::words::split(&text).count() as i64);
    levee::put_int(3, text.lines().count() as i64);
}

/// Inputs: text, part, where, ignore_case.
pub fn contains() {
    let (mut text, mut part, place) = (levee::string(0), levee::string(1), levee::string(2));
    if levee::boolean(3) {
        (text, part) = (text.to_lowercase(), part.to_lowercase());
    }
    let found = match place.as_str() {
        "start" => text.starts_with(&part),
        "end" => text.ends_with(&part),
        "whole" => text == part,
        _ => text.contains(&part),
    };
    levee::put_bool(0, found);
}
