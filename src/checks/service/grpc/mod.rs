//! `grpc://` and `grpcs://`: `grpc.health.v1.Health/Check` says SERVING (the gRPC health checking
//! protocol, over what gRPC calls PROTOCOL-HTTP2).
//!
//! One call over one connection: the request goes out in one write, ahead of the server's
//! SETTINGS as RFC 9113 section 3.4 allows, and the verdict waits for the trailers, since a server
//! that says SERVING may still end the call with an error.

mod fields;
pub mod frame;
pub mod hpack;
pub mod reply;

use std::time::Duration;

use frame::{CALL, Frame, flags, kind};
use reply::Reply;

use super::or_tls;

use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Flag, Options, Target, Usage, value};
use crate::net::Peer;
use crate::net::conversation::Conversation;
use crate::net::stream::Stream;
use crate::text::{Wrong, split_once};
use crate::verdict::{Failure, Step, Verdict, quote};

/// The longest message that is read, and the longest service name that is sent: nothing of the
/// protocol comes near it, and no window of 65,535 bytes is ever used up.
const MESSAGE: usize = 4096;

/// The most that `--header` may come to, so that all headers fit into one frame.
const METADATA: usize = 15_360;

/// A peer that has not answered after so many frames means no good.
const FRAMES: usize = 1000;

/// A health check to call.
#[derive(Debug)]
pub struct Grpc {
    peer: Box<Peer>,
    /// `host[:port]` of the target, whatever is dialled.
    authority: String,
    /// Empty: the server as a whole.
    service: String,
    metadata: Vec<(String, String)>,
}

impl Check for Grpc {
    /// Takes `--header` and what the peer takes.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let parts = target.authority()?;
        if parts.user.is_some() {
            return Err(target.wrong("want credentials as --header 'Authorization: ...'"));
        }
        let path = parts.path.strip_prefix('/').unwrap_or(&parts.path);
        let service = String::from_utf8(value::percent_decoded(path)).ok();
        let service =
            service.filter(|name| name.len() <= MESSAGE && split_once(path, b'?').is_none());
        let service = service.ok_or_else(|| {
            target.wrong("want grpc://host:port/service in UTF-8, a '?' in it as %3F")
        })?;
        let metadata = options.each(Flag::Header, metadata)?;
        // Six bytes are the most that the lengths of a field take.
        if metadata.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>()
            > METADATA
        {
            return Err(target.wrong("want at most 15 KiB of --header"));
        }
        let mut peer = Peer::parse(target, options)?;
        if let Some(tls) = &mut peer.tls {
            tls.alpn = b"h2";
        }
        let mut authority = parts.host.to_string();
        if let Some(port) = parts.port {
            authority = format!("{authority}:{port}");
        }
        Ok(Self { peer, authority, service, metadata })
    }

    /// Calls, and judges the reply.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let stream = self.peer.open(attempt)?;
        if self.peer.tls.is_some() {
            agreed(&stream)?;
        }
        if attempt.verbose() {
            // not a verdict
            let mut line = format!("request: Check of \"{}\"", quote(self.service.as_bytes()));
            for (name, _) in &self.metadata {
                for part in [", ", name, ": ***"] {
                    line.push_str(part);
                }
            }
            attempt.say(&line);
        }
        let mut talk = Conversation::new(stream, Vec::new());
        // A server may answer and close before it has read everything: its answer counts, and
        // should none come, reading says why.
        let _ = talk.send(&self.request(attempt.remaining().unwrap_or_default()));
        let verdict = self.converse(&mut talk)?.judge(attempt);
        let mut goodbye = Vec::new();
        frame::write(kind::GOAWAY, 0, 0, &[0; 8], &mut goodbye);
        // The verdict stands, whether this arrives or not.
        let _ = talk.send(&goodbye);
        talk.close();
        verdict
    }
}

impl Grpc {
    /// Takes frames until the reply is there.
    fn converse(&self, talk: &mut Conversation<'_>) -> Result<Reply, Failure> {
        let attempt = talk.attempt();
        let mut reply = Reply::new(self.peer.tls.is_some());
        let see = |name: &[u8], value: &[u8]| {
            if attempt.verbose() {
                let shown = if name == b"set-cookie" { "***".into() } else { quote(value) };
                attempt.say(&format_args!("response: {}: {shown}", quote(name)));
            }
        };
        for nth in 0..FRAMES {
            let Some(awaited) = reply.awaited() else { break };
            let frame = talk.receive(awaited, Frame::parse).map_err(|failure| match nth {
                0 => or_tls(failure, talk, &self.peer, "grpcs://"),
                _ => failure,
            })?;
            let mut out = Vec::new();
            reply.take(&frame, &see, &mut out).map_err(|wrong| attempt.protocol(wrong))?;
            if !out.is_empty() {
                // Should this not arrive, reading says why.
                let _ = talk.send(&out);
            }
        }
        attempt.enter(Step::Read, talk.stream().peer());
        Ok(reply)
    }

