//! What `grep` looks for, as far as it is text: alternatives, anchors, any character; no more of a
//! regular expression.

use super::options::Parse;
use super::{Flag, Options, Usage};
use crate::text::{Wrong, contains, pieces, row};
use crate::verdict::{Failure, quote};

/// Lines that are looked for, as `FLAGS:TEXT`.
///
/// Flags: `F` the text is taken literally, `E` it has alternatives behind `|`, `i` any case, `w` whole
/// words, `x` whole lines, `a` all that was read is the text but for newlines at its end, `1` only the
/// first line is looked at, `A` what stands on each line of the text must match the same line. Without `F`:
/// `^` and `$` at the ends, `.` for any character, `\` before a sign that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    given: Vec<u8>,
    flags: Vec<u8>,
    parts: Vec<Part>,
    /// The text, which must not be there, is `given`.
    rejects: bool,
}

/// One alternative. A newline, which no line has, stands for any character.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Part {
    text: Vec<u8>,
    start: bool,
    end: bool,
    /// Of several of which all must match.
    line: usize,
}

/// Stands for any character.
const ANY: u8 = b'\n';

impl Pattern {
    /// The values of `--grep`, and those of `--reject`, each read through `parse`.
    pub fn all(options: &mut Options<'_>, parse: Parse<Vec<u8>>) -> Result<Vec<Self>, Usage> {
        let mut all = options.each(Flag::Grep, Self::parse)?;
        for given in options.each(Flag::Reject, parse)? {
            all.push(Self { given, flags: Vec::new(), parts: Vec::new(), rejects: true });
        }
        Ok(all)
    }

    /// Reads `FLAGS:TEXT`; what is no text but a regular expression is refused.
    pub fn parse(given: &[u8]) -> Result<Self, Wrong> {
        let colon = given.iter().position(|byte| *byte == b':').unwrap_or(0);
        let (flags, text) = given.split_at_checked(colon).unwrap_or_default();
        let Some([b':', text @ ..]) =
            Some(text).filter(|_| flags.iter().all(|f| b"FEiwxa1A".contains(f)))
        else {
            return Err("FLAGS:TEXT is wanted, the flags of F E i w x a 1 A".into());
        };
        let mut all = Vec::new();
        // No argument has a NUL.
        let apart = if flags.contains(&b'A') { b'\n' } else { 0 };
        for (line, text) in pieces(text, apart).enumerate() {
            let found = match flags.contains(&b'F') {
                true if flags.contains(&b'a') => {
                    vec![Part { text: text.to_vec(), ..Part::default() }]
                }
                true => {
                    let lines = pieces(text, b'\n');
                    lines.map(|line| Part { text: line.to_vec(), ..Part::default() }).collect()
                }
                false => parts(text, flags.contains(&b'E')).ok_or(
                    "a text is wanted, with ^ and $ at its ends: no regular expression is read",
                )?,
            };
            all.extend(found.into_iter().map(|part| Part { line, ..part }));
        }
        let parts = all;
        Ok(Self { given: given.to_vec(), flags: flags.to_vec(), parts, rejects: false })
    }

    /// That this and `other` match one line; `None` where no one pattern says so.
    pub fn both(&self, other: &Self) -> Option<Self> {
        let (own, more) = (self.text(), other.text());
        let first = [b"A", other.flags.as_slice(), b":", own].concat();
        let same = b"iwxa1".iter().all(|flag| self.has(*flag) == other.has(*flag))
            && Self::parse(&first).ok()?.parts == self.parts;
        let sole = !more.contains(&b'\n');
        (same && sole).then(|| Self::parse(&[&first, &b"\n"[..], more].concat()).ok())?
    }

    /// As it was given.
    pub fn given(&self) -> &[u8] {
        &self.given
    }

    /// The same without the flags, which a text that is rejected has not.
    pub fn text(&self) -> &[u8] {
        self.given.get(self.flags.len() + 1..).unwrap_or_default()
    }

    /// Whether only the end of all there is tells that the text is not in it.
    pub fn rejects(&self) -> bool {
        self.rejects
    }

