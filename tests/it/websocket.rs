//! WebSocket: Node's `ws`, Python's `websockets`, ejabberd, nginx in front of one, and answers that are none.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{
    Certificates, Folder, Peer, Server, answers, blurts, check, closed_port, epmd, eventually,
    free_port, has, healthy, records, request, server, silent, unhealthy,
};

const CLOSED: &str = "a WebSocket, closed with 1000";

/// Node's servers, and the folder of their certificates.
fn node() -> (Peer, Certificates, Folder) {
    let folder = Folder::new("ws");
    let certificates = Certificates::in_folder(&folder);
    let peer = Peer::node("ws_server.js", &[&folder.path("")]);
    (peer, certificates, folder)
}

/// What the servers of `peer` saw, once `part` is in it.
fn log(peer: &Peer, part: &str) -> String {
    let port = peer.port("log").to_string();
    eventually(part, || {
        let mut curl = Command::new("curl");
        let said = curl.args(["-s", &format!("http://127.0.0.1:{port}/")]).output().expect("curl");
        let said = String::from_utf8(said.stdout).expect("text");
        said.contains(part).then_some(said)
    })
}

#[test]
fn those_of_node_and_python_that_are_up_see_a_normal_closure_and_no_error() {
    let (node, ..) = node();
    assert_eq!(healthy(&[&node.target("ws", "up", "")]), CLOSED);
    assert_eq!(healthy(&[&node.target("ws", "up", "/any/path?and=query")]), CLOSED);
    assert_eq!(healthy(&[&node.target("ws", "chat", "/chat")]), CLOSED);
    // What it says before it closes is read past, however much that is.
    assert_eq!(healthy(&[&node.target("ws", "chatty", "/")]), CLOSED);
    let said = log(&node, "chatty closed 1000");
    has(&said, "up closed 1000\nup closed 1000\nchat closed 1000\n");
    assert!(!said.contains("error"), "{said}");

    let python = Peer::python("ws_server.py", &[]);
    assert_eq!(healthy(&[&python.target("ws", "up", "/")]), CLOSED);
    let said = log(&python, "closed 1000");
    assert!(!said.contains("error"), "{said}");
    assert_eq!(
        unhealthy(&[&python.target("ws", "raises", "/")]),
        "WebSocket closed with 1011, want 1000"
    );
    has(&log(&python, "error"), "error connection handler failed");
}

#[test]
fn ejabberd_logs_no_error() {
    let (_epmd, names) = epmd();
    let (folder, port) = (Folder::new("ejabberd"), free_port());
    let conf = folder.file(
        "ejabberd.yml",
        &format!(
            "hosts: [localhost]\nloglevel: info\nmodules: {{}}\nlisten:\n  - port: {port}\n    ip: 127.0.0.1\n    \
             module: ejabberd_http\n    request_handlers:\n      /ws: ejabberd_http_ws\n"
        ),
    );
    let (log, node) = (folder.path("ejabberd.log"), format!("hc{port}@localhost"));
    let database = format!("{:?}", folder.folder("database"));
    let libraries = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let args = ["-sname", &node, "-mnesia", "dir", &database, "-s", "ejabberd", "-noinput"];
    let env = [
        ("EJABBERD_CONFIG_PATH", conf.as_str()),
        ("EJABBERD_LOG_PATH", &log),
        ("ERL_EPMD_PORT", &names),
        ("ERL_LIBS", &libraries),
    ];
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    // It listens long before it accepts.
    let accepts = || said().contains("Start accepting TCP connections");
    let server = Server::in_folder(folder, "erl", &args, &env).until(accepts);
    let target = format!("ws://127.0.0.1:{port}/ws");
    assert_eq!(healthy(&[&target, "-t60s"]), CLOSED);
    assert_eq!(healthy(&[&target, "-t60s", "-H", "Sec-WebSocket-Protocol: xmpp"]), CLOSED);
    has(
        &unhealthy(&[&target.replace("/ws", "/other"), "-t60s"]),
        "status 404, want 101 (an upgrade to WebSocket)",
    );
    // Its log is written by a process of its own.
    let said = eventually("three connections in the log", || {
        Some(said()).filter(|said| said.matches("Accepted connection").count() == 3)
    });
    for bad in ["[warning]", "[error]", "[critical]"] {
        assert!(!said.contains(bad), "{said}");
    }
    assert!(server.runs());
}

