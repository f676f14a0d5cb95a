//! table/write_csv.

use crate::frame::Frame;
use crate::{csvread, fail, levee};

/// Inputs: table, delimiter, header, line_end, missing. Output: data.
pub fn write_csv() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let end = if levee::string(3) == "crlf" { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    let missing = levee::string(4);
    let mut out = csv::WriterBuilder::new()
        .delimiter(csvread::delimiter(1))
        .terminator(end)
        .buffer_capacity(1 << 16)
        .from_writer(levee::Writer::new(0));
    let wrong = |e: csv::Error| -> () { fail!("cannot write CSV: {e}") };
    if levee::boolean(2) && !frame.columns.is_empty() {
        out.write_record(frame.columns.iter().map(|c| c.name)).unwrap_or_else(wrong);
    }
    for i in 0..frame.rows {
        for c in &frame.columns {
            let cell = c.cell(i);
            let text = if cell.is_missing() { missing.as_str().into() } else { cell.text() };
            out.write_field(text.as_bytes()).unwrap_or_else(wrong);
        }
        out.write_record(None::<&[u8]>).unwrap_or_else(wrong);
    }
}
