//! Pictures in memory and on ports. All nodes of this pack work with 8 bits a channel.

use crate::{fail, levee};

/// The largest side: the host takes 65536, JPEG 65535.
pub const MAX_SIDE: u32 = 65_535;

pub const HEAD: usize = 16;

pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub channels: usize, // 1 grey, 3 RGB, 4 RGBA
    pub pixels: Vec<u8>,
}

impl Picture {
    pub fn new(width: u32, height: u32, channels: usize) -> Picture {
        let size = width as u64 * height as u64 * channels as u64;
        if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE || size > i32::MAX as u64 {
            fail!("a picture of {width}x{height} pixels: sides go from 1 to {MAX_SIDE}, all pixels to 2 GiB");
        }
        Picture { width, height, channels, pixels: vec![0; size as usize] }
    }

    /// An image input. 16 bits a channel become 8.
    pub fn input(port: i32) -> Picture {
        Picture::read(&mut |offset, buf| levee::read_at(port, offset, buf))
    }

    /// A picture of something that can be read at offsets.
    pub fn read(source: &mut dyn FnMut(u64, &mut [u8]) -> usize) -> Picture {
        let mut head = [0; HEAD];
        if source(0, &mut head) != HEAD {
            levee::fail("an image that is cut short");
        }
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let wide = word(12) == 16;
        let mut p = Picture::new(word(0), word(4), word(8) as usize);
        let row = p.row_size() << wide as usize;
        let mut buf = vec![0; row];
        for y in 0..p.height as usize {
            let at = (HEAD + y * row) as u64;
            let size = p.row_size();
            let target = &mut p.pixels[y * size..(y + 1) * size];
            let got = if wide { source(at, &mut buf) } else { source(at, target) };
            if got != row {
                levee::fail("an image that is cut short");
            }
            if wide {
                target.iter_mut().zip(buf.chunks_exact(2)).for_each(|(t, s)| *t = s[1]);
            }
        }
        p
    }

    pub fn row_size(&self) -> usize {
        self.width as usize * self.channels
    }

    pub fn row(&self, y: u32) -> &[u8] {
        let n = self.row_size();
        &self.pixels[y as usize * n..(y as usize + 1) * n]
    }

    pub fn pixel(&self, x: u32, y: u32) -> &[u8] {
        let at = y as usize * self.row_size() + x as usize * self.channels;
        &self.pixels[at..at + self.channels]
    }

    /// The picture without its alpha channel, transparent parts over a background.
    pub fn opaque_if_needed(self, background: [u8; 3]) -> Picture {
        if self.channels == 4 { self.opaque(background) } else { self }
    }

    /// The picture as 3 channels, transparent parts over a background.
    pub fn opaque(self, background: [u8; 3]) -> Picture {
        let mut out = Picture { channels: 3, pixels: Vec::new(), ..self };
        match self.channels {
            1 => out.pixels = self.pixels.iter().flat_map(|v| [*v; 3]).collect(),
            4 => {
                out.pixels = self.pixels.chunks_exact(4).flat_map(|p| [0, 1, 2].map(|c| over(p[c], p[3], background[c]))).collect()
            }
            _ => out.pixels = self.pixels,
        }
        out
    }

    pub fn put(&self, port: i32) {
        let mut out = Rows::new(port, self.width, self.height, self.channels);
        out.push(&self.pixels);
    }
}

fn over(value: u8, alpha: u8, background: u8) -> u8 {
    ((value as u32 * alpha as u32 + background as u32 * (255 - alpha as u32) + 127) / 255) as u8
}

/// Writes a picture to an output port row by row, so that it need not be in memory a second time.
pub struct Rows(levee::Writer);

impl Rows {
    pub fn new(port: i32, width: u32, height: u32, channels: usize) -> Rows {
        let mut out = levee::Writer::new(port);
        for n in [width, height, channels as u32, 8] {
            out.push(&n.to_le_bytes());
        }
        Rows(out)
    }
    pub fn push(&mut self, pixels: &[u8]) {
        self.0.push(pixels);
    }
}

/// A colour port: #rgb or #rrggbb.
pub fn colour(port: i32) -> [u8; 3] {
    let text = levee::string(port);
    let digits = text.strip_prefix('#').unwrap_or("");
    let full: String = if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_string() };
    let channel = |i: usize| full.get(2 * i..2 * i + 2).and_then(|h| u8::from_str_radix(h, 16).ok());
    match (full.len(), channel(0), channel(1), channel(2)) {
        (6, Some(r), Some(g), Some(b)) => [r, g, b],
        _ => fail!("{text:?} is no colour; write #rrggbb or #rgb"),
    }
}

/// Input: image. Outputs: width, height, channels, bits, info.
pub fn info() {
    let [width, height, channels, bits] = levee::image_head(0);
    [width, height, channels, bits].iter().enumerate().for_each(|(port, n)| levee::put_int(port as i32, *n as i64));
    levee::put_str(4, &format!("{{\"bits\":{bits},\"channels\":{channels},\"height\":{height},\"width\":{width}}}"));
    let mode = match (channels, bits) {
        (1, 8) => "L",
        (1, _) => "I;16",
        (3, _) => "RGB",
        _ => "RGBA",
    };
    levee::put_str(5, mode);
}
