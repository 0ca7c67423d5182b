//! Numbers and booleans as Go writes them, and back.

use std::fmt::{LowerExp, Write as _};

use super::short::{Short, four};

/// The most digits that a DECIMAL has, before and after the point together and each by itself.
const DECIMAL_DIGITS: usize = 65;

/// A float as Go's `strconv.FormatFloat(v, 'g', -1, bits)` writes it: the fewest digits that read back
/// as the same number, with an exponent of two digits at least when it is below -4 or above 5.
pub(super) fn go_float<F: LowerExp + Copy + Into<f64>>(value: F) -> Short {
    let wide: f64 = value.into();
    let mut out = Short::new();
    if wide.is_nan() {
        out.push(b"NaN");
        return out;
    }
    if wide.is_infinite() {
        out.push(if wide > 0.0 { b"+Inf" } else { b"-Inf" });
        return out;
    }
    let is_double = size_of::<F>() == size_of::<f64>();
    if is_double && let Some((whole, fraction)) = few_digits(wide.abs()) {
        if wide.is_sign_negative() {
            out.push(b"-");
        }
        out.digits(whole, 1);
        let (places, digits) = decimals(fraction);
        if places > 0 {
            out.push(b".");
            out.push(&digits[..places]);
        }
        return out;
    }
    // Rust's `{:e}` has the fewest digits too, in one form only: `-1.5e300`.
    let mut scientific = Short::new();
    let _ = write!(scientific, "{value:e}");
    let Some((mantissa, exponent)) = parts(scientific.as_bytes()) else {
        return scientific;
    };
    let mantissa = match mantissa.strip_prefix(b"-") {
        Some(positive) => {
            out.push(b"-");
            positive
        }
        None => mantissa,
    };
    if !(-4..6).contains(&exponent) {
        out.push(mantissa);
        out.push(if exponent < 0 { b"e-" } else { b"e+" });
        out.digits(exponent.unsigned_abs().into(), 2);
        return out;
    }
    // The digits without their point, which stands after the first.
    let (first, rest) = (&mantissa[..1], mantissa.get(2..).unwrap_or_default());
    match usize::try_from(exponent) {
        Ok(shift) => {
            out.push(first);
            let (before, after) = rest.split_at(shift.min(rest.len()));
            out.push(before);
            out.push(&b"00000"[..shift - before.len()]);
            if !after.is_empty() {
                out.push(b".");
                out.push(after);
            }
        }
        Err(_) => {
            out.push(b"0.");
            let zeros = usize::from(exponent.unsigned_abs()) - 1;
            out.push(&b"000"[..zeros]);
            out.push(first);
            out.push(rest);
        }
    }
    out
}

/// A number below a million with up to four digits after the point, as amounts of money are: what stands before the
/// point, and the ten-thousandths behind it.
//
// A ten-thousandth of a whole number, divided exactly as parsing its digits would be, is this number; and no other
// decimal of up to 15 digits is, so that without its zeros at the end it has the fewest digits. Of sixteenths it is known
// without the division, which takes as long as all the rest: ten thousand of them are a whole number.
#[inline]
pub(super) fn few_digits(value: f64) -> Option<(u64, u64)> {
    if !(1e-4..1e6).contains(&value) && value != 0.0 {
        return None;
    }
    // Rounded to the nearest; below 10,000,000,000.
    let scaled = (value * 1e4 + 0.5) as i64;
    let sixteenths = value * 16.0;
    if (sixteenths as i64) as f64 != sixteenths && scaled as f64 / 1e4 != value {
        return None;
    }
    let scaled = scaled.unsigned_abs();
    Some((scaled / 10_000, scaled % 10_000))
}

/// The digits behind the point of so many ten-thousandths, and how many there are without the zeros at the end.
#[inline]
pub(super) fn decimals(fraction: u64) -> (usize, [u8; 4]) {
    let digits = four(fraction);
    let places = match digits {
        [b'0', b'0', b'0', b'0'] => 0,
        [_, b'0', b'0', b'0'] => 1,
        [_, _, b'0', b'0'] => 2,
        [_, _, _, b'0'] => 3,
        _ => 4,
    };
    (places, digits)
}

/// Splits `-1.5e300` at the `e`, of either case; the exponent may have a plus.
fn parts(text: &[u8]) -> Option<(&[u8], i16)> {
    let at = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e'))?;
    let exponent = std::str::from_utf8(text.get(at + 1..)?).ok()?;
    Some((&text[..at], exponent.parse().ok()?))
}

