//! The fuzz targets: each takes any bytes, panics at what must not be, and touches no file and no
//! socket. This list is the only one: scripts/fuzz goes by the folders of the corpora, which
//! tests/corpus.rs compares with it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use healthcheck::checks::http::request::{Redirect, Url};
use healthcheck::checks::http::response::{self, Head};
use healthcheck::checks::http::ws::{Frame, frame};
use healthcheck::checks::json::Wanted;
use healthcheck::checks::kinds;
use healthcheck::checks::local::{pid, procfs as proc};
#[cfg(feature = "services")]
use healthcheck::checks::service as s;
use healthcheck::cli::{self, Command};
#[cfg(feature = "drop-in")]
use healthcheck::dropin::expr::Expr;
#[cfg(feature = "drop-in")]
use healthcheck::dropin::{self, World};
use healthcheck::input::address::Address;
use healthcheck::input::{Authority, Host, Text, target, value as v};
use healthcheck::net::conversation::{Decoded, MESSAGE};
#[cfg(feature = "services")]
use healthcheck::net::recognise::recognise;
use healthcheck::net::{conf, dns as message};
use healthcheck::plan;
use healthcheck::text::Wrong;

/// The name of a target and of its corpus, and what is done with each input.
pub type Body = (&'static str, fn(&[u8]));

/// Every target.
pub const ALL: &[Body] = &[
    ("allocator", healthcheck_alloc::model::run),
    ("args", args),
    ("expand", expand),
    #[cfg(feature = "drop-in")]
    ("dropin", dropin),
    ("url", url),
    ("redirect", redirect),
    ("value", value),
    ("http", http),
    ("json", json),
    ("dns", dns),
    ("names", names),
    ("procfs", procfs),
    ("cgroup", cgroup),
    #[cfg(feature = "tls")]
    ("certificate", certificate),
    #[cfg(feature = "tls")]
    ("not_tls", not_tls),
    #[cfg(feature = "services")]
    ("recognise", |data| recognise(data).into_iter().for_each(one_line)),
    #[cfg(feature = "services")]
    ("hpack", hpack),
    #[cfg(feature = "services")]
    ("grpc", grpc),
    #[cfg(feature = "services")]
    ("amqp", |data| stream(data, &s::amqp::start)),
    #[cfg(feature = "services")]
    ("cassandra", |data| stream(data, &s::cassandra::decode)),
    #[cfg(feature = "services")]
    ("fcgi", fcgi),
    #[cfg(feature = "services")]
    ("kafka", |data| stream(data, &s::kafka::decode)),
    #[cfg(feature = "services")]
    ("ldap", |data| stream(data, &s::ldap::decode)),
    #[cfg(feature = "services")]
    ("memcached", |data| stream(data, &s::memcached::reply)),
    #[cfg(feature = "services")]
    ("mongodb", |data| stream(data, &s::mongodb::decode)),
    #[cfg(feature = "services")]
    ("mqtt", |data| stream(data, &s::mqtt::connack)),
    #[cfg(feature = "services")]
    ("mssql", |data| stream(data, &s::mssql::decode)),
    #[cfg(feature = "services")]
    ("mysql", |data| stream(data, &s::mysql::decode)),
    #[cfg(feature = "services")]
    ("nats", nats),
    #[cfg(feature = "services")]
    ("postgres", |data| stream(data, &s::postgres::decode)),
    #[cfg(feature = "services")]
    ("redis", |data| stream(data, &s::redis::reply)),
    ("ws", ws),
    #[cfg(feature = "services")]
    ("zookeeper", |data| stream(data, &s::zookeeper::reply)),
];

/// What a container's owner types is copied and shown, and may take memory for it; what a peer says
/// may not. So much of an input is typed.
fn typed(data: &[u8]) -> &[u8] {
    &data[..data.len().min(4096)]
}

/// Variables whose values are awkward.
fn variable(name: &OsStr) -> Option<OsString> {
    match name.as_bytes() {
        b"NAME" => Some("value/with@all:of%41[it]${NAME}".into()),
        b"EMPTY" => Some(OsString::new()),
        b"HOST" => Some("localhost:8080".into()),
        b"RAW" => Some(OsString::from_vec(b"\xff\0\n".to_vec())),
        _ => None,
    }
}

/// Expansion reads files; nothing here does.
fn names_a_file(data: &[u8]) -> bool {
    data.windows(8).any(|window| window == b"${file:/")
}

/// Arguments apart by NUL; after a NUL at the very front, `HEALTHCHECK_ARGS`. Never healthy without
/// a check, and no word about what is wrong forges a line.
fn args(data: &[u8]) {
    if names_a_file(data) {
        return;
    }
    // Far more than the targets there may be. Arguments are no peer's: they take what memory they take.
    let apart = |byte: &&u8| **byte == 0 || byte.is_ascii_whitespace();
    if data.iter().filter(apart).count() > 500 {
        return;
    }
    let words = data.strip_prefix(b"\0");
    let env = |name: &OsStr| match (name.as_bytes(), words) {
        (b"HEALTHCHECK_ARGS", words) => words.map(|text| OsStr::from_bytes(text).to_owned()),
        _ => variable(name),
    };
    let args = match words {
        Some(_) => Vec::new(),
        None => data.split(|byte| *byte == 0).map(|arg| OsStr::from_bytes(arg).into()).collect(),
    };
    match cli::parse(args, &env) {
        Ok(Command::Run(run, _)) => match run.expr {
            plan::Expr::Checks(_, checks) => assert!((1..=64).contains(&checks.len())),
            other => panic!("a native command line is no {other:?}"),
        },
        Ok(
            Command::Help(_)
            | Command::Version
            | Command::Explain(_)
            | Command::Install(_)
            | Command::Hold,
        ) => {}
        Err(usage) => assert!(!usage.to_string().is_empty()),
    }
}

/// A shell's text never is healthy where every check in it is not, but where one of its words says
/// so; and the arguments that it amounts to are read like those of a command line.
#[cfg(feature = "drop-in")]
fn dropin(data: &[u8]) {
    let data = typed(data);
    let world = World {
        variable: &|name| variable(OsStr::from_bytes(name)).map(OsString::into_vec),
        file: &|_| Some(b"42\n".to_vec()),
    };
    let words = [b"sh", b"-c".as_slice(), data].map(<[u8]>::to_vec);
    let Ok(expr) = dropin::read(words.to_vec(), world) else { return };
    let says = ["true", "exit", ":", "!", "if", "echo", "printf", "test", "[", "cat", "grep", "-v"];
    let said = |text: &str| data.windows(text.len()).any(|window| window == text.as_bytes());
    if never(&expr) {
        assert!(says.iter().any(|text| said(text)), "{expr:?}");
    }
}

/// What `expr` comes to when no check is healthy.
#[cfg(feature = "drop-in")]
fn never(expr: &Expr) -> bool {
    match expr {
        Expr::Settled(healthy, why) => {
            assert!(!healthy || !why.is_empty());
            *healthy
        }
        Expr::Native(arguments) | Expr::Own(arguments) => {
            let arguments =
                arguments.iter().map(|word| OsString::from_vec(word.to_vec())).collect();
            if let Err(usage) = cli::parse(arguments, &variable) {
                assert!(!usage.to_string().is_empty());
            }
            false
        }
        Expr::Not(inner) => !never(inner),
        Expr::And(pair) => pair.iter().all(never),
        Expr::Or(pair) => pair.iter().any(never),
        Expr::Within(_, inner) => never(inner),
    }
}

/// Text and target expand alike but for the userinfo; without a `$` nothing does. Words that a
/// shell's quotes protect come back as they were.
fn expand(data: &[u8]) {
    use cli::expand::{from_variable, target, text};
    let data = typed(data);
    if !names_a_file(data) {
        let (text, target) = (text(data, &variable), target(data, &variable));
        assert_eq!(text.is_ok(), target.is_ok());
        for done in [text, target].into_iter().flatten() {
            assert_eq!(done.typed, data);
            assert!(done.meant == data || data.contains(&b'$'));
        }
    }
    let words: Vec<&[u8]> = data.split(|byte| *byte == 0).take(1024).collect();
    let mut quoted = Vec::new();
    for word in &words {
        quoted.extend_from_slice(b" '");
        for byte in *word {
            quoted.extend_from_slice(if *byte == b'\'' {
                b"'\\''"
            } else {
                std::slice::from_ref(byte)
            });
        }
        quoted.push(b'\'');
    }
    let split = |text: &[u8]| from_variable(&|_| Some(OsString::from_vec(text.to_vec())));
    let back = split(&quoted).expect("sound quotes");
    assert!(back.iter().map(|word| word.as_bytes()).eq(words));
    // Each quote and backslash goes, nothing is added.
    if let Ok(words) = split(data) {
        assert!(words.iter().map(|word| word.len()).sum::<usize>() <= data.len());
    }
}

/// A target as it is typed. Userinfo is masked; the host that is shown is one that parses.
fn url(data: &[u8]) {
    if names_a_file(data) {
        return;
    }
    let Ok(text) = cli::expand::target(typed(data), &variable) else { return };
    let target = match kinds::read(&text) {
        Ok((_, target)) => target,
        // Of a scheme that nobody knows: its userinfo is masked as well.
        Err(usage) => {
            let colon = text.meant.iter().position(|byte| *byte == b':').expect("a scheme");
            let authority = Authority::parse(&text.meant[colon + 1..]);
            // A label is cut behind a scheme that is longer than it.
            let seen = colon < target::LABEL / 2;
            if seen && authority.is_ok_and(|authority| authority.user.is_some()) {
                assert!(usage.to_string().contains("***"), "{usage}");
            }
            return;
        }
    };
    let _ = target.absolute_path();
    if let Ok(authority) = target.authority() {
        if authority.user.is_some() && !target.scheme.opaque {
            assert!(target.label.contains("***"), "{}", target.label);
        }
        same_host(authority.host.to_string(), &authority.host);
    }
}

/// As a Host header has it; the zone of an address means nothing to others (RFC 6874 section 1).
fn same_host(shown: String, host: &Host) {
    let without_zone = |host: &Host| match host {
        Host::Ip(address) => Host::Ip(Address { zone: None, ..address.clone() }),
        host => host.clone(),
    };
    let again = target::split_port(&shown).map(|(host, _)| host);
    assert_eq!(again.as_ref(), Ok(&without_zone(host)), "{shown}");
}

/// A URL on the first line, and a Location behind it. What comes of it may stand in a request, and
/// the host is another one only where the Location names it.
fn redirect(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (from, location) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok((_, target)) = kinds::read(&Text::plain(from)) else { return };
    let Ok(authority) = target.authority() else { return };
    let Ok(from) = Url::new(target.scheme.name == "https", authority) else { return };
    let Redirect::To(to) = from.join(location) else { return };
    for url in [&from, &to] {
        assert!(url.path.starts_with('/') && url.path.bytes().all(|byte| byte.is_ascii_graphic()));
        same_host(url.host_header(), &url.host);
    }
    let named = location.windows(2).any(|two| two == b"//");
    assert!(named || (&to.host, to.port, to.secure) == (&from.host, from.port, from.secure));
}

/// The value of an option, by each of the grammars. The words on what is wrong repeat nothing of it
/// that could forge a line.
fn value(data: &[u8]) {
    fn wrong<T>(done: Result<T, Wrong>) -> Option<T> {
        done.inspect_err(|wrong| one_line(wrong)).ok()
    }
    assert!(wrong(v::duration(data)).is_none_or(|time| !time.is_zero()));
    assert!(wrong(v::Percent::parse(data)).is_none_or(|part| part <= v::Percent::whole(100)));
    assert!(wrong(v::port(data)).is_none_or(|port| port != 0));
    // A bare number is one, and the same one, for each that takes numbers.
    let number = wrong(v::number(data));
    assert!(number.is_none() || v::size(data).ok() == number);
    assert!(wrong(v::size(data)).is_none() || data.first().is_some_and(u8::is_ascii_digit));
    let escaped = wrong(v::escaped(data));
    assert!(escaped.is_none_or(|text| (1..=data.len()).contains(&text.len())));
    if let Some((name, value)) = wrong(v::header(data)) {
        assert!(v::is_token(&name) && !value.bytes().any(|byte| matches!(byte, 0 | b'\r' | b'\n')));
    }
    if let Some(set) = wrong(v::StatusSet::parse(data)) {
        assert!((100..=999).any(|status| set.contains(status)));
        assert!(!(0..100).chain(1000..=u16::MAX).any(|status| set.contains(status)));
        let known = |c: char| c.is_ascii_digit() || c.is_whitespace() || "xX-,".contains(c);
        assert!(set.text().chars().all(known), "{}", set.text());
    }
}

/// What came of a response: the statuses, the body as far as it came, whether it is complete.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    heads: Vec<Head>,
    body: Vec<u8>,
    complete: bool,
}

