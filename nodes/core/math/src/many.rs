//! Numbers in lists.

use crate::exact::{deviation, median, FloatSum};
use crate::levee::{Cells, Table};
use crate::number::float_text;
use crate::scalar::Number;
use crate::{fail, levee};
use std::cmp::Ordering;

/// The numbers of port 0, of which there must be as many as port 1 says.
fn enough() -> Vec<Number> {
    let (values, least) = (Number::list(0), levee::int(1));
    if (values.len() as i64) < least {
        fail!("values has {} items, at least {least} are needed", values.len());
    }
    values
}

/// Inputs: values, at_least. Outputs: sum, count. Ints are summed exactly, floats with compensation.
pub fn sum() {
    let values = enough();
    let ints: Option<i128> = values.iter().map(|v| if let Number::Int(n) = v { Some(*n as i128) } else { None }).sum();
    match ints.map(i64::try_from) {
        Some(Ok(n)) => Number::Int(n).put(),
        Some(Err(_)) => fail!("the sum is {}, which does not fit an int (64 bit)", ints.unwrap_or(0)),
        None => Number::Float(total(values.iter().map(|v| v.float()))).put(),
    }
    levee::put_int(1, values.len() as i64);
}

fn total(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = FloatSum::default();
    values.for_each(|v| sum.add(v));
    sum.value()
}

/// Inputs: values, at_least. Output: product.
pub fn product() {
    let step = |a, b| Number::both(a, b, "*", i64::checked_mul, |x, y| x * y);
    enough().into_iter().reduce(step).unwrap_or(Number::Int(1)).put();
}

fn best(want: Ordering) {
    let values = Number::list(0);
    let found = values.iter().enumerate().reduce(|best, v| if v.1.order(*best.1) == want { v } else { best });
    let Some((i, v)) = found else { levee::fail("values is empty") };
    v.put();
    levee::put_int(1, i as i64);
}

/// Input: values. Outputs: value, index.
pub fn min() {
    best(Ordering::Less);
}

/// Input: values. Outputs: value, index.
pub fn max() {
    best(Ordering::Greater);
}

fn floats() -> Vec<f64> {
    let values: Vec<f64> = Number::list(0).into_iter().map(Number::float).collect();
    if values.is_empty() {
        levee::fail("values is empty");
    }
    if let Some(i) = values.iter().position(|v| v.is_nan()) {
        fail!("item {i} of values is NaN");
    }
    values
}

/// Input: values. Output: mean.
pub fn mean() {
    let values = floats();
    levee::put_float(0, total(values.iter().copied()) / values.len() as f64);
}

/// Inputs: values, quantiles. Outputs: count, sum, min, max, mean, stddev, median, all.
pub fn statistics() {
    let mut values = floats();
    let wanted: Vec<f64> = levee::list(1).iter().map(|b| f64::from_le_bytes(b.as_slice().try_into().unwrap_or([0; 8]))).collect();
    if let Some(q) = wanted.iter().find(|q| !(0.0..=1.0).contains(*q)) {
        fail!("quantile {q} is not between 0 and 1");
    }
    let sum = total(values.iter().copied());
    let mean = sum / values.len() as f64;
    let stddev = deviation(&values).unwrap_or(f64::NAN);
    values.sort_by(f64::total_cmp);
    let (min, max) = (values[0], values[values.len() - 1]);
    let middle = median(&mut values.clone());
    let named = [("sum", sum), ("min", min), ("max", max), ("mean", mean), ("stddev", stddev), ("median", middle)];
    levee::put_int(0, values.len() as i64);
    named.iter().enumerate().for_each(|(i, (_, f))| levee::put_float(1 + i as i32, *f));
    let mut all: Vec<String> = named.iter().map(|(name, f)| format!("\"{name}\":{}", json(*f))).collect();
    all.push(format!("\"count\":{}", values.len()));
    let quantiles: Vec<String> = wanted.iter().map(|q| format!("\"{}\":{}", float_text(*q), json(quantile(&values, *q)))).collect();
    all.push(format!("\"quantiles\":{{{}}}", quantiles.join(",")));
    levee::put_str(7, &format!("{{{}}}", all.join(",")));
}

fn json(f: f64) -> String {
    if f.is_finite() { float_text(f) } else { "null".to_string() }
}

/// The quantile of sorted values, linear between neighbours (type 7 of Hyndman and Fan, as in NumPy, R and spreadsheets).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let next = sorted[(low + 1).min(sorted.len() - 1)];
    sorted[low] + (next - sorted[low]) * part
}

/// Inputs: values, bins, low, high. Outputs: table (from, to, count), outside.
pub fn histogram() {
    let values = floats();
    let bins = levee::int(1) as usize;
    let bound = |port, value: fn(f64, f64) -> f64| {
        if levee::given(port) { levee::float(port) } else { values.iter().copied().reduce(value).unwrap_or(0.0) }
    };
    let (low, mut high) = (bound(2, f64::min), bound(3, f64::max));
    if low == high {
        high = low + 1.0;
    }
    let width = (high - low) / bins as f64;
    if !width.is_finite() || width <= 0.0 {
        fail!("no bins between low {} and high {}", float_text(low), float_text(high));
    }
    let (mut counts, mut outside) = (vec![0i64; bins], 0);
    for v in &values {
        // The last bin holds its upper edge, too.
        match (v - low) / width {
            at if at >= 0.0 && *v <= high => counts[(at as usize).min(bins - 1)] += 1,
            _ => outside += 1,
        }
    }
    let edge = |i: usize| if i == bins { high } else { low + width * i as f64 };
    let columns = vec![
        ("from".to_string(), Cells::Float((0..bins).map(|i| Some(edge(i))).collect())),
        ("to".to_string(), Cells::Float((0..bins).map(|i| Some(edge(i + 1))).collect())),
        ("count".to_string(), Cells::Int(counts.into_iter().map(Some).collect())),
    ];
    levee::put_table(0, &Table { columns });
    levee::put_int(1, outside);
}
