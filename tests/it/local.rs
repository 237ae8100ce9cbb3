//! Section 7 of the specification: local checks, which connect to nothing and start nothing.

use std::ffi::OsStr;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Folder, Server, answers, check, closed_port, command, exe, free_port, run};

/// Far above what any local check takes.
const SOON: Duration = Duration::from_secs(3);

/// A process that is ended by its pid.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Copies an executable in a process of its own: had this one the copy open for writing while
/// another test forks, it could not be run ("Text file busy").
pub fn copy(from: &Path, to: &str) {
    assert!(Command::new("cp").arg(from).arg(to).status().expect("cp").success());
}

/// Starts a copy of sleep(1) under this name.
fn sleeper(folder: &Folder, name: &str) -> Running {
    let path = folder.path(name);
    copy(Path::new("/bin/sleep"), &path);
    let child = Command::new(path).arg("60").spawn().expect("sleep");
    // The kernel sets comm first, and has the arguments a moment later.
    let cmdline = format!("/proc/{}/cmdline", child.id());
    wait_until(|| {
        fs::read_to_string(&cmdline).is_ok_and(|args| args.contains(&format!("/{name}\0")))
    });
    Running(child)
}

fn stat(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default()
}

#[track_caller]
fn wait_until(done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < end, "it does not happen");
        thread::sleep(Duration::from_millis(5));
    }
}

fn aged(path: &str, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    let file = fs::File::options().append(true).open(path).expect("a file");
    file.set_modified(time).expect("its time");
}

#[test]
fn files() {
    let folder = Folder::new("files");
    let path = folder.path("beat");
    let target = format!("file://{path}");
    check(&[&target]).unhealthy(&format!(
        "opening {path}: No such file or directory (os error 2): its folder is there\n"
    ));
    fs::write(&path, "state=ready\n").expect("a file");
    check(&[&target]).healthy(": 12 bytes, modified ");
    check(&[&target, "--max-age", "1m", "--min-size", "12", "-e", "ready", "-e", "state="])
        .healthy("12 bytes");
    check(&[&target, "--min-size", "1KiB"]).unhealthy("size 12 bytes, want at least 1 KiB");
    check(&[&target, "-e", "ready", "--expect", "done"])
        .unhealthy("content of 12 bytes, want \"done\" in it: state=ready\\n");
    aged(&path, 65);
    check(&[&target, "--max-age", "2m"]).healthy("modified 65 s ago");
    check(&[&target, "--max-age=30s"]).unhealthy("modified 65 s ago, want at most 30 s ago");
    // A clock that was set back a little makes nothing stale; what is further ahead than that would
    // stay fresh for as long.
    let future = SystemTime::now() + Duration::from_secs(3600);
    fs::File::options().append(true).open(&path).and_then(|f| f.set_modified(future)).expect("set");
    check(&[&target, "--max-age", "2h"]).healthy(" s (59 min) in the future in ");
    check(&[&target, "--max-age", "1s"])
        .unhealthy(" s (59 min) in the future, want at most 1 s ago\n");

    check(&[&target, "--absent"]).unhealthy("regular file is there, modified ");
    check(&[&format!("{target}.not"), "--absent"]).healthy("absent");
    check(&[&format!("{target}/below"), "--absent"]).healthy("absent");
    check(&[&format!("{target}//"), "--absent"]).unhealthy("regular file is there, modified ");
    check(&[&format!("{target}.not/"), "--absent"]).healthy("absent");
    check(&["file:///", "--absent"]).unhealthy("directory is there");
    check(&[&target, "--absent", "--max-age", "1s"]).usage("want --absent alone");
    check(&[&target, "-e", ""]).usage("--expect: text is wanted");
    check(&[&target, "--udp"]).usage("does not take --udp");
    check(&["file:/x"]).usage("want file:///absolute/path");
}

