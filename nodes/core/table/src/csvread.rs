//! table/read_csv: texts first, then the narrowest kind that every cell of a column has.

use crate::build::{unique_names, Growing, TableOut};
use crate::cell::Cell;
use crate::frame::Kind;
use crate::short::short;
use crate::{fail, levee};
use std::collections::BTreeMap;

/// Inputs: data (bytes or string), delimiter, header, types, trim, ragged, comment. Outputs: table, rows.
pub fn read_csv() {
    let options = Options::read();
    let given = levee::type_of(0);
    if given != "bytes" && given != "string" {
        fail!("data is {given}; CSV is bytes or string");
    }
    let mut source = csv::ReaderBuilder::new();
    source.delimiter(options.delimiter).has_headers(false).flexible(true).comment(options.comment);
    let mut source = source.buffer_capacity(1 << 16).from_reader(levee::reader(0));
    let total = levee::len(0).unwrap_or(0);
    let mut record = csv::ByteRecord::new();
    let mut sheet = Sheet::default();
    let mut header: Option<Vec<String>> = None;
    let mut record_no = 0u64;
    while source.read_byte_record(&mut record).unwrap_or_else(|e| fail!("bad CSV: {e}")) {
        let line = record.position().map_or(0, |p| p.line());
        let text = record_text(&record, line);
        record_no += 1;
        if record_no.is_multiple_of(8192) {
            levee::progress(record.position().map_or(0, |p| p.byte()), total);
        }
        if options.header && header.is_none() {
            header = Some(read_header(&record));
            sheet.columns.resize_with(record.len(), Texts::default);
            continue;
        }
        sheet.push(&record, text, line, options.ragged_pad);
    }
    let width = sheet.columns.len();
    let names = unique_names(header.unwrap_or_default().into_iter().chain(std::iter::repeat(String::new())).take(width));
    for wanted in options.types.keys() {
        if !names.contains(wanted) {
            fail!("types names a column {wanted:?}; the columns are {}", names.join(", "));
        }
    }
    let mut out = TableOut::new(0, width, sheet.lines.len());
    for (name, texts) in names.iter().zip(std::mem::take(&mut sheet.columns)) {
        let column = match options.types.get(name) {
            Some(kind) => texts.wanted(*kind, options.trim, name, &sheet.lines),
            None => texts.inferred(options.trim),
        };
        out.column(name, &column);
    }
    drop(out);
    levee::put_int(1, if width == 0 { 0 } else { sheet.lines.len() as i64 });
}

struct Options {
    delimiter: u8,
    header: bool,
    types: BTreeMap<String, Kind>,
    trim: bool,
    ragged_pad: bool,
    comment: Option<u8>,
}

/// A delimiter's byte, of a port that holds one character or a name for it.
pub fn delimiter(port: i32) -> u8 {
    let text = levee::string(port);
    match text.as_str() {
        "tab" | "\\t" => b'\t',
        t if t.len() == 1 && !t.contains(['"', '\n', '\r']) => t.as_bytes()[0],
        t => fail!("delimiter is {t:?}; one ASCII character, or tab"),
    }
}

impl Options {
    fn read() -> Options {
        let types: BTreeMap<String, String> = serde_json::from_str(&levee::string(3))
            .unwrap_or_else(|e| fail!("types must be an object of column name -> int, float, bool or string: {e}"));
        let types = types.into_iter().map(|(name, kind)| match Kind::named(&kind) {
            Some(k) => (name, k),
            None => fail!("types: column {name:?} cannot be {kind:?}; known: int, float, bool, string"),
        });
        let comment = levee::given(6).then(|| levee::string(6));
        Options {
            delimiter: delimiter(1),
            header: levee::boolean(2),
            types: types.collect(),
            trim: levee::boolean(4),
            ragged_pad: levee::string(5) == "pad",
            comment: comment.map(|c| if c.len() == 1 { c.as_bytes()[0] } else { fail!("comment is {c:?}; one ASCII character") }),
        }
    }
}

/// All fields of a record in one text: checked once, where checking each field takes longer.
fn record_text(record: &csv::ByteRecord, line: u64) -> &str {
    std::str::from_utf8(record.as_slice()).unwrap_or_else(|_| {
        let column = record.iter().position(|f| std::str::from_utf8(f).is_err()).map_or(0, |i| i + 1);
        fail!("line {line}, field {column}: this is no UTF-8; give the text of text/decode with its encoding (windows-1252, latin1) instead")
    })
}

fn read_header(record: &csv::ByteRecord) -> Vec<String> {
    let mut names: Vec<String> = record.iter().map(|f| String::from_utf8_lossy(f).trim().to_string()).collect();
    if let Some(first) = names.first_mut() {
        if let Some(rest) = first.strip_prefix('\u{feff}') {
            *first = rest.trim_matches('"').to_string();
        }
    }
    names
}

