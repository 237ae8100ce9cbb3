//! The grammars of option values: durations, sizes, percentages, statuses, escapes.
//!
//! Each parser takes bytes and says in words what is wanted; the value itself is not repeated in
//! the message, since it may come from a secret.

use std::fmt;
use std::time::Duration;

use crate::text::{Wrong, parts, split_once};

/// Text that must be UTF-8.
pub fn utf8(value: &[u8]) -> Result<&str, Wrong> {
    str::from_utf8(value).map_err(|_| "text in UTF-8 is wanted".into())
}

/// A whole number.
pub fn number(value: &[u8]) -> Result<u64, Wrong> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits
        .then(|| utf8(value).ok()?.parse().ok())
        .flatten()
        .ok_or_else(|| "a whole number is wanted".into())
}

/// A port from 1 to 65535.
pub fn port(value: &[u8]) -> Result<u16, Wrong> {
    number(value)
        .ok()
        .and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port != 0)
        .ok_or_else(|| "a port from 1 to 65535 is wanted".into())
}

/// `500ms 1.5s 3s 2m 1h 14d`, a bare number in seconds; more than nothing.
pub fn duration(value: &[u8]) -> Result<Duration, Wrong> {
    let units: &[(&str, u64)] = &[
        ("ms", 1_000_000),
        ("s", NANOS),
        ("m", 60 * NANOS),
        ("h", 3600 * NANOS),
        ("d", 86_400 * NANOS),
        ("", NANOS),
    ];
    decimal(value, units)
        .filter(|nanos| *nanos != 0)
        .map(Duration::from_nanos)
        .ok_or_else(|| "a duration is wanted: 500ms, 1.5s, 3s, 2m, 1h, 14d".into())
}

const NANOS: u64 = 1_000_000_000;

/// The duration that one try may take. A bare number of a thousand and more is another tool's
/// milliseconds: as seconds, the orchestrator would end the check first, without a reason.
pub fn timeout(value: &[u8]) -> Result<Duration, Wrong> {
    match number(value) {
        Ok(bare @ 1000..) => {
            Err(format!("{bare} seconds? milliseconds are {bare}ms, seconds {bare}s").into())
        }
        _ => duration(value),
    }
}

/// Bytes: `512 64KiB 10MiB 1GiB`, `KB MB GB` decimal.
pub fn size(value: &[u8]) -> Result<u64, Wrong> {
    let units: &[(&str, u64)] = &[
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("KB", 1_000),
        ("B", 1),
        ("", 1),
    ];
    decimal(value, units).ok_or_else(|| "a size is wanted: 512, 64KiB, 10MiB, 1GiB, 10MB".into())
}

/// A part of a whole in hundredths of a percent: `5%`, `99.95%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u64);

impl Percent {
    /// More than any.
    pub const BEYOND: Self = Self(u64::MAX);

    /// So many, without a fraction.
    pub const fn whole(percent: u64) -> Self {
        Self(percent * 100)
    }

    /// From 0 to 100, as an option says it.
    pub fn parse(value: &[u8]) -> Result<Self, Wrong> {
        value
            .strip_suffix(b"%")
            // Hundredths, and none that would be rounded to nothing.
            .filter(|number| number.iter().rev().position(|byte| *byte == b'.').unwrap_or(0) <= 2)
            .and_then(|number| decimal(number, &[("", 100)]))
            .filter(|hundredths| *hundredths <= 10_000)
            .map(Self)
            .ok_or_else(|| "a percentage is wanted: 5%".into())
    }

    /// `part` of `whole`, rounded down; `None` of nothing.
    pub fn of(mut part: u64, mut whole: u64) -> Option<Self> {
        // Room for the factor; of numbers this large the last bits do not matter.
        while part.max(whole) > u64::MAX / 10_000 {
            (part, whole) = (part / 2, whole / 2);
        }
        (part * 10_000).checked_div(whole).map(Self)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, below) => write!(f, "{whole}.{below:02}%"),
        }
    }
}

/// A decimal number with one of `units`, times the unit, rounded down. The first unit that fits is
/// taken, so longer ones stand first; a fraction of three digits at most.
fn decimal(value: &[u8], units: &[(&str, u64)]) -> Option<u64> {
    let text = utf8(value).ok()?;
    let (text, scale) =
        units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)))?;
    let (whole, fraction) = split_once(text, b'.').unwrap_or((text, "0"));
    let whole = number(whole.as_bytes()).ok()?.checked_mul(scale)?;
    let parts = number(fraction.as_bytes()).ok().filter(|_| fraction.len() <= 3)?;
    let below = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_add(parts.checked_mul(scale)? / below)
}

