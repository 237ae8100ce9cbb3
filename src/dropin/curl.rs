//! `curl`: without `-f` an answer of any status is healthy, as its exit code has it.

use super::Call;
use super::expr::{Bytes, Output, Reads, join};
use super::options::{self, Style};
use crate::text::{Wrong, contains, hex_digits, pieces};

/// Long options without a letter have a sign for their key; `_` is read and means nothing here.
const OPTIONS: &str = "f.fail|f.fail-with-body|_.fail-early|s.silent|S.show-error|L.location\
    |L.location-trusted|I.head|o:output|m:max-time>--timeout=|H:header>--header=|X:request>--method=\
    |d&data|d&data-ascii|d&data-raw|d&data-binary|%&data-urlencode|u:user>--user=\
    |A:user-agent>--header=User-Agent: |e:referer>--header=Referer: |b:cookie>--header=Cookie: \
    |G.get|k.insecure>--insecure|w:write-out|i.include|i.show-headers|D:dump-header|v.verbose\
    |4.ipv4>--ipv4|6.ipv6>--ipv6|!:unix-socket>--connect-to=unix:\
    |@:abstract-unix-socket>--connect-to=unix:@|=:resolve|~:connect-to|^:cacert>--cacert=\
    |E:cert>--cert=|,:key>--key=|_:connect-timeout|_:retry|_:retry-delay|_:retry-max-time\
    |_.retry-connrefused|_.retry-all-errors|_.http1.1|_.http1.0|_.http2|_.compressed\
    |_.no-progress-meter|_.no-keepalive|N.no-buffer|g.globoff|_.path-as-is|+:max-redirs|_:noproxy\
    |_.basic|_.tlsv1.2|_.tcp-nodelay|_.no-alpn|_.no-sessionid|q.disable|#.progress-bar|0.|1.\
    |l.list-only|$:url";

/// Reads curl's words. Of several URLs the last one's end is curl's.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut given = options::read(call, Style::Curl, OPTIONS)?;
    let url = given.get(b'$');
    let mut url = match given.operands.last() {
        None => url_of(call, url)?,
        Some(last) if url.is_empty() => url_of(call, last)?,
        _ => return Err(call.refuse("want --url or a URL, not both")),
    };
    for key in [b'o', b'D'] {
        let to = given.get(key);
        if !matches!(to, b"" | b"-" | b"/dev/null") {
            return Err(call.wrong(to, "/dev/null or -: nothing is written"));
        }
    }
    let mut data = given.get(b'd');
    if given.has(b'%') {
        let text = given.get(b'%');
        let at = text.iter().position(|byte| *byte == b'=').map_or(0, |at| at + 1);
        let (name, text) = text.split_at_checked(at).unwrap_or_default();
        let mark: &[u8] = if data.is_empty() { b"" } else { b"&" };
        data = join(&[data, mark, if at == 1 { b"" } else { name }, encoded(text)]);
    }
    if data.starts_with(b"@") || given.has(b'b') && !given.get(b'b').contains(&b'=') {
        return Err(call.refuse("want the text itself, no file; natively also '${file:/path}'"));
    }
    let sends = given.has(b'd') || given.has(b'%');
    if sends && (given.has(b'G') || given.has(b'I')) {
        let mark: &[u8] = if url.contains(&b'?') { b"&" } else { b"?" };
        url = join(&[url, mark, data]);
    } else if sends {
        form(&mut given, data);
    }
    if given.has(b'I') && !given.has(b'X') {
        given.give("--method=", b"HEAD");
    }
    // A header without a value takes curl's own away.
    given.own.retain(|one| !(one.starts_with(b"--header=") && one.ends_with(b":")));
    if let Some(to) = dialled(&given, url) {
        given.give("--connect-to=", to);
    }
    if given.has(b'L') {
        let most = given.get(b'+');
        given.give("--follow", if most.is_empty() { b"" } else { join(&[b"=", most]) });
    }
    without_tls(&mut given, url);
    let asked = given.with(url);
    let mut judged = asked.clone();
    if !given.has(b'f') {
        judged.push(b"--status=100-999");
    }
    // What of the answer goes to stdout.
    let format = format(given.get(b'w'));
    let null = given.get(b'o') == b"/dev/null";
    let asked = asked.leak();
    let output = if given.has(b'w') {
        match null && !format.contains(&1) {
            true => Output::Status(asked, format, b""),
            false => Output::Unknown,
        }
    } else if given.get(b'D') == b"-"
        || !null && (given.has(b'I') || given.has(b'i') || given.has(b'v'))
    {
        Output::Head(asked)
    } else if null {
        Output::Text(b"")
    } else {
        Output::Body(judged.clone().leak())
    };
    Ok(Reads::native(judged, output))
}

