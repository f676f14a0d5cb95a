//! Nodes that choose or order columns and rows and change no cell.

use crate::build::{put_rows, Growing, TableOut, MAX_ROWS};
use crate::cell::Cell;
use crate::frame::{Column, Frame, Kind};
use crate::{fail, levee};
use std::collections::BTreeMap;

/// Inputs: table, columns, drop. Output: table.
pub fn select() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let (keep, drop) = (levee::given(1).then(|| levee::strings(1)), levee::strings(2));
    drop.iter().for_each(|name| {
        frame.index(name);
    });
    let chosen: Vec<&Column> = match &keep {
        Some(names) => names.iter().map(|n| frame.column(n)).collect(),
        None => frame.columns.iter().collect(),
    };
    let chosen: Vec<&Column> = chosen.into_iter().filter(|c| !drop.iter().any(|d| d == c.name)).collect();
    for (i, c) in chosen.iter().enumerate() {
        if chosen[..i].iter().any(|other| other.name == c.name) {
            fail!("columns names {:?} twice", c.name);
        }
    }
    let mut out = TableOut::new(0, chosen.len(), frame.rows);
    chosen.iter().for_each(|c| out.copy(c.name, c));
}

/// Inputs: table, names (an object old -> new). Output: table.
pub fn rename() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let names: BTreeMap<String, String> =
        serde_json::from_str(&levee::string(1)).unwrap_or_else(|e| fail!("names must be an object of old name -> new name: {e}"));
    if levee::string(2) == "fail" {
        names.keys().for_each(|old| {
            frame.index(old);
        });
    }
    let new: Vec<&str> = frame.columns.iter().map(|c| names.get(c.name).map_or(c.name, String::as_str)).collect();
    for (i, name) in new.iter().enumerate() {
        if new[..i].contains(name) {
            fail!("two columns would be named {name:?}");
        }
    }
    let mut out = TableOut::new(0, new.len(), frame.rows);
    frame.columns.iter().zip(&new).for_each(|(c, name)| out.copy(name, c));
}

/// A column to order by, and whether from the largest down.
pub fn sort_key<'f, 'a>(frame: &'f Frame<'a>, text: &str) -> (&'f Column<'a>, bool) {
    match (frame.find(text), text.strip_prefix('-')) {
        (None, Some(name)) => (frame.column(name), true),
        _ => (frame.column(text), false),
    }
}

/// Inputs: table, by, limit. Output: table. Equal rows keep their order; missing cells come last either way.
pub fn sort() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let by = levee::strings(1);
    if by.is_empty() {
        levee::fail("by is empty; name a column to order by");
    }
    let keys: Vec<(&Column, bool)> = by.iter().map(|b| sort_key(&frame, b)).collect();
    let mut rows: Vec<u32> = (0..frame.rows as u32).collect();
    rows.sort_by(|a, b| {
        let compare = |(c, down): &(&Column, bool)| {
            let (x, y) = (c.cell(*a as usize), c.cell(*b as usize));
            if *down && !x.is_missing() && !y.is_missing() { y.order(&x) } else { x.order(&y) }
        };
        keys.iter().map(compare).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    let limit = usize::try_from(levee::int(2)).unwrap_or(0);
    if limit > 0 {
        rows.truncate(limit);
    }
    put_rows(&frame, &rows);
}

/// Inputs: table, rows, start. Output: table.
pub fn head() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let (n, start) = (levee::int(1), levee::int(2));
    let start = if start < 0 { (start + frame.rows as i64).max(0) } else { start.min(frame.rows as i64) };
    let end = start.saturating_add(n).min(frame.rows as i64);
    let rows: Vec<u32> = (start as u32..end as u32).collect();
    put_rows(&frame, &rows);
}

/// Inputs: tables. Output: table with the rows of all, in order. Columns go by name; where a table lacks one, its cells are missing.
pub fn concat() {
    let raw = levee::bytes(0);
    let frames: Vec<Frame> = levee::items(&raw).into_iter().map(Frame::of).collect();
    let mut columns: Vec<(&str, Kind)> = Vec::new();
    for c in frames.iter().flat_map(|f| &f.columns) {
        match columns.iter_mut().find(|known| known.0 == c.name) {
            None => columns.push((c.name, c.kind)),
            Some(known) => known.1 = common(known.1, c.kind),
        }
    }
    let rows: usize = frames.iter().map(|f| f.rows).sum();
    if rows > MAX_ROWS {
        fail!("{rows} rows together; at most {MAX_ROWS}");
    }
    let mut out = TableOut::new(0, columns.len(), rows);
    for (name, kind) in columns {
        let mut g = Growing::with_rows(kind, rows);
        for f in &frames {
            let column = f.find(name).map(|i| &f.columns[i]);
            for i in 0..f.rows {
                match column.map_or(Cell::Missing, |c| c.cell(i)) {
                    Cell::Missing => g.push(Cell::Missing),
                    cell if kind == Kind::Text => g.push(Cell::Text(&cell.text())),
                    cell => g.push(cell),
                }
            }
        }
        out.column(name, &g);
    }
}

/// The kind that holds cells of both: int and float make float, everything else text.
pub fn common(a: Kind, b: Kind) -> Kind {
    match (a, b) {
        _ if a == b => a,
        (Kind::Int | Kind::Float, Kind::Int | Kind::Float) => Kind::Float,
        _ => Kind::Text,
    }
}
