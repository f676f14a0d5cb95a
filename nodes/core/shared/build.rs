//! Making tables: columns that grow cell by cell, and a writer of the encoding.

#![allow(dead_code)] // no pack needs all of it

use crate::cell::Cell;
use crate::frame::{Column, Frame, Kind};
use crate::{fail, levee};
use std::collections::HashSet;

/// The most rows that a table may have: the host's bound is 2^31-1, memory ends long before.
pub const MAX_ROWS: usize = 1 << 28;

/// A column that is being made. Cells must be of its kind, or missing.
pub struct Growing {
    kind: Kind,
    rows: usize,
    valid: Vec<u8>,
    words: Vec<u8>,
    texts: Vec<u8>,
}

impl Growing {
    pub fn new(kind: Kind) -> Growing {
        Growing { kind, rows: 0, valid: Vec::new(), words: Vec::new(), texts: Vec::new() }
    }

    pub fn with_rows(kind: Kind, rows: usize) -> Growing {
        let mut g = Growing::new(kind);
        g.valid.reserve_exact(rows.div_ceil(8));
        g.words.reserve_exact(if kind == Kind::Bool { rows.div_ceil(8) } else { 8 * rows });
        g
    }

    pub fn push(&mut self, cell: Cell) {
        let (byte, bit) = (self.rows / 8, self.rows % 8);
        if bit == 0 {
            self.valid.push(0);
            if self.kind == Kind::Bool {
                self.words.push(0);
            }
        }
        self.rows += 1;
        self.valid[byte] |= (!cell.is_missing() as u8) << bit;
        let word = match (self.kind, cell) {
            (Kind::Bool, c) => {
                self.words[byte] |= ((c == Cell::Bool(true)) as u8) << bit;
                return;
            }
            (Kind::Text, c) => {
                if let Cell::Text(s) = c {
                    self.texts.extend_from_slice(s.as_bytes());
                }
                self.texts.len() as u64
            }
            (Kind::Float, Cell::Float(f)) => u64::from_le_bytes(levee::enc_float(f)),
            (Kind::Float, Cell::Int(n)) => (n as f64).to_bits(),
            (Kind::Int, Cell::Int(n)) => n as u64,
            _ => 0,
        };
        self.words.extend_from_slice(&word.to_le_bytes());
    }

    /// Appends all cells of a column of this kind.
    pub fn gather(column: &Column, rows: &[u32]) -> Growing {
        let mut g = Growing::with_rows(column.kind, rows.len());
        for &r in rows {
            g.push(if r == NO_ROW { Cell::Missing } else { column.cell(r as usize) });
        }
        g
    }

    fn size(&self) -> usize {
        self.valid.len() + self.words.len() + self.texts.len()
    }
}

/// In a list of row numbers: no row, all its cells are missing.
pub const NO_ROW: u32 = u32::MAX;

/// Writes a table to an output port, column by column, so that one column at a time is in memory.
pub struct TableOut {
    out: levee::Writer,
    left: usize,
    rows: usize,
}

impl TableOut {
    pub fn new(port: i32, columns: usize, rows: usize) -> TableOut {
        if columns > 4096 {
            fail!("a table of {columns} columns; at most 4096");
        }
        let mut out = levee::Writer::new(port);
        out.push(&(columns as u32).to_le_bytes());
        out.push(&(if columns == 0 { 0 } else { rows } as u64).to_le_bytes());
        TableOut { out, left: columns, rows }
    }

    fn head(&mut self, name: &str, kind: Kind, size: usize) {
        debug_assert!(self.left > 0);
        self.left -= 1;
        self.out.push(&[kind as u8]);
        self.out.push(&(name.len() as u32).to_le_bytes());
        self.out.push(name.as_bytes());
        self.out.push(&(size as u64).to_le_bytes());
    }

    pub fn column(&mut self, name: &str, g: &Growing) {
        debug_assert_eq!(g.rows, self.rows);
        self.head(name, g.kind, g.size());
        self.out.push(&g.valid);
        self.out.push(&g.words);
        self.out.push(&g.texts);
    }

    /// Writes a column as it is, under another name perhaps.
    pub fn copy(&mut self, name: &str, c: &Column) {
        let parts = c.parts();
        self.head(name, c.kind, parts.iter().map(|p| p.len()).sum());
        parts.iter().for_each(|p| self.out.push(p));
    }

    /// Writes rows of a column.
    pub fn gather(&mut self, name: &str, c: &Column, rows: &[u32]) {
        self.column(name, &Growing::gather(c, rows));
    }

    pub fn cells<'c>(&mut self, name: &str, kind: Kind, cells: impl Iterator<Item = Cell<'c>>) {
        let mut g = Growing::with_rows(kind, self.rows);
        cells.for_each(|c| g.push(c));
        self.column(name, &g);
    }
}

/// Writes these rows of a table to output 0.
pub fn put_rows(frame: &Frame, rows: &[u32]) {
    let mut out = TableOut::new(0, frame.columns.len(), rows.len());
    frame.columns.iter().for_each(|c| out.gather(c.name, c, rows));
}

/// Makes names of columns whole: empty ones get column_N, later twins get _2, _3.
pub fn unique_names(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: HashSet<String> = HashSet::new();
    let mut out = Vec::new();
    for (i, name) in names.enumerate() {
        let base = if name.is_empty() { format!("column_{}", i + 1) } else { name };
        let mut name = base.clone();
        let mut n = 2;
        while !seen.insert(name.clone()) {
            name = format!("{base}_{n}");
            n += 1;
        }
        out.push(name);
    }
    out
}
