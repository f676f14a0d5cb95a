//! Nodes that look into a document.

use crate::path::{asked, find, kind, walk};
use crate::{fail, levee, tree};
use serde_json::Value;

/// Inputs: value, path, default, literal. Outputs: value, found.
pub fn get() {
    let doc = tree(0);
    let found = walk(&doc, asked(3));
    levee::put_bool(1, found.is_ok());
    match found {
        Ok(v) => levee::put_str(0, &v.to_string()),
        Err(_) if levee::given(2) => levee::write(0, &levee::bytes(2)),
        Err(e) => levee::fail(&e),
    }
}

/// Inputs: value, path. Outputs: keys, count.
pub fn keys() {
    let doc = tree(0);
    let path = levee::string(1);
    match find(&doc, &path) {
        Ok(Value::Object(m)) => {
            let keys: Vec<&String> = m.keys().collect();
            levee::put_list(0, &keys);
            levee::put_int(1, keys.len() as i64);
        }
        Ok(other) => fail!("{path:?} is {}, only objects have keys", kind(other)),
        Err(e) => levee::fail(&e),
    }
}

/// Inputs: value, path. Output: length.
pub fn length() {
    let doc = tree(0);
    let path = levee::string(1);
    let n = match find(&doc, &path) {
        Ok(Value::Object(m)) => m.len(),
        Ok(Value::Array(list)) => list.len(),
        Ok(Value::String(s)) => s.chars().count(),
        Ok(other) => fail!("{path:?} is {}, which has no length", kind(other)),
        Err(e) => levee::fail(&e),
    };
    levee::put_int(0, n as i64);
}
