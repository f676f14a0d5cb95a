//! Regular expressions. They run in time linear in the text, so no pattern can hang a node.

use crate::{fail, levee};
use regex::{Captures, NoExpand, Regex, RegexBuilder};
use serde_json::{Map, Value};

/// Compiles a pattern or ends the invocation with what is wrong in it.
pub fn compile(pattern: &str, ignore_case: bool) -> Regex {
    compile_with(pattern, ignore_case, false)
}

fn compile_with(pattern: &str, ignore_case: bool, dot_all: bool) -> Regex {
    match RegexBuilder::new(pattern).case_insensitive(ignore_case).multi_line(true).dot_matches_new_line(dot_all).size_limit(8 << 20).build() {
        Ok(re) => re,
        Err(regex::Error::CompiledTooBig(_)) => fail!("the pattern {pattern:?} is too large; repeat less"),
        Err(e) => fail!("bad pattern: {e}"),
    }
}

fn input(port: i32, literal: bool, ignore_case: bool) -> Regex {
    let pattern = levee::string(port);
    compile(&if literal { regex::escape(&pattern) } else { pattern }, ignore_case)
}

fn limit(port: i32) -> usize {
    usize::try_from(levee::int(port)).unwrap_or(0)
}

/// Inputs: text, pattern, with, literal, ignore_case, limit. Outputs: text, count.
pub fn replace() {
    let (text, with, literal) = (levee::string(0), levee::string(2), levee::boolean(3));
    let re = input(1, literal, levee::boolean(4));
    let mut count = 0;
    let out = re.replacen(&text, limit(5), |c: &Captures| {
        count += 1;
        let mut piece = String::new();
        if literal {
            regex::Replacer::replace_append(&mut NoExpand(&with), c, &mut piece);
        } else {
            c.expand(&with, &mut piece);
        }
        piece
    });
    levee::put_str(0, &out);
    levee::put_int(1, count);
}

/// Inputs: text, pattern, group, ignore_case, limit, dot_all. Outputs: matches, count, captures.
pub fn find_all() {
    let (text, group) = (levee::string(0), levee::string(2));
    let re = compile_with(&levee::string(1), levee::boolean(3), levee::boolean(5));
    let most = if limit(4) == 0 { usize::MAX } else { limit(4) };
    let names: Vec<String> =
        re.capture_names().enumerate().map(|(i, n)| n.map_or_else(|| i.to_string(), str::to_string)).collect();
    let index = names.iter().position(|n| *n == group).or_else(|| group.parse().ok().filter(|i| *i < names.len()));
    let Some(index) = index else {
        fail!("the pattern has no group {group:?}; it has {}", names.join(", "))
    };
    let (mut matches, mut captures) = (Vec::new(), Vec::new());
    for c in re.captures_iter(&text).take(most) {
        matches.push(c.get(index).map_or("", |m| m.as_str()));
        let groups: Map<String, Value> = names
            .iter()
            .enumerate()
            .map(|(i, n)| (n.clone(), c.get(i).map_or(Value::Null, |m| Value::String(m.as_str().to_string()))))
            .collect();
        captures.push(Value::Object(groups));
    }
    levee::put_list(0, &matches);
    levee::put_int(1, matches.len() as i64);
    levee::put_str(2, &Value::Array(captures).to_string());
}

/// Inputs: text, pattern, whole, ignore_case, at_start.
pub fn matches() {
    let text = levee::string(0);
    let re = placed(levee::boolean(4), levee::boolean(2), levee::boolean(3));
    levee::put_bool(0, re.is_match(&text));
}

/// The pattern on port 1, held to the start of the text, or to the whole of it.
fn placed(at_start: bool, whole: bool, ignore_case: bool) -> Regex {
    let re = input(1, false, ignore_case);
    match (whole, at_start) {
        (true, _) => compile(&format!(r"\A(?:{})\z", re.as_str()), ignore_case),
        (false, true) => compile(&format!(r"\A(?:{})", re.as_str()), ignore_case),
        _ => re,
    }
}

/// Inputs: texts, pattern, whole, ignore_case. Outputs: texts, count.
pub fn filter() {
    let re = placed(false, levee::boolean(2), levee::boolean(3));
    let kept: Vec<String> = levee::strings(0).into_iter().filter(|s| re.is_match(s)).collect();
    levee::put_list(0, &kept);
    levee::put_int(1, kept.len() as i64);
}

/// Inputs: text, pattern, ignore_case, dot_all. Outputs: groups, found.
pub fn groups() {
    let text = levee::string(0);
    let re = compile_with(&levee::string(1), levee::boolean(2), levee::boolean(3));
    let found = re.captures(&text);
    let groups: Vec<&str> = found.iter().flat_map(|c| c.iter().skip(1)).map(|g| g.map_or("", |m| m.as_str())).collect();
    levee::put_list(0, &groups);
    levee::put_bool(1, found.is_some());
}
