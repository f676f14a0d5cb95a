//! Values without a JSON form out of an any. They are copied in pieces: a picture is large.

use crate::{fail, levee};

const STEP: usize = 64 << 10;

/// Input: value. Output: data.
pub fn to_bytes() {
    take("bytes", "; text/encode makes bytes of a text");
}

/// Input: value. Output: image.
pub fn to_image() {
    take("image", "; image/decode makes a picture of bytes");
}

/// Input: value. Output: table.
pub fn to_table() {
    take("table", "; table/from_json makes a table of JSON");
}

fn take(want: &str, hint: &str) {
    let mut size = [0; 2];
    levee::read_at(0, 0, &mut size);
    let mut text = vec![0; u16::from_le_bytes(size) as usize];
    levee::read_at(0, 2, &mut text);
    let kind = String::from_utf8_lossy(&text);
    let mut at = 2 + text.len() as u64;
    if kind != want {
        fail!("the value is of type {kind}, not {want}{hint}");
    }
    let mut buf = vec![0; STEP];
    loop {
        let n = levee::read_at(0, at, &mut buf);
        levee::write(0, &buf[..n]);
        at += n as u64;
        if n == 0 {
            return;
        }
    }
}
