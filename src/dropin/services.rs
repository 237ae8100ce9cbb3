//! The clients of services: `pg_isready`, `redis-cli`, `mysqladmin`, `nc`, `mongosh`,
//! `grpc_health_probe`.

use super::Call;
use super::curl::encoded;
use super::expr::{Bytes, Expr, Output, Reads, join};
use super::options::{self, Style};
use crate::input::value;
use crate::text::{Wrong, contains, find, hex_digits};
use crate::verdict::millis;

/// What a URL is made of; what is empty is left out.
#[derive(Default)]
struct Url<'a> {
    scheme: &'a [u8],
    user: &'a [u8],
    /// Without a user it stands alone.
    password: &'a [u8],
    host: &'a [u8],
    port: &'a [u8],
    path: &'a [u8],
}

impl Url<'_> {
    #[inline(never)]
    fn text(&self) -> Bytes {
        let mark = |mark: &'static [u8], of: &[u8]| if of.is_empty() { b"" } else { mark };
        let Self { scheme, user, password, host, port, path } = self;
        let inside: (&[u8], &[u8]) = match host.contains(&b':') && !host.starts_with(b"[") {
            true => (b"[", b"]"),
            false => (b"", b""),
        };
        join(&[
            scheme,
            b"://",
            encoded(user),
            mark(b":", password),
            encoded(password),
            mark(b"@", if user.is_empty() { password } else { user }),
            inside.0,
            host,
            inside.1,
            mark(b":", port),
            port,
            mark(b"/", path),
            encoded(path),
        ])
    }
}

/// `tcp://HOST:PORT`.
pub fn address(scheme: &'static str, host: &[u8], port: &[u8]) -> Bytes {
    Url { scheme: scheme.as_bytes(), host, port, ..Url::default() }.text()
}

/// The first that is not empty.
fn first(one: Bytes, other: Bytes) -> Bytes {
    if one.is_empty() { other } else { one }
}

/// `pg_isready`: without `-h` over the Unix socket, where Debian's packages and the official images
/// have it.
pub fn pg_isready(call: &Call<'_>) -> Result<Reads, Wrong> {
    const OPTIONS: &str = "h:host|p:port|U:username|d:dbname|t:timeout|q.quiet";
    let mut given = options::read(call, Style::Getopt, OPTIONS)?;
    if let Some(word) = given.operands.first() {
        return Err(call.wrong(word, "options only"));
    }
    let asked = |key, name| first(given.get(key), call.variable(name));
    let (host, port) = (asked(b'h', "PGHOST"), asked(b'p', "PGPORT"));
    let (user, path) = (asked(b'U', "PGUSER"), asked(b'd', "PGDATABASE"));
    if !matches!(given.get(b't'), b"" | b"0") {
        given.give("--timeout=", given.get(b't'));
    }
    let says = Output::Says("accepting connections");
    if contains(path, b"://") {
        // A connection string, whose host wins.
        return Ok(Reads::native(given.with(path), says));
    }
    let path = path.strip_prefix(b"dbname=").unwrap_or(path);
    if path.iter().any(|byte| b"= '\\".contains(byte)) {
        return Err(call.wrong(b"-d", "it with a database or postgres://HOST:PORT"));
    }
    let socket = host.is_empty() || host.starts_with(b"/");
    if socket {
        let folder = first(host, b"/var/run/postgresql");
        let path = [b"unix:", folder, b"/.s.PGSQL.", first(port, b"5432")];
        given.give("--connect-to=", join(&path));
    }
    let host = if socket { b"localhost" } else { host };
    let url = Url { scheme: b"postgres", user, host, port, path, ..Url::default() };
    Ok(Reads::native(given.with(url.text()), says))
}

