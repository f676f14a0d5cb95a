//! Nodes that keep some rows.

use crate::build::TableOut;
use crate::frame::{Column, Frame};
use crate::group::grouped;
use crate::levee;

/// Writes these rows and their number.
fn put(frame: &Frame, rows: &[u32]) {
    let mut out = TableOut::new(0, frame.columns.len(), rows.len());
    frame.columns.iter().for_each(|c| out.gather(c.name, c, rows));
    drop(out);
    levee::put_int(1, rows.len() as i64);
}

/// The columns that a port names; all of them when it names none.
fn named<'f, 'a>(frame: &'f Frame<'a>, port: i32) -> Vec<&'f Column<'a>> {
    let names = levee::strings(port);
    if names.is_empty() { frame.columns.iter().collect() } else { names.iter().map(|n| frame.column(n)).collect() }
}

/// Inputs: table, start, end. Outputs: table, rows.
pub fn slice() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let n = frame.rows as i64;
    let place = |at: i64| if at < 0 { (at + n).max(0) } else { at.min(n) } as u32;
    let end = if levee::given(2) { place(levee::int(2)) } else { n as u32 };
    let rows: Vec<u32> = (place(levee::int(1))..end).collect();
    put(&frame, &rows);
}

/// Inputs: table, columns. Outputs: table, rows. The first of equal rows stays.
pub fn unique() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let (_, first) = grouped(&frame, &named(&frame, 1));
    put(&frame, if frame.rows == 0 { &[] } else { &first });
}

/// Inputs: table, columns. Outputs: table, rows.
pub fn drop_missing() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let columns = named(&frame, 1);
    let rows: Vec<u32> = (0..frame.rows as u32).filter(|i| columns.iter().all(|c| c.valid(*i as usize))).collect();
    put(&frame, &rows);
}