/// Options of TLS mean nothing where none is spoken, and a native check does not take them there.
pub fn without_tls(given: &mut options::Given, url: Bytes) {
    let redirected =
        cfg!(feature = "tls") && given.own.iter().any(|one| one.starts_with(b"--follow"));
    let secure = url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https:"));
    if !secure && !redirected {
        let tls = [&b"--insecure"[..], b"--cacert=", b"--cert=", b"--key="];
        given.own.retain(|one| !tls.iter().any(|option| one.starts_with(option)));
    }
}

/// A body, of a form's type when nothing else is said.
pub fn form(given: &mut options::Given, data: Bytes) {
    const TYPE: &[u8] = b"--header=content-type:";
    let typed =
        |one: &&[u8]| one.get(..TYPE.len()).is_some_and(|one| one.eq_ignore_ascii_case(TYPE));
    if !given.own.iter().any(typed) {
        given.give("--header=", b"Content-Type: application/x-www-form-urlencoded");
    }
    given.give("--data=", data);
}

/// The format of `-w`, with three NUL where the status is to stand and 1 for what is not read.
fn format(text: &[u8]) -> Bytes {
    let mut out = Vec::new();
    let mut rest = text;
    while let [first, more @ ..] = rest {
        rest = more;
        match (first, more) {
            (b'%', [b'{', name @ ..]) => {
                let end = name.iter().position(|byte| *byte == b'}').unwrap_or(name.len());
                let code = matches!(name.get(..end), Some(b"http_code" | b"response_code"));
                // The place of a second one would not be known.
                let code = code && !out.contains(&0);
                out.extend_from_slice(if code { b"\0\0\0" } else { b"\x01" });
                rest = name.get(end + 1..).unwrap_or_default();
            }
            (b'\\', [b'n', after @ ..]) => {
                out.push(b'\n');
                rest = after;
            }
            (byte, _) => out.push(*byte),
        }
    }
    out.leak()
}

/// As curl reads a URL: its fragment is not sent, and it is `http` without a scheme.
pub fn url_of(call: &Call<'_>, url: Bytes) -> Result<Bytes, Wrong> {
    let url = pieces(url, b'#').next().unwrap_or_default();
    let mut parts = pieces(url, b'/');
    let (scheme, rest) = (parts.next().unwrap_or_default(), parts.rest.unwrap_or_default());
    match scheme.to_ascii_lowercase().as_slice() {
        b"http:" | b"https:" if rest.starts_with(b"/") => Ok(url),
        b"" => Err(call.refuse("want a URL")),
        _ if scheme.ends_with(b":") && rest.starts_with(b"/") => {
            Err(call.wrong(scheme, "http:// or https://"))
        }
        _ => Ok(join(&[b"http://", url])),
    }
}

/// `--resolve HOST:PORT:ADDRESS` and `--connect-to HOST:PORT:HOST:PORT`, where they are about `url`.
fn dialled(given: &options::Given, url: &[u8]) -> Option<Bytes> {
    let parts = |key| pieces(given.get(key), b':').collect::<Vec<_>>();
    let about = |host: &[u8]| contains(url, host) || host == b"*";
    match (parts(b'=').as_slice(), parts(b'~').as_slice()) {
        ([host, port, to], _) if about(host) => Some(join(&[to, b":", port])),
        (_, [host, _, to, port]) if about(host) => Some(join(&[to, b":", port])),
        _ => None,
    }
}

/// Percent-encoded, as `--data-urlencode` does.
pub fn encoded(text: &[u8]) -> Bytes {
    let mut out = String::new();
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte));
            }
            byte => {
                out.push('%');
                hex_digits(*byte, &mut out);
            }
        }
    }
    out.into_bytes().leak()
}
