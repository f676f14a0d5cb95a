//! javascript: the code once, on values by name.

use crate::out::{self, Fault, Out};
use crate::code::Code;
use crate::{engine, into, levee, trouble};
use boa_engine::object::JsObject;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsString, JsValue};

// The object that has all values, also those whose names are none in JavaScript.
const ALL: &str = "inputs";

/// Inputs: code, values, seed. Outputs: value, text, data.
pub fn run() {
    let mut code = Code::read("code", 0);
    let (mut context, keys) = engine::start(2);
    let given = values(1, &mut context);
    offer(&given, &mut context);
    let function = code.compile("", &mut context).unwrap_or_else(|e| levee::fail(&e));
    let result = function.call(&JsValue::undefined(), &[], &mut context).and_then(|v| engine::settle(v, &mut context));
    let result = result.unwrap_or_else(|e| levee::fail(&trouble::thrown(&code, &e, &mut context)));
    if result.is_undefined() {
        levee::fail("the code gives nothing: end it with return, or with an expression");
    }
    match out::bytes(&result, &mut context) {
        Ok(None) => {}
        Ok(Some(data)) => return levee::write(2, &data),
        Err(e) => levee::fail(&trouble::thrown(&code, &e, &mut context)),
    }
    match Out::new(&mut context, keys).json(&result) {
        Ok(json) => levee::put_str(0, &json),
        Err(Fault::Value(why)) => levee::fail(&why),
        Err(Fault::Thrown(e)) => levee::fail(&trouble::thrown(&code, &e, &mut context)),
    }
    if let Some(s) = result.as_string() {
        levee::put_str(1, &s.to_std_string_lossy());
    }
}

/// The values of a port of type map<any> as the fields of an object; none when it is absent.
pub fn values(port: i32, context: &mut Context) -> JsObject {
    if !levee::given(port) {
        return JsObject::with_object_proto(context.intrinsics());
    }
    let raw = levee::bytes(port);
    let kind = levee::type_of(port);
    let object = JsObject::with_object_proto(context.intrinsics());
    for pair in levee::items(&raw).chunks_exact(2) {
        let name = String::from_utf8_lossy(pair[0]);
        let made = into::value(into::element(&kind), pair[1], context);
        let made = made.and_then(|v| into::set(&object, JsString::from(name.as_ref()), v, context));
        made.unwrap_or_else(|e| crate::fail!("value {name}: {e}"));
    }
    object
}

/// Makes each value a variable of its name, and all together one object.
pub fn offer(given: &JsObject, context: &mut Context) {
    for key in given.own_property_keys(context).unwrap_or_default() {
        let v = given.get(key.clone(), context).unwrap_or_default();
        if key.to_string() == ALL {
            crate::fail!("a value cannot be called {ALL}: that is the object that has all of them");
        }
        if context.register_global_property(key.clone(), v, Attribute::all()).is_err() {
            crate::fail!("a value cannot be called {key} in JavaScript");
        }
    }
    let all = context.register_global_property(JsString::from(ALL), given.clone(), Attribute::all());
    all.unwrap_or_else(|e| levee::fail(&e.to_string()));
}
