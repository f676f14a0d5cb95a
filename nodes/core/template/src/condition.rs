//! Nodes that keep what a condition holds for.

use crate::build::put_rows;
use crate::cell::Cell;
use crate::frame::Frame;
use crate::levee;
use crate::template::{bad, environment, items, names};
use minijinja::value::Value;
use std::collections::BTreeMap;

/// Inputs: condition, list, undefined, ignore_case. Outputs: list, count.
pub fn filter() {
    let ((source, quotes), env) = (asked(), environment(2));
    let condition = env.compile_expression(&source).unwrap_or_else(|e| bad(&e, "condition: "));
    let raw = levee::bytes(1);
    let encoded = levee::items(&raw);
    let mut kept = Vec::new();
    for (i, mut all) in items().into_iter().enumerate() {
        quotes.add(&mut all);
        if condition.eval(names(all, 3)).unwrap_or_else(|e| bad(&e, &format!("item {i}: condition: "))).is_true() {
            kept.push(encoded[i]);
        }
    }
    levee::put_list(0, &kept);
    levee::put_int(1, kept.len() as i64);
}

/// Inputs: condition, table, undefined, ignore_case, limit. Outputs: table, rows.
pub fn filter_table() {
    let ((source, quotes), env) = (asked(), environment(2));
    let condition = env.compile_expression(&source).unwrap_or_else(|e| bad(&e, "condition: "));
    let raw = levee::bytes(1);
    let frame = Frame::of(&raw);
    let most = usize::try_from(levee::int(4)).ok().filter(|n| *n > 0).unwrap_or(usize::MAX);
    let mut kept = Vec::new();
    for i in 0..frame.rows {
        let mut all: BTreeMap<String, Value> = frame.columns.iter().map(|c| (c.name.to_string(), value(c.cell(i)))).collect();
        all.entry("index".to_string()).or_insert_with(|| Value::from(i));
        quotes.add(&mut all);
        if condition.eval(names(all, 3)).unwrap_or_else(|e| bad(&e, &format!("row {i}: condition: "))).is_true() {
            kept.push(i as u32);
        }
        if kept.len() == most {
            break;
        }
    }
    put_rows(&frame, &kept);
    levee::put_int(1, kept.len() as i64);
}

/// The condition on port 0; one that is empty holds for everything.
fn asked() -> (String, Quotes) {
    let (source, quotes) = Quotes::of(&levee::string(0));
    if source.trim().is_empty() {
        return ("true".to_string(), quotes);
    }
    (spelled(&source, levee::string(2) == "empty", 0).trim().to_string(), quotes)
}

/// Names in backticks, which need not be words, and the words that stand for them.
struct Quotes(Vec<(String, String)>);

impl Quotes {
    fn of(source: &str) -> (String, Quotes) {
        let (mut out, mut quotes, mut rest) = (String::new(), Vec::new(), source);
        while let Some(at) = rest.find(['"', '\'', '`']) {
            let size = quoted(&rest[at..]);
            let piece = &rest[at..at + size];
            out.push_str(&rest[..at]);
            match piece.strip_prefix('`').and_then(|s| s.strip_suffix('`')) {
                Some(name) => {
                    let word = name.bytes().fold("backticks_".to_string(), |w, b| format!("{w}{b:02x}"));
                    out.push_str(&word);
                    quotes.push((word, name.to_string()));
                }
                None => out.push_str(piece),
            }
            rest = &rest[at + size..];
        }
        (out + rest, Quotes(quotes))
    }

    fn add(&self, all: &mut BTreeMap<String, Value>) {
        for (word, name) in &self.0 {
            if let Some(v) = all.get(name) {
                all.insert(word.clone(), v.clone());
            }
        }
    }
}

/// A missing cell is a name that stands for nothing.
fn value(c: Cell) -> Value {
    match c {
        Cell::Missing => Value::UNDEFINED,
        Cell::Bool(b) => Value::from(b),
        Cell::Int(n) => Value::from(n),
        Cell::Float(f) => Value::from(f),
        Cell::Text(s) => Value::from(s),
    }
}

/// What is in brackets deeper than this is left as it stands; the parser takes no deeper ones either.
const DEPTH: usize = 64;

