//! What other clients make of the same responses: ureq, a full client whose parser is akin to ours,
//! and curl, which shares nothing with us. Some hundred responses, sound and broken and cut short,
//! are served to all three; where they differ, a row says why, and a row that nothing needs fails.
//!
//! The whole table is left in `target/http-witness.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{check, finish, request, server};

/// What is wanted of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Its status: the verdict is known with the head.
    Head,
    /// Its status, and that its body is [`BODY`]: all of it is read.
    Whole,
}

use Ask::{Head, Whole};

/// A response, and the name that rows of the table begin with.
struct Case {
    name: String,
    method: &'static str,
    bytes: Vec<u8>,
}

/// What each says: healthy or not.
struct Said {
    ours: bool,
    ureq: bool,
    curl: bool,
    line: String,
}

/// A difference that there is for a reason.
struct Row {
    /// The case's name, or what it begins with where a `*` ends it.
    case: &'static str,
    asks: &'static [Ask],
    /// Who says something else than we do.
    who: &'static str,
    /// What we say.
    healthy: bool,
    why: &'static str,
}

const fn row(
    case: &'static str,
    asks: &'static [Ask],
    who: &'static str,
    healthy: bool,
    why: &'static str,
) -> Row {
    Row { case, asks, who, healthy, why }
}

