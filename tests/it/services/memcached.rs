//! memcached, from Debian's package.

use crate::support::{Folder, Server, blurts, free_port, has, healthy, unhealthy};

#[test]
fn memcached() {
    let port = free_port();
    let text = port.to_string();
    let own = ["-l", "127.0.0.1", "-U", "0", "-p", &text];
    let _server = Server::in_folder(Folder::new("s"), "memcached", &own, &[]).on_port(port);
    let target = format!("memcached://127.0.0.1:{port}");
    has(&healthy(&[&target]), "VERSION 1.");
    // As applications have it.
    for url in [format!("{target}/x"), format!("memcached://u:p@127.0.0.1:{port}?weight=1")] {
        has(&healthy(&[&url]), "VERSION 1.");
    }

    let folder = Folder::new("s");
    let socket = folder.path("m.sock");
    let _server = Server::in_folder(folder, "memcached", &["-s", &socket], &[]).on_socket(&socket);
    has(&healthy(&["memcached://x", "--connect-to", &format!("unix:{socket}")]), "VERSION 1.");
}

#[test]
fn memcached_that_wants_a_password_or_is_full() {
    let port = free_port();
    let text = port.to_string();
    let folder = Folder::new("s");
    let users = folder.file("users", "user:pass\n");
    let own = ["-l", "127.0.0.1", "-U", "0", "-p", &text, "-Y", &users];
    let _server = Server::in_folder(folder, "memcached", &own, &[]).on_port(port);
    assert_eq!(healthy(&[&format!("memcached://127.0.0.1:{port}")]), "up, wants a password");

    for more in [&["-B", "binary"][..], &["-S"]] {
        let port = free_port();
        let text = port.to_string();
        let own = [&["-l", "127.0.0.1", "-U", "0", "-p", &text], more].concat();
        let folder = Folder::new("s");
        // Where SASL looks for it.
        folder.file("memcached.conf", "mech_list: plain\n");
        let env = folder.path("");
        let env = [("SASL_CONF_PATH", env.as_str())];
        let server = Server::in_folder(folder, "memcached", &own, &env).on_port(port);
        let saw = healthy(&[&format!("memcached://127.0.0.1:{port}")]);
        assert!(saw.starts_with("VERSION 1.") && saw.ends_with(" (binary protocol)"), "{saw}");
        drop(server);
    }
    // Whoever hangs up on both is told of once.
    let mute = unhealthy(&[&format!("memcached://127.0.0.1:{}", blurts(b""))]);
    has(&mute, "want an answer of memcached: the connection was closed without a word");

    let port = blurts(b"ERROR Too many open connections\r\n");
    assert_eq!(
        unhealthy(&[&format!("memcached://127.0.0.1:{port}")]),
        "version answered \"ERROR Too many open connections\", want VERSION"
    );
    let port = blurts(b"SERVER_ERROR out of memory\r\n");
    has(&unhealthy(&[&format!("memcached://127.0.0.1:{port}")]), "SERVER_ERROR out of memory");
}
