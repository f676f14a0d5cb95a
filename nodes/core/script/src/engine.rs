//! An interpreter from which the code can reach nothing that differs from run to run.

use crate::encoding::{TextDecoder, TextEncoder};
use crate::{levee, log, trouble};
use boa_engine::builtins::promise::PromiseState;
use boa_engine::context::time::FixedClock;
use boa_engine::context::HostHooks;
use boa_engine::object::builtins::{JsPromise, JsProxy};
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::PropertyDescriptor;
use boa_engine::{js_string, Context, JsArgs, JsError, JsNativeError, JsResult, JsString, JsValue, NativeFunction};
use std::cell::Cell;
use std::rc::Rc;

// Calls within each other. Those of functions that are called from built-in ones (map, sort, getters) take stack of the module;
// the linker gives it room for this many (build.sh).
const CALLS: usize = 5_000;
// Values of all calls together.
const VALUES: usize = 1 << 20;

struct Hooks;

impl HostHooks for Hooks {
    fn local_timezone_offset_seconds(&self, _: i64) -> i32 {
        0
    }
    fn max_buffer_size(&self, _: &mut Context) -> u64 {
        1 << 30
    }
}

/// A fresh interpreter, and its Object.keys, which code may replace later. The optional input with this number is the seed of
/// Math.random.
pub fn start(seed_port: i32) -> (Context, JsObject) {
    trouble::tell_panics();
    let built = Context::builder().host_hooks(Rc::new(Hooks)).clock(Rc::new(FixedClock::from_millis(0))).can_block(false).build();
    let mut context = levee::OrFail::or_fail(built, "the interpreter did not start");
    let limits = context.runtime_limits_mut();
    limits.set_recursion_limit(CALLS);
    limits.set_stack_size_limit(VALUES);
    limits.set_backtrace_limit(8);
    let seed = levee::given(seed_port).then(|| levee::int(seed_port));
    let keys = context.intrinsics().constructors().object().constructor().get(js_string!("keys"), &mut context).ok().and_then(|k| k.as_object());
    let keys = levee::OrFail::or_fail(keys, "the interpreter has no Object.keys");
    let made = replace_random(seed, &mut context)
        .and_then(|()| replace_date(&mut context))
        .and_then(|()| log::install(&keys, &mut context))
        .and_then(|()| context.register_global_class::<TextEncoder>())
        .and_then(|()| context.register_global_class::<TextDecoder>());
    levee::OrFail::or_fail(made, "the interpreter did not start");
    (context, keys)
}

/// Lets everything that waits run to its end, and gives what a promise came to.
pub fn settle(value: JsValue, context: &mut Context) -> JsResult<JsValue> {
    context.run_jobs()?;
    let Some(promise) = value.as_object().and_then(|o| JsPromise::from_object(o).ok()) else {
        return Ok(value);
    };
    match promise.state() {
        PromiseState::Fulfilled(v) => Ok(v),
        PromiseState::Rejected(v) => Err(JsError::from_opaque(v)),
        PromiseState::Pending => Err(JsNativeError::error()
            .with_message("the code waits for something that never comes: there are no timers here, and nothing from outside")
            .into()),
    }
}

fn native(name: &str, body: NativeFunction, context: &Context) -> JsObject {
    FunctionObjectBuilder::new(context.realm(), body).name(JsString::from(name)).build().into()
}

fn hide(object: &JsObject, key: JsString, value: JsObject, context: &mut Context) -> JsResult<()> {
    let property = PropertyDescriptor::builder().value(value).writable(true).enumerable(false).configurable(true);
    object.define_property_or_throw(key, property, context).map(|_| ())
}

fn global(name: JsString, context: &mut Context) -> JsResult<JsObject> {
    let value = context.global_object().get(name, context)?;
    value.as_object().ok_or_else(|| JsNativeError::typ().with_message("a built-in object is missing").into())
}

// Vigna's splitmix64, as list/shuffle has it; the upper 53 bits are a number from 0 up to 1.
fn next(state: &Cell<u64>) -> f64 {
    state.set(state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
    let mut z = state.get();
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn replace_random(seed: Option<i64>, context: &mut Context) -> JsResult<()> {
    let body = match seed {
        Some(seed) => {
            let state = Cell::new(seed as u64);
            // SAFETY: the closure holds no object of the interpreter.
            unsafe { NativeFunction::from_closure(move |_, _, _| Ok(next(&state).into())) }
        }
        None => NativeFunction::from_fn_ptr(|_, _, _| {
            let why = "Math.random differs from run to run, and a node must give the same for the same inputs: give it a seed";
            Err(JsNativeError::error().with_message(why).into())
        }),
    };
    let random = native("random", body, context);
    let math = global(js_string!("Math"), context)?;
    hide(&math, js_string!("random"), random, context)
}

fn no_time() -> JsError {
    let why = "there is no time of day here, as a node must give the same for the same inputs: give it the time as a value";
    JsNativeError::error().with_message(why).into()
}

// Date stays as it is but for the ways to ask it for the time of day.
fn replace_date(context: &mut Context) -> JsResult<()> {
    let date = global(js_string!("Date"), context)?;
    let now = native("now", NativeFunction::from_fn_ptr(|_, _, _| Err(no_time())), context);
    hide(&date, js_string!("now"), now, context)?;
    let prototype = date.get(js_string!("prototype"), context)?;
    let guarded = JsProxy::builder(date).apply(|_, _, _| Err(no_time())).construct(construct_date).build(context);
    let guarded: JsObject = guarded.into();
    if let Some(prototype) = prototype.as_object() {
        hide(&prototype, js_string!("constructor"), guarded.clone(), context)?;
    }
    let global = context.global_object();
    hide(&global, js_string!("Date"), guarded, context)
}

fn construct_date(_: &JsValue, args: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let (target, list, new) = (args.get_or_undefined(0), args.get_or_undefined(1), args.get_or_undefined(2));
    let (Some(target), Some(list)) = (target.as_object(), list.as_object()) else {
        return Err(no_time());
    };
    let n = list.get(js_string!("length"), context)?.to_length(context)?;
    if n == 0 {
        return Err(no_time());
    }
    let values = (0..n.min(7)).map(|i| list.get(i, context)).collect::<JsResult<Vec<_>>>()?;
    Ok(target.construct(&values, new.as_object().as_ref(), context)?.into())
}