/// A condition as the language of templates understands it: there 1 < x < 3 is 1 < x and x < 3. With guarded a comparison of what
/// stands for nothing does not hold.
fn spelled(source: &str, guarded: bool, depth: usize) -> String {
    let mut out = String::new();
    let (mut operands, mut ops) = (vec![String::new()], Vec::new());
    let mut pieces = Pieces { source, at: 0 };
    while let Some(piece) = pieces.next() {
        let piece = pieces.word(piece, operands.last().is_none_or(|o| o.trim().is_empty()));
        match piece {
            "<" | "<=" | ">" | ">=" | "==" | "!=" => {
                ops.push(piece);
                operands.push(String::new());
            }
            "and" | "or" | "not" | " and " | " or " | " not " | "if" | "else" | "in" | "is" | "," | ":" => {
                out.push_str(&compared(&operands, &ops, guarded));
                out.push_str(piece);
                (operands, ops) = (vec![String::new()], Vec::new());
            }
            _ => {
                let bracket = piece.len() > 2 && depth < DEPTH && b"([{".contains(&piece.as_bytes()[0]);
                let inner = if bracket { spelled(&piece[1..piece.len() - 1], guarded, depth + 1) } else { String::new() };
                if let Some(last) = operands.last_mut() {
                    last.push_str(&if bracket { format!("{}{inner}{}", &piece[..1], &piece[piece.len() - 1..]) } else { piece.to_string() });
                }
            }
        }
    }
    out + &compared(&operands, &ops, guarded)
}

/// Comparisons in a chain as comparisons of two.
fn compared(operands: &[String], ops: &[&str], guarded: bool) -> String {
    if ops.is_empty() {
        return operands.concat();
    }
    let mut parts: Vec<String> = Vec::new();
    let orders = |op: &str| op.starts_with(['<', '>']);
    for (i, operand) in operands.iter().map(|s| s.trim()).enumerate() {
        let ordered = i > 0 && orders(ops[i - 1]) || ops.get(i).is_some_and(|op| orders(op));
        let literal = operand.starts_with(|c: char| c.is_ascii_digit() || c == '"' || c == '\'');
        if guarded && ordered && !literal && !operand.is_empty() {
            parts.push(format!("({operand}) is defined and ({operand}) is not none"));
        }
    }
    parts.extend(ops.iter().enumerate().map(|(i, op)| format!("{} {op} {}", operands[i].trim(), operands[i + 1].trim())));
    match parts.as_slice() {
        [one] => format!(" {one} "),
        all => format!(" ({}) ", all.join(" and ")),
    }
}

/// Cuts an expression into words, operators, texts in quotes, white space, and what stands in brackets.
struct Pieces<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Pieces<'s> {
    /// Signs that stand for and, or and not; a | before a word is a filter, and a ~ after an operand joins texts.
    fn word(&self, piece: &'s str, first: bool) -> &'s str {
        match piece {
            "&" | "&&" => " and ",
            "||" => " or ",
            "|" if self.source[self.at..].trim_start().starts_with(['(', '~']) => " or ",
            "~" if first => " not ",
            _ => piece,
        }
    }
}

impl<'s> Iterator for Pieces<'s> {
    type Item = &'s str;
    fn next(&mut self) -> Option<&'s str> {
        let rest = &self.source[self.at..];
        let first = rest.chars().next()?;
        let size = match first {
            '"' | '\'' => quoted(rest),
            '(' | '[' | '{' => bracketed(rest),
            '<' | '>' | '=' | '!' => 1 + rest[1..].starts_with('=') as usize,
            '&' | '|' => 1 + rest[1..].starts_with(first) as usize,
            c if c.is_alphanumeric() || c == '_' => rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()),
            c if c.is_whitespace() => rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        self.at += size;
        Some(&rest[..size])
    }
}

fn quoted(s: &str) -> usize {
    let quote = s.as_bytes()[0];
    let mut escaped = false;
    for (i, b) in s.bytes().enumerate().skip(1) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b if b == quote => return i + 1,
            _ => {}
        }
    }
    s.len()
}

/// The size of what stands in brackets, with them; of brackets that are never closed the first one alone, which the parser reports.
fn bracketed(s: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < s.len() {
        match s.as_bytes()[at] {
            b'"' | b'\'' => at += quoted(&s[at..]) - 1,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    1
}
