//! table/fill_missing: values for missing cells.

use crate::arrange::common;
use crate::build::{Growing, TableOut};
use crate::cell::{decode, Cell};
use crate::frame::{Column, Frame, Kind};
use crate::{fail, levee};

/// Inputs: table, columns, method, value. Outputs: table, filled.
pub fn fill_missing() {
    let (raw, value) = (levee::bytes(0), levee::bytes(3));
    let frame = Frame::of(&raw);
    let (names, method) = (levee::strings(1), levee::string(2));
    names.iter().for_each(|n| {
        frame.column(n);
    });
    let (kind, enc) = levee::dec_any(&value);
    let value = decode(kind, enc).unwrap_or_else(|| fail!("value is {kind}; it must be a bool, number or text"));
    let mut filled = 0;
    let mut out = TableOut::new(0, frame.columns.len(), frame.rows);
    for c in &frame.columns {
        let gaps = (0..frame.rows).filter(|i| !c.valid(*i)).count();
        if gaps == 0 || !names.is_empty() && !names.iter().any(|n| n == c.name) {
            out.copy(c.name, c);
            continue;
        }
        let g = match method.as_str() {
            "forward" => neighbours(c, 0..frame.rows, frame.rows),
            "backward" => neighbours(c, (0..frame.rows).rev(), frame.rows),
            "mean" | "median" => with(c, middle(c, frame.rows, method == "mean"), frame.rows),
            _ => with(c, value, frame.rows),
        };
        filled += gaps - g.1;
        out.column(c.name, &g.0);
    }
    drop(out);
    levee::put_int(1, filled as i64);
}

/// The column with this in its gaps, and how many stay. A value of another kind makes the column one that holds both.
fn with(c: &Column, value: Cell, rows: usize) -> (Growing, usize) {
    let kind = match value {
        Cell::Missing => c.kind,
        Cell::Bool(_) => common(c.kind, Kind::Bool),
        Cell::Int(_) => common(c.kind, Kind::Int),
        Cell::Float(_) => common(c.kind, Kind::Float),
        Cell::Text(_) => Kind::Text,
    };
    let (mut g, mut left) = (Growing::with_rows(kind, rows), 0);
    for i in 0..rows {
        match if c.valid(i) { c.cell(i) } else { value } {
            Cell::Missing => {
                left += 1;
                g.push(Cell::Missing);
            }
            cell if kind == Kind::Text => g.push(Cell::Text(&cell.text())),
            cell => g.push(cell),
        }
    }
    (g, left)
}

/// The column with each gap filled by the cell that comes before it in this order.
fn neighbours(c: &Column, order: impl Iterator<Item = usize>, rows: usize) -> (Growing, usize) {
    let (mut from, mut last) = (vec![u32::MAX; rows], u32::MAX);
    for i in order {
        if c.valid(i) {
            last = i as u32;
        }
        from[i] = last;
    }
    let left = from.iter().filter(|r| **r == u32::MAX).count();
    (Growing::gather(c, &from), left)
}

/// Mean or median of a column of numbers; of other columns, and of none at all, there is none.
fn middle<'a>(c: &Column, rows: usize, mean: bool) -> Cell<'a> {
    let mut numbers: Vec<f64> = (0..rows)
        .filter_map(|i| match c.cell(i) {
            Cell::Int(n) => Some(n as f64),
            Cell::Float(f) => Some(f),
            _ => None,
        })
        .collect();
    let n = numbers.len();
    if n == 0 {
        return Cell::Missing;
    }
    if mean {
        return Cell::Float(numbers.iter().sum::<f64>() / n as f64);
    }
    numbers.sort_by(f64::total_cmp);
    Cell::Float(if n % 2 == 1 { numbers[n / 2] } else { (numbers[n / 2 - 1] + numbers[n / 2]) / 2.0 })
}
