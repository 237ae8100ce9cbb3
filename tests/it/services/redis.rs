//! Redis, from Debian's package.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::{
    Certificates, Folder, Server, blurts, check, command, free_port, has, healthy, open_up, run,
    unhealthy,
};

pub fn redis(folder: Folder, more: &[&str]) -> (Server, u16) {
    let port = free_port();
    let text = port.to_string();
    let dir = folder.path("");
    let own = ["--port", &text, "--bind", "127.0.0.1", "--dir", &dir, "--save", ""];
    let server = Server::in_folder(folder, "redis-server", &[&own[..], more].concat(), &[]);
    (server.on_port(port), port)
}

/// Says `lines` to a server and reads as many lines of answers.
fn tell(port: u16, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.write_all((lines.join("\r\n") + "\r\n").as_bytes()).expect("sent");
    BufReader::new(stream).lines().take(lines.len()).map(|line| line.expect("a line")).collect()
}

#[test]
fn redis_that_is_open() {
    let folder = Folder::new("s");
    let socket = folder.path("r.sock");
    let (server, port) = redis(folder, &["--unixsocket", &socket]);
    // Once it answers, it has said all of its start.
    tell(port, &["PING"]);
    let before = server.said();
    let at = format!("127.0.0.1:{port}");
    assert_eq!(healthy(&[&format!("redis://{at}")]), "PONG");
    assert_eq!(healthy(&[&format!("redis://localhost:{port}/3")]), "PONG");
    assert_eq!(healthy(&["redis://x", "--connect-to", &format!("unix:{socket}")]), "PONG");
    assert_eq!(
        unhealthy(&[&format!("redis://{at}/99")]),
        "SELECT answered \"ERR DB index is out of range\", want OK"
    );
    let told = unhealthy(&[&format!("redis://:s3cret@{at}")]);
    has(&told, "AUTH answered \"ERR AUTH <password> called without any password configured");
    let told = unhealthy(&[&format!("redis://nobody:s3cret@{at}")]);
    has(&told, "AUTH answered \"WRONGPASS ");
    assert_eq!(server.said(), before, "a check leaves no trace in the log");
    for wrong in ["redis://u@h", "redis://:@h", "redis://h/x"] {
        assert_eq!(check(&[wrong]).code, Some(1), "{wrong}");
    }
}

#[test]
fn redis_with_a_password() {
    let (server, port) = redis(Folder::new("s"), &["--requirepass", "p@ss/word"]);
    let at = format!("127.0.0.1:{port}");
    assert_eq!(healthy(&[&format!("redis://{at}")]), "up, wants a password (NOAUTH)");
    assert_eq!(healthy(&[&format!("redis://{at}/1")]), "up, wants a password (NOAUTH)");
    assert_eq!(
        unhealthy(&[&format!("redis://{at}"), "--grep", "x:PONG"]),
        "PING answered \"NOAUTH Authentication required.\", want PONG"
    );
    let known = format!("redis://:p%40ss%2Fword@{at}");
    assert_eq!(healthy(&[&known, "--grep", "i:pong"]), "PONG");
    assert_eq!(unhealthy(&[&known, "--grep", "F:P.NG"]), "reply PONG, want \"P.NG\" in it");
    assert_eq!(healthy(&[&format!("redis://:p%40ss%2Fword@{at}/1")]), "PONG");
    assert_eq!(healthy(&[&format!("redis://default:p%40ss%2Fword@{at}")]), "PONG");
    let target = format!("redis://:${{PASS}}@{at}");
    let run = run(command([&target]).env("PASS", "p@ss/word"));
    assert_eq!(run.code, Some(0), "{}", run.out);
    has(&run.out, &format!("healthy: redis://***@{at}: PONG in "));
    let file = server.folder().file("secret", "p@ss/word\n");
    healthy(&[&format!("redis://:${{file:{file}}}@{at}")]);
    let run = check(&["-v", &format!("redis://:wr0ng@{at}")]);
    assert_eq!(run.code, Some(1));
    has(&run.out, &format!("redis://***@{at}: AUTH answered \"WRONGPASS "));
    assert!(!run.out.contains("wr0ng") && !run.err.contains("wr0ng"), "{}{}", run.out, run.err);
}

#[test]
fn redis_with_users() {
    let users = ["user alice on >p%20w +ping", "user bob on >b0b -@all +echo"];
    let folder = Folder::new("s");
    let file = folder.file("users.acl", &(users.join("\n") + "\nuser default off\n"));
    let (_server, port) = redis(folder, &["--aclfile", &file]);
    let at = format!("127.0.0.1:{port}");
    assert_eq!(healthy(&[&format!("redis://{at}")]), "up, wants a password (NOAUTH)");
    assert_eq!(healthy(&[&format!("redis://alice:p%2520w@{at}")]), "PONG");
    has(&unhealthy(&[&format!("redis://alice:no@{at}")]), "AUTH answered \"WRONGPASS ");
    has(&unhealthy(&[&format!("redis://bob:b0b@{at}")]), "PING answered \"NOPERM ");
}

#[test]
fn redis_that_does_not_know_auth_shows_no_password() {
    let (_server, port) = redis(Folder::new("s"), &["--rename-command", "AUTH", ""]);
    let told = unhealthy(&[&format!("redis://:s3cret@127.0.0.1:{port}")]);
    assert_eq!(told, "AUTH answered \"ERR unknown command 'AUTH'\", want OK");
}

