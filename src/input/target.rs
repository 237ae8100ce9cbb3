//! The grammar of targets: `scheme://userinfo@host:port/path?query` and the schemes without `//`.

use std::fmt;
use std::net::IpAddr;

use super::{Address, Text, Usage, value};
use crate::text::{Wrong, before, contains, piece, rsplit_once, split_once};
use crate::verdict::{brief, titled};

/// A target split at its scheme; what follows is the check's to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As typed, with the userinfo masked: for messages.
    pub label: String,
    /// As typed, but for the case; `http` when none was.
    pub scheme: &'static Scheme,
    /// What follows the colon, `//` included when typed.
    pub rest: Vec<u8>,
    /// The same split up, or what is wrong with it; read by those who want a host.
    authority: Result<Authority, Wrong>,
}

/// What is shown of a longer target: the cause behind it must stay in sight.
pub const LABEL: usize = 256;

/// One of the words that may stand before the first colon of a target.
#[derive(Debug, PartialEq, Eq)]
pub struct Scheme {
    /// In lower case.
    pub name: &'static str,
    /// What follows is a path or a name: no host, and no userinfo to mask.
    pub opaque: bool,
    /// Where none is typed.
    pub port: Option<u16>,
    /// When TLS is spoken.
    pub secure: Secure,
}

/// When a scheme speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secure {
    /// Never: `redis`.
    Never,
    /// From the first byte: `rediss`.
    Always,
    /// When `--tls` is given, by an upgrade inside the protocol: `postgres`.
    StartTls,
    /// Not at first, but a redirect may lead there: `http` with `--follow`.
    OnRedirect,
}

/// Schemes behind whose host a path follows in which an `@` may stand.
const WITH_PATH: [&str; 6] = ["http", "https", "ws", "wss", "fcgi", "dns"];

/// Looks a scheme up.
pub type Find<'a> = &'a mut dyn FnMut(&str) -> Option<&'static Scheme>;

impl Target {
    /// Splits off the scheme, which `find` must know; `http` where none is typed.
    pub fn parse(text: &Text, find: Find<'_>) -> Result<Self, Usage> {
        let meant = &text.meant;
        let typed = meant.iter().position(|byte| *byte == b':').and_then(|colon| {
            let (scheme, rest) = meant.split_at_checked(colon)?;
            let rest = rest.get(1..)?;
            let name = str::from_utf8(scheme).ok().filter(|name| is_scheme(name))?;
            let scheme = find(&name.to_ascii_lowercase());
            let ours = rest.starts_with(b"//") || scheme.is_some_and(|scheme| scheme.opaque);
            ours.then(|| (scheme, rest.to_vec()))
        });
        let slashes: &[u8] = if meant.starts_with(b"//") { b"" } else { b"//" };
        let (scheme, rest) = typed.unwrap_or_else(|| (find("http"), [slashes, meant].concat()));
        let pathless = scheme.is_some_and(|scheme| !WITH_PATH.contains(&scheme.name));
        // An '@' in an opaque one is a name's: `listen:@name` has no password.
        let label = match scheme.is_none_or(|scheme| !scheme.opaque) {
            true => shown(text, &rest, pathless),
            false => brief(&text.shown(), LABEL),
        };
        let Some(scheme) = scheme else {
            return Err(Usage::new(label + ": an unknown scheme; --help lists the targets"));
        };
        let authority = Authority::parse(&rest).and_then(|parts| {
            // No database is called so: it is the rest of a password, and the host is another.
            match pathless && !scheme.opaque && parts.path.contains('@') {
                true => Err("want / ? # in user and password as %2F %3F %23".into()),
                false => Ok(parts),
            }
        });
        Ok(Self { label, scheme, rest, authority })
    }

    /// A usage error about this target.
    pub fn wrong(&self, message: &str) -> Usage {
        Usage::new([titled(&self.label), ": ", message].concat())
    }

    /// What follows, when it must be an absolute path after `//`: `file:///run/x` is `/run/x`.
    /// Any bytes but NUL; nothing is decoded.
    pub fn absolute_path(&self) -> Result<&[u8], Usage> {
        let path = self.rest.strip_prefix(b"//").filter(|path| path.starts_with(b"/"));
        path.filter(|path| !path.contains(&0))
            .ok_or_else(|| self.wrong(&format!("want {}:///absolute/path", self.scheme.name)))
    }

    /// User and password, percent-decoded, if any.
    pub fn userinfo(&self) -> (Option<&str>, Option<&str>) {
        match &self.authority {
            Ok(authority) => (authority.user.as_deref(), authority.password.as_deref()),
            Err(_) => (None, None),
        }
    }

