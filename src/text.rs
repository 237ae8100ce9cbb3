//! Searching in text and bytes: one small function each, where std's patterns are compiled anew for
//! every kind of needle. 5 KB less, all together. And the codes of bytes in text.

use std::fmt;
use std::io;
use std::ops::Deref;

/// What is wrong with some bytes, and what is wanted, in words. One pointer: it is passed up through
/// every parser and seldom made; as a `String` it made the executable 12 KB larger.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::box_collection, reason = "one pointer instead of three words is the purpose")]
pub struct Wrong(Box<String>);

impl From<String> for Wrong {
    fn from(words: String) -> Self {
        Self(Box::new(words))
    }
}

impl From<&str> for Wrong {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl Deref for Wrong {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Wrong {
    fn as_ref(&self) -> &str {
        self
    }
}

impl std::error::Error for Wrong {}

/// Not of a `String`: std's error of one can show itself for debugging, with tables of Unicode.
impl From<Wrong> for io::Error {
    fn from(wrong: Wrong) -> Self {
        Self::other(wrong)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq<&str> for Wrong {
    fn eq(&self, words: &&str) -> bool {
        **self == **words
    }
}

/// The length of what `${...}` counts by at the start of `text`: a whole one, which the first `}`
/// ends; the escape `$${`; else one byte. Whoever expands and whoever hides secrets read alike.
pub fn piece(text: &[u8]) -> usize {
    match text {
        [b'$', b'$', b'{', ..] => 3,
        [b'$', b'{', ..] => text.iter().position(|byte| *byte == b'}').map_or(1, |end| end + 1),
        _ => 1,
    }
}

/// Where `part` starts in `bytes`; an empty one nowhere. Each byte is looked at twice at most (Knuth,
/// Morris and Pratt), whatever a peer and a pattern are made of.
pub fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let (first, rest) = part.split_first()?;
    // Most often it begins nowhere, or much later: no table is made for that.
    let mut at = bytes.iter().position(|byte| byte == first)?;
    // How much of `part` ends with `byte`, where so much of it ended before that. `shorter` says for
    // each beginning of `part` how much of another is its end.
    let step = |shorter: &[usize], mut matched: usize, byte: &u8| loop {
        if part.get(matched) == Some(byte) {
            return matched + 1;
        }
        let Some(last) = matched.checked_sub(1) else { return 0 };
        matched = shorter.get(last).copied().unwrap_or(0);
    };
    let mut shorter = vec![0];
    let mut matched = 0;
    for byte in rest {
        matched = step(&shorter, matched, byte);
        shorter.push(matched);
    }
    matched = 0;
    while matched < part.len() {
        if matched == 0 {
            at += bytes.get(at..)?.iter().position(|byte| byte == first)?;
        }
        matched = step(&shorter, matched, bytes.get(at)?);
        at += 1;
    }
    Some(at - matched)
}

/// Whether `part` occurs in `bytes`; an empty one everywhere.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || find(bytes, part).is_some()
}

/// Strikes off `missing` what occurs in `bytes`.
#[inline(never)]
pub fn found(missing: &mut Vec<&[u8]>, bytes: &[u8]) {
    missing.retain(|text| !contains(bytes, text));
}

/// `text` before and behind the first `at`, which is ASCII.
pub fn split_once(text: &str, at: u8) -> Option<(&str, &str)> {
    split(text, text.bytes().position(|byte| byte == at)?)
}

/// `text` before and behind the first `part`.
pub fn split_once_str<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    let at = find(text.as_bytes(), part.as_bytes())?;
    Some((text.get(..at)?, text.get(at + part.len()..)?))
}

/// `text` before and behind the last `at`, which is ASCII.
pub fn rsplit_once(text: &str, at: u8) -> Option<(&str, &str)> {
    split(text, text.bytes().rposition(|byte| byte == at)?)
}

/// `text` before and from the first of `any`, which are ASCII.
pub fn before<'a>(text: &'a str, any: &[u8]) -> (&'a str, &'a str) {
    let end = text.bytes().position(|byte| any.contains(&byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// What stands in `bytes` between one `at` and the next. Before all of it was taken, `rest` is what is
/// left.
pub fn pieces(bytes: &[u8], at: u8) -> Pieces<'_> {
    Pieces { rest: Some(bytes), at }
}

/// See [`pieces`].
#[derive(Debug)]
pub struct Pieces<'a> {
    /// What has not been taken yet, without the `at` in front of it.
    pub rest: Option<&'a [u8]>,
    at: u8,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    // std's is compiled anew for each closure that says where to part.
    #[inline(never)]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let Some(end) = rest.iter().position(|byte| *byte == self.at) else { return Some(rest) };
        self.rest = rest.get(end + 1..);
        rest.get(..end)
    }
}

/// The parts of `text` between one `at`, which is ASCII, and the next.
pub fn parts(text: &str, at: u8) -> Parts<'_> {
    Parts { rest: Some(text), at }
}

/// See [`parts`].
#[derive(Debug)]
pub struct Parts<'a> {
    rest: Option<&'a str>,
    at: u8,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.take()?;
        match split_once(rest, self.at) {
            Some((part, rest)) => {
                self.rest = Some(rest);
                Some(part)
            }
            None => Some(rest),
        }
    }
}

/// Whether `word` is one of `words`, between which there are blanks.
pub fn among(words: &str, word: &str) -> bool {
    parts(words, b' ').any(|one| one == word)
}

