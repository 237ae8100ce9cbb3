//! Section 3 of the specification: HTTP, against scripted servers.

mod neighbours;
mod nginx;
mod witness;

use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{
    Run, answers, check, closed_port, command, finish, ipv6_only, records, request, run, server,
    silent,
};

/// Far above every timeout used here, for a busy machine.
const SOON: Duration = Duration::from_secs(4);

fn ask(port: u16, more: &[&str]) -> Run {
    let target = format!("http://localhost:{port}/");
    check(&[&["-t", "1s", target.as_str()], more].concat())
}

#[test]
fn statuses_are_judged_as_the_specification_says() {
    // The status; healthy by default; healthy with --status=STATUS.
    let table = [
        (101, false, true),
        (200, true, true),
        (204, true, true),
        (301, true, true),
        (304, true, true),
        (399, true, true),
        (400, false, true),
        (401, false, true),
        (418, false, true),
        (500, false, true),
        (503, false, true),
        (599, false, true),
        (600, false, true),
        (999, false, true),
    ];
    for (status, by_default, named) in table {
        let port = answers(format!("HTTP/1.1 {status} Reason\r\nContent-Length: 0\r\n\r\n"));
        for (args, healthy) in [(vec![], by_default), (vec![format!("--status={status}")], named)] {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let run = ask(port, &args);
            match healthy {
                true => run.healthy(&format!(": {status} Reason in ")),
                false => {
                    let more = if status == 400 { ": the Host sent was \"localhost:" } else { "" };
                    let more = if status == 401 {
                        ": no credentials were sent (-u USER:PASS, or -H 'Authorization: ...')\n"
                    } else {
                        more
                    };
                    let end = if more.is_empty() { "\n" } else { more };
                    run.unhealthy(&format!(": status {status}, want 200-399{end}"))
                }
            };
        }
    }
    // Informational answers are skipped, whatever --status says, and are no final ones.
    for status in [100, 102, 103, 199] {
        let port = answers(format!("HTTP/1.1 {status} Wait\r\nX: y\r\n\r\n"));
        ask(port, &[]).unhealthy("the connection was closed after informational responses only");
        ask(port, &["--status=100-199"]).unhealthy("informational responses only");
        let port = answers(format!("HTTP/1.1 {status} Wait\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"));
        ask(port, &[]).healthy("200 OK");
    }
    for status in ["099", "000"] {
        let port = answers(format!("HTTP/1.1 {status} x\r\n\r\n"));
        ask(port, &[]).unhealthy(&format!("a response with the status {status}, below 100"));
    }
}

#[test]
fn no_body_is_read_when_nothing_is_asked_of_it() {
    // An event stream: the head, then nothing for a long time.
    let port = server(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        thread::sleep(Duration::from_secs(10));
    });
    ask(port, &[]).healthy("200 OK").within(SOON);
    // A server that keeps the connection open: the text is enough.
    let port = server(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"UP\"}");
        thread::sleep(Duration::from_secs(10));
    });
    ask(port, &["-e", "\"UP\"", "-e", "status"]).healthy("200 OK").within(SOON);
    ask(port, &["-e", "DOWN"])
        .unhealthy("timed out after 1 s while reading from 127.0.0.1")
        .within(SOON);
}

