//! Servers that answer by the byte: what no implementation sends, and what few do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::support::check;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SERVING: &[u8] = b"\0\0\0\0\x02\x08\x01";

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a length").to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags, 0, 0, 0, stream];
    [&head, payload].concat()
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        for (lead, text) in [(&b"\0"[..], name), (&b""[..], value)] {
            block.extend_from_slice(lead);
            block.push(u8::try_from(text.len()).expect("a short text"));
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[])
}

fn head() -> Vec<u8> {
    block(&[(":status", "200"), ("content-type", "application/grpc")])
}

fn response() -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, &head())
}

fn trailers(code: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[("grpc-status", code)]))
}

fn data(bytes: &[u8]) -> Vec<u8> {
    frame(DATA, 0, 1, bytes)
}

/// What stands between SETTINGS and the end of a healthy answer, one part at each of three places.
fn answer(between: [&[u8]; 3]) -> Vec<u8> {
    let [first, second, third] = between;
    let parts = [&settings(), first, &response(), second, &data(SERVING), third, &trailers("0")];
    parts.concat()
}

/// Reads the preface and frames up to the end of the request.
fn request(stream: &mut TcpStream) {
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface).expect("a preface");
    assert_eq!(preface, PREFACE);
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).expect("a frame");
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).expect("a payload");
        if head[3] == DATA && head[4] & END_STREAM != 0 {
            return;
        }
    }
}

/// A server of one connection, which answers a request with these bytes. What comes back
/// afterwards, and how it ended, is sent on.
fn server(bytes: Vec<u8>, close: bool) -> (String, Receiver<Result<Vec<u8>, String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = format!("grpc://{}", listener.local_addr().expect("an address"));
    let (tell, told) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        request(&mut stream);
        let _ = stream.write_all(&bytes);
        if close {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest).map(|_| rest).map_err(|error| error.to_string());
        let _ = tell.send(end);
    });
    (target, told)
}

#[track_caller]
fn healthy(bytes: Vec<u8>) -> Vec<u8> {
    let (target, told) = server(bytes, false);
    check(&[&target]).healthy(super::SERVING);
    let rest = told.recv_timeout(Duration::from_secs(10)).expect("an end");
    rest.expect("an orderly end: FIN, not RST")
}

#[track_caller]
fn unhealthy(bytes: Vec<u8>, why: &str) {
    for close in [false, true] {
        let (target, _told) = server(bytes.clone(), close);
        check(&[&target, "-t", "10s"]).unhealthy(why);
    }
}

#[test]
fn settings_and_pings_are_answered_and_the_end_is_orderly() {
    let ping = frame(PING, 0, 0, b"12345678");
    let ack = frame(SETTINGS, END_STREAM, 0, &[]);
    let pong = frame(PING, END_STREAM, 0, b"12345678");
    let goodbye = frame(GOAWAY, 0, 0, &[0; 8]);
    for i in 0..3 {
        let mut between = [&b""[..]; 3];
        between[i] = &ping;
        let rest = healthy(answer(between));
        assert_eq!(rest, [ack.as_slice(), &pong, &goodbye].concat());
    }
    // An answer to a PING that we did not send, and to our SETTINGS.
    let rest = healthy(answer([&ack, &pong, b""]));
    assert_eq!(rest, [ack.as_slice(), &goodbye].concat());
}

#[test]
fn what_does_not_concern_a_call_is_passed_over() {
    for part in [
        frame(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]),
        frame(WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff]),
        frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 15]),
        frame(PRIORITY, 0, 9, &[0, 0, 0, 0, 15]),
        frame(0xfa, 0xff, 77, &[1; 16_384]),
        frame(0x0c, 0, 0, b"origin"),
        // A window of nothing: what we send was under way before we heard of it.
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
        // The largest frames, no streams, settings nobody knows.
        frame(SETTINGS, 0, 0, &[0, 5, 0, 0xff, 0xff, 0xff, 0, 3, 0, 0, 0, 0, 0x7f, 0, 1, 2, 3, 4]),
        // Shutting down, but not before this call.
        frame(GOAWAY, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]),
    ] {
        healthy(answer([&part, b"", b""]));
        healthy(answer([b"", &part, b""]));
        healthy(answer([b"", b"", &part]));
    }
}

