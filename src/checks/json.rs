//! `--expect-json POINTER=VALUE`: a value in a JSON text (RFC 8259) at a pointer (RFC 6901).
//!
//! The text is walked once, and no tree is built: what does not lie on the pointer's path is only
//! checked for being JSON.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use hifijson::escape::Lex as _;
use hifijson::num::Lex as _;
use hifijson::token::Lex as _;
use hifijson::{Error, Expect, Read as _, SliceLexer, str};

use crate::input::value;
use crate::text::Wrong;
use crate::verdict::{Failure, quote};

/// A pointer and what is wanted there.
#[derive(Debug)]
pub struct Wanted {
    /// As typed, for messages.
    pointer: String,
    /// The pointer's tokens, unescaped.
    tokens: Vec<String>,
    operator: Operator,
    /// One or, of `=`, several, each good enough.
    values: Vec<String>,
    /// What stands behind the pointer as typed, a plain `=` left out: for messages.
    want: String,
}

/// How the value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// As they are written, longer ones first.
const OPERATORS: &[(&str, Operator)] = &[
    ("!=", Operator::Unequal),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Wanted {
    /// `POINTER=VALUE`, `POINTER=VALUE|VALUE`, and of numbers `POINTER<VALUE` and the like. The first
    /// operator ends the pointer; behind a backslash it is part of a key, as `|` is of a value.
    pub fn parse(given: &[u8]) -> Result<Self, Wrong> {
        // not a verdict
        const WANT: &str = "POINTER=VALUE is wanted, with a pointer of RFC 6901: /status=UP";
        let mut rest = value::utf8(given)?;
        let (mut pointer, mut tokens) = (String::new(), Vec::<String>::new());
        let (sign, operator) = loop {
            if let Some(found) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign)) {
                break *found;
            }
            // A sign behind a backslash is part of a key.
            let sign = |after: &&str| matches!(after.as_bytes(), [b'=' | b'<' | b'>' | b'!', ..]);
            let escaped = rest.strip_prefix('\\').filter(sign);
            let mut chars = escaped.unwrap_or(rest).chars();
            let c = chars.next().ok_or(WANT)?;
            pointer.push(c);
            match (c, tokens.last_mut()) {
                ('/', _) => tokens.push(String::new()),
                // The empty pointer is the whole text; any other starts with '/' (section 3).
                (_, None) => return Err(WANT.into()),
                ('~', Some(token)) => {
                    let code = chars.next();
                    token.push(match code {
                        Some('0') => '~',
                        Some('1') => '/',
                        // not a verdict
                        _ => return Err("~0 or ~1 is wanted where the pointer has a ~".into()),
                    });
                    pointer.extend(code);
                }
                (c, Some(token)) => token.push(c),
            }
            rest = chars.as_str();
        };
        let text = rest.get(sign.len()..).unwrap_or_default();
        let compares = !matches!(operator, Operator::Equal | Operator::Unequal);
        let values = if compares { vec![text.to_owned()] } else { alternatives(text) };
        if compares && Number::parse(text.as_bytes()).is_none() {
            return Err(["a number is wanted behind ", sign].concat().into()); // not a verdict
        }
        let want = if operator == Operator::Equal { text } else { rest };
        Ok(Self { pointer, tokens, operator, values, want: want.to_owned() })
    }

    /// Whether a string, or what is `raw` in the text, is what is wanted.
    fn fits(&self, found: &[u8], raw: bool) -> bool {
        let order = |value: &str| {
            let wanted = Number::parse(value.as_bytes()).filter(|_| raw)?;
            Some(Number::parse(found)?.order(&wanted))
        };
        let same = |value: &String| found == value.as_bytes() || order(value) == Some(Equal);
        // What is no number, or null, is not yet another one.
        let number = |value: &String| Number::parse(value.as_bytes()).is_some();
        let other = |value: &String| !same(value) && (order(value).is_some() || !number(value));
        let than = |wanted: &[Ordering]| {
            let order = self.values.first().and_then(|value| order(value));
            order.is_some_and(|order| wanted.contains(&order))
        };
        match self.operator {
            Operator::Equal => self.values.iter().any(same),
            Operator::Unequal => !(raw && found == b"null") && self.values.iter().all(other),
            Operator::Less => than(&[Less]),
            Operator::AtMost => than(&[Less, Equal]),
            Operator::Greater => than(&[Greater]),
            Operator::AtLeast => than(&[Greater, Equal]),
        }
    }

    /// Whether `body` is one JSON text that has the value there.
    ///
    /// A string equals the value by its text, a number by its amount (`3`, `3.0` and `30e-1` are
    /// the same), `true`, `false` and `null` by name. An object or array equals nothing. A name
    /// that stands twice on the path is a failure: readers differ in which one they take (RFC
    /// 8259 section 4). A byte order mark in front is skipped, as section 8.1 allows.
    pub fn judge(&self, body: &[u8]) -> Result<(), Failure> {
        let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut lexer = SliceLexer::new(text);
        let mut search = Search { wanted: self, found: Found::Absent, text: Vec::new() };
        let mut walked = lexer.exactly_one(SliceLexer::ws_peek, |next, lexer| {
            search.value(next, lexer, Some(&self.tokens), DEPTH)
        });
        let mut read = text.len() - lexer.as_slice().len();
        if let Err(odd) = std::str::from_utf8(text) {
            // The lexer looks at bytes only.
            (walked, read) = (Err(Error::Token(Expect::Value)), odd.valid_up_to().min(read));
        }
        let got = match (walked, search.found) {
            (Ok(()), Found::Equal) => return Ok(()),
            (Ok(()), Found::Absent) => "absent".into(),
            (Ok(()), Found::Twice) => "there twice".into(),
            (Ok(()), Found::Other(got)) => got,
            (Err(odd), _) => {
                let n = body.len();
                let got = match odd {
                    Error::Depth => {
                        format!("of {n} bytes, nested over {DEPTH} deep at byte {read}")
                    }
                    _ => format!("of {n} bytes, no JSON from byte {read} on"),
                };
                return Err(Failure::mismatch("body", &got, "JSON").with(&quote(body)));
            }
        };
        let what = match self.pointer.as_str() {
            "" => "JSON".into(),
            pointer => format!("JSON field {}", quote(pointer.as_bytes())),
        };
        // As it would stand in the body.
        let quoted = got.starts_with('"') && self.values.contains(&got);
        let hint = if quoted { "a string is given without its quotes" } else { "" };
        let failure = Failure::mismatch(&what, &got, &quote(self.want.as_bytes()));
        Err(failure.with(hint).with(&quote(body)))
    }
}

