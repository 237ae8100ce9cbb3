//! URLs as applications have them, against the servers that they are for.

use std::io::Write;
use std::time::Duration;

use super::{mysql::Mariadb, postgres::Postgres, redis::redis};
use crate::support::{
    Folder, Peer, blurts, check, closed_port, command, finish, free_port, has, healthy, run,
    server, silent, unhealthy,
};

#[test]
fn postgresql_and_mariadb_by_the_urls_of_applications() {
    let postgres = Postgres::start("", &[]);
    let port = postgres.port;
    let folder = postgres.folder.path("");
    let folder = folder.trim_end_matches('/');
    for url in [
        format!("postgresql+psycopg2://scram:s3cret@127.0.0.1:{port}/postgres?connect_timeout=3"),
        format!("postgres://scram:s3cret@127.0.0.1:{port}/postgres?sslmode=prefer&pool=5"),
        format!("pg://scram@127.0.0.1:{port}/postgres"),
    ] {
        assert_eq!(healthy(&[&url]), "asks for SCRAM-SHA-256", "{url}");
    }
    let closed = closed_port();
    let encoded = folder.replace('/', "%2F");
    for url in [
        format!("jdbc:postgresql://127.0.0.1:{port}/postgres?user=postgres&password=s3cret"),
        format!("postgresql:///postgres?host={folder}&port={port}"),
        format!("postgresql://postgres@{encoded}/postgres?port={port}"),
    ] {
        check(&[&url]).healthy("accepts connections, version 1");
    }
    let several = format!("postgresql://127.0.0.1:{closed},127.0.0.1:{port}/postgres");
    has(&healthy(&[&several]), &format!("127.0.0.1:{port}: accepts connections, version 1"));
    // Each is asked at its own socket, and a host at none.
    let nowhere = format!("{folder}/nowhere");
    let socket = format!("unix:{folder}/.s.PGSQL.{port}: accepts connections, version 1");
    for url in [
        format!("postgresql:///postgres?host={nowhere},{folder}&port={port}"),
        format!("postgresql:///postgres?host={folder},{nowhere}&port={port}"),
        format!("postgresql://127.0.0.1:{closed},{encoded}/postgres?port={port}"),
    ] {
        has(&healthy(&[&url]), &socket);
    }
    let none = format!("postgresql://127.0.0.1:{closed},[::1]:{closed}/postgres?host={folder}");
    has(&unhealthy(&[&none]), &format!("[::1]:{closed}: connecting to [::1]:{closed}"));
    let none = unhealthy(&[&format!("postgresql:///postgres?host={nowhere},{nowhere}2")]);
    has(&none, &format!("connecting to the Unix socket {nowhere}/.s.PGSQL.5432: No such file"));
    has(
        &none,
        &format!("unix:{nowhere}2/.s.PGSQL.5432: connecting to the Unix socket {nowhere}2/"),
    );
    // What the caller says counts for all.
    let here = format!("unix:{folder}/.s.PGSQL.{port}");
    let url = format!("postgresql:///postgres?host={nowhere},{nowhere}2");
    has(&healthy(&[&url, "--connect-to", &here]), "localhost: accepts connections");
    for mode in ["require", "verify-full"] {
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode={mode}");
        has(&unhealthy(&[&url]), "the server does not offer TLS");
    }

    let mariadb = Mariadb::start(&[]);
    let at = format!("127.0.0.1:{}", mariadb.port);
    for url in [
        format!("mysql+pymysql://app:s3cret@{at}/d?charset=utf8mb4"),
        format!("mysql2://app:s3cret@{at}/d?reconnect=true"),
        format!("jdbc:mariadb:sequential://{at},127.0.0.1:{closed}/d?user=app&password=s3cret"),
    ] {
        // Not as the application, whose account refused logins may lock.
        let run = check(&[&url]);
        run.healthy("version ");
        assert!(run.out.contains("healthcheck") && !run.out.contains("'app'"), "{run:?}");
    }
}