#[test]
fn padding_priority_and_continuation() {
    let head = head();
    let (a, b) = head.split_at(5);
    let padded = [&[3], head.as_slice(), &[0; 3]].concat();
    let ranked = [&[2, 0x80, 0, 0, 0, 15], head.as_slice(), &[0; 2]].concat();
    for response in [
        frame(HEADERS, END_HEADERS | PADDED, 1, &padded),
        frame(HEADERS, END_HEADERS | PADDED | 0x20, 1, &ranked),
        [frame(HEADERS, 0, 1, a), frame(CONTINUATION, END_HEADERS, 1, b)].concat(),
        [
            frame(HEADERS, 0, 1, b""),
            frame(CONTINUATION, 0, 1, a),
            frame(CONTINUATION, 0, 1, b),
            frame(CONTINUATION, END_HEADERS, 1, b""),
        ]
        .concat(),
    ] {
        for message in [
            data(SERVING),
            frame(DATA, PADDED, 1, &[&[9], SERVING, &[0; 9]].concat()),
            [data(b""), data(&SERVING[..2]), data(&SERVING[2..6]), data(&SERVING[6..])].concat(),
        ] {
            healthy([settings(), response.clone(), message, trailers("0")].concat());
        }
    }
    // Trailers in parts, where END_STREAM stands on the first of them.
    let parts = [
        frame(HEADERS, END_STREAM, 1, b"\0\x0bgrpc-"),
        frame(CONTINUATION, END_HEADERS, 1, b"status\x010"),
    ];
    healthy([settings(), response(), data(SERVING), parts.concat()].concat());
}

#[test]
fn serving_alone_is_not_healthy() {
    for (end, why) in [
        (trailers("13"), "grpc-status INTERNAL (13), want OK (0)\n"),
        (trailers("OK"), "grpc-status OK, want OK (0)\n"),
        (frame(HEADERS, 5, 1, b""), "the reply ended without a grpc-status\n"),
        (frame(DATA, END_STREAM, 1, b""), "the reply ended without a grpc-status\n"),
        (frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]), "the server reset the call: CANCEL (8)\n"),
        (frame(RST_STREAM, 0, 1, &[0; 4]), "the server reset the call: NO_ERROR (0)\n"),
        (
            frame(GOAWAY, 0, 0, b"\0\0\0\x01\0\0\0\x0btoo_many_pings"),
            "the server ends the connection (GOAWAY): ENHANCE_YOUR_CALM (11): too_many_pings\n",
        ),
        (data(b"\0"), "more than one message\n"),
        (response(), "a second response, want trailers\n"),
    ] {
        unhealthy([settings(), response(), data(SERVING), end].concat(), why);
    }
    // Closed, or nothing more, where the trailers should be.
    let bytes = [settings(), response(), data(SERVING)].concat();
    let (target, _told) = server(bytes.clone(), true);
    check(&[&target]).unhealthy("want the reply: the connection was closed without a word\n");
    let (target, _told) = server(bytes, false);
    check(&[&target, "-t", "300ms"]).unhealthy(" ms while reading from 127.0.0.1:");
}

