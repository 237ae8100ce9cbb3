//! Servers and proxies that nobody here wrote, from Debian's packages: that a check leaves no trace in
//! their logs and counters, and is understood by them. It waits for 250 ms at most for what they still
//! write, so these tests run alone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use crate::support::{Folder, Server, check, eventually, free_port, has, heavy};

/// A server whose answer takes a while, and so long to who leaves early that it surely notices: uwsgi
/// with an application in Python.
fn slow(port: u16) -> Server {
    let folder = Folder::new("uwsgi");
    let app = folder.file(
        "app.py",
        "import time\n\
         def application(env, start):\n\
         \x20   start('200 OK', [('Content-Length', '40000')])\n\
         \x20   for _ in range(8):\n\
         \x20       yield b'x' * 5000\n\
         \x20       time.sleep(0.2 if env['PATH_INFO'] == '/early' else 0.01)\n",
    );
    let at = format!("127.0.0.1:{port}");
    let args = ["--plugin", "python3", "--http-socket", &at, "--wsgi-file", &app, "--need-app"];
    Server::in_folder(folder, "uwsgi", &args, &[]).on_port(port)
}

/// What a probe does that leaves once it knows the status.
fn leaves_early(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
    stream.write_all(b"GET /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    stream.read_exact(&mut [0; 12]).expect("a status");
}

#[test]
fn uwsgi_logs_no_broken_pipe() {
    let _alone = heavy();
    let port = free_port();
    let server = slow(port);
    check(&[&format!("http://127.0.0.1:{port}/check")]).healthy("200 OK");
    // Requests are logged when they have ended, one after another.
    leaves_early(port);
    let ended = |log: &String| log.contains("GET /early =>");
    let log = eventually("the second request", || Some(server.said()).filter(ended));
    has(&log, "during GET /early");
    has(&log, "GET /check => generated 40000 bytes");
    assert!(!log.contains("during GET /check") && !log.contains("request /check"), "{log}");
}

#[test]
fn haproxy_counts_no_abort() {
    let _alone = heavy();
    let (behind, port, folder) = (free_port(), free_port(), Folder::new("haproxy"));
    let _behind = slow(behind);
    let socket = folder.path("stats");
    let conf = folder.file(
        "haproxy.cfg",
        &format!(
            "global\n stats socket {socket}\ndefaults\n mode http\n timeout connect 9s\n timeout client 9s\n\
             \x20timeout server 9s\nlisten proxy\n bind 127.0.0.1:{port}\n server one 127.0.0.1:{behind}\n"
        ),
    );
    let server = Server::in_folder(folder, "haproxy", &["-f", &conf], &[]);
    // Its ports it opens first.
    let _server = server.on_port(port).on_socket(&socket);
    // Requests, and those of them that the client left.
    let counted = || {
        let mut stream = UnixStream::connect(&socket).expect("HAProxy's socket");
        stream.write_all(b"show stat\n").expect("asked");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("counters");
        let row = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start)).expect(start);
            line.split(',').map(str::to_owned).collect::<Vec<_>>()
        };
        let (names, backend) = (row("# pxname"), row("proxy,BACKEND"));
        ["req_tot", "cli_abrt"].map(|name| {
            let at = names.iter().position(|one| one == name).expect(name);
            backend[at].parse::<u32>().expect("a number")
        })
    };
    let [before, _] = counted();
    check(&[&format!("http://127.0.0.1:{port}/")]).healthy("200 OK");
    assert_eq!(counted(), [before + 1, 0]);
    leaves_early(port);
    eventually("an abort", || (counted() == [before + 2, 1]).then_some(()));
}

#[test]
fn squid_logs_no_abort() {
    let _alone = heavy();
    let (behind, port, folder) = (free_port(), free_port(), Folder::new("squid"));
    let _behind = slow(behind);
    let log = folder.path("access.log");
    let conf = folder.file(
        "squid.conf",
        &format!(
            "http_port 127.0.0.1:{port} accel defaultsite=x\n\
             cache_peer 127.0.0.1 parent {behind} 0 no-query originserver\n\
             http_access allow all\ncache deny all\nserver_persistent_connections off\npinger_enable off\nvisible_hostname x\n\
             access_log stdio:{log}\ncache_log {}\npid_filename {}\ncoredump_dir {}\n",
            folder.path("cache.log"),
            folder.path("pid"),
            folder.path(""),
        ),
    );
    let _server = Server::in_folder(folder, "squid", &["-N", "-f", &conf], &[]).on_port(port);
    check(&[&format!("http://127.0.0.1:{port}/check")]).healthy("200 OK");
    leaves_early(port);
    let log = eventually("an aborted request", || {
        std::fs::read_to_string(&log).ok().filter(|log| log.contains("/early"))
    });
    let of = |path: &str| log.lines().find(|line| line.contains(path)).expect("a line").to_owned();
    has(&of("/early"), "TCP_MISS_ABORTED/200");
    has(&of("/check"), "TCP_MISS/200");
}

/// RFC 9110 section 8.6: a method whose content means something has a length, also of none.
#[test]
fn lighttpd_is_told_that_there_is_no_body() {
    let (port, folder) = (free_port(), Folder::new("lighttpd"));
    folder.file("healthz", "fine");
    let conf = folder.file(
        "lighttpd.conf",
        &format!(
            "server.port = {port}\nserver.bind = \"127.0.0.1\"\nserver.document-root = \"{}\"\n",
            folder.path("")
        ),
    );
    let _server = Server::in_folder(folder, "lighttpd", &["-D", "-f", &conf], &[]).on_port(port);
    let target = format!("http://127.0.0.1:{port}/healthz");
    check(&[&target, "-X", "POST", "-e", "fine"]).healthy("200 OK");
    check(&[&target, "-X", "PUT"]).unhealthy("status 501");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
    stream
        .write_all(b"POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 411 "), "{answer}");
}
