//! Numbers as text.

#![allow(dead_code)] // no pack needs all of it

/// The shortest text that reads back as f, laid out as in JSON (RFC 8785 section 3.2.2.3): 0.5, 100, 1e+21, 1e-7. NaN and the
/// infinities are "NaN", "inf" and "-inf".
pub fn float_text(f: f64) -> String {
    if f.is_nan() {
        return "NaN".to_string();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    if f == 0.0 {
        return "0".to_string();
    }
    if (1e-6..1e21).contains(&f.abs()) {
        return format!("{f}");
    }
    let text = format!("{f:e}");
    match text.split_once('e') {
        Some((digits, exp)) if !exp.starts_with('-') => format!("{digits}e+{exp}"),
        _ => text,
    }
}

/// A number text with separators between groups of three digits: 1234567.5 becomes 1,234,567.5.
pub fn grouped(text: &str) -> String {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let whole = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let mut out = sign.to_string();
    for (i, c) in rest[..whole].chars().enumerate() {
        if i > 0 && (whole - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    out + &rest[whole..]
}
