//! What table/group computes of a column's cells in each group.

use crate::build::{Growing, TableOut};
use crate::cell::Cell;
use crate::exact::{deviation, median, variance, FloatSum};
use crate::frame::{Column, Frame, Kind};
use crate::fail;
use std::cmp::Ordering;
use std::collections::HashSet;

#[derive(Clone, Copy, PartialEq)]
enum Op {
    Rows,
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
    Median,
    Stddev,
    Variance,
    Distinct,
}

impl Op {
    fn numeric(self) -> bool {
        matches!(self, Op::Sum | Op::Mean | Op::Median | Op::Stddev | Op::Variance)
    }
}

const OPS: [(&str, Op); 11] = [
    ("count", Op::Count),
    ("sum", Op::Sum),
    ("mean", Op::Mean),
    ("min", Op::Min),
    ("max", Op::Max),
    ("first", Op::First),
    ("last", Op::Last),
    ("median", Op::Median),
    ("stddev", Op::Stddev),
    ("variance", Op::Variance),
    ("distinct", Op::Distinct),
];

/// One aggregate: "count", "sum:delay" or "sum:delay as total".
pub struct Aggregate<'f, 'a> {
    op: Op,
    column: Option<&'f Column<'a>>,
    pub name: String,
}

impl<'f, 'a> Aggregate<'f, 'a> {
    /// One aggregate; of op:* one for each column that is no key and that the op takes, named as the column.
    pub fn parse_all(frame: &'f Frame<'a>, keys: &[String], text: &str) -> Vec<Aggregate<'f, 'a>> {
        let op = text.trim().strip_suffix(":*").filter(|_| frame.find("*").is_none());
        let Some((_, op)) = op.and_then(|op| OPS.iter().find(|(known, _)| *known == op.trim())) else {
            return vec![Aggregate::parse(frame, text)];
        };
        let takes = |c: &&Column| !keys.iter().any(|k| k == c.name) && !(op.numeric() && c.kind == Kind::Text);
        frame.columns.iter().filter(takes).map(|c| Aggregate { op: *op, column: Some(c), name: c.name.to_string() }).collect()
    }

    pub fn parse(frame: &'f Frame<'a>, text: &str) -> Aggregate<'f, 'a> {
        let (what, name) = text.split_once(" as ").map_or((text, None), |(w, n)| (w, Some(n.trim())));
        let (op, column) = what.split_once(':').map_or((what.trim(), None), |(o, c)| (o.trim(), Some(c.trim())));
        let Some((_, op)) = OPS.iter().find(|(known, _)| *known == op) else {
            let known: Vec<&str> = OPS.iter().map(|o| o.0).collect();
            fail!("aggregate {text:?}: there is no {op:?}; known: {}, as in \"sum:delay\" or \"sum:delay as total\"", known.join(", "))
        };
        let name = name.map(str::to_string).unwrap_or_else(|| what.trim().replace(':', "_"));
        let Some(column) = column else {
            if *op != Op::Count {
                fail!("aggregate {text:?} needs a column, as in \"sum:delay\"");
            }
            return Aggregate { op: Op::Rows, column: None, name };
        };
        let column = frame.column(column);
        if op.numeric() && column.kind == Kind::Text {
            fail!("aggregate {text:?}: column {:?} holds texts, not numbers", column.name);
        }
        Aggregate { op: *op, column: Some(column), name }
    }

    /// Writes the aggregate's column: one cell for each group. group[i] is the group of row i; order lists the groups.
    pub fn put(&self, out: &mut TableOut, group: &[u32], order: &[u32]) {
        let n = order.len();
        let Some(c) = self.column else {
            let counts = count(group, n, |_| true);
            return put(out, &self.name, Kind::Int, order, |g| Cell::Int(counts[g]));
        };
        let counts = count(group, n, |i| c.valid(i));
        match self.op {
            Op::Rows | Op::Count => put(out, &self.name, Kind::Int, order, |g| Cell::Int(counts[g])),
            Op::Sum if c.kind == Kind::Float => {
                let sums = float_sums(c, group, n);
                put(out, &self.name, Kind::Float, order, |g| Cell::Float(sums[g].value()));
            }
            Op::Sum => {
                let sums = int_sums(c, group, n);
                put(out, &self.name, Kind::Int, order, |g| Cell::Int(self.narrow(sums[g])));
            }
            Op::Mean => {
                let means: Vec<f64> = if c.kind == Kind::Float {
                    float_sums(c, group, n).iter().zip(&counts).map(|(s, n)| s.value() / *n as f64).collect()
                } else {
                    int_sums(c, group, n).iter().zip(&counts).map(|(s, n)| *s as f64 / *n as f64).collect()
                };
                put(out, &self.name, Kind::Float, order, |g| if counts[g] > 0 { Cell::Float(means[g]) } else { Cell::Missing });
            }
            Op::Min | Op::Max | Op::First | Op::Last => {
                let rows = self.chosen(c, group, n);
                put(out, &self.name, c.kind, order, |g| rows[g].map_or(Cell::Missing, |r| c.cell(r as usize)));
            }
            Op::Median | Op::Stddev | Op::Variance => {
                let results = self.of_values(c, group, &counts);
                put(out, &self.name, Kind::Float, order, |g| results[g].map_or(Cell::Missing, Cell::Float));
            }
            Op::Distinct => {
                let found = distinct(c, group, n);
                put(out, &self.name, Kind::Int, order, |g| Cell::Int(found[g]));
            }
        }
    }

