//! table/join: rows of two tables with equal keys side by side.

use crate::arrange::common;
use crate::build::{unique_names, Growing, TableOut, MAX_ROWS, NO_ROW};
use crate::cell::Cell;
use crate::frame::{Column, Frame, Kind};
use crate::{fail, levee};
use std::collections::HashMap;

/// Inputs: left, right, on, right_on, how, left_suffix, right_suffix. Outputs: table, matched (rows of left that found a partner).
pub fn join() {
    let (left_raw, right_raw) = (levee::bytes(0), levee::bytes(1));
    let (left, right) = (Frame::of(&left_raw), Frame::of(&right_raw));
    let on = levee::strings(2);
    let right_on = if levee::given(3) { levee::strings(3) } else { on.clone() };
    let how = levee::string(4);
    if on.is_empty() || on.len() != right_on.len() {
        fail!("on names {} columns and right_on {}; name at least one, and equally many", on.len(), right_on.len());
    }
    let left_keys: Vec<&Column> = on.iter().map(|n| left.column(n)).collect();
    let right_keys: Vec<&Column> = right_on.iter().map(|n| right.column(n)).collect();
    for (l, r) in left_keys.iter().zip(&right_keys) {
        let numbers = matches!((l.kind, r.kind), (Kind::Int | Kind::Float, Kind::Int | Kind::Float));
        if l.kind != r.kind && !numbers {
            fail!("key {:?} is {} on the left and {} on the right: no row could match", l.name, l.kind.name(), r.kind.name());
        }
    }
    let index = Index::of(&right, &right_keys);
    let (mut rows, mut partners, mut matched) = (Vec::new(), Vec::new(), 0);
    let mut key = Vec::new();
    for i in 0..left.rows {
        let found = index.find(&left_keys, i, &mut key);
        matched += !found.is_empty() as i64;
        match how.as_str() {
            "anti" if found.is_empty() => rows.push(i as u32),
            "anti" => {}
            "left" if found.is_empty() => {
                rows.push(i as u32);
                partners.push(NO_ROW);
            }
            _ => {
                rows.extend(found.iter().map(|_| i as u32));
                partners.extend_from_slice(found);
            }
        }
        if rows.len() > MAX_ROWS {
            fail!("the joined table would have more than {MAX_ROWS} rows; are the keys unique on one side?");
        }
    }
    put(&left, &right, &right_on, &rows, if how == "anti" { None } else { Some(&partners) });
    levee::put_int(1, matched);
}

fn put(left: &Frame, right: &Frame, right_on: &[String], rows: &[u32], partners: Option<&[u32]>) {
    let added: Vec<&Column> = match partners {
        Some(_) => right.columns.iter().filter(|c| !right_on.iter().any(|n| n == c.name)).collect(),
        None => Vec::new(),
    };
    let (before, after) = (levee::string(5), levee::string(6));
    let named = |c: &Column, taken: bool, suffix: &str| if taken { format!("{}{suffix}", c.name) } else { c.name.to_string() };
    let firsts = left.columns.iter().map(|c| named(c, added.iter().any(|a| a.name == c.name), &before));
    let names = unique_names(firsts.chain(added.iter().map(|c| named(c, left.find(c.name).is_some(), &after))));
    let mut out = TableOut::new(0, names.len(), rows.len());
    left.columns.iter().zip(&names).for_each(|(c, n)| out.gather(n, c, rows));
    let partners = partners.unwrap_or(&[]);
    added.iter().zip(&names[left.columns.len()..]).for_each(|(c, n)| out.gather(n, c, partners));
}

/// The rows of a table by their keys; within a key in order.
struct Index {
    keys: HashMap<Vec<u8>, (u32, u32)>, // from, to in rows
    rows: Vec<u32>,
}

