//! Section 5 of the specification: TCP, UDP, Unix sockets, DNS.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::faults::server::{Listen, full, serve};
use crate::support::{
    Folder, answers, blurts_and_stays, check, closed_port, exe, flavour, free_port, ipv6_only,
    request, run as run_command, server, silent,
};

const SOON: Duration = Duration::from_secs(4);

#[test]
fn a_tcp_connection_opens() {
    let (_silent, port) = silent();
    check(&[&format!("tcp://localhost:{port}")])
        .healthy(&format!("connected to 127.0.0.1:{port} in "));
    let closed = closed_port();
    check(&[&format!("tcp://localhost:{closed}")]).unhealthy(&format!(
        "connecting to 127.0.0.1:{closed}: Connection refused (os error 111): "
    ));
    // Who listens instead: this test's own server at the least.
    let run = check(&[&format!("tcp://localhost:{closed}")]);
    assert!(run.out.contains(": listening here: "), "{run:?}");
    let (_other, port) = silent();
    check(&[&format!("tcp://127.0.0.2:{port}")]).unhealthy(&format!(
        "Connection refused (os error 111): on another address only: 127.0.0.1:{port}\n"
    ));
    // Nobody at all, in a network of its own.
    let mut alone = Command::new("unshare");
    alone.args(["-rn", "sh", "-c", "ip link set lo up && exec \"$@\"", "-"]).arg(exe());
    run_command(alone.arg("tcp://127.0.0.1:1"))
        .unhealthy("Connection refused (os error 111): nobody listens here on TCP\n");
    check(&["tcp://localhost"]).usage("want a port: tcp://host:port");
    check(&["tcp://u:p@localhost:1"]).usage("want tcp://host:port and no more");
    check(&["tcp://localhost:1/x"]).usage("want tcp://host:port and no more");
}

#[test]
fn silence_may_be_that_of_another_protocol() {
    const OTHER: &str =
        "no byte of an answer came: the port of another protocol (HTTP?), or the server hangs";
    let at = format!("127.0.0.1:{}", blurts_and_stays(b""));
    for (target, want) in [
        (format!("mysql://{at}"), ", want the greeting of MySQL or MariaDB"),
        (format!("amqp://{at}"), ", want the greeting of an AMQP broker"),
    ] {
        let told = format!("timed out after 300 ms while reading from {at}{want}: {OTHER}");
        check(&[&target, "-t", "300ms"]).unhealthy_for(&target, &told);
    }
    let target = format!("tcp://{at}");
    let told = format!("timed out after 300 ms while reading from {at}, want \"220\": {OTHER}");
    check(&[&target, "-t", "300ms", "-e", "220"]).unhealthy_for(&target, &told);
    let at = format!("127.0.0.1:{}", blurts_and_stays(b"INFO {"));
    check(&[&format!("nats://{at}"), "-t", "300ms"]).unhealthy(": 6 bytes of an answer came");
}

/// It hangs up on plain text, and takes one connection after another.
#[test]
fn a_service_that_hangs_up_is_asked_for_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut first = [0; 512];
            if stream.read(&mut first).is_ok() && first[0] == 0x16 {
                let _ = stream.write_all(b"\x15\x03\x03\0\x02\x02\x28");
            }
            let _ = stream.shutdown(std::net::Shutdown::Write);
            while matches!(stream.read(&mut first), Ok(1..)) {}
        }
    });
    for (scheme, what, instead) in [
        ("redis", "an answer to PING", "rediss://"),
        ("mqtt", "an answer of an MQTT broker", "mqtts://"),
        ("amqp", "the greeting of an AMQP broker", "amqps://"),
        ("ldap", "an answer of an LDAP server", "ldaps://"),
        ("grpc", "the greeting of a gRPC server without TLS", "grpcs://"),
        ("mongodb", "an answer of MongoDB 3.6 or later", "--tls"),
        ("cassandra", "an answer of Cassandra or ScyllaDB", "a port without TLS"),
        ("kafka", "an answer of a Kafka broker", "tls://, or a listener without TLS (PLAINTEXT)"),
    ] {
        let target = format!("{scheme}://{at}");
        let told = format!(
            "reading from {at}, want {what}: the connection was closed without a word: \
             a TLS server answers here: want {instead}"
        );
        check(&[&target]).unhealthy_for(&target, &told);
    }
}