#[test]
fn links_and_odd_names() {
    let folder = Folder::new("links");
    symlink(folder.path("nothing"), folder.path("dangling")).expect("a link");
    symlink(folder.path("b"), folder.path("a")).expect("a link");
    symlink(folder.path("a"), folder.path("b")).expect("a link");
    let at = |name: &str| format!("file://{}", folder.path(name));
    check(&[&at("dangling")]).unhealthy("a link to what does not exist");
    check(&[&at("dangling"), "--absent"]).unhealthy("link is there");
    check(&[&at("a")]).unhealthy("(os error 40)");
    check(&[&at("a"), "--absent"]).unhealthy("link is there");
    check(&[&at(&"x".repeat(300))]).unhealthy("(os error 36)");
    let odd = folder.0.join(OsStr::from_bytes(b"od\xffd\n"));
    fs::write(&odd, "x").expect("a file");
    let target = [b"file://", odd.as_os_str().as_bytes()].concat();
    run(&mut command([OsStr::from_bytes(&target)])).healthy("1 bytes");
    let target = [&target, b"x".as_slice()].concat();
    run(&mut command([OsStr::from_bytes(&target)])).unhealthy("od\\xffd\\nx: No such file");
}

#[test]
fn special_files_never_block_and_are_refused_by_name() {
    let folder = Folder::new("special");
    let fifo = folder.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let socket = folder.path("socket");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    for (path, kind) in [
        (fifo.as_str(), "FIFO"),
        ("/dev/zero", "character device"),
        ("/dev/tty", "character device"),
        (socket.as_str(), "socket"),
        ("/tmp", "directory"),
    ] {
        let target = format!("file://{path}");
        check(&[&target]).healthy(&format!(": {kind}, modified ")).within(SOON);
        for wants in [["-e", "x"], ["--min-size", "1"]] {
            check(&[&target, wants[0], wants[1]])
                .unhealthy(&format!("file type {kind}, want regular file"))
                .within(SOON);
        }
        check(&[&format!("pid://{path}")]).unhealthy("want regular file").within(SOON);
    }
    // It calls itself a regular file; reading it waits for the kernel's next message, or needs
    // a privilege.
    let kmsg = check(&["file:///proc/kmsg", "-e", "no kernel says this"]);
    assert_eq!(kmsg.code, Some(1), "{kmsg:?}");
    kmsg.within(SOON);
}