#[test]
fn redis_that_is_full() {
    let (_server, port) = redis(Folder::new("s"), &["--maxclients", "1"]);
    // Whoever asked for readiness may still be counted.
    let mut one;
    loop {
        one = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        one.write_all(b"PING\r\n").expect("sent");
        let mut answer = [0; 1];
        one.read_exact(&mut answer).expect("an answer");
        if answer == *b"+" {
            break;
        }
    }
    assert_eq!(
        unhealthy(&[&format!("redis://127.0.0.1:{port}")]),
        "PING answered \"ERR max number of clients reached\", want PONG"
    );
}

#[test]
fn redis_that_cannot_serve() {
    // A replica without its master.
    let nobody = free_port().to_string();
    let (_replica, port) = redis(
        Folder::new("s"),
        &["--replicaof", "127.0.0.1", &nobody, "--replica-serve-stale-data", "no"],
    );
    has(&unhealthy(&[&format!("redis://127.0.0.1:{port}")]), "PING answered \"MASTERDOWN ");

    // One in a script without an end.
    let (_busy, port) = redis(Folder::new("s"), &["--lua-time-limit", "10"]);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.write_all(b"EVAL \"while true do end\" 0\r\n").expect("sent");
    let target = format!("redis://127.0.0.1:{port}");
    let started = Instant::now();
    while check(&[&target]).code == Some(0) {
        assert!(started.elapsed() < Duration::from_secs(30), "the script never began");
    }
    has(&unhealthy(&[&target]), "PING answered \"BUSY ");

    // One whose disk refuses; root could write all the same, but no server here runs as root.
    let folder = Folder::new("s");
    let (server, port) = redis(folder, &["--save", "3600 1"]);
    let dir = &server.folder().0;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o555)).expect("permissions");
    let target = format!("redis://127.0.0.1:{port}");
    let started = Instant::now();
    tell(port, &["SET a b", "BGSAVE"]);
    while check(&[&target]).code == Some(0) {
        assert!(started.elapsed() < Duration::from_secs(30), "the snapshot went well");
    }
    open_up(dir);
    has(&unhealthy(&[&target]), "PING answered \"MISCONF ");
}

#[test]
fn redis_that_is_loading() {
    let folder = Folder::new("s");
    let dump = folder.path("dump.rdb");
    let (first, port) = redis(folder, &[]);
    let keys: Vec<String> = (0..4000).map(|n| format!("SET key{n} {n}")).collect();
    let mut lines: Vec<&str> = keys.iter().map(String::as_str).collect();
    lines.push("SAVE");
    assert_eq!(tell(port, &lines).last().map(String::as_str), Some("+OK"));
    let saved = fs::read(&dump).expect("a dump");
    drop(first);
    // A large file on a slow disk: every key takes 10 ms.
    let folder = Folder::new("s");
    fs::write(folder.0.join("dump.rdb"), saved).expect("a dump");
    let slow = ["--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024"];
    let (_server, port) = redis(folder, &slow);
    assert_eq!(
        unhealthy(&[&format!("redis://127.0.0.1:{port}")]),
        "PING answered \"LOADING Redis is loading the dataset in memory\", want PONG"
    );
}

#[test]
fn redis_over_tls() {
    let folder = Folder::new("s");
    let Certificates { root: ca, cert, key, .. } = Certificates::in_folder(&folder);
    let port = free_port().to_string();
    let tls = ["--tls-port", &port, "--tls-cert-file", &cert, "--tls-key-file", &key];
    let more = ["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no", "--requirepass", "s3cret"];
    let (_server, plain) = redis(folder, &[&tls[..], &more].concat());
    let at = format!("127.0.0.1:{port}");
    assert_eq!(healthy(&[&format!("rediss://:s3cret@{at}"), "--cacert", &ca]), "PONG");
    assert_eq!(
        healthy(&[&format!("rediss://localhost:{port}"), "-k"]),
        "up, wants a password (NOAUTH)"
    );
    unhealthy(&[&format!("rediss://{at}")]);
    // Each on the other's port.
    unhealthy(&["-t", "900ms", &format!("rediss://127.0.0.1:{plain}"), "-k"]);
    has(&unhealthy(&[&format!("redis://{at}")]), ": a TLS server answers here: want rediss://");
}

#[test]
fn redis_behind_strangers_and_liars() {
    for (answer, told) in [
        (
            &b""[..],
            "want an answer to PING: the connection was closed without a word: \
             want rediss:// if it speaks TLS here",
        ),
        (b"+PON", "want an answer to PING: the connection was closed after 4 bytes"),
        (b"+OK ready\r\n", "PING answered \"+OK ready\", want PONG"),
        (
            b"-DENIED Redis is running in protected mode because ...\r\n",
            "PING answered \"DENIED Redis is running in protected mode because ...\", want PONG",
        ),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "(an HTTP/1 server answers here)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "(an SSH server answers here)"),
        (b"\x4a\0\0\0\x0a8.0.36\0", "(a MySQL or MariaDB server answers here)"),
    ] {
        let port = blurts(answer);
        has(&unhealthy(&[&format!("redis://127.0.0.1:{port}")]), told);
    }
    // A flood without an end of line.
    let port = blurts([b'+'; 200_000]);
    has(&unhealthy(&[&format!("redis://127.0.0.1:{port}")]), "more than 64 KiB without an end");
    // What was sent comes back.
    let port = blurts(b"-ERR what is s3cret?\r\n");
    assert_eq!(
        unhealthy(&[&format!("redis://:s3cret@127.0.0.1:{port}")]),
        "AUTH answered \"ERR what is ***?\", want OK"
    );
}