#[test]
fn a_rejected_status_shows_the_start_of_its_body() {
    let body = format!("{}\n{}", "x".repeat(150), "y".repeat(400));
    let port = answers(format!("HTTP/1.1 503 x\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let want = format!(": status 503, want 200-399: {}\\n{}...\n", "x".repeat(150), "y".repeat(49));
    ask(port, &[]).unhealthy(&want);
    // Chunked as well, and no longer than a quarter of a second when nothing comes.
    let port = answers(
        "HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwhat\r\n3\r\n is\r\n0\r\n\r\n",
    );
    ask(port, &[]).unhealthy("want 200-399: what is\n");
    let port = server(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 503 x\r\nContent-Length: 100\r\n\r\npart");
        thread::sleep(Duration::from_secs(10));
    });
    ask(port, &["-t", "3s"])
        .unhealthy("status 503, want 200-399: part\n")
        .within(Duration::from_millis(450));
}

#[test]
fn requests_are_what_the_specification_says() {
    let ok = "HTTP/1.1 200 OK\r\n\r\n";
    let version = env!("CARGO_PKG_VERSION");
    let sent = |args: &[&str]| {
        let (port, requests) = records(ok);
        let target = format!("http://localhost:{port}/a?b=c");
        check(&[&[target.as_str()], args].concat()).healthy("200");
        requests.recv().expect("a request").replace(&port.to_string(), "PORT")
    };
    assert_eq!(
        sent(&[]),
        format!(
            "GET /a?b=c HTTP/1.1\r\nHost: localhost:PORT\r\nUser-Agent: healthcheck/{version}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
    );
    assert!(sent(&["-X", "HEAD"]).starts_with("HEAD /a?b=c HTTP/1.1\r\n"));
    // A body, and not a word about what it is.
    assert_eq!(
        sent(&["-d", "x"]),
        format!(
            "POST /a?b=c HTTP/1.1\r\nHost: localhost:PORT\r\nUser-Agent: healthcheck/{version}\r\nAccept: */*\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"
        )
    );
    let post = sent(&["-d", "{\"a\": 1}", "-H", "Content-Type: application/json"]);
    assert!(post.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{post}");
    assert!(
        post.ends_with("\r\nContent-Length: 8\r\nContent-Type: application/json\r\n\r\n{\"a\": 1}"),
        "{post}"
    );
    assert!(sent(&["-d", "x", "-X", "PUT"]).starts_with("PUT "));
    let headers =
        sent(&["-H", "Host: other", "-H", "accept:text/plain", "-H", "X: 1", "-H", "X: 2"]);
    assert!(
        headers.contains("\r\nHost: other\r\naccept: text/plain\r\nX: 1\r\nX: 2\r\n"),
        "{headers}"
    );
    assert!(!headers.contains("localhost") && !headers.contains("*/*"), "{headers}");
    assert!(
        sent(&["-u", "user:hunter2"]).contains("\r\nAuthorization: Basic dXNlcjpodW50ZXIy\r\n")
    );
}

#[test]
fn no_proxy_is_taken_from_the_environment() {
    let (proxy, asked) = records("HTTP/1.1 502 the proxy\r\n\r\n");
    let port = answers("HTTP/1.1 200 OK\r\n\r\n");
    let mut behind = command([format!("http://127.0.0.1:{port}/")]);
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        let to = format!("http://127.0.0.1:{proxy}");
        behind.env(name, &to).env(name.to_uppercase(), &to);
    }
    run(&mut behind).healthy("200 OK");
    assert!(asked.try_recv().is_err(), "the proxy was asked");
}

#[test]
fn injection_is_a_usage_error() {
    for args in [
        &["http://a/", "-H", "X: a\r\nY: b"][..],
        &["http://a/", "-H", "X\n: a"],
        &["http://a/", "-H", "X: a\x01"],
        &["http://a/x\r\nY:"],
        &["http://a/x y"],
        &["http://a/?q=\u{fc}"],
        &["http://a/", "-u", "a:b\r\nX: y"],
        &["http://a:b%0d%0aX@h/"],
        &["http://a/", "-X", "GET /x HTTP/1.1\r\nX:"],
        &["http://a\r\nb/"],
        &["http://a/", "--expect-header", "X: a\r\n"],
    ] {
        check(args).usage("want");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    check(&["http://a/", "-X", "HEAD", "-e", "x"]).usage("want another method than HEAD");
    check(&["http://u:p@a/", "-u", "a:b"]).usage("not in both");
    check(&["http://a/", "-u", "a:b", "-H", "authorization: x"]).usage("not both");
    check(&["http://a/", "-H", "Content-Length: 1"]).usage("follows from --data");
    check(&["http://a/", "-e", ""]).usage("--expect: text is wanted");
    check(&["http://a/", "-X", "CONNECT"]).usage("--method: a method other than CONNECT");
}

#[test]
fn bodies_are_read_as_they_are_framed() {
    let table: &[(&str, &[&str], Result<&str, &str>)] = &[
        ("HTTP/1.0 200 OK\r\n\r\nhello", &["-e", "hello"], Ok("200 OK")),
        (
            "HTTP/1.0 200 OK\r\n\r\nhello",
            &["-e", "bye"],
            Err("body of 5 bytes, want \"bye\" in it: hello"),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            &["-e", "hell", "-e", "lo"],
            Ok("200 OK"),
        ),
        // Shorter than the body: what lies beyond is not the body's.
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello",
            &["-e", "hello"],
            Err("body of 2 bytes, want \"hello\" in it: he"),
        ),
        // Longer: the text may have come all the same.
        ("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", &["-e", "hello"], Ok("200 OK")),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
            &["-e", "bye"],
            Err("the connection was closed after 5 body bytes of 50"),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX: y\r\n\r\n",
            &["-e", "hello"],
            Ok("200 OK"),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
            &["-e", "hello"],
            Err("closed after 2 body bytes in the middle of its chunks"),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhe\r\n",
            &["-e", "hello"],
            Err("malformed chunk size"),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n",
            &["-e", "hello"],
            Err("a chunk longer than its size"),
        ),
        (
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
            &["-e", "hello"],
            Err("body of 0 bytes, want \"hello\" in it\n"),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x01\x02",
            &["-e", "x"],
            Err("body of 3 bytes, want \"x\" in it: \\x1f\\x01\\x02: in the coding gzip"),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\n\x1f\x01\x02",
            &["--expect-json", "/ok=true"],
            Err(": in the coding br\n"),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            &[],
            Err("two different Content-Lengths"),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            &["-e", "hello"],
            Ok("200 OK"),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", &[], Err("malformed Content-Length")),
    ];
    for (answer, args, want) in table {
        let run = ask(answers(*answer), args);
        match want {
            Ok(part) => run.healthy(part),
            Err(part) => run.unhealthy(part),
        };
    }
}

#[test]
fn limits() {
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(length - 24));
    assert_eq!(head(65_536).len(), 65_536);
    ask(answers(head(65_536)), &[]).healthy("200 OK");
    ask(answers(head(65_537)), &[]).unhealthy("a response head over 64 KiB");
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n";
    let trailers = |n| format!("{chunked}{}\r\n", "A: b\r\n".repeat(n));
    ask(answers(trailers(10_000)), &["-e", "no"])
        .unhealthy("body of 2 bytes, want \"no\" in it: ok");
    ask(answers(trailers(11_000)), &["-e", "no"])
        .unhealthy("a chunked body with trailers over 64 KiB");
    let headers = |n| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(n));
    ask(answers(headers(128)), &[]).healthy("200 OK");
    ask(answers(headers(129)), &[]).unhealthy("a response with more than 128 headers");
    let body = |n: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}end", n + 3, "x".repeat(n))
    };
    ask(answers(body((1 << 20) - 3)), &["-e", "end"]).healthy("200 OK");
    ask(answers(body(1 << 20)), &["-e", "end"]).unhealthy("a body over 1 MiB, which is not judged");
    // A gigabyte costs nothing when nothing is asked of it, and ends soon when something is.
    let port = server(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
        let piece = vec![b'x'; 65_536];
        for _ in 0..16_384 {
            if stream.write_all(&piece).is_err() {
                break;
            }
        }
    });
    ask(port, &[]).healthy("200 OK");
    ask(port, &["-e", "end", "-t", "5s"]).unhealthy("a body over 1 MiB").within(SOON);
}