/// `a|b` is two; `a\|b` is one.
fn alternatives(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        match (c, all.last_mut()) {
            ('|', _) if !escaped => all.push(String::new()),
            ('|', Some(last)) => {
                // The backslash in front of it.
                last.pop();
                last.push('|');
            }
            (c, last) => last.into_iter().for_each(|last| last.push(c)),
        }
        escaped = c == '\\';
    }
    all
}

/// The deepest nesting: each level takes a frame of the stack. As serde_json has it.
const DEPTH: u8 = 128;

/// What stands at the pointer.
enum Found {
    Absent,
    Equal,
    /// As the message shows it.
    Other(String),
    /// A name on the path is there twice.
    Twice,
}

struct Search<'a> {
    wanted: &'a Wanted,
    found: Found,
    /// The string that was read last.
    text: Vec<u8>,
}

impl Search<'_> {
    /// Reads one value that starts with `next`. `path` is what is left of the pointer when the
    /// value lies on its way.
    fn value(
        &mut self,
        next: u8,
        lexer: &mut SliceLexer<'_>,
        path: Option<&[String]>,
        depth: u8,
    ) -> Result<(), Error> {
        let here = path.is_some_and(<[_]>::is_empty);
        let on = path.and_then(<[_]>::split_first);
        let start = lexer.as_slice();
        match next {
            b'[' | b'{' => {
                let depth = depth.checked_sub(1).ok_or(Error::Depth)?;
                if here {
                    let kind = if next == b'[' { "is an array" } else { "is an object" };
                    self.note(Found::Other(kind.into()));
                }
                let lexer = lexer.discarded();
                return match next {
                    b'[' => self.array(lexer, on, depth),
                    _ => self.object(lexer, on, depth),
                };
            }
            b'"' => {
                self.string(lexer.discarded())?;
                if here {
                    self.note(match self.wanted.fits(&self.text, false) {
                        true => Found::Equal,
                        false => Found::Other(format!("\"{}\"", quote(&self.text))),
                    });
                }
                return Ok(());
            }
            b'a'..=b'z' => {
                lexer.null_or_bool().ok_or(Expect::Value)?;
            }
            b'0'..=b'9' | b'-' => {
                lexer.num_ignore().validate()?;
            }
            _ => return Err(Expect::Value.into()),
        }
        if here {
            let raw = start.get(..start.len() - lexer.as_slice().len()).unwrap_or_default();
            let fits = self.wanted.fits(raw, true);
            self.note(if fits { Found::Equal } else { Found::Other(quote(raw)) });
        }
        Ok(())
    }

    fn array(
        &mut self,
        lexer: &mut SliceLexer<'_>,
        on: Option<(&String, &[String])>,
        depth: u8,
    ) -> Result<(), Error> {
        // No leading zeros (RFC 6901 section 4).
        let wanted = on.and_then(|(token, rest)| {
            let wanted = value::number(token.as_bytes()).ok()?;
            (token == "0" || !token.starts_with('0')).then_some((wanted, rest))
        });
        let mut index = 0;
        lexer.seq(b']', SliceLexer::ws_peek, |next, lexer| {
            let path = wanted.filter(|(wanted, _)| *wanted == index).map(|(_, rest)| rest);
            index += 1;
            self.value(next, lexer, path, depth)
        })
    }

    fn object(
        &mut self,
        lexer: &mut SliceLexer<'_>,
        on: Option<(&String, &[String])>,
        depth: u8,
    ) -> Result<(), Error> {
        let mut seen = false;
        lexer.seq(b'}', SliceLexer::ws_peek, |next, lexer| {
            if next != b'"' {
                return Err(Expect::String.into());
            }
            let lexer = lexer.discarded();
            self.string(lexer)?;
            let path = on.filter(|(token, _)| self.text == token.as_bytes()).map(|(_, rest)| rest);
            lexer.expect(SliceLexer::ws_peek, b':').ok_or(Expect::Colon)?;
            let next = lexer.ws_peek().ok_or(Expect::Value)?;
            self.value(next, lexer, path, depth)?;
            if path.is_some() {
                if seen {
                    self.note(Found::Twice);
                }
                seen = true;
            }
            Ok(())
        })
    }

    /// Reads what follows an opening quote, escapes undone. A lone surrogate is an error: readers
    /// differ in what they make of it (section 8.2).
    fn string(&mut self, lexer: &mut SliceLexer<'_>) -> Result<(), Error> {
        self.text.clear();
        loop {
            match lexer.take_next().ok_or(Error::Str(str::Error::Eof))? {
                b'"' => return Ok(()),
                b'\\' => {
                    let kind = lexer.take_next().ok_or(Error::Str(str::Error::Eof))?;
                    let c =
                        lexer.escape(kind).map_err(|odd| Error::Str(str::Error::Escape(odd)))?;
                    self.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                ..b' ' => return Err(Error::Str(str::Error::Control)),
                byte => self.text.push(byte),
            }
        }
    }

    fn note(&mut self, found: Found) {
        if !matches!(self.found, Found::Twice) {
            self.found = found;
        }
    }
}

