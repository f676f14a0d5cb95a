//! table/to_json.

use crate::cell::Cell;
use crate::frame::{Column, Frame};
use crate::levee;
use crate::number::float_text;

/// Inputs: table, form, limit. Output: value.
pub fn to_json() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let limit = usize::try_from(levee::int(2)).unwrap_or(0);
    let rows = if limit == 0 { frame.rows } else { frame.rows.min(limit) };
    let mut out = levee::Writer::new(0);
    match levee::string(1).as_str() {
        "columns" => put_columns(&mut out, &frame, rows),
        "rows" => put_rows(&mut out, &frame, rows),
        _ => put_objects(&mut out, &frame, rows),
    }
}

fn name(c: &Column) -> String {
    serde_json::to_string(c.name).unwrap_or_default()
}

fn put_cell(out: &mut levee::Writer, c: &Column, i: usize) {
    match c.cell(i) {
        Cell::Float(f) if !f.is_finite() => out.push(b"null"),
        Cell::Float(f) => out.push(float_text(f).as_bytes()),
        Cell::Text(s) => out.push(serde_json::to_string(s).unwrap_or_default().as_bytes()),
        Cell::Missing => out.push(b"null"),
        other => out.push(other.text().as_bytes()),
    }
}

fn separated(out: &mut levee::Writer, n: usize, mut put: impl FnMut(&mut levee::Writer, usize)) {
    for i in 0..n {
        if i > 0 {
            out.push(b",");
        }
        put(out, i);
    }
}

fn put_objects(out: &mut levee::Writer, frame: &Frame, rows: usize) {
    let keys: Vec<String> = frame.columns.iter().map(|c| name(c) + ":").collect();
    out.push(b"[");
    separated(out, rows, |out, i| {
        out.push(b"{");
        separated(out, keys.len(), |out, c| {
            out.push(keys[c].as_bytes());
            put_cell(out, &frame.columns[c], i);
        });
        out.push(b"}");
    });
    out.push(b"]");
}

fn put_rows(out: &mut levee::Writer, frame: &Frame, rows: usize) {
    out.push(b"{\"columns\":[");
    separated(out, frame.columns.len(), |out, c| out.push(name(&frame.columns[c]).as_bytes()));
    out.push(b"],\"rows\":[");
    separated(out, rows, |out, i| {
        out.push(b"[");
        separated(out, frame.columns.len(), |out, c| put_cell(out, &frame.columns[c], i));
        out.push(b"]");
    });
    out.push(b"]}");
}

fn put_columns(out: &mut levee::Writer, frame: &Frame, rows: usize) {
    out.push(b"{");
    separated(out, frame.columns.len(), |out, c| {
        out.push(name(&frame.columns[c]).as_bytes());
        out.push(b":[");
        separated(out, rows, |out, i| put_cell(out, &frame.columns[c], i));
        out.push(b"]");
    });
    out.push(b"}");
}