#[test]
fn endless_and_slow_answers_end_by_the_deadline() {
    let endless = |piece: &'static [u8], pause: Duration| {
        server(move |mut stream| {
            request(&mut stream);
            for _ in 0..100_000 {
                if stream.write_all(piece).is_err() {
                    break;
                }
                thread::sleep(pause);
            }
        })
    };
    let no = Duration::ZERO;
    ask(endless(b"HTTP/1.1 100 Continue\r\n\r\n", no), &[])
        .unhealthy("over 64 KiB of informational responses")
        .within(SOON);
    ask(endless(b"HTTP/1.1 100 Continue\r\n\r\n", Duration::from_millis(20)), &[])
        .unhealthy("timed out after 1 s")
        .within(SOON);
    let port = server(move |mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X: y\r\n").is_ok() {}
    });
    ask(port, &[]).unhealthy("a response head over 64 KiB").within(SOON);
    // A byte at a time: each read makes progress, the deadline does not move.
    let port = server(|mut stream| {
        request(&mut stream);
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".iter().cycle() {
            thread::sleep(Duration::from_millis(50));
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
        }
    });
    ask(port, &["-t", "300ms"])
        .unhealthy("timed out after 300 ms while reading from")
        .within(Duration::from_secs(2));
    let (_silent, port) = silent();
    ask(port, &["-t", "200ms"])
        .unhealthy("timed out after 200 ms while reading from")
        .within(Duration::from_secs(2));
    // A listener whose backlog is full drops what comes: the connection never opens.
    ask(port, &["-t", "1ms"]).unhealthy("timed out after ").within(Duration::from_secs(2));
}

