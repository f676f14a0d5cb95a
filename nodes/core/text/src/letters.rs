//! Nodes that look at the characters of one text.

use crate::{fail, levee};

pub fn upper() {
    levee::put_str(0, &levee::string(0).to_uppercase());
}

pub fn lower() {
    levee::put_str(0, &levee::string(0).to_lowercase());
}

/// Inputs: text, characters (absent: white space), side, start, end.
pub fn trim() {
    let (text, side) = (levee::string(0), levee::string(2));
    let set = levee::given(1).then(|| levee::string(1));
    let cut = |c: char| set.as_ref().map_or(c.is_whitespace(), |s| s.contains(c));
    let mut out = text.as_str();
    if side != "end" && levee::boolean(3) {
        out = out.trim_start_matches(cut);
    }
    if side != "start" && levee::boolean(4) {
        out = out.trim_end_matches(cut);
    }
    levee::put_str(0, out);
}

/// Inputs: text, measure, trim. Outputs: characters, bytes, words, lines, tokens, length.
pub fn length() {
    let text = levee::string(0);
    levee::put_int(0, text.chars().count() as i64);
    levee::put_int(1, text.len() as i64);
    levee::put_int(2, crate::words::split(&text).count() as i64);
    levee::put_int(3, text.lines().count() as i64);
    levee::put_int(4, tokens(&text));
    let trim = levee::boolean(2);
    let measured = if trim { text.trim() } else { &text };
    let n = match levee::string(1).as_str() {
        "words" => measured.split_whitespace().count(),
        "lines" => measured.lines().filter(|l| !trim || !l.is_empty()).count(),
        _ => measured.chars().count(),
    };
    levee::put_int(5, n as i64);
}

/// Runs of ASCII letters, digits and _ count as one, and so does every other character that is no white space.
fn tokens(text: &str) -> i64 {
    let (mut n, mut in_run) = (0, false);
    for c in text.chars() {
        let run = c.is_ascii_alphanumeric() || c == '_';
        if !c.is_whitespace() && !(run && in_run) {
            n += 1;
        }
        in_run = run;
    }
    n
}

/// Inputs: text, part, where, ignore_case, parts, need.
pub fn contains() {
    let (ignore_case, place, need) = (levee::boolean(3), levee::string(2), levee::string(5));
    let fold = |s: String| if ignore_case { s.to_lowercase() } else { s };
    let text = fold(levee::string(0));
    let mut parts = levee::strings(4);
    if parts.is_empty() {
        parts.push(levee::string(1));
    }
    let mut held = parts.into_iter().map(fold).map(|part| match place.as_str() {
        "start" => text.starts_with(&part),
        "end" => text.ends_with(&part),
        "whole" => text == part,
        _ => text.contains(&part),
    });
    let found = match need.as_str() {
        "all" => held.all(|b| b),
        "none" => !held.any(|b| b),
        _ => held.any(|b| b),
    };
    levee::put_bool(0, found);
}

/// Inputs: text, width, side, character. Output: text.
pub fn pad() {
    let (text, width, side, character) = (levee::string(0), levee::int(1) as usize, levee::string(2), levee::string(3));
    let mut one = character.chars();
    let (Some(c), None) = (one.next(), one.next()) else { fail!("character is {character:?}; it must be a single one") };
    let missing = width.saturating_sub(text.chars().count());
    let before = match side.as_str() {
        "start" => missing,
        "both" => missing / 2,
        _ => 0,
    };
    let run = |n: usize| c.to_string().repeat(n);
    levee::put_str(0, &(run(before) + &text + &run(missing - before)));
}

/// Inputs: text, with, keep_lines, trim. Output: text.
pub fn squeeze() {
    let (mut text, with, keep_lines) = (levee::string(0), levee::string(1), levee::boolean(2));
    if levee::boolean(3) {
        text = text.trim().to_string();
    }
    let blank = |c: char| c.is_whitespace() && !(keep_lines && (c == '\n' || c == '\r'));
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match (blank(c), inside) {
            (true, false) => out.push_str(&with),
            (true, true) => {}
            (false, _) => out.push(c),
        }
        inside = blank(c);
    }
    levee::put_str(0, &out);
}

/// Inputs: text, min, max, exact, trim. Outputs: result, length.
pub fn has_length() {
    let text = levee::string(0);
    let n = if levee::boolean(4) { text.trim() } else { &text }.chars().count() as i64;
    let bound = |port| levee::given(port).then(|| levee::int(port));
    let fits = match bound(3) {
        Some(exact) => n == exact,
        None => bound(1).is_none_or(|low| n >= low) && bound(2).is_none_or(|high| n <= high),
    };
    levee::put_bool(0, fits);
    levee::put_int(1, n);
}

/// Inputs: text, characters, with. Output: text.
pub fn remove() {
    let (text, characters, with) = (levee::string(0), levee::string(1), levee::string(2));
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if characters.contains(c) {
            out.push_str(&with);
        } else {
            out.push(c);
        }
    }
    levee::put_str(0, &out);
}
