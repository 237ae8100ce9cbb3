//! The rows of all options: they parse, they make the help and the manual, they are tested.

use crate::text::{Laid, Place};

/// An option, whichever way it is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant has its row below")]
pub enum Flag {
    Help,
    Version,
    Install,
    Any,
    Wait,
    Interval,
    Output,
    Quiet,
    Verbose,
    Explain,
    Timeout,
    Name,
    Method,
    Header,
    Data,
    User,
    Status,
    Follow,
    Expect,
    ExpectJson,
    Grep,
    Reject,
    ExpectHeader,
    ConnectTo,
    ProxyProtocol,
    Ipv4,
    Ipv6,
    Tls,
    Insecure,
    Cacert,
    Cert,
    Key,
    ServerName,
    MinValidity,
    Send,
    Bye,
    Type,
    Primary,
    Member,
    MaxAge,
    MinSize,
    Absent,
    FileType,
    Readable,
    Match,
    MinCount,
    MaxCount,
    Udp,
    MinFree,
    MinFreeInodes,
    FailCode,
    Hold,
    MaxUsed,
}

/// Whether an option has a value, and what the help calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// Always one.
    Value(&'static str),
    /// A number, if one follows.
    Maybe(&'static str),
}

/// The heading an option stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Concerns the whole run; may stand anywhere.
    Run,
    /// Every check takes it.
    Every,
    /// Several kinds take it.
    Network,
    /// HTTP and HTTPS.
    Http,
    /// Schemes that speak TLS.
    Tls,
    /// Local checks.
    Local,
}

impl Group {
    /// In the order of the help.
    pub const ALL: [Group; 6] =
        [Group::Every, Group::Http, Group::Network, Group::Tls, Group::Local, Group::Run];

    /// The heading in the help.
    pub fn heading(self) -> &'static str {
        match self {
            Group::Run => "The whole run",
            Group::Every => "Every check",
            Group::Network => "Network checks",
            Group::Http => "http, https",
            Group::Tls => "TLS",
            Group::Local => "Local checks",
        }
    }
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which.
    pub flag: Flag,
    /// `-t`, or none.
    pub short: Option<char>,
    /// Its heading.
    pub group: Group,
    /// Whether it may stand again in one place: all of its values count.
    pub repeats: bool,
    long: Place,
    takes: Kind,
    value: Place,
    help: Place,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Nothing,
    Value,
    Maybe,
}

impl Row {
    /// `timeout`.
    pub fn long(&self) -> &'static str {
        TABLE.1.text(self.long)
    }

    /// Whether it is called so.
    pub fn is(&self, long: &str) -> bool {
        TABLE.1.bytes(self.long) == long.as_bytes()
    }

    /// Its value.
    pub fn takes(&self) -> Takes {
        match self.takes {
            Kind::Nothing => Nothing,
            Kind::Value => Value(TABLE.1.text(self.value)),
            Kind::Maybe => Maybe(TABLE.1.text(self.value)),
        }
    }

    /// One line of help.
    pub fn help(&self) -> &'static str {
        TABLE.1.text(self.help)
    }
}

/// One option as it is written below.
struct Written {
    flag: Flag,
    short: Option<char>,
    long: &'static str,
    takes: Takes,
    group: Group,
    repeats: bool,
    help: &'static str,
}

const fn row(
    group: Group,
    flag: Flag,
    short: Option<char>,
    long: &'static str,
    takes: Takes,
    help: &'static str,
) -> Written {
    Written { flag, short, long, takes, group, repeats: false, help }
}

/// The same, given as often as one likes.
const fn repeatable(row: Written) -> Written {
    Written { repeats: true, ..row }
}

use Group::{Every, Http, Local, Network, Run, Tls};
use Takes::{Maybe, Nothing, Value};