    /// The preface, our SETTINGS and the whole call, which the server is to give up after `left`.
    fn request(&self, left: Duration) -> Vec<u8> {
        // ENABLE_PUSH 0, MAX_HEADER_LIST_SIZE 65,536 (RFC 9113 section 6.5.2).
        const SETTINGS: &[u8] = &[0, 2, 0, 0, 0, 0, 0, 6, 0, 1, 0, 0];
        let timeout = timeout(left);
        let agent = ("user-agent", concat!("healthcheck/", env!("CARGO_PKG_VERSION")));
        let own = [
            (":method", "POST"),
            (":scheme", if self.peer.tls.is_some() { "https" } else { "http" }),
            (":path", "/grpc.health.v1.Health/Check"),
            (":authority", &self.authority),
            ("te", "trailers"),
            ("grpc-timeout", &timeout),
            ("content-type", "application/grpc"),
            agent,
        ];
        let mut block = Vec::new();
        for (name, value) in own {
            if !self.metadata.iter().any(|(given, _)| given == name) {
                hpack::write(name, value, false, &mut block);
            }
        }
        for (name, value) in &self.metadata {
            hpack::write(name, value, true, &mut block);
        }
        let mut out = frame::PREFACE.to_vec();
        frame::write(kind::SETTINGS, 0, 0, SETTINGS, &mut out);
        frame::write(kind::HEADERS, flags::END_HEADERS, CALL, &block, &mut out);
        frame::write(kind::DATA, flags::END_STREAM, CALL, &message(&self.service), &mut out);
        out
    }
}

/// Metadata: a header that gRPC and HTTP/2 leave to the application.
fn metadata(given: &[u8]) -> Result<(String, String), Wrong> {
    /// Ours, and those of HTTP/1 connections (RFC 9113 section 8.2.2).
    const RESERVED: &[&str] = &[
        "te",
        "content-type",
        "content-length",
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ];
    let (name, value) = value::header(given)?;
    let name = name.to_ascii_lowercase();
    if RESERVED.contains(&name.as_str()) || name.starts_with("grpc-") {
        // not a verdict
        return Err(format!("metadata is wanted, and {name} belongs to gRPC and HTTP/2").into());
    }
    if value.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
        // not a verdict
        return Err(format!("a value in printable ASCII is wanted for {name}").into());
    }
    Ok((name, value))
}

/// What is left, as gRPC writes it: at most eight digits and a unit.
fn timeout(left: Duration) -> String {
    let ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
    match ms {
        ..=99_999_999 => format!("{ms}m"),
        _ => format!("{}S", ms / 1000),
    }
}

/// `HealthCheckRequest { string service = 1 }`, uncompressed behind its length.
fn message(service: &str) -> Vec<u8> {
    let mut request = Vec::new();
    if !service.is_empty() {
        // Two bytes hold any length up to MESSAGE; the first alone, below 128.
        let length = service.len();
        match length {
            ..0x80 => request.extend_from_slice(&[0x0a, length as u8]),
            _ => request.extend_from_slice(&[0x0a, length as u8 | 0x80, (length >> 7) as u8]),
        }
        request.extend_from_slice(service.as_bytes());
    }
    let [.., high, low] = request.len().to_be_bytes();
    [&[0, 0, 0, high, low], request.as_slice()].concat()
}

