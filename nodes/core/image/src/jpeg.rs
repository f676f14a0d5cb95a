//! JPEG: the head, whole pictures, and small ones straight from the transform.

use crate::exif::{self, Facts};
use crate::picture::Picture;
use crate::{fail, levee};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

pub struct Head {
    pub width: u32,
    pub height: u32,
    pub grey: bool,
    pub facts: Facts,
}

fn wrong(e: impl std::fmt::Debug) -> ! {
    fail!("bad JPEG: {e:?}")
}

fn open(data: &[u8], grey: bool) -> JpegDecoder<ZCursor<&[u8]>> {
    let side = crate::picture::MAX_SIDE as usize;
    let space = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::new_fast().set_max_width(side).set_max_height(side).jpeg_set_out_colorspace(space).set_strict_mode(false);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers().unwrap_or_else(|e| wrong(e));
    decoder
}

pub fn head(data: &[u8]) -> Head {
    let decoder = open(data, false);
    let info = decoder.info().unwrap_or_else(|| levee::fail("bad JPEG: no picture in it"));
    Head {
        width: info.width as u32,
        height: info.height as u32,
        grey: decoder.input_colorspace() == Some(ColorSpace::Luma),
        facts: exif::read(decoder.exif().map(|v| v.as_slice())),
    }
}

/// The whole picture as it is stored.
pub fn decode(data: &[u8], head: &Head) -> Picture {
    let mut decoder = open(data, head.grey);
    let mut p = Picture::new(head.width, head.height, if head.grey { 1 } else { 3 });
    if decoder.output_buffer_size() != Some(p.pixels.len()) {
        levee::fail("bad JPEG: its colours are none that this node knows (grey, YCbCr, RGB, CMYK)");
    }
    decoder.decode_into(&mut p.pixels).unwrap_or_else(|e| wrong(e));
    p
}

/// The picture at 1/1, 1/2, 1/4 or 1/8 of its size, the smallest that is not smaller than width x height.
pub fn decode_small(data: &[u8], head: &Head, width: u32, height: u32) -> Picture {
    let mut decoder = jpeg_decoder::Decoder::new(data);
    let side = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    let scaled = decoder.scale(side(width), side(height));
    let format = decoder.info().map(|i| i.pixel_format);
    // CMYK is rare, and the other decoder turns it into RGB.
    let (Ok((w, h)), Some(jpeg_decoder::PixelFormat::L8 | jpeg_decoder::PixelFormat::RGB24)) = (scaled, format) else {
        return decode(data, head);
    };
    let channels = if format == Some(jpeg_decoder::PixelFormat::L8) { 1 } else { 3 };
    match decoder.decode() {
        Ok(pixels) => Picture { width: w as u32, height: h as u32, channels, pixels },
        Err(_) => decode(data, head), // it is the more forgiving one
    }
}
