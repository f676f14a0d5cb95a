//! image/crop.

use crate::picture::{Picture, Rows, HEAD};
use crate::{fail, levee};

/// Inputs: image, x, y, width, height. Output: image. Reads only the rows and columns that it keeps.
pub fn crop() {
    let [w, h, channels, bits] = levee::image_head(0).map(i64::from);
    let place = |port, all: i64| {
        let n = levee::int(port);
        if n < 0 { n + all } else { n }
    };
    let (x, y) = (place(1, w), place(2, h));
    let size = |port, left: i64| if levee::given(port) { levee::int(port) } else { left };
    let (cw, ch) = (size(3, w - x), size(4, h - y));
    if x < 0 || y < 0 || cw < 1 || ch < 1 || x.saturating_add(cw) > w || y.saturating_add(ch) > h {
        fail!("the part {cw}x{ch} at {x},{y} is not inside the picture, which is {w}x{h}");
    }
    if bits != 8 {
        let p = Picture::input(0);
        let mut out = Rows::new(0, cw as u32, ch as u32, p.channels);
        let columns = x as usize * p.channels..(x + cw) as usize * p.channels;
        return (y..y + ch).for_each(|row| out.push(&p.row(row as u32)[columns.clone()]));
    }
    let mut out = Rows::new(0, cw as u32, ch as u32, channels as usize);
    let mut row = vec![0; (cw * channels) as usize];
    for line in y..y + ch {
        let at = HEAD as i64 + (line * w + x) * channels;
        if levee::read_at(0, at as u64, &mut row) != row.len() {
            levee::fail("an image that is cut short");
        }
        out.push(&row);
    }
}