#[test]
fn postgresql_over_tls_as_its_url_says() {
    let postgres = Postgres::start("ssl = on", &[]);
    let url =
        |query: &str| format!("postgres://postgres@localhost:{}/postgres?{query}", postgres.port);
    has(&healthy(&[&url("sslmode=require"), "-4"]), "accepts connections");
    has(&healthy(&[&url("ssl=true"), "-4"]), "accepts connections");
    for query in ["sslmode=verify-full", "sslmode=verify-ca", "tls=true"] {
        has(&unhealthy(&[&url(query), "-4"]), "TLS handshake with");
    }
    // What stands behind the target counts more.
    has(&healthy(&[&url("sslmode=verify-full"), "-4", "--insecure"]), "accepts connections");
    let missing = check(&[&url("sslmode=verify-full&sslrootcert=/nowhere/ca.pem"), "-4"]);
    missing.setup("/nowhere/ca.pem");
}

#[test]
fn redis_by_its_urls_and_by_a_variable() {
    let folder = Folder::new("s");
    let socket = folder.path("r.sock");
    let (_server, port) = redis(folder, &["--requirepass", "s3cret", "--unixsocket", &socket]);
    for url in [
        format!("redis://default:s3cret@127.0.0.1:{port}/0?socket_timeout=5"),
        format!("valkey://:s3cret@127.0.0.1:{port}"),
    ] {
        let mut named = command(["${CACHE_URL}"]);
        run(named.env("CACHE_URL", &url)).healthy("healthy: ${CACHE_URL}: PONG");
        assert_eq!(healthy(&[&url]), "PONG", "{url}");
    }
    let url = format!("redis+socket://{socket}?virtual_host=0");
    assert_eq!(healthy(&[&url]), "up, wants a password (NOAUTH)");
    let tls = unhealthy(&[&format!("redis://127.0.0.1:{port}?ssl=true"), "-t", "500ms"]);
    has(&tls, "TLS handshake with");
}

#[test]
fn one_of_several_hosts_is_enough_and_the_line_says_which() {
    let peer = Peer::python("mongodb_peer.py", &[]);
    let port = |name: &str| peer.port(name);
    let closed = closed_port();
    let (_silent, hung) = silent();
    let hosts = |ports: &[u16]| {
        let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("mongodb://{}/?replicaSet=rs0", hosts.join(","))
    };
    let second = port("secondary");
    let saw = healthy(&[&hosts(&[closed, second, port("primary")]), "--member"]);
    assert_eq!(saw, format!("127.0.0.1:{second}: a secondary in rs0, wire version 21"));
    // One that hangs takes its share of the time, and no more.
    let saw = healthy(&[&hosts(&[hung, second]), "-t", "3s"]);
    has(&saw, &format!("127.0.0.1:{second}: a secondary"));
    let none = unhealthy(&[&hosts(&[closed, second]), "--primary"]);
    has(&none, &format!("connecting to 127.0.0.1:{closed}: Connection refused (os error 111)"));
    has(&none, &format!(": 127.0.0.1:{second}: server a secondary in rs0, want a writable one"));
    has(&none, &format!("127.0.0.1:{closed}: connecting to 127.0.0.1:{closed}: Connection"));
    // Each has a user of its own.
    let nats = blurts(b"-ERR 'x'\r\n");
    let run =
        check(&[&format!("nats://u:hidden@127.0.0.1:{closed},nats://u:hidden@127.0.0.1:{nats}")]);
    assert!(run.code == Some(1) && !run.out.contains("hidden"), "{run:?}");
}

