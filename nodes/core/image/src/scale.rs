//! image/resize, and the arithmetic of fitting.

use crate::picture::Picture;
use crate::{fail, levee};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4, U8};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

/// Which part of a picture becomes a picture of which size.
#[derive(Debug, PartialEq)]
pub struct Plan {
    pub width: u32,
    pub height: u32,
    crop: (f64, f64, f64, f64), // left, top, width, height
}

impl Plan {
    /// fit: contain keeps everything inside width x height; cover fills it and cuts the middle out; fill stretches. With one side
    /// given the other follows. Without upscale nothing grows.
    pub fn of(w: u32, h: u32, width: Option<u32>, height: Option<u32>, fit: &str, upscale: bool) -> Plan {
        let (fw, fh) = (w as f64, h as f64);
        let whole = (0.0, 0.0, fw, fh);
        let side = |f: f64| (f.round() as u32).max(1);
        let (tw, th) = match (width, height) {
            (Some(tw), Some(th)) => (tw, th),
            (Some(tw), None) => return Plan::scaled(fw, fh, tw as f64 / fw, upscale),
            (None, Some(th)) => return Plan::scaled(fw, fh, th as f64 / fh, upscale),
            (None, None) => (w, h),
        };
        let (rx, ry) = (tw as f64 / fw, th as f64 / fh);
        match fit {
            "cover" => {
                let ratio = if upscale { rx.max(ry) } else { rx.max(ry).min(1.0) };
                let (cw, ch) = ((tw as f64 / ratio).min(fw), (th as f64 / ratio).min(fh));
                Plan { width: side(cw * ratio), height: side(ch * ratio), crop: ((fw - cw) / 2.0, (fh - ch) / 2.0, cw, ch) }
            }
            "fill" if upscale => Plan { width: tw, height: th, crop: whole },
            "fill" => Plan { width: tw.min(w), height: th.min(h), crop: whole },
            _ => Plan::scaled(fw, fh, rx.min(ry), upscale),
        }
    }

    fn scaled(fw: f64, fh: f64, ratio: f64, upscale: bool) -> Plan {
        let ratio = if upscale { ratio } else { ratio.min(1.0) };
        let side = |f: f64| (f.round() as u32).max(1);
        Plan { width: side(fw * ratio), height: side(fh * ratio), crop: (0.0, 0.0, fw, fh) }
    }

    /// The size that the whole picture would have at the scale of the part that is kept.
    pub fn whole(&self, w: u32, h: u32) -> (u32, u32) {
        let side = |part: u32, cut: f64, all: u32| (part as f64 * all as f64 / cut).ceil().max(1.0) as u32;
        (side(self.width, self.crop.2, w), side(self.height, self.crop.3, h))
    }
}

/// Carries out a plan.
pub fn scaled(p: Picture, plan: &Plan, filter: &str) -> Picture {
    let whole = plan.crop == (0.0, 0.0, p.width as f64, p.height as f64);
    if whole && (plan.width, plan.height) == (p.width, p.height) {
        return p;
    }
    let algorithm = match filter {
        "nearest" => ResizeAlg::Nearest,
        "triangle" => ResizeAlg::Convolution(FilterType::Bilinear),
        "catmull" => ResizeAlg::Convolution(FilterType::CatmullRom),
        _ => ResizeAlg::Convolution(FilterType::Lanczos3),
    };
    let (left, top, width, height) = plan.crop;
    let options = ResizeOptions::new().resize_alg(algorithm).crop(left, top, width, height).use_alpha(p.channels == 4);
    let mut out = Picture::new(plan.width, plan.height, p.channels);
    match p.channels {
        1 => resample::<U8>(&p, &mut out, &options),
        3 => resample::<U8x3>(&p, &mut out, &options),
        _ => resample::<U8x4>(&p, &mut out, &options),
    }
    out
}

// Typed, so that the module holds the code for these three kinds of pixels and not for all thirteen of the crate.
fn resample<P: PixelTrait>(from: &Picture, to: &mut Picture, options: &ResizeOptions) {
    let source = TypedImageRef::<P>::from_buffer(from.width, from.height, &from.pixels);
    let target = TypedImage::<P>::from_buffer(to.width, to.height, &mut to.pixels);
    let (Ok(source), Ok(mut target)) = (source, target) else { levee::fail("cannot resize: the pixels do not fill the picture") };
    Resizer::new().resize_typed(&source, &mut target, options).unwrap_or_else(|e| fail!("cannot resize: {e}"));
}

/// Inputs: image, width, height, fit, filter, upscale. Output: image.
pub fn resize() {
    let side = |port| levee::given(port).then(|| levee::int(port) as u32);
    let (width, height) = (side(1), side(2));
    if width.is_none() && height.is_none() {
        levee::fail("give width, or height, or both");
    }
    let p = Picture::input(0);
    let plan = Plan::of(p.width, p.height, width, height, &levee::string(3), levee::boolean(5));
    scaled(p, &plan, &levee::string(4)).put(0);
}
