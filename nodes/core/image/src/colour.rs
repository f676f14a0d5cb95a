//! Nodes that change or compare the values of pixels.

use crate::picture::Picture;
use crate::{fail, levee};

/// Input: image. Output: image with one channel; transparent parts over white.
pub fn grey() {
    let p = Picture::input(0).opaque_if_needed([255; 3]);
    if p.channels == 1 {
        return p.put(0);
    }
    let luma = |p: &[u8]| ((299 * p[0] as u32 + 587 * p[1] as u32 + 114 * p[2] as u32 + 500) / 1000) as u8;
    let pixels = p.pixels.chunks_exact(3).map(luma).collect();
    Picture { channels: 1, pixels, ..p }.put(0);
}

/// Inputs: image, brightness, contrast, gamma, invert. Output: image. Alpha stays.
pub fn adjust() {
    let (brightness, contrast, gamma, invert) = (levee::float(1), levee::float(2), levee::float(3), levee::boolean(4));
    let mut table = [0u8; 256];
    for (v, out) in table.iter_mut().enumerate() {
        let x = ((v as f64 / 255.0 * brightness - 0.5) * contrast + 0.5).clamp(0.0, 1.0).powf(1.0 / gamma);
        let x = if invert { 1.0 - x } else { x };
        *out = (x * 255.0).round() as u8;
    }
    let mut p = Picture::input(0);
    let channels = p.channels;
    for pixel in p.pixels.chunks_exact_mut(channels) {
        pixel.iter_mut().take(3).for_each(|v| *v = table[*v as usize]);
    }
    p.put(0);
}

/// Inputs: a, b. Outputs: mean, max (differences from 0 to 1), equal.
pub fn compare() {
    let (a, b) = (Picture::input(0), Picture::input(1));
    if (a.width, a.height, a.channels) != (b.width, b.height, b.channels) {
        let show = |p: &Picture| format!("{}x{} with {} channels", p.width, p.height, p.channels);
        fail!("a is {}, b is {}: only pictures of one size and kind can be compared", show(&a), show(&b));
    }
    let (mut sum, mut max) = (0u64, 0u8);
    for (x, y) in a.pixels.iter().zip(&b.pixels) {
        let d = x.abs_diff(*y);
        sum += d as u64;
        max = max.max(d);
    }
    levee::put_float(0, sum as f64 / (255 * a.pixels.len()) as f64);
    levee::put_float(1, max as f64 / 255.0);
    levee::put_bool(2, max == 0);
}