/// Every option there is.
#[rustfmt::skip]
const WRITTEN: &[Written] = &[
    row(Every, Flag::Timeout, Some('t'), "timeout", Value("DURATION"), "the check ends by then, name resolution included (5s)"),
    row(Every, Flag::Name, Some('n'), "name", Value("LABEL"), "printed in place of the target"),

    row(Http, Flag::Method, Some('X'), "method", Value("NAME"), "GET; POST when --data is given"),
    repeatable(row(Http, Flag::Header, Some('H'), "header", Value("NAME: VALUE"), "a request header; repeatable; metadata of grpc")),
    row(Http, Flag::Data, Some('d'), "data", Value("TEXT"), "the request body"),
    row(Http, Flag::User, Some('u'), "user", Value("USER:PASS"), "Basic authentication"),
    row(Http, Flag::Status, None, "status", Value("LIST"), "accepted: 200 or 200,204 or 200-299 or 2xx (200-399)"),
    row(Http, Flag::Follow, None, "follow", Maybe("[N]"), "follow up to N redirects (10) on the same host"),
    repeatable(row(Http, Flag::ExpectJson, None, "expect-json", Value("POINTER=VALUE"), "VALUE or A|B is at the RFC 6901 pointer; also != < <= > >= N; repeatable")),
    repeatable(row(Http, Flag::ExpectHeader, None, "expect-header", Value("NAME: VALUE"), "a response header contains VALUE; NAME alone: is there; repeatable")),

    repeatable(row(Network, Flag::Expect, Some('e'), "expect", Value("TEXT"), "TEXT is in the body, the reply, the file; repeatable")),
    row(Network, Flag::Send, None, "send", Value("TEXT"), "tcp, unix, tls, udp: write this first; \\r \\n \\t \\0 \\\\ \\xHH"),
    row(Network, Flag::Bye, None, "bye", Value("TEXT"), "tcp, unix, tls: write this when healthy: QUIT, LOGOUT"),
    repeatable(row(Network, Flag::Grep, None, "grep", Value("FLAGS:TEXT"), "a line is as grep would find it, flags F E i w x, or all (a); repeatable")),
    repeatable(row(Network, Flag::Reject, None, "reject", Value("TEXT"), "TEXT is not in the body, the reply, the file; repeatable")),
    row(Network, Flag::Type, None, "type", Value("TYPE"), "dns: the record wanted: A, AAAA, TXT, ... (A)"),
    row(Network, Flag::ConnectTo, None, "connect-to", Value("ADDR"), "dial HOST:PORT or unix:/path.sock instead"),
    row(Network, Flag::ProxyProtocol, None, "proxy-protocol", Nothing, "say PROXY UNKNOWN first: to listeners behind a proxy"),
    row(Network, Flag::Ipv4, Some('4'), "ipv4", Nothing, "IPv4 addresses only"),
    row(Network, Flag::Ipv6, Some('6'), "ipv6", Nothing, "IPv6 addresses only"),
    row(Network, Flag::Primary, None, "primary", Nothing, "mongodb: and it is writable"),
    row(Network, Flag::Member, None, "member", Nothing, "mongodb: and it is a primary or a secondary"),

    row(Tls, Flag::Tls, None, "tls", Nothing, "postgres, mysql, nats, mongodb, mssql: with TLS"),
    row(Tls, Flag::Insecure, Some('k'), "insecure", Nothing, "accept any certificate"),
    row(Tls, Flag::Cacert, None, "cacert", Value("FILE"), "trust these PEM roots only (SSL_CERT_FILE, else the built-in ones)"),
    row(Tls, Flag::Cert, None, "cert", Value("FILE"), "client certificate chain, PEM"),
    row(Tls, Flag::Key, None, "key", Value("FILE"), "its private key, PEM; may be in the same file"),
    row(Tls, Flag::ServerName, None, "server-name", Value("NAME"), "the name to send and to verify"),
    row(Tls, Flag::MinValidity, None, "min-validity", Value("DURATION"), "the chain still verifies this far in the future"),

    row(Local, Flag::MaxAge, None, "max-age", Value("DURATION"), "file: modified since"),
    row(Local, Flag::MinSize, None, "min-size", Value("SIZE"), "file: at least this large"),
    row(Local, Flag::Absent, None, "absent", Nothing, "file: it must not exist"),
    row(Local, Flag::FileType, None, "file-type", Value("file|directory|socket|fifo"), "file: it is one"),
    row(Local, Flag::Readable, None, "readable", Nothing, "file: it can be opened for reading"),
    row(Local, Flag::Match, None, "match", Value("name|part|arguments"), "process: NAME is its name, a part of that, or of its arguments"),
    row(Local, Flag::MinCount, None, "min-count", Value("N"), "process: at least N (1)"),
    row(Local, Flag::MaxCount, None, "max-count", Value("N"), "process: at most N"),
    row(Local, Flag::Udp, None, "udp", Nothing, "listen: UDP"),
    row(Local, Flag::MinFree, None, "min-free", Value("SIZE|PERCENT"), "disk: room left (5%)"),
    row(Local, Flag::MinFreeInodes, None, "min-free-inodes", Value("PERCENT"), "disk: inodes left"),
    row(Local, Flag::MaxUsed, None, "max-used", Value("PERCENT"), "memory: used of the limit (95%)"),

    row(Run, Flag::Any, None, "any", Nothing, "one healthy check is enough"),
    row(Run, Flag::Wait, Some('w'), "wait", Value("DURATION"), "try again until healthy or the time is up"),
    row(Run, Flag::Interval, None, "interval", Value("DURATION"), "between the tries of --wait (1s)"),
    row(Run, Flag::Output, Some('o'), "output", Value("text|json"), "text"),
    row(Run, Flag::Quiet, Some('q'), "quiet", Nothing, "print nothing when healthy"),
    row(Run, Flag::Verbose, Some('v'), "verbose", Nothing, "addresses, timings, TLS and heads on stderr"),
    row(Run, Flag::FailCode, None, "fail-code", Value("N"), "the exit code of unhealthy (1); Consul and Nomad want 2"),
    row(Run, Flag::Hold, None, "hold", Nothing, "check nothing, end with 0 at SIGTERM: for sidecars"),
    row(Run, Flag::Explain, None, "explain", Nothing, "checks nothing: print these arguments, or those that a curl or sh amounts to"),
    row(Run, Flag::Install, None, "install", Value("PATH"), "copy this executable to PATH, mode 0755"),
    row(Run, Flag::Help, Some('h'), "help", Nothing, "this text"),
    row(Run, Flag::Version, Some('V'), "version", Nothing, "version, features and target"),
];

