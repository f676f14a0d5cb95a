//! filter: an expression for each item of a list decides which stay.

use crate::code::Code;
use crate::{engine, into, javascript, levee, trouble};
use boa_engine::object::JsObject;
use boa_engine::{Context, JsResult, JsValue};

/// Inputs: condition, list, keep, failing, values, seed. Outputs: list, count.
pub fn run() {
    let mut code = Code::read("condition", 0);
    let lenient = levee::string(3) == "no";
    let (mut context, _) = engine::start(5);
    let given = javascript::values(4, &mut context);
    javascript::offer(&given, &mut context);
    let test = code.compile("item, index", &mut context).unwrap_or_else(|e| levee::fail(&e));
    let (raw, kind) = (levee::bytes(1), levee::type_of(1));
    let items = levee::items(&raw);
    let holds = |i: usize, context: &mut Context| {
        let item = into::value(into::element(&kind), items[i], context).unwrap_or_else(|e| crate::fail!("item {i}: {e}"));
        match decide(&test, item, i, context) {
            Ok(yes) => yes,
            Err(_) if lenient => false,
            Err(e) => crate::fail!("item {i}: {}", trouble::thrown(&code, &e, context)),
        }
    };
    let n = items.len();
    let kept: Vec<&[u8]> = match levee::string(2).as_str() {
        "first" => {
            let end = (0..n).find(|i| !holds(*i, &mut context)).unwrap_or(n);
            items[..end].to_vec()
        }
        "rest" => {
            let start = (0..n).find(|i| !holds(*i, &mut context)).unwrap_or(n);
            items[start..].to_vec()
        }
        _ => (0..n).filter(|i| holds(*i, &mut context)).map(|i| items[i]).collect(),
    };
    levee::put_list(0, &kept);
    levee::put_int(1, kept.len() as i64);
}

fn decide(test: &JsObject, item: JsValue, i: usize, context: &mut Context) -> JsResult<bool> {
    let v = test.call(&JsValue::undefined(), &[item, JsValue::from(i as u64)], context)?;
    Ok(engine::settle(v, context)?.to_boolean())
}
