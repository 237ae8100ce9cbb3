//! Real servers, each with a folder of its own; they end with the test that started them.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The servers' packages.
const PYTHON: &[&str] = &["grpcio==1.85.1", "grpcio-health-checking==1.85.1"];
const NODE: &[&str] = &["@grpc/grpc-js@1.14.7", "grpc-health-check@2.1.0"];

/// A folder for one test, emptied at its start.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// With a root and, signed by it, a server's certificate and a client's.
    pub(crate) fn with_certificates(name: &str) -> Self {
        let folder = Self::new(name);
        let openssl = |args: &str| must(folder.command("openssl").args(args.split(' ')));
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(&format!("req -x509 {key} -keyout root.key -out root.pem -days 30 -subj /CN=root"));
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";
        fs::write(folder.path("names"), names).expect("a file");
        for who in ["server", "client"] {
            openssl(&format!("req {key} -keyout {who}.key -out {who}.csr -subj /CN={who}"));
            openssl(&format!(
                "x509 -req -in {who}.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 \
                 -out {who}.pem -extfile names"
            ));
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.0).stdin(Stdio::null());
        command
    }
}

/// Runs to the end, with success.
fn must(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
}

/// A folder in cargo's target, in which `make` installs packages once. Other tests may want it at
/// the same time: one at a time.
fn installed(name: &str, mark: &str, make: impl Fn(&Path)) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target");
    let folder = target.join(name);
    let lock = fs::File::create(target.join(format!("{name}.lock"))).expect("a lock");
    lock.lock().expect("locked");
    if !folder.join(mark).exists() {
        make(&folder);
        fs::write(folder.join(mark), "").expect("marked");
    }
    folder
}

/// Servers of one process, a port for each of their names.
pub(crate) struct Peer {
    child: Child,
    ports: HashMap<String, u16>,
}

impl Peer {
    /// `grpc_server.py`, with the packages in `target/venv`.
    pub(crate) fn python(folder: &Folder) -> Self {
        let venv = installed("venv", "has-grpc", |venv| {
            let python = venv.join("bin/python");
            if !python.exists() {
                must(Command::new("python3").args(["-m", "venv"]).arg(venv));
            }
            must(Command::new(python).args(["-m", "pip", "install", "-q"]).args(PYTHON));
        });
        Self::start(&mut Command::new(venv.join("bin/python")), "grpc_server.py", folder)
    }

    /// `grpc_server.js`, with the packages in `target/node`.
    pub(crate) fn node(folder: &Folder) -> Self {
        let node = installed("node", "has-grpc", |node| {
            fs::create_dir_all(node).expect("a folder");
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "."]);
            must(npm.args(NODE).current_dir(node));
        });
        let mut command = Command::new("node");
        Self::start(command.env("NODE_PATH", node.join("node_modules")), "grpc_server.js", folder)
    }

    fn start(command: &mut Command, script: &str, folder: &Folder) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
        let command = command.arg(script).arg(&folder.0).stdin(Stdio::piped());
        let log = fs::File::create(folder.path("log")).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("a server");
        let mut ports = HashMap::new();
        for line in BufReader::new(child.stdout.take().expect("its stdout")).lines() {
            let line = line.expect("a line");
            let Some((name, port)) = line.split_once(' ') else { break };
            ports.insert(name.to_owned(), port.parse().expect("a port"));
        }
        assert!(!ports.is_empty(), "no server: {:?}", fs::read_to_string(folder.path("log")));
        Self { child, ports }
    }

    pub(crate) fn target(&self, scheme: &str, name: &str, path: &str) -> String {
        format!("{scheme}://127.0.0.1:{}{path}", self.ports[name])
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends with its stdin.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A server of the distribution's on a Unix socket.
pub(crate) struct Daemon(Child);

impl Daemon {
    fn start(command: &mut Command, sockets: &[&str]) -> Self {
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let started = Instant::now();
        while sockets.iter().any(|socket| UnixStream::connect(socket).is_err()) {
            assert!(started.elapsed() < Duration::from_secs(20), "{command:?} does not listen");
            assert_eq!(child.try_wait().expect("its state"), None, "{command:?} ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn redis(folder: &Folder, socket: &str) -> Daemon {
    let mut command = folder.command("redis-server");
    let args = ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"];
    Daemon::start(command.args(args), &[socket])
}

/// nginx with HTTP/1 on one socket and HTTP/2 on the other.
pub(crate) fn nginx(folder: &Folder, one: &str, two: &str) -> Daemon {
    let conf = format!(
        "daemon off; master_process off; pid {pid}; error_log {log};
         events {{ worker_connections 64; }}
         http {{
           access_log off; client_body_temp_path {tmp}; proxy_temp_path {tmp};
           fastcgi_temp_path {tmp}; uwsgi_temp_path {tmp}; scgi_temp_path {tmp};
           server {{ listen unix:{one}; return 404; }}
           server {{ listen unix:{two} http2; return 404; }}
         }}",
        pid = folder.path("pid"),
        log = folder.path("log"),
        tmp = folder.path("tmp"),
    );
    fs::write(folder.path("conf"), conf).expect("a file");
    let mut command = folder.command("nginx");
    let args = ["-c", &folder.path("conf"), "-e", &folder.path("log")];
    Daemon::start(command.args(args), &[one, two])
}