    /// Userinfo, host, port and path of what follows `//`.
    pub fn authority(&self) -> Result<&Authority, Usage> {
        self.authority.as_ref().map_err(|wrong| self.wrong(wrong))
    }
}

impl Scheme {
    /// Whether applications have URLs of it, with a database, a query, several hosts.
    pub fn is_service(&self) -> bool {
        self.port.is_some() && !WITH_PATH.contains(&self.name)
    }
}

/// A target as typed, with its secrets masked; `rest` is what it means behind the scheme.
/// `pathless`: no path of the kind has an `@`.
#[inline(never)]
pub fn shown(text: &Text, rest: &[u8], pathless: bool) -> String {
    /// Names of what is secret in a query.
    const SECRET: [&[u8]; 5] = [b"pass", b"pwd", b"secret", b"token", b"key"];
    let shown = text.shown();
    let mut shown = mask(&shown, pathless).unwrap_or_else(|| match has_userinfo(rest) {
        true => mask_unseen(&shown),
        false => shown,
    });
    let mut at = 0;
    while let (true, Some(rest)) = (pathless, shown.get(at..)) {
        let (_, query) = before(rest, b"?&;");
        let Some(pair) = query.get(1..) else { break };
        let (key, value) = before(pair, b"=?&;");
        let lower = key.to_ascii_lowercase();
        at = shown.len() - value.len();
        // What follows is not read: a value in braces may hold anything.
        if value.starts_with('=') && SECRET.iter().any(|word| contains(lower.as_bytes(), word)) {
            shown.truncate(at);
            shown.push_str("=***");
            break;
        }
    }
    brief(&shown, LABEL)
}

/// Whether `text` is the name of a scheme (RFC 3986 section 3.1).
pub fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// The parts of an authority, and the path with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Percent-decoded.
    pub user: Option<String>,
    /// Percent-decoded; `None` when no colon was typed.
    pub password: Option<String>,
    /// The host.
    pub host: Host,
    /// The port, if one was typed.
    pub port: Option<u16>,
    /// Path and query as given: empty, or from `/` or `?` on.
    pub path: String,
}

impl Authority {
    /// Splits what follows the scheme (RFC 3986 section 3).
    pub fn parse(rest: &[u8]) -> Result<Self, Wrong> {
        let text = value::utf8(rest)?;
        let text = text.strip_prefix("//").unwrap_or(text);
        // Half a password, most often: what stands before it would be taken for host and port.
        if text.contains('#') {
            return Err("want %23 in place of '#'".into());
        }
        let (authority, path) = before(text, b"/?");
        let (userinfo, host) = match rsplit_once(authority, b'@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        let (host, port) = split_port(host)?;
        // `redis://user@host` has no password, `redis://:pass@host` an empty user.
        let (user, password) = match userinfo.map(|info| split_once(info, b':').ok_or(info)) {
            Some(Ok((user, password))) => (Some(credential(user)?), Some(credential(password)?)),
            Some(Err(user)) => (Some(credential(user)?), None),
            None => (None, None),
        };
        Ok(Self { user, password, host, port, path: path.to_owned() })
    }

    /// Refuses the parts that a bare `scheme://host:port` has no use for.
    pub fn nothing_but_a_port(&self, target: &Target) -> Result<(), Usage> {
        let plain = self.user.is_none() && matches!(self.path.as_str(), "" | "/");
        let scheme = target.scheme.name;
        plain
            .then_some(())
            .ok_or_else(|| target.wrong(&format!("want {scheme}://host:port and no more")))
    }
}

/// A user or a password, percent-decoded.
fn credential(part: &str) -> Result<String, Wrong> {
    let decoded = String::from_utf8(value::percent_decoded(part)).ok();
    decoded
        .filter(|text| !text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)))
        .ok_or_else(|| "want user and password in UTF-8, without CR, LF and NUL".into())
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// 127.0.0.1, then ::1; never looked up.
    Localhost,
    /// An address.
    Ip(Address),
    /// A name to look up.
    Name(String),
}

