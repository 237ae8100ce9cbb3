//! slapd and ZooKeeper, from Debian's packages; SQL Server's and Cassandra's words from their
//! specifications, since neither has a package.

#[cfg(feature = "tls")]
use crate::support::{Certificates, Peer, check};
use crate::support::{
    Folder, Server, answers, blurts, closed_port, eventually, free_port, has, healthy, unhealthy,
};

#[test]
fn slapd() {
    let port = free_port();
    let folder = Folder::new("slapd");
    let config = folder.file(
        "slapd.conf",
        "include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n",
    );
    let url = format!("ldap://127.0.0.1:{port}");
    let args = ["-f", &config, "-h", &url, "-d", "stats"];
    let server = Server::in_folder(folder, "slapd", &args, &[]).on_port(port);
    assert_eq!(healthy(&[&url]), "up, lets anybody bind");
    assert_eq!(healthy(&[&format!("{url}/dc=example,dc=org")]), "up, lets anybody bind");
    // The session ended in order.
    let log = eventually("an unbind in the log", || {
        Some(server.said()).filter(|log| log.contains("UNBIND"))
    });
    has(&log, "BIND dn=\"\" method=128");
    assert!(!log.to_lowercase().contains("error"), "{log}");
}

#[test]
fn slapd_that_forbids_anonymous_binds_is_up() {
    let port = free_port();
    let folder = Folder::new("slapd");
    let config =
        folder.file("slapd.conf", "include /etc/ldap/schema/core.schema\ndisallow bind_anon\n");
    let url = format!("ldap://127.0.0.1:{port}");
    let args = ["-f", &config, "-h", &url, "-d", "0"];
    let _server = Server::in_folder(folder, "slapd", &args, &[]).on_port(port);
    assert_eq!(healthy(&[&url]), "up, answers a bind with result 48");
}

