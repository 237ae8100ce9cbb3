//! What a certificate says of itself: for messages, for `--verbose`, and for what webpki does not
//! look at. Of a chain it is webpki that judges, reading certificates on its own; here a file's
//! roots are only ever left out: those whose dates or constraints forbid that they vouch for others.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::der::{
    BIT_STRING, Der, EC_PUBLIC_KEY, ED25519, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SECP256R1,
    SECP384R1, SEQUENCE, SERVER_AUTH, SET,
};
use crate::verdict::quote;

/// The readable parts of a certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Whose it is, quoted.
    pub subject: String,
    /// Who issued it, quoted.
    pub issuer: String,
    /// `2026-11-23 15:00:12 UTC`, as `date` writes it.
    pub not_before: String,
    /// As `not_before`.
    pub not_after: String,
    /// The DNS names and addresses among its subjectAltName, quoted; `None` without that extension.
    pub names: Option<Vec<String>>,
    /// Whether the issuer has the same name.
    pub self_issued: bool,
    /// Whether it may vouch for others: a CA by its basicConstraints (RFC 5280 section 4.2.1.9), or
    /// of version 1, which has none, and its own issuer.
    pub is_ca: bool,
    /// Whether a server may use it (extendedKeyUsage, RFC 5280 section 4.2.1.12).
    pub serves: bool,
    /// Why nobody here accepts its key's signatures: `an RSA key shorter than 2048 bits`.
    pub key_fault: Option<&'static str>,
}

impl Certificate {
    /// Reads a DER certificate (RFC 5280 section 4.1). `None` when it is not one.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (certificate, _) = Der(der).expect(SEQUENCE)?;
        let (mut fields, _) = Der(certificate).expect(SEQUENCE)?;
        // version [0], which version 1 leaves out
        let mut version1 = true;
        if let Some((VERSION, _, rest)) = Der(fields).next() {
            fields = rest;
            version1 = false;
        }
        let (_, fields) = Der(fields).expect(INTEGER)?; // serialNumber
        let (_, fields) = Der(fields).expect(SEQUENCE)?; // signature
        let (issuer, fields) = Der(fields).expect(SEQUENCE)?;
        let (validity, fields) = Der(fields).expect(SEQUENCE)?;
        let (subject, fields) = Der(fields).expect(SEQUENCE)?;
        let (key, fields) = Der(fields).expect(SEQUENCE)?; // subjectPublicKeyInfo
        let (kind, not_before, validity) = Der(validity).next()?;
        let not_before = time(kind, not_before)?;
        let (kind, not_after, _) = Der(validity).next()?;
        let not_after = time(kind, not_after)?;
        let self_issued = subject == issuer;
        let is_ca = match extension(fields, BASIC_CONSTRAINTS) {
            // `cA` is the first field, and false by default.
            Some(value) => Der(value).expect(SEQUENCE)?.0.starts_with(&[BOOLEAN, 1, 0xff]),
            None => version1 && self_issued,
        };
        let serves = match extension(fields, EXTENDED_KEY_USAGE) {
            Some(value) => Der(Der(value).expect(SEQUENCE)?.0)
                .elements()
                .any(|(tag, usage)| tag == OBJECT_IDENTIFIER && usage == SERVER_AUTH),
            None => true,
        };
        Some(Self {
            subject: distinguished_name(subject),
            issuer: distinguished_name(issuer),
            not_before,
            not_after,
            names: extension(fields, SUBJECT_ALT_NAME).map(hosts),
            self_issued,
            is_ca,
            serves,
            key_fault: key_fault(key),
        })
    }

    /// Whether it is valid at this moment in seconds since 1970: dates so written sort as they are.
    pub(super) fn is_valid(&self, seconds: u64) -> bool {
        let now = date(seconds);
        self.not_before <= now && now <= self.not_after
    }
}

