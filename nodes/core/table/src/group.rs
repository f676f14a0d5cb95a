//! table/group: rows with equal keys become one row.

use crate::aggregate::Aggregate;
use crate::build::{unique_names, TableOut};
use crate::frame::{Column, Frame, Kind};
use crate::levee;
use std::collections::HashMap;

/// Inputs: table, by, aggregates. Outputs: table, groups. Groups are ordered by their keys, a missing key last.
pub fn group() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let by = levee::strings(1);
    let keys: Vec<&Column> = by.iter().map(|name| frame.column(name)).collect();
    let aggregates: Vec<Aggregate> = levee::strings(2).iter().flat_map(|text| Aggregate::parse_all(&frame, &by, text)).collect();
    if keys.len() + aggregates.len() == 0 {
        levee::fail("give at least one column in by, or one aggregate");
    }
    let (group, first) = grouped(&frame, &keys);
    let mut order: Vec<u32> = (0..first.len() as u32).collect();
    order.sort_by(|a, b| {
        let row = |g: &u32| first[*g as usize] as usize;
        let compare = |c: &&Column| c.cell(row(a)).order(&c.cell(row(b)));
        keys.iter().map(compare).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    let names = unique_names(by.iter().cloned().chain(aggregates.iter().map(|a| a.name.clone())));
    let mut out = TableOut::new(0, names.len(), order.len());
    let rows: Vec<u32> = order.iter().map(|g| first[*g as usize]).collect();
    keys.iter().zip(&names).for_each(|(c, name)| out.gather(name, c, &rows));
    for (i, mut a) in aggregates.into_iter().enumerate() {
        a.name = names[keys.len() + i].clone();
        a.put(&mut out, &group, &order);
    }
    drop(out);
    levee::put_int(1, order.len() as i64);
}

/// The group of each row, and the first row of each group. Without keys all rows are one group, even when there are none.
pub fn grouped(frame: &Frame, keys: &[&Column]) -> (Vec<u32>, Vec<u32>) {
    let Some((head, rest)) = keys.split_first() else {
        return (vec![0; frame.rows], vec![0]);
    };
    let (mut group, mut first) = codes(head);
    for c in rest {
        let (next, _) = codes(c);
        let mut seen: HashMap<u64, u32> = HashMap::new();
        first.clear();
        for (i, g) in group.iter_mut().enumerate() {
            let fresh = first.len() as u32;
            *g = *seen.entry((*g as u64) << 32 | next[i] as u64).or_insert(fresh);
            if *g == fresh {
                first.push(i as u32);
            }
        }
    }
    (group, first)
}

/// Numbers the different cells of a column in the order in which they come: the number of each row, the first row of each number.
pub fn codes(c: &Column) -> (Vec<u32>, Vec<u32>) {
    let (mut out, mut first) = (Vec::with_capacity(c.rows), Vec::new());
    let mut texts: HashMap<&str, u32> = HashMap::new();
    let mut words: HashMap<u64, u32> = HashMap::new();
    let mut missing = None;
    for i in 0..c.rows {
        let fresh = first.len() as u32;
        let code = match c.kind {
            _ if !c.valid(i) => *missing.get_or_insert(fresh),
            Kind::Text => *texts.entry(c.text(i)).or_insert(fresh),
            Kind::Bool => *words.entry(c.bool(i) as u64).or_insert(fresh),
            Kind::Int => *words.entry(c.int(i) as u64).or_insert(fresh),
            Kind::Float => *words.entry((c.float(i) + 0.0).to_bits()).or_insert(fresh), // 0 and -0 are one key
        };
        if code == fresh {
            first.push(i as u32);
        }
        out.push(code);
    }
    (out, first)
}
