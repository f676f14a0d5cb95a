//! Values of levee as values of JavaScript.

use crate::levee::{self, Cells};
use boa_engine::object::builtins::{AlignedVec, JsArray, JsArrayBuffer, JsUint8Array};
use boa_engine::object::JsObject;
use boa_engine::{js_string, Context, JsBigInt, JsResult, JsString, JsValue};
use serde_json::{Number, Value};

/// Up to here every whole number is itself as a float.
pub const SAFE: i64 = (1 << 53) - 1;

/// The value of an encoding.
pub fn value(kind: &str, enc: &[u8], context: &mut Context) -> Result<JsValue, String> {
    Ok(match kind {
        "any" => {
            let (kind, enc) = levee::dec_any(enc);
            value(kind, enc, context)?
        }
        "bool" => (enc == [1]).into(),
        "int" => int(i64::from_le_bytes(eight(enc)?)),
        "float" => f64::from_le_bytes(eight(enc)?).into(),
        "string" => text(enc)?.into(),
        "json" => tree(serde_json::from_slice(enc).map_err(|e| e.to_string())?, context)?,
        "bytes" => bytes(enc, context).map_err(|e| e.to_string())?,
        "table" => table(enc, context)?,
        "file" if enc.len() >= 40 => {
            let object = JsObject::with_object_proto(context.intrinsics());
            set(&object, js_string!("path"), text(&enc[40..])?.into(), context)?;
            set(&object, js_string!("size"), int(i64::from_le_bytes(eight(&enc[32..40])?)), context)?;
            object.into()
        }
        k if k.starts_with("list<") => {
            let mut items = Vec::new();
            for item in levee::items(enc) {
                items.push(value(element(k), item, context)?);
            }
            JsArray::from_iter(items, context).into()
        }
        k if k.starts_with("map<") => {
            let object = JsObject::with_object_proto(context.intrinsics());
            for pair in levee::items(enc).chunks_exact(2) {
                let v = value(element(k), pair[1], context)?;
                set(&object, text(pair[0])?, v, context)?;
            }
            object.into()
        }
        "image" => return Err("a picture is nothing for code: use the nodes of the pack image".to_string()),
        k => return Err(format!("a value of type {k} has no form in JavaScript")),
    })
}

/// The element type of list<T> or map<T>.
pub fn element(kind: &str) -> &str {
    kind.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>')).unwrap_or("any")
}

fn eight(enc: &[u8]) -> Result<[u8; 8], String> {
    enc.try_into().map_err(|_| "a number of the wrong size".to_string())
}

fn text(enc: &[u8]) -> Result<JsString, String> {
    std::str::from_utf8(enc).map(JsString::from).map_err(|e| e.to_string())
}

/// Sets an own property, also one that is called __proto__.
pub fn set(object: &JsObject, key: JsString, v: JsValue, context: &mut Context) -> Result<(), String> {
    object.create_data_property(key, v, context).map(|_| ()).map_err(|e| e.to_string())
}

fn int(n: i64) -> JsValue {
    if (-SAFE..=SAFE).contains(&n) { JsValue::from(n) } else { JsBigInt::from(n).into() }
}

fn number(n: &Number) -> Result<JsValue, String> {
    let digits = n.as_str();
    if let Some(n) = n.as_i64() {
        return Ok(int(n));
    }
    let whole = !digits.contains(['.', 'e', 'E']);
    let big = whole.then(|| JsBigInt::from_string(digits)).flatten();
    match (big, n.as_f64()) {
        (Some(big), _) => Ok(big.into()),
        (None, Some(f)) => Ok(f.into()),
        (None, None) => Err(format!("the number {digits} is too large")),
    }
}

fn tree(v: Value, context: &mut Context) -> Result<JsValue, String> {
    Ok(match v {
        Value::Null => JsValue::null(),
        Value::Bool(b) => b.into(),
        Value::Number(n) => number(&n)?,
        Value::String(s) => JsString::from(s.as_str()).into(),
        Value::Array(list) => {
            let items = list.into_iter().map(|v| tree(v, context)).collect::<Result<Vec<_>, _>>()?;
            JsArray::from_iter(items, context).into()
        }
        Value::Object(fields) => {
            let object = JsObject::with_object_proto(context.intrinsics());
            for (key, v) in fields {
                let v = tree(v, context)?;
                set(&object, JsString::from(key.as_str()), v, context)?;
            }
            object.into()
        }
    })
}

/// A Uint8Array of these bytes.
pub fn bytes(enc: &[u8], context: &mut Context) -> JsResult<JsValue> {
    let block = AlignedVec::from_iter(0, enc.iter().copied());
    let buffer = JsArrayBuffer::from_byte_block(block, context)?;
    Ok(JsUint8Array::from_array_buffer(buffer, context)?.into())
}

// A list of rows, each an object with a key for each column, null where a value is missing.
fn table(enc: &[u8], context: &mut Context) -> Result<JsValue, String> {
    let table = levee::dec_table(enc);
    let names: Vec<JsString> = table.columns.iter().map(|(name, _)| JsString::from(name.as_str())).collect();
    let mut rows = Vec::with_capacity(table.rows());
    for i in 0..table.rows() {
        let row = JsObject::with_object_proto(context.intrinsics());
        for (name, (_, cells)) in names.iter().zip(&table.columns) {
            set(&row, name.clone(), cell(cells, i), context)?;
        }
        rows.push(row.into());
    }
    Ok(JsArray::from_iter(rows, context).into())
}

fn cell(cells: &Cells, i: usize) -> JsValue {
    let found = match cells {
        Cells::Bool(v) => v[i].map(JsValue::from),
        Cells::Int(v) => v[i].map(int),
        Cells::Float(v) => v[i].map(JsValue::from),
        Cells::Text(v) => v.get(i).map(|s| JsString::from(s).into()),
    };
    found.unwrap_or(JsValue::null())
}
