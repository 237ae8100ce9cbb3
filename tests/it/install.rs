//! `--install PATH` of section 2.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::local::copy;
use crate::support::{Folder, check, closed_port, exe, run};

fn names(folder: &Folder) -> Vec<String> {
    let names = fs::read_dir(&folder.0).expect("a folder");
    let mut names: Vec<String> =
        names.map(|name| name.expect("a name").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).expect(path).permissions().mode() & 0o7777
}

#[test]
fn a_copy_that_runs_whatever_the_umask() {
    let folder = Folder::new("install");
    let path = folder.path("probe");
    for umask in ["000", "022", "077", "777"] {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("umask {umask}; \"$0\" --install \"$1\""))
            .arg(exe())
            .arg(&path);
        let installed = run(&mut shell);
        assert_eq!((installed.code, installed.err.as_str()), (Some(0), ""), "{installed:?}");
        assert!(installed.out.starts_with(&format!("installed: {path}: ")), "{installed:?}");
        assert_eq!(mode(&path), 0o755, "{umask}");
        // Not shown when they differ: megabytes.
        let same = fs::read(&path).expect("the copy") == fs::read(exe()).expect("the original");
        assert!(same, "{umask}: the copy has the original's bytes");
        assert_eq!(names(&folder), ["probe"]);
        let copy = run(Command::new(&path).arg("file:///proc/version").env_clear());
        copy.healthy("0 bytes");
        // The copy installs itself just so.
        let second = run(Command::new(&path).args(["--install", &path]).env_clear());
        assert_eq!(second.code, Some(0), "{second:?}");
    }
}

