//! Dates and times of DEFAULTs in the form in which the servers print them.

/// `2020-1-2` as `2020-01-02`; `None` for anything else.
pub(super) fn date(text: &str) -> Option<String> {
    let mut parts = text.trim().split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    // The servers guess the century of a year with two digits; nobody should have to.
    if year.len() != 4 || parts.next().is_some() {
        return None;
    }
    Some(format!(
        "{:04}-{:02}-{:02}",
        number(year)?,
        number(month)?,
        number(day)?
    ))
}

/// A day, with a time of day where it is not midnight's, in full; `None` for anything else and for a
/// fraction that the digits would round.
pub(super) fn date_time(text: &str, digits: u8) -> Option<String> {
    let text = text.trim();
    let (day, time_of_day) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    if time_of_day.starts_with('-') {
        return None;
    }
    Some(format!("{} {}", date(day)?, time(time_of_day, digits)?))
}

/// `-1:02` as `-01:02:00.000000`; `None` for anything else and for a fraction that the digits would round.
pub(super) fn time(text: &str, digits: u8) -> Option<String> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    // One number alone would be seconds to the server and hours to many a reader.
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let fraction = fraction.trim_end_matches('0');
    if parts.next().is_some() || fraction.len() > usize::from(digits) || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(format!(
        "{sign}{:02}:{:02}:{:02}.{fraction:0<6}",
        number(hours)?,
        number(minutes)?,
        number(seconds)?
    ))
}

fn number(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_full() {
        assert_eq!(time("-1:2", 0).as_deref(), Some("-01:02:00.000000"));
        assert_eq!(time("838:59:59", 6).as_deref(), Some("838:59:59.000000"));
        assert_eq!(
            date_time("2020-1-2 3:04", 0).as_deref(),
            Some("2020-01-02 03:04:00.000000")
        );
        for wrong in ["", "10", "1:2:3:4", "1:2:3.x", "a:b", "1:2:3.1234567"] {
            assert_eq!(time(wrong, 6), None, "{wrong}");
        }
        for wrong in ["", "20-01-02", "2020-01", "2020-01-02-03", "2020-01-x"] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }
}
