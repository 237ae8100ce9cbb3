//! php-fpm, and uwsgi with an application in Python, from Debian's packages.

use crate::support::{
    Folder, Server, blurts, blurts_and_stays, check, free_port, has, healthy, unhealthy,
};

/// Two pools of the same: one on a port, one on a socket.
pub fn php(port: u16) -> (Server, String) {
    let folder = Folder::new("s");
    let socket = folder.path("php.sock");
    let pool = |name: &str, listen: &str| {
        format!(
            "[{name}]\nlisten = {listen}\npm = static\npm.max_children = 2\nping.path = /ping\n\
             pm.status_path = /status\ncatch_workers_output = yes\n"
        )
    };
    let conf = folder.file(
        "fpm.conf",
        &format!(
            "[global]\nerror_log = {}\ndaemonize = no\n{}{}",
            folder.path("error.log"),
            pool("tcp", &format!("127.0.0.1:{port}")),
            pool("unix", &socket),
        ),
    );
    folder.file("down.php", "<?php http_response_code(503); echo 'db: down';");
    folder.file("fatal.php", "<?php no_such_function();");
    folder.file("large.php", "<?php echo str_repeat('x', 1000000), 'end';");
    folder.file("larger.php", "<?php echo str_repeat('x', 1100000);");
    folder.file("slow.php", "<?php sleep(30);");
    folder.file("path.php", "<?php echo $_SERVER['PHP_SELF'], ' ', $_SERVER['SCRIPT_NAME'];");
    folder.file("query.php", "<?php echo $_SERVER['REQUEST_METHOD'], ' ', $_GET['a'];");
    let server = Server::in_folder(folder, "php-fpm8.2", &["-y", &conf], &[]);
    (server.on_port(port).on_socket(&socket), socket)
}

#[test]
fn php_fpm() {
    let port = free_port();
    let (server, socket) = php(port);
    let base = format!("fcgi://127.0.0.1:{port}");
    let unix = format!("unix:{socket}");
    assert_eq!(healthy(&[&format!("{base}/ping")]), "200");
    assert_eq!(healthy(&[&format!("{base}/ping"), "--status", "200", "-e", "pong"]), "200");
    assert_eq!(healthy(&["fcgi:///ping", "--connect-to", &unix, "--expect", "pong"]), "200");
    assert_eq!(healthy(&[&format!("{base}/status"), "-e", "accepted conn:"]), "200");
    assert_eq!(healthy(&[&format!("{base}/status?json"), "-e", "\"pool\":\"tcp\""]), "200");
    assert_eq!(
        unhealthy(&[&format!("{base}/ping"), "--expect", "PONG"]),
        "body of 4 bytes, want \"PONG\" in it: pong"
    );
    assert_eq!(healthy(&[&format!("{base}/ping"), "--reject", "PONG"]), "200");
    assert_eq!(
        unhealthy(&[&format!("{base}/ping"), "--reject", "on"]),
        "body of 4 bytes, want it without \"on\": pong"
    );
    assert_eq!(
        unhealthy(&[&format!("{base}/pong")]),
        "status 404 Not Found, want 200-399: Primary script unknown: the pool has no \
         such ping.path or pm.status_path"
    );
    let script = |name: &str| format!("{base}{}", server.folder().path(name));
    has(
        &unhealthy(&[&script("down.php")]),
        "status 503 Service Unavailable, want 200-399: db: down",
    );
    assert_eq!(healthy(&[&script("down.php"), "--status", "5xx"]), "503 Service Unavailable");
    let fatal = unhealthy(&[&script("fatal.php")]);
    has(&fatal, "status 500 Internal Server Error, want 200-399: PHP message: PHP Fatal error:");
    assert_eq!(healthy(&[&script("large.php"), "-e", "end"]), "200");
    has(&unhealthy(&[&script("larger.php")]), "an answer over 1 MiB, which is not judged");
    healthy(&[&format!("{}?a=b%20c", script("query.php")), "-e", "GET b c"]);
    // PATH_INFO, which it is sent too, changes no script.
    let path = server.folder().path("path.php");
    healthy(&[&script("path.php"), "-e", &format!("{path} {path}")]);
    has(
        &unhealthy(&["-t", "500ms", &script("slow.php")]),
        &format!("while reading from 127.0.0.1:{port}, want a FastCGI answer"),
    );
    // A record of a kind that the answer does not need is passed over.
    let more = blurts(
        b"\x01\x0a\0\0\0\x02\0\0ok\x01\x06\0\x01\0\x08\0\0\r\n\r\npong\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0",
    );
    assert_eq!(healthy(&[&format!("fcgi://127.0.0.1:{more}/ping"), "-e", "pong"]), "200");
    // A text that must not be there is enough, though the request goes on.
    let goes_on = blurts_and_stays(b"\x01\x06\0\x01\0\x08\0\0\r\ndb: do\x01\x06\0\x01\0\x02\0\0wn");
    let goes_on = format!("fcgi://127.0.0.1:{goes_on}/ping");
    for more in [&[][..], &["-e", "up"]] {
        let args = [&[goes_on.as_str(), "--reject", "db: down", "-t", "20s"], more].concat();
        let run = check(&args);
        run.unhealthy("body of 8 bytes, want it without \"db: down\": db: down");
        run.within(std::time::Duration::from_secs(10));
    }
    let late = unhealthy(&[&goes_on, "--reject", "down!", "-t", "500ms"]);
    has(&late, "timed out after 500 ms");
    // Its two workers are asleep now: whoever only connects does not notice.
    has(&unhealthy(&["-t", "500ms", &script("slow.php")]), "timed out after 500 ms");
    has(&healthy(&[&format!("tcp://127.0.0.1:{port}")]), "connected to");
    has(&unhealthy(&["-t", "500ms", &format!("{base}/ping")]), "timed out after 500 ms");
    for wrong in [base.clone(), format!("fcgi://u:p@127.0.0.1:{port}/ping")] {
        let run = check(&[&wrong]);
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
        has(&run.err, "want fcgi://host:port/path, such as php-fpm's /ping");
    }
}