/// A response, informational ones in front of it: read at once and byte by byte, it is the same.
fn http(data: &[u8]) {
    assert_eq!(read(data, data.len()), read(data, 1));
}

/// Feeds `step` bytes at a time, as the check does.
fn read(data: &[u8], step: usize) -> Result<Read, Wrong> {
    let (mut inbox, mut searched, mut seen) = (Vec::new(), 0, Read::default());
    let mut body: Option<response::Body> = None;
    for piece in data.chunks(step.max(1)) {
        inbox.extend_from_slice(piece);
        while body.is_none() {
            let Some((head, used)) = Head::parse(&inbox, searched)? else { break };
            assert!(used <= inbox.len());
            inbox.drain(..used);
            searched = 0;
            if !(100..=199).contains(&head.status) {
                body = Some(head.framing(false)?);
            }
            seen.heads.push(head);
        }
        match &mut body {
            None => searched = inbox.len(),
            Some(body) => {
                body.decode(&mut inbox, &mut seen.body)?;
                seen.complete = body.is_complete();
            }
        }
    }
    assert!(seen.body.len() <= data.len());
    Ok(seen)
}

/// A pointer with its value, a body, and what came of them.
pub struct Asked<'a> {
    /// RFC 6901.
    pub pointer: &'a str,
    /// What is wanted there.
    pub value: &'a str,
    /// What is JSON, perhaps.
    pub body: &'a [u8],
    /// Of the body.
    pub verdict: Result<(), healthcheck::verdict::Failure>,
}

