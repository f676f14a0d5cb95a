//! Pictures to files.

use crate::picture::{colour, Picture};
use crate::{fail, levee};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// Inputs: image, format, quality, background. Outputs: data, size.
pub fn encode() {
    let (format, quality) = (levee::string(1), levee::int(2) as u8);
    let background = colour(3);
    let p = Picture::input(0);
    match format.as_str() {
        "png" => png(&p, 0),
        _ => jpeg(p.opaque_if_needed(background), quality, 0),
    }
}

/// Writes a picture without alpha as JPEG.
pub fn jpeg(p: Picture, quality: u8, port: i32) {
    let mut encoder = Encoder::new(levee::Writer::new(port), quality);
    // What people see in photographs is mostly light, so colour at half the resolution is the rule until quality is asked for.
    encoder.set_sampling_factor(if quality < 90 { SamplingFactor::F_2_2 } else { SamplingFactor::F_1_1 });
    encoder.set_optimized_huffman_tables(true);
    let kind = if p.channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    encoder.encode(&p.pixels, p.width as u16, p.height as u16, kind).unwrap_or_else(|e| fail!("cannot encode as JPEG: {e}"));
}

fn png(p: &Picture, port: i32) {
    let mut encoder = png::Encoder::new(levee::Writer::new(port), p.width, p.height);
    encoder.set_color(match p.channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let wrong = |e: png::EncodingError| -> ! { fail!("cannot encode as PNG: {e}") };
    let mut writer = encoder.write_header().unwrap_or_else(|e| wrong(e));
    writer.write_image_data(&p.pixels).unwrap_or_else(|e| wrong(e));
    writer.finish().unwrap_or_else(|e| wrong(e));
}
