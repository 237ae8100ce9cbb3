//! URLs as applications have them, which become this product's own: `jdbc:`, drivers, several hosts,
//! and what a query says of TLS and of sockets. What changes no connection is left out.
//!
//! SQLAlchemy, Prisma, Rails, JDBC, and the clients of each service document their forms;
//! `docs/urls.md` has the table.

use super::target::{Find, Scheme, Secure, shown};
use super::{Flag, Given, Text, Usage, value};
use crate::text::{Wrong, among, before, contains, find, rsplit_once, split_once};

/// What a URL comes to.
#[derive(Debug, Default)]
pub struct Application {
    /// One for each host; none where it is read as it is.
    pub urls: Vec<Url>,
    /// The options that it amounts to, for every host.
    pub options: Vec<Given>,
}

/// What one host of it comes to.
#[derive(Debug)]
pub struct Url {
    /// `scheme://userinfo@host:port/path`.
    pub text: Text,
    /// `--connect-to` its socket, where it has one: no other host is asked there.
    pub socket: Option<Given>,
}

/// Names of the services, and other names: drivers, and what they were called before.
const ALIASES: [[&str; 2]; 7] = [
    ["postgres", "pg pgsql psql postgis cockroachdb timescaledb redshift"],
    ["mysql", "mysql2 trilogy mysqlgis"],
    ["mongodb", "mongo"],
    ["redis", "valkey"],
    ["rediss", "valkeys"],
    ["amqp", "rabbitmq pyamqp"],
    ["amqps", "rabbitmqs"],
];

/// Reads what `text` means; `service` finds the schemes of services. There is nothing in what is none.
#[inline(never)]
pub fn read(text: &Text, service: Find<'_>) -> Result<Application, Usage> {
    // The most frequent of all is none, and is to cost nothing.
    let meant = value::utf8(&text.meant).unwrap_or_default();
    if meant.starts_with("http") {
        return Ok(Application::default());
    }
    let lower = meant.to_ascii_lowercase();
    let wrong = |words: &str| Usage::new([&shown(text, &text.meant, true), ": ", words].concat());
    let jdbc = lower.starts_with("jdbc:");
    let url = if jdbc { meant.get(5..).unwrap_or_default() } else { meant };
    let (name, rest) = before(url, b":");
    // `jdbc:mysql:loadbalance://`, `jdbc:postgresql:database`.
    let slashes = find(rest.as_bytes(), b"//").filter(|at| jdbc || *at == 1);
    let rest = match slashes.and_then(|at| rest.get(at + 2..)) {
        Some(rest) => rest,
        None if jdbc => "",
        None => return connection_string(&lower),
    };
    let name = name.to_ascii_lowercase();
    let (base, driver) = split_once(&name, b'+').unwrap_or((&name, ""));
    let known = ALIASES.iter().find(|[_, names]| among(names, base));
    let Some(scheme) = service(known.map_or(base, |[name, _]| name)) else {
        return match jdbc {
            true => Err(wrong("want postgresql, mysql, mariadb or sqlserver behind jdbc:")),
            false => Ok(Application::default()),
        };
    };
    if driver == "srv" {
        return Err(wrong("want the hosts themselves: those of +srv are in DNS, for clients"));
    }
    let secure = scheme.secure == Secure::Always || among("ssl tls", driver);
    let mut reading = Reading { tls: secure.then_some(true), ..Reading::default() };
    let mut parts = reading.parts(&[&name, "://"].concat(), rest, scheme);
    // `redis+socket:///run/redis.sock`.
    if let (true, [(_, _, path)]) = (among("socket unix", driver), parts.as_mut_slice()) {
        reading.hosts.push(decoded(path));
        *path = "";
    }
    reading.finish(text, scheme, &parts, service).map_err(|words| wrong(&words))
}

/// What most clients of SQL Server, and some others, have in place of a URL: refused with words, and
/// not shown, since a password is in most.
fn connection_string(lower: &str) -> Result<Application, Usage> {
    let (name, rest) = before(lower, b"=:/?");
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ');
    let has = |part: &[u8]| contains(lower.as_bytes(), part);
    let secret = (has(b"password=") || has(b"pwd=")) && !has(b"://");
    match named && rest.starts_with('=') || secret {
        true => Err(Usage::new(
            "want a URL such as mssql://HOST:1433, got a connection string of NAME=VALUE",
        )),
        false => Ok(Application::default()),
    }
}

