//! The one table of kinds. What finds a check, and what tells of them all (the help, the manual, the
//! README, the tests, the fuzzers), reads these rows.

#[cfg(feature = "services")]
use super::schemes::upgraded;
use super::schemes::{at, host, opaque, tls};
#[cfg(feature = "services")]
use super::service::{
    amqp::Amqp, cassandra::Cassandra, fcgi::Fcgi, grpc::Grpc, kafka::Kafka, ldap::Ldap,
    memcached::Memcached, mongodb::Mongodb, mqtt::Mqtt, mssql::Mssql, mysql::Mysql, nats::Nats,
    postgres::Postgres, redis::Redis, zookeeper::Zookeeper,
};
use super::{
    Check,
    dns::Dns,
    http::Http,
    local::{disk::Disk, file::File, listen::Listen, memory::Memory, pid::Pid, process::Process},
    stream::Stream,
    udp::Udp,
};
use crate::input::{Options, Scheme, Target, Text, Usage};
use crate::text::{Laid, Place};

/// A kind of check.
#[derive(Clone, Copy)]
pub struct Kind {
    /// What a target of it begins with; the first is its name, others are the same with TLS, or
    /// other names for it.
    pub schemes: &'static [Scheme],
    form: Place,
    what: Place,
    /// Makes the check.
    pub parse: Parse,
}

/// A kind as it is written below.
struct Written {
    schemes: &'static [Scheme],
    form: &'static str,
    what: &'static str,
    page: &'static str,
    example: &'static str,
    parse: Parse,
}

/// As [`Check::parse`], whichever it is.
pub type Parse = fn(&Target, &mut Options<'_>) -> Result<Box<dyn Check>, Usage>;

impl Kind {
    /// Its name: the first of its schemes.
    pub fn name(&self) -> &'static str {
        self.schemes.first().map_or("", |scheme| scheme.name)
    }

    /// What a target looks like.
    pub fn form(&self) -> &'static str {
        TABLE.1.text(self.form)
    }

    /// Its page, `docs/PAGE.md`: for tests and documents.
    pub fn page(&self) -> &'static str {
        self.written().map_or("", |row| row.page)
    }

    /// The shortest command line, which is one with its other schemes too: for tests and documents.
    pub fn example(&self) -> &'static str {
        self.written().map_or("", |row| row.example)
    }

    fn written(&self) -> Option<&'static Written> {
        WRITTEN.iter().find(|row| row.schemes == self.schemes)
    }

    /// When it is healthy, its port, and its other schemes with theirs: a line of help.
    pub fn told(&self) -> String {
        let mut text = TABLE.1.text(self.what).to_owned();
        let mut known = None;
        for (i, Scheme { name, port, .. }) in self.schemes.iter().enumerate() {
            if i > 0 {
                text.push_str(&["; ", name, "://"].concat());
            }
            if let Some(port) = port.filter(|_| *port != known) {
                text.push_str(&[" (", &port.to_string(), ")"].concat());
            }
            known = *port;
        }
        text
    }
}

/// Makes a check into one of any kind.
fn boxed<C: Check + 'static>(
    target: &Target,
    options: &mut Options<'_>,
) -> Result<Box<dyn Check>, Usage> {
    Ok(Box::new(C::parse(target, options)?))
}