/// What is no PHP routes by PATH_INFO, and would answer all with its first page.
#[test]
fn uwsgi() {
    let (port, folder) = (free_port(), Folder::new("s"));
    let app = folder.file(
        "app.py",
        "def application(env, start):\n\
         \x20   healthy = env.get('PATH_INFO') in ('', '/', '/live', '/a b')\n\
         \x20   start('200 OK' if healthy else '503 Service Unavailable', [])\n\
         \x20   return [('at ' + env.get('PATH_INFO') + '?' + env['QUERY_STRING']).encode()]\n",
    );
    let at = format!("127.0.0.1:{port}");
    let args = ["--plugin", "python3", "--fastcgi-socket", &at, "--wsgi-file", &app, "--need-app"];
    let _server = Server::in_folder(folder, "uwsgi", &args, &[]).on_port(port);
    assert_eq!(healthy(&[&format!("fcgi://{at}/")]), "200 OK");
    assert_eq!(healthy(&[&format!("fcgi://{at}/live?x=1"), "-e", "at /live?x=1"]), "200 OK");
    assert_eq!(healthy(&[&format!("fcgi://{at}/a%20b")]), "200 OK");
    assert_eq!(
        unhealthy(&[&format!("fcgi://{at}/healthz")]),
        "status 503 Service Unavailable, want 200-399: at /healthz?"
    );
}

#[test]
fn what_two_readers_understand_differently_is_refused() {
    let record = |kind: u8, request: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).expect("a short one");
        [&[1, kind, 0, request, 0, length, 0, 0], content].concat()
    };
    let told = |out: &[u8], request: u8| {
        let bytes = [record(6, request, out), record(3, 1, &[0; 8])].concat();
        unhealthy(&[&format!("fcgi://127.0.0.1:{}/ping", blurts(bytes))])
    };
    has(&told(b"Status: 200 OK\r\nStatus: 503 down\r\n\r\n", 1), "two statuses: 200 OK, 503 down");
    for other in [0, 2] {
        has(&told(b"Status: 200 OK\r\n\r\n", other), "a record of another request");
    }
}
