//! Response heads and bodies (RFC 9112): pure functions over bytes.

use httparse::{EMPTY_HEADER, Status};

use crate::net::conversation::Decoded;
use crate::text::{Wrong, pieces};

/// The largest response head, all informational ones in front of it included.
pub const HEAD: usize = 65_536;

/// The longest line with a chunk's size, extensions included.
const LINE: usize = 1024;

/// The most headers a response may have.
const HEADERS: usize = 128;

/// A status line and its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// 100 to 999.
    pub status: u16,
    /// `200 OK`, or the number alone.
    pub line: String,
    /// HTTP/1.0 has no chunks.
    old: bool,
    headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// Reads a head from the start of `bytes`, of which the first `searched` are known to hold no
    /// end of one.
    pub fn parse(bytes: &[u8], searched: usize) -> Decoded<Self> {
        // Before the end is looked for, or an empty line in front would be skipped in a head that
        // comes at once and refused in one that drips.
        if !b"HTTP/1.".iter().zip(bytes).all(|(want, got)| want == got) {
            return Err("no HTTP/1 response".into());
        }
        let Some(length) = end(bytes, searched) else {
            return match bytes.len() > HEAD {
                true => Err("a response head over 64 KiB".into()),
                false => Ok(None),
            };
        };
        if length > HEAD {
            return Err("a response head over 64 KiB".into());
        }
        let mut headers = [EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let mut parser = httparse::ParserConfig::default();
        parser.allow_obsolete_multiline_headers_in_responses(true);
        let bytes = bytes.get(..length).unwrap_or_default();
        let parsed = parser.parse_response(&mut response, bytes).map_err(|error| {
            let wrong = match error {
                httparse::Error::TooManyHeaders => "a response with more than 128 headers",
                httparse::Error::HeaderName => "a response with a malformed header name",
                httparse::Error::HeaderValue => "a response with a malformed header value",
                httparse::Error::NewLine => "a response with a stray carriage return",
                httparse::Error::Status => "a response with a malformed status",
                httparse::Error::Token | httparse::Error::Version => "no HTTP/1 response",
            };
            wrong.to_owned()
        })?;
        if let Some(name) = folded(bytes) {
            return Err(["a response with ", name, " in several lines"].concat().into());
        }
        let (Status::Complete(_), Some(status)) = (parsed, response.code) else {
            return Err("no HTTP/1 response".into());
        };
        if status < 100 {
            return Err(format!("a response with the status {status:03}, below 100").into());
        }
        let line = match response.reason {
            Some(reason) if !reason.is_empty() => format!("{status} {reason}"),
            _ => status.to_string(),
        };
        let head = Self {
            status,
            line,
            old: response.version == Some(0),
            headers: response
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), unfolded(header.value)))
                .collect(),
        };
        head.framing(false)?;
        Ok(Some((head, length)))
    }

    /// The values of all headers called `name`.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// The value of the first header called `name`.
    // Not once for each of its users.
    #[inline(never)]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// All headers, in order.
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// How the body is delimited (RFC 9112 section 6.3). Lengths that contradict each other are an
    /// error: nobody knows then where the message ends, and a smuggler may have written it.
    pub fn framing(&self, head_only: bool) -> Result<Body, Wrong> {
        let mut length = None;
        let mut codings = 0;
        let mut chunked = false;
        for (name, value) in &self.headers {
            let coding = name.eq_ignore_ascii_case("transfer-encoding");
            if !coding && !name.eq_ignore_ascii_case("content-length") {
                continue;
            }
            for part in pieces(value, b',') {
                let part = part.trim_ascii();
                if coding {
                    codings += usize::from(!part.is_empty());
                    chunked |= part.eq_ignore_ascii_case(b"chunked") && !self.old;
                    continue;
                }
                let number = crate::input::value::number(part)
                    .map_err(|_| "a response with a malformed Content-Length")?;
                if length.replace(number).is_some_and(|other| other != number) {
                    return Err("a response with two different Content-Lengths".into());
                }
            }
        }
        if codings != usize::from(chunked) {
            return Err("a response with a Transfer-Encoding that was not asked for".into());
        }
        // RFC 9110 section 6.4.1: these have no body, whatever their headers say.
        if head_only || matches!(self.status, 100..=199 | 204 | 304) {
            return Ok(Body::Length(0));
        }
        Ok(match (chunked, length) {
            // RFC 9112 section 6.3: it ought to be handled as an error.
            (true, Some(_)) => {
                return Err("a response with both Transfer-Encoding and Content-Length".into());
            }
            (true, None) => Body::Size,
            (false, Some(length)) => Body::Length(length),
            (false, None) => Body::Close,
        })
    }
}