impl Asked<'_> {
    /// Why it is unhealthy.
    pub fn words(&self) -> &str {
        self.verdict.as_ref().err().map_or("", |failure| failure.words())
    }
}

/// The first line is `POINTER=VALUE`, the rest the body. `None` when the line is none.
pub fn split(data: &[u8]) -> Option<Asked<'_>> {
    let newline = data.iter().position(|byte| *byte == b'\n')?;
    let (line, body) = (&data[..newline], &data[newline + 1..]);
    let verdict = Wanted::parse(line).ok()?.judge(body);
    let (pointer, value) = str::from_utf8(line).ok()?.split_once('=')?;
    Some(Asked { pointer, value, body, verdict })
}

/// A body that is cut is never healthy, unless what was cut off are blanks or digits of a number.
pub fn json(data: &[u8]) {
    let Some(asked) = split(data) else { return };
    one_line(asked.words());
    if asked.verdict.is_ok() && matches!(asked.body.last(), Some(b'}' | b']' | b'"')) {
        let cut = &data[..data.len() - 1];
        assert!(split(cut).is_some_and(|asked| asked.verdict.is_err()));
    }
}

/// Blocks of one connection: the dynamic table outlives the first.
#[cfg(feature = "services")]
fn hpack(data: &[u8]) {
    use s::grpc::hpack::{Decoder, LIST, TABLE};
    let mut decoder = Decoder::new(TABLE);
    for _ in 0..2 {
        let mut size = 0;
        let done = decoder.decode(data, &mut |name, value| size += name.len() + value.len() + 32);
        assert!(size <= LIST, "a list of {size} bytes");
        if done.is_err() {
            break;
        }
    }
}

