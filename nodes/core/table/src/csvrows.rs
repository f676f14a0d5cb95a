//! CSV as rows of texts, and rows as CSV.

use crate::{csvread, fail, levee};
use serde_json::{Map, Value};

/// Inputs: data (bytes or string), delimiter. Outputs: rows, count. What a row lacks is null.
pub fn csv_rows() {
    let given = levee::type_of(0);
    if given != "bytes" && given != "string" {
        fail!("data is {given}; CSV is bytes or string");
    }
    let mut source = csv::ReaderBuilder::new();
    let mut source = source.delimiter(csvread::delimiter(1)).flexible(true).from_reader(levee::reader(0));
    let bad = |e: csv::Error| -> ! { fail!("bad CSV: {e}") };
    let mut names: Vec<String> = source.headers().unwrap_or_else(|e| bad(e)).iter().map(str::to_string).collect();
    if let Some(rest) = names.first().and_then(|n| n.strip_prefix('\u{feff}')) {
        names[0] = rest.to_string();
    }
    let mut rows = Vec::new();
    for record in source.records() {
        let record = record.unwrap_or_else(|e| bad(e));
        if record.len() > names.len() {
            let line = record.position().map_or(0, csv::Position::line);
            fail!("line {line}: {} fields, the header names {}", record.len(), names.len());
        }
        let cell = |(i, name): (usize, &String)| (name.clone(), record.get(i).map_or(Value::Null, Value::from));
        rows.push(Value::Object(names.iter().enumerate().map(cell).collect::<Map<String, Value>>()).to_string());
    }
    levee::put_list(0, &rows);
    levee::put_int(1, rows.len() as i64);
}

/// Inputs: rows (list<json>), delimiter. Output: data. The keys of the first row are the columns.
pub fn rows_csv() {
    let rows: Vec<Map<String, Value>> = levee::list(0)
        .iter()
        .enumerate()
        .map(|(i, raw)| serde_json::from_slice(raw).unwrap_or_else(|_| fail!("row {i} is no object")))
        .collect();
    let Some(first) = rows.first() else { levee::fail("rows is empty: its first row names the columns") };
    let mut out = csv::WriterBuilder::new()
        .delimiter(csvread::delimiter(1))
        .terminator(csv::Terminator::Any(b'\n'))
        .from_writer(levee::Writer::new(0));
    let wrong = |e: csv::Error| -> () { fail!("cannot write CSV: {e}") };
    out.write_record(first.keys()).unwrap_or_else(wrong);
    for (i, row) in rows.iter().enumerate() {
        if let Some(other) = row.keys().find(|k| !first.contains_key(*k)) {
            fail!("row {i} has {other:?}, which the first row does not have");
        }
        out.write_record(first.keys().map(|k| text(row.get(k)))).unwrap_or_else(wrong);
    }
}

fn text(v: Option<&Value>) -> String {
    match v {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    }
}