/// A value with one space in place of each line end and the blanks around it (RFC 9112 section 5.2).
fn unfolded(value: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(value.len());
    let mut folding = false;
    for byte in value {
        match byte {
            b'\r' | b'\n' => folding = true,
            b' ' | b'\t' if folding => {}
            byte => {
                if folding {
                    line.truncate(line.trim_ascii_end().len());
                    line.push(b' ');
                    folding = false;
                }
                line.push(*byte);
            }
        }
    }
    line
}

/// Which of the headers that say where a message ends, or leads, goes on in further lines: two
/// readers might take it for two things. In all others a line end is a blank.
fn folded(head: &[u8]) -> Option<&'static str> {
    let mut header: &[u8] = b"";
    for line in pieces(head, b'\n') {
        if !matches!(line, [b' ' | b'\t', ..]) {
            header = line;
            continue;
        }
        let is = |known: &&str| {
            let name = header.get(..known.len()).unwrap_or_default();
            name.eq_ignore_ascii_case(known.as_bytes())
        };
        let known = ["Content-Length", "Transfer-Encoding", "Location"].into_iter().find(is);
        if known.is_some() {
            return known;
        }
    }
    None
}

/// Where a head ends: behind the first empty line.
fn end(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    let mut rest = bytes.get(from..)?;
    let mut at = from;
    while let Some(newline) = rest.iter().position(|byte| *byte == b'\n') {
        let after = rest.get(newline + 1..)?;
        at += newline + 1;
        match after {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => rest = after,
        }
    }
    None
}

/// What is still to come of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// This many bytes; none: it is complete.
    Length(u64),
    /// All until the connection is closed.
    Close,
    /// Chunked: the line with a chunk's size.
    Size,
    /// Chunked: this many bytes of a chunk.
    Data(u64),
    /// Chunked: the line end behind a chunk.
    Gap,
    /// Chunked: trailer lines, of which this many bytes came.
    Trailers(usize),
}

impl Body {
    /// Nothing more will come.
    pub fn is_complete(self) -> bool {
        self == Body::Length(0)
    }

