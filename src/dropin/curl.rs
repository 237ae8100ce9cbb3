//! `curl`: without `-f` an answer of any status is healthy, as its exit code has it.

use super::Call;
use super::expr::{Arguments, Expr, HEADER, Output, Reads, give, join};
use super::options::{self, Style};
use crate::text::{Wrong, find};

/// Long options without a letter have a sign for their key; `_` is read and means nothing here.
const OPTIONS: &str = "f.fail f.fail-with-body _.fail-early s.silent S.show-error L.location \
    L.location-trusted I.head o:output m:max-time H:header X:request d:data d:data-ascii d:data-raw \
    d:data-binary %:data-urlencode &:json u:user A:user-agent e:referer b:cookie G.get k.insecure \
    w:write-out i.include i.show-headers D:dump-header v.verbose 4.ipv4 6.ipv6 !:unix-socket @:abstract-unix-socket \
    =:resolve ~:connect-to ^:cacert E:cert ,:key _:connect-timeout _:retry _:retry-delay \
    _:retry-max-time _.retry-connrefused _.retry-all-errors _.http1.1 _.http1.0 _.http2 _.compressed _.no-progress-meter \
    _.no-keepalive _.no-buffer N.no-buffer g.globoff _.path-as-is +:max-redirs _:noproxy _.basic _.tlsv1.2 _.tcp-nodelay \
    _.no-alpn _.no-sessionid q.disable #.progress-bar 0. 1.";

/// What is sent with a body that nothing else is said of.
pub const FORM: &[u8] = b"Content-Type: application/x-www-form-urlencoded";

#[derive(Default)]
struct Asked {
    urls: Arguments,
    own: Arguments,
    fail: bool,
    follow: bool,
    most: Vec<u8>,
    head: bool,
    shown: bool,
    dumped: bool,
    null: bool,
    get: bool,
    method: bool,
    typed: bool,
    data: Option<Vec<u8>>,
    format: Option<Vec<u8>>,
    resolve: Arguments,
}

/// Reads curl's words.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut asked = Asked::default();
    options::read(call, Style::Curl, OPTIONS, &mut |key, value| asked.take(call, key, value))?;
    let Some(url) = asked.urls.pop() else { return Err(call.refuse("want a URL")) };
    asked.reads(call, url)
}

impl Asked {
    fn take(&mut self, call: &Call<'_>, key: u8, value: &[u8]) -> Result<(), Wrong> {
        let mut own = |name| give(&mut self.own, name, value);
        match key {
            0 => self.urls.push(value.to_vec()),
            b'f' => self.fail = true,
            b'L' => self.follow = true,
            b'+' => self.most = join(&[b"=", value]),
            b'I' => self.head = true,
            b'i' | b'v' => self.shown = true,
            b'D' if value == b"-" => self.dumped = true,
            b'o' if value == b"-" => {}
            b'o' | b'D' if value == b"/dev/null" => self.null |= key == b'o',
            b'o' | b'D' => return Err(call.wrong(value, "/dev/null or -: nothing is written")),
            b'm' if value == b"0" => {}
            b'm' => own("--timeout="),
            b'H' => match value {
                // Without a value it takes curl's own header away.
                [name @ .., b':'] if !name.is_empty() => {}
                [name @ .., b';'] => self.header(name, b":"),
                _ => {
                    self.typed |=
                        value.get(..13).is_some_and(|v| v.eq_ignore_ascii_case(b"content-type:"));
                    own("--header=");
                }
            },
            b'X' => {
                self.method = true;
                own("--method=");
            }
            b'd' | b'%' | b'&' => self.data(call, key, value)?,
            b'u' if value.contains(&b':') => own("--user="),
            b'u' => give(&mut self.own, "--user=", &join(&[value, b":"])),
            b'A' => self.header(b"User-Agent: ", value),
            b'e' => self.header(b"Referer: ", value),
            b'b' if value.contains(&b'=') => self.header(b"Cookie: ", value),
            b'b' => return Err(call.wrong(value, "NAME=VALUE: no file of cookies is read")),
            b'G' => self.get = true,
            b'k' => give(&mut self.own, "--insecure", b""),
            b'4' => give(&mut self.own, "--ipv4", b""),
            b'6' => give(&mut self.own, "--ipv6", b""),
            b'!' => give(&mut self.own, "--connect-to=", &join(&[b"unix:", value])),
            b'@' => give(&mut self.own, "--connect-to=", &join(&[b"unix:@", value])),
            b'=' | b'~' => self.resolve.push(value.to_vec()),
            b'^' => own("--cacert="),
            b'E' => own("--cert="),
            b',' => own("--key="),
            b'w' => self.format = Some(format(value)),
            _ => {}
        }
        Ok(())
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        give(&mut self.own, HEADER, &join(&[name, value]));
    }

