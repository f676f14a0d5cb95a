//! Core pack unicode: what needs tables of all characters. It is a pack of its own because every call of a node copies its module's tables.
//! Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::UnicodeNormalization;

pack! {
    "node_normalize" => normalize,
    "node_strip_accents" => strip_accents,
    "node_slug" => slug,
}

/// Inputs: text, form. Output: text.
fn normalize() {
    let text = levee::string(0);
    let out: String = match levee::string(1).as_str() {
        "nfc" => text.nfc().collect(),
        "nfd" => text.nfd().collect(),
        "nfkc" => text.nfkc().collect(),
        _ => text.nfkd().collect(),
    };
    levee::put_str(0, &out);
}

/// Letters without their marks: decomposed (NFKD), and the marks left out.
fn stripped(text: &str, ascii_only: bool) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c) && (!ascii_only || c.is_ascii())).collect()
}

/// Inputs: text, ascii_only. Output: text.
fn strip_accents() {
    levee::put_str(0, &stripped(&levee::string(0), levee::boolean(1)));
}

/// Inputs: text, separator, lower, unicode. Output: text.
fn slug() {
    let (text, separator, lower) = (levee::string(0), levee::string(1), levee::boolean(2));
    let plain = stripped(&text, !levee::boolean(3));
    let between = |c: char| c.is_whitespace() || c == '_' || c == '-';
    let words: Vec<String> = plain
        .chars()
        .filter(|c| c.is_alphanumeric() || between(*c))
        .collect::<String>()
        .split(between)
        .filter(|w| !w.is_empty())
        .map(|w| if lower { w.to_lowercase() } else { w.to_string() })
        .collect();
    levee::put_str(0, &words.join(&separator));
}
