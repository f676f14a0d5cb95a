//! Paths into a document: a JSON pointer (RFC 6901: /items/0/name, ~1 is a slash, ~0 a tilde), or names joined by dots
//! (items.0.name). Numbers count list items, from the end when negative. The empty path is the whole document.

use crate::levee;
use serde_json::Value;

/// The steps of a path.
pub fn steps(path: &str) -> Vec<String> {
    if path.is_empty() {
        return Vec::new();
    }
    match path.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(|s| s.replace("~1", "/").replace("~0", "~")).collect(),
        None => path.split('.').map(str::to_string).collect(),
    }
}

/// The steps of the path on port 1; with literal on another port the whole of it is one key.
pub fn asked(literal: i32) -> Vec<String> {
    let path = levee::string(1);
    if levee::boolean(literal) { vec![path] } else { steps(&path) }
}

/// Where an item lies in a list of n.
pub fn index(step: &str, n: usize) -> Option<usize> {
    let i: i64 = step.parse().ok()?;
    usize::try_from(if i < 0 { i + n as i64 } else { i }).ok().filter(|i| *i < n)
}

/// What is at a path, or a sentence about where it ends.
pub fn find<'v>(tree: &'v Value, path: &str) -> Result<&'v Value, String> {
    walk(tree, steps(path))
}

/// The same for steps.
pub fn walk(tree: &Value, steps: Vec<String>) -> Result<&Value, String> {
    let mut here = tree;
    let mut seen = String::new();
    for step in steps {
        here = crate::plain::child(here, &step).ok_or_else(|| lacks(here, &step, &seen))?;
        seen = if seen.is_empty() { step } else { format!("{seen}.{step}") };
    }
    Ok(here)
}

/// Says what is where the path ends.
pub fn lacks(here: &Value, step: &str, seen: &str) -> String {
    let place = if seen.is_empty() { "the document".to_string() } else { seen.to_string() };
    match here {
        Value::Object(m) => {
            let known: Vec<&str> = m.keys().take(20).map(String::as_str).collect();
            format!("{place} has no {step:?}; it has {}", if known.is_empty() { "nothing".to_string() } else { known.join(", ") })
        }
        Value::Array(list) => format!("{place} is a list of {} items, it has no {step:?}", list.len()),
        other => format!("{place} is {}, which has no {step:?}", kind(other)),
    }
}

/// A value's kind in a message.
pub fn kind(v: &Value) -> String {
    match v {
        Value::Null => "null".to_string(),
        Value::Object(_) => "an object".to_string(),
        Value::Array(_) => "a list".to_string(),
        other => {
            let text = other.to_string();
            if text.chars().count() > 40 { text.chars().take(40).chain("...".chars()).collect() } else { text }
        }
    }
}
