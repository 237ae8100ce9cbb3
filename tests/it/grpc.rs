//! gRPC: two implementations, grpcio (C core, from Python) and @grpc/grpc-js (Node), and scripted
//! servers that break the rules of HTTP/2.

mod scripted;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Certificates, Folder, Peer, Server, check};

/// What every healthy reply says.
const SERVING: &str = ": SERVING in ";

fn grpcio_in(folder: &Folder) -> Peer {
    Peer::python("grpc_server.py", &[&folder.path("")])
}

fn grpc_js_in(folder: &Folder) -> Peer {
    Peer::node("grpc_server.js", &[&folder.path("")])
}

/// What both implementations have in common; `unknown` is what they say of a service that is not.
fn statuses(peer: &Peer, unknown: &str) {
    for path in ["", "/", "/up.Service"] {
        check(&[&peer.target("grpc", "up", path)]).healthy(SERVING);
    }
    for (path, why) in [
        ("/down.Service", "status NOT_SERVING, want SERVING".to_owned()),
        ("/odd.Service", "status UNKNOWN, want SERVING".to_owned()),
        (
            "/no.Service",
            format!(
                "grpc-status NOT_FOUND (5), want a service whose health the server knows{unknown}"
            ),
        ),
    ] {
        let target = peer.target("grpc", "up", path);
        check(&[&target]).unhealthy_for(&target, &why);
    }
    let target = peer.target("grpc", "down", "");
    check(&[&target]).unhealthy_for(&target, "status NOT_SERVING, want SERVING");
}

