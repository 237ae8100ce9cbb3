//! Bytes that are DER (X.690), read from the front.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

// Object identifiers of RFC 5480 section 2.1.1, RFC 8410 section 3 and RFC 5280 section 4.2.1.12.
pub(super) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(super) const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(super) const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub(super) const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

/// One element after another.
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// The tag and content of the first element, and what follows it.
    pub(super) fn next(&self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if length >= 0x80 {
            // The long form: that many bytes of length follow; three are 16 MiB, more than a chain
            // may be.
            let (bytes, after) = rest.split_at_checked(length & 0x7f)?;
            if !(1..=3).contains(&bytes.len()) {
                return None;
            }
            length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        Some((*tag, content, rest))
    }

    /// The content of the first element, which must have the tag `want`, and what follows it.
    pub(super) fn expect(&self, want: u8) -> Option<(&'a [u8], &'a [u8])> {
        match self.next()? {
            (tag, content, rest) if tag == want => Some((content, rest)),
            _ => None,
        }
    }

    /// The elements up to the end or to the first that is broken.
    pub(super) fn elements(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (tag, content, after) = Der(rest).next()?;
            rest = after;
            Some((tag, content))
        })
    }

    /// The content of the first element with the tag `want`.
    pub(super) fn find(self, want: u8) -> Option<&'a [u8]> {
        self.elements().find(|(tag, _)| *tag == want).map(|(_, content)| content)
    }
}

/// The two numbers of an ECDSA signature on P-256 (RFC 3279 section 2.2.3), in the one form that DER
/// has for them.
pub(super) fn signature(der: &[u8]) -> Option<[[u8; 32]; 2]> {
    // With two such numbers in it, the length has one byte.
    let [SEQUENCE, length, content @ ..] = der else { return None };
    let (r, rest) = unsigned(content)?;
    let (s, rest) = unsigned(rest)?;
    (usize::from(*length) == content.len() && rest.is_empty()).then_some([r, s])
}

/// A number of 1 to 32 bytes, and what follows it.
fn unsigned(der: &[u8]) -> Option<([u8; 32], &[u8])> {
    let [INTEGER, length, rest @ ..] = der else { return None };
    let (digits, rest) = rest.split_at_checked(usize::from(*length))?;
    // A zero stands in front of what were negative without it, and of nothing else.
    let digits = match digits {
        [0, digits @ ..] if matches!(digits, [0x80..=0xff, ..]) => digits,
        [1..0x80, ..] => digits,
        _ => return None,
    };
    let mut number = [0; 32];
    let zeros = number.len().checked_sub(digits.len())?;
    number.get_mut(zeros..)?.copy_from_slice(digits);
    Some((number, rest))
}

/// What [`signature`] reads, of two numbers that are not 0.
pub(super) fn signed(numbers: [&[u8]; 2]) -> Vec<u8> {
    let mut content = Vec::new();
    for number in numbers {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = number.get(zeros..).unwrap_or_default();
        let sign: &[u8] = if matches!(digits, [0x80..=0xff, ..]) { &[0] } else { &[] };
        content.extend([INTEGER, (sign.len() + digits.len()) as u8]);
        content.extend_from_slice(sign);
        content.extend_from_slice(digits);
    }
    [&[SEQUENCE, content.len() as u8], &content[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_has_one_form() {
        let number = |digits: &[u8]| {
            let mut number = [0; 32];
            number[32 - digits.len()..].copy_from_slice(digits);
            number
        };
        for (r, s, form) in [
            (&[1][..], &[0x7f][..], &b"\x30\x06\x02\x01\x01\x02\x01\x7f"[..]),
            (&[0x80], &[1, 0], b"\x30\x08\x02\x02\0\x80\x02\x02\x01\0"),
        ] {
            let (r, s) = (number(r), number(s));
            assert_eq!((signed([&r, &s]), signature(form)), (form.to_vec(), Some([r, s])));
        }
        let longest = signed([&[0xff; 32], &[0x7f; 32]]);
        assert_eq!((longest.len(), signature(&longest)), (71, Some([[0xff; 32], [0x7f; 32]])));
        for wrong in [
            &b""[..],
            b"\x30",
            b"\x30\x03\x02\x01\x01",
            // A zero, a negative number, a zero too many, none at all.
            b"\x30\x06\x02\x01\0\x02\x01\x01",
            b"\x30\x06\x02\x01\x80\x02\x01\x01",
            b"\x30\x07\x02\x02\0\x01\x02\x01\x01",
            b"\x30\x05\x02\0\x02\x01\x01",
            // Another length than there is, or in the long form; something behind.
            b"\x30\x05\x02\x01\x01\x02\x01\x01",
            b"\x30\x81\x06\x02\x01\x01\x02\x01\x01",
            b"\x30\x06\x02\x81\x01\x01\x02\x01\x01",
            b"\x30\x06\x02\x01\x01\x02\x01\x01\0",
            b"\x30\x08\x02\x01\x01\x02\x01\x01\x05\0",
            b"\x31\x06\x02\x01\x01\x02\x01\x01",
            b"\x30\x06\x04\x01\x01\x02\x01\x01",
        ] {
            assert_eq!(signature(wrong), None, "{wrong:?}");
        }
        let long = [&b"\x30\x26\x02\x21\x01"[..], &[0; 32], b"\x02\x01\x01"].concat();
        assert_eq!(signature(&long), None);
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        assert!(Der(&[0x30, 0x84, 0, 0, 0, 1, 0]).next().is_none());
        assert!(Der(&[0x30, 0x80]).next().is_none());
        assert!(Der(&[0x30, 0x02, 0]).next().is_none());
        assert!(Der(&[0x30]).next().is_none());
        assert_eq!(Der(&[0x30, 0x81, 1, 7, 8]).next(), Some((0x30, &[7][..], &[8][..])));
        assert_eq!(Der(&[2, 1, 7, 4, 1, 9]).find(OCTET_STRING), Some(&[9][..]));
        assert!(Der(&[2, 1, 7]).expect(SET).is_none());
    }
}
