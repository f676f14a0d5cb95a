//! Lists to columns and columns to lists.

use crate::arrange::common;
use crate::build::{unique_names, Growing, TableOut};
use crate::cell::{self, Cell};
use crate::frame::{Column, Frame, Kind};
use crate::{fail, levee};

const FIRST_LIST: i32 = 1; // ports a to h
const LISTS: i32 = 8;

/// Inputs: names, a to h (any: lists). Outputs: table, rows.
pub fn from_lists() {
    let names = levee::strings(0);
    let raw: Vec<Vec<u8>> = (0..LISTS).filter(|i| levee::given(FIRST_LIST + i)).map(|i| levee::bytes(FIRST_LIST + i)).collect();
    if names.len() != raw.len() {
        fail!("{} names for {} lists", names.len(), raw.len());
    }
    if unique_names(names.iter().cloned()) != names {
        levee::fail("names holds an empty name or one name twice");
    }
    let columns: Vec<Vec<Cell>> = raw.iter().zip(&names).map(|(b, name)| list_cells(b, name)).collect();
    let rows = columns.first().map_or(0, Vec::len);
    let mut out = TableOut::new(0, names.len(), rows);
    for (name, cells) in names.iter().zip(&columns) {
        if cells.len() != rows {
            fail!("list {name:?} has {} items, list {:?} has {rows}", cells.len(), names[0]);
        }
        let kind = cells.iter().filter_map(kind_of).reduce(common).unwrap_or(Kind::Text);
        let mut column = Growing::with_rows(kind, rows);
        for c in cells {
            match c {
                Cell::Missing => column.push(Cell::Missing),
                c if kind == Kind::Text => column.push(Cell::Text(&c.text())),
                c => column.push(*c),
            }
        }
        out.column(name, &column);
    }
    drop(out);
    levee::put_int(1, rows as i64);
}

/// The kind of column that a cell asks for.
pub fn kind_of(c: &Cell) -> Option<Kind> {
    Some(match c {
        Cell::Missing => return None,
        Cell::Bool(_) => Kind::Bool,
        Cell::Int(_) => Kind::Int,
        Cell::Float(_) => Kind::Float,
        Cell::Text(_) => Kind::Text,
    })
}

fn list_cells<'a>(raw: &'a [u8], name: &str) -> Vec<Cell<'a>> {
    let (kind, enc) = levee::dec_any(raw);
    if kind == "json" {
        return crate::fromjson::cells(enc).unwrap_or_else(|| fail!("list {name:?} is JSON, but no list of bools, numbers and texts"));
    }
    let Some(element) = kind.strip_prefix("list<").and_then(|t| t.strip_suffix('>')) else {
        fail!("list {name:?} is {kind}, which is no list")
    };
    let item = |enc: &'a [u8]| match element {
        "json" => crate::fromjson::cell(enc),
        _ => cell::decode(element, enc),
    };
    let all: Option<Vec<Cell>> = levee::items(enc).into_iter().map(item).collect();
    all.unwrap_or_else(|| fail!("list {name:?} is {kind}; a column holds bools, numbers or texts"))
}

/// Inputs: table, name, values (any: a list). Output: table.
pub fn set_column() {
    let (raw, values, name) = (levee::bytes(0), levee::bytes(2), levee::string(1));
    let frame = Frame::of(&raw);
    let cells = list_cells(&values, &name);
    if !frame.columns.is_empty() && cells.len() != frame.rows {
        fail!("there are {} values for {} rows", cells.len(), frame.rows);
    }
    let (kind, at) = (cells.iter().filter_map(kind_of).reduce(common).unwrap_or(Kind::Text), frame.find(&name));
    let mut out = TableOut::new(0, frame.columns.len() + at.is_none() as usize, cells.len());
    let put = |out: &mut TableOut| {
        let mut column = Growing::with_rows(kind, cells.len());
        for c in &cells {
            match c {
                Cell::Missing => column.push(Cell::Missing),
                c if kind == Kind::Text => column.push(Cell::Text(&c.text())),
                c => column.push(*c),
            }
        }
        out.column(&name, &column);
    };
    for (i, c) in frame.columns.iter().enumerate() {
        if at == Some(i) { put(&mut out) } else { out.copy(c.name, c) }
    }
    if at.is_none() {
        put(&mut out);
    }
}

/// Inputs: table. Outputs: rows, columns, names.
pub fn size() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    levee::put_int(0, frame.rows as i64);
    levee::put_int(1, frame.columns.len() as i64);
    let names: Vec<&str> = frame.columns.iter().map(|c| c.name).collect();
    levee::put_list(2, &names);
}

/// Inputs: table, column, missing. Output: list<int>.
pub fn ints() {
    values(|c, i| match c.cell(i) {
        Cell::Int(n) => Some(n.to_le_bytes().to_vec()),
        Cell::Bool(b) => Some((b as i64).to_le_bytes().to_vec()),
        _ => None,
    });
}

/// Inputs: table, column, missing. Output: list<float>.
pub fn floats() {
    values(|c, i| match c.kind {
        Kind::Text => None,
        _ => Some(levee::enc_float(crate::aggregate::number(c, i)).to_vec()),
    });
}

/// Inputs: table, column, missing. Output: list<string>.
pub fn strings() {
    values(|c, i| Some(c.cell(i).text().into_owned().into_bytes()));
}

fn values(encode: impl Fn(&Column, usize) -> Option<Vec<u8>>) {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let name = levee::string(1);
    let column = frame.column(&name);
    let missing = levee::string(2);
    let mut items = Vec::new();
    for i in 0..frame.rows {
        match (column.valid(i), missing.as_str()) {
            (true, _) => items.push(encode(column, i).unwrap_or_else(|| fail!("column {name:?} is {}", column.kind.name()))),
            (false, "skip") => {}
            (false, _) => fail!("column {name:?} has no value in row {i}; missing: skip leaves such rows out"),
        }
    }
    levee::put_list(0, &items);
}

/// Inputs: table, column. Output: list.
pub fn column() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let c = frame.column(&levee::string(1));
    let item = |i| match c.cell(i) {
        Cell::Missing => levee::enc_any("json", b"null"),
        Cell::Bool(b) => levee::enc_any("bool", &[b as u8]),
        Cell::Int(n) => levee::enc_any("int", &n.to_le_bytes()),
        Cell::Float(f) => levee::enc_any("float", &levee::enc_float(f)),
        Cell::Text(s) => levee::enc_any("string", s.as_bytes()),
    };
    let items: Vec<Vec<u8>> = (0..frame.rows).map(item).collect();
    levee::put_list(0, &items);
}