/// The statuses that are accepted, RFC 9110 section 15.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet {
    ranges: Vec<(u16, u16)>,
    text: String,
}

impl Default for StatusSet {
    /// As the kubelet and `curl -f` judge.
    fn default() -> Self {
        Self::of(200, 399, "200-399")
    }
}

impl StatusSet {
    /// `200`, `200,204`, `200-299`, `2xx`, and lists of these.
    pub fn parse(value: &[u8]) -> Result<Self, Wrong> {
        let text = utf8(value)?.trim_ascii().to_owned();
        let mut ranges = Vec::new();
        for part in parts(&text, b',') {
            let range = range(part.trim_ascii());
            ranges.push(range.ok_or("statuses are wanted: 200 or 200,204 or 200-299 or 2xx")?);
        }
        Ok(Self { ranges, text })
    }

    /// From `first` to `last`, and what to call them.
    pub fn of(first: u16, last: u16, text: &str) -> Self {
        Self { ranges: vec![(first, last)], text: text.into() }
    }

    /// Whether `status` is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// As typed.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let status = |text: &str| {
        let status = number(text.as_bytes()).ok().filter(|_| text.len() == 3)?;
        u16::try_from(status).ok().filter(|status| *status >= 100)
    };
    if let Some(hundred) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        // One digit: none in front, be it a zero.
        let [digit @ b'1'..=b'9'] = hundred.as_bytes() else { return None };
        let hundred = u16::from(digit - b'0') * 100;
        return Some((hundred, hundred + 99));
    }
    match split_once(text, b'-') {
        None => status(text).map(|one| (one, one)),
        Some((first, last)) => {
            let range = (status(first)?, status(last)?);
            (range.0 <= range.1).then_some(range)
        }
    }
}

/// Text with `\r \n \t \0 \\ \xHH` in it; never empty.
pub fn escaped(value: &[u8]) -> Result<Vec<u8>, Wrong> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.iter().copied();
    while let Some(byte) = rest.next() {
        let meant = match byte {
            b'\\' => match rest.next() {
                Some(b'r') => Some(b'\r'),
                Some(b'n') => Some(b'\n'),
                Some(b't') => Some(b'\t'),
                Some(b'0') => Some(0),
                Some(b'\\') => Some(b'\\'),
                Some(b'x') => {
                    hex_digit(rest.next()).zip(hex_digit(rest.next())).map(|(h, l)| h * 16 + l)
                }
                _ => None,
            },
            plain => Some(plain),
        };
        out.push(meant.ok_or("after a backslash one of r n t 0 \\ xHH is wanted")?);
    }
    text(&out)
}

/// Text as it is given, not empty.
pub fn text(given: &[u8]) -> Result<Vec<u8>, Wrong> {
    if given.is_empty() { Err("text is wanted".into()) } else { Ok(given.to_vec()) }
}

