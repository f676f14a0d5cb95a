//! Regular expressions. They run in time linear in the text, so no pattern can hang a node.

use crate::{fail, levee, plain};
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

/// Inputs: text, pattern, with, literal, ignore_case, limit, backslashes. Outputs: text, count.
pub fn replace() {
    let (text, mut with, literal) = (levee::string(0), levee::string(2), levee::boolean(3));
    if levee::boolean(6) {
        with = dollars(&with);
    }
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

/// A replacement that names groups as \1 and \g<name> as one that names them as ${1} and ${name}.
fn dollars(with: &str) -> String {
    let (mut out, mut rest) = (String::new(), with);
    while let Some((before, behind)) = rest.split_once('\\') {
        out.push_str(before);
        let digits = behind.bytes().take(2).take_while(u8::is_ascii_digit).count();
        let named = behind.strip_prefix("g<").and_then(|s| s.split_once('>'));
        rest = match (digits, named, behind.chars().next()) {
            (0, Some((name, after)), _) => {
                out.push_str(&format!("${{{name}}}"));
                after
            }
            (0, None, Some(c @ ('n' | 't' | 'r' | '\\'))) => {
                out.push(match c {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    c => c,
                });
                &behind[1..]
            }
            (0, None, _) => {
                out.push('\\');
                behind
            }
            (n, _, _) => {
                out.push_str(&format!("${{{}}}", behind[..n].trim_start_matches('0')));
                &behind[n..]
            }
        };
    }
    out + rest
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

/// Inputs: list, pattern, whole, ignore_case, key, others. Outputs: list, count.
pub fn grep() {
    let re = placed(false, levee::boolean(2), levee::boolean(3));
    let (kind, raw, key, drop) = (levee::type_of(0), levee::bytes(0), levee::string(4), levee::string(5) == "drop");
    let text = |(i, enc): (usize, &[u8])| {
        let tree = plain::tree(plain::element(&kind), enc).unwrap_or_else(|e| fail!("item {i}: {e}"));
        match (tree, key.as_str()) {
            (Value::String(s), "") => Some(s),
            (Value::Object(m), key) if !key.is_empty() => m.get(key).map(plain::written),
            _ if drop => None,
            (other, "") => fail!("item {i} is {:.40}, which is no text", plain::written(&other)),
            (other, _) => fail!("item {i} is {:.40}, which is no object", plain::written(&other)),
        }
    };
    let kept: Vec<&[u8]> = levee::items(&raw).into_iter().enumerate().filter(|x| text(*x).is_some_and(|s| re.is_match(&s))).map(|x| x.1).collect();
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
