//! Turning and mirroring: all by EXIF's eight orientations.

use crate::exif::Orientation;
use crate::picture::{Picture, Rows};
use crate::{fail, levee};

/// Writes a picture turned, row by row.
pub fn put(p: &Picture, o: Orientation, port: i32) {
    if o == Orientation::UPRIGHT {
        return p.put(port);
    }
    let (width, height) = if o.swaps() { (p.height, p.width) } else { (p.width, p.height) };
    let mut out = Rows::new(port, width, height, p.channels);
    let mut row = Vec::with_capacity(width as usize * p.channels);
    for y in 0..height {
        row.clear();
        for x in 0..width {
            let (sx, sy) = o.source(x, y, p.width, p.height);
            row.extend_from_slice(p.pixel(sx, sy));
        }
        out.push(&row);
    }
}

/// The picture turned.
pub fn turned(p: Picture, o: Orientation) -> Picture {
    if o == Orientation::UPRIGHT {
        return p;
    }
    let (width, height) = if o.swaps() { (p.height, p.width) } else { (p.width, p.height) };
    let mut out = Picture { width, height, channels: p.channels, pixels: Vec::with_capacity(p.pixels.len()) };
    for y in 0..height {
        for x in 0..width {
            let (sx, sy) = o.source(x, y, p.width, p.height);
            out.pixels.extend_from_slice(p.pixel(sx, sy));
        }
    }
    out
}

/// Inputs: image, degrees (clockwise). Output: image.
pub fn rotate() {
    let o = match levee::int(1).rem_euclid(360) {
        0 => 1,
        90 => 6,
        180 => 3,
        270 => 8,
        n => fail!("degrees is {n}; only quarter turns: 0, 90, 180, 270"),
    };
    put(&Picture::input(0), Orientation::new(o), 0);
}

/// Inputs: image, direction. Output: image.
pub fn flip() {
    let o = if levee::string(1) == "vertical" { 4 } else { 2 };
    put(&Picture::input(0), Orientation::new(o), 0);
}