    /// The failure where `what`, of which the start is shown, is not as asked.
    pub fn failure(&self, what: &str, got: &str, seen: &[u8]) -> Failure {
        match self.rejects {
            true => Failure::holds(what, got, &self.given, seen),
            false => Failure::mismatch(what, got, &self.want()).with(&quote(seen)),
        }
    }

    /// What is wanted, in words.
    fn want(&self) -> String {
        /// By the flag that says most.
        const WHERE: &str = "a=\" and nothing else|1=\" in its first line|A=\" in one line of it\
            |i=\" in it, in any case|x=\" as a line of it|w=\" as a word of it|=\" in it";
        let mut want = String::new();
        for line in pieces(self.text(), if self.has(b'A') { b'\n' } else { 0 }) {
            want.push_str(if want.is_empty() { "\"" } else { "\" and \"" });
            want.push_str(&quote(line));
        }
        let fits = |flag: &str| flag.bytes().all(|flag| self.has(flag));
        want.push_str(row(WHERE, &fits).unwrap_or_default().1);
        want
    }

    fn has(&self, flag: u8) -> bool {
        self.flags.contains(&flag)
    }

    /// The text, when that it occurs is all that is asked.
    pub fn plain(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [Part { text, start: false, end: false, .. }]
                if !text.is_empty()
                    && !text.contains(&ANY)
                    && !b"iwxa1".iter().any(|flag| self.has(*flag)) =>
            {
                Some(text)
            }
            _ => None,
        }
    }

    /// The first of `all` that `text` is not as asked by.
    pub fn unmatched<'p>(all: &'p [Self], text: &[u8]) -> Option<&'p Self> {
        all.iter().find(|pattern| !pattern.matches(text))
    }

    /// Whether one of the lines of `text` is as asked, or the text that is rejected is not in it.
    pub fn matches(&self, text: &[u8]) -> bool {
        if self.rejects {
            return !contains(text, &self.given);
        }
        let text = match text.iter().position(|byte| *byte == b'\n') {
            Some(end) if self.has(b'1') => text.get(..end).unwrap_or_default(),
            _ => text,
        };
        if self.has(b'a') {
            let end = text.iter().rposition(|byte| *byte != b'\n').map_or(0, |at| at + 1);
            return self.parts.iter().any(|part| text.get(..end) == Some(part.text.as_slice()));
        }
        let lines = pieces(text.strip_suffix(b"\n").unwrap_or(text), b'\n');
        lines.filter(|_| !text.is_empty()).any(|line| {
            let last = self.parts.last().map_or(0, |part| part.line);
            let fits =
                |at: usize| self.parts.iter().any(|part| part.line == at && self.fits(part, line));
            (0..=last).all(fits)
        })
    }

    fn fits(&self, part: &Part, line: &[u8]) -> bool {
        let Part { text, start, end, .. } = part;
        let (start, end) = (*start || self.has(b'x'), *end || self.has(b'x'));
        let word =
            |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let same = |(got, want): (&u8, &u8)| {
            got == want
                || *want == ANY && !self.has(b'F')
                || self.has(b'i') && got.eq_ignore_ascii_case(want)
        };
        let last = line.len().checked_sub(text.len());
        last.is_some_and(|last| {
            (0..=last).any(|at| {
                let Some((before, rest)) = line.split_at_checked(at) else { return false };
                let after = rest.get(text.len());
                (!start || at == 0)
                    && (!end || after.is_none())
                    && rest.iter().zip(text).all(same)
                    && !(self.has(b'w') && (word(before.last()) || word(after)))
            })
        })
    }

    /// The statuses, as `--status` has them, when lines of an HTTP head are asked for by theirs:
    /// `200 OK`, `HTTP/1.1 200`.
    pub fn status(&self) -> Option<Vec<u8>> {
        let mut list = Vec::new();
        for Part { text, .. } in &self.parts {
            let at = match text.get(..4) {
                Some(name) if name.eq_ignore_ascii_case(b"http") => {
                    text.iter().position(|byte| *byte == b' ')? + 1
                }
                _ => text.iter().position(|byte| *byte != b' ')?,
            };
            let digits =
                text.get(at..at + 3).filter(|three| three.iter().all(u8::is_ascii_digit))?;
            if text.get(at + 3).is_some_and(|byte| !b" \n".contains(byte)) {
                return None;
            }
            if !list.is_empty() {
                list.push(b',');
            }
            list.extend_from_slice(digits);
        }
        Some(list).filter(|list| !list.is_empty())
    }
}

