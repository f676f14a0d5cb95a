//! Cutting text into pieces, and putting pieces together.

use crate::places::places;
use crate::{fail, levee, pattern, plain};

/// Inputs: text, separator, regex, trim, drop_empty, limit, cuts, groups. Outputs: parts, count.
pub fn split() {
    let (text, separator) = (levee::string(0), levee::string(1));
    let (parts, cuts) = (usize::try_from(levee::int(5)).unwrap_or(0), usize::try_from(levee::int(6)).unwrap_or(0));
    let most = |n: usize| if n == 0 { usize::MAX } else { n };
    let limit = most(parts).min(most(cuts).saturating_add(1));
    if separator.is_empty() {
        levee::fail("separator is empty; to get single characters split with regex: true and the separator (?s:)");
    }
    let parts: Vec<&str> = if levee::boolean(2) {
        let re = pattern::compile(&separator, false);
        if levee::boolean(7) {
            return put_parts(&with_groups(&re, &text, limit));
        }
        let parts: Vec<&str> = re.splitn(&text, limit).collect();
        return put_parts(&parts);
    } else {
        text.splitn(limit, separator.as_str()).collect()
    };
    put_parts(&parts)
}

/// The parts, and between them what the groups of the pattern matched.
fn with_groups<'t>(re: &regex::Regex, text: &'t str, limit: usize) -> Vec<&'t str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    for c in re.captures_iter(text).take(limit - 1) {
        let whole = c.get(0).map_or(0..0, |m| m.range());
        parts.push(&text[from..whole.start]);
        parts.extend(c.iter().skip(1).map(|g| g.map_or("", |m| m.as_str())));
        from = whole.end;
    }
    parts.push(&text[from..]);
    parts
}

fn put_parts(parts: &[&str]) {
    let (trim, drop_empty) = (levee::boolean(3), levee::boolean(4));
    let kept: Vec<&str> =
        parts.iter().map(|p| if trim { p.trim() } else { p }).filter(|p| !(drop_empty && p.is_empty())).collect();
    levee::put_list(0, &kept);
    levee::put_int(1, kept.len() as i64);
}

/// Inputs: items, separator, skip_empty.
pub fn join() {
    let (kind, raw, separator) = (levee::type_of(0), levee::bytes(0), levee::string(1));
    let skip_empty = levee::boolean(2);
    let mut out = levee::Writer::new(0);
    let mut first = true;
    for (i, item) in levee::items(&raw).into_iter().enumerate() {
        let text = match plain::element(&kind) {
            "string" => None,
            other => Some(plain::text(&plain::tree(other, item).unwrap_or_else(|e| fail!("item {i}: {e}")))),
        };
        let piece = text.as_ref().map_or(item, |t| t.as_bytes());
        if skip_empty && piece.is_empty() {
            continue;
        }
        if !first {
            out.push(separator.as_bytes());
        }
        first = false;
        out.push(piece);
    }
}

/// Inputs: text, trim, drop_empty. Outputs: lines, count.
pub fn lines() {
    let text = levee::string(0);
    let (trim, drop_empty) = (levee::boolean(1), levee::boolean(2));
    let kept: Vec<&str> =
        text.lines().map(|l| if trim { l.trim() } else { l }).filter(|l| !(drop_empty && l.is_empty())).collect();
    levee::put_list(0, &kept);
    levee::put_int(1, kept.len() as i64);
}

/// Inputs: text, trim, drop_empty. Output: lines, a stream.
pub fn each_line() {
    let text = levee::string(0);
    let (trim, drop_empty) = (levee::boolean(1), levee::boolean(2));
    for line in text.lines().map(|l| if trim { l.trim() } else { l }).filter(|l| !(drop_empty && l.is_empty())) {
        levee::put_str(0, line);
        levee::item(0);
    }
}

/// Inputs: text, start, end, step; they count characters, start and end from the end when negative.
pub fn slice() {
    let text = levee::string(0);
    let characters: Vec<char> = text.chars().collect();
    let end = levee::given(2).then(|| levee::int(2));
    let out: String = places(characters.len(), levee::int(1), end, levee::int(3)).into_iter().map(|i| characters[i]).collect();
    levee::put_str(0, &out);
}