/// The row of a table whose key `fits`. The table is one text, `KEY=WORDS|KEY=WORDS`: each pointer to
/// a text of its own would be set at every start, whoever needs it.
pub fn row(
    table: &'static str,
    fits: &dyn Fn(&str) -> bool,
) -> Option<(&'static str, &'static str)> {
    parts(table, b'|').find_map(|row| split_once(row, b'=').filter(|pair| fits(pair.0)))
}

/// The texts of a table, laid one behind another by the compiler. For tables that every run looks
/// at: where each text has a pointer, setting it at the start takes 16 bytes and 14 instructions.
#[derive(Debug)]
pub struct Laid<const BYTES: usize> {
    bytes: [u8; BYTES],
    used: usize,
}

/// Where a text stands in a [`Laid`].
#[derive(Debug, Clone, Copy)]
pub struct Place {
    at: u16,
    length: u8,
}

impl Place {
    /// No text.
    pub const NONE: Self = Self { at: 0, length: 0 };
}

impl<const BYTES: usize> Laid<BYTES> {
    /// None yet.
    pub const NONE: Self = Self { bytes: [0; BYTES], used: 0 };

    /// How many bytes there are.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Adds a text of at most 255 bytes.
    pub const fn lay(mut self, text: &str) -> (Self, Place) {
        let place = Place { at: self.used as u16, length: text.len() as u8 };
        let (_, free) = self.bytes.split_at_mut(self.used);
        free.split_at_mut(text.len()).0.copy_from_slice(text.as_bytes());
        self.used += text.len();
        (self, place)
    }

    /// The bytes of the text at `place`.
    pub fn bytes(&self, place: Place) -> &[u8] {
        let at = usize::from(place.at);
        self.bytes.get(at..at + usize::from(place.length)).unwrap_or_default()
    }

    /// The text at `place`.
    pub fn text(&self, place: Place) -> &str {
        str::from_utf8(self.bytes(place)).unwrap_or_default()
    }
}

fn split(text: &str, at: usize) -> Option<(&str, &str)> {
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Appends the two hexadecimal digits of a byte.
pub fn hex_digits(byte: u8, text: &mut String) {
    for nibble in [byte >> 4, byte & 15] {
        text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
    }
}

/// RFC 4648 section 4.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3)
            .fold(0_usize, |bits, i| bits << 8 | usize::from(group.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let letter = LETTERS.get(bits >> (18 - 6 * i) & 63).copied().unwrap_or(b'=');
            out.push(char::from(if i <= group.len() { letter } else { b'=' }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_and_where() {
        assert_eq!(find(b"abcbc", b"bc"), Some(1));
        assert_eq!((find(b"abc", b"cd"), find(b"", b"a"), find(b"a", b"")), (None, None, None));
        // What looks like the beginning, and is not, may hold the real one.
        for (bytes, part, at) in [
            (&b"aaaab"[..], &b"aab"[..], Some(2)),
            (b"abababac", b"ababac", Some(2)),
            (b"aabaaabaaac", b"aabaaac", Some(4)),
            (b"ab", b"aba", None),
            (b"\0\0\xff", b"\0\xff", Some(1)),
        ] {
            assert_eq!(find(bytes, part), at, "{bytes:?}");
        }
        let (end, bytes) = ([vec![b'a'; 8192], vec![b'b']].concat(), vec![b'a'; 1 << 20]);
        let begun = std::time::Instant::now();
        assert_eq!(find(&bytes, &end), None);
        // The product of both is 2^33, and took four seconds.
        assert!(begun.elapsed().as_millis() < 1000, "{:?}", begun.elapsed());
        assert!(contains(b"abc", b"c") && contains(b"abc", b"") && !contains(b"ab", b"abc"));
        assert_eq!(split_once("é=b=c", b'='), Some(("é", "b=c")));
        assert_eq!(split_once_str("é, with b, with", ", with"), Some(("é", " b, with")));
        assert_eq!((split_once_str("ab", "ba"), split_once_str("ab", "")), (None, None));
        assert_eq!(rsplit_once("a=b=é", b'='), Some(("a=b", "é")));
        assert_eq!(
            (split_once("ab", b'='), rsplit_once("", b'='), split_once("=", b'=')),
            (None, None, Some(("", "")))
        );
        let pieces = [(&b"$${a}"[..], 3), (b"${a}b}", 4), (b"${a", 1), (b"$a", 1), (b"", 1)];
        assert!(pieces.iter().all(|(text, length)| piece(text) == *length));
        assert_eq!(before("host/path?q", b"/?"), ("host", "/path?q"));
        assert_eq!(before("host", b"/?"), ("host", ""));
    }

    #[test]
    fn rows_of_a_text() {
        const TABLE: &str = "a b=one|c=two = 2|d=";
        assert_eq!(row(TABLE, &|key| key == "a b"), Some(("a b", "one")));
        assert_eq!(row(TABLE, &|key| key == "c"), Some(("c", "two = 2")));
        assert_eq!(row(TABLE, &|key| key == "d"), Some(("d", "")));
        assert_eq!((row(TABLE, &|key| key == "e"), row("", &|_| true)), (None, None));
    }

    #[test]
    fn texts_are_laid_by_the_compiler() {
        const LAID: (Laid<4>, [Place; 3]) = {
            let (laid, first) = Laid::NONE.lay("ab");
            let (laid, second) = laid.lay("é");
            (laid, [first, second, Place::NONE])
        };
        assert_eq!(LAID.1.map(|place| LAID.0.text(place).to_owned()), ["ab", "é", ""]);
        assert_eq!(LAID.0.used(), 4);
    }

    #[test]
    fn base64_as_rfc_4648_says() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