/// The alternatives of `text`; `None` when it is a regular expression.
fn parts(text: &[u8], extended: bool) -> Option<Vec<Part>> {
    if extended && let Some(alternatives) = spread(text) {
        return parts(&alternatives, extended);
    }
    if !extended && contains(text, b"\\(") {
        return parts(&basic(text)?, true);
    }
    let mut all = Vec::new();
    let mut part = Part::default();
    let mut rest = text;
    while let [first, more @ ..] = rest {
        rest = more;
        let mut escaped = false;
        let mut byte = *first;
        if let (b'\\', [next, after @ ..]) = (byte, more) {
            // GNU's grep gives a meaning to letters, digits and these.
            if !next.is_ascii_punctuation() || b"<>`'".contains(next) {
                return None;
            }
            rest = after;
            byte = *next;
            escaped = true;
        }
        let ends = matches!(rest, [] | [b'\n', ..])
            || matches!(rest, [b'|', ..]) && extended
            || matches!(rest, [b'\\', b'|', ..]) && !extended;
        // What has a meaning behind a backslash has one without it in the extended language.
        let active = escaped != extended;
        match byte {
            b'\n' => all.push(std::mem::take(&mut part)),
            b'|' if active => all.push(std::mem::take(&mut part)),
            b'^' if !escaped && part == Part::default() => part.start = true,
            b'$' if !escaped && ends => part.end = true,
            b'+' | b'?' | b'(' | b')' | b'{' if active => return None,
            b'*' | b'[' | b'\\' if !escaped => return None,
            b'^' | b'$' if extended && !escaped => return None,
            b'.' if !escaped => part.text.push(ANY),
            byte => part.text.push(byte),
        }
    }
    all.push(part);
    Some(all)
}

/// `\(one\|other\)` as the extended language has it; `None` where that would mean something else.
fn basic(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let [first, more @ ..] = rest {
        rest = more;
        match (first, more) {
            (b'\\', [next @ (b'(' | b'|' | b')'), after @ ..]) => {
                out.push(*next);
                rest = after;
            }
            (b'\\' | b'(' | b'|' | b')', _) => return None,
            (byte, _) => out.push(*byte),
        }
    }
    Some(out)
}