const LENGTH: usize = WRITTEN.len();

/// The rows and their texts.
static TABLE: ([Row; LENGTH], Laid<{ table::<8192>().1.used() }>) = table();

/// Every option there is.
pub static ROWS: &[Row] = &TABLE.0;

#[expect(clippy::indexing_slicing, reason = "called by the compiler alone, which would say so")]
const fn table<const BYTES: usize>() -> ([Row; LENGTH], Laid<BYTES>) {
    let mut laid = Laid::NONE;
    let mut rows = [Row {
        flag: Flag::Help,
        short: None,
        group: Run,
        repeats: false,
        long: Place::NONE,
        takes: Kind::Nothing,
        value: Place::NONE,
        help: Place::NONE,
    }; LENGTH];
    let mut i = 0;
    while i < LENGTH {
        let Written { flag, short, long, takes, group, repeats, help } = WRITTEN[i];
        let (kind, value) = match takes {
            Nothing => (Kind::Nothing, ""),
            Value(value) => (Kind::Value, value),
            Maybe(value) => (Kind::Maybe, value),
        };
        let (more, long) = laid.lay(long);
        let (more, value) = more.lay(value);
        let (more, help) = more.lay(help);
        laid = more;
        rows[i] = Row { flag, short, group, repeats, long, takes: kind, value, help };
        i += 1;
    }
    (rows, laid)
}

impl Flag {
    /// The row of this option; each has one, as a test says.
    pub fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.flag == self)
    }

    /// `--timeout`, for messages.
    pub fn spelled(self) -> String {
        ["--", self.row().map_or("", Row::long)].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_row_and_every_row_is_found() {
        for (i, row) in ROWS.iter().enumerate() {
            assert_eq!(row.flag.spelled(), format!("--{}", row.long()));
            for other in &ROWS[i + 1..] {
                assert_ne!(row.long(), other.long());
                assert!(row.short.is_none() || row.short != other.short, "-{:?} twice", row.short);
            }
            let help = row.help();
            assert_eq!(row.repeats, help.contains("repeatable"), "{help}");
            assert!(help.len() < 90 && !help.ends_with('.'), "{help}");
        }
        // The last variant: all of them have a row.
        assert_eq!(ROWS.len(), Flag::MaxUsed as usize + 1);
    }
}