/// What the query of a URL says.
#[derive(Default)]
struct Reading<'a> {
    /// Whether TLS is asked for; and whether it is verified.
    tls: Option<bool>,
    /// No certificate is verified, whatever else is said.
    lax: bool,
    roots: &'a str,
    hosts: Vec<String>,
    port: &'a str,
}

/// With which a certificate is not verified.
const LAX: &str =
    "tlsinsecure tlsallowinvalidcertificates tlsallowinvalidhostnames trustservercertificate";

/// User with its `@`, host with its port, path.
type Part<'a> = (&'a str, &'a str, &'a str);

impl<'a> Reading<'a> {
    /// The hosts of a URL; reads its query.
    fn parts(&mut self, again: &str, mut rest: &'a str, scheme: &Scheme) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        let (ends, queries): (&[u8], &[u8]) = match scheme.port {
            // SQL Server's.
            Some(1433) => (b"/?;", b"?;"),
            _ => (b"/?", b"?"),
        };
        loop {
            // `nats://a:4222,nats://b:4222`: each has a user of its own.
            let next = find(rest.as_bytes(), again.as_bytes()).filter(|at| *at > 0);
            let url = next.and_then(|at| rest.get(..at - 1)).unwrap_or(rest);
            let (authority, behind) = before(url, ends);
            let (path, query) = before(behind, queries);
            let hosts = rsplit_once(authority, b'@').map_or(authority, |(_, hosts)| hosts);
            let user = authority.get(..authority.len() - hosts.len()).unwrap_or_default();
            if user.is_empty() && query.contains('@') || query.contains('#') {
                // A password that is not encoded, most often: what refuses it must see all of it.
                parts.push(("", url, ""));
            } else {
                pieces(query, b"?&;", &mut |pair| self.pair(pair));
                pieces(hosts, b",", &mut |host| parts.push((user, host, path)));
            }
            match next.and_then(|at| rest.get(at + again.len()..)) {
                Some(more) => rest = more,
                None => return parts,
            }
        }
    }

    /// What one pair of a query changes.
    #[inline(never)]
    fn pair(&mut self, pair: &'a str) {
        let (key, value) = split_once(pair, b'=').unwrap_or((pair, ""));
        let (key, word) = (plain(key), plain(value));
        let yes = among("true 1 yes", &word);
        if among("sslmode ssl tls usessl sslaccept encrypt", &key) {
            if among("verifyca verifyfull verifyidentity strict", &word) {
                self.tls = Some(true);
            } else if !word.is_empty()
                && !among("0 false no off disable disabled allow prefer preferred optional", &word)
            {
                // Whose clients write `tls=true` verify, and SQL Server's do; `ssl=true` is as
                // `sslmode=require`.
                let verified = yes && key == "tls" || key == "encrypt";
                self.tls = Some(self.tls == Some(true) || verified);
            }
        } else if among(LAX, &key) {
            self.lax |= yes;
        } else if among("sslcertreqs verify", &key) {
            self.lax |= among("none certnone verifynone", &word);
        } else if among("sslrootcert tlscafile sslcacerts sslca cacertfile", &key) {
            self.roots = if word == "system" { "" } else { value };
        } else if among("host unixsocket socket servername", &key) {
            pieces(value, b",", &mut |host| self.hosts.push(decoded(host)));
        } else if among("port portnumber", &key) {
            self.port = before(value, b",").0;
        }
    }

    /// The URLs and the options.
    fn finish(
        self,
        text: &Text,
        mut scheme: &'static Scheme,
        parts: &[Part<'_>],
        service: Find<'_>,
    ) -> Result<Application, Wrong> {
        let mut application = Application::default();
        if let Some(verified) = self.tls {
            match scheme.secure {
                Secure::StartTls => application.options.push(given(Flag::Tls, "")),
                Secure::Always | Secure::OnRedirect => {}
                Secure::Never => {
                    scheme = service(&[scheme.name, "s"].concat())
                        .ok_or("want no TLS in the URL: this kind is asked without")?;
                }
            }
            if self.lax || !verified {
                application.options.push(given(Flag::Insecure, ""));
            } else if !self.roots.is_empty() {
                application.options.push(given(Flag::Cacert, &decoded(self.roots)));
            }
        }
        for (user, host, path) in parts {
            let named = [decoded(host)];
            let hosts =
                if host.is_empty() && !self.hosts.is_empty() { &self.hosts } else { &named[..] };
            for host in hosts {
                let mut socket = None;
                if host.starts_with('/') {
                    let mut path = ["unix:", host].concat();
                    if scheme.port == Some(5432) && !contains(host.as_bytes(), b".s.PGSQL.") {
                        let port = if self.port.is_empty() { "5432" } else { self.port };
                        path = [&path, "/.s.PGSQL.", port].concat();
                    }
                    socket = Some(given(Flag::ConnectTo, &path));
                }
                let host = if host.starts_with('/') { "" } else { host };
                let with_port = !host.ends_with(']') && host.contains(':');
                let (colon, port) = match with_port || self.port.is_empty() {
                    true => ("", ""),
                    false => (":", self.port),
                };
                // Of an instance of SQL Server whose port is named, the name means nothing.
                let (name, instance) = before(host, b"\\");
                let behind = split_once(instance, b':')
                    .map_or(instance, |(name, _)| instance.get(name.len()..).unwrap_or_default());
                let url = [scheme.name, "://", user, name, behind, colon, port, path].concat();
                let text = Text { meant: url.into(), ..text.clone() };
                application.urls.push(Url { text, socket });
            }
        }
        Ok(application)
    }
}

