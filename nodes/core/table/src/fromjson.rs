//! table/from_json: a list of objects to columns, in the order in which their keys first appear.

use crate::arrange::common;
use crate::build::{Growing, TableOut};
use crate::cell::{self, Cell};
use crate::frame::Kind;
use crate::lists::kind_of;
use crate::{fail, levee};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;

/// Inputs: value, columns. Outputs: table, rows.
pub fn from_json() {
    let raw = levee::bytes(0);
    let (kind, enc) = levee::dec_any(&raw);
    let mut sheet = Sheet::default();
    match kind {
        "json" | "string" | "bytes" if levee::given(1) => {
            let rows: Vec<Value> = serde_json::from_slice(enc).unwrap_or_else(|e| fail!("value must be a list of rows, as columns is given: {}", plain(&e)));
            sheet.grid(&levee::strings(1), &rows);
        }
        k if levee::given(1) => fail!("value is {k}; it must be JSON, as columns is given"),
        "json" => sheet.document(enc),
        "string" | "bytes" => {
            let doc = enc.trim_ascii();
            if let Err(e) = serde_json::from_slice::<IgnoredAny>(doc) {
                fail!("value is a text, but no JSON: {e}");
            }
            sheet.document(doc)
        }
        "list<json>" => levee::items(enc).into_iter().enumerate().for_each(|(i, item)| {
            let mut source = serde_json::Deserializer::from_slice(item);
            RowOf(&mut sheet).deserialize(&mut source).unwrap_or_else(|e| fail!("item {i}: {}", plain(&e)));
        }),
        k if k.starts_with("list<map<") => sheet.maps(&k["list<map<".len()..k.len() - 2], enc),
        k => fail!("value is {k}; it must be JSON, a text or bytes that are JSON, or a list of JSON objects or maps"),
    }
    sheet.put();
}

fn plain(e: &serde_json::Error) -> String {
    let text = e.to_string();
    text.split(" at line ").next().unwrap_or("").to_string()
}

/// A JSON value as a cell, where it is no list and no object.
pub fn cell(enc: &[u8]) -> Option<Cell<'static>> {
    scalar(serde_json::from_slice(enc).ok()?)
}

/// The cells of a JSON list.
pub fn cells(enc: &[u8]) -> Option<Vec<Cell<'static>>> {
    let list: Vec<Value> = serde_json::from_slice(enc).ok()?;
    list.into_iter().map(scalar).collect()
}

// Texts are leaked into the instance, which ends with this call.
fn scalar(v: Value) -> Option<Cell<'static>> {
    Some(match v {
        Value::Null => Cell::Missing,
        Value::Bool(b) => Cell::Bool(b),
        Value::Number(n) => n.as_i64().map(Cell::Int).or_else(|| n.as_f64().map(Cell::Float))?,
        Value::String(s) => Cell::Text(s.leak()),
        _ => return None,
    })
}

/// A cell whose text lies in the sheet.
#[derive(Clone, Copy)]
enum Kept {
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(u32, u32),
}

#[derive(Default)]
struct Sheet {
    names: Vec<String>,
    index: HashMap<String, usize>,
    columns: Vec<Vec<Kept>>,
    texts: String,
    rows: usize,
}

impl Sheet {
    fn column(&mut self, key: &str) -> usize {
        if let Some(i) = self.index.get(key) {
            return *i;
        }
        self.names.push(key.to_string());
        self.index.insert(key.to_string(), self.columns.len());
        self.columns.push(Vec::new());
        self.columns.len() - 1
    }

    fn set(&mut self, column: usize, cell: Kept) {
        let cells = &mut self.columns[column];
        cells.resize(self.rows, Kept::Missing);
        cells.push(cell);
    }

    fn text(&mut self, s: &str) -> Kept {
        let from = self.texts.len() as u32;
        self.texts.push_str(s);
        Kept::Text(from, self.texts.len() as u32)
    }

    fn keep(&mut self, v: &Value) -> Kept {
        match v {
            Value::Null => Kept::Missing,
            Value::Bool(b) => Kept::Bool(*b),
            Value::String(s) => self.text(s),
            Value::Number(n) if n.is_i64() => Kept::Int(n.as_i64().unwrap_or(0)),
            Value::Number(n) => Kept::Float(n.as_f64().unwrap_or(f64::NAN)),
            nested => {
                let text = nested.to_string();
                self.text(&text)
            }
        }
    }

    fn document(&mut self, doc: &[u8]) {
        let mut source = serde_json::Deserializer::from_slice(doc);
        if doc.first() == Some(&b'[') {
            return RowsOf(self).deserialize(&mut source).unwrap_or_else(|e| fail!("row {}: {}", self.rows, plain(&e)));
        }
        let Ok(Value::Object(tree)) = serde_json::from_slice(doc) else {
            fail!("value must be a list of objects, {{\"columns\": [...], \"rows\": [[...]]}}, or an object of lists")
        };
        match (tree.get("columns"), tree.get("rows")) {
            (Some(Value::Array(names)), Some(Value::Array(rows))) => {
                let text = |v: &Value| v.as_str().unwrap_or_else(|| fail!("columns holds {:.60}, which is no text", v.to_string())).to_string();
                self.grid(&names.iter().map(text).collect::<Vec<_>>(), rows);
            }
            _ => tree.iter().for_each(|(name, list)| self.list(name, list)),
        }
    }

