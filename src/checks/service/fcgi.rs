//! `fcgi://host:port/ping`: a FastCGI responder answers (the FastCGI Specification 1.0, RFC 3875).

use super::{ask, open, parts};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::value::{self, StatusSet};
use crate::input::{Flag, Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::Decoded;
use crate::text::{Wrong, contains, pieces, split_once};
use crate::verdict::{Failure, Healthy, Verdict, quote};
use crate::wire::Reader;

/// A FastCGI application, such as php-fpm with its `ping.path` and `pm.status_path`.
#[derive(Debug)]
pub struct Fcgi {
    peer: Box<Peer>,
    request: Vec<u8>,
    status: StatusSet,
    expect: Vec<Vec<u8>>,
    reject: Vec<Vec<u8>>,
}

/// Record types (section 8).
const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;

impl Check for Fcgi {
    /// Takes `--status`, `--expect`, `--reject` and what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let (authority, peer) = parts(target, options)?;
        if authority.user.is_some() || !authority.path.starts_with('/') {
            return Err(target.wrong("want fcgi://host:port/path, such as php-fpm's /ping"));
        }
        let request = request(&authority.path)
            .ok_or_else(|| target.wrong("want a path and query that fit into 64 KiB"))?;
        Ok(Self {
            peer,
            request,
            status: options.last(Flag::Status, StatusSet::parse)?.unwrap_or_default(),
            expect: options.each(Flag::Expect, value::text)?,
            reject: options.each(Flag::Reject, value::text)?,
        })
    }

    /// Asks, reads to the end of the request or to what must not be there, and judges.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        /// The most of an answer, errors included, that is judged: a status page lists every worker.
        const ANSWER: usize = 1 << 20;
        /// The end of a request that went well, in place of the one that is not waited for.
        const COMPLETE: [u8; 8] = [0; 8];
        let mut talk = open(&self.peer, attempt)?;
        let mut request = self.request.as_slice();
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let mut records = 0_usize;
        let ended = loop {
            let (kind, content) = ask(&mut talk, request, "a FastCGI answer", &record)
                .map_err(|failure| failure.with(&said(&errors)))?;
            request = &[];
            records += 1;
            match kind {
                STDOUT => {
                    out.extend_from_slice(&content);
                    // What must not be there is: nothing that may follow changes that.
                    let rejected = |head: (u16, String, &[u8])| self.rejected(head.2).is_some();
                    if !self.reject.is_empty() && head(&out).is_ok_and(rejected) {
                        break COMPLETE.to_vec();
                    }
                    // To search all of it for each of many small records takes time, too.
                    if attempt.remaining().is_none() {
                        return Err(attempt.timed_out());
                    }
                }
                STDERR => errors.extend_from_slice(&content),
                END_REQUEST => break content,
                _ => {}
            }
            // Empty records count too, or there would be no end of them.
            if out.len() + errors.len() > ANSWER || records > 16_384 {
                return Err(attempt.protocol("an answer over 1 MiB, which is not judged"));
            }
        };
        talk.close();
        self.judge(&ended, &out, &errors, attempt)
    }
}

impl Fcgi {
    fn judge(&self, ended: &[u8], out: &[u8], errors: &[u8], attempt: &Attempt<'_>) -> Verdict {
        // Section 5.5: four bytes that are the application's own, the protocol status, three more.
        let refused = match ended {
            [_, _, _, _, 0, _, _, _] => None,
            [_, _, _, _, 1, ..] => Some("it handles one request at a time (CANT_MPX_CONN)"),
            [_, _, _, _, 2, ..] => Some("it is out of some resource (OVERLOADED)"),
            [_, _, _, _, 3, ..] => Some("it is no responder (UNKNOWN_ROLE)"),
            _ => Some("it ended the request with a status that is not known"),
        };
        if let Some(why) = refused {
            return Err(attempt.protocol(why).with(&said(errors)));
        }
        let (status, line, body) =
            head(out).map_err(|wrong| attempt.protocol(wrong).with(&said(errors)))?;
        let seen = if errors.trim_ascii().is_empty() { body } else { errors }.trim_ascii();
        if !self.status.contains(status) {
            let failure = Failure::mismatch("status", &line, self.status.text()).with(&quote(seen));
            return Err(match status {
                404 => failure.with("the pool has no such ping.path or pm.status_path"),
                _ => failure,
            });
        }
        let got = || ["of ", &body.len().to_string(), " bytes"].concat();
        if let Some(text) = self.rejected(body) {
            return Err(Failure::holds("body", &got(), text, seen));
        }
        if let Some(text) = self.expect.iter().find(|text| !contains(body, text)) {
            return Err(Failure::lacks("body", &got(), text, seen));
        }
        Healthy::saw(line)
    }

