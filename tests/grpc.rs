//! gRPC: the real executable against two implementations, grpcio (C core, from Python) and
//! @grpc/grpc-js (Node), and against scripted servers that break the rules of HTTP/2.
//!
//! The executable is `HEALTHCHECK_BIN`, else the one that cargo built with these tests.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

#[path = "grpc/peers.rs"]
mod peers;
#[path = "grpc/scripted.rs"]
mod scripted;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use peers::{Folder, Peer};

/// What a run left behind.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
    took: Duration,
}

/// Runs the executable with a cleared environment.
fn check(args: &[&str]) -> Run {
    let built = || PathBuf::from(env!("CARGO_BIN_EXE_healthcheck"));
    let exe = std::env::var_os("HEALTHCHECK_BIN").map_or_else(built, PathBuf::from);
    let started = Instant::now();
    let mut command = Command::new(exe);
    let output = command.args(args).env_clear().stdin(Stdio::null()).output().expect("it starts");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
        took: started.elapsed(),
    }
}

impl Run {
    #[track_caller]
    fn healthy(&self) {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        let line = self.out.trim_end();
        assert!(line.starts_with("healthy: ") && line.contains(": SERVING in "), "{self:?}");
    }

    /// Unhealthy for this reason, which is the whole line behind the target.
    #[track_caller]
    fn unhealthy(&self, target: &str, why: &str) {
        assert_eq!((self.code, self.err.as_str()), (Some(1), ""), "{self:?}");
        assert_eq!(self.out, format!("unhealthy: {target}: {why}\n"));
    }

    /// Unhealthy, with this in the line.
    #[track_caller]
    fn says(&self, part: &str) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(self.out.starts_with("unhealthy: "), "{self:?}");
        assert!(self.out.contains(part), "{part:?} in {self:?}");
        assert_eq!(self.out.matches('\n').count(), 1, "{self:?}");
    }

    #[track_caller]
    fn usage(&self, part: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        assert!(self.err.starts_with("healthcheck: "), "{self:?}");
        assert!(self.err.contains(part), "{part:?} in {self:?}");
    }
}

/// What both implementations have in common; `unknown` is what they say of a service that is not.
fn statuses(peer: &Peer, unknown: &str) {
    for path in ["", "/", "/up.Service"] {
        check(&[&peer.target("grpc", "up", path)]).healthy();
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
        check(&[&target]).unhealthy(&target, &why);
    }
    let target = peer.target("grpc", "down", "");
    check(&[&target]).unhealthy(&target, "status NOT_SERVING, want SERVING");
}

#[test]
fn grpcio() {
    let folder = Folder::with_certificates("grpcio");
    let peer = Peer::python(&folder);
    statuses(&peer, "");
    check(&[&peer.target("grpc", "up", "/%C3%A4/b%20c")]).healthy();

    let target = peer.target("grpc", "none", "");
    let why = "grpc-status UNIMPLEMENTED (12), want a server with grpc.health.v1.Health: Method not found!";
    check(&[&target]).unhealthy(&target, why);

    // Metadata; and what a server that nobody here wrote sees of the request.
    let target = peer.target("grpc", "guarded", "/s");
    let agent = concat!("healthcheck/", env!("CARGO_PKG_VERSION"));
    let why = |agent: &str, x: &str| {
        format!(
            "grpc-status UNAUTHENTICATED (16), want OK (0): no token – {agent} x={x} 1s<True 's'"
        )
    };
    check(&[&target, "-t", "2s"]).unhealthy(&target, &why(agent, "None"));
    check(&[&target, "-t", "2s", "-H", "X:  y z "]).unhealthy(&target, &why(agent, "y z"));
    check(&[&target, "-t", "2s", "-H", "User-Agent: me"]).unhealthy(&target, &why("me", "None"));
    check(&[&target, "-H", "Authorization: Bearer t0k3n"]).healthy();
    let long = format!("x: {}", "y".repeat(4000));
    check(&[&target, "-H", "Authorization: Bearer t0k3n", "-H", &long]).healthy();

    // A Unix socket, by its path; the target needs no port then.
    let socket = format!("unix:{}", folder.path("grpc.sock"));
    check(&["grpc://localhost/up.Service", "--connect-to", &socket]).healthy();
    let run = check(&["grpc://localhost/down.Service", "--connect-to", &socket]);
    run.unhealthy("grpc://localhost/down.Service", "status NOT_SERVING, want SERVING");

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
        check(&[&peer.target("grpc", "up", "")]).healthy();
    }
}