#[test]
fn who_answers_something_else_is_named() {
    for (answer, who) in [
        (&b""[..], "the connection was closed without a response"),
        (b"HTTP/1.1 200 OK\r\nX", "the connection was closed after 18 bytes of a response head"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP/1 response: an SSH server answers here"),
        (b"220 mail ESMTP\r\n", "no HTTP/1 response: an SMTP or FTP server answers here"),
        (b"-ERR unknown command\r\n", "no HTTP/1 response: a Redis server answers here"),
        (
            b"\x15\x03\x01\0\x02\x02\x46",
            "no HTTP/1 response: a TLS server answers here: write https://",
        ),
        (b"<html>\n", "no HTTP/1 response: <html>\\n"),
        (b"\0\x01\x02\xff\n\n", "no HTTP/1 response: \\x00\\x01\\x02\\xff\\n\\n"),
        (b"HTTP/2 200\r\n\r\n", "no HTTP/1 response: HTTP/2 200"),
        (b"HTTP/1.1 OK\r\n\r\n", "a response with a malformed status"),
        (b"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n", "a response with a malformed header name"),
    ] {
        ask(answers(answer), &[]).unhealthy(who);
    }
    ask(closed_port(), &[]).unhealthy("Connection refused (os error 111)");
    // A reset while the answer is awaited.
    let port = server(|stream| {
        // Unread data makes the kernel answer a close with a reset.
        let mut one = [0];
        let _ = stream.peek(&mut one);
    });
    ask(port, &[]).unhealthy("Connection reset by peer (os error 104)");
}

#[test]
fn a_server_that_answers_before_it_has_read_everything_is_heard() {
    let port = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge");
        finish(stream);
    });
    let data = "x".repeat(100_000);
    ask(port, &["-d", &data]).unhealthy("status 413, want 200-399: large");
}

#[test]
fn headers_are_expected() {
    let port =
        answers("HTTP/1.1 200 OK\r\nX-Ready: Yes, hunter2\r\nX-Ready: too\r\nEmpty:\r\n\r\n");
    for (want, found) in [
        ("X-Ready: yes", true),
        ("x-ready:TOO", true),
        ("X-Ready", true),
        ("Empty", true),
        ("X-Ready: no", false),
        ("Absent", false),
        ("Absent: x", false),
    ] {
        let run = ask(port, &["--expect-header", want]);
        assert_eq!(run.code == Some(0), found, "{want}: {run:?}");
        assert!(!run.out.contains("hunter2"), "{run:?}");
    }
    ask(port, &["--expect-header", "Absent"]).unhealthy("header Absent absent, want it present");
    ask(port, &["--expect-header", "X-Ready: no"])
        .unhealthy("header X-Ready without it, want \"no\" in it");
}

