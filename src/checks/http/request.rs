//! Requests: where to, what is sent, and where a redirect leads.

use crate::input::secret::is_public;
use crate::input::target::{is_scheme, split_port};
use crate::input::{Authority, Flag, Host, Options, Target, Usage, value};
use crate::text::{Wrong, base64, before, hex_digits, parts, pieces, rsplit_once, split_once};
use crate::verdict::quote;

/// A URL's parts that a request is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `https`.
    pub secure: bool,
    /// The host.
    pub host: Host,
    /// The port, the scheme's default filled in.
    pub port: u16,
    /// The origin-form of the request target (RFC 9112 section 3.2.1).
    pub path: String,
}

/// What a Location says.
#[derive(Debug, PartialEq, Eq)]
pub enum Redirect {
    /// This is where to go.
    To(Url),
    /// To another scheme than HTTP's.
    OtherOrigin,
    /// It is no URL.
    Invalid,
}

impl Url {
    /// The parts of `authority`; what may not stand in a request target is an error.
    pub fn new(secure: bool, authority: &Authority) -> Result<Self, Wrong> {
        let path = absolute(&authority.path);
        target_form(&path)?;
        Ok(Self::of(secure, authority, path))
    }

    fn of(secure: bool, authority: &Authority, path: String) -> Self {
        let port = authority.port.unwrap_or(default_port(secure));
        Self { secure, host: authority.host.clone(), port, path }
    }

