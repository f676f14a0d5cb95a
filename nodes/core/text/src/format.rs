//! text/format: a template with {name} places.

use crate::short::short;
use crate::{levee, number, plain};
use serde_json::Value;

const TEMPLATE: i32 = 0;
const VALUES: i32 = 1;
const FIRST_PLACE: i32 = 2; // ports a, b, c, ... h
const PLACES: &str = "abcdefgh";

pub fn format() {
    let template = levee::string(TEMPLATE);
    let values = any(VALUES).unwrap_or(Value::Null);
    let ports: Vec<Option<Value>> = (0..PLACES.len() as i32).map(|i| any(FIRST_PLACE + i)).collect();
    let out = fill(&template, |path| find(path, &ports, &values)).unwrap_or_else(|e| levee::fail(&e));
    levee::put_str(0, &out);
}

fn any(port: i32) -> Option<Value> {
    levee::given(port).then(|| {
        let raw = levee::bytes(port);
        let (kind, enc) = levee::dec_any(&raw);
        plain::tree(kind, enc).unwrap_or_else(|e| levee::fail(&e))
    })
}

fn find<'v>(path: &str, ports: &'v [Option<Value>], values: &'v Value) -> Option<&'v Value> {
    if let Some(v) = plain::child(values, path) {
        return Some(v); // a key may hold dots
    }
    let mut steps = path.split('.');
    let first = steps.next()?;
    let port = PLACES.find(first).filter(|_| first.len() == 1).and_then(|i| ports[i].as_ref());
    let start = port.or_else(|| plain::child(values, first))?;
    steps.try_fold(start, |v, step| plain::child(v, step))
}

fn fill<'v>(template: &str, find: impl Fn(&str) -> Option<&'v Value>) -> Result<String, String> {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let here = || template[..template.len() - rest.len() + at].chars().count() + 1;
        let (brace, behind) = rest[at..].split_at(1);
        if behind.starts_with(brace) {
            out.push_str(brace);
            rest = &behind[1..];
            continue;
        }
        if brace == "}" {
            return Err(format!("template character {}: a lone }}; write }}}} for a brace", here()));
        }
        let end = behind.find('}').ok_or_else(|| format!("template character {}: {{ is never closed; write {{{{ for a brace", here()))?;
        let (path, spec) = behind[..end].split_once(':').unwrap_or((&behind[..end], ""));
        let value = find(path.trim()).ok_or_else(|| format!("template character {}: there is no value for {{{}}}", here(), path.trim()))?;
        out.push_str(&styled(value, spec).map_err(|e| format!("template character {}: {e}", here()))?);
        rest = &behind[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Applies [[fill]align][width][,][.digits] with align one of < > ^.
fn styled(v: &Value, spec: &str) -> Result<String, String> {
    let mut text = plain::text(v);
    let wrong = || format!("bad style {spec:?}: write [[fill]<>^][width][,][.digits], as {{a:>10}} or {{a:,.2}}");
    let mut chars: Vec<char> = spec.trim().chars().collect();
    let (mut pad, mut align) = (' ', if v.is_number() { '>' } else { '<' });
    if chars.len() >= 2 && "<>^".contains(chars[1]) {
        (pad, align) = (chars[0], chars[1]);
        chars.drain(..2);
    } else if chars.first().is_some_and(|c| "<>^".contains(*c)) {
        align = chars.remove(0);
    }
    let rest: String = chars.into_iter().collect();
    let (head, digits) = rest.split_once('.').map_or((rest.as_str(), None), |(h, d)| (h, Some(d)));
    let (width, commas) = head.strip_suffix(',').map_or((head, false), |w| (w, true));
    if digits.is_some() || commas {
        if !v.is_number() {
            return Err(format!("style {spec:?} is for numbers, the value is {}", short(&text)));
        }
        if let Some(d) = digits {
            let d: usize = d.parse().ok().filter(|d| *d <= 100).ok_or_else(wrong)?;
            text = format!("{:.d$}", text.parse::<f64>().map_err(|e| e.to_string())?);
        }
        if commas {
            text = number::grouped(&text);
        }
    }
    let width: usize = if width.is_empty() { 0 } else { width.parse().ok().filter(|w| *w <= 10_000).ok_or_else(wrong)? };
    let missing = width.saturating_sub(text.chars().count());
    let left = match align {
        '<' => 0,
        '>' => missing,
        _ => missing / 2,
    };
    let run = |n: usize| pad.to_string().repeat(n);
    Ok(run(left) + &text + &run(missing - left))
}