#[derive(Default)]
struct Sheet {
    columns: Vec<Texts>,
    lines: Vec<u32>, // of each row, for messages
}

impl Sheet {
    fn push(&mut self, record: &csv::ByteRecord, text: &str, line: u64, pad: bool) {
        if self.lines.is_empty() && self.columns.is_empty() {
            self.columns.resize_with(record.len(), Texts::default);
        }
        let width = self.columns.len();
        if record.len() != width && !pad {
            fail!("line {line}: {} fields, expected {width}; ragged: pad fills short rows and widens the table for long ones", record.len());
        }
        for _ in width..record.len() {
            let mut fresh = Texts::default();
            fresh.ends.resize(self.lines.len(), 0);
            self.columns.push(fresh);
        }
        for (i, column) in self.columns.iter_mut().enumerate() {
            column.data.push_str(record.range(i).and_then(|r| text.get(r)).unwrap_or(""));
            column.ends.push(column.data.len() as u32);
        }
        self.lines.push(line as u32);
    }
}

/// A column's fields as they stand in the file. u32 is enough: the whole file is in a 32-bit memory.
#[derive(Default)]
struct Texts {
    data: String,
    ends: Vec<u32>,
}

impl Texts {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let field = &self.data[from as usize..*end as usize];
            from = *end;
            field
        })
    }

    /// The column as the narrowest kind that all its fields have. A wrong guess shows early as a rule, so that trying costs little.
    fn inferred(&self, trim: bool) -> Growing {
        for kind in [Kind::Bool, Kind::Int, Kind::Float] {
            let mut g = Growing::with_rows(kind, self.ends.len());
            let mut present = false;
            let fits = self.iter().all(|field| {
                let cell = guess(kind, field.trim());
                present |= cell.is_some_and(|c| !c.is_missing());
                cell.map(|c| g.push(c)).is_some()
            });
            if fits && present {
                return g;
            }
            if fits {
                break;
            }
        }
        let mut g = Growing::with_rows(Kind::Text, self.ends.len());
        self.iter().for_each(|f| g.push(text_cell(f, trim)));
        g
    }

    /// The column as a kind that was asked for.
    fn wanted(&self, kind: Kind, trim: bool, name: &str, lines: &[u32]) -> Growing {
        let mut g = Growing::with_rows(kind, self.ends.len());
        for (i, field) in self.iter().enumerate() {
            let cell = if kind == Kind::Text { Some(text_cell(field, trim)) } else { parse(kind, field.trim()) };
            g.push(cell.unwrap_or_else(|| fail!("line {}, column {name:?}: {} is no {}", lines[i], short(field), kind.name())));
        }
        g
    }
}

fn text_cell(field: &str, trim: bool) -> Cell<'_> {
    let field = if trim { field.trim() } else { field };
    if field.is_empty() { Cell::Missing } else { Cell::Text(field) }
}

/// The cell of a field in a bool or number column, None when it is none.
fn parse(kind: Kind, field: &str) -> Option<Cell<'_>> {
    let cell = match kind {
        _ if field.is_empty() => Some(Cell::Missing),
        Kind::Int => field.parse().ok().map(Cell::Int),
        Kind::Float => field.parse().ok().filter(|f: &f64| f.is_finite()).map(Cell::Float),
        _ if field.eq_ignore_ascii_case("true") => Some(Cell::Bool(true)),
        _ if field.eq_ignore_ascii_case("false") => Some(Cell::Bool(false)),
        _ => None,
    };
    cell.or_else(|| MISSING_WORDS.contains(&field).then_some(Cell::Missing))
}

const MISSING_WORDS: [&str; 8] = ["NA", "N/A", "NaN", "nan", "null", "NULL", "None", "-"];

/// Like parse, but what people mean as a text stays one.
fn guess(kind: Kind, field: &str) -> Option<Cell<'_>> {
    let digits = field.strip_prefix('-').unwrap_or(field).as_bytes();
    if kind != Kind::Bool {
        // 007 and 01234 are codes (zip, phone, part number), and +49 is no sum.
        let code = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
        if code || field.starts_with('+') {
            return None;
        }
    }
    let cell = parse(kind, field)?;
    // A whole number that does not fit 64 bits is an identifier: as a float it would lose digits.
    let lost = |f: f64| f.abs() >= 9e18 && digits.iter().all(u8::is_ascii_digit);
    match cell {
        Cell::Float(f) if lost(f) && field.parse::<i64>().is_err() => None,
        cell => Some(cell),
    }
}
