//! image/grid: a contact sheet.

use crate::picture::{colour, Picture};
use crate::scale::{scaled, Plan};
use crate::{fail, levee};

/// Inputs: images, columns, cell_width, cell_height, gap, background, fit. Output: image.
pub fn grid() {
    let spans = spans();
    if spans.is_empty() {
        levee::fail("images is empty: there is nothing to show");
    }
    let n = spans.len() as u32;
    let columns = match levee::int(1) as u32 {
        0 => (n as f64).sqrt().ceil() as u32,
        some => some.min(n),
    };
    let (cw, ch, gap) = (levee::int(2) as u32, levee::int(3) as u32, levee::int(4) as u32);
    let (background, fit) = (colour(5), levee::string(6));
    let rows = n.div_ceil(columns);
    let side = |count: u32, cell: u32| count as u64 * (cell as u64 + gap as u64) + gap as u64;
    let (width, height) = (side(columns, cw), side(rows, ch));
    if width * height > 100_000_000 || width > 65_535 || height > 65_535 {
        fail!("{n} pictures make a sheet of {width}x{height}; at most 65535 a side and 100 million pixels: use smaller cells");
    }
    let mut sheet = Picture::new(width as u32, height as u32, 3);
    sheet.pixels.chunks_exact_mut(3).for_each(|p| p.copy_from_slice(&background));
    for (i, (offset, _)) in spans.into_iter().enumerate() {
        let p = Picture::read(&mut |at, buf| levee::read_at(0, offset + at, buf));
        let plan = Plan::of(p.width, p.height, Some(cw), Some(ch), &fit, false);
        let small = scaled(p, &plan, "lanczos3").opaque(background);
        let (column, row) = (i as u32 % columns, i as u32 / columns);
        let x = gap + column * (cw + gap) + (cw - small.width) / 2;
        let y = gap + row * (ch + gap) + (ch - small.height) / 2;
        paste(&mut sheet, &small, x, y);
        levee::progress(i as u64 + 1, n as u64);
    }
    sheet.put(0);
}

fn paste(sheet: &mut Picture, p: &Picture, x: u32, y: u32) {
    for line in 0..p.height {
        let at = (y + line) as usize * sheet.row_size() + 3 * x as usize;
        sheet.pixels[at..at + p.row_size()].copy_from_slice(p.row(line));
    }
}

/// Where each picture of the list lies in the input: they are read one at a time, the list may be larger than our memory.
fn spans() -> Vec<(u64, u64)> {
    let mut word = [0; 8];
    let mut number = |at: u64| {
        if levee::read_at(0, at, &mut word) != 8 {
            levee::fail("a list that is cut short");
        }
        u64::from_le_bytes(word)
    };
    let n = number(0);
    let base = 8 + 8 * n;
    let mut from = base;
    (0..n)
        .map(|i| {
            let to = base + number(8 + 8 * i);
            let span = (from, to - from);
            from = to;
            span
        })
        .collect()
}