/// A moment in seconds since 1970 as `2026-11-23 15:00:12 UTC`.
pub(super) fn date(seconds: u64) -> String {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    // A certificate's year has four digits; beyond them the loop ends and the date is only "far".
    while year < 9999 && days >= length_of(year) {
        days -= length_of(year);
        year += 1;
    }
    let mut month = 1;
    for length in [31, length_of(year) - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", days + 1)
}

/// Days in a year of the Gregorian calendar.
fn length_of(year: u64) -> u64 {
    match (year % 4, year % 100, year % 400) {
        (_, _, 0) => 366,
        (_, 0, _) => 365,
        (0, _, _) => 366,
        _ => 365,
    }
}

// Tags of the fields and types of RFC 5280 that are looked at.
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const BMP_STRING: u8 = 0x1e;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
const BOOLEAN: u8 = 0x01;
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
// Algorithms of keys (RFC 8017 appendix C, RFC 8410 section 3) and a curve (RFC 5480).
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const ED448: &[u8] = &[0x2b, 0x65, 0x71];
const SECP521R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// `CN=www.example.org, O=Example`: in the order of the certificate.
fn distinguished_name(name: &[u8]) -> String {
    let mut text = String::new();
    for (_, set) in Der(name).elements().filter(|(tag, _)| *tag == SET) {
        for (_, attribute) in Der(set).elements() {
            let Some((kind, value)) = Der(attribute).expect(OBJECT_IDENTIFIER) else { continue };
            let Some((tag, value, _)) = Der(value).next() else { continue };
            // RFC 4514 section 3: the short names, under the arc 2.5.4.
            let kind = match kind {
                [0x55, 0x04, 3] => "CN",
                [0x55, 0x04, 6] => "C",
                [0x55, 0x04, 7] => "L",
                [0x55, 0x04, 8] => "ST",
                [0x55, 0x04, 10] => "O",
                [0x55, 0x04, 11] => "OU",
                _ => continue,
            };
            let value = match tag {
                BMP_STRING => value.iter().skip(1).step_by(2).copied().map(char::from).collect(),
                _ => String::from_utf8_lossy(value),
            };
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{kind}={value}");
        }
    }
    match text.is_empty() {
        true => "(no name)".to_owned(), // not a verdict: part of one
        // A name may be as long as it likes; its first 200 bytes are enough.
        false => quote(text.as_bytes()),
    }
}

/// RFC 5280 section 4.1.2.5: `YYMMDDHHMMSSZ` (50 to 99 are the 1900s), or the year in four digits.
fn time(kind: u8, digits: &[u8]) -> Option<String> {
    let digits = std::str::from_utf8(digits).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = digits.split_at_checked(if kind == UTC_TIME { 2 } else { 4 })?;
    let century = match kind {
        UTC_TIME if year < "50" => "20",
        UTC_TIME => "19",
        GENERALIZED_TIME => "",
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    Some(format!("{century}{year}-{month}-{day} {hour}:{minute}:{second} UTC"))
}

/// What is wrong with the key of a SubjectPublicKeyInfo (RFC 3279 section 2.3.1), if something is.
fn key_fault(key: &[u8]) -> Option<&'static str> {
    let (algorithm, bits) = Der(key).expect(SEQUENCE)?;
    match Der(algorithm).expect(OBJECT_IDENTIFIER)? {
        (RSA_ENCRYPTION, _) => {
            let (bits, _) = Der(bits).expect(BIT_STRING)?;
            let (numbers, _) = Der(bits.get(1..)?).expect(SEQUENCE)?;
            let (modulus, _) = Der(numbers).expect(INTEGER)?;
            (modulus.len() < 256).then_some("an RSA key shorter than 2048 bits")
        }
        (RSASSA_PSS, _) => Some("an RSA key for RSASSA-PSS only"),
        (ED25519, _) => None,
        (ED448, _) => Some("an Ed448 key"),
        (EC_PUBLIC_KEY, curve) => match Der(curve).expect(OBJECT_IDENTIFIER)?.0 {
            SECP256R1 | SECP384R1 => None,
            SECP521R1 => Some("a P-521 key"),
            _ => Some("a key on another curve"),
        },
        _ => Some("a key of another kind"),
    }
}

/// The value of an extension (RFC 5280 section 4.1.2.9).
fn extension<'a>(fields: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let (extensions, _) = Der(Der(fields).find(EXTENSIONS)?).expect(SEQUENCE)?;
    Der(extensions).elements().find_map(|(_, extension)| {
        let (kind, rest) = Der(extension).expect(OBJECT_IDENTIFIER)?;
        let value = Der(rest).find(OCTET_STRING)?;
        (kind == wanted).then_some(value)
    })
}

