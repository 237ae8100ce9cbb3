//! NATS, from Debian's package.

use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::support::{
    Certificates, Folder, Server, blurts, blurts_and_stays, closed_port, free_port, has, healthy,
    server, unhealthy,
};

pub fn nats(folder: Folder, port: u16, more: &[&str]) -> Server {
    let text = port.to_string();
    let args = [&["-a", "127.0.0.1", "-p", &text], more].concat();
    Server::in_folder(folder, "nats-server", &args, &[]).on_port(port)
}

#[test]
fn nats_that_is_open() {
    let port = free_port();
    let server = nats(Folder::new("s"), port, &[]);
    has(&healthy(&[&format!("nats://127.0.0.1:{port}")]), "PONG from NATS 2.");
    has(&healthy(&[&format!("nats://u:p@localhost:{port}")]), "PONG from NATS 2.");
    assert!(!server.said().contains("[ERR]"), "{}", server.said());
}

/// What a check does in haste where there are several hosts, is done once more with time: here it takes a
/// server far away for one that wants TLS first.
#[test]
fn one_of_several_nats_that_is_far_away() {
    let (port, folder) = (free_port(), Folder::new("s"));
    let Certificates { root, cert, key, .. } = Certificates::in_folder(&folder);
    let _server = nats(folder, port, &["--tls", "--tlscert", &cert, "--tlskey", &key]);
    let far = server(move |mut client| {
        std::thread::sleep(Duration::from_millis(150));
        let mut nats = TcpStream::connect(("127.0.0.1", port)).expect("NATS");
        let mut back = (nats.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut back.0, &mut back.1);
            let _ = back.1.shutdown(Shutdown::Both);
        });
        let _ = std::io::copy(&mut client, &mut nats);
    });
    let closed = closed_port();
    for hosts in [format!("localhost:{far}"), format!("localhost:{far},localhost:{closed}")] {
        let url = format!("nats://{hosts}");
        has(&healthy(&[&url, "--tls", "--cacert", &root, "-4"]), "PONG from NATS 2.");
    }
}

