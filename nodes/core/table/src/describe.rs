//! table/describe: one row of facts for each column.

use crate::aggregate::number;
use crate::build::TableOut;
use crate::cell::Cell;
use crate::exact::{deviation, median, FloatSum};
use crate::frame::{Column, Frame, Kind};
use crate::{group, levee};
use std::borrow::Cow;
use std::cmp::Ordering;

struct Facts<'a> {
    present: i64,
    missing: i64,
    distinct: i64,
    min: Option<Cow<'a, str>>,
    max: Option<Cow<'a, str>>,
    mean: Option<f64>,
    stddev: Option<f64>,
    median: Option<f64>,
}

/// Inputs: table. Outputs: table, rows.
pub fn describe() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let facts: Vec<Facts> = frame.columns.iter().map(facts).collect();
    let mut out = TableOut::new(0, 10, facts.len());
    let float = |f: Option<f64>| f.map_or(Cell::Missing, Cell::Float);
    out.cells("column", Kind::Text, frame.columns.iter().map(|c| Cell::Text(c.name)));
    out.cells("kind", Kind::Text, frame.columns.iter().map(|c| Cell::Text(c.kind.name())));
    out.cells("present", Kind::Int, facts.iter().map(|f| Cell::Int(f.present)));
    out.cells("missing", Kind::Int, facts.iter().map(|f| Cell::Int(f.missing)));
    out.cells("distinct", Kind::Int, facts.iter().map(|f| Cell::Int(f.distinct)));
    out.cells("min", Kind::Text, facts.iter().map(|f| f.min.as_deref().map_or(Cell::Missing, Cell::Text)));
    out.cells("max", Kind::Text, facts.iter().map(|f| f.max.as_deref().map_or(Cell::Missing, Cell::Text)));
    out.cells("mean", Kind::Float, facts.iter().map(|f| float(f.mean)));
    out.cells("stddev", Kind::Float, facts.iter().map(|f| float(f.stddev)));
    out.cells("median", Kind::Float, facts.iter().map(|f| float(f.median)));
    drop(out);
    levee::put_int(1, frame.rows as i64);
}

fn facts<'a>(c: &Column<'a>) -> Facts<'a> {
    let rows = || (0..c.rows).filter(|i| c.valid(*i));
    let best = |want: Ordering| {
        rows().reduce(|best, i| if c.cell(i).order(&c.cell(best)) == want { i } else { best }).map(|i| c.cell(i).text())
    };
    let present = rows().count();
    let (_, first) = group::codes(c);
    let mut facts = Facts {
        present: present as i64,
        missing: (c.rows - present) as i64,
        distinct: first.iter().filter(|i| c.valid(**i as usize)).count() as i64,
        min: best(Ordering::Less),
        max: best(Ordering::Greater),
        mean: None,
        stddev: None,
        median: None,
    };
    if matches!(c.kind, Kind::Int | Kind::Float) && present > 0 {
        let mut values: Vec<f64> = rows().map(|i| number(c, i)).collect();
        let mut sum = FloatSum::default();
        values.iter().for_each(|v| sum.add(*v));
        facts.mean = Some(sum.value() / present as f64);
        facts.stddev = deviation(&values);
        facts.median = Some(median(&mut values));
    }
    facts
}