#[test]
fn a_redirect_to_https_names_the_flavour_that_goes_there() {
    let (_listener, port) = silent();
    let head = "HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: ";
    let to = answers(format!("{head}https://127.0.0.1:{port}/\r\n\r\n"));
    let target = format!("http://127.0.0.1:{to}/");
    let mut plain = Command::new(flavour("plain"));
    run_command(plain.env_clear().args([&target, "--follow"]))
        .setup("the redirect leads to https, and this build of healthcheck has no TLS; want the image tag or file without \"-plain\"\n");
}

#[test]
fn connections_that_wait_to_be_accepted_are_counted() {
    let (_silent, port) = silent();
    let waiting: Vec<_> =
        (0..3).map(|_| std::net::TcpStream::connect(("127.0.0.1", port)).expect("open")).collect();
    check(&[&format!("tcp://127.0.0.1:{port}"), "-e", "x", "-t", "200ms"])
        .unhealthy(": the server takes no connections: 4 wait to be accepted\n");
    check(&[&format!("http://127.0.0.1:{port}/"), "-t", "200ms"]).unhealthy(
        ": the server takes no connections: 5 wait to be accepted: no byte of an answer came\n",
    );
    drop(waiting);
}

/// That nothing listens on ::1 is no part of why a server on 127.0.0.1 hangs.
#[test]
fn a_full_queue_is_all_that_is_said_of_localhost() {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let full = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    bind(&full, &any).expect("a port");
    listen(&full, 0).expect("a listener");
    let address = getsockname(&full).expect("a name");
    let address = std::net::SocketAddr::try_from(address).expect("an address");
    let _waits = std::net::TcpStream::connect(address).expect("the one that fits");
    let port = address.port();
    check(&[&format!("http://localhost:{port}/"), "-t", "400ms"]).unhealthy(&format!(
        "timed out after 400 ms while connecting to {address}: the server takes no connections: \
         1 wait to be accepted\n"
    ));
}

/// ::1 refuses at once: its share of the time is 127.0.0.1's as well.
#[test]
fn what_a_refusal_leaves_over_is_for_the_address_that_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = listener.try_clone().expect("the same listener");
    let held = full(listener);
    // Too late for what is sent at once and after a second, the kernel's first repetition.
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(1_200));
        busy.incoming().flatten().collect::<Vec<_>>()
    });
    let run = check(&[&format!("tcp://localhost:{}", held.port), "-t", "3s"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains(": connected to 127.0.0.1:"), "{run:?}");
}

#[test]
fn what_is_sent_and_what_comes_back() {
    let echo = server(|mut stream| {
        let mut buffer = [0; 100];
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            let _ = stream.write_all(&buffer[..n]);
        }
    });
    let target = format!("tcp://localhost:{echo}");
    check(&[&target, "--send", r"ruok\r\n\x41\0", "-e", r"ok\r\nA\0"])
        .healthy(r"answered ruok\r\nA\x00 in ");
    check(&[&target, "--send", "a", "-e", "b", "-t", "300ms"])
        .unhealthy(&format!(
            "timed out after 300 ms while reading from 127.0.0.1:{echo}, want \"b\": 1 bytes of an answer came: a\n"
        ));
    check(&[&target, "--send", r"a\q"])
        .usage("--send: after a backslash one of r n t 0 \\ xHH is wanted");
    check(&[&target, "-e", ""]).usage("--expect: text is wanted");
    // In pieces, and with a text that lies across them.
    let port = server(|mut stream| {
        for piece in [b"im".as_slice(), b"o", b"k"] {
            let _ = stream.write_all(piece);
            thread::sleep(Duration::from_millis(30));
        }
    });
    check(&[&format!("tcp://localhost:{port}"), "-e", "imok"]).healthy("answered imok");
    check(&[&format!("tcp://localhost:{port}"), "-e", "imok!"])
        .unhealthy("reply of 4 bytes, closed, want \"imok!\" in it: imok");
    let endless = server(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    check(&[&format!("tcp://localhost:{endless}"), "-e", "y"])
        .unhealthy("over 64 KiB, want \"y\" in it")
        .within(SOON);
    let http = answers("HTTP/1.1 400 Bad\r\n\r\n");
    check(&[&format!("tcp://localhost:{http}"), "--send", r"x\r\n\r\n", "-e", "+PONG"])
        .unhealthy("an HTTP/1 server answers here");
}

