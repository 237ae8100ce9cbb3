//! `--wait` of section 2, and its progress of section 8.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    Folder, Run, check, closed_port, command, exe, free_port, request, server, silent,
};

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args(["-s", signal, pid]).status().expect("kill").success());
}

/// Starts a run, and reads its stderr up to the first line.
fn started(args: &[&str]) -> (Child, String) {
    let mut child = command(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the executable starts");
    let mut line = Vec::new();
    let err = child.stderr.as_mut().expect("a pipe");
    let mut byte = [0];
    while !line.ends_with(b"\n") && matches!(err.read(&mut byte), Ok(1)) {
        line.push(byte[0]);
    }
    (child, String::from_utf8(line).expect("UTF-8"))
}

fn ended(mut child: Child) -> Run {
    let begun = Instant::now();
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("UTF-8");
    child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("UTF-8");
    let status = child.wait().expect("its end");
    assert_eq!(status.signal(), None, "{out} {err}");
    Run { code: status.code(), out, err, took: begun.elapsed() }
}

#[test]
fn until_a_file_appears_and_a_port_opens() {
    let folder = Folder::new("wait");
    let path = folder.path("ready");
    let target = format!("file://{path}");
    let (child, line) = started(&[&target, "--wait", "30s", "--interval", "20ms"]);
    assert_eq!(
        line,
        format!(
            "waiting: {target}: opening {path}: No such file or directory (os error 2): its folder is there\n"
        )
    );
    fs::write(&path, "").expect("a file");
    ended(child).healthy("0 bytes").within(Duration::from_secs(10));

    let port = free_port();
    let target = format!("tcp://127.0.0.1:{port}");
    let (child, line) = started(&["-w", "30s", "--interval=20ms", &target]);
    assert!(line.contains(": Connection refused (os error 111)") && line.ends_with('\n'), "{line}");
    let _listener = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    ended(child).healthy("connected").within(Duration::from_secs(10));
    // Healthy at once: not a word on stderr.
    check(&[&target, "-w", "30s"]).healthy("connected");
}

#[test]
fn the_time_is_up() {
    let target = format!("tcp://127.0.0.1:{}", closed_port());
    for interval in ["50ms", "1s", "10s"] {
        let run = check(&[&target, "-w", "400ms", "--interval", interval]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.out.starts_with("unhealthy: tcp://"), "{run:?}");
        assert_eq!(run.err.lines().count(), 1, "the reason stays the same: {run:?}");
        assert!(run.took >= Duration::from_millis(400), "not before the time is up: {run:?}");
        run.within(Duration::from_secs(3));
    }
    // The last tries come closer together.
    let port = free_port();
    let target = format!("tcp://127.0.0.1:{port}");
    let child = started(&[&target, "-w", "3s", "--interval", "10s"]).0;
    thread::sleep(Duration::from_millis(2_350));
    let _listener = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    ended(child).healthy("connected");
    // Without a word about it there is a second between two tries.
    let (sender, tries) = channel();
    let sender = std::sync::Mutex::new(sender);
    let sick = server(move |mut stream| {
        let _ = sender.lock().expect("a sender").send(Instant::now());
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n");
    });
    let mut child = started(&[&format!("http://127.0.0.1:{sick}/"), "-w", "30s"]).0;
    let [first, second] = [(); 2].map(|()| tries.recv().expect("a try"));
    child.kill().and_then(|()| child.wait()).expect("its end");
    let pause = second - first;
    assert!((900..3000).contains(&pause.as_millis()), "{pause:?}");
    // Each try ends by its own timeout, and all of them by the time given.
    let (_listener, port) = silent();
    let target = format!("http://127.0.0.1:{port}/");
    let run = check(&[&target, "-t", "100ms", "-w", "600ms", "--interval", "10ms"]);
    assert!(run.out.contains("timed out after "), "{run:?}");
    assert_eq!(run.err.lines().count(), 1, "a time is no other reason: {run:?}");
    run.within(Duration::from_secs(3));
    let run = check(&[&target, "-t", "1h", "-w", "300ms"]);
    assert!(run.out.contains(" ms while reading from 127.0.0.1:"), "{run:?}");
    run.within(Duration::from_secs(3));
    check(&[&target, "--interval", "1s"]).usage("--interval: want --wait too");
}

#[test]
fn a_line_whenever_the_reason_changes_and_none_when_quiet() {
    let folder = Folder::new("reasons");
    let path = folder.path("state");
    let target = format!("file://{path}");
    let wait = ["-w", "30s", "--interval", "20ms", &target, "-e", "ready"];
    let (mut child, first) = started(&wait);
    assert!(first.contains("No such file"), "{first}");
    fs::write(&path, "starting").expect("a file");
    let mut next = String::new();
    let mut byte = [0];
    while !next.ends_with("starting\n") {
        let err = child.stderr.as_mut().expect("a pipe");
        assert_eq!(err.read(&mut byte).expect("a line"), 1, "{next}");
        next.push(char::from(byte[0]));
    }
    fs::write(folder.path("new"), "ready").expect("a file");
    fs::rename(folder.path("new"), &path).expect("renamed");
    let run = ended(child);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");

    let refused = format!("tcp://127.0.0.1:{}", closed_port());
    check(&["-q", "-w", "200ms", "--interval", "20ms", &refused]).unhealthy("refused");
    let json = check(&["-o", "json", "-w", "200ms", "--interval", "20ms", &refused]);
    assert_eq!((json.code, json.err.as_str(), json.out.lines().count()), (Some(1), "", 1));
}

#[test]
fn signals_end_it_at_once() {
    let refused = format!("tcp://127.0.0.1:{}", closed_port());
    let (sender, asked) = channel();
    let port = server(move |mut stream| {
        request(&mut stream);
        let _ = sender.send(());
        loop {
            thread::park();
        }
    });
    let silent = format!("http://127.0.0.1:{port}/");
    let quick = ["-t", "50ms"];
    for signal in ["TERM", "INT", "HUP"] {
        // Between two tries, and in the middle of one; alone, and with threads.
        let runs: &[&[&str]] = &[
            &[&refused, "-w", "60s", "--interval", "50s"],
            &[&refused, quick[0], quick[1], &silent, "-t", "50s", "-w", "60s"],
            &[&silent, "-w", "60s", "-t", "50s"],
        ];
        for (i, args) in runs.iter().enumerate() {
            let child = match i {
                // The first line says that the first try is over.
                0 => started(args).0,
                _ => {
                    let mut command = command(*args);
                    command.stdout(Stdio::piped()).stderr(Stdio::piped());
                    let child = command.spawn().expect("the executable starts");
                    // The peer has the request: its answer is waited for.
                    asked.recv_timeout(Duration::from_secs(10)).expect("a request");
                    child
                }
            };
            let pid = child.id().to_string();
            kill(signal, &pid);
            let run = ended(child);
            assert_eq!(run.code, Some(1), "{args:?}: {run:?}");
            assert!(run.out.contains("unhealthy: "), "{run:?}");
            assert!(
                run.err.contains("stopped by a signal")
                    || run.out.contains("stopped by a signal while reading from"),
                "{run:?}"
            );
            run.within(Duration::from_secs(3));
        }
    }
}

#[test]
fn a_signal_ends_what_asks_in_datagrams() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    silent.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let at = silent.local_addr().expect("an address");
    let (udp, dns) = (format!("udp://{at}"), format!("dns://{at}/example.org"));
    let runs: [&[&str]; 2] = [&[&udp, "--send", "x", "-e", "y"], &[&dns]];
    for args in runs {
        let mut command = command(args);
        command.args(["-w", "60s", "-t", "50s"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the executable starts");
        silent.recv(&mut [0; 512]).expect("a question");
        kill("TERM", &child.id().to_string());
        let run = ended(child);
        assert_eq!(run.code, Some(1), "{args:?}: {run:?}");
        assert!(run.out.contains("stopped by a signal while reading from"), "{run:?}");
        run.within(Duration::from_secs(3));
        // Asked again once or twice on a slow machine, and not for as long as there is time.
        silent.set_nonblocking(true).expect("an option");
        let more = (0..100).take_while(|_| silent.recv(&mut [0; 512]).is_ok()).count();
        silent.set_nonblocking(false).expect("an option");
        assert!(more < 10, "{args:?}: asked {more} times more");
    }
}

#[test]
fn a_signal_is_heard_while_a_file_is_searched() {
    let folder = Folder::new("search");
    fs::write(folder.path("aaa"), "a".repeat(16 << 20)).expect("a file");
    let target = format!("file://{}", folder.path("aaa"));
    // Found nowhere, and nearly everywhere: seconds of work.
    let text = "a".repeat(10_000) + "b";
    let (child, _) = started(&["-v", "-w", "60s", "-t", "50s", &target, "-e", &text]);
    kill("TERM", &child.id().to_string());
    let run = ended(child);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.out.contains("stopped by a signal while reading from "), "{run:?}");
    run.within(Duration::from_millis(1500));
}

#[test]
fn process_1_ends_on_a_signal_too() {
    // The first process of a PID namespace: the default action does not apply to it.
    let refused = format!("tcp://127.0.0.1:{}", closed_port());
    let mut child = Command::new("unshare")
        .args(["-rpf", "--kill-child"])
        .arg(exe())
        .args([&refused, "-w", "60s", "--interval", "50s"])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare");
    let mut line = [0; 9];
    child.stderr.as_mut().expect("a pipe").read_exact(&mut line).expect("a line");
    assert_eq!(&line, b"waiting: ");
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let first = fs::read_to_string(children).expect("its child");
    kill("TERM", first.trim());
    let run = ended(child);
    assert_eq!(run.code, Some(1), "{run:?}");
    run.within(Duration::from_secs(3));
}

#[test]
fn on_a_terminal_one_line_is_written_over() {
    let target = format!("tcp://127.0.0.1:{}", closed_port());
    let line = format!("{} {target} -w 500ms --interval 20ms", exe().display());
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .expect("script: install it");
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{shown:?}");
    let updates = shown.matches("\r\u{1b}[K\u{1b}[?7l").count();
    assert!(updates > 3, "{shown:?}");
    assert!(shown.contains(&format!("ms waiting: {target}: connecting to ")), "{shown:?}");
    // Cleared in the end, and the report stands alone: one line in all.
    let last = shown.rsplit("\r\u{1b}[K").next().expect("text");
    assert!(last.starts_with("unhealthy: tcp://"), "{shown:?}");
    assert_eq!(shown.matches('\n').count(), 1, "{shown:?}");
}

#[test]
fn held_until_a_signal_comes_also_as_process_1() {
    for signal in ["TERM", "INT"] {
        for first in [false, true] {
            let mut command = Command::new(if first { "unshare".into() } else { exe() });
            if first {
                command.args(["-rpf", "--kill-child"]).arg(exe());
            }
            command.arg("--hold").env_clear().stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("the executable starts");
            let mut pid = child.id().to_string();
            let end = Instant::now() + Duration::from_secs(10);
            // It waits: both signals are blocked, bits 1 and 14 (proc(5)).
            let waits = |pid: &str| {
                let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t"));
                let blocked = u64::from_str_radix(blocked.unwrap_or("0"), 16).expect("a mask");
                status.starts_with("Name:\thealthcheck") && blocked & 0x4002 == 0x4002
            };
            while !waits(&pid) {
                assert!(Instant::now() < end, "{signal}: does not wait");
                if first {
                    let children = format!("/proc/{0}/task/{0}/children", child.id());
                    let children = fs::read_to_string(children).expect("its children");
                    pid = children.split(' ').next().unwrap_or_default().to_owned();
                }
                thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(child.try_wait().expect("a state"), None);
            let started = Instant::now();
            kill(signal, &pid);
            let run = ended(child);
            assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (Some(0), "", ""));
            // 100 ms, as promised; a busy machine has a second.
            assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        }
    }
    check(&["--hold", "-q"]).usage("--hold stands alone: want no target and no other option");
    check(&["--hold", ":80"]).usage("--hold stands alone");
}
