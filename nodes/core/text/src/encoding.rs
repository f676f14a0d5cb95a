//! Bytes to text and back.

use crate::{fail, levee};

// What windows-1252 has at 0x80 to 0x9f; everything else is Unicode's first 256 characters.
const WINDOWS_1252: &str =
    "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// Inputs: data, encoding, on_error. Output: text.
pub fn decode() {
    let (data, encoding) = (levee::bytes(0), levee::string(1));
    let replace = levee::string(2) == "replace";
    let (encoding, data) = match (encoding.as_str(), data.as_slice()) {
        ("auto" | "utf-8", [0xef, 0xbb, 0xbf, rest @ ..]) => ("utf-8", rest),
        ("auto" | "utf-16le", [0xff, 0xfe, rest @ ..]) => ("utf-16le", rest),
        ("auto" | "utf-16be", [0xfe, 0xff, rest @ ..]) => ("utf-16be", rest),
        ("auto", all) => ("utf-8", all),
        (named, all) => (named, all),
    };
    let text = match encoding {
        "utf-16le" | "utf-16be" => wide(data, encoding == "utf-16le", replace),
        "latin1" => data.iter().map(|b| *b as char).collect(),
        "windows-1252" => {
            let upper: Vec<char> = WINDOWS_1252.chars().collect();
            data.iter().map(|b| if (0x80..0xa0).contains(b) { upper[*b as usize - 0x80] } else { *b as char }).collect()
        }
        _ if replace => String::from_utf8_lossy(data).into_owned(),
        _ => match std::str::from_utf8(data) {
            Ok(text) => text.to_string(),
            Err(e) => {
                let at = e.valid_up_to();
                let line = 1 + data[..at].iter().filter(|b| **b == b'\n').count();
                fail!("byte {at} (line {line}) is 0x{:02x}, which is no UTF-8; try encoding: windows-1252, or on_error: replace", data[at])
            }
        },
    };
    levee::put_str(0, &text);
}

fn wide(data: &[u8], little: bool, replace: bool) -> String {
    let units = data.chunks_exact(2).map(|b| if little { u16::from_le_bytes([b[0], b[1]]) } else { u16::from_be_bytes([b[0], b[1]]) });
    let mut out = String::with_capacity(data.len());
    for (i, c) in char::decode_utf16(units).enumerate() {
        match c {
            Ok(c) => out.push(c),
            Err(_) if replace => out.push(char::REPLACEMENT_CHARACTER),
            Err(e) => fail!("character {i} is half of a UTF-16 pair (0x{:04x}); try on_error: replace", e.unpaired_surrogate()),
        }
    }
    if data.len() % 2 == 1 {
        if !replace {
            fail!("UTF-16 of {} bytes: an odd number", data.len());
        }
        out.push(char::REPLACEMENT_CHARACTER);
    }
    out
}

/// Inputs: text, encoding, bom, on_error. Output: data.
pub fn encode() {
    let (text, encoding, bom) = (levee::string(0), levee::string(1), levee::boolean(2));
    let replace = levee::string(3) == "replace";
    let mark = if bom { "\u{feff}" } else { "" };
    let mut out = levee::Writer::new(0);
    match encoding.as_str() {
        "utf-16le" => mark.encode_utf16().chain(text.encode_utf16()).for_each(|u| out.push(&u.to_le_bytes())),
        "utf-16be" => mark.encode_utf16().chain(text.encode_utf16()).for_each(|u| out.push(&u.to_be_bytes())),
        "utf-8" => {
            out.push(mark.as_bytes());
            out.push(text.as_bytes());
        }
        _ => {
            for (i, c) in text.chars().enumerate() {
                match single(c, encoding == "windows-1252") {
                    Some(b) => out.push(&[b]),
                    None if replace => out.push(b"?"),
                    None => fail!("character {i} is {c:?}, which {encoding} does not have; try utf-8, or on_error: replace"),
                }
            }
        }
    }
}

fn single(c: char, windows: bool) -> Option<u8> {
    if windows {
        if let Some(i) = WINDOWS_1252.chars().position(|w| w == c) {
            return Some(0x80 + i as u8);
        }
        if ('\u{80}'..'\u{a0}').contains(&c) {
            return None;
        }
    }
    u8::try_from(c as u32).ok()
}

/// Input: text. Output: data.
pub fn from_base64() {
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0);
    let text = levee::string(0);
    let mut digits = text.bytes().enumerate().filter(|(_, b)| !b.is_ascii_whitespace());
    for (at, b) in digits.by_ref() {
        let digit = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => fail!("byte {at} of the text is no base64"),
        };
        (bits, held) = (bits << 6 | u32::from(digit), held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    if digits.any(|(_, b)| b != b'=') || held >= 6 || bits != 0 {
        levee::fail("the base64 text does not end as one does");
    }
    levee::write(0, &out);
}