#[test]
fn closing_is_a_fin_and_no_reset() {
    let (sender, ends) = channel();
    let sender = std::sync::Mutex::new(sender);
    let port = server(move |mut stream| {
        let _ = stream.write_all(b"220 a banner that nobody reads\r\n");
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest).map_err(|error| error.kind());
        let _ = sender.lock().expect("a sender").send(end);
    });
    for args in [&[][..], &["-e", "220"]] {
        let target = format!("tcp://localhost:{port}");
        for _ in 0..10 {
            check(&[&[target.as_str()], args].concat()).healthy("");
            let end = ends.recv().expect("an end");
            // Without --expect the banner may come after the close; with it there must be a FIN.
            assert!(end == Ok(0) || args.is_empty(), "{end:?}");
        }
    }
}

#[test]
fn unix_sockets() {
    let folder = Folder::new("unix");
    let path = folder.path("a.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    check(&[&format!("unix://{path}")]).healthy(&format!("connected to {path} in "));
    let name = format!("healthcheck-test-{}", std::process::id());
    let _hidden = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).expect("a name"))
        .expect("a socket");
    check(&[&format!("unix:///@{name}")]).healthy(&format!("connected to @{name} in "));
    check(&[&format!("unix:@{name}")]).healthy(&format!("connected to @{name} in "));
    check(&[&format!("unix:///@{name}-none")]).unhealthy("Connection refused (os error 111)");
    let stale = folder.path("stale.sock");
    drop(UnixListener::bind(&stale).expect("a socket"));
    let target = format!("unix://{stale}");
    let told = format!(
        "connecting to the Unix socket {stale}: Connection refused (os error 111): nobody listens on it: the file is left over"
    );
    check(&[&target]).unhealthy_for(&target, &told);
    check(&["unix:///none.sock"])
        .unhealthy("connecting to the Unix socket /none.sock: No such file or directory (os error 2): its folder is there\n");
    check(&["unix:relative"]).usage("want an absolute path or @name of a Unix socket");
    check(&[&format!("unix:///{}", "x".repeat(200))]).usage("want at most 107 bytes");
    // HTTP over it.
    let serve = listener.try_clone().expect("a copy");
    thread::spawn(move || {
        for mut stream in serve.incoming().flatten() {
            let mut buffer = [0; 1000];
            let n = stream.read(&mut buffer).unwrap_or(0);
            let host = buffer[..n].windows(19).any(|w| w == b"Host: api.test:8080");
            let status = if host { "200 OK" } else { "400 Bad" };
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes());
        }
    });
    check(&["http://api.test:8080/x", "--connect-to", &format!("unix:{path}")]).healthy("200 OK");
    // And a question of one's own.
    let target = format!("unix://{path}");
    check(&[&target, "--send", "Host: api.test:8080", "-e", "200 OK"]).healthy("answered HTTP/1.1");
    check(&[&target, "--send", "Host: api.test:80", "-e", "400"]).healthy("answered HTTP/1.1 400");
}

#[test]
fn a_full_backlog_of_a_unix_socket_ends_by_the_deadline() {
    let folder = Folder::new("backlog");
    let path = folder.path("full.sock");
    // std listens with a backlog of 128 or more: filled up, and nobody accepts.
    let _listener = UnixListener::bind(&path).expect("a socket");
    let mut held = Vec::new();
    let (sender, filled) = channel();
    let theirs = path.clone();
    thread::spawn(move || {
        while let Ok(stream) = std::os::unix::net::UnixStream::connect(&theirs) {
            held.push(stream);
            let _ = sender.send(());
        }
    });
    while filled.recv_timeout(Duration::from_millis(500)).is_ok() {}
    check(&[&format!("unix://{path}"), "-t", "300ms"])
        .unhealthy("timed out after 300 ms while connecting to")
        .unhealthy("whose backlog is full")
        .within(SOON);
}

