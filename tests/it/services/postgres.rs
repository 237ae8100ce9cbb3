//! PostgreSQL, from Debian's package, judged side by side with its own `pg_isready`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::{
    Folder, Server, as_user, eventually, free_port, healthy, must, self_signed, unhealthy,
};

/// Who may come in, and how.
const HBA: &str = "
local all all trust
host all postgres 127.0.0.1/32 trust
host all nobody 127.0.0.1/32 trust
host all scram 127.0.0.1/32 scram-sha-256
host all md5 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
host all banned 127.0.0.1/32 reject
hostssl all secret 127.0.0.1/32 scram-sha-256
";

pub struct Postgres {
    server: Server,
    pub port: u16,
    pub folder: Folder,
}

fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("the package postgresql is wanted");
    let version = versions.flatten().next().expect("the package postgresql is wanted");
    version.path().join("bin").join(name)
}

impl Postgres {
    /// A server that listens; what it says to that is the test's to wait for.
    pub fn start(configuration: &str, files: &[&str]) -> Self {
        let folder = Folder::of("postgres");
        let data = folder.0.join("data");
        must(as_user("postgres", &program("initdb")).arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
        ]));
        let port = free_port();
        let sockets = folder.0.display();
        let main = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{sockets}'\n\
             fsync = off\nshared_buffers = 1MB\n{configuration}\n"
        );
        fs::write(data.join("postgresql.conf"), main).expect("written");
        fs::write(data.join("pg_hba.conf"), HBA).expect("written");
        for file in files {
            fs::write(data.join(file), "").expect("written");
        }
        if configuration.contains("ssl = on") {
            certificate(&data);
        }
        let log = fs::File::create(folder.path("log")).expect("a log");
        let mut command = as_user("postgres", &program("postgres"));
        let server = Server::start(command.arg("-D").arg(&data).stdout(Stdio::null()).stderr(log))
            .ended_by(Signal::QUIT);
        let this = Self { server, port, folder };
        // 2 is no answer, 1 a refusal, 0 an invitation.
        eventually("an answer to pg_isready", || (this.isready() < 2).then_some(()));
        this
    }

    /// pg_isready's exit code.
    fn isready(&self) -> i32 {
        let port = self.port.to_string();
        let mut command = Command::new(program("pg_isready"));
        let command = command.args(["-q", "-h", "127.0.0.1", "-U", "postgres", "-p", &port]);
        command.status().expect("pg_isready").code().expect("a code")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).expect("a log")
    }

    fn psql(&self, sql: &str) -> Command {
        let mut command = Command::new(program("psql"));
        let port = self.port.to_string();
        command.args(["-X", "-U", "postgres", "-p", &port, "-c", sql, "-h"]).arg(&self.folder.0);
        command.stdout(Stdio::null());
        command
    }

    fn target(&self, user: &str, path: &str) -> String {
        format!("postgres://{user}127.0.0.1:{}{path}", self.port)
    }

    /// What a refusal for now looks like.
    fn not_now(&self, text: &str) {
        assert_eq!(self.isready(), 1);
        let place = format!("reading from 127.0.0.1:{}", self.port);
        let got = unhealthy(&[&self.target("", "")]);
        assert!(
            got.starts_with(&place) && got.ends_with(&format!(" now (57P03): {text}")),
            "{got}"
        );
    }
}

/// A certificate for `localhost` that is its own issuer.
fn certificate(data: &Path) {
    let (key, cert) = (data.join("server.key"), data.join("server.crt"));
    self_signed(&key, &cert);
    must(Command::new("chmod").arg("600").arg(&key));
    must(Command::new("chown").arg("--reference").arg(data).arg(&key));
}

#[test]
fn a_server_that_is_up_says_what_it_asks_for_and_logs_no_complaint() {
    let postgres = Postgres::start("", &[]);
    eventually("a server that is up", || (postgres.isready() == 0).then_some(()));
    must(&mut postgres.psql(
        "set password_encryption = 'md5'; create role md5 login password 'x'; \
         create role scram login password 'x'; create role banned login",
    ));
    let asks = |user: &str, path: &str| healthy(&[&postgres.target(user, path)]);

    assert!(asks("", "").starts_with("accepts connections, version 1"));
    assert!(asks("postgres@", "/template1").starts_with("accepts connections, version 1"));
    assert_eq!(asks("scram:topsecret@", ""), "asks for SCRAM-SHA-256");
    assert_eq!(asks("scram:topsecret@", "/nodb"), "asks for SCRAM-SHA-256");
    assert_eq!(asks("md5@", ""), "asks for an MD5 password");
    assert_eq!(asks("clear@", ""), "asks for a password");
    for (user, path, text) in [
        ("", "/nodb", "(3D000): database \"nodb\" does not exist"),
        ("nobody@", "", "(28000): role \"nobody\" does not exist"),
        (
            "banned@",
            "/postgres",
            "(28000): pg_hba.conf rejects connection for host \"127.0.0.1\", \
         user \"banned\", database \"postgres\", no encryption",
        ),
        (
            "secret@",
            "/postgres",
            "(28000): no pg_hba.conf entry for host \"127.0.0.1\", user \
         \"secret\", database \"postgres\", no encryption",
        ),
    ] {
        let want = format!("up, refuses this login {text}");
        assert_eq!(asks(user, path), want);
    }
    let socket = format!("unix:{}/.s.PGSQL.{}", postgres.folder.0.display(), postgres.port);
    let saw = healthy(&["postgresql://localhost/postgres", "--connect-to", &socket]);
    assert!(saw.starts_with("accepts connections, version 1"), "{saw}");

    // The refusals are the server's to log, and nothing else of this was worth a line.
    let log = postgres.log();
    for line in log.lines().filter(|line| !line.contains(" LOG:  ")) {
        assert!(
            [" FATAL:  ", " HINT:  ", " CONTEXT:  "].iter().any(|level| line.contains(level)),
            "{line}"
        );
    }
    for complaint in
        ["incomplete", "invalid", "EOF", "expected", "could not", "connection to client"]
    {
        assert!(!log.contains(complaint), "{complaint}: {log}");
    }
    assert!(!log.contains("topsecret"));
}