/// `redis-cli ping`: PONG is healthy. What redis-cli prints and calls 0 all the same (NOAUTH,
/// LOADING) is not, as it is not behind `| grep PONG`.
pub fn redis_cli(call: &Call<'_>) -> Result<Reads, Wrong> {
    const OPTIONS: &str = "h:host|p:port|a:pass|!:user|u:uri|n:db|s:socket>--connect-to=unix:\
        |t:timeout>--timeout=|_.raw|_.no-raw|_.csv|_.json|_.no-auth-warning|^.tls\
        |k.insecure>--insecure|@:cacert>--cacert=|%:cert>--cert=|,:key>--key=|=:sni>--server-name=\
        |e.|2.|3.|4.>--ipv4|6.>--ipv6";
    let mut given = options::read(call, Style::Getopt, OPTIONS)?;
    let asked = given.operands.join(&b' ').to_ascii_lowercase();
    // The second is asked for by many a Compose file: that it is answered is what it finds out.
    if !matches!(asked.as_slice(), b"ping" | b"incr ping") {
        return Err(call.wrong(&asked, "ping: no other command is sent"));
    }
    let url = Url {
        scheme: if given.has(b'^') { b"rediss" } else { b"redis" },
        user: given.get(b'!'),
        password: first(given.get(b'a'), call.variable("REDISCLI_AUTH")),
        host: first(given.get(b'h'), b"localhost"),
        port: given.get(b'p'),
        path: given.get(b'n'),
    };
    let says = if asked.len() == 4 { Output::Says("PONG") } else { Output::Unknown };
    let target = if given.has(b'u') { given.get(b'u') } else { url.text() };
    given.give("--grep=", b"x:PONG");
    Ok(Reads::native(given.with(target), says))
}

/// `mysqladmin ping`: the server answers. No password is sent, as with `mysql://`. `localhost` without
/// a port is the Unix socket where Debian's packages and the official images have it, else TCP.
pub fn mysqladmin(call: &Call<'_>) -> Result<Reads, Wrong> {
    const OPTIONS: &str = "h:host|P:port|u:user|p?password|s.silent|S:socket|!:protocol|b.no-beep\
        |_:connect-timeout|_:default-character-set|w?wait|_.no-defaults|_:defaults-extra-file\
        |_:defaults-file|_:ssl-mode|_.skip-ssl|v.verbose|C.compress";
    let mut given = options::read(call, Style::Getopt, OPTIONS)?;
    let asked = match given.operands.as_slice() {
        [asked @ (b"ping" | b"status")] => *asked,
        words => return Err(call.wrong(&words.join(&b' '), "ping or status")),
    };
    let host = first(given.get(b'h'), b"localhost");
    let (user, port) = (given.get(b'u'), given.get(b'P'));
    let tcp = given.get(b'!').eq_ignore_ascii_case(b"tcp");
    let url = Url { scheme: b"mysql", user, host, port, ..Url::default() }.text();
    let dialled = Expr::Native(given.with(url).leak());
    let local = host == b"localhost" && !tcp && port.is_empty();
    let socket = first(given.get(b'S'), if local { b"/run/mysqld/mysqld.sock" } else { b"" });
    let expr = if socket.is_empty() {
        dialled
    } else {
        given.give("--connect-to=unix:", socket);
        let over = Expr::Native(given.with(url).leak());
        if given.has(b'S') { over } else { over.choose(Expr::Settled(true, b""), dialled) }
    };
    let says = if asked == b"ping" { Output::Says("mysqld is alive") } else { Output::Unknown };
    Ok(Reads { expr, output: says })
}

/// `nc`: a connection opens; with a pipe in front, the text is sent.
pub fn nc(call: &Call<'_>) -> Result<Reads, Wrong> {
    const OPTIONS: &str = "z.zero|v.verbose|w:wait>--timeout=|u.udp|U.unixsock|n.nodns|4.>--ipv4\
        |6.>--ipv6|N.|q:quit|i:idle|t.|_.send-only|_.recv-only";
    let mut given = options::read(call, Style::Getopt, OPTIONS)?;
    let (udp, zero) = (given.has(b'u'), given.has(b'z'));
    let target = match (given.operands.as_slice(), given.has(b'U'), udp) {
        ([path], true, false) => join(&[b"unix://", path]),
        ([host, port], false, _) => address(if udp { "udp" } else { "tcp" }, host, port),
        _ => return Err(call.refuse("want HOST PORT")),
    };
    match call.stdin.map(|stdin| stdin.output) {
        None | Some(Output::Text(b"")) => {}
        Some(Output::Text(text)) if !zero => given.give("--send=", escaped(text)),
        Some(Output::Text(_)) => {}
        Some(_) => return Err(call.refuse("want echo or printf in front of the pipe")),
    }
    if udp && !given.own.iter().any(|one| one.starts_with(b"--send")) {
        return Err(call.refuse(
            "over UDP silence proves nothing: want a text to send, or natively listen:PORT --udp",
        ));
    }
    let arguments = given.with(target);
    let output = if zero { Output::Text(b"") } else { Output::Body(arguments.clone().leak()) };
    Ok(Reads::native(arguments, output))
}