#[test]
fn udp() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    thread::spawn(move || {
        let mut buffer = [0; 100];
        while let Ok((n, from)) = socket.recv_from(&mut buffer) {
            match &buffer[..n] {
                b"twice" => {
                    let _ = socket.send_to(b"on", from);
                    let _ = socket.send_to(b"ce", from);
                }
                b"silence" => {}
                other => {
                    let _ = socket.send_to(other, from);
                }
            }
        }
    });
    let target = format!("udp://localhost:{port}");
    check(&[&target, "--send", r"\x01ping"]).healthy(r"answered \x01ping in ");
    // Each text within one datagram, the texts in whichever.
    check(&[&target, "--send", "twice", "-e", "ce", "-e", "on"]).healthy("answered ce");
    check(&[&target, "--send", "twice", "-e", "once", "-t", "300ms"])
        .unhealthy("reply of 2 bytes, by the deadline, want \"once\" in it: ce");
    // Nor the answers to a request that was repeated.
    let run = check(&[&target, "--send", "again", "-e", "againagain", "-t", "1500ms", "-4"]);
    assert!(run.out.contains("reply of 5 bytes, by the deadline, want \"againagain\""), "{run:?}");
    check(&[&target, "--send", "ping", "-e", "pong", "-t", "300ms", "-4"])
        .unhealthy("by the deadline, want \"pong\" in it: ping");
    check(&[&target, "--send", "silence", "-t", "300ms"]).unhealthy("timed out after").within(SOON);
    check(&[&target]).usage("want --send TEXT: without a request, silence proves nothing");
    // Port unreachable: at once.
    check(&[&format!("udp://localhost:{}", free_port()), "--send", "x", "-t", "5s"])
        // Who listens on TCP is no news.
        .unhealthy("Connection refused (os error 111)\n")
        .within(Duration::from_secs(2));
}

/// UDP sockets on a port of both loopback addresses.
fn twins() -> (UdpSocket, UdpSocket, u16) {
    std::iter::repeat_with(|| UdpSocket::bind("127.0.0.1:0").expect("a port"))
        .find_map(|v4| {
            let port = v4.local_addr().ok()?.port();
            Some((v4, UdpSocket::bind(("::1", port)).ok()?, port))
        })
        .expect("a port of both")
}

/// Gives every datagram this answer after a while.
fn replies(socket: UdpSocket, answer: &'static [u8], pause: Duration) {
    thread::spawn(move || {
        let mut buffer = [0; 100];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            thread::sleep(pause);
            let _ = socket.send_to(answer, from);
        }
    });
}

#[test]
fn the_answers_of_two_addresses_make_no_text_together() {
    let (v4, v6, port) = twins();
    replies(v4, b"status: ", Duration::ZERO);
    replies(v6, b"ok", Duration::ZERO);
    let target = format!("udp://localhost:{port}");
    check(&[&target, "--send", "q", "-e", "status: ok", "-t", "900ms"])
        .unhealthy("by the deadline");
    check(&[&target, "--send", "q", "-e", "status", "-e", "ok", "-t", "900ms"])
        .unhealthy("by the deadline, want \"");
    check(&[&target, "--send", "q", "-e", "ok", "-t", "900ms"])
        .healthy(&format!("[::1]:{port} answered ok in "));
}

#[test]
fn a_slow_datagram_has_the_whole_time_whatever_other_addresses_do() {
    // One answer each: what comes to a socket that was given up would be lost.
    let once = |socket: UdpSocket| {
        thread::spawn(move || {
            let mut buffer = [0; 100];
            let (n, from) = socket.recv_from(&mut buffer).expect("a datagram");
            thread::sleep(Duration::from_millis(1300));
            // As a name server answers, for dns://: no such name.
            buffer[2] = 0x81;
            buffer[3] = 0x83;
            let _ = socket.send_to(&buffer[..n], from);
            thread::sleep(SOON);
        });
    };
    // ::1 refuses.
    {
        let (v4, v6, port) = twins();
        drop(v6);
        once(v4);
        let run = check(&[&format!("udp://localhost:{port}"), "--send", "ping", "-t", "2s"]);
        assert!(
            run.out.contains(&format!("127.0.0.1:{port} answered pi\\x81\\x83 in ")),
            "{run:?}"
        );
        let (v4, v6, port) = twins();
        drop(v6);
        once(v4);
        let run = check(&[&format!("dns://localhost:{port}/a.test"), "-t", "2s"]);
        assert!(run.out.contains("A a.test NXDOMAIN, want NOERROR"), "{run:?}");
        // ::1 says nothing.
        let (v4, _v6, port) = twins();
        once(v4);
        let run = check(&[&format!("udp://localhost:{port}"), "--send", "ping", "-t", "2s"]);
        assert!(run.out.contains(&format!("127.0.0.1:{port} answered pi")), "{run:?}");
    }
    // Nobody ever answers.
    let (_v4, v6, port) = twins();
    drop(v6);
    let run = check(&[&format!("udp://localhost:{port}"), "--send", "ping", "-t", "800ms"]);
    run.unhealthy(&format!("timed out after 800 ms while reading from 127.0.0.1:{port}\n"));
}

