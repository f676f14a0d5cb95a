//! The kernels of this pack: functions of numbers, which the host turns into code for the GPU or runs as they are.

#[link(wasm_import_module = "levee_kernel_v1")]
extern "C" {
    fn gid() -> i64;
    fn f32_0(index: i64) -> f32;
    fn f32_1(index: i64) -> f32;
    fn f64_0(index: i64) -> f64;
    fn f64_1(index: i64) -> f64;
}

/// Quotient and remainder of what is not negative. A kernel calls no function, and a division that may panic calls one: so the divisor
/// is kept at 1 or more, which it is.
#[inline(always)]
fn divide(a: i64, b: i64) -> (i64, i64) {
    let (a, b) = (a as u64, if b < 1 { 1 } else { b as u64 });
    ((a / b) as i64, (a % b) as i64)
}

/// x * x, exactly, for lengths.
#[no_mangle]
pub extern "C" fn kernel_wide_square(x: f32) -> f64 {
    x as f64 * x as f64
}

/// The distance of point and query: twice their product is given negative; the slots hold their squared lengths, of queries and of points.
#[no_mangle]
pub extern "C" fn kernel_distance(product: f64, points: i64) -> f32 {
    let (query, point) = divide(unsafe { gid() }, points);
    let squared = unsafe { f64_0(query) + f64_1(point) } + product;
    if squared <= 0.0 { 0.0 } else { squared.sqrt() as f32 } // what rounding left below zero
}

/// A number of a row as long as 1: slot 0 holds the squared lengths of the rows.
#[no_mangle]
pub extern "C" fn kernel_direction(x: f32, columns: i64) -> f32 {
    let squared = unsafe { f64_0(divide(gid(), columns).0) };
    if squared == 0.0 { x } else { (x as f64 / squared.sqrt()) as f32 }
}

/// The length of a complex number.
#[no_mangle]
pub extern "C" fn kernel_magnitude(scale: f32) -> f32 {
    let (re, im) = unsafe { (f32_0(2 * gid()), f32_0(2 * gid() + 1)) };
    (re * re + im * im).sqrt() * scale
}

#[inline(always)]
fn clamp(v: i64, most: i64) -> i64 {
    if v < 0 {
        0
    } else if v > most {
        most
    } else {
        v
    }
}

/// One pass of a filter along one side of a picture: slot 0 is the picture, slot 1 the weights, an odd number of them. step is how far
/// apart neighbours of that side lie, count how many there are; beyond the edge the last one is repeated.
#[no_mangle]
pub extern "C" fn kernel_pass(step: i64, count: i64, taps: i64) -> f32 {
    let at = unsafe { gid() };
    let here = divide(divide(at, step).0, count).1;
    let first = at - here * step;
    let half = taps >> 1;
    let (mut sum, mut i) = (0.0, 0);
    while i < taps {
        let place = clamp(here + i - half, count - 1);
        sum += unsafe { f32_1(i) * f32_0(first + place * step) };
        i += 1;
    }
    sum
}

/// What is sharper: the picture, and what the soft one lacks of it, amount times.
#[no_mangle]
pub extern "C" fn kernel_sharpen(pixel: f32, soft: f32, amount: f32) -> f32 {
    pixel + (pixel - soft) * amount
}

/// A channel of a pixel with transparency, as it can be mixed with others: colours times what covers, which is the fourth channel.
#[no_mangle]
pub extern "C" fn kernel_cover(v: f32) -> f32 {
    let at = unsafe { gid() };
    if at & 3 == 3 { v } else { v * unsafe { f32_0(at | 3) } / 255.0 }
}

/// The way back, to a whole number. What covers nothing has no colour.
#[no_mangle]
pub extern "C" fn kernel_uncover(v: f32) -> i32 {
    let at = unsafe { gid() };
    let cover = unsafe { f32_0(at | 3) };
    let v = if at & 3 == 3 {
        v
    } else if cover > 0.0 {
        v * 255.0 / cover
    } else {
        0.0
    };
    v.round_ties_even() as i32
}

/// The steepness of a picture at a pixel: the length of the differences across and down. Transparency stays as slot 1 has it.
#[no_mangle]
pub extern "C" fn kernel_edges(channels: i64, width: i64, height: i64) -> f32 {
    let at = unsafe { gid() };
    if channels == 4 && at & 3 == 3 {
        return unsafe { f32_1(at) };
    }
    let (y, x) = divide(divide(at, channels).0, width);
    let row = width * channels;
    let (left, right) = (clamp(x - 1, width - 1) - x, clamp(x + 1, width - 1) - x);
    let (up, down) = (clamp(y - 1, height - 1) - y, clamp(y + 1, height - 1) - y);
    let across = unsafe { f32_0(at + right * channels) - f32_0(at + left * channels) };
    let along = unsafe { f32_0(at + down * row) - f32_0(at + up * row) };
    (across * across + along * along).sqrt()
}

/// A pixel as a whole number; the host keeps it between 0 and 255.
#[no_mangle]
pub extern "C" fn kernel_pixel(v: f32) -> i32 {
    v.round_ties_even() as i32
}

/// A pixel as a number from 0 to 1.
#[no_mangle]
pub extern "C" fn kernel_unit(v: i32) -> f32 {
    v as f32 / 255.0
}