    fn rejected(&self, body: &[u8]) -> Option<&Vec<u8>> {
        self.reject.iter().find(|text| contains(body, text))
    }
}

/// What the application wrote, for a message.
fn said(bytes: &[u8]) -> String {
    quote(bytes.trim_ascii())
}

/// The parameters that are always the same (RFC 3875 section 4.1), each behind the lengths of its
/// name and value: with those that follow from the URL, what php-fpm finds scripts and pages by.
const CONSTANT: &[u8] = b"\x11\x07GATEWAY_INTERFACECGI/1.1\
    \x0e\x03REQUEST_METHODGET\
    \x0f\x08SERVER_PROTOCOLHTTP/1.1\
    \x0f\x0bSERVER_SOFTWAREhealthcheck\
    \x0b\x09SERVER_NAMElocalhost\
    \x0b\x02SERVER_PORT80\
    \x09\x09HTTP_HOSTlocalhost\
    \x0b\x09REMOTE_ADDR127.0.0.1";

/// A whole request: the role of a responder, the parameters, an empty body. `None` when the
/// parameters are longer than a record can be.
///
/// The path stands in SCRIPT_NAME for PHP, and in PATH_INFO for those that route by it (WSGI, PSGI,
/// Rack), as in what nginx and lighttpd send when all of a host belongs to the application.
fn request(path: &str) -> Option<Vec<u8>> {
    let (script, query) = split_once(path, b'?').unwrap_or((path, ""));
    let script = value::percent_decoded(script);
    let given: &[(&str, &[u8])] = &[
        ("SCRIPT_NAME", &script),
        ("SCRIPT_FILENAME", &script),
        ("PATH_INFO", &script),
        ("REQUEST_URI", path.as_bytes()),
        ("QUERY_STRING", query.as_bytes()),
    ];
    let mut params = CONSTANT.to_vec();
    for (name, value) in given {
        // Section 3.4: a length is one byte, or four of which the first has its high bit set.
        for length in [name.len(), value.len()] {
            match u8::try_from(length) {
                Ok(short @ 0..=127) => params.push(short),
                _ => {
                    let long = u32::try_from(length).ok()? | 1 << 31;
                    params.extend_from_slice(&long.to_be_bytes());
                }
            }
        }
        params.extend_from_slice(name.as_bytes());
        params.extend_from_slice(value);
    }
    let mut bytes = Vec::new();
    // The role of a responder; the connection is closed afterwards.
    let records: [(u8, &[u8]); 4] = [
        (BEGIN_REQUEST, &[0, 1, 0, 0, 0, 0, 0, 0]),
        (PARAMS, &params),
        (PARAMS, &[]),
        (STDIN, &[]),
    ];
    for (kind, content) in records {
        let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
        bytes.extend_from_slice(&[1, kind, 0, 1, high, low, 0, 0]);
        bytes.extend_from_slice(content);
    }
    Some(bytes)
}

/// One record (section 3.3): its type and content.
pub fn record(bytes: &[u8]) -> Decoded<(u8, Vec<u8>)> {
    if !matches!(bytes, [] | [1] | [1, 1..=11, ..]) {
        return Err("that is no FastCGI".into());
    }
    let mut reader = Reader(bytes);
    let Some([_, kind]) = reader.array() else { return Ok(None) };
    // Those from 9 on are about the connection (section 4), the others about our request.
    let ours = if kind < 9 { [0, 1] } else { [0, 0] };
    if reader.0.iter().zip(ours).any(|(got, want)| *got != want) {
        return Err("a record of another request".into());
    }
    let (_, length, padding) = (reader.u16(), reader.u16(), reader.array());
    let (Some(length), Some([padding, _])) = (length, padding) else { return Ok(None) };
    match (reader.bytes(length.into()), reader.bytes(padding.into())) {
        (Some(content), Some(_)) => {
            Ok(Some(((kind, content.to_vec()), bytes.len() - reader.0.len())))
        }
        _ => Ok(None),
    }
}

