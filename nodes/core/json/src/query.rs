//! JSONPath, the part of it that needs no expressions.

use crate::{fail, levee};
use serde_json::Value;

enum Step {
    Key(String),
    Item(i64),
    All,
    Deep, // what stands here and everything below it
}

/// How many values may be found at once: each step of a path can multiply them.
const MOST: usize = 1 << 20;

/// Inputs: value, path, all. Outputs: value, matches.
pub fn path() {
    let raw = levee::bytes(0);
    let doc = match levee::dec_any(&raw) {
        ("string", text) => serde_json::from_slice(text).unwrap_or_else(|e| fail!("the text is no JSON: {e}")),
        _ => crate::any_tree(0),
    };
    let path = levee::string(1);
    let steps = parse(&path).unwrap_or_else(|e| fail!("path {path:?}: {e}"));
    let mut here = vec![&doc];
    for step in &steps {
        let mut next = Vec::new();
        here.iter().for_each(|v| take(v, step, &mut next));
        if next.len() > MOST {
            fail!("path {path:?} finds more than {MOST} values");
        }
        here = next;
    }
    let texts: Vec<String> = here.iter().map(|v| v.to_string()).collect();
    if levee::boolean(2) {
        levee::put_str(0, &format!("[{}]", texts.join(",")));
    } else {
        levee::put_str(0, texts.first().unwrap_or_else(|| fail!("nothing is at {path:?}")));
    }
    levee::put_list(1, &texts);
}

fn take<'v>(v: &'v Value, step: &Step, found: &mut Vec<&'v Value>) {
    match (step, v) {
        (Step::Key(key), Value::Object(m)) => found.extend(m.get(key)),
        (Step::Key(key), Value::Array(list)) => found.extend(crate::path::index(key, list.len()).map(|i| &list[i])),
        (Step::Item(i), Value::Array(list)) => {
            let at = if *i < 0 { i + list.len() as i64 } else { *i };
            found.extend(usize::try_from(at).ok().and_then(|at| list.get(at)));
        }
        (Step::All, Value::Object(m)) => found.extend(m.values()),
        (Step::All, Value::Array(list)) => found.extend(list),
        (Step::Deep, _) => {
            found.push(v);
            match v {
                Value::Object(m) => m.values().for_each(|v| take(v, step, found)),
                Value::Array(list) => list.iter().for_each(|v| take(v, step, found)),
                _ => {}
            }
        }
        _ => {}
    }
}

/// The steps of a path, or a sentence about what is wrong.
fn parse(path: &str) -> Result<Vec<Step>, String> {
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let (mut steps, mut begins) = (Vec::new(), !path.starts_with('$'));
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (step, end) = bracket(after)?;
            steps.push(step);
            rest = &after[end..];
        } else {
            let (deep, after) = match (rest.strip_prefix(".."), rest.strip_prefix('.')) {
                (Some(after), _) => (true, after),
                (_, Some(after)) => (false, after),
                _ if begins => (false, rest), // a.b is $.a.b
                _ => return Err(format!("{rest:?} begins with neither . nor [")),
            };
            if deep {
                steps.push(Step::Deep);
            }
            let end = after.find(['.', '[']).unwrap_or(after.len());
            match &after[..end] {
                "" if deep && after.starts_with('[') => {}
                "" => return Err("a name is missing behind a dot".to_string()),
                "*" => steps.push(Step::All),
                name => steps.push(Step::Key(name.to_string())),
            }
            rest = &after[end..];
        }
        begins = false;
    }
    Ok(steps)
}

/// What stands between [ and ], and where it ends.
fn bracket(after: &str) -> Result<(Step, usize), String> {
    if let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = after[1..].find(quote).ok_or("a quote is not closed")? + 1;
        if !after[end + 1..].starts_with(']') {
            return Err("] is missing behind a name in quotes".to_string());
        }
        return Ok((Step::Key(after[1..end].to_string()), end + 2));
    }
    let end = after.find(']').ok_or("[ is not closed")?;
    match after[..end].trim() {
        "*" => Ok((Step::All, end + 1)),
        n => n.parse().map(|i| (Step::Item(i), end + 1)).map_err(|_| format!("[{n}] is no number, no * and no name in quotes")),
    }
}