/// Whether TLS agreed on HTTP/2 (RFC 9113 section 3.2).
fn agreed(stream: &Stream<'_>) -> Result<(), Failure> {
    let instead = match stream.alpn() {
        Some(b"h2") => return Ok(()),
        Some(other) => quote(other),
        None => "no protocol".into(),
    };
    let wrong = format!("the server speaks no HTTP/2 here: got {instead} by ALPN, want h2");
    Err(stream.attempt().protocol(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::kinds;
    use crate::input::options::given;
    use crate::input::{Given, Text};

    fn grpc(text: &str, options: &[(Flag, &str)]) -> Result<Grpc, String> {
        let own: Vec<Given> = given(options);
        let (_, target) = kinds::read(&Text::plain(text)).expect(text);
        let mut options = Options::new(&own, &[]);
        Grpc::parse(&target, &mut options).map_err(|usage| usage.to_string())
    }

    #[test]
    fn targets() {
        for (text, authority, service) in [
            ("grpc://h:50051", "h:50051", ""),
            ("grpc://h:50051/", "h:50051", ""),
            ("grpc://:1/a.b.C", "localhost:1", "a.b.C"),
            ("grpc://[::1]:1/a/b%20%3F%2f", "[::1]:1", "a/b ?/"),
        ] {
            let grpc = grpc(text, &[]).expect(text);
            assert_eq!((grpc.authority.as_str(), grpc.service.as_str()), (authority, service));
        }
        let unix = grpc("grpc://localhost", &[(Flag::ConnectTo, "unix:/s")]).expect("no port");
        assert_eq!(unix.authority, "localhost");
        let long = format!("grpc://h:1/{}", "x".repeat(MESSAGE + 1));
        for (text, part) in [
            ("grpc://h", "want a port: grpc://host:port"),
            ("grpc://u:p@h:1", "***@h:1: want credentials as --header 'Authorization: ...'"),
            ("grpc://h:1/a?b", "want grpc://host:port/service in UTF-8"),
            ("grpc://h:1?b", "want grpc://host:port/service in UTF-8"),
            ("grpc://h:1/%ff", "want grpc://host:port/service in UTF-8"),
            (&long, "want grpc://host:port/service in UTF-8"),
        ] {
            let wrong = grpc(text, &[]).expect_err(text);
            assert!(wrong.contains(part), "{wrong}");
        }
    }

    #[test]
    fn metadata_is_the_applications_own() {
        let made = metadata(b"X-Token:  a b ");
        assert_eq!(made, Ok(("x-token".into(), "a b".into())));
        for name in ["TE", "Content-Type", "grpc-timeout", "Grpc-Encoding", "Host", "Connection"] {
            let wrong = metadata(format!("{name}: v").as_bytes()).expect_err(name);
            assert!(wrong.contains("belongs to gRPC and HTTP/2"), "{wrong}");
        }
        for text in [":path: /x", "a b: c", "a: \u{e9}", "a: \x01", "a: b\r\nc: d", "a"] {
            assert!(metadata(text.as_bytes()).is_err(), "{text:?}");
        }
        let fits = format!("x: {}", "y".repeat(METADATA - 9));
        let grpc = |text: &str| grpc("grpc://h:1", &[(Flag::Header, text)]);
        let request = grpc(&fits).expect("it fits").request(Duration::MAX);
        let (settings, length) = Frame::parse(&request[frame::PREFACE.len()..]).unwrap().unwrap();
        assert_eq!(settings.kind, kind::SETTINGS);
        let rest = &request[frame::PREFACE.len() + length..];
        assert_eq!(Frame::parse(rest).unwrap().unwrap().0.kind, kind::HEADERS);
        let wrong = grpc(&(fits + "y")).expect_err("it does not");
        assert_eq!(wrong, "grpc://h:1: want at most 15 KiB of --header");
    }

    #[test]
    fn the_request_is_what_the_protocol_wants() {
        let grpc = grpc(
            "grpc://h:1/svc",
            &[(Flag::Header, "Authorization: Bearer x"), (Flag::Header, "User-Agent: me")],
        )
        .expect("a check");
        let request = grpc.request(Duration::from_millis(1500));
        let mut rest = request.strip_prefix(frame::PREFACE).expect("the preface");
        let mut frames = Vec::new();
        while let Some((frame, length)) = Frame::parse(rest).expect("frames") {
            frames.push(frame);
            rest = &rest[length..];
        }
        let [settings, headers, data] = frames.as_slice() else { panic!("{frames:?}") };
        assert_eq!((settings.kind, settings.flags), (kind::SETTINGS, 0));
        assert_eq!((headers.kind, headers.flags), (kind::HEADERS, flags::END_HEADERS));
        let mut list = String::new();
        hpack::Decoder::new(0)
            .decode(&headers.payload, &mut |name, value| {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                list += &format!("{}: {}\n", text(name), text(value));
            })
            .expect("a block");
        assert_eq!(
            list,
            ":method: POST\n:scheme: http\n:path: /grpc.health.v1.Health/Check\n\
             :authority: h:1\nte: trailers\ngrpc-timeout: 1500m\ncontent-type: application/grpc\n\
             authorization: Bearer x\nuser-agent: me\n"
        );
        assert_eq!((data.kind, data.flags), (kind::DATA, flags::END_STREAM));
        assert_eq!(data.payload, b"\0\0\0\0\x05\x0a\x03svc");
    }

    #[test]
    fn messages_and_timeouts() {
        assert_eq!(message(""), b"\0\0\0\0\0");
        let long = message(&"x".repeat(300));
        assert_eq!(long[..8], *b"\0\0\0\x01\x2f\x0a\xac\x02");
        assert_eq!(long.len(), 308);
        for (left, text) in [
            (Duration::ZERO, "1m"),
            (Duration::from_millis(99_999_999), "99999999m"),
            (Duration::from_millis(100_000_000), "100000S"),
            (Duration::from_secs(31_536_000), "31536000S"),
        ] {
            assert_eq!(timeout(left), text);
        }
    }
}
