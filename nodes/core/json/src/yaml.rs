//! json/to_yaml.

use crate::{levee, tree};
use serde_json::Value;

/// Input: value. Output: text.
pub fn to_yaml() {
    levee::put_str(0, &yaml(&tree(0), 0));
}

/// A value with its lines indented. Texts are quoted as in JSON, which YAML understands.
fn yaml(v: &Value, indent: usize) -> String {
    let space = " ".repeat(indent);
    match v {
        Value::Array(list) if !list.is_empty() => {
            let item = |v: &Value| format!("{space}- {}", yaml(v, indent + 2).trim_start());
            list.iter().map(item).collect::<Vec<String>>().join("\n")
        }
        Value::Object(m) if !m.is_empty() => {
            let member = |(k, v): (&String, &Value)| match yaml(v, indent + 2) {
                text if holds(v) => format!("{space}{}:\n{text}", key(k)),
                text => format!("{space}{}: {text}", key(k)),
            };
            m.iter().map(member).collect::<Vec<String>>().join("\n")
        }
        scalar => scalar.to_string(),
    }
}

/// Whether a value takes lines of its own.
fn holds(v: &Value) -> bool {
    match v {
        Value::Array(list) => !list.is_empty(),
        Value::Object(m) => !m.is_empty(),
        _ => false,
    }
}

/// A key as it stands, or quoted where YAML would take it for something else.
fn key(k: &str) -> String {
    let plain = k.starts_with(|c: char| c.is_alphabetic() || c == '_') && k.chars().all(|c| c.is_alphanumeric() || "_-. ".contains(c)) && !k.ends_with(' ');
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&k.to_lowercase().as_str());
    if plain && !word { k.to_string() } else { Value::from(k).to_string() }
}