#[test]
fn grpc_js() {
    let folder = Folder::with_certificates("grpc-js");
    let peer = Peer::node(&folder);
    statuses(&peer, ": Health status unknown for service no.Service");
    let target = peer.target("grpc", "none", "");
    check(&[&target]).unhealthy(
        &target,
        "grpc-status UNIMPLEMENTED (12), want a server with grpc.health.v1.Health: The server does not implement the method \
         /grpc.health.v1.Health/Check",
    );
}

#[cfg(feature = "tls")]
#[test]
fn tls() {
    let folder = Folder::with_certificates("grpc-tls");
    let (root, cert, key) =
        (folder.path("root.pem"), folder.path("client.pem"), folder.path("client.key"));
    for peer in [Peer::python(&folder), Peer::node(&folder)] {
        let target = peer.target("grpcs", "tls", "");
        check(&[&target, "--cacert", &root]).healthy();
        check(&[&target, "-k"]).healthy();
        check(&[&format!("{target}/down.Service"), "--cacert", &root])
            .says(": status NOT_SERVING, want SERVING\n");
        check(&[&target]).says("issuer");
        check(&[&target, "--cacert", &root, "--server-name", "other.example"]).says("localhost");

        let target = peer.target("grpcs", "mtls", "");
        let run = check(&[&target, "--cacert", &root, "--cert", &cert, "--key", &key]);
        run.healthy();
        check(&[&target, "--cacert", &root]).says("client certificate (--cert, --key)");

        // TLS on a plain port, and a plain call on a TLS port.
        check(&[&peer.target("grpcs", "up", ""), "--cacert", &root])
            .says("the server does not speak TLS on this port (an HTTP/2 server answers here)");
        check(&[&peer.target("grpc", "tls", "")]).says("without TLS: the connection was closed");
    }
    let peer = Peer::python(&folder);
    check(&[&peer.target("grpcs", "noalpn", ""), "--cacert", &root])
        .says("want h2 by ALPN, the server agreed to no protocol\n");
}

#[test]
fn other_servers_on_the_port() {
    let folder = Folder::new("grpc-others");
    let [redis, one, two] =
        ["redis", "one", "two"].map(|name| folder.path(&format!("{name}.sock")));
    let _redis = peers::redis(&folder, &redis);
    let _nginx = peers::nginx(&folder, &one, &two);
    let target = "grpc://localhost/x";
    let ask = |socket: &str| check(&[target, "--connect-to", &format!("unix:{socket}")]);
    ask(&redis).says(
        "want HTTP/2 SETTINGS without TLS: that is no HTTP/2 (a Redis server answers here)\n",
    );
    ask(&one).says(
        "want HTTP/2 SETTINGS without TLS: that is no HTTP/2 (an HTTP server answers here)\n",
    );
    // HTTP/2, but not for gRPC.
    ask(&two).unhealthy(target, "HTTP status 404, want 200");
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
    let folder = Folder::with_certificates("grpc-secrets");
    let peer = Peer::python(&folder);
    let target = peer.target("grpc", "guarded", "");
    let run = check(&[&target, "-v", "-H", "Authorization: Bearer t0k3n"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(!run.out.contains("t0k3n") && !run.err.contains("t0k3n"), "{run:?}");
    assert!(run.err.contains("authorization: ***"), "{run:?}");
    assert!(run.err.contains("response: :status: 200"), "{run:?}");
}
