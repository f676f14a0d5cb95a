//! Files to pictures: decode, probe, thumbnail.

use crate::exif::{Facts, Orientation};
use crate::picture::{Picture, Rows};
use crate::{encode, fail, jpeg, levee, scale, turn};
use png::{BitDepth, ColorType, Transformations};
use serde_json::Value;
use std::io::Cursor;

#[derive(PartialEq, Clone, Copy)]
enum Format {
    Jpeg,
    Png,
}

fn format(data: &[u8]) -> Format {
    match data {
        [0xff, 0xd8, ..] => Format::Jpeg,
        [0x89, b'P', b'N', b'G', ..] => Format::Png,
        [] => levee::fail("data is empty; expected a JPEG or PNG file"),
        _ => {
            let known = [(&b"GIF8"[..], "GIF"), (b"RIFF", "WebP"), (b"BM", "BMP"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"%PDF", "PDF"), (b"<svg", "SVG")];
            match known.iter().find(|(magic, _)| data.starts_with(magic)) {
                Some((_, name)) => fail!("this is a {name} file; only JPEG and PNG can be decoded"),
                None => fail!("this is neither a JPEG nor a PNG file: it begins with {:02x?}", &data[..data.len().min(8)]),
            }
        }
    }
}

// A file of a few KB can claim 4 billion pixels; the limit is checked before anything is allocated for them.
fn check_size(width: u32, height: u32, most: i64) {
    let pixels = width as i64 * height as i64;
    if pixels > most {
        fail!("the picture has {width}x{height} = {pixels} pixels, max_pixels is {most}");
    }
}

/// Inputs: data, max_pixels, orient. Output: image.
pub fn decode() {
    let (data, most, orient) = (levee::bytes(0), levee::int(1), levee::boolean(2));
    match format(&data) {
        Format::Jpeg => {
            let head = jpeg::head(&data);
            check_size(head.width, head.height, most);
            let p = jpeg::decode(&data, &head);
            drop(data);
            let orientation = if orient { head.facts.orientation } else { Orientation::UPRIGHT };
            turn::put(&p, orientation, 0);
        }
        Format::Png => {
            let mut source = Png::open(&data, most);
            let orientation = if orient { source.facts().orientation } else { Orientation::UPRIGHT };
            if source.interlaced() || orientation != Orientation::UPRIGHT {
                return turn::put(&source.picture(), orientation, 0);
            }
            let mut out = Rows::new(0, source.width, source.height, source.channels());
            source.rows(|row| out.push(row));
        }
    }
}

/// Inputs: data. Outputs: width, height, format, info.
pub fn probe() {
    let data = levee::bytes(0);
    let (width, height, name, facts) = match format(&data) {
        Format::Jpeg => {
            let head = jpeg::head(&data);
            (head.width, head.height, "jpeg", head.facts)
        }
        Format::Png => png_head(&data),
    };
    let Facts { orientation, mut fields } = facts;
    let (width, height) = if orientation.swaps() { (height, width) } else { (width, height) };
    for (key, n) in [("width", width), ("height", height), ("orientation", orientation.number() as u32), ("size", data.len() as u32)] {
        fields.insert(key.to_string(), Value::from(n));
    }
    fields.insert("format".to_string(), Value::from(name));
    levee::put_int(0, width as i64);
    levee::put_int(1, height as i64);
    levee::put_str(2, name);
    levee::put_str(3, &Value::Object(fields).to_string());
}

fn png_head(data: &[u8]) -> (u32, u32, &'static str, Facts) {
    let mut decoder = png::Decoder::new(Cursor::new(data));
    let (width, height) = decoder.read_header_info().unwrap_or_else(|e| bad_png(e)).size();
    // What follows the header may be too large for the decoder; the size is known all the same.
    let block = decoder.read_info().ok().and_then(|r| r.info().exif_metadata.clone());
    (width, height, "png", crate::exif::read(block.as_deref()))
}