    fn data(&mut self, call: &Call<'_>, key: u8, value: &[u8]) -> Result<(), Wrong> {
        if value.starts_with(b"@") {
            return Err(call.wrong(value, "the text itself: natively --data '${file:/path}'"));
        }
        let value = match (key, value.iter().position(|byte| *byte == b'=')) {
            (b'%', Some(at)) => {
                let (name, text) = value.split_at_checked(at + 1).unwrap_or_default();
                join(&[if at == 0 { b"" } else { name }, &encoded(text)])
            }
            (b'%', None) => encoded(value),
            _ => value.to_vec(),
        };
        if key == b'&' {
            self.typed = true;
            self.header(b"Content-Type: ", b"application/json");
            self.header(b"Accept: ", b"application/json");
        }
        self.data = Some(match self.data.take() {
            Some(before) => join(&[&before, b"&", &value]),
            None => value,
        });
        Ok(())
    }

    fn reads(self, call: &Call<'_>, mut url: Vec<u8>) -> Result<Reads, Wrong> {
        url_of(call, &mut url)?;
        let mut own = self.own;
        match self.data {
            Some(data) if self.get || self.head => {
                let mark: &[u8] = if url.contains(&b'?') { b"&" } else { b"?" };
                url = join(&[&url, mark, &data]);
            }
            Some(data) => {
                if !self.typed {
                    give(&mut own, HEADER, FORM);
                }
                give(&mut own, "--data=", &data);
            }
            None => {}
        }
        if self.head && !self.method {
            give(&mut own, "--method=", b"HEAD");
        }
        for rule in &self.resolve {
            if let Some(to) = dialled(call, rule, &url)? {
                give(&mut own, "--connect-to=", &to);
            }
        }
        if self.follow {
            give(&mut own, "--follow", &self.most);
        }
        let mut asked = vec![url];
        asked.append(&mut own);
        let mut arguments = asked.clone();
        if !self.fail {
            arguments.push(b"--status=100-999".to_vec());
        }
        let expr = Expr::Native(arguments.clone());
        // What of the answer goes to stdout.
        let output = match (self.format, self.head || self.shown, self.null) {
            (Some(format), _, true) if format.contains(&1) => Output::Unknown,
            (Some(format), _, true) => Output::Status(asked, format),
            (None, _, true) if !self.dumped => Output::Text(Vec::new()),
            (_, true, _) => Output::Head(asked),
            (_, _, _) if self.dumped => Output::Head(asked),
            (Some(_), ..) => Output::Unknown,
            (None, ..) => Output::Body(arguments),
        };
        Ok(Reads { expr, output })
    }
}

