//! Dates and texts.

use crate::short::short;
use crate::stamp::Stamp;
use crate::{fail, levee};
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};

/// Inputs: text, format. Output: date.
pub fn parse() {
    let (text, form) = (levee::string(0), levee::string(1));
    let found = if form.is_empty() { Stamp::iso(&text) } else { parse_as(&text, &form) };
    let Some(stamp) = found else {
        let form = if form.is_empty() { "ISO 8601, as 2026-11-25 or 2026-11-25T14:30:00+01:00" } else { &form };
        fail!("{} does not read as {form}", short(&text))
    };
    stamp.put(0);
}

fn parse_as(text: &str, form: &str) -> Option<Stamp> {
    check(form);
    if let Ok(t) = DateTime::parse_from_str(text, form) {
        return Some(Stamp { at: t.naive_local(), offset: Some(*t.offset()), whole_day: false });
    }
    let time = || NaiveDateTime::parse_from_str(text, form).ok().map(Stamp::time);
    time().or_else(|| NaiveDate::parse_from_str(text, form).ok().map(Stamp::day))
}

/// Inputs: date, format. Output: text.
pub fn format() {
    let (stamp, form) = (Stamp::input(0, "date"), levee::string(1));
    check(&form);
    let mut out = String::new();
    let written = match stamp.offset.and_then(|o| stamp.at.and_local_timezone(o).single()) {
        Some(t) => std::fmt::write(&mut out, format_args!("{}", t.format(&form))),
        None => std::fmt::write(&mut out, format_args!("{}", stamp.at.format(&form))),
    };
    if written.is_err() {
        fail!("format {form:?} asks for an offset from UTC, which {} does not have", stamp.text());
    }
    levee::put_str(0, &out);
}

fn check(form: &str) {
    if StrftimeItems::new(form).any(|item| item == Item::Error) {
        fail!("format {form:?} holds something that strftime does not know");
    }
}

/// Inputs: year, month, day, hour, minute, second. Output: date.
pub fn make() {
    const FIELDS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];
    let field = |key: &str| {
        let port = FIELDS.iter().position(|f| *f == key)? as i32;
        levee::given(port).then(|| levee::int(port))
    };
    let stamp = Stamp::object(field).unwrap_or_else(|| fail!("there is no such date or time"));
    stamp.put(0);
}

/// Input: date. Outputs: year, month, day, hour, minute, second, weekday, weekday_name, month_name, quarter, week, day_of_year, unix.
pub fn parts() {
    let stamp = Stamp::input(0, "date");
    let t = stamp.at;
    let numbers = [t.year() as i64, t.month() as i64, t.day() as i64, t.hour() as i64, t.minute() as i64, t.second() as i64, t.weekday().num_days_from_monday() as i64];
    for (port, n) in numbers.into_iter().enumerate() {
        levee::put_int(port as i32, n);
    }
    levee::put_str(7, &t.format("%A").to_string());
    levee::put_str(8, &t.format("%B").to_string());
    levee::put_int(9, t.quarter() as i64);
    levee::put_int(10, t.iso_week().week() as i64);
    levee::put_int(11, t.ordinal() as i64);
    levee::put_int(12, stamp.utc().and_utc().timestamp());
}