    /// The value of the Host header: the port only where it is not the scheme's own.
    pub fn host_header(&self) -> String {
        match self.port == default_port(self.secure) {
            true => self.host.to_string(),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Where `location` leads from here (RFC 3986 section 5.2).
    pub fn join(&self, location: &[u8]) -> Redirect {
        let location = encoded(location);
        let (secure, rest) = match split_once(&location, b':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            // No segment of a relative reference has a colon before its first slash (RFC 3986
            // section 4.2): it is another scheme's, or nobody's.
            Some((scheme, _)) if before(scheme, b"/?").1.is_empty() => {
                return match is_scheme(scheme) {
                    true => Redirect::OtherOrigin,
                    false => Redirect::Invalid,
                };
            }
            _ => (self.secure, location.as_str()),
        };
        if let Some(authority) = rest.strip_prefix("//") {
            return Self::absolute(secure, authority).map_or(Redirect::Invalid, Redirect::To);
        }
        if secure != self.secure {
            return Redirect::Invalid;
        }
        let path = before(&self.path, b"?").0;
        let joined = match rest.chars().next() {
            None => self.path.clone(),
            Some('/') => rest.to_owned(),
            Some('?') => format!("{path}{rest}"),
            Some(_) => {
                let folder = rsplit_once(path, b'/').map_or("", |(folder, _)| folder);
                format!("{folder}/{rest}")
            }
        };
        Redirect::To(Self { path: without_dots(&joined), ..self.clone() })
    }

    /// What follows `http://` in a Location. An empty host is none (RFC 9110 section 4.2.1), though
    /// in a target it is localhost; an empty port is the scheme's own (RFC 3986 section 6.2.3),
    /// though in a target it is a variable that was not set.
    fn absolute(secure: bool, rest: &str) -> Option<Self> {
        let (authority, path) = before(rest, b"/?");
        let authority = authority.strip_suffix(':').unwrap_or(authority);
        let host = rsplit_once(authority, b'@').map_or(authority, |(_, host)| host);
        if host.is_empty() || host.starts_with(':') {
            return None;
        }
        let to = Authority::parse([authority, path].concat().as_bytes()).ok()?;
        Some(Self::of(secure, &to, without_dots(&absolute(&to.path))))
    }
}

/// Path and query, with the slash that an empty path is.
fn absolute(path: &str) -> String {
    match path.starts_with('/') {
        true => path.to_owned(),
        false => ["/", path].concat(),
    }
}

/// RFC 9110 sections 4.2.1 and 4.2.2.
pub fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// RFC 3986 section 5.2.4: `.` and `..` in the path are resolved.
fn without_dots(text: &str) -> String {
    let (path, query) = before(text, b"?");
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = parts(path, b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

/// What RFC 3986 allows in a path and a query; a space or a letter beyond ASCII wants encoding.
fn target_form(path: &str) -> Result<(), Wrong> {
    let mut rest = path.as_bytes();
    while let [byte, more @ ..] = rest {
        if !stands(rest) {
            return Err(format!(
                "want byte {byte:#04x} of path and query percent-encoded, as %{byte:02X}"
            )
            .into());
        }
        rest = more;
    }
    Ok(())
}

/// Whether the first byte may stand in a path or a query as it is.
fn stands(text: &[u8]) -> bool {
    match text {
        [b'%', rest @ ..] => {
            matches!(rest, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
        }
        [b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9', ..] => true,
        [byte, ..] => b"/?-._~!$&'()*+,;=:@".contains(byte),
        [] => false,
    }
}

/// A Location without its fragment, and with what may not stand in it percent-encoded, as browsers
/// do: applications write spaces and letters beyond ASCII there. Brackets stay: a host may have
/// them, and servers take them in a query.
fn encoded(mut location: &[u8]) -> String {
    let mut text = String::with_capacity(location.len());
    while let [byte, rest @ ..] = location {
        match byte {
            b'#' => break,
            b'[' | b']' => text.push(char::from(*byte)),
            byte if stands(location) => text.push(char::from(*byte)),
            byte => {
                text.push('%');
                hex_digits(*byte, &mut text);
            }
        }
        location = rest;
    }
    text
}

/// Everything of a request but its URL.
#[derive(Debug)]
pub struct Request {
    method: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// Takes `--method` and `--data`.
    pub fn parse(options: &mut Options<'_>) -> Result<Self, Usage> {
        let body = options.last(Flag::Data, body)?;
        let method = options.last(Flag::Method, method)?;
        let method = method.unwrap_or(if body.is_some() { "POST".into() } else { "GET".into() });
        Ok(Self { method, headers: Vec::new(), body })
    }

    /// Takes `--header` and `--user`.
    pub fn with_headers(
        mut self,
        target: &Target,
        authority: &Authority,
        options: &mut Options<'_>,
    ) -> Result<Self, Usage> {
        let mut headers = options.each(Flag::Header, header)?;
        let user = options.last(Flag::User, credentials)?;
        let in_url = authority
            .user
            .as_ref()
            .map(|user| format!("{user}:{}", authority.password.as_deref().unwrap_or_default()));
        let given = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        match (user, in_url) {
            (Some(_), Some(_)) => {
                return Err(target.wrong("want the user in the target or in --user, not in both"));
            }
            (None, None) => {}
            _ if given => {
                return Err(target.wrong("want --user or a header Authorization, not both"));
            }
            (Some(pair), None) | (None, Some(pair)) => {
                headers
                    .push(("Authorization".into(), format!("Basic {}", base64(pair.as_bytes()))));
            }
        }
        if headers.iter().filter(|(name, _)| is(name, "host")).count() > 1 {
            return Err(target.wrong("want one header Host, got two"));
        }
        self.headers = headers;
        Ok(self)
    }

    /// The origin that the header Host names in place of the URL's: its host, and its port where it
    /// names one.
    pub fn named_host(&self) -> Option<(Host, Option<u16>)> {
        let (_, value) = self.headers.iter().find(|(name, _)| is(name, "host"))?;
        split_port(value).ok().filter(|_| !value.is_empty())
    }

    /// The value of the header Host as it is sent.
    pub fn host(&self, url: &Url) -> String {
        match self.headers.iter().find(|(name, _)| is(name, "host")) {
            Some((_, value)) => value.clone(),
            None => url.host_header(),
        }
    }

    /// Whether credentials go along: what a 401 is answered to.
    pub fn has_credentials(&self) -> bool {
        self.sends("authorization")
    }

    /// Whether `--header` has one of that name in lower case.
    pub fn sends(&self, header: &str) -> bool {
        self.headers.iter().any(|(name, _)| is(name, header))
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Whether the answer has no body whatever it says.
    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// A line of the head that is sent, for `--verbose`: of headers that were given the values may be
    /// secret.
    pub fn shown(&self, line: &[u8]) -> String {
        let name = pieces(line, b':').next().unwrap_or_default();
        let name = str::from_utf8(name).unwrap_or_default();
        match self.sends(name) && !is_public(name) {
            true => [name, ": ***"].concat(),
            false => quote(line.trim_ascii_end()),
        }
    }

    /// The bytes for `url` (RFC 9112), turned into a GET without a body when `get` says so. A
    /// header that was given replaces our own of that name. Credentials are for whom they were given
    /// for: not for a `stranger`, another port of the host say, as curl has it. With a `key` the
    /// connection is to become a WebSocket (RFC 6455 section 4.1).
    pub fn encode(&self, url: &Url, get: bool, stranger: bool, key: &str) -> Vec<u8> {
        let host = url.host_header();
        let (method, body) = match get {
            true => ("GET", None),
            false => (self.method.as_str(), self.body.as_ref()),
        };
        // RFC 9110 section 8.6: these methods have a body, so an empty one is said to be empty.
        let has_body = body.is_some() || !get && ["POST", "PUT", "PATCH"].contains(&method);
        let length = has_body.then(|| body.map_or(0, Vec::len).to_string());
        let own = [
            ("Host", Some(host.as_str())),
            ("User-Agent", Some(concat!("healthcheck/", env!("CARGO_PKG_VERSION")))),
            ("Accept", Some("*/*")),
            ("Connection", Some(if key.is_empty() { "close" } else { "Upgrade" })),
            ("Content-Length", length.as_deref()),
        ];
        let mut text = String::with_capacity(256);
        for part in [method, " ", &url.path, " HTTP/1.1\r\n"] {
            text.push_str(part);
        }
        let mut line = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                text.push_str(part);
            }
        };
        for (name, value) in own {
            let replaced = self.headers.iter().any(|(given, _)| is(given, name));
            if let Some(value) = value.filter(|_| !replaced) {
                line(name, value);
            }
        }
        if !key.is_empty() {
            line("Upgrade", "websocket");
            line("Sec-WebSocket-Version", "13");
            line("Sec-WebSocket-Key", key);
        }
        for (name, value) in &self.headers {
            let kept = stranger && (is(name, "authorization") || is(name, "cookie"));
            // Given without a value, they are not to be sent at all, as curl has it.
            let left_out = value.is_empty() && (is(name, "accept") || is(name, "user-agent"));
            if !(kept || left_out) {
                line(name, value);
            }
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body.map(Vec::as_slice).unwrap_or_default());
        bytes
    }

    /// Whether a redirect by `status` is followed with GET and no body (RFC 9110 section 15.4):
    /// 303 asks for the other resource, and so do 301 and 302 after a POST, as every client has it.
    pub fn becomes_get(&self, status: u16) -> bool {
        match status {
            303 => !self.is_head(),
            301 | 302 => self.method == "POST",
            _ => false,
        }
    }
}

/// Whether a header is called so (RFC 9110 section 5.1).
fn is(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
}

fn method(value: &[u8]) -> Result<String, Wrong> {
    match value::utf8(value)? {
        // not a verdict
        "CONNECT" => Err("a method other than CONNECT is wanted: that one opens tunnels".into()),
        text if value::is_token(text) => Ok(text.to_owned()),
        _ => Err("a method is wanted: GET, HEAD, POST, ...".into()), // not a verdict
    }
}

/// `Name: value`, as a request may carry it.
fn header(given: &[u8]) -> Result<(String, String), Wrong> {
    let (name, value) = value::header(given)?;
    if ["content-length", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
        // not a verdict
        return Err(format!("{name} follows from --data and is not wanted here").into());
    }
    Ok((name, value))
}

/// The body as given; with curl an `@` in front is a file's name, which here would be sent.
fn body(value: &[u8]) -> Result<Vec<u8>, Wrong> {
    match value {
        // not a verdict
        [b'@', ..] => Err("${file:/path} is wanted for what stands in a file".into()),
        value => Ok(value.to_vec()),
    }
}

fn credentials(value: &[u8]) -> Result<String, Wrong> {
    let text = value::utf8(value)?;
    if split_once(text, b':').is_none() || text.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Err("USER:PASS without control characters is wanted".into()); // not a verdict
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::kinds;
    use crate::input::{Secure, Text};

    fn url(text: &str) -> Url {
        let (_, target) = kinds::read(&Text::plain(text)).expect(text);
        Url::new(target.scheme.secure == Secure::Always, target.authority().expect(text))
            .expect(text)
    }

    #[test]
    fn urls() {
        assert_eq!(url("http://a?x").path, "/?x");
        assert_eq!(url("http://a:80/b").host_header(), "a");
        assert_eq!(url("https://a:80/b").host_header(), "a:80");
        assert_eq!(url("http://[::1]:8080").host_header(), "[::1]:8080");
        for path in ["/a b", "/ü", "/a\r\nX: y", "/a\0", "/%", "/%g0", "/[", "/\\", "/\""] {
            assert!(target_form(path).is_err(), "{path:?}");
        }
        assert_eq!(target_form("/-._~!$&'()*+,;=:@/%2f?q=/?"), Ok(()));
    }

    #[test]
    fn redirects_lead_where_rfc_3986_says() {
        let base = url("http://h:81/b/c/d?q");
        for (location, want) in [
            ("/x", "http://h:81/x"),
            ("x?y", "http://h:81/b/c/x?y"),
            ("?y", "http://h:81/b/c/d?y"),
            ("", "http://h:81/b/c/d?q"),
            ("../x", "http://h:81/b/x"),
            ("../../../x/.", "http://h:81/x/"),
            ("//h/x", "http://h/x"),
            ("https://H/x#f", "https://h/x"),
            ("http://o:9/", "http://o:9/"),
            // As applications write it.
            ("/a b?c d", "http://h:81/a%20b?c%20d"),
            ("http://h/a b", "http://h/a%20b"),
            ("/caf\u{e9}", "http://h:81/caf%c3%a9"),
            ("/x%zz|\"{}", "http://h:81/x%25zz%7c%22%7b%7d"),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("http://h/a/../../x", "http://h/x"),
            ("http://h:/x", "http://h/x"),
            ("//h:?y", "http://h/?y"),
            ("http://u@h/x", "http://h/x"),
            ("x/y:z", "http://h:81/b/c/x/y:z"),
        ] {
            assert_eq!(base.join(location.as_bytes()), Redirect::To(url(want)), "{location}");
        }
        for location in ["ftp://h/", "mailto:x", "h2+x.y-z:1"] {
            assert_eq!(base.join(location.as_bytes()), Redirect::OtherOrigin, "{location}");
        }
        let next = Url { path: "/x?filter[a]=%ff".into(), ..base.clone() };
        assert_eq!(base.join(b"/x?filter[a]=\xff"), Redirect::To(next));
        for location in [
            "http://[::",
            "https:/x",
            "http://h:99999/",
            "http:// /",
            "//caf\u{e9}/",
            "http://:8080/ok",
            "//:8080/ok",
            "http:///x",
            "http://u@:80/",
            ":8080/login",
            "127.0.0.1:8080/x",
            "1http://x/",
            "ht tp://x",
        ] {
            assert_eq!(base.join(location.as_bytes()), Redirect::Invalid, "{location}");
        }
    }

    #[test]
    fn headers_and_methods() {
        assert_eq!(header(b"A:  b c "), Ok(("A".into(), "b c".into())));
        assert_eq!(header(b"A:"), Ok(("A".into(), String::new())));
        for text in [
            "A",
            ": b",
            "A b: c",
            "A: b\r\nC: d",
            "A: \0",
            "Content-Length: 1",
            "A\r: b",
            "A: b\x7f",
        ] {
            assert!(header(text.as_bytes()).is_err(), "{text:?}");
        }
        assert_eq!(method(b"PURGE"), Ok("PURGE".into()));
        for text in ["", "GE T", "CONNECT", "G\r\n"] {
            assert!(method(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(credentials(b"a:b").is_ok());
        assert!(credentials(b"ab").is_err() && credentials(b"a:b\n").is_err());
    }
}
