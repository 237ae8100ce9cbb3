//! Servers as processes: each ends with the test that started it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use super::{Folder, free_port, listens};

/// As long as the slowest server needs to start on a busy machine.
const START: Duration = Duration::from_secs(120);

/// A process in a group of its own, which ends with it.
pub struct Server {
    pub child: Child,
    /// What it is asked to end by, or nothing when it ends with its stdin; killed if it does not.
    end: Option<Signal>,
    /// Where it writes what it says.
    log: Option<PathBuf>,
    /// Removed once it has ended.
    folder: Option<Folder>,
}

impl Server {
    /// Starts it, with nothing on stdin.
    pub fn start(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::null())).ended_by(Signal::TERM)
    }

    /// Starts it with a pipe to its stdin, with which it ends.
    pub fn to_talk_to(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::piped()))
    }

    fn spawn(command: &mut Command) -> Self {
        let child = command.process_group(0).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{:?} is wanted for this test: {error}", command.get_program())
        });
        Self { child, end: None, log: None, folder: None }
    }

    /// Starts an installed server that may not be root and keeps its files in `folder`, with an
    /// environment of its own and its output in a log.
    pub fn in_folder(folder: Folder, program: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        assert!(
            ["/usr/bin/", "/usr/sbin/", ""]
                .iter()
                .any(|dir| Path::new(&format!("{dir}{program}")).exists()),
            "{program} is not installed, and this test is of it"
        );
        let log = folder.0.join("output.log");
        let output = fs::File::create(&log).expect("a log");
        let mut command = as_user("nobody", Path::new(program));
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", &folder.0)
            .envs(env.iter().copied())
            .current_dir(&folder.0)
            .stdout(output.try_clone().expect("a log"))
            .stderr(output);
        let mut server = Self::start(&mut command).ended_by(Signal::KILL);
        (server.log, server.folder) = (Some(log), Some(folder));
        server
    }

    /// The signal that ends it, in place of SIGTERM or of its stdin.
    pub fn ended_by(mut self, end: Signal) -> Self {
        self.end = Some(end);
        self
    }

    /// Waits until it is `ready`, no longer than it lives.
    pub fn until(self, mut ready: impl FnMut() -> bool) -> Self {
        let end = Instant::now() + START;
        while !ready() {
            assert!(self.runs(), "the server ended: {}", self.said());
            assert!(Instant::now() < end, "the server does not get ready: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
        self
    }

    pub fn on_port(self, port: u16) -> Self {
        self.until(|| listens(port))
    }

    pub fn on_socket(self, path: &str) -> Self {
        self.until(|| UnixStream::connect(path).is_ok())
    }

    /// What it has written so far.
    pub fn said(&self) -> String {
        let text = self.log.as_ref().and_then(|log| fs::read(log).ok()).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The folder that it was started in.
    pub fn folder(&self) -> &Folder {
        self.folder.as_ref().expect("a folder")
    }

    /// Whether it has not ended; a zombie has.
    pub fn runs(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.pid()), options).is_ok_and(|ended| ended.is_none())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a process");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if let Some(end) = self.end {
            let _ = kill_process(self.pid(), end);
        }
        let end = Instant::now() + Duration::from_secs(10);
        while self.end != Some(Signal::KILL) && self.runs() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Whom it has left behind, too. Not waited for yet, it keeps the group's number its own.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A name server for one node of Erlang's, and its port: the one that a node starts would outlive it.
pub fn epmd() -> (Server, String) {
    let port = free_port();
    let text = port.to_string();
    let args = ["-port", &text, "-address", "127.0.0.1"];
    (Server::in_folder(Folder::new("epmd"), "epmd", &args, &[]).on_port(port), text)
}

/// Whether the tests run as root.
pub fn root() -> bool {
    fs::metadata("/proc/self").expect("proc(5)").uid() == 0
}

/// A command as `user`: most servers refuse to run as root.
pub fn as_user(user: &str, program: &Path) -> Command {
    if !root() {
        return Command::new(program);
    }
    let group = if user == "nobody" { "nogroup" } else { user };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", group, "--clear-groups", "--"]).arg(program);
    command
}

/// Tries until it works, for half a minute at most.
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(Instant::now() < end, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A command's stdout; anything but success is the test's failure, with the command's own words.
pub fn must(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{:?} is wanted for this test: {error}", command.get_program())
    });
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    stdout
}