/// The format of `-w`, with 0 where the status is to stand and 1 for what is not read.
fn format(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((first, more)) = rest.split_first() {
        let (byte, after) = match (first, more) {
            (b'%', [b'{', name @ ..]) => {
                let end = name.iter().position(|byte| *byte == b'}').unwrap_or(name.len());
                let code = matches!(name.get(..end), Some(b"http_code" | b"response_code"));
                (u8::from(!code), name.get(end + 1..).unwrap_or_default())
            }
            (b'%', [b'%', after @ ..]) => (b'%', after),
            (b'\\', [b'n', after @ ..]) => (b'\n', after),
            (b'\\', [b't', after @ ..]) => (b'\t', after),
            (byte, after) => (*byte, after),
        };
        out.push(byte);
        rest = after;
    }
    out
}

/// As curl reads a URL: its fragment is not sent, and it is `http` without a scheme.
pub fn url_of(call: &Call<'_>, url: &mut Vec<u8>) -> Result<(), Wrong> {
    let end = url.iter().position(|byte| *byte == b'#').unwrap_or(url.len());
    url.truncate(end);
    let lower = url.to_ascii_lowercase();
    if lower.starts_with(b"http://") || lower.starts_with(b"https://") {
        return Ok(());
    }
    // Before the path alone: a query may hold another URL.
    let host = url.split(|byte| b"/?".contains(byte)).next().unwrap_or_default();
    let rest = url.get(host.len()..).unwrap_or_default();
    if url.is_empty() || host.ends_with(b":") && rest.starts_with(b"//") {
        return Err(call.wrong(host, "http:// or https://"));
    }
    url.splice(..0, *b"http://");
    Ok(())
}

/// `--resolve HOST:PORT:ADDRESS` and `--connect-to HOST:PORT:HOST:PORT`, where they are about `url`.
fn dialled(call: &Call<'_>, rule: &[u8], url: &[u8]) -> Result<Option<Vec<u8>>, Wrong> {
    let want = || call.wrong(rule, "HOST:PORT:ADDRESS or HOST:PORT:HOST:PORT");
    let colon = |text: &[u8]| text.iter().position(|byte| *byte == b':');
    let first = colon(rule).ok_or_else(want)?;
    let (host, rest) = rule.split_at_checked(first).ok_or_else(want)?;
    let rest = rest.get(1..).unwrap_or_default();
    let (port, to) = rest.split_at_checked(colon(rest).ok_or_else(want)?).ok_or_else(want)?;
    let to = to.get(1..).unwrap_or_default();
    let start = find(url, b"://").map_or(0, |at| at + 3);
    let secure = start == 8;
    let authority = url.get(start..).unwrap_or_default();
    let end = authority.iter().position(|byte| b"/?".contains(byte)).unwrap_or(authority.len());
    let authority = authority.get(..end).unwrap_or_default();
    let mut known = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default().to_vec();
    if known
        .rsplit(|byte| *byte == b':')
        .next()
        .is_none_or(|port| port.len() == known.len() || port.ends_with(b"]"))
    {
        known.extend_from_slice(if secure { b":443" } else { b":80" });
    }
    let any = |text: &[u8], part: &[u8]| text.is_empty() || text == part;
    let at = known.iter().rposition(|byte| *byte == b':').unwrap_or(known.len());
    let (known_host, known_port) = known.split_at_checked(at).unwrap_or_default();
    let known_port = known_port.get(1..).unwrap_or_default();
    if !(any(host, known_host) || host == b"*") || !any(port, known_port) {
        return Ok(None);
    }
    // An address has no port of its own, but may have colons in brackets.
    let named = to.rsplit(|byte| *byte == b']').next().unwrap_or_default();
    let more: Vec<u8> = match named.contains(&b':') {
        true => to.to_vec(),
        false => join(&[to, b":", known_port]),
    };
    let more = if more.starts_with(b":") { join(&[known_host, &more]) } else { more };
    Ok(Some(more))
}

/// Percent-encoded, as `--data-urlencode` does.
pub fn encoded(text: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte));
            }
            byte => {
                out.push('%');
                crate::text::hex_digits(*byte, &mut out);
            }
        }
    }
    out.into_bytes()
}
