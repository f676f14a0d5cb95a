//! Nodes that take apart what chats and editors of pictures keep: messages, conversations, sizes.

use crate::path::kind;
use crate::{fail, levee, tree};
use serde_json::{Map, Value};

/// What a message says, by the kinds of its parts; the last part of a kind counts.
struct Content {
    text: String,
    parts: Map<String, Value>,
}

/// The kinds of parts, and where each keeps what it is about.
const PARTS: [(&str, &str); 5] = [("image_url", "image"), ("image", "image"), ("audio", "audio"), ("video", "video"), ("document", "document")];

fn content(message: &Value) -> Content {
    let mut found = Content { text: String::new(), parts: Map::new() };
    match &message["content"] {
        Value::String(s) => found.text = s.clone(),
        Value::Array(list) => {
            for part in list {
                let what = part["type"].as_str().unwrap_or("");
                if what == "text" {
                    found.text = part["text"].as_str().unwrap_or("").to_string();
                }
                if let Some((_, field)) = PARTS.iter().find(|(name, _)| *name == what) {
                    found.parts.insert(field.to_string(), part[*field].clone());
                }
            }
        }
        _ => {}
    }
    found
}

fn put_parts(first: i32, c: &Content, names: &[&str]) {
    for (i, name) in names.iter().enumerate() {
        levee::put_str(first + i as i32, &c.parts.get(*name).unwrap_or(&Value::Null).to_string());
    }
}

/// Input: value. Outputs: id, thread_id, role, text, model, image, audio, video, document.
pub fn message() {
    let m = tree(0);
    if !m.is_object() && !m.is_null() {
        fail!("value is {}; a message is an object", kind(&m));
    }
    levee::put_str(0, &m["id"].to_string());
    levee::put_str(1, &m["thread_id"].to_string());
    levee::put_str(2, m["role"].as_str().unwrap_or(""));
    let c = content(&m);
    levee::put_str(3, &c.text);
    let model = match (&m["provider"], &m["model"]) {
        (Value::String(provider), Value::String(id)) => serde_json::json!({"provider": provider, "id": id}),
        _ => Value::Null,
    };
    levee::put_str(4, &model.to_string());
    put_parts(5, &c, &["image", "audio", "video", "document"]);
}

/// Input: messages (list<json>). Outputs: text, history, tools, image, audio, video, document.
pub fn conversation() {
    let raw = levee::list(0);
    let last = raw.last().map_or(Value::Null, |m| serde_json::from_slice(m).unwrap_or(Value::Null));
    let c = content(&last);
    levee::put_str(0, &c.text);
    levee::put_list(1, &raw[..raw.len().saturating_sub(1)]);
    let calls = last["tool_calls"].as_array().map_or(&[][..], Vec::as_slice);
    let tools: Vec<&str> = calls.iter().filter_map(|call| call["name"].as_str()).collect();
    levee::put_list(2, &tools);
    put_parts(3, &c, &["image", "audio", "video", "document"]);
}

/// Inputs: value, default. Outputs: value, width, height.
pub fn size() {
    let (mut v, default) = (tree(0), levee::int(1));
    if v.is_null() {
        v = serde_json::json!({"width": default, "height": default});
    }
    levee::put_str(0, &v.to_string());
    for (port, side) in [(1, "width"), (2, "height")] {
        let n = match &v[side] {
            Value::Null => default,
            Value::Number(n) => n.as_i64().unwrap_or_else(|| fail!("{side} is {n}, which is no whole number of 64 bits")),
            other => fail!("{side} is {}, which is no number", kind(other)),
        };
        levee::put_int(port, n);
    }
}