/// All that a gRPC server may send: nothing is healthy that has no tag of the status in it.
#[cfg(feature = "services")]
fn grpc(data: &[u8]) {
    use healthcheck::attempt::{Attempt, Log};
    use s::grpc::{frame::Frame, reply::Reply};

    stream(data, &Frame::parse);
    let (mut reply, mut rest, mut out) = (Reply::new(false), data, Vec::new());
    let mut taken = Ok(());
    while let (Some(_), Ok(()), Ok(Some((frame, used)))) =
        (reply.awaited(), &taken, Frame::parse(rest))
    {
        rest = &rest[used..];
        taken = reply.take(&frame, &|_, _| {}, &mut out);
    }
    let log = Log { line: |_| {}, verbose: false, waiting: false };
    let attempt = Attempt::new("fuzz", std::time::Duration::from_secs(60), log);
    assert!(reply.judge(&attempt).is_err() || data.contains(&0x08));
}

/// Records, and the head of what they carry; also of the input itself, which gets further.
#[cfg(feature = "services")]
fn fcgi(data: &[u8]) {
    const STDOUT: u8 = 6;
    stream(data, &s::fcgi::record);
    let (mut rest, mut out) = (data, Vec::new());
    while let Ok(Some(((kind, content), used))) = s::fcgi::record(rest) {
        rest = &rest[used..];
        if kind == STDOUT {
            out.extend_from_slice(&content);
        }
    }
    for text in [data, &out] {
        match s::fcgi::head(text) {
            Ok((status, line, body)) => {
                one_line(&line);
                assert!((100..=999).contains(&status) && text.ends_with(body));
            }
            Err(wrong) => one_line(&wrong),
        }
    }
}