#[test]
fn a_server_that_takes_no_connection_now_is_unhealthy_in_its_own_words() {
    let starting = Postgres::start("restore_command = 'sleep 20; false'", &["recovery.signal"]);
    starting.not_now("the database system is starting up");
    let recovering = Postgres::start("hot_standby = off", &["standby.signal"]);
    let states = ["starting up", "not accepting connections"];
    eventually("the second state", || {
        let got = unhealthy(&[&recovering.target("", "")]);
        assert!(states.iter().any(|state| got.contains(state)), "{got}");
        got.contains(states[1]).then_some(())
    });
    recovering.not_now("the database system is not accepting connections");
}

#[test]
fn a_hot_standby_is_healthy_and_a_server_that_shuts_down_is_not() {
    let standby = Postgres::start("", &["standby.signal"]);
    eventually("a standby that is up", || (standby.isready() == 0).then_some(()));
    assert!(healthy(&[&standby.target("", "")]).starts_with("accepts connections, version 1"));

    let postgres = Postgres::start("", &[]);
    eventually("a server that is up", || (postgres.isready() == 0).then_some(()));
    let mut session = postgres.psql("select pg_sleep(60)").spawn().expect("psql");
    eventually("a session", || {
        let active = "select 1/count(*) from pg_stat_activity where query like '%pg_sleep(60)%' \
                      and pid <> pg_backend_pid()";
        let status = postgres.psql(active).stderr(Stdio::null()).status().expect("psql");
        status.success().then_some(())
    });
    // Smart shutdown: who is in may stay, nobody else comes in.
    postgres.server.signal(Signal::TERM);
    eventually("a refusal", || (postgres.isready() == 1).then_some(()));
    postgres.not_now("the database system is shutting down");
    session.kill().expect("ended");
    session.wait().expect("waited for");
}

#[test]
fn too_many_clients_is_as_healthy_as_pg_isready_says_and_named() {
    let postgres = Postgres::start(
        "max_connections = 4\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0",
        &[],
    );
    eventually("a server that is up", || (postgres.isready() == 0).then_some(()));
    let mut sessions: Vec<_> = (0..12)
        .map(|_| postgres.psql("select pg_sleep(60)").stderr(Stdio::null()).spawn().expect("psql"))
        .collect();
    let saw = eventually("a full server", || {
        let saw = healthy(&[&postgres.target("", "")]);
        saw.contains("53300").then_some(saw)
    });
    assert_eq!(saw, "up, but no connection is left (53300): sorry, too many clients already");
    assert_eq!(postgres.isready(), 0);
    for session in &mut sessions {
        session.kill().expect("ended");
        session.wait().expect("waited for");
    }
}

#[cfg(feature = "tls")]
#[test]
fn tls_inside_the_protocol() {
    let postgres = Postgres::start("ssl = on", &[]);
    eventually("a server that is up", || (postgres.isready() == 0).then_some(()));
    let roots = postgres.folder.path("data/server.crt");
    let target = format!("postgres://secret@localhost:{}", postgres.port);
    assert_eq!(
        healthy(&[&target, "-4", "--tls", "--cacert", &roots]),
        "asks for SCRAM-SHA-256-PLUS"
    );
    let other = unhealthy(&[&target, "-4", "--tls"]);
    assert!(other.contains("TLS handshake with 127.0.0.1"), "{other}");

    let plain = Postgres::start("", &[]);
    eventually("a server that is up", || (plain.isready() == 0).then_some(()));
    let refused = unhealthy(&[&plain.target("", ""), "--tls"]);
    assert!(refused.ends_with(": the server does not offer TLS"), "{refused}");
    assert!(!plain.log().contains("incomplete"), "{}", plain.log());
}
