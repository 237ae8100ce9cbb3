//! MongoDB and Kafka: peers in Python, encoding and decoding with those projects' own client
//! libraries. No real server of either was run.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{healthy, must, unhealthy};

/// What the peers import.
const PACKAGES: [&str; 2] = ["pymongo==4.20.0", "kafka-python==3.0.12"];

/// The Python of `target/venv`, which is made when it is not there. Other tests may want it at the
/// same time, for other packages: one at a time, each with its own mark.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target");
    let venv = target.join("venv");
    let lock = fs::File::create(target.join("venv.lock")).expect("a lock");
    lock.lock().expect("locked");
    let python = venv.join("bin/python");
    if !python.exists() {
        must(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    }
    let mark = venv.join("has-services-b");
    if !mark.exists() {
        must(Command::new(&python).args(["-m", "pip", "install", "-q"]).args(PACKAGES));
        fs::write(mark, "").expect("marked");
    }
    python
}

/// A peer: one port for each of its answers.
struct Peer {
    child: Child,
    ports: HashMap<String, u16>,
}

impl Peer {
    fn start(script: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
        let mut command = Command::new(python());
        let mut child =
            command.arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a peer");
        let lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
        let mut ports = HashMap::new();
        for line in lines.map(|line| line.expect("a line")) {
            let Some((name, port)) = line.split_once(' ') else { break };
            ports.insert(name.to_owned(), port.parse().expect("a port"));
        }
        assert!(!ports.is_empty(), "{script} did not start");
        Self { child, ports }
    }

    fn target(&self, scheme: &str, name: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.ports[name])
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The peer ends with its stdin.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn mongodb() {
    let peer = Peer::start("mongodb_peer.py");
    let target = |name: &str| peer.target("mongodb", name);
    for (name, saw) in [
        ("primary", "writable in rs0, wire version 21"),
        ("secondary", "a secondary in rs0, wire version 21"),
        ("alone", "writable, wire version 25"),
        ("mongos", "a mongos, wire version 21"),
        ("starting", "neither writable nor a secondary in rs0, wire version 21"),
        ("checksum", "writable in rs0, wire version 21"),
        ("former", "writable, wire version 8"),
    ] {
        assert_eq!(healthy(&[&target(name)]), saw, "{name}");
    }
    for name in ["primary", "alone", "mongos", "former"] {
        healthy(&[&target(name), "--primary"]);
    }
    assert_eq!(
        unhealthy(&[&target("secondary"), "--primary"]),
        "server a secondary in rs0, want a writable one (--primary)"
    );
    assert_eq!(
        unhealthy(&[&target("error")]),
        "hello ok:0, want ok:1: The server is in quiesce mode and will shut down"
    );
    for (name, text) in [
        ("op_reply", "another message than OP_MSG"),
        ("hangs_up", "the connection was closed without a word"),
        ("huge", "a message of 2147483648 bytes"),
        ("another", "an answer to another request"),
        ("short", "the connection was closed after 40 bytes"),
    ] {
        let got = unhealthy(&[&target(name)]);
        let what = "want an answer to hello in OP_MSG (MongoDB 3.6 or later)";
        assert!(got.contains(what) && got.contains(text), "{name}: {got}");
    }
}

#[test]
fn kafka() {
    let peer = Peer::start("kafka_peer.py");
    let target = |name: &str| peer.target("kafka", name);
    assert_eq!(healthy(&[&target("broker")]), "answers 3 APIs");
    assert_eq!(healthy(&[&target("newer")]), "answers, but wants a newer ApiVersions");
    assert_eq!(unhealthy(&[&target("none")]), "ApiVersions without any API, want at least one");
    assert_eq!(unhealthy(&[&target("error")]), "ApiVersions error 58, want 0");
    for (name, text) in [
        ("another", "an answer to another request"),
        ("huge", "a message of 2147483652 bytes"),
        ("hangs_up", "the connection was closed without a word"),
        ("short", "the connection was closed after 20 bytes"),
    ] {
        let got = unhealthy(&[&target(name)]);
        let what = "want an answer to ApiVersions without TLS";
        assert!(got.contains(what) && got.contains(text), "{name}: {got}");
    }
}

#[test]
fn a_silent_peer_ends_each_of_them_at_the_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    for scheme in ["postgres", "mysql", "mongodb", "kafka"] {
        let got = unhealthy(&[&format!("{scheme}://127.0.0.1:{port}"), "-t", "200ms"]);
        assert!(got.starts_with("timed out after 2"), "{got}");
        assert!(got.contains(&format!("while reading from 127.0.0.1:{port}")), "{got}");
    }
}

/// The port of a server that says `answer` to everyone and then listens.
fn fake(answer: &'static [u8]) -> u16 {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut client in server.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut client, answer);
            std::thread::spawn(move || std::io::copy(&mut client, &mut std::io::sink()));
        }
    });
    port
}

#[test]
fn a_web_server_on_the_port_is_named() {
    let port = fake(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    for scheme in ["postgres", "mysql", "mongodb", "kafka"] {
        let got = unhealthy(&[&format!("{scheme}://127.0.0.1:{port}")]);
        assert!(got.ends_with("(an HTTP server answers here)"), "{got}");
    }
}

#[test]
fn a_right_word_at_the_wrong_time_is_no_health() {
    for (scheme, answer, told) in [
        ("postgres", &b"Z\0\0\0\x05I"[..], "ready for queries before any authentication"),
        ("mysql", b"\x07\0\0\0\0\0\0\x02\0\0\0", "another packet than a greeting"),
    ] {
        let got = unhealthy(&[&format!("{scheme}://127.0.0.1:{}", fake(answer))]);
        assert!(got.ends_with(told), "{got}");
    }
}