/// As of today: whoever changes a behaviour on purpose changes its row. Where we are laxer than
/// others, a standard says so; where we are stricter, the verdict is unhealthy.
const ROWS: &[Row] = &[
    // The verdict is known with the head, and curl reads on.
    row("length: long", HEAD, "curl", true, KNOWN),
    row("chunks: no last chunk", HEAD, "curl", true, KNOWN),
    row("chunks: no last line", HEAD, "curl", true, KNOWN),
    row("chunks: size too small", HEAD, "curl", true, KNOWN),
    row("chunks: no size", HEAD, "curl", true, KNOWN),
    row("chunks: no hexadecimal size", HEAD, "curl", true, KNOWN),
    row("chunks: 0x", HEAD, "curl", true, KNOWN),
    row("chunks: negative", HEAD, "curl", true, KNOWN),
    row("chunks: larger than u64", HEAD, "curl", true, KNOWN),
    row("chunks: blank before the size", HEAD, "curl", true, KNOWN),
    row("chunks: not chunked at all", HEAD, "curl", true, KNOWN),
    row("chunks: nothing", HEAD, "curl", true, KNOWN),
    row("cut: length, body*", HEAD, "curl", true, KNOWN),
    row("cut: chunks, body*", HEAD, "curl", true, KNOWN),
    row("cut: chunks, last chunk*", HEAD, "curl", true, KNOWN),
    // How long the body is has to be certain.
    row("length: huge", WHOLE, "curl", false, "curl takes it for no length at all"),
    row("length: larger than u64", BOTH, "curl", false, "curl takes it for no length at all"),
    row("length: twice another", HEAD, "curl", false, TWO),
    row("length: a list of others", BOTH, "curl", false, TWO),
    row("length: plus", BOTH, "curl", false, DIGITS),
    row("length: hexadecimal", HEAD, "curl", false, DIGITS),
    row("length: a fraction", BOTH, "curl", false, DIGITS),
    row("length: two numbers", HEAD, "curl", false, DIGITS),
    row("length: and chunked", HEAD, "ureq", false, SMUGGLED),
    row("coding: and a length", BOTH, "ureq curl", false, SMUGGLED),
    row("coding: and a wrong length", BOTH, "ureq curl", false, SMUGGLED),
    row("length: and identity", BOTH, "ureq curl", false, "RFC 9112 section 7 took identity out"),
    row("coding: chunked twice", BOTH, "ureq curl", false, "RFC 9112 section 6.1 forbids it"),
    row("coding: chunked, chunked", BOTH, "ureq curl", false, "RFC 9112 section 6.1 forbids it"),
    row("coding: identity, chunked", BOTH, "ureq curl", false, "RFC 9112 section 7 took it out"),
    row("coding: gzip, chunked", BOTH, "ureq", false, "no TE asked for gzip, and curl can undo it"),
    row("coding: chunked, gzip", BOTH, "ureq", false, "no TE asked for gzip, and it is no framing"),
    row("coding: unknown", HEAD, "ureq", false, "no TE asked for it, and nobody can undo it"),
    row("form: HTTP/1.0 chunked", HEAD, "ureq curl", false, OLD),
    row("form: HTTP/1.0 chunked", WHOLE, "curl", false, OLD),
    // Chunks.
    row("chunks: a broken trailer", BOTH, "curl", true, "what a trailer says changes no verdict"),
    row("chunks: no last line", WHOLE, "ureq", false, "RFC 9112 section 8: an incomplete body"),
    row("cut: chunks, last chunk*", WHOLE, "ureq", false, "RFC 9112 section 8: incomplete"),
    row("cut: chunks, last chunk, 80*", WHOLE, "curl", false, "one byte is missing, the last LF"),
    row("chunks: blank before the size", WHOLE, "ureq", false, "RFC 9112 section 7.1 has none"),
    row(
        "chunks: bare LF*",
        WHOLE,
        "curl",
        false,
        "RFC 9112 section 2.2: bare LF in lines of heads",
    ),
    // Heads.
    row("form: two blanks", HEAD, "curl", false, "RFC 9112 section 4 has one"),
    row("form: HTTP/2*", HEAD, "curl", false, "no HTTP/1: nobody speaks HTTP/2 so"),
    row("form: http/1.1", HEAD, "curl", false, "RFC 9112 section 2.3: case counts"),
    row("form: an empty line before", HEAD, "ureq", false, FIRST),
    row("form: two empty lines before", HEAD, "ureq", false, FIRST),
    row(
        "form: a CR in a value",
        HEAD,
        "curl",
        false,
        "RFC 9110 section 5.5: invalid and dangerous",
    ),
    row("form: a folded line", HEAD, "ureq", true, FOLDED),
    row("form: a line folded by a tab", HEAD, "ureq", true, FOLDED),
    row("form: a blank before the colon", BOTH, "curl", false, "RFC 9112 section 5.1 forbids it"),
    row("form: a blank in a name", HEAD, "curl", false, "RFC 9110 section 5.1: no token"),
    row("form: no name", HEAD, "curl", false, "RFC 9110 section 5.1: no token"),
    row("form: no header and no end", HEAD, "curl", false, CUT_OFF),
    row("cut: length, head*", HEAD, "curl", false, CUT_OFF),
    row("cut: chunks, head*", HEAD, "curl", false, CUT_OFF),
    row("cut: open end, head*", HEAD, "curl", false, CUT_OFF),
    row("head: a line of 70 KiB", BOTH, "curl", false, "a head has 64 KiB at most here and there"),
    row("head: 140 lines", BOTH, "curl", false, "a head has 128 lines at most here and there"),
    row("head: 1000 lines", BOTH, "curl", false, "a head has 128 lines at most here and there"),
];

const HEAD: &[Ask] = &[Head];
const WHOLE: &[Ask] = &[Whole];
const BOTH: &[Ask] = &[Head, Whole];
const KNOWN: &str = "nothing was asked of the body";
const TWO: &str = "two lengths: RFC 9112 section 6.3 rejects it";
const DIGITS: &str = "RFC 9110 section 8.6: digits only";
const SMUGGLED: &str = "RFC 9112 section 6.3: whoever is in between may have seen another response";
const OLD: &str = "RFC 9112 section 6.1: its framing is faulty";
const FIRST: &str = "RFC 9112 section 2.2: that is a server's to ignore, not a client's";
const FOLDED: &str = "RFC 9112 section 5.2: a client takes it for a blank";
const CUT_OFF: &str = "RFC 9112 section 8: an incomplete head is no response";

/// The body of most: JSON, so that we read it whole, and no part of it is as good as all of it.
const BODY: &str = "12345678901";

