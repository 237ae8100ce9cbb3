//! Promise 2 where the system itself hangs: a file system that answers nobody.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Folder, Run, answers, exe, run};

/// A command that runs `args` where a file system that never answers is mounted over `folder`.
fn hung(folder: &Folder, args: &[&str]) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/hung_fs.py");
    let mut command = Command::new("unshare");
    command.args(["-rm", "python3", script]).arg(&folder.0).args(args);
    command.stdin(Stdio::null());
    command
}

/// Runs the executable there.
fn check(folder: &Folder, args: &[&str]) -> Run {
    let exe = exe();
    let args = [&[exe.to_str().expect("UTF-8")], args].concat();
    run(&mut hung(folder, &args)).within(Duration::from_secs(4)).clone()
}

#[test]
fn whatever_looks_at_it_ends_in_time_and_says_where_it_is_stuck() {
    let folder = Folder::new("hung");
    let port = answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let healthy = format!("http://127.0.0.1:{port}/");
    let at = folder.path("x");
    let (file, disk, pid) = (format!("file://{at}"), format!("disk://{at}"), format!("pid://{at}"));
    let (unix, to) = (format!("unix://{at}"), format!("unix:{at}"));
    let runs: &[&[&str]] = &[
        &[&file],
        &[&file, "--absent"],
        &[&file, "-e", "text"],
        &[&disk],
        &[&pid],
        &[&unix],
        &[&healthy, "--connect-to", &to],
        #[cfg(feature = "tls")]
        &["https://127.0.0.1:1/", "--cacert", &at],
    ];
    for args in runs {
        let run = check(&folder, &[args, &["-t", "300ms"][..]].concat());
        run.unhealthy(": timed out after 300 ms while ");
        assert!(run.out.contains(&at), "{run:?}");
    }
    // What is not stuck has its verdict.
    let both = check(&folder, &["-t", "300ms", &file, &healthy]);
    assert_eq!((both.code, both.out.lines().count()), (Some(1), 2), "{both:?}");
    assert!(both.out.contains(&format!("\nhealthy: {healthy}: 200 OK in ")), "{both:?}");
    let any = check(&folder, &["-t", "300ms", "--any", &file, &healthy]);
    assert_eq!(any.code, Some(0), "{any:?}");
    // It says after a second where it is, and tries that go on do not pile up.
    let slow = check(&folder, &[&file, "-t", "1.2s"]);
    assert_eq!(slow.err, format!("waiting: {file}: opening {at}\n"));
    let again = ["-w", "1500ms", "--interval", "50ms", "-t", "100ms", &file];
    let waited = check(&folder, &again);
    assert_eq!(waited.code, Some(1), "{waited:?}");
    assert_eq!(waited.err, format!("waiting: {file}: timed out after 100 ms while opening {at}\n"));
}

#[test]
fn expansions_and_the_installation_too() {
    let folder = Folder::new("hung-cli");
    let secret = format!("a:${{file:{}}}", folder.path("token"));
    let late = "timed out after 300 ms while waiting for the file system";
    let run = check(&folder, &["http://127.0.0.1:1/", "-u", &secret, "-t", "300ms"]);
    run.usage(&format!("${{file:...}}: {late}"));
    let install = check(&folder, &["--install", &folder.path("x"), "-t", "300ms"]);
    install.usage(&format!("--install: {late}"));
    // The code of a wrong command line, too.
    let critical = check(&folder, &["--fail-code", "3", ":1", "-u", &secret, "-t", "300ms"]);
    assert_eq!(critical.code, Some(3), "{critical:?}");
}

#[test]
fn a_signal_is_heard_meanwhile() {
    let folder = Folder::new("hung-signal");
    let target = format!("file://{}", folder.path("x"));
    let exe = exe();
    let args = [exe.to_str().expect("UTF-8"), &target, "-v", "-w", "60s", "-t", "50s"];
    for signal in ["TERM", "INT", "HUP"] {
        let mut command = hung(&folder, &args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("unshare");
        let err = child.stderr.as_mut().expect("a pipe");
        let mut line = [0; 64];
        // It is about to open the file.
        assert!(err.read(&mut line).expect("a line") > 0);
        let started = Instant::now();
        // unshare becomes python, whose child it is.
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let pid = fs::read_to_string(children).expect("its child");
        let kill = Command::new("kill").args(["-s", signal, pid.trim()]).status();
        assert!(kill.expect("kill").success());
        let output = child.wait_with_output().expect("its end");
        let out = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{signal}: {out}");
        assert!(out.contains(": stopped by a signal while opening "), "{signal}: {out}");
        assert!(started.elapsed() < Duration::from_secs(3), "{signal}");
    }
}