#[test]
fn broken_rules_have_names() {
    let open = || [settings(), response()].concat();
    for (bytes, why) in [
        (
            [settings(), frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02\x82")].concat(),
            "a PUSH_PROMISE, which our SETTINGS forbid\n",
        ),
        (
            [settings(), frame(HEADERS, END_HEADERS, 3, &head())].concat(),
            " on stream 3, which RFC 9113 forbids",
        ),
        (
            [open(), frame(DATA, 0, 2, SERVING)].concat(),
            "a DATA frame of 7 bytes on stream 2, which RFC 9113 forbids",
        ),
        (
            [open(), b"\xff\xff\xff\0\0\0\0\0\x01".to_vec()].concat(),
            "want the reply: that is no gRPC",
        ),
        (
            [open(), b"\0\x40\x01\0\0\0\0\0\x01".to_vec()].concat(),
            "a DATA frame of 16385 bytes on stream 1, which RFC 9113 forbids",
        ),
        (
            [open(), data(b"\0\x7f\xff\xff\xff\x08\x01")].concat(),
            "a message of more than 4096 bytes\n",
        ),
        (
            [open(), data(b"\x01\0\0\0\x02\x08\x01")].concat(),
            "a compressed message, which was not asked for\n",
        ),
        ([settings(), data(SERVING)].concat(), "DATA ahead of HEADERS\n"),
        (response(), "an HTTP/2 frame ahead of the greeting\n"),
        (
            [settings(), frame(HEADERS, 0, 1, b"\x88"), data(SERVING)].concat(),
            "a header block that another frame breaks into\n",
        ),
        (
            [settings(), frame(HEADERS, END_HEADERS, 1, b"\xbe")].concat(),
            "a header block that HPACK cannot decode\n",
        ),
        (
            [settings(), frame(GOAWAY, 0, 0, &[0; 8])].concat(),
            "the server ends the connection (GOAWAY): NO_ERROR (0)\n",
        ),
        (
            [settings(), frame(RST_STREAM, 0, 1, &[0, 0, 0, 7])].concat(),
            "the server reset the call: REFUSED_STREAM (7)\n",
        ),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "(an HTTP/1 server answers here)\n"),
        (b"\x15\x03\x01\0\x02\x02\x46".to_vec(), "(a TLS server answers here: it wants TLS)\n"),
        (b"SSH-2.0-x\r\n".to_vec(), "(an SSH server answers here)\n"),
    ] {
        unhealthy(bytes, why);
    }
}

#[test]
fn floods_come_to_an_end() {
    let ping = frame(PING, 0, 0, &[0; 8]);
    let endless = "1000 frames, and no reply among them\n";
    for (parts, why) in [
        (settings().repeat(5000), endless),
        ([settings(), ping.repeat(5000)].concat(), endless),
        ([settings(), response(), data(b"").repeat(5000)].concat(), endless),
        (
            [settings(), frame(HEADERS, 0, 1, b""), frame(CONTINUATION, 0, 1, b"").repeat(5000)]
                .concat(),
            endless,
        ),
        (
            [
                settings(),
                frame(HEADERS, END_HEADERS, 1, &block(&[(":status", "103")])).repeat(5000),
            ]
            .concat(),
            endless,
        ),
        (
            [
                settings(),
                frame(HEADERS, 0, 1, b"\x88"),
                frame(CONTINUATION, 0, 1, &[0; 16_000]).repeat(100),
            ]
            .concat(),
            "headers of more than 65536 bytes\n",
        ),
        // A field of 4 KiB, and a byte for each further time.
        (
            [
                settings(),
                frame(HEADERS, 0, 1, &[b"\x40\x01a\x7f\x81\x1e", [b'b'; 3968].as_slice()].concat()),
                frame(CONTINUATION, END_HEADERS, 1, &[0xbe; 16_000]),
            ]
            .concat(),
            "headers of more than 65536 bytes\n",
        ),
    ] {
        unhealthy(parts, why);
    }
}

/// Cut off anywhere and left open, or closed, an answer is no good one.
#[test]
fn an_answer_cut_short_is_unhealthy() {
    let whole = answer([b"", b"", b""]);
    healthy(whole.clone());
    for end in (0..whole.len()).step_by(3) {
        let (target, _told) = server(whole[..end].to_vec(), true);
        check(&[&target]).unhealthy("the connection was closed");
    }
}