#[test]
fn directories_that_cannot_work_now_or_are_none() {
    let busy = blurts(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x33\x04\0\x04\0");
    let said = unhealthy(&[&format!("ldap://127.0.0.1:{busy}")]);
    assert_eq!(said, "the server is busy (51), want it ready");
    let notice = blurts(b"\x30\x0c\x02\x01\0\x78\x07\x0a\x01\x34\x04\0\x04\0");
    let said = unhealthy(&[&format!("ldap://127.0.0.1:{notice}")]);
    assert_eq!(said, "the server is unavailable (52), want it ready");
    let web = answers("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    for scheme in ["ldap", "zookeeper", "cassandra", "mssql"] {
        let blurting = blurts(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        has(&unhealthy(&[&format!("{scheme}://127.0.0.1:{blurting}")]), "an HTTP/1 server answers");
        let closed = closed_port();
        has(&unhealthy(&[&format!("{scheme}://127.0.0.1:{closed}")]), "Connection refused");
        let args = [&*format!("{scheme}://127.0.0.1:{web}"), "-t", "300ms"];
        unhealthy(&args);
    }
}

/// A server of its own, which stands alone or waits for two others.
fn zookeeper(ensemble: bool) -> (Server, u16) {
    let port = free_port();
    let folder = Folder::new("zookeeper");
    let data = folder.folder("data");
    folder.file("data/myid", "1\n");
    let mut config = format!(
        "dataDir={data}\nclientPort={port}\nclientPortAddress=127.0.0.1\n\
         admin.enableServer=false\ntickTime=2000\ninitLimit=5\nsyncLimit=2\n"
    );
    if ensemble {
        for id in 1..=3 {
            let (quorum, election) = (free_port(), free_port());
            config += &format!("server.{id}=127.0.0.1:{quorum}:{election}\n");
        }
    }
    let config = folder.file("zoo.cfg", &config);
    let classes = "/usr/share/java/zookeeper.jar:/usr/share/java/*";
    let main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
    let args = ["-Xmx128m", "-cp", classes, main, &config];
    (Server::in_folder(folder, "java", &args, &[]).on_port(port), port)
}

#[test]
fn zookeeper_with_and_without_a_quorum() {
    let (_alone, port) = zookeeper(false);
    let target = format!("zookeeper://127.0.0.1:{port}");
    assert_eq!(eventually_healthy(&target), "standalone");
    let (_one_of_three, port) = zookeeper(true);
    assert_eq!(
        unhealthy(&[&format!("zookeeper://127.0.0.1:{port}")]),
        "srvr answered \"This ZooKeeper instance is not currently serving requests\", \
         want its mode"
    );
}

/// It listens a moment before it serves.
fn eventually_healthy(target: &str) -> String {
    eventually("a mode", || {
        let run = crate::support::check(&[target]);
        (run.code == Some(0)).then(|| healthy(&[target]))
    })
}

#[test]
fn what_the_specifications_say_of_sql_server_and_cassandra() {
    let sql =
        blurts(b"\x04\x01\0\x1a\0\0\x01\0\0\0\x0b\0\x06\x01\0\x11\0\x01\xff\x10\0\x03\xe8\0\0\0");
    assert_eq!(healthy(&[&format!("mssql://127.0.0.1:{sql}")]), "SQL Server 16.0.1000");
    assert_eq!(healthy(&[&format!("sqlserver://127.0.0.1:{sql}")]), "SQL Server 16.0.1000");
    for (frame, said) in [
        (&b"\x84\0hc\x06\0\0\0\x02\0\0"[..], Ok("answers SUPPORTED")),
        (b"\x83\0\0\0\0\0\0\0\x08\0\0\0\x0a\0\x02v3", Ok("answers, but speaks no version 4")),
        (
            b"\x84\0hc\0\0\0\0\x0b\0\0\x10\x02\0\x05boots",
            Err("node answers with error 0x1002: boots, want none"),
        ),
    ] {
        let target = format!("cassandra://127.0.0.1:{}", blurts(frame));
        match said {
            Ok(said) => assert_eq!(healthy(&[&target]), said),
            Err(said) => assert_eq!(unhealthy(&[&target]), said),
        }
    }
}

#[cfg(feature = "tls")]
#[test]
fn tls_within_the_packets_of_sql_server() {
    let folder = Folder::new("tds");
    let Certificates { root, cert, key, .. } = Certificates::in_folder(&folder);
    let peer = Peer::python("tds_server.py", &[&cert, &key]);
    let target = |name: &str| format!("mssql://localhost:{}", peer.port(name));
    for name in ["on", "required", "pieces"] {
        let args = [&*target(name), "-4", "--tls", "--cacert", &root];
        assert_eq!(healthy(&args), "SQL Server 16.0.1000", "{name}");
    }
    assert_eq!(healthy(&[&target("on"), "-4", "--tls", "-k"]), "SQL Server 16.0.1000");
    // It is verified, for its name too, and the server is told why not.
    has(&unhealthy(&[&target("on"), "-4", "--tls"]), "issuer");
    let (on, name) = (target("on"), ["--server-name", "other.example"]);
    let said = unhealthy(&[&on, "-4", "--tls", "--cacert", &root, name[0], name[1]]);
    has(&said, "other.example");
    let port = peer.port("log").to_string();
    let log = eventually("each handshake", || {
        let run = check(&[&format!("tcp://127.0.0.1:{port}"), "--send", "x", "-e", "\n."]);
        (run.out.matches("on close_notify").count() == 2 && run.out.matches("error").count() == 2)
            .then_some(run.out)
    });
    has(&log, "required close_notify");
    has(&log, "pieces close_notify");
    has(&log, "ALERT_UNKNOWN_CA");
    // Asked without, it goes on without.
    for name in ["on", "none"] {
        assert_eq!(healthy(&[&target(name), "-4"]), "SQL Server 16.0.1000");
    }
    let tls =
        |name: &str| unhealthy(&[&target(name), "-4", "--tls", "--cacert", &root, "-t", "700ms"]);
    assert_eq!(tls("none"), "server offers no TLS, want it, as --tls says");
    has(&tls("hung"), "timed out after 700 ms");
    has(&tls("closing"), "does it speak TLS on this port?");
    has(&tls("web"), "TLS handshake with");
}
