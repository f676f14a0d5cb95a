//! Which places start, end and step choose of n, as slices of Python do.

use crate::levee;

/// The places in order. A negative start or end counts from the end; a negative step goes backwards from start, without an end to
/// the very first place.
pub fn places(n: usize, start: i64, end: Option<i64>, step: i64) -> Vec<usize> {
    let size = n as i64;
    let (low, high) = if step < 0 { (-1, size - 1) } else { (0, size) };
    let bound = |at: i64| if at < 0 { at.saturating_add(size).max(low) } else { at.min(high) };
    let (mut at, end) = (bound(start), end.map_or(if step < 0 { -1 } else { size }, bound));
    let mut out = Vec::new();
    if step == 0 {
        levee::fail("step is 0: it would never end");
    }
    while if step > 0 { at < end } else { at > end } {
        out.push(at as usize);
        at = at.saturating_add(step);
    }
    out
}