fn case(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Case {
    Case { name: name.into(), method: "GET", bytes: bytes.into() }
}

fn with_head(head: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{BODY}").into_bytes()
}

/// Heads of a 200 whose body is `12345678901`, right or wrong.
const LENGTHS: &[(&str, &str)] = &[
    ("right", "Content-Length: 11"),
    ("lower case", "content-length: 11"),
    ("blanks", "Content-Length:  \t 11 \t "),
    ("no blank", "Content-Length:11"),
    ("zeros", "Content-Length: 0000011"),
    ("short", "Content-Length: 5"),
    ("none of it", "Content-Length: 0"),
    ("long", "Content-Length: 12"),
    ("huge", "Content-Length: 18446744073709551615"),
    ("larger than u64", "Content-Length: 18446744073709551616"),
    ("twice the same", "Content-Length: 11\r\nContent-Length: 11"),
    ("twice another", "Content-Length: 11\r\nContent-Length: 5"),
    ("a list of the same", "Content-Length: 11, 11"),
    ("a list of others", "Content-Length: 11, 5"),
    ("empty", "Content-Length:"),
    ("a word", "Content-Length: eleven"),
    ("negative", "Content-Length: -11"),
    ("plus", "Content-Length: +11"),
    ("hexadecimal", "Content-Length: 0xb"),
    ("a fraction", "Content-Length: 11.0"),
    ("two numbers", "Content-Length: 1 1"),
    ("and identity", "Content-Length: 11\r\nTransfer-Encoding: identity"),
    ("and chunked", "Content-Length: 11\r\nTransfer-Encoding: chunked"),
    ("none", "Server: x"),
    ("none, keep-alive", "Connection: keep-alive"),
];

/// What follows the head of a chunked 200.
const CHUNKS: &[(&str, &str)] = &[
    ("one", "b\r\n12345678901\r\n0\r\n\r\n"),
    ("upper case", "B\r\n12345678901\r\n0\r\n\r\n"),
    ("two", "6\r\n123456\r\n5\r\n78901\r\n0\r\n\r\n"),
    ("zeros", "0000b\r\n12345678901\r\n0000\r\n\r\n"),
    ("an empty body", "0\r\n\r\n"),
    ("extension", "b;a=b\r\n12345678901\r\n0\r\n\r\n"),
    ("quoted extension", "b;a=\"b;c\"\r\n12345678901\r\n0;x\r\n\r\n"),
    ("blank before the extension", "b ;a\r\n12345678901\r\n0\r\n\r\n"),
    ("trailers", "b\r\n12345678901\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"),
    ("a broken trailer", "b\r\n12345678901\r\n0\r\nno colon\r\n\r\n"),
    ("no last chunk", "b\r\n12345678901\r\n"),
    ("no last line", "b\r\n12345678901\r\n0\r\n"),
    ("more behind the last", "b\r\n12345678901\r\n0\r\n\r\nHTTP/1.1 500 x\r\n\r\n"),
    ("size too large", "c\r\n12345678901\r\n0\r\n\r\n"),
    ("size too small", "a\r\n12345678901\r\n0\r\n\r\n"),
    ("no size", "\r\n12345678901\r\n0\r\n\r\n"),
    ("no hexadecimal size", "x\r\n12345678901\r\n0\r\n\r\n"),
    ("0x", "0xb\r\n12345678901\r\n0\r\n\r\n"),
    ("negative", "-b\r\n12345678901\r\n0\r\n\r\n"),
    ("larger than u64", "1000000000000000b\r\n12345678901\r\n0\r\n\r\n"),
    ("blank before the size", " b\r\n12345678901\r\n0\r\n\r\n"),
    ("bare LF", "b\n12345678901\n0\n\n"),
    ("bare LF behind the size", "b\n12345678901\r\n0\r\n\r\n"),
    ("not chunked at all", "12345678901"),
    ("nothing", ""),
];

/// Transfer codings of a body that is `12345678901` in one chunk.
const CODINGS: &[(&str, &str)] = &[
    ("chunked in upper case", "Transfer-Encoding: CHUNKED"),
    ("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    ("chunked, chunked", "Transfer-Encoding: chunked, chunked"),
    ("gzip, chunked", "Transfer-Encoding: gzip, chunked"),
    ("chunked, gzip", "Transfer-Encoding: chunked, gzip"),
    ("identity, chunked", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
    ("unknown", "Transfer-Encoding: squeezed"),
    ("empty", "Transfer-Encoding:"),
    ("and a length", "Transfer-Encoding: chunked\r\nContent-Length: 11"),
    ("and a wrong length", "Transfer-Encoding: chunked\r\nContent-Length: 3"),
];

/// Whole responses of odd form.
const FORMS: &[(&str, &str)] = &[
    ("no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
    ("an empty reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
    ("a long reason", "HTTP/1.1 200 It is as it should be\r\nContent-Length: 0\r\n\r\n"),
    ("a reason in UTF-8", "HTTP/1.1 200 schön\r\nContent-Length: 0\r\n\r\n"),
    ("a tab in the reason", "HTTP/1.1 200 a\tb\r\nContent-Length: 0\r\n\r\n"),
    ("two blanks", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("a tab", "HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\n12345678901"),
    ("HTTP/1.0 without a length", "HTTP/1.0 200 OK\r\n\r\n12345678901"),
    (
        "HTTP/1.0 chunked",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
    ),
    ("HTTP/1.2", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("HTTP/1.10", "HTTP/1.10 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("HTTP/2", "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("HTTP/3", "HTTP/3 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("http/1.1", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("no version", "HTTP 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("ICY", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("HTTP/0.9", "<html>12345678901</html>\n"),
    ("HTTP/0.9, one word", "up"),
    ("nothing", ""),
    ("an empty line", "\r\n"),
    ("an empty line before", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("two empty lines before", "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("a blank before", " HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("bare LF", "HTTP/1.1 200 OK\nContent-Length: 11\n\n12345678901"),
    ("bare LF at the end", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\n12345678901"),
    ("bare CR", "HTTP/1.1 200 OK\rContent-Length: 11\r\r12345678901"),
    ("a CR in a value", "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n"),
    ("a NUL in a value", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"),
    ("a NUL in a name", "HTTP/1.1 200 OK\r\nX\0: a\r\nContent-Length: 0\r\n\r\n"),
    ("UTF-8 in a value", "HTTP/1.1 200 OK\r\nX: schön\r\nContent-Length: 0\r\n\r\n"),
    ("a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
    ("a line folded by a tab", "HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\nContent-Length: 0\r\n\r\n"),
    ("a folded length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 11\r\n\r\n12345678901"),
    ("a folded first line", "HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 0\r\n\r\n"),
    ("a blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 11\r\n\r\n12345678901"),
    ("a blank in a name", "HTTP/1.1 200 OK\r\nX Y: a\r\nContent-Length: 0\r\n\r\n"),
    ("no colon", "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n"),
    ("no name", "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0\r\n\r\n"),
    ("no value", "HTTP/1.1 200 OK\r\nX:\r\nContent-Length: 0\r\n\r\n"),
    ("no header", "HTTP/1.1 200 OK\r\n\r\n"),
    ("no header and no end", "HTTP/1.1 200 OK\r\n"),
    ("100, then 200", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    (
        "103, then 503",
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n",
    ),
    ("103, then nothing", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    ("204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 11\r\n\r\n12345678901"),
    ("204 with a body", "HTTP/1.1 204 No Content\r\n\r\n12345678901"),
    ("204 chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 11\r\n\r\n"),
    ("205 with a body", "HTTP/1.1 205 Reset Content\r\nContent-Length: 11\r\n\r\n12345678901"),
    ("302 without a place", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
    ("302 with a place", "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"),
    (
        "gzip that is none",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 11\r\n\r\n12345678901",
    ),
    ("a TLS alert", "\x15\x03\x03\0\x02\x02\x28"),
    ("SSH", "SSH-2.0-OpenSSH_9.2\r\n"),
    ("a Redis error", "-ERR unknown command 'GET'\r\n"),
    ("SMTP", "220 mail ESMTP\r\n"),
];

const STATUSES: &[&str] = &[
    "000", "099", "100", "101", "102", "103", "199", "200", "201", "202", "203", "204", "205",
    "206", "226", "250", "299", "300", "301", "302", "303", "304", "305", "307", "308", "399",
    "400", "401", "403", "404", "407", "408", "410", "418", "421", "429", "451", "499", "500",
    "501", "502", "503", "504", "511", "599", "600", "700", "999", "20", "2", "2000", "-200",
    "+200", "0x200", "2OO", "20.0", "",
];

/// Cut behind each of their bytes.
const CUT: &[(&str, &str)] = &[
    ("length", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901"),
    (
        "chunks",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6;a\r\n123456\r\n5\r\n78901\r\n0\r\nX: y\r\n\r\n",
    ),
    ("open end", "HTTP/1.0 200 OK\r\nServer: x\r\n\r\n12345678901"),
];

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let chunked = "Transfer-Encoding: chunked";
    let one = CHUNKS[0].1;
    all.extend(LENGTHS.iter().map(|(name, head)| case(format!("length: {name}"), with_head(head))));
    all.extend(CHUNKS.iter().map(|(name, body)| {
        case(format!("chunks: {name}"), format!("HTTP/1.1 200 OK\r\n{chunked}\r\n\r\n{body}"))
    }));
    all.extend(CODINGS.iter().map(|(name, head)| {
        case(format!("coding: {name}"), format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{one}"))
    }));
    all.extend(FORMS.iter().map(|(name, bytes)| case(format!("form: {name}"), *bytes)));
    all.extend(STATUSES.iter().map(|status| {
        case(
            format!("status: {status:?}"),
            format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n"),
        )
    }));
    for (name, size) in [("8 KiB", 8), ("60 KiB", 60), ("70 KiB", 70), ("200 KiB", 200)] {
        all.push(case(
            format!("head: a line of {name}"),
            with_head(&format!("X: {}", "y".repeat(size << 10))),
        ));
    }
    for count in [90, 120, 140, 1000] {
        let lines: Vec<String> = (0..count).map(|n| format!("X-{n}: y")).collect();
        all.push(case(format!("head: {count} lines"), with_head(&lines.join("\r\n"))));
    }
    for status in ["200", "204", "404"] {
        for (name, rest) in [
            ("a length and no body", "Content-Length: 11\r\n\r\n"),
            ("a length and a body", "Content-Length: 11\r\n\r\n12345678901"),
            ("chunked and no body", "Transfer-Encoding: chunked\r\n\r\n"),
            ("no length", "\r\n"),
        ] {
            let mut case =
                case(format!("HEAD: {status}, {name}"), format!("HTTP/1.1 {status} x\r\n{rest}"));
            case.method = "HEAD";
            all.push(case);
        }
    }
    for (name, whole) in CUT {
        all.extend((0..=whole.len()).map(|end| {
            let part = match whole[..end].split_once("\r\n\r\n") {
                None => "head",
                Some(("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", body))
                    if body.contains("\r\n0\r\n") =>
                {
                    "last chunk"
                }
                Some(_) => "body",
            };
            case(
                format!("cut: {name}, {part}, {end:02} of {}", whole.len()),
                &whole.as_bytes()[..end],
            )
        }));
    }
    all
}

/// What the executable says, and its line.
fn ours(url: &str, case: &Case, ask: Ask) -> (bool, String) {
    let mut args = vec!["-t", "3s", "-X", case.method, url];
    if ask == Whole {
        args.extend(["--expect-json", "=12345678901"]);
    }
    let run = check(&args);
    assert!(run.code == Some(0) || run.code == Some(1), "{run:?}");
    assert_eq!(run.err, "", "{run:?}");
    (run.code == Some(0), run.out)
}

/// ureq as a check would use it: no redirects, a status from 200 to 399.
fn ureq(url: &str, case: &Case, ask: Ask) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(3)))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .build()
        .into();
    let called = if case.method == "HEAD" { agent.head(url).call() } else { agent.get(url).call() };
    let Ok(mut response) = called else { return false };
    let fits = (200..400).contains(&response.status().as_u16());
    let same = |body: Vec<u8>| body == BODY.as_bytes();
    fits && (ask == Head || response.body_mut().read_to_vec().is_ok_and(same))
}

/// `curl -f`, as images have it.
/// It reads the body whole in any case: whether all was well, and what the body was.
fn curl(url: &str, case: &Case) -> (bool, Vec<u8>) {
    let mut command = Command::new("curl");
    command.args(["-q", "-fs", "-m", "3", "--noproxy", "*"]);
    if case.method == "HEAD" {
        command.arg("-I");
    }
    let output = command.arg(url).env_clear().stdin(Stdio::null()).output();
    let output = output.expect("curl is wanted for this test");
    (output.status.success(), output.stdout)
}

/// All three, for each thing that may be asked of the response.
fn asked(port: u16, number: usize, case: &Case) -> Vec<(usize, Ask, Said)> {
    let url = format!("http://127.0.0.1:{port}/{number}");
    let asks: &[Ask] = if case.method == "HEAD" { &[Head] } else { &[Head, Whole] };
    let (well, body) = curl(&url, case);
    let said = |ask: &Ask| {
        let (healthy, line) = ours(&url, case, *ask);
        let curl = well && (*ask == Head || body == BODY.as_bytes());
        (number, *ask, Said { ours: healthy, ureq: ureq(&url, case, *ask), curl, line })
    };
    asks.iter().map(said).collect()
}

/// Serves each response under its number, and closes.
fn serve(cases: &[Case]) -> u16 {
    let answers: Vec<Vec<u8>> = cases.iter().map(|case| case.bytes.clone()).collect();
    server(move |mut stream| {
        let head = request(&mut stream);
        let number = head.split(['/', ' ']).nth(2).and_then(|number| number.parse::<usize>().ok());
        if let Some(number) = number {
            let _ = stream.write_all(&answers[number]);
        }
        finish(stream);
    })
}

#[test]
fn ureq_and_curl_agree_or_a_row_says_why_not() {
    let started = Instant::now();
    let cases = cases();
    let port = serve(&cases);
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(number) else { return };
                    let said = asked(port, number, case);
                    seen.lock().expect("no panic").extend(said);
                }
            });
        }
    });
    let mut seen = seen.into_inner().expect("no panic");
    seen.sort_by_key(|(number, ask, _)| (*number, *ask == Whole));
    judge(&cases, &seen);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

fn judge(cases: &[Case], seen: &[(usize, Ask, Said)]) {
    let word = |healthy: bool| if healthy { "healthy" } else { "unhealthy" };
    let mut table =
        "| response | asked for | ours | ureq | curl | why |\n|---|---|---|---|---|---|\n"
            .to_owned();
    let (mut needed, mut wrong) = (BTreeSet::new(), Vec::new());
    for (number, ask, said) in seen {
        let name = &cases[*number].name;
        let mut whys = Vec::new();
        for (who, says) in [("ureq", said.ureq), ("curl", said.curl)] {
            if says == said.ours {
                continue;
            }
            let fits = |row: &Row| match row.case.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == row.case,
            };
            let known = ROWS.iter().position(|row| {
                fits(row)
                    && row.asks.contains(ask)
                    && row.who.contains(who)
                    && row.healthy == said.ours
            });
            match known {
                Some(at) => {
                    needed.insert((at, who));
                    whys.push(ROWS[at].why);
                }
                None => wrong.push(format!(
                    "{name} ({ask:?}): {who} says {}, we say {}",
                    word(!said.ours),
                    said.line.trim_end()
                )),
            }
        }
        whys.dedup();
        let [ours, ureq, curl] = [said.ours, said.ureq, said.curl].map(word);
        let _ = writeln!(
            table,
            "| {name} | {ask:?} | {ours} | {ureq} | {curl} | {} |",
            whys.join("; ")
        );
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/http-witness.md");
    std::fs::write(target, table).expect("written");
    for (at, row) in ROWS.iter().enumerate() {
        for who in row.who.split(' ').filter(|who| !needed.contains(&(at, who))) {
            wrong.push(format!("{}: {who} agrees, and a row says otherwise", row.case));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen.len() > 400, "{} were asked", seen.len());
}
