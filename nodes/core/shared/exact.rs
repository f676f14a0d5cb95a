//! Sums that do not depend on the order of their terms, as far as that can be had.

#![allow(dead_code)] // no pack needs all of it

/// A float sum with Neumaier's compensation: the error stays near one rounding whatever the order, where a plain sum's grows
/// with the number of terms.
#[derive(Clone, Copy, Default)]
pub struct FloatSum {
    sum: f64,
    rest: f64,
}

impl FloatSum {
    pub fn add(&mut self, x: f64) {
        let t = self.sum + x;
        if t.is_finite() {
            self.rest += if self.sum.abs() >= x.abs() { (self.sum - t) + x } else { (x - t) + self.sum };
        }
        self.sum = t;
    }
    pub fn value(&self) -> f64 {
        self.sum + self.rest
    }
}

/// The median of values, which it reorders: the mean of the two middle ones of an even number.
pub fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    let (below, mid, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let mid = *mid;
    if n % 2 == 1 {
        return mid;
    }
    let low = below.iter().copied().max_by(f64::total_cmp).unwrap_or(mid);
    low + (mid - low) / 2.0
}

/// The sample standard deviation; None for fewer than two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    variance(values).map(f64::sqrt)
}

/// The sample variance, by two passes; None for fewer than two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mut sum = FloatSum::default();
    values.iter().for_each(|v| sum.add(*v));
    let mean = sum.value() / n;
    let (mut squares, mut drift) = (FloatSum::default(), FloatSum::default());
    for v in values {
        squares.add((v - mean) * (v - mean));
        drift.add(v - mean);
    }
    Some((squares.value() - drift.value() * drift.value() / n).max(0.0) / (n - 1.0))
}