/// Every kind there is.
const WRITTEN: &[Written] = &[
    Written {
        schemes: &[at("http", 80), tls(at("https", 443))],
        form: "http://host[:port][/path]",
        what: "the status is accepted, every --expect holds",
        page: "http",
        example: "http://localhost/",
        parse: boxed::<Http>,
    },
    Written {
        schemes: &[host("tcp")],
        form: "tcp://host:port",
        what: "a connection opens, --expect holds",
        page: "tcp-udp-unix",
        example: "tcp://localhost:1",
        parse: boxed::<Stream>,
    },
    Written {
        schemes: &[opaque("unix")],
        form: "unix:///path.sock",
        what: "the same over a Unix socket; unix:///@name: abstract",
        page: "tcp-udp-unix",
        example: "unix:///path.sock",
        parse: boxed::<Stream>,
    },
    Written {
        schemes: &[host("udp")],
        form: "udp://host:port",
        what: "a reply comes to --send",
        page: "tcp-udp-unix",
        example: "udp://localhost:1 --send x",
        parse: boxed::<Udp>,
    },
    Written {
        schemes: &[tls(host("tls"))],
        form: "tls://host:port",
        what: "the handshake completes, --expect holds",
        page: "tls",
        example: "tls://localhost:1",
        parse: boxed::<Stream>,
    },
    Written {
        schemes: &[at("dns", 53)],
        form: "dns://server[:port]/name",
        what: "NOERROR with a record",
        page: "dns",
        example: "dns://localhost/name",
        parse: boxed::<Dns>,
    },
    Written {
        schemes: &[at("ws", 80), tls(at("wss", 443))],
        form: "ws://host[:port][/path]",
        what: "the upgrade to WebSocket is answered",
        page: "ws",
        example: "ws://localhost/",
        parse: boxed::<Http>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[host("grpc"), tls(host("grpcs"))],
        form: "grpc://host:port[/service]",
        what: "grpc.health.v1.Health/Check says SERVING",
        page: "grpc",
        example: "grpc://localhost:1",
        parse: boxed::<Grpc>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[at("redis", 6379), tls(at("rediss", 6379))],
        form: "redis://[[user]:pass@]host[:port][/db]",
        what: "PING gets PONG",
        page: "redis",
        example: "redis://localhost",
        parse: boxed::<Redis>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[upgraded(at("postgres", 5432)), upgraded(at("postgresql", 5432))],
        form: "postgres://[user@]host[:port][/db]",
        what: "as pg_isready: it accepts connections",
        page: "postgres",
        example: "postgres://localhost",
        parse: boxed::<Postgres>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[upgraded(at("mysql", 3306)), upgraded(at("mariadb", 3306))],
        form: "mysql://[user@]host[:port]",
        what: "it greets, and answers a login",
        page: "mysql",
        example: "mysql://localhost",
        parse: boxed::<Mysql>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[upgraded(at("mongodb", 27_017))],
        form: "mongodb://host[:port]",
        what: "hello answers ok:1; --primary: and it is writable",
        page: "mongodb",
        example: "mongodb://localhost",
        parse: boxed::<Mongodb>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[at("memcached", 11_211)],
        form: "memcached://host[:port]",
        what: "version answers VERSION",
        page: "memcached",
        example: "memcached://localhost",
        parse: boxed::<Memcached>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[at("amqp", 5672), tls(at("amqps", 5671))],
        form: "amqp://host[:port]",
        what: "the broker greets",
        page: "amqp",
        example: "amqp://localhost",
        parse: boxed::<Amqp>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[at("mqtt", 1883), tls(at("mqtts", 8883))],
        form: "mqtt://[user:pass@]host[:port]",
        what: "the broker accepts the connection",
        page: "mqtt",
        example: "mqtt://localhost",
        parse: boxed::<Mqtt>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[upgraded(at("nats", 4222))],
        form: "nats://[user:pass@|token@]host[:port]",
        what: "PING gets PONG",
        page: "nats",
        example: "nats://localhost",
        parse: boxed::<Nats>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[at("kafka", 9092)],
        form: "kafka://host[:port]",
        what: "the broker answers",
        page: "kafka",
        example: "kafka://localhost",
        parse: boxed::<Kafka>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[upgraded(at("mssql", 1433)), upgraded(at("sqlserver", 1433))],
        form: "mssql://host[:port]",
        what: "SQL Server answers",
        page: "mssql",
        example: "mssql://localhost",
        parse: boxed::<Mssql>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[at("cassandra", 9042)],
        form: "cassandra://host[:port]",
        what: "the node answers; ScyllaDB too",
        page: "cassandra",
        example: "cassandra://localhost",
        parse: boxed::<Cassandra>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[at("ldap", 389), tls(at("ldaps", 636))],
        form: "ldap://host[:port]",
        what: "an anonymous bind is answered",
        page: "ldap",
        example: "ldap://localhost",
        parse: boxed::<Ldap>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[at("zookeeper", 2181)],
        form: "zookeeper://host[:port]",
        what: "srvr says its mode",
        page: "zookeeper",
        example: "zookeeper://localhost",
        parse: boxed::<Zookeeper>,
    },
    #[cfg(feature = "services")]
    Written {
        schemes: &[at("fcgi", 9000)],
        form: "fcgi://host[:port]/ping",
        what: "the status is accepted, every --expect holds",
        page: "fcgi",
        example: "fcgi://localhost/ping",
        parse: boxed::<Fcgi>,
    },
    Written {
        schemes: &[opaque("file")],
        form: "file:///path",
        what: "it exists, --max-age, --min-size and --expect hold; or --absent",
        page: "local",
        example: "file:///path",
        parse: boxed::<File>,
    },
    Written {
        schemes: &[opaque("pid")],
        form: "pid:1234",
        what: "that process lives and is no zombie; pid:///run/app.pid",
        page: "local",
        example: "pid:1",
        parse: boxed::<Pid>,
    },
    Written {
        schemes: &[opaque("process")],
        form: "process:NAME",
        what: "a process of that name lives",
        page: "local",
        example: "process:name",
        parse: boxed::<Process>,
    },
    Written {
        schemes: &[opaque("listen")],
        form: "listen:[ADDRESS:]PORT",
        what: "a socket listens there; listen:/path.sock, listen:@name",
        page: "local",
        example: "listen:1",
        parse: boxed::<Listen>,
    },
    Written {
        schemes: &[opaque("disk")],
        form: "disk:///path",
        what: "the file system has room",
        page: "local",
        example: "disk:///",
        parse: boxed::<Disk>,
    },
    Written {
        schemes: &[opaque("memory")],
        form: "memory:",
        what: "the cgroup uses less than its limit, or the host",
        page: "local",
        example: "memory:",
        parse: boxed::<Memory>,
    },
];

