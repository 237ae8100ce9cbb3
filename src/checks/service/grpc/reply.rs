//! The reply to a call: frames in, verdict out.

use super::fields::Fields;
use super::frame::{self, CALL, ERRORS, Frame, flags, kind, name};
use super::{MESSAGE, hpack};
use crate::attempt::Attempt;
use crate::input::value;
use crate::text::Wrong;
use crate::verdict::{Failure, Healthy, Verdict, quote};

/// The names of `google.rpc.Code`, by number.
const CODES: &str = "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND \
     ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED \
     OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED";

/// The names of `HealthCheckResponse.ServingStatus`, by number.
const STATUSES: &str = "UNKNOWN SERVING NOT_SERVING SERVICE_UNKNOWN";

/// Where the reply stands.
#[derive(Debug)]
enum State {
    /// The server's preface, its SETTINGS, must come first (RFC 9113 section 3.4).
    Preface,
    /// The response is to come, and informational ones before it.
    Response,
    /// The message and the trailers are to come.
    Rest(Answer),
    /// Nothing more is: the verdict is known.
    Known(Answer),
}

/// The reply as far as it was read, and the state of the connection.
#[derive(Debug)]
pub struct Reply {
    state: State,
    /// Whether it comes over TLS.
    secure: bool,
    /// The server takes no further calls.
    leaving: bool,
    decoder: hpack::Decoder,
    /// A header block that has not ended yet.
    block: Option<Block>,
}

/// A header block.
#[derive(Debug)]
struct Block {
    bytes: Vec<u8>,
    /// Whether the stream ends with it.
    last: bool,
}

/// A response.
#[derive(Debug)]
struct Answer {
    /// What came first.
    head: Fields,
    /// The message behind its five bytes.
    body: Vec<u8>,
    /// What came last; where nothing else came, the head's (gRPC's Trailers-Only).
    trailers: Trailers,
}

/// How the call ended.
#[derive(Debug, Default)]
struct Trailers {
    /// `grpc-status`
    code: Option<Vec<u8>>,
    /// `grpc-message`
    message: Option<Vec<u8>>,
}

impl Reply {
    /// Before the first frame.
    pub fn new(secure: bool) -> Self {
        Self {
            state: State::Preface,
            secure,
            leaving: false,
            decoder: hpack::Decoder::new(hpack::TABLE),
            block: None,
        }
    }