/// An option as the URL gives it.
fn given(flag: Flag, value: &str) -> Given {
    Given { flag, value: Some(Text::plain(value)) }
}

/// What stands between any of `at`.
fn pieces<'a>(text: &'a str, at: &[u8], each: &mut dyn FnMut(&'a str)) {
    let mut rest = text;
    loop {
        let (piece, more) = before(rest, at);
        each(piece);
        match more.get(1..) {
            Some(more) => rest = more,
            None => return,
        }
    }
}

/// Signs and case mean nothing in names and values: `ssl-mode=VERIFY_CA`, `sslMode=verify-ca`.
fn plain(text: &str) -> String {
    let mut plain = text.to_ascii_lowercase();
    plain.retain(|c| c.is_ascii_alphanumeric());
    plain
}

fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&value::percent_decoded(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::kinds;

    /// `read` as a line: the URLs, then the options.
    fn line(url: &str) -> String {
        let service = &mut |name: &str| {
            kinds::find(name).map(|(_, scheme)| scheme).filter(|scheme| scheme.is_service())
        };
        let read = match read(&Text::plain(url), service) {
            Ok(read) => read,
            Err(wrong) => return format!("wrong: {wrong}"),
        };
        if read.urls.is_empty() {
            return "-".into();
        }
        let text = |text: Text| String::from_utf8(text.meant).expect("text");
        let mut words = Vec::new();
        let option = |words: &mut Vec<String>, Given { flag, value }| {
            words.push(flag.spelled());
            words.extend(value.map(text).filter(|value| !value.is_empty()));
        };
        for url in read.urls {
            words.push(text(url.text));
            url.socket.into_iter().for_each(|given| option(&mut words, given));
        }
        read.options.into_iter().for_each(|given| option(&mut words, given));
        words.join(" ")
    }

    fn each(urls: &[(&str, &str)]) {
        for (url, want) in urls {
            assert_eq!(line(url), *want, "{url}");
        }
    }

    /// libpq, SQLAlchemy's psycopg2, psycopg, asyncpg and pg8000, Rails, Django, Prisma, Go, node-postgres, Npgsql.
    #[test]
    #[cfg(feature = "services")]
    fn postgres() {
        const H: &str = "postgres://h";
        const TLS: &str = "postgres://h/db --tls";
        const LAX: &str = "postgres://h/db --tls --insecure";
        each(&[
            ("postgres://h", H),
            ("postgresql://h", "postgresql://h"),
            ("postgresql://", "postgresql://"),
            ("postgresql://localhost/mydb", "postgresql://localhost/mydb"),
            ("postgresql://user:secret@localhost", "postgresql://user:secret@localhost"),
            (
                "postgresql://u@h:5433/d?connect_timeout=10&application_name=x",
                "postgresql://u@h:5433/d",
            ),
            (
                "postgresql://h1:123,h2:456/d?target_session_attrs=any",
                "postgresql://h1:123/d postgresql://h2:456/d",
            ),
            ("postgresql:///d?host=h&port=5433", "postgresql://h:5433/d"),
            ("postgresql://[2001:db8::1234]/d", "postgresql://[2001:db8::1234]/d"),
            (
                "postgresql://[2001:db8::1]:5433,[::2]/d",
                "postgresql://[2001:db8::1]:5433/d postgresql://[::2]/d",
            ),
            (
                "postgresql:///d?host=/var/lib/postgresql",
                "postgresql:///d --connect-to unix:/var/lib/postgresql/.s.PGSQL.5432",
            ),
            (
                "postgresql://%2Fvar%2Flib%2Fpostgresql/d",
                "postgresql:///d --connect-to unix:/var/lib/postgresql/.s.PGSQL.5432",
            ),
            (
                "postgresql://u@%2Frun%2Fpg/d?port=5433",
                "postgresql://u@:5433/d --connect-to unix:/run/pg/.s.PGSQL.5433",
            ),
            (
                "postgresql:///d?host=/a,/b",
                "postgresql:///d --connect-to unix:/a/.s.PGSQL.5432 \
                 postgresql:///d --connect-to unix:/b/.s.PGSQL.5432",
            ),
            (
                "postgresql:///d?host=/a,db2&sslmode=require",
                "postgresql:///d --connect-to unix:/a/.s.PGSQL.5432 \
                 postgresql://db2/d --tls --insecure",
            ),
            (
                "postgresql://db1,%2Fa/d",
                "postgresql://db1/d postgresql:///d --connect-to unix:/a/.s.PGSQL.5432",
            ),
            ("postgresql+psycopg2://u:p@h/d", "postgresql://u:p@h/d"),
            ("postgresql+psycopg://u:p@h:5432/d", "postgresql://u:p@h:5432/d"),
            ("postgresql+asyncpg://u:p@h/d", "postgresql://u:p@h/d"),
            ("postgresql+pg8000://u:p@h/d", "postgresql://u:p@h/d"),
            (
                "postgresql+psycopg2://u:p@/d?host=a:5433&host=b:5434&host=c",
                "postgresql://u:p@a:5433/d postgresql://u:p@b:5434/d postgresql://u:p@c/d",
            ),
            (
                "postgresql+psycopg2://u:p@/d?host=a,b&port=5433",
                "postgresql://u:p@a:5433/d postgresql://u:p@b:5433/d",
            ),
            (
                "postgresql+psycopg2:///d?host=/run/postgresql",
                "postgresql:///d --connect-to unix:/run/postgresql/.s.PGSQL.5432",
            ),
            ("postgis://u:p@h:5432/d", "postgres://u:p@h:5432/d"),
            ("pg://u:p@h/d", "postgres://u:p@h/d"),
            ("psql://u:p@h:8458/d", "postgres://u:p@h:8458/d"),
            ("pgsql://u:p@h/d", "postgres://u:p@h/d"),
            ("cockroachdb://root@h:26257/d?sslmode=disable", "postgres://root@h:26257/d"),
            ("postgres://u:p@h/d?pool=5&encoding=unicode&timeout=5000", "postgres://u:p@h/d"),
            ("postgresql://u:p@h:5432/d?schema=public", "postgresql://u:p@h:5432/d"),
            (
                "postgresql://u:p@h:5432/d?schema=public&connection_limit=5&pgbouncer=true",
                "postgresql://u:p@h:5432/d",
            ),
            (
                "postgresql://u:p@localhost/d?host=/cloudsql/project:region:name",
                "postgresql://u:p@localhost/d",
            ),
            (
                "postgresql://u:p@/d?host=/cloudsql/project:region:name",
                "postgresql://u:p@/d --connect-to unix:/cloudsql/project:region:name/.s.PGSQL.5432",
            ),
            ("postgres://h/db?sslmode=disable", "postgres://h/db"),
            ("postgres://h/db?sslmode=allow", "postgres://h/db"),
            ("postgres://h/db?sslmode=prefer", "postgres://h/db"),
            ("postgres://h/db?sslmode=require", LAX),
            ("postgres://h/db?sslmode=verify-ca", TLS),
            ("postgres://h/db?sslmode=verify-full", TLS),
            ("postgres://h/db?sslmode=verify-full&sslrootcert=system", TLS),
            (
                "postgres://h/db?sslmode=verify-full&sslrootcert=%2Fca.pem",
                "postgres://h/db --tls --cacert /ca.pem",
            ),
            (
                "postgres://h/db?sslrootcert=/ca.pem&sslmode=verify-ca",
                "postgres://h/db --tls --cacert /ca.pem",
            ),
            ("postgres://h/db?sslmode=require&sslrootcert=/ca.pem", LAX),
            ("postgres://h/db?sslmode=no-verify", LAX),
            ("postgres://h/db?ssl=true", LAX),
            ("postgres://h/db?ssl=require", LAX),
            ("postgres://h/db?ssl=verify-full", TLS),
            ("postgres://h/db?ssl=false", "postgres://h/db"),
            ("postgres://h/db?sslmode=require&sslaccept=strict", TLS),
            ("postgres://h/db?sslmode=require&sslaccept=accept_invalid_certs", LAX),
            ("jdbc:postgresql://h:5433/d", "postgresql://h:5433/d"),
            (
                "jdbc:postgresql://h/d?user=fred&password=x&ssl=true",
                "postgresql://h/d --tls --insecure",
            ),
            ("jdbc:postgresql://h/d?ssl=true&sslmode=verify-full", "postgresql://h/d --tls"),
            ("jdbc:postgresql:database", "postgresql://"),
            ("jdbc:postgresql:/", "postgresql://"),
            (
                "jdbc:postgresql://h1:1,h2:2/d?targetServerType=primary",
                "postgresql://h1:1/d postgresql://h2:2/d",
            ),
            ("JDBC:POSTGRESQL://h/d", "postgresql://h/d"),
            ("jdbc:postgresql://[::1]:5740/d", "postgresql://[::1]:5740/d"),
        ]);
    }

    /// SQLAlchemy's drivers, Connector/J, MariaDB's connectors, Rails, Prisma, go-sql-driver, mysql2.
    #[test]
    #[cfg(feature = "services")]
    fn mysql() {
        const LAX: &str = "mysql://h/d --tls --insecure";
        each(&[
            ("mysql://u:p@h/d", "mysql://u:p@h/d"),
            ("mysql://u:p@h:3307/d?charset=utf8mb4", "mysql://u:p@h:3307/d"),
            ("mysql+mysqldb://u:p@h/d", "mysql://u:p@h/d"),
            ("mysql+pymysql://u:p@h/d?charset=utf8mb4", "mysql://u:p@h/d"),
            ("mysql+mysqlconnector://u:p@h:3306/d", "mysql://u:p@h:3306/d"),
            ("mysql+asyncmy://u:p@h/d", "mysql://u:p@h/d"),
            ("mysql+aiomysql://u:p@h/d", "mysql://u:p@h/d"),
            ("mariadb+pymysql://u:p@h/d", "mariadb://u:p@h/d"),
            ("mariadb+mariadbconnector://u:p@h/d", "mariadb://u:p@h/d"),
            ("mysql+pymysql://h/d?ssl_ca=/ca.pem&ssl_check_hostname=false", "mysql://h/d"),
            (
                "mysql+pymysql://u@/d?unix_socket=/run/mysqld/mysqld.sock",
                "mysql://u@/d --connect-to unix:/run/mysqld/mysqld.sock",
            ),
            ("mysql2://u:p@h/d?encoding=utf8mb4&reconnect=true", "mysql://u:p@h/d"),
            (
                "mysql2:///d?socket=/run/mysqld/mysqld.sock",
                "mysql:///d --connect-to unix:/run/mysqld/mysqld.sock",
            ),
            ("trilogy://u:p@h/d", "mysql://u:p@h/d"),
            ("mysqlgis://u:p@h/d", "mysql://u:p@h/d"),
            ("mysql://u:p@h:3306/d?connection_limit=5&pool_timeout=10", "mysql://u:p@h:3306/d"),
            ("mysql://h/d?sslaccept=strict", "mysql://h/d --tls"),
            ("mysql://h/d?sslaccept=accept_invalid_certs", LAX),
            (
                "mysql://u:p@/d?socket=/run/mysqld.sock",
                "mysql://u:p@/d --connect-to unix:/run/mysqld.sock",
            ),
            ("mysql://h/d?ssl-mode=REQUIRED", LAX),
            ("mysql://h/d?ssl-mode=VERIFY_CA", "mysql://h/d --tls"),
            (
                "mysql://h/d?ssl-mode=VERIFY_IDENTITY&ssl-ca=/ca.pem",
                "mysql://h/d --tls --cacert /ca.pem",
            ),
            ("mysql://h/d?ssl-mode=DISABLED", "mysql://h/d"),
            ("mysql://h/d?ssl-mode=PREFERRED", "mysql://h/d"),
            ("mysql://h/d?tls=true", "mysql://h/d --tls"),
            ("mysql://h/d?tls=skip-verify", LAX),
            ("mysql://h/d?tls=preferred", "mysql://h/d"),
            ("jdbc:mysql://h:3306/d?useSSL=false&serverTimezone=UTC", "mysql://h:3306/d"),
            ("jdbc:mysql://h/d?useSSL=true", LAX),
            (
                "jdbc:mysql://h/d?sslMode=VERIFY_IDENTITY&allowPublicKeyRetrieval=true",
                "mysql://h/d --tls",
            ),
            ("jdbc:mysql://h1:3306,h2:3307/d", "mysql://h1:3306/d mysql://h2:3307/d"),
            ("jdbc:mysql:loadbalance://h1,h2/d", "mysql://h1/d mysql://h2/d"),
            ("jdbc:mysql:replication://h1,h2/d", "mysql://h1/d mysql://h2/d"),
            ("jdbc:mariadb://h/d?user=root&password=x", "mariadb://h/d"),
            (
                "jdbc:mariadb:sequential://h1:3306,h2/d?sslMode=trust",
                "mariadb://h1:3306/d mariadb://h2/d --tls --insecure",
            ),
            ("jdbc:mariadb://h/d?sslMode=verify-full", "mariadb://h/d --tls"),
        ]);
    }

    /// MongoDB's connection strings, redis-py, ioredis, Lettuce, Celery, Sidekiq.
    #[test]
    #[cfg(feature = "services")]
    fn mongodb_and_redis() {
        each(&[
            ("mongodb://localhost", "mongodb://localhost"),
            ("mongo://u:p@h/d", "mongodb://u:p@h/d"),
            ("mongodb://u:p@h:27017/d?authSource=admin", "mongodb://u:p@h:27017/d"),
            ("mongodb://a,b,c/", "mongodb://a/ mongodb://b/ mongodb://c/"),
            (
                "mongodb://u:p@a:27017,b:27018/d?replicaSet=rs0&w=majority",
                "mongodb://u:p@a:27017/d mongodb://u:p@b:27018/d",
            ),
            (
                "mongodb://a,b/?readPreference=secondary&directConnection=false",
                "mongodb://a/ mongodb://b/",
            ),
            ("mongodb://h/?tls=true", "mongodb://h/ --tls"),
            ("mongodb://h/?ssl=true", "mongodb://h/ --tls --insecure"),
            ("mongodb://h/?tls=false", "mongodb://h/"),
            (
                "mongodb://h/?tls=true&tlsCAFile=%2Fetc%2Fca.pem",
                "mongodb://h/ --tls --cacert /etc/ca.pem",
            ),
            ("mongodb://h/?tls=true&tlsInsecure=true", "mongodb://h/ --tls --insecure"),
            (
                "mongodb://h/?tls=true&tlsAllowInvalidCertificates=true",
                "mongodb://h/ --tls --insecure",
            ),
            (
                "mongodb://%2Ftmp%2Fmongodb-27017.sock/d",
                "mongodb:///d --connect-to unix:/tmp/mongodb-27017.sock",
            ),
            ("mongodb://[::1]:27017/", "mongodb://[::1]:27017/"),
            (
                "mongodb://u:K==@h:10255/?ssl=true&replicaSet=g&appName=@u@",
                "mongodb://u:K==@h:10255/ --tls --insecure",
            ),
            (
                "mongodb+srv://u:p@cluster.example.com/d",
                "wrong: mongodb+srv://***@cluster.example.com/d: want the hosts themselves: those of +srv are in DNS, for clients",
            ),
            ("redis://h", "redis://h"),
            ("redis://h:6379/0", "redis://h:6379/0"),
            ("redis://u:p@h:6379/0", "redis://u:p@h:6379/0"),
            ("redis://:p@h:6379", "redis://:p@h:6379"),
            ("redis://h?db=2", "redis://h"),
            ("redis://h:6379/1?protocol=3&socket_timeout=5", "redis://h:6379/1"),
            ("redis://h/0?family=6", "redis://h/0"),
            ("rediss://h:6380/0", "rediss://h:6380/0"),
            ("rediss://h/0?ssl_cert_reqs=none", "rediss://h/0 --insecure"),
            ("rediss://h/0?ssl_cert_reqs=CERT_NONE", "rediss://h/0 --insecure"),
            (
                "rediss://h/0?ssl_cert_reqs=required&ssl_ca_certs=/ca.pem",
                "rediss://h/0 --cacert /ca.pem",
            ),
            ("rediss://h/0?ssl=true", "rediss://h/0"),
            ("redis://h/0?ssl=true", "rediss://h/0 --insecure"),
            ("valkey://h:6379", "redis://h:6379"),
            ("valkeys://h:6379", "rediss://h:6379"),
            (
                "redis+socket:///run/redis.sock?virtual_host=0",
                "redis:// --connect-to unix:/run/redis.sock",
            ),
            ("redis+tls://h", "rediss://h"),
        ]);
    }

    /// amqplib, pika, kombu, RabbitMQ's URIs; paho, MQTT.js; NATS's and Kafka's lists; Microsoft's and Rails' of SQL Server.
    #[test]
    #[cfg(feature = "services")]
    fn brokers_and_the_rest() {
        each(&[
            ("amqp://", "amqp://"),
            ("amqp://guest:guest@h:5672/", "amqp://guest:guest@h:5672/"),
            ("amqp://u:p@h:10000/vhost", "amqp://u:p@h:10000/vhost"),
            ("amqp://u:p@h/%2F", "amqp://u:p@h/%2F"),
            ("amqp://u:p@h/v?heartbeat=30&frameMax=8192", "amqp://u:p@h/v"),
            ("amqp://u:p@h/%2F?connection_attempts=3&heartbeat=3600", "amqp://u:p@h/%2F"),
            ("amqp://[::1]", "amqp://[::1]"),
            (
                "amqps://u:p@h:5671/v?cacertfile=/ca.pem&verify=verify_peer",
                "amqps://u:p@h:5671/v --cacert /ca.pem",
            ),
            ("amqps://h?verify=verify_none", "amqps://h --insecure"),
            ("pyamqp://guest@localhost//", "amqp://guest@localhost//"),
            ("rabbitmq://u:p@h", "amqp://u:p@h"),
            ("amqp://a;amqp://b", "amqp://a amqp://b"),
            ("amqp+ssl://h", "amqps://h"),
            ("mqtt://u:p@h:1883", "mqtt://u:p@h:1883"),
            ("mqtt://h?clientId=abc", "mqtt://h"),
            ("mqtts://h:8883", "mqtts://h:8883"),
            ("mqtt+ssl://h", "mqtts://h"),
            ("nats://h:4222", "nats://h:4222"),
            ("nats://u:p@h", "nats://u:p@h"),
            ("nats://a:4222,nats://b:4222", "nats://a:4222 nats://b:4222"),
            ("nats://u:p@a,nats://u:q@b", "nats://u:p@a nats://u:q@b"),
            ("nats://a,b", "nats://a nats://b"),
            ("kafka://a:9092,b:9092", "kafka://a:9092 kafka://b:9092"),
            (
                "kafka+ssl://a:9096",
                "wrong: kafka+ssl://a:9096: want no TLS in the URL: this kind is asked without",
            ),
            (
                "zookeeper://a:2181,b:2181/chroot",
                "zookeeper://a:2181/chroot zookeeper://b:2181/chroot",
            ),
            ("memcached://a,b", "memcached://a memcached://b"),
            (
                "cassandra://a,b:9043/keyspace?local_dc=x",
                "cassandra://a/keyspace cassandra://b:9043/keyspace",
            ),
            ("ldap://h/dc=example,dc=org??sub?(cn=x)", "ldap://h/dc=example,dc=org"),
            ("mssql://u:p@h:1433/d", "mssql://u:p@h:1433/d"),
            ("mssql+pyodbc://u:p@h/d?driver=ODBC+Driver+18+for+SQL+Server", "mssql://u:p@h/d"),
            ("mssql+pymssql://u:p@h:1433/d", "mssql://u:p@h:1433/d"),
            (
                "sqlserver://h:1433;database=d;user=u;password=p;encrypt=true",
                "sqlserver://h:1433 --tls",
            ),
            (
                "jdbc:sqlserver://h;encrypt=true;trustServerCertificate=true",
                "sqlserver://h --tls --insecure",
            ),
            ("mssql+pyodbc://h/d?Encrypt=mandatory", "mssql://h/d --tls"),
            ("mssql+pyodbc://h/d?Encrypt=strict", "mssql://h/d --tls"),
            ("mssql+pyodbc://h/d?Encrypt=optional&TrustServerCertificate=yes", "mssql://h/d"),
            ("sqlserver://u:p@h:1433?database=d&encrypt=disable", "sqlserver://u:p@h:1433"),
            (
                "jdbc:sqlserver://h:1433;databaseName=d;integratedSecurity=true;",
                "sqlserver://h:1433",
            ),
            ("jdbc:sqlserver://h\\SQLEXPRESS:1433;databaseName=d", "sqlserver://h:1433"),
            ("jdbc:sqlserver://;serverName=h;portNumber=1434", "sqlserver://h:1434"),
        ]);
    }

    #[test]
    fn what_is_no_url_of_a_service_is_left_or_refused_without_its_words() {
        const STRING: &str =
            "wrong: want a URL such as mssql://HOST:1433, got a connection string of NAME=VALUE";
        each(&[
            ("http://a,b/?x=1", "-"),
            ("https://h/?password=1", "-"),
            ("localhost:8080/a?b=c", "-"),
            ("db", "-"),
            ("dns://h/name", "-"),
            ("tcp://h:1", "-"),
            ("process:a=b", "-"),
            ("Server=db,1433;Database=d;User Id=sa;Password=p", STRING),
            ("Server=tcp:db,1433;Initial Catalog=d", STRING),
            ("Data Source=db;Integrated Security=True", STRING),
            ("Host=db;Port=5432;Username=u;Password=p", STRING),
            ("host=db port=5432 dbname=d", STRING),
            ("db:6379,password=p,ssl=true", STRING),
            (
                "jdbc:oracle:thin:@h:1521:x",
                "wrong: ***@h:1521:x: want postgresql, mysql, mariadb or sqlserver behind jdbc:",
            ),
        ]);
    }

    #[test]
    #[cfg(feature = "services")]
    fn a_password_that_is_not_encoded_is_seen_by_what_refuses_it() {
        for url in ["redis://:2024?W@db", "postgres://app:2024/W!@db/x", "amqp://u:p#@h"] {
            assert_eq!(line(url), url);
        }
    }
}
