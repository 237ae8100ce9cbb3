//! The servers of the matrix: real TLS stacks, those stacks behind a meddling wire, and peers that
//! speak no TLS. Each listens before its constructor returns, and ends when it is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::pki;
use crate::support::{self, free_port, listens};

/// Who is asked.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    /// `openssl s_server -www` with these arguments.
    OpenSsl(&'static str),
    /// `openssl s_server -HTTP` over TLS 1.2 behind a wire that does this to it.
    Behind(Wire, &'static str),
    /// An interactive s_server into which this is typed once a client is there, and then `hello`;
    /// but for `r`, which makes it insist on renegotiating.
    Typed(&'static str, &'static str),
    /// nginx with these lines in its `server` block.
    Nginx(&'static str),
    /// `gnutls-serv --http` with these arguments.
    GnuTls(&'static str),
    /// Go's `crypto/tls`: the version, and the file of roots for clients, who must show a certificate.
    Go(&'static str),
    /// Node's `https.createServer` with these options.
    Node(&'static str),
    /// What a peer does that speaks no TLS.
    Peer(fn(&mut TcpStream)),
}

/// What is done to the records that a server sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire {
    /// Nothing: shows that the wire itself is sound.
    Plain,
    /// The last byte of the ServerKeyExchange is another: its signature is wrong.
    Flip,
    /// Ends before the first alert, and so without close_notify.
    Mute,
    /// A byte a second.
    Drip,
    /// Nothing after the first record.
    Stall,
}

/// A server under way.
pub(crate) struct Running {
    pub(crate) port: u16,
    process: Option<support::Server>,
    out: Option<BufReader<ChildStdout>>,
}

impl Server {
    pub(crate) fn start(self) -> Running {
        match self {
            Server::OpenSsl(args) => openssl("-www", args),
            Server::Behind(wire, args) => {
                let mut server = openssl("-HTTP -tls1_2", args);
                let back = server.port;
                server.port = support::server(move |client| relay(client, back, wire));
                server
            }
            Server::Typed(command, args) => typed(command, args),
            Server::Nginx(lines) => nginx(lines),
            Server::GnuTls(args) => gnutls(args),
            Server::Go(args) => go(args),
            Server::Node(options) => node(options),
            Server::Peer(act) => {
                let port = support::server(move |mut client| act(&mut client));
                Running { port, process: None, out: None }
            }
        }
    }
}

/// An s_server for one connection, which prints what it is sent.
pub(crate) fn openssl_once(args: &str) -> Running {
    openssl("-naccept 1", args)
}

impl Running {
    /// What an `openssl_once` printed, once its only connection is over.
    pub(crate) fn printed(mut self) -> String {
        let mut text = Vec::new();
        let mut out = self.out.take().expect("an s_server's output");
        out.read_to_end(&mut text).expect("its output");
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn command(program: &str, args: &str) -> Command {
    let mut command = Command::new(program);
    command.args(args.split_whitespace()).current_dir(pki::folder());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn spawned(command: &mut Command) -> support::Server {
    support::Server::to_talk_to(command).ended_by(Signal::KILL)
}

/// Starts it and reads its output up to the line that `ready` takes for a sign of life.
fn start(command: &mut Command, ready: impl Fn(&str) -> Option<u16>) -> Running {
    let mut process = spawned(command);
    let mut out = BufReader::new(process.child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    let mut port = None;
    while port.is_none() {
        line.clear();
        let n = out.read_line(&mut line).expect("a line of text");
        assert!(n > 0, "{command:?} ended before it listened");
        port = ready(&line);
    }
    Running { port: port.unwrap_or(0), process: Some(process), out: Some(out) }
}

fn openssl(mode: &str, args: &str) -> Running {
    let args = format!("s_server -accept 127.0.0.1:0 {mode} {args}");
    // `ACCEPT 127.0.0.1:34567`
    start(&mut command("openssl", &args), |line| {
        line.strip_prefix("ACCEPT ")?.trim().rsplit_once(':')?.1.parse().ok()
    })
}

fn typed(command: &'static str, args: &str) -> Running {
    let mut server = openssl("", args);
    let mut keys =
        server.process.as_mut().and_then(|server| server.child.stdin.take()).expect("a pipe");
    let out = server.out.take().expect("a pipe");
    thread::spawn(move || {
        // The last line about a new client.
        let greeted = |line: &String| line == "Secure Renegotiation IS supported";
        let mut lines = out.lines().map_while(Result::ok);
        if lines.any(|line| greeted(&line)) {
            let _ = keys.write_all(format!("{command}\n").as_bytes());
            if command == "r" {
                // What it says before it breaks off would count: nothing, until it has ended.
                return lines.for_each(drop);
            }
            // What is read in one piece with a command is lost: said again until nobody listens.
            while keys.write_all(b"hello\n").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        }
    });
    server
}

/// The server in Go, built once.
pub(crate) fn go_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tls-server-go");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/tls_server.go");
        let built = Command::new("go").arg("build").arg("-o").arg(&program).arg(source).output();
        let built = built.expect("the suite needs go");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        program
    })
}

fn go(args: &str) -> Running {
    let program = go_program().to_str().expect("UTF-8");
    start(&mut command(program, args), |line| line.trim().parse().ok())
}

fn node(options: &str) -> Running {
    let script = format!(
        "const fs = require('fs'), f = n => fs.readFileSync(n);
         const s = require('https').createServer({{ {options} }}, (q, r) => r.end('hello'));
         s.listen(0, '127.0.0.1', () => console.log(s.address().port));"
    );
    start(command("node", "-e").arg(script), |line| line.trim().parse().ok())
}

/// nginx and gnutls-serv say nothing of use when they listen: asked until they do. None is one that
/// ended, or goes on without: gnutls-serv is content with an IPv6 socket where the port is taken.
fn until_open(process: support::Server, port: u16) -> Option<Running> {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end && process.runs() {
        if listens(port) {
            return Some(Running { port, process: Some(process), out: None });
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

fn nginx(lines: &str) -> Running {
    // Another process may take the port first: then another one.
    for _ in 0..5 {
        let port = free_port();
        let home = pki::folder().join(format!("nginx-{port}"));
        std::fs::create_dir_all(&home).expect("a folder");
        let config = format!(
            "daemon off; master_process off; pid pid; error_log error.log; events {{}}
             http {{ access_log access.log; client_body_temp_path t1; proxy_temp_path t2;
                     fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                     server {{ listen 127.0.0.1:{port} ssl; {lines} location / {{ return 200 ok; }} }} }}"
        );
        std::fs::write(home.join("conf"), config.replace("PKI", &pki::folder().to_string_lossy()))
            .expect("a file");
        let mut command = command("/usr/sbin/nginx", "-c conf -e error.log -p");
        let process = spawned(command.arg(&home).stdout(Stdio::null()));
        if let Some(running) = until_open(process, port) {
            return running;
        }
    }
    panic!("nginx does not start");
}

fn gnutls(args: &str) -> Running {
    for _ in 0..5 {
        let port = free_port();
        let args = format!("--http --quiet --port {port} {args}");
        let mut command = command("gnutls-serv", &args);
        let process = spawned(command.stdout(Stdio::null()));
        if let Some(running) = until_open(process, port) {
            return running;
        }
    }
    panic!("gnutls-serv does not start");
}

/// Carries bytes to the server as they are and the server's records as `wire` says.
fn relay(client: TcpStream, port: u16, wire: Wire) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let (Ok(mut from), Ok(mut to)) = (client.try_clone(), server.try_clone()) else { return };
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut server, mut client) = (server, client);
    let mut first = true;
    while let Some(mut record) = record(&mut server) {
        match wire {
            // Handshake, ServerKeyExchange (RFC 5246 section 7.4).
            Wire::Flip if record[0] == 22 && record[5] == 12 => {
                *record.last_mut().expect("a byte") ^= 1
            }
            Wire::Mute if record[0] == 21 => break,
            Wire::Stall if !first => {
                thread::sleep(Duration::from_secs(20));
                return;
            }
            _ => {}
        }
        first = false;
        let pieces = if wire == Wire::Drip { 1 } else { record.len() };
        for piece in record.chunks(pieces) {
            if client.write_all(piece).is_err() {
                return;
            }
            if wire == Wire::Drip {
                thread::sleep(Duration::from_secs(1));
            }
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

fn record(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record).ok()?;
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    from.read_exact(&mut record[5..]).ok()?;
    Some(record)
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Server::OpenSsl(args) => write!(f, "openssl {args}"),
            Server::Behind(wire, args) => write!(f, "openssl {args}, wire {wire:?}"),
            Server::Typed(command, args) => write!(f, "openssl {args}, typed {command}"),
            Server::Nginx(lines) => write!(f, "nginx {lines}"),
            Server::GnuTls(args) => write!(f, "gnutls {args}"),
            Server::Go(args) => write!(f, "go {args}"),
            Server::Node(options) => write!(f, "node {options}"),
            Server::Peer(_) => write!(f, "peer"),
        }
    }
}