    /// What the next frame is to bring, for messages; `None` once the verdict is known.
    pub fn awaited(&self) -> Option<&'static str> {
        match self.state {
            State::Preface if self.secure => Some("the greeting of a gRPC server"),
            // A server that wants TLS may close without a word: then this is the hint.
            State::Preface => Some("the greeting of a gRPC server without TLS"),
            State::Known(_) => None,
            State::Response | State::Rest(_) if self.leaving => {
                Some("the reply of a server that is about to end")
            }
            State::Response | State::Rest(_) => Some("the reply"),
        }
    }

    /// Takes one frame. Each field of a header block is shown to `see`; what is to be sent in
    /// answer is appended to `out`.
    pub fn take(
        &mut self,
        frame: &Frame,
        see: &dyn Fn(&[u8], &[u8]),
        out: &mut Vec<u8>,
    ) -> Result<(), Wrong> {
        let ack = frame.has(flags::ACK);
        if matches!(self.state, State::Preface) {
            if frame.kind != kind::SETTINGS || ack {
                return Err("an HTTP/2 frame ahead of the greeting".into());
            }
            self.state = State::Response;
        }
        if self.block.is_some() && frame.kind != kind::CONTINUATION {
            return Err("a header block that another frame breaks into".into());
        }
        match frame.kind {
            kind::DATA | kind::HEADERS => {
                let last = frame.has(flags::END_STREAM);
                let content = frame.content().ok_or("a frame of too much padding")?;
                match frame.kind {
                    kind::DATA => self.data(content, last)?,
                    _ => self.headers(Block { bytes: Vec::new(), last }, content, frame, see)?,
                }
            }
            kind::CONTINUATION => {
                let block = self.block.take().ok_or("a CONTINUATION of nothing")?;
                self.headers(block, &frame.payload, frame, see)?;
            }
            kind::SETTINGS | kind::PING if !ack => {
                // An acknowledged PING brings its own bytes back, SETTINGS bring none.
                let echo = if frame.kind == kind::PING { frame.payload.as_slice() } else { &[] };
                frame::write(frame.kind, flags::ACK, 0, echo, out);
            }
            kind::GOAWAY => return self.goodbye(frame),
            kind::RST_STREAM => {
                return Err(told("the server reset the call", frame.number(0)).into());
            }
            kind::PUSH_PROMISE => return Err("a PUSH_PROMISE, which our SETTINGS forbid".into()),
            // Acknowledgements; PRIORITY, with one stream to rank; WINDOW_UPDATE, since we send no
            // more than the first windows hold; what is unknown.
            _ => {}
        }
        Ok(())
    }

    /// A server that is shutting down may still answer the streams that it names (section 6.8).
    fn goodbye(&mut self, frame: &Frame) -> Result<(), Wrong> {
        let (last, code) = (frame.number(0) & 0x7fff_ffff, frame.number(4));
        if code == 0 && last >= CALL {
            self.leaving = true;
            return Ok(());
        }
        let mut wrong = told("the server ends the connection (GOAWAY)", code);
        if let Some(words @ [_, ..]) = frame.payload.get(8..) {
            wrong.push_str(": ");
            wrong.push_str(&quote(words));
        }
        Err(wrong.into())
    }

    /// A part of a header block, behind `block`; the whole is read where it ends.
    fn headers(
        &mut self,
        mut block: Block,
        part: &[u8],
        frame: &Frame,
        see: &dyn Fn(&[u8], &[u8]),
    ) -> Result<(), &'static str> {
        if block.bytes.len() + part.len() > hpack::LIST {
            return Err(hpack::LONG);
        }
        block.bytes.extend_from_slice(part);
        if !frame.has(flags::END_HEADERS) {
            self.block = Some(block);
            return Ok(());
        }
        let trailers = matches!(self.state, State::Rest(_));
        if trailers && !block.last {
            return Err("a second response, want trailers");
        }
        // In trailers every pseudo-header is late (RFC 9113 section 8.1).
        let mut fields = Fields { regular: trailers, ..Fields::default() };
        let mut malformed = None;
        self.decoder.decode(&block.bytes, &mut |name, value| {
            see(name, value);
            malformed = malformed.or(fields.take(name, value).err());
        })?;
        if let Some(wrong) = malformed {
            return Err(wrong);
        }
        self.state = match std::mem::replace(&mut self.state, State::Response) {
            State::Rest(answer) => State::Known(answer.ended(fields)?),
            // Informational: the response is still to come (RFC 9110 section 15.2).
            _ if !block.last && fields.is_informational() => State::Response,
            _ => Answer::begun(fields, block.last),
        };
        Ok(())
    }

    /// A part of the message. Its length is looked at before the message is there.
    fn data(&mut self, part: &[u8], last: bool) -> Result<(), &'static str> {
        let State::Rest(answer) = &mut self.state else {
            return Err("DATA ahead of HEADERS");
        };
        answer.body.extend_from_slice(part);
        answer.check_message()?;
        if last && let State::Rest(answer) = std::mem::replace(&mut self.state, State::Response) {
            self.state = State::Known(answer);
        }
        Ok(())
    }

    /// Healthy only when everything is as it should be.
    pub fn judge(&self, attempt: &Attempt<'_>) -> Verdict {
        match &self.state {
            State::Known(answer) => answer.judge(attempt),
            State::Preface | State::Response | State::Rest(_) => {
                Err(attempt.protocol("1000 frames, and no reply among them"))
            }
        }
    }
}

impl Answer {
    /// The response's head has come, and is all of it when it is the `last`.
    fn begun(mut head: Fields, last: bool) -> State {
        let message = head.message.take();
        if last {
            let code = head.code.take();
            let trailers = Trailers { code, message };
            return State::Known(Self { head, body: Vec::new(), trailers });
        }
        let ours = head.has_status(b"200") && head.is_grpc();
        // Only what the trailers say counts.
        let trailers = Trailers { code: None, message: message.filter(|_| !ours) };
        let answer = Self { head, body: Vec::new(), trailers };
        if ours { State::Rest(answer) } else { State::Known(answer) }
    }

