//! Counting in days and hours.

use crate::stamp::Stamp;
use crate::{fail, levee};
use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta};

/// Inputs: date, years, months, days, hours, minutes, seconds. Output: date. A day that the month does not have becomes its last.
pub fn add() {
    let stamp = Stamp::input(0, "date");
    let n: Vec<i64> = (1..7).map(levee::int).collect();
    let months = n[0].checked_mul(12).and_then(|m| m.checked_add(n[1])).and_then(|m| i32::try_from(m).ok());
    let moved = months.and_then(|m| {
        let count = Months::new(m.unsigned_abs());
        if m < 0 { stamp.at.checked_sub_months(count) } else { stamp.at.checked_add_months(count) }
    });
    let span = |unit: fn(i64) -> Option<TimeDelta>, n| unit(n);
    let moved = [(TimeDelta::try_days as fn(i64) -> _, n[2]), (TimeDelta::try_hours, n[3]), (TimeDelta::try_minutes, n[4]), (TimeDelta::try_seconds, n[5])]
        .into_iter()
        .fold(moved, |at, (unit, n)| at.and_then(|at| at.checked_add_signed(span(unit, n)?)));
    let out = stamp.moved(moved).unwrap_or_else(|| fail!("the result lies beyond what a calendar holds"));
    out.put(0);
}

/// Inputs: start, end. Outputs: total_seconds, days, hours, minutes, seconds, total_days.
pub fn difference() {
    let span = Stamp::input(1, "end").utc() - Stamp::input(0, "start").utc();
    let total = span.num_seconds();
    let (days, rest) = (total.div_euclid(86_400), total.rem_euclid(86_400));
    levee::put_int(0, total);
    levee::put_int(1, days);
    levee::put_int(2, rest / 3600);
    levee::put_int(3, rest % 3600 / 60);
    levee::put_int(4, rest % 60);
    levee::put_float(5, total as f64 / 86_400.0);
}

/// Inputs: date, start, end, inclusive. Output: result.
pub fn between() {
    let (at, from, to) = (Stamp::input(0, "date").utc(), Stamp::input(1, "start").utc(), Stamp::input(2, "end").utc());
    levee::put_bool(0, if levee::boolean(3) { from <= at && at <= to } else { from < at && at < to });
}

const MOST: usize = 1_000_000;

/// Inputs: start, end, step. Outputs: dates, count.
pub fn range() {
    let (start, end, step) = (Stamp::input(0, "start"), Stamp::input(1, "end").utc(), levee::int(2) as u64);
    let mut dates = Vec::new();
    let mut next = Some(start);
    while let Some(stamp) = next.filter(|s| s.utc() <= end) {
        if dates.len() == MOST {
            fail!("more than {MOST} dates");
        }
        dates.push(stamp.text());
        next = stamp.moved(stamp.at.checked_add_days(Days::new(step)));
    }
    levee::put_list(0, &dates);
    levee::put_int(1, dates.len() as i64);
}

/// Inputs: date, period, boundary, week_start. Output: date.
pub fn boundary() {
    let stamp = Stamp::input(0, "date");
    let (period, end) = (levee::string(1), levee::string(2) == "end");
    let day = stamp.at.date();
    let first = match period.as_str() {
        "day" => Some(day),
        "week" => {
            let back = if levee::string(3) == "sunday" { day.weekday().num_days_from_sunday() } else { day.weekday().num_days_from_monday() };
            day.checked_sub_days(Days::new(back as u64))
        }
        "month" => NaiveDate::from_ymd_opt(day.year(), day.month(), 1),
        "quarter" => NaiveDate::from_ymd_opt(day.year(), day.quarter() * 3 - 2, 1),
        _ => NaiveDate::from_ymd_opt(day.year(), 1, 1),
    };
    let behind = |first: NaiveDate| match period.as_str() {
        "day" => first.checked_add_days(Days::new(1)),
        "week" => first.checked_add_days(Days::new(7)),
        "month" => first.checked_add_months(Months::new(1)),
        "quarter" => first.checked_add_months(Months::new(3)),
        _ => first.checked_add_months(Months::new(12)),
    };
    let at = match (end, stamp.whole_day) {
        (false, _) => first.map(|d| d.and_time(NaiveTime::MIN)),
        (true, true) => first.and_then(behind).and_then(|d| d.pred_opt()).map(|d| d.and_time(NaiveTime::MIN)),
        (true, false) => first.and_then(behind).and_then(|d| d.and_time(NaiveTime::MIN).checked_sub_signed(TimeDelta::microseconds(1))),
    };
    let out = stamp.moved(at).unwrap_or_else(|| fail!("the result lies beyond what a calendar holds"));
    out.put(0);
}
