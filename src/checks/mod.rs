//! The kinds of checks: which scheme makes which, and their one entrance.

pub mod dns;
pub mod http;
pub mod json;
pub mod local;
#[cfg(feature = "services")]
pub mod service;
pub mod stream;
pub mod udp;

use std::time::Duration;

use crate::attempt::Attempt;
use crate::input::{Flag, Options, Target, Usage, target};
use crate::verdict::{Verdict, brief};

/// One thing to check.
#[derive(Debug)]
pub enum Check {
    /// `http`, `https`
    Http(Box<http::Http>),
    /// `tcp`, `unix`, `tls`
    Stream(stream::Stream),
    /// `udp`
    Udp(udp::Udp),
    /// `dns`
    Dns(dns::Dns),
    /// `file`, `pid`, `process`, `listen`, `disk`, `memory`
    Local(local::Local),
    /// `grpc`, `redis`, `postgres`, ...
    #[cfg(feature = "services")]
    Service(service::Service),
}

impl Check {
    /// Makes the check that `target` names, with the options that it takes.
    pub fn parse(target: &Target, options: &Options<'_>) -> Result<Self, Usage> {
        Ok(match target.scheme.as_str() {
            "http" | "https" => Check::Http(Box::new(http::Http::parse(target, options)?)),
            "tcp" | "unix" | "tls" => Check::Stream(stream::Stream::parse(target, options)?),
            "udp" => Check::Udp(udp::Udp::parse(target, options)?),
            "dns" => Check::Dns(dns::Dns::parse(target, options)?),
            _ => {
                if let Some(local) = local::Local::parse(target, options)? {
                    return Ok(Check::Local(local));
                }
                #[cfg(feature = "services")]
                if let Some(service) = service::Service::parse(target, options)? {
                    return Ok(Check::Service(service));
                }
                return Err(target.wrong("an unknown scheme; --help lists the targets"));
            }
        })
    }

    /// Carries the check out. It ends by the attempt's deadline.
    pub fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        match self {
            Check::Http(check) => check.run(attempt),
            Check::Stream(check) => check.run(attempt),
            Check::Udp(check) => check.run(attempt),
            Check::Dns(check) => check.run(attempt),
            Check::Local(check) => check.run(attempt),
            #[cfg(feature = "services")]
            Check::Service(check) => check.run(attempt),
        }
    }
}

/// What a target looks like and when it is healthy: the help, and the message about an unknown
/// scheme.
pub const TARGETS: &[(&str, &str)] = &[
    ("http://host[:port][/path]", "the status is accepted, every --expect holds; https://"),
    ("tcp://host:port", "a connection opens, --expect holds; tls://"),
    ("unix:///path.sock", "the same over a Unix socket; unix:///@name: abstract"),
    ("udp://host:port", "a reply comes to --send"),
    ("dns://server[:port]/name", "NOERROR with a record"),
    #[cfg(feature = "services")]
    ("grpc://host:port[/service]", "grpc.health.v1.Health/Check says SERVING; grpcs://"),
    #[cfg(feature = "services")]
    ("redis://[[user]:pass@]host[:port][/db]", "PING gets PONG; rediss://"),
    #[cfg(feature = "services")]
    ("postgres://[user@]host[:port][/db]", "as pg_isready: it accepts connections; postgresql://"),
    #[cfg(feature = "services")]
    ("mysql://[user@]host[:port]", "a greeting, and a login is answered; mariadb://"),
    #[cfg(feature = "services")]
    ("mongodb://host[:port]", "hello answers ok:1; --primary: and it is writable"),
    #[cfg(feature = "services")]
    ("memcached://host[:port]", "version answers VERSION"),
    #[cfg(feature = "services")]
    ("amqp://host[:port]", "Connection.Start arrives; amqps://"),
    #[cfg(feature = "services")]
    ("mqtt://[user:pass@]host[:port]", "CONNACK accepts; mqtts://"),
    #[cfg(feature = "services")]
    ("nats://[user:pass@|token@]host[:port]", "PING gets PONG"),
    #[cfg(feature = "services")]
    ("kafka://host[:port]", "ApiVersions is answered"),
    #[cfg(feature = "services")]
    ("fcgi://host[:port]/ping", "the status is accepted, every --expect holds"),
    ("file:///path", "it exists, --max-age, --min-size and --expect hold; or --absent"),
    ("pid:1234", "that process lives and is no zombie; pid:///run/app.pid"),
    ("process:NAME", "a process of that name lives"),
    ("listen:[ADDRESS:]PORT", "a socket listens there; listen:/path.sock, listen:@name"),
    ("disk:///path", "the file system has room"),
    ("memory:", "the cgroup uses less than its limit, or the host"),
];

/// A check with what every check has.
#[derive(Debug)]
pub struct Entry {
    /// Printed in front of the verdict: the target as typed, or `--name`.
    pub label: String,
    /// The scheme, for JSON output.
    pub kind: String,
    /// What bounds one try.
    pub timeout: Duration,
    /// The check.
    pub check: Check,
}

impl Entry {
    /// Makes the check and takes `--timeout` and `--name`.
    pub fn parse(target: Target, options: &Options<'_>) -> Result<Self, Usage> {
        /// The default of `--timeout`.
        const TIMEOUT: Duration = Duration::from_secs(5);
        let check = Check::parse(&target, options)?;
        let timeout = options.duration(Flag::Timeout)?.unwrap_or(TIMEOUT);
        let name = options.text(Flag::Name)?.filter(|name| !name.is_empty());
        let name = name.map(|name| brief(&name, target::LABEL));
        Ok(Self { label: name.unwrap_or(target.label), kind: target.scheme, timeout, check })
    }
}