/// `before(one|other)after` as `beforeoneafter|beforeotherafter`; `None` when it is not of that form.
fn spread(text: &[u8]) -> Option<Vec<u8>> {
    let at = |byte| text.iter().position(|one| *one == byte);
    let (before, rest) = text.split_at_checked(at(b'(')?)?;
    let (inside, after) = rest.split_at_checked(at(b')')?.checked_sub(before.len())?)?;
    let (inside, after) = (inside.get(1..)?, after.get(1..)?);
    let alone = |part: &[u8]| !part.iter().any(|byte| b"|()\\\n".contains(byte));
    let repeats = after.first().is_some_and(|byte| b"*+?{".contains(byte));
    if !alone(before)
        || !alone(after)
        || inside.iter().any(|byte| b"(^$\\\n".contains(byte))
        || repeats
    {
        return None;
    }
    let each = pieces(inside, b'|').map(|one| [before, one, after].concat());
    Some(each.collect::<Vec<_>>().join(&b'|'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(given: &str, text: &str) -> bool {
        Pattern::parse(given.as_bytes()).expect(given).matches(text.as_bytes())
    }

    #[test]
    fn lines_match_as_grep_has_it() {
        for (given, yes, no) in [
            (":ok", "is ok.", "o k"),
            (":^ok$", "a\nok\n", "not ok"),
            (":^ok", "ok then", "not ok"),
            (":ok$", "not ok", "ok then"),
            ("i:OK", "ok", "k"),
            ("w:ok", "is ok.", "okay"),
            ("x:ok", "a\nok", "ok\r"),
            (":a.c", "abc", "ac"),
            (":a\\.c", "a.c", "abc"),
            ("F:a.c", "a.c", "abc"),
            ("E:a|b", "xb", "c"),
            (":a\\|b$", "xb", "bc"),
            (":a|b", "a|b", "a"),
            ("E:a\\|b", "a|b", "a"),
            ("E:^a$|^b$", "b", "bb"),
            (":a$b^", "a$b^", "ab"),
            (":", "\n", ""),
            ("aF:ok", "ok\n\n", "ok\nx"),
            ("aF:a.c", "a.c", "abc"),
            ("E:^(a|b)$", "b", "bb"),
            ("E:is (up|ok).", "is ok!", "is no!"),
            ("E:(a)", "a", "b"),
            (":a\nb", "b", "c"),
            ("F:a\nb", "b", "c"),
            (":^\\(a\\|b\\)$", "b", "bb"),
            ("A:a\nb", "x\nb a", "a\nb"),
            ("AE:a\n^b", "ba", "ab"),
            ("A:a\n\\(b\\|c\\)", "ca", "a\nb"),
            ("AF:a.\nb", "ba.", "abc"),
            ("1:a", "a\nb", "b\na"),
            ("1:a$", "a\nb", "ab\na"),
            ("1x:a", "a", "b\na"),
            ("1aF:a", "a\nb", "b\na"),
            (":(x)", "(x)", "x"),
        ] {
            assert!(matches(given, yes), "{given:?} in {yes:?}");
            assert!(!matches(given, no), "{given:?} in {no:?}");
        }
        for given in [
            ":a*",
            ":[ab]",
            ":a\\+",
            "E:a+",
            "E:a?",
            "E:(a)+",
            "E:(a|b)(c)",
            "E:((a|b)c)",
            "E:x|(a|b)c",
            "E:\\(a|b)",
            "E:(a",
            "E:a)",
            "E:)a(",
            "E:(^a|b)",
            "E:a{2}",
            ":\\w",
            ":a\\(b\\)*",
            ":\\(a|b\\)",
            ":\\(a\\|b\\)\\.",
            ":\\(a\\|b\\)+",
            ":\\",
            "E:a$b",
            "E:a^",
            "z:a",
            "a",
            ":\\<a",
        ] {
            assert!(Pattern::parse(given.as_bytes()).is_err(), "{given:?}");
        }
    }

    #[test]
    fn what_is_plain_text_and_what_is_a_status() {
        let plain = |given: &str| {
            Pattern::parse(given.as_bytes()).expect(given).plain().map(<[u8]>::to_vec)
        };
        assert_eq!(plain(":\"status\":\"UP\""), Some(b"\"status\":\"UP\"".to_vec()));
        assert_eq!(plain("E:a\\.b"), Some(b"a.b".to_vec()));
        for given in
            ["i:a", "w:a", "x:a", "a:a", "1:a", "A:a\nb", ":^a", ":a$", ":a.b", "E:a|b", ":"]
        {
            assert_eq!(plain(given), None, "{given}");
        }
        let status = |given: &str| {
            let status = Pattern::parse(given.as_bytes()).expect(given).status();
            status.map(|text| String::from_utf8(text).expect("ASCII"))
        };
        for (given, list) in [
            (":200 OK", "200"),
            (":HTTP/1.1 200", "200"),
            (":^HTTP/1\\.. 200 OK", "200"),
            ("E: 200 | 204 ", "200,204"),
            ("i:http/2 301", "301"),
        ] {
            assert_eq!(status(given).as_deref(), Some(list), "{given}");
        }
        for given in [":OK", ":2000", ":HTTP/1.1", ":x 200", ":20", ":"] {
            assert_eq!(status(given), None, "{given}");
        }
    }
}