#[test]
fn nats_with_users_and_tokens() {
    let port = free_port();
    let server = nats(Folder::new("s"), port, &["--user", "us\"er", "--pass", "s3cr\\et"]);
    let at = format!("127.0.0.1:{port}");
    has(&healthy(&[&format!("nats://{at}")]), ", wants credentials");
    // As quick as with them: the server closes when it is asked nothing.
    let started = Instant::now();
    for _ in 0..20 {
        healthy(&[&format!("nats://{at}")]);
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    has(&healthy(&[&format!("nats://us%22er:s3cr%5Cet@{at}")]), "PONG from NATS 2.");
    assert!(!server.said().contains("[ERR]"), "{}", server.said());
    let refused = "PING answered \"-ERR 'Authorization Violation'\", want PONG";
    assert_eq!(unhealthy(&[&format!("nats://us%22er:wrong@{at}")]), refused);
    assert_eq!(unhealthy(&[&format!("nats://token@{at}")]), refused);

    let port = free_port();
    let _server = nats(Folder::new("s"), port, &["--auth", "t0ken"]);
    has(&healthy(&[&format!("nats://t0ken@127.0.0.1:{port}")]), "PONG from NATS 2.");
    assert_eq!(unhealthy(&[&format!("nats://wrong@127.0.0.1:{port}")]), refused);

    // A port for other servers is none for clients.
    let (folder, port) = (Folder::new("s"), free_port());
    let [routes, leafs] = [(); 2].map(|()| free_port());
    let ports = format!(
        "cluster {{ name: x, listen: \"127.0.0.1:{routes}\", authorization {{user: r, password: r}} }}\n\
         leafnodes {{ listen: \"127.0.0.1:{leafs}\", authorization {{user: r, password: r}} }}\n"
    );
    let conf = folder.file("nats.conf", &ports);
    let _server = nats(folder, port, &["-c", &conf]).on_port(routes).on_port(leafs);
    for other in [routes, leafs] {
        assert_eq!(
            unhealthy(&[&format!("nats://127.0.0.1:{other}")]),
            "port for other NATS servers, want the one for clients (4222)"
        );
    }

    // A user for those who say none: INFO asks for nothing then.
    let folder = Folder::new("s");
    let users = "authorization { users = [ {user: a, password: b} ] }\nno_auth_user: a\n";
    let conf = folder.file("nats.conf", users);
    let port = free_port();
    let _server = nats(folder, port, &["-c", &conf]);
    has(&healthy(&[&format!("nats://127.0.0.1:{port}")]), "PONG from NATS 2.");
}

#[test]
fn nats_over_tls() {
    let (folder, port) = (Folder::new("s"), free_port());
    let Certificates { root: ca, cert, key, .. } = Certificates::in_folder(&folder);
    let keys = format!("{cert},key={key}");
    let server = nats(folder, port, &["--tls", "--tlscert", &cert, "--tlskey", &key]);
    let target = format!("nats://127.0.0.1:{port}");
    has(&healthy(&[&target, "--tls", "--cacert", &ca]), "PONG from NATS 2.");
    assert_eq!(unhealthy(&[&target]), "server requires TLS, want --tls");
    unhealthy(&[&target, "--tls"]);

    // One that offers none, and the same behind a proxy that wants TLS first.
    let plain = free_port();
    let _plain = nats(Folder::new("s"), plain, &[]);
    assert_eq!(
        unhealthy(&[&format!("nats://127.0.0.1:{plain}"), "--tls", "--cacert", &ca]),
        "server offers no TLS, want it, as --tls says"
    );
    let first = free_port();
    let listen =
        format!("OPENSSL-LISTEN:{first},bind=127.0.0.1,reuseaddr,fork,verify=0,cert={keys}");
    let to = format!("TCP:127.0.0.1:{plain}");
    let _proxy = Server::in_folder(Folder::new("s"), "socat", &[&listen, &to], &[]).on_port(first);
    let target = format!("nats://127.0.0.1:{first}");
    has(&healthy(&[&target, "--tls", "--cacert", &ca]), "PONG from NATS 2.");
    let told = unhealthy(&["-t", "900ms", &target]);
    has(&told, "the server hangs: want --tls if the server starts with TLS");
    drop(server);
}

#[test]
fn nats_behind_liars() {
    const INFO: &[u8] = b"INFO {\"version\":\"9\",\"auth_required\":true}\r\n";
    for (answer, told) in [
        (
            &b"INFO {\"version\":\"9\"}\r\n-ERR 'Maximum Connections Exceeded'\r\n"[..],
            "PING answered \"-ERR 'Maximum Connections Exceeded'\", want PONG",
        ),
        (b"INFO {}\r\nPONGO\r\n", "want PONG: that is no NATS"),
        (b"INFO {", "closed after 6 bytes"),
        (b"HTTP/1.1 400 Bad Request\r\n", "(an HTTP/1 server answers here)"),
    ] {
        let port = blurts(answer);
        has(&unhealthy(&[&format!("nats://127.0.0.1:{port}")]), told);
    }
    let flood = [b"INFO {}\r\n".as_slice(), &b"PING\r\n".repeat(100)].concat();
    let port = blurts(flood);
    has(&unhealthy(&[&format!("nats://127.0.0.1:{port}")]), "+OK, INFO and PING only");
    // INFO alone does where a login would follow that was not given, and only there.
    let port = blurts(INFO);
    assert_eq!(healthy(&[&format!("nats://127.0.0.1:{port}")]), "NATS 9, wants credentials");
    has(
        &unhealthy(&[&format!("nats://u:p@127.0.0.1:{port}")]),
        "want PONG: the connection was closed",
    );
    let full = [INFO, b"-ERR 'maximum connections exceeded'\r\n"].concat();
    let port = blurts(full);
    assert_eq!(
        unhealthy(&[&format!("nats://127.0.0.1:{port}")]),
        "greeting answered \"-ERR 'maximum connections exceeded'\", want no error"
    );
    let hasty = [INFO, b"-ERR 'Authentication Timeout'\r\n"].concat();
    let port = blurts(hasty);
    assert_eq!(healthy(&[&format!("nats://127.0.0.1:{port}")]), "NATS 9, wants credentials");
    let port = blurts_and_stays(b"INFO {}\r\n");
    has(
        &unhealthy(&["-t", "300ms", &format!("nats://127.0.0.1:{port}")]),
        ", want PONG: no further byte of an answer came",
    );
    // Without a word of it in INFO, the error says so.
    let port = blurts(b"INFO {}\r\n-ERR 'Authorization Violation'\r\n");
    assert_eq!(healthy(&[&format!("nats://127.0.0.1:{port}")]), "up, wants credentials");
    unhealthy(&[&format!("nats://u:p@127.0.0.1:{port}")]);
}
