//! What a camera wrote into a file, and how the picture is to be turned.

use exif::{In, Reader, Tag, Value};
use serde_json::{Map, Value as Json};

/// How to show a stored picture: EXIF's orientation, 1 to 8.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Orientation(u8);

impl Orientation {
    pub const UPRIGHT: Orientation = Orientation(1);

    pub fn new(n: u32) -> Orientation {
        Orientation(if (1..=8).contains(&n) { n as u8 } else { 1 })
    }
    pub fn number(self) -> u8 {
        self.0
    }
    /// Whether width and height change places.
    pub fn swaps(self) -> bool {
        self.0 >= 5
    }
    /// Where the pixel that is shown at x, y lies in the stored picture of these sides.
    pub fn source(self, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
        let (right, bottom) = (width - 1, height - 1);
        match self.0 {
            2 => (right - x, y),
            3 => (right - x, bottom - y),
            4 => (x, bottom - y),
            5 => (y, x),
            6 => (y, bottom - x),
            7 => (right - y, bottom - x),
            8 => (right - y, x),
            _ => (x, y),
        }
    }
}

/// The facts of an EXIF block that people ask for. Damaged blocks are common and harmless: what cannot be read is left out.
pub struct Facts {
    pub orientation: Orientation,
    pub fields: Map<String, Json>,
}

pub fn read(block: Option<&[u8]>) -> Facts {
    let mut facts = Facts { orientation: Orientation::UPRIGHT, fields: Map::new() };
    let block = block.map(|b| b.strip_prefix(b"Exif\0\0").unwrap_or(b));
    let Some(Ok(exif)) = block.map(|b| Reader::new().read_raw(b.to_vec())) else { return facts };
    let number = |tag| exif.get_field(tag, In::PRIMARY).and_then(|f| f.value.get_uint(0));
    facts.orientation = Orientation::new(number(Tag::Orientation).unwrap_or(1));
    let text = |tag| match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(parts) => {
            let text = String::from_utf8_lossy(parts.first()?).trim_matches(['\0', ' ']).to_string();
            (!text.is_empty()).then_some(text)
        }
        _ => None,
    };
    let real = |tag| match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Rational(v) => v.first().map(|r| r.to_f64()).filter(|f| f.is_finite()),
        _ => None,
    };
    let mut set = |name: &str, v: Option<Json>| v.map(|v| facts.fields.insert(name.to_string(), v));
    set("make", text(Tag::Make).map(Json::from));
    set("model", text(Tag::Model).map(Json::from));
    set("taken", text(Tag::DateTimeOriginal).or_else(|| text(Tag::DateTime)).map(|t| Json::from(t.replacen(':', "-", 2))));
    set("exposure_s", real(Tag::ExposureTime).map(Json::from));
    set("aperture_f", real(Tag::FNumber).map(Json::from));
    set("focal_mm", real(Tag::FocalLength).map(Json::from));
    set("iso", number(Tag::PhotographicSensitivity).map(Json::from));
    facts
}
