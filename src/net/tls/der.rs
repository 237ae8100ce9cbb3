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

#[cfg(test)]
mod tests {
    use super::*;

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
