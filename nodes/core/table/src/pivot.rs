//! table/pivot: the values of one column become columns.

use crate::aggregate::number;
use crate::build::{Growing, TableOut};
use crate::cell::Cell;
use crate::exact::FloatSum;
use crate::frame::{Column, Frame, Kind};
use crate::group::codes;
use crate::{fail, levee};
use std::collections::HashMap;

/// Inputs: table, index, columns, values, aggregate. Output: table. Rows are ordered by index, columns by name; rows without an
/// index, a column or a value are left out.
pub fn pivot() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let column = |port| *frame.column(&levee::string(port));
    let (index, across, values, aggregate) = (column(1), column(2), column(3), levee::string(4));
    let counts = aggregate == "count";
    if values.kind == Kind::Text && !counts && ["sum", "mean"].contains(&aggregate.as_str()) {
        fail!("column {:?} holds texts; {aggregate} is for numbers", values.name);
    }
    let used: Vec<usize> = (0..frame.rows).filter(|i| index.valid(*i) && across.valid(*i) && values.valid(*i)).collect();
    let (rows, columns) = (Ends::of(&index, &used), Ends::of(&across, &used));
    let mut cells: HashMap<(usize, usize), Group> = HashMap::new();
    for i in &used {
        cells.entry((rows.place(*i), columns.place(*i))).or_default().add(&values, *i);
    }
    let kind = match aggregate.as_str() {
        "count" => Kind::Int,
        "mean" => Kind::Float,
        "sum" if values.kind == Kind::Bool => Kind::Int,
        _ => values.kind,
    };
    let mut out = TableOut::new(0, columns.first.len() + 1, rows.first.len());
    out.gather(index.name, &index, &rows.first);
    for (c, head) in columns.first.iter().enumerate() {
        let name = across.cell(*head as usize).text();
        if name == index.name {
            fail!("a value of {:?} is called {name:?}, as the column of the index is", across.name);
        }
        let mut g = Growing::with_rows(kind, rows.first.len());
        for r in 0..rows.first.len() {
            g.push(cells.get(&(r, c)).map_or(Cell::Missing, |group| group.cell(&values, &aggregate)));
        }
        out.column(&name, &g);
    }
}

/// The values of a column in order, and where each row's value stands among them.
struct Ends {
    first: Vec<u32>,
    codes: Vec<u32>,
    places: HashMap<u32, usize>,
}

impl Ends {
    fn of(c: &Column, used: &[usize]) -> Ends {
        let (codes, _) = codes(c);
        let mut first: HashMap<u32, u32> = HashMap::new();
        for i in used {
            first.entry(codes[*i]).or_insert(*i as u32);
        }
        let mut order: Vec<(u32, u32)> = first.into_iter().collect();
        order.sort_by(|a, b| c.cell(a.1 as usize).order(&c.cell(b.1 as usize)).then(a.1.cmp(&b.1)));
        let places = order.iter().enumerate().map(|(place, (code, _))| (*code, place)).collect();
        Ends { first: order.into_iter().map(|(_, row)| row).collect(), codes, places }
    }

    fn place(&self, row: usize) -> usize {
        self.places[&self.codes[row]]
    }
}

/// The values that meet in one cell.
#[derive(Default)]
struct Group {
    count: i64,
    ints: i128,
    floats: FloatSum,
    first: usize,
    last: usize,
    least: usize,
    most: usize,
}

impl Group {
    fn add(&mut self, c: &Column, i: usize) {
        if self.count == 0 {
            (self.first, self.least, self.most) = (i, i, i);
        }
        (self.count, self.last) = (self.count + 1, i);
        if c.cell(i).order(&c.cell(self.least)).is_lt() {
            self.least = i;
        }
        if c.cell(i).order(&c.cell(self.most)).is_gt() {
            self.most = i;
        }
        match c.kind {
            Kind::Int => self.ints += c.int(i) as i128,
            Kind::Bool => self.ints += c.bool(i) as i128,
            _ => {}
        }
        if c.kind != Kind::Text {
            self.floats.add(number(c, i));
        }
    }

    fn cell<'a>(&self, c: &Column<'a>, aggregate: &str) -> Cell<'a> {
        match aggregate {
            "count" => Cell::Int(self.count),
            "mean" => Cell::Float(self.floats.value() / self.count as f64),
            "sum" if c.kind == Kind::Float => Cell::Float(self.floats.value()),
            "sum" => Cell::Int(i64::try_from(self.ints).unwrap_or_else(|_| fail!("a sum of {:?} is {}, which does not fit an int (64 bit)", c.name, self.ints))),
            "min" => c.cell(self.least),
            "max" => c.cell(self.most),
            "first" => c.cell(self.first),
            _ => c.cell(self.last),
        }
    }
}