    /// The trailers have come.
    fn ended(mut self, fields: Fields) -> Result<Self, &'static str> {
        if self.head.code.is_some() && fields.code.is_some() {
            return Err("a grpc-status in both headers and trailers");
        }
        self.trailers = Trailers { code: fields.code, message: fields.message };
        Ok(self)
    }

    /// What can be said of the message before all of it is there.
    fn check_message(&self) -> Result<(), &'static str> {
        let Some([compressed, length @ ..]) = self.body.first_chunk::<5>() else {
            return Ok(());
        };
        let length = u32::from_be_bytes(*length) as usize;
        if *compressed != 0 {
            Err("a compressed message, which was not asked for")
        } else if length > MESSAGE {
            Err("a message of more than 4096 bytes")
        } else if self.body.len() > length + 5 {
            Err("more than one message")
        } else {
            Ok(())
        }
    }

    /// 200, gRPC, code 0, and SERVING.
    fn judge(&self, attempt: &Attempt<'_>) -> Verdict {
        let Some((what, got, want)) = self.fault() else {
            return Healthy::saw("SERVING");
        };
        if want.is_empty() {
            return Err(attempt.protocol(what));
        }
        let failure = Failure::mismatch(what, &got, want);
        // Some say OK in words, too, whatever the message says.
        if self.trailers.code.as_deref() == Some(b"0") {
            return Err(failure);
        }
        let words = self.trailers.message.as_deref().unwrap_or_default();
        let words = value::percent_decoded(&String::from_utf8_lossy(words));
        Err(failure.with(&quote(&words)))
    }

    /// What is not as it should be, what it is, and what was wanted; where that is nothing, the
    /// protocol is broken in the way that stands first.
    fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        let broken = |what| Some((what, String::new(), ""));
        if !self.head.has_status(b"200") {
            return Some(("HTTP status", shown(self.head.status.as_ref()), "200"));
        }
        let code = self.trailers.code.as_deref().unwrap_or_default();
        // Trailers that stand alone say what is wrong even where they lack a type.
        if !matches!(code, b"" | b"0") {
            let shown = quote(code);
            let got = match value::number(code).ok().and_then(|code| name(CODES, code)) {
                Some(name) => format!("{name} ({shown})"),
                None => shown,
            };
            // These two mean the same of every health service: they are told in its words.
            let want = match code {
                b"5" => "a service whose health the server knows",
                b"12" => "a server with grpc.health.v1.Health",
                _ => "OK (0)",
            };
            return Some(("grpc-status", got, want));
        }
        if !self.head.is_grpc() {
            return Some(("content-type", shown(self.head.kind.as_ref()), "application/grpc"));
        }
        if code.is_empty() {
            return broken("the reply ended without a grpc-status");
        }
        let Some(([_, length @ ..], message)) = self.body.split_first_chunk::<5>() else {
            return broken("the reply ended without a message");
        };
        if u32::from_be_bytes(*length) as usize != message.len() {
            return broken("the reply ended within its message");
        }
        // RFC 9113 section 8.1.1.
        let length = self.head.length.as_deref().map(|length| value::number(length).ok());
        if length.is_some_and(|length| length != u64::try_from(self.body.len()).ok()) {
            return broken("a content-length that is not the message's");
        }
        match serving(message) {
            Some(1) => None,
            Some(status) => {
                let got = name(STATUSES, status).map_or_else(|| status.to_string(), str::to_owned);
                Some(("status", got, "SERVING"))
            }
            None => broken("a message that is no HealthCheckResponse"),
        }
    }
}

/// A field's value, or that it is not there.
fn shown(value: Option<&Vec<u8>>) -> String {
    value.map_or_else(|| "missing".into(), |value| quote(value))
}

/// What the server did, with the error code that it gave.
fn told(what: &str, code: u32) -> String {
    format!("{what}: {} ({code})", name(ERRORS, code.into()).unwrap_or("an unknown error"))
}