/// The first line, what follows it, and the version in it.
#[cfg(feature = "services")]
fn nats(data: &[u8]) {
    stream(data, &s::nats::info);
    stream(data, &s::nats::reply);
    if let Ok(Some((info, _))) = s::nats::info(data) {
        one_line(&s::nats::version(&info));
    }
}

/// Frames of a WebSocket, alone and within one that is underway, and one after another.
fn ws(data: &[u8]) {
    stream(data, &|bytes| frame(bytes, 0));
    let (mut left, mut rest) = (0, data);
    while let Ok(Some((read, used))) = frame(rest, left) {
        assert!((1..=rest.len()).contains(&used));
        rest = &rest[used..];
        match read {
            Frame::Rest(more) => left = more,
            Frame::Close(_) => break,
        }
    }
}

/// An answer, as a datagram and with its length in front.
fn dns(data: &[u8]) {
    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01";
    match message::Answer::parse(data, QUERY) {
        Ok(Some(answer)) => {
            assert!(data.starts_with(b"\x12\x34"));
            assert!(answer.records.len() * 11 <= data.len());
            one_line(&answer.code.name());
        }
        Ok(None) => {}
        Err(wrong) => one_line(&wrong),
    }
    stream(data, &|bytes: &[u8]| healthcheck::checks::dns::framed(bytes, QUERY));
}