/// The plain digits of a decimal number that may have an exponent, which DECIMAL columns have not and Go's
/// floats have: `1.5e+06` is `1500000`. `None` when it is no number or longer than any DECIMAL.
pub(super) fn plain_decimal(text: &str) -> Option<String> {
    let (mantissa, exponent) = match parts(text.as_bytes()) {
        Some((mantissa, exponent)) => (&text[..mantissa.len()], exponent),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !all(whole) || !all(fraction) {
        return None;
    }
    if exponent == 0 {
        return (whole.len().max(fraction.len()) <= DECIMAL_DIGITS).then(|| {
            let point = if fraction.is_empty() { "" } else { "." };
            let whole = if whole.is_empty() { "0" } else { whole };
            format!("{sign}{whole}{point}{fraction}")
        });
    }
    // Where the point stands among the digits once the exponent is gone.
    let point = isize::try_from(whole.len()).ok()? + isize::from(exponent);
    let digits = format!("{whole}{fraction}");
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point > DECIMAL_DIGITS => return None,
        Ok(point) if point <= digits.len() => {
            let (whole, fraction) = digits.split_at(point);
            (whole.to_owned(), fraction.to_owned())
        }
        Ok(point) => (format!("{digits:0<point$}"), String::new()),
        Err(_) if point.unsigned_abs() > DECIMAL_DIGITS => return None,
        Err(_) => (String::new(), format!("{}{digits}", "0".repeat(point.unsigned_abs()))),
    };
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if whole.len().max(fraction.len()) > DECIMAL_DIGITS {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

/// `1` or `0`.
pub(in crate::stream) fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"1" => Some(true),
        b"0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go<F: LowerExp + Copy + Into<f64>>(value: F) -> String {
        String::from_utf8(go_float(value).as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn floats_are_written_as_go_writes_them() {
        // The texts come from Go 1.24: reference/fluxaorm.md, section 2.4.
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (-2.5, "-2.5"),
            (12.3, "12.3"),
            (0.1, "0.1"),
            (0.01, "0.01"),
            (10.0, "10"),
            (100000.0, "100000"),
            (100000.5, "100000.5"),
            (999999.0, "999999"),
            (999999.5, "999999.5"),
            (1e6, "1e+06"),
            (-1e6, "-1e+06"),
            (1000000.5, "1.0000005e+06"),
            (1234567.0, "1.234567e+06"),
            (123456789.25, "1.2345678925e+08"),
            (123456789012345678.0, "1.2345678901234568e+17"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (0.00001, "1e-05"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(go(value), text);
        }
        for (value, text) in [
            (12.3f32, "12.3"),
            (0.1, "0.1"),
            (16777216.0, "1.6777216e+07"),
            (f32::MAX, "3.4028235e+38"),
            (f32::from_bits(1), "1e-45"),
        ] {
            assert_eq!(go(value), text);
        }
    }

    #[test]
    fn few_digits_are_the_fewest() {
        // What `{:e}` says, without its exponent.
        let check = |value: f64| {
            if let Some((whole, fraction)) = few_digits(value) {
                let (places, digits) = decimals(fraction);
                let point = if places > 0 { "." } else { "" };
                let tail = std::str::from_utf8(&digits[..places]).unwrap();
                assert_eq!(format!("{whole}{point}{tail}"), value.to_string());
            }
        };
        for number in 0..200_000u32 {
            let number = f64::from(number);
            for by in [1.0, 3.0, 10.0, 99.0, 100.0, 1000.0, 10_000.0, 12_345.0] {
                check(number / by);
                check((number / by).next_up());
                check((number / by).next_down());
                check(999_999.0 - number / by);
            }
        }
        for sixteenths in 0..16_000_000u32 {
            if sixteenths % 97 == 0 {
                check(f64::from(sixteenths) / 16.0);
                check((f64::from(sixteenths) / 16.0).next_up());
            }
        }
        assert_eq!(few_digits(0.3), Some((0, 3000)));
        assert_eq!(few_digits(0.1 + 0.2), None);
        assert_eq!(few_digits(12.25), Some((12, 2500)));
        assert_eq!(few_digits(1e6), None);
    }

    #[test]
    fn decimals_lose_their_exponent_and_nothing_else() {
        for (text, plain) in [
            ("0", Some("0")),
            ("-1.50", Some("-1.50")),
            ("+3", Some("3")),
            (".5", Some("0.5")),
            ("1e+06", Some("1000000")),
            ("-1.5E6", Some("-1500000")),
            ("1.234567e+06", Some("1234567")),
            ("1.2345678925e+08", Some("123456789.25")),
            ("1e-05", Some("0.00001")),
            ("12.5e-1", Some("1.25")),
            ("0e0", Some("0")),
            ("5e-324", None),
            ("1e+308", None),
            ("1e99999", None),
            ("1e", None),
            ("", None),
            (".", None),
            ("-", None),
            ("NaN", None),
            ("+Inf", None),
            ("1,5", None),
            ("--1", None),
        ] {
            assert_eq!(plain_decimal(text).as_deref(), plain, "{text}");
        }
        assert!(plain_decimal(&"9".repeat(65)).is_some());
        assert!(plain_decimal(&"9".repeat(66)).is_none());
    }
}