#[test]
fn json_is_expected() {
    let json = r#"{"status":"UP","n":3,"checks":[{"ok":true}],"a/b":{"m~n":null}}"#;
    let port = answers(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{json}", json.len()));
    for pair in ["/status=UP", "/n=3", "/checks/0/ok=true", "/a~1b/m~0n=null"] {
        ask(port, &["--expect-json", pair]).healthy("200 OK");
    }
    ask(port, &["--expect-json", "/status=UP", "--expect-json", "/n=4"]).unhealthy("/n");
    ask(port, &["--expect-json", "/status=DOWN"]).unhealthy("UP");
    ask(port, &["--expect-json", "/none=1"]).unhealthy("absent");
    // What is no number is not yet another one, nor is null another word.
    let odd = "HTTP/1.1 200 OK\r\n\r\n{\"n\":null,\"s\":\"6\",\"yes\":true}";
    for (wanted, got) in
        [("/n!=5", "null"), ("/s!=5", "\"6\""), ("/yes!=5", "true"), ("/n!=x", "null")]
    {
        let (field, _) = wanted.split_once('!').expect("a sign");
        let why = format!("JSON field {field} {got}, want !=");
        ask(answers(odd), &["--expect-json", wanted]).unhealthy(&why);
    }
    ask(answers(odd), &["--expect-json", "/s!=x"]).healthy("200 OK");
    ask(answers("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ok>"), &["--expect-json", "/a=1"])
        .unhealthy("JSON");
    // Cut short: JSON is judged as a whole.
    let port = answers(format!("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{json}"));
    ask(port, &["--expect-json", "/status=UP"]).unhealthy("body bytes of 100");
    check(&["http://a", "--expect-json", "status=UP"]).usage("--expect-json");
    check(&["http://a", "--expect-json", "/status"]).usage("--expect-json");
    // As deep as it gets: no stack is overflown, and memory stays small.
    let deep = "[".repeat(1 << 20);
    let port = answers(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{deep}", deep.len()));
    ask(port, &["--expect-json", "/0=1"]).unhealthy("JSON");
}

#[test]
fn redirects_are_followed_on_the_same_host_only() {
    let ok = answers("HTTP/1.1 200 OK\r\n\r\n");
    let to =
        |location: &str| answers(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n"));
    let target = to(&format!("http://localhost:{ok}/x"));
    ask(target, &[]).healthy("302 Found");
    ask(target, &["--follow"]).healthy("200 OK");
    // To another host: judged by its status.
    ask(to("http://127.0.0.2:1/"), &["--follow"]).healthy("302 Found");
    ask(to("http://127.0.0.2:1/"), &["--follow", "--status", "200"])
        .unhealthy("status 302, want 200");
    ask(to("mailto:x"), &["--follow"]).healthy("302 Found");
    // As applications write it, and a server that looks at what it is asked for.
    let sick = |location: &'static str| {
        server(move |mut stream| {
            let first = request(&mut stream).starts_with("GET / ");
            let answer = match first {
                true => format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n"),
                false => "HTTP/1.1 500 Down\r\n\r\n".into(),
            };
            let _ = stream.write_all(answer.as_bytes());
            finish(stream);
        })
    };
    for location in ["/x?filter[a]=1", "/a b", "/caf\u{e9}", "/{id}|\"q\"", "/x%zz"] {
        ask(sick(location), &["--follow"]).unhealthy("status 500, want 200-399");
    }
    // Where nobody knows where it leads, its own status proves nothing.
    for location in ["", "http://[bad/", "http://localhost:99999/"] {
        ask(to(location), &["--follow"])
            .unhealthy(&format!("redirect to \"{location}\", want one that can be followed"));
        ask(to(location), &[]).healthy("302 Found");
    }
    ask(answers("HTTP/1.1 307 x\r\n\r\n"), &["--follow"]).unhealthy("redirect to \"\", want one");
    // Credentials are for the port that they were given for, as with curl.
    for (elsewhere, keeps) in [(true, false), (false, true)] {
        let (port, asked) = records("HTTP/1.1 200 OK\r\n\r\n");
        let first = match elsewhere {
            true => to(&format!("http://localhost:{port}/x")),
            false => port,
        };
        let target = format!("http://u:p@localhost:{first}/");
        let more = ["--follow", "-H", "Cookie: a=b", "-H", "X-Trace: 1"];
        check(&[&[target.as_str()][..], &more].concat()).healthy("200 OK");
        let asked = asked.recv().expect("a request");
        assert!(asked.contains("X-Trace: 1\r\n"), "{asked}");
        assert_eq!(asked.contains("Authorization: Basic"), keeps, "{asked}");
        assert_eq!(asked.contains("Cookie: "), keeps, "{asked}");
    }
    // In circles.
    let hits = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&hits);
    let circle = server(move |mut stream| {
        request(&mut stream);
        seen.fetch_add(1, Ordering::SeqCst);
        let _ = stream.write_all(b"HTTP/1.1 301 Moved\r\nLocation: /again\r\n\r\n");
        let _ = stream.shutdown(Shutdown::Both);
    });
    ask(circle, &["--follow", "3"]).unhealthy("redirects more than 3, the next to localhost");
    assert_eq!(hits.load(Ordering::SeqCst), 4);
    ask(circle, &["--follow", "0"]).unhealthy("redirects more than 0");
    ask(circle, &["--follow"]).unhealthy("redirects more than 10, the next to localhost");
    // Methods: 303 becomes GET, 307 stays.
    for (status, method) in [(303, "GET"), (302, "GET"), (307, "POST"), (308, "POST")] {
        let (port, requests) = records("HTTP/1.1 200 OK\r\n\r\n");
        let from = answers(format!(
            "HTTP/1.1 {status} x\r\nSet-Cookie: a=b\r\nLocation: http://localhost:{port}/y\r\n\r\n"
        ));
        ask(from, &["--follow", "-d", "data", "-u", "a:b"]).healthy("200 OK");
        let request = requests.recv().expect("a request");
        assert!(request.starts_with(&format!("{method} /y HTTP/1.1\r\n")), "{request}");
        assert_eq!(request.ends_with("data"), method == "POST", "{request}");
        assert!(!request.contains("Cookie"), "{request}");
    }
}

#[test]
fn connect_to_dials_elsewhere_and_keeps_the_name() {
    let (port, requests) = records("HTTP/1.1 200 OK\r\n\r\n");
    check(&["http://example.test:81/x", "--connect-to", &format!("localhost:{port}")])
        .healthy("200 OK");
    assert!(requests.recv().expect("a request").contains("\r\nHost: example.test:81\r\n"));
    check(&["http://a/", "--connect-to", "b"])
        .usage("--connect-to: HOST:PORT or unix:/path.sock is wanted");
    check(&["http://a/", "--connect-to", "unix:relative"]).usage("want an absolute path");
}

#[test]
fn both_families_are_tried_and_either_can_be_demanded() {
    // A server on ::1 only, as many write `localhost` and get it.
    let (listener, port) = ipv6_only();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        }
    });
    ask(port, &[]).healthy("200 OK");
    ask(port, &["-6"]).healthy("200 OK");
    check(&[&format!("http://[::1]:{port}/")]).healthy("200 OK");
    ask(port, &["-4"]).unhealthy("connecting to 127.0.0.1:");
    check(&["http://127.0.0.1/", "-6"]).unhealthy("resolving 127.0.0.1: no IPv6 address");
}