/// The DNS names and IP addresses of a subjectAltName (RFC 5280 section 4.2.1.6).
fn hosts(value: &[u8]) -> Vec<String> {
    let names = Der(value).expect(SEQUENCE).unwrap_or_default().0;
    let names = Der(names).elements().filter_map(|(tag, name)| match tag {
        DNS_NAME => Some(quote(name)),
        IP_ADDRESS => match name.len() {
            4 => <[u8; 4]>::try_from(name).ok().map(|octets| IpAddr::from(octets).to_string()),
            _ => <[u8; 16]>::try_from(name).ok().map(|octets| IpAddr::from(octets).to_string()),
        },
        _ => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_knows_leap_years() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_704_067_199), "2023-12-31 23:59:59 UTC");
        assert_eq!(date(1_709_164_800), "2024-02-29 00:00:00 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00:00 UTC");
        assert_eq!(date(253_402_300_799), "9999-12-31 23:59:59 UTC");
    }

    #[test]
    fn no_prefix_or_garbage_panics() {
        for length in 0..64 {
            for byte in 0..=255 {
                assert_eq!(Certificate::of(&vec![byte; length]), None);
            }
        }
    }

    #[test]
    fn time_of_both_forms() {
        assert_eq!(time(UTC_TIME, b"491231235959Z").as_deref(), Some("2049-12-31 23:59:59 UTC"));
        assert_eq!(time(UTC_TIME, b"500101000000Z").as_deref(), Some("1950-01-01 00:00:00 UTC"));
        assert_eq!(
            time(GENERALIZED_TIME, b"20500101000000Z").as_deref(),
            Some("2050-01-01 00:00:00 UTC")
        );
        assert_eq!(time(UTC_TIME, b"5001"), None);
        assert_eq!(time(UTC_TIME, b"49\n231235959Z"), None);
    }

    #[test]
    fn names_of_all_kinds() {
        let of = |tag: u8, content: &[u8]| {
            [&[tag, u8::try_from(content.len()).expect("short")], content].concat()
        };
        let attribute = |kind: u8, tag: u8, value: &[u8]| {
            let both = [of(OBJECT_IDENTIFIER, &[0x55, 4, kind]), of(tag, value)].concat();
            of(SET, &of(SEQUENCE, &both))
        };
        const UTF8_STRING: u8 = 0x0c;
        let name = [
            attribute(6, UTF8_STRING, b"DE"),
            attribute(8, UTF8_STRING, b"B"),
            attribute(7, UTF8_STRING, b"\xc3\xa9\n"),
            attribute(10, BMP_STRING, b"\0O\0g"),
            attribute(11, UTF8_STRING, b"\xff"),
            // A serial number is not shown.
            attribute(5, UTF8_STRING, b"1"),
            attribute(3, UTF8_STRING, b"a"),
        ];
        let shown = distinguished_name(&name.concat());
        assert_eq!(shown, "C=DE, ST=B, L=\u{e9}\\n, O=Og, OU=\u{fffd}, CN=a");
        assert_eq!(distinguished_name(b""), "(no name)");

        let names = [
            of(DNS_NAME, b"a.example"),
            of(IP_ADDRESS, &[127, 0, 0, 1]),
            of(IP_ADDRESS, &std::net::Ipv6Addr::LOCALHOST.octets()),
            // No address, and an address of electronic mail.
            of(IP_ADDRESS, &[1, 2, 3]),
            of(0x81, b"a@b"),
        ];
        let kind = of(OBJECT_IDENTIFIER, SUBJECT_ALT_NAME);
        let value = of(OCTET_STRING, &of(SEQUENCE, &names.concat()));
        let one = of(SEQUENCE, &[kind, value].concat());
        let fields = of(EXTENSIONS, &of(SEQUENCE, &one));
        let names = ["a.example", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        assert_eq!(extension(&fields, SUBJECT_ALT_NAME).map(hosts), Some(names));
        assert_eq!(extension(&fields, BASIC_CONSTRAINTS), None);
        // However many there are, all count.
        let many = of(DNS_NAME, b"a").repeat(300);
        assert_eq!(hosts(&[&[SEQUENCE, 0x82, 3, 0x84][..], &many].concat()).len(), 300);
    }
}