impl Index {
    fn of(frame: &Frame, keys: &[&Column]) -> Index {
        let mut numbers: HashMap<Vec<u8>, u32> = HashMap::new();
        let (mut of_row, mut counts) = (Vec::with_capacity(frame.rows), Vec::new());
        let mut key = Vec::new();
        for i in 0..frame.rows {
            if !write_key(keys, i, &mut key) {
                of_row.push(NO_ROW);
                continue;
            }
            let n = match numbers.get(&key) {
                Some(n) => *n,
                None => {
                    counts.push(0u32);
                    numbers.insert(key.clone(), counts.len() as u32 - 1);
                    counts.len() as u32 - 1
                }
            };
            counts[n as usize] += 1;
            of_row.push(n);
        }
        let mut next = Vec::with_capacity(counts.len());
        let mut at = 0;
        for n in &counts {
            next.push(at);
            at += n;
        }
        let mut rows = vec![0; at as usize];
        for (i, n) in of_row.into_iter().enumerate().filter(|(_, n)| *n != NO_ROW) {
            rows[next[n as usize] as usize] = i as u32;
            next[n as usize] += 1;
        }
        let span = |n: u32| (next[n as usize] - counts[n as usize], next[n as usize]);
        Index { keys: numbers.into_iter().map(|(k, n)| (k, span(n))).collect(), rows }
    }

    fn find(&self, keys: &[&Column], row: usize, key: &mut Vec<u8>) -> &[u32] {
        if !write_key(keys, row, key) {
            return &[];
        }
        self.keys.get(key).map_or(&[], |(from, to)| &self.rows[*from as usize..*to as usize])
    }
}

/// Writes a row's key; false when a part of it is missing: such a row has no partner.
fn write_key(keys: &[&Column], row: usize, key: &mut Vec<u8>) -> bool {
    key.clear();
    for c in keys {
        match c.cell(row) {
            Cell::Missing => return false,
            Cell::Bool(b) => key.push(b as u8),
            Cell::Int(n) => number_key(n, key),
            // A whole float that an int can be is that int's key, so that 3 finds 3.0.
            Cell::Float(f) if f.trunc() == f && f.abs() < 9e18 => number_key(f as i64, key),
            Cell::Float(f) => {
                key.push(b'f');
                key.extend_from_slice(&f.to_bits().to_le_bytes());
            }
            Cell::Text(s) => {
                key.extend_from_slice(&(s.len() as u32).to_le_bytes());
                key.extend_from_slice(s.as_bytes());
            }
        }
    }
    true
}

fn number_key(n: i64, key: &mut Vec<u8>) {
    key.push(b'i');
    key.extend_from_slice(&n.to_le_bytes());
}

fn padded<'a>(c: &Column<'a>, i: usize) -> Cell<'a> {
    if i < c.rows { c.cell(i) } else { Cell::Missing }
}

/// Inputs: left, right. Output: table. Where both have a column of one name, the cells of right stand in it, as far as it has rows.
pub fn beside() {
    let (left_raw, right_raw) = (levee::bytes(0), levee::bytes(1));
    let (left, right) = (Frame::of(&left_raw), Frame::of(&right_raw));
    let rows = left.rows.max(right.rows);
    let added: Vec<&Column> = right.columns.iter().filter(|c| left.find(c.name).is_none()).collect();
    let mut out = TableOut::new(0, left.columns.len() + added.len(), rows);
    for c in &left.columns {
        let Some(over) = right.find(c.name).map(|at| &right.columns[at]) else {
            out.cells(c.name, c.kind, (0..rows).map(|i| padded(c, i)));
            continue;
        };
        let kind = common(c.kind, over.kind);
        let mut g = Growing::with_rows(kind, rows);
        for i in 0..rows {
            match if i < over.rows { over.cell(i) } else { padded(c, i) } {
                Cell::Missing => g.push(Cell::Missing),
                cell if kind == Kind::Text => g.push(Cell::Text(&cell.text())),
                cell => g.push(cell),
            }
        }
        out.column(c.name, &g);
    }
    for c in added {
        out.cells(c.name, c.kind, (0..rows).map(|i| padded(c, i)));
    }
}