#[test]
fn a_location_that_is_no_url_of_another_host_leads_nowhere() {
    let ok = answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let to = |lines: &str| answers(format!("HTTP/1.1 302 Found\r\n{lines}\r\n"));
    for location in [
        format!("http://:{ok}/ok"),
        format!("//:{ok}/ok"),
        "http:///x".into(),
        format!(":{ok}/login"),
        format!("127.0.0.1:{ok}/x"),
        "1http://x/".into(),
        "ht tp://x".into(),
    ] {
        ask(to(&format!("Location: {location}\r\n")), &["--follow"])
            .unhealthy(&format!("redirect to \"{location}\", want one that can be followed"));
    }
    ask(to("Location: /a\r\nLocation: /b\r\n"), &["--follow"])
        .unhealthy("redirect to \"/a\" and elsewhere, want one Location");
    // The same one twice is one.
    let again = format!("Location: http://localhost:{ok}/\r\n").repeat(2);
    ask(to(&again), &["--follow"]).healthy("200 OK");
}

#[test]
fn the_host_that_the_header_names_is_the_same_host() {
    // It sends whoever does not come to /in there, by the name that it knows itself by.
    let app = server(|mut stream| {
        let answer = match request(&mut stream) {
            request if request.starts_with("GET /in ") => "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
            request if request.starts_with("GET /out ") => {
                "HTTP/1.1 302 Found\r\nLocation: http://other.example/in\r\n\r\n".to_owned()
            }
            _ => "HTTP/1.1 302 Found\r\nLocation: http://app.example/in\r\n\r\n".to_owned(),
        };
        let _ = stream.write_all(answer.as_bytes());
        finish(stream);
    });
    let host = ["--follow", "-H", "Host: app.example"];
    ask(app, &host).healthy("200 OK");
    ask(app, &["--follow"]).healthy("302 Found");
    let out = format!("http://localhost:{app}/out");
    check(&[&[out.as_str()][..], &host].concat()).healthy("302 Found");
    check(&["http://h", "-H", "Host: a", "-H", "host: b"]).usage("want one header Host, got two");
}