#[test]
fn grpcio() {
    let folder = Folder::new("grpcio");
    Certificates::in_folder(&folder);
    let peer = grpcio_in(&folder);
    statuses(&peer, "");
    check(&[&peer.target("grpc", "up", "/%C3%A4/b%20c")]).healthy(SERVING);

    let target = peer.target("grpc", "none", "");
    let why = "grpc-status UNIMPLEMENTED (12), want a server with grpc.health.v1.Health: Method not found!";
    check(&[&target]).unhealthy_for(&target, why);

    // Metadata; and what a server that nobody here wrote sees of the request.
    let target = peer.target("grpc", "guarded", "/s");
    let agent = concat!("healthcheck/", env!("CARGO_PKG_VERSION"));
    let why = |agent: &str, x: &str| {
        format!(
            "grpc-status UNAUTHENTICATED (16), want OK (0): no token – {agent} x={x} 1s<True 's'"
        )
    };
    check(&[&target, "-t", "2s"]).unhealthy_for(&target, &why(agent, "None"));
    check(&[&target, "-t", "2s", "-H", "X:  y z "]).unhealthy_for(&target, &why(agent, "y z"));
    check(&[&target, "-t", "2s", "-H", "User-Agent: me"])
        .unhealthy_for(&target, &why("me", "None"));
    check(&[&target, "-H", "Authorization: Bearer t0k3n"]).healthy(SERVING);
    let long = format!("x: {}", "y".repeat(4000));
    check(&[&target, "-H", "Authorization: Bearer t0k3n", "-H", &long]).healthy(SERVING);

    // A Unix socket, by its path; the target needs no port then.
    let socket = format!("unix:{}", folder.path("grpc.sock"));
    check(&["grpc://localhost/up.Service", "--connect-to", &socket]).healthy(SERVING);
    let run = check(&["grpc://localhost/down.Service", "--connect-to", &socket]);
    run.unhealthy_for("grpc://localhost/down.Service", "status NOT_SERVING, want SERVING");

    // The deadline is ours, whatever the server does with its own.
    let target = peer.target("grpc", "slow", "");
    let run = check(&[&target, "-t", "300ms", "--quiet"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let late = run.out.contains(" ms while reading from 127.0.0.1:");
    let told = run.out.contains("grpc-status DEADLINE_EXCEEDED (4), want OK (0)");
    assert!(late || told, "{run:?}");
    assert!(run.took < Duration::from_secs(3), "{run:?}");

    // A hundred in a row leave nothing behind that would stand in the way of the next.
    for _ in 0..100 {
        check(&[&peer.target("grpc", "up", "")]).healthy(SERVING);
    }
}

#[test]
fn grpc_js() {
    let folder = Folder::new("grpc-js");
    Certificates::in_folder(&folder);
    let peer = grpc_js_in(&folder);
    statuses(&peer, ": Health status unknown for service no.Service");
    let target = peer.target("grpc", "none", "");
    check(&[&target]).unhealthy_for(
        &target,
        "grpc-status UNIMPLEMENTED (12), want a server with grpc.health.v1.Health: The server does not implement the method \
         /grpc.health.v1.Health/Check",
    );
}

#[cfg(feature = "tls")]
#[test]
fn tls() {
    let folder = Folder::new("grpc-tls");
    let Certificates { root, client: cert, client_key: key, .. } = Certificates::in_folder(&folder);
    for peer in [grpcio_in(&folder), grpc_js_in(&folder)] {
        let target = peer.target("grpcs", "tls", "");
        check(&[&target, "--cacert", &root]).healthy(SERVING);
        check(&[&target, "-k"]).healthy(SERVING);
        check(&[&format!("{target}/down.Service"), "--cacert", &root])
            .unhealthy(": status NOT_SERVING, want SERVING\n");
        check(&[&target]).unhealthy("issuer");
        check(&[&target, "--cacert", &root, "--server-name", "other.example"])
            .unhealthy("localhost");

        let target = peer.target("grpcs", "mtls", "");
        let run = check(&[&target, "--cacert", &root, "--cert", &cert, "--key", &key]);
        run.healthy(SERVING);
        check(&[&target, "--cacert", &root]).unhealthy("client certificate (--cert, --key)");

        // TLS on a plain port, and a plain call on a TLS port.
        check(&[&peer.target("grpcs", "up", ""), "--cacert", &root]).unhealthy(
            "the server does not speak TLS on this port (an HTTP/2 server answers here)",
        );
        check(&[&peer.target("grpc", "tls", "")])
            .unhealthy("without TLS: the connection was closed");
    }
    let peer = grpcio_in(&folder);
    check(&[&peer.target("grpcs", "noalpn", ""), "--cacert", &root])
        .unhealthy("the server speaks no HTTP/2 here: got no protocol by ALPN, want h2\n");
}

#[test]
fn other_servers_on_the_port() {
    let folder = Folder::new("grpc-others");
    let [redis, one, two] =
        ["redis", "one", "two"].map(|name| folder.path(&format!("{name}.sock")));
    let _redis = redis_on(&folder, &redis);
    let _nginx = nginx_on(&folder, &one, &two);
    let target = "grpc://localhost/x";
    let ask = |socket: &str| check(&[target, "--connect-to", &format!("unix:{socket}")]);
    ask(&redis).unhealthy(
        "want the greeting of a gRPC server without TLS: that is no gRPC (a Redis server answers here)\n",
    );
    ask(&one).unhealthy(
        "want the greeting of a gRPC server without TLS: that is no gRPC (an HTTP/1 server answers here)\n",
    );
    // HTTP/2, but not for gRPC.
    ask(&two).unhealthy_for(target, "HTTP status 404, want 200");
}

#[test]
fn what_is_asked_wrongly() {
    for (args, part) in [
        (&["grpc://localhost"][..], "want a port: grpc://host:port"),
        (&["grpc://u:p@localhost:1"], "grpc://***@localhost:1: want credentials as --header"),
        (&["grpc://localhost:1/a?b"], "want grpc://host:port/service in UTF-8, a '?' in it as %3F"),
        (&["grpc://localhost:1/%ff"], "want grpc://host:port/service in UTF-8"),
        (&["grpc://localhost:1", "-H", "te: x"], "te belongs to gRPC and HTTP/2"),
        (&["grpc://localhost:1", "-H", "grpc-timeout: 1S"], "grpc-timeout belongs to gRPC"),
        (&["grpc://localhost:1", "-H", "Content-Type: x"], "content-type belongs to gRPC"),
        (&["grpc://localhost:1", "-H", ":path: /x"], "a header name"),
        (&["grpc://localhost:1", "-H", "x: ä"], "a value in printable ASCII is wanted for x"),
        (&["grpc://localhost:1", "-H", "x: a\r\nb: c"], "--header: "),
        (&["grpc://localhost:1", "--data", "x"], "does not take --data"),
        (&["grpc://localhost:1", "-k"], "does not take --insecure"),
    ] {
        check(args).usage(part);
    }
    let long = format!("x: {}", "y".repeat(16_000));
    check(&["grpc://localhost:1", "-H", &long]).usage("want at most 15 KiB of --header");
}

#[test]
fn secrets_are_not_printed() {
    let target = "grpc://127.0.0.1:1";
    let run = check(&[target, "-v", "-H", "Authorization: Bearer t0k3n"]);
    assert!(!run.out.contains("t0k3n") && !run.err.contains("t0k3n"), "{run:?}");
    let folder = Folder::new("grpc-secrets");
    Certificates::in_folder(&folder);
    let peer = grpcio_in(&folder);
    let target = peer.target("grpc", "guarded", "");
    let run = check(&[&target, "-v", "-H", "Authorization: Bearer t0k3n"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(!run.out.contains("t0k3n") && !run.err.contains("t0k3n"), "{run:?}");
    assert!(run.err.contains("authorization: ***"), "{run:?}");
    assert!(run.err.contains("response: :status: 200"), "{run:?}");
}

fn redis_on(folder: &Folder, socket: &str) -> Server {
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"]);
    command.current_dir(&folder.0).stdout(Stdio::null());
    Server::start(&mut command).on_socket(socket)
}

/// nginx with HTTP/1 on one socket and HTTP/2 on the other.
fn nginx_on(folder: &Folder, one: &str, two: &str) -> Server {
    let conf = format!(
        "daemon off; master_process off; pid {pid}; error_log {log};
         events {{ worker_connections 64; }}
         http {{
           access_log off; client_body_temp_path {tmp}; proxy_temp_path {tmp};
           fastcgi_temp_path {tmp}; uwsgi_temp_path {tmp}; scgi_temp_path {tmp};
           server {{ listen unix:{one}; return 404; }}
           server {{ listen unix:{two} http2; return 404; }}
         }}",
        pid = folder.path("pid"),
        log = folder.path("log"),
        tmp = folder.path("tmp"),
    );
    fs::write(folder.path("conf"), conf).expect("a file");
    let mut command = Command::new("nginx");
    command.args(["-c", &folder.path("conf"), "-e", &folder.path("log")]).stdout(Stdio::null());
    Server::start(&mut command).on_socket(one).on_socket(two)
}