/// A number of JSON, exactly: `digits` times ten to the `exponent`. Neither end of the digits is a
/// zero, so that equal amounts are equal texts.
struct Number {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Number {
    /// `None` for what is no number, and for an exponent beyond all measure.
    fn parse(text: &[u8]) -> Option<Self> {
        let mut lexer = SliceLexer::new(text);
        lexer.num_ignore().validate().ok()?;
        if !lexer.as_slice().is_empty() {
            return None;
        }
        let (mut negative, mut fraction) = (false, false);
        let (mut digits, mut exponent) = (Vec::new(), 0_i64);
        // The sign and the amount of what follows the `e`.
        let (mut sign, mut power) = (0, 0_i64);
        for byte in text {
            match byte {
                b'-' if sign == 0 => negative = true,
                b'-' => sign = -1,
                b'+' => {}
                b'.' => fraction = true,
                b'e' | b'E' => sign = 1,
                digit if sign == 0 => {
                    exponent -= i64::from(fraction);
                    if !digits.is_empty() || *digit != b'0' {
                        digits.push(*digit);
                    }
                }
                digit => {
                    power = power * 10 + i64::from(digit - b'0');
                    if power > 1 << 53 {
                        return None;
                    }
                }
            }
        }
        exponent += sign * power;
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent += 1;
        }
        // Zero has neither sign nor exponent.
        match digits.is_empty() {
            true => Some(Self { negative: false, digits, exponent: 0 }),
            false => Some(Self { negative, digits, exponent }),
        }
    }