#[test]
fn what_a_request_without_a_body_says() {
    for (args, present, absent) in [
        (vec!["-X", "POST"], "Content-Length: 0\r\n", "\0"),
        (vec!["-X", "PUT"], "Content-Length: 0\r\n", "\0"),
        (vec![], "Accept: */*\r\n", "Content-Length"),
        (vec!["-H", "Accept:"], "User-Agent: ", "Accept"),
        (vec!["-H", "User-Agent:"], "Accept: ", "User-Agent"),
        (vec!["-H", "X-Empty:"], "X-Empty: \r\n", "\0"),
    ] {
        let (port, requests) = records("HTTP/1.1 200 OK\r\n\r\n");
        ask(port, &args).healthy("200 OK");
        let request = requests.recv().expect("a request");
        assert!(request.contains(present) && !request.contains(absent), "{args:?}: {request}");
    }
}

#[test]
fn folded_lines_are_read_and_framing_is_not_ambiguous() {
    let folded = "HTTP/1.1 200 OK\r\nX-Policy: default-src 'self';\r\n    img-src *\r\n\r\n";
    let port = answers(folded);
    ask(port, &["--expect-header", "X-Policy: 'self'; img-src"]).healthy("200 OK");
    ask(answers("HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\nhello"), &[])
        .unhealthy("a response with Content-Length in several lines");
    let both =
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    ask(answers(both), &[]).unhealthy("a response with both Transfer-Encoding and Content-Length");
}

