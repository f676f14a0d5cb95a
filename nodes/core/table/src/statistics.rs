//! table/statistics: the columns stay columns, and each row is one figure of them.

use crate::aggregate::number;
use crate::build::TableOut;
use crate::cell::Cell;
use crate::exact::{deviation, FloatSum};
use crate::frame::{Frame, Kind};
use crate::levee;

const NAMES: [&str; 8] = ["count", "mean", "std", "min", "25%", "50%", "75%", "max"];

/// Inputs: table. Output: table.
pub fn statistics() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let numeric: Vec<_> = frame.columns.iter().filter(|c| matches!(c.kind, Kind::Int | Kind::Float)).collect();
    let rows = if frame.rows == 0 { 0 } else { NAMES.len() };
    let mut out = TableOut::new(0, if rows == 0 { 0 } else { numeric.len() + 1 }, rows);
    if rows == 0 {
        return;
    }
    out.cells("stat", Kind::Text, NAMES.iter().map(|n| Cell::Text(n)));
    for c in numeric {
        let mut values: Vec<f64> = (0..c.rows).filter(|i| c.valid(*i)).map(|i| number(c, i)).filter(|f| f.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let figures = figures(&values);
        out.cells(c.name, Kind::Float, figures.iter().map(|f| Cell::Float(*f)));
    }
}

fn figures(values: &[f64]) -> [f64; 8] {
    let (Some(least), Some(most)) = (values.first(), values.last()) else { return [0.0; 8] };
    let mut sum = FloatSum::default();
    values.iter().for_each(|v| sum.add(*v));
    let n = values.len() as f64;
    let at = |part: f64| {
        let place = part * (n - 1.0);
        let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
        low + (high - low) * place.fract()
    };
    [n, four(sum.value() / n), four(deviation(values).unwrap_or(0.0)), *least, four(at(0.25)), four(at(0.5)), four(at(0.75)), *most]
}

/// A figure with four digits behind the point, halves upward.
fn four(f: f64) -> f64 {
    let scaled = (f * 10_000.0 + 0.5).floor() / 10_000.0;
    if scaled.is_finite() { scaled } else { f }
}