    fn grid(&mut self, names: &[String], rows: &[Value]) {
        for name in names {
            if self.index.contains_key(name) {
                fail!("columns names {name:?} twice");
            }
            self.column(name);
        }
        for (i, row) in rows.iter().enumerate() {
            match row.as_array() {
                Some(cells) if cells.len() == names.len() => {
                    for (c, v) in cells.iter().enumerate() {
                        let cell = self.keep(v);
                        self.set(c, cell);
                    }
                }
                _ => fail!("row {i} is no list of {} cells", names.len()),
            }
            self.rows += 1;
        }
    }

    fn list(&mut self, name: &str, list: &Value) {
        let Some(list) = list.as_array() else { fail!("{name:?} is {:.60}, which is no list", list.to_string()) };
        if !self.columns.is_empty() && list.len() != self.columns[0].len() {
            fail!("list {name:?} has {} items, list {:?} has {}", list.len(), self.names[0], self.columns[0].len());
        }
        let c = self.column(name);
        for v in list {
            let cell = self.keep(v);
            self.columns[c].push(cell);
        }
        self.rows = list.len();
    }

    fn maps(&mut self, kind: &str, enc: &[u8]) {
        for map in levee::items(enc) {
            for pair in levee::items(map).chunks_exact(2) {
                let c = self.column(&String::from_utf8_lossy(pair[0]));
                let cell = if kind == "json" { cell(pair[1]) } else { cell::decode(kind, pair[1]) };
                let cell = match cell.unwrap_or_else(|| fail!("a {kind} is no cell; cells are bools, numbers and texts")) {
                    Cell::Missing => Kept::Missing,
                    Cell::Bool(b) => Kept::Bool(b),
                    Cell::Int(n) => Kept::Int(n),
                    Cell::Float(f) => Kept::Float(f),
                    Cell::Text(s) => self.text(s),
                };
                self.set(c, cell);
            }
            self.rows += 1;
        }
    }

    fn put(mut self) {
        let mut out = TableOut::new(0, self.names.len(), self.rows);
        for (name, mut cells) in self.names.iter().zip(std::mem::take(&mut self.columns)) {
            cells.resize(self.rows, Kept::Missing);
            let cell = |k: &Kept| match *k {
                Kept::Missing => Cell::Missing,
                Kept::Bool(b) => Cell::Bool(b),
                Kept::Int(n) => Cell::Int(n),
                Kept::Float(f) => Cell::Float(f),
                Kept::Text(from, to) => Cell::Text(&self.texts[from as usize..to as usize]),
            };
            let kind = cells.iter().filter_map(|k| kind_of(&cell(k))).reduce(common).unwrap_or(Kind::Text);
            let mut g = Growing::with_rows(kind, self.rows);
            for c in cells.iter().map(cell) {
                match c {
                    Cell::Missing => g.push(c),
                    _ if kind == Kind::Text => g.push(Cell::Text(&c.text())),
                    _ => g.push(c),
                }
            }
            out.column(name, &g);
        }
        drop(out);
        levee::put_int(1, if self.names.is_empty() { 0 } else { self.rows as i64 });
    }
}

struct RowsOf<'s>(&'s mut Sheet);

impl<'de> DeserializeSeed<'de> for RowsOf<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsOf<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of objects")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(RowOf(self.0))?.is_some() {}
        Ok(())
    }
}

struct RowOf<'s>(&'s mut Sheet);

impl<'de> DeserializeSeed<'de> for RowOf<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowOf<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<str>>()? {
            let column = self.0.column(&key);
            let cell = map.next_value_seed(CellOf(self.0))?;
            self.0.set(column, cell);
        }
        self.0.rows += 1;
        Ok(())
    }
}

struct CellOf<'s>(&'s mut Sheet);

impl<'de> DeserializeSeed<'de> for CellOf<'_> {
    type Value = Kept;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Kept, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellOf<'_> {
    type Value = Kept;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a cell")
    }
    fn visit_unit<E>(self) -> Result<Kept, E> {
        Ok(Kept::Missing)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Kept, E> {
        Ok(Kept::Bool(b))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Kept, E> {
        Ok(Kept::Int(n))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Kept, E> {
        Ok(i64::try_from(n).map_or(Kept::Float(n as f64), Kept::Int))
    }
    fn visit_f64<E>(self, f: f64) -> Result<Kept, E> {
        Ok(Kept::Float(f))
    }
    fn visit_str<E>(self, s: &str) -> Result<Kept, E> {
        Ok(self.0.text(s))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kept, A::Error> {
        let mut list = Vec::new();
        while let Some(v) = seq.next_element::<Value>()? {
            list.push(v);
        }
        Ok(self.0.keep(&Value::Array(list)))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kept, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((k, v)) = map.next_entry::<String, Value>()? {
            object.insert(k, v);
        }
        Ok(self.0.keep(&Value::Object(object)))
    }
}