    /// Which of the two amounts is the larger one.
    fn order(&self, other: &Self) -> Ordering {
        // Its sign; how far in front of the point the first digit stands; the digits.
        let key = |n: &Self| match (n.digits.is_empty(), n.negative) {
            (true, _) => (0, 0),
            (false, true) => (-1, n.exponent.saturating_add(n.digits.len() as i64)),
            (false, false) => (1, n.exponent.saturating_add(n.digits.len() as i64)),
        };
        let ((sign, height), (other_sign, other_height)) = (key(self), key(other));
        let amounts = height.cmp(&other_height).then_with(|| self.digits.cmp(&other.digits));
        let amounts = if sign < 0 { amounts.reverse() } else { amounts };
        sign.cmp(&other_sign).then(amounts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Wanted {
        Wanted::parse(text.as_bytes()).expect(text)
    }

    fn judge(text: &str, body: impl AsRef<[u8]>) -> String {
        match wanted(text).judge(body.as_ref()) {
            Ok(()) => "healthy".into(),
            Err(failure) => {
                let words = failure.to_string();
                // What is shown of the body stands last, here and in front of the pointer's own.
                let shown = format!(": {}", quote(body.as_ref()));
                assert!(words.ends_with(&shown) || body.as_ref().is_empty(), "{words}");
                match words.starts_with("JSON") {
                    true => words[..words.len() - shown.len()].to_owned(),
                    false => words,
                }
            }
        }
    }

    #[test]
    fn pointers() {
        for (text, tokens, value) in [
            ("=1", vec![], "1"),
            ("/=1", vec![""], "1"),
            ("/a/0/b=x=y", vec!["a", "0", "b"], "x=y"),
            ("/a~1b/m~0n/~01=", vec!["a/b", "m~n", "~1"], ""),
        ] {
            let wanted = wanted(text);
            assert_eq!(
                (wanted.tokens, wanted.values),
                (tokens.iter().map(|t| (*t).into()).collect(), vec![value.into()]),
                "{text}"
            );
        }
        for text in ["", "/a", "a=1", "/~=1", "/~2=1", "/a~=1", "/~~0=1"] {
            assert!(Wanted::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Wanted::parse(b"/\xff=1").is_err());
    }

    #[test]
    fn operators() {
        let body = r#"{"n":5,"s":"green","f":-0.5,"big":9007199254740993,"a=b":1,"<":2,"x|y":"p|q","no":null,"yes":true,"3":"3","e":1e99999999999999999999}"#;
        for text in [
            "/n<6",
            "/n<5.01",
            "/n<=5",
            "/n<=5.0e0",
            "/n>4",
            "/n>=5",
            "/n!=4",
            "/n!=five",
            "/n>-1e9",
            "/f<0",
            "/f>-1",
            "/f<=-0.5",
            "/f>-0.51",
            "/f!=0",
            "/big>9007199254740992",
            "/big<9007199254740994",
            "/big<1e16",
            "/big>9.007e15",
            "/s=green|yellow",
            "/s=yellow|green",
            "/s!=red",
            "/s!=red|yellow",
            "/n!=3|4",
            "/x|y!=p|q",
            "/a\\=b=1",
            "/\\<=2",
            "/x|y=p\\|q",
            "/n=3|5.0",
            "/n!=3|five",
            "/s!=null",
            "/yes!=false",
            "/3!=null",
        ] {
            assert_eq!(judge(text, body), "healthy", "{text}");
        }
        for (text, words) in [
            ("/n<5", "JSON field /n 5, want <5"),
            ("/n<=4.99", "JSON field /n 5, want <=4.99"),
            ("/n>5", "JSON field /n 5, want >5"),
            ("/n>=6", "JSON field /n 5, want >=6"),
            ("/n!=5.0", "JSON field /n 5, want !=5.0"),
            ("/s<5", "JSON field /s \"green\", want <5"),
            ("/no<5", "JSON field /no null, want <5"),
            ("/s!=green", "JSON field /s \"green\", want !=green"),
            ("/s!=red|green", "JSON field /s \"green\", want !=red|green"),
            ("/n!=3|5.0", "JSON field /n 5, want !=3|5.0"),
            ("/x|y!=p\\|q", "JSON field /x|y \"p|q\", want !=p\\|q"),
            ("/s=red|yellow", "JSON field /s \"green\", want red|yellow"),
            ("/none!=1", "JSON field /none absent, want !=1"),
            ("/no!=1", "JSON field /no null, want !=1"),
            ("/no!=DOWN", "JSON field /no null, want !=DOWN"),
            ("/no!=null", "JSON field /no null, want !=null"),
            ("/yes!=1", "JSON field /yes true, want !=1"),
            ("/s!=5", "JSON field /s \"green\", want !=5"),
            ("/s!=red|5", "JSON field /s \"green\", want !=red|5"),
            ("/3!=5", "JSON field /3 \"3\", want !=5"),
            ("/e!=5", "JSON field /e 1e99999999999999999999, want !=5"),
            ("/f>-0.5", "JSON field /f -0.5, want >-0.5"),
            ("/x|y=p|q", "JSON field /x|y \"p|q\", want p|q"),
        ] {
            assert_eq!(judge(text, body), words);
        }
        assert_eq!(judge("!=1", "[]"), "JSON is an array, want !=1");
        for text in ["/n<", "/n>x", "/n>=05", "/n<=1e", "/n\\=1", "/n!"] {
            assert!(Wanted::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_exponent_beyond_all_measure_is_no_number_to_compare_with() {
        assert_eq!(judge("/n>1", r#"{"n":1e9007199254740992}"#), "healthy");
        for n in ["1e9007199254740993", "1e-9007199254740993", "1e99999999999999999999"] {
            let words = format!("JSON field /n {n}, want >1");
            assert_eq!(judge("/n>1", format!(r#"{{"n":{n}}}"#)), words);
            assert!(Wanted::parse(format!("/n<{n}").as_bytes()).is_err(), "{n}");
        }
    }

    /// The examples of RFC 6901 section 5.
    #[test]
    fn the_examples_of_the_standard() {
        let body = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        for text in [
            "/foo/0=bar",
            "/foo/1=baz",
            "/=0",
            "/a~1b=1",
            "/c%d=2",
            "/e^f=3",
            "/g|h=4",
            "/i\\j=5",
            "/k\"l=6",
            "/ =7",
            "/m~0n=8",
        ] {
            assert_eq!(judge(text, body), "healthy", "{text}");
        }
        assert_eq!(judge("=bar", body), "JSON is an object, want bar");
        assert_eq!(judge("/foo=bar", body), "JSON field /foo is an array, want bar");
        for text in [
            "/foo/2=bar",
            "/foo/-=bar",
            "/foo/00=bar",
            "/foo/01=baz",
            "/foo/+1=baz",
            "/foo/0/0=bar",
            "/x=0",
            "/foo/bar=0",
        ] {
            let absent = judge(text, body);
            assert!(absent.contains(" absent, want "), "{text}: {absent}");
        }
    }

    #[test]
    fn values() {
        for (value, text) in [
            ("\"UP\"", "UP"),
            ("\"\"", ""),
            ("\"U\\u0050\\n\"", "UP\n"),
            ("\"\\ud83d\\ude00\"", "\u{1f600}"),
            ("true", "true"),
            ("false", "false"),
            ("null", "null"),
            ("\"3\"", "3"),
            ("3", "3"),
            ("3.0", "3"),
            ("30e-1", "3.00"),
            ("0.003E+3", "3"),
            ("-0", "0"),
            ("0e9", "0.000"),
            ("9007199254740993", "9007199254740993"),
            ("1e400", "1E400"),
            ("1e99999999999", "1e99999999999"),
        ] {
            assert_eq!(
                judge(&format!("/a={text}"), format!(r#"{{"a":{value}}}"#)),
                "healthy",
                "{value} {text}"
            );
        }
        for (value, text, message) in [
            ("\"DOWN\"", "UP", "JSON field /a \"DOWN\", want UP"),
            ("\"up\"", "UP", "JSON field /a \"up\", want UP"),
            (
                "\"UP\"",
                "\"UP\"",
                "JSON field /a \"UP\", want \"UP\": a string is given without its quotes",
            ),
            ("\"3.0\"", "3", "JSON field /a \"3.0\", want 3"),
            ("true", "True", "JSON field /a true, want True"),
            ("null", "", "JSON field /a null, want "),
            (
                "9007199254740993",
                "9007199254740992",
                "JSON field /a 9007199254740993, want 9007199254740992",
            ),
            ("-3", "3", "JSON field /a -3, want 3"),
            ("30", "3", "JSON field /a 30, want 3"),
            ("3", "03", "JSON field /a 3, want 03"),
            ("3", "3.", "JSON field /a 3, want 3."),
            ("1e99999999999", "1e99999999998", "JSON field /a 1e99999999999, want 1e99999999998"),
            // Beyond all measure: nobody could say that it is the same number.
            ("1e99999999999999999", "1e1", "JSON field /a 1e99999999999999999, want 1e1"),
            ("{}", "{}", "JSON field /a is an object, want {}"),
            ("[1]", "1", "JSON field /a is an array, want 1"),
            ("\"a\\nb\"", "a", "JSON field /a \"a\\nb\", want a"),
        ] {
            assert_eq!(judge(&format!("/a={text}"), format!(r#"{{"a":{value}}}"#)), message);
        }
        assert_eq!(judge("/a=absent", "{}"), "JSON field /a absent, want absent");
        assert_eq!(judge("=3", " 3\n"), "healthy");
        assert_eq!(judge("=3", "\u{feff}3"), "healthy");
    }

    #[test]
    fn a_name_twice_on_the_path_is_a_failure() {
        for body in [r#"{"a":1,"a":1}"#, r#"{"a":2,"a":1}"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(judge("/a=1", body), "JSON field /a there twice, want 1", "{body}");
        }
        assert_eq!(
            judge("/a/x=1", r#"{"a":{"x":1},"a":{}}"#),
            "JSON field /a/x there twice, want 1"
        );
        assert_eq!(judge("/a=1", r#"{"b":1,"a":1,"b":2,"c":{"a":1,"a":1}}"#), "healthy");
    }

    #[test]
    fn what_is_no_json_text() {
        for body in [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "[1 2]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "{'a':1}",
            "1 2",
            "{\"a\":1}x",
            "{\"a\":1}{\"a\":1}",
            "nul",
            "nulll",
            "True",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "-",
            "0x1",
            "NaN",
            "Infinity",
            "\"",
            "\"a",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "// x\n1",
            "[1]]",
            "\u{feff}\u{feff}1",
            "\u{a0}1",
        ] {
            let got = judge("/a=1", body);
            assert!(
                got.starts_with(&format!("body of {} bytes, no JSON from byte ", body.len())),
                "{body}: {got}"
            );
            assert!(got.ends_with(&quote(body.as_bytes())), "{got}");
        }
        assert_eq!(
            judge("/a=1", "{\"a\":1"),
            "body of 6 bytes, no JSON from byte 6 on, want JSON: {\"a\":1"
        );
        assert_eq!(
            judge("/a=1", b"{\"a\":1,\"b\":\"\xff\"}"),
            "body of 15 bytes, no JSON from byte 12 on, want JSON: {\"a\":1,\"b\":\"\\xff\"}"
        );
        assert!(judge("/a=1", "<html>").contains("no JSON from byte 0 on"));
    }

    #[test]
    fn depth_is_bounded_and_length_is_no_matter() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        let pointer = "/0".repeat(128);
        assert_eq!(judge(&format!("{pointer}=1"), nested(128)), "healthy");
        assert!(
            judge("=1", nested(129))
                .starts_with("body of 259 bytes, nested over 128 deep at byte 128, want JSON: [[")
        );
        for piece in ["[", "{\"a\":", "[{\"a\":", "\"", "1", " ", "\\"] {
            let body = piece.repeat((1 << 20) / piece.len());
            let _ = judge("/a/0/a=1", &body);
        }
        let long = format!("{{\"x\":[{}0],\"a\":1}}", "0,".repeat(500_000));
        assert_eq!(judge("/a=1", &long), "healthy");
        assert_eq!(judge("/x/500000=0", &long), "healthy");
    }

    #[test]
    fn no_prefix_and_no_changed_byte_is_healthy_by_mistake() {
        let body = br#"{"status":"UP","n":[1,{"x":null}]}"#;
        assert_eq!(judge("/status=UP", body), "healthy");
        for end in 0..body.len() {
            assert_ne!(judge("/status=UP", &body[..end]), "healthy", "{end}");
        }
        for i in 0..16 {
            for byte in 0..=255 {
                let mut changed = body.to_vec();
                changed[i] = byte;
                assert_eq!(
                    judge("/status=UP", &changed) == "healthy",
                    changed == body,
                    "{i} {byte}"
                );
            }
        }
    }
}
