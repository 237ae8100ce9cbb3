//! Redis, memcached, RabbitMQ, Mosquitto, NATS and php-fpm for real, started here on loopback, and
//! every kind of check against every one of them.
//!
//! A server that is not installed is a failure, not a skip: Debian has all of them
//! (`redis-server memcached rabbitmq-server mosquitto nats-server php-fpm openssl socat`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What the executable left behind.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run_with(env: &[(&str, &str)], args: &[&str]) -> Run {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_healthcheck"));
    let program = std::env::var_os("HEALTHCHECK_BIN").map_or(own, PathBuf::from);
    let output = Command::new(&program)
        .args(args)
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Runs one check that must be healthy, and what it saw: without target and time.
#[track_caller]
fn healthy(args: &[&str]) -> String {
    let Run { code, out, err } = run_with(&[], args);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}: {out}");
    let line = out.strip_prefix("healthy: ").and_then(|rest| rest.strip_suffix('\n'));
    let (_, seen) = line.and_then(|line| line.split_once(": ")).expect("a line");
    seen.rsplit_once(" in ").expect("a time").0.to_owned()
}

/// Runs one check that must be unhealthy, and why it is: without the target.
#[track_caller]
fn unhealthy(args: &[&str]) -> String {
    let Run { code, out, err } = run_with(&[], args);
    assert_eq!((code, err.as_str()), (Some(1), ""), "{args:?}: {out}");
    let line = out.strip_prefix("unhealthy: ").and_then(|rest| rest.strip_suffix('\n'));
    line.and_then(|line| line.split_once(": ")).expect("a line").1.to_owned()
}

#[track_caller]
fn has(text: &str, part: &str) {
    assert!(text.contains(part), "want {part:?} in {text:?}");
}

/// A folder that every user may write to, since servers refuse to run as root; gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hc-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a folder");
        let folder = Self(path);
        folder.open_up(&folder.0);
        folder
    }

    fn open_up(&self, path: &Path) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("permissions");
    }

    fn folder(&self, name: &str) -> String {
        fs::create_dir(self.0.join(name)).expect("a folder");
        self.open_up(&self.0.join(name));
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().expect("text")
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).expect("a file");
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server in a process group of its own, which ends with it.
struct Server {
    child: Child,
    log: PathBuf,
    // Dropped last.
    folder: Folder,
}

