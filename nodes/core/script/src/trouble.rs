//! What is wrong with the code, and where in it.

use crate::code::{Code, PATH};
use crate::levee;
use boa_engine::{parser, Context, JsError, JsNativeErrorKind, JsValue};

const DEEP: &str = "RangeError: calls are nested too deeply";

// Bounds of what a message shows: characters of an error's own text, and of a line of the code.
const TEXT: usize = 2_000;
const LINE: usize = 100;

/// Tells panics of the interpreter, which it has where its limits are reached in the wrong place.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        if text.contains("RuntimeLimit") {
            levee::fail(DEEP);
        }
        levee::fail(&format!("a fault of the interpreter: {}", cut(&text, TEXT)))
    }));
}

/// A syntax error in the code as it is.
pub fn syntax(code: &Code, e: &parser::Error) -> String {
    let text = e.to_string();
    match text.rsplit_once(" at line ").and_then(|(what, at)| Some((what, numbers(at, ", col ")?))) {
        Some((what, at)) => placed(code, at, &format!("SyntaxError: {}", cut(what, TEXT))),
        None => {
            let shown = code.text.trim_end();
            let last = shown.lines().last().unwrap_or_default();
            let end = (shown.lines().count().max(1) as u32, last.chars().count() as u32 + 1);
            let what = if matches!(e, parser::Error::AbruptEnd) { "the code ends too early" } else { &text };
            placed(code, end, &format!("SyntaxError: {what}"))
        }
    }
}

/// An error that the code threw.
pub fn thrown(code: &Code, e: &JsError, context: &mut Context) -> String {
    let what = cut(&words(e, context), TEXT);
    let trace = e.to_string() + &e.try_native(context).map(|n| n.to_string()).unwrap_or_default();
    let (what, at) = match what.rsplit_once(" at line ") {
        // Syntax errors carry their place in their text. Those of eval have nothing to do with ours.
        Some((start, at)) if what.starts_with("SyntaxError") && place(&trace).is_none() => (start.to_string(), numbers(at, ", col ")),
        _ => (what, place(&trace)),
    };
    let at = at.map(|(line, column)| code.place(line, column)).filter(|(line, _)| *line > 0);
    // Where a name is not defined Boa knows the call around it at best.
    let name = what.strip_prefix("ReferenceError: ").and_then(|w| w.strip_suffix(" is not defined"));
    match name.and_then(|name| code.find(name, at.unwrap_or((1, 1)))).or(at) {
        Some(at) => placed(code, at, &what),
        None => format!("{}: {what}", code.name),
    }
}

fn words(e: &JsError, context: &mut Context) -> String {
    if let Some(n) = e.as_native() {
        if matches!(n.kind, JsNativeErrorKind::RuntimeLimit) {
            return DEEP.to_string();
        }
    }
    let v = e.to_opaque(context);
    match v.as_object() {
        Some(o) if o.is::<boa_engine::builtins::error::Error>() => text_of(&v, context),
        _ => format!("the code threw {}", v.display()),
    }
}

// An error as the code sees it. Its own toString may throw in turn.
fn text_of(v: &JsValue, context: &mut Context) -> String {
    v.to_string(context).map_or_else(|_| "an error without a text".to_string(), |s| s.to_std_string_escaped())
}

// The innermost place of the code that a backtrace names.
fn place(trace: &str) -> Option<(u32, u32)> {
    let (_, at) = trace.split_once(&format!("{PATH}:"))?;
    numbers(at, ":")
}

fn numbers(text: &str, between: &str) -> Option<(u32, u32)> {
    let (line, rest) = text.split_once(between)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((line.parse().ok()?, rest[..digits].parse().ok()?))
}

// "code:2:7: text, in: the line", with as much of a long line as stands around the column.
fn placed(code: &Code, (line, column): (u32, u32), what: &str) -> String {
    let head = format!("{}:{line}:{column}: {what}", code.name);
    let Some(text) = (line > 0).then(|| code.text.lines().nth(line as usize - 1)).flatten() else {
        return head;
    };
    let from = (column as usize).saturating_sub(LINE / 2);
    let shown: String = text.chars().skip(from).take(LINE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let dots = |cut: bool| if cut { "..." } else { "" };
    format!("{head}, in: {}{}{}", dots(from > 0), shown.trim(), dots(text.chars().count() > from + LINE))
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}
