//! A table as it lies in its encoding: columns are views into one buffer, nothing is copied per cell.

#![allow(dead_code)] // no pack needs all of it

use crate::cell::Cell;
use crate::{fail, levee};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Bool = 1,
    Int = 2,
    Float = 3,
    Text = 4,
}

impl Kind {
    /// Kind by its name in ports and messages.
    pub fn named(name: &str) -> Option<Kind> {
        Some(match name {
            "bool" => Kind::Bool,
            "int" => Kind::Int,
            "float" => Kind::Float,
            "string" => Kind::Text,
            _ => return None,
        })
    }
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Float => "float",
            Kind::Text => "string",
        }
    }
}

/// A column of a table: rows cells of one kind.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    pub name: &'a str,
    pub kind: Kind,
    pub rows: usize,
    valid: &'a [u8],
    words: &'a [u8], // bits of a bool column, values of numbers, ends of texts
    texts: &'a str,
}

/// A table whose columns share a buffer.
pub struct Frame<'a> {
    pub rows: usize,
    pub columns: Vec<Column<'a>>,
}

fn word(b: &[u8], i: usize) -> u64 {
    let mut w = [0; 8];
    w.copy_from_slice(&b[8 * i..8 * i + 8]);
    u64::from_le_bytes(w)
}

pub fn bit(b: &[u8], i: usize) -> bool {
    b[i / 8] >> (i % 8) & 1 == 1
}

impl<'a> Column<'a> {
    pub fn valid(&self, i: usize) -> bool {
        bit(self.valid, i)
    }
    pub fn bool(&self, i: usize) -> bool {
        bit(self.words, i)
    }
    pub fn int(&self, i: usize) -> i64 {
        word(self.words, i) as i64
    }
    pub fn float(&self, i: usize) -> f64 {
        f64::from_bits(word(self.words, i))
    }
    pub fn text(&self, i: usize) -> &'a str {
        let from = if i == 0 { 0 } else { word(self.words, i - 1) as usize };
        &self.texts[from..word(self.words, i) as usize]
    }
    pub fn cell(&self, i: usize) -> Cell<'a> {
        if !self.valid(i) {
            return Cell::Missing;
        }
        match self.kind {
            Kind::Bool => Cell::Bool(self.bool(i)),
            Kind::Int => Cell::Int(self.int(i)),
            Kind::Float => Cell::Float(self.float(i)),
            Kind::Text => Cell::Text(self.text(i)),
        }
    }
    /// The column's data in its encoding.
    pub fn parts(&self) -> [&'a [u8]; 3] {
        [self.valid, self.words, self.texts.as_bytes()]
    }
}

impl<'a> Frame<'a> {
    /// Reads a table's encoding; the host has checked it, so a bad one is our own mistake and ends the invocation.
    pub fn of(enc: &'a [u8]) -> Frame<'a> {
        Frame::read(enc).unwrap_or_else(|| levee::fail("a table that is cut short"))
    }

    fn read(enc: &'a [u8]) -> Option<Frame<'a>> {
        let number = |at: usize| Some(u32::from_le_bytes(enc.get(at..at + 4)?.try_into().ok()?) as usize);
        let rows = word(enc.get(4..12)?, 0) as usize;
        let (mut at, bits) = (12, rows.div_ceil(8));
        let mut columns = Vec::new();
        for _ in 0..number(0)? {
            let (kind, name_len) = (*enc.get(at)?, number(at + 1)?);
            let name = std::str::from_utf8(enc.get(at + 5..at + 5 + name_len)?).ok()?;
            at += 5 + name_len;
            let size = word(enc.get(at..at + 8)?, 0) as usize;
            let (valid, words) = enc.get(at + 8..at + 8 + size)?.split_at_checked(bits)?;
            at += 8 + size;
            let kind = [Kind::Bool, Kind::Int, Kind::Float, Kind::Text].into_iter().find(|k| *k as u8 == kind)?;
            let (words, texts) = if kind == Kind::Text { words.split_at_checked(8 * rows)? } else { (words, &words[..0]) };
            columns.push(Column { name, kind, rows, valid, words, texts: std::str::from_utf8(texts).ok()? });
        }
        Some(Frame { rows, columns })
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// The column of that name, or the end of the invocation with the names that there are.
    pub fn column(&self, name: &str) -> &Column<'a> {
        &self.columns[self.index(name)]
    }

    pub fn index(&self, name: &str) -> usize {
        self.find(name).unwrap_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|c| c.name).take(40).collect();
            fail!("the table has no column {name:?}; it has {}", names.join(", "))
        })
    }
}
