//! Dates, times and spans as text: RFC 3339 both ways, and what Go prints for a time by itself.

use super::short::Short;
use crate::table::{CivilDate, CivilDateTime, CivilTime};

/// Minutes of a day.
const DAY: i32 = 24 * 60;

/// `2024-01-02T02:04:05Z`, with six digits of a second's fraction unless it is 0.
pub(super) fn write_rfc3339(at: CivilDateTime) -> Short {
    let mut out = Short::new();
    let date = at.date;
    for (number, digits, after) in [
        (u32::from(date.year), 4, b"-"),
        (date.month.into(), 2, b"-"),
        (date.day.into(), 2, b"T"),
        (at.hour.into(), 2, b":"),
        (at.minute.into(), 2, b":"),
    ] {
        out.digits(number.into(), digits);
        out.push(after);
    }
    out.digits(at.second.into(), 2);
    write_fraction(&mut out, at.micros);
    out.push(b"Z");
    out
}

/// `-838:59:59`, with six digits of a second's fraction unless it is 0.
pub(super) fn write_span(span: CivilTime) -> Short {
    let mut out = Short::new();
    if span.negative {
        out.push(b"-");
    }
    out.digits(span.hours.into(), 2);
    out.push(b":");
    out.digits(span.minutes.into(), 2);
    out.push(b":");
    out.digits(span.seconds.into(), 2);
    write_fraction(&mut out, span.micros);
    out
}

fn write_fraction(out: &mut Short, micros: u32) {
    if micros > 0 {
        out.push(b".");
        out.digits(micros.into(), 6);
    }
}

/// Reads RFC 3339: `2024-01-02T02:04:05Z`, with a fraction, with an offset, which is subtracted. `None`
/// when it is not that, no such day or finer than microseconds. MySQL's zero dates are days here.
pub(in crate::stream) fn rfc3339(text: &[u8]) -> Option<CivilDateTime> {
    let mut rest = Scan(text);
    let date = rest.date()?;
    rest.literal(b'T')?;
    let at = rest.time_of_day(date)?;
    let offset = match rest.sign_or_z()? {
        None => 0,
        Some(sign) => {
            let hours = rest.number(2)?;
            rest.literal(b':')?;
            sign * minutes_of(hours, rest.number(2)?)?
        }
    };
    rest.end()?;
    shifted(at, offset)
}

/// Reads what Go prints for a time: `2024-01-02 03:04:05 +0000 UTC`.
pub(super) fn go_time(text: &[u8]) -> Option<CivilDateTime> {
    let mut rest = Scan(text);
    let date = rest.date()?;
    rest.literal(b' ')?;
    let at = rest.time_of_day(date)?;
    rest.literal(b' ')?;
    let sign = rest.sign_or_z()??;
    let offset = sign * minutes_of(rest.number(2)?, rest.number(2)?)?;
    // The name of the zone says nothing that the offset did not; the reading of the monotonic clock, which
    // may come after it, even less.
    rest.literal(b' ')?;
    shifted(at, offset)
}

/// Reads a span as `TIME` holds it: `-838:59:59`, with a fraction.
pub(super) fn span(text: &[u8]) -> Option<CivilTime> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut rest = Scan(text);
    let hours = if text.get(2) == Some(&b':') { 2 } else { 3 };
    let hours = rest.number(hours)?;
    rest.literal(b':')?;
    let minutes = rest.number(2)?;
    rest.literal(b':')?;
    let seconds = rest.number(2)?;
    let micros = rest.fraction()?;
    rest.end()?;
    if hours > 838 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some(CivilTime {
        negative,
        hours: u16::try_from(hours).ok()?,
        minutes: u8::try_from(minutes).ok()?,
        seconds: u8::try_from(seconds).ok()?,
        micros,
    })
}

/// A text of which parts are taken from the front.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    /// A number of exactly so many digits, at most six.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0u32, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
        })
    }

    fn literal(&mut self, wanted: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[wanted])?;
        Some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// `Some(None)` for Z, else 1 or -1.
    fn sign_or_z(&mut self) -> Option<Option<i32>> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        match first {
            b'Z' => Some(None),
            b'+' => Some(Some(1)),
            b'-' => Some(Some(-1)),
            _ => None,
        }
    }

    fn date(&mut self) -> Option<CivilDate> {
        let year = self.number(4)?;
        self.literal(b'-')?;
        let month = self.number(2)?;
        self.literal(b'-')?;
        let day = self.number(2)?;
        let date = CivilDate {
            year: u16::try_from(year).ok()?,
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
        };
        let longest = if date.month == 0 {
            31
        } else {
            days_of(date.year, date.month)?
        };
        (date.day <= longest).then_some(date)
    }

    fn time_of_day(&mut self, date: CivilDate) -> Option<CivilDateTime> {
        let hour = self.number(2)?;
        self.literal(b':')?;
        let minute = self.number(2)?;
        self.literal(b':')?;
        let second = self.number(2)?;
        let micros = self.fraction()?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Some(CivilDateTime {
            date,
            hour: u8::try_from(hour).ok()?,
            minute: u8::try_from(minute).ok()?,
            second: u8::try_from(second).ok()?,
            micros,
        })
    }

    /// The microseconds of `.5`, 0 where there is no point. What is finer must be zeros.
    fn fraction(&mut self) -> Option<u32> {
        if self.literal(b'.').is_none() {
            return Some(0);
        }
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let (micros, finer) = digits.split_at(length.min(6));
        if length == 0 || finer.iter().any(|&byte| byte != b'0') {
            return None;
        }
        let missing = u32::try_from(6 - micros.len()).ok()?;
        let number = Scan(micros).number(micros.len())?;
        Some(number * 10u32.pow(missing))
    }
}