/// `/etc/hosts`, `/etc/resolv.conf`, and a name for the question.
fn names(data: &[u8]) {
    for ip in conf::in_hosts(data, "db") {
        assert!(conf::in_hosts(data, "DB.").contains(&ip));
    }
    let candidates = conf::Conf::parse(data).candidates("db");
    assert!(candidates.iter().any(|name| name == "db"));
    if let Some(encoded) = str::from_utf8(data).ok().and_then(message::encode) {
        assert!(encoded.len() <= 255 && encoded.ends_with(&[0]));
    }
}

/// What the kernel says of processes and sockets, and a pid file.
fn procfs(data: &[u8]) {
    let _ = proc::stat(data);
    let _ = proc::field(data, "State").and_then(proc::number);
    let _ = proc::inet(data);
    assert!(proc::unix(data).is_none_or(|path| data.ends_with(path)));
    match pid::pid(data) {
        Ok(pid) => assert!(pid > 0),
        Err(got) => one_line(&got),
    }
}

/// `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn cgroup(data: &[u8]) {
    if let Some((version, path)) = proc::cgroup(data) {
        assert!(path.is_empty() || data.windows(path.len()).any(|window| window == path));
        let _ = proc::mount(data, version, path);
    }
    for version in [proc::Version::V1, proc::Version::V2] {
        for path in [&b"/"[..], b"/a/b", b"/../x"] {
            if let Some((at, below)) = proc::mount(data, version, path) {
                assert!(!at.contains(&b' ') && !at.contains(&b'\n') && path.ends_with(below));
            }
        }
    }
}

/// A certificate as messages show it.
#[cfg(feature = "tls")]
fn certificate(data: &[u8]) {
    if let Some(shown) = healthcheck::net::tls::certificate::Certificate::of(data) {
        for words in [&shown.subject, &shown.issuer, &shown.not_before, &shown.not_after] {
            one_line(words);
        }
        shown.names.iter().flatten().for_each(|name| one_line(name));
    }
}

/// The first bytes of a server that speaks no TLS.
#[cfg(feature = "tls")]
fn not_tls(data: &[u8]) {
    match healthcheck::net::tls::explain::not_tls(data) {
        Some(words) => one_line(&words),
        None => assert!(data.first().is_none_or(|first| (20..=24).contains(first))),
    }
}

/// What every decoder of a stream must keep. It uses no more than there is; it says the same however
/// the bytes are cut: what was decoded stays so when more comes, nothing passes for the whole sooner,
/// and no prefix is refused of what is then taken. Its errors forge no line.
fn stream<T>(data: &[u8], decode: &dyn Fn(&[u8]) -> Decoded<T>) {
    let whole = decode(data);
    let used = match &whole {
        Ok(Some((_, used))) => Some(*used),
        Ok(None) => None,
        Err(wrong) => {
            one_line(wrong);
            None
        }
    };
    assert!(used.is_none_or(|used| (1..=data.len().min(MESSAGE + 1024)).contains(&used)));
    // All of a short answer's prefixes, some of a long one's, those around its end always.
    let step = data.len() / 256 + 1;
    let around = used.map_or(0..0, |used| used.saturating_sub(2)..data.len().min(used + 2));
    for end in (0..data.len()).step_by(step).chain(around) {
        match (decode(&data[..end]), used) {
            (Ok(Some((_, sooner))), Some(used)) => assert!(sooner == used && used <= end),
            (Ok(Some(_)), None) => panic!("{end} bytes were a message, all are none"),
            (Ok(None), Some(used)) => assert!(end < used, "{used} bytes do not suffice"),
            (Err(wrong), _) => assert!(whole.is_err(), "{end} bytes are refused: {wrong}"),
            (Ok(None), None) => {}
        }
    }
}

/// No word of ours about a peer holds what could forge a line.
fn one_line(words: &str) {
    assert!(!words.chars().any(char::is_control), "{words:?}");
}
