//! table/filter: the rows whose cell in one column passes a test.

use crate::build::put_rows;
use crate::cell::{self, Cell};
use crate::frame::{Frame, Kind};
use crate::{fail, levee};
use std::cmp::Ordering;

/// Inputs: table, column, op, value. Outputs: table, rows.
pub fn filter() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let name = levee::string(1);
    let (column, op) = (frame.column(&name), levee::string(2));
    let value = levee::given(3).then(|| levee::bytes(3));
    let wanted: Vec<Cell> = value.as_ref().map_or(Vec::new(), |raw| cells(raw));
    let unary = matches!(op.as_str(), "is_missing" | "not_missing");
    match wanted.as_slice() {
        [] if !unary && op != "in" && op != "not_in" => fail!("op {op} needs a value"),
        [_, _, ..] if op != "in" && op != "not_in" => fail!("op {op} takes one value, not a list; use in or not_in"),
        _ => {}
    }
    wanted.iter().for_each(|w| check_kind(column.kind, w, &name, &op));
    let passes = |c: Cell| -> bool {
        let order = || c.order(&wanted[0]);
        match op.as_str() {
            "is_missing" => c.is_missing(),
            "not_missing" => !c.is_missing(),
            _ if c.is_missing() => matches!(op.as_str(), "ne" | "not_in"),
            "eq" => order() == Ordering::Equal,
            "ne" => order() != Ordering::Equal,
            "lt" => order() == Ordering::Less,
            "le" => order() != Ordering::Greater,
            "gt" => order() == Ordering::Greater,
            "ge" => order() != Ordering::Less,
            "in" => wanted.iter().any(|w| c.order(w) == Ordering::Equal),
            "not_in" => wanted.iter().all(|w| c.order(w) != Ordering::Equal),
            "contains" => c.text().contains(&*wanted[0].text()),
            "starts_with" => c.text().starts_with(&*wanted[0].text()),
            _ => c.text().ends_with(&*wanted[0].text()),
        }
    };
    let rows: Vec<u32> = (0..frame.rows).filter(|i| passes(column.cell(*i))).map(|i| i as u32).collect();
    put_rows(&frame, &rows);
    levee::put_int(1, rows.len() as i64);
}

fn check_kind(kind: Kind, wanted: &Cell, name: &str, op: &str) {
    let textual = matches!(op, "contains" | "starts_with" | "ends_with");
    let fits = match wanted {
        Cell::Missing => false,
        Cell::Bool(_) => kind == Kind::Bool,
        Cell::Int(_) | Cell::Float(_) => matches!(kind, Kind::Int | Kind::Float),
        Cell::Text(_) => kind == Kind::Text,
    };
    let text_in_anything = textual && matches!(wanted, Cell::Text(_));
    if !fits && !text_in_anything {
        fail!("column {name:?} is {}; {op} cannot compare it with {:?}", kind.name(), wanted.text());
    }
}

/// The cells of an any: one of a scalar, several of a list.
fn cells(raw: &[u8]) -> Vec<Cell<'_>> {
    let (kind, enc) = levee::dec_any(raw);
    if let Some(c) = cell::decode(kind, enc) {
        return vec![c];
    }
    if let Some(element) = kind.strip_prefix("list<").and_then(|t| t.strip_suffix('>')) {
        let all: Option<Vec<Cell>> = levee::items(enc).into_iter().map(|item| json_or(element, item)).collect();
        if let Some(all) = all {
            return all;
        }
    }
    if kind == "json" {
        if let Some(all) = json_list(enc) {
            return all;
        }
    }
    fail!("value is {kind}; it must be a bool, number or text, or a list of them")
}

fn json_or<'a>(kind: &str, enc: &'a [u8]) -> Option<Cell<'a>> {
    if kind == "json" { json_list(enc)?.pop() } else { cell::decode(kind, enc) }
}

// Cells borrow; the few texts of a literal list are leaked into the instance, which ends with this call.
fn json_list(enc: &[u8]) -> Option<Vec<Cell<'static>>> {
    let tree: serde_json::Value = serde_json::from_slice(enc).ok()?;
    let list = match tree {
        serde_json::Value::Array(list) => list,
        scalar => vec![scalar],
    };
    list.into_iter()
        .map(|v| match v {
            serde_json::Value::Bool(b) => Some(Cell::Bool(b)),
            serde_json::Value::String(s) => Some(Cell::Text(s.leak())),
            serde_json::Value::Number(n) => n.as_i64().map(Cell::Int).or_else(|| n.as_f64().map(Cell::Float)),
            _ => None,
        })
        .collect()
}