#[test]
fn what_hosts_that_refuse_leave_over_is_for_the_slow_one() {
    // Most of the time there is, and more than half of it.
    let slow = server(|mut stream| {
        std::thread::sleep(Duration::from_millis(2100));
        let _ = stream.write_all(b"INFO {\"version\":\"2.10.0\"}\r\nPONG\r\n");
        finish(stream);
    });
    let (closed, other) = (closed_port(), closed_port());
    let url = |ports: &[u16]| {
        let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("nats://{}", hosts.join(","))
    };
    for hosts in [&[slow, closed][..], &[closed, slow], &[closed, slow, other]] {
        let saw = healthy(&[&url(hosts), "-t", "3s"]);
        assert_eq!(saw, format!("127.0.0.1:{slow}: PONG from NATS 2.10.0"));
    }
    // Whoever answered is not asked again: refused logins may lock an account.
    let (sender, heard) = std::sync::mpsc::channel();
    let refuses = server(move |mut stream| {
        sender.send(()).expect("a receiver");
        let _ = stream.write_all(b"INFO {}\r\n-ERR 'Authorization Violation'\r\n");
        finish(stream);
    });
    let urls = url(&[refuses, closed]).replace("//", "//u:p@").replace(',', ",nats://u:p@");
    check(&[&urls]).unhealthy("PING answered \"-ERR 'Authorization Violation'\"");
    assert_eq!(heard.try_iter().count(), 1);
    // Alone it would be healthy, with one that is as silent it has half of the time.
    let ((_one, one), (_two, two)) = (silent(), silent());
    let run = check(&[&url(&[one, slow]), "-t", "3s"]);
    run.unhealthy(&format!("127.0.0.1:{slow}: timed out after 1"));
    // The last one left has all of it, and is not asked once more when there is none.
    let run = check(&[&url(&[closed, one]), "-t", "1s"]);
    assert!(run.unhealthy("while reading from").out.contains("timed out after 9"), "{run:?}");
    let run = check(&[&url(&[one, two, closed]), "-t", "1s"]);
    for host in [one, two] {
        run.unhealthy(&format!("127.0.0.1:{host}: timed out after "));
    }
    run.unhealthy(&format!("127.0.0.1:{closed}: connecting to 127.0.0.1:{closed}: Connection ref"));
    run.within(Duration::from_secs(3));
    assert!(run.took >= Duration::from_millis(950), "{run:?}");
}

#[test]
fn mongodb_starts_with_tls_where_its_url_says_so() {
    let (_silent, port) = silent();
    let said = unhealthy(&[&format!("mongodb://127.0.0.1:{port}/?tls=true"), "-t", "300ms"]);
    has(&said, "in the TLS handshake with");
    let said = unhealthy(&[&format!("mongodb://127.0.0.1:{port}/"), "--tls", "-t", "300ms"]);
    has(&said, "in the TLS handshake with");
}

#[test]
fn passwords_of_urls_are_never_shown() {
    let port = free_port();
    for (url, shown) in [
        (
            format!("jdbc:postgresql://127.0.0.1:{port}/d?user=u&password=hunter2&ssl=true"),
            format!("jdbc:postgresql://127.0.0.1:{port}/d?user=u&password=***"),
        ),
        (
            format!("sqlserver://127.0.0.1:{port};user=sa;Password={{hunter;2}};encrypt=true"),
            format!("sqlserver://127.0.0.1:{port};user=sa;Password=***"),
        ),
        (
            format!("mongodb+x://u:hunter2@127.0.0.1:{port},127.0.0.1/?x=1"),
            format!("mongodb+x://***@127.0.0.1:{port},127.0.0.1/?x=1"),
        ),
    ] {
        let run = check(&[&url, "-t", "2s"]);
        assert!(run.out.starts_with(&format!("unhealthy: {shown}: ")), "{run:?}");
        assert!(!run.out.contains("hunter"), "{run:?}");
    }
    for text in ["Server=db,1433;User Id=sa;Password=hunter2", "db:6379,password=hunter2,ssl=true"]
    {
        let run = check(&[text]);
        run.usage("want a URL such as mssql://HOST:1433, got a connection string of NAME=VALUE");
        assert!(!run.err.contains("hunter2"), "{run:?}");
    }
    check(&["mongodb+srv://u:hunter2@db/"])
        .usage("mongodb+srv://***@db/: want the hosts themselves");
    check(&["kafka://db?ssl=true"]).usage("want no TLS in the URL: this kind is asked without");
}
