//! Jinja templates. Their language is minijinja's; the filter truncate is ours.

use crate::short::short;
use crate::{fail, levee, plain};
use minijinja::value::{Object, Value};
use minijinja::{filters, functions, tests, Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value as Tree;
use std::collections::BTreeMap;
use std::sync::Arc;

const FUEL: u64 = 10_000_000; // steps; a second or so
const DEPTH: usize = 32; // templates have no macros or includes that could nest deeper

/// Inputs: template, values, data, undefined, ignore_case, single. Output: text.
pub fn render() {
    let source = levee::string(0);
    let single = levee::boolean(5);
    if single && !source.contains("{{") && !source.contains("{%") {
        return levee::put_str(0, &single_braces(&source, &values(true)));
    }
    let env = environment(3);
    let template = env.template_from_named_str("template", &source).unwrap_or_else(|e| bad(&e, ""));
    levee::put_str(0, &template.render(names(values(single), 4)).unwrap_or_else(|e| bad(&e, "")));
}

/// Inputs: template, list, undefined, ignore_case. Outputs: texts, count.
pub fn render_each() {
    let source = levee::string(0);
    let env = environment(2);
    let template = env.template_from_named_str("template", &source).unwrap_or_else(|e| bad(&e, ""));
    let text = |(i, all)| template.render(names(all, 3)).unwrap_or_else(|e| bad(&e, &format!("item {i}: ")));
    let texts: Vec<String> = items().into_iter().enumerate().map(text).collect();
    levee::put_list(0, &texts);
    levee::put_int(1, texts.len() as i64);
}

/// The names for each item of the list on port 1: the keys of an object, the item itself and its place.
pub fn items() -> Vec<BTreeMap<String, Value>> {
    let (kind, raw) = (levee::type_of(1), levee::bytes(1));
    let names = |(i, enc): (usize, &[u8])| {
        let tree = plain::tree(plain::element(&kind), enc).unwrap_or_else(|e| fail!("item {i}: {e}"));
        let mut all = BTreeMap::new();
        if let Tree::Object(m) = &tree {
            all.extend(m.iter().map(|(k, v)| (k.clone(), value(v.clone()))));
        }
        all.entry("item".to_string()).or_insert_with(|| value(tree));
        all.entry("index".to_string()).or_insert_with(|| Value::from(i));
        all
    };
    levee::items(&raw).into_iter().enumerate().map(names).collect()
}

pub fn names(values: BTreeMap<String, Value>, ignore_case: i32) -> Value {
    Value::from_object(Names { values, ignore_case: levee::boolean(ignore_case) })
}

pub fn bad(e: &Error, before: &str) -> ! {
    let place = match e.line() {
        Some(line) if !before.ends_with("condition: ") => format!("{before}template line {line}: "),
        _ => before.to_string(),
    };
    match (e.kind(), e.detail()) {
        (ErrorKind::OutOfFuel, _) => fail!("{place}the template takes more than {FUEL} steps"),
        (kind, Some(detail)) => fail!("{place}{kind}: {detail}"),
        (kind, None) => fail!("{place}{kind}"),
    }
}

/// The language: what is not added here is not there, and not in the module either.
pub fn environment(undefined: i32) -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(DEPTH);
    env.set_undefined_behavior(if levee::string(undefined) == "empty" { UndefinedBehavior::Chainable } else { UndefinedBehavior::Strict });
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env.add_filter("upper", filters::upper);
    env.add_filter("lower", filters::lower);
    env.add_filter("title", filters::title);
    env.add_filter("capitalize", filters::capitalize);
    env.add_filter("trim", filters::trim);
    env.add_filter("replace", filters::replace);
    env.add_filter("default", filters::default);
    env.add_filter("first", filters::first);
    env.add_filter("last", filters::last);
    env.add_filter("length", filters::length);
    env.add_filter("reverse", filters::reverse);
    env.add_filter("sort", filters::sort);
    env.add_filter("join", filters::join);
    env.add_filter("round", filters::round);
    env.add_filter("int", filters::int);
    env.add_filter("float", filters::float);
    env.add_filter("string", filters::string);
    env.add_filter("list", filters::list);
    env.add_filter("abs", filters::abs);
    env.add_filter("sum", filters::sum);
    env.add_filter("min", filters::min);
    env.add_filter("max", filters::max);
    env.add_filter("unique", filters::unique);
    env.add_filter("items", filters::items);
    env.add_filter("map", filters::map);
    env.add_filter("selectattr", filters::selectattr);
    env.add_filter("indent", filters::indent);
    env.add_filter("truncate", truncate);
    env.add_function("range", functions::range);
    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("none", tests::is_none);
    env.add_test("string", tests::is_string);
    env.add_test("number", tests::is_number);
    env.add_test("eq", tests::is_eq);
    env.add_test("ne", tests::is_ne);
    env.add_test("gt", tests::is_gt);
    env.add_test("lt", tests::is_lt);
    env.add_test("in", tests::is_in);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
    env
}