/// The status, its line and the body of a CGI response (RFC 3875 section 6); no Status is 200.
pub fn head(out: &[u8]) -> Result<(u16, String, &[u8]), Wrong> {
    let mut status: Option<(u16, String)> = None;
    let mut rest = out;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, &[]));
        let line = line.trim_ascii_end();
        rest = after;
        if line.is_empty() {
            let (number, line) = status.unwrap_or_else(|| (200, "200".to_owned()));
            return Ok((number, line, rest));
        }
        let mut parts = pieces(line, b':');
        let (Some(name), Some(text)) = (parts.next(), parts.rest) else { break };
        if name.trim_ascii().eq_ignore_ascii_case(b"status") {
            let text = text.trim_ascii();
            if let Some((_, line)) = &status {
                // not a verdict: part of one
                return Err(["two statuses: ", line, ", ", &quote(text)].concat().into());
            }
            let number = text.get(..3).and_then(|digits| value::number(digits).ok());
            match (number, text.get(3)) {
                (Some(number @ 100..), None | Some(b' ')) => {
                    status = Some((number as u16, quote(text)));
                }
                _ => return Err(["a malformed status: ", &quote(text)].concat().into()),
            }
        }
    }
    Err(match out {
        [] => "the request ended without a response".into(),
        out => ["no CGI response head: ", &quote(out)].concat().into(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::torture;
    use super::*;
    use crate::attempt::Log;
    use crate::checks::kinds;
    use crate::input::Text;
    use crate::input::options::given;

    fn parse(target: &str, options: &[(Flag, &str)]) -> Result<Fcgi, Usage> {
        let (_, target) = kinds::read(&Text::plain(target)).expect(target);
        Fcgi::parse(&target, &mut Options::new(&given(options), &[]))
    }

    #[test]
    fn requests() {
        let bytes = request("/p%69ng?a=1").expect("short");
        assert_eq!(bytes[..16], *b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0");
        for part in [
            &b"\x0b\x05SCRIPT_NAME/ping"[..],
            b"\x0f\x05SCRIPT_FILENAME/ping",
            b"\x09\x05PATH_INFO/ping",
            b"\x0b\x0bREQUEST_URI/p%69ng?a=1",
            b"\x0c\x03QUERY_STRINGa=1",
            b"\x0e\x03REQUEST_METHODGET",
        ] {
            assert!(contains(&bytes, part), "{part:?}");
        }
        assert!(bytes.ends_with(b"\x01\x04\0\x01\0\0\0\0\x01\x05\0\x01\0\0\0\0"));
        let long = format!("/{}", "x".repeat(199));
        assert!(contains(&request(&long).expect("fits"), b"\x0b\x80\0\0\xc8SCRIPT_NAME/x"));
        assert_eq!(request(&"/".repeat(30_000)), None);
    }

    #[test]
    fn the_constant_parameters_have_the_lengths_they_say() {
        let mut rest = CONSTANT;
        while let [name, value, more @ ..] = rest {
            let (name, value) = (usize::from(*name), usize::from(*value));
            let upper = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
            assert!(more[..name].iter().all(upper), "{:?}", str::from_utf8(more));
            rest = &more[name + value..];
        }
        assert_eq!(rest, b"");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(parse("fcgi://h/ping", &[]).is_ok());
        for target in ["fcgi://h", "fcgi://h?x", "fcgi://u:p@h/ping"] {
            assert!(parse(target, &[]).is_err(), "{target}");
        }
        assert!(parse("fcgi://h/ping", &[(Flag::Expect, "")]).is_err());
    }

    #[test]
    fn records() {
        for (valid, kind, content) in [
            (&b"\x01\x06\0\x01\0\x04\x04\0pong\0\0\0\0"[..], STDOUT, &b"pong"[..]),
            (b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0", END_REQUEST, &[0; 8]),
            (b"\x01\x06\0\x01\0\0\0\0", STDOUT, b""),
        ] {
            torture(valid, record);
            assert_eq!(record(valid), Ok(Some(((kind, content.to_vec()), valid.len()))));
        }
        for wrong in [&b"HTTP/1.1"[..], b"\x02", b"\x01\0", b"\x01\x0c"] {
            assert_eq!(record(wrong), Err("that is no FastCGI".into()), "{wrong:?}");
        }
        // Ours is 1, the connection's 0.
        for (kind, request) in
            [(6, &b"\0\x02"[..]), (6, b"\x01"), (6, b"\0\0"), (3, b"\0\0"), (9, b"\0\x01")]
        {
            let wrong = [&[1, kind], request].concat();
            assert_eq!(record(&wrong), Err("a record of another request".into()), "{wrong:?}");
        }
        assert!(record(b"\x01\x0a\0\0\0\0\0\0").is_ok_and(|read| read.is_some()));
    }

    #[test]
    fn heads() {
        let of = |text: &'static str| head(text.as_bytes());
        assert_eq!(
            of("Content-type: text/plain\r\n\r\npong"),
            Ok((200, "200".into(), &b"pong"[..]))
        );
        assert_eq!(
            of("status:  404 Not Found\nA: b\n\nFile not found.\n"),
            Ok((404, "404 Not Found".into(), &b"File not found.\n"[..]))
        );
        assert_eq!(of("Status: 503\r\n\r\n"), Ok((503, "503".into(), &b""[..])));
        for (text, wrong) in [
            ("", "the request ended without a response"),
            ("pong", "no CGI response head: pong"),
            ("pong\n\n", "no CGI response head: pong\\n\\n"),
            ("A: b\r\n", "no CGI response head: A: b\\r\\n"),
            ("Status: 200 OK\r\nStatus: 503 x\r\n\r\n", "two statuses: 200 OK, 503 x"),
            ("Status: 200\r\nstatus : 200\r\n\r\n", "two statuses: 200, 200"),
            ("Status: 20\r\n\r\n", "a malformed status: 20"),
            ("Status: 2000 x\r\n\r\n", "a malformed status: 2000 x"),
            ("Status: 099 x\r\n\r\n", "a malformed status: 099 x"),
            ("Status: +20 x\r\n\r\n", "a malformed status: +20 x"),
        ] {
            assert_eq!(of(text), Err(wrong.into()), "{text}");
        }
    }

    #[test]
    fn verdicts() {
        let attempt = Attempt::new(
            "x",
            Duration::from_secs(60),
            Log { line: |_| {}, verbose: false, waiting: false },
        );
        let ping = parse("fcgi://h/ping", &[(Flag::Status, "200"), (Flag::Expect, "pong")])
            .expect("a check");
        let judge = |ended: &[u8], out: &str, errors: &str| match ping.judge(
            ended,
            out.as_bytes(),
            errors.as_bytes(),
            &attempt,
        ) {
            Ok(Healthy(seen)) => seen,
            Err(failure) => failure.to_string(),
        };
        let (ok, good) = (&[0; 8][..], "A: b\r\n\r\npong");
        assert_eq!(judge(ok, good, ""), "200");
        assert_eq!(judge(ok, good, "PHP Notice"), "200");
        assert_eq!(
            judge(ok, "Status: 404 Not Found\r\n\r\nFile not found.\n", "Primary script unknown\n"),
            "status 404 Not Found, want 200: Primary script unknown: the pool has no such ping.path or pm.status_path"
        );
        assert_eq!(judge(ok, "A: b\r\n\r\nping", ""), "body of 4 bytes, want \"pong\" in it: ping");
        for (status, words) in
            [(1, "CANT_MPX_CONN"), (2, "OVERLOADED"), (3, "UNKNOWN_ROLE"), (9, "not known")]
        {
            let said = judge(&[0, 0, 0, 0, status, 0, 0, 0], good, "busy");
            assert!(said.contains(words) && said.ends_with(": busy"), "{said}");
        }
        for odd in [0, 4, 7, 9] {
            assert!(judge(&[0; 9][..odd], good, "").contains("not known"));
        }
        assert!(judge(ok, "", "PHP Fatal error").ends_with("without a response: PHP Fatal error"));
    }
}
