//! What none of them expects: every kind against every server, silence, and right words at a wrong time.

use super::amqp::rabbitmq;
use super::fcgi::php;
use super::mqtt::mosquitto;
use super::nats::nats;
use super::redis::redis;
use crate::support::{
    Folder, Server, blurts, blurts_and_stays, check, free_port, has, healthy, heavy, silent,
    unhealthy,
};
use std::fs;

#[test]
fn rabbitmq_and_every_kind_against_every_server() {
    let _alone = heavy();
    let [rabbit, rabbits, mem, mos, nat, fpm] = [(); 6].map(|()| free_port());
    let (_epmd, broker, _ca) = rabbitmq(rabbit, rabbits);
    let text = mem.to_string();
    let own = ["-l", "127.0.0.1", "-U", "0", "-p", &text];
    let _memcached = Server::in_folder(Folder::new("s"), "memcached", &own, &[]).on_port(mem);
    let (_redis, red) = redis(Folder::new("s"), &[]);
    let _mosquitto = mosquitto(Folder::new("s"), mos, "allow_anonymous true");
    let _nats = nats(Folder::new("s"), nat, &[]);
    let (_php, _socket) = php(fpm);
    let http = blurts(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let broker = broker.on_port(rabbit).on_port(rabbits);

    // The broker by itself.
    has(&healthy(&[&format!("amqp://127.0.0.1:{rabbit}")]), "RabbitMQ 3.");
    let told = unhealthy(&[&format!("amqp://127.0.0.1:{rabbits}")]);
    has(&told, "(a TLS server answers here: it wants TLS)");
    let log = fs::read_to_string(broker.folder().0.join("rabbit.log")).unwrap_or_default();
    assert!(!log.contains("[error]"), "{log}");

    let servers = [
        ("redis", red),
        ("memcached", mem),
        ("amqp", rabbit),
        ("mqtt", mos),
        ("nats", nat),
        ("fcgi", fpm),
        ("http", http),
    ];
    for (server, port) in servers {
        let target = |kind: &str| match kind {
            "fcgi" => format!("fcgi://127.0.0.1:{port}/ping"),
            kind => format!("{kind}://127.0.0.1:{port}"),
        };
        let kinds: Vec<&str> = KINDS.iter().copied().filter(|kind| *kind != server).collect();
        let targets: Vec<String> = kinds.iter().map(|kind| target(kind)).collect();
        let args: Vec<&str> =
            ["-t", "1500ms"].into_iter().chain(targets.iter().map(String::as_str)).collect();
        let run = check(&args);
        assert_eq!(run.code, Some(1), "{}", run.out);
        assert_eq!(run.out.lines().count(), kinds.len(), "{}{}", run.out, run.err);
        for (kind, line) in kinds.iter().zip(run.out.lines()) {
            let (start, told) = (format!("unhealthy: {}: ", target(kind)), explained(line));
            assert!(line.starts_with(&start) && told, "{kind} on {server}: {line}");
        }
        if server != "http" {
            healthy(&[&target(server)]);
        }
    }
}

/// Every kind that talks to a port.
const KINDS: &[&str] = &[
    "redis",
    "memcached",
    "amqp",
    "mqtt",
    "nats",
    "fcgi",
    "http",
    "grpc",
    "postgres",
    "mysql",
    "mongodb",
    "kafka",
];

/// Whether a tired person would know what to look for.
fn explained(line: &str) -> bool {
    // A worker of php-fpm may be busy with another of these strangers: then nobody closes.
    let unheard = [", want ", ": no byte of an answer came"].iter().any(|end| line.contains(end));
    let silent = line.contains(": timed out after ") && unheard;
    let ends = ["answers here", "closed without a", "Connection reset by peer", "Broken pipe"];
    silent || ends.iter().any(|end| line.contains(end)) || line.contains(" answered ")
}

#[test]
fn a_silent_peer_ends_each_of_them_at_the_deadline() {
    let (_listener, port) = silent();
    for scheme in ["postgres", "mysql", "mongodb", "kafka"] {
        let got = unhealthy(&[&format!("{scheme}://127.0.0.1:{port}"), "-t", "200ms"]);
        assert!(got.starts_with("timed out after 2"), "{got}");
        assert!(got.contains(&format!("while reading from 127.0.0.1:{port}")), "{got}");
    }
}

#[test]
fn a_web_server_on_the_port_is_named() {
    let port = blurts_and_stays(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    for scheme in ["postgres", "mysql", "mongodb", "kafka"] {
        let got = unhealthy(&[&format!("{scheme}://127.0.0.1:{port}")]);
        assert!(got.ends_with("(an HTTP/1 server answers here)"), "{got}");
    }
}

#[test]
fn a_right_word_at_the_wrong_time_is_no_health() {
    for (scheme, answer, told) in [
        ("postgres", &b"Z\0\0\0\x05I"[..], "ready for queries before it let anybody in"),
        ("mysql", b"\x07\0\0\0\0\0\0\x02\0\0\0", "the server begins without a greeting"),
    ] {
        let got = unhealthy(&[&format!("{scheme}://127.0.0.1:{}", blurts_and_stays(answer))]);
        assert!(got.ends_with(told), "{got}");
    }
}