#[test]
fn why_a_server_closes_counts() {
    let (node, ..) = node();
    for (name, said) in [
        ("restarting", "WebSocket closed with 1012, want 1000: service restart"),
        ("failing", "WebSocket closed with 1011, want 1000: db\\ndown"),
        ("leaving", "WebSocket closed with 1001, want 1000"),
    ] {
        assert_eq!(unhealthy(&[&node.target("ws", name, "/")]), said);
    }
    for (name, said) in [
        // It wants to know who asks: it is up.
        ("policy", "a WebSocket, closed with 1008: who are you?"),
        ("application", "a WebSocket, closed with 4401: Unauthorized"),
    ] {
        assert_eq!(healthy(&[&node.target("ws", name, "/")]), said);
    }
    let place =
        |name| format!("127.0.0.1:{}, want the close frame of a WebSocket", node.port(name));
    let said = unhealthy(&[&node.target("ws", "crashing", "/")]);
    has(&said, &format!("reading from {}", place("crashing")));
    let said = unhealthy(&[&node.target("ws", "hung", "/"), "-t", "500ms"]);
    has(&said, &format!("timed out after 500 ms while reading from {}", place("hung")));
}

#[test]
fn handshakes_that_are_refused_say_what_was_asked_and_answered() {
    let (node, ..) = node();
    const WANT: &str = "want 101 (an upgrade to WebSocket)";
    assert_eq!(
        unhealthy(&[&node.target("ws", "chat", "/other")]),
        format!(
            "status 400, {WANT}: the Host sent was \"127.0.0.1:{}\" (another: -H 'Host: NAME'): Bad Request",
            node.port("chat")
        )
    );
    let login = node.target("ws", "login", "/");
    has(
        &unhealthy(&[&login]),
        &format!("status 401, {WANT}: asks for Basic realm=\"ws\", no credentials were sent"),
    );
    has(&unhealthy(&[&login, "-u", "u:wrong"]), "credentials were sent");
    assert_eq!(healthy(&[&login, "-u", "u:p"]), CLOSED);
    assert_eq!(healthy(&[&login, "-H", "X-Token: t"]), CLOSED);
    assert_eq!(healthy(&[&login.replace("//", "//u:p@")]), CLOSED);
    has(
        &unhealthy(&[&node.target("ws", "starting", "/")]),
        &format!("status 503, {WANT}: starting up"),
    );
    let spoken = node.target("ws", "spoken", "/");
    assert_eq!(healthy(&[&spoken, "-H", "Sec-WebSocket-Protocol: chat"]), CLOSED);
    let header = "header Sec-WebSocket-Accept";
    let said = unhealthy(&[&node.target("ws", "wrong", "/")]);
    has(&said, &format!("{header} without it, want \""));
    has(&said, "\" in it: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    has(&unhealthy(&[&node.target("ws", "none", "/")]), &format!("{header} absent, want \""));
    let said = unhealthy(&[&node.target("ws", "other", "/")]);
    assert_eq!(said, "header Upgrade without it, want \"websocket\" in it");
    for (answer, said) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "status 200, WANT: hello"),
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "status 302, WANT: it leads to /login"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404, WANT"),
        ("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", "status 426, WANT"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "no credentials were sent"),
    ] {
        let target = format!("ws://127.0.0.1:{}/x", answers(answer));
        has(&unhealthy(&[&target]), &said.replace("WANT", WANT));
    }
}

