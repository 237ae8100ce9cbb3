//! The recipes of `docs/recipes.md` for services without a kind of their own, as they stand there.

use std::fs;
use std::path::Path;

use crate::support::{
    Certificates, Folder, Peer, Server, blurts, check, eventually, free_port, has,
};

/// The recipe whose target begins so, for this port.
fn recipe(start: &str, port: u16) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes.md");
    let page = fs::read_to_string(page).expect("a page");
    let found = page.split('`').find(|code| code.starts_with(start)).expect("a recipe");
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in found.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == ' ' => words.push(String::new()),
            _ => words.last_mut().expect("a word").push(c),
        }
    }
    let (scheme, _) = words[0].split_once("://").expect("a scheme");
    words[0] = format!("{scheme}://127.0.0.1:{port}");
    words
}

fn words(recipe: &[String]) -> Vec<&str> {
    recipe.iter().map(String::as_str).collect()
}

/// Nobody who says something else passes for it.
fn is_no(recipe: &[String]) {
    let mut other = words(recipe);
    let target = format!("tcp://127.0.0.1:{}", blurts("HTTP/1.1 400 Bad Request\r\n\r\n"));
    other[0] = &target;
    check(&other).unhealthy("an HTTP/1 server answers here");
}

#[test]
fn clickhouse() {
    let (folder, port) = (Folder::new("clickhouse"), free_port());
    let all = folder.path("");
    let user = |name: &str, password: &str| {
        format!(
            "<{name}><password>{password}</password><networks><ip>::/0</ip></networks>\
             <profile>default</profile><quota>default</quota></{name}>"
        )
    };
    folder.file(
        "users.xml",
        &format!(
            "<yandex><profiles><default/></profiles><quotas><default/></quotas><users>{}{}</users></yandex>",
            user("default", ""),
            user("another", "x"),
        ),
    );
    let config = folder.file(
        "config.xml",
        &format!(
            "<yandex><logger><level>information</level><log>{all}log</log><errorlog>{all}errors</errorlog></logger>\
             <tcp_port>{port}</tcp_port><listen_host>127.0.0.1</listen_host>\
             <path>{all}data/</path><tmp_path>{all}tmp/</tmp_path><mark_cache_size>1000000</mark_cache_size>\
             <users_config>{all}users.xml</users_config><default_profile>default</default_profile>\
             <default_database>default</default_database></yandex>"
        ),
    );
    let config = format!("--config-file={config}");
    let server = Server::in_folder(folder, "clickhouse-server", &[&config], &[]).on_port(port);
    let hello = recipe("tcp://localhost:9000 ", port);
    let errors = || fs::read_to_string(server.folder().path("errors")).unwrap_or_default();
    check(&words(&hello)).healthy("\\nClickHouse");
    // The server's own words where it lets nobody in.
    let mut locked = hello.clone();
    locked[2] = locked[2].replace("default", "another");
    check(&words(&locked)).unhealthy("Password required for user another");
    let said = eventually("a refusal", || Some(errors()).filter(|text| text.contains("another")));
    // That of whoever waited for the port, and none of the first recipe's.
    assert_eq!(said.matches("Client has not sent any data").count(), 1, "{said}");
    assert_eq!(said.matches("<Warning>").count(), 1, "{said}");
    is_no(&hello);
}

#[test]
fn prosody() {
    let (folder, port) = (Folder::new("prosody"), free_port());
    let all = folder.path("");
    folder.folder("certs");
    let config = folder.file(
        "prosody.cfg.lua",
        &format!(
            "pidfile = '{all}pid'\ndata_path = '{all}'\ncertificates = '{all}certs'\n\
             interfaces = {{ '127.0.0.1' }}\nc2s_ports = {{ {port} }}\n\
             modules_enabled = {{ 'saslauth' }}\nmodules_disabled = {{ 's2s' }}\n\
             c2s_require_encryption = false\nallow_unencrypted_plain_auth = true\n\
             log = {{ {{ levels = {{ min = 'debug' }}, to = 'console' }} }}\nVirtualHost 'localhost'\n"
        ),
    );
    let args = ["-F", "--config", &config];
    let server = Server::in_folder(folder, "prosody", &args, &[]).on_port(port);
    let stream = recipe("tcp://localhost:5222 ", port);
    check(&words(&stream)).healthy("answered <?xml version='1.0'?><stream:stream");
    let log = eventually("an end in the log", || {
        Some(server.said()).filter(|log| log.contains("closed: session closed"))
    });
    assert!(!log.contains("\terror\t"), "{log}");
    // A domain that it does not serve.
    let mut other = stream.clone();
    other[2] = other[2].replace("'localhost'", "'other.example'");
    check(&words(&other)).unhealthy("want \"<stream:features\" in it");
    is_no(&stream);
}

#[test]
fn uwsgi() {
    let (folder, port) = (Folder::new("uwsgi"), free_port());
    let app = folder.file(
        "app.py",
        "def application(env, start):\n\
         \x20   start('200 OK' if env['PATH_INFO'] == '/' else '503 Down', [])\n\
         \x20   return [b'pong']\n",
    );
    let at = format!("127.0.0.1:{port}");
    let args = ["--plugin", "python3", "--uwsgi-socket", &at, "--wsgi-file", &app, "--need-app"];
    let server = Server::in_folder(folder, "uwsgi", &args, &[]).on_port(port);
    let request = recipe("tcp://localhost:3031 ", port);
    check(&words(&request)).healthy("200 OK\\r\\n\\r\\npong");
    has(
        &eventually("a request in the log", || {
            Some(server.said()).filter(|log| log.contains("GET  =>"))
        }),
        "generated 4 bytes",
    );
    let mut down = request.clone();
    down[2] = down[2].replace(r"\x01\0/\x0b", r"\x01\0x\x0b");
    check(&words(&down)).unhealthy("503 Down");
    is_no(&request);
}

#[test]
fn quic() {
    let folder = Folder::new("quic");
    let Certificates { cert, key, .. } = Certificates::in_folder(&folder);
    let peer = Peer::python("quic_server.py", &[&cert, &key]);
    let file = folder.file("quic", &"x".repeat(1183));
    let mut asks = recipe("udp://localhost:443 ", peer.port("quic"));
    asks[2] = asks[2].replace("/quic}", &format!("{file}}}"));
    check(&words(&asks)).healthy("healthck\\x00\\x00\\x00\\x01");
    let mut silent = asks.clone();
    silent.extend(["-t".to_owned(), "300ms".to_owned()]);
    silent[0] = format!("udp://127.0.0.1:{}", peer.port("silent"));
    check(&words(&silent)).unhealthy("timed out after 300 ms");
}

#[test]
fn beanstalkd() {
    let (folder, port) = (Folder::new("beanstalkd"), free_port());
    let args = ["-l", "127.0.0.1", "-p", &port.to_string()];
    let _server = Server::in_folder(folder, "beanstalkd", &args, &[]).on_port(port);
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes.md"))
        .expect("a page");
    let line = "healthcheck tcp://localhost:11300 --send 'stats\\r\\n' -e current-jobs-ready --bye 'quit\\r\\n'\n";
    has(&page, line);
    let target = format!("tcp://127.0.0.1:{port}");
    let recipe =
        [&*target, "--send", "stats\\r\\n", "-e", "current-jobs-ready", "--bye", "quit\\r\\n"];
    check(&recipe).healthy("answered OK ");
}