    /// Moves what it can of `input` to `out`, decoded.
    pub fn decode(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), Wrong> {
        loop {
            let (used, next) = match *self {
                Body::Length(0) => return Ok(()),
                Body::Close => {
                    out.append(input);
                    return Ok(());
                }
                Body::Length(left) | Body::Data(left) => {
                    let n = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    out.extend_from_slice(input.get(..n).unwrap_or_default());
                    let left = left - n as u64;
                    let next = match (*self, left) {
                        (Body::Data(_), 0) => Body::Gap,
                        (Body::Data(_), left) => Body::Data(left),
                        (_, left) => Body::Length(left),
                    };
                    (n, next)
                }
                // httparse takes a line without digits for a size of 0: the end.
                Body::Size if input.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) => {
                    return Err("a chunked body with a malformed chunk size".into());
                }
                // As much of the line as counts, however much of it has come.
                Body::Size => {
                    match httparse::parse_chunk_size(input.get(..LINE).unwrap_or(input)) {
                        Ok(Status::Complete((used, 0))) => (used, Body::Trailers(0)),
                        Ok(Status::Complete((used, size))) => (used, Body::Data(size)),
                        Ok(Status::Partial) if input.len() < LINE => return Ok(()),
                        _ => return Err("a chunked body with a malformed chunk size".into()),
                    }
                }
                Body::Gap => match input.as_slice() {
                    [b'\r', b'\n', ..] => (2, Body::Size),
                    [] | [b'\r'] => return Ok(()),
                    _ => return Err("a chunked body with a chunk longer than its size".into()),
                },
                Body::Trailers(seen) if seen + input.len() > HEAD => {
                    return Err("a chunked body with trailers over 64 KiB".into());
                }
                Body::Trailers(seen) => match input.iter().position(|byte| *byte == b'\n') {
                    Some(newline) => match input.get(..newline) {
                        Some([] | [b'\r']) => (newline + 1, Body::Length(0)),
                        _ => (newline + 1, Body::Trailers(seen + newline + 1)),
                    },
                    None => return Ok(()),
                },
            };
            input.drain(..used.min(input.len()));
            *self = next;
            if used == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        match Head::parse(text.as_bytes(), 0) {
            Ok(Some((head, used))) if used == text.len() => head,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    fn refused(text: &str) -> String {
        Head::parse(text.as_bytes(), 0).expect_err(text).to_string()
    }

    #[test]
    fn heads() {
        let ok = head("HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\n\r\n");
        assert_eq!((ok.status, ok.line.as_str(), ok.old), (200, "200 OK", false));
        assert_eq!(ok.all("A").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(head("HTTP/1.0 204\r\n\r\n").line, "204");
        assert_eq!(head("HTTP/1.1 999 \n\n").status, 999);
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\nA: 1\r\n", 0), Ok(None));
        assert_eq!(Head::parse(b"", 0), Ok(None));
        assert_eq!(Head::parse(b"HTT", 0), Ok(None));
        // What is skipped by a parser of whole heads and refused as the first byte of one.
        assert_eq!(refused("\r\nHTTP/1.1 200 OK\r\n\r\n"), "no HTTP/1 response");
    }

    #[test]
    fn faulty_heads_are_named() {
        assert_eq!(refused("SSH-2.0-x\r\n"), "no HTTP/1 response");
        assert_eq!(refused("HTTP/2 200\r\n\r\n"), "no HTTP/1 response");
        assert_eq!(refused("HTTP/1.1 099 x\r\n\r\n"), "a response with the status 099, below 100");
        assert!(Head::parse(b"HTTP/1.1 100 x\r\n\r\n", 0).is_ok_and(|read| read.is_some()));
        assert_eq!(refused("HTTP/1.1 20 x\r\n\r\n"), "a response with a malformed status");
        assert_eq!(
            refused("HTTP/1.1 200 x\r\na b: c\r\n\r\n"),
            "a response with a malformed header name"
        );
        assert_eq!(
            refused("HTTP/1.1 200 x\r\na: b\0\r\n\r\n"),
            "a response with a malformed header value"
        );
        let many = |n| format!("HTTP/1.1 200 x\r\n{}\r\n", "a: b\r\n".repeat(n));
        assert_eq!(head(&many(128)).headers().len(), 128);
        assert_eq!(refused(&many(129)), "a response with more than 128 headers");
        let long = |n| format!("HTTP/1.1 200 x\r\na: {}\r\n\r\n", "x".repeat(n - 23));
        assert_eq!(long(HEAD).len(), HEAD);
        assert_eq!(head(&long(HEAD)).status, 200);
        assert_eq!(refused(&long(HEAD + 1)), "a response head over 64 KiB");
        assert_eq!(
            refused(&long(HEAD + 1)[..HEAD + 1].replace("\r\n\r\n", "xxxx")),
            "a response head over 64 KiB"
        );
    }

    #[test]
    fn framings() {
        let of = |headers: &str| head(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).framing(false);
        assert_eq!(of(""), Ok(Body::Close));
        assert_eq!(of("Content-Length: 5\r\n"), Ok(Body::Length(5)));
        assert_eq!(of("Content-Length: 5, 5\r\ncontent-length: 5\r\n"), Ok(Body::Length(5)));
        assert_eq!(of("Transfer-Encoding: Chunked\r\n"), Ok(Body::Size));
        for (headers, wrong) in [
            (
                "Content-Length: 5\r\nContent-Length: 6\r\n",
                "a response with two different Content-Lengths",
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                "a response with both Transfer-Encoding and Content-Length",
            ),
            ("Content-Length: -1\r\n", "a response with a malformed Content-Length"),
            ("Content-Length: +1\r\n", "a response with a malformed Content-Length"),
            (
                "Content-Length: 18446744073709551616\r\n",
                "a response with a malformed Content-Length",
            ),
            (
                "Transfer-Encoding: gzip, chunked\r\n",
                "a response with a Transfer-Encoding that was not asked for",
            ),
        ] {
            assert_eq!(refused(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")), wrong);
        }
        refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let ok = head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(ok.framing(true), Ok(Body::Length(0)));
        for status in [101, 204, 304] {
            let none = head(&format!("HTTP/1.1 {status} x\r\nContent-Length: 5\r\n\r\n"));
            assert_eq!(none.framing(false), Ok(Body::Length(0)));
        }
    }

    #[test]
    fn folded_lines_are_one_value() {
        let folded = head("HTTP/1.1 200 OK\r\nA: b\r\n  c;\r\n\t d\r\nE:\r\n f\r\n \r\n\r\n");
        assert_eq!(folded.all("A").collect::<Vec<_>>(), [b"b c; d"]);
        assert_eq!(folded.all("E").collect::<Vec<_>>(), [b"f"]);
        for name in ["Content-Length", "transfer-encoding", "Location"] {
            let wrong = refused(&format!("HTTP/1.1 200 OK\r\n{name}:\r\n 5\r\n\r\n"));
            assert!(wrong.ends_with(" in several lines"), "{wrong}");
        }
        // In front of the first header there is nothing to go on with.
        refused("HTTP/1.1 200 OK\r\n A: b\r\n\r\n");
    }

    /// The same in one piece and byte by byte.
    fn body(mut framing: Body, text: &str) -> Result<(String, bool), Wrong> {
        let (mut input, mut out) = (text.as_bytes().to_vec(), Vec::new());
        let mut slow = framing;
        let whole = framing.decode(&mut input, &mut out);
        let (mut input, mut drip) = (Vec::new(), Vec::new());
        let dripped = text.bytes().try_for_each(|byte| {
            input.push(byte);
            slow.decode(&mut input, &mut drip)
        });
        assert_eq!((&whole, &out), (&dripped, &drip), "{text:?}");
        whole.map(|()| (String::from_utf8(out).expect("text"), framing.is_complete()))
    }

    #[test]
    fn bodies() {
        assert_eq!(body(Body::Length(3), "abcdef"), Ok(("abc".into(), true)));
        assert_eq!(body(Body::Length(9), "abc"), Ok(("abc".into(), false)));
        assert_eq!(body(Body::Close, "abc"), Ok(("abc".into(), false)));
        let chunks = "3\r\nabc\r\n2;ext=\"x\"\r\nde\r\n0\r\nTrailer: x\r\n\r\n";
        assert_eq!(body(Body::Size, chunks), Ok(("abcde".into(), true)));
        assert_eq!(body(Body::Size, "0\r\n\r\nrest"), Ok((String::new(), true)));
        assert_eq!(body(Body::Size, "FFFFFFFFFFFFFFFF\r\nabc"), Ok(("abc".into(), false)));
        let extension = |n| format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(n));
        assert_eq!(body(Body::Size, &extension(LINE - 4)), Ok(("abc".into(), true)));
        assert!(body(Body::Size, &extension(LINE - 3)).is_err());
        for (text, wrong) in [
            ("x\r\n", "a chunked body with a malformed chunk size"),
            ("\r\n\r\n", "a chunked body with a malformed chunk size"),
            (";x\r\n\r\n", "a chunked body with a malformed chunk size"),
            (" \r\n\r\n", "a chunked body with a malformed chunk size"),
            ("-1\r\n", "a chunked body with a malformed chunk size"),
            ("11111111111111111\r\n", "a chunked body with a malformed chunk size"),
            ("1\r\nabc", "a chunked body with a chunk longer than its size"),
        ] {
            assert_eq!(body(Body::Size, text).expect_err(text), wrong);
        }
    }

    #[test]
    fn lines_that_go_on() {
        // Blanks within a line are its own.
        assert_eq!(unfolded(b"a  b\tc \r\n\t d"), b"a  b\tc d");
        // What goes on harmlessly hides nothing that follows.
        let both = "HTTP/1.1 200 x\r\nX: a\r\n b\r\nContent-Length: 1\r\n 2\r\n\r\n";
        assert_eq!(refused(both), "a response with Content-Length in several lines");
    }

    #[test]
    fn trailers_have_an_end() {
        let after = |length: usize| {
            let mut input = vec![b'x'; length];
            Body::Trailers(100).decode(&mut input, &mut Vec::new())
        };
        let (mut body, mut input) = (Body::Trailers(0), b"a: b\r\nc".to_vec());
        body.decode(&mut input, &mut Vec::new()).expect("in order");
        assert_eq!((body, input.as_slice()), (Body::Trailers(6), &b"c"[..]));
        input.extend_from_slice(b": d\n\r\nmore");
        body.decode(&mut input, &mut Vec::new()).expect("in order");
        assert_eq!((body, input.as_slice()), (Body::Length(0), &b"more"[..]));
        assert_eq!(after(HEAD - 100), Ok(()));
        assert_eq!(after(HEAD - 99), Err("a chunked body with trailers over 64 KiB".into()));
    }
}
