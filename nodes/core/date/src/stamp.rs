//! A date, or a date and time, with or without an offset from UTC. What comes out has the form of what went in.

use crate::{fail, levee};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use serde_json::Value;

#[derive(Clone, Copy)]
pub struct Stamp {
    pub at: NaiveDateTime,
    pub offset: Option<FixedOffset>,
    pub whole_day: bool, // a date without a time
}

impl Stamp {
    /// An any input: a text in ISO 8601, or an object with year, month, day and perhaps hour, minute, second, microsecond.
    pub fn input(port: i32, name: &str) -> Stamp {
        let raw = levee::bytes(port);
        let found = match levee::dec_any(&raw) {
            ("string", text) => Stamp::iso(&String::from_utf8_lossy(text)),
            ("json", doc) => match serde_json::from_slice(doc) {
                Ok(Value::String(text)) => Stamp::iso(&text),
                Ok(Value::Object(m)) => Stamp::object(|key| m.get(key).and_then(Value::as_i64)),
                _ => None,
            },
            (kind, _) => fail!("{name} is of type {kind}; a date is a text or a JSON object"),
        };
        found.unwrap_or_else(|| fail!("{name} is no date: write 2026-11-25, 2026-11-25T14:30:00 or 2026-11-25T14:30:00+01:00, or an object with year, month, day"))
    }

    pub fn iso(text: &str) -> Option<Stamp> {
        let text = text.trim();
        if let Ok(t) = DateTime::parse_from_rfc3339(text) {
            return Some(Stamp { at: t.naive_local(), offset: Some(*t.offset()), whole_day: false });
        }
        let date = |form| NaiveDate::parse_from_str(text, form).ok().map(Stamp::day);
        let time = |form| NaiveDateTime::parse_from_str(text, form).ok().map(Stamp::time);
        date("%Y-%m-%d").or_else(|| time("%Y-%m-%dT%H:%M:%S%.f")).or_else(|| time("%Y-%m-%d %H:%M:%S%.f")).or_else(|| time("%Y-%m-%dT%H:%M"))
    }

    pub fn object(field: impl Fn(&str) -> Option<i64>) -> Option<Stamp> {
        let small = |key: &str, default: i64| u32::try_from(field(key).unwrap_or(default)).ok();
        let date = NaiveDate::from_ymd_opt(i32::try_from(field("year")?).ok()?, small("month", 1)?, small("day", 1)?)?;
        let time = NaiveTime::from_hms_micro_opt(small("hour", 0)?, small("minute", 0)?, small("second", 0)?, small("microsecond", 0)?)?;
        let whole_day = ["hour", "minute", "second", "microsecond"].iter().all(|key| field(key).is_none());
        Some(Stamp { at: date.and_time(time), offset: None, whole_day })
    }

    pub fn day(date: NaiveDate) -> Stamp {
        Stamp { at: date.and_time(NaiveTime::MIN), offset: None, whole_day: true }
    }

    pub fn time(at: NaiveDateTime) -> Stamp {
        Stamp { at, offset: None, whole_day: false }
    }

    /// The same kind of stamp at another time; None when that lies beyond what a calendar holds.
    pub fn moved(self, at: Option<NaiveDateTime>) -> Option<Stamp> {
        at.map(|at| Stamp { at, whole_day: self.whole_day && at.time() == NaiveTime::MIN, ..self })
    }

    /// The time in UTC; one without an offset is taken to be there.
    pub fn utc(&self) -> NaiveDateTime {
        self.offset.and_then(|o| self.at.checked_sub_offset(o)).unwrap_or(self.at)
    }

    pub fn text(&self) -> String {
        if self.whole_day {
            return self.at.format("%Y-%m-%d").to_string();
        }
        let form = if self.at.nanosecond() == 0 { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S%.6f" };
        self.at.format(form).to_string() + &self.offset.map_or(String::new(), |o| o.to_string())
    }

    pub fn put(&self, port: i32) {
        levee::put_str(port, &self.text());
    }
}
