//! Nodes that make lists.

use crate::items::{put, put_some, put_to, Items};
use crate::{fail, levee, plain};
use serde_json::{Map, Value};

const MOST: i64 = 1 << 24; // items of a list, as the host has it

/// What a list may have at most, as an optional port says.
fn at_most(n: i128, port: i32) {
    let most = if levee::given(port) { levee::int(port).max(1) } else { MOST };
    if n > most as i128 {
        fail!("{n} items; the list may have {most} at most");
    }
}

/// Inputs: start, stop, step, count, most. Output: list.
pub fn range() {
    let (mut start, mut stop, mut step) = (levee::int(0), levee::int(1), levee::int(2));
    if stop < 0 && levee::given(3) {
        (start, stop, step) = (0, levee::int(3).max(0), 1);
    }
    if step == 0 {
        levee::fail("step is 0: the list would never end");
    }
    let (from, to, by) = (start as i128, stop as i128, step as i128);
    let n = if (to > from) == (by > 0) { ((to - from).abs() + by.abs() - 1) / by.abs() } else { 0 };
    if n > MOST as i128 {
        fail!("{start} to {stop} by {step} makes {n} numbers; a list has at most {MOST}");
    }
    at_most(n, 4);
    let items: Vec<[u8; 8]> = (0..n as i64).map(|i| (start + i * step).to_le_bytes()).collect();
    levee::put_list(0, &items);
}

/// Inputs: start, stop, step. Output: items, a stream.
pub fn count() {
    let (start, stop, step) = (levee::int(0), levee::int(1), levee::int(2));
    if step == 0 {
        levee::fail("step is 0: the count would never end");
    }
    let mut at = start as i128;
    while if step > 0 { at < stop as i128 } else { at > stop as i128 } {
        levee::put_int(0, at as i64);
        levee::item(0);
        at += step as i128;
    }
}

/// Inputs: item, times, most. Output: list.
pub fn repeat() {
    let (item, times) = (levee::bytes(0), levee::int(1) as usize);
    at_most(times as i128, 2);
    levee::write(0, &levee::list_prefix((0..times).map(|_| item.len())));
    let mut out = levee::Writer::new(0);
    (0..times).for_each(|_| out.push(&item));
}

/// The items of input 0 and how often input 1 wants them, as many together as a list may have.
fn items_and_times() -> (Items, usize) {
    let (items, times) = (Items::of(0), levee::int(1));
    if items.len() as i128 * times as i128 > MOST as i128 {
        fail!("{} items {times} times: a list has at most {MOST}", items.len());
    }
    at_most(items.len() as i128 * times as i128, 2);
    (items, times as usize)
}

/// Inputs: list, times, most. Output: list.
pub fn tile() {
    let (items, times) = items_and_times();
    let n = items.len();
    put_some(&items, (0..n * times).map(|i| i % n));
}

/// Inputs: list, times, most. Output: list.
pub fn repeat_each() {
    let (items, times) = items_and_times();
    put_some(&items, (0..items.len() * times).map(|i| i / times));
}

/// Input: items, a list port that takes several wires. Outputs: list, count.
pub fn collect() {
    let items = Items::of(0);
    put_some(&items, 0..items.len());
    levee::put_int(1, items.len() as i64);
}

/// Inputs: list, item. Outputs: list, count.
pub fn append() {
    let (items, item) = (Items::of(0), levee::bytes(1));
    let n = items.len();
    if n as i64 == MOST {
        fail!("the list has {MOST} items already; a list has at most so many");
    }
    let sizes: Vec<usize> = (0..n).map(|i| items.span(i).1 as usize).chain([item.len()]).collect();
    levee::write(0, &levee::list_prefix(sizes.into_iter()));
    let mut out = levee::Writer::new(0);
    (0..n).for_each(|i| out.push(&items.item(i)));
    out.push(&item);
    levee::put_int(1, n as i64 + 1);
}

/// Inputs: a, b, c, d. Output: list.
pub fn concat() {
    join((0..4).filter(|port| levee::given(*port)).map(Items::of).collect());
}

/// Input: lists. Output: list.
pub fn flatten() {
    let outer = Items::of(0);
    join((0..outer.len()).map(|i| Items::at(0, outer.span(i).0)).collect());
}

fn join(lists: Vec<Items>) {
    let total: usize = lists.iter().map(Items::len).sum();
    if total as i64 > MOST {
        fail!("{total} items together; a list has at most {MOST}");
    }
    let all: Vec<(&Items, usize)> = lists.iter().flat_map(|l| (0..l.len()).map(move |i| (l, i))).collect();
    put(&all);
    levee::put_int(1, total as i64);
}

/// Inputs: list, size. Output: list of lists.
pub fn chunk() {
    let (items, size) = (Items::of(0), levee::int(1) as usize);
    let parts: Vec<Vec<u8>> = (0..items.len())
        .step_by(size)
        .map(|from| {
            let part: Vec<Vec<u8>> = (from..items.len().min(from + size)).map(|i| items.item(i)).collect();
            levee::enc_list(&part)
        })
        .collect();
    levee::put_list(0, &parts);
}

/// Inputs: a, b, names. Output: list<json>.
pub fn zip() {
    let (a, b) = (Items::of(0), Items::of(1));
    let (kind_a, kind_b, names) = (levee::type_of(0), levee::type_of(1), levee::strings(2));
    if a.len() != b.len() {
        fail!("a has {} items, b has {}", a.len(), b.len());
    }
    if !names.is_empty() && names.len() != 2 {
        fail!("names must be two, one for a and one for b, or none; it has {}", names.len());
    }
    let value = |kind: &str, items: &Items, i: usize| {
        plain::tree(plain::element(kind), &items.item(i)).unwrap_or_else(|e| fail!("item {i}: {e}"))
    };
    let pair = |i| {
        let (x, y) = (value(&kind_a, &a, i), value(&kind_b, &b, i));
        match names.as_slice() {
            [p, q] => Value::Object(Map::from_iter([(p.clone(), x), (q.clone(), y)])),
            _ => Value::Array(vec![x, y]),
        }
    };
    let pairs: Vec<String> = (0..a.len()).map(|i| pair(i).to_string()).collect();
    levee::put_list(0, &pairs);
}

/// Inputs: a, b, most. Outputs: left, right, count.
pub fn cross() {
    let (a, b, most) = (Items::of(0), Items::of(1), levee::int(2) as usize);
    let n = a.len().checked_mul(b.len()).filter(|n| *n <= most).unwrap_or_else(|| {
        fail!("{} times {} items are more than {most} pairs", a.len(), b.len());
    });
    let left: Vec<(&Items, usize)> = (0..n).map(|i| (&a, i / b.len())).collect();
    let right: Vec<(&Items, usize)> = (0..n).map(|i| (&b, i % b.len())).collect();
    put_to(0, &left);
    put_to(1, &right);
    levee::put_int(2, n as i64);
}