/// As `--send` and `--expect` of a stream read it.
pub fn escaped(text: &[u8]) -> Bytes {
    let mut out = String::new();
    for byte in text {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\\' => out.push_str("\\\\"),
            b' '..=b'~' => out.push(char::from(*byte)),
            byte => {
                out.push_str("\\x");
                hex_digits(*byte, &mut out);
            }
        }
    }
    out.into_bytes().leak()
}

/// `mongosh`, `mongo`: what `--eval` or a pipe holds is a ping or a hello. Neither credentials nor a
/// database are used.
pub fn mongosh(call: &Call<'_>) -> Result<Reads, Wrong> {
    const OPTIONS: &str = "!:eval|@:host|^:port|u:username|p:password|_:authenticationDatabase\
        |_:authenticationMechanism|_.quiet|_.norc|_:json|=.tls>--tls|=.ssl>--tls\
        |%.tlsAllowInvalidCertificates>--insecure|%.sslAllowInvalidCertificates>--insecure\
        |/:tlsCAFile>--cacert=|(:tlsCertificateKeyFile>--cert=";
    let mut given = options::read(call, Style::Getopt, OPTIONS)?;
    let piped = match call.stdin.map(|stdin| stdin.output) {
        Some(Output::Text(text)) => text,
        _ => b"",
    };
    let mut code = first(piped, given.get(b'!')).to_ascii_lowercase();
    code.retain(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
    if !["ping", "hello", "ismaster"].iter().any(|name| contains(&code, name.as_bytes())) {
        return Err(call.refuse("want ping or hello in --eval or in a pipe"));
    }
    if code.ends_with(b"writableprimary") || code.ends_with(b".ismaster") {
        given.give("--primary", b"");
    }
    let part = |text: Bytes, at: u8| text.split(move |byte| *byte == at);
    let place = given.operands.first().copied().unwrap_or_default();
    let start = find(place, b"://").map_or(0, |at| at + 3);
    let (scheme, rest) = place.split_at_checked(start).unwrap_or_default();
    let named = start > 0 || rest.iter().any(|byte| b":/.".contains(byte));
    let rest = part(part(rest, b'/').next().unwrap_or_default(), b'@').next_back();
    let target = match rest {
        Some(rest) if named => join(&[first(scheme, b"mongodb://"), rest]),
        _ => address("mongodb", first(given.get(b'@'), b"localhost"), given.get(b'^')),
    };
    let says = Output::Says(if code.ends_with(b".ok") { "1" } else { "{ ok: 1 }" });
    Ok(Reads::native(given.with(target), says))
}

/// `grpc_health_probe`: SERVING is healthy.
pub fn grpc_health_probe(call: &Call<'_>) -> Result<Reads, Wrong> {
    const OPTIONS: &str = "a:addr|s:service|t.tls|k.tls-no-verify>--insecure|C:tls-ca-cert>--cacert=\
        |c:tls-client-cert>--cert=|K:tls-client-key>--key=|n:tls-server-name>--server-name=\
        |o:connect-timeout|r:rpc-timeout|h:rpc-header>--header=|u:user-agent|v.v|_.gzip";
    let mut given = options::read(call, Style::Go, OPTIONS)?;
    let mut time = 0;
    for key in [b'o', b'r'] {
        if given.has(key) {
            time += millis(value::duration(given.get(key))?);
        }
    }
    if time > 0 {
        given.give("--timeout=", (time.to_string() + "ms").as_bytes());
    }
    let mut place = given.get(b'a');
    if let Some(path) = place.strip_prefix(b"unix:") {
        given.give("--connect-to=unix:", path.strip_prefix(b"//").unwrap_or(path));
        place = b"localhost";
    }
    if place.is_empty() || !given.operands.is_empty() {
        return Err(call.refuse("want -addr HOST:PORT"));
    }
    let scheme: &[u8] = if given.has(b't') { b"grpcs://" } else { b"grpc://" };
    let service = given.get(b's');
    let mark: &[u8] = if service.is_empty() { b"" } else { b"/" };
    let target = join(&[scheme, place, mark, encoded(service)]);
    Ok(Reads::native(given.with(target), Output::Says("status: SERVING")))
}