impl Host {
    /// Reads a host; an empty one is localhost. IPv6 is given without brackets.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        if text.is_empty() || text.eq_ignore_ascii_case("localhost") {
            return Ok(Host::Localhost);
        }
        if let Some(address) = Address::parse(text) {
            return Ok(Host::Ip(address));
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        // `127.1` and `2130706433` are addresses to some resolvers and names to none.
        let last = text.strip_suffix('.').unwrap_or(text);
        let last = rsplit_once(last, b'.').map_or(last, |(_, last)| last);
        if !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) {
            return Err("want an IPv4 address in full, as 127.0.0.1".into());
        }
        if text.len() <= 253 && text.bytes().all(fits) {
            return Ok(Host::Name(text.to_ascii_lowercase()));
        }
        Err("want a host of letters, digits, '-', '.' and '_' (an international name as xn--...), or [IPv6]".into())
    }
}

/// As a peer may read it: a zone is this machine's own and stays here (RFC 6874 section 4).
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Localhost => f.write_str("localhost"),
            // By hand: std's way is 2,000 instructions more.
            Host::Ip(Address { ip: IpAddr::V4(ip), .. }) => {
                let [first, rest @ ..] = ip.octets();
                first.fmt(f)?;
                rest.iter().try_for_each(|octet| f.write_str(".").and_then(|()| octet.fmt(f)))
            }
            Host::Ip(Address { ip: IpAddr::V6(ip), .. }) => write!(f, "[{ip}]"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// Splits `host:port`, `[v6]:port`, `[v6%zone]:port`, `:port`, `host`.
pub fn split_port(text: &str) -> Result<(Host, Option<u16>), Wrong> {
    let (host, port) = if let Some(inside) = text.strip_prefix('[') {
        let (ip, after) = split_once(inside, b']').ok_or("want a ']' after the IPv6 address")?;
        // In a URL the `%` of a zone is written `%25` (RFC 6874 section 2), by most people `%`.
        let address = match split_once(ip, b'%') {
            Some((ip, zone)) => {
                let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
                Address::parse(&[ip, "%", zone].concat())
            }
            None => Address::parse(ip),
        };
        let address = address.filter(|address| address.ip.is_ipv6());
        let address = address.ok_or("want an IPv6 address between [ and ]")?;
        let port = match after {
            "" => None,
            _ => Some(after.strip_prefix(':').ok_or("want ':' and a port after ']'")?),
        };
        (Host::Ip(address), port)
    } else {
        match split_once(text, b':') {
            Some((_, port)) if split_once(port, b':').is_some() => {
                return Err("want host:port, '//' behind a scheme, and IPv6 in [brackets]".into());
            }
            Some((host, port)) => (Host::parse(host)?, Some(port)),
            None => (Host::parse(text)?, None),
        }
    };
    match port {
        Some("") => Err("an empty port; in Compose write $${PORT}".into()),
        Some(port) => Ok((host, Some(value::port(port.as_bytes())?))),
        None => Ok((host, None)),
    }
}

/// Where the authority starts in what is typed: behind the first `://` if only a scheme stands before
/// it, as in `Target::parse`; else at the front.
pub fn authority_start(typed: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match typed.get(at..).unwrap_or_default() {
            [b':', b'/', b'/', ..] => return at + 3,
            [] | [b':' | b'/' | b'?' | b'#' | b'@', ..] => return 0,
            rest => {
                let length = piece(rest);
                // With an '@' in it, what it yields is no part of a scheme.
                if length > 1 && rest.get(..length).is_some_and(|piece| piece.contains(&b'@')) {
                    return 0;
                }
                at += length;
            }
        }
    }
}

/// The target with what stands before the `@` of its authority masked. `${...}` counts as one
/// letter: the slashes of `${file:/run/secret}` end no authority. `None` where none is to be seen.
/// `pathless`: no path of the kind has an `@`.
fn mask(typed: &str, pathless: bool) -> Option<String> {
    let start = authority_start(typed.as_bytes());
    let mut host = None;
    let (mut ended, mut hashed) = (false, false);
    let mut at = start;
    while let Some(rest) = typed.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        let length = piece(rest);
        let first = rest.get(..length).unwrap_or(rest);
        // Behind the authority an '@' is the path's own, unless a host cannot be had without it:
        // then a raw '/' stands in the password, and nothing of that may be shown.
        let inside = !ended || hashed || pathless || !plain_host(typed.get(start..)?);
        if first.contains(&b'@') && inside {
            // The '@' itself is shown, but not the default that it is in.
            host = Some(if length == 1 { at } else { at + length });
        }
        ended |= matches!(first, [b'/' | b'?' | b'#']);
        hashed |= first == b"#";
        at += length;
    }
    Some([typed.get(..start)?, "***", typed.get(host?..)?].concat())
}

