//! The one way in which tests run the executable, and the servers they script for it.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The executable under test.
pub fn exe() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/dist/healthcheck");
    let exe = std::env::var_os("HEALTHCHECK_BIN").map_or(built, PathBuf::from);
    assert!(exe.is_file(), "{} is missing: run `make dist`", exe.display());
    exe
}

/// The executable of a flavour: `$HEALTHCHECK_PLAIN_BIN`, or `target/dist/healthcheck-plain`.
pub fn flavour(name: &str) -> PathBuf {
    let built = format!("target/dist/healthcheck-{name}");
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join(built);
    let variable = format!("HEALTHCHECK_{}_BIN", name.to_uppercase());
    let exe = std::env::var_os(variable).map_or(built, PathBuf::from);
    let how = format!("run `scripts/build-small \"$(uname -m)\" {name}`");
    assert!(exe.is_file(), "{} is missing: {how}", exe.display());
    exe
}

/// What a run left behind.
#[derive(Debug, Clone)]
pub struct Run {
    /// The exit code; `None` for a signal.
    pub code: Option<i32>,
    /// stdout.
    pub out: String,
    /// stderr.
    pub err: String,
    /// From start to end.
    pub took: Duration,
}

impl Run {
    /// Healthy: exit code 0, nothing on stderr, and this on stdout.
    #[track_caller]
    pub fn healthy(&self, part: &str) -> &Self {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        assert!(self.out.starts_with("healthy: ") && self.out.contains(part), "{part:?}: {self:?}");
        self
    }

    /// Unhealthy: exit code 1, nothing on stderr, one line with this in it on stdout.
    #[track_caller]
    pub fn unhealthy(&self, part: &str) -> &Self {
        assert_eq!((self.code, self.err.as_str()), (Some(1), ""), "{self:?}");
        assert!(
            self.out.starts_with("unhealthy: ") && self.out.contains(part),
            "{part:?}: {self:?}"
        );
        assert_eq!(self.out.matches('\n').count(), 1, "{self:?}");
        self
    }

    /// A usage error: exit code 1, nothing on stdout, one line with this in it on stderr.
    #[track_caller]
    pub fn usage(&self, part: &str) -> &Self {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        assert!(
            self.err.starts_with("healthcheck: ") && self.err.contains(part),
            "{part:?}: {self:?}"
        );
        assert_eq!(self.err.matches('\n').count(), 1, "{self:?}");
        self
    }

    /// Ended within `most`, with room for a busy machine: bounds are tested far above the timeout.
    #[track_caller]
    pub fn within(&self, most: Duration) -> &Self {
        assert!(self.took < most, "{self:?}");
        self
    }
}

/// A command with a cleared environment and nothing on stdin.
pub fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(exe());
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// Runs the executable to its end.
pub fn check(args: &[&str]) -> Run {
    run(&mut command(args))
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Run {
    let started = Instant::now();
    let output = command.output().expect("the executable starts");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        took: started.elapsed(),
    }
}

/// A port of 127.0.0.1 on which each connection is handed to `serve`; the thread ends with the
/// test process.
pub fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serve = std::sync::Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = std::sync::Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// A server that reads a request's head and answers with these bytes, then closes.
pub fn answers(bytes: impl Into<Vec<u8>>) -> u16 {
    let bytes = bytes.into();
    server(move |mut stream| {
        request(&mut stream);
        let _ = stream.write_all(&bytes);
        finish(stream);
    })
}

/// A server that answers as [`answers`] and hands over the requests it got.
pub fn records(bytes: &'static str) -> (u16, Receiver<String>) {
    let (sender, receiver) = channel();
    let sender = std::sync::Mutex::new(sender);
    let port = server(move |mut stream| {
        let request = request(&mut stream);
        let _ = sender.lock().expect("a sender").send(request);
        let _ = stream.write_all(bytes.as_bytes());
        finish(stream);
    });
    (port, receiver)
}

/// Reads up to the empty line behind a head, and as much body as Content-Length says.
pub fn request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = stream.read_exact(&mut body);
    text + &String::from_utf8_lossy(&body)
}

/// Closes so that the peer reads everything that was written.
pub fn finish(mut stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut sink = [0; 4096];
    while matches!(stream.read(&mut sink), Ok(1..)) {}
}

#[path = "../ports/mod.rs"]
mod ports;
pub use ports::free_port;

/// A port that refuses: bound and kept, so that nobody else gets it, but never listened on.
pub fn closed_port() -> u16 {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};
    let flags = SocketFlags::CLOEXEC;
    let socket =
        socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).expect("a socket");
    bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let address = SocketAddr::try_from(getsockname(&socket).expect("an address"));
    // Until the tests end.
    std::mem::forget(socket);
    address.expect("an IP address").port()
}

/// A listener on ::1 alone: the same port of 127.0.0.1 refuses, and nobody else gets it.
pub fn ipv6_only() -> (TcpListener, u16) {
    std::iter::repeat_with(closed_port)
        .find_map(|port| Some((TcpListener::bind(("::1", port)).ok()?, port)))
        .expect("a port")
}

/// A listener that nobody accepts from: a peer that connects and stays silent.
pub fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// A folder of the test's own, removed when it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    /// Makes one that no other test has; world-accessible, for servers that give up root.
    pub fn new(name: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("healthcheck-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).expect("its mode");
        Self(path)
    }

    /// A path inside, as text.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server process, ended by its pid when dropped.
pub struct Server(pub Child);

impl Server {
    /// Starts `command` and waits until `ready` says so, at most 30 seconds.
    pub fn start(command: &mut Command, ready: impl Fn() -> bool) -> Self {
        let name = command.get_program().to_owned();
        command.stdin(Stdio::null());
        let mut server =
            Self(command.spawn().unwrap_or_else(|error| panic!("{name:?}: {error}: install it")));
        let end = Instant::now() + Duration::from_secs(30);
        while !ready() {
            assert!(Instant::now() < end, "{name:?} does not get ready");
            assert!(server.0.try_wait().expect("a state").is_none(), "{name:?} ended");
            thread::sleep(Duration::from_millis(10));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM first: servers with children end them too.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a connection to the port opens.
pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// `argument` repeated to `length` bytes.
pub fn long(length: usize) -> OsString {
    "x".repeat(length).into()
}
