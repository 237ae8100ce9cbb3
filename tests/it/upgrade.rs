//! TLS in the middle of a conversation, and logins, with servers that do not keep to the protocol.

use std::io::{Read, Write};

use crate::support::{Folder, answers, check, command, finish, run, server};

/// A server that reads once before each of `pieces`, and closes behind the last one.
fn says(pieces: &'static [&'static [u8]]) -> u16 {
    server(move |mut stream| {
        for piece in pieces {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(piece);
        }
        finish(stream);
    })
}

/// A server that says `greeting`, reads once, says `answer`, and closes.
fn greets(greeting: &'static [u8], answer: &'static [u8]) -> u16 {
    server(move |mut stream| {
        let _ = stream.write_all(greeting);
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(answer);
        finish(stream);
    })
}

/// A client that asks for TLS and goes is an error to the server, and MySQL blocks it for that.
#[test]
#[cfg(feature = "tls")]
fn files_are_read_before_anything_is_connected() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener that does not wait");
    let port = listener.local_addr().expect("an address").port();
    for scheme in ["mysql", "postgres", "nats", "rediss"] {
        let tls = (scheme != "rediss").then_some("--tls");
        let target = format!("{scheme}://127.0.0.1:{port}");
        let mut args = vec![target.as_str()];
        args.extend(tls);
        for (option, file) in [("--cacert", "/none"), ("--cert", "/none")] {
            args.truncate(1 + usize::from(tls.is_some()));
            args.extend([option, file]);
            let why = format!(
                "opening \"/none\" ({option}): No such file or directory (os error 2): its folder is there\n"
            );
            check(&args).setup(&why);
            let seen = listener.accept().map_err(|error| error.kind());
            assert!(matches!(seen, Err(std::io::ErrorKind::WouldBlock)), "{args:?} {seen:?}");
        }
    }
}

/// What comes ahead of the handshake in the clear must not count as protected (CVE-2011-0411).
#[test]
fn what_comes_ahead_of_tls_is_refused() {
    let port = says(&[b"SR\0\0\0\x08\0\0\0\0"]);
    check(&[&format!("postgres://localhost:{port}"), "--tls", "-k"])
        .unhealthy("want the start of TLS: bytes came ahead of it: R\\x00\\x00\\x00\\x08");
    // Without them it is the handshake that fails.
    let port = says(&[b"S"]);
    check(&[&format!("postgres://localhost:{port}"), "--tls", "-k"])
        .unhealthy("TLS handshake with");
}

#[test]
fn answers_to_a_request_for_tls() {
    for (answer, words) in [
        (&b"N"[..], "the server does not offer TLS"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "that is no PostgreSQL (an HTTP/1 server answers here)",
        ),
        (
            b"E\0\0\0\x1dSFATAL\0C53300\0Mtoo many\0\0\0",
            "the server refuses to speak of TLS (53300): too many",
        ),
        (b"E\0\0\0\x08C1\0\0", "want an answer of PostgreSQL: an error without a code"),
    ] {
        let port = server(move |mut stream| {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(answer);
            finish(stream);
        });
        check(&[&format!("postgres://localhost:{port}"), "--tls", "-k"]).unhealthy(words);
    }
}

/// A greeting of MySQL 8, the bytes of its two halves of the challenge all alike.
const GREETING: &[u8] = b"\x4a\0\0\0\x0a8.0.36\0\x01\0\0\0aaaaaaaa\0\xff\xff\xff\x02\0\xff\xdf\x15\
    \0\0\0\0\0\0\0\0\0\0aaaaaaaaaaaa\0caching_sha2_password\0";

#[test]
fn answers_to_a_login() {
    for (answer, healthy, words) in [
        (&b"\x07\0\0\x02\0\0\0\x02\0\0\0"[..], true, "version 8.0.36, accepts healthcheck"),
        (b"\x02\0\0\x02\x01\x04", true, "version 8.0.36, asks for a password"),
        (b"\x0e\0\0\x02\xff\x53\x04#08S01going", false, "1107 (08S01) going"),
        (GREETING, false, "the server greets twice"),
    ] {
        let run = check(&[&format!("mysql://localhost:{}", greets(GREETING, answer))]);
        if healthy {
            run.healthy(words)
        } else {
            run.unhealthy(words)
        };
    }
}

