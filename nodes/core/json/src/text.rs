//! json/parse and json/format.

use crate::{fail, levee};
use serde::de::IgnoredAny;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::Value;

/// Inputs: text, lines, want. Output: value. The text goes out as it came: the host brings JSON into its one form.
pub fn parse() {
    let text = levee::string(0);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if levee::boolean(1) {
        return lines(text);
    }
    if let Err(e) = serde_json::from_str::<IgnoredAny>(text) {
        fail!("{}", problem(&e, text, 0));
    }
    let first = text.trim_start().chars().next();
    match levee::string(2).as_str() {
        "object" if first != Some('{') => levee::fail("the JSON is no object"),
        "list" if first != Some('[') => levee::fail("the JSON is no list"),
        _ => levee::put_str(0, text),
    }
}

fn lines(text: &str) {
    let mut out = levee::Writer::new(0);
    out.push(b"[");
    let mut first = true;
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        if let Err(e) = serde_json::from_str::<IgnoredAny>(line) {
            fail!("{}", problem(&e, line, n));
        }
        if !first {
            out.push(b",");
        }
        first = false;
        out.push(line.as_bytes());
    }
    out.push(b"]");
}

/// An error with its place and the text around it.
fn problem(e: &serde_json::Error, text: &str, before: usize) -> String {
    let message = e.to_string();
    let what = message.split(" at line ").next().unwrap_or("").to_string();
    let line = text.lines().nth(e.line().saturating_sub(1)).unwrap_or("");
    let at = e.column().saturating_sub(1);
    let near: String = String::from_utf8_lossy(&line.as_bytes()[at.saturating_sub(20).min(line.len())..(at + 20).min(line.len())]).into_owned();
    format!("bad JSON, line {} column {}: {what}, near {near:?}", e.line() + before, e.column())
}

/// Inputs: value (any), pretty. Output: text.
pub fn format() {
    let tree = crate::any_tree(0);
    let text = if levee::boolean(1) { pretty(&tree) } else { tree.to_string() };
    levee::put_str(0, &text);
}

fn pretty(tree: &Value) -> String {
    let mut out = Vec::new();
    let mut to = Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"  "));
    if let Err(e) = serde::Serialize::serialize(tree, &mut to) {
        fail!("cannot write JSON: {e}");
    }
    out.push(b'\n');
    String::from_utf8(out).unwrap_or_default()
}