#[test]
fn large_and_changing_files() {
    let folder = Folder::new("large");
    let path = folder.path("sparse");
    fs::File::create(&path).and_then(|file| file.set_len(10 << 30)).expect("a sparse file");
    let target = format!("file://{path}");
    check(&[&target, "--min-size", "10GiB"]).healthy("10 GiB").within(SOON);
    check(&[&target, "-e", "x"])
        .unhealthy("content searched for 16 MiB, want \"x\" in it")
        .within(SOON);
    check(&[&target, "-e", "x", "-t", "1ms"]).unhealthy("").within(SOON);

    // A text that lies across two pieces of reading.
    let path = folder.path("pieces");
    let target = format!("file://{path}");
    for before in [65_530, 65_536, 65_540, 131_060, 131_090] {
        let content = "x".repeat(before) + "the needle" + &"y".repeat(100_000);
        fs::write(&path, content).expect("a file");
        check(&[&target, "-e", "the needle", "-e", "xx"]).healthy("");
        check(&[&target, "-e", "the needles"]).unhealthy("want \"the needles\" in it");
    }

    // Another process truncates and fills it meanwhile.
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::write(&path, "");
                let _ = fs::write(&path, [b'z'; 300_000]);
            }
        });
        for _ in 0..20 {
            let run = check(&[&target, "-e", "never there"]);
            assert_eq!(run.code, Some(1), "{run:?}");
            run.within(SOON);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn processes_by_number() {
    let folder = Folder::new("pid");
    let own = std::process::id();
    check(&[&format!("pid:{own}")]).healthy(&format!("process {own} ("));
    check(&["pid:4194303"]).unhealthy("process 4194303 does not exist, want it alive\n");
    // A pid file of the last run, whose number this program itself has got.
    let mut alone = Command::new("unshare");
    alone.args(["-rpf", "--mount-proc"]).arg(exe()).arg("pid:1");
    run(&mut alone).unhealthy("process 1 is this health check itself, want the service\n");
    // A thread of ours: its number can be opened under /proc, but is no process.
    let thread = thread::spawn(|| {
        let own = fs::read_link("/proc/thread-self").expect("a link");
        let number = own.file_name().and_then(OsStr::to_str).expect("a number").to_owned();
        check(&[&format!("pid:{number}")]).unhealthy("is a thread of process");
    });
    thread.join().expect("the thread");

    let path = folder.path("app.pid");
    let target = format!("pid://{path}");
    let file = |content: &str| {
        fs::write(&path, content).expect("a file");
        check(&[&target])
    };
    file(&format!("{own}\n")).healthy("lives");
    file(&format!("  {own}  \n/var/lib\n")).healthy("lives");
    fs::write(&path, "4194303").expect("a file");
    aged(&path, 7200);
    check(&[&target])
        .unhealthy("does not exist, want it alive: the pid file was written 7200 s (2 h) ago\n");
    for (content, message) in [
        ("", "with nothing in it"),
        ("\n", "with an empty first line"),
        ("   ", "with nothing but blanks in its first line"),
        ("nginx\n", "with \"nginx\""),
        ("-1\n", "with the negative number -1"),
        ("0\n", "with 0, which is no process"),
        ("1099511627776\n", "with 1099511627776, above the largest process id 4194304"),
        ("12 34", "with \"12 34\""),
        (&"1".repeat(5000), "want a file of at most 4 KiB"),
    ] {
        file(content).unhealthy(message);
    }
    check(&["pid:0"]).usage("pid:0: 0, which is no process, want pid:1234");
    check(&["pid:x"]).usage("want pid:1234 or pid:///path");
    check(&["pid:1", "--max-age", "1s"]).usage("does not take --max-age");
}

#[test]
fn zombies_are_not_alive() {
    let folder = Folder::new("zombie");
    let name = format!("hz{}", std::process::id());
    let path = folder.path(&name);
    copy(Path::new("/bin/true"), &path);
    let target = format!("process:{name}");
    check(&[&target]).unhealthy("found 0 alive among ");
    // It ends, and nobody waits for it.
    let mut child = Command::new(path).spawn().expect("true");
    let pid = child.id();
    wait_until(|| stat(pid).contains(") Z "));
    check(&[&format!("pid:{pid}")]).unhealthy(&format!("process {pid} ({name}) is a zombie"));
    check(&[&target]).unhealthy("found 0 alive and 1 zombie(s) among ");
    check(&[&target, "--max-count", "0"]).healthy("0 alive and 1 zombie(s)");
    child.wait().expect("its end");
    check(&[&format!("pid:{pid}")]).unhealthy("does not exist");
}

#[test]
fn processes_by_name() {
    let folder = Folder::new("process");
    let name = format!("hp{}", std::process::id());
    let long = format!("a-long-name-of-{name}");
    let target = format!("process:{name}");
    let one = sleeper(&folder, &name);
    check(&[&target]).healthy(": 1 alive in ");
    check(&[&target, "--min-count", "2"]).unhealthy("found 1 alive among ");
    check(&[&target, "--min-count", "2"]).unhealthy(", want at least 2");
    check(&[&target, "--max-count", "1"]).healthy("1 alive");
    check(&[&target, "--max-count", "0"]).unhealthy("want 0");
    let _two = sleeper(&folder, &long);
    // comm(5) is cut at 15 bytes; argv[0] has the rest.
    check(&[&format!("process:{long}")]).healthy("1 alive");
    check(&[&format!("process:{}", &long[..15])]).healthy("alive");
    // A blank in the path: no title of the program's own, since comm agrees.
    let blank = Folder::new("process with blanks");
    let spaced = format!("b-long-name-of-{name}");
    let _three = sleeper(&blank, &spaced);
    check(&[&format!("process:{spaced}")]).healthy("1 alive");
    check(&[&format!("process:{spaced}"), "--max-count", "0"]).unhealthy("want 0");
    drop(one);
    check(&[&target]).unhealthy("found 0 alive");
    check(&["process:"]).usage("want process:NAME");
    check(&[&target, "--min-count", "3", "--max-count", "2"]).usage("at most --max-count");
    check(&[&target, "--min-count", "0"]).usage("want a --min-count of 1 or more");
}

#[test]
fn this_program_does_not_count_itself() {
    let folder = Folder::new("itself");
    let name = format!("hs{}", std::process::id());
    copy(&exe(), &folder.path(&name));
    let target = format!("process:{name}");
    let mut alone = Command::new(folder.path(&name));
    // With threads of its own.
    let run = run(alone.args([&target, &target, "-n", "x"]).env_clear());
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(run.out.matches("found 0 alive among ").count(), 2, "{run:?}");
}

#[test]
fn listeners() {
    let folder = Folder::new("listen");
    // Not one that the kernel picks: another test's UDP socket may have the same number.
    let port = free_port();
    let _v4 = TcpListener::bind(("127.0.0.1", port)).expect("a port");
    check(&[&format!("listen:{port}")]).healthy(&format!("127.0.0.1:{port} listens"));
    check(&[&format!("listen:127.0.0.1:{port}")]).healthy("listens");
    check(&[&format!("listen:localhost:{port}")]).healthy("listens");
    check(&[&format!("listen:127.0.0.2:{port}")])
        .unhealthy(&format!("listening: only 127.0.0.1:{port}, want 127.0.0.2:{port}"));
    check(&[&format!("listen:{port}"), "--udp"]).unhealthy("listening: nobody, want port");
    let closed = closed_port();
    check(&[&format!("listen:{closed}")])
        .unhealthy(&format!("listening: nobody, want port {closed}"));

    let any = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = any.local_addr().expect("an address").port();
    check(&[&format!("listen:127.9.9.9:{port}")]).healthy(&format!("0.0.0.0:{port} listens"));
    if let Ok(v6) = TcpListener::bind("[::]:0") {
        let port = v6.local_addr().expect("an address").port();
        for address in ["", "[::1]:", "[::]:", "127.0.0.1:"] {
            check(&[&format!("listen:{address}{port}")]).healthy(&format!("[::]:{port} listens"));
        }
    }
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = udp.local_addr().expect("an address").port();
    check(&[&format!("listen:{port}"), "--udp"]).healthy("listens");

    let path = folder.path("app sock");
    let unix = UnixListener::bind(&path).expect("a socket");
    check(&[&format!("listen:{path}")]).healthy("app sock listens");
    check(&[&format!("listen://{path}")]).healthy("app sock listens");
    fs::remove_file(&path).expect("a socket");
    check(&[&format!("listen:{path}")]).unhealthy("No such file");
    fs::write(&path, "").expect("a file");
    check(&[&format!("listen:{path}")]).unhealthy("file type regular file, want socket");
    drop(unix);
    check(&[&format!("listen:{path}")]).unhealthy("file type regular file, want socket");
    let name = format!("healthcheck-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let _unix = UnixListener::bind_addr(&address).expect("a socket");
    check(&[&format!("listen:@{name}")]).healthy(&format!("@{name} listens"));
    check(&["listen:@healthcheck-nobody"]).unhealthy("listening: nobody, want @healthcheck-nobody");
    check(&["listen:host:80"]).usage("want listen:PORT");
}

#[test]
fn disks_and_memory() {
    let folder = Folder::new("disk");
    let target = format!("disk://{}", folder.path(""));
    check(&[&target, "--min-free", "1KiB", "--min-free-inodes", "0%"]).healthy(" free");
    check(&[&target, "--min-free", "100000TiB"]).unhealthy(", want at least 97.6 PiB");
    check(&["disk:///none"])
        .unhealthy("opening /none: No such file or directory (os error 2): its folder is there\n");
    check(&["disk:///proc"]).unhealthy("file system without a size, want one with room");
    check(&["disk:///", "--min-free", "lots"]).usage("--min-free: a size or percentage is wanted");
    let run = check(&["memory:", "--max-used", "100%"]);
    let whose = ["of the cgroup's limit", "of the host: no cgroup of this process has a limit"];
    run.healthy("%) used, of the ");
    assert!(whose.iter().any(|whose| run.out.contains(whose)), "{run:?}");
    check(&["memory:", "--max-used", "0%"]).unhealthy(", want at most 0%: of the ");
    check(&["memory:x"]).usage("want memory: and nothing behind it");
}

#[test]
fn mixed_runs() {
    let ok = answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let closed = closed_port();
    let (http, tcp) = (format!("http://127.0.0.1:{ok}/"), format!("tcp://127.0.0.1:{ok}"));
    let (listen, refused) = (format!("listen:{ok}"), format!("tcp://127.0.0.1:{closed}"));
    let run = check(&[&http, "-e", "ok", &tcp, &listen, "file:///proc/version", "-e", "Linux"]);
    assert_eq!((run.code, run.out.lines().count()), (Some(0), 4), "{run:?}");
    // One default for all that take it.
    let run = check(&["-e", "ok", &http, "file:///proc/version"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.out.starts_with("unhealthy: file") && run.out.contains("\nhealthy: http"),
        "{run:?}"
    );
    let run = check(&[&http, &refused, "pid:1"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.out.starts_with(&format!("unhealthy: {refused}")), "{run:?}");
    assert_eq!(check(&["--any", &refused, "file:///none", "pid:1"]).code, Some(0));
    assert_eq!(check(&["--any", &refused, "file:///none", "pid:4194303"]).code, Some(1));
    let json = check(&["-o", "json", "pid:1", "file:///none"]);
    assert!(json.out.contains("\"kind\":\"pid\",\"healthy\":true"), "{json:?}");
    assert!(json.out.contains("\"kind\":\"file\",\"healthy\":false"), "{json:?}");
    assert!(json.out.contains("\"step\":\"open\""), "{json:?}");
}

/// The system calls of a run, from the exec on, threads included.
fn traced(folder: &Folder, args: &[&str]) -> Vec<String> {
    let log = folder.path("strace");
    let status = Command::new("strace")
        .args(["-f", "-y", "-o", &log])
        .arg(exe())
        .args(args)
        .env_clear()
        .stdout(Stdio::null())
        .status()
        .expect("strace: install it");
    assert_eq!(status.code(), Some(0), "{args:?}");
    let lines = fs::read_to_string(log).expect("a log");
    // A call that another thread's came into has two lines.
    let calls = |line: &&str| !line.contains("+++ exited") && !line.contains(" resumed>");
    lines.lines().filter(calls).map(str::to_owned).collect()
}

#[test]
fn listening_is_what_the_kernel_says_and_not_what_a_name_does() {
    let folder = Folder::new("listen-exact");
    // nginx's `listen [::]:80`: for IPv6 alone.
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET6,
        rustix::net::SocketType::STREAM,
        None,
    )
    .expect("a socket");
    rustix::net::sockopt::set_ipv6_v6only(&socket, true).expect("an option");
    let any: std::net::SocketAddr = "[::]:0".parse().expect("an address");
    rustix::net::bind(&socket, &any).expect("a port");
    rustix::net::listen(&socket, 1).expect("a listener");
    let v6 = TcpListener::from(socket);
    let port = v6.local_addr().expect("an address").port();
    check(&[&format!("listen:[::1]:{port}")]).healthy(&format!("[::]:{port} listens"));
    check(&[&format!("listen:127.0.0.1:{port}")])
        .unhealthy(&format!("listening: only [::]:{port} (IPv6 only), want 127.0.0.1:{port}\n"));
    // The file of a server that is gone, beside another server that once had the same name.
    let path = folder.path("app.sock");
    let old = UnixListener::bind(&path).expect("a socket");
    check(&[&format!("listen:{path}")]).healthy("app.sock listens");
    fs::rename(&path, folder.path("moved.sock")).expect("a file");
    let moved = folder.path("moved.sock");
    check(&[&format!("listen:{moved}")]).healthy("moved.sock listens");
    drop(UnixListener::bind(&path).expect("a socket"));
    check(&[&format!("listen:{path}")]).unhealthy("the file is left over: no socket holds it\n");
    drop(old);
    // Bound by a relative path, as a server does that first changes its folder.
    let bound = Server::start(
        Command::new("socat").args(["UNIX-LISTEN:here.sock,fork", "-"]).current_dir(&folder.0),
    )
    .until(|| folder.0.join("here.sock").exists());
    let here = folder.path("here.sock");
    check(&[&format!("listen:{here}")]).healthy("here.sock listens");
    drop(bound);
    // A kernel, or a sandbox, that does not answer: /proc is asked, and the line says so.
    let refused = |target: &str| {
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", "inject=socket:error=EAFNOSUPPORT"]);
        run(command.arg(exe()).arg(target))
    };
    let by_proc = "as /proc/net has it: the kernel did not answer";
    refused(&format!("listen:[::1]:{port}")).healthy(&format!("listens, {by_proc}"));
    refused("listen:@healthcheck-nobody").unhealthy(by_proc);
}

#[test]
fn nothing_is_connected_to_and_nothing_started() {
    let folder = Folder::new("strace");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let beat = folder.path("beat");
    fs::write(&beat, "ready").expect("a file");
    let own = std::process::id().to_string();
    fs::write(folder.path("pid"), &own).expect("a file");
    let file = format!("file://{beat}");
    let gone = format!("{file}.not");
    let pid = format!("pid://{}", folder.path("pid"));
    let number = format!("pid:{own}");
    let listen = format!("listen:{port}");
    let runs: &[&[&str]] = &[
        &[&file],
        &[&file, "--max-age", "1h", "--min-size", "1", "-e", "ready"],
        &[&gone, "--absent"],
        &[&pid],
        &[&number],
        &[&listen],
        &["disk:///proc/..", "--min-free", "0", "--min-free-inodes", "0%"],
        &["memory:", "--max-used", "100%"],
        &["process:none", "--max-count", "0"],
    ];
    let all: Vec<&str> = runs.iter().flat_map(|run| run.iter().copied()).collect();
    for args in runs.iter().copied().chain([all.as_slice()]) {
        let calls = traced(&folder, args);
        for call in &calls[1..] {
            let name = call.split(['(', '<']).next().unwrap_or("").rsplit(' ').next().unwrap_or("");
            let starts = ["execve", "execveat", "fork", "vfork"].contains(&name)
                || name.starts_with("clone") && !call.contains("CLONE_THREAD");
            // The kernel is asked who listens; nobody else hears of it.
            let talks = ["socket", "connect", "sendto", "sendmsg", "sendmmsg"].contains(&name)
                && !call.contains("NETLINK_SOCK_DIAG")
                && !call.contains("[{nlmsg_len=");
            assert!(!starts && !talks, "{args:?}: {call}");
        }
        // The probe of the probe: the trace has what is looked for.
        assert!(calls[0].contains("execve("), "{calls:?}");
        // But for what grows with the machine: its processes, and its sockets. The thread that may be
        // left behind is a dozen of these, and two threads meet in one or another way.
        let counted = |call: &&String| {
            !["/proc/", "</proc", "nlmsg_len="].iter().any(|part| call.contains(part))
        };
        let counted = calls.iter().filter(counted).count();
        if args.len() < all.len() {
            assert!(counted <= 44, "{args:?}: {counted} system calls: {calls:#?}");
        }
    }
}

#[test]
fn nothing_is_left_behind() {
    let folder = Folder::new("left");
    let port = answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let (http, tcp) = (format!("http://127.0.0.1:{port}/"), format!("tcp://127.0.0.1:{port}"));
    let listen = format!("listen:{port}");
    for args in
        [&[&*http, "-e", "ok"][..], &[&http, &tcp, &listen, "pid:1", "process:none", "--any"]]
    {
        for call in traced(&folder, args) {
            let name = call.split('(').next().unwrap_or("").rsplit(' ').next().unwrap_or("");
            let writes = ["O_CREAT", "O_WRONLY", "O_RDWR"].iter().any(|how| call.contains(how));
            let makes = ["mkdir", "link", "symlink", "mknod", "flock", "shmget", "memfd_create"];
            assert!(!writes && !makes.iter().any(|way| name.starts_with(way)), "{args:?}: {call}");
        }
    }
    // The probe of the probe: what does leave something is seen.
    let copies = traced(&folder, &["--install", &folder.path("probe")]);
    let leaves = |call: &String| call.contains("O_TMPFILE") || call.contains("O_CREAT");
    assert!(copies.iter().any(leaves), "{copies:?}");
}

#[test]
fn many_processes_take_six_system_calls_each() {
    let tree = Folder::new("many");
    for pid in 1..=2_000 {
        let folder = tree.path(&pid.to_string());
        fs::create_dir(&folder).expect("a folder");
        let tail = "1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 100";
        fs::write(folder.clone() + "/stat", format!("{pid} (worker) S {tail}\n")).expect("a file");
        fs::write(folder.clone() + "/comm", "worker\n").expect("a file");
        fs::write(folder + "/cmdline", "/bin/worker\0").expect("a file");
    }
    fs::create_dir(tree.path("self")).expect("a folder");
    fs::write(tree.path("self/stat"), "7 (healthcheck) R").expect("a file");
    let show = "mount --bind \"$1\" /proc && shift && exec \"$@\"";
    let many = |mut command: Command, target: &str, options: &[&str]| {
        command.args(["unshare", "-rm", "sh", "-c", show, "-", &tree.path("")]).arg(exe());
        run(command.arg(target).args(options)).out
    };
    let env = || Command::new("env");
    let worker = many(env(), "process:worker", &["--min-count", "1999", "--max-count", "1999"]);
    assert!(worker.contains(": 1999 alive among 1999 processes in "), "{worker}");
    let none = "unhealthy: process:none: found 0 alive among 1999 processes, want at least 1: \
                compared with comm and the file name of argv[0]; seen: worker\n";
    assert_eq!(many(env(), "process:none", &[]), none);
    // Several threads share them. A busy machine takes its time, so calls are counted; those of the
    // programs that start it among them.
    let log = tree.path("calls");
    let mut traced = Command::new("strace");
    // Where the libraries of the programs between are looked for is not to be counted.
    traced.args(["-f", "-c", "-o", &log]).env_clear().env("PATH", "/usr/bin:/bin");
    assert_eq!(many(traced, "process:none", &[]), none);
    let calls = fs::read_to_string(log).expect("a log");
    let total = calls.lines().rfind(|line| line.ends_with(" total")).expect("the sum");
    let total: u64 = total.split_whitespace().nth(3).expect("calls").parse().expect("a number");
    assert!((11_994..13_000).contains(&total), "{calls}");
}

#[test]
fn hidden_processes_are_not_taken_for_missing_ones() {
    // As another user beside root's processes, in a process namespace of its own. hidepid=1 lists
    // folders that cannot be entered, hidepid=2 lists none (proc(5)).
    let folder = Folder::new("hidepid");
    let copied = folder.path("probe");
    copy(&exe(), &copied);
    let beside = "mount -t proc -o hidepid=\"$1\" proc /proc && shift || exit 9; sleep 60 & \
                  setpriv --reuid 65532 --regid 65532 --clear-groups \"$@\"; exit $?";
    for hidepid in ["1", "2"] {
        let as_other = |args: &[&str]| {
            let mut command = Command::new("unshare");
            command.args(["-mpf", "--kill-child", "sh", "-c", beside, "-", hidepid, &copied]);
            run(command.args(args))
        };
        let hidden = "is hidden from this user (hidepid), want to see whether it lives";
        as_other(&["pid:1"]).unhealthy(&format!("process 1 {hidden}"));
        as_other(&["pid:999"]).unhealthy("process 999 does not exist, want it alive");
        let others = "found 0 alive among 0 processes, others are hidden from this user (hidepid)";
        as_other(&["process:sleep"]).unhealthy(&format!("{others}, want at least 1"));
        // How many there are at most cannot be vouched for.
        as_other(&["process:sleep", "--min-count", "0", "--max-count", "0"])
            .unhealthy(&format!("{others}, want 0"));
    }
}

#[test]
fn without_proc_there_is_a_named_failure() {
    // A mount namespace of its own, with an empty folder where /proc was.
    let hide = "mount -t tmpfs none /proc && shift && exec \"$@\"";
    for target in ["pid:1", "process:x", "memory:"] {
        let mut hidden = Command::new("unshare");
        hidden.args(["-rm", "sh", "-c", hide, "-", "-"]).arg(exe()).arg(target);
        let run = run(&mut hidden);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.out.contains("/proc/") && run.out.contains("No such file"), "{run:?}");
        // Of the set-up, and with one colon behind a target that ends with its own.
        let start = format!("healthcheck: {}: ", target.trim_end_matches(':'));
        assert!(run.out.starts_with(&start), "{run:?}");
        assert!(run.out.ends_with("want proc(5) mounted on /proc\n"), "{run:?}");
    }
    // Those that do not need it do without.
    let mut hidden = Command::new("unshare");
    hidden.args(["-rm", "sh", "-c", hide, "-", "-"]).arg(exe());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = format!("listen:{}", listener.local_addr().expect("an address").port());
    hidden.args(["file:///", &listen, "disk:///", "--min-free", "0"]);
    assert_eq!(run(&mut hidden).code, Some(0));
    assert!(Path::new("/proc/self").exists());
}
