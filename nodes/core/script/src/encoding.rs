//! TextEncoder and TextDecoder, for UTF-8: what people reach for when a value is bytes.

use crate::{into, out};
use boa_engine::class::{Class, ClassBuilder};
use boa_engine::{js_string, Context, Finalize, JsArgs, JsData, JsNativeError, JsResult, JsString, JsValue, NativeFunction, Trace};

#[derive(Debug, Trace, Finalize, JsData)]
pub struct TextEncoder;

impl Class for TextEncoder {
    const NAME: &'static str = "TextEncoder";
    const LENGTH: usize = 0;

    fn data_constructor(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<Self> {
        Ok(TextEncoder)
    }

    fn init(class: &mut ClassBuilder<'_>) -> JsResult<()> {
        class.method(js_string!("encode"), 1, NativeFunction::from_fn_ptr(encode));
        Ok(())
    }
}

fn encode(_: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = match args.first() {
        None => JsString::default(),
        Some(v) if v.is_undefined() => JsString::default(),
        Some(v) => v.to_string(context)?,
    };
    into::bytes(text.to_std_string_lossy().as_bytes(), context)
}

#[derive(Debug, Trace, Finalize, JsData)]
pub struct TextDecoder {
    fatal: bool,
}

impl Class for TextDecoder {
    const NAME: &'static str = "TextDecoder";
    const LENGTH: usize = 0;

    fn data_constructor(_: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<Self> {
        let label = args.get_or_undefined(0);
        if !label.is_undefined() {
            let label = label.to_string(context)?.to_std_string_lossy().to_ascii_lowercase();
            if label != "utf-8" && label != "utf8" {
                return Err(JsNativeError::range().with_message("only UTF-8 is known here; text/decode knows more").into());
            }
        }
        let fatal = match args.get_or_undefined(1).as_object() {
            Some(options) => options.get(js_string!("fatal"), context)?.to_boolean(),
            None => false,
        };
        Ok(TextDecoder { fatal })
    }

    fn init(class: &mut ClassBuilder<'_>) -> JsResult<()> {
        class.method(js_string!("decode"), 1, NativeFunction::from_fn_ptr(decode));
        Ok(())
    }
}

fn decode(this: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let fatal = this.as_object().and_then(|o| o.downcast_ref::<TextDecoder>().map(|d| d.fatal));
    let Some(fatal) = fatal else { return Err(wrong("decode is called on something that is no TextDecoder")) };
    let bytes = match args.first() {
        None => Vec::new(),
        Some(v) if v.is_undefined() => Vec::new(),
        Some(v) => out::bytes(v, context)?.ok_or_else(|| wrong("decode takes a Uint8Array or an ArrayBuffer"))?,
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes); // a byte order mark
    if fatal && std::str::from_utf8(bytes).is_err() {
        return Err(wrong("the bytes are no UTF-8"));
    }
    Ok(JsString::from(String::from_utf8_lossy(bytes).as_ref()).into())
}

fn wrong(why: &'static str) -> boa_engine::JsError {
    JsNativeError::typ().with_message(why).into()
}
