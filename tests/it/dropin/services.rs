//! The clients of services against the same servers, up and down.

use super::both;
use crate::services::mysql::Mariadb;
use crate::services::postgres::Postgres;
use crate::services::redis::redis;
use crate::support::{Folder, closed_port};

/// Each line ends as the original does, with `%P` for a port that answers and for one that refuses.
fn same(lines: &[&str], port: u16) {
    let closed = closed_port();
    for line in lines {
        for port in [port, closed] {
            let text = line.replace("%P", &port.to_string());
            let (ours, theirs) = both(&["dash"], &text);
            let same = (ours.code == Some(0)) == (theirs.code == Some(0));
            assert!(same, "{text}: {:?}, ours {ours:?}", theirs.code);
            if !line.contains('!') && !line.contains("nothing") {
                assert_eq!(ours.code == Some(0), port != closed, "{text}: {ours:?}");
            }
        }
    }
}

#[test]
fn redis_cli_and_nc() {
    let (_open, port) = redis(Folder::new("dropin-redis"), &[]);
    same(
        &[
            "redis-cli -p %P ping",
            "redis-cli -h 127.0.0.1 -p %P ping || exit 1",
            "redis-cli -p %P ping | grep PONG",
            "redis-cli -p %P ping | grep -q nothing",
            "[ \"$(redis-cli -p %P ping)\" = PONG ]",
            "test \"$(redis-cli -h localhost -p %P ping)\" != nothing && ! false",
            "test $(redis-cli -p %P ping) != nothing",
            "A=$(redis-cli -p %P ping); [ $A != nothing ]",
            "[ $(redis-cli -p %P ping) = \"\" ] || [ nothing = x ]",
            "redis-cli --no-auth-warning --raw -n 1 -p %P ping",
            "redis-cli -u redis://127.0.0.1:%P ping",
            "redis-cli -a any --no-auth-warning -p %P ping | grep PONG",
            "redis-cli -n 99 -p %P ping | grep PONG",
            "timeout 5 redis-cli -p %P ping > /dev/null",
            "nc -z 127.0.0.1 %P",
            "nc -zv -w 2 127.0.0.1 %P 2>/dev/null",
            "printf 'PING\\r\\n' | nc -w 1 127.0.0.1 %P | grep -q PONG",
            "(printf 'PING\\r\\n'; sleep 1) | nc -w 1 127.0.0.1 %P | grep -q PONG",
            "printf 'PING\\r\\nQUIT\\r\\n' | nc -N 127.0.0.1 %P | grep '^+PONG'",
            "! nc -z 127.0.0.1 %P",
        ],
        port,
    );
    let (_locked, port) = redis(Folder::new("dropin-redis-pw"), &["--requirepass", "pa/ss"]);
    same(
        &[
            "redis-cli --no-auth-warning -a pa/ss -p %P ping | grep PONG",
            "REDISCLI_AUTH=pa/ss redis-cli -p %P ping | grep PONG",
            "[ \"$(redis-cli -a pa/ss --no-auth-warning -p %P ping)\" = PONG ]",
            "! redis-cli -p %P ping | grep PONG",
            "! redis-cli -a wrong --no-auth-warning -p %P ping | grep PONG",
            "[ \"$(redis-cli -p %P ping)\" = nothing ]",
        ],
        port,
    );
    // The one place where a drop-in is stricter: redis-cli calls its error 0.
    for line in ["redis-cli -p %P ping", "redis-cli -a wrong --no-auth-warning -p %P ping"] {
        let (ours, theirs) = both(&["dash"], &line.replace("%P", &port.to_string()));
        assert_eq!((ours.code, theirs.code), (Some(1), Some(0)), "{ours:?}");
        assert!(ours.out.contains("PING answered \"NOAUTH"), "{ours:?}");
    }
}

#[test]
fn pg_isready() {
    let server = Postgres::start("", &[]);
    let folder = server.folder.path("");
    let folder = folder.trim_end_matches('/');
    same(
        &[
            "pg_isready -h 127.0.0.1 -p %P",
            "pg_isready -q -h localhost -p %P -U postgres -d postgres",
            "pg_isready --host=127.0.0.1 --port=%P --username=nobody -t 2 || exit 1",
            "PGHOST=127.0.0.1 PGPORT=%P pg_isready",
            "pg_isready -U postgres -d dbname=postgres -h 127.0.0.1 -p %P",
            "exec pg_isready -h 127.0.0.1 -p %P\n[ -f /nothing ] || [ -f /nothing-either ]",
            "export PGHOST=127.0.0.1; pg_isready -p %P -U \"\"",
            "pg_isready -h 127.0.0.1 -p %P | grep -q 'accepting connections'",
            "pg_isready -d postgres://postgres@127.0.0.1:%P/postgres",
            &format!("pg_isready -h {folder} -p %P"),
        ],
        server.port,
    );
}

#[test]
fn mysqladmin() {
    let server = Mariadb::start(&[]);
    same(
        &[
            "mysqladmin --no-defaults ping -h 127.0.0.1 -P %P -u nobody",
            "mysqladmin --no-defaults -h127.0.0.1 -P%P -unobody -pwrong ping --silent",
            "mysqladmin --no-defaults --protocol=tcp -h localhost -P %P ping | grep 'is alive'",
            "mariadb-admin --no-defaults ping --host=127.0.0.1 --port=%P --user=root",
        ],
        server.port,
    );
    let socket = format!("mysqladmin --no-defaults -S {} -u root ping", server.socket);
    let (ours, theirs) = both(&["dash"], &socket);
    assert_eq!((ours.code, theirs.code), (Some(0), Some(0)), "{ours:?}");
}