/// Whether there is an `@` in the authority behind `//`.
fn has_userinfo(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b"//").unwrap_or(rest);
    rest.iter().take_while(|byte| !b"/?#".contains(byte)).any(|byte| *byte == b'@')
}

/// The mask where expansions made an authority, or its `@`, that cannot be seen in what is typed:
/// all up to the last `@`; without one all, unless the authority is nothing but `${...}`.
fn mask_unseen(typed: &str) -> String {
    let rest = typed.as_bytes().get(authority_start(typed.as_bytes())..).unwrap_or_default();
    match (rsplit_once(typed, b'@'), authority(rest, b"/?#")) {
        (Some((_, host)), _) => ["***@", host].concat(),
        (None, (_, _, false)) => typed.to_owned(),
        (None, (_, _, true)) => "***".to_owned(),
    }
}

/// Whether `host:port` ends where it should.
fn plain_host(rest: &str) -> bool {
    let (end, expanded, _) = authority(rest.as_bytes(), b"/?#@");
    expanded || rest.get(..end).is_some_and(|host| split_port(host).is_ok())
}

/// The length of what is typed up to one of `ends`; whether `${...}` and whether anything else is
/// in it.
fn authority(text: &[u8], ends: &[u8]) -> (usize, bool, bool) {
    let (mut at, mut expanded, mut plain) = (0, false, false);
    while text.get(at).is_some_and(|first| !ends.contains(first)) {
        let length = text.get(at..).map_or(1, piece);
        // The escape is three bytes long, and `${}` is none that gets here.
        expanded |= length > 3;
        plain |= length <= 3;
        at += length;
    }
    (at, expanded, plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::kinds;

    fn target(text: &str) -> Target {
        kinds::read(&Text::plain(text)).expect(text).1
    }

    fn parts(text: &str) -> (String, Option<u16>, String) {
        let target = target(text);
        let authority = target.authority().expect(text);
        (authority.host.to_string(), authority.port, authority.path.clone())
    }

    #[test]
    fn schemes() {
        for (text, scheme, rest) in [
            ("http://a/", "http", "//a/"),
            ("HTTPS://a", "https", "//a"),
            ("localhost:8080/x", "http", "//localhost:8080/x"),
            (":8080", "http", "//:8080"),
            ("a", "http", "//a"),
            ("pid:1", "pid", "1"),
            ("file:///x", "file", "///x"),
            ("memory:", "memory", ""),
            ("1x://y", "http", "//1x://y"),
        ] {
            let target = target(text);
            assert_eq!(
                (target.scheme.name, target.rest.as_slice()),
                (scheme, rest.as_bytes()),
                "{text}"
            );
        }
        let unknown =
            kinds::read(&Text::plain("gopher://u:p@x")).err().map(|wrong| wrong.to_string());
        assert_eq!(
            unknown.as_deref(),
            Some("gopher://***@x: an unknown scheme; --help lists the targets")
        );
    }

    #[test]
    fn authorities() {
        assert_eq!(parts("http://a:80/p?q"), ("a".into(), Some(80), "/p?q".into()));
        assert_eq!(parts("http://:8080/"), ("localhost".into(), Some(8080), "/".into()));
        assert_eq!(parts("tcp://[::1]:5"), ("[::1]".into(), Some(5), String::new()));
        assert_eq!(parts("LOCALHOST?x"), ("localhost".into(), None, "?x".into()));
        assert_eq!(parts("http://127.0.0.1"), ("127.0.0.1".into(), None, String::new()));
        for text in ["http://[fe80::1%25eth0]:8/", "http://[fe80::1%eth0]:8/"] {
            let target = target(text);
            let host = &target.authority().expect(text).host;
            assert_eq!(*host, Host::Ip(Address::parse("fe80::1%eth0").expect("an address")));
            assert_eq!(host.to_string(), "[fe80::1]");
        }
        assert_eq!(
            target("http://[fe80::1%25]").authority().expect("a zone").host,
            Host::Ip(Address::parse("fe80::1%25").expect("an address"))
        );
        for text in [
            "http://[fe80::1%]",
            "http://[127.0.0.1]",
            "http://[::1",
            "http://[::1]x",
            "http://[::g]",
            "http://a:0",
            "http://a:70000",
            "http://a:",
            "http://::1",
            "http://a b",
            "http://ü",
            "http://a:8x",
            "http://a:80/p?q#f",
            "http://127.1",
            "http://2130706433",
            "http://a.1.",
            "postgres://app:2024#W!@db/x",
            "postgres://app:2024/W!@db/x",
            "redis://:2024?W@db",
        ] {
            assert!(target(text).authority().is_err(), "{text}");
        }
    }

    #[test]
    fn userinfo_is_decoded_and_never_shown() {
        let target_ = target("redis://us%40er:p%2Fw@h:1/2");
        let authority = target_.authority().expect("parts");
        assert_eq!(authority.user.as_deref(), Some("us@er"));
        assert_eq!(authority.password.as_deref(), Some("p/w"));
        let target_ = target("redis://:p@h");
        let authority = target_.authority().expect("parts");
        assert_eq!(
            (authority.user.as_deref(), authority.password.as_deref()),
            (Some(""), Some("p"))
        );
        let target_ = target("redis://u@h");
        assert_eq!(target_.authority().expect("parts").password, None);
        for (typed, label) in [
            ("redis://u:p@h/0", "redis://***@h/0"),
            ("u:p@h", "***@h"),
            ("redis://:${file:/run/p}@h", "redis://***@h"),
            ("http://u:p/w@h/x", "http://***@h/x"),
            ("http://u:p@w@h/x", "http://***@h/x"),
            ("postgres://app:2024#W!@db/x", "postgres://***@db/x"),
            ("http://app:2024#W!@db/x", "http://***@db/x"),
            ("postgres://app:2024/W!@db/x", "postgres://***@db/x"),
            ("redis://:2024?W@db", "redis://***@db"),
            // A `${` is one letter only where the first `}` ends it, and none after a `$`.
            ("redis://:p$${w@h", "redis://***@h"),
            ("redis://:p${w@h", "redis://***@h"),
            ("redis://:${A:-${B}@h", "redis://***@h"),
            ("redis://:p$${w/x@h", "redis://***@h"),
            ("u:p@h/?to=http://x", "***@h/?to=http://x"),
            ("${S}://u:p@h", "${S}://***@h"),
            ("http://u:${REST:-p@h}/x", "http://***/x"),
            ("http://a@${REST:-b@h}/x", "http://***/x"),
            ("${X:-u:p@h?to=}a://b@c", "***a://b@c"),
            ("http://h/${X:-@scope}", "http://h/${X:-@scope}"),
            ("http://h/@scope", "http://h/@scope"),
            ("http://h?a=b@c", "http://h?a=b@c"),
            ("http://${H}:${P}/a@b", "http://${H}:${P}/a@b"),
            ("listen:@name", "listen:@name"),
            ("process:a@b", "process:a@b"),
            ("http://$${a/x@b", "http://***@b"),
            // What is called a secret in a query, wherever it stands.
            ("postgres://h/db?a=b&password=p&c=d", "postgres://h/db?a=b&password=***"),
            ("postgres://h/db?PWD=p", "postgres://h/db?PWD=***"),
            (
                "postgres://h/db?password&sslmode=require",
                "postgres://h/db?password&sslmode=require",
            ),
        ] {
            assert_eq!(target(typed).label, label);
        }
        // The expansion made what cannot be seen.
        for (typed, meant, label) in [
            ("${X:-http:/}/u:p@h", "http://u:p@h", "***@h"),
            ("http://u:p${T}/x", "http://u:p@h/x", "***"),
            ("http://${BASE}/x", "http://u:p@h/x", "http://${BASE}/x"),
            ("${URL}", "http://u:p@h/x", "${URL}"),
        ] {
            let text = Text { typed: typed.into(), meant: meant.into(), yielded: Vec::new() };
            assert_eq!(kinds::read(&text).expect(typed).1.label, label);
        }
        assert!(target("http://a%0d%0ab:c@h/").authority().is_err());
    }

    #[test]
    fn what_a_bare_port_has_no_use_for() {
        let plain = |text: &str| {
            let target = target(text);
            target.authority().expect(text).nothing_but_a_port(&target).is_ok()
        };
        assert!(plain("tcp://h:1") && plain("tcp://h:1/"));
        assert!(!plain("tcp://u@h:1") && !plain("tcp://h:1/x") && !plain("tcp://u@h:1/x"));
        let wrong = split_port("a:1:2").expect_err("two ports");
        assert_eq!(wrong, "want host:port, '//' behind a scheme, and IPv6 in [brackets]");
    }

    #[test]
    fn absolute_paths() {
        assert_eq!(target("file:///a b").absolute_path(), Ok(&b"/a b"[..]));
        for text in ["file://a", "file:/a", "file:", "file:///a\0b"] {
            assert!(target(text).absolute_path().is_err(), "{text}");
        }
    }
}