    fn narrow(&self, sum: i128) -> i64 {
        i64::try_from(sum).unwrap_or_else(|_| fail!("{} is {sum}, which does not fit an int (64 bit)", self.name))
    }

    fn chosen(&self, c: &Column, group: &[u32], n: usize) -> Vec<Option<u32>> {
        let mut rows: Vec<Option<u32>> = vec![None; n];
        for (i, g) in group.iter().enumerate().filter(|(i, _)| c.valid(*i)) {
            let slot = &mut rows[*g as usize];
            let better = match (self.op, *slot) {
                (_, None) | (Op::Last, _) => true,
                (Op::First, _) => false,
                (op, Some(r)) => {
                    let order = c.cell(i).order(&c.cell(r as usize));
                    order == if op == Op::Min { Ordering::Less } else { Ordering::Greater }
                }
            };
            if better {
                *slot = Some(i as u32);
            }
        }
        rows
    }

    fn of_values(&self, c: &Column, group: &[u32], counts: &[i64]) -> Vec<Option<f64>> {
        let mut starts = Vec::with_capacity(counts.len() + 1);
        let mut at = 0usize;
        for n in counts {
            starts.push(at);
            at += *n as usize;
        }
        let mut next = starts.clone();
        let mut values = vec![0.0; at];
        starts.push(at);
        for (i, g) in group.iter().enumerate().filter(|(i, _)| c.valid(*i)) {
            values[next[*g as usize]] = number(c, i);
            next[*g as usize] += 1;
        }
        starts
            .windows(2)
            .map(|w| match &mut values[w[0]..w[1]] {
                [] => None,
                some if self.op == Op::Median => Some(median(some)),
                some if self.op == Op::Variance => variance(some),
                some => deviation(some),
            })
            .collect()
    }
}

fn put<'c>(out: &mut TableOut, name: &str, kind: Kind, order: &[u32], cell: impl Fn(usize) -> Cell<'c>) {
    let mut column = Growing::with_rows(kind, order.len());
    order.iter().for_each(|g| column.push(cell(*g as usize)));
    out.column(name, &column);
}

/// A bool, int or float cell that has a value, as a float.
pub fn number(c: &Column, i: usize) -> f64 {
    match c.kind {
        Kind::Bool => c.bool(i) as u8 as f64,
        Kind::Int => c.int(i) as f64,
        _ => c.float(i),
    }
}

fn count(group: &[u32], n: usize, counts: impl Fn(usize) -> bool) -> Vec<i64> {
    let mut out = vec![0; n];
    group.iter().enumerate().filter(|(i, _)| counts(*i)).for_each(|(_, g)| out[*g as usize] += 1);
    out
}

fn float_sums(c: &Column, group: &[u32], n: usize) -> Vec<FloatSum> {
    let mut out = vec![FloatSum::default(); n];
    group.iter().enumerate().filter(|(i, _)| c.valid(*i)).for_each(|(i, g)| out[*g as usize].add(c.float(i)));
    out
}

// 128 bits hold every sum on the way, so that only a result can be too large, whatever the order of the rows.
fn int_sums(c: &Column, group: &[u32], n: usize) -> Vec<i128> {
    let mut out = vec![0; n];
    let value = |i| if c.kind == Kind::Bool { c.bool(i) as i128 } else { c.int(i) as i128 };
    group.iter().enumerate().filter(|(i, _)| c.valid(*i)).for_each(|(i, g)| out[*g as usize] += value(i));
    out
}

fn distinct(c: &Column, group: &[u32], n: usize) -> Vec<i64> {
    let (codes, _) = crate::group::codes(c);
    let mut seen: HashSet<u64> = HashSet::new();
    let mut out = vec![0; n];
    for (i, g) in group.iter().enumerate().filter(|(i, _)| c.valid(*i)) {
        if seen.insert((*g as u64) << 32 | codes[i] as u64) {
            out[*g as usize] += 1;
        }
    }
    out
}