/// Fills {name}, {0} and {}, which counts, the places of texts that know nothing else.
fn single_braces(source: &str, values: &BTreeMap<String, Value>) -> String {
    let (mut out, mut rest, mut count) = (String::with_capacity(source.len() * 2), source, 0);
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((name, after)) = behind.split_once('}') else { fail!("the template has a {{ that is never closed: {}", short(behind)) };
        let name = if name.trim().is_empty() { (count, count += 1).0.to_string() } else { name.trim().to_string() };
        out.push_str(before);
        match values.get(&name) {
            Some(v) => out.push_str(&v.to_string()),
            None if levee::string(3) == "empty" => {}
            None => fail!("there is no value for {{{name}}}"),
        }
        rest = after;
    }
    out + rest
}

/// What {{ name }} can name: the keys of data, then those of values. With positions the items of a list are named by their
/// places, and any other value is 0.
fn values(positions: bool) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    if levee::given(2) {
        match serde_json::from_slice(&levee::bytes(2)) {
            Ok(Tree::Object(m)) => all.extend(m.into_iter().map(|(k, v)| (k, value(v)))),
            Ok(Tree::Null) => {}
            Ok(Tree::Array(list)) if positions => all.extend(list.into_iter().enumerate().map(|(i, v)| (i.to_string(), value(v)))),
            Ok(other) if positions => drop(all.insert("0".to_string(), value(other))),
            Ok(_) => levee::fail("data is no JSON object: its keys are the names that the template uses"),
            Err(e) => fail!("data: {e}"),
        }
    }
    if levee::given(1) {
        for (name, raw) in levee::map(1) {
            let tree = plain::tree("any", &raw).unwrap_or_else(|e| fail!("values.{name}: {e}"));
            all.insert(name, value(tree));
        }
    }
    all
}

fn value(tree: Tree) -> Value {
    match tree {
        Tree::Null => Value::from(()),
        Tree::Bool(b) => Value::from(b),
        Tree::String(s) => Value::from(s),
        Tree::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Value::from(i),
            (None, Some(f)) if f.is_finite() => Value::from(f),
            _ => Value::from(n.to_string()),
        },
        Tree::Array(list) => Value::from(list.into_iter().map(value).collect::<Vec<Value>>()),
        Tree::Object(m) => Value::from(m.into_iter().map(|(k, v)| (k, value(v))).collect::<BTreeMap<String, Value>>()),
    }
}

#[derive(Debug)]
struct Names {
    values: BTreeMap<String, Value>,
    ignore_case: bool,
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let exact = self.values.get(name);
        if exact.is_some() || !self.ignore_case {
            return exact.cloned();
        }
        let same = |k: &&String| k.to_lowercase() == name.to_lowercase();
        self.values.keys().find(same).and_then(|k| self.values.get(k)).cloned()
    }
}

/// Cuts at the last space within length, or within a word when killwords is true. The end counts; leeway characters more are let be.
fn truncate(text: String, length: Option<usize>, killwords: Option<bool>, end: Option<String>, leeway: Option<usize>) -> String {
    let (length, end) = (length.unwrap_or(255), end.unwrap_or_else(|| "...".to_string()));
    if text.chars().count() <= length.saturating_add(leeway.unwrap_or(5)) {
        return text;
    }
    let cut: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    let kept = if killwords.unwrap_or(false) { &cut } else { cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head) };
    format!("{kept}{end}")
}