#[test]
fn an_echoed_password_is_masked() {
    for (target, greeting, answer) in [
        ("redis://:s3cret@", &b""[..], &b"-ERR no s3cret here\r\n"[..]),
        ("nats://user:s3cret@", b"INFO {}\r\n", b"-ERR 'no s3cret here'\r\n"),
        ("nats://s3cret@", b"INFO {}\r\n", b"-ERR 'no s3cret here'\r\n"),
        ("mqtt://user:s3cret@", b"", b"no s3cret here"),
    ] {
        let run = check(&[&format!("{target}localhost:{}", greets(greeting, answer))]);
        run.unhealthy("no *** here");
        assert!(!run.out.contains("s3cret"), "{run:?}");
    }
}

/// Web servers that repeat what they were told: in the reason, a header and the body.
#[test]
fn an_echoed_credential_is_masked_on_the_web_too() {
    let folder = Folder::new("echo");
    std::fs::write(folder.path("token"), "s3cret\n").expect("a file");
    let file = format!("${{file:{}}}", folder.path("token"));
    for (status, options) in [
        ("401", ["-u", "u:s3cret"]),
        ("200", ["-u", "u:s3cret"]),
        ("401", ["-H", "Authorization: Bearer s3cret"]),
        ("401", ["-H", "Cookie: s3cret"]),
        ("401", ["-H", "Cookie: session=s3cret; theme=dark"]),
        ("401", ["-H", &format!("X-Key: {file}")]),
        ("401", ["-H", &format!("X-Key: {file}; v=1")]),
        ("401", ["-H", "X-Key: ${TOKEN}; v=1"]),
        ("401", ["-d", &format!("token={file}")]),
        ("401", ["-d", "token=${TOKEN}"]),
        ("200", ["-e", &file]),
        ("200", ["--expect-header", &format!("X-Echo: {file}")]),
    ] {
        let basic = if options[0] == "-u" { "dTpzM2NyZXQ=" } else { "" };
        let said = format!("no s3cret {basic} here");
        let answer = format!("HTTP/1.1 {status} {said}\r\nX-Echo: {said}\r\n\r\n{said}");
        let target = format!("http://localhost:{}/", answers(answer));
        let args = [&target, "-v", options[0], options[1]];
        let run = run(command(args).env("TOKEN", "s3cret"));
        assert_eq!(run.code, Some(i32::from(status != "200")), "{run:?}");
        assert!(run.out.contains("no *** "), "{run:?}");
        assert!(run.err.contains("X-Echo: no *** "), "{run:?}");
        for secret in ["s3cret", "dTpzM2NyZXQ"] {
            assert!(!(run.out.clone() + &run.err).contains(secret), "{run:?}");
        }
    }
    let plain = format!("http://localhost:{}/", answers("HTTP/1.1 200 OK\r\n\r\n"));
    let wanted = format!("X-Key: {file}");
    check(&[&plain, "--expect-header", &wanted]).unhealthy("X-Key absent, want \"***\" in it\n");
    // In the target, in what it leads to, and where the peer stops in the middle of it.
    let echo = answers("HTTP/1.1 404 x\r\n\r\nCannot GET /?t=s3cret");
    check(&[&format!("http://localhost:{echo}/?t={file}")]).unhealthy("Cannot GET /?t=***\n");
    let again = answers("HTTP/1.1 302 x\r\nLocation: /?t=s3cret\r\n\r\n");
    check(&[&format!("http://localhost:{again}/?t={file}"), "--follow", "1"])
        .unhealthy("redirects more than 1, the next to localhost")
        .unhealthy("/?t=***, want at most 1");
    let half = answers("HTTP/1.1 401 x\r\n\r\nbad password s3cre");
    check(&[&format!("http://u:s3cret@localhost:{half}/")]).unhealthy("bad password ***\n");
    // Half of one is one too: it is masked before the quotation is cut off.
    let long = "x".repeat(300);
    let port = answers(format!("HTTP/1.1 500 no\r\n\r\n{long} {long}"));
    check(&[&format!("http://u:{long}@localhost:{port}/")])
        .unhealthy("status 500, want 200-399: *** ***\n");
}

#[test]
fn what_tls_and_names_cannot_do_is_said_before() {
    let long = format!("https://{}.example/", "a".repeat(64));
    check(&[&long]).usage("want a host that can stand in a certificate, or --server-name");
    check(&["dns://u@localhost/a.example"]).usage("want dns://server/name without a user");
    check(&["dns://localhost/a.example", "--connect-to", "unix:/run/dns"])
        .usage("want --connect-to HOST:PORT: UDP has no Unix socket");
    check(&["-4", "tcp://[::1]:1"]).unhealthy("resolving [::1]: no IPv4 address");
    check(&["-6", "tcp://127.0.0.1:1"]).unhealthy("resolving 127.0.0.1: no IPv6 address");
}