impl Server {
    fn start(folder: Folder, program: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        assert!(
            ["/usr/bin/", "/usr/sbin/", ""]
                .iter()
                .any(|dir| Path::new(&format!("{dir}{program}")).exists()),
            "{program} is not installed, and this test is of it"
        );
        let root = fs::metadata("/proc/self").expect("proc(5)").uid() == 0;
        let mut command = if root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", program]);
            command
        } else {
            Command::new(program)
        };
        let log = folder.0.join("output.log");
        let output = fs::File::create(&log).expect("a log");
        let child = command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", &folder.0)
            .envs(env.iter().copied())
            .current_dir(&folder.0)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log"))
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        Self { child, log, folder }
    }

    /// Waits until `connect` succeeds: as long as the slowest server needs, and no longer than it
    /// lives.
    fn until(&mut self, mut connect: impl FnMut() -> bool) {
        let started = Instant::now();
        while !connect() {
            let ended = self.child.try_wait().expect("a child");
            if ended.is_some() || started.elapsed() > Duration::from_secs(120) {
                panic!("the server does not start ({ended:?}): {}", self.said());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn on_port(mut self, port: u16) -> Self {
        self.until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        self
    }

    fn on_socket(mut self, path: &str) -> Self {
        self.until(|| UnixStream::connect(path).is_ok());
        self
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

#[path = "ports/mod.rs"]
mod ports;
use ports::free_port;

/// Says `answer` to the first connection, whatever it says, and closes.
fn fake(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            stream.write_all(answer).expect("sent");
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    port
}

/// A certificate for localhost and 127.0.0.1, and who vouches for it.
struct Certificate {
    ca: String,
    cert: String,
    key: String,
}

fn certificate(folder: &Folder) -> Certificate {
    let extensions = folder.file("ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    let (ca, ca_key) = (folder.path("ca.pem"), folder.path("ca.key"));
    let (cert, key, csr) = (folder.path("cert.pem"), folder.path("key.pem"), folder.path("csr"));
    let new = ["-newkey", "rsa:2048", "-nodes"];
    let openssl = |args: &[&str]| {
        let output = Command::new("openssl").args(args).output().expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let root =
        ["req", "-x509", "-subj", "/CN=test root", "-days", "2", "-keyout", &ca_key, "-out", &ca];
    openssl(&[&root[..], &new].concat());
    let leaf = ["req", "-subj", "/CN=localhost", "-keyout", &key, "-out", &csr];
    openssl(&[&leaf[..], &new].concat());
    openssl(&[
        "x509",
        "-req",
        "-in",
        &csr,
        "-CA",
        &ca,
        "-CAkey",
        &ca_key,
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        &extensions,
        "-out",
        &cert,
    ]);
    // The server is another user.
    folder.open_up(Path::new(&key));
    Certificate { ca, cert, key }
}

// ---------------------------------------------------------------------------------------- redis

fn redis(folder: Folder, more: &[&str]) -> (Server, u16) {
    let port = free_port();
    let text = port.to_string();
    let dir = folder.path("");
    let own = ["--port", &text, "--bind", "127.0.0.1", "--dir", &dir, "--save", ""];
    let server = Server::start(folder, "redis-server", &[&own[..], more].concat(), &[]);
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
    let folder = Folder::new();
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
        assert_eq!(run_with(&[], &[wrong]).code, Some(1), "{wrong}");
    }
}

#[test]
fn redis_with_a_password() {
    let (server, port) = redis(Folder::new(), &["--requirepass", "p@ss/word"]);
    let at = format!("127.0.0.1:{port}");
    assert_eq!(healthy(&[&format!("redis://{at}")]), "up, wants a password (NOAUTH)");
    assert_eq!(healthy(&[&format!("redis://{at}/1")]), "up, wants a password (NOAUTH)");
    assert_eq!(healthy(&[&format!("redis://:p%40ss%2Fword@{at}/1")]), "PONG");
    assert_eq!(healthy(&[&format!("redis://default:p%40ss%2Fword@{at}")]), "PONG");
    let target = format!("redis://:${{PASS}}@{at}");
    let run = run_with(&[("PASS", "p@ss/word")], &[&target]);
    assert_eq!(run.code, Some(0), "{}", run.out);
    has(&run.out, &format!("healthy: redis://***@{at}: PONG in "));
    let file = server.folder.file("secret", "p@ss/word\n");
    healthy(&[&format!("redis://:${{file:{file}}}@{at}")]);
    let run = run_with(&[], &["-v", &format!("redis://:wr0ng@{at}")]);
    assert_eq!(run.code, Some(1));
    has(&run.out, &format!("redis://***@{at}: AUTH answered \"WRONGPASS "));
    assert!(!run.out.contains("wr0ng") && !run.err.contains("wr0ng"), "{}{}", run.out, run.err);
}

#[test]
fn redis_with_users() {
    let users = ["user alice on >p%20w +ping", "user bob on >b0b -@all +echo"];
    let folder = Folder::new();
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
    let (_server, port) = redis(Folder::new(), &["--rename-command", "AUTH", ""]);
    let told = unhealthy(&[&format!("redis://:s3cret@127.0.0.1:{port}")]);
    assert_eq!(told, "AUTH answered \"ERR unknown command 'AUTH'\", want OK");
}

#[test]
fn redis_that_is_full() {
    let (_server, port) = redis(Folder::new(), &["--maxclients", "1"]);
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
        Folder::new(),
        &["--replicaof", "127.0.0.1", &nobody, "--replica-serve-stale-data", "no"],
    );
    has(&unhealthy(&[&format!("redis://127.0.0.1:{port}")]), "PING answered \"MASTERDOWN ");

    // One in a script without an end.
    let (_busy, port) = redis(Folder::new(), &["--lua-time-limit", "10"]);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.write_all(b"EVAL \"while true do end\" 0\r\n").expect("sent");
    let target = format!("redis://127.0.0.1:{port}");
    let started = Instant::now();
    while run_with(&[], &[&target]).code == Some(0) {
        assert!(started.elapsed() < Duration::from_secs(30), "the script never began");
    }
    has(&unhealthy(&[&target]), "PING answered \"BUSY ");

    // One whose disk refuses; root could write all the same, but no server here runs as root.
    let folder = Folder::new();
    let (server, port) = redis(folder, &["--save", "3600 1"]);
    let dir = &server.folder.0;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o555)).expect("permissions");
    let target = format!("redis://127.0.0.1:{port}");
    let started = Instant::now();
    tell(port, &["SET a b", "BGSAVE"]);
    while run_with(&[], &[&target]).code == Some(0) {
        assert!(started.elapsed() < Duration::from_secs(30), "the snapshot went well");
    }
    server.folder.open_up(dir);
    has(&unhealthy(&[&target]), "PING answered \"MISCONF ");
}

#[test]
fn redis_that_is_loading() {
    let folder = Folder::new();
    let dump = folder.path("dump.rdb");
    let (first, port) = redis(folder, &[]);
    let keys: Vec<String> = (0..4000).map(|n| format!("SET key{n} {n}")).collect();
    let mut lines: Vec<&str> = keys.iter().map(String::as_str).collect();
    lines.push("SAVE");
    assert_eq!(tell(port, &lines).last().map(String::as_str), Some("+OK"));
    let saved = fs::read(&dump).expect("a dump");
    drop(first);
    // A large file on a slow disk: every key takes 10 ms.
    let folder = Folder::new();
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
    let folder = Folder::new();
    let Certificate { ca, cert, key } = certificate(&folder);
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
    has(&unhealthy(&[&format!("redis://{at}")]), ": want rediss:// if the server speaks TLS");
}

#[test]
fn redis_behind_strangers_and_liars() {
    for (answer, told) in [
        (
            &b""[..],
            "want an answer to PING: the connection was closed without a word: \
             want rediss:// if the server speaks TLS",
        ),
        (b"+PON", "want an answer to PING: the connection was closed after 4 bytes"),
        (b"+OK ready\r\n", "PING answered \"+OK ready\", want PONG"),
        (
            b"-DENIED Redis is running in protected mode because ...\r\n",
            "PING answered \"DENIED Redis is running in protected mode because ...\", want PONG",
        ),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "(an HTTP server answers here)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "(an SSH server answers here)"),
        (b"\x4a\0\0\0\x0a8.0.36\0", "(a MySQL or MariaDB server answers here)"),
    ] {
        let port = fake(answer);
        has(&unhealthy(&[&format!("redis://127.0.0.1:{port}")]), told);
    }
    // A flood without an end of line.
    let port = fake(&[b'+'; 200_000]);
    has(&unhealthy(&[&format!("redis://127.0.0.1:{port}")]), "more than 64 KiB without an end");
    // What was sent comes back.
    let port = fake(b"-ERR what is s3cret?\r\n");
    assert_eq!(
        unhealthy(&[&format!("redis://:s3cret@127.0.0.1:{port}")]),
        "AUTH answered \"ERR what is ***?\", want OK"
    );
}

// ------------------------------------------------------------------------------------ memcached

#[test]
fn memcached() {
    let port = free_port();
    let text = port.to_string();
    let own = ["-l", "127.0.0.1", "-U", "0", "-p", &text];
    let _server = Server::start(Folder::new(), "memcached", &own, &[]).on_port(port);
    let target = format!("memcached://127.0.0.1:{port}");
    has(&healthy(&[&target]), "VERSION 1.");
    for wrong in [format!("{target}/x"), format!("memcached://u:p@127.0.0.1:{port}")] {
        let run = run_with(&[], &[&wrong]);
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
        has(&run.err, "want memcached://host:port and no more");
    }

    let folder = Folder::new();
    let socket = folder.path("m.sock");
    let _server = Server::start(folder, "memcached", &["-s", &socket], &[]).on_socket(&socket);
    has(&healthy(&["memcached://x", "--connect-to", &format!("unix:{socket}")]), "VERSION 1.");
}

#[test]
fn memcached_that_wants_a_password_or_is_full() {
    let port = free_port();
    let text = port.to_string();
    let folder = Folder::new();
    let users = folder.file("users", "user:pass\n");
    let own = ["-l", "127.0.0.1", "-U", "0", "-p", &text, "-Y", &users];
    let _server = Server::start(folder, "memcached", &own, &[]).on_port(port);
    assert_eq!(healthy(&[&format!("memcached://127.0.0.1:{port}")]), "up, wants a password");

    let port = fake(b"ERROR Too many open connections\r\n");
    assert_eq!(
        unhealthy(&[&format!("memcached://127.0.0.1:{port}")]),
        "version answered \"ERROR Too many open connections\", want VERSION"
    );
    let port = fake(b"SERVER_ERROR out of memory\r\n");
    has(&unhealthy(&[&format!("memcached://127.0.0.1:{port}")]), "SERVER_ERROR out of memory");
}

// ------------------------------------------------------------------------------------- mosquitto

fn mosquitto(folder: Folder, port: u16, more: &str) -> Server {
    let conf = folder.file("mosquitto.conf", &format!("listener {port} 127.0.0.1\n{more}\n"));
    Server::start(folder, "mosquitto", &["-c", &conf], &[]).on_port(port)
}

#[test]
fn mosquitto_that_is_open() {
    let (folder, port) = (Folder::new(), free_port());
    let socket = folder.path("m.sock");
    let server = mosquitto(folder, port, &format!("allow_anonymous true\nlistener 0 {socket}"));
    assert_eq!(healthy(&[&format!("mqtt://127.0.0.1:{port}")]), "connection accepted");
    assert_eq!(healthy(&[&format!("mqtt://u:p@localhost:{port}/")]), "connection accepted");
    let unix = format!("unix:{socket}");
    assert_eq!(healthy(&["mqtt://x", "--connect-to", &unix]), "connection accepted");
    let said = server.said();
    has(&said, " disconnected.");
    assert!(!said.to_lowercase().contains("error"), "{said}");
}

#[test]
fn mosquitto_with_a_password() {
    let (folder, port) = (Folder::new(), free_port());
    let file = folder.path("users");
    let made =
        Command::new("mosquitto_passwd").args(["-b", "-c", &file, "us er", "s3cret"]).status();
    assert!(made.expect("mosquitto_passwd is installed").success());
    folder.open_up(Path::new(&file));
    let _server = mosquitto(folder, port, &format!("allow_anonymous false\npassword_file {file}"));
    let at = format!("127.0.0.1:{port}");
    assert_eq!(healthy(&[&format!("mqtt://{at}")]), "up, wants user and password");
    assert_eq!(healthy(&[&format!("mqtt://us%20er:s3cret@{at}")]), "connection accepted");
    let refused = "CONNACK refuses with code 5 (not authorized), want 0 (accepted)";
    assert_eq!(unhealthy(&[&format!("mqtt://us%20er:wr0ng@{at}")]), refused);
    assert_eq!(unhealthy(&[&format!("mqtt://us%20er@{at}")]), refused);
}

#[test]
fn mosquitto_over_tls() {
    let (folder, port) = (Folder::new(), free_port());
    let Certificate { ca, cert, key } = certificate(&folder);
    let conf = format!("allow_anonymous true\ncafile {ca}\ncertfile {cert}\nkeyfile {key}");
    let _server = mosquitto(folder, port, &conf);
    let at = format!("127.0.0.1:{port}");
    assert_eq!(healthy(&[&format!("mqtts://{at}"), "--cacert", &ca]), "connection accepted");
    unhealthy(&[&format!("mqtts://{at}")]);
    let told = unhealthy(&[&format!("mqtt://{at}")]);
    has(&told, ": want mqtts:// if the server speaks TLS");
}

#[test]
fn brokers_that_refuse() {
    for (answer, told) in [
        (&b"\x20\x02\0\x01"[..], "code 1 (unacceptable protocol version)"),
        (b"\x20\x02\0\x03", "code 3 (server unavailable)"),
        (b"\x20\x03\0\x84\0", "code 132 (unsupported protocol version: MQTT 5 is wanted)"),
        (b"\x20\x03\0\x89\0", "code 137 (server busy)"),
        (b"\x20\xff\xff\xff\x7f", "a CONNACK of no sound length"),
        (b"\x20\x02\x01\0", "a malformed CONNACK"),
        (b"+OK\r\n", "(a Redis or POP3 server answers here)"),
    ] {
        let port = fake(answer);
        has(&unhealthy(&[&format!("mqtt://127.0.0.1:{port}")]), told);
    }
    let port = fake(b"AMQP\x03\x01\0\0");
    has(
        &unhealthy(&[&format!("amqp://127.0.0.1:{port}")]),
        "want Connection.Start: the broker speaks AMQP 1.0.0 (with SASL or TLS), not 0.9.1",
    );
    let port = fake(b"\x01\0\0\x80\0\0\0\0");
    has(&unhealthy(&[&format!("amqp://127.0.0.1:{port}")]), "2147483648 bytes, more than 64 KiB");
}

// ------------------------------------------------------------------------------------------ nats

fn nats(folder: Folder, port: u16, more: &[&str]) -> Server {
    let text = port.to_string();
    let args = [&["-a", "127.0.0.1", "-p", &text], more].concat();
    Server::start(folder, "nats-server", &args, &[]).on_port(port)
}

#[test]
fn nats_that_is_open() {
    let port = free_port();
    let server = nats(Folder::new(), port, &[]);
    has(&healthy(&[&format!("nats://127.0.0.1:{port}")]), "PONG from NATS 2.");
    has(&healthy(&[&format!("nats://u:p@localhost:{port}")]), "PONG from NATS 2.");
    assert!(!server.said().contains("[ERR]"), "{}", server.said());
}

#[test]
fn nats_with_users_and_tokens() {
    let port = free_port();
    let server = nats(Folder::new(), port, &["--user", "us\"er", "--pass", "s3cr\\et"]);
    let at = format!("127.0.0.1:{port}");
    has(&healthy(&[&format!("nats://{at}")]), ", wants credentials");
    // As quick as with them: the server closes when it is asked nothing.
    let started = Instant::now();
    for _ in 0..20 {
        healthy(&[&format!("nats://{at}")]);
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    has(&healthy(&[&format!("nats://us%22er:s3cr%5Cet@{at}")]), "PONG from NATS 2.");
    assert!(!server.said().contains("[ERR]"), "{}", server.said());
    let refused = "PING answered \"-ERR 'Authorization Violation'\", want PONG";
    assert_eq!(unhealthy(&[&format!("nats://us%22er:wrong@{at}")]), refused);
    assert_eq!(unhealthy(&[&format!("nats://token@{at}")]), refused);

    let port = free_port();
    let _server = nats(Folder::new(), port, &["--auth", "t0ken"]);
    has(&healthy(&[&format!("nats://t0ken@127.0.0.1:{port}")]), "PONG from NATS 2.");
    assert_eq!(unhealthy(&[&format!("nats://wrong@127.0.0.1:{port}")]), refused);

    // A port for other servers is none for clients.
    let (folder, port) = (Folder::new(), free_port());
    let [routes, leafs] = [(); 2].map(|()| free_port());
    let ports = format!(
        "cluster {{ name: x, listen: \"127.0.0.1:{routes}\", authorization {{user: r, password: r}} }}\n\
         leafnodes {{ listen: \"127.0.0.1:{leafs}\", authorization {{user: r, password: r}} }}\n"
    );
    let conf = folder.file("nats.conf", &ports);
    let _server = nats(folder, port, &["-c", &conf]).on_port(routes).on_port(leafs);
    for other in [routes, leafs] {
        assert_eq!(
            unhealthy(&[&format!("nats://127.0.0.1:{other}")]),
            "INFO of a port for other servers, want one for clients"
        );
    }

    // A user for those who say none: INFO asks for nothing then.
    let folder = Folder::new();
    let users = "authorization { users = [ {user: a, password: b} ] }\nno_auth_user: a\n";
    let conf = folder.file("nats.conf", users);
    let port = free_port();
    let _server = nats(folder, port, &["-c", &conf]);
    has(&healthy(&[&format!("nats://127.0.0.1:{port}")]), "PONG from NATS 2.");
}

#[test]
fn nats_over_tls() {
    let (folder, port) = (Folder::new(), free_port());
    let Certificate { ca, cert, key } = certificate(&folder);
    let keys = format!("{cert},key={key}");
    let server = nats(folder, port, &["--tls", "--tlscert", &cert, "--tlskey", &key]);
    let target = format!("nats://127.0.0.1:{port}");
    has(&healthy(&[&target, "--tls", "--cacert", &ca]), "PONG from NATS 2.");
    assert_eq!(unhealthy(&[&target]), "INFO requires TLS, want --tls");
    unhealthy(&[&target, "--tls"]);

    // One that offers none, and the same behind a proxy that wants TLS first.
    let plain = free_port();
    let _plain = nats(Folder::new(), plain, &[]);
    assert_eq!(
        unhealthy(&[&format!("nats://127.0.0.1:{plain}"), "--tls", "--cacert", &ca]),
        "INFO offers no TLS, want TLS, as --tls says"
    );
    let first = free_port();
    let listen =
        format!("OPENSSL-LISTEN:{first},bind=127.0.0.1,reuseaddr,fork,verify=0,cert={keys}");
    let to = format!("TCP:127.0.0.1:{plain}");
    let _proxy = Server::start(Folder::new(), "socat", &[&listen, &to], &[]).on_port(first);
    let target = format!("nats://127.0.0.1:{first}");
    has(&healthy(&[&target, "--tls", "--cacert", &ca]), "PONG from NATS 2.");
    let told = unhealthy(&["-t", "900ms", &target]);
    has(&told, "want INFO: want --tls if the server starts with TLS");
    drop(server);
}

#[test]
fn nats_behind_liars() {
    const INFO: &[u8] = b"INFO {\"version\":\"9\",\"auth_required\":true}\r\n";
    for (answer, told) in [
        (
            &b"INFO {\"version\":\"9\"}\r\n-ERR 'Maximum Connections Exceeded'\r\n"[..],
            "PING answered \"-ERR 'Maximum Connections Exceeded'\", want PONG",
        ),
        (b"INFO {}\r\nPONGO\r\n", "want PONG: no NATS answer"),
        (b"INFO {", "closed after 6 bytes"),
        (b"HTTP/1.1 400 Bad Request\r\n", "(an HTTP server answers here)"),
    ] {
        let port = fake(answer);
        has(&unhealthy(&[&format!("nats://127.0.0.1:{port}")]), told);
    }
    let flood = [b"INFO {}\r\n".as_slice(), &b"PING\r\n".repeat(100)].concat();
    let port = fake(flood.leak());
    has(&unhealthy(&[&format!("nats://127.0.0.1:{port}")]), "+OK, INFO and PING only");
    // INFO alone does where a login would follow that was not given, and only there.
    let port = fake(INFO);
    assert_eq!(healthy(&[&format!("nats://127.0.0.1:{port}")]), "NATS 9, wants credentials");
    has(
        &unhealthy(&[&format!("nats://u:p@127.0.0.1:{port}")]),
        "want PONG: the connection was closed",
    );
    let full = [INFO, b"-ERR 'maximum connections exceeded'\r\n"].concat();
    let port = fake(full.leak());
    assert_eq!(
        unhealthy(&[&format!("nats://127.0.0.1:{port}")]),
        "INFO answered \"-ERR 'maximum connections exceeded'\", want no more"
    );
    // Without a word of it in INFO, the error says so.
    let port = fake(b"INFO {}\r\n-ERR 'Authorization Violation'\r\n");
    assert_eq!(healthy(&[&format!("nats://127.0.0.1:{port}")]), "up, wants credentials");
    unhealthy(&[&format!("nats://u:p@127.0.0.1:{port}")]);
}

// --------------------------------------------------------------------------------------- php-fpm

/// Two pools of the same: one on a port, one on a socket.
fn php(port: u16) -> (Server, String) {
    let folder = Folder::new();
    let socket = folder.path("php.sock");
    let pool = |name: &str, listen: &str| {
        format!(
            "[{name}]\nlisten = {listen}\npm = static\npm.max_children = 2\nping.path = /ping\n\
             pm.status_path = /status\ncatch_workers_output = yes\n"
        )
    };
    let conf = folder.file(
        "fpm.conf",
        &format!(
            "[global]\nerror_log = {}\ndaemonize = no\n{}{}",
            folder.path("error.log"),
            pool("tcp", &format!("127.0.0.1:{port}")),
            pool("unix", &socket),
        ),
    );
    folder.file("down.php", "<?php http_response_code(503); echo 'db: down';");
    folder.file("fatal.php", "<?php no_such_function();");
    folder.file("large.php", "<?php echo str_repeat('x', 1000000), 'end';");
    folder.file("larger.php", "<?php echo str_repeat('x', 1100000);");
    folder.file("slow.php", "<?php sleep(30);");
    folder.file("query.php", "<?php echo $_SERVER['REQUEST_METHOD'], ' ', $_GET['a'];");
    let server = Server::start(folder, "php-fpm8.2", &["-y", &conf], &[]);
    (server.on_port(port).on_socket(&socket), socket)
}

#[test]
fn php_fpm() {
    let port = free_port();
    let (server, socket) = php(port);
    let base = format!("fcgi://127.0.0.1:{port}");
    let unix = format!("unix:{socket}");
    assert_eq!(healthy(&[&format!("{base}/ping")]), "200");
    assert_eq!(healthy(&[&format!("{base}/ping"), "--status", "200", "-e", "pong"]), "200");
    assert_eq!(healthy(&["fcgi:///ping", "--connect-to", &unix, "--expect", "pong"]), "200");
    assert_eq!(healthy(&[&format!("{base}/status"), "-e", "accepted conn:"]), "200");
    assert_eq!(healthy(&[&format!("{base}/status?json"), "-e", "\"pool\":\"tcp\""]), "200");
    assert_eq!(
        unhealthy(&[&format!("{base}/ping"), "--expect", "PONG"]),
        "body of 4 bytes, want \"PONG\" in it: pong"
    );
    assert_eq!(
        unhealthy(&[&format!("{base}/pong")]),
        "status 404 Not Found, want 200-399: Primary script unknown"
    );
    let script = |name: &str| format!("{base}{}", server.folder.path(name));
    has(
        &unhealthy(&[&script("down.php")]),
        "status 503 Service Unavailable, want 200-399: db: down",
    );
    assert_eq!(healthy(&[&script("down.php"), "--status", "5xx"]), "503 Service Unavailable");
    let fatal = unhealthy(&[&script("fatal.php")]);
    has(&fatal, "status 500 Internal Server Error, want 200-399: PHP message: PHP Fatal error:");
    assert_eq!(healthy(&[&script("large.php"), "-e", "end"]), "200");
    has(&unhealthy(&[&script("larger.php")]), "an answer over 1 MiB, which is not judged");
    healthy(&[&format!("{}?a=b%20c", script("query.php")), "-e", "GET b c"]);
    has(
        &unhealthy(&["-t", "500ms", &script("slow.php")]),
        &format!("while reading from 127.0.0.1:{port}, want a FastCGI answer"),
    );
    // A record of a kind that the answer does not need is passed over.
    let more = fake(
        b"\x01\x0a\0\0\0\x02\0\0ok\x01\x06\0\x01\0\x08\0\0\r\n\r\npong\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0",
    );
    assert_eq!(healthy(&[&format!("fcgi://127.0.0.1:{more}/ping"), "-e", "pong"]), "200");
    // Its two workers are asleep now: whoever only connects does not notice.
    has(&unhealthy(&["-t", "500ms", &script("slow.php")]), "timed out after 500 ms");
    has(&healthy(&[&format!("tcp://127.0.0.1:{port}")]), "connected to");
    has(&unhealthy(&["-t", "500ms", &format!("{base}/ping")]), "timed out after 500 ms");
    for wrong in [base.clone(), format!("fcgi://u:p@127.0.0.1:{port}/ping")] {
        let run = run_with(&[], &[&wrong]);
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
        has(&run.err, "want fcgi://host:port/path, such as php-fpm's /ping");
    }
}

// -------------------------------------------------------------------- rabbitmq, and all of them

/// A broker with a name server of its own, since Erlang's would outlive it.
fn rabbitmq(port: u16, tls: u16) -> (Server, Server, String) {
    let folder = Folder::new();
    let Certificate { ca, cert, key } = certificate(&folder);
    let conf = folder.file(
        "rabbitmq.conf",
        &format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\nlisteners.ssl.1 = 127.0.0.1:{tls}\n\
             ssl_options.cacertfile = {ca}\nssl_options.certfile = {cert}\n\
             ssl_options.keyfile = {key}\nlog.file = {}\n",
            folder.path("rabbit.log")
        ),
    );
    let plugins = folder.file("enabled_plugins", "[].\n");
    let (names, dist) = (free_port(), free_port());
    let (names_text, dist_text) = (names.to_string(), dist.to_string());
    let epmd = ["-port", &names_text, "-address", "127.0.0.1"];
    let epmd = Server::start(Folder::new(), "epmd", &epmd, &[]).on_port(names);
    let node = format!("hc{port}@localhost");
    let (mnesia, logs) = (folder.folder("mnesia"), folder.folder("log"));
    let env = [
        ("RABBITMQ_NODENAME", node.as_str()),
        ("RABBITMQ_MNESIA_BASE", &mnesia),
        ("RABBITMQ_LOG_BASE", &logs),
        ("RABBITMQ_CONFIG_FILE", &conf),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", &plugins),
        ("RABBITMQ_PID_FILE", &folder.path("pid")),
        ("RABBITMQ_DIST_PORT", &dist_text),
        ("ERL_EPMD_PORT", &names_text),
        ("LANG", "C.UTF-8"),
    ];
    let server = Server::start(folder, "/usr/lib/rabbitmq/bin/rabbitmq-server", &[], &env);
    (epmd, server, ca)
}

#[test]
fn rabbitmq_and_every_kind_against_every_server() {
    let [rabbit, rabbits, mem, mos, nat, fpm] = [(); 6].map(|()| free_port());
    let (_epmd, broker, _ca) = rabbitmq(rabbit, rabbits);
    let text = mem.to_string();
    let own = ["-l", "127.0.0.1", "-U", "0", "-p", &text];
    let _memcached = Server::start(Folder::new(), "memcached", &own, &[]).on_port(mem);
    let (_redis, red) = redis(Folder::new(), &[]);
    let _mosquitto = mosquitto(Folder::new(), mos, "allow_anonymous true");
    let _nats = nats(Folder::new(), nat, &[]);
    let (_php, _socket) = php(fpm);
    let http = fake(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let broker = broker.on_port(rabbit).on_port(rabbits);

    // The broker by itself.
    has(&healthy(&[&format!("amqp://127.0.0.1:{rabbit}")]), "RabbitMQ 3.");
    let told = unhealthy(&[&format!("amqp://127.0.0.1:{rabbits}")]);
    has(&told, "(a TLS server answers here: it wants TLS)");
    let log = fs::read_to_string(broker.folder.0.join("rabbit.log")).unwrap_or_default();
    assert!(!log.contains("[error]"), "{log}");

    let servers = [
        ("redis", red),
        ("memcached", mem),
        ("amqp", rabbit),
        ("mqtt", mos),
        ("nats", nat),
        ("fcgi", fpm),
        ("http", http),
    ];
    for (server, port) in servers {
        let target = |kind: &str| match kind {
            "fcgi" => format!("fcgi://127.0.0.1:{port}/ping"),
            kind => format!("{kind}://127.0.0.1:{port}"),
        };
        let kinds: Vec<&str> = KINDS.iter().copied().filter(|kind| *kind != server).collect();
        let targets: Vec<String> = kinds.iter().map(|kind| target(kind)).collect();
        let args: Vec<&str> =
            ["-t", "1500ms"].into_iter().chain(targets.iter().map(String::as_str)).collect();
        let run = run_with(&[], &args);
        assert_eq!(run.code, Some(1), "{}", run.out);
        assert_eq!(run.out.lines().count(), kinds.len(), "{}{}", run.out, run.err);
        for (kind, line) in kinds.iter().zip(run.out.lines()) {
            let (start, told) = (format!("unhealthy: {}: ", target(kind)), explained(line));
            assert!(line.starts_with(&start) && told, "{kind} on {server}: {line}");
        }
        if server != "http" {
            healthy(&[&target(server)]);
        }
    }
}

#[test]
fn rabbitmq_over_tls() {
    let [plain, secure] = [(); 2].map(|()| free_port());
    let (_epmd, broker, ca) = rabbitmq(plain, secure);
    let _broker = broker.on_port(secure);
    has(&healthy(&[&format!("amqps://127.0.0.1:{secure}"), "--cacert", &ca]), "RabbitMQ 3.");
    unhealthy(&[&format!("amqps://127.0.0.1:{secure}")]);
}

/// Every kind that talks to a port.
const KINDS: &[&str] = &[
    "redis",
    "memcached",
    "amqp",
    "mqtt",
    "nats",
    "fcgi",
    "http",
    "grpc",
    "postgres",
    "mysql",
    "mongodb",
    "kafka",
];

/// Whether a tired person would know what to look for.
fn explained(line: &str) -> bool {
    let silent = line.contains(": timed out after ") && line.contains(", want ");
    let ends = ["answers here", "closed without a", "Connection reset by peer", "Broken pipe"];
    silent || ends.iter().any(|end| line.contains(end)) || line.contains(" answered ")
}