#[test]
fn no_server_of_websockets_and_none_at_all() {
    let target = |port: u16| format!("ws://127.0.0.1:{port}/");
    has(&unhealthy(&[&target(closed_port())]), "Connection refused (os error 111)");
    let (_silent, port) = silent();
    let said = unhealthy(&[&target(port), "-t", "300ms"]);
    has(&said, "timed out after 300 ms while reading");
    has(&said, "no byte of an answer came");
    has(&unhealthy(&[&target(blurts(b"SSH-2.0-x\r\n"))]), "an SSH server answers here");
    has(&unhealthy(&[&target(blurts(""))]), "does it speak TLS? then write wss://");
    // Behind the right head something else.
    let port = server(|mut stream| {
        request(&mut stream);
        let _ = stream
            .write_all(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    });
    has(&unhealthy(&[&target(port)]), "header Sec-WebSocket-Accept absent");
    // What was not asked for, and two answers to one key.
    for (more, said) in [
        (
            "Sec-WebSocket-Protocol: chat",
            "header sec-websocket-protocol present, want none, as none was asked for",
        ),
        ("Sec-WebSocket-Accept: another", " in it: another"),
    ] {
        let port = server(move |mut stream| {
            let asked = request(&mut stream);
            let key =
                asked.split("Sec-WebSocket-Key: ").nth(1).and_then(|rest| rest.split('\r').next());
            let accept = healthcheck::checks::http::ws::accept(key.expect("a key"));
            let _ = write!(
                stream,
                "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n{more}\r\n\r\n"
            );
        });
        has(&unhealthy(&[&target(port)]), said);
    }
}

#[test]
fn what_is_sent() {
    let (port, requests) = records("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let target = format!("ws://127.0.0.1:{port}/chat?room=1");
    let mut keys = Vec::new();
    for _ in 0..2 {
        unhealthy(&[&target, "-H", "Origin: http://app.example"]);
        let request = requests.recv().expect("a request");
        let (start, rest) = request.split_once("Sec-WebSocket-Key: ").expect("a key");
        assert_eq!(
            start,
            format!(
                "GET /chat?room=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: healthcheck/{}\r\n\
                 Accept: */*\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                env!("CARGO_PKG_VERSION")
            )
        );
        let (key, rest) = rest.split_once("\r\n").expect("a line");
        assert_eq!((key.len(), rest), (24, "Origin: http://app.example\r\n\r\n"));
        keys.push(key.to_owned());
    }
    assert_ne!(keys[0], keys[1]);
    for option in [["-d", "x"], ["-X", "POST"], ["--status", "200"], ["-e", "x"], ["--follow", "1"]]
    {
        check(&[&target, option[0], option[1]]).usage("does not take --");
    }
}

#[test]
fn nginx_in_front() {
    let (node, ..) = node();
    let folder = Folder::new("nginx");
    let (port, all) = (free_port(), folder.path(""));
    let (up, closed) = (node.port("up"), closed_port());
    let conf = folder.file(
        "conf",
        &format!(
            "daemon off; master_process off; pid {all}pid; error_log {all}log;
             events {{ worker_connections 64; }}
             http {{
               access_log off; client_body_temp_path {all}tmp; proxy_temp_path {all}tmp;
               fastcgi_temp_path {all}tmp; uwsgi_temp_path {all}tmp; scgi_temp_path {all}tmp;
               proxy_http_version 1.1;
               server {{
                 listen 127.0.0.1:{port};
                 location /ws {{
                   proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
                   proxy_pass http://127.0.0.1:{up};
                 }}
                 location /forgotten {{ proxy_pass http://127.0.0.1:{up}; }}
                 location /gone {{ proxy_pass http://127.0.0.1:{closed}; }}
               }}
             }}"
        ),
    );
    let mut nginx = Command::new("nginx");
    nginx.args(["-c", &conf, "-e", &folder.path("log")]).stdout(Stdio::null());
    let _nginx = Server::start(&mut nginx).on_port(port);
    let target = |path: &str| format!("ws://127.0.0.1:{port}{path}");
    assert_eq!(healthy(&[&target("/ws")]), CLOSED);
    let read = || std::fs::read_to_string(folder.path("log")).expect("a log");
    assert_eq!((log(&node, "up closed 1000").contains("error"), &*read()), (false, ""));
    // The headers of the upgrade are not passed on: what answers is a page.
    has(
        &unhealthy(&[&target("/forgotten")]),
        "status 200, want 101 (an upgrade to WebSocket): no WebSocket",
    );
    has(&unhealthy(&[&target("/gone")]), "status 502, want 101");
}

#[cfg(feature = "tls")]
#[test]
fn over_tls() {
    let (node, certificates, _folder) = node();
    let target = format!("wss://localhost:{}/", node.port("tls"));
    assert_eq!(healthy(&[&target, "-4", "--cacert", &certificates.root]), CLOSED);
    has(&unhealthy(&[&target, "-4"]), "TLS handshake with");
    let said = log(&node, "tls closed 1000");
    assert_eq!(said.matches("tls closed 1000").count(), 1, "{said}");
    let plain = unhealthy(&[&node.target("ws", "tls", "/")]);
    has(&plain, "a TLS server answers here: write wss://");
    let other = unhealthy(&[&node.target("wss", "up", "/"), "-t", "500ms"]);
    has(&other, "does it speak TLS on this port?");
}
