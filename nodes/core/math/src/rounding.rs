//! Rounding, in decimal: 2.675 to two digits is 2.68, as people see the number, though its float is a little less.

use crate::number::float_text;
use crate::{fail, levee};
use std::cmp::Ordering;

/// Inputs: value, digits, mode. Output: value.
pub fn round() {
    let (value, digits, mode) = (levee::float(0), levee::int(1), levee::string(2));
    if !value.is_finite() {
        return levee::put_float(0, value);
    }
    let text = decimal(value, digits, &mode);
    levee::put_float(0, text.parse().unwrap_or(value));
}

/// Inputs: value, mode. Output: value.
pub fn to_int() {
    let (value, mode) = (levee::float(0), levee::string(1));
    let rounded: Option<i64> = value.is_finite().then(|| decimal(value, 0, &mode)).and_then(|t| t.parse().ok());
    match rounded {
        Some(n) => levee::put_int(0, n),
        None => fail!("{} does not fit an int (64 bit)", float_text(value)),
    }
}

/// The shortest decimal text of a float, rounded to digits behind the point (before it when negative).
fn decimal(value: f64, digits: i64, mode: &str) -> String {
    let text = format!("{}", value.abs());
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let all: Vec<u8> = whole.bytes().chain(part.bytes()).map(|b| b - b'0').collect();
    let keep = whole.len() as i64 + digits;
    let negative = value < 0.0;
    if keep >= all.len() as i64 {
        return format!("{value}");
    }
    let (kept, rest) = all.split_at(keep.max(0) as usize);
    let mut kept = kept.to_vec();
    // With keep below zero even the first digit stands behind the place that decides.
    let half = if keep < 0 { Ordering::Less } else { rest[0].cmp(&5).then_with(|| rest[1..].iter().any(|d| *d != 0).cmp(&false)) };
    let exact = rest.iter().all(|d| *d == 0);
    let odd = kept.last().is_some_and(|d| d % 2 == 1);
    let away = match mode {
        "down" => negative && !exact,
        "up" => !negative && !exact,
        "zero" => false,
        "half_even" => half == Ordering::Greater || (half == Ordering::Equal && odd),
        _ => half != Ordering::Less,
    };
    if away {
        carry(&mut kept);
    }
    let scale = (-digits).max(0) as usize;
    let mut out: String = kept.iter().map(|d| (b'0' + d) as char).collect::<String>() + &"0".repeat(scale);
    if digits > 0 {
        let point = out.len() - digits as usize;
        out.insert(point, '.');
    }
    if out.is_empty() {
        out.push('0');
    }
    if negative { format!("-{out}") } else { out }
}

fn carry(digits: &mut Vec<u8>) {
    for d in digits.iter_mut().rev() {
        *d += 1;
        if *d < 10 {
            return;
        }
        *d = 0;
    }
    digits.insert(0, 1);
}