fn minutes_of(hours: u32, minutes: u32) -> Option<i32> {
    if hours > 23 || minutes > 59 {
        return None;
    }
    i32::try_from(hours * 60 + minutes).ok()
}

/// The days of a month; `None` where there is no such month.
fn days_of(year: u16, month: u8) -> Option<u8> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => Some(28 + u8::from(leap)),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// The same instant in UTC, of a time with this offset in minutes.
fn shifted(mut at: CivilDateTime, offset: i32) -> Option<CivilDateTime> {
    if offset == 0 {
        return Some(at);
    }
    let minutes = i32::from(at.hour) * 60 + i32::from(at.minute) - offset;
    let of_day = minutes.rem_euclid(DAY);
    at.hour = u8::try_from(of_day / 60).ok()?;
    at.minute = u8::try_from(of_day % 60).ok()?;
    at.date = match minutes.div_euclid(DAY) {
        0 => Some(at.date),
        1 => next(at.date),
        _ => previous(at.date),
    }?;
    Some(at)
}

/// The day after; `None` after the year 9999 and for zero dates.
fn next(date: CivilDate) -> Option<CivilDate> {
    let CivilDate { year, month, day } = date;
    if day == 0 || month == 0 {
        return None;
    }
    if day < days_of(year, month)? {
        return Some(CivilDate { day: day + 1, ..date });
    }
    match (month, year) {
        (1..12, _) => Some(CivilDate {
            month: month + 1,
            day: 1,
            ..date
        }),
        (_, 9999..) => None,
        _ => Some(CivilDate {
            year: year + 1,
            month: 1,
            day: 1,
        }),
    }
}

/// The day before; `None` before the year 0 and for zero dates.
fn previous(date: CivilDate) -> Option<CivilDate> {
    let CivilDate { year, month, day } = date;
    match (day, month) {
        (0, _) | (_, 0) => None,
        (1, 1) => Some(CivilDate {
            year: year.checked_sub(1)?,
            month: 12,
            day: 31,
        }),
        (1, _) => Some(CivilDate {
            month: month - 1,
            day: days_of(year, month - 1)?,
            ..date
        }),
        _ => Some(CivilDate { day: day - 1, ..date }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<String> {
        rfc3339(text.as_bytes()).map(|at| String::from_utf8(write_rfc3339(at).as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn times_are_read_as_rfc_3339() {
        for (text, read) in [
            ("2024-01-02T02:04:05Z", "2024-01-02T02:04:05Z"),
            ("2024-01-02T02:04:05+00:00", "2024-01-02T02:04:05Z"),
            ("2024-01-02T02:04:05.5Z", "2024-01-02T02:04:05.500000Z"),
            ("2024-01-02T02:04:05.123456000Z", "2024-01-02T02:04:05.123456Z"),
            ("2024-02-29T23:30:00-01:30", "2024-03-01T01:00:00Z"),
            ("2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00Z"),
            ("2024-01-01T00:00:00+00:01", "2023-12-31T23:59:00Z"),
            ("2023-12-31T23:59:00-00:01", "2024-01-01T00:00:00Z"),
            ("2024-06-15T12:00:00+02:00", "2024-06-15T10:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("1000-01-01T00:00:00Z", "1000-01-01T00:00:00Z"),
            ("0000-00-00T00:00:00Z", "0000-00-00T00:00:00Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Some(read), "{text}");
        }
        for text in [
            "",
            "2024-01-02",
            "2024-01-02T02:04Z",
            "2024-01-02T02:04:05",
            "2024-01-02 02:04:05Z",
            "2024-01-02T02:04:05.Z",
            "2024-01-02T02:04:05.1234567Z",
            "2024-01-02T02:04:05ZZ",
            "2024-01-02T24:00:00Z",
            "2024-01-02T02:60:00Z",
            "2024-01-02T02:04:60Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-02T02:04:05+24:00",
            "2024-01-02T02:04:05+0100",
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00+00:01",
            "0000-00-00T00:00:00+00:01",
            "+024-01-02T02:04:05Z",
            "2024-01-02T02:04:05.99999999999999999999999999Z",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn gos_own_text_of_a_time_is_read() {
        let plain = rfc3339(b"2024-01-02T03:04:05Z");
        assert_eq!(go_time(b"2024-01-02 03:04:05 +0000 UTC"), plain);
        assert_eq!(go_time(b"2024-01-02 05:04:05 +0200 CEST"), plain);
        assert_eq!(go_time(b"2024-01-02 03:04:05 +0000 UTC m=+0.000012"), plain);
        assert_eq!(
            go_time(b"2024-01-02 03:04:05.25 +0000 UTC"),
            rfc3339(b"2024-01-02T03:04:05.25Z")
        );
        assert_eq!(go_time(b"2024-01-02 03:04:05"), None);
        assert_eq!(go_time(b"2024-01-02T03:04:05Z"), None);
    }

    #[test]
    fn spans_are_read_and_written() {
        for text in [
            "00:00:00",
            "-00:00:01",
            "838:59:59",
            "-838:59:59",
            "100:00:00.000001",
            "23:59:59.999999",
        ] {
            let read = span(text.as_bytes()).unwrap();
            assert_eq!(write_span(read).as_bytes(), text.as_bytes());
        }
        for text in [
            "",
            "-",
            "1:00:00",
            "839:00:00",
            "00:60:00",
            "00:00:60",
            "00:00",
            "00:00:00.",
            "a0:00:00",
            "0000:00:00",
        ] {
            assert_eq!(span(text.as_bytes()), None, "{text}");
        }
    }
}
