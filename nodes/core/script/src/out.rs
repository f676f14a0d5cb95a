//! Values of JavaScript as JSON. What JSON cannot hold is an error that says where it is, and never becomes something else.

use crate::number::float_text;
use boa_engine::object::builtins::{JsArrayBuffer, JsDate, JsTypedArray, JsUint8Array};
use boa_engine::object::JsObject;
use boa_engine::property::PropertyKey;
use boa_engine::{js_string, Context, JsBigInt, JsError, JsResult, JsString, JsValue, JsVariant};
use std::fmt::Write;

// What levee takes as JSON: levels, bytes, digits of a number. A number of so many digits has at most so many bits.
const LEVELS: usize = 128;
const BYTES: usize = 64 << 20;
const DIGITS: u64 = 1_000;
const BITS: u64 = DIGITS * 3322 / 1000;

const TOO_LARGE: &str = "the result is larger than 64 MiB of JSON";

/// Why a value has no JSON form.
pub enum Fault {
    /// The value at a place is none that JSON has.
    Value(String),
    /// Code that ran on the way (a getter, toJSON) threw.
    Thrown(JsError),
}

impl From<JsError> for Fault {
    fn from(e: JsError) -> Fault {
        Fault::Thrown(e)
    }
}

/// The bytes of a Uint8Array or ArrayBuffer; None for everything else.
pub fn bytes(v: &JsValue, context: &mut Context) -> JsResult<Option<Vec<u8>>> {
    let Some(object) = v.as_object() else { return Ok(None) };
    if let Ok(buffer) = JsArrayBuffer::from_object(object.clone()) {
        return Ok(buffer.data().map(|d| d.to_vec()));
    }
    let Ok(array) = JsUint8Array::from_object(object) else { return Ok(None) };
    let (from, n) = (array.byte_offset(context)?, array.byte_length(context)?);
    let buffer = array.buffer(context)?.as_object().and_then(|o| JsArrayBuffer::from_object(o).ok());
    Ok(buffer.and_then(|b| b.data().and_then(|d| d.get(from..from + n).map(|d| d.to_vec()))))
}

/// Writes JSON of values; `keys` is Object.keys, taken before the code ran.
pub struct Out<'c> {
    pub context: &'c mut Context,
    pub keys: JsObject,
    text: String,
    open: Vec<(JsObject, String)>, // the objects around the value, and the step that led to each
    step: String,
}

