//! Arithmetic with one or two numbers.

use crate::scalar::Number;
use crate::{fail, levee};
use std::cmp::Ordering;

fn binary(sign: &str, ints: fn(i64, i64) -> Option<i64>, floats: fn(f64, f64) -> f64) {
    Number::both(Number::input(0, "a"), Number::input(1, "b"), sign, ints, floats).put();
}

pub fn add() {
    binary("+", i64::checked_add, |a, b| a + b);
}

pub fn subtract() {
    binary("-", i64::checked_sub, |a, b| a - b);
}

pub fn multiply() {
    binary("*", i64::checked_mul, |a, b| a * b);
}

/// Inputs: a, b (floats). Output: result.
pub fn divide() {
    let (a, b) = (levee::float(0), levee::float(1));
    if b == 0.0 {
        fail!("{a} / 0: division by zero");
    }
    levee::put_float(0, a / b);
}

/// Inputs: a, b (ints). Outputs: quotient, remainder; a = b * quotient + remainder, 0 <= remainder < |b|.
pub fn quotient() {
    let (a, b) = (levee::int(0), levee::int(1));
    if b == 0 {
        fail!("{a} / 0: division by zero");
    }
    match (a.checked_div_euclid(b), a.checked_rem_euclid(b)) {
        (Some(q), Some(r)) => {
            levee::put_int(0, q);
            levee::put_int(1, r);
        }
        _ => fail!("{a} / {b} does not fit an int (64 bit)"),
    }
}

/// Inputs: a, b. Output: result, what is left of a, with the sign of b.
pub fn modulo() {
    let (a, b) = (Number::input(0, "a"), Number::input(1, "b"));
    if b.float() == 0.0 {
        fail!("{} modulo 0: division by zero", a.text());
    }
    let ints = |x: i64, y: i64| {
        let rest = x.wrapping_rem(y);
        Some(if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest })
    };
    let floats = |x: f64, y: f64| {
        let rest = x % y;
        if rest != 0.0 && (rest < 0.0) != (y < 0.0) { rest + y } else { rest }
    };
    Number::both(a, b, "modulo", ints, floats).put();
}

/// Inputs: base, exponent (floats). Output: result.
pub fn power() {
    let (base, exponent) = (levee::float(0), levee::float(1));
    finite(base.powf(exponent), || format!("{base} to the power of {exponent}"));
}

fn finite(f: f64, what: impl Fn() -> String) {
    if !f.is_finite() {
        fail!("{} is {f}", what());
    }
    levee::put_float(0, f);
}

/// Input: value. Output: value.
pub fn abs() {
    match Number::input(0, "value") {
        Number::Int(n) => match n.checked_abs() {
            Some(n) => Number::Int(n).put(),
            None => fail!("the absolute value of {n} does not fit an int (64 bit)"),
        },
        Number::Float(f) => Number::Float(f.abs()).put(),
    }
}

/// Inputs: value, low, high. Output: value.
pub fn clamp() {
    let (value, low, high) = (Number::input(0, "value"), Number::input(1, "low"), Number::input(2, "high"));
    if low.order(high) == Ordering::Greater {
        fail!("low is {}, high is {}", low.text(), high.text());
    }
    let out = match (value.order(low), value.order(high)) {
        (Ordering::Less, _) => low,
        (_, Ordering::Greater) => high,
        _ => value,
    };
    out.put();
}

/// Inputs: value, name. Output: result.
pub fn function() {
    let (x, name) = (levee::float(0), levee::string(1));
    let y = match name.as_str() {
        "sqrt" => x.sqrt(),
        "exp" => x.exp(),
        "ln" => x.ln(),
        "log10" => x.log10(),
        "log2" => x.log2(),
        "sin" => x.sin(),
        "cos" => x.cos(),
        "tan" => x.tan(),
        "asin" => x.asin(),
        "acos" => x.acos(),
        "atan" => x.atan(),
        "negate" => -x,
        "abs" => x.abs(),
        "square" => x * x,
        "cube" => x * x * x,
        _ => x.cbrt(),
    };
    finite(y, || format!("{name} of {x}"));
}