/// Inputs: data, width, height, fit, quality, max_pixels, background. Outputs: data, width, height.
pub fn thumbnail() {
    let (data, width, height) = (levee::bytes(0), levee::int(1) as u32, levee::int(2) as u32);
    let (fit, quality, most) = (levee::string(3), levee::int(4) as u8, levee::int(5));
    let background = crate::picture::colour(6);
    let (stored, orientation) = match format(&data) {
        Format::Jpeg => {
            let head = jpeg::head(&data);
            check_size(head.width, head.height, most);
            let turned = head.facts.orientation.swaps();
            let (w, h) = if turned { (height, width) } else { (width, height) };
            let plan = scale::Plan::of(head.width, head.height, Some(w), Some(h), &fit, false);
            // The scaled decoding wants the size that the whole picture gets, not that of the part which is kept.
            let (w, h) = plan.whole(head.width, head.height);
            (jpeg::decode_small(&data, &head, w, h), head.facts.orientation)
        }
        Format::Png => {
            let mut source = Png::open(&data, most);
            (source.picture(), source.facts().orientation)
        }
    };
    let (w, h) = if orientation.swaps() { (height, width) } else { (width, height) };
    let plan = scale::Plan::of(stored.width, stored.height, Some(w), Some(h), &fit, false);
    let small = turn::turned(scale::scaled(stored, &plan, "lanczos3"), orientation);
    levee::put_int(1, small.width as i64);
    levee::put_int(2, small.height as i64);
    encode::jpeg(small.opaque_if_needed(background), quality, 0);
}

/// A PNG file that is being read, as 8 bits a channel.
struct Png<'a> {
    reader: png::Reader<Cursor<&'a [u8]>>,
    width: u32,
    height: u32,
}

fn bad_png(e: png::DecodingError) -> ! {
    fail!("bad PNG: {e}")
}

impl Png<'_> {
    fn open(data: &[u8], most: i64) -> Png<'_> {
        let limits = png::Limits { bytes: 1 << 30 };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(data), limits);
        decoder.set_transformations(Transformations::normalize_to_color8());
        let info = decoder.read_header_info().unwrap_or_else(|e| bad_png(e));
        check_size(info.width, info.height, most);
        let reader = decoder.read_info().unwrap_or_else(|e| bad_png(e));
        let (width, height) = reader.info().size();
        Png { reader, width, height }
    }

    fn interlaced(&self) -> bool {
        self.reader.info().interlaced
    }

    fn facts(&self) -> Facts {
        crate::exif::read(self.reader.info().exif_metadata.as_deref())
    }

    /// Channels of our pictures: grey with alpha becomes RGBA.
    fn channels(&self) -> usize {
        match self.kind() {
            ColorType::Grayscale => 1,
            ColorType::Rgb => 3,
            _ => 4,
        }
    }

    fn kind(&self) -> ColorType {
        match self.reader.output_color_type() {
            (kind, BitDepth::Eight) => kind,
            (kind, depth) => fail!("bad PNG: {kind:?} with {depth:?} bits"),
        }
    }

    fn rows(&mut self, mut each: impl FnMut(&[u8])) {
        let grey_alpha = self.kind() == ColorType::GrayscaleAlpha;
        let mut wide = Vec::new();
        while let Some(row) = self.reader.next_row().unwrap_or_else(|e| bad_png(e)) {
            if grey_alpha {
                spread(row.data(), &mut wide);
                each(&wide);
            } else {
                each(row.data());
            }
        }
    }

    fn picture(&mut self) -> Picture {
        let channels = self.channels();
        let mut p = Picture::new(self.width, self.height, channels);
        if self.interlaced() {
            let size = self.reader.output_buffer_size().unwrap_or_else(|| levee::fail("bad PNG: too large"));
            let mut buf = vec![0; size];
            self.reader.next_frame(&mut buf).unwrap_or_else(|e| bad_png(e));
            if self.kind() == ColorType::GrayscaleAlpha {
                spread(&buf, &mut p.pixels);
            } else {
                p.pixels = buf;
            }
            return p;
        }
        let mut at = 0;
        self.rows(|row| {
            p.pixels[at..at + row.len()].copy_from_slice(row);
            at += row.len();
        });
        p
    }
}

/// Grey with alpha to RGBA.
fn spread(from: &[u8], to: &mut Vec<u8>) {
    to.clear();
    to.extend(from.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]));
}