#[test]
fn over_a_program_in_use_and_over_links() {
    let folder = Folder::new("install-use");
    let path = folder.path("probe");
    assert_eq!(check(&["--install", &path]).code, Some(0));
    let refused = format!("tcp://127.0.0.1:{}", closed_port());
    let mut used = Command::new(&path)
        .args([&refused, "-w", "60s"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the copy runs");
    assert_eq!(check(&["--install", &path]).code, Some(0));
    assert_eq!(used.try_wait().expect("a state"), None);
    used.kill().expect("its end");
    used.wait().expect("its end");

    // A link is replaced; what it leads to stays.
    fs::write(folder.path("old"), "old").expect("a file");
    symlink("old", folder.path("link")).expect("a link");
    assert_eq!(check(&["--install", &folder.path("link")]).code, Some(0));
    assert_eq!(fs::read(folder.path("old")).expect("a file"), b"old");
    assert!(fs::symlink_metadata(folder.path("link")).expect("a file").is_file());
    assert_eq!(names(&folder), ["link", "old", "probe"]);
    // A relative path.
    let mut there = Command::new(exe());
    assert_eq!(run(there.args(["--install", "here"]).current_dir(&folder.0)).code, Some(0));
    assert_eq!(mode(&folder.path("here")), 0o755);
}

#[test]
fn what_is_in_the_way_is_named_and_nothing_left_behind() {
    let folder = Folder::new("install-not");
    let inside = folder.path("");
    check(&["--install", &inside]).usage("want the path of a file in it");
    check(&["--install", inside.trim_end_matches('/')]).usage("--install: directory ");
    check(&["--install", &folder.path("new/")]).usage("want the path of a file in it");
    check(&["--install", &folder.path("none/probe")])
        .usage("No such file or directory (os error 2)");
    let socket = folder.path("socket");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    check(&["--install", &socket]).usage(&format!("path {socket}: want a regular file"));
    fs::remove_file(&socket).expect("a socket");
    check(&["--install", "/proc/probe"]).usage("creating /proc/.healthcheck.");
    check(&["--install", ""]).usage("--install: a path is wanted");
    check(&["--install", "/tmp/x", "-q"]).usage("--install PATH stands alone");
    check(&["--install", "/tmp/x", "-t", "soon"]).usage("--timeout: a duration is wanted");
    for option in ["--output", "-x"] {
        check(&["--install", option]).usage(&format!("path {option}: want ./ in front of a '-'"));
    }
    fs::create_dir(folder.path("full")).expect("a folder");
    assert_eq!(names(&folder), ["full"]);

    // A disk that is full, and no /proc, each in a mount namespace of its own.
    let line = "mount -t tmpfs -o size=64k none \"$1\" && \"$0\" --install \"$1/probe\"; \
                code=$?; ls -A \"$1\"; exit $code";
    let full = run(Command::new("unshare")
        .args(["-rm", "sh", "-c", line])
        .arg(exe())
        .arg(folder.path("full")));
    assert_eq!((full.code, full.out.as_str()), (Some(1), ""), "{full:?}");
    assert!(
        full.err.contains("--install: writing ") && full.err.contains("(os error 28)"),
        "{full:?}"
    );
    let line = "mount -t tmpfs none /proc && exec \"$0\" --install \"$1/probe\"";
    let none = run(Command::new("unshare")
        .args(["-rm", "sh", "-c", line])
        .arg(exe())
        .arg(folder.path("full")));
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.err.contains("--install: opening /proc/self/exe: No such file"), "{none:?}");
    assert_eq!(names(&folder), ["full"]);
}

#[test]
fn as_a_user_without_privileges_on_a_volume() {
    let folder = Folder::new("install-user");
    let path = folder.path("probe");
    // A copy that this user can read, whatever the way to the original.
    copy(&exe(), &folder.path("original"));
    let line = [folder.path("original"), "--install".into(), path.clone()];
    let user = run(Command::new("setpriv")
        .args(["--reuid=65532", "--regid=65532", "--clear-groups", "--"])
        .args(&line));
    if user.err.contains("setresuid failed") || user.err.contains("setresgid failed") {
        // Only root can become someone else; then it was someone without privileges already.
        assert_eq!(check(&["--install", &path]).code, Some(0));
    } else {
        assert_eq!(user.code, Some(0), "{user:?}");
    }
    assert_eq!(mode(&path), 0o755);
}

#[test]
fn no_signal_leaves_a_part_behind() {
    let folder = Folder::new("install-signal");
    let path = folder.path("probe");
    fs::write(&path, "old").expect("a file");
    let whole = fs::read(exe()).expect("the original");
    // At each system call that it makes with the copy: to be killed there, to be asked to end.
    for (call, when) in [("write", 3), ("fchmod", 1), ("fsync", 1), ("linkat", 1)] {
        for signal in ["KILL", "TERM", "HUP", "INT", "XFSZ"] {
            let inject = format!("inject={call}:signal={signal}:when={when}");
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject]).arg(exe());
            strace.args(["--install", &path]).env_clear();
            let run = run(&mut strace);
            assert_eq!(names(&folder), ["probe"], "{inject}: {run:?}");
            let now = fs::read(&path).expect("a file");
            // Signals other than SIGKILL wait until it is done.
            assert!(now == whole || signal == "KILL" && now == b"old", "{inject}: {run:?}");
            fs::write(&path, "old").expect("a file");
        }
    }
}

#[test]
fn where_no_file_can_be_without_a_name_and_where_files_have_a_limit() {
    let folder = Folder::new("install-named");
    let path = folder.path("probe");
    let mut strace = Command::new("strace");
    // What a file system says that cannot (open(2)).
    let inject = "inject=open,openat:error=EOPNOTSUPP:when=2";
    strace.args(["-f", "-qq", "-e", "trace=open,openat", "-e", inject]).arg(exe());
    let run = run(strace.args(["--install", &path]).env_clear());
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("O_TMPFILE") && run.err.contains("(INJECTED)"), "{run:?}");
    assert_eq!(names(&folder), ["probe"]);

    let line = "ulimit -f 16; \"$0\" --install \"$1\"";
    let mut shell = Command::new("sh");
    let full = crate::support::run(shell.args(["-c", line]).arg(exe()).arg(folder.path("full")));
    full.usage("--install: writing ").usage("File too large (os error 27)");
    assert_eq!(names(&folder), ["probe"]);
}
