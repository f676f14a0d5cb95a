//! Nodes that choose items by their places.

use crate::items::{put_some, Items};
use crate::places::places;
use crate::{fail, levee};
use std::collections::HashSet;

/// Input: list. Outputs: length, empty.
pub fn length() {
    let n = Items::of(0).len();
    levee::put_int(0, n as i64);
    levee::put_bool(1, n == 0);
}

/// Inputs: list, index, default. Output: item.
pub fn get() {
    let items = Items::of(0);
    let at = levee::int(1);
    let place = if at < 0 { at + items.len() as i64 } else { at };
    if place >= 0 && place < items.len() as i64 {
        levee::write(0, &items.item(place as usize));
    } else if levee::given(2) {
        levee::write(0, &levee::bytes(2));
    } else {
        fail!("there is no item {at} in a list of {}; default: gives a value for that", items.len());
    }
}

/// Input: list. Output: item, absent when there is none.
pub fn first() {
    let items = Items::of(0);
    if items.len() > 0 {
        levee::write(0, &items.item(0));
    }
}

/// Inputs: list, indices. Output: list.
pub fn pick() {
    let items = Items::of(0);
    let n = items.len() as i64;
    let place = |raw: Vec<u8>| {
        let at = i64::from_le_bytes(raw.try_into().unwrap_or([0; 8]));
        let place = if at < 0 { at + n } else { at };
        if !(0..n).contains(&place) {
            fail!("there is no item {at} in a list of {n}");
        }
        place as usize
    };
    let places: Vec<usize> = levee::list(1).into_iter().map(place).collect();
    put_some(&items, places.into_iter());
}

/// Inputs: list, start, end, step. Output: list.
pub fn slice() {
    let items = Items::of(0);
    let end = levee::given(2).then(|| levee::int(2));
    put_some(&items, places(items.len(), levee::int(1), end, levee::int(3)).into_iter());
}

/// Input: list. Output: list.
pub fn reverse() {
    let items = Items::of(0);
    put_some(&items, (0..items.len()).rev());
}

/// Input: list. Outputs: list, count. The first of equal items stays.
pub fn unique() {
    let items = Items::of(0);
    let mut seen = HashSet::new();
    let kept: Vec<usize> = (0..items.len()).filter(|i| seen.insert(items.item(*i))).collect();
    put_some(&items, kept.iter().copied());
    levee::put_int(1, kept.len() as i64);
}