#[test]
fn a_rejected_status_says_what_was_sent() {
    let with = |status: &str, headers: &str| {
        answers(format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n{headers}\r\n"))
    };
    let basic = "WWW-Authenticate: Basic realm=\"x\"\r\n";
    for (port, more, words) in [
        (
            with("400", ""),
            vec!["-H", "Host: app"],
            "400, want 200-399: the Host sent was \"app\" (another: -H 'Host: NAME')\n",
        ),
        (with("421", ""), vec![], "421, want 200-399: the Host sent was \"localhost:"),
        (
            with("401", basic),
            vec![],
            "401, want 200-399: asks for Basic realm=\"x\", no credentials were sent (-u USER:PASS, or -H 'Authorization: ...')\n",
        ),
        (with("401", ""), vec!["-u", "a:b"], "401, want 200-399: credentials were sent\n"),
        (
            with("403", ""),
            vec![],
            "403, want 200-399: no credentials were sent (-u USER:PASS, or -H 'Authorization: ...')\n",
        ),
        (
            with("407", "Proxy-Authenticate: Negotiate\r\n"),
            vec![],
            "407, want 200-399: asks for Negotiate, no credentials were sent (-u USER:PASS, or -H 'Authorization: ...')\n",
        ),
        (with("405", ""), vec![], "405, want 200-399: the method sent was GET\n"),
        (with("411", ""), vec!["-X", "POST"], "411, want 200-399: the method sent was POST\n"),
        (
            with("302", "Location: /login\r\n"),
            vec!["--status", "200"],
            "302, want 200: it leads to /login\n",
        ),
    ] {
        ask(port, &more).unhealthy(words);
    }
}

#[test]
fn a_server_may_finish_the_body_that_nobody_asked_for() {
    let (sender, ended) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    // In pieces, with pauses in which an early close would be seen.
    let pieces = server(move |mut stream| {
        let path = request(&mut stream);
        let kind = if path.contains("/events") { "text/event-stream" } else { "text/plain" };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 30000\r\n\r\n");
        let mut done = stream.write_all(head.as_bytes());
        for _ in 0..30 {
            thread::sleep(Duration::from_millis(2));
            done = done.and_then(|()| stream.write_all(&[b'x'; 1000]));
        }
        let _ = sender.lock().expect("a sender").send(done.is_ok());
        finish(stream);
    });
    ask(pieces, &[]).healthy("200 OK");
    assert!(ended.recv().expect("an end"), "the whole body was taken in");
    check(&[&format!("http://localhost:{pieces}/events")]).healthy("200 OK");
    assert!(!ended.recv().expect("an end"), "an event stream is left at once");
}

#[test]
fn silence_says_what_came_and_who_may_be_there() {
    let mute = server(|mut stream| {
        request(&mut stream);
    });
    ask(mute, &[]).unhealthy(
        "the connection was closed without a response: the request was sent, no byte came back: \
         does it speak TLS? then write https://; else its own log may tell why\n",
    );
    // It hangs up on plain HTTP and answers a ClientHello: with an alert here.
    let tls = server(|mut stream| {
        let mut first = [0];
        if stream.peek(&mut first).is_ok() && first == [0x16] {
            let _ = stream.write_all(b"\x15\x03\x03\0\x02\x02\x28");
            finish(stream);
        }
    });
    ask(tls, &[]).unhealthy(
        "Connection reset by peer (os error 104): the request was sent, no byte came back: \
         a TLS server answers here: write https://\n",
    );
    let (_listener, port) = silent();
    ask(port, &[]).unhealthy(": no byte of an answer came\n");
    for (sent, words) in [
        ("HTTP/1.1 200 OK\r\nA", ": 18 bytes of a response head came\n"),
        ("HTTP/1.1 103 x\r\n\r\n", ": informational responses only came\n"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\nbody", ": 4 body bytes of 4096 came\n"),
        ("HTTP/1.1 200 OK\r\n\r\nbody", ": 4 bytes of the body came\n"),
    ] {
        let slow = server(move |mut stream| {
            request(&mut stream);
            let _ = stream.write_all(sent.as_bytes());
            thread::sleep(Duration::from_secs(3));
        });
        ask(slow, &["-e", "never"]).unhealthy(words);
    }
}
