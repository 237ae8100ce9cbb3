//! Mosquitto, from Debian's package.

use std::path::Path;
use std::process::Command;

use crate::support::{
    Certificates, Folder, Server, blurts, free_port, has, healthy, open_up, unhealthy,
};

pub fn mosquitto(folder: Folder, port: u16, more: &str) -> Server {
    let conf = folder.file("mosquitto.conf", &format!("listener {port} 127.0.0.1\n{more}\n"));
    Server::in_folder(folder, "mosquitto", &["-c", &conf], &[]).on_port(port)
}

#[test]
fn mosquitto_that_is_open() {
    let (folder, port) = (Folder::new("s"), free_port());
    let socket = folder.path("m.sock");
    let server = mosquitto(folder, port, &format!("allow_anonymous true\nlistener 0 {socket}"));
    assert_eq!(healthy(&[&format!("mqtt://127.0.0.1:{port}")]), "connection accepted");
    assert_eq!(healthy(&[&format!("mqtt://u:p@localhost:{port}/")]), "connection accepted");
    let unix = format!("unix:{socket}");
    assert_eq!(healthy(&["mqtt://x", "--connect-to", &unix]), "connection accepted");
    let said = server.said();
    has(&said, " disconnected.");
    assert!(!said.to_lowercase().contains("error"), "{said}");
}

#[test]
fn mosquitto_with_a_password() {
    let (folder, port) = (Folder::new("s"), free_port());
    let file = folder.path("users");
    let made =
        Command::new("mosquitto_passwd").args(["-b", "-c", &file, "us er", "s3cret"]).status();
    assert!(made.expect("mosquitto_passwd is installed").success());
    open_up(Path::new(&file));
    let _server = mosquitto(folder, port, &format!("allow_anonymous false\npassword_file {file}"));
    let at = format!("127.0.0.1:{port}");
    assert_eq!(healthy(&[&format!("mqtt://{at}")]), "up, wants user and password");
    assert_eq!(healthy(&[&format!("mqtt://us%20er:s3cret@{at}")]), "connection accepted");
    let refused = "broker refuses the connection with the user given: not authorized, to most brokers a wrong user or password (code 5), want it accepted";
    assert_eq!(unhealthy(&[&format!("mqtt://us%20er:wr0ng@{at}")]), refused);
    assert_eq!(unhealthy(&[&format!("mqtt://us%20er@{at}")]), refused);
}

#[test]
fn mosquitto_over_tls() {
    let (folder, port) = (Folder::new("s"), free_port());
    let Certificates { root: ca, cert, key, .. } = Certificates::in_folder(&folder);
    let conf = format!("allow_anonymous true\ncafile {ca}\ncertfile {cert}\nkeyfile {key}");
    let _server = mosquitto(folder, port, &conf);
    let at = format!("127.0.0.1:{port}");
    assert_eq!(healthy(&[&format!("mqtts://{at}"), "--cacert", &ca]), "connection accepted");
    unhealthy(&[&format!("mqtts://{at}")]);
    let told = unhealthy(&[&format!("mqtt://{at}")]);
    has(&told, ": a TLS server answers here: want mqtts://");
}

#[test]
fn brokers_that_refuse() {
    for (answer, told) in [
        (&b"\x20\x02\0\x01"[..], "unacceptable protocol version (code 1)"),
        (b"\x20\x02\0\x03", "server unavailable (code 3)"),
        (b"\x20\x03\0\x84\0", "unsupported protocol version: MQTT 5 is wanted (code 132)"),
        (b"\x20\x03\0\x89\0", "server busy (code 137)"),
        (b"\x20\xff\xff\xff\x7f", "an answer to the login of no sound length"),
        (b"\x20\x02\x01\0", "a malformed answer to the login"),
        (b"+OK\r\n", "(a Redis or POP3 server answers here)"),
    ] {
        let port = blurts(answer);
        has(&unhealthy(&[&format!("mqtt://127.0.0.1:{port}")]), told);
    }
}