const LENGTH: usize = WRITTEN.len();

/// The kinds and their texts.
static TABLE: ([Kind; LENGTH], Laid<{ table::<4096>().1.used() }>) = table();

/// Every kind there is.
pub static KINDS: &[Kind] = &TABLE.0;

#[expect(clippy::indexing_slicing, reason = "called by the compiler alone, which would say so")]
const fn table<const BYTES: usize>() -> ([Kind; LENGTH], Laid<BYTES>) {
    let mut laid = Laid::NONE;
    let none = Kind { schemes: &[], form: Place::NONE, what: Place::NONE, parse: boxed::<Http> };
    let mut kinds = [none; LENGTH];
    let mut i = 0;
    while i < LENGTH {
        let Written { schemes, form, what, parse, .. } = WRITTEN[i];
        let (more, form) = laid.lay(form);
        let (more, what) = more.lay(what);
        laid = more;
        kinds[i] = Kind { schemes, form, what, parse };
        i += 1;
    }
    (kinds, laid)
}

/// The scheme of this name, and its kind.
pub fn find(name: &str) -> Option<(&'static Kind, &'static Scheme)> {
    KINDS.iter().find_map(|kind| {
        let scheme = kind.schemes.iter().find(|scheme| scheme.name == name)?;
        Some((kind, scheme))
    })
}

/// The target that `text` is, and its kind.
pub fn read(text: &Text) -> Result<(&'static Kind, Target), Usage> {
    let target = Target::parse(text, &mut |name| find(name).map(|(_, scheme)| scheme))?;
    // None without a scheme that was found.
    let (kind, _) = find(target.scheme.name).ok_or_else(|| target.wrong("an unknown scheme"))?;
    Ok((kind, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole_and_every_scheme_is_one() {
        let mut names = Vec::new();
        for Written { schemes, form, what, page, example, .. } in WRITTEN {
            let name = schemes.first().expect("a scheme").name;
            let shown = [name, ":"].concat();
            assert!(form.starts_with(&shown) && example.starts_with(&shown), "{form}, {example}");
            assert!(!what.is_empty() && !page.is_empty(), "{name}");
            for scheme in *schemes {
                assert!(!names.contains(&scheme.name), "{} twice", scheme.name);
                names.push(scheme.name);
            }
        }
    }

    #[test]
    fn every_example_is_a_target_of_its_kind_with_each_of_its_schemes() {
        for kind in KINDS {
            let target = kind.example().split(' ').next().expect("a target");
            for scheme in kind.schemes {
                let typed = target.replacen(kind.name(), scheme.name, 1);
                let (found, read) = read(&Text::plain(typed.as_str())).expect(&typed);
                assert_eq!((found.name(), read.scheme), (kind.name(), scheme), "{typed}");
            }
        }
    }

    #[test]
    fn ports_and_other_schemes_stand_in_the_help() {
        let told = |name| KINDS.iter().find(|kind| kind.name() == name).map(Kind::told);
        let http = "the status is accepted, every --expect holds (80); https:// (443)";
        assert_eq!(told("http").as_deref(), Some(http));
        assert_eq!(told("tcp").as_deref(), Some("a connection opens, --expect holds"));
        #[cfg(feature = "services")]
        assert_eq!(told("redis").as_deref(), Some("PING gets PONG (6379); rediss://"));
    }
}