/// `HealthCheckResponse { ServingStatus status = 1 }`: the last field 1 counts, others are skipped,
/// none means 0 (the protocol buffers' encoding).
fn serving(mut rest: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let skipped = match tag & 7 {
            0 => {
                let value = varint(&mut rest)?;
                if tag >> 3 == 1 {
                    status = value;
                }
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut rest)?).ok()?,
            5 => 4,
            _ => return None,
        };
        rest = rest.get(skipped..)?;
    }
    Some(status)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Log;
    use std::time::Duration;

    #[test]
    fn health_messages() {
        for (bytes, status) in [
            (&b""[..], Some(0)),
            (b"\x08\x01", Some(1)),
            (b"\x08\x02\x08\x01", Some(1)),
            (b"\x08\x81\x00", Some(1)),
            // Fields of other numbers and types are skipped.
            (b"\x12\x02\x08\x01\x08\x02", Some(2)),
            (b"\x09\x01\x01\x01\x01\x01\x01\x01\x01\x0d\x01\x01\x01\x01", Some(0)),
            (b"\x08\x81\x80\x80\x80\x10", Some(0x1_0000_0001)),
            (b"\x08", None),
            (b"\x08\x80", None),
            (b"\x0b", None),
            (b"\x12\x05a", None),
            (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
        ] {
            assert_eq!(serving(bytes), status, "{bytes:?}");
        }
    }

    const HEAD: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];
    const SERVING: &[u8] = b"\0\0\0\0\x02\x08\x01";
    const OK: &[(&str, &str)] = &[("grpc-status", "0")];

    fn block(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in fields {
            hpack::write(name, value, false, &mut block);
        }
        block
    }

    fn framed(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        frame::write(kind, flags, stream, payload, &mut out);
        out
    }

    fn settings() -> Vec<u8> {
        framed(kind::SETTINGS, 0, 0, &[])
    }

    fn headers(fields: &[(&str, &str)], end: bool) -> Vec<u8> {
        framed(kind::HEADERS, flags::END_HEADERS | u8::from(end), CALL, &block(fields))
    }

    fn data(bytes: &[u8]) -> Vec<u8> {
        framed(kind::DATA, 0, CALL, bytes)
    }

    /// What the bytes of a server come to; they end where the server closes.
    fn judged(bytes: &[u8]) -> Result<String, String> {
        let log = Log { line: |_| {}, verbose: false, waiting: false };
        let attempt = Attempt::new("x", Duration::from_secs(60), log);
        let (mut reply, mut rest) = (Reply::new(false), bytes);
        while let Some((frame, length)) = Frame::parse(rest).map_err(|wrong| wrong.to_string())? {
            rest = &rest[length..];
            reply.take(&frame, &|_, _| {}, &mut Vec::new()).map_err(|wrong| wrong.to_string())?;
            if reply.awaited().is_none() {
                return reply
                    .judge(&attempt)
                    .map(|Healthy(saw)| saw)
                    .map_err(|failure| failure.to_string().replace("opening : ", ""));
            }
        }
        Err(format!("closed, awaiting {}", reply.awaited().unwrap_or("nothing")))
    }

    fn whole(parts: &[Vec<u8>]) -> Result<String, String> {
        judged(&[settings(), parts.concat()].concat())
    }

    #[test]
    fn only_serving_and_ok_are_healthy() {
        let answer = |message: &[u8], trailers: &[(&str, &str)]| {
            whole(&[headers(HEAD, false), data(message), headers(trailers, true)])
        };
        assert_eq!(answer(SERVING, OK), Ok("SERVING".into()));
        for (message, trailers, wrong) in [
            (&b"\0\0\0\0\x02\x08\x02"[..], OK, "status NOT_SERVING, want SERVING"),
            (b"\0\0\0\0\x02\x08\x03", OK, "status SERVICE_UNKNOWN, want SERVING"),
            (b"\0\0\0\0\x00", OK, "status UNKNOWN, want SERVING"),
            (b"\0\0\0\0\x02\x08\x09", OK, "status 9, want SERVING"),
            (b"\0\0\0\0\x01\x08", OK, "a message that is no HealthCheckResponse"),
            (b"\0\0\0\0\x03\x08\x01", OK, "the reply ended within its message"),
            (b"\0\0", OK, "the reply ended without a message"),
            (b"", OK, "the reply ended without a message"),
            (b"\x01\0\0\0\x02\x08\x01", OK, "a compressed message, which was not asked for"),
            (b"\0\0\0\0\x02\x08\x01\0", OK, "more than one message"),
            (b"\0\x7f\xff\xff\xff\x08", OK, "a message of more than 4096 bytes"),
            (SERVING, &[], "the reply ended without a grpc-status"),
            (SERVING, &[("grpc-status", "")], "the reply ended without a grpc-status"),
            (SERVING, &[("grpc-status", "13")], "grpc-status INTERNAL (13), want OK (0)"),
            (SERVING, &[("grpc-status", "99")], "grpc-status 99, want OK (0)"),
            (SERVING, &[("grpc-status", "+0")], "grpc-status +0, want OK (0)"),
            (SERVING, &[("grpc-status", "OK (0)")], "grpc-status OK (0), want OK (0)"),
            (
                SERVING,
                &[("grpc-status", "0"), ("grpc-status", "13")],
                "grpc-status 0, 13, want OK (0)",
            ),
            (
                b"\0\0\0\0\x02\x08\x02",
                &[("grpc-status", "0"), ("grpc-message", "OK")],
                "status NOT_SERVING, want SERVING",
            ),
            (
                SERVING,
                &[("grpc-status", "14"), ("grpc-message", "a%20b%0A\u{e9}")],
                "grpc-status UNAVAILABLE (14), want OK (0): a b\\n\u{e9}",
            ),
        ] {
            assert_eq!(answer(message, trailers), Err(wrong.into()));
        }
    }

    #[test]
    fn heads_and_trailers_that_stand_alone() {
        let kind = ("content-type", "application/grpc");
        let (ok, text) = ((":status", "200"), ("content-type", "text/html"));
        for (fields, end, wrong) in [
            (
                &[ok, kind, ("grpc-status", "12"), ("grpc-message", "no%20such")][..],
                true,
                "grpc-status UNIMPLEMENTED (12), want a server with grpc.health.v1.Health: no such",
            ),
            (
                &[ok, ("grpc-status", "5")],
                true,
                "grpc-status NOT_FOUND (5), want a service whose health the server knows",
            ),
            (&[ok, kind, ("grpc-status", "0")], true, "the reply ended without a message"),
            // A status that is in no trailer is none.
            (&[ok, kind, ("grpc-status", "0")], false, "closed, awaiting the reply"),
            (&[(":status", "503"), kind], false, "HTTP status 503, want 200"),
            (&[(":status", "100"), kind], true, "HTTP status 100, want 200"),
            (&[(":status", "100")], false, "closed, awaiting the reply"),
            (&[kind], false, "HTTP status missing, want 200"),
            (&[ok, text], false, "content-type text/html, want application/grpc"),
            (&[ok], false, "content-type missing, want application/grpc"),
            (
                &[ok, ("content-type", "application/grpc-web")],
                false,
                "content-type application/grpc-web, want application/grpc",
            ),
        ] {
            assert_eq!(whole(&[headers(fields, end)]), Err(wrong.into()));
        }
        let early = [headers(&[(":status", "103")], false), headers(HEAD, false)].concat();
        let rest = [data(SERVING), headers(OK, true)].concat();
        assert_eq!(whole(&[early, rest]), Ok("SERVING".into()));
    }

    #[test]
    fn frames_out_of_place_are_refused() {
        let go_away = |last: u8, code: u8| {
            let mut payload = vec![0, 0, 0, last, 0, 0, 0, code];
            payload.extend_from_slice(b"bye");
            framed(kind::GOAWAY, 0, 0, &payload)
        };
        let open = framed(kind::HEADERS, 0, CALL, b"\x88");
        for (parts, wrong) in [
            (vec![data(SERVING)], "DATA ahead of HEADERS"),
            (vec![headers(HEAD, false), headers(HEAD, false)], "a second response, want trailers"),
            (
                vec![headers(HEAD, false), framed(kind::DATA, 1, CALL, SERVING)],
                "the reply ended without a grpc-status",
            ),
            (vec![framed(kind::CONTINUATION, 4, CALL, b"")], "a CONTINUATION of nothing"),
            (
                vec![open.clone(), framed(kind::PING, 0, 0, &[0; 8])],
                "a header block that another frame breaks into",
            ),
            (
                vec![open.clone(), framed(99, 0, 0, &[])],
                "a header block that another frame breaks into",
            ),
            (
                vec![framed(kind::PUSH_PROMISE, 4, CALL, &[0, 0, 0, 2])],
                "a PUSH_PROMISE, which our SETTINGS forbid",
            ),
            (
                vec![framed(kind::RST_STREAM, 0, CALL, &[0, 0, 0, 7])],
                "the server reset the call: REFUSED_STREAM (7)",
            ),
            (
                vec![framed(kind::RST_STREAM, 0, CALL, &[1, 0, 0, 0])],
                "the server reset the call: an unknown error (16777216)",
            ),
            (
                vec![go_away(1, 11)],
                "the server ends the connection (GOAWAY): ENHANCE_YOUR_CALM (11): bye",
            ),
            (vec![go_away(0, 0)], "the server ends the connection (GOAWAY): NO_ERROR (0): bye"),
            (vec![go_away(1, 0)], "closed, awaiting the reply of a server that is about to end"),
            (
                vec![framed(kind::HEADERS, 4, CALL, b"\xbe")],
                "a header block that HPACK cannot decode",
            ),
        ] {
            assert_eq!(whole(&parts), Err(wrong.into()));
        }
        let ahead = framed(kind::PING, 0, 0, &[0; 8]);
        assert_eq!(judged(&ahead), Err("an HTTP/2 frame ahead of the greeting".into()));
        let ack = framed(kind::SETTINGS, flags::ACK, 0, &[]);
        assert_eq!(judged(&ack), Err("an HTTP/2 frame ahead of the greeting".into()));
    }

    /// What RFC 9113 sections 8.1 to 8.3 call malformed.
    #[test]
    fn what_two_readers_understand_differently_is_refused() {
        const LATE: &str =
            "a pseudo-header that is late, second or unknown, which RFC 9113 forbids";
        const NAME: &str = "a field name of signs that RFC 9113 forbids";
        const VALUE: &str = "CR, LF or NUL in a field, which RFC 9113 forbids";
        const OLD: &str = "a field of HTTP/1 connections, which RFC 9113 forbids";
        let (kind, status) = (("content-type", "application/grpc"), (":status", "200"));
        let answer = |head: &[(&str, &str)], trailers: &[(&str, &str)]| {
            whole(&[headers(head, false), data(SERVING), headers(trailers, true)])
        };
        for (more, wrong) in [
            (status, LATE),
            ((":path", "/"), LATE),
            ((":", ""), LATE),
            (("", "x"), NAME),
            (("Grpc-Status", "0"), NAME),
            (("a b", "0"), NAME),
            (("a:b", "0"), NAME),
            (("a\0", "0"), NAME),
            (("a\u{e9}", "0"), NAME),
            (("x", "a\rb"), VALUE),
            (("x", "a\nb"), VALUE),
            (("x", "a\0b"), VALUE),
            (("connection", "close"), OLD),
            (("proxy-connection", "close"), OLD),
            (("keep-alive", "timeout=5"), OLD),
            (("transfer-encoding", "chunked"), OLD),
            (("upgrade", "h2c"), OLD),
        ] {
            for head in [[status, kind, more], [status, more, kind]] {
                assert_eq!(answer(&head, OK), Err(wrong.into()), "{more:?}");
            }
            assert_eq!(answer(HEAD, &[OK[0], more]), Err(wrong.into()), "{more:?}");
        }
        assert_eq!(answer(&[kind, status], OK), Err(LATE.into()));
        assert_eq!(answer(&[status, status, kind], OK), Err(LATE.into()));
        assert_eq!(answer(HEAD, &[status, OK[0]]), Err(LATE.into()));
        // In an informational response, and where nothing follows.
        assert_eq!(
            whole(&[headers(&[(":status", "103"), ("upgrade", "x")], false)]),
            Err(OLD.into())
        );
        assert_eq!(whole(&[headers(&[kind, status], true)]), Err(LATE.into()));

        let both = "a grpc-status in both headers and trailers";
        for (first, then) in [("0", "0"), ("13", "0"), ("0", "13"), ("", "0")] {
            let head = [status, kind, ("grpc-status", first)];
            assert_eq!(answer(&head, &[("grpc-status", then)]), Err(both.into()));
        }
        let head = [status, kind, ("grpc-status", "0")];
        assert_eq!(answer(&head, &[]), Err("the reply ended without a grpc-status".into()));

        let length = |length| answer(&[status, kind, ("content-length", length)], OK);
        assert_eq!(length("7"), Ok("SERVING".into()));
        for other in ["6", "8", "", "+7", "7, 7", "x"] {
            let wrong = "a content-length that is not the message's";
            assert_eq!(length(other), Err(wrong.into()), "{other}");
        }
        // Signs that are allowed, and a blank that grpc-message may end with.
        let fine = [OK[0], ("x-!#$%&'*+.^_`|~0", "\u{e9}\t"), ("grpc-message", "fine ")];
        assert_eq!(answer(HEAD, &fine), Ok("SERVING".into()));
    }

    #[test]
    fn settings_and_pings_are_answered_once() {
        let mut reply = Reply::new(false);
        let mut take = |bytes: &[u8]| {
            let (frame, _) = Frame::parse(bytes).unwrap().unwrap();
            let mut out = Vec::new();
            reply.take(&frame, &|_, _| {}, &mut out).expect("a frame in order");
            out
        };
        assert_eq!(take(&settings()), b"\0\0\0\x04\x01\0\0\0\0");
        assert_eq!(take(b"\0\0\0\x04\x01\0\0\0\0"), b"");
        let ping = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
        assert_eq!(take(ping), b"\0\0\x08\x06\x01\0\0\0\0abcdefgh");
        assert_eq!(take(b"\0\0\x08\x06\x01\0\0\0\0abcdefgh"), b"");
        assert_eq!(take(b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x01"), b"");
        assert_eq!(take(b"\0\0\x01\x99\0\0\0\0\x07?"), b"");
        assert_eq!(take(b"\0\0\x05\x02\0\0\0\0\x07\0\0\0\0\0"), b"");
    }

    #[test]
    fn header_blocks_come_in_parts_and_have_an_end() {
        let head = block(HEAD);
        let mut parts = settings();
        for (i, byte) in head.iter().enumerate() {
            let kind = if i == 0 { kind::HEADERS } else { kind::CONTINUATION };
            let last = if i + 1 == head.len() { flags::END_HEADERS } else { 0 };
            parts.extend(framed(kind, last, CALL, &[*byte]));
        }
        parts.extend(data(&SERVING[..3]));
        parts.extend(framed(kind::DATA, flags::PADDED, CALL, b"\x02\0\x02\x08\x01\0\0"));
        parts.extend(headers(OK, true));
        assert_eq!(judged(&parts), Ok("SERVING".into()));

        let mut endless = [settings(), framed(kind::HEADERS, 0, CALL, &[])].concat();
        for _ in 0..5 {
            endless.extend(framed(kind::CONTINUATION, 0, CALL, &[0; frame::PAYLOAD]));
        }
        assert_eq!(judged(&endless), Err("headers of more than 65536 bytes".into()));
    }

    #[test]
    fn every_prefix_and_every_changed_byte_is_survived() {
        let good = [settings(), headers(HEAD, false), data(SERVING), headers(OK, true)].concat();
        assert_eq!(judged(&good), Ok("SERVING".into()));
        for end in 0..good.len() {
            assert!(judged(&good[..end]).is_err(), "{end}");
        }
        let message = good.len() - headers(OK, true).len() - 2;
        for i in 0..good.len() {
            for byte in 0..=255 {
                let mut changed = good.clone();
                changed[i] = byte;
                // SERVING is said by these two bytes and nothing else.
                if (message..message + 2).contains(&i) && byte != good[i] {
                    assert!(judged(&changed).is_err(), "{i} {byte}");
                }
                let _ = judged(&changed);
            }
        }
        let mut seed = 1_u32;
        let noise: Vec<u8> = (0..65_536)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        assert!(judged(&noise).is_err());
        for kind in 0..10 {
            for start in (0..65_000).step_by(64) {
                let mut bytes = [settings(), vec![0, 0, 40, kind]].concat();
                bytes.push(noise[start]);
                bytes.extend([0, 0, 0, u8::from(matches!(kind, 0 | 1 | 3 | 9))]);
                bytes.extend(&noise[start..start + 40]);
                assert!(judged(&bytes).is_err());
            }
        }
    }
}