/// A token of HTTP (RFC 9110 section 5.6.2): a method, the name of a header.
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// `Name: value` without the blanks around the value.
pub fn header(given: &[u8]) -> Result<(String, String), Wrong> {
    let text = utf8(given)?;
    let (name, value) = split_once(text, b':').ok_or("'Name: value' is wanted")?;
    let blank = |byte: u8| matches!(byte, b' ' | b'\t');
    let start = value.bytes().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.bytes().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    let value = value.get(start..end).unwrap_or_default();
    if !is_token(name) {
        return Err("a header name of letters, digits and '-' is wanted before the colon".into());
    }
    if value.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f) {
        return Err(format!(
            "a value without CR, LF, NUL and control characters is wanted for {name}"
        )
        .into());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// The value of a hexadecimal digit.
pub fn hex_digit(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `%41` is `A` (RFC 3986 section 2.1); a `%` without two digits is itself.
pub fn percent_decoded(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_as_people_write_them() {
        for (hundredths, text) in [(0, "0%"), (500, "5%"), (9995, "99.95%"), (1, "0.01%")] {
            assert_eq!(Percent(hundredths).to_string(), text);
        }
        for (part, whole, hundredths) in [
            (1, 3, Some(3333)),
            (0, 1, Some(0)),
            (0, 0, None),
            (1, 0, None),
            (u64::MAX, u64::MAX, Some(10_000)),
            (1 << 62, u64::MAX, Some(2500)),
        ] {
            assert_eq!(Percent::of(part, whole), hundredths.map(Percent), "{part} {whole}");
        }
    }

    #[test]
    fn what_another_tool_has_in_milliseconds_is_asked_about() {
        for (text, seconds) in [("999", 999), ("1000s", 1000), ("1000.5s", 1000), ("20m", 1200)] {
            assert_eq!(timeout(text.as_bytes()).map(|time| time.as_secs()), Ok(seconds), "{text}");
        }
        let asked = "5000 seconds? milliseconds are 5000ms, seconds 5000s";
        assert_eq!(timeout(b"5000"), Err(asked.into()));
        for text in ["1000", "18446744073709551615", "99999999999999999999", "x", "0"] {
            assert!(timeout(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, ms) in [
            ("500ms", 500),
            ("1.5s", 1500),
            ("3s", 3000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("14d", 1_209_600_000),
            ("7", 7000),
            ("0.25", 250),
            ("0.5m", 30_000),
        ] {
            assert_eq!(duration(text.as_bytes()), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "s",
            "0",
            "0s",
            "-1s",
            "+1s",
            "1 s",
            "1w",
            "1.s",
            ".5s",
            "1e3",
            "1.5.5s",
            "1h30m",
            "0.0000000001s",
            "300000d",
            "99999999999999999999s",
            "1S",
            "٣s",
        ] {
            assert!(duration(text.as_bytes()).is_err(), "{text}");
        }
        assert!(duration(b"\xff").is_err());
        assert_eq!(duration(b"200000d"), Ok(Duration::from_secs(17_280_000_000)));
    }

    #[test]
    fn sizes_and_percentages() {
        for (text, bytes) in [
            ("512", 512),
            ("64KiB", 65_536),
            ("10MiB", 10_485_760),
            ("1GiB", 1 << 30),
            ("1.5KiB", 1536),
            ("10MB", 10_000_000),
            ("2KB", 2000),
            ("1GB", 1_000_000_000),
            ("7B", 7),
            ("0", 0),
        ] {
            assert_eq!(size(text.as_bytes()), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "1kb", "1 MiB", "-1", "99999999TiB"] {
            assert!(size(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(Percent::parse(b"5%"), Ok(Percent(500)));
        assert_eq!(Percent::parse(b"99.95%"), Ok(Percent(9995)));
        assert!(Percent::parse(b"0.001%").is_err() && Percent::parse(b"100.001%").is_err());
        assert_eq!(Percent::parse(b"100%"), Ok(Percent::whole(100)));
        for text in ["", "%", "5", "101%", "-1%", "5 %"] {
            assert!(Percent::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn statuses() {
        let set = |text: &str| StatusSet::parse(text.as_bytes());
        for (text, inside, outside) in [
            ("200", 200, 201),
            ("200,204", 204, 203),
            ("200-299", 299, 300),
            ("2xx", 250, 300),
            ("5XX, 101", 101, 100),
            ("999", 999, 998),
        ] {
            let set = set(text).expect(text);
            assert!(set.contains(inside) && !set.contains(outside), "{text}");
            assert_eq!(set.text(), text);
        }
        for text in [
            "", ",", "20", "2000", "099", "0xx", "10xx", "299-200", "200-", "abc", "2x0", "+20",
            "+2xx", "02xx",
        ] {
            assert!(set(text).is_err(), "{text}");
        }
        assert!(StatusSet::default().contains(200) && StatusSet::default().contains(399));
        assert!(!StatusSet::default().contains(199) && !StatusSet::default().contains(400));
    }

    #[test]
    fn escapes() {
        assert_eq!(escaped(br"a\r\n\t\0\\\x4a\xfF"), Ok(b"a\r\n\t\0\\J\xff".to_vec()));
        for text in [r"\", r"\q", r"\x", r"\x4", r"\xg0", ""] {
            assert!(escaped(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(percent_decoded("a%41%2f%zz%4"), b"aA/%zz%4");
    }

    #[test]
    fn numbers_and_ports() {
        assert_eq!(number(b"18446744073709551615"), Ok(u64::MAX));
        for text in ["", "+1", "-1", "1.0", "18446744073709551616", " 1"] {
            assert!(number(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(port(b"65535"), Ok(65_535));
        for text in ["0", "65536", "70000", "", "x"] {
            assert!(port(text.as_bytes()).is_err(), "{text}");
        }
    }
}
