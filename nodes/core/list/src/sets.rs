//! Lists as sets: items are equal when their encodings are. Each item is kept once, where it stands first.

use crate::items::{put, Items};
use crate::levee;
use std::collections::HashSet;

/// Inputs: a, b. Outputs: list, count.
pub fn union() {
    keep(|_, _| true, true);
}

/// Inputs: a, b. Outputs: list, count.
pub fn intersect() {
    keep(|others, item| others.contains(item), false);
}

/// Inputs: a, b. Outputs: list, count.
pub fn subtract() {
    keep(|others, item| !others.contains(item), false);
}

/// Writes the items of a that pass, and then those of b when both is set.
fn keep(passes: impl Fn(&HashSet<Vec<u8>>, &Vec<u8>) -> bool, both: bool) {
    let (a, b) = (Items::of(0), Items::of(1));
    let others: HashSet<Vec<u8>> = if both { HashSet::new() } else { (0..b.len()).map(|i| b.item(i)).collect() };
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for (items, n) in [(&a, a.len()), (&b, if both { b.len() } else { 0 })] {
        for i in 0..n {
            let item = items.item(i);
            if passes(&others, &item) && seen.insert(item) {
                kept.push((items, i));
            }
        }
    }
    put(&kept);
    levee::put_int(1, kept.len() as i64);
}