impl<'c> Out<'c> {
    pub fn new(context: &'c mut Context, keys: JsObject) -> Out<'c> {
        Out { context, keys, text: String::new(), open: Vec::new(), step: "the result".to_string() }
    }

    /// The JSON of a value.
    pub fn json(mut self, v: &JsValue) -> Result<String, Fault> {
        self.value(v)?;
        Ok(self.text)
    }

    fn place(&self) -> String {
        self.open.iter().map(|(_, step)| step.as_str()).chain([self.step.as_str()]).collect()
    }

    fn bad<T>(&self, what: impl AsRef<str>) -> Result<T, Fault> {
        let place = self.place();
        let place = if place.chars().count() > 200 { place.chars().take(200).collect::<String>() + "..." } else { place };
        Err(Fault::Value(format!("{place} is {}", what.as_ref())))
    }

    fn value(&mut self, v: &JsValue) -> Result<(), Fault> {
        match v.variant() {
            JsVariant::Null => self.text.push_str("null"),
            JsVariant::Boolean(b) => self.text.push_str(if b { "true" } else { "false" }),
            JsVariant::Integer32(n) => _ = write!(self.text, "{n}"),
            JsVariant::Float64(f) if f.is_finite() => self.text.push_str(&float_text(f)),
            JsVariant::Float64(f) => return self.bad(format!("{}, which JSON does not have", if f.is_nan() { "NaN" } else { "infinite" })),
            JsVariant::String(s) => self.string(&s)?,
            JsVariant::BigInt(n) => self.big(&n)?,
            JsVariant::Undefined => return self.bad("undefined"),
            JsVariant::Symbol(_) => return self.bad("a symbol, which JSON does not have"),
            JsVariant::Object(o) => self.object(o)?,
        }
        if self.text.len() > BYTES {
            return Err(Fault::Value(TOO_LARGE.to_string()));
        }
        Ok(())
    }

    fn string(&mut self, s: &JsString) -> Result<(), Fault> {
        if self.text.len() + s.len() > BYTES {
            return Err(Fault::Value(TOO_LARGE.to_string()));
        }
        let Ok(text) = s.to_std_string() else {
            return self.bad("a text that is no Unicode: it holds half of a pair (toWellFormed() repairs it)");
        };
        match serde_json::to_string(&text) {
            Ok(quoted) => self.text.push_str(&quoted),
            Err(e) => return self.bad(format!("no JSON: {e}")),
        }
        Ok(())
    }

    fn big(&mut self, n: &JsBigInt) -> Result<(), Fault> {
        if n.as_inner().bits() > BITS {
            return self.bad(format!("a number of more than {DIGITS} digits"));
        }
        self.text.push_str(&n.to_string_radix(10));
        Ok(())
    }

    fn object(&mut self, object: JsObject) -> Result<(), Fault> {
        if self.open.iter().any(|(o, _)| JsObject::equals(o, &object)) {
            return self.bad("an object that contains itself");
        }
        if self.open.len() >= LEVELS {
            return Err(Fault::Value(format!("the result nests more than {LEVELS} levels deep")));
        }
        if object.is_callable() {
            return self.bad("a function");
        }
        if let Ok(date) = JsDate::from_object(object.clone()) {
            if date.value_of(self.context)?.as_number().is_none_or(f64::is_nan) {
                return self.bad("a date that is none (Invalid Date)");
            }
        }
        let own = object.get(js_string!("toJSON"), self.context)?;
        if let Some(own) = own.as_callable() {
            let v = own.call(&object.clone().into(), &[], self.context)?;
            self.enter(object);
            self.step.clear();
            self.value(&v)?;
            return self.leave();
        }
        if object.is_array() {
            let n = object.get(js_string!("length"), self.context)?.to_length(self.context)?;
            return self.list(object, n);
        }
        if let Ok(array) = JsTypedArray::from_object(object.clone()) {
            let n = array.length(self.context)? as u64;
            return self.list(object, n);
        }
        if object.is_ordinary() {
            return self.fields(object);
        }
        self.other(&object)
    }

    fn enter(&mut self, object: JsObject) {
        let step = std::mem::take(&mut self.step);
        self.open.push((object, step));
    }

    fn leave(&mut self) -> Result<(), Fault> {
        self.step = self.open.pop().map(|(_, step)| step).unwrap_or_default();
        Ok(())
    }

    fn list(&mut self, object: JsObject, n: u64) -> Result<(), Fault> {
        self.enter(object.clone());
        self.text.push('[');
        for i in 0..n {
            self.step = format!("[{i}]");
            let v = object.get(i, self.context)?;
            if i > 0 {
                self.text.push(',');
            }
            self.value(&v)?;
        }
        self.text.push(']');
        self.leave()
    }

    // As in JSON.stringify, a field that is undefined is none.
    fn fields(&mut self, object: JsObject) -> Result<(), Fault> {
        let keys = self.keys.call(&JsValue::undefined(), &[object.clone().into()], self.context)?;
        let Some(keys) = keys.as_object() else { return self.bad("an object without keys") };
        let n = keys.get(js_string!("length"), self.context)?.to_length(self.context)?;
        self.enter(object.clone());
        self.text.push('{');
        let mut first = true;
        for i in 0..n {
            let Some(key) = keys.get(i, self.context)?.as_string() else { continue };
            self.step = format!(".{}", key.to_std_string_lossy());
            let v = object.get(PropertyKey::from(key.clone()), self.context)?;
            if v.is_undefined() {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.text.push(',');
            }
            self.string(&key)?;
            self.text.push(':');
            self.value(&v)?;
        }
        self.text.push('}');
        self.leave()
    }

    fn other(&mut self, object: &JsObject) -> Result<(), Fault> {
        let class = object.get(js_string!("constructor"), self.context)?;
        let name = match class.as_object() {
            Some(class) => class.get(js_string!("name"), self.context)?.as_string().map(|s| s.to_std_string_lossy()),
            None => None,
        };
        let advice = match name.as_deref() {
            Some("Map") => ": Object.fromEntries(map) makes an object of it",
            Some("Set") => ": [...set] makes a list of it",
            Some("Promise") => ": await it",
            Some("ArrayBuffer" | "DataView") => ": new Uint8Array(buffer) gives its bytes",
            Some(name) if name.ends_with("Error") => ": throw it, or give its message",
            _ => "",
        };
        let name: String = name.unwrap_or_else(|| "special object".to_string()).chars().take(60).collect();
        self.bad(format!("a {name}, which has no JSON form{advice}"))
    }
}

