//! console: what the code says goes to the invocation's log.

use crate::levee::{self, Level};
use crate::out::Out;
use boa_engine::object::{JsObject, ObjectInitializer};
use boa_engine::property::Attribute;
use boa_engine::{js_string, Context, JsResult, JsString, JsValue, NativeFunction};

/// Makes the global object console; `keys` is Object.keys.
pub fn install(keys: &JsObject, context: &mut Context) -> JsResult<()> {
    let levels = [("log", Level::Info), ("info", Level::Info), ("debug", Level::Debug), ("warn", Level::Warn), ("error", Level::Error)];
    let mut console = ObjectInitializer::new(context);
    for (name, level) in levels {
        let say = move |_: &JsValue, args: &[JsValue], keys: &JsObject, context: &mut Context| {
            let words: Vec<String> = args.iter().map(|v| word(v, keys, context)).collect();
            levee::log(level, &words.join(" "));
            Ok(JsValue::undefined())
        };
        console.function(NativeFunction::from_copy_closure_with_captures(say, keys.clone()), JsString::from(name), 0);
    }
    let console = console.build();
    context.register_global_property(js_string!("console"), console, Attribute::WRITABLE | Attribute::CONFIGURABLE)
}

// Texts as they are, JSON of what has it, and of everything else what it is.
fn word(v: &JsValue, keys: &JsObject, context: &mut Context) -> String {
    if let Some(s) = v.as_string() {
        return s.to_std_string_lossy();
    }
    let json = v.is_object().then(|| Out::new(context, keys.clone()).json(v).ok()).flatten();
    json.unwrap_or_else(|| v.display().to_string())
}