#[test]
fn all_of_the_time_is_named_when_two_addresses_are_silent() {
    // Those of ::1 and 127.0.0.1 at once.
    let held = full(TcpListener::bind("[::]:0").expect("a port of both"));
    check(&[&format!("tcp://localhost:{}", held.port), "-t", "600ms"])
        .unhealthy("timed out after 600 ms while connecting to ");
    let silent = UdpSocket::bind("[::]:0").expect("a port of both");
    let port = silent.local_addr().expect("an address").port();
    check(&[&format!("udp://localhost:{port}"), "--send", "ping", "-t", "600ms"])
        .unhealthy("timed out after 600 ms while reading from ");
}

#[test]
fn the_first_of_several_addresses_may_be_dead() {
    // ::1 alone listens; 127.0.0.1 refuses.
    let (_listener, port) = ipv6_only();
    check(&[&format!("tcp://localhost:{port}")]).healthy(&format!("connected to [::1]:{port}"));
    check(&[&format!("tcp://localhost:{port}"), "-4"]).unhealthy("connecting to 127.0.0.1:");
    // 127.0.0.1 says nothing, since its backlog is full: it has half of the time.
    let (_twin, full) = std::iter::repeat_with(|| serve(&Listen::Full, false))
        .find_map(|full| Some((TcpListener::bind(("::1", full.port)).ok()?, full)))
        .expect("a port of both");
    let port = full.port;
    let run = check(&[&format!("tcp://localhost:{port}"), "-t", "3s"]);
    // After a second it says what it waits for.
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains(&format!(": connected to [::1]:{port} in ")), "{run:?}");
    assert!(run.took > Duration::from_millis(1400), "{run:?}");
    // Neither: the first address is reported.
    check(&[&format!("tcp://localhost:{}", closed_port())]).unhealthy(": connecting to 127.0.0.1:");
}

#[test]
fn a_tcp_check_of_http_does_not_disturb() {
    let port = server(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    });
    check(&[&format!("tcp://127.0.0.1:{port}"), &format!("http://127.0.0.1:{port}/")]);
}

#[test]
fn a_text_that_is_rejected_is_looked_for_to_the_end() {
    let down = answers("HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\nall well, but db: DOWN\n");
    let http = format!("http://127.0.0.1:{down}/");
    check(&[&http, "-e", "all well"]).healthy("200 OK");
    check(&[&http, "-e", "all well", "--reject", "DOWN"])
        .unhealthy("body of 22 bytes, want it without \"DOWN\": all well, but db: DOWN");
    check(&[&http, "--reject", "FAILED"]).healthy("200 OK");
    check(&[&http, "--reject", ""]).usage("--reject: text is wanted");
    // Once it is there, the verdict is known, whatever else is waited for.
    let stuck =
        crate::support::blurts_and_stays(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nDOWN");
    check(&[
        &format!("http://127.0.0.1:{stuck}/"),
        "-e",
        "UP",
        "--grep",
        ":^UP",
        "--reject",
        "DOWN",
    ])
    .unhealthy("body of 4 bytes, want it without \"DOWN\": DOWN\n")
    .within(SOON);
    check(&["dns://localhost/x", "--reject", "x"]).usage("does not take --reject");

    let ends = server(|mut stream| {
        for piece in [b"imok, ".as_slice(), b"not ser", b"ving\r\n"] {
            let _ = stream.write_all(piece);
            thread::sleep(Duration::from_millis(30));
        }
    });
    let tcp = format!("tcp://127.0.0.1:{ends}");
    check(&[&tcp, "-e", "imok"]).healthy("answered imok");
    check(&[&tcp, "-e", "imok", "--reject", "not serving"])
        .unhealthy("reply of 19 bytes, want it without \"not serving\": imok, not serving");
    check(&[&tcp, "-e", "imok", "--reject", r"serving\n"]).healthy("answered imok, not serving");
    // Only the end tells that it does not come.
    let open = crate::support::blurts_and_stays(b"imok");
    check(&[&format!("tcp://127.0.0.1:{open}"), "--reject", "x", "-t", "300ms"])
        .unhealthy(": imok: --reject reads to the end of the connection");
    let endless = server(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    check(&[&format!("tcp://127.0.0.1:{endless}"), "--reject", "y"])
        .unhealthy("reply over 64 KiB, want its end (--reject)")
        .within(SOON);

    let folder = Folder::new("reject");
    let file = format!("file://{}", folder.file("state", "running\nerror: disk\n"));
    check(&[&file, "-e", "running", "--reject", "error"])
        .unhealthy("content of 20 bytes, want it without \"error\": running");
    check(&[&file, "-e", "running", "--reject", "fatal"]).healthy("20 bytes");
}
